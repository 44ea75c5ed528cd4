"""The pages of exchange rates: what is seen, by whom, and what two people do there."""

import re
from decimal import Decimal

import pytest
from django.urls import reverse

from audit.models import DeskEvent
from config.navigation import rates_in_doubt
from payouts.controls import rates
from payouts.controls.models import ExchangeRate
from payouts.staff.models import JointAct
from payouts.staff.roles import ROLES
from tests.every_page import jumped_rate, unmarked
from tests.factories import PayoutMethodFactory, StaffFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("real_rates")]

LIST = reverse("admin:payouts_controls_exchangerate_changelist")
DESK = reverse("admin:payouts_controls_switch_changelist")
SEES = {"Approver", "Operator", "Policy manager", "Accountant", "Auditor"}


@pytest.fixture
def jumped(clock):
    return jumped_rate(clock())


@pytest.fixture
def manager(client):
    """A policy manager is logged in; another one is by calling it again."""

    def manager(name="petra"):
        person = StaffFactory(username=name, roles=["Policy manager"])
        client.force_login(person)
        return person

    manager()
    return manager


def url(page, row):
    return reverse(f"admin:payouts_controls_exchangerate_{page}", args=[row.pk])


def propose(client, row, **more):
    data = {"seen": rates.facts_of(row), "reason": "Three exchanges say so"} | more
    return client.post(url("propose", row), data, follow=True)


def act(client, page, row, **more):
    data = {"proposal": JointAct.objects.latest("pk").pk, "seen": rates.facts_of(row)} | more
    return client.post(url(page, row), data, follow=True)


@pytest.mark.parametrize("role", sorted(ROLES))
def test_those_who_decide_about_money_see_rates(client, jumped, role):
    client.force_login(StaffFactory(roles=[role]))

    for page in (LIST, url("change", jumped)):
        assert client.get(page).status_code == (200 if role in SEES else 403)
    may_accept = role == "Policy manager"
    assert client.get(url("propose", jumped)).status_code == (200 if may_accept else 403)
    for page in ("confirm", "withdraw"):
        status = client.post(url(page, jumped), {"proposal": "1"}).status_code
        assert status == (302 if may_accept else 403)
    assert not JointAct.objects.exists()


def test_the_list_says_of_each_coin_what_it_is_worth_and_whether_that_is_used(
    client, manager, clock
):
    rates.put_off(["ETH"], clock())
    rates.take_over([rates.Said("ETH", Decimal("2800.50"), clock())])
    clock.forward(hours=3)
    rates.put_off(["SHIB", "TRX"], clock())
    rates.take_over([rates.Said("SHIB", Decimal("0.000008"), clock())])
    jumped_rate(clock())

    page = unmarked(client.get(LIST))

    cells = ["BTC", "87,000 USD", "in doubt", "2,800.5 USD", "old", "3\xa0hours"]
    cells += ["0.000008 USD", "sound", "TRX", "unknown"]
    for cell in cells:
        assert cell in page, cell
    assert page.index("BTC") < page.index("2,800.5 USD")


def test_without_any_rate_and_key_the_page_says_why(client, manager, settings):
    assert "HELEKET_PAYMENT_API_KEY" not in client.get(LIST).content.decode()
    settings.HELEKET_PAYMENT_API_KEY = ""
    page = client.get(LIST).content.decode()

    assert "Heleket was not asked about any rate yet" in page
    assert "HELEKET_PAYMENT_API_KEY</code> is not set" in page


def test_g61_two_policy_managers_accept_a_rate_that_has_jumped_on_its_page(client, jumped, manager):
    page = propose(client, jumped)
    assert "Proposed. Another person has to confirm it." in page.content.decode()
    assert "Confirm the new rate" not in page.content.decode()
    assert "another person has to confirm it" in act(client, "confirm", jumped).content.decode()
    assert ExchangeRate.objects.get().rate == 87_000

    manager("pavel")
    page = client.get(url("change", jumped)).content.decode()
    assert "Three exchanges say so" in page
    assert "Confirm the new rate" in page
    page = unmarked(act(client, "confirm", jumped))

    assert "Accepted. It is kept with both names and the reason." in page
    assert "proposed by petra, confirmed by pavel" in page
    assert ExchangeRate.objects.get().rate == 174_000


def test_a_second_person_declines_it(client, jumped, manager):
    propose(client, jumped)
    manager("pavel")
    assert "The proposal is withdrawn." in act(client, "withdraw", jumped).content.decode()
    assert "This proposal is over" in act(client, "confirm", jumped).content.decode()

    assert ExchangeRate.objects.get().rate == 87_000
    assert JointAct.objects.get().ending == "withdrawn"


@pytest.mark.parametrize(
    "sent", [{"reason": ""}, {"seen": ""}, {"seen": "\0"}, {"seen": "x" * 999}]
)
def test_what_was_not_seen_or_explained_is_not_proposed(client, jumped, manager, sent):
    assert propose(client, jumped, **sent).status_code in (200, 400)
    assert not JointAct.objects.exists()


@pytest.mark.parametrize("number", ["", "x", "-1", "0", "9" * 30, "1' OR '1'='1"])
def test_g36_a_made_up_proposal_is_over(client, jumped, manager, number):
    propose(client, jumped)
    manager("pavel")

    for page in ("confirm", "withdraw"):
        text = act(client, page, jumped, proposal=number).content.decode()
        assert "This proposal is over" in text
    assert JointAct.objects.get().ended_at is None
    assert ExchangeRate.objects.get().rate == 87_000


def test_the_desk_page_names_coins_that_can_be_paid_but_not_priced(client, jumped, usdt):
    PayoutMethodFactory(network="btc", currency="BTC")
    client.force_login(StaffFactory(roles=["Operator"]))
    page = re.sub("</?span[^>]*>", "", client.get(DESK).content.decode())
    assert "BTC (in doubt), USDT (unknown)." in page

    client.force_login(StaffFactory(roles=["Requester"]))
    assert client.get(DESK).status_code == 403


def test_the_sidebar_counts_rates_in_doubt_for_those_who_accept_them(client, jumped, manager):
    request = client.get(LIST).wsgi_request
    assert rates_in_doubt(request) == 1
    request.user = StaffFactory(roles=["Operator"])
    assert rates_in_doubt(request) == 0


def test_rates_of_before_are_written_as_the_others_are(client, manager, clock):
    rates.put_off(["BTC"], clock())
    rates.take_over([rates.Said("BTC", Decimal("54000000.00000000"), clock())])
    row = ExchangeRate.objects.get(currency="BTC")
    clock.forward(hours=1)
    rates.put_off(["BTC"], clock())
    rates.take_over([rates.Said("BTC", Decimal("98000000.10000000"), clock())])

    page = unmarked(client.get(url("change", row)))

    for written in ("54,000,000", "98,000,000.1"):
        assert written in page
    for raw in ("54000000", "98000000"):
        assert raw not in page
    assert "98000000" not in str(DeskEvent.objects.get(event_type="doubt_rate").data)


def test_the_page_says_when_heleket_was_asked_after_two_people_accepted_it(
    client, manager, jumped, clock
):
    clock.forward(minutes=3)
    rates.put_off([jumped.currency], clock())
    asked = clock()
    propose(client, jumped)
    clock.forward(minutes=1)
    manager("paul")
    act(client, "confirm", jumped)

    jumped.refresh_from_db()
    assert not jumped.is_doubted
    assert jumped.asked_at == asked


def test_g61_a_proposal_does_not_outlive_who_proposed_it(client, jumped, manager):
    propose(client, jumped)
    petra = JointAct.objects.get().proposed_by
    manager("pavel")
    petra.groups.clear()

    page = unmarked(client.get(url("change", jumped)))
    assert "petra, who proposed it, may not do this any more" in page
    assert "Confirm the new rate" not in page
    assert "may not do this any more" in unmarked(act(client, "confirm", jumped))
    assert ExchangeRate.objects.get().rate == 87_000
