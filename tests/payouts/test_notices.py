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
from payouts.models import Effective, Origin, Payout, PayoutNumber, PayoutStatus
from payouts.notices import notices_for, notices_for_wallets
from payouts.seen import see
from tests.factories import PayoutFactory, StaffFactory, WalletFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("usdt", "clock")]

DAY = timedelta(days=1)
ELSEWHERE = "TKPYpYU9M7sXP7pTJqrSWgUeoE1k1SPDmi"
TON = "UQA9H_c221kUl-jdkHcfki-Vq8iZKdqVCdGTrYo3rdPC6yuy"


def codes(payout):
    return [str(each.code) for each in notices_for([payout])[payout.pk]]


def sentence(payout, code):
    [found] = [each for each in notices_for([payout])[payout.pk] if each.code == code]
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
    wallet = WalletFactory(address=ELSEWHERE)
    paid_before(wallet, *["5"] * 3)
    return wallet


def paid_before(wallet, *amounts, **more):
    at = {"requested_at": money_clock.now() - timedelta(days=30)}
    for amount in amounts:
        status = {"status": PayoutStatus.CONFIRMED}
        PayoutFactory(wallet=wallet, amount=Decimal(amount), **at | status | more)


def test_of_a_usual_payout_there_is_nothing_to_say(known):
    assert codes(PayoutFactory(wallet=known)) == []


def test_the_first_payment_to_an_address_is_named(known):
    other = WalletFactory(client=known.client, network="eth", address="0x" + "1" * 40)

    assert codes(PayoutFactory(wallet=other)) == ["first_payment"]


def test_what_came_back_was_no_payment():
    wallet = WalletFactory()
    paid_before(wallet, "5", effective=Effective.NOT_PAID)

    assert codes(PayoutFactory(wallet=wallet)) == ["first_payment"]


def test_an_address_of_another_client_is_named(known):
    other = WalletFactory(address=ELSEWHERE, client__name="Mallory", status="frozen")

    assert sentence(PayoutFactory(wallet=known), "address_shared") == (
        f"The same address belongs to another client too: {other.client}."
    )


def test_two_memos_at_one_address_are_two_accounts():
    ours = WalletFactory(network="ton", address=TON, memo="1")
    WalletFactory(network="ton", address=TON, memo="2")

    assert codes(PayoutFactory(wallet=ours)) == ["first_payment"]


def test_a_memo_that_is_missing_is_named():
    ours = WalletFactory(network="ton", address=TON)
    with_memo = WalletFactory(client=ours.client, network="ton", address=TON, memo="2")
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


def test_c11_a_likely_duplicate_is_named_with_its_link(known, clock):
    def paid_now():
        return PayoutFactory(wallet=known, status=PayoutStatus.CONFIRMED, finished_at=clock())

    first = paid_now()
    clock.forward(hours=23)
    second = paid_now()
    clock.forward(hours=2)
    third = PayoutFactory(wallet=known)

    found = {payout: notices_for([payout])[payout.pk] for payout in (first, second, third)}
    links = {payout: notices[0].payouts for payout, notices in found.items()}
    assert links == {first: (second,), second: (third, first), third: (second,)}


def test_c11_twins_are_found_by_when_they_are_paid_however_long_ago_they_were_requested(
    known, clock
):
    retried, dated = PayoutFactory(wallet=known), PayoutFactory(pay_from=clock() + DAY)
    clock.forward(hours=30)
    paid = PayoutFactory(wallet=known, status=PayoutStatus.CONFIRMED, finished_at=clock())
    twin, later = PayoutFactory(), PayoutFactory(pay_from=clock() + 3 * DAY, amount=Decimal(9))
    long_ago = clock() - 9 * DAY
    far = PayoutFactory(pay_from=clock() + 9 * DAY, amount=Decimal(9), requested_at=long_ago)

    def links(payout):
        notices = notices_for([Payout.objects.get(pk=payout.pk)])[payout.pk]
        return {each for notice in notices for each in notice.payouts}

    assert links(retried) == {paid}
    assert links(twin) == {dated}
    assert links(later) == links(far) == set()


@pytest.mark.parametrize("status", [PayoutStatus.REJECTED, PayoutStatus.CANCELLED, "failed"])
def test_what_was_not_paid_is_no_duplicate(known, status):
    PayoutFactory(wallet=known, status=status)

    assert codes(PayoutFactory(wallet=known)) == []


def test_c11_an_invoice_is_paid_once(known, clock):
    """The same reference and amount of the same client is named however long ago it was."""
    paid_before(known, "5", reference="INV-7")
    other = WalletFactory(address="TDD97yguPESTpcrJMqU6h2ozZbibv4Vaqm")
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
        "Unusual for this client: 12 times the median of what was paid, 5 USDT."
    )


def test_more_than_the_95th_percentile_is_unusual(known):
    paid_before(known, *["8"] * 16, "30")  # with those of 5 USDT 20, the 19th of which is 8

    assert codes(PayoutFactory(wallet=known, amount=Decimal(8))) == []
    unusual = PayoutFactory(wallet=known, amount=Decimal("8.01"))
    assert sentence(unusual, "above_usual") == (
        "Unusual for this client: above the 95th percentile of what was paid, 8 USDT; "
        "the median is 8 USDT."
    )


def many(count):
    """So many payouts of fifty clients, each with a past."""
    wallets = [WalletFactory(address=f"T{number:033}") for number in range(50)]
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
            found = notices_for(some)
        assert found.keys() == {payout.pk for payout in some}
        return len(captured)

    assert statements(payouts) == statements(payouts[:1]) <= 12
    assert notices_for([]) == {}


def test_a_payout_that_is_not_stored_yet_has_notices(known):
    new = PayoutFactory.build(wallet=known, client=known.client, requested_by=None)

    assert codes(new) == []
    assert not Payout.objects.filter(pk=new.pk).exists()
