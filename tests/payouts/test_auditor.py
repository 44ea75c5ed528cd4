"""An auditor reads how clients, wallets, the policy and rates came to be what they are, and by
whom: over HTTP, with no right but the group's."""

import re

import pytest
from django.urls import reverse

from audit.actor import Actor, Channel
from audit.models import DeskEvent
from audit.operations import perform
from payouts.controls import documents, policy, rates
from payouts.controls.models import ExchangeRate, PastRate
from payouts.destinations import APPROVE
from payouts.staff.models import JointAct
from payouts.staff.roles import ROLES
from tests import policies
from tests.every_page import jumped_rate, unmarked
from tests.factories import ClientFactory, StaffFactory, WalletFactory
from tests.portal.conftest import Developer, issue
from wallets import services
from wallets.operations import FREEZE
from wallets.operations import see as see_wallets

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("usdt")]

LIMITS = [
    {"of": "client", "hours": 24, "at_most": "5000"},
    {"of": "client", "hours": 24, "at_most": "9000", "only": "V-1"},
]


@pytest.fixture
def read(client):
    """Return a page as the auditor reads it."""
    auditor = StaffFactory(username="aiko", roles=["Auditor"])

    def read(page, *args, **query):
        client.force_login(auditor)
        answer = client.get(reverse(f"admin:{page}", args=args), query)
        assert answer.status_code == 200
        return " ".join(re.sub(r"<[^>]+>", " ", unmarked(answer)).split())

    return read


def person(name, *roles):
    return Actor.staff(StaffFactory(username=name, roles=list(roles)), Channel.ADMIN)


def events(*types):
    return list(DeskEvent.objects.filter(event_type__in=types).order_by("number"))


def test_the_history_of_a_client_says_who_changed_what_when_and_why(read, client, clock):
    rosa = person("rosa", "Requester")
    known = services.add_client(external_id="V-1", name="Vera", actor=rosa)
    clock.forward(hours=1)
    services.change_client(known.pk, actor=rosa, email="vera@example.com")
    key, text = issue()
    clock.forward(hours=1)
    portal = Developer(client, text)
    assert portal.put("clients/V-1/", {"name": "Vera V.", "language": "de"}).status_code == 200
    assert portal.put("clients/V-1/", {"active": False}).status_code == 200
    clock.forward(hours=1)
    services.reopen_client(known.pk, reason="Came back", actor=rosa)

    page = read("wallets_client_change", known.pk)

    assert "Added 2 Mar 2026, 09:00 · rosa" in page
    assert "E-mail: — → vera@example.com 2 Mar 2026, 10:00 · rosa" in page
    by_key = f"2 Mar 2026, 11:00 · the client API (key {key.pk})"
    assert re.search(rf"Name: Vera → Vera V\..*{re.escape(by_key)}", page, re.IGNORECASE)
    assert re.search(rf"Language: — → German.*{re.escape(by_key)}", page, re.IGNORECASE)
    assert re.search(rf"State: open → closed .*{re.escape(by_key)}", page)
    assert "State: closed → open Came back 2 Mar 2026, 12:00 · rosa" in page
    closed, opened = events(DeskEvent.Type.CLOSE_CLIENT, DeskEvent.Type.REOPEN_CLIENT)
    assert (closed.api_key_id, opened.person) == (key.pk, rosa.person)
    listed = read("audit_deskevent_changelist")
    assert "Client closed" in listed
    assert "Client opened again" in listed


def test_a_long_history_is_read_to_its_first_line(read, clock):
    rosa = person("rosa", "Requester")
    known = services.add_client(external_id="V-1", name="Vera", actor=rosa)
    for number in range(30):
        clock.forward(minutes=1)
        services.change_client(known.pk, actor=rosa, email=f"vera{number}@example.com")

    short = read("wallets_client_change", known.pk)
    whole = read("wallets_client_change", known.pk, history="all")

    assert "Show all, the older ones too" in short
    assert "vera29@" in short
    assert "E-mail: — → vera0@example.com" not in short
    assert "E-mail: — → vera0@example.com 2 Mar 2026, 09:01 · rosa" in whole
    assert "Added 2 Mar 2026, 09:00 · rosa" in whole
    assert "Show all" not in whole


def test_the_history_of_a_wallet_says_who_decided_what_when_and_why(read, client, clock):
    rosa, amira = person("rosa", "Requester"), person("amira", "Approver")
    owner = ClientFactory()
    address = WalletFactory.build(client=owner).address
    wallet = services.add_wallet(owner, network="tron", address=address, label="Old", actor=rosa)
    clock.forward(hours=1)
    perform(APPROVE, see_wallets([wallet.pk]), actor=amira)
    clock.forward(hours=1)
    client.force_login(rosa.person)
    page = reverse("admin:wallets_wallet_change", args=[wallet.pk])
    seen = wallet.history.first().pk
    client.post(page, {"label": "New", "preferred_currency": "", "seen": seen})
    clock.forward(hours=1)
    perform(FREEZE, see_wallets([wallet.pk]), actor=amira, reason="Lost his phone")

    text = read("wallets_wallet_change", wallet.pk)

    assert "Label: Old → New 2 Mar 2026, 11:00 · rosa" in text
    assert re.search(r"→ active .*2 Mar 2026, 10:00 · amira", text, re.IGNORECASE)
    assert re.search(r"Lost his phone 2 Mar 2026, 12:00 · amira", text)
    assert re.search(r"2 Mar 2026, 09:00 · rosa", text)
    assert [each.event_type for each in wallet.events.order_by("number")] == [
        *("add", "approve", "freeze"),
    ]


def test_each_version_of_the_policy_is_read_with_its_limits_and_values(read, clock):
    for role in ("Approver", "Approver", "Requester"):
        StaffFactory(roles=[role])
    ClientFactory(external_id="V-1", name="Vera")
    petra, pablo = person("petra", "Policy manager"), person("pablo", "Policy manager")
    document = {**policies.LENIENT, "limits": LIMITS}
    draft(policies.with_values(document, delay_seconds=600), petra, pablo, "A limit for all")
    clock.forward(days=1)
    lowered = [LIMITS[0], {**LIMITS[1], "at_most": "100"}]
    draft({**document, "limits": lowered}, pablo, petra, "Vera has moved")

    page = read("payouts_controls_policyversion_changelist")
    earlier = read("payouts_controls_policyversion_change", 2)
    newest = read("payouts_controls_policyversion_change", 3)

    assert "“Vera” (“V-1”) in 24 hours: at most 100 USD" in page
    assert "2 Mar 2026, 09:00 · petra, approved by pablo A limit for all" in page
    assert "3 Mar 2026, 09:00 · pablo, approved by petra Vera has moved" in page
    assert "“Vera” (“V-1”) in 24 hours: at most 9,000 USD" in earlier
    assert "Time to undo 10 minutes" in earlier
    assert "Drafted by petra Approved by pablo Why A limit for all" in earlier
    changed = newest.partition("What it changed of")[2]
    assert "at most 9,000 USD" in changed
    assert "at most 100 USD" in changed
    found = events(DeskEvent.Type.CHANGE_POLICY)
    assert [(each.person, each.facts["drafted_by"]) for each in found] == [
        (pablo.person, "petra"),
        (petra.person, "pablo"),
    ]


def draft(document, first, second, reason):
    waiting = policy.propose(documents.canonical(document), reason=reason, actor=first)
    policy.confirm(waiting.pk, actor=second)


def test_an_accepted_rate_is_read_with_both_names_for_as_long_as_the_desk_lasts(
    read, real_rates, clock
):
    row = jumped_rate(clock())
    petra, pablo = person("petra", "Policy manager"), person("pablo", "Policy manager")
    facts = rates.facts_of(row)
    rates.propose(row.pk, facts, "Three exchanges say so", actor=petra)
    rates.confirm(row.pk, JointAct.objects.latest("pk").pk, facts, actor=pablo)
    accepted = rates.value(ExchangeRate.objects.get(pk=row.pk).rate)

    page = read("payouts_controls_exchangerate_change", row.pk)
    for _ in range(30):
        clock.forward(hours=1)
        PastRate.objects.create(
            currency=row.currency,
            reference=row.reference,
            text="1.5",
            said_at=clock(),
            standing=PastRate.Standing.SOUND,
        )
    later = read("payouts_controls_exchangerate_change", row.pk)
    [event] = events(DeskEvent.Type.ACCEPT_RATE)
    sealed = read("audit_deskevent_change", event.pk)

    for text in (page, later):
        assert "proposed by petra, confirmed by pablo. Three exchanges say so" in text
    assert accepted in later
    assert event.person == pablo.person
    assert "Three exchanges say so" in sealed
    assert row.currency in sealed


def test_the_auditor_changes_nothing_of_it(client, clock):
    client.force_login(StaffFactory(roles=["Auditor"]))
    wallet = WalletFactory()
    row = jumped_rate(clock())
    posts = [
        reverse("admin:wallets_client_close", args=[wallet.client_id]),
        reverse("admin:wallets_client_change", args=[wallet.client_id]),
        reverse("admin:wallets_wallet_change", args=[wallet.pk]),
        reverse("admin:wallets_wallet_act", args=["freeze"]),
        reverse("admin:payouts_controls_policyversion_edit"),
        reverse("admin:payouts_controls_policyversion_confirm"),
        reverse("admin:payouts_controls_exchangerate_propose", args=[row.pk]),
        reverse("admin:payouts_controls_exchangerate_confirm", args=[row.pk]),
    ]
    before = DeskEvent.objects.count(), wallet.history.count(), wallet.client.history.count()

    assert {client.post(url, {"reason": "x"}).status_code for url in posts} == {403}

    after = DeskEvent.objects.count(), wallet.history.count(), wallet.client.history.count()
    assert before == after
    assert not any(".view_" not in right for right in ROLES["Auditor"] if "export" not in right)
