"""What a client reads, whatever the desk knows: every code, and every way a payout may stand."""

import json
import re
from decimal import Decimal
from itertools import product

import pytest

from audit.actor import Actor, Channel
from audit.codes import CODES
from audit.operations import perform
from audit.refusals import NotAllowed, Refused
from payouts import operations
from payouts.client_sentences import STATUSES, ClientCode, ClientStatus
from payouts.models import Attempt, Effective, Note, Payout, PayoutStatus, WaitingFor
from payouts.portal import feed, views
from payouts.portal.codes import PortalCode
from payouts.portal.models import FeedEvent, UnfedEvent
from payouts.seen import see
from tests.factories import AttemptFactory, DiscrepancyFactory, PayoutFactory, StaffFactory
from tests.portal import description
from wallets.codes import WalletCode

# `long`: it is the API that is tried here and not the database; `make torture` tries it on both.
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock", "usdt"), pytest.mark.long]

# Of what a code's sentence names, what the client sent itself or may know.
CLIENT_MAY_READ = {
    *{("member", "why"), ("unreadable", "why"), ("invalid", "why"), ("amount", "why")},
    *{("address", "why"), ("category_unknown", "category"), ("mixed_scripts", "word")},
    *{("mixed_scripts", "alphabets"), ("unseen", "name"), ("key_elsewhere", "address")},
    *{("idempotency_reused", "made"), ("key_used", "payout"), ("scope_missing", "scope")},
    *{("scope_unknown", "scope"), ("scope_of_portal", "scope"), ("network_unreadable", "text")},
    *{("url_nowhere", "host"), ("event_type_unknown", "event_type")},
    *{("method_unavailable", "words"), ("below_minimum", "words"), ("above_maximum", "words")},
    *{("url_nowhere", "host"), ("event_type_unknown", "event_type"), ("fault_unknown", "names")},
    *(("client_limit", name) for name in ("limit", "currency", "used", "left")),
}
LIMIT = {"hours", "currency", "limit", "used", "left", "frees_at"}
OF_ALL = {"type", "title", "status", "code", "detail"}
OF_THE_DESK = re.compile(
    r"frozen|freez|hold\b|on hold|\bheld\b|polic|discrepanc|balance|\bfunds|short of|limit|approv"
    r"|reject|worker|retry|duplicate|flag|fraud|suspicio|blocklist|sanction|staff|second person",
    re.IGNORECASE,
)


def facts_of(code):
    """Return a canary for each fact that the sentence of a code names."""
    kinds = re.findall(r"%\((\w+)\)([sd])", str(code.label))
    return {name: 987654321 if kind == "d" else f"canary {name}" for name, kind in kinds}


@pytest.fixture
def refuse(portal, monkeypatch):
    """Have an endpoint refuse with this exception, and return its answer, whatever is described."""
    monkeypatch.setattr(description, "check", lambda _answer, _method: None)

    def ask(exc):
        def broken(_view, _request):
            raise exc

        monkeypatch.setattr(views.Services, "get", broken)
        return portal.get("services/")

    return ask


def test_g69_every_code_is_said_to_a_client_without_what_is_the_desk_s(refuse):
    for code in CODES.values():
        answer = refuse(Refused(code, **facts_of(code)))
        body = answer.json()
        assert 400 <= answer.status_code <= 503
        assert body["code"] in CODES
        assert body["detail"], code
        read = {name for name in facts_of(code) if f"canary {name}" in body["detail"]}
        assert {(code.value, name) for name in read} <= CLIENT_MAY_READ
        if not body["detail"].startswith("canary"):
            of_client = re.sub("(your|canary) limit", "", body["detail"])
            assert not OF_THE_DESK.search(of_client), body
        expected = OF_ALL | LIMIT if code == "client_limit" else OF_ALL
        assert body.keys() - {"field"} == expected, code


def test_g69_what_a_key_may_not_do_names_no_right_of_staff(refuse):
    for code in CODES.values():
        answer = refuse(NotAllowed(code, **facts_of(code)))
        assert answer.json()["code"] == PortalCode.NOT_POSSIBLE


# Where a payout stands

WAITS = {
    PayoutStatus.PENDING: [WaitingFor.APPROVALS, WaitingFor.ANSWER_OF_REQUESTER],
    PayoutStatus.HELD: [WaitingFor.RELEASE],
    PayoutStatus.APPROVED: [
        *(WaitingFor.DATE, WaitingFor.WORKER, WaitingFor.SWITCH, WaitingFor.FUNDS),
        *(WaitingFor.LIMIT, WaitingFor.RATE, WaitingFor.SERVICE, WaitingFor.WALLET),
        *(WaitingFor.GATEWAY, WaitingFor.DISCREPANCY),
    ],
    PayoutStatus.SUBMITTING: [
        *(WaitingFor.ANSWER, WaitingFor.SWITCH, WaitingFor.FUNDS, WaitingFor.RATE),
        *(WaitingFor.GATEWAY, WaitingFor.DISCREPANCY),
    ],
    PayoutStatus.BROADCAST: [WaitingFor.FINAL_WORD, WaitingFor.DISCREPANCY],
}
AFTER_ALL = {
    PayoutStatus.CONFIRMED: ["", "other", Effective.NOT_PAID, Effective.ELSEWHERE],
    PayoutStatus.FAILED: ["", Effective.PAID, "other", Effective.ELSEWHERE],
    PayoutStatus.REJECTED: ["", Effective.PAID, "other", Effective.ELSEWHERE],
    PayoutStatus.CANCELLED: ["", Effective.PAID, "other", Effective.ELSEWHERE],
}
STANDS = [
    *((status, wait, "") for status, waits in WAITS.items() for wait in waits),
    *((status, "", after) for status, afters in AFTER_ALL.items() for after in afters),
]
ENDS = {
    PayoutStatus.CONFIRMED: "paid",
    PayoutStatus.FAILED: "failed",
    PayoutStatus.REJECTED: "cancelled",
    PayoutStatus.CANCELLED: "cancelled",
}
CANARIES = ["canary", "Mallory", "Ysolde", "77777.1", "55555.1", "b" * 64]


def status_for_client(status, wait, after, *, cancelling, doubtful):
    if doubtful or after in ("other", Effective.ELSEWHERE):
        return "in_review"
    if status in ENDS:
        return {"": ENDS[status], Effective.PAID: "paid", Effective.NOT_PAID: "failed"}[after]
    if cancelling or status == PayoutStatus.HELD or wait == WaitingFor.DISCREPANCY:
        return "in_review"
    return "requested" if status == PayoutStatus.PENDING else "sending"


def became(after):
    """Return the columns that say what became of the money after all."""
    if after in ("", Effective.NOT_PAID):
        return {"effective": after, "effective_amount": None, "effective_currency": ""}
    amount = Decimal("55555.123456") if after == "other" else Decimal(5)
    kind = Effective.PAID if after == "other" else after
    return {"effective": kind, "effective_amount": amount, "effective_currency": "USDT"}


@pytest.fixture
def watched(wallet):
    """Two payouts with all that people and Heleket have said of them, one of them in doubt."""
    maker = StaffFactory(roles=["Requester"], username="canary-maker", first_name="Mallory")
    made = []
    for key in ("api:1", "api:2"):
        row = PayoutFactory(wallet=wallet, requested_by=maker, origin="api", idempotency_key=key)
        Note.objects.create(payout=row, author=maker, written_at=row.requested_at, text="canary")
        made.append(row)
    actor = Actor.staff(StaffFactory(roles=["Approver"], username="canary-boss"), Channel.ADMIN)
    for act, more in (("HOLD", {"reason": "canary of Ysolde"}), ("RELEASE", {})):
        seen = see([Payout.objects.get(pk=row.pk) for row in made])
        outcomes = perform(getattr(operations, act), seen, actor=actor, **more)
        assert all(each.done for each in outcomes)
    for row in made:
        AttemptFactory(payout=row)
    Attempt.objects.update(
        refusal="canary refusal", answer="canary answer", txid="b" * 64, remote_status="paid"
    )
    DiscrepancyFactory(payout=made[1], theirs={"amount": "77777.123456"}, owner=maker)
    PayoutFactory(amount=Decimal("77777.123456"), purpose="canary other")
    return made


def test_g69_however_a_payout_stands_its_client_reads_one_of_six_statuses_and_no_more(
    portal, watched
):
    rows, shown, words = Payout.objects.filter(pk__in=[each.pk for each in watched]), set(), ""
    feed.take_up()
    for (status, wait, after), cancelling in product(STANDS, [False, True]):
        rows.update(
            status=status,
            waiting_for=wait,
            cancel_asked_at=watched[0].requested_at if cancelling else None,
            reason="canary reason of Ysolde",
            reason_code=WalletCode.WALLET_FROZEN,
            trigger="canary trigger",
            reference_rate=Decimal(1),
            **became(after),
        )
        UnfedEvent.objects.bulk_create(
            UnfedEvent(event_id=number, payout=row) for number, row in enumerate(watched)
        )
        feed.take_up()
        for row, doubtful in zip(watched, [False, True], strict=True):
            body = portal.get(f"payouts/{row.pk}/").json()
            expected = status_for_client(
                status, wait, after, cancelling=cancelling, doubtful=doubtful
            )
            assert body["status"] == expected, (status, wait, after, cancelling, doubtful)
            assert STATUSES[ClientCode(body["code"])] == expected
            assert body["timeline"][-1]["status"] == expected
            assert FeedEvent.objects.filter(payout=row).latest("number").status == expected
            may_have_txid = expected in ("paid", "sending")
            words += json.dumps(body | ({"txid": "", "detail": ""} if may_have_txid else {}))
            shown.add((body["code"], body["detail"]))
    fed = FeedEvent.objects.filter(payout__in=watched).exclude(status__in=["paid", "sending"])
    words += str(list(fed.values("data")))
    assert not [each for each in CANARIES if each in words]
    assert {STATUSES[ClientCode(code)] for code, _detail in shown} == set(ClientStatus)
    for _code, sentence in shown:
        assert not OF_THE_DESK.search(sentence.replace("is approved and will be sent", ""))
        assert not [each for each in CANARIES if each in sentence.replace("b" * 64, "")]
