from datetime import timedelta

import pytest

from audit import clock
from benchmarks import copies
from payouts.models import Approval, Attempt, Discrepancy, Payout, PayoutEvent, PayoutNumber
from tests.factories import DiscrepancyFactory, PayoutFactory

COPIES = 60


@pytest.mark.postgres
@pytest.mark.django_db
def test_a_copy_has_the_rows_of_its_original_with_values_of_its_own():
    """Whatever columns these tables get, and whatever is unique in them."""
    over = PayoutFactory(status="confirmed", reference="INV-7")
    waits = PayoutFactory(status="approved", wallet=over.wallet)
    tried = Attempt.objects.create(
        payout=over, generation=1, order_id="b01", created_at=clock.now(), uuid="a", txid="t"
    )
    DiscrepancyFactory(payout=over, attempt=tried)
    last = waits.number + COPIES
    start = clock.now() - copies.YEARS

    copies.multiply(last, start)

    of_over = Payout.objects.filter(status="confirmed")
    of_waits = Payout.objects.filter(status="approved")
    assert of_over.count() + of_waits.count() == 2 + COPIES
    assert min(of_over.count(), of_waits.count()) > 1
    assert PayoutEvent.objects.count() == of_over.count() + 2 * of_waits.count()
    assert Approval.objects.count() == of_waits.count()
    assert Attempt.objects.count() == Discrepancy.objects.count() == of_over.count()
    assert {each.attempt.payout_id for each in Discrepancy.objects.all()} == {
        each.pk for each in of_over
    }
    newest = Payout.objects.latest("number")
    assert (newest.number, newest.wallet) == (last, over.wallet)
    assert abs(newest.requested_at - start - copies.YEARS) < timedelta(minutes=1)
    assert PayoutNumber.objects.create().pk == last + 1
