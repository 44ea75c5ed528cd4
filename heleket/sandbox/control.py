"""The sandbox's own addresses under /sandbox/: JSON for tests, a page for people.

A POST with JSON is answered with JSON; one from a form leads back to the page. It is play money,
so there is no login; but no page of another origin may press the buttons.
"""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any
from urllib.parse import parse_qs, urlsplit

from heleket.sandbox import lives, page, switches
from heleket.sandbox.faults import describe
from heleket.sandbox.gateway import Gateway
from heleket.sandbox.records import Answer, Refused, Request
from heleket.sandbox.rules import seconds
from heleket.sandbox.simulations import simulate
from heleket.sandbox.snapshot import written

HTML = {"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": page.POLICY}
NUMBERS: dict[str, Callable[[Any], object]] = {
    **dict.fromkeys(("times", "code", "size"), int),
    **dict.fromkeys(("rate", "seconds", "lasts"), float),
}
Form = Mapping[str, Any]


class Control:
    """`refuse(seconds)` makes the server refuse connections for a while."""

    def __init__(self, gateway: Gateway, *, refuse: Callable[[float], None]) -> None:
        self._gateway = gateway
        self._acts: dict[str, Callable[[Form], object]] = {
            "top-up": lambda form: gateway.top_up(form["currency"], form["amount"]),
            "fate": lambda form: gateway.set_fate(**form),
            "status": lambda form: force_status(gateway, form),
            "advance": lambda form: gateway.advance(**form),
            "foreign": lambda form: gateway.add_foreign_payout(**form),
            "faults": lambda form: gateway.faults.add(**form),
            "simulate": lambda form: simulate(gateway, form["fault"], form["order_id"]),
            "clear-faults": lambda form: gateway.faults.clear(**form),
            "gate": lambda form: gateway.gate.set(form["mode"]),
            "held": lambda _form: gateway.execute_held(),
            "pace": self._set_pace,
            "latency": self._set_latency,
            "refuse": lambda form: refuse(seconds(form["seconds"])),
            "switch": lambda form: switches.switch(gateway, form["name"], form["choice"]),
        }

    def handle(self, request: Request) -> Answer:
        name = request.path.removeprefix("/sandbox/")
        if request.method == "POST" and name in self._acts:
            return self._act(self._acts[name], request)
        if request.method == "GET" and name == "state":
            return Answer(200, json.dumps(self.state(), default=written).encode())
        if request.method == "GET" and name in ("", "payouts"):
            return self._page(request)
        return Answer.json(404, {"error": "There is no such address."})

    def _act(self, act: Callable[[Form], object], request: Request) -> Answer:
        if not same_origin(request):
            return Answer.json(403, {"error": "This is for the sandbox's own page."})
        is_form = not request.header("content-type").startswith("application/json")
        try:
            result = act(read_form(request) if is_form else request.fields)
        except (KeyError, TypeError, ValueError, ArithmeticError, Refused) as exc:
            if is_form:
                return self._page(request, error=f"That did not work: {exc}", status=400)
            return Answer.json(400, {"error": str(exc)})
        if is_form:
            return Answer(303, b"", {"Location": "/sandbox/"})
        return Answer.json(200, {"result": result if isinstance(result, int) else None})

    def _set_pace(self, form: Form) -> None:
        self._gateway.pace_seconds = seconds(form["seconds"])

    def _set_latency(self, form: Form) -> None:
        self._gateway.latency_seconds = seconds(form["seconds"])

    def _page(self, request: Request, error: str = "", status: int = 200) -> Answer:
        query = parse_qs(request.query).get("q", [""])[0]
        with self._gateway.lock:
            text = page.render(self._gateway, query=query, error=error)
        return Answer(status, text.encode(), HTML)

    def state(self) -> dict[str, object]:
        """Return everything a test may want to know, without keys."""
        gateway = self._gateway
        with gateway.lock:
            return {
                "balances": dict(gateway.balances),
                "payouts": [asdict(payout) for payout in gateway.payouts],
                "ledger": [asdict(entry) for entry in gateway.ledger],
                "faults": [describe(fault) for fault in gateway.faults],
                "webhooks": [asdict(delivery) for delivery in gateway.mail.history],
                "calls": Counter(call.path for call in gateway.calls),
                "gate": {"mode": gateway.gate.mode, "waiting": gateway.gate.waiting},
                "held": len(gateway.held_requests),
                "pace_seconds": gateway.pace_seconds,
                "latency_seconds": gateway.latency_seconds,
                "switches": switches.chosen(gateway),
            }


def read_form(request: Request) -> dict[str, object]:
    """Return the fields of a form that were filled in."""
    fields = parse_qs(request.body.decode())
    return {name: NUMBERS.get(name, str)(values[-1]) for name, values in fields.items()}


def same_origin(request: Request) -> bool:
    origin = request.header("origin")
    return not origin or urlsplit(origin).netloc == request.header("host")


def force_status(gateway: Gateway, form: Form) -> None:
    """Apply a status written as in lives.FATES ("fail", "paid!") to one payout."""
    step = lives.parse(form["status"])
    gateway.force_status(
        step.status, is_final=step.is_final, order_id=form.get("order_id"), uuid=form.get("uuid")
    )
