"""Exchange rates: fetched in turns, exact on both databases, and used only if they are sound."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

import heleket
from audit import jobs
from audit.actor import Actor, Channel
from audit.models import DeskEvent
from audit.refusals import NotAllowed, Refusal, Refused
from heleket.sandbox.records import RATES
from payouts.controls import rates
from payouts.controls.codes import ControlsCode
from payouts.controls.jobs import FetchRates
from payouts.controls.models import ExchangeRate, PastRate
from payouts.controls.rates import Rate, RateBounds, Said, price, sound_rates
from payouts.engine import schedule, tasks
from payouts.engine.models import ScheduledJob
from payouts.engine.worker import Worker
from payouts.gateway import rate_limit
from payouts.gateway.models import RateLimit
from payouts.staff.codes import StaffCode
from payouts.staff.models import JointAct
from tests.factories import PayoutMethodFactory, StaffFactory
from wallets.amounts import MAX_AMOUNT

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("real_rates")]

MISSING, OLD = ControlsCode.RATE_MISSING, ControlsCode.RATE_OLD
SUSPICIOUS = ControlsCode.RATE_SUSPICIOUS


@pytest.fixture
def coins(usdt):
    PayoutMethodFactory(network="btc", currency="BTC")
    PayoutMethodFactory(network="eth", currency="SHIB")
    PayoutMethodFactory(network="btc", currency="NEVER")  # nothing is paid in it here


@pytest.fixture
def run(heleket_client, account, coins):
    """A run of the worker on a desk on which no rate was fetched yet."""
    ScheduledJob.objects.filter(name="fetch_rates").delete()

    def run(client=heleket_client, account=account):
        return Worker([FetchRates(client, account, 8)]).run(once=True)["fetch_rates"]

    return run


@pytest.fixture
def pass_time(run, heleket_client, account, clock):
    """Let minutes pass while the job has its turns."""
    job = FetchRates(heleket_client, account, 8)

    def pass_time(minutes, every=5):
        for _ in range(minutes // every):
            clock.forward(minutes=every)
            claimed = schedule.claim(job, 100)
            schedule.record(job, [job.call(question) for question in claimed.items])

    return pass_time


@pytest.fixture
def people():
    return [
        Actor.staff(StaffFactory(username=name, roles=["Policy manager"]), Channel.ADMIN)
        for name in ("petra", "pavel")
    ]


def of(currency="BTC", **bounds):
    """The rate of a coin, or the code of why there is none."""
    found = sound_rates([currency], bounds=RateBounds(**bounds))[currency]
    return found.code if isinstance(found, Refusal) else found.rate


def row(currency="BTC"):
    return ExchangeRate.objects.get(currency=currency)


def asked(sandbox):
    return [call.path.split("/")[3] for call in sandbox.calls if "exchange-rate" in call.path]


def say(currency, course, clock):
    """Have Heleket say something at this moment, of which the desk has a row."""
    rates.put_off([currency], clock())
    rates.take_over([Said(currency, Decimal(course), clock())])


# Fetched


def test_the_worker_asks_about_each_coin_that_can_be_paid_every_five_minutes(run, sandbox, clock):
    assert run() == 3
    assert sorted(asked(sandbox)) == ["BTC", "SHIB", "USDT"]
    assert sound_rates(["BTC", "SHIB"]) == {
        "BTC": Rate("BTC", Decimal(87000), clock(), "heleket"),
        "SHIB": Rate("SHIB", Decimal("0.000008"), clock(), "heleket"),
    }

    sandbox.prices["BTC"] = Decimal(90000)
    clock.forward(minutes=4, seconds=59)
    assert run() == 0
    assert of("BTC") == 87000
    clock.forward(seconds=1)
    assert run() == 3
    assert of("BTC") == 90000


def test_celery_fetches_rates_by_the_same_job(run, heleket_client, account, sandbox, monkeypatch):
    monkeypatch.setattr(tasks, "signed_in", lambda: (heleket_client, account))
    for _ in range(2):
        tasks.TASKS["fetch_rates"]()

    assert of("USDT") == 1
    assert len(asked(sandbox)) == 3
    assert FetchRates in jobs.REGISTERED.values()


def test_f10_rates_wait_for_the_rate_limit_some_coins_at_a_time(run, account, sandbox, clock):
    paced = replace(account, calls_per_second=1)
    job = FetchRates(None, paced, 8)
    rate_limit.consume(2, 1)
    assert job.claim(8).look_again == 1.0
    assert not ExchangeRate.objects.exists()

    clock.forward(seconds=2)
    assert run(account=paced) == 2
    clock.forward(seconds=30)
    assert run(account=paced) == 1
    assert sorted(asked(sandbox)) == ["BTC", "SHIB", "USDT"]


def test_a12_a_question_for_rates_that_meets_429_has_all_back_off(run, sandbox, clock):
    sandbox.faults.add("429_retry_after", path=RATES, rate=1, seconds=90)
    run()

    assert RateLimit.objects.get().backoff_until - clock() == timedelta(seconds=90)
    assert of("BTC") == MISSING


@pytest.mark.parametrize(
    "fault", ["500", "garbage", "refuse_connection", "unauthorized", "no_result", "timeout"]
)
def test_rates_that_cannot_be_fetched_stay_as_they_were_until_they_are_old(
    run, pass_time, sandbox, clock, caplog, fault
):
    run()
    fetched_at = clock()
    sandbox.prices["BTC"] = Decimal(90000)
    sandbox.faults.add(fault, path=RATES, rate=1)
    pass_time(minutes=120, every=30)

    assert sound_rates(["BTC"])["BTC"] == Rate("BTC", Decimal(87000), fetched_at, "heleket")
    assert "Heleket's rate of BTC stays as it was" in caplog.text
    pass_time(minutes=5)
    assert of("BTC") == OLD
    sandbox.faults.clear()
    pass_time(minutes=5)
    assert of("BTC") == 90000


def test_g61_a_coin_without_a_rate_is_unknown_and_not_zero(run, sandbox, caplog):
    del sandbox.prices["SHIB"]
    run()

    refusal = sound_rates(["SHIB"])["SHIB"]
    assert (refusal.code, row("SHIB").rate) == (MISSING, None)
    assert "There is no exchange rate yet (SHIB in USD)" in refusal.sentence
    assert of("DOGE") == MISSING
    assert of("BTC") == 87000
    assert "Heleket's rate of SHIB stays as it was: The currency was not found" in caplog.text


def test_without_a_payment_key_heleket_is_asked_as_its_documents_show(run, make_client, sandbox):
    with make_client(payment_key="") as client:
        run(client)
        assert of("BTC") == 87000


@pytest.fixture
def make_client(settings, sandbox):
    return lambda **keys: heleket.HeleketClient(
        merchant_id=settings.HELEKET_MERCHANT_ID,
        payout_key=settings.HELEKET_API_KEY,
        base_url=settings.HELEKET_PROJECT_URL,
        adapter=sandbox.adapter(),
        **keys,
    )


def test_a_refused_payment_key_leaves_rates_unknown(run, make_client, caplog):
    with make_client(payment_key="of another merchant") as client:
        run(client)

    assert of("BTC") == MISSING
    assert "Invalid Sign" in caplog.text


def test_g34_an_odd_rate_is_left_out_and_named(run, sandbox, pass_time, caplog):
    run()
    sandbox.faults.add("odd_member", path="/v1/exchange-rate/BTC/list", member="course", text="{}")
    pass_time(minutes=5)

    assert of("BTC") == 87000
    assert "entry 1 (BTC/USD) cannot be used: course is not a number" in caplog.text
    assert "Heleket's rate of BTC stays as it was: it names 0 rates in USD" in caplog.text
    assert row("SHIB").fetched_at > row("BTC").fetched_at


def test_the_reference_currency_is_worth_one_and_a_stable_coin_what_heleket_says(
    run, sandbox, settings, clock
):
    sandbox.prices["USDT"] = Decimal("0.98")
    run()
    assert (of("USD"), of("USDT")) == (1, Decimal("0.98"))
    assert sound_rates(["USD"])["USD"].provider == "reference"

    settings.REFERENCE_CURRENCY = "EUR"
    assert (of("EUR"), of("USDT"), of("USD")) == (1, MISSING, MISSING)
    ScheduledJob.objects.filter(name="fetch_rates").delete()
    run()
    assert of("BTC") == Decimal(75000)


# Sound, or not


def test_g61_rates_wrong_by_100000_for_ten_minutes_are_not_used_and_come_back_by_themselves(
    run, sandbox, clock
):
    run()
    sandbox.faults.add("wrong_rates", lasts=600)
    clock.forward(minutes=5)
    run()

    refusal = sound_rates(["BTC"])["BTC"]
    assert refusal.code == SUSPICIOUS
    assert "BTC in USD: 8,700,000,000, and 87,000 before" in refusal.sentence
    assert [of("SHIB"), of("USDT")] == [SUSPICIOUS, SUSPICIOUS]
    assert row().rate == 87000

    clock.forward(minutes=5)
    run()
    assert (of("BTC"), of("SHIB")) == (87000, Decimal("0.000008"))
    assert row().doubted_rate is None
    types = DeskEvent.objects.filter(event_type="doubt_rate")
    assert sorted(event.facts["coin"] for event in types) == ["BTC", "SHIB", "USDT"]


def test_g61_a_doubt_lasts_as_long_as_heleket_says_the_same_and_no_longer(run, pass_time, sandbox):
    run()
    sandbox.faults.add("wrong_rates", path="/v1/exchange-rate/BTC/list", rate=1, size=2)
    pass_time(minutes=240, every=20)
    assert of("BTC") == SUSPICIOUS
    assert DeskEvent.objects.filter(event_type="doubt_rate").count() == 1

    sandbox.faults.clear()
    sandbox.prices["BTC"] = Decimal(100_000)
    pass_time(minutes=5)
    assert of("BTC") == 100_000


@pytest.mark.parametrize("course", ["0", "-0.5", "0E-8", "100000000000000000000"])
def test_g61_what_is_no_price_is_in_doubt_and_nobody_can_accept_it(clock, people, course):
    say("BTC", 87000, clock)
    clock.forward(minutes=5)
    say("BTC", course, clock)

    assert (of("BTC"), row().rate) == (SUSPICIOUS, 87000)
    assert refused(rates.propose, row().pk, rates.facts_of(row()), "It is so", actor=people[0]) == (
        ControlsCode.RATE_NO_PRICE
    )
    assert not JointAct.objects.exists()
    clock.forward(minutes=5)
    say("BTC", 87001, clock)
    assert of("BTC") == 87001


def test_a_first_rate_that_is_no_price_is_in_doubt(clock):
    say("BTC", 0, clock)

    refusal = sound_rates(["BTC"])["BTC"]
    assert refusal.code == SUSPICIOUS
    assert "BTC in USD: 0, and none before" in refusal.sentence


@pytest.mark.parametrize(
    ("course", "is_sound"),
    [("130", True), ("130.00000001", False), ("70", True), ("69.99999999", False)],
)
def test_g61_a_rate_may_move_by_the_bound_and_not_by_a_unit_more(clock, course, is_sound):
    say("BTC", 100, clock)
    clock.forward(minutes=5)
    say("BTC", course, clock)

    assert of("BTC") == (Decimal(course) if is_sound else SUSPICIOUS)


def test_bounds_are_those_of_who_asks(clock):
    say("BTC", 100, clock)
    clock.forward(minutes=5)
    rates.take_over([Said("BTC", Decimal(150), clock())], bounds=RateBounds(most_change=Decimal(1)))
    clock.forward(minutes=31)

    assert of("BTC") == 150
    assert of("BTC", max_age=timedelta(minutes=30)) == OLD


def test_g61_a_rate_is_used_until_it_is_old_and_not_a_second_longer(clock):
    say("BTC", 100, clock)
    clock.forward(hours=2)
    assert of("BTC") == 100

    clock.forward(seconds=1)
    refusal = sound_rates(["BTC"])["BTC"]
    assert refusal.code == OLD
    assert "BTC in USD, 2026-03-02 09:00 UTC" in refusal.sentence
    assert refusal.reason.sentence.startswith("The exchange rate is too old (")


def test_an_answer_that_comes_late_changes_nothing(clock):
    early = Said("BTC", Decimal(99), clock())
    clock.forward(minutes=5)
    say("BTC", 100, clock)
    rates.take_over([early])
    assert of("BTC") == 100

    clock.forward(minutes=5)
    say("BTC", 1000, clock)
    rates.take_over([replace(early, asked_at=clock() - timedelta(minutes=1))])
    assert of("BTC") == SUSPICIOUS


def test_rates_of_many_coins_are_read_in_one_statement(run, django_assert_num_queries):
    run()
    with django_assert_num_queries(1):
        sound_rates(["BTC", "SHIB", "USDT", "USD", "DOGE"])


def test_many_answers_are_stored_in_as_many_statements_as_one(coins, clock):
    names = ["BTC", "SHIB", "USDT", "DOGE", "ETH"]
    rates.put_off(names, clock())

    def statements(said):
        clock.forward(hours=2)
        with CaptureQueriesContext(connection) as captured:
            rates.take_over([Said(name, Decimal(5), clock()) for name in said])
        return len(captured)

    assert statements(names[:1]) == statements(names)


# Two people


def refused(act, *args, **options):
    """The code with which an act is refused, after which nothing has changed."""

    def everything():
        rows = [ExchangeRate, PastRate, JointAct, DeskEvent]
        return [list(kind.objects.order_by("pk").values()) for kind in rows]

    before = everything()
    with pytest.raises(Refused) as refusal:
        act(*args, **options)
    assert everything() == before
    return refusal.value.code


@pytest.fixture
def jumped(clock):
    """A rate that Heleket has doubled for some time."""
    say("BTC", 87000, clock)
    clock.forward(minutes=5)
    say("BTC", 174000, clock)
    clock.forward(minutes=5)
    say("BTC", 175000, clock)
    return row()


def test_g61_two_people_accept_a_rate_that_has_jumped(jumped, people, clock):
    first, second = people
    facts = rates.facts_of(jumped)
    rates.propose(jumped.pk, facts, "The market crashed up", actor=first)
    assert of("BTC") == SUSPICIOUS
    joint = rates.proposed(row())

    rates.confirm(jumped.pk, joint.pk, facts, actor=second)

    said_at = clock() - timedelta(minutes=5)
    assert sound_rates(["BTC"])["BTC"] == Rate("BTC", Decimal(174000), said_at, "heleket")
    event = DeskEvent.objects.get(event_type="accept_rate")
    assert (event.person, event.reason) == (second.person, "The market crashed up")
    assert event.facts["proposed_by"] == str(first.person_id)
    assert (event.facts["coin"], event.facts["said"]) == ("BTC", "174,000")
    past = PastRate.objects.get(standing="accepted")
    assert (past.rate, past.joint) == (174000, joint)
    assert rates.due(clock()) == []  # nothing can be paid in it at this desk

    clock.forward(minutes=5)
    say("BTC", 176000, clock)
    assert of("BTC") == 176000


def test_heleket_is_asked_again_soon_about_an_accepted_rate(run, pass_time, sandbox, people, clock):
    run()
    sandbox.prices["BTC"] = Decimal(170_000)
    pass_time(minutes=240, every=20)
    facts = rates.facts_of(row())
    rates.propose(row().pk, facts, "So it is", actor=people[0])
    rates.confirm(row().pk, rates.proposed(row()).pk, facts, actor=people[1])
    assert of("BTC") == OLD  # it is of the moment at which Heleket said it first

    clock.forward(seconds=30)
    run()
    assert of("BTC") == 170_000


def test_g61_one_person_alone_accepts_nothing(jumped, people):
    facts = rates.facts_of(jumped)
    rates.propose(jumped.pk, facts, "It is so", actor=people[0])
    joint = rates.proposed(row())

    again = refused(rates.propose, jumped.pk, facts, "It is so", actor=people[1])
    alone = refused(rates.confirm, jumped.pk, joint.pk, facts, actor=people[0])

    assert (again, alone) == (StaffCode.PROPOSED_ALREADY, StaffCode.SECOND_PERSON)
    assert of("BTC") == SUSPICIOUS


def test_g61_who_proposed_it_needs_the_right_until_it_is_confirmed(jumped, people):
    first, second = people
    facts = rates.facts_of(jumped)
    rates.propose(jumped.pk, facts, "It is so", actor=first)
    first.person.groups.clear()

    joint = rates.proposed(row())
    code = refused(rates.confirm, jumped.pk, joint.pk, facts, actor=second)
    assert code == StaffCode.DRAFTER_GONE


def test_nobody_else_accepts_rates(jumped):
    facts = rates.facts_of(jumped)
    for role in ("Approver", "Operator", "User manager", "Auditor"):
        actor = Actor.staff(StaffFactory(roles=[role]), Channel.ADMIN)
        with pytest.raises(NotAllowed):
            rates.propose(jumped.pk, facts, "It is so", actor=actor)
    assert not JointAct.objects.exists()


def test_g61_what_was_proposed_is_over_once_the_rate_is_another(jumped, people, clock):
    facts = rates.facts_of(jumped)
    rates.propose(jumped.pk, facts, "It is so", actor=people[0])
    joint = rates.proposed(jumped)
    clock.forward(minutes=5)
    say("BTC", 8_700_000, clock)
    assert rates.proposed(row()) is None
    other = refused(rates.confirm, jumped.pk, joint.pk, facts, actor=people[1])

    clock.forward(minutes=5)
    say("BTC", 87_000, clock)
    over = refused(rates.confirm, jumped.pk, joint.pk, facts, actor=people[1])

    assert (other, over) == (StaffCode.FACTS_CHANGED, ControlsCode.RATE_NOT_DOUBTED)
    assert JointAct.objects.get().ending == "outdated"
    assert of("BTC") == 87_000


def test_what_was_proposed_can_be_withdrawn_or_declined(jumped, people):
    facts = rates.facts_of(jumped)
    for actor in people:
        rates.propose(jumped.pk, facts, "It is so", actor=people[0])
        joint = rates.proposed(row())
        rates.withdraw(jumped.pk, joint.pk, actor=actor)
        assert refused(rates.withdraw, jumped.pk, joint.pk, actor=actor) == StaffCode.PROPOSAL_OVER
    assert of("BTC") == SUSPICIOUS
    assert DeskEvent.objects.filter(event_type="withdraw_rate").count() == 2


# Exact, and kept


@pytest.mark.parametrize(
    "course", ["0.00000000000000000001", "999999999999999999.99999999", "0.000008123456789012"]
)
def test_d3_rates_are_exact_on_both_databases(clock, course):
    say("SHIB", course, clock)

    assert of("SHIB") == Decimal(course)
    assert PastRate.objects.get().rate == Decimal(course)
    assert ExchangeRate.objects.filter(rate=Decimal(course)).exists()


def test_d3_more_digits_than_the_column_has_are_rounded_at_the_twentieth(clock):
    say("SHIB", "8.1234567890123456E-6", clock)
    assert of("SHIB") == Decimal("0.00000812345678901235")
    assert PastRate.objects.get().text == "0.0000081234567890123456"


@pytest.mark.parametrize(
    ("amount", "rate", "worth"),
    [
        ("0.00000001", "0.5", "0"),
        ("0.00000003", "0.5", "0.00000002"),
        ("123456789.12345678", "0.00000812345678901234", "1002.89589175"),
        ("21000000", "87000.12345678", "1827002592592.38"),
    ],
)
def test_d3_an_amount_is_priced_exactly_and_rounded_half_to_even(amount, rate, worth):
    assert price(Decimal(amount), Decimal(rate)) == Decimal(worth)
    assert price(Decimal(amount), Decimal(rate)).as_tuple().exponent == -8


def test_nothing_is_worth_more_than_an_amount_can_be():
    assert price(Decimal(10**17), Decimal(87000)) == MAX_AMOUNT


def test_a_rate_of_a_clock_that_was_ahead_is_not_used_and_keeps_no_other_back(
    run, pass_time, clock
):
    clock.forward(days=400)
    run()
    clock.forward(days=-400)
    assert of("BTC") == OLD

    ScheduledJob.objects.update(due_at=clock())
    pass_time(minutes=5)
    assert of("BTC") == 87000


def test_one_rate_an_hour_is_kept_and_what_moves(clock):
    for minute in range(0, 125, 5):
        say("BTC", 100 + Decimal(minute) / 1000, clock)
        clock.forward(minutes=5)
    assert PastRate.objects.count() == 3

    say("BTC", 102, clock)
    clock.forward(minutes=5)
    say("BTC", 300, clock)
    clock.forward(minutes=5)
    say("BTC", 102, clock)
    kept = PastRate.objects.order_by("pk").values_list("text", "standing")
    assert list(kept)[3:] == [("102", "sound"), ("300", "suspicious"), ("102", "sound")]


def test_past_rates_are_only_added(clock):
    say("BTC", 100, clock)
    for change in (PastRate.objects.all().delete, lambda: PastRate.objects.update(text="7")):
        with pytest.raises(IntegrityError), transaction.atomic():
            change()
    assert PastRate.objects.get().text == "100"


@pytest.mark.parametrize(
    "columns", [{"rate": 0}, {"rate": None}, {"fetched_at": None}, {"doubted_rate": 5}]
)
def test_the_database_itself_refuses_a_rate_that_could_not_be_meant(clock, columns):
    say("BTC", 100, clock)
    with pytest.raises(IntegrityError), transaction.atomic():
        ExchangeRate.objects.update(**columns)
