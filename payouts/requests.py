"""Asking for a payout: once for each client and key, whatever happens to it later."""

import hashlib
import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.db import IntegrityError, transaction

from audit import chain, clock
from audit.actor import Actor
from audit.codes import NO_REASON, Reason
from audit.operations import Change
from audit.refusals import Refusal, Refused
from audit.texts import needed, optional
from payouts import idempotency, transitions
from payouts.approvals import apply_rules
from payouts.client_limits import refuse_above_limit
from payouts.codes import PayoutCode
from payouts.destinations import wait_if_on_its_way
from payouts.duplicates import refusal_of_duplicate
from payouts.eligibility import refusal_of_request
from payouts.known import Known
from payouts.makers import Maker, add_makers
from payouts.models import Category, EventType, MakerRole, Origin, Payout, PayoutNumber
from wallets import changes as wallets
from wallets.amounts import exact, format_amount
from wallets.codes import WalletCode
from wallets.models import Client, Wallet

FARTHEST = timedelta(days=366)  # nobody means a payout of the year after next


def request_payout(
    *,
    client: Client,
    wallet: Wallet,
    currency: str,
    amount: Decimal,
    purpose: str,
    idempotency_key: str,
    origin: Origin,
    actor: Actor,
    installation: str,
    reference: str = "",
    category: str = "",
    pay_from: datetime | None = None,
    trigger: str = "",
    makers: Iterable[Maker] = (),
    reason: str = "",
) -> Payout:
    """Store a new payout, or return the one that this client and key already have.

    `makers` are those besides the actor: ids of people with their roles. `reason` says why a likely
    duplicate is none: by hand it is refused without, programs have their keys against that. Raises
    Refused, also when the key was used for other content.
    """
    if not actor.is_system:
        actor.require("payouts.add_payout")
    now, key = clock.now(), idempotency.checked(idempotency_key, origin)
    payout = Payout(
        id=Payout.id_for(installation, client, key),
        client=client,
        wallet=wallet,
        network=wallet.network,
        address=wallet.address,
        memo=wallet.memo,
        currency=currency.upper(),
        amount=exact_amount(amount),
        purpose=needed(purpose, PayoutCode.PURPOSE_MISSING, at_most=200),
        reference=optional(reference, at_most=100),
        category=category,
        pay_from=pay_from,
        origin=origin,
        trigger=trigger,
        idempotency_key=key,
        requested_at=now,
        requested_by=actor.person,
        waiting_since=now,
    )
    payout.fingerprint = fingerprint(payout)
    if Payout.objects.filter(pk=payout.pk).exists():  # a whole one takes ten times as long to ask
        return same_request(Payout.objects.get(pk=payout.pk), payout)
    coin = (payout.currency, payout.amount)
    refusal = refusal_of_request(client, wallet, *coin) or refusal_of_terms(category, pay_from)
    if refusal:
        raise Refused.by(refusal)
    why = reason_of_duplicate(payout, reason)
    all_makers = {
        (wallet.maker_id, MakerRole.WALLET),
        (actor.person_id, MakerRole.REQUESTED),
        (actor.issuer_id, MakerRole.KEY),
        *makers,
    }
    change = Change(payout)
    change.log_event(
        EventType.REQUEST,
        why,
        money=payout.money,
        network=payout.network,
        address=payout.address,
        **dated("pay_from", payout),
    )
    try:
        with transaction.atomic():
            if actor.api_key_id is not None:  # what the staff asks for waits when it is sent
                refuse_above_limit(payout)
            wait_if_on_its_way(payout, wallets.hold([wallet.pk]))
            payout.number = PayoutNumber.objects.create().pk
            transitions.add([change], actor=actor)
            add_makers(payout, all_makers)
            is_ruled = apply_rules(payout, actor)
    except IntegrityError:
        known = Payout.objects.filter(pk=payout.pk).first()
        if known is None:
            raise
        return same_request(known, payout)  # a moment earlier
    return Payout.objects.get(pk=payout.pk) if is_ruled else payout


def reason_of_duplicate(payout: Payout, reason: str) -> Reason:
    """Return why a likely duplicate that is requested by hand is none. Raises Refused without."""
    if payout.origin != Origin.MANUAL:
        return NO_REASON
    others, words = Known([payout]).duplicates.get(payout.pk, []), optional(reason)
    if not words and (refusal := refusal_of_duplicate(others)):
        raise Refused.by(refusal)
    return Reason(words=words) if others else NO_REASON


def exact_amount(amount: Decimal) -> Decimal:
    try:
        return exact(amount)
    except ValueError as exc:
        raise Refused(WalletCode.AMOUNT, why=exc) from exc


def refusal_of_terms(category: str, pay_from: datetime | None) -> Refusal | None:
    """Return why it cannot be of this kind, or be paid from this day on."""
    if category and not Category.objects.filter(name=category, is_active=True).exists():
        return Refusal(PayoutCode.CATEGORY_UNKNOWN, category=category)
    return refusal_of_date(pay_from) if pay_from else None


def refusal_of_date(pay_from: datetime) -> Refusal | None:
    if pay_from > clock.now() + FARTHEST:
        return Refusal(PayoutCode.DATE_TOO_FAR, days=FARTHEST.days)
    return None


def dated(name: str, payout: Payout) -> dict[str, str]:
    """Return what an event says of a payout's date, if it has one."""
    return {name: chain.stamp(payout.pay_from)} if payout.pay_from else {}


def fingerprint(asked: Payout) -> str:
    """What a new payout was asked for. It is kept as asked, whatever is edited later."""
    fields: list[Any] = [
        asked.client_id,
        asked.wallet_id,
        asked.currency,
        format_amount(asked.amount),
        asked.purpose,
        asked.reference,
        asked.origin,
    ]
    # Named, and only where there is one: what was asked before there were any stays as it was.
    if asked.category:
        fields.append({"category": asked.category})
    if asked.pay_from:
        fields.append({"pay_from": chain.stamp(asked.pay_from)})
    return hashlib.sha256(json.dumps(fields).encode()).hexdigest()


def same_request(known: Payout, asked: Payout) -> Payout:
    """Return the payout stored under this key if it was asked for what is asked for now."""
    if known.fingerprint != asked.fingerprint:
        raise Refused(PayoutCode.KEY_USED, payout=known)
    return known
