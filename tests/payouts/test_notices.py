"""What is to be known before a decision: each notice when it is due, and no more than a few
statements for many payouts."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from audit import clock as money_clock
from audit.actor import Actor, Channel
from audit.operations import perform
from payouts import operations
from payouts.controls.flags import Flag
from payouts.known import Known
from payouts.models import Effective, Origin, Payout, PayoutNumber, PayoutStatus
from payouts.notices import level_of, notices_for, notices_for_wallets
from payouts.seen import see
from tests import policies
from tests.factories import PayoutFactory, StaffFactory, WalletFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("usdt", "clock")]

DAY = timedelta(days=1)
ELSEWHERE = "TKPYpYU9M7sXP7pTJqrSWgUeoE1k1SPDmi"
TON = "UQA9H_c221kUl-jdkHcfki-Vq8iZKdqVCdGTrYo3rdPC6yuy"


def old_wallet(**more):
    """A wallet that was approved so long ago that its youth is nothing to speak of."""
    return WalletFactory(approved_at=money_clock.now() - 30 * DAY, **more)


def codes(payout):
    return [str(each.code) for each in notices_for(Known([payout]))[payout.pk]]


def level(payout):
    return level_of(notices_for(Known([payout]))[payout.pk])


def sentence(payout, code):
    [found] = [each for each in notices_for(Known([payout]))[payout.pk] if each.code == code]
    return found.sentence


def act(name, payout, **more):
    seen = see([Payout.objects.get(pk=payout.pk)])
    person = StaffFactory(roles=["Approver", "Operator", "Requester"], username=f"who-{name}")
    by = Actor.staff(person, Channel.ADMIN)
    [outcome] = perform(getattr(operations, name), seen, actor=by, **more)
    assert outcome.done, outcome.text
    return Payout.objects.get(pk=payout.pk)


@pytest.fixture
def known():
    """A wallet at which its client was paid before, always the same amount."""
    wallet = old_wallet(address=ELSEWHERE)
    paid_before(wallet, *["5"] * 3)
    return wallet


def paid_before(wallet, *amounts, **more):
    long_ago = money_clock.now() - timedelta(days=30)
    at = {"requested_at": long_ago, "finished_at": long_ago}
    for amount in amounts:
        status = {"status": PayoutStatus.CONFIRMED}
        PayoutFactory(wallet=wallet, amount=Decimal(amount), **at | status | more)


def test_of_a_usual_payout_there_is_nothing_to_say(known):
    payout = PayoutFactory(wallet=known)
    assert codes(payout) == []
    assert level(payout) == Flag.NONE


def test_the_worst_comes_first_and_is_the_flag_of_the_payout(known):
    other = old_wallet(address=ELSEWHERE)
    paid_before(other, "1")
    payout = act("HOLD", PayoutFactory(wallet=other, amount=Decimal(10)), reason="Ask")

    assert codes(payout) == ["address_shared", "many_times_usual", "was_held"]
    assert level(payout) == Flag.HIGH


def test_the_first_payment_to_an_address_is_named(known):
    other = old_wallet(client=known.client, network="eth", address="0x" + "1" * 40)

    assert codes(PayoutFactory(wallet=other)) == ["first_payment"]


def test_what_came_back_was_no_payment():
    wallet = old_wallet()
    paid_before(wallet, "5", effective=Effective.NOT_PAID)

    assert codes(PayoutFactory(wallet=wallet)) == ["first_payment"]


def test_an_address_of_another_client_is_named(known):
    other = old_wallet(address=ELSEWHERE, client__name="Mallory", status="frozen")

    assert sentence(PayoutFactory(wallet=known), "address_shared") == (
        f"The same address belongs to another client too: {other.client}."
    )


def test_a_wallet_that_nobody_has_approved_casts_little_doubt_on_the_one_that_is_paid(known):
    other = WalletFactory(address=ELSEWHERE, status="new", approved_at=None, approved_by=None)

    assert codes(PayoutFactory(wallet=known)) == ["address_shared"]
    assert level(PayoutFactory(wallet=known, purpose="Fee", amount=Decimal(6))) == Flag.LOW
    assert [each.level for each in notices_for_wallets([other])[other.pk]] == [Flag.HIGH]


def test_a_wallet_is_young_for_a_day_unless_it_was_paid_before_that(known, clock):
    young = WalletFactory(client=known.client, network="eth", address="0x" + "1" * 40)
    clock.forward(hours=23)

    payout = PayoutFactory(wallet=young)
    assert sentence(payout, "first_to_young_wallet") == (
        "First payment to a young wallet: it was approved 23\u00a0hours ago."
    )
    assert level(payout) == Flag.MEDIUM
    paid = PayoutFactory(wallet=young, amount=Decimal(6), status=PayoutStatus.CONFIRMED)
    assert codes(payout) == ["young_wallet"]
    type(young).objects.filter(pk=known.pk).update(approved_at=clock())  # released once more
    assert codes(PayoutFactory(wallet=known, amount=Decimal(7))) == []

    clock.forward(hours=1)
    assert codes(payout) == []
    Payout.objects.filter(pk=paid.pk).update(status="failed")
    assert codes(payout) == ["first_payment"]


def test_two_memos_at_one_address_are_two_accounts():
    ours = old_wallet(network="ton", address=TON, memo="1")
    old_wallet(network="ton", address=TON, memo="2")

    assert codes(PayoutFactory(wallet=ours)) == ["first_payment"]


def test_a_memo_that_is_missing_is_named():
    ours = old_wallet(network="ton", address=TON)
    with_memo = old_wallet(client=ours.client, network="ton", address=TON, memo="2")
    payout = PayoutFactory(wallet=ours)

    assert codes(payout) == ["memo_needed", "first_payment"]
    assert [str(each.code) for each in notices_for_wallets([ours])[ours.pk]] == ["memo_needed"]

    type(ours).objects.filter(pk=with_memo.pk).update(status="archived")
    assert codes(payout) == ["first_payment"]


def test_an_edit_is_named_with_its_author_and_both_amounts(known):
    payout = PayoutFactory(wallet=known)
    edit = operations.Edit(known, "USDT", Decimal(7), "Ransom")
    editor = StaffFactory(roles=["Requester"], username="rosa")
    by = Actor.staff(editor, Channel.ADMIN)

    operations.edit_payout(see([payout])[0], edit, reason="Agreed", actor=by)
    payout = Payout.objects.get(pk=payout.pk)
    assert sentence(payout, "edited") == "Edited by rosa: 5 USDT → 7 USDT; Prize → Ransom."

    edit = operations.Edit(known, "USDT", Decimal(5), "Prize")
    operations.edit_payout(see([payout])[0], edit, reason="No", actor=by)
    assert codes(Payout.objects.get(pk=payout.pk)) == ["edited_back"]


@pytest.mark.parametrize(
    ("is_requester", "amount", "expected"),
    [(False, 7, Flag.MEDIUM), (True, 7, Flag.LOW), (False, 5, Flag.LOW)],
)
def test_what_others_make_of_the_sum_weighs_more(known, is_requester, amount, expected):
    payout = PayoutFactory(wallet=known)
    editor = payout.requested_by if is_requester else StaffFactory(roles=["Requester"])
    edit = operations.Edit(known, "USDT", Decimal(amount), "Fee")
    by = Actor.staff(editor, Channel.ADMIN)

    operations.edit_payout(see([payout])[0], edit, reason="Agreed", actor=by)

    assert level(Payout.objects.get(pk=payout.pk)) == expected


def test_a_hold_is_named_with_its_reason_after_the_release(known):
    payout = act("HOLD", PayoutFactory(wallet=known), reason="Ask the client")
    payout = act("RELEASE", payout)

    assert sentence(payout, "was_held") == "Put on hold by who-HOLD: “Ask the client”"


def test_a_try_that_failed_is_named(known, office):
    payout = PayoutFactory(wallet=known, status=PayoutStatus.APPROVED)
    office.submit()
    office.sandbox.set_fate("final_fail", order_id=payout.order_id("test"))
    office.until(lambda: Payout.objects.get(pk=payout.pk).status == PayoutStatus.FAILED)

    assert codes(act("RETRY", payout, reason="Again")) == ["failed_before"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"status": "frozen"}, "wallet_frozen"),
        ({"status": "archived"}, "wallet_archived"),
        ({"client": False}, "client_closed"),
    ],
)
def test_where_nothing_can_go_comes_first(known, change, code):
    payout = PayoutFactory(wallet=known)
    if "client" in change:
        type(known.client).objects.update(is_active=False)
    else:
        type(known).objects.update(**change)

    assert codes(payout) == [code]


def links(payout):
    found = notices_for(Known([Payout.objects.get(pk=payout.pk)]))[payout.pk]
    return {str(each.code): each.payouts for each in found if each.payouts}


def test_c11_the_same_for_the_same_purpose_within_days_is_a_likely_duplicate(known, clock):
    def paid_now(**more):
        more |= {"status": PayoutStatus.CONFIRMED, "finished_at": clock()}
        return PayoutFactory(wallet=known, **more)

    first, refund = paid_now(), paid_now(purpose="Refund", amount=Decimal(6))
    clock.forward(days=6)
    elsewhere = old_wallet(client=known.client, network="eth", address="0x" + "1" * 40)
    again = PayoutFactory(wallet=elsewhere, purpose="Prize")

    found = notices_for(Known([again]))[again.pk][0]
    assert (str(found.code), found.level, found.payouts) == (
        "likely_duplicate",
        Flag.HIGH,
        (first,),
    )
    assert found.sentence.startswith("Likely a duplicate: ")
    other = PayoutFactory(wallet=known, amount=Decimal(6))
    assert links(other) == {}  # for another purpose
    Payout.objects.filter(pk=other.pk).update(purpose="Refund")
    assert links(other) == {"likely_duplicate": (refund,)}
    clock.forward(days=1)
    assert links(PayoutFactory(wallet=known, amount=Decimal("5.01"), purpose="Refund")) == {}
    late = PayoutFactory(wallet=known, amount=Decimal(6), purpose="Refund")
    assert links(late) == {"likely_duplicate": (other,)}


def test_c11_the_next_period_of_a_plan_is_no_duplicate(known):
    plan = {"wallet": known, "origin": Origin.SCHEDULED, "purpose": "Salary", "amount": Decimal(9)}
    may, june = [PayoutFactory(**plan, trigger=f"plan 1 {month}") for month in ("may", "june")]
    again = PayoutFactory(**plan, trigger="plan 1 june")

    assert links(may) == {"same_amount": (again, june)}
    assert links(june) == {"likely_duplicate": (again,), "same_amount": (may,)}
    typed = PayoutFactory(**plan | {"origin": Origin.MANUAL})
    assert links(typed) == {"likely_duplicate": (again, june, may)}


def test_c11_the_same_amount_of_a_client_within_hours_is_named_whatever_the_address(known, clock):
    first = PayoutFactory(wallet=known, purpose="May")
    clock.forward(hours=23)
    elsewhere = old_wallet(client=known.client, network="eth", address="0x" + "1" * 40)
    second = PayoutFactory(wallet=elsewhere, purpose="June")
    stranger = old_wallet(address=ELSEWHERE)
    third = PayoutFactory(wallet=stranger, purpose="July")

    assert links(second) == {"same_amount": (first,)}
    assert links(third) == {"same_amount_there": (first,)}
    assert links(first) == {"same_amount": (second,), "same_amount_there": (third,)}
    Payout.objects.filter(wallet__address=ELSEWHERE).update(status="confirmed", finished_at=clock())
    Payout.objects.filter(pk=second.pk).update(status="cancelled")
    clock.forward(hours=25)
    assert links(PayoutFactory(wallet=known, purpose="August")) == {}


def test_c11_twins_are_found_by_when_they_are_paid_however_long_ago_they_were_requested(
    known, clock
):
    retried = PayoutFactory(wallet=known, purpose="Retried")
    dated = PayoutFactory(pay_from=clock() + DAY)
    clock.forward(hours=30)
    paid = PayoutFactory(wallet=known, status=PayoutStatus.CONFIRMED, finished_at=clock())
    twin, later = PayoutFactory(), PayoutFactory(pay_from=clock() + 3 * DAY, amount=Decimal(9))
    long_ago = clock() - 9 * DAY
    far = PayoutFactory(pay_from=clock() + 9 * DAY, amount=Decimal(9), requested_at=long_ago)

    assert links(retried) == {"same_amount": (paid,)}
    assert links(twin) == {"same_amount_there": (dated,)}
    assert links(later) == links(far) == {}


@pytest.mark.parametrize("status", [PayoutStatus.REJECTED, PayoutStatus.CANCELLED, "failed"])
def test_what_was_not_paid_is_no_duplicate(known, status):
    PayoutFactory(wallet=known, status=status)

    assert codes(PayoutFactory(wallet=known)) == []


def test_c11_an_invoice_is_paid_once(known, clock):
    """The same reference and amount of the same client is named however long ago it was."""
    paid_before(known, "5", reference="INV-7")
    other = old_wallet(address="TDD97yguPESTpcrJMqU6h2ozZbibv4Vaqm")
    paid_before(other, "5", reference="INV-8")

    assert codes(PayoutFactory(wallet=known, reference="INV-7")) == ["same_reference"]
    clock.forward(days=2)
    assert "same_reference" not in codes(PayoutFactory(wallet=known, reference="INV-8"))
    more = PayoutFactory(wallet=known, reference="INV-7", amount=Decimal(6))
    assert "same_reference" not in codes(more)


def test_ten_times_the_median_is_unusual(known):
    paid_before(known, "6", "7")

    assert codes(PayoutFactory(wallet=known, amount=Decimal("49.99"))) == []
    unusual = PayoutFactory(wallet=known, amount=Decimal(60))
    assert sentence(unusual, "many_times_usual") == (
        "Unusual for this client: 12 times the median of what was paid last, 5 USDT."
    )


def test_d11_a_hundred_times_the_median_looks_like_a_slip(known):
    assert level(PayoutFactory(wallet=known, amount=Decimal("499.99"))) == Flag.MEDIUM
    assert level(PayoutFactory(wallet=known, amount=Decimal(500))) == Flag.HIGH


def test_what_was_paid_last_is_usual_and_each_coin_by_itself(known):
    paid_before(known, *["100"] * 22)
    paid_before(known, *["5"] * 20)
    paid_before(known, *["700"] * 3, currency="USDC")
    in_both = [
        PayoutFactory(wallet=known, amount=Decimal(60)),
        PayoutFactory(wallet=known, amount=Decimal(60), currency="USDC"),
    ]

    found = notices_for(Known(in_both))

    [unusual] = found[in_both[0].pk]
    assert unusual.sentence.endswith("12 times the median of what was paid last, 5 USDT.")
    assert found[in_both[1].pk] == []


def test_more_than_the_95th_percentile_is_unusual(known):
    paid_before(known, *["8"] * 16, "30")  # with those of 5 USDT 20, the 19th of which is 8

    assert codes(PayoutFactory(wallet=known, amount=Decimal(8))) == []
    unusual = PayoutFactory(wallet=known, amount=Decimal("8.01"))
    assert sentence(unusual, "above_usual") == (
        "Unusual for this client: above the 95th percentile of what was paid last, 8 USDT; "
        "the median is 8 USDT."
    )


@pytest.fixture
def thresholds(known):
    """More than 1,000, of a payout or of its client in a day, takes two."""
    managers = StaffFactory(roles=["Policy manager"]), StaffFactory(roles=["Policy manager"])
    more = [
        policies.require(2, name, amounts={measure: {"above": "1000"}})
        for name, measure in [("Large", "payout"), ("Day", "client_day")]
    ]
    limits = [{"of": "payout", "at_most": "50000"}]
    rules = [*policies.LENIENT["rules"], *more]
    policies.put_in_force({**policies.LENIENT, "rules": rules, "limits": limits}, managers)


def under(payout):
    found = notices_for(Known([payout]))[payout.pk]
    return [each.sentence for each in found if str(each.code).endswith("under_threshold")]


@pytest.mark.parametrize(
    ("amount", "is_under"),
    [("899.99", False), ("900", True), ("1000", True), ("1000.01", False)],
)
def test_a_sum_just_under_a_threshold_is_named(thresholds, amount, is_under):
    payout = PayoutFactory(wallet=old_wallet(), amount=Decimal(amount))
    assert bool(under(payout)) == is_under


def test_what_a_client_has_within_a_day_counts_together(thresholds, known):
    PayoutFactory(wallet=known, amount=Decimal(7), status=PayoutStatus.REJECTED)
    PayoutFactory(wallet=known, amount=Decimal(480))
    PayoutFactory(wallet=old_wallet(), amount=Decimal(481))

    [sentence] = under(PayoutFactory(wallet=known, amount=Decimal(470)))

    assert "this client has 950.00 USD, and above 1,000.00 USD the policy asks for more" in sentence


def test_what_comes_near_the_limit_for_one_payout_is_named(thresholds):
    payout = PayoutFactory(wallet=old_wallet(), amount=Decimal(49_000))
    assert any(each.code == "near_limit" for each in notices_for(Known([payout]))[payout.pk])


def test_what_has_no_sound_rate_is_under_no_threshold(thresholds, real_rates):
    payout = PayoutFactory(wallet=old_wallet(), amount=Decimal(950), currency="DOGE")
    assert under(payout) == []


def many(count):
    """So many payouts of fifty clients, each with a past."""
    wallets = [old_wallet(address=f"T{number:033}") for number in range(50)]
    by = StaffFactory(roles=["Requester"])
    rows = [
        Payout(
            id=Payout.id_for("test", wallet.client, f"manual:{number}"),
            number=PayoutNumber(pk=10_000 + number).pk,
            client=wallet.client,
            wallet=wallet,
            network=wallet.network,
            address=wallet.address,
            currency="USDT",
            amount=Decimal(5),
            purpose="Prize",
            reference=f"INV-{number % 100}",
            origin=Origin.MANUAL,
            idempotency_key=f"manual:{number}",
            requested_at=money_clock.now(),
            requested_by=by,
            status=PayoutStatus.CONFIRMED if number % 2 else PayoutStatus.PENDING,
        )
        for number, wallet in zip(range(count), wallets * (count // 50 + 1), strict=False)
    ]
    return Payout.objects.bulk_create(rows)


def test_a_thousand_payouts_take_as_few_statements_as_one(django_assert_max_num_queries):
    payouts = many(1000)

    def statements(some):
        with CaptureQueriesContext(connection) as captured:
            found = notices_for(Known(some))
        assert found.keys() == {payout.pk for payout in some}
        return len(captured)

    one = statements(payouts[:1])
    assert statements(payouts) <= one <= 20
    assert notices_for(Known([])) == {}


@pytest.mark.postgres
def test_a_thousand_payouts_are_looked_at_on_statistics_of_an_empty_desk():
    """Just after an import the database still plans for an empty table: a plan that compares each
    with each and with each again takes an hour, and holds up whoever approves."""
    payouts = many(1000)
    with connection.cursor() as cursor:
        tables = "('payouts_payout', 'wallets_client')"
        cursor.execute(
            f"UPDATE pg_class SET reltuples = 0, relpages = 79 WHERE relname IN {tables}"
        )
        cursor.execute("SET LOCAL statement_timeout = '20s'")

    assert notices_for(Known(payouts)).keys() == {payout.pk for payout in payouts}


def test_a_payout_that_is_not_stored_yet_has_notices(known):
    new = PayoutFactory.build(wallet=known, client=known.client, requested_by=None)

    assert codes(new) == []
    assert not Payout.objects.filter(pk=new.pk).exists()
