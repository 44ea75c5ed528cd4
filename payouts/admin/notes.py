"""Notes and documents in the Admin, beside a payout, a client or a wallet."""

from functools import partial
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path, reverse
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.widgets import UnfoldAdminTextareaWidget

from audit.actor import Actor
from audit.refusals import Refused
from payouts import documents, notes
from payouts.admin.lists import never
from payouts.models import LONGEST_NOTE, Note, Payout
from payouts.notes import File, Subject
from payouts.staff.forms import text_field
from payouts.staff.pages import DeskPages, StaffRequest, actor_of, can_be_id, require
from wallets.models import Client, Wallet

NOTES_SHOWN = 50
NOTES_AT_ONCE = 200
KINDS: dict[str, type[Any]] = {"payout": Payout, "client": Client, "wallet": Wallet}


class DocumentForm(forms.Form):
    """A file or a link, for forms that take one besides."""

    file = forms.FileField(
        label=gettext_lazy("File"),
        required=False,
        allow_empty_file=True,  # refused by the service, like one that is too large
        help_text=gettext_lazy("%d MB at most.") % documents.MOST_MEGABYTES,
    )
    link = text_field(
        gettext_lazy("or link"),
        500,
        required=False,
        help_text=gettext_lazy("An address that begins with https://."),
    )

    def clean_file(self) -> File | None:
        sent = self.cleaned_data["file"]
        if sent is None:
            return None
        # One byte too many is enough to refuse it: no more is read.
        return File(sent.name, sent.read(documents.MOST_BYTES + 1))


class NoteForm(DocumentForm):
    text = forms.CharField(
        label=gettext_lazy("Note"),
        required=False,
        max_length=LONGEST_NOTE,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        help_text=gettext_lazy("Everybody who may see this page can read it."),
    )
    field_order = ["text", "file", "link"]


def notes_beside(about: Subject, actor: Actor) -> dict[str, Any]:
    """What a page shows of the notes about its row."""
    written = list(notes_about(about)[: NOTES_SHOWN + 1])
    may_add = actor.may("payouts.add_note")
    return {
        "notes": written[:NOTES_SHOWN],
        "all_notes_url": url_of("all", about) if len(written) > NOTES_SHOWN else "",
        "note_form": NoteForm() if may_add else None,
        "note_url": url_of("add", about),
    }


def notes_about(about: Subject) -> QuerySet[Note]:
    """Return what was written about it, the newest first."""
    written = Note.objects.filter(**{str(about._meta.model_name): about})
    return written.select_related("author").order_by("-pk")


def url_of(page: str, about: Subject) -> str:
    return reverse(f"admin:payouts_note_{page}", args=[about._meta.model_name, about.pk])


def posted(request: HttpRequest) -> tuple[Any, ...]:
    """What was sent, as forms with files take it: nothing unless it was posted."""
    return (request.POST, request.FILES) if request.method == "POST" else ()


def require_view(request: StaffRequest, model: type[Any]) -> None:
    require(request, f"{model._meta.app_label}.view_{model._meta.model_name}")


def page_of(about: Subject) -> str:
    """The address of the notes on the page of what they are about."""
    return reverse(f"admin:{about._meta.label_lower.replace('.', '_')}_change", args=[about.pk])


@admin.register(Note)
class NoteAdmin(DeskPages):
    """The notes stand on the pages of what they are about: here they are written and fetched."""

    has_view_permission = has_change_permission = has_delete_permission = never

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path("add/<slug:kind>/<str:key>/", view(self.write), name="payouts_note_add"),
            path("all/<slug:kind>/<str:key>/", view(self.read), name="payouts_note_all"),
            path("<int:pk>/document/", view(self.fetch), name="payouts_note_document"),
        ]

    def write(self, request: StaffRequest, kind: str, key: str) -> HttpResponse:
        about = self.find(request, kind, key)
        require(request, "payouts.add_note")
        return self.ask(
            request,
            NoteForm(*posted(request)),
            partial(write_note, about, actor_of(request)),
            template="payouts/add_note.html",
            title=_("Add a note or a document"),
            back=page_of(about),
            about=about,
            opts=about._meta,
        )

    def read(self, request: StaffRequest, kind: str, key: str) -> HttpResponse:
        about = self.find(request, kind, key)
        pages = Paginator(notes_about(about), NOTES_AT_ONCE)
        return self.page(
            request,
            "payouts/notes.html",
            _("Notes about %s") % about,
            shown=pages.get_page(request.GET.get("p")),
            back=page_of(about),
            about=about,
            opts=about._meta,
        )

    def find(self, request: StaffRequest, kind: str, key: str) -> Subject:
        model = KINDS.get(kind)
        if model is None or not can_be_id(model._meta.pk, key):
            raise Http404
        require_view(request, model)
        found: Subject = get_object_or_404(model, pk=key)
        return found

    def fetch(self, request: StaffRequest, pk: int) -> HttpResponse:
        """Hand out a file as it was added. No browser shows it: it may say anything."""
        found = Note.objects.select_related("payout", "client", "wallet")
        note = get_object_or_404(found.exclude(file_name=""), pk=pk)
        require_view(request, type(note.about))
        try:
            content = documents.read(note.sha256)
        except Refused as exc:
            messages.error(request, str(exc))
            return redirect(page_of(note.about))
        return HttpResponse(
            content,
            content_type="application/octet-stream",
            headers={
                "Content-Disposition": content_disposition_header(True, note.file_name) or "",
                "Content-Security-Policy": "sandbox; default-src 'none'",
                "X-Content-Type-Options": "nosniff",
                "Cache-Control": "private, no-store",
            },
        )

    def has_module_permission(self, request: HttpRequest) -> bool:
        return False


def write_note(about: Subject, actor: Actor, text: str, file: File | None, link: str) -> str:
    """Add it, and return a sentence about it. Raises Refused."""
    notes.add_note(about, actor=actor, text=text, file=file, link=link)
    return _("Added.")
