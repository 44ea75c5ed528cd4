"""Where Heleket's list says otherwise than Heleket's own answer: harmless, if people say so."""

from decimal import Decimal

import pytest

from audit.refusals import Refused
from heleket.sandbox import endpoints
from payouts.models import Discrepancy, Payout, PayoutStatus
from payouts.outcomes import Outcome
from tests.reconciliation.conftest import states

pytestmark = pytest.mark.django_db


@pytest.fixture
def rounded(monkeypatch):
    """Have the list write amounts otherwise than info does."""

    def round_amounts(text):
        listed = endpoints.listed
        monkeypatch.setattr(endpoints, "listed", lambda *given: {**listed(*given), "amount": text})

    return round_amounts


def test_a_list_that_rounds_opens_what_one_person_may_explain_of_an_ended_payout_too(
    desk, pay, run, rounded
):
    [payout] = pay(1)
    rounded("5.01")

    code, report = run()

    assert (code, states(report)) == (2, [("opened", "listed")])
    found = Discrepancy.objects.get()
    assert (found.payout, found.theirs["amount"], found.is_critical) == (payout, "5.01", False)
    desk.end(found, Outcome.EXPLAINED, reason="It rounds there")
    found.refresh_from_db()
    assert (found.outcome, found.proposed_by) == ("explained", None)
    assert Payout.objects.get(pk=payout.pk).status == PayoutStatus.CONFIRMED

    assert run()[0] == 0
    rounded("5.02")
    assert states(run()[1]) == [("opened", "listed")]


def test_it_is_not_explained_away_while_heleket_s_own_answer_differs(
    desk, pay, run, rounded, at_heleket
):
    [payout] = pay(1)
    rounded("5.01")
    run()
    at_heleket(payout).amount = Decimal(50)
    found = Discrepancy.objects.get()

    with pytest.raises(Refused):
        desk.end(found, Outcome.EXPLAINED, reason="It rounds there")

    found.refresh_from_db()
    assert found.closed_at is None


@pytest.mark.parametrize("written", ["5", "5.000000000000", "5.00"])
def test_another_spelling_is_no_difference(desk, pay, run, rounded, written):
    pay(1)
    rounded(written)
    before = len(desk.questions())

    assert run()[0] == 0
    assert len(desk.questions()) == before
