"""Ids that nobody's browser sends: a sentence or "not found", never a fault of ours."""

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.urls import reverse

from audit.models import DeskEvent
from payouts.admin.actions import ACTIONS
from payouts.gateway import accounts
from payouts.models import Payout, PayoutEvent
from tests.every_page import names_of
from tests.factories import PayoutFactory, StaffFactory, UserFactory
from tests.payouts.test_logins import fields_of, person_url

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("usdt")]

LIST = reverse("admin:payouts_payout_changelist")
ODD = [
    "abc",
    "9" * 19,
    "9" * 23,
    "9" * 30,
    "9" * 5000,
    "-1",
    "-" + "9" * 30,
    "٣",
    "1\0",
    "",
    "1' OR '1'='1",
    "6f1c1f4e-2f0b",
]
FEW = ["9" * 23, "9" * 5000, "-1", "1\0"]  # for pages that take long


@pytest.fixture(autouse=True)
def boss(client, monkeypatch, heleket_client):
    monkeypatch.setattr(accounts, "heleket_client", lambda: heleket_client)
    person = UserFactory(is_superuser=True)
    client.force_login(person)
    return person


def rows():
    tables = (Payout, PayoutEvent, DeskEvent, User, Group, User.groups.through)
    tables += (User.user_permissions.through, Group.permissions.through)
    return [list(each.objects.order_by("pk").values()) for each in tables]


@pytest.fixture
def payout():
    return PayoutFactory()


@pytest.fixture
def person():
    return StaffFactory(roles=["Requester"])


@pytest.fixture(autouse=True)
def stays_as_it_is(boss, payout, person):
    before = rows()
    yield
    assert rows() == before


def is_answered(answer):
    """A page with a sentence, a way back to one, or no such page. A fault of ours is raised."""
    return answer.status_code in (200, 302, 400, 403, 404)


@pytest.mark.parametrize("name", [*ACTIONS, "edit", "delete_selected", *ODD[3:5], "1\0"])
def test_g36_rows_chosen_on_the_list_of_payouts(client, payout, name):
    for odd in ODD:
        fields = {"action": name, "_selected_action": [odd, str(payout.pk)], "index": "0"}
        answer = client.post(LIST, fields)
        assert answer.status_code == 302, (odd, answer)
        assert answer.url.startswith(LIST)


def test_g36_positions_on_the_list_of_payouts(client, payout):
    fields = {"action": "approve", "_selected_action": str(payout.pk)}
    for odd in FEW:
        assert is_answered(client.post(LIST, fields | {"index": odd, "select_across": odd}))


@pytest.mark.parametrize("name", ["approve", "cancel"])
def test_g36_tokens_of_a_confirmation(client, payout, name):
    url = reverse("admin:payouts_payout_act", args=[name])
    known = f"{payout.pk}:{payout.digest()}"
    tokens = [f"{odd} {payout.pk}:{odd} {known}:{odd}:{odd}" for odd in ODD]
    for token in tokens:
        assert is_answered(client.post(url, {"seen": token, "reason": "As agreed"}))


PLACES = [
    *("payouts/payout/{}/", "payouts/payout/{}/edit/", "payouts/payout/{}/approve/"),
    *("payouts/payout/add/{}/", "payouts/payout/act/{}/"),
    *("payouts/discrepancy/{}/", "payouts/discrepancy/{}/close/"),
    *("payouts/webhookdelivery/{}/change/", "payouts/deskevent/{}/change/"),
    *("auth/user/{}/change/", "auth/user/{}/password/", "auth/user/{}/history/"),
    *("auth/user/{}/disable/", "auth/user/{}/enable/"),
    *("auth/group/{}/change/", "auth/group/{}/history/"),
]


@pytest.mark.parametrize("place", PLACES)
def test_g36_addresses_of_pages(client, place):
    for odd in ODD:
        text = "%00" if "\0" in odd else odd or "%20"
        url = "/admin/" + place.format(text)
        assert is_answered(client.get(url)), url[:80]
        assert is_answered(client.post(url, {"reason": ""})), url[:80]


QUERIES = {
    "payouts_payout": [
        *("q", "queue", "status__exact", "network", "days", "past", "p", "client", "number__gte"),
    ],
    "payouts_discrepancy": ["state", "kind__exact", "p"],
    "payouts_webhookdelivery": ["q"],
    "audit_deskevent": ["channel__exact"],
    "auth_user": ["q", "groups__id__exact", "is_active__exact", "p", "id__in"],
    "auth_group": ["q", "id"],
}


@pytest.mark.parametrize("name", QUERIES)
def test_g36_addresses_of_lists(client, name):
    for field in QUERIES[name]:
        for odd in ("9" * 23, "9" * 5000, "abc"):
            answer = client.get(reverse(f"admin:{name}_changelist"), {field: odd})
            assert is_answered(answer), (field, odd, answer)


NO_LISTS = (
    "payouts_controls_switch",
    "payouts_controls_policyversion",
    "payouts_reconciliation_run",
    "payouts_reconciliation_restore",
)
PAGES = {f"{name}_changelist" for name in NO_LISTS}
LISTS = {name for name in names_of(admin.site.urls[0]) if str(name).endswith("_changelist")}


@pytest.mark.parametrize("name", sorted(LISTS - PAGES))
def test_a_list_s_address_asks_for_nothing_but_its_filters(client, name):
    url = reverse(f"admin:{name}")
    model = client.get(url).context["cl"].model
    fields = [field.name for field in model._meta.fields if not field.is_relation]

    for field in ["pk", *fields]:
        for lookup in ("contains", "regex"):
            answer = client.get(url, {f"{field}__{lookup}": "("})
            assert answer.status_code == 400 or answer.url == f"{url}?e=1", field


@pytest.mark.parametrize("name", ["groups", "user_permissions"])
def test_g36_roles_and_rights_of_a_person(client, person, name):
    form = fields_of(client, person)
    for odd in FEW:
        fields = {name: [odd, "1"], "first_name": "Anna"}
        answer = client.post(person_url(person), form | fields)
        assert name in answer.context["adminform"].form.errors, odd


def test_g36_rights_of_a_role(client):
    for odd in FEW:
        fields = {"name": "New", "permissions": [odd, "1"]}
        answer = client.post(reverse("admin:auth_group_add"), fields)
        assert "permissions" in answer.context["adminform"].form.errors, odd


@pytest.mark.parametrize("name", ["wallet", "currency", "nonce", "seen", "amount"])
@pytest.mark.parametrize("form", ["add_for", "edit"])
def test_g36_the_forms_of_a_payout(client, payout, form, name):
    ids = {"add_for": payout.client_id, "edit": payout.pk}
    url = reverse(f"admin:payouts_payout_{form}", args=[ids[form]])
    fields = {"wallet": payout.wallet_id, "currency": "USDT", "amount": "5", "purpose": "Prize"}
    fields |= {"reason": "x", "confirmed": "yes", "nonce": "1", "seen": ""}
    for odd in FEW:
        assert client.post(url, fields | {name: odd}).context["form"].errors


@pytest.mark.parametrize("name", ["wallet", "currency", "amount", "q", "client"])
def test_g36_the_estimate_and_the_choice_of_a_client(client, payout, name):
    fields = {"wallet": payout.wallet_id, "currency": "USDT", "amount": "5"}
    for odd in ODD:
        url = reverse("admin:payouts_payout_estimate")
        if name in ("q", "client"):
            url = reverse("admin:payouts_payout_add")
        assert is_answered(client.get(url, fields | {name: odd}))


def test_g36_what_a_page_of_a_stop_had_shown(client, person):
    url = reverse("admin:auth_user_enable", args=[person.pk])
    kept_out = User.objects.filter(pk=person.pk, is_active=False)
    User.objects.filter(pk=person.pk).update(is_active=False)
    for odd in ODD:
        assert client.post(url, {"seen": odd, "reason": "x"}).context["form"].errors
    assert kept_out.update(is_active=True)
