"""Payouts made by hand at Heleket in the Admin: which of ours each may be, by two people."""

import pytest
from django.core.management import call_command
from django.urls import reverse
from django.utils.html import strip_tags

from payouts.gateway import accounts
from payouts.models import Discrepancy, PayoutStatus
from tests.factories import PayoutFactory, StaffFactory
from tests.payouts.rounds import now
from tests.payouts.test_foreign import link, made_there, unchanged

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def gateway(monkeypatch, heleket_client):
    monkeypatch.setattr(accounts, "heleket_client", lambda: heleket_client)


@pytest.fixture
def payout(office):
    return PayoutFactory()


@pytest.fixture
def found(office, payout):
    return made_there(office, payout)


@pytest.fixture
def log_in(client):
    def log_in(*roles):
        person = StaffFactory(roles=roles)
        client.force_login(person)
        return person

    return log_in


def page(found, name="change"):
    return reverse(f"admin:payouts_discrepancy_{name}", args=[found.pk])


def page_of(payout):
    return reverse("admin:payouts_payout_change", args=[payout.pk])


def words(response):
    return " ".join(strip_tags(response.content.decode()).split())


def propose(client, found, what=0, reason="Paid by the treasurer"):
    """What `what` of the choices names, as the page shows them."""
    form = client.get(page(found, "end")).context["form"]
    chosen = [value for value, _words in form.fields["what"].choices][what]
    data = {"seen": form["seen"].value(), "what": chosen, "reason": reason}
    return client.post(page(found, "end"), data, follow=True)


def confirm(client, found, name="confirm"):
    shown = client.get(page(found)).context
    data = {"proposal": shown["proposed"].pk, "seen": shown["discrepancy"].facts}
    return client.post(page(found, name), data, follow=True)


def test_g53_two_people_link_it_on_the_pages(client, log_in, found, payout):
    log_in("Operator")
    assert "It can be linked." in words(client.get(page(found)))
    proposed = words(propose(client, found))
    assert "Proposed. Another person has to confirm it." in proposed
    assert now(payout).status == PayoutStatus.PENDING

    log_in("Operator")
    shown = words(client.get(page(found)))
    assert f"{payout}, 5 USDT to {payout.client.name}" in shown
    assert "It has 0 of the 1 approvals that the policy asks for" in shown
    done = words(confirm(client, found))

    assert "Linked. It shows for ever that it was paid outside the desk." in done
    assert now(payout).status == PayoutStatus.BROADCAST


def test_b19_two_people_explain_it_on_the_pages(client, log_in, found, payout):
    log_in("Operator")
    propose(client, found, what=-1, reason="A supplier")
    log_in("Operator")
    done = words(confirm(client, found))

    assert "Ended. It is kept with both names and the reason." in done
    assert Discrepancy.objects.get().outcome == "explained"
    assert now(payout).status == PayoutStatus.PENDING


def test_b19_a_proposal_is_withdrawn(client, log_in, found):
    log_in("Operator")
    propose(client, found)

    assert "The proposal is withdrawn." in words(confirm(client, found, "withdraw"))
    assert Discrepancy.objects.get().closed_at is None


def test_g53_each_equal_payout_says_why_it_cannot_be_linked(client, log_in, office, found, payout):
    other = PayoutFactory(wallet=payout.wallet)
    office.act("REJECT", other, role="Approver", reason="Twice")
    log_in("Operator")

    shown = words(client.get(page(found)))

    assert "This is not possible while it is “Rejected”." in shown
    form = client.get(page(found, "end")).context["form"]
    assert len(form.fields["what"].choices) == 2


def test_g53_nothing_is_linked_that_the_page_did_not_offer(client, log_in, found, payout):
    log_in("Operator")
    before = ["request"]
    data = {"seen": found.facts, "what": f"{payout.pk}:x", "reason": "Mine"}

    response = client.post(page(found, "end"), data)

    assert "Select a valid choice" in words(response)
    unchanged(payout, before, found)


def test_g53_without_an_equal_payout_the_page_says_so(client, log_in, office):
    stranger = made_there(office, PayoutFactory(), amount="77")
    log_in("Operator")

    assert "No payout of this desk has the same" in words(client.get(page(stranger)))


def test_g53_a_payouts_own_page_asks_whether_it_is_this_one(client, log_in, found, payout):
    log_in("Operator")

    shown = client.get(page_of(payout))

    assert "Heleket has an equal payout made by hand: is it this one?" in words(shown)
    assert page(found) in shown.content.decode()


def test_g53_it_says_for_ever_that_it_was_paid_outside_the_desk(
    client, log_in, office, found, payout, capsys
):
    link(office, found, payout)
    office.sandbox.force_status("paid", is_final=True, uuid=found.key)
    office.work(minutes=20)
    log_in("Operator")

    shown = words(client.get(page_of(payout)))
    assert "paid outside the desk" in shown
    assert "Linked without the approvals that the policy asks for: 0 of 1." in shown
    assert "it was never called from here" in shown
    assert "byte for byte" not in shown
    assert "paid outside the desk" in words(client.get(reverse("admin:payouts_payout_changelist")))
    call_command("explain_payout", str(payout))
    assert "made by hand at Heleket: paid outside the desk." in capsys.readouterr().out


def test_g53_a_failed_one_says_that_it_was_tried_outside_the_desk(
    client, log_in, office, found, payout
):
    link(office, found, payout)
    office.sandbox.force_status("fail", is_final=True, uuid=found.key)
    office.work(minutes=20)
    log_in("Operator")

    assert "tried outside the desk" in words(client.get(page_of(payout)))


def test_b19_approvers_read_of_it_first(client, log_in, found, payout):
    log_in("Approver")

    assert "Is it this one, made by hand?" in words(client.get(page_of(payout)))


@pytest.mark.parametrize("name", ["end", "confirm", "withdraw"])
def test_g53_who_may_only_read_links_nothing(client, log_in, found, payout, name):
    log_in("Auditor")

    response = client.post(page(found, name), {"what": "explained", "reason": "Mine"})

    assert response.status_code == 403
    unchanged(payout, ["request"], found)
