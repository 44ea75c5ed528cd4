"""The receiver of webhooks that docs/api.md shows in Python, as it stands there."""

import sqlite3

import pytest

from tests.docs.pages import ROOT, Page
from tests.portal.receiving import Receiver, turns
from tests.portal.test_feed import ask
from tests.portal.test_webhooks import add, log_of, secret_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock", "usdt")]


@pytest.fixture
def receive():
    snippets = Page(ROOT / "docs" / "api.md").snippets()
    [snippet] = [each for each in snippets if each.kind == "python"]
    page = {}
    exec(snippet.text, page)
    return page["receive"]


@pytest.fixture
def inbox():
    database = sqlite3.connect(":memory:", check_same_thread=False)
    database.execute("CREATE TABLE inbox (id TEXT PRIMARY KEY, type TEXT, payout TEXT)")
    yield database
    database.close()


def test_it_takes_what_the_desk_signed_and_each_id_once(receive, inbox, own_key, wallet):
    with Receiver() as receiver:
        endpoint = add(own_key, receiver)
        foreign = add(own_key, receiver, key="2", event_types=["payout.paid"])
        secrets = [secret_of(own_key, each) for each in (foreign, endpoint, endpoint)]
        statuses = []

        def answer(body):
            secret = secrets[len(statuses)]
            statuses.append(receive(body.encode(), receiver.headers[-1], secret, inbox))
            return statuses[-1]

        receiver.answers = answer
        payout = ask(own_key, wallet, "1")
        turns()
        assert inbox.execute("SELECT * FROM inbox").fetchall() == []
        for _ in range(2):
            [event] = [each["event"] for each in log_of(own_key, endpoint)]
            own_key.post(f"webhook-endpoints/{endpoint['id']}/deliveries/{event}/redeliver/", {})
            turns()
    assert statuses == [400, 204, 204]
    taken = inbox.execute("SELECT * FROM inbox").fetchall()
    assert taken == [(event, "payout.requested", str(payout.pk))]
