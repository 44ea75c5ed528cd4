"""Payouts whose wallet is on its way wait for it, whatever is done to them, and go on with it."""

import json
from io import StringIO
from uuid import uuid4

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from audit.actor import Actor, Channel
from audit.operations import perform
from payouts import destinations, operations, send_backs
from payouts.admin.moment import Moment
from payouts.admin.queues import whom_it_waits_for
from payouts.explain import explain
from payouts.gateway import accounts
from payouts.models import Approval, Payout, PayoutStatus, WaitingFor
from payouts.seen import see
from tests.every_page import unmarked
from tests.factories import PayoutFactory, StaffFactory, WalletFactory
from tests.payouts.invariants import assert_chains_hold
from tests.payouts.rounds import event_types, now
from wallets import operations as wallet_operations
from wallets.models import Wallet

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("usdt", "clock")]

LIST = reverse("admin:payouts_payout_changelist")
OTHER = "TJRyWwFs9wTFGZg3JbrVriFbNfCug5tDeC"


@pytest.fixture(autouse=True)
def gateway(monkeypatch, heleket_client):
    monkeypatch.setattr(accounts, "heleket_client", lambda: heleket_client)


@pytest.fixture
def wallet():
    return WalletFactory(status="new", approved_at=None, approved_by=None)


def staff(*roles):
    return Actor.staff(StaffFactory(roles=roles), Channel.ADMIN)


def do(operation, payout, actor, **options):
    [outcome] = perform(operation, see([now(payout)]), actor=actor, **options)
    return outcome


def decide(operation, *wallets, **reason):
    seen = wallet_operations.see(wallet.pk for wallet in wallets)
    outcomes = perform(operation, seen, actor=staff("Approver", "Requester"), **reason)
    assert all(outcome.done for outcome in outcomes), outcomes


def waiting(wallet, **more):
    """A payout that was asked for while its wallet was on its way."""
    payout = PayoutFactory(wallet=wallet, **more)
    changed = Payout.objects.get(pk=payout.pk)
    changed.wait_for_wallet()
    changed.save(update_fields=["waiting_for", "waiting_since", "reason_code"])
    return changed


def edit(payout, wallet, **changes):
    same = {"currency": "USDT", "amount": payout.amount, "purpose": payout.purpose}
    [seen] = see([now(payout)])
    changed = operations.Edit(wallet=wallet, **same | changes)
    return operations.edit_payout(seen, changed, reason="Typo", actor=staff("Requester"))


# The staff's own forms


def form(wallet, **more):
    asked = {"currency": "USDT", "amount": "5", "purpose": "Prize", "reference": ""}
    return {"wallet": wallet.pk, "nonce": str(uuid4()), **asked, **more}


def test_the_form_offers_a_wallet_on_its_way_and_says_that_the_payout_waits(client, wallet):
    client.force_login(StaffFactory(roles=["Requester"]))
    url = reverse("admin:payouts_payout_add_for", args=[wallet.client_id])
    active = WalletFactory(client=wallet.client, address=OTHER)
    shown = client.get(url).context["form"]
    labels = {choice.data["value"].value: str(choice.choice_label) for choice in shown["wallet"]}
    assert "Not approved yet: the payout waits for that." in labels[wallet.pk]
    assert "waits" not in labels[active.pk]
    assert list(labels) == [active.pk, wallet.pk]

    asked = form(wallet)
    assert "The wallet is not active yet" in unmarked(client.post(url, asked))
    assert not Payout.objects.exists()
    page = unmarked(client.post(url, asked | {"confirmed": "yes"}, follow=True))
    assert "was requested. It waits for the approval of its wallet." in page
    assert "Nothing until the wallet is approved" in page
    wallet_page = reverse("admin:wallets_wallet_change", args=[wallet.pk])
    assert f'href="{wallet_page}">Open its wallet</a>' in page
    stored = Payout.objects.get()
    assert (stored.status, stored.waiting_for) == (PayoutStatus.PENDING, WaitingFor.WALLET)


def test_an_edit_sets_the_wait_anew(wallet):
    active = WalletFactory(client=wallet.client, address=OTHER)
    payout = PayoutFactory(wallet=active)

    there = edit(payout, wallet)
    assert (there.waiting_for, there.reason_code) == (WaitingFor.WALLET, "wallet_not_active")
    still = edit(payout, wallet, amount=6)
    assert still.waiting_for == WaitingFor.WALLET
    back = edit(payout, active)
    assert (back.waiting_for, back.reason_code) == (WaitingFor.APPROVALS, "")

    decide(destinations.APPROVE, wallet)
    assert event_types(payout) == ["request", "edit", "edit", "edit"]


# What else is done to one that waits


def test_nobody_approves_it_before_its_wallet_is_active(wallet):
    payout, approver = waiting(wallet), staff("Approver")
    before = Payout.objects.values().get()

    outcome = do(operations.APPROVE, payout, approver)
    assert outcome.code == "wallet_not_active"
    assert Payout.objects.values().get() == before
    assert not Approval.objects.exists()

    decide(destinations.APPROVE, wallet)
    assert do(operations.APPROVE, payout, approver).done


def test_what_is_put_aside_meanwhile_waits_for_its_wallet_again(wallet):
    held, asked, approver = waiting(wallet), waiting(wallet), staff("Approver")
    assert do(operations.HOLD, held, approver, reason="Look").done
    assert do(operations.RELEASE, held, approver).done
    assert do(send_backs.SEND_BACK, asked, approver, reason="Which invoice?").done
    assert do(send_backs.ANSWER, asked, staff("Requester"), reason="That of May").done

    for payout in (held, asked):
        assert now(payout).waiting_for == WaitingFor.WALLET
    decide(destinations.APPROVE, wallet)
    for payout in (held, asked):
        assert now(payout).waiting_for == WaitingFor.APPROVALS
    assert "That of May" in explain(now(asked)).sentence


def test_what_is_put_aside_while_its_wallet_is_approved_waits_for_approval_then(wallet):
    held, asked, approver = waiting(wallet), waiting(wallet), staff("Approver")
    do(operations.HOLD, held, approver, reason="Look")
    do(send_backs.SEND_BACK, asked, approver, reason="Which invoice?")

    decide(destinations.APPROVE, wallet)
    assert now(held).status == PayoutStatus.HELD
    assert now(asked).is_sent_back
    do(operations.RELEASE, held, approver)
    do(send_backs.ANSWER, asked, staff("Requester"), reason="That of May")
    for payout in (held, asked):
        assert now(payout).waiting_for == WaitingFor.APPROVALS
        assert "go_on" not in event_types(payout)


def test_one_that_was_not_paid_is_retried_and_waits_for_a_wallet_that_was_frozen_since():
    payout = PayoutFactory(status=PayoutStatus.FAILED)
    decide(wallet_operations.FREEZE, payout.wallet, reason="Lost")
    decide(wallet_operations.RELEASE, payout.wallet)

    assert do(operations.RETRY, payout, staff("Operator"), reason="Again").done
    assert now(payout).waiting_for == WaitingFor.WALLET
    decide(destinations.APPROVE, payout.wallet)
    assert now(payout).waiting_for == WaitingFor.APPROVALS


def test_what_waits_is_rejected_and_cancelled_as_before(wallet):
    rejected, cancelled = waiting(wallet), waiting(wallet)
    assert do(operations.REJECT, rejected, staff("Approver"), reason="No").done
    assert do(operations.CANCEL, cancelled, staff("Operator"), reason="No").done

    decide(destinations.APPROVE, wallet)
    assert {now(rejected).status, now(cancelled).status} == {"rejected", "cancelled"}
    assert not Payout.objects.exclude(waiting_for="").exists()


# The act on its wallet


def test_only_what_waits_for_the_wallet_goes_on_once_with_its_event(wallet):
    mine, another = waiting(wallet), waiting(WalletFactory(status="new", address=OTHER))
    usual = PayoutFactory(wallet=wallet)

    decide(destinations.APPROVE, wallet)

    assert now(mine).waiting_for == now(usual).waiting_for == WaitingFor.APPROVALS
    assert now(another).waiting_for == WaitingFor.WALLET
    assert [event_types(each) for each in (mine, another, usual)] == [
        ["request", "go_on"],
        ["request"],
        ["request"],
    ]
    assert_chains_hold()


def test_a_refused_approval_of_a_wallet_moves_nothing(wallet):
    payout = waiting(wallet)
    Wallet.objects.update(added_by=StaffFactory(roles=["Approver"]))
    adder = Actor.staff(Wallet.objects.get().added_by, Channel.ADMIN)
    before = Payout.objects.values().get()

    [outcome] = perform(destinations.APPROVE, wallet_operations.see([wallet.pk]), actor=adder)
    assert outcome.code == "wallet_added_by_you"
    assert Payout.objects.values().get() == before
    assert event_types(payout) == ["request"]


def test_an_archived_wallet_brings_what_waits_before_people_with_the_reason(wallet):
    payout = waiting(wallet)
    decide(destinations.ARCHIVE, wallet)

    stored = now(payout)
    assert (stored.waiting_for, stored.reason_code) == (WaitingFor.APPROVALS, "wallet_archived")
    assert "The wallet is archived." in explain(stored).sentence
    assert do(operations.APPROVE, payout, staff("Approver")).code == "wallet_archived"
    assert stored.events.order_by("number").last().why.code == "wallet_archived"


def statements(act):
    with CaptureQueriesContext(connection) as queries:
        act()
    return len(queries)


@pytest.mark.parametrize("operation", [destinations.APPROVE, destinations.ARCHIVE])
def test_it_costs_the_same_statements_for_any_number(operation):
    counts = []
    for number, address in ((1, OTHER), (30, "TLyqzVGLV1srkB7dToTAEqgDSfPtXRJZYH")):
        wallet = WalletFactory(status="new", address=address)
        for _ in range(number):
            waiting(wallet)
        seen, actor = wallet_operations.see([wallet.pk]), staff("Approver", "Requester")
        actor.require("wallets.approve_wallet")  # rights are read once
        counts.append(statements(lambda seen=seen, by=actor: perform(operation, seen, actor=by)))
    assert counts[0] == counts[1]
    assert not Payout.objects.awaiting_wallet().exists()
    assert_chains_hold()


def test_more_than_a_chunk_goes_on_in_one_transaction(wallet, monkeypatch):
    monkeypatch.setattr(destinations, "CHUNK", 2)
    payouts = [waiting(wallet) for _ in range(5)]
    decide(destinations.APPROVE, wallet)
    assert all(now(each).waiting_for == WaitingFor.APPROVALS for each in payouts)


# What people read


def test_it_is_in_no_approver_s_queue_and_in_that_of_what_waits(client, wallet):
    client.force_login(StaffFactory(roles=["Approver"]))
    payout = waiting(wallet)

    def queue(name):
        return list(client.get(LIST, {"queue": name}).context["cl"].result_list)

    assert (queue("mine"), queue("waiting")) == ([], [payout])
    assert whom_it_waits_for(payout, Moment()) == "an approver of its wallet"
    decide(destinations.APPROVE, wallet)
    assert queue("mine") == [payout]
    assert whom_it_waits_for(now(payout), Moment()) == "an approver"


def test_it_says_what_it_waits_for_who_can_act_and_what_happens_next(wallet):
    payout = waiting(wallet)
    explained = explain(payout)
    assert (explained.label, explained.sentence) == (
        "wallet",
        "It waits for the approval of its wallet.",
    )
    assert explained.who == f"An approver of wallets: not {wallet.adder}, who added it."
    assert explained.next == (
        "Nothing until the wallet is approved. Then it waits for its own approval."
    )  # and no word of a worker, though none runs
    printed = StringIO()
    call_command("explain_payout", str(payout), "--format", "json", stdout=printed)
    assert explained.sentence in json.dumps(json.loads(printed.getvalue()))

    decide(wallet_operations.FREEZE, wallet, reason="Lost")
    explained = explain(now(payout))
    assert explained.sentence == "It waits for its wallet, which is frozen."
    assert explained.who == "An approver can release the wallet. It then has to be approved again."
