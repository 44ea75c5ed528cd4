"""Every kind of page of the Admin that is looked at, for what all of them keep to."""

import re
from datetime import timedelta
from decimal import Decimal

from django.contrib import admin
from django.contrib.auth.models import Group
from django.db import transaction
from django.urls import reverse

from audit.actor import Actor, Channel
from audit.models import DeskEvent
from payouts.accounts import USUAL
from payouts.books.models import BalanceReading, Movement
from payouts.controls import documents, policy, rates, switch
from payouts.controls.models import ExchangeRate, Scope, Switch
from payouts.days import day_of
from payouts.models import AccountRule, Category, Entry, Posting, WebhookDelivery
from payouts.portal.models import Scope as Rights
from payouts.portal.models import WebhookEndpoint
from payouts.staff import recovery
from payouts.staff.grants import Grant, draft_person
from tests import policies
from tests.factories import DiscrepancyFactory, StaffFactory, usable_key
from wallets.models import PayoutMethod

# They answer a form, send a file or lead on; the rest is Django's own, and refused or not shown.
NOT_LOOKED_AT = re.compile(
    r"index|search|log(in|out)|autocomplete|jsi18n|view_on_site|app_list|password_change_done"
    r"|.*_(delete|history|result|act|live|live_one|start|next|export|estimate|networks|document|statement)"
    r"|.*_(confirm|withdraw|answer|reopen|enable|resume|secret|again|set_owner)|(audit|.*(delivery|method|rate|entry)).*_add"
)


def unmarked(response):
    """Return the text of a page without the marks around what people gave and chains made."""
    return re.sub(r"</?bdi[^>]*>", "", response.content.decode())


def every_page(payout):
    """Return the addresses of pages about a payout that waits for approval, and of all others."""
    found = DiscrepancyFactory(payout=payout)
    category = Category.objects.get_or_create(name="Refund")[0]
    delivery = WebhookDelivery.objects.create(
        digest="d", body="{}", outcome="new", order_id="o", received_at=payout.requested_at
    )
    person = payout.requested_by
    omar = StaffFactory(username="omar.ohm", roles=["Operator"])
    switch.set_sending(False, actor=Actor.staff(omar, Channel.ADMIN), reason="Audit")
    coin = Scope(currency=PayoutMethod.objects.first().currency)
    for scope in (coin, Scope(client_id=payout.client_id)):
        switch.set_sending(False, actor=Actor.staff(omar, Channel.ADMIN), reason="x", scope=scope)
    event = DeskEvent.objects.first()
    uma = Actor.staff(StaffFactory(username="uma.ulm", roles=["User manager"]), Channel.ADMIN)
    key, _text = usable_key(name="Portal", scopes=Rights.values, actor=uma)
    grant = Grant(roles=[Group.objects.get(name="Approver").pk])
    draft = draft_person(omar, grant, reason="Stands in for Amira", actor=uma)
    recovered = recovery.ask(uma.person, reason="Lost his keys", actor=uma)
    draft_policy()
    endpoint = WebhookEndpoint.objects.create(
        url="https://portal.example/hooks", created_at=payout.requested_at
    )
    rate = jumped_rate(payout.requested_at)
    entry, account = posted(payout), AccountRule.objects.create(kind="cost", account="4000")
    method, role = PayoutMethod.objects.first(), Group.objects.get(name="Approver")
    arguments = {
        "payouts_payout_add_for": [payout.client_id],
        "payouts_payout_act_on": [payout.pk, "approve"],
        "payouts_note_add": ["client", payout.client_id],
        "payouts_note_all": ["client", payout.client_id],
        "payouts_discrepancy_end": [found.pk],
        "payouts_payout_edit": [payout.pk],
        "payouts_controls_switch_set_one": [Switch.objects.latest("pk").pk],
        "wallets_client_close": [payout.client_id],
        "wallets_wallet_act_on": [payout.wallet_id, "freeze"],
        "payouts_portal_apikey_revoke": [key.pk],
        "payouts_portal_webhookendpoint_stop": [endpoint.pk],
        "payouts_portal_webhookendpoint_remove": [endpoint.pk],
        "payouts_portal_webhookendpoint_rotate": [endpoint.pk],
        "payouts_controls_policyversion_change": [1],
        "payouts_reconciliation_restore_look": ["people"],
        "auth_user_disable": [person.pk],
        "auth_user_draft": [draft.joint.pk],
        "auth_user_stop_recovery": [recovered.pk],
        "auth_user_password_change": [person.pk],
    }
    arguments |= {"auditing_story": [payout.pk], "auditing_person": [person.pk]}
    arguments["payouts_controls_exchangerate_propose"] = [rate.pk]
    arguments |= books_kept(payout.requested_at, uma.person)
    rows = [payout, found, category, delivery, event, key, endpoint, method, rate, role, person]
    rows += [entry, account]
    for row in rows:
        arguments[f"{row._meta.app_label}_{row._meta.model_name}_change"] = [row.pk]
    arguments |= {
        "wallets_client_change": [payout.client_id],
        "wallets_wallet_change": [payout.wallet_id],
    }
    return [reverse(f"admin:{name}", args=arguments.get(name, [])) for name in looked_at()]


def books_kept(at, person):
    """A balance, and what moved it; the arguments of the pages that show them."""
    for minutes, amount in enumerate([5, 8]):
        moment = at + timedelta(minutes=minutes)
        BalanceReading.objects.create(currency="USDT", amount=amount, at=moment, is_clear=True)
    day = day_of(at)
    moved = {"currency": "USDT", "direction": "in", "amount": 3, "category": "top_up"}
    known = {"evidence": "Invoice 7", "entered_by": person, "entered_at": at}
    movement = Movement.objects.create(**moved, **known, day=day, happened_on=day)
    of_day, of_month = [f"{day:%Y-%m-%d}"], [f"{day:%Y-%m}"]
    pages = {"day": of_day, "month": of_month, "propose": of_month, "coin": ["USDT"]}
    pages["take_back"] = [movement.pk]
    return {f"payouts_books_movement_{name}": found for name, found in pages.items()}


@transaction.atomic
def posted(payout):
    """An entry of the journal, as the payout's approval would make it."""
    for kind, side in (("cost", "debit"), ("owed", "credit")):
        Posting.objects.create(
            entry_id=1,
            kind=kind,
            side=side,
            account=USUAL[kind],
            currency=payout.currency,
            amount=payout.amount,
        )
    day = payout.requested_at.date()
    return Entry.objects.create(
        id=1,
        payout=payout,
        event_number=1,
        kind="approve",
        at=payout.requested_at,
        effective_on=day,
        month=day.replace(day=1),
    )


def jumped_rate(at):
    """A rate that was doubled a minute later."""
    for minutes, course in enumerate([87_000, 174_000]):
        moment = at + timedelta(minutes=minutes)
        rates.put_off(["BTC"], moment)
        rates.take_over([rates.Said("BTC", Decimal(course), moment)])
    return ExchangeRate.objects.get(currency="BTC")


def draft_policy():
    StaffFactory(username="arno.asch", roles=["Approver"])
    petra = StaffFactory(username="petra.pohl", roles=["Policy manager"])
    policy.propose(
        documents.canonical(policies.with_values(policies.LENIENT, delay_seconds=540)),
        reason="More time to undo",
        actor=Actor.staff(petra, Channel.ADMIN),
    )


def looked_at():
    names = filter(None, names_of(admin.site.urls[0]))
    return [name for name in names if not NOT_LOOKED_AT.fullmatch(name)]


def names_of(patterns):
    for each in patterns:
        if hasattr(each, "url_patterns"):
            yield from names_of(each.url_patterns)
        else:
            yield each.name
