"""Requests are counted by key, and wrong keys by address."""

import pytest
from django.core.cache import cache

from payouts.portal import throttle
from tests.portal.conftest import Developer, issue

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("usdt")]


@pytest.fixture(autouse=True)
def _few(monkeypatch, clock):
    cache.clear()
    monkeypatch.setattr(throttle, "REQUESTS", 3)
    monkeypatch.setattr(throttle, "WRONG_KEYS", 2)
    yield
    cache.clear()


def test_e4_a_key_asks_so_often_in_a_minute_and_learns_when_to_come_back(client, owner, clock):
    one, other = (Developer(client, issue(client=owner)[1]) for _ in range(2))
    left = [one.get("services/")["RateLimit"] for _ in range(3)]
    assert left == [f'"requests";r={count};t=60' for count in (2, 1, 0)]
    clock.forward(seconds=20)
    answer = one.get("services/")
    assert (answer.status_code, answer.json()["code"]) == (429, "throttled")
    assert (answer["Retry-After"], answer["RateLimit"]) == ("40", '"requests";r=0;t=40')
    assert other.get("services/").status_code == 200
    clock.forward(seconds=40)
    assert one.get("services/")["RateLimit-Policy"] == '"requests";q=3;w=60'


def test_e4_who_guesses_keys_is_stopped_and_keeps_nobody_out(client, owner, clock):
    developer = Developer(client, issue(client=owner)[1])
    wrong = Developer(client, "desk_abcdefgh_wrong")
    assert [wrong.get("services/").status_code for _ in range(3)] == [401, 401, 429]
    assert developer.get("services/").status_code == 200  # behind the same proxy
    assert wrong.get("services/").status_code == 429
    clock.forward(minutes=1)
    assert wrong.get("services/").status_code == 401


def test_e4_a_name_of_nobody_is_counted_as_any_request(client):
    portal = Developer(client, issue()[1], acts_for="nobody")
    answers = [portal.get("payouts/") for _ in range(4)]
    assert [each.status_code for each in answers] == [404, 404, 404, 429]
    assert answers[0]["RateLimit"] == '"requests";r=2;t=60'


def test_a_cache_that_fails_keeps_nobody_out(client, owner, monkeypatch, caplog):
    def broken(*_args, **_kwargs):
        raise ConnectionError

    developer = Developer(client, issue(client=owner)[1])
    monkeypatch.setattr(throttle.cache, "add", broken)
    monkeypatch.setattr(throttle.cache, "get", broken)
    assert developer.get("services/").status_code == 200
    assert "not counted" in caplog.text
