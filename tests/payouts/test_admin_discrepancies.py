"""Discrepancies in the Admin: what is shown of them, and how two people end one."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils.html import strip_tags

from payouts.gateway import accounts
from payouts.models import Discrepancy, Payout, PayoutStatus
from payouts.staff.models import JointAct
from tests.every_page import unmarked
from tests.factories import DiscrepancyFactory, PayoutFactory, StaffFactory

pytestmark = pytest.mark.django_db

NOT_PAID = {"outcome": "not_paid", "reason": "Support says it is another payout"}


@pytest.fixture(autouse=True)
def gateway(monkeypatch, heleket_client):
    monkeypatch.setattr(accounts, "heleket_client", lambda: heleket_client)


@pytest.fixture
def found(office):
    """Heleket has 9,500.5 where 5 were sent, under our order id."""
    payout = PayoutFactory(status=PayoutStatus.APPROVED)
    office.sandbox.set_fate("stuck")
    office.sandbox.add_foreign_payout(
        order_id=payout.order_id("test"), amount="9500.5", address=payout.address
    )
    office.submit()
    return Discrepancy.objects.get()


@pytest.fixture
def log_in(client):
    def log_in(*roles, **more):
        person = StaffFactory(roles=roles, **more)
        client.force_login(person)
        return person

    return log_in


def page(found, name="change"):
    return reverse(f"admin:payouts_discrepancy_{name}", args=[found.pk])


def text(response):
    return response.content.decode()


def propose(client, found, **fields):
    shown = client.get(page(found, "end"))
    seen = shown.context["form"]["seen"].value()
    return client.post(page(found, "end"), {"seen": seen, **fields}, follow=True)


def confirm(client, found, name="confirm"):
    shown = client.get(page(found)).context
    seen = {"proposal": shown["proposed"].pk, "seen": shown["discrepancy"].facts}
    return client.post(page(found, name), seen, follow=True)


def standing():
    return [
        *Payout.objects.values("status", "effective", "waiting_for"),
        *Discrepancy.objects.values("outcome", "closed_at", "closed_by"),
        *JointAct.objects.values("ending"),
    ]


def test_both_sides_stand_beside_each_other_in_the_same_digits(client, log_in, found):
    log_in("Approver")

    response = client.get(page(found))

    lines = {each.name: each for each in response.context["lines"]}
    assert strip_tags(lines["Amount"].ours) == "5.0"
    assert strip_tags(lines["Amount"].theirs) == "9500.5"
    differ = {name for name, line in lines.items() if line.differs}
    assert differ == {"Amount"}
    assert lines["Heleket's id"].theirs
    assert "First seen" in text(response)
    assert "End it" not in text(response)


def test_an_answer_that_names_no_order_id_is_shown_as_asked_by_ours(client, log_in, found):
    log_in("Approver")
    ours = found.ours["order_id"]
    assert "order_id" not in found.theirs

    shown = client.get(page(found))

    [line] = [each for each in shown.context["lines"] if each.name == "Order id"]
    assert (line.ours, line.theirs, line.differs) == (ours, ours, False)
    assert f"{ours} asked by it" in " ".join(strip_tags(unmarked(shown)).split())

    Discrepancy.objects.update(theirs={"status": "not found"})
    [line] = [each for each in client.get(page(found)).context["lines"] if each.name == "Order id"]
    assert line.theirs == "—"


def test_what_heleket_paid_is_copied_and_looked_up_as_on_a_payouts_page(client, log_in, found):
    log_in("Operator")
    txid, address = "4e" * 32, "TKPYpYU9M7sXP7pTJqrSWgUeoE1k1SPDmi"
    Discrepancy.objects.update(theirs={**found.theirs, "txid": txid, "address": address})

    for name in ("change", "end"):
        shown = text(client.get(page(found, name)))
        assert "payouts/desk.js" in shown
        for fact, way in ((txid, "transaction"), (address, "address")):
            assert f'data-copy="{fact}"' in shown
            assert f'href="https://tronscan.org/#/{way}/{fact}"' in shown


def test_i19_a_discrepancy_is_ended_by_two_people_with_a_reason(client, log_in, found):
    omar = log_in("Operator")
    empty = client.post(page(found, "end"), {"outcome": "not_paid", "reason": " "})
    assert empty.context["form"].errors.keys() == {"reason"}
    assert Discrepancy.objects.get().closed_at is None

    answer = propose(client, found, **NOT_PAID)

    assert "Another person has to confirm it." in text(answer)
    assert "Confirm: Not paid" not in text(answer)
    before = standing()
    assert "another person has to confirm" in text(confirm(client, found))
    assert standing() == before

    olga = log_in("Operator")
    assert "Confirm: Not paid" in text(client.get(page(found)))
    assert "Ended." in text(confirm(client, found))

    ended = Discrepancy.objects.get()
    assert (ended.proposed_by, ended.closed_by, ended.outcome) == (omar, olga, "not_paid")
    payout = Payout.objects.get()
    assert payout.status == PayoutStatus.FAILED
    shown = text(client.get(reverse("admin:payouts_payout_change", args=[payout.pk])))
    assert "Heleket has another payout under our order id: Not paid." in shown
    assert NOT_PAID["reason"] in shown


@pytest.mark.parametrize(
    ("fields", "refusal"),
    [
        ({**NOT_PAID, "outcome": "as_heleket"}, "not said its final word"),
        ({**NOT_PAID, "outcome": "explained"}, "no harmless difference"),
        ({**NOT_PAID, "outcome": "left"}, "a time to come"),
        ({**NOT_PAID, "outcome": "linked"}, "valid choice"),
        ({**NOT_PAID, "again_on": "31.31.2026"}, "valid date"),
        ({**NOT_PAID, "seen": "old"}, "facts have changed"),
    ],
)
def test_g51_what_the_facts_do_not_allow_is_refused_in_a_sentence(
    client, log_in, found, fields, refusal
):
    log_in("Operator")
    before = standing()

    answer = propose(client, found, **fields)

    assert refusal in text(answer)
    assert standing() == before


def test_the_day_to_look_again_says_what_it_is_needed_for(client, log_in, found):
    log_in("Operator")

    shown = strip_tags(text(client.get(page(found, "end"))))

    assert "Look at it again on (needed for: Left stopped)" in shown
    assert "optional" not in shown


def test_a_day_to_look_again_is_kept(client, log_in, found, clock):
    log_in("Operator")
    day = (clock() + timedelta(days=3)).date()

    answer = propose(client, found, outcome="left", reason="Support asks", again_on=str(day))

    assert f"{day:%-d %b %Y}" in text(answer)
    log_in("Operator")
    confirm(client, found)
    assert Discrepancy.objects.get().reopens_at.date() == day


def test_a_proposal_is_withdrawn_by_post_alone(client, log_in, found):
    log_in("Operator")
    propose(client, found, **NOT_PAID)
    assert client.get(page(found, "withdraw")).status_code == 405
    assert client.get(page(found, "confirm")).status_code == 405
    assert JointAct.objects.get().ended_at is None

    assert "withdrawn" in text(confirm(client, found, "withdraw"))

    assert JointAct.objects.get().ending == "withdrawn"
    assert "End it" in text(client.get(page(found)))


def state(client):
    response = client.get(reverse("admin:payouts_discrepancy_changelist"))
    shown, column = response.context["cl"], response.context["cl"].model_admin.state
    return [column(found) for found in shown.result_list]


def test_a_proposed_end_stands_where_its_payout_and_all_discrepancies_are_shown(
    client, log_in, found
):
    omar = log_in("Operator")
    payout = reverse("admin:payouts_payout_change", args=[found.payout_id])
    assert state(client) == [("open", "open")]
    assert "An operator has to find out why" in text(client.get(payout))

    propose(client, found, **NOT_PAID)

    words = f"{omar} proposes: Not paid. Another operator has to confirm or decline it."
    assert words in strip_tags(text(client.get(payout)))
    assert "has to find out why" not in text(client.get(payout))
    assert state(client) == [("proposed", "proposed")]

    Discrepancy.objects.update(theirs={**found.theirs, "status": "paid"})
    words = f"{omar} proposed: Not paid. The facts have changed since"
    assert words in strip_tags(text(client.get(payout)))
    assert state(client) == [("open", "open")]


PROPOSALS = [
    (NOT_PAID, "P-1 becomes Not paid. Heleket has failed it for good, never had it, or has"),
    ({"outcome": "left", "again_on": "2026-03-09"}, "P-1 stays stopped until 9 Mar 2026."),
]


@pytest.mark.parametrize(("fields", "does"), PROPOSALS)
def test_who_confirms_an_end_reads_what_it_does_to_the_payout(client, log_in, found, fields, does):
    log_in("Operator")
    propose(client, found, **{"reason": "Support asks", **fields})
    log_in("Operator")
    assert does.replace("P-1", str(found.payout)) in strip_tags(text(client.get(page(found))))


def test_another_than_the_proposer_declines(client, log_in, found):
    log_in("Operator")
    propose(client, found, **NOT_PAID)
    assert "Withdraw the proposal" in text(client.get(page(found)))
    log_in("Operator")
    shown = text(client.get(page(found)))
    assert "Decline the proposal" in shown
    assert "Withdraw the proposal" not in shown

    assert "The proposal is declined." in text(confirm(client, found, "withdraw"))
    assert JointAct.objects.get().ending == "withdrawn"


def test_g51_a_proposal_does_not_outlive_who_proposed_it(client, log_in, found):
    omar = log_in("Operator")
    propose(client, found, **NOT_PAID)
    log_in("Operator")
    omar.groups.clear()
    before = standing()

    shown = text(client.get(page(found)))
    assert "who proposed it, may not do this any more" in strip_tags(shown)
    assert "Confirm: " not in shown
    assert "may not do this any more" in text(confirm(client, found))
    assert standing() == before


@pytest.mark.parametrize("name", ["end", "confirm", "withdraw"])
def test_who_may_only_read_ends_nothing(client, log_in, found, name):
    log_in("Operator")
    propose(client, found, **NOT_PAID)
    before, joint = standing(), JointAct.objects.get()
    log_in("Approver", "Auditor")

    answer = client.post(page(found, name), {**NOT_PAID, "proposal": joint.pk, "seen": found.facts})

    assert answer.status_code == 403
    assert standing() == before


def test_when_heleket_cannot_be_reached_nothing_ends(client, log_in, found, office):
    log_in("Operator")
    office.sandbox.faults.add("503", path="/v1/payout/info", rate=1.0)
    before = standing()

    answer = propose(client, found, **NOT_PAID)

    assert "did not say what it has" in text(answer)
    assert standing() == before


def test_a_discrepancy_of_no_try_is_shown(client, log_in):
    log_in("Auditor")
    found = DiscrepancyFactory(attempt=None, key="foreign", ours={}, theirs={"uuid": "x"})
    assert client.get(page(found)).status_code == 200


def test_what_is_ended_offers_no_end_whatever_is_still_proposed(client, log_in):
    found = DiscrepancyFactory(payout__status=PayoutStatus.FAILED)
    otto = log_in("Operator", username="otto")
    JointAct.objects.create(
        act="end_discrepancy",
        subject=f"discrepancy:{found.pk}",
        data={"outcome": "not_paid", "reopens_at": None},
        facts="Of another day",
        reason="Support says so",
        proposed_by=otto,
        proposed_at=found.opened_at,
    )
    assert "End it" in text(client.get(page(found)))
    Discrepancy.objects.update(
        outcome="explained", closed_at=found.opened_at, closed_by=otto, close_reason="Spelling"
    )
    before = standing()

    shown = client.get(page(found))
    again = client.get(page(found, "end"), follow=True)
    posted = client.post(page(found, "end"), {"seen": found.facts, **NOT_PAID}, follow=True)

    for response in (shown, again, posted):
        assert "End it" not in text(response)
        assert "Ended: " in text(response)
    for response in (again, posted):
        assert text(response).count("This discrepancy has ended already.") == 1
    assert standing() == before
