import json
from dataclasses import dataclass

import pytest
from django.core.cache import cache
from django.test import Client

from audit.actor import Actor, Channel
from payouts.portal.models import Scope
from tests.factories import ClientFactory, StaffFactory, WalletFactory, usable_key
from tests.portal import description

ALL = list(Scope.values)
OWN = [scope for scope in ALL if scope != "clients:write"]


@dataclass
class Developer:
    """Who calls the API with a key, as the back end of a portal does."""

    client: object  # Django's
    key: str
    acts_for: str | None = None

    def headers(self, **more):
        headers = {"Authorization": f"Bearer {self.key}"} | more
        return headers | ({"Desk-Client": self.acts_for} if self.acts_for else {})

    def get(self, path, **query):
        return self.client.get(f"/api/v1/{path}", query, headers=self.headers())

    def post(self, path, body, *, key="", **headers):
        more = {"Idempotency-Key": key} if key else {}
        return self.client.post(
            f"/api/v1/{path}",
            body if isinstance(body, bytes) else json.dumps(body),
            content_type="application/json",
            headers=self.headers(**more, **headers),
        )

    def put(self, path, body):
        return self.send("put", path, body)

    def patch(self, path, body):
        return self.send("patch", path, body)

    def send(self, method, path, body):
        return getattr(self.client, method)(
            f"/api/v1/{path}",
            json.dumps(body),
            content_type="application/json",
            headers=self.headers(),
        )

    def delete(self, path):
        return self.client.delete(f"/api/v1/{path}", headers=self.headers())


def issue(*, client=None, scopes=None, issuer=None, **more):
    issuer = issuer or StaffFactory(roles=["User manager"])
    key, text = usable_key(
        name="Portal",
        scopes=scopes or (OWN if client else ALL),
        client=client,
        actor=Actor.staff(issuer, Channel.ADMIN),
        **more,
    )
    return key, text


def read_all(developer, size=2):
    """Return all events that the feed has for a developer, and the cursor after them."""
    found, after = [], None
    while True:
        page = developer.get(
            "events/", page_size=size, **({"after": after} if after else {})
        ).json()
        found, after = [*found, *page["results"]], page["next"]
        if not page["has_more"]:
            return found, after


@pytest.fixture(autouse=True)
def _nothing_counted_before():
    """The clock stands still in tests, so what one counts would throttle the next one."""
    cache.clear()


@pytest.fixture(autouse=True)
def _as_described(monkeypatch):
    """Hold each answer to a test of the API against what its description says of it."""
    plain = Client.request

    def request(client, **environ):
        answer = plain(client, **environ)
        description.check(answer, environ["REQUEST_METHOD"])
        return answer

    monkeypatch.setattr(Client, "request", request)


@pytest.fixture
def owner(db):
    return ClientFactory(external_id="K-1")


@pytest.fixture
def wallet(owner):
    return WalletFactory(client=owner)


@pytest.fixture
def portal(client, owner):
    """The portal's back end, which acts for the client C-1."""
    return Developer(client, issue()[1], acts_for="K-1")


@pytest.fixture
def own_key(client, owner):
    """A developer with the client's own key."""
    return Developer(client, issue(client=owner)[1])
