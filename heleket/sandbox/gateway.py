"""A local Heleket: one merchant behind signed endpoints, with faults on demand.

Wire behaviour follows https://doc.heleket.com; what it leaves open is decided here and in
`endpoints`, the way the documentation's examples suggest.
"""

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from heleket.sandbox import endpoints, snapshot
from heleket.sandbox.adapter import SandboxAdapter
from heleket.sandbox.endpoints import Endpoint
from heleket.sandbox.faults import EFFECTS, Fault
from heleket.sandbox.merchant import Merchant
from heleket.sandbox.records import (
    CREATE,
    Answer,
    Call,
    Headers,
    HeldRequest,
    Link,
    Refused,
    Request,
)
from heleket.signing import sign

INVALID_SIGN = Answer.json(401, {"message": "Invalid Sign."})
NOT_FOUND = Answer.json(404, {"message": "Not Found"})
NO_ANSWER = Answer(link=Link.RESET)
NEVER_CONNECTED = {Link.REFUSED, Link.CONNECT_TIMEOUT, Link.TLS_FAILURE}


class Gateway(Merchant):
    """The merchant as the world reaches it."""

    def adapter(self) -> SandboxAdapter:
        """Return a transport adapter, to be mounted in a session of `requests`."""
        return SandboxAdapter(self)

    def handle(self, method: str, path: str, query: str, headers: Headers, body: bytes) -> Answer:
        """Take one request. What its answer says about waiting is left to the caller."""
        return self.answer(Request(method, path, query, headers, body))

    def answer(self, request: Request, is_connected: Callable[[], bool] = lambda: True) -> Answer:
        """Take one request, as any front end has received it.

        A create whose sender has left while the gate held it back is not executed.
        """
        if request.path == CREATE:
            self.gate.hold("before")
            if not is_connected():
                return NO_ANSWER
        with self.lock:
            answer = self._receive(request)
        if request.path == CREATE:
            self.gate.hold("after")
        self.mail.hand_over()
        return replace(answer, wait_seconds=answer.wait_seconds + self.latency_seconds)

    def _receive(self, request: Request) -> Answer:
        fault = self._fault_for(request)
        answer = self._strike(fault, request) if fault else self.execute(request)
        if answer.link not in NEVER_CONNECTED:
            name = fault.name if fault else ""
            self.calls.append(Call(self.now(), request.path, request.body, name))
        return answer

    def _fault_for(self, request: Request) -> Fault | None:
        if request.path == CREATE and self.lose_answers:
            return Fault("timeout")
        if request.path == CREATE and self.drop_requests:
            return Fault("drop_timeout")
        return self.faults.for_request(request)

    def _strike(self, fault: Fault, request: Request) -> Answer:
        effect = EFFECTS[fault.name]
        if fault.name in ("delayed", "refuse_then_execute"):
            self._hold(request, fault)
        if fault.name == "race_500" and self._just_created(request, fault):
            return EFFECTS["500"].reply(Answer(), fault)
        if fault.name == "swapped":
            return endpoints.about_another(self, request) or self.execute(request)
        executes = effect.executes if fault.commit is None else fault.commit
        return effect.reply(self.execute(request) if executes else Answer(), fault)

    def execute(self, request: Request) -> Answer:
        """Answer as the documentation says: signature, then fields, then the endpoint's rules."""
        endpoint = endpoints.find(request)
        if endpoint is None:
            return NOT_FOUND
        if not self._is_signed(request, endpoint):
            return INVALID_SIGN
        try:
            result = endpoint.answer(self, request)
        except Refused as exc:
            return exc.answer
        return Answer.json(200, {"state": 0, "result": result})

    def _is_signed(self, request: Request, endpoint: Endpoint) -> bool:
        merchant, claimed = request.header("merchant"), request.header("sign")
        if endpoint.takes_unsigned and not claimed:
            return True
        keys = endpoint.keys
        mine = [self.payout_key if key == "payout" else self.payment_key for key in keys]
        return merchant == self.merchant_id and claimed in [sign(request.body, key) for key in mine]

    def _just_created(self, request: Request, fault: Fault) -> bool:
        known = self.find(request.fields.get("order_id"))
        window = timedelta(seconds=1 if fault.seconds is None else fault.seconds)
        return known is not None and self.now() - known.created_at <= window

    def _hold(self, request: Request, fault: Fault) -> None:
        due_at = None
        if fault.seconds is not None:
            due_at = self.now() + timedelta(seconds=fault.seconds)
        self.held_requests.append(HeldRequest(request, due_at))

    def execute_held(self) -> int:
        """Execute every request that hangs in the slow lane; return how many."""
        with self.lock:
            held, self.held_requests = self.held_requests, []
            for item in held:
                self.execute(item.request)
        self.mail.hand_over()
        return len(held)

    def run_due(self) -> None:
        """Do all that is due by the clock: steps of payouts, requests in the slow lane."""
        with self.lock:
            self.take_due_steps()
            now = self.now()
            due = [held for held in self.held_requests if held.due_at and held.due_at <= now]
            self.held_requests = [held for held in self.held_requests if held not in due]
            for held in due:
                self.execute(held.request)
        self.mail.hand_over()

    def save(self, path: Path | str) -> None:
        """Write all but keys, faults and calls that ask to a file, which is replaced at once."""
        path = Path(path)
        with self.lock:
            text = snapshot.dump(self)
        beside = path.with_name(f"{path.name}.{os.getpid()}.new")
        beside.write_text(text)
        beside.replace(path)

    @classmethod
    def load(cls, path: Path | str, **options: Any) -> "Gateway":
        """Return a gateway as it was saved; `options` as for a new one, keys included."""
        gateway = cls(**options)
        snapshot.restore(gateway, Path(path).read_text())
        return gateway
