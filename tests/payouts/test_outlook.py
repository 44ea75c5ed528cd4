"""What pages say of the desk and of money: what stands still, when it goes, what came back."""

import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.urls import reverse

from audit.actor import Actor, Channel
from audit.operations import perform
from heleket.types import Balance as Remote
from payouts import explain, operations
from payouts.controls.models import Switch
from payouts.gateway import accounts, balance, breaker
from payouts.gateway.models import Pause
from payouts.heartbeats import Heartbeat, Pulse
from payouts.models import Payout, PayoutStatus, WaitingFor
from payouts.portal import feed
from payouts.seen import see
from tests.every_page import unmarked
from tests.factories import (
    DiscrepancyFactory,
    PayoutFactory,
    PayoutMethodFactory,
    StaffFactory,
    WalletFactory,
)
from tests.payouts.rounds import check_due, submit_due
from wallets.models import PayoutMethod

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("usdt")]

LIST = reverse("admin:payouts_payout_changelist")
DESK = reverse("admin:payouts_controls_switch_changelist")


@pytest.fixture(autouse=True)
def gateway(monkeypatch, heleket_client):
    monkeypatch.setattr(accounts, "heleket_client", lambda: heleket_client)


@pytest.fixture
def at_work(clock):
    """A worker that was seen just now; called, it is seen again."""
    pulse = Pulse(Heartbeat.Kind.WORKER)

    def beat():
        pulse.next_beat = 0.0
        pulse.beat()

    beat()
    return beat


@pytest.fixture
def read(client):
    """Read a page as somebody of this role does."""

    def read(url, role="Approver"):
        person = User.objects.filter(groups__name=role).first() or StaffFactory(roles=[role])
        client.force_login(person)
        return " ".join(unmarked(client.get(url)).split())

    return read


def page_of(payout):
    return reverse("admin:payouts_payout_change", args=[payout.pk])


def approval_of(payout):
    return reverse("admin:payouts_payout_act_on", args=[payout.pk, "approve"])


def staff(role):
    return Actor.staff(StaffFactory(roles=[role]), Channel.ADMIN)


def balance_is(amount, clock):
    balance.store([Remote("merchant", "USDT", Decimal(amount))], asked_at=clock())


PAGES = {
    "Approver": [LIST, reverse("admin:wallets_client_changelist")],
    "Operator": [reverse("admin:payouts_controls_switch_changelist")],
    "Requester": [reverse("admin:payouts_payout_add"), reverse("admin:wallets_client_add")],
    "User manager": [reverse("admin:auth_user_changelist"), reverse("admin:password_change")],
}


@pytest.mark.parametrize("role", PAGES)
def test_every_page_says_that_sending_is_paused_since_when_and_why(read, at_work, clock, role):
    urls = PAGES[role]
    assert not any("desk-standing" in read(url, role) for url in urls)
    omar = StaffFactory(username="omar")
    Switch.objects.update(is_on=False, changed_at=clock(), changed_by=omar, reason="<Audit>")

    for url in urls:
        page = read(url, role)
        assert "<strong>Sending is paused.</strong> Since 09:00:00, by omar: &lt;Audit&gt;" in page


def test_every_page_names_a_pause_with_heleket_s_words_and_the_next_try(read, at_work, clock):
    breaker.trip(Pause.Cause.FUNDS, "Not enough funds", currency="USDT")
    breaker.trip(Pause.Cause.FORBIDDEN, "You are forbidden")
    page = read(PAGES["User manager"][0], "User manager")

    assert "<strong>Not enough funds at Heleket: USDT.</strong>" in page
    assert "Since 09:00:00: “You are forbidden”. One payout is tried at 09:01:00" in page


def test_every_page_says_that_the_clients_feed_is_behind(read, at_work, clock):
    PayoutFactory()
    clock.forward(seconds=60)
    at_work()
    assert "feed is behind" not in read(LIST)
    clock.forward(seconds=1)
    shown = "<strong>The clients’ feed is behind.</strong> What has happened since 09:00:00 is"
    assert shown in read(LIST)
    assert re.search(r"Events not in the clients’ feed yet</td><td[^>]*>1<", read(DESK, "Operator"))
    feed.take_up()
    assert "feed is behind" not in read(LIST)
    assert re.search(r"Events not in the clients’ feed yet</td><td[^>]*>0<", read(DESK, "Operator"))


def test_a_worker_that_is_not_seen_for_30_s_is_missed_on_every_page(read, at_work, clock):
    clock.forward(seconds=30)
    assert "No worker" not in read(LIST)
    clock.forward(seconds=1)
    assert "No worker has been seen since 09:00:00, so nothing happens by itself" in read(LIST)

    clock.forward(days=1)
    assert "No worker has been seen since 2 Mar 2026, 09:00," in read(LIST)
    at_work()
    assert "No worker" not in read(LIST)


def test_a_login_page_says_nothing_of_the_desk(client):
    assert b"desk-standing" not in client.get(reverse("admin:login")).content


# When it is sent


def test_seconds_are_promised_only_while_a_worker_lives(read, at_work, clock):
    waiting, approved = PayoutFactory(), PayoutFactory(status=PayoutStatus.APPROVED)
    assert "It is sent within seconds." in read(approval_of(waiting))
    assert "The worker sends it within seconds." in read(page_of(approved))

    clock.forward(minutes=1)
    assert "It is sent once a worker runs." in read(approval_of(waiting))
    page = read(page_of(approved))
    assert "No worker has been seen since 09:00:00" in page
    assert "Then it is sent at once." in page
    assert "seconds" not in page


def test_a_confirmation_says_when_what_is_approved_is_sent(read, at_work, clock):
    waiting = PayoutFactory()
    breaker.trip(Pause.Cause.FUNDS, "Not enough funds", currency="TRX")
    assert "It is sent within seconds." in read(approval_of(waiting))

    breaker.trip(Pause.Cause.FUNDS, "Not enough funds", currency="USDT")
    page = read(approval_of(waiting))
    assert "<p>Not enough funds at Heleket: USDT. One payout is tried at 09:01:00" in page
    assert "within seconds" not in page

    Switch.objects.update(is_on=False, changed_at=clock(), reason="Audit")
    page = read(approval_of(waiting))
    assert "<p>It is sent once sending is resumed. Paused since 09:00:00: Audit</p>" in page
    assert "is tried at" not in page
    assert "at once" not in page


def in_doubt():
    """A payout like one of which Heleket and the desk differ."""
    old = PayoutFactory(status=PayoutStatus.APPROVED)
    DiscrepancyFactory(payout=old)
    return PayoutFactory(wallet=old.wallet)


def early(clock):
    return PayoutFactory(wallet=WalletFactory(), pay_from=clock() + timedelta(days=3))


def test_a_confirmation_says_that_another_approval_is_needed_then(read, at_work):
    payout = in_doubt()
    page = read(approval_of(payout))
    assert "<p>It then takes more approvals: 1 from anyone who may approve.</p>" in page
    assert "within seconds" not in page

    once = operations.Approve(has_reason=True)  # it is like the one that is in doubt
    perform(once, see([payout]), actor=staff("Approver"), reason="Another one")
    assert "<p>It is sent within seconds.</p>" in read(approval_of(payout))


def test_a_confirmation_names_the_day_on_which_it_is_sent(read, at_work, clock):
    page = read(approval_of(early(clock)))
    assert "<p>It is sent on 5 Mar 2026, 09:00.</p>" in page
    assert "within seconds" not in page


def test_a_confirmation_says_that_heleket_does_not_pay_this_now(read, at_work):
    payout = PayoutFactory()
    PayoutMethod.objects.update(is_available=False)
    page = read(approval_of(payout))
    assert "<p>It then waits for the service: Heleket does not pay" in page
    assert "within seconds" not in page


def test_a_confirmation_of_many_counts_what_comes_of_them(client, at_work, clock):
    rows = [in_doubt(), early(clock), PayoutFactory(), PayoutFactory(wallet=WalletFactory())]
    client.force_login(StaffFactory(roles=["Approver"]))
    chosen = {"action": "approve", "_selected_action": [str(row.pk) for row in rows]}

    def page():
        return " ".join(unmarked(client.post(LIST, chosen)).split())

    kinds = "1 then takes more approvals, 1 is sent on its day"
    assert f"<p>{kinds}, 2 are sent within seconds.</p>" in page()
    Switch.objects.update(is_on=False, changed_at=clock(), reason="Audit")
    assert f"<p>{kinds}, 2 wait for what holds up sending now.</p>" in page()
    assert "<p>It is sent once sending is resumed. Paused since 09:00:00: Audit</p>" in page()


# The large one before the small ones


@pytest.fixture
def queue(heleket_client, account, at_work, sandbox):
    """A large payout that the balance does not cover, and a small one behind it."""
    large = PayoutFactory(status=PayoutStatus.APPROVED, amount=Decimal("900000"))
    small = PayoutFactory(status=PayoutStatus.APPROVED, amount=Decimal("40"))
    sandbox.ledger.balances["USDT"] = Decimal("160333")
    submit_due(1, heleket_client, account)
    return large, small


def test_a18_a_small_payout_names_the_one_it_waits_behind_and_the_gap(read, queue, clock):
    large, small = queue
    assert f"It waits behind {large}, which needs 900,000.5 USDT; the balance is not known." in (
        read(page_of(small))
    )
    balance_is(160_333, clock)

    page = read(page_of(small))
    assert f"It waits behind {large}, which needs 900,000.5 USDT;" in page
    assert "the balance is 160,333 USDT at 09:00:00, so 739,667.5 USDT are missing." in page
    hold = f"An approver can put {large} on hold; the next one is then tried at 09:01:00"
    assert f"{hold}, or at once when an operator sends it now." in page
    assert "An operator can send it now: the balance is enough for it." in page
    page = read(page_of(large))
    assert "It needs 900,000.5 USDT; the balance is 160,333 USDT" in page
    assert "Treasury can top up the balance at Heleket." in page
    assert "send it now" not in page
    assert "on hold; the next" not in page

    balance_is(1_000_000, clock)
    page = read(page_of(small))
    assert "the balance is enough for it now: 1,000,000 USDT at 09:00:00." in page
    assert f"An operator can send {large} now, and the others follow." in page
    assert "Treasury" not in page
    page = read(page_of(large))
    assert "An operator can send it now: the balance is enough for it." in page
    assert "Treasury" not in page


def test_a18_with_the_large_one_on_hold_the_small_one_goes(
    queue, read, clock, heleket_client, account
):
    large, small = queue
    clock.forward(minutes=2)
    assert submit_due(10, heleket_client, account) == 1
    assert Payout.objects.get(pk=small.pk).status == PayoutStatus.APPROVED

    Payout.objects.filter(pk=large.pk).update(due_at=None, waiting_for="release", status="held")
    clock.forward(minutes=5)
    submit_due(10, heleket_client, account)
    assert Payout.objects.get(pk=small.pk).status == PayoutStatus.BROADCAST


def test_a_wait_for_funds_is_as_old_as_the_pause_or_the_approval_however_often_it_is_tried(
    queue, heleket_client, account, clock
):
    began = clock()
    clock.forward(hours=1)
    late = PayoutFactory(status=PayoutStatus.APPROVED, approved_at=clock())
    for _ in range(5):
        clock.forward(minutes=40)
        submit_due(10, heleket_client, account)

    large, small = (explain.explain(Payout.objects.get(pk=each.pk)) for each in queue)
    assert large.waiting_for == small.waiting_for == WaitingFor.FUNDS
    assert large.since == small.since == began
    assert explain.explain(late).since == late.approved_at


def test_who_may_see_no_balance_reads_none_in_a_sentence(client, queue, clock):
    balance_is(160_333, clock)
    _large, small = queue
    person = StaffFactory(roles=["Approver"])
    for group in person.groups.all():
        group.permissions.remove(*group.permissions.filter(codename="view_balance"))
    client.force_login(person)

    page = unmarked(client.get(page_of(small)))
    assert "which needs 900,000.5 USDT." in page
    assert "160,333" not in page


# The tense of money


def rows_of(client, payout):
    client.force_login(StaffFactory(roles=["Auditor"]))
    response = client.get(page_of(payout))
    return response.content.decode(), response.context["mark"]


@pytest.fixture
def sent(heleket_client, account, sandbox, clock):
    """Send a payout that ends in this way at Heleket, and ask about it so many times."""

    def send(fate, rounds=1):
        payout = PayoutFactory(status=PayoutStatus.APPROVED)
        sandbox.set_fate(fate, order_id=payout.order_id("test"))
        submit_due(1, heleket_client, account)
        for _ in range(rounds):
            clock.forward(minutes=20)
            sandbox.run_due()
            check_due(10, heleket_client, account)
        return Payout.objects.get(pk=payout.pk)

    return send


def test_money_that_left_or_came_back_is_named_in_its_tense(client, sent):
    words = {
        "will": ("The client will receive", "Set aside from our balance", "Will be paid out"),
        "paid": ("The client received", "Left our balance", "Paid out"),
        "not": ("The client would have received", "Came back to our balance"),
    }
    fates = {
        "will": ("stuck", PayoutStatus.BROADCAST),
        "paid": ("paid", PayoutStatus.CONFIRMED),
        "not": ("final_fail", PayoutStatus.FAILED),
    }
    for name, (fate, status) in fates.items():
        payout = sent(fate, rounds=2)
        assert payout.status == status
        page, _mark = rows_of(client, payout)
        assert all(word in page for word in words[name]), name
        others = {word for each in words.values() for word in each} - {*words[name]}
        assert not any(word in page for word in others), name


def test_what_was_never_sent_would_have_been_received(client):
    for status in (PayoutStatus.REJECTED, PayoutStatus.CANCELLED):
        page, _mark = rows_of(client, PayoutFactory(status=status))
        assert "The client would have received" in page
        assert "Would have left our balance, estimated" in page
    page, _mark = rows_of(client, PayoutFactory())
    assert "The client receives" in page
    assert "Leaves our balance, estimated" in page


def test_a_failure_is_final_or_not_in_the_headline(client, sent):
    page, mark = rows_of(client, sent("process fail"))
    assert mark == "Heleket: failed, but not finally"
    assert "it failed, but not finally: it may still be paid." in page
    assert "The client will receive, if it is paid after all" in page

    page, mark = rows_of(client, sent("final_fail", rounds=2))
    assert mark == "Heleket: failed, final"
    assert "It was not paid: Heleket&#x27;s final word." in page


def test_an_earlier_try_keeps_its_own_tense(client, sent):
    payout = sent("final_fail", rounds=2)
    Payout.objects.filter(pk=payout.pk).update(
        status=PayoutStatus.PENDING, waiting_for="approvals", generation=2
    )
    page, mark = rows_of(client, payout)

    assert mark == ""
    assert "Came back to our balance" in page
    assert "The client receives" in page


def test_a_coin_of_another_network_waits_behind_its_own_coin_alone(read, queue, clock):
    PayoutMethodFactory(currency="TRX")
    other = PayoutFactory(status=PayoutStatus.APPROVED, currency="TRX", wallet=WalletFactory())

    assert "waits behind" not in read(page_of(other))
