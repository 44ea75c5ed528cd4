"""Payouts through the API: asked for once, followed, cancelled, and each client's alone."""

import itertools
from base64 import b64encode
from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings

from audit import clock as money_clock
from audit.actor import Actor, Channel
from audit.operations import perform
from payouts import operations
from payouts.client_sentences import ClientStatus
from payouts.known import Known
from payouts.models import MakerRole, Payout, PayoutMaker
from payouts.notices import notices_for
from payouts.portal.models import ApiAnswer, ApiKey
from payouts.seen import see
from tests import policies
from tests.factories import (
    ClientFactory,
    DiscrepancyFactory,
    PayoutFactory,
    StaffFactory,
    WalletFactory,
)
from tests.portal.conftest import Developer, issue

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock", "usdt")]


@pytest.fixture
def body(wallet):
    return {
        "wallet": str(wallet.public_id),
        "currency": "USDT",
        "amount": "12.5",
        "purpose": "Prize of May",
    }


def test_a_payout_is_asked_for_and_followed(portal, body, wallet):
    answer = portal.post("payouts/", body, key="may-1")

    assert answer.status_code == 201, answer.content
    row = Payout.objects.get()
    assert answer.json() == portal.get(f"payouts/{row.pk}/").json()
    assert answer.json() | {"timeline": None} == {
        "id": str(row.pk),
        "number": str(row),
        "status": "requested",
        "code": "client_checked",
        "detail": "Your payout of 12.5 USDT was received and is being checked.",
        "wallet": str(wallet.public_id),
        "network": "tron",
        "address": wallet.address,
        "memo": "",
        "currency": "USDT",
        "amount": "12.5",
        "purpose": "Prize of May",
        "reference": "",
        "category": "",
        "pay_from": None,
        "payable_from": "2026-03-02T09:00:00.000Z",
        "txid": None,
        "idempotency_key": "may-1",
        "requested_at": "2026-03-02T09:00:00.000Z",
        "paid_at": None,
        "next": "approval",
        "timeline": None,
    }
    assert answer.json()["timeline"] == [{"status": "requested", "at": "2026-03-02T09:00:00.000Z"}]
    [listed] = portal.get("payouts/").json()["results"]
    assert listed == {k: v for k, v in answer.json().items() if k not in ("timeline", "next")}


def test_what_is_answered_at_first_is_what_is_read_later(portal, body):
    """It is not read again for the answer."""
    moments = itertools.count(1)
    start = datetime(2026, 3, 2, 9, tzinfo=UTC)
    more = {"pay_from": "2026-03-09T10:30:00.123456+02:00", "reference": "A-1", "amount": "007.50"}
    with money_clock.replaced(lambda: start + timedelta(seconds=next(moments))):
        answer = portal.post("payouts/", body | more, key="1")
    assert answer.status_code == 201, answer.content
    assert answer.json() == portal.get(f"payouts/{answer.json()['id']}/").json()
    assert answer.json()["pay_from"] == "2026-03-09T08:30:00.123Z"


def test_who_issued_the_key_is_a_maker_and_does_not_approve(client, owner, wallet, body):
    issuer = StaffFactory(roles=["User manager"], is_superuser=True)
    developer = Developer(client, issue(client=owner, issuer=issuer)[1])
    developer.post("payouts/", body, key="1")
    row = Payout.objects.get()
    roles = set(PayoutMaker.objects.values_list("person_id", "role"))
    assert roles == {(wallet.added_by_id, MakerRole.WALLET), (issuer.pk, MakerRole.KEY)}

    [outcome] = perform(operations.APPROVE, see([row]), actor=Actor.staff(issuer, Channel.ADMIN))
    assert not outcome.done
    assert "issued the API key" in outcome.text
    assert Payout.objects.get().status == "pending"


def test_i13_the_same_request_is_answered_as_before(portal, body):
    first = portal.post("payouts/", body, key="may-1")
    again = portal.post("payouts/", dict(reversed(body.items())), key='"may-1"')

    assert (again.status_code, again.json()) == (201, first.json())
    assert again["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first
    assert Payout.objects.count() == ApiAnswer.objects.count() == 1


def test_i13_a_key_used_for_another_request_is_refused_and_names_the_payout(portal, body):
    first = portal.post("payouts/", body, key="may-1").json()
    before = Payout.objects.values().get()

    answer = portal.post("payouts/", body | {"amount": "13"}, key="may-1")
    assert (answer.status_code, answer.json()["code"]) == (422, "idempotency_reused")
    assert first["number"] in answer.json()["detail"]
    assert Payout.objects.values().get() == before


def test_i13_the_answer_stays_the_same_whatever_became_of_the_payout(portal, body, wallet):
    first = portal.post("payouts/", body, key="may-1").json()
    wallet.client.wallets.update(status="frozen")
    perform(
        operations.REJECT,
        see([Payout.objects.get()]),
        actor=Actor.staff(StaffFactory(roles=["Approver"]), Channel.ADMIN),
        reason="No",
    )
    again = portal.post("payouts/", body, key="may-1")
    assert (again.status_code, again.json()) == (201, first)


def test_c11_a_program_may_ask_for_the_same_again_and_approvers_have_to_say_why(portal, body):
    for key in ["may-1", "may-2"]:
        assert portal.post("payouts/", body, key=key).status_code == 201
    first, second = Payout.objects.order_by("number")
    assert [event.why.words for event in second.events.all()] == [""]
    approver = Actor.staff(StaffFactory(roles=["Approver"]), Channel.ADMIN)

    [found, *_others] = notices_for(Known([second]))[second.pk]
    assert (str(found.code), found.payouts) == ("likely_duplicate", (first,))
    [refused] = perform(operations.APPROVE, see([second]), actor=approver)
    assert refused.code == "duplicate_unexplained"
    assert Payout.objects.get(pk=second.pk).status == "pending"
    reasoned = operations.Approve(has_reason=True)
    [done] = perform(reasoned, see([second]), actor=approver, reason="Two prizes")
    assert done.done, done.text
    assert "Two prizes" not in portal.get(f"payouts/{second.pk}/").content.decode()


@pytest.mark.parametrize(("clients", "each"), [(1, 6), (21, 1)])
def test_g62_many_small_ones_by_api_take_two_people_by_client_and_by_key(
    portal, body, clients, each
):
    """Just under 1,000 each: more than 5,000 to one client, or 20,000 asked for by one key."""
    put_starter_in_force()
    amira, arno = (Actor.staff(StaffFactory(roles=["Approver"]), Channel.ADMIN) for _ in range(2))
    few = clients * each - 1  # one less than it takes
    for number in range(clients):
        wallet = WalletFactory(client__external_id=f"M-{number}", address=f"T{number:033}")
        portal.acts_for = f"M-{number}"
        for count in range(each):
            asked = body | {"wallet": str(wallet.public_id), "amount": "999", "purpose": f"{count}"}
            if number * each + count == few:
                alone = perform(operations.APPROVE, see(Payout.objects.all()), actor=amira)
                assert all(outcome.done for outcome in alone)
                assert set(Payout.objects.values_list("status", flat=True)) == {"approved"}
            assert portal.post("payouts/", asked, key=f"{number}-{count}").status_code == 201

    last = Payout.objects.order_by("-number")[:1]
    [first] = perform(operations.APPROVE, see(last), actor=amira)
    assert "It needs more approvals: 1 from Approver" in first.text
    assert Payout.objects.filter(status="pending").count() == 1
    [second] = perform(operations.APPROVE, see(last), actor=arno)
    assert second.done
    assert not Payout.objects.filter(status="pending").exists()


def put_starter_in_force():
    people = StaffFactory(roles=["Policy manager"]), StaffFactory(roles=["Policy manager"])
    policies.put_in_force(policies.STARTER, people)


def test_i13_two_clients_may_use_the_same_key(portal, body):
    portal.post("payouts/", body, key="1")
    other = WalletFactory(client__external_id="K-2")
    portal.acts_for = "K-2"
    answer = portal.post("payouts/", body | {"wallet": str(other.public_id)}, key="1")
    assert answer.status_code == 201, answer.content
    assert Payout.objects.count() == 2


@pytest.mark.parametrize(
    ("key", "code"),
    [
        (None, "idempotency_absent"),
        *((key, "idempotency_unfit") for key in ("x" * 151, '""', '"', '"x', '"x"y"', "a b", "é")),
    ],
)
def test_a_request_without_a_fit_key_creates_nothing(portal, body, key, code):
    answer = portal.post("payouts/", body, key=key)
    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert not Payout.objects.exists()


def test_a_refused_request_leaves_no_key_so_that_it_can_be_mended(portal, body):
    refused = portal.post("payouts/", body | {"amount": "0.01"}, key="1")
    assert (refused.status_code, refused.json()["code"]) == (422, "below_minimum")
    assert portal.post("payouts/", body, key="1").status_code == 201


@pytest.mark.parametrize(
    "amount",
    [
        *["NaN", "Infinity", "-1", "0", "-0", "1e3", "1_000", "٣", "1,5", "1" * 40, "0.123456789"],
        *[1.5, 5, True, None, [], {}, ""],
    ],
)
def test_d1_only_plain_digits_in_a_string_are_an_amount(portal, body, amount):
    answer = portal.post("payouts/", body | {"amount": amount}, key="1")
    assert answer.status_code in (400, 422), answer.content
    assert answer["Content-Type"] == "application/problem+json"
    assert not Payout.objects.exists()
    if answer.status_code == 400:
        assert answer.json()["errors"][0]["field"] == "amount"


@pytest.mark.parametrize(
    ("wrong", "code", "field"),
    [
        ({"amount": "0.01"}, "below_minimum", "amount"),
        ({"currency": "PEPE"}, "method_unknown", "currency"),
        ({"category": "Bribes"}, "category_unknown", "category"),
        ({"pay_from": "2099-01-01T00:00:00Z"}, "date_too_far", "pay_from"),
    ],
)
def test_a_refusal_that_is_about_one_member_names_it(portal, body, wrong, code, field):
    answer = portal.post("payouts/", body | wrong, key="1")
    found = answer.json()
    assert (answer.status_code, found["code"], found["field"]) == (422, code, field)
    assert not Payout.objects.exists()


def test_e1_a_foreign_wallet_is_refused_like_a_missing_one_by_that_member(portal, body):
    foreign = WalletFactory(client__external_id="K-2", address="TXYZopYRdj2D9XRtbG411XZZ3kM5VkAeBf")
    asked = [str(foreign.public_id), "7a0c1a86-51f2-4d0b-8a53-0f3a7c1d2e90"]
    first, second = (portal.post("payouts/", body | {"wallet": each}, key="1") for each in asked)
    assert first.content == second.content
    found = first.json()
    assert (first.status_code, found["code"], found["field"]) == (404, "not_found", "wallet")
    assert not Payout.objects.exists()


@pytest.mark.parametrize("amount", ["12.50000000", "0012.5", "12.5"])
def test_d2_what_is_stored_is_what_was_written(portal, body, amount):
    answer = portal.post("payouts/", body | {"amount": amount}, key="1")
    assert answer.json()["amount"] == "12.5"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("pay_from", moment) for moment in ("0001-01-01T00:00:00+14:00", "2026-01-31T09:00:00")),
        *(("wallet", wallet) for wallet in (1, None, True, "1")),
        *(("purpose", text) for text in ("two\nlines", "\t", " ", "")),
    ],
)
def test_e7_a_member_that_cannot_be_read_is_named(portal, body, name, value):
    answer = portal.post("payouts/", body | {name: value}, key="1")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
    assert [each["field"] for each in answer.json()["errors"]] == [name]
    assert not Payout.objects.exists()


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"", 400),
        (b"[]", 400),
        (b"{", 400),
        (b'"x"', 400),
        (b'{"amount": NaN}', 400),
        (b'{"amount": "1", "amount": "2"}', 400),
        (b"[" * 100_000, 413),
        (b"[" * 60_000, 400),
        (b'{"purpose": "\\ud800"}', 400),
        (b"\xff\xfe", 400),
        (b'{"a": "' + b"x" * 10_000_000 + b'"}', 413),
        (b'{"a": ' + b"9" * 60_000 + b"}", 400),
    ],
)
def test_a_body_that_cannot_be_read_is_refused(portal, raw, status):
    answer = portal.post("payouts/", raw, key="1")
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["detail"]


def test_another_kind_of_body_is_refused(portal):
    answer = portal.client.post(
        "/api/v1/payouts/", {"amount": "1"}, headers=portal.headers(**{"Idempotency-Key": "1"})
    )
    assert (answer.status_code, answer.json()["code"]) == (415, "not_json")


def test_a_payout_is_cancelled_before_it_is_sent(portal, body):
    made = portal.post("payouts/", body, key="1").json()
    answer = portal.post(f"payouts/{made['id']}/cancel/", {"reason": "A typo"})
    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
    assert Payout.objects.get().status == "cancelled"
    event = Payout.objects.get().events.order_by("number").last()
    assert (event.client_id, event.api_key_id) == (
        Payout.objects.get().client_id,
        ApiKey.objects.get().pk,
    )
    again = portal.post(f"payouts/{made['id']}/cancel/", {})
    assert again.json() == answer.json()


def test_what_the_desk_asked_for_is_not_cancelled_by_the_client(portal, wallet):
    row = PayoutFactory(client=wallet.client, wallet=wallet)
    answer = portal.post(f"payouts/{row.pk}/cancel/", {})
    assert (answer.status_code, answer.json()["code"]) == (422, "not_asked_here")
    assert Payout.objects.get().status == "pending"


def test_g69_a_hold_and_its_reason_read_being_reviewed(portal, body):
    made = portal.post("payouts/", body, key="1").json()
    approver = Actor.staff(StaffFactory(roles=["Approver"]), Channel.ADMIN)
    perform(operations.HOLD, see([Payout.objects.get()]), actor=approver, reason="Fraud by Mallory")

    answer = portal.get(f"payouts/{made['id']}/")
    assert answer.json()["status"] == "in_review"
    assert "Mallory" not in answer.content.decode()
    assert approver.login not in answer.content.decode()
    assert [step["status"] for step in answer.json()["timeline"]] == ["requested", "in_review"]


# Lists


def test_a_list_goes_on_by_its_cursor_and_skips_nothing(portal, wallet):
    numbers = [str(PayoutFactory(client=wallet.client, wallet=wallet)) for _ in range(5)]
    found, page = [], portal.get("payouts/", page_size=2).json()
    while True:
        found += [row["number"] for row in page["results"]]
        if page["next"] is None:
            break
        page = portal.client.get(page["next"], headers=portal.headers()).json()
    assert found == numbers[::-1]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"colour": "red"}, "colour"),
        ({"status": "held"}, "status"),
        ({"page_size": "0"}, "page_size"),
        ({"page_size": "1000000000"}, "page_size"),
        ({"page_size": "x"}, "page_size"),
        ({"cursor": "%%%"}, "cursor"),
        ({"cursor": "cD1hYmM="}, "cursor"),  # p=abc
        ({"wallet": "1"}, "wallet"),
        ({"requested_from": "yesterday"}, "requested_from"),
        ({"requested_from": "2026-01-31T09:00:00"}, "requested_from"),
        ({"requested_before": "0001-01-01T00:00:00+14:00"}, "requested_before"),
        ({"status": ""}, "status"),
        ({"reference": " "}, "reference"),
        ({"idempotency_key": "a\n"}, "idempotency_key"),
        ({"idempotency_key": "a" * 150 + " "}, "idempotency_key"),
        ({"reference": ["a", "b"]}, "reference"),
        ({"amount__gt": "1"}, "amount__gt"),
        ({"client__email": "a"}, "client__email"),
    ],
)
def test_e7_what_a_list_does_not_know_is_refused_by_name(portal, query, field):
    answer = portal.get("payouts/", **query)
    assert answer.status_code == 400, answer.content
    assert [each["field"] for each in answer.json()["errors"]] == [field]


def test_a_cursor_beyond_all_numbers_leads_to_what_is_there(portal, wallet):
    row = PayoutFactory(client=wallet.client, wallet=wallet)
    cursor = b64encode(b"p=" + b"9" * 30).decode()
    [found] = portal.get("payouts/", cursor=cursor).json()["results"]
    assert found["id"] == str(row.pk)


def test_the_list_is_asked_by_key_and_status(portal, body):
    for key, amount in [("a", "5"), ("b", "6")]:
        portal.post("payouts/", body | {"amount": amount}, key=key)
    [found] = portal.get("payouts/", idempotency_key="b").json()["results"]
    assert found["amount"] == "6"
    assert len(portal.get("payouts/", status="requested").json()["results"]) == 2
    assert portal.get("payouts/", status="paid").json()["results"] == []


def test_the_list_costs_the_same_statements_for_any_number(
    portal, wallet, django_assert_num_queries
):
    for count in (1, 9):
        for _ in range(count):
            PayoutFactory(client=wallet.client, wallet=wallet)
        portal.get("payouts/")
        with django_assert_num_queries(4):
            portal.get("payouts/")


def test_an_address_that_is_none_is_answered_in_json(client):
    for path in ("/api/", "/api/v1/", "/api/v1/payments/", "/api/v2/payouts/"):
        answer = client.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
        assert answer["Content-Type"] == "application/problem+json"


def test_a_method_that_is_none_is_answered_in_json(portal):
    answer = portal.put("payouts/", {})
    assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed")
    assert answer["Allow"]


def test_what_is_accepted_changes_nothing_about_an_answer_in_json(portal):
    for accepted in ("text/html", "application/xml", "image/*", "nonsense"):
        answer = portal.client.get("/api/v1/payouts/", headers=portal.headers(Accept=accepted))
        assert (answer.status_code, answer["Content-Type"]) == (200, "application/json")


def test_the_methods_that_nobody_asked_for_do_nothing(client, owner):
    developer = Developer(client, issue(client=owner, scopes=["events:read"])[1])
    for method, status in [("OPTIONS", 405), ("TRACE", 405), ("HEAD", 403)]:
        answer = client.generic(method, "/api/v1/payouts/", headers=developer.headers())
        assert answer.status_code == status, method


def test_what_breaks_is_answered_in_json_and_leaves_no_key(portal, body, monkeypatch):
    def broken(*_args, **_kwargs):
        raise RuntimeError("desk_secret")

    portal.client.raise_request_exception = False
    with monkeypatch.context() as patch:
        patch.setattr("payouts.portal.views.detail_of_new", broken)
        answer = portal.post("payouts/", body, key="1")
    assert (answer.status_code, answer.json()["code"]) == (500, "server_error")
    assert "desk_secret" not in answer.content.decode()
    assert not Payout.objects.exists()
    assert not ApiAnswer.objects.exists()
    assert portal.post("payouts/", body, key="1").status_code == 201


@pytest.mark.parametrize("place", ["take_turn", "fingerprint"])
def test_a_request_that_breaks_anywhere_can_be_repeated(portal, body, monkeypatch, place):
    portal.client.raise_request_exception = False
    with monkeypatch.context() as patch:
        patch.setattr(f"payouts.portal.idempotent.{place}", None)
        assert portal.post("payouts/", body, key="1").status_code == 500
    assert not Payout.objects.exists()
    assert portal.post("payouts/", body, key="1").status_code == 201


def test_a_request_has_an_id(portal):
    assert portal.get("payouts/")["X-Request-Id"]
    headers = portal.headers(**{"X-Request-Id": "trace-1"})
    assert portal.client.get("/api/v1/payouts/", headers=headers)["X-Request-Id"] == "trace-1"
    headers = portal.headers(**{"X-Request-Id": "a b"})
    assert portal.client.get("/api/v1/payouts/", headers=headers)["X-Request-Id"] != "a b"


def test_e7_a_nul_in_an_address_is_refused_in_json(client):
    answer = client.get("/api/v1/payouts/?reference=%00")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")


def test_an_installation_is_named_nowhere(portal, body):
    answer = portal.post("payouts/", body, key="1")
    row = Payout.objects.get()
    assert row.order_id(settings.INSTALLATION) not in answer.content.decode()


def test_clients_differ_by_whole_names(portal):
    ClientFactory(external_id="K-10")
    portal.acts_for = "K-10"
    assert portal.get("payouts/").status_code == 200


def test_the_filter_of_a_status_finds_what_is_shown_in_it(portal, wallet, clock):
    beside = [
        {},
        {"waiting_for": "discrepancy"},
        {"cancel_asked_at": clock()},
        {"effective": "paid", "effective_amount": "5", "effective_currency": "USDT"},
        {"effective": "paid", "effective_amount": "6", "effective_currency": "USDT"},
        {"effective": "not_paid"},
        {"effective": "elsewhere", "effective_amount": "5", "effective_currency": "USDT"},
    ]
    statuses = Payout.objects.none().model._meta.get_field("status").choices
    for status, _label in statuses:
        for facts in beside:
            row = PayoutFactory(client=wallet.client, wallet=wallet, status=status)
            is_over = status in ("confirmed", "failed", "rejected", "cancelled")
            if is_over == ("effective" in facts) or not facts:
                Payout.objects.filter(pk=row.pk).update(**facts)
    DiscrepancyFactory(payout=PayoutFactory(client=wallet.client, wallet=wallet))
    DiscrepancyFactory(
        payout=PayoutFactory(client=wallet.client, wallet=wallet, status="confirmed")
    )

    shown = {
        row["id"]: row["status"] for row in portal.get("payouts/", page_size=200).json()["results"]
    }
    assert set(shown.values()) == set(ClientStatus.values)
    for status in ClientStatus.values:
        found = portal.get("payouts/", status=status, page_size=200).json()["results"]
        assert {row["id"] for row in found} == {each for each, at in shown.items() if at == status}
