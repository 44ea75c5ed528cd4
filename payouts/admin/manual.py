"""A payout by hand: its request, and what a form that was used already is answered."""

from contextlib import suppress
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from audit.actor import Actor
from audit.refusals import Refused
from payouts import idempotency, requests
from payouts.admin.forms import AddForm
from payouts.explain import explain
from payouts.models import Origin, Payout
from payouts.staff.pages import DeskPages, StaffRequest, actor_of
from wallets.models import Client


def request(client: Client, actor: Actor, *, nonce: UUID, **asked: Any) -> Payout:
    """Store a new payout, or return the one that this form asked for before. Raises Refused."""
    return requests.request_payout(
        **asked,
        client=client,
        idempotency_key=idempotency.manual(nonce),
        origin=Origin.MANUAL,
        actor=actor,
        installation=settings.INSTALLATION,
    )


def answer_used_form(
    pages: DeskPages, http: StaffRequest, form: AddForm, known: Payout
) -> HttpResponse:
    """Lead to the payout that the form was used for. If the form says something else now, nothing
    is requested, and a fresh form is offered that says the same."""
    client = known.client
    with suppress(Refused):
        if form.is_valid() and request(client, actor_of(http), **form.cleaned_data):
            messages.info(http, already_requested(known, pages.url("add_for", client.pk)))
            return redirect(pages.url("change", known.pk))
    fresh = http.POST.copy()
    fresh["nonce"] = str(uuid4())
    return pages.page(
        http,
        "payouts/used_form.html",
        _("Already requested as %s") % known,
        client=client,
        payout=known,
        explanation=explain(known),
        form=AddForm(fresh, client=client),
    )


def already_requested(payout: Payout, fresh_url: str) -> SafeString:
    sentence = _("Already requested as %(payout)s, it is “%(status)s”. Nothing new was requested.")
    said = sentence % {"payout": payout, "status": payout.get_status_display()}
    another = _("Request another payout for this client")
    return format_html('{} <a class="underline" href="{}">{}</a>', said, fresh_url, another)
