"""Schemathesis: requests of every kind, well-formed and not, held against the API's description."""

import functools
import os
import socket
from base64 import b64encode
from urllib.parse import quote

import jsonschema
import pytest
from django.core.cache import cache
from django.core.handlers.wsgi import WSGIHandler
from django.core.signals import request_finished, request_started
from django.db import close_old_connections

from payouts.gateway import sandbox
from payouts.models import Payout
from payouts.portal import feed, throttle
from payouts.portal.models import Delivery, WebhookEndpoint
from payouts.portal.openapi.document import PREFIX, document
from payouts.portal.openapi.operations import EXTERNAL_ID, OPERATIONS
from tests.factories import AttemptFactory, DiscrepancyFactory, PayoutFactory, WalletFactory
from tests.portal.conftest import issue
from tests.portal.description import closed

# Its coverage phase alone takes seconds; `make torture` runs it on PostgreSQL too.
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock", "usdt"), pytest.mark.long]

GOOD = {200, 201, 202, 204}
RECEIVER = "portal.example"  # as the description's own example has it
EXAMPLES = int(os.environ.get("SCHEMA_EXAMPLES", "3"))  # besides those of the coverage phase
# Well-formed, and refused for what the desk knows: coins that are not paid, payouts that ended.
KNOWN_BETTER = ["2xx", "403", "404", "409", "410", "422"]


@pytest.fixture(autouse=True)
def _unhurried(monkeypatch):
    """Hundreds of requests come in one moment, some with wrong keys; and no sandbox is there."""
    monkeypatch.setattr(sandbox, "simulate", lambda _fault, _order_id: None)
    monkeypatch.setattr(throttle, "REQUESTS", 10**9)
    monkeypatch.setattr(throttle, "WRONG_KEYS", 10**9)
    yield
    cache.clear()


@pytest.fixture(autouse=True)
def _one_name(monkeypatch):
    """Nobody is asked where a name leads."""

    def getaddrinfo(host, port, *_args, **_options):
        if host != RECEIVER:
            raise socket.gaierror
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.215.14", port))]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


@pytest.fixture(autouse=True)
def _one_connection():
    """A request of a real server ends with its connection, here the one of the test."""
    signals = [request_started, request_finished]
    for signal in signals:
        signal.disconnect(close_old_connections)
    yield
    for signal in signals:
        signal.connect(close_old_connections)


@pytest.fixture
def there(owner, wallet, clock):
    """What there is: by the name of a parameter, the values with which something is found."""
    statuses = [value for value, _label in Payout._meta.get_field("status").choices]
    asked = {"client": owner, "wallet": wallet, "origin": "api"}
    rows = [
        PayoutFactory(**asked, status=status, idempotency_key=f"api:{status}")
        for status in statuses
    ]
    for row in rows:
        if row.status in ("submitting", "broadcast", "confirmed", "failed"):
            AttemptFactory(payout=row, calls=1)
    DiscrepancyFactory(payout=rows[-1])
    endpoints = [
        WebhookEndpoint.objects.create(client=owner, url=f"https://{RECEIVER}/", created_at=clock())
        for _ in range(3)
    ]
    feed.take_up()
    heard = Delivery.objects.filter(endpoint=endpoints[0]).values_list("event", flat=True)
    wallets = [wallet, WalletFactory(client=owner, address="TXYZopYRdj2D9XRtbG411XZZ3kM5VkAeBf")]
    return {
        "external_id": [owner.external_id],
        "url": [f"https://{RECEIVER}/"],
        "wallet": [str(each.public_id) for each in wallets],
        "wallet_id": [str(each.public_id) for each in wallets],
        "payout_id": [str(row.pk) for row in rows],
        "event_types": [[], ["payout.paid"]],
        "fault": ["stuck", "failed"],
        "endpoint_id": [str(each.pk) for each in endpoints],
        "event_id": [feed.id_of(number, feed.feed()) for number in heard],
        "after": [feed.write_cursor(number, feed.feed()) for number in (0, 3)],
        "cursor": [cursor(rows[4].number), cursor(quote(clock().isoformat()))],
    }


IN_BODIES = {"wallet", "url", "fault", "event_types"}


def cursor(place):
    return b64encode(f"p={place}".encode()).decode()


class Developer:
    """Sends what is generated with the portal's key and the client's own in turn. Ids and cursors
    that are well-formed are mostly changed for some that exist, or all would end in 404."""

    def __init__(self, owner, there):
        self.owner, self.there = owner, there
        self.portal_key, self.own_key = issue()[1], issue(client=owner)[1]
        self.count, self.statuses = 0, set()

    def cursor(self, name, path):
        numbered, dated = self.there["cursor"]
        if name == "after":
            return self.one_of(name)
        return dated if path.endswith("/webhook-endpoints/") else numbered

    def one_of(self, name):
        return self.there[name][self.count % len(self.there[name])]

    def send(self, case):
        from schemathesis.specs.openapi.checks import ignored_auth

        self.count += 1
        places = [place for place in case.meta.components if case.meta.is_negative_at(place)]
        odd = {place.value for place in places}
        self.find(case, odd)
        headers = self.headers(case, "header" in odd)
        # Asking without a key, and with a wrong one, after the first good answer is enough.
        known = [ignored_auth] if self.statuses & GOOD else []
        answer = case.call_and_validate(headers=headers, excluded_checks=known)
        self.statuses.add(answer.status_code)

    def headers(self, case, are_odd):
        if are_odd or self.count % 2:
            named = case.headers.get("Desk-Client")
            is_fit = named is None or jsonschema.Draft202012Validator(EXTERNAL_ID).is_valid(named)
            acts_for = {"Desk-Client": self.owner.external_id} if is_fit else {}
            return {"Authorization": f"Bearer {self.portal_key}", **acts_for}
        case.headers.pop("Desk-Client", None)
        return {"Authorization": f"Bearer {self.own_key}"}

    def find(self, case, odd):
        if "path" not in odd and self.count % 4:
            case.path_parameters = {name: self.one_of(name) for name in case.path_parameters}
        if "query" not in odd:
            for name in case.query.keys() & {"after", "cursor"}:
                case.query[name] = self.cursor(name, case.path)
        if "header" not in odd and "Idempotency-Key" in case.headers and self.count % 4:
            case.headers["Idempotency-Key"] = f"request-{self.count}"
        if "body" not in odd and isinstance(case.body, dict):
            for name in case.body.keys() & IN_BODIES:
                case.body[name] = self.one_of(name)


@pytest.mark.parametrize("name", OPERATIONS)
def test_schemathesis_finds_nothing(name, owner, there):
    # Imported here, and its plugin is off: it would cost each process of each run a second.
    import schemathesis
    from schemathesis.generation.feedback import NO_FEEDBACK
    from schemathesis.pytest._test_builder import build_operation_test

    method, path = name.split(" ")
    schema = schemathesis.openapi.from_dict(closed(document()))
    schema.app = served
    config = schema.config
    config.update(base_url="http://testserver/")
    config.generation.update(
        deterministic=True,
        max_examples=EXAMPLES,
        database="none",
        with_security_parameters=False,  # keys are sent here; a check takes them away again
    )
    config.checks.positive_data_acceptance.expected_statuses = KNOWN_BETTER
    developer = Developer(owner, there)
    build_operation_test(
        config=config,
        operation=schema[PREFIX + path][method],
        test_func=lambda case: developer.send(case),
        given_kwargs={},
        feedback=NO_FEEDBACK,
    )()
    assert developer.statuses & GOOD, "it never got through"
    assert 405 in developer.statuses
    assert developer.statuses & {400, 404}


@functools.cache
def handler():
    return WSGIHandler()


def served(environ, start_response):
    return handler()(environ | {"REMOTE_ADDR": "127.0.0.1"}, start_response)
