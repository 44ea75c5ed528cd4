"""What must hold at every moment, whatever went wrong before: our rows against Heleket's ledger.

`check_invariants(sandbox)` collects every broken promise and fails with all of them. The names are
those of docs/faults.md.
"""

import json
from collections import defaultdict
from decimal import Decimal
from functools import partial
from itertools import groupby, pairwise

from django.db.models import F

from audit import chain
from audit.models import DeskEvent
from heleket.sandbox.lives import FAILURES
from payouts.controls import documents, rules
from payouts.controls.models import PolicyVersion
from payouts.controls.rules import Proposal
from payouts.models import (
    Approval,
    Attempt,
    Payout,
    PayoutEvent,
    PayoutMaker,
    PayoutStatus,
    Posting,
)
from wallets.models import Wallet, WalletStatus

ARROWS = {
    "pending": {"approve": "approved", "reject": "rejected", "hold": "held", "cancel": "cancelled"}
    | {"edit": "pending", "send_back": "pending", "answer": "pending", "link": "broadcast"}
    | {"undo": "pending"},
    "held": {"release": "pending", "reject": "rejected", "cancel": "cancelled", "edit": "held"}
    | {"link": "broadcast"},
    "approved": {"claim": "submitting", "hold": "held", "cancel": "cancelled", "edit": "pending"}
    | {"void": "pending", "undo": "pending", "link": "broadcast"},
    "submitting": {"accept": "broadcast", "confirm": "confirmed", "fail": "failed"}
    | {"put_back": "approved", "withdraw": "cancelled"},
    "broadcast": {"confirm": "confirmed", "fail": "failed"},
    "failed": {"retry": "pending"},
}
UNDER_WAY = {PayoutStatus.SUBMITTING, PayoutStatus.BROADCAST}


def check_invariants(sandbox, *, clock_jumped=False):
    checks = [
        partial(paid_once, clock_jumped=clock_jumped),
        same_bytes,
        approved_by_others,
        replay_holds,
        final_words_are_theirs,
    ]
    checks += [money_is_exact, nothing_is_forgotten, desk_chain_closes, wallets_chains_close]
    checks += [journal_follows]
    broken = [sentence for check in checks for sentence in check(sandbox)]
    assert not broken, "\n".join(broken)


def attempts_by_payout():
    found = defaultdict(list)
    for attempt in Attempt.objects.order_by("generation"):
        found[attempt.payout_id].append(attempt)
    return found


def is_alive(remote):
    """Whether Heleket has taken money for it and not given it back."""
    return remote is not None and not (remote.is_final and remote.status in FAILURES)


def there(sandbox, attempt):
    """What Heleket has of an attempt: it knows one that was made there by hand by its own id."""
    if attempt.is_linked:
        return sandbox.find_uuid(attempt.uuid)
    return sandbox.find(attempt.order_id)


def counts_beside(payout, attempt):
    """Whether a linked one may live beside a final status: it counts as paid, or is awaited."""
    return attempt.is_linked and (attempt.is_awaited or payout.effective == "paid")


def shown_to_people(payout):
    return payout.discrepancies.exists()


def paid_once(sandbox, *, clock_jumped):
    """I1, I6, I7: Heleket holds at most one living payout of ours, none for what never was sent.

    What a clock that jumped has released too early is still asked about, and shown then.
    """
    attempts = attempts_by_payout()
    for payout in Payout.objects.all():
        alive = [each for each in attempts[payout.pk] if is_alive(there(sandbox, each))]
        hidden = getattr(sandbox, "hidden", ())  # executed although the call was refused
        forgotten = getattr(sandbox, "forgotten", ())  # called since a copy that was put back
        alive = [
            each
            for each in alive
            if each.order_id not in hidden or not (each.watch_at or shown_to_people(payout))
            if each.order_id not in forgotten
        ]
        current = [each for each in alive if each.generation == payout.generation]
        if len(alive) > 1:
            yield f"I1 {payout} is paid by {alive}"
        may_live = payout.status in {*UNDER_WAY, PayoutStatus.CONFIRMED}
        may_live |= any(counts_beside(payout, each) for each in alive)
        if not alive or (clock_jumped and all(each.watch_at for each in alive)):
            continue
        if not (current and may_live) and not shown_to_people(payout):
            yield f"I6 I7 {payout} is {payout.status}, yet Heleket has {alive}"
    for order_id in sandbox.order_ids:
        taken = -sum(entry.delta for entry in sandbox.ledger if entry.order_id == order_id)
        remote = sandbox.find(order_id)
        if taken != (remote.merchant_amount if is_alive(remote) else 0):
            yield f"I10 {order_id} cost {taken}"


def same_bytes(sandbox):
    """I1: every call of an attempt carries the bytes that were stored before the first one."""
    stored = dict(Attempt.objects.values_list("order_id", "body"))
    for call in sandbox.calls:
        if call.path != "/v1/payout":
            continue
        if stored.get(json.loads(call.body)["order_id"], "").encode() != call.body:
            yield f"I1 bytes that are not stored were sent: {call.body}"


def approved_by_others(_sandbox):
    """I2: each attempt stands on as many approvals as the policy asked for, by people who are none
    of its makers; one that was linked, on the word of two people."""
    makers, approvals, events = defaultdict(set), defaultdict(list), events_by_payout()
    for maker in PayoutMaker.objects.all():
        makers[maker.payout_id].add(maker.person_id)
    for approval in Approval.objects.filter(decision=Approval.Decision.APPROVED):
        approvals[approval.payout_id].append(approval)
    for attempt in Attempt.objects.select_related("payout"):
        payout = attempt.payout
        past = events[payout.pk]
        if attempt.is_linked:
            if not is_linked_by_two(attempt, past, makers[payout.pk]):
                yield f"I2 {attempt} was not linked by two people who are no makers"
            continue
        claims = [e.number for e in past if e.event_type == "claim" and attempt.order_id in e.data]
        if not claims:
            yield f"I4 no event tells of the claim of {attempt}"
            continue
        claim = min(claims)
        # By the order of events where there are any: a clock may have jumped back in between.
        earlier = {
            each.person_id for each in past if each.event_type == "approve" and each.number < claim
        }
        carrying = [
            each
            for each in approvals[payout.pk]
            if each.person_id in earlier or each.decided_at <= attempt.created_at
        ]
        if attempt.generation == payout.generation:  # an approver may have edited it since
            made = {each.person_id for each in past if each.event_type in ("request", "edit")}
            digest, barred = payout.digest(), makers[payout.pk] | made
            carrying = [
                each for each in carrying if each.digest == digest and each.person_id not in barred
            ]
        people = {each.person_id for each in carrying}
        if len(people) < needed_people(past, claim):
            yield f"I2 {attempt} was sent without the approvals that carry it"


def is_linked_by_two(attempt, events, makers):
    links = [each for each in events if each.facts.get("uuid") == attempt.uuid]
    people = {
        person
        for each in links
        if each.event_type == "link"
        for person in (each.person_id, int(each.facts["proposed_by"]))
    }
    return len(people) == 2 and not people & makers


def needed_people(events, claim):
    """How many the policy asked for, at the last approval before a claim or at the claim itself; of
    approvals from before there were proposals, one."""
    judged = [each for each in events if each.number <= claim and "proposal" in each.facts]
    if not judged:
        return 1
    version = max(int(each.facts["policy"]) for each in judged if "policy" in each.facts)
    document = documents.read(PolicyVersion.objects.get(number=version).document)
    proposal = Proposal.read(json.loads(judged[-1].facts["proposal"]))
    required = rules.judge(document.rules, proposal).required
    named = sum(count for group, count in required.items() if group)
    return max(named, required.get(rules.ANYONE, 0))


def events_by_payout():
    found = defaultdict(list)
    for event in PayoutEvent.objects.order_by("payout", "number"):
        found[event.payout_id].append(event)
    return found


def replay_holds(_sandbox):
    """I4, I8: replaying the events walks along the drawn arrows to the present status."""
    histories = events_by_payout()
    for payout in Payout.objects.all():
        events = histories[payout.pk]
        if len(events) != payout.last_event or chain.first_broken(events):
            yield f"I4 the chain of {payout} does not close"
        for before, event in pairwise(events):
            if event.from_status != before.to_status:
                yield f"I4 {payout} moved before event {event.number} without one"
            if event.to_status not in drawn(event.event_type, event.from_status):
                yield f"I4 {payout} went from {event.from_status} by {event.event_type}"
        if not events or events[-1].to_status != payout.status:
            yield f"I4 {payout} is {payout.status}, its events say otherwise"


def drawn(event_type, status):
    """Where an event leads from a status. The first of two approvals leads nowhere yet."""
    target = ARROWS.get(status, {}).get(event_type, status)
    return {target, status} if event_type == "approve" else {target}


def final_words_are_theirs(sandbox):
    """I5: paid is what Heleket said finally about what we sent. Where it went back on its word,
    that stands beside it."""
    final = Attempt.objects.filter(
        payout__status=PayoutStatus.CONFIRMED,
        payout__effective="",
        generation=F("payout__generation"),
    )
    for attempt in final.select_related("payout"):
        payout = attempt.payout
        remote = sandbox.find_uuid(attempt.uuid)
        if (attempt.remote_status, attempt.is_final) != ("paid", True) or remote is None:
            yield f"I5 {payout} is confirmed without Heleket's final word"
        elif (remote.order_id, remote.amount, remote.address, remote.currency) != (
            remote.order_id if attempt.is_linked else attempt.order_id,
            payout.amount,
            payout.address,
            payout.currency,
        ):
            yield f"I5 {payout} is confirmed by another payout of Heleket's"


def money_is_exact(sandbox):
    """I15: what is stored, sent and known at Heleket is the same number."""
    for attempt in Attempt.objects.select_related("payout"):
        payout, sent = attempt.payout, json.loads(attempt.body)
        if attempt.generation == payout.generation and Decimal(sent["amount"]) != payout.amount:
            yield f"I15 {attempt} carries {sent['amount']} of {payout.money}"
        remote = sandbox.find(attempt.order_id)
        is_taken_over = attempt.discrepancies.filter(outcome="as_heleket").exists()
        if is_taken_over or not remote or not attempt.uuid:
            continue
        if Decimal(sent["amount"]) != remote.amount:
            yield f"I15 Heleket pays {remote.amount} for {attempt}"


def nothing_is_forgotten(_sandbox):
    """I11, I19: what has not ended says what it waits for, and will be looked at again."""
    for payout in Payout.objects.all():
        if payout.is_ended:
            continue
        is_stopped = payout.waiting_for == "discrepancy"
        if not payout.waiting_for:
            yield f"I11 {payout} waits for nothing"
        if is_stopped and not payout.discrepancies.standing().exists():
            yield f"I19 {payout} is stopped by no discrepancy"
        is_ours_to_move = payout.status in {*UNDER_WAY, PayoutStatus.APPROVED}
        is_asked_about = payout.status in UNDER_WAY or payout.cancel_asked_at is None
        if (
            not (is_asked_about or is_stopped)
            and not payout.attempts.exclude(watch_at=None).exists()
        ):
            yield f"I11 nobody asks whether {payout} may be cancelled"
        if is_ours_to_move and is_asked_about and not is_stopped and payout.due_at is None:
            yield f"I11 {payout} is never looked at again"
    decided = [WalletStatus.ACTIVE, WalletStatus.ARCHIVED]
    for payout in Payout.objects.awaiting_wallet().filter(wallet__status__in=decided):
        yield f"I11 {payout} waits for a wallet that people have decided about"


def desk_chain_closes(_sandbox):
    """I4 for what belongs to no payout."""
    if broken := chain.first_broken(DeskEvent.objects.order_by("number")):
        yield f"I4 the desk's chain breaks at {broken}"


def wallets_chains_close(_sandbox):
    """I4 for what decides where money goes."""
    for wallet in Wallet.objects.filter(last_event__gt=0).prefetch_related("events"):
        if not is_sound(sorted(wallet.events.all(), key=lambda event: event.number), wallet):
            yield f"I4 the chain of wallet {wallet.pk} breaks"


def assert_chains_hold():
    assert broken_chains() == []
    assert list(wallets_chains_close(None)) == []


def broken_chains():
    """The payouts whose events do not lead to what they are, of any number."""
    rows = Payout.objects.prefetch_related("events").iterator(chunk_size=1000)
    return [
        payout
        for payout in rows
        if not is_sound(sorted(payout.events.all(), key=lambda event: event.number), payout)
    ]


def is_sound(events, payout):
    moves = all(a.to_status == b.from_status for a, b in pairwise(events))
    ends = (payout.last_event, payout.status) == (len(events), events[-1].to_status)
    return moves and ends and chain.first_broken(events) is None


def status_history(payout):
    """The statuses a payout has gone through, by its events."""
    moves = PayoutEvent.objects.filter(payout=payout).order_by("number")
    return [status for status, _ in groupby(event.to_status for event in moves)]


STANDS = {"approved": "owed", "submitting": "reserved", "broadcast": "reserved"}
STANDS |= {"confirmed": "sent", "paid": "sent", "elsewhere": "sent"}  # statuses, and `effective`


def journal_follows(_sandbox):
    """G67: what is owed, reserved and sent of a payout is what its status and `effective` say.

    A test may store a payout that stands somewhere without its history: of one without any entry
    nothing is said.
    """
    booked = defaultdict(Decimal)
    rows = Posting.objects.values_list("entry__payout", "kind", "currency", "side", "amount")
    for pk, kind, currency, side, amount in rows:
        booked[pk, kind, currency] += amount if side == "credit" else -amount
    for payout in Payout.objects.filter(entries__isnull=False).distinct():
        amount, currency = payout.amount, payout.currency
        if payout.effective:
            amount = payout.effective_amount
            currency = payout.effective_currency or currency
        stands = STANDS.get(payout.effective or payout.status)
        for kind in ("owed", "reserved", "sent"):
            # A fee is on both sides: what has left without it is the payout's.
            here = booked[payout.pk, kind, currency]
            if kind == "sent":
                here += booked[payout.pk, "fees", currency]
            if here != (amount if kind == stands else 0):
                yield f"G67 {payout} is {payout.status} {payout.effective}, and {here} is {kind}"
