"""What each key may do, and that nothing of another client shows: every endpoint, with every scope,
for two clients, with both kinds of key."""

import json
import uuid
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

import pytest
from django.apps import apps
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from audit import clock
from payouts.gateway import sandbox
from payouts.portal import feed, urls
from payouts.portal.models import ApiKey, FeedEvent, Scope, WebhookEndpoint
from tests.factories import ClientFactory, PayoutFactory, WalletFactory
from tests.portal.conftest import Developer, issue
from wallets.models import Client

# `long`: it is the API that is tried here and not the database; `make torture` tries it on both.
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock", "usdt"), pytest.mark.long]

METHODS = ("get", "post", "put", "patch", "delete")
OURS = {"wallets", "payouts", "payouts_portal", "payouts_controls", "audit"}
ADDRESSES = ["TDD97yguPESTpcrJMqU6h2ozZbibv4Vaqm", "TLyqzVGLV1srkB7dToTAEqgDSfPtXRJZYH"]
ASKED_WALLET = {"network": "tron", "address": "TJRyWwFs9wTFGZg3JbrVriFbNfCug5tDeC"}
ASKED_PAYOUT = {"wallet": "{wallet}", "currency": "USDT", "amount": "5", "purpose": "Prize"}
ASKED_ENDPOINT = {"url": "https://192.5.6.30/hook"}
ESTIMATE = {"network": "tron", "currency": "USDT", "amount": "5"}


@dataclass(frozen=True)
class Endpoint:
    """What a method of an address needs and how it is asked; `{wallet}` and the like stand for what
    belongs to somebody."""

    scope: str = ""  # every key may
    args: tuple[str, ...] = ()
    body: dict[str, str] | None = None
    key: str = ""
    filters: tuple[dict[str, str], ...] = ()  # by each of which something of somebody is found
    of_portal: bool = False
    status: int = 200

    @property
    def things(self):
        """What it names, such as a wallet."""
        given = [*self.args, *(self.body or {}).values()]
        return [each.strip("{}") for each in given if each.startswith("{")]


def webhooks(*args, **more):
    return Endpoint("webhooks:write", tuple(f"{{{each}}}" for each in args), **more)


ENDPOINTS = {
    ("services", "get"): Endpoint(),
    ("clients", "get"): Endpoint("clients:write", of_portal=True),
    ("client", "get"): Endpoint("clients:write", ("{client}",), of_portal=True),
    ("client", "put"): Endpoint("clients:write", ("{client}",), {"name": "Anna"}, of_portal=True),
    ("wallets", "get"): Endpoint("wallets:read", filters=({"address": "{address}"},)),
    ("wallets", "post"): Endpoint("wallets:write", body=ASKED_WALLET, key="new", status=201),
    ("wallet", "get"): Endpoint("wallets:read", ("{wallet}",)),
    ("archive_wallet", "post"): Endpoint("wallets:write", ("{wallet}",), {}),
    ("limits", "get"): Endpoint("payouts:read"),
    ("events", "get"): Endpoint("events:read"),
    ("estimate", "post"): Endpoint("payouts:read", body=ESTIMATE),
    ("payouts", "get"): Endpoint(
        "payouts:read",
        filters=({"wallet": "{wallet}"}, {"idempotency_key": "{key}"}, {"reference": "{key}"}),
    ),
    ("payouts", "post"): Endpoint("payouts:request", body=ASKED_PAYOUT, key="new", status=201),
    ("payout", "get"): Endpoint("payouts:read", ("{payout}",)),
    ("cancel", "post"): Endpoint("payouts:cancel", ("{payout}",), {}),
    ("simulate", "post"): Endpoint("payouts:request", ("{payout}",), {"fault": "stuck"}),
    ("endpoints", "get"): webhooks(),
    ("endpoints", "post"): webhooks(body=ASKED_ENDPOINT, key="new", status=201),
    ("endpoint", "get"): webhooks("endpoint"),
    ("endpoint", "patch"): webhooks("endpoint", body={"name": "Other"}),
    ("endpoint", "delete"): webhooks("endpoint", status=204),
    ("secret", "get"): webhooks("endpoint"),
    ("rotate_secret", "post"): webhooks("endpoint", body={}),
    ("deliveries", "get"): webhooks("endpoint", filters=({"payout": "{payout}"},)),
    ("redeliver", "post"): webhooks("endpoint", "event", body={}, status=202),
}
ENDPOINT = pytest.mark.parametrize("name", ENDPOINTS, ids="-".join)
NAMING = [(name, thing) for name, endpoint in ENDPOINTS.items() for thing in endpoint.things]
FILTERS = [(name, each) for name, endpoint in ENDPOINTS.items() for each in endpoint.filters]
LISTS = [("wallets", "get"), ("payouts", "get")]
KIND = pytest.mark.parametrize("kind", ["portal", "own"])


@dataclass
class Side:
    """A client with what it has, and a developer who acts for it."""

    developer: Developer
    things: dict[str, str]
    key: ApiKey = field(repr=False)

    def ask(self, name, things=None, filters=()):
        """Ask at an endpoint about these things, usually its own."""
        route, method = name
        known, endpoint = things or self.things, ENDPOINTS[name]
        args = [each.format(**known) for each in endpoint.args]
        path = reverse(f"portal:{route}", args=args).removeprefix("/api/v1/")
        query = {key: value.format(**known) for key, value in dict(filters).items()}
        if method == "get":
            return self.developer.get(path, **query)
        body = {key: value.format(**known) for key, value in (endpoint.body or {}).items()}
        if method == "post":
            return self.developer.post(path, body, key=endpoint.key)
        return getattr(self.developer.client, method)(
            f"/api/v1/{path}",
            json.dumps(body),
            content_type="application/json",
            headers=self.developer.headers(),
        )

    def give(self, *scopes):
        ApiKey.objects.filter(pk=self.key.pk).update(scopes=list(scopes))


@pytest.fixture
def sides(client, kind, request, monkeypatch):
    """Two clients that have the same: a wallet and a payout that was asked for through the API, and
    where a test is about webhooks, one that waits to be sent."""
    monkeypatch.setattr(sandbox, "simulate", lambda _fault, _order_id: None)
    name = request.node.callspec.params.get("name")
    hear = bool(name) and ENDPOINTS[name].scope == "webhooks:write"
    made = [side(client, kind, number, address, hear) for number, address in enumerate(ADDRESSES)]
    ours = feed.feed()
    if hear:
        feed.take_up()
        for each in made:
            number = FeedEvent.objects.get(payout=each.things["payout"]).number
            each.things["event"] = feed.id_of(number, ours)
    return made


def side(client, kind, number, address, hears):
    row = ClientFactory(external_id=f"K-{number}")
    endpoint = WebhookEndpoint(client=row, url="https://192.5.6.30/hook", created_at=clock.now())
    if hears:
        endpoint.save()
    wallet = WalletFactory(client=row, address=address)
    if kind == "portal":
        key, text = issue()
        developer = Developer(client, text, acts_for=row.external_id)
    else:
        key, text = issue(client=row)
        developer = Developer(client, text)
    body = ASKED_PAYOUT | {"wallet": str(wallet.public_id), "reference": f"key-{number}"}
    made = developer.post("payouts/", body, key=f"key-{number}")
    assert made.status_code == 201, made.content
    things = {
        "client": row.external_id,
        "wallet": str(wallet.public_id),
        "address": wallet.address,
        "payout": made.json()["id"],
        "key": f"key-{number}",
        "endpoint": str(endpoint.pk),
    }
    return Side(developer, things, key)


def missing():
    return {
        "client": "K-9",
        "wallet": str(uuid.uuid4()),
        "address": "TPYmHEhy5n8TCEfYGqW2rPxsghSfzghPDn",
        "payout": str(uuid.uuid4()),
        "key": "key-9",
        "endpoint": str(uuid.uuid4()),
        "event": feed.id_of(10**6, feed.feed()),
    }


def stored():
    """All rows of the desk; that a key was used is no change."""
    models = [each for each in apps.get_models() if each._meta.app_label in OURS]
    return {
        model.__name__: sorted(map(str, model.objects.values_list()))
        for model in models
        if model is not ApiKey
    }


@contextmanager
def undone():
    """Let what is asked for within be forgotten again."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def counted(ask, *about, **more):
    """Return an answer, and how many statements it took."""
    with undone(), CaptureQueriesContext(connection) as statements:
        return ask(*about, **more), len(statements)


def said(answer):
    """Return all that an answer says, but for what differs each time."""
    times = {"X-Request-Id", "RateLimit"}
    headers = {name: value for name, value in answer.headers.items() if name not in times}
    return answer.status_code, headers, answer.content


def test_i16_every_endpoint_of_the_api_is_proved_here():
    offered = {
        (pattern.name, method)
        for pattern in urls.urlpatterns
        if str(pattern.pattern).startswith("v1/")
        for method in METHODS
        if hasattr(pattern.callback.view_class, method)
    }
    assert offered == set(ENDPOINTS)
    assert {each.scope for each in ENDPOINTS.values()} == {"", *Scope.values}


@KIND
@ENDPOINT
def test_i16_a_scope_opens_what_it_is_for_and_nothing_else(sides, kind, name):
    endpoint = ENDPOINTS[name]
    each_alone = [{scope} for scope in Scope.values]
    all_but_it = set(Scope.values) - {endpoint.scope}
    before = stored()
    for each in sides:
        for scopes in [*each_alone, all_but_it]:
            each.give(*scopes)
            if endpoint.scope and endpoint.scope not in scopes:
                answer = each.ask(name)
                expected = 403, "scope_missing"
                assert (answer.status_code, answer.json()["code"]) == expected, scopes
            elif endpoint.of_portal and kind == "own":
                answer = each.ask(name)
                assert (answer.status_code, answer.json()["code"]) == (403, "portal_only")
            else:
                with undone():
                    answer = each.ask(name)
                assert answer.status_code == endpoint.status, answer.content
    assert stored() == before


@pytest.mark.parametrize("kind", ["portal"])
def test_i16_a_method_that_an_address_has_not_is_refused(sides):
    before, developer = stored(), sides[0].developer
    for (route, _method), endpoint in ENDPOINTS.items():
        path = reverse(f"portal:{route}", args=[each.format(**missing()) for each in endpoint.args])
        for method in METHODS:
            if (route, method) not in ENDPOINTS:
                answer = getattr(developer.client, method)(path, headers=developer.headers())
                assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert stored() == before


@KIND
@pytest.mark.parametrize(("name", "thing"), NAMING, ids=str)
def test_e1_i16_what_is_another_client_s_does_not_exist(sides, kind, name, thing):
    """In the address or in the body: the same answer, to the byte, after as many statements."""
    endpoint, before = ENDPOINTS[name], stored()
    if endpoint.of_portal and kind == "portal":
        return  # it writes all clients
    for each, other in (sides, sides[::-1]):
        each.give(*Scope.values)
        of_other, of_nobody = ({thing: of[thing]} for of in (other.things, missing()))
        foreign, foreign_cost = counted(each.ask, name, each.things | of_other)
        absent, absent_cost = counted(each.ask, name, each.things | of_nobody)
        assert said(foreign) == said(absent)
        assert foreign_cost == absent_cost
        if endpoint.of_portal:
            assert foreign.json()["code"] == "portal_only"
            continue
        assert (foreign.status_code in (404, 422), foreign.json()["code"]) == (True, "not_found")
        with undone():
            assert each.ask(name).status_code == endpoint.status
    assert stored() == before


@KIND
@pytest.mark.parametrize(("name", "filters"), FILTERS)
def test_e1_i16_a_filter_finds_nothing_of_another_client(sides, kind, name, filters):
    before, [filtered] = stored(), [value.strip("{}") for value in filters.values()]

    def found_by(things):
        return {filtered: things[filtered]}

    for each, other in (sides, sides[::-1]):
        of_other, of_nobody = (each.things | found_by(of) for of in (other.things, missing()))
        foreign, foreign_cost = counted(each.ask, name, of_other, filters)
        absent, absent_cost = counted(each.ask, name, of_nobody, filters)
        assert said(foreign) == said(absent)
        assert foreign.json()["results"] == []
        assert foreign_cost == absent_cost
        [own] = each.ask(name, filters=filters).json()["results"]
        assert own.get("id", own.get("event")) in each.things.values()
    assert stored() == before


@KIND
@pytest.mark.parametrize("name", LISTS, ids="-".join)
def test_e1_i16_a_cursor_of_another_client_s_list_shows_ones_own(sides, kind, name):
    for each in sides:
        owner = Client.objects.get(external_id=each.things["client"])
        PayoutFactory(wallet=WalletFactory(client=owner, **ASKED_WALLET))
    before = stored()
    for each, other in (sides, sides[::-1]):
        own = {row["id"] for row in each.ask(name).json()["results"]}
        assert len(own) == 2
        following = other.ask(name, filters={"page_size": "1"}).json()["next"]
        [cursor] = parse_qs(urlsplit(following).query)["cursor"]
        page = each.ask(name, filters={"cursor": cursor}).json()
        assert {row["id"] for row in page["results"]} <= own
    assert stored() == before


@KIND
def test_i16_another_client_s_key_of_idempotency_is_as_good_as_a_new_one(sides, kind):
    def made(each, key):
        body = ASKED_PAYOUT | {"wallet": each.things["wallet"]}
        answer, cost = counted(each.developer.post, "payouts/", body, key=key)
        body = answer.json() | {"id": "", "number": "", "idempotency_key": ""}
        return answer.status_code, answer.headers.keys(), body, cost

    before = stored()
    for each, other in (sides, sides[::-1]):
        assert made(each, other.things["key"]) == made(each, "key-9")
        assert made(each, "key-9")[0] == 201
    assert stored() == before


@pytest.mark.parametrize("kind", ["own"])
def test_i16_a_client_s_own_key_names_nobody(sides):
    before = stored()
    for each in sides:
        answers = []
        for other in (*(side.things for side in sides), missing()):
            each.developer.acts_for = other["client"]
            answers.append(said(each.ask(("payouts", "get"))))
        assert len({content for _status, _headers, content in answers}) == 1
        assert {status for status, _headers, _content in answers} == {400}
    assert stored() == before


@KIND
def test_i16_a_feed_has_the_events_of_its_own_client(sides, kind):
    feed.take_up()
    before = stored()
    for each, other in (sides, sides[::-1]):
        page = each.ask(("events", "get")).json()
        assert [event["data"]["payout"] for event in page["results"]] == [each.things["payout"]]
        assert page["results"][0]["client"] == each.things["client"]
        first = other.ask(("events", "get"), filters={"page_size": "1"}).json()["next"]
        on = each.ask(("events", "get"), filters={"after": first}).json()
        assert {event["client"] for event in on["results"]} <= {each.things["client"]}
    assert stored() == before
