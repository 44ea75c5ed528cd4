"""Requests as nobody sends them in good faith: members of others, keys of others, SQL, sizes."""

from decimal import Decimal

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audit.actor import Actor, Channel
from payouts.models import Payout
from payouts.portal import keys
from payouts.portal.filters import Pages, PayoutFilters, WalletFilters
from payouts.portal.models import ApiKey, WebhookEndpoint
from tests.factories import PayoutFactory, StaffFactory
from tests.portal.conftest import Developer, issue
from wallets.amounts import InvalidAmount, format_amount, parse_amount
from wallets.models import Client, Wallet
from wallets.services import close_client, reopen_client

# `long`: it is the API that is tried here and not the database; `make torture` tries it on both.
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock", "usdt"), pytest.mark.long]

# Members of rows, by both of their names, and what others have called them.
FIELDS = {
    name
    for model in (Payout, Wallet, Client, WebhookEndpoint)
    for each in model._meta.get_fields()
    for name in (each.name, getattr(each, "attname", each.name))
}
FIELDS |= {"approved_by", "requested_by", "order_id", "fee", "approvals", "is_subtract", "pk"}
WANTED = {
    "clients/K-1/": {"name", "email", "language", "active"},
    "wallets/": {"network", "address", "memo", "label"},
    "wallets/{wallet}/archive/": {"reason"},
    "payouts/": {"wallet", "currency", "amount", "purpose", "reference", "category", "pay_from"},
    "payouts/estimate/": {"network", "currency", "amount"},
    "payouts/{payout}/cancel/": {"reason"},
    "webhook-endpoints/": {"url", "name", "event_types"},
}
SOUND = {
    "clients/K-1/": {"name": "Anna"},
    "wallets/": {"network": "tron", "address": "TJRyWwFs9wTFGZg3JbrVriFbNfCug5tDeC"},
    "payouts/": {"wallet": "{wallet}", "currency": "USDT", "amount": "5", "purpose": "Prize"},
    "payouts/estimate/": {"network": "tron", "currency": "USDT", "amount": "5"},
    "webhook-endpoints/": {"url": "https://192.5.6.30/hook"},
}


def rows():
    return [
        list(model.objects.order_by("pk").values())
        for model in (Payout, Wallet, Client, WebhookEndpoint)
    ]


@pytest.mark.parametrize("path", WANTED)
def test_e2_every_member_of_a_row_that_is_not_asked_for_is_refused_by_name(portal, wallet, path):
    payout = PayoutFactory(wallet=wallet)
    names = {"wallet": wallet.public_id, "payout": payout.pk}
    sound = {key: value.format(**names) for key, value in SOUND.get(path, {}).items()}
    before = rows()
    for name in sorted(FIELDS - WANTED[path]):
        body, at = sound | {name: "1"}, path.format(**names)
        answer = portal.put(at, body) if "clients" in path else portal.post(at, body, key="1")
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
        found = [(each["field"], each["code"]) for each in answer.json()["errors"]]
        assert found == [(name, "unknown_member")]
    assert rows() == before


def test_e4_a_key_that_differs_in_one_character_is_none(client, own_key):
    """Wherever it differs; only its beginning and a digest are stored, and guesses are counted."""
    places = [0, len("desk_"), len("desk_") + keys.VISIBLE, len(own_key.key) - 1]
    answers = []
    for place in places:
        other = "A" if own_key.key[place] != "A" else "B"
        text = own_key.key[:place] + other + own_key.key[place + 1 :]
        answers.append(Developer(client, text).get("payouts/"))
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.content for answer in answers}) == 1
    assert {answer.json()["code"] for answer in answers} == {"key_unknown"}
    assert own_key.key not in str(ApiKey.objects.values().get())


def test_e4_a_known_beginning_costs_what_an_unknown_one_does(client, own_key):
    costs = []
    for text in (own_key.key[:-1], "desk_" + "z" * (len(own_key.key) - 5), "x"):
        with CaptureQueriesContext(connection) as statements:
            assert Developer(client, text).get("payouts/").status_code == 401
        costs.append(len(statements))
    assert costs == [1, 1, 1]


def test_e5_a_key_of_a_client_that_is_closed_is_refused_at_once(own_key, owner, wallet):
    manager = Actor.staff(StaffFactory(roles=["Requester"]), Channel.ADMIN)
    assert own_key.get("payouts/").status_code == 200
    close_client(owner.pk, reason="Asked by the police", actor=manager)
    before = rows()
    body = {"wallet": str(wallet.public_id), "currency": "USDT", "amount": "5", "purpose": "Prize"}
    for answer in (own_key.get("payouts/"), own_key.post("payouts/", body, key="1")):
        assert (answer.status_code, answer.json()["code"]) == (403, "key_of_closed")
        assert "police" not in answer.content.decode()
    assert rows() == before
    reopen_client(owner.pk, reason="Cleared", actor=manager)
    assert own_key.get("payouts/").status_code == 200


def test_e5_the_portal_asks_for_nothing_for_a_client_that_is_closed(portal, owner, wallet):
    manager = Actor.staff(StaffFactory(roles=["Requester"]), Channel.ADMIN)
    close_client(owner.pk, reason="Asked by the police", actor=manager)
    before = rows()
    payout = {"wallet": str(wallet.public_id), "currency": "USDT", "amount": "5", "purpose": "P"}
    for path, body in (("payouts/", payout), ("wallets/", SOUND["wallets/"])):
        answer = portal.post(path, body, key="1")
        assert (answer.status_code, answer.json()["code"]) == (422, "client_closed")
    assert rows() == before
    assert portal.get("payouts/").status_code == 200


def test_e5_a_key_that_was_replaced_is_refused_and_the_new_one_goes_on(client, owner):
    """Both are in force until the old one is revoked, so that nothing stands still meanwhile."""
    (old, old_text), (_new, new_text) = issue(client=owner), issue(client=owner)
    manager = Actor.staff(StaffFactory(roles=["User manager"]), Channel.ADMIN)
    assert Developer(client, old_text).get("payouts/").status_code == 200
    keys.revoke_key(old.pk, reason="Replaced", actor=manager)
    assert Developer(client, old_text).get("payouts/").json()["code"] == "key_revoked"
    assert Developer(client, new_text).get("payouts/").status_code == 200


@pytest.mark.parametrize("place", ["?x={}", "?{}", "?cursor=a&Authorization=Bearer%20{}", "{}/"])
def test_e5_a_key_anywhere_in_an_address_is_refused_though_the_header_is_right(own_key, place):
    path = "/api/v1/payouts/" + place.format(own_key.key)
    for headers in ({}, own_key.headers()):
        answer = own_key.client.get(path, headers=headers)
        assert answer.status_code in (400, 404)
        assert own_key.key not in answer.content.decode()


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize(
    "path", ["v1/payouts", "v1/clients/K-1", "v1/payouts/estimate", "docs", "schema"]
)
def test_an_address_without_its_last_slash_is_refused_with_what_is_missing(portal, method, path):
    answer = getattr(portal.client, method)(f"/api/{path}", headers=portal.headers())
    assert (answer.status_code, answer.json()["code"]) == (404, "slash_missing")
    assert answer["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("path", ["v1/payments", "v1/payments/", "v1", "v1/payouts/P-340", ""])
def test_what_is_no_address_with_a_slash_either_is_not_found(portal, path):
    answer = portal.client.get(f"/api/{path}", headers=portal.headers())
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


# What is asked of lists

SQL = ["' OR 1=1 --", "1; DROP TABLE payouts_payout", "%' AND pg_sleep(9)--", "\\", '"', "`", "%"]
REGEX = ["(a+)+$", "a" * 5000 + "!", "((((((((((a?){9}){9}){9}", "." * 2000]
TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=60),
    st.sampled_from(
        [*SQL, *REGEX, "٣", "-1", "1e9", "1" * 400, "NaN", "True", "None", "\u202e", "[]"]
    ),
)
KNOWN = [*PayoutFilters.names(), *WalletFilters.names(), *Pages.NAMES, "after"]
ODD = ["ordering", "o", "search", "q", "format", "limit", "offset", "fields", "client", "_", "[]"]
ODD += ["id__in", "wallet__client__api_keys__digest__startswith", "__".join(["client"] * 99)]
QUERIES = st.dictionaries(st.sampled_from([*KNOWN, *ODD]) | TEXTS, TEXTS, max_size=4)
LISTS = ["payouts/", "wallets/", "clients/", "events/", "services/"]
SIZES = ["0", "-1", "201", "1000000000", "9" * 40, "1.0", "٣", "", " 5", "x"]
RELAXED = settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
MOST_STATEMENTS = 5  # of a list: the key, its client, the rows, and what goes with them


def statements_of(ask, *about, **more):
    with CaptureQueriesContext(connection) as statements:
        answer = ask(*about, **more)
    return answer, [each["sql"] for each in statements]


@pytest.fixture
def patient(portal, monkeypatch):
    """The portal, which may ask as often as it likes and has asked already."""
    monkeypatch.setattr("payouts.portal.throttle.REQUESTS", 10**6)
    portal.get("events/")
    return portal


@RELAXED
@given(path=st.sampled_from(LISTS), query=QUERIES)
def test_e7_whatever_a_list_is_asked_it_is_shown_or_refused_in_a_few_statements(
    patient, wallet, path, query
):
    answer, statements = statements_of(patient.get, path, **query)
    assert answer.status_code in (200, 400), answer.content
    assert len(statements) <= MOST_STATEMENTS
    if answer.status_code == 400:
        assert answer["Content-Type"] == "application/problem+json"
        assert not any("payouts_payout" in each for each in statements)
    assert len(answer.content) < 20_000


@pytest.mark.parametrize("accepted", ["text/html", "application/xml", "*/*;q=0", "x"])
def test_an_answer_is_json_whatever_is_accepted(portal, accepted):
    for query, status in (("", 200), ("?format=json", 400)):
        headers = portal.headers(Accept=accepted)
        answer = portal.client.get(f"/api/v1/payouts/{query}", headers=headers)
        assert (answer.status_code, answer.json() is not None) == (status, True)
    assert answer.json()["errors"][0] == {
        "field": "format",
        "code": "unknown_filter",
        "detail": "There is no such filter.",
    }


@pytest.mark.parametrize("size", SIZES)
def test_e7_a_page_has_at_most_two_hundred_rows(patient, size):
    for path in ("payouts/", "wallets/", "clients/", "events/"):
        answer, statements = statements_of(patient.get, path, page_size=size)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "page_size")
        assert len(statements) == 2  # the key and its client


MEMBERS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
BODIES = st.dictionaries(
    st.sampled_from(sorted(set().union(*WANTED.values()))) | TEXTS, MEMBERS, max_size=6
)


@RELAXED
@given(path=st.sampled_from(list(WANTED)), body=BODIES)
def test_e7_whatever_a_body_says_it_is_done_or_refused_in_a_few_statements(
    patient, wallet, path, body
):
    at = path.format(wallet=wallet.public_id, payout=wallet.public_id)
    with transaction.atomic():
        if "clients" in path:
            answer, statements = statements_of(patient.put, at, body)
        else:
            answer, statements = statements_of(patient.post, at, body, key="1")
        transaction.set_rollback(True)
    assert answer.status_code < 500, answer.content
    assert len(statements) <= 40
    if answer.status_code >= 400:
        assert answer.json()["detail"]


# Amounts


@RELAXED
@given(text=st.text("0123456789.,-+eE _'٣", max_size=24) | TEXTS)
def test_d1_an_amount_is_read_by_the_api_as_everywhere_or_refused(patient, wallet, text):
    body = {"wallet": str(wallet.public_id), "currency": "USDT", "amount": text, "purpose": "Prize"}
    with transaction.atomic():
        answer = patient.post("payouts/", body, key="1")
        stored = [each.amount for each in Payout.objects.all()]
        transaction.set_rollback(True)
    try:
        amount = parse_amount(text)
    except InvalidAmount:
        assert (answer.status_code, stored) == (400, [])
        assert answer.json()["errors"][0]["field"] == "amount"
    else:
        assert (answer.status_code, stored) in [(201, [amount]), (422, [])], answer.content


@RELAXED
@given(units=st.integers(1, 10**12))
def test_d2_what_is_asked_for_is_stored_and_shown_as_the_same_number(patient, wallet, units):
    amount = Decimal(units).scaleb(-6)
    body = {"wallet": str(wallet.public_id), "currency": "USDT", "purpose": "Prize"}
    with transaction.atomic():
        answer = patient.post("payouts/", body | {"amount": f"{amount:f}"}, key="1")
        stored = [each.amount for each in Payout.objects.all()]
        listed = [each["amount"] for each in patient.get("payouts/").json()["results"]]
        transaction.set_rollback(True)
    if amount < Decimal("0.5"):
        assert (answer.status_code, stored) == (422, [])
        return
    assert stored == [amount]
    assert [answer.json()["amount"]] == listed == [format_amount(amount)]
    assert Decimal(listed[0]) == amount
