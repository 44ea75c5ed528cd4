"""What people say about a payout, on its page: questions and answers, what to tell the client, and
the request that is made again."""

from contextlib import suppress
from functools import partial
from typing import Any
from uuid import UUID

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audit.actor import Actor
from audit.operations import perform
from audit.refusals import Refused
from audit.texts import LONGEST_REASON
from payouts import notes
from payouts.admin.notes import DocumentForm, notes_beside, posted
from payouts.client_sentences import sentence_for_client
from payouts.models import EventType, Payout, PayoutEvent
from payouts.notes import File
from payouts.seen import Seen, see
from payouts.send_backs import ANSWER
from payouts.staff.forms import text_field
from payouts.staff.pages import DeskPages, StaffRequest, actor_of, require
from wallets.models import Client

AGAIN = ["wallet", "currency", "amount", "purpose", "reference", "category"]


def talk_about(payout: Payout, actor: Actor) -> dict[str, Any]:
    """Gather what the page shows of it, as a context for its template."""
    return {
        "for_client": sentence_for_client(payout),
        "question": question_about(payout),
        "may_answer": may_answer(payout, actor),
        "may_request_again": payout.is_ended and actor.may("payouts.add_payout"),
        "sees_flags": actor.may("payouts.view_flags"),
        **notes_beside(payout, actor),
    }


def question_about(payout: Payout) -> PayoutEvent | None:
    """Return the question that waits for an answer."""
    if not payout.is_sent_back:
        return None
    asked = payout.events.filter(event_type=EventType.SEND_BACK).select_related("person")
    return asked.order_by("-number").first()


def may_answer(payout: Payout, actor: Actor) -> bool:
    facts = ANSWER.load([payout], actor)
    return actor.may(ANSWER.permission) and not ANSWER.refusal(payout, facts, actor)


# Answer


class AnswerForm(DocumentForm):
    """The answer, with a document if that says more. `seen` is the token of what was shown."""

    answer = text_field(
        gettext_lazy("Answer"),
        LONGEST_REASON,
        error_messages={"required": gettext_lazy("Write the answer. It is kept for ever.")},
    )
    seen = text_field("", None, required=False)
    field_order = ["answer", "file", "link"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["seen"].widget = self.fields["seen"].hidden_widget()


def answer_page(admin: DeskPages, request: StaffRequest, payout: Payout) -> HttpResponse:
    require(request, "payouts.answer_payout")
    actor, [shown] = actor_of(request), see([payout])
    return admin.ask(
        request,
        AnswerForm(*posted(request), initial={"seen": shown.token}),
        partial(save_answer, payout, actor),
        template="payouts/answer.html",
        title=_("Answer the question about %s") % payout,
        back=admin.url("change", payout.pk),
        payout=payout,
        original=payout,
        question=question_about(payout),
    )


def save_answer(
    payout: Payout, actor: Actor, answer: str, file: File | None, link: str, seen: str
) -> str:
    """Answer with or without a document, both or neither, and return a sentence about it."""
    shown = Seen.read(seen)
    if shown is None or shown.id != payout.pk:
        shown = Seen(payout.pk, "")  # which no payout is
    with transaction.atomic():
        if file or link:
            notes.add_note(payout, actor=actor, file=file, link=link)
        [outcome] = perform(ANSWER, [shown], actor=actor, reason=answer)
        if outcome.refusal:
            raise Refused.by(outcome.refusal)
    return outcome.text


# Request again


def requested_again(request: HttpRequest, client: Client) -> Payout | None:
    """Return the ended payout of this client that a new request is filled in from."""
    with suppress(ValueError):
        found = Payout.objects.for_client(client).filter(pk=UUID(request.GET.get("again", "")))
        return next((payout for payout in found if payout.is_ended), None)
    return None


def filled_in_from(payout: Payout | None) -> dict[str, Any]:
    return {name: getattr(payout, name) for name in AGAIN} if payout else {}
