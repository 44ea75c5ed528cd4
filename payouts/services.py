"""What people do to payouts, one function per act, each through the one door.

Bulk acts take what was seen (ids with digests) and answer with one outcome per row: a refused row
never undoes its neighbours.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import F, Q, prefetch_related_objects
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audit import clock
from audit.models import Channel
from audit.refusals import NotAllowed, Refused, require
from audit.texts import needed, optional
from payouts import policy, transitions, wakeups
from payouts.models import (
    FINAL_FAILURES,
    LAST_GENERATION,
    WITHOUT_CALL,
    Approval,
    Attempt,
    Discrepancy,
    Origin,
    Payout,
    PayoutEvent,
    PayoutMaker,
    PayoutNumber,
    PayoutStatus,
    WaitingFor,
)
from wallets.amounts import exact, format_amount, parse_amount
from wallets.coins import decimals_of
from wallets.models import Client, PayoutService, Wallet, WalletStatus

CHUNK = 1000
BEFORE_HELEKET = (*WITHOUT_CALL, PayoutStatus.SUBMITTING)

Part = PayoutMaker.Part
Hand = tuple[int, str]  # a maker's id and part


# The events that change what is paid or where it stands. Other people's approvals and the waits of
# the worker do not: they leave a page that was opened before them as true as it was.
CHANGES = {
    "request": gettext_lazy("requested"),
    "edit": gettext_lazy("changed"),
    "hold": gettext_lazy("put on hold"),
    "release": gettext_lazy("released"),
    "void": gettext_lazy("approval void"),
    "retry": gettext_lazy("tried again"),
}


@dataclass(frozen=True)
class Seen:
    """A payout as a page showed it: acts apply to exactly this or not at all.

    `shown` are hashes of what the digest leaves out, in the order of `BESIDE`; `event` is the
    number of its last event at that moment.
    """

    id: UUID
    digest: str
    shown: str = ""
    event: int = 0

    @property
    def token(self) -> str:
        return f"{self.id}:{self.digest}:{self.shown}:{self.event}"

    @classmethod
    def read(cls, token: str) -> "Seen | None":
        """Return what a token stands for; one that names no payout stands for nothing."""
        name, digest, shown, event = (*token.split(":"), "", "", "", "")[:4]
        is_number = event.isascii() and event.isdecimal() and len(event) < 10
        with suppress(ValueError):
            return cls(UUID(name), digest, shown, int(event) if is_number else 0)
        return None


@dataclass(frozen=True)
class Outcome:
    """What became of one row of an act: done, or refused with the reason."""

    id: UUID
    number: int | None
    done: bool
    text: str


def see(payouts: Iterable[Payout]) -> list[Seen]:
    payouts = list(payouts)
    prefetch_related_objects(payouts, "client")
    return [
        Seen(payout.pk, payout.digest(), shown(payout), payout.last_event) for payout in payouts
    ]


def changed_since(payouts: Iterable[Payout], seen: Mapping[UUID, Seen]) -> set[UUID]:
    """Return those that an event changed since they were seen; needs locks to stay true.

    One with fewer events than were seen is not what was seen either: the database is an older one.
    """
    with_news = {each.pk: each for each in payouts if each.last_event != seen[each.pk].event}
    if not with_news:
        return set()
    events = PayoutEvent.objects.filter(payout__in=list(with_news), act__in=CHANGES)
    changes = events.values_list("payout", "number")
    changed = {payout for payout, number in changes if number > seen[payout].event}
    older = {pk for pk, payout in with_news.items() if payout.last_event < seen[pk].event}
    return changed | older


# What people read on a page and the digest leaves out, each with a sentence of what it is now.
BESIDE = {
    "purpose": gettext_lazy("Its purpose is now “%s”."),
    "reference": gettext_lazy("Its reference is now “%s”."),
    "client": gettext_lazy("Its client is now called “%s”."),
}


def shown(payout: Payout) -> str:
    facts = [str(getattr(payout, name)) for name in BESIDE]
    return ".".join(hashlib.sha256(fact.encode()).hexdigest()[:16] for fact in facts)


# Request and edit


def request_payout(
    *,
    client: Client,
    wallet: Wallet,
    currency: str,
    amount: Decimal,
    purpose: str,
    idempotency_key: str,
    origin: Origin,
    by: User | None,
    source: Channel,
    installation: str,
    reference: str = "",
    trigger: str = "",
    hands: Iterable[Hand] = (),
) -> Payout:
    """Store a new payout, or return the one that this client and key already have.

    `hands` are further makers: ids of people with their `PayoutMaker.Part`. Raises PayoutError,
    also when the key was used for other content.
    """
    if by is not None:
        require(by, "payouts.add_payout")
    now, key = clock.now(), key_of(idempotency_key)
    payout = Payout(
        id=Payout.id_for(installation, client, key),
        client=client,
        wallet=wallet,
        network=wallet.network,
        address=wallet.address,
        memo=wallet.memo,
        currency=currency.upper(),
        amount=exact_amount(amount),
        purpose=needed(purpose, _("Say what the payout is for."), at_most=200),
        reference=optional(reference, at_most=100),
        origin=origin,
        trigger=trigger,
        idempotency_key=key,
        requested_at=now,
        requested_by=by,
        waiting_since=now,
    )
    payout.fingerprint = fingerprint(payout)
    if known := Payout.objects.filter(pk=payout.pk).first():
        return same_request(known, payout)
    refuse_unless_payable(client, wallet, payout.currency, payout.amount)
    makers = {(wallet.added_by_id, Part.WALLET), *hands}
    if by is not None:
        makers.add((by.pk, Part.REQUESTED))
    payout.tell("request", money=payout.money, network=payout.network, address=payout.address)
    try:
        with transaction.atomic():
            payout.number = PayoutNumber.objects.create().pk
            transitions.add([payout], by=by, source=source)
            add_makers(payout, makers)
    except IntegrityError:
        known = Payout.objects.filter(pk=payout.pk).first()
        if known is None:
            raise
        return same_request(known, payout)  # a moment earlier
    return payout


def exact_amount(amount: Decimal) -> Decimal:
    try:
        return exact(amount)
    except ValueError as exc:
        raise Refused(str(exc)) from exc


def key_of(text: str) -> str:
    """Return an idempotency key. One that is its source alone ("api:") is as good as none: all
    requests that lack theirs would be taken for one."""
    key = needed(text, _("The idempotency key is missing."), at_most=200)
    if key.find(":") == len(key) - 1:
        raise Refused(_("The idempotency key is blank."))
    return key


def fingerprint(asked: Payout) -> str:
    """What a new payout was asked for. It is kept as asked, whatever is edited later."""
    told = [
        asked.client_id,
        asked.wallet_id,
        asked.currency,
        format_amount(asked.amount),
        asked.purpose,
        asked.reference,
        asked.origin,
    ]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()


def same_request(known: Payout, asked: Payout) -> Payout:
    """Return the payout stored under this key if it was asked for what is asked for now."""
    if known.fingerprint != asked.fingerprint:
        raise Refused(
            _("This key was already used for another payout, %(payout)s. Nothing was changed.")
            % {"payout": known}
        )
    return known


def refuse_unless_payable(client: Client, wallet: Wallet, currency: str, amount: Decimal) -> None:
    """Raise PayoutError if this cannot be paid as it stands."""
    if not client.is_active:
        raise Refused(_("%(client)s is not an active client.") % {"client": client})
    if wallet.client_id != client.pk:
        raise Refused(_("This wallet belongs to another client."))
    if wallet.status != WalletStatus.ACTIVE:
        raise Refused(
            _("This wallet is not active: it is %(status)s.")
            % {"status": wallet.get_status_display()}
        )
    try:
        parse_amount(format_amount(amount), decimals=decimals_of(wallet.network, currency))
    except ValueError as exc:
        raise Refused(str(exc)) from exc
    service = PayoutService.objects.filter(network=wallet.network, currency=currency).first()
    if service is None:
        raise Refused(
            _("Heleket does not pay %(currency)s on %(network)s, as far as the desk knows.")
            % {"currency": currency, "network": wallet.network}
        )
    if refusal := service.refusal_for(amount):
        raise Refused(str(refusal))


def edit_payout(
    seen: Seen,
    *,
    wallet: Wallet,
    currency: str,
    amount: Decimal,
    purpose: str,
    reference: str = "",
    reason: str,
    by: User,
    source: Channel,
) -> Payout:
    """Change what is paid where, before it is sent. Who edits is a maker; approvals are void.

    What is on hold stays on hold. An edit that changes nothing is refused: it would void them too.
    """
    require(by, "payouts.edit_payout")
    reason = needed(reason, _("Say why it is changed."))
    currency = currency.upper()
    with transitions.change([seen.id], by=by, source=source) as payouts:
        payout = only(payouts)
        refuse_other_digest(payout, seen)
        refuse_changed(payout, seen, changed_since([payout], {payout.pk: seen}))
        refuse_stopped(payout)
        refuse_unless(payout, PayoutStatus.PENDING, PayoutStatus.HELD, PayoutStatus.APPROVED)
        as_it_was = content(payout)
        before = {"money": payout.money, "network": payout.network, "address": payout.address}
        payout.wallet, payout.currency, payout.amount = wallet, currency, exact_amount(amount)
        payout.network, payout.address, payout.memo = wallet.network, wallet.address, wallet.memo
        payout.purpose = needed(purpose, _("Say what the payout is for."), at_most=200)
        payout.reference = optional(reference, at_most=100)
        if content(payout) == as_it_was:
            raise Refused(_("Nothing changed: it is as you want it already."))
        refuse_unless_payable(payout.client, wallet, currency, payout.amount)
        start_new_generation_if_tried(payout)
        payout.edit(reason, **{f"old_{name}": value for name, value in before.items()})
        void_approvals([payout], _("The payout was changed."))
        add_makers(payout, [(by.pk, Part.EDITED), (wallet.added_by_id, Part.WALLET)])
    return payout


def content(payout: Payout) -> list[Any]:
    names = ["wallet_id", "network", "address", "memo", "currency", "amount"]
    return [getattr(payout, name) for name in [*names, "purpose", "reference"]]


def start_new_generation_if_tried(payout: Payout) -> None:
    """An attempt's bytes never change, so other content needs an attempt of its own."""
    if payout.attempts.filter(generation=payout.generation).exists():
        refuse_last_generation(payout)
        payout.generation += 1
        ask_about_calls([payout])


def only(payouts: Sequence[Payout]) -> Payout:
    if not payouts:
        raise Refused(_("This payout does not exist."))
    return payouts[0]


# Acts on many, one outcome each

Begin = Callable[[list[Payout]], Callable[[Payout], str]]
Finish = Callable[[list[Payout]], None]


def approve_payouts(seen: Sequence[Seen], *, by: User, source: Channel) -> list[Outcome]:
    """Approve what `by` has seen. Makers never approve, superusers included."""
    require(by, "payouts.approve_payout")

    def begin(payouts: list[Payout]) -> Callable[[Payout], str]:
        makers = makers_of(payouts)
        wallets = Wallet.objects.active().filter(client__is_active=True)
        used = {payout.wallet_id for payout in payouts}
        payable = set(wallets.filter(pk__in=used).values_list("pk", flat=True))

        def act(payout: Payout) -> str:
            refuse_unless(payout, PayoutStatus.PENDING)
            if payout.wallet_id not in payable:
                raise Refused(_("Its wallet or its client is not active."))
            refuse_maker(by, makers.get(payout.pk, []))
            payout.approve(digest=payout.digest(), policy=policy.POLICY_VERSION)
            return _("Approved. It will be sent.")

        return act

    def finish(payouts: list[Payout]) -> None:
        decide(payouts, by, Approval.Decision.APPROVED)

    return act_on(seen, begin, finish, by=by, source=source)


def reject_payouts(
    seen: Sequence[Seen], *, reason: str, by: User, source: Channel
) -> list[Outcome]:
    """End payouts that should not be paid."""
    require(by, "payouts.reject_payout")
    reason = needed(reason, _("Say why it is rejected."))

    def begin(payouts: list[Payout]) -> Callable[[Payout], str]:
        called = with_open_calls(payouts)

        def act(payout: Payout) -> str:
            refuse_unless(payout, PayoutStatus.PENDING, PayoutStatus.HELD)
            if payout.pk in called:
                return ask_to_cancel(payout, reason)
            payout.reject(reason)
            return _("Rejected. It will not be paid.")

        return act

    def finish(payouts: list[Payout]) -> None:
        decide(payouts, by, Approval.Decision.REJECTED)
        ask_about_calls(payouts)

    return act_on(seen, begin, finish, by=by, source=source)


def hold_payouts(seen: Sequence[Seen], *, reason: str, by: User, source: Channel) -> list[Outcome]:
    """Set payouts aside. What was approved must be approved again after the release.

    It is a stop, so nothing but another digest keeps it from what was seen.
    """
    require(by, "payouts.hold_payout")
    reason = needed(reason, _("Say why it is put on hold."))

    def act(payout: Payout) -> str:
        refuse_unless(payout, PayoutStatus.PENDING, PayoutStatus.APPROVED)
        payout.hold(reason)
        return _("On hold.")

    aside = void(_("Put on hold."))
    return act_on(seen, lambda _payouts: act, aside, by=by, source=source, digest_alone=True)


def release_payouts(
    seen: Sequence[Seen], *, reason: str = "", by: User, source: Channel
) -> list[Outcome]:
    """Bring held payouts back to the approvers."""
    require(by, "payouts.release_payout")

    reason = optional(reason)

    def act(payout: Payout) -> str:
        refuse_unless(payout, PayoutStatus.HELD)
        payout.release(reason)
        return _("Released. It waits for approval.")

    return act_on(seen, lambda _payouts: act, void(_("Released.")), by=by, source=source)


def cancel_payouts(
    seen: Sequence[Seen], *, reason: str, by: User, source: Channel
) -> list[Outcome]:
    """End payouts that were never called, exactly; of others, store that they should end.

    Nothing of these is sent any more and Heleket is asked: one becomes `cancelled` only once
    Heleket's answers have shown that it never had it. In `broadcast` it is refused.
    """
    require(by, "payouts.cancel_payout", "payouts.cancel_own_payout")
    reason = needed(reason, _("Say why it is cancelled."))
    any_of_them = by.has_perm("payouts.cancel_payout")

    def begin(payouts: list[Payout]) -> Callable[[Payout], str]:
        called = with_open_calls(payouts)

        def act(payout: Payout) -> str:
            if not any_of_them and payout.requested_by_id != by.pk:
                raise NotAllowed(_("You may only cancel payouts that you requested yourself."))
            if payout.status == PayoutStatus.BROADCAST:
                raise Refused(at_heleket(payout))
            refuse_unless(payout, *BEFORE_HELEKET)
            if payout.pk in called:
                return ask_to_cancel(payout, reason)
            payout.cancel(reason)
            return _("Cancelled. It was never sent.")

        return act

    def finish(payouts: list[Payout]) -> None:
        void_approvals(payouts, _("Cancelled."))
        ask_about_calls(payouts)

    return act_on(seen, begin, finish, by=by, source=source)


def with_open_calls(payouts: Iterable[Payout]) -> set[UUID]:
    """Return the ids of those of which Heleket may have executed a call, for all we know."""
    tries = Attempt.objects.filter(payout__in=[payout.pk for payout in payouts])
    return {each.payout_id for each in tries if not each.is_over}


def ask_about_calls(payouts: Iterable[Payout]) -> None:
    """Have Heleket asked now about all calls of these payouts that may have been executed.

    The answers to what is under way come by themselves.
    """
    idle = [payout.pk for payout in payouts if payout.status != PayoutStatus.SUBMITTING]
    tries = Attempt.objects.filter(payout__in=idle).exclude(calls=F("unsent"))
    over = Q(is_final=True, remote_status__in=FINAL_FAILURES)
    if tries.exclude(over).update(watch_at=clock.now()):
        wakeups.ring("watch")


def ask_to_cancel(payout: Payout, reason: str) -> str:
    if payout.cancel_asked_at is None:
        payout.tell("ask_to_cancel", reason)
        payout.cancel_asked_at, payout.may_repeat = clock.now(), False
    is_sending = payout.status == PayoutStatus.SUBMITTING
    payout.wait_for(WaitingFor.ANSWER, due_at=clock.now() if is_sending else None)
    return _(
        "It may already be at Heleket. Nothing more will be sent, Heleket is asked, and it is "
        "cancelled once Heleket's answers have shown that it never had it."
    )


def at_heleket(payout: Payout) -> str:
    attempt = payout.attempts.get(generation=payout.generation)
    return _(
        "Heleket has it and cannot call it back (status %(status)s). "
        "Only their support may stop it; tell them their id %(uuid)s."
    ) % {"status": attempt.remote_status or "?", "uuid": attempt.uuid or "?"}


def retry_payouts(seen: Sequence[Seen], *, reason: str, by: User, source: Channel) -> list[Outcome]:
    """Bring payouts that were not paid back to the approvers, under a new `order_id`.

    Who retries is a maker from then on: one person alone never has money sent again.
    """
    require(by, "payouts.retry_payout")
    reason = needed(reason, _("Say why it is tried again."))

    def act(payout: Payout) -> str:
        refuse_unless(payout, PayoutStatus.FAILED)
        refuse_last_generation(payout)
        payout.retry(reason)
        return _("It waits for approval again.")

    def finish(payouts: list[Payout]) -> None:
        void_approvals(payouts, _("Tried again."))
        ask_about_calls(payouts)
        hand = (by.pk, Part.RETRIED)
        store_makers((payout, hand) for payout in payouts)

    return act_on(seen, lambda _payouts: act, finish, by=by, source=source)


def hurry_payouts(seen: Sequence[Seen], *, by: User, source: Channel) -> list[Outcome]:
    """Make approved payouts due, whatever they were waiting for by themselves."""
    require(by, "payouts.send_payout")

    def act(payout: Payout) -> str:
        refuse_unless(payout, PayoutStatus.APPROVED)
        payout.tell("send_now")
        make_due(payout)
        return _("Due now. The worker sends it in its turn.")

    return act_on(seen, lambda _payouts: act, by=by, source=source)


def ask_soon(seen: Sequence[Seen], *, by: User, source: Channel) -> list[Outcome]:
    """Make payouts under way due for a question to Heleket."""
    require(by, "payouts.ask_payout")

    def act(payout: Payout) -> str:
        refuse_unless(payout, PayoutStatus.SUBMITTING, PayoutStatus.BROADCAST)
        payout.tell("ask")
        make_due(payout)
        return _("Due now. The worker asks Heleket in its turn.")

    return act_on(seen, lambda _payouts: act, by=by, source=source)


def make_due(payout: Payout) -> None:
    """One that is overdue keeps its place: the line is ordered by the time that each was due."""
    now = clock.now()
    payout.due_at = min(payout.due_at or now, now)


def act_on(
    seen: Sequence[Seen],
    begin: Begin,
    finish: Finish = lambda _payouts: None,
    *,
    by: User,
    source: Channel,
    digest_alone: bool = False,
) -> list[Outcome]:
    """Act on each seen payout that is still what was seen; a transaction per chunk.

    `begin` looks at a locked chunk and returns the act for one row, which raises PayoutError before
    it changes anything, or returns a sentence. `finish` gets the rows that were acted on.
    """
    outcomes: dict[UUID, Outcome] = {}
    for start in range(0, len(seen), CHUNK):
        chunk = {each.id: each for each in seen[start : start + CHUNK]}
        with transitions.change(chunk, by=by, source=source) as payouts:
            prefetch_related_objects(payouts, "client")
            changed = set() if digest_alone else changed_since(payouts, chunk)
            act, done = begin(payouts), []
            for payout in payouts:
                try:
                    refuse_other_digest(payout, chunk[payout.pk])
                    if not digest_alone:
                        refuse_changed(payout, chunk[payout.pk], changed)
                    refuse_stopped(payout)
                    text = act(payout)
                except Refused as exc:
                    outcomes[payout.pk] = Outcome(payout.pk, payout.number, False, str(exc))
                else:
                    outcomes[payout.pk] = Outcome(payout.pk, payout.number, True, text)
                    done.append(payout)
            finish(done)
    unknown = _("This payout does not exist.")
    return [outcomes.get(each.id) or Outcome(each.id, None, False, unknown) for each in seen]


# Refusals and records that acts share


def refuse_unless(payout: Payout, *statuses: PayoutStatus) -> None:
    if payout.status not in statuses:
        raise Refused(
            _("Not possible any more: it is “%(status)s”.")
            % {"status": payout.get_status_display()}
        )


def refuse_other_digest(payout: Payout, seen: Seen) -> None:
    """Raise PayoutError, saying what it is now, if other content is paid than was on the page."""
    if payout.digest() != seen.digest:
        raise Refused(it_changed(payout, seen))


def refuse_changed(payout: Payout, seen: Seen, changed: Collection[UUID]) -> None:
    """Raise PayoutError, saying what changed, if anything that people go by is another now."""
    if payout.pk in changed or shown(payout) != seen.shown:
        raise Refused(it_changed(payout, seen))


def it_changed(payout: Payout, seen: Seen) -> str:
    since = payout.events.filter(act__in=CHANGES, number__gt=seen.event).order_by("number")
    told = [
        f"{CHANGES[event.act]} ({event.reason})" if event.reason else str(CHANGES[event.act])
        for event in since
    ]
    sentences = [
        _("It changed since you looked: %s.") % ", ".join(told)
        if told
        else _("It changed since you looked."),
        _("It is now %(money)s to %(address)s.")
        % {"money": payout.money, "address": payout.address},
    ]
    facts = zip(BESIDE, shown(payout).split("."), seen.shown.split("."), strict=False)
    sentences += [
        BESIDE[name] % getattr(payout, name) for name, now, then in facts if then not in ("", now)
    ]
    return " ".join(sentences)


def refuse_stopped(payout: Payout) -> None:
    if payout.waiting_for == WaitingFor.DISCREPANCY:
        raise Refused(_("An open discrepancy stops this payout. Close the discrepancy first."))
    if payout.cancel_asked_at and payout.status in WITHOUT_CALL:
        raise Refused(
            _("It is being cancelled; until Heleket has answered, nothing else is possible.")
        )


def refuse_maker(by: User, hands: Sequence[Hand]) -> None:
    if not hands:
        raise Refused(_("No person is known to have requested it, so nobody may approve it."))
    if parts := [str(Part(part).label) for person, part in hands if person == by.pk]:
        raise NotAllowed(
            _("You may not approve it, because you had a hand in it: you %(parts)s.")
            % {"parts": ", ".join(parts)}
        )


def refuse_last_generation(payout: Payout) -> None:
    if payout.generation >= LAST_GENERATION:
        raise Refused(
            _("This payout was tried %(count)d times. Request a new one.")
            % {"count": payout.generation}
        )


def makers_of(payouts: Iterable[Payout]) -> dict[UUID, list[Hand]]:
    makers: dict[UUID, list[Hand]] = defaultdict(list)
    rows = PayoutMaker.objects.filter(payout__in=[payout.pk for payout in payouts]).order_by("pk")
    for payout_id, person, part in rows.values_list("payout_id", "person_id", "part"):
        makers[payout_id].append((person, part))
    return makers


def add_makers(payout: Payout, hands: Iterable[tuple[int | None, str]]) -> None:
    known = sorted({(person, part) for person, part in hands if person is not None})
    store_makers((payout, hand) for hand in known)


def store_makers(makers: Iterable[tuple[Payout, Hand]]) -> None:
    rows = [
        PayoutMaker(payout=payout, person_id=person, part=part) for payout, (person, part) in makers
    ]
    PayoutMaker.objects.bulk_create(rows, ignore_conflicts=True)


def decide(payouts: Sequence[Payout], by: User, decision: Approval.Decision) -> None:
    now = clock.now()
    Approval.objects.bulk_create(
        Approval(
            payout_id=payout.pk,
            person_id=by.pk,
            decided_at=now,
            decision=decision,
            digest=payout.digest(),
            policy_version=policy.POLICY_VERSION,
        )
        for payout in payouts
    )


def void(reason: str) -> Finish:
    return lambda payouts: void_approvals(payouts, reason)


def void_approvals(payouts: Iterable[Payout], reason: str) -> None:
    standing = Approval.objects.filter(payout__in=list(payouts), voided_at=None)
    standing.update(voided_at=clock.now(), void_reason=reason)


def close_discrepancy(discrepancy: Discrepancy, *, reason: str, by: User, source: Channel) -> None:
    """Close it in the name of `by`; its payout goes on, and Heleket is asked about it again."""
    require(by, "payouts.close_discrepancy")
    reason = needed(reason, _("Say why it is closed."))
    with transitions.change(
        [discrepancy.payout_id] if discrepancy.payout_id else [], by=by, source=source
    ) as payouts:
        still_open = Discrepancy.objects.filter(pk=discrepancy.pk, closed_at=None)
        if not still_open.update(closed_at=clock.now(), closed_by=by, close_reason=reason):
            raise Refused(_("This discrepancy is closed already."))
        for payout in payouts:
            payout.tell("close_discrepancy", reason, kind=discrepancy.kind)
            if not payout.discrepancies.filter(closed_at=None).exists():
                payout.go_on()
                ask_about_calls([payout])
