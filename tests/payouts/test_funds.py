"""What the balance covers goes, what it does not waits: in strict order, or passed over."""

import json
from decimal import Decimal

import pytest

from audit.actor import Actor, Channel
from audit.models import DeskEvent
from payouts import funds, submission
from payouts.explain import explain
from payouts.gateway import balance
from payouts.gateway.balance import Balance
from payouts.gateway.models import Pause
from payouts.models import Passing, PayoutStatus
from payouts.seen import see
from payouts.states import States
from tests import policies
from tests.factories import PayoutFactory, PayoutMethodFactory, StaffFactory, WalletFactory
from tests.payouts.rounds import now, submit_due
from wallets.models import PayoutMethod

pytestmark = pytest.mark.django_db

BOTH = pytest.mark.parametrize("order", ["strict", "what_fits"], indirect=True)


@pytest.fixture
def desk(office):
    """The office, at a Heleket with nothing in it whose fee it knows."""
    office.sandbox.ledger.balances["USDT"] = Decimal(0)
    service = office.sandbox.services["tron", "USDT"]
    PayoutMethod.objects.update(fee_amount=service.fee, percent=service.percent)
    return office


@pytest.fixture
def order(desk, request):
    """Have the policy choose this order of funds."""
    put_in_force(request.param)
    return request.param


def put_in_force(funds_order, hours=24):
    people = StaffFactory(roles=["Policy manager"]), StaffFactory(roles=["Policy manager"])
    values = {"funds_order": funds_order, "passed_over_hours": hours}
    policies.put_in_force(policies.with_values(policies.LENIENT, **values), people)


def fill(desk, amount):
    """Let there be so much at Heleket, and the desk know it."""
    desk.sandbox.ledger.balances["USDT"] = Decimal(amount)
    fetch(desk)


def explained(payout):
    return explain(now(payout), States.now(shows_balances=True))


def fetch(desk):
    balance.store(desk.client.get_balance(), asked_at=desk.clock())


def approved(*amounts):
    wallet = WalletFactory()
    return [
        PayoutFactory(status=PayoutStatus.APPROVED, wallet=wallet, amount=Decimal(amount))
        for amount in amounts
    ]


def work(desk, minutes):
    """Let minutes pass with a worker that asks for the balance once in each."""
    for _ in range(minutes):
        desk.work(minutes=1)
        fetch(desk)
        desk.submit()


def sent(desk):
    """The amounts that Heleket was asked to pay and has, in their order there."""
    return [int(each.amount) for each in desk.sandbox.payouts]


def called(desk):
    """The amounts of the create calls, in the order in which they came."""
    return [int(Decimal(json.loads(call.body)["amount"])) for call in desk.creates()]


# A balance that ends in the middle of a batch


@BOTH
def test_a18_what_the_balance_covers_goes_and_the_rest_waits_in_its_order(desk, order):
    fill(desk, 60)
    payouts = approved(20, 20, 20, 20)

    desk.submit()

    assert called(desk) == [20, 20]  # with the fees a third one is too much
    assert [now(each).status for each in payouts] == ["broadcast"] * 2 + ["approved"] * 2
    assert (Pause.objects.get().cause, Pause.objects.get().currency) == ("funds", "USDT")
    work(desk, 5)
    assert sent(desk) == [20, 20]
    fill(desk, 1000)
    work(desk, 5)
    assert sent(desk) == [20, 20, 20, 20]
    assert {now(each).status for each in payouts} == {PayoutStatus.CONFIRMED}
    assert not Pause.objects.exists()


def test_a18_in_strict_order_nothing_overtakes_what_does_not_fit(desk):
    fill(desk, 60)
    approved(40, 100, 5, 5)

    desk.submit()
    work(desk, 4)

    assert called(desk)[0] == 40
    assert set(called(desk)[1:]) == {100}  # the probes
    assert sent(desk) == [40]
    fill(desk, 500)
    work(desk, 2)
    assert sent(desk) == [40, 100, 5, 5]


@BOTH
def test_a18_a_coin_that_is_short_holds_up_no_other(desk, order, make_trx):
    fill(desk, 0)
    approved(40)
    other = make_trx()
    fetch(desk)
    desk.submit()
    desk.submit()
    assert now(other).status == PayoutStatus.BROADCAST


@pytest.fixture
def make_trx(desk):
    def make():
        PayoutMethodFactory(currency="TRX")
        desk.sandbox.top_up("TRX", "1000")
        return PayoutFactory(status=PayoutStatus.APPROVED, currency="TRX", wallet=WalletFactory())

    return make


def test_a18_the_fee_counts(desk):
    needs = PayoutMethod.objects.get().debit_for(Decimal(40))
    fill(desk, needs - Decimal("0.00000001"))
    approved(40)
    desk.submit()
    assert called(desk) == []
    fill(desk, needs)
    desk.submit()
    assert sent(desk) == [40]


def test_a18_a_person_who_sends_one_now_has_heleket_decide(desk):
    fill(desk, 0)
    [payout] = approved(40)
    desk.submit()
    desk.sandbox.ledger.balances["USDT"] = Decimal(1000)  # and nobody has asked since
    [seen] = see([payout])
    actor = Actor.staff(desk.person("Operator"), Channel.ADMIN)
    submission.send_now(seen, desk.client, desk.account, actor=actor)
    assert sent(desk) == [40]


@BOTH
@pytest.mark.parametrize("known", ["unknown", "old"])
def test_a18_a_balance_that_is_not_known_leaves_it_to_heleket(desk, order, known):
    """Its refusal is the check, of one probe at a time; nothing passes what was refused."""
    if known == "old":
        fill(desk, 100)
        desk.clock.forward(minutes=11)
    desk.sandbox.ledger.balances["USDT"] = Decimal(100)
    large, *_others = approved(900, 40, 30)

    desk.submit(limit=1)
    desk.work(minutes=8)

    words = "at 09:00:00, which is too long ago to go by" if known == "old" else "is not known"
    assert (
        f"the balance {'was 100 USDT ' if known == 'old' else ''}{words}"
        in explained(large).sentence
    )
    assert set(called(desk)) == {900}
    assert len(called(desk)) == 4  # after 1, 3 and 7 minutes
    desk.sandbox.top_up("USDT", "5000")
    desk.work(minutes=8)
    assert sent(desk) == [900, 40, 30]


@BOTH
def test_a18_what_heleket_refuses_though_its_balance_covers_it_is_left_to_probes(desk, order):
    fill(desk, 100)
    approved(60, 10)
    desk.sandbox.faults.add("forbidden", text="Not enough funds", path="/v1/payout", times=1)
    desk.submit(limit=1)
    assert called(desk) == [60]
    for _ in range(3):
        desk.submit()
    passed = [10] if order == "what_fits" else []
    assert called(desk) == [60, *passed]
    assert Balance.objects.get(currency="USDT").refused > 60

    fetch(desk)
    assert Balance.objects.get(currency="USDT").refused is None or not passed
    fill(desk, 101)  # another balance, so that it may be as it says
    desk.submit()
    assert sorted(sent(desk)) == [10, 60]


@BOTH
def test_a18_what_is_on_its_way_counts_until_the_balance_shows_it(desk, order):
    fill(desk, 100)
    approved(60)
    calls = submission.claim(10, desk.account).items
    approved(60, 20)
    fill(desk, 100)  # asked for while the call is on its way

    assert submission.claim(1, desk.account).items == []
    assert Pause.objects.get().currency == "USDT"
    answers = [submission.send(each, desk.client, timeout=10) for each in calls]
    submission.record(answers, desk.account)
    desk.clock.forward(seconds=1)
    fetch(desk)
    desk.submit()
    assert sent(desk) == ([60, 20] if order == "what_fits" else [60])


# A large one before small ones


def test_g39_in_strict_order_the_small_ones_wait_behind_the_large_one(desk):
    fill(desk, 100)
    large, small = approved(900, 40)

    desk.submit()
    work(desk, 4)

    assert sent(desk) == []
    assert not Passing.objects.exists()
    assert f"It waits behind {large}, which needs 90" in explained(small).sentence
    front = explained(large)
    assert "1 other waits behind it: 40 USDT." in front.sentence
    assert "An approver can put it on hold" in front.who
    fill(desk, 2000)
    work(desk, 2)
    assert sent(desk) == [900, 40]


@pytest.fixture
def what_fits(desk):
    put_in_force("what_fits")
    return desk


def test_g39_what_fits_goes_before_what_does_not_and_that_is_noted(what_fits):
    desk = what_fits
    fill(desk, 100)
    large, first, larger, second = approved(900, 40, 950, 30)
    began = desk.clock()

    desk.submit()
    work(desk, 2)

    assert sent(desk) == [40, 30]
    pairs = {(each.payout, each.over) for each in Passing.objects.all()}
    assert pairs == {(first, large), (second, large), (second, larger)}
    assert {each.at for each in Passing.objects.all()} == {began}
    assert first.events.get(event_type="claim").facts["passed"] == str(large)
    assert second.events.get(event_type="claim").facts["passed"] == f"{large}, {larger}"
    assert [now(each).status for each in (large, larger)] == ["approved"] * 2
    text = explained(large).sentence
    assert "It has been passed over since 2 Mar 2026, 09:00, by what fits the balance: " in text
    assert f"balance: {first}, {second}. Nothing passes it from 3 Mar 2026, 09:00 on." in text
    assert "the balance is 2" in text  # of 100, less what has left
    assert "What fits the balance goes before the rest" in explained(large).next
    assert "waits behind" not in explained(larger).sentence
    # That what fits was taken proves nothing about the others: they are short all the time.
    assert Pause.objects.get().currency == "USDT"
    assert DeskEvent.objects.filter(event_type="trip").count() == 1


def test_g39_what_was_passed_over_goes_by_itself_after_a_top_up(what_fits):
    desk = what_fits
    fill(desk, 100)
    approved(900, 40)
    desk.submit()
    work(desk, 4)  # the next probe is in minutes

    fill(desk, 2000)
    desk.submit()

    assert sent(desk) == [40, 900]
    desk.submit()
    assert not Pause.objects.exists()


def test_g39_what_was_passed_over_for_so_long_as_the_policy_says_is_passed_no_more(desk):
    put_in_force("what_fits", hours=2)
    fill(desk, 100)
    [large, _small] = approved(900, 40)
    desk.submit()
    assert sent(desk) == [40]

    desk.clock.forward(minutes=118)
    fetch(desk)
    approved(10)
    work(desk, 1)
    assert sent(desk) == [40, 10]

    desk.clock.forward(minutes=1)
    fetch(desk)
    [late] = approved(5)
    work(desk, 4)
    assert sent(desk) == [40, 10]
    assert f"It waits behind {large}" in explained(late).sentence
    assert "Nothing passes it any more." in explained(large).sentence

    fill(desk, 2000)
    work(desk, 2)
    assert sent(desk) == [40, 10, 900, 5]


def test_g39_an_approval_of_later_starts_anew_what_was_passed_over_before(desk):
    put_in_force("what_fits", hours=1)
    fill(desk, 100)
    [large, _small] = approved(900, 40)
    desk.submit()
    desk.clock.forward(hours=2)
    assert desk.act("HOLD", large, role="Approver", reason="Later").done
    assert desk.act("RELEASE", large, role="Approver").done
    desk.approve(large)
    fetch(desk)
    approved(10)
    work(desk, 1)
    assert sent(desk) == [40, 10]


def test_g39_with_the_large_one_on_hold_nothing_is_passed_over(what_fits):
    desk = what_fits
    fill(desk, 100)
    large, _small = approved(900, 40)
    assert desk.act("HOLD", large, role="Approver", reason="Later").done
    desk.submit()
    assert sent(desk) == [40]
    assert not Passing.objects.exists()


def test_g39_many_large_ones_in_front_hide_no_small_one(what_fits):
    desk = what_fits
    fill(desk, 100)
    approved(*[900] * 30, 40)
    for _ in range(2):
        submit_due(2, desk.client, desk.account)
    assert sent(desk) == [40]
    assert Passing.objects.count() == funds.MOST_PASSED
