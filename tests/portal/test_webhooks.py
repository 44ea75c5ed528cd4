"""Outgoing webhooks: each event once and in order for who hears it, signed, and nowhere inside."""

import socket
import threading

import pytest
from standardwebhooks import WebhookVerificationError

from audit.models import DeskEvent
from config.environment import BASE_DIR
from payouts.engine.worker import Worker
from payouts.portal import feed
from payouts.portal.event_types import EVENT_TYPES
from payouts.portal.models import Delivery, WebhookEndpoint
from payouts.portal.webhooks import deliveries, receivers
from tests.factories import ClientFactory, WalletFactory
from tests.portal.conftest import Developer, issue
from tests.portal.receiving import Raw, Receiver, turn, turns
from tests.portal.test_feed import act, ask
from tests.portal.test_kept_answers import take_turn

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock", "usdt")]


@pytest.fixture
def receiver():
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def everyone(portal):
    """The portal's back end, naming no client."""
    return Developer(portal.client, portal.key)


def add(developer, receiver, key="endpoint-1", **more):
    answer = developer.post("webhook-endpoints/", {"url": receiver.url, **more}, key=key)
    assert answer.status_code == 201, answer.content
    return answer.json()


def secret_of(developer, endpoint):
    answer = developer.get(f"webhook-endpoints/{endpoint['id']}/secret/")
    assert answer["Cache-Control"] == "no-store"
    return answer.json()["secret"]


def log_of(developer, endpoint, **query):
    return developer.get(f"webhook-endpoints/{endpoint['id']}/deliveries/", **query).json()[
        "results"
    ]


def state_of(developer, endpoint):
    answer = developer.get(f"webhook-endpoints/{endpoint['id']}/").json()
    return answer["status"], answer["detail"]


def patch(developer, endpoint, **body):
    return developer.patch(f"webhook-endpoints/{endpoint['id']}/", body)


# What is sent


def test_a_webhook_says_which_payout_and_what_it_became(own_key, wallet, receiver):
    endpoint = add(own_key, receiver)
    payout = ask(own_key, wallet, "1")
    act("HOLD", payout, "Approver", reason="Mallory")
    turns()

    [said] = receiver.read(secret_of(own_key, endpoint))
    [event] = own_key.get("events/").json()["results"]
    assert said == {
        "id": event["id"],
        "type": "payout.in_review",
        "client": "K-1",
        "at": event["at"],
        "data": {"payout": str(payout.pk), "number": str(payout)},
    }
    [headers] = receiver.headers
    assert headers["webhook-id"] == event["id"]
    assert headers["Content-Type"] == "application/json"


def test_each_type_that_is_sent_stands_in_the_table(own_key, wallet, receiver, clock):
    endpoint = add(own_key, receiver)
    held, rejected = ask(own_key, wallet, "1"), ask(own_key, wallet, "2", "6")
    turns()
    act("HOLD", held, "Approver", reason="Mallory")
    act("REJECT", rejected, "Approver", reason="Mallory")
    turns()
    types = [each["type"] for each in receiver.read(secret_of(own_key, endpoint))]
    assert sorted(types) == [
        *("payout.cancelled", "payout.in_review", "payout.requested", "payout.requested")
    ]
    assert set(types) <= set(EVENT_TYPES)


def test_who_knows_another_secret_takes_none(own_key, wallet, receiver):
    add(own_key, receiver)
    other = add(own_key, receiver, key="2", event_types=["payout.paid"])
    ask(own_key, wallet, "1")
    turns()
    with pytest.raises(WebhookVerificationError):
        receiver.read(secret_of(own_key, other))


def test_only_the_types_that_are_wanted_are_sent(own_key, wallet, receiver):
    endpoint = add(own_key, receiver, event_types=["payout.in_review"])
    payout = ask(own_key, wallet, "1")
    turns()
    assert receiver.received == []
    act("HOLD", payout, "Approver", reason="Mallory")
    turns()
    [said] = receiver.read(secret_of(own_key, endpoint))
    assert said["type"] == "payout.in_review"


def test_i16_the_portal_hears_of_all_and_a_client_of_its_own(
    everyone, own_key, wallet, receiver, client
):
    other = ClientFactory(external_id="K-2")
    theirs = Developer(client, issue(client=other)[1])
    all_of_them = add(everyone, receiver)
    with Receiver() as own_receiver:
        of_own = add(own_key, own_receiver)
        ask(own_key, wallet, "1")
        ask(theirs, WalletFactory(client=other), "1")
        turns()
        assert [each["client"] for each in own_receiver.read(secret_of(own_key, of_own))] == ["K-1"]
    heard = receiver.read(secret_of(everyone, all_of_them))
    assert [each["client"] for each in heard] == ["K-1", "K-2"]
    assert own_key.get(f"webhook-endpoints/{all_of_them['id']}/").status_code == 404
    assert everyone.get(f"webhook-endpoints/{of_own['id']}/").status_code == 404


# When it fails


def test_a_receiver_that_was_down_for_a_day_gets_all_of_it_once_and_in_order(
    own_key, wallet, receiver, clock
):
    endpoint = add(own_key, receiver)
    receiver.answers = lambda _body: 503
    payouts = [ask(own_key, wallet, str(each), amount=str(5 + each)) for each in range(3)]
    turns()
    for each in payouts:
        act("HOLD", each, "Approver", reason="Mallory")
    tried = 0
    for _hour in range(24):
        clock.forward(hours=1)
        tried += turns()
    assert tried < 2 * 24  # it is asked now and then, not by all that waits
    assert state_of(own_key, endpoint)[0] == "failing"

    receiver.answers = lambda _body: 200
    clock.forward(minutes=10)
    turns()
    heard = receiver.read(secret_of(own_key, endpoint))
    assert len(heard) == len({each["id"] for each in heard}) == 6
    for payout in payouts:
        of_it = [each["type"] for each in heard if each["data"]["payout"] == str(payout.pk)]
        assert of_it == ["payout.requested", "payout.in_review"]
    assert state_of(own_key, endpoint) == ("active", "")


def test_a_webhook_that_is_refused_holds_up_its_payout_alone(own_key, wallet, receiver, clock):
    endpoint = add(own_key, receiver)
    payout, other = ask(own_key, wallet, "1"), ask(own_key, wallet, "2", "6")
    receiver.answers = lambda body: 500 if str(payout.pk) in body and "requested" in body else 200
    turns()
    act("HOLD", payout, "Approver", reason="Mallory")
    act("HOLD", other, "Approver", reason="Mallory")
    turns()
    heard = receiver.read(secret_of(own_key, endpoint))
    assert [each["data"]["number"] for each in heard] == [str(other), str(other)]

    receiver.answers = lambda _body: 200
    clock.forward(seconds=5)
    turns()
    late = receiver.read(secret_of(own_key, endpoint))[2:]
    assert [(each["data"]["number"], each["type"]) for each in late] == [
        (str(payout), "payout.requested"),
        (str(payout), "payout.in_review"),
    ]


def test_what_is_refused_for_three_days_is_given_up_and_the_next_one_follows(
    own_key, wallet, receiver, clock
):
    endpoint = add(own_key, receiver)
    payout = ask(own_key, wallet, "1")
    turns()
    receiver.answers = lambda body: 500 if "in_review" in body else 200
    payout = act("HOLD", payout, "Approver", reason="Mallory")
    turns()
    act("RELEASE", payout, "Approver")
    for number in range(2, 9):
        clock.forward(hours=12)
        ask(own_key, wallet, str(number), str(5 + number))
        turns()
    states = [each["state"] for each in log_of(own_key, endpoint, payout=str(payout.pk))]
    assert states == ["delivered", "given_up", "delivered"]
    assert state_of(own_key, endpoint)[0] == "active"


def test_an_endpoint_that_nothing_reaches_for_three_days_is_stopped_and_misses_nothing(
    own_key, wallet, receiver, clock
):
    endpoint = add(own_key, receiver)
    receiver.answers = lambda _body: 500
    payout = ask(own_key, wallet, "1")
    for _half_days in range(7):
        turns()
        clock.forward(hours=12)
    status, detail = state_of(own_key, endpoint)
    assert (status, detail) == ("stopped", "Nothing got through to it for three days.")
    act("HOLD", payout, "Approver", reason="Mallory")
    asked = len(receiver.headers)
    assert turns() == 0
    assert len(receiver.headers) == asked
    sealed = DeskEvent.objects.get(event_type=DeskEvent.Type.STOP_ENDPOINT)
    assert (sealed.channel, sealed.reason_code) == ("worker", "receiver_unreached")

    receiver.answers = lambda _body: 200
    assert patch(own_key, endpoint, active=True).json()["status"] == "active"
    turns()
    types = [each["type"] for each in receiver.read(secret_of(own_key, endpoint))]
    assert types == ["payout.requested", "payout.in_review"]


def test_one_that_answers_410_is_stopped_at_once(own_key, wallet, receiver, clock):
    endpoint = add(own_key, receiver)
    receiver.answers = lambda _body: 410
    ask(own_key, wallet, "1")
    turns()
    clock.forward(days=1)
    ask(own_key, wallet, "2", "6")
    assert turns() == 0
    status, detail = state_of(own_key, endpoint)
    assert (status, detail) == (
        "stopped",
        "Its receiver answered 410: it wants no webhooks any more.",
    )
    assert len(receiver.headers) == 1
    [tried] = log_of(own_key, endpoint)
    assert (tried["state"], tried["answer"]) == ("waiting", 410)


def test_a_lost_process_leaves_a_webhook_to_the_next_one(own_key, wallet, receiver, clock):
    endpoint = add(own_key, receiver)
    ask(own_key, wallet, "1")
    feed.take_up()
    assert len(deliveries.claim(8)) == 1  # by a process that is killed
    assert turns() == 0
    clock.forward(minutes=1)
    assert turns() == 1
    assert len(receiver.read(secret_of(own_key, endpoint))) == 1


def test_a_slow_endpoint_has_two_under_way_at_most(own_key, wallet, receiver):
    add(own_key, receiver)
    for number in range(5):
        ask(own_key, wallet, str(number), str(5 + number))
    feed.take_up()
    assert [len(deliveries.claim(8)) for _ in range(3)] == [2, 0, 0]


def test_an_endpoint_hears_nothing_from_before_it_was_added(own_key, wallet, receiver):
    ask(own_key, wallet, "1")
    feed.take_up()
    add(own_key, receiver)
    assert turns() == 0


# The log, and sending again


def test_the_log_says_what_came_of_each(own_key, wallet, receiver, clock):
    endpoint = add(own_key, receiver)
    receiver.answers = lambda _body: 302
    payout = ask(own_key, wallet, "1")
    turns()
    [tried] = log_of(own_key, endpoint)
    [event] = own_key.get("events/").json()["results"]
    assert tried == {
        "event": event["id"],
        "type": "payout.requested",
        "payout": str(payout.pk),
        "at": event["at"],
        "state": "waiting",
        "tries": 1,
        "answer": 302,
        "trouble": "",
        "last_tried_at": "2026-03-02T09:00:00.000Z",
        "next_try_at": "2026-03-02T09:00:05.000Z",
    }
    assert log_of(own_key, endpoint, state="delivered") == []


def test_what_arrived_is_sent_again_under_the_same_id_if_that_is_asked(own_key, wallet, receiver):
    endpoint = add(own_key, receiver)
    ask(own_key, wallet, "1")
    turns()
    [sent] = log_of(own_key, endpoint)
    path = f"webhook-endpoints/{endpoint['id']}/deliveries/{sent['event']}/redeliver/"
    assert own_key.post(path, {}).status_code == 202
    assert own_key.post(path, {}).status_code == 202  # twice asked is once sent
    turns()
    heard = receiver.read(secret_of(own_key, endpoint))
    assert [each["id"] for each in heard] == [sent["event"]] * 2
    for odd in ("evt_1", "evt_000000000000_1", sent["event"] + "9", "1", "evt_x_²"):
        path = f"webhook-endpoints/{endpoint['id']}/deliveries/{odd}/redeliver/"
        assert own_key.post(path, {}).status_code == 404, odd
    assert turns() == 0


def test_a_stopped_endpoint_sends_nothing_again(own_key, wallet, receiver):
    endpoint = add(own_key, receiver)
    ask(own_key, wallet, "1")
    turns()
    [sent] = log_of(own_key, endpoint)
    patch(own_key, endpoint, active=False)
    path = f"webhook-endpoints/{endpoint['id']}/deliveries/{sent['event']}/redeliver/"
    answer = own_key.post(path, {})
    assert (answer.status_code, answer.json()["code"]) == (409, "endpoint_stopped")
    assert Delivery.objects.get().state == "delivered"


def test_what_arrived_long_ago_is_forgotten(own_key, wallet, receiver, clock):
    endpoint = add(own_key, receiver)
    ask(own_key, wallet, "1")
    turns()
    receiver.answers = lambda _body: 500
    ask(own_key, wallet, "2", "6")
    turns()
    clock.forward(days=29)
    assert not take_turn()
    clock.forward(days=1)
    assert take_turn()
    assert [each["state"] for each in log_of(own_key, endpoint)] == ["waiting"]


# Endpoints


def test_an_endpoint_is_added_once_for_a_key(everyone, receiver):
    first = add(everyone, receiver, name="Live")
    again = everyone.post(
        "webhook-endpoints/", {"url": receiver.url, "name": "Live"}, key="endpoint-1"
    )
    assert again["Idempotent-Replayed"] == "true"
    assert again.json() == first
    other = everyone.post("webhook-endpoints/", {"url": receiver.url}, key="endpoint-1")
    assert other.status_code == 422
    assert WebhookEndpoint.objects.count() == 1
    assert everyone.get("webhook-endpoints/").json()["results"] == [first]
    sealed = DeskEvent.objects.get(event_type=DeskEvent.Type.ADD_ENDPOINT)
    assert sealed.api_key_id is not None
    assert "secret" not in str(first)


def test_a_key_needs_the_scope(client, owner, receiver):
    own = Developer(client, issue(client=owner, scopes=["events:read"])[1])
    answer = own.post("webhook-endpoints/", {"url": receiver.url}, key="1")
    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")
    assert not WebhookEndpoint.objects.exists()


def test_a_change_touches_what_is_named_and_says_so(own_key, receiver):
    endpoint = add(own_key, receiver, name="Live")
    answer = patch(own_key, endpoint, event_types=["payout.paid", "payout.paid"])
    assert answer.json() == endpoint | {"event_types": ["payout.paid"]}
    sealed = DeskEvent.objects.get(event_type=DeskEvent.Type.CHANGE_ENDPOINT)
    assert "payout.paid" in sealed.data
    for body, code in [
        ({"event_types": ["payout.gone"]}, "event_type_unknown"),
        ({"url": "ftp://portal.example/"}, "url_unfit"),
        ({"colour": "red"}, "invalid_request"),
        ({"active": "perhaps"}, "invalid_request"),
    ]:
        answer = patch(own_key, endpoint, **body)
        assert answer.json()["code"] == code
    assert answer.status_code == 400
    assert DeskEvent.objects.filter(event_type=DeskEvent.Type.CHANGE_ENDPOINT).count() == 1


def test_a_removed_endpoint_is_sent_nothing_and_found_no_more(own_key, wallet, receiver):
    endpoint = add(own_key, receiver)
    ask(own_key, wallet, "1")
    path = f"webhook-endpoints/{endpoint['id']}/"
    assert own_key.delete(path).status_code == 204
    assert turns() == 0
    assert own_key.delete(path).status_code == 404
    assert own_key.get("webhook-endpoints/").json()["results"] == []


def test_there_are_ten_at_most(own_key, receiver):
    for number in range(10):
        add(own_key, receiver, key=str(number))
    answer = own_key.post("webhook-endpoints/", {"url": receiver.url}, key="more")
    assert (answer.status_code, answer.json()["code"]) == (409, "too_many_endpoints")
    assert WebhookEndpoint.objects.count() == 10


def test_a_new_secret_signs_beside_the_old_one_for_a_day(own_key, wallet, receiver, clock):
    endpoint = add(own_key, receiver)
    old = secret_of(own_key, endpoint)
    path = f"webhook-endpoints/{endpoint['id']}/rotate-secret/"
    new = own_key.post(path, {}).json()["secret"]
    assert new == secret_of(own_key, endpoint) != old
    again = own_key.post(path, {})
    assert (again.status_code, again.json()["code"]) == (409, "secret_just_renewed")
    ask(own_key, wallet, "1")
    turns()
    assert receiver.read(old) == receiver.read(new) != []

    clock.forward(days=1)
    receiver.received.clear()
    ask(own_key, wallet, "2", "6")
    turns()
    assert len(receiver.read(new)) == 1
    with pytest.raises(WebhookVerificationError):
        receiver.read(old)


def test_no_secret_is_in_the_database_or_shown_of_what_is_under_way(
    own_key, wallet, receiver, settings
):
    endpoint = add(own_key, receiver)
    secret = secret_of(own_key, endpoint)
    row = WebhookEndpoint.objects.values().get()
    assert secret not in str(row)
    ask(own_key, wallet, "1")
    feed.take_up()
    [parcel] = deliveries.claim(1)
    assert secret not in repr(parcel)
    settings.AUDIT_KEY = "another"
    assert secret_of(own_key, endpoint) != secret


# Where it may go


INSIDE = [
    *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1"),
    *("0.0.0.0", "224.0.0.1", "255.255.255.255", "198.18.0.1", "::1", "fe80::1", "fd00::1"),
    *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::1", "ff02::1"),
]


@pytest.fixture
def real_gateway(settings):
    settings.HELEKET_PROJECT_URL = "https://api.heleket.com"


@pytest.fixture
def names(monkeypatch):
    """What names lead to, and how often that was asked; what is no name stays as it is."""
    known, asked = {}, []

    def getaddrinfo(host, port, *_args, **_options):
        asked.append(host)
        answers = known.get(host, [host])
        found = answers.pop(0) if len(answers) > 1 else answers[0]
        if found is None:
            raise socket.gaierror("Name or service not known")
        family = socket.AF_INET6 if ":" in found else socket.AF_INET
        place = (found, port, 0, 0) if ":" in found else (found, port)
        return [(family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", place)]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return known


@pytest.mark.parametrize("address", INSIDE)
def test_e6_no_endpoint_leads_inside(own_key, names, real_gateway, address):
    names["portal.example"] = [address]
    literal = f"[{address}]" if ":" in address else address
    for host in ("portal.example", literal):
        answer = own_key.post("webhook-endpoints/", {"url": f"https://{host}/"}, key=host)
        assert (answer.status_code, answer.json()["code"]) == (422, "url_nowhere")
        assert answer.json()["field"] == "url"
    assert not WebhookEndpoint.objects.exists()


def test_e6_a_name_that_leads_inside_later_is_not_followed(
    own_key, wallet, receiver, names, settings
):
    names["portal.example"] = ["93.184.215.14", "127.0.0.1"]
    settings.HELEKET_PROJECT_URL = "https://api.heleket.com"
    url = f"https://portal.example:{receiver.port}/"
    endpoint = own_key.post("webhook-endpoints/", {"url": url}, key="endpoint-1").json()
    ask(own_key, wallet, "1")
    assert turns() == 1
    assert receiver.headers == []
    [tried] = log_of(own_key, endpoint)
    assert (tried["answer"], tried["trouble"]) == (
        None,
        "its name leads to no public address",
    )


def test_e6_no_redirect_is_followed(own_key, wallet, receiver):
    add(own_key, receiver)
    receiver.answers = lambda _body: 302
    ask(own_key, wallet, "1")
    turns()
    assert len(receiver.headers) == 1


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://portal.example/", "url_insecure"),
        ("ftp://portal.example/", "url_unfit"),
        ("file:///etc/passwd", "url_unfit"),
        ("https://", "url_unfit"),
        ("https://me:secret@portal.example/", "url_unfit"),
        ("https://@portal.example/", "url_unfit"),
        ("https://portal.example:99999/", "url_unfit"),
        ("https://portal.example:0/", "url_unfit"),
        ("https://[::1/", "url_unfit"),
        ("https://portal.example/#part", "url_unfit"),
        ("https://portal.example/a b", "url_unfit"),
        ("https://portäl.example/", "url_unfit"),
        ("https://nowhere.example/", "url_nowhere"),
        ("https://portal.example\\@127.0.0.1/", "url_unfit"),
    ],
)
def test_e6_an_address_that_cannot_be_is_refused(own_key, names, real_gateway, url, code):
    names["portal.example"] = ["93.184.215.14"]
    names["nowhere.example"] = [None]
    answer = own_key.post("webhook-endpoints/", {"url": url}, key="1")
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert not WebhookEndpoint.objects.exists()


def test_e6_with_a_sandbox_this_machine_is_reached_and_no_other_network(own_key, names):
    assert own_key.post("webhook-endpoints/", {"url": "http://127.0.0.1/"}, key="1")
    answer = own_key.post("webhook-endpoints/", {"url": "http://10.0.0.1/"}, key="2")
    assert answer.json()["code"] == "url_nowhere"
    names["portal.example"] = ["93.184.215.14"]
    answer = own_key.post("webhook-endpoints/", {"url": "http://portal.example/"}, key="3")
    assert answer.json()["code"] == "url_insecure"


def test_a_receiver_that_cannot_be_reached_is_said_so(own_key, wallet):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    answer = own_key.post(
        "webhook-endpoints/", {"url": f"http://127.0.0.1:{port}/"}, key="endpoint-1"
    )
    ask(own_key, wallet, "1")
    turn()
    [tried] = log_of(own_key, answer.json())
    assert (tried["answer"], tried["trouble"]) == (None, "Connection refused")


def test_the_table_of_event_types_is_the_one_that_is_documented():
    page = (BASE_DIR / "docs/api.md").read_text()
    rows = [f"| `{name}` | {words} |" for name, words in EVENT_TYPES.items()]
    assert "| `type` | |\n|---|---|\n" + "\n".join(rows) in page


@pytest.mark.parametrize("cursor", ["cD1hYmM=", "cD0yMDI2LTEzLTAx"])  # p=abc, p=2026-13-01
def test_a_cursor_of_another_list_is_refused(own_key, receiver, cursor):
    path = f"webhook-endpoints/{add(own_key, receiver)['id']}/deliveries/"
    answer = own_key.get(path, cursor=cursor)
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (400, "cursor")


# What a client with a bad receiver can do to others


@pytest.fixture
def two(client):
    """Two clients, each with a developer and a wallet."""
    owners = [ClientFactory(external_id=name) for name in ("A-1", "A-2")]
    return [
        (Developer(client, issue(client=each)[1]), WalletFactory(client=each)) for each in owners
    ]


@pytest.mark.parametrize("answer", [b"\0\0 garbage\r\n\r\n", b"HTTP/1.1 200\0OK\r\n\r\n", b"\xff"])
def test_g69_an_answer_that_is_none_is_said_in_our_words_and_stops_nothing(two, receiver, answer):
    (evil, their_wallet), (good, wallet) = two
    with Raw(answer) as raw:
        endpoint, other = add(evil, raw), add(good, receiver)
        ask(evil, their_wallet, "1")
        ask(good, wallet, "1")
        while feed.take_up():
            pass
        Worker([deliveries.Deliver(None, None, 8)]).run(once=True)
    [tried] = log_of(evil, endpoint)
    assert (tried["state"], tried["tries"], tried["answer"]) == ("waiting", 1, None)
    assert tried["trouble"].isprintable()
    assert "garbage" not in tried["trouble"]
    assert [each["state"] for each in log_of(good, other)] == ["delivered"]
    assert len(receiver.received) == 1


def test_a_result_that_cannot_be_recorded_keeps_no_other_back(two, receiver, monkeypatch, caplog):
    (evil, their_wallet), (good, wallet) = two
    endpoint, other = add(evil, receiver), add(good, receiver)
    ask(evil, their_wallet, "1")
    ask(good, wallet, "1")
    while feed.take_up():
        pass
    note = deliveries.note

    def broken(report, delivery, of):
        if str(of.pk) == endpoint["id"]:
            raise ValueError("whatever it is")
        note(report, delivery, of)

    monkeypatch.setattr(deliveries, "note", broken)
    Worker([deliveries.Deliver(None, None, 8)]).run(once=True)
    assert [each["state"] for each in log_of(good, other)] == ["delivered"]
    assert [(each["state"], each["tries"]) for each in log_of(evil, endpoint)] == [("waiting", 0)]
    assert "deliver: a result could not be recorded" in caplog.text


def test_e6_an_address_that_requests_would_not_take_is_refused(own_key, names, real_gateway):
    names["*.portal.example"] = names["2606:4700:4700::1111"] = ["93.184.215.14"]
    for url in ("https://[2606:4700:4700::1111]x/", "https://*.portal.example/"):
        answer = own_key.post("webhook-endpoints/", {"url": url}, key="endpoint-1")
        assert (answer.status_code, answer.json()["code"]) == (422, "url_unfit"), url
    assert not WebhookEndpoint.objects.exists()


def test_slow_receivers_of_one_client_keep_nobody_else_waiting(two, receiver):
    (evil, their_wallet), (good, wallet) = two
    for number in range(10):
        add(evil, receiver, key=f"endpoint-{number}")
    other = add(good, receiver)
    for number in range(4):
        ask(evil, their_wallet, str(number), str(5 + number))
    feed.take_up()
    ask(good, wallet, "1")
    feed.take_up()
    claimed = [str(parcel.endpoint_id) for parcel in deliveries.claim(8)]
    assert len(claimed) == 3  # two of theirs, and the other's
    assert other["id"] in claimed
    assert deliveries.claim(8) == []


def test_endpoints_take_turns(two, receiver):
    (busy, their_wallet), (good, wallet) = two
    add(busy, receiver)
    for number in range(9):
        ask(busy, their_wallet, str(number), str(5 + number))
    while feed.take_up():
        pass
    other = add(good, receiver)
    ask(good, wallet, "1")
    feed.take_up()
    first, second = deliveries.claim(1), deliveries.claim(1)
    assert other["id"] in {str(parcel.endpoint_id) for parcel in first + second}


def test_the_one_that_tries_whether_a_receiver_is_back_keeps_nobody_else_waiting(
    two, receiver, clock
):
    (evil, their_wallet), (good, wallet) = two
    endpoint, other = add(evil, receiver), add(good, receiver)
    for number in range(9):
        ask(evil, their_wallet, str(number), str(5 + number))
    receiver.answers = lambda _body: 503
    turns()
    clock.forward(minutes=11)
    ask(good, wallet, "1")
    feed.take_up()
    probe = deliveries.claim(1) + deliveries.claim(1)
    assert {str(parcel.endpoint_id) for parcel in probe} == {endpoint["id"], other["id"]}
    assert deliveries.claim(8) == []


def test_a_name_that_is_not_looked_up_in_time_holds_nobody(own_key, monkeypatch):
    answered = threading.Event()

    def hangs(_host, _port):
        answered.wait(30)
        return []

    monkeypatch.setattr(receivers, "look_up", hangs)
    monkeypatch.setattr(receivers, "LOOK_UP_SECONDS", 0.05)
    try:
        url = "https://portal.example/"
        answer = own_key.post("webhook-endpoints/", {"url": url}, key="endpoint-1")
        assert (answer.status_code, answer.json()["code"]) == (422, "url_nowhere")
        with pytest.raises(receivers.Unreached, match="could not be looked up in time"):
            receivers.post(url, "{}", {})
    finally:
        answered.set()
    assert not WebhookEndpoint.objects.exists()


def test_what_waits_for_an_endpoint_that_is_removed_is_removed_with_it(own_key, wallet, receiver):
    endpoint = add(own_key, receiver)
    ask(own_key, wallet, "1")
    turns()
    ask(own_key, wallet, "2", "6")
    feed.take_up()
    own_key.delete(f"webhook-endpoints/{endpoint['id']}/")
    assert [each.state for each in Delivery.objects.all()] == ["delivered"]
