"""What can go wrong on demand: faults by name, a number of times or at a rate.

A fault strikes instead of the gateway's own answer, or after the request has been executed. Where
that is a matter of choice, `commit` overrides what the table says.
"""

import json
import random
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from heleket.sandbox.records import RATES, Answer, Link, Refused, Request
from heleket.sandbox.rules import as_number, money, seconds

CREATE, INFO, LIST = "/v1/payout", "/v1/payout/info", "/v1/payout/list"


@dataclass
class Fault:
    """One fault that waits to strike. `times` and `rate` None stand for endless and always.

    `ends_at` ends it whatever is left of it. `seconds`, `text`, `size`, `code` and `member` tune
    the effects that have something to tune.
    """

    name: str
    times: int | None = None
    rate: float | None = None
    path: str | None = None
    order_id: str | None = None
    commit: bool | None = None
    seconds: float | None = None
    text: str | None = None
    size: int | None = None
    code: int | None = None
    member: str | None = None
    ends_at: datetime | None = None


Reply = Callable[[Answer, Fault], Answer]


@dataclass(frozen=True)
class Effect:
    """`reply` makes the answer out of the true one, which is empty unless the fault `executes`."""

    reply: Reply
    executes: bool
    path: str | None = None


def link(kind: Link) -> Reply:
    return lambda answer, _: replace(answer, link=kind)


def instead(status: int, body: bytes, content_type: str = "application/json") -> Reply:
    answer = Answer(status, body, {"Content-Type": content_type})
    return lambda _answer, _fault: answer


def page(status: int, reason: str) -> Reply:
    body = f"<html><head><title>{status} {reason}</title></head><body>{reason}</body></html>"
    return instead(status, body.encode(), "text/html")


def redirect(status: int) -> Reply:
    headers = {"Location": "https://elsewhere.invalid/v1/payout", "Content-Type": "text/html"}
    return lambda _answer, _fault: Answer(status, b"", headers)


def refusal(message: str) -> Reply:
    """Refuse with `text` in place of the message; with the code 401 as a bad signature is."""

    def reply(_answer: Answer, fault: Fault) -> Answer:
        if fault.code == UNAUTHORIZED.status:
            return UNAUTHORIZED
        return replace(Refused(message=fault.text or message).answer, status=fault.code or 422)

    return reply


def stateless(_answer: Answer, fault: Fault) -> Answer:
    """Refuse as something in between would that knows nothing of states and messages."""
    problem = {"type": "about:blank", "detail": fault.text or "The request was not accepted."}
    return Answer.json(fault.code or 409, {"error": problem})


def interim(answer: Answer, fault: Fault) -> Answer:
    return replace(answer, interim=(fault.code or 103,) * (fault.size or 1))


def with_retry_after(_answer: Answer, fault: Fault) -> Answer:
    headers = {"Content-Type": "application/json", "Retry-After": str(int(fault.seconds or 30))}
    return Answer(429, b'{"message":"Too Many Attempts."}', headers)


def slow(answer: Answer, fault: Fault) -> Answer:
    return replace(answer, wait_seconds=10 if fault.seconds is None else fault.seconds)


def drip(answer: Answer, fault: Fault) -> Answer:
    return replace(answer, drip_seconds=1 if fault.seconds is None else fault.seconds)


def huge(answer: Answer, fault: Fault) -> Answer:
    return replace(answer, body=answer.body + b" " * (fault.size or 50_000_000))


def cut(answer: Answer, _fault: Fault) -> Answer:
    return replace(answer, body=answer.body[: len(answer.body) // 2])


def as_text(answer: Answer, _fault: Fault) -> Answer:
    return replace(answer, headers={"Content-Type": "text/plain"})


def changed(change: Callable[[Any, Fault], object]) -> Reply:
    """Apply `change` to the decoded answer in place, or use the value that it returns."""

    def reply(answer: Answer, fault: Fault) -> Answer:
        content = json.loads(answer.body)
        result = change(content, fault)
        return Answer.json(answer.status, content if result is None else result)

    return reply


def without_state(content: dict[str, Any], _fault: Fault) -> None:
    content.pop("state", None)


def numbers(content: dict[str, Any], _fault: Fault) -> None:
    """Write as JSON numbers what the documentation shows as such."""
    result = content.get("result")
    if isinstance(result, dict):
        for item in [result, *result.get("items", [])]:
            for name in {"balance", "payer_amount"} & item.keys():
                # The gateway itself may write it otherwise, and in words.
                if isinstance(item[name], str):
                    with suppress(InvalidOperation):
                        item[name] = as_number(item[name])


def odd(answer: Answer, fault: Fault) -> Answer:
    """Write `text`, JSON to the letter, for a member: of the payout or of a list's first entry.

    Without a member it stands for the entry as a whole.
    """
    content = json.loads(answer.body)
    if content.get("result"):
        holder, name = spot(content, fault.member)
        holder[name] = PLACEHOLDER
    written = Answer.json(answer.status, content).body
    raw = (fault.text or "{}").encode()
    return replace(answer, body=written.replace(json.dumps(PLACEHOLDER).encode(), raw))


def spot(content: dict[str, Any], member: str | None) -> tuple[Any, Any]:
    """Return what holds the member, or the entry itself, and the name by which it does."""
    result = content["result"]
    entries = result.get("items") if isinstance(result, dict) else result
    if member:
        return (entries[0] if entries else result), member
    return (entries, 0) if entries else (content, "result")


def not_found(content: dict[str, Any], fault: Fault) -> None:
    if content.get("message") == "Payout not found":
        content["message"] = fault.text or "The payout was not found"


def looping(content: dict[str, Any], fault: Fault) -> None:
    if "result" in content:
        content["result"]["paginate"]["nextCursor"] = fault.text or "eyJpZCI6OTk5OTk5OTk5fQ"


def lying(content: dict[str, Any], _fault: Fault) -> None:
    if "result" in content:
        content["result"]["paginate"]["count"] += 7


def wrong_rates(content: dict[str, Any], fault: Fault) -> None:
    """Multiply every rate by `size`."""
    for entry in content.get("result", []):
        entry["course"] = money(Decimal(entry["course"]) * (fault.size or 100_000))


def true_answer(answer: Answer, _fault: Fault) -> Answer:
    return answer


PLACEHOLDER = "here comes something odd"
UNAUTHORIZED = Answer.json(401, {"message": "Invalid Sign."})
SERVER_ERROR = b'{"message":"Server error, #1","code":500,"error":null}'
EFFECTS = {
    "drop": Effect(link(Link.RESET), executes=False),
    "drop_timeout": Effect(link(Link.SILENT), executes=False),
    "timeout": Effect(link(Link.SILENT), executes=True),
    "commit_then_drop": Effect(link(Link.RESET), executes=True, path=CREATE),
    "commit_then_500": Effect(instead(500, SERVER_ERROR), executes=True, path=CREATE),
    "refuse_connection": Effect(link(Link.REFUSED), executes=False),
    "connect_timeout": Effect(link(Link.CONNECT_TIMEOUT), executes=False),
    "tls_failure": Effect(link(Link.TLS_FAILURE), executes=False),
    "500": Effect(instead(500, SERVER_ERROR), executes=False),
    "html_502": Effect(page(502, "Bad Gateway"), executes=False),
    "503": Effect(page(503, "Service Unavailable"), executes=False),
    "504": Effect(page(504, "Gateway Timeout"), executes=False),
    "429": Effect(instead(429, b'{"message":"Too Many Attempts."}'), executes=False),
    "429_retry_after": Effect(with_retry_after, executes=False),
    "404": Effect(instead(404, b'{"message":"Not Found"}'), executes=False),
    "redirect_301": Effect(redirect(301), executes=False),
    "redirect_302": Effect(redirect(302), executes=False),
    "redirect_307": Effect(redirect(307), executes=False),
    "redirect_308": Effect(redirect(308), executes=False),
    "unauthorized": Effect(lambda _answer, _fault: UNAUTHORIZED, executes=False),
    "other_4xx": Effect(stateless, executes=False),
    "forbidden": Effect(refusal("You are forbidden"), executes=False),
    "not_enough_funds": Effect(refusal("Not enough funds"), executes=False, path=CREATE),
    "terminal": Effect(refusal("The terminal was not found"), executes=False),
    "unknown_refusal": Effect(refusal("Your address is under review"), executes=False),
    "refuse_after_executing": Effect(refusal("Not enough funds"), executes=True, path=CREATE),
    "server_error_200": Effect(instead(200, SERVER_ERROR), executes=True),
    "empty_200": Effect(instead(200, b""), executes=True),
    "html_200": Effect(page(200, "Welcome"), executes=True),
    "garbage": Effect(instead(200, b"\x00\xff\xfe<<<{{{not json at all"), executes=True),
    "null": Effect(instead(200, b"null"), executes=True),
    "list": Effect(instead(200, b"[]"), executes=True),
    "no_result": Effect(instead(200, b'{"state":0,"result":[]}'), executes=True),
    "no_state": Effect(changed(without_state), executes=True),
    "cut_json": Effect(cut, executes=True),
    "cut_connection": Effect(link(Link.CUT), executes=True),
    "wrong_content_type": Effect(as_text, executes=True),
    "huge": Effect(huge, executes=True),
    "slow": Effect(slow, executes=True),
    "drip": Effect(drip, executes=True),
    "interim": Effect(interim, executes=True),
    "numbers_as_json": Effect(changed(numbers), executes=True),
    "odd_member": Effect(odd, executes=True),
    "not_found_text": Effect(changed(not_found), executes=True, path=INFO),
    "cursor_loops": Effect(changed(looping), executes=True, path=LIST),
    "count_lies": Effect(changed(lying), executes=True, path=LIST),
    "wrong_rates": Effect(changed(wrong_rates), executes=True, path=RATES),
    # What the gateway itself does differently, see Gateway._strike.
    "swapped": Effect(true_answer, executes=True, path=INFO),
    "delayed": Effect(link(Link.SILENT), executes=False, path=CREATE),
    "refuse_then_execute": Effect(refusal("Not enough funds"), executes=False, path=CREATE),
    "race_500": Effect(true_answer, executes=True, path=CREATE),
}
WEBHOOK_EFFECTS = {
    "webhook_lost",
    "webhook_duplicate",
    "webhook_late",
    "webhook_out_of_order",
    "webhook_reserialised",
    "webhook_wrong_key",
}


class Faults:
    """The faults that wait to strike, in the order in which they are tried.

    Each name has chances of its own, which those of the others do not move.
    """

    def __init__(self, seed: int, lock: threading.RLock, now: Callable[[], datetime]) -> None:
        self._chances = {
            name: random.Random(f"{name} {seed}")  # noqa: S311  # chance, no secret
            for name in EFFECTS.keys() | WEBHOOK_EFFECTS
        }
        self._lock = lock
        self._now = now
        self._waiting: list[Fault] = []

    def add(
        self,
        name: str,
        *,
        times: int | None = None,
        rate: float | None = None,
        lasts: float | None = None,
        **options: Any,
    ) -> None:
        """Let a fault strike `times`, at a `rate` from 0 to 1, or always while it `lasts` so long.

        It strikes once if nothing is said. Options: path, order_id, commit, seconds, text, size,
        code, member (see Fault). ValueError for what is unknown or makes no sense.
        """
        if name not in EFFECTS and name not in WEBHOOK_EFFECTS:
            raise ValueError(f"no fault is called {name!r}")
        if times is None and rate is None and lasts is None:
            times = 1
        if rate is not None and not 0 <= rate <= 1:
            raise ValueError("a rate is a number from 0 to 1")
        fault = Fault(name, times, rate, **options)
        if fault.seconds is not None:
            fault.seconds = seconds(fault.seconds)
        if fault.code is not None and not 100 <= fault.code <= 599:
            raise ValueError("a code is a status of HTTP, 100 to 599")
        if lasts is not None:
            fault.ends_at = self._now() + timedelta(seconds=seconds(lasts))
        fault.path = fault.path or (EFFECTS[name].path if name in EFFECTS else None)
        with self._lock:
            self._waiting.append(fault)

    def clear(self, name: str | None = None) -> None:
        """Remove all faults, or those of one name."""
        with self._lock:
            self._waiting = [fault for fault in self._waiting if name and fault.name != name]

    def __iter__(self) -> Iterator[Fault]:
        return iter(self._waiting)

    def for_request(self, request: Request) -> Fault | None:
        """Return the first fault that strikes this request, and count it down."""
        return self._first(lambda fault: fault.name in EFFECTS and fits(fault, request))

    def for_webhook(self, name: str, order_id: str | None) -> Fault | None:
        return self._first(lambda fault: fault.name == name and fault.order_id in (None, order_id))

    def _first(self, is_meant: Callable[[Fault], bool]) -> Fault | None:
        with self._lock:
            self._waiting = [fault for fault in self._waiting if not self._is_over(fault)]
            for fault in self._waiting:
                if is_meant(fault) and self._strikes(fault):
                    return fault
        return None

    def _is_over(self, fault: Fault) -> bool:
        return fault.ends_at is not None and fault.ends_at <= self._now()

    def _strikes(self, fault: Fault) -> bool:
        if fault.rate is not None and self._chances[fault.name].random() >= fault.rate:
            return False
        if fault.times is not None:
            fault.times -= 1
            if not fault.times:
                self._waiting = [other for other in self._waiting if other is not fault]
        return True


def fits(fault: Fault, request: Request) -> bool:
    if fault.path not in (None, request.path, request.route):
        return False
    return fault.order_id is None or fault.order_id == request.fields.get("order_id")


def describe(fault: Fault) -> Mapping[str, object]:
    return {name: value for name, value in vars(fault).items() if value is not None}
