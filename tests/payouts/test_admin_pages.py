"""The list, the page and the records in the Admin: what they show, cost and cannot do."""

import json
import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib import admin
from django.contrib.auth.hashers import make_password
from django.core import mail
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.html import strip_tags

from audit.actor import Actor, Channel
from audit.models import DeskEvent
from audit.operations import perform
from payouts import notes, operations
from payouts.admin import rows
from payouts.admin.payouts import PayoutAdmin
from payouts.controls.models import Switch
from payouts.gateway import accounts, breaker, rate_limit
from payouts.gateway.models import Pause
from payouts.models import (
    Approval,
    Attempt,
    Discrepancy,
    Payout,
    PayoutEvent,
    PayoutMaker,
    PayoutStatus,
    WaitingFor,
    WebhookDelivery,
)
from payouts.seen import see
from payouts.staff.roles import ROLES
from payouts.staff.site import DeskSite
from tests.every_page import unmarked
from tests.factories import (
    ClientFactory,
    DiscrepancyFactory,
    PayoutFactory,
    StaffFactory,
    UserFactory,
    WalletFactory,
)
from tests.payouts.rounds import submit_due
from wallets.services import close_client

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("usdt")]

LIST = reverse("admin:payouts_payout_changelist")
DESK = reverse("admin:payouts_controls_switch_changelist")
EVENTS = reverse("admin:audit_deskevent_changelist")
TURN = reverse("admin:payouts_controls_switch_set")


@pytest.fixture(autouse=True)
def gateway(monkeypatch, heleket_client):
    monkeypatch.setattr(accounts, "heleket_client", lambda: heleket_client)


@pytest.fixture
def log_in(client):
    def log_in(*roles, **more):
        person = StaffFactory(roles=roles, **more)
        client.force_login(person)
        return person

    return log_in


def page_of(payout):
    return reverse("admin:payouts_payout_change", args=[payout.pk])


def sent(heleket_client, **more):
    payout = PayoutFactory(status=PayoutStatus.APPROVED, **more)
    submit_due(1, heleket_client, accounts.open_account(heleket_client))
    return Payout.objects.get(pk=payout.pk)


def discrepancy(payout, **more):
    return DiscrepancyFactory(payout=payout, **more)


def shown(response):
    return {payout.pk for payout in response.context["cl"].result_list}


# The list


def test_the_list_costs_the_same_number_of_queries_for_5_and_for_50_payouts(client, log_in):
    log_in("Approver", "Requester", "Operator")

    def queries():
        with CaptureQueriesContext(
            connection,
        ) as captured:
            assert client.get(LIST).status_code == 200
        return len(captured)

    for status in [PayoutStatus.PENDING] * 4 + [PayoutStatus.CONFIRMED]:
        PayoutFactory(status=status)
    client.get(LIST)  # content types and the like are read once
    few = queries()
    for status in [PayoutStatus.PENDING] * 30 + [PayoutStatus.APPROVED] * 15:
        PayoutFactory(status=status)

    assert queries() == few
    assert few < 28


def test_the_tabs_say_what_needs_whom(client, log_in):
    me = log_in("Approver")
    mine = PayoutFactory()
    made_by_me = PayoutFactory()
    PayoutMaker.objects.create(payout=made_by_me, person=me, role="wallet")
    held = PayoutFactory(status=PayoutStatus.HELD)
    under_way = PayoutFactory(status=PayoutStatus.BROADCAST)
    not_paid = PayoutFactory(status=PayoutStatus.FAILED)
    differing = PayoutFactory(status=PayoutStatus.CONFIRMED)
    discrepancy(differing)
    expected = {
        "mine": {mine},
        "waiting": {mine, made_by_me, held, differing},
        "under_way": {under_way},
        "not_paid": {not_paid},
        "discrepancy": {differing},
        "": set(Payout.objects.all()),
    }

    tabs = {tab["name"]: tab for tab in client.get(LIST).context["tabs"]}
    assert tabs.keys() == expected.keys()
    for name, payouts in expected.items():
        assert shown(client.get(LIST, {"queue": name})) == {payout.pk for payout in payouts}
        assert tabs[name].get("count", "") == (str(len(payouts)) if name else "")


def test_who_may_not_approve_has_no_queue_of_approvals(client, log_in):
    log_in("Auditor")

    assert "mine" not in [tab["name"] for tab in client.get(LIST).context["tabs"]]


def test_search_finds_what_was_sent_by_every_name_of_it(client, log_in, heleket_client, sandbox):
    log_in("Auditor")
    anna = WalletFactory(
        client=ClientFactory(name="Anna Kowalska", external_id="ACME-1"),
        address="TKPYpYU9M7sXP7pTJqrSWgUeoE1k1SPDmi",
    )
    wanted = sent(heleket_client, wallet=anna, reference="INV-7")
    Attempt.objects.update(txid="ab" * 32)
    other = ClientFactory(name="Somebody else", external_id="other")
    PayoutFactory(reference="INV-77", wallet__client=other)

    attempt = wanted.attempts.get()
    known = [
        f"P-{wanted.number}", f"p-{wanted.number}", str(wanted.number), "INV-7", "ACME-1", "kowal",
        anna.address, attempt.txid, attempt.uuid, attempt.order_id,
    ]  # fmt: skip
    for term in known:
        assert shown(client.get(LIST, {"q": term})) == {wanted.pk}, term
    for term in ["INVX", anna.address[:10], "9" * 30, "' OR 1=1 --", "\u0663", "%"]:
        assert shown(client.get(LIST, {"q": term})) == set(), term


def test_filters_narrow_the_list(client, log_in):
    log_in("Auditor")
    paid = PayoutFactory(status=PayoutStatus.CONFIRMED)
    PayoutFactory()

    chosen = {"status__exact": "confirmed", "network": "tron", "currency": "USDT", "days": "7"}
    assert shown(client.get(LIST, chosen | {"origin__exact": "manual"})) == {paid.pk}
    assert shown(client.get(LIST, chosen | {"network": "btc"})) == set()


def test_a_list_longer_than_anybody_counts_goes_on_behind_its_last_page(
    client, log_in, monkeypatch
):
    monkeypatch.setattr(rows.PayoutPaginator, "far", 4)
    monkeypatch.setattr(PayoutAdmin, "list_per_page", 2)
    log_in("Approver")
    numbers = [PayoutFactory().number for _ in range(7)]

    for order, expected, behind in [
        ("-1", numbers[::-1], "Older payouts"),
        ("1", numbers, "Newer payouts"),
    ]:
        seen, asked = [], f"?o={order}&status__exact=pending"
        for shown in ["4+ payouts", "3 payouts"]:
            for page in (1, 2):
                response = client.get(f"{LIST}{asked}&p={page}")
                seen += [payout.number for payout in response.context["cl"].result_list]
            assert shown in response.content.decode()
            assert (behind in response.content.decode()) == (shown == "4+ payouts")
            asked = response.context["cl"].goes_on_at or response.context["cl"].begins_at
        assert seen == expected
        response = client.get(LIST + asked)
        assert response.context["cl"].result_list[0].number == expected[0]

    for nonsense in ["x", "-1", "9" * 30, "1,2"]:
        assert len(client.get(LIST, {"past": nonsense}).context["cl"].result_list) == 2
    past_all = client.get(LIST, {"past": numbers[0]}).content.decode()
    assert "There are no payouts yet" not in past_all
    assert "Back to the newest" in past_all


def test_empty_lists_say_what_to_do(client, log_in):
    log_in("Requester")

    assert "There are no payouts yet" in client.get(LIST).content.decode()
    PayoutFactory()
    assert "No payout fits your search" in client.get(LIST, {"q": "P-99"}).content.decode()
    assert "No payout is in “Not paid”" in client.get(LIST, {"queue": "not_paid"}).content.decode()


# The page


def test_the_page_shows_the_whole_payout(client, log_in, heleket_client):
    log_in("Auditor")
    payout = sent(heleket_client, memo="", reference="INV-7", purpose="Commission June")

    text = client.get(page_of(payout)).content.decode()

    attempt = payout.attempts.get()
    for shown in ["INV-7", "Commission June", attempt.order_id, attempt.uuid, payout.address[:4]]:
        assert shown in text
    assert f'data-copy="{payout.address}"' in text
    for event in payout.events.all():
        assert event.get_channel_display() in text


def test_the_page_offers_what_this_person_may_do_now(client, log_in):
    pending, failed = PayoutFactory(), PayoutFactory(status=PayoutStatus.FAILED)
    offers = {
        "Approver": ({"approve", "hold", "send_back", "reject"}, set()),
        "Operator": ({"cancel"}, {"retry"}),
        "Requester": (set(), set()),
        "Auditor": (set(), set()),
    }
    for role, expected in offers.items():
        log_in(role)
        pages = [client.get(page_of(payout)) for payout in (pending, failed)]
        assert (
            tuple({action.name for action, _url in page.context["actions"]} for page in pages)
            == expected
        )
        assert pages[0].context["may_edit"] == (role == "Requester")


def test_the_page_names_the_makers_with_their_roles(client, log_in):
    log_in("Auditor")
    payout = PayoutFactory()
    retried = StaffFactory(roles=["Operator"])
    PayoutMaker.objects.create(payout=payout, person=retried, role="retried")

    text = unmarked(client.get(page_of(payout)))

    for maker in payout.makers.all():
        assert f"<dt>{maker.person}</dt><dd>{maker.get_role_display()}</dd>" in text


def test_the_page_knows_whether_this_address_was_paid_before(client, log_in):
    log_in("Auditor")
    payout = PayoutFactory()
    assert "never paid at this address" in client.get(page_of(payout)).content.decode()

    PayoutFactory(wallet=payout.wallet, status=PayoutStatus.CONFIRMED, amount=Decimal(20))
    page = client.get(page_of(payout))
    assert page.context["address_use"]["count"] == 1
    assert [(row["coin"], row["total"]) for row in page.context["sums"]] == [("USDT", Decimal(20))]


def test_the_page_warns_of_an_address_that_other_clients_share(client, log_in):
    log_in("Approver")
    payout = PayoutFactory()
    assert client.get(page_of(payout)).context["shared_with"] == []

    other = PayoutFactory()
    assert client.get(page_of(payout)).context["shared_with"] == [other.client.name]


def test_the_page_costs_the_same_whatever_the_length_of_its_history(client, log_in):
    log_in("Approver")
    payout = PayoutFactory()

    def queries():
        with CaptureQueriesContext(connection) as captured:
            client.get(page_of(payout))
        return len(captured)

    def live_on():
        PayoutFactory(wallet=payout.wallet, status=PayoutStatus.CONFIRMED)
        for act in [operations.HOLD, operations.RELEASE]:
            by = StaffFactory(roles=["Approver"])
            seen = see(Payout.objects.filter(pk=payout.pk))
            assert perform(act, seen, reason="Wait", actor=Actor.staff(by, Channel.ADMIN))[0].done

    client.get(page_of(payout))
    live_on()
    few = queries()
    for _ in range(3):
        live_on()

    assert queries() == few


NASTY = [
    "<script>alert(1)</script>",
    "{{7*7}} {% now 'Y' %}",
    "שלום 😀",
    '"><img src=x onerror=alert(1)>',
    "%s %(x)s ../../etc",
]


@pytest.mark.parametrize("text", NASTY)
def test_d5_names_are_shown_as_they_are_and_never_run(client, log_in, text):
    log_in("Approver", "Requester", "Operator")
    wallet = WalletFactory(client=ClientFactory(name=text), label=text[:64])
    payout = PayoutFactory(wallet=wallet, purpose=text, reference=text)
    found = discrepancy(payout, ours={"address": text}, theirs={"address": text})
    wait = reverse("admin:payouts_payout_act_on", args=[payout.pk, "hold"])
    urls = [
        LIST,
        page_of(payout),
        wait,
        reverse("admin:payouts_payout_edit", args=[payout.pk]),
        reverse("admin:payouts_payout_add") + "?q=" + "e",
        reverse("admin:payouts_payout_add_for", args=[wallet.client_id]),
        reverse("admin:payouts_discrepancy_changelist"),
        reverse("admin:payouts_discrepancy_change", args=[found.pk]),
    ]
    for url in urls:
        html = client.get(url).content.decode()
        assert "<script>alert" not in html
        assert "<img src=x" not in html
        if "7*7" in text:
            assert "{{7*7}}" in html or url.startswith(reverse("admin:payouts_payout_add"))


def test_what_heleket_answers_is_escaped(client, log_in, heleket_client):
    log_in("Auditor")
    payout = sent(heleket_client)
    Attempt.objects.update(answer='{"message": "<script>alert(1)</script>"}')
    assert "<script>alert" not in client.get(page_of(payout)).content.decode()

    Attempt.objects.update(answer="<html><script>alert(1)</script>" + "x" * 100_000)
    html = client.get(page_of(payout)).content.decode()
    assert "<script>alert" not in html
    assert "x" * 5000 not in html


# What no page can do


def test_all_pages_are_of_the_desks_own_site():
    assert isinstance(admin.site._wrapped, DeskSite)
    assert all(each.admin_site is admin.site._wrapped for each in admin.site._registry.values())


def test_c8_nothing_of_money_is_changed_or_deleted_by_djangos_own_pages(
    client, log_in, heleket_client
):
    log_in(is_superuser=True)
    payout = sent(heleket_client)
    discrepancy(payout)
    WebhookDelivery.objects.create(
        digest="d", body="{}", outcome="new", order_id="o", received_at=payout.requested_at
    )
    rows = [payout, Discrepancy.objects.get(), WebhookDelivery.objects.get()]
    rows += [DeskEvent.objects.first(), payout.client, payout.wallet]
    for row in rows:
        label = f"{row._meta.app_label}_{row._meta.model_name}"
        base = reverse(f"admin:{label}_changelist")
        for url in [f"{base}{row.pk}/delete/", f"{base}{row.pk}/change/delete/"]:
            assert client.post(url, {"post": "yes"}).status_code in (302, 403, 404, 405), url
        crafted = {"action": "delete_selected", "_selected_action": str(row.pk), "post": "yes"}
        client.post(base, crafted)
        assert type(row).objects.filter(pk=row.pk).exists(), label
    client.post(page_of(payout), {"status": "confirmed", "amount": "1"})
    assert Payout.objects.get().amount == payout.amount


def test_c8_no_admin_allows_deleting():
    for model, model_admin in admin.site._registry.items():
        request = type("Request", (), {"user": StaffFactory(is_superuser=True)})()
        assert not model_admin.has_delete_permission(request), model


def test_c8_models_of_money_are_not_registered_for_editing():
    for model in [PayoutEvent, Approval, Attempt, PayoutMaker]:
        assert not admin.site.is_registered(model)


def test_no_page_changes_anything_when_it_is_read(client, log_in, heleket_client):
    log_in(is_superuser=True)
    payout = sent(heleket_client)
    found = discrepancy(payout)
    urls = [
        LIST,
        page_of(payout),
        DESK,
        TURN,
        reverse("admin:payouts_discrepancy_changelist"),
        reverse("admin:payouts_discrepancy_change", args=[found.pk]),
        reverse("admin:payouts_discrepancy_end", args=[found.pk]),
        reverse("admin:audit_deskevent_changelist"),
        reverse("admin:payouts_webhookdelivery_changelist"),
    ]
    with CaptureQueriesContext(connection) as captured:
        for url in urls:
            assert client.get(url).status_code == 200, url
    changing = ("INSERT", "UPDATE", "DELETE")
    assert not [each["sql"] for each in captured if each["sql"].startswith(changing)]


def test_a_webhook_names_the_payout_that_it_is_about(client, log_in, heleket_client):
    log_in("Operator")
    payout, webhooks = sent(heleket_client), reverse("admin:payouts_webhookdelivery_changelist")
    for order_id, status in [(payout.order_id("test"), "process"), ("another", "paid")]:
        WebhookDelivery.objects.create(
            digest=order_id,
            body=json.dumps({"status": status}),
            outcome="known",
            order_id=order_id,
            received_at=payout.requested_at,
        )

    page = client.get(webhooks, {"q": str(payout)}).content.decode()
    assert f'href="{page_of(payout)}"' in page
    assert "process" in page
    assert "another" not in page
    assert "another" in client.get(webhooks, {"q": "another"}).content.decode()


@pytest.mark.parametrize("role", ROLES)
def test_c10_each_role_reads_only_what_it_may(client, log_in, role):
    log_in(role)
    found = discrepancy(PayoutFactory())
    rights = {
        LIST: "payouts.view_payout",
        page_of(found.payout): "payouts.view_payout",
        DESK: "payouts_controls.view_switch",
        TURN: "payouts_controls.set_sending",
        reverse("admin:payouts_discrepancy_changelist"): "payouts.view_discrepancy",
        reverse("admin:payouts_discrepancy_change", args=[found.pk]): "payouts.view_discrepancy",
        reverse("admin:payouts_discrepancy_end", args=[found.pk]): "payouts.close_discrepancy",
        reverse("admin:audit_deskevent_changelist"): "audit.view_deskevent",
        reverse("admin:payouts_webhookdelivery_changelist"): "payouts.view_webhookdelivery",
        reverse("admin:auth_user_changelist"): "auth.view_user",
        reverse("admin:auth_group_changelist"): "auth.view_group",
    }
    for url, right in rights.items():
        expected = 200 if right in ROLES[role] else 403
        assert client.get(url).status_code == expected, url
    assert client.get(reverse("admin:index"), follow=True).status_code == 200


@pytest.mark.parametrize(
    ("role", "page"),
    [
        ("Approver", reverse("admin:payouts_payout_start")),
        ("Requester", reverse("admin:payouts_payout_start")),
        ("User manager", reverse("admin:auth_user_changelist")),
    ],
)
def test_the_admin_opens_where_the_work_is(client, log_in, role, page):
    log_in(role)
    assert client.get(reverse("admin:index")).url == page


def test_who_opens_the_login_page_itself_lands_in_the_admin(client):
    UserFactory(username="mary", password=make_password("a-long-word"), is_superuser=True)
    fields = {"username": "mary", "password": "a-long-word"}
    assert client.post(reverse("admin:login"), fields).url == reverse("admin:index")


# Discrepancies and the desk


def test_open_discrepancies_come_first_and_the_oldest_of_them(client, log_in, clock):
    log_in("Operator")
    payout = PayoutFactory()
    other = discrepancy(payout, key="other")
    critical = discrepancy(payout, key="critical", is_critical=True)
    Discrepancy.objects.filter(pk=critical.pk).update(first_seen_at=clock() - timedelta(days=1))
    ended = {"closed_at": clock(), "closed_by": StaffFactory(), "outcome": "explained"}
    closed = discrepancy(payout, key="closed", is_critical=True, **ended)

    response = client.get(reverse("admin:payouts_discrepancy_changelist"))

    assert list(response.context["cl"].result_list) == [critical, other, closed]
    assert "to look at" in response.content.decode()


def test_sending_is_paused_and_resumed_by_name_with_a_reason(client, log_in):
    operator = log_in("Operator")

    assert client.post(TURN, {"to": "paused", "reason": ""}).context["form"].errors
    assert Switch.objects.get().is_on

    client.post(TURN, {"to": "paused", "reason": "Bank holiday"})
    switch = Switch.objects.get()
    assert (switch.is_on, switch.changed_by, switch.reason) == (False, operator, "Bank holiday")
    assert "Bank holiday" in client.get(DESK).content.decode()

    seen = client.get(TURN).context["form"]["seen"].value()
    client.post(TURN, {"to": "on", "seen": seen, "reason": "Back at work"})
    assert Switch.objects.get().is_on
    assert list(DeskEvent.objects.values_list("event_type", flat=True))[-2:] == ["pause", "resume"]


def waits_on(client):
    return {str(lot["title"]): lot["count"] for lot in client.get(DESK).context["waits"]}


def test_the_desk_page_counts_what_waits(client, log_in):
    log_in("Operator")
    PayoutFactory()
    PayoutFactory(status=PayoutStatus.APPROVED)

    assert waits_on(client) == {
        "Due to be sent": 1,
        "Wait for funds": 0,
        "Due to be asked about": 0,
        "Sent, answer not known": 0,
        "At Heleket, no final word": 0,
        "Stopped by a discrepancy": 0,
        "Wait for approval": 1,
    }


def test_the_desk_page_counts_apart_what_a_discrepancy_stops(client, log_in):
    log_in("Operator")
    for status in (PayoutStatus.APPROVED, PayoutStatus.SUBMITTING, PayoutStatus.BROADCAST):
        stopped = PayoutFactory(status=status)
        discrepancy(stopped)
        Payout.objects.filter(pk=stopped.pk).update(
            waiting_for=WaitingFor.DISCREPANCY, due_at=stopped.requested_at
        )
    discrepancy(PayoutFactory(status=PayoutStatus.CONFIRMED))
    PayoutFactory(status=PayoutStatus.SUBMITTING)

    waits = waits_on(client)

    assert waits.pop("Stopped by a discrepancy") == 3
    assert {title for title, count in waits.items() if count} == {"Sent, answer not known"}
    assert waits["Sent, answer not known"] == 1


def test_the_desk_page_counts_apart_what_waits_for_funds(client, log_in):
    log_in("Operator")
    breaker.trip(Pause.Cause.FUNDS, "Not enough funds", currency="DOGE")
    for currency in ("USDT", "DOGE", "DOGE"):
        PayoutFactory(status=PayoutStatus.APPROVED, currency=currency)
    PayoutFactory(currency="DOGE")

    waits = waits_on(client)

    assert (waits["Due to be sent"], waits["Wait for funds"]) == (1, 2)


def events_on(client):
    """What the list of desk events shows, the newest first."""
    columns = r"field-(?:kind|details)[^>]*>(.*?)</t[dh]>"
    cells = re.findall(columns, unmarked(client.get(EVENTS)), re.DOTALL)
    return [strip_tags(cell).strip() for cell in cells]


def test_a_pause_of_one_coin_names_its_coin_in_the_desks_events(client, log_in, clock):
    log_in("Auditor")
    breaker.trip(Pause.Cause.FUNDS, "Not enough funds", currency="DOGE")
    breaker.trip(Pause.Cause.FORBIDDEN, "Payouts are blocked")
    clock.forward(seconds=1)
    breaker.reset([("DOGE", clock())])

    shown = events_on(client)[::2]

    assert sorted(shown[:2]) == ["Heleket takes DOGE again", "Heleket takes payouts again"]
    assert shown[2:] == ["Heleket takes nothing", "Heleket takes no DOGE"]
    trip = DeskEvent.objects.get(number=1)
    page = client.get(reverse("admin:audit_deskevent_change", args=[trip.pk])).content.decode()
    assert "Heleket takes no DOGE" in page


def test_the_desks_events_name_clients_and_wallets_as_people_know_them(client, log_in):
    log_in("Auditor")
    payee = ClientFactory(name="Northwind", external_id="NW-7")
    wallet = WalletFactory(client=payee, label="Main")
    boss = Actor.staff(UserFactory(is_superuser=True), Channel.ADMIN)
    close_client(payee.pk, reason="Left us", actor=boss)
    for subject in (payee, wallet):
        notes.add_note(subject, actor=boss, link="https://example.com/contract")

    of_wallet, of_client, closed = events_on(client)[1::2]

    assert closed == "Client: Northwind (NW-7)"
    assert of_client.startswith("Client: Northwind (NW-7); ")
    assert of_wallet.startswith("Wallet: Main (TRON) · Northwind (NW-7); ")
    event = DeskEvent.objects.get(number=1)
    page = unmarked(client.get(reverse("admin:audit_deskevent_change", args=[event.pk])))
    assert "Client: Northwind (NW-7)" in page


def test_the_desks_events_cost_the_same_number_of_queries_for_any_number(client, log_in):
    log_in("Auditor")
    boss = Actor.staff(UserFactory(is_superuser=True), Channel.ADMIN)

    def queries():
        close_client(ClientFactory().pk, reason="Left us", actor=boss)
        with CaptureQueriesContext(connection) as captured:
            client.get(EVENTS)
        return len(captured)

    queries()  # content types and the like are read once
    few = queries()

    assert [queries() for _ in range(3)] == [few] * 3


def test_a12_the_desk_page_says_when_calls_go_on(client, log_in, clock):
    log_in("Operator")
    assert "call less often" not in client.get(DESK).content.decode()
    rate_limit.back_off(600)

    sentence = "Heleket asks us to call less often; calls go on at 09:10:00."
    assert sentence in client.get(DESK).content.decode()
    clock.forward(minutes=10)
    assert sentence not in client.get(DESK).content.decode()


def test_c10_a_user_manager_gives_no_one_superuser_rights(client, log_in):
    manager = log_in("User manager")
    other = StaffFactory()
    for person in (manager, other):
        url = reverse("admin:auth_user_change", args=[person.pk])
        names = client.get(url).context["adminform"].form.fields
        assert not {"is_superuser", "user_permissions"} & names.keys()
        assert ("groups" in names) == (person == other)


def test_c10_a_user_manager_leaves_superusers_alone(client, log_in):
    log_in("User manager")
    boss = UserFactory(is_superuser=True)
    change = reverse("admin:auth_user_change", args=[boss.pk])
    password = reverse("admin:auth_user_password_change", args=[boss.pk])

    for answer in (client.get(password), client.post(password), client.post(change, {})):
        assert answer.status_code == 403
    assert not mail.outbox

    nina = StaffFactory(email="nina@example.com")
    other = reverse("admin:auth_user_password_change", args=[nina.pk])
    assert client.post(other).status_code == 302
    assert [each.to for each in mail.outbox] == [["nina@example.com"]]


@pytest.mark.parametrize("where", ["8/1", "1/x", "0/0"])
def test_g36_no_address_leads_out_of_the_admin(client, log_in, where):
    log_in(is_superuser=True)
    assert client.get(f"/admin/r/{where}/").status_code == 404
