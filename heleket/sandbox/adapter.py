"""The gateway behind a `requests` session: real answers and real exceptions, without a socket."""

import io
import math
from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus
from http.client import RemoteDisconnected
from typing import Any, Protocol
from urllib.parse import urlsplit

from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from requests.exceptions import ConnectionError as RequestsConnectionError
from requests.exceptions import ConnectTimeout, ReadTimeout, SSLError
from urllib3 import HTTPConnectionPool, HTTPResponse
from urllib3.connection import HTTPConnection
from urllib3.exceptions import (
    ConnectTimeoutError,
    MaxRetryError,
    NewConnectionError,
    ProtocolError,
    ReadTimeoutError,
)
from urllib3.exceptions import SSLError as HandshakeError

from heleket.sandbox.records import Answer, Headers, Link, reason


class Answers(Protocol):
    """What stands behind a session."""

    sleep: Callable[[float], None]

    def handle(
        self, method: str, path: str, query: str, headers: Headers, body: bytes, /
    ) -> Answer: ...


class SandboxAdapter(HTTPAdapter):
    """Mount it for the gateway's URL. Waiting is left to the gateway's `sleep`.

    The read timeout is for the answer as a whole, and passes without any waiting.
    """

    def __init__(self, gateway: Answers) -> None:
        super().__init__()
        self._gateway = gateway

    def send(  # type: ignore[override]  # the others are of no use without a socket
        self, request: PreparedRequest, *, timeout: Any = None, **_others: Any
    ) -> Response:
        """Hand the request to the gateway. Raises what `requests` raises for a broken network."""
        parts = urlsplit(str(request.url))
        body = request.body or b""
        answer = self._gateway.handle(
            str(request.method),
            parts.path,
            parts.query,
            request.headers,
            body if isinstance(body, bytes) else str(body).encode(),
        )
        read_timeout = timeout[1] if isinstance(timeout, tuple) else timeout
        seconds = math.inf if read_timeout is None else read_timeout
        if answer.wait_seconds > seconds:
            raise broken(Link.SILENT, request)
        if answer.link not in (Link.SENT, Link.CUT):
            raise broken(answer.link, request)
        self._gateway.sleep(answer.wait_seconds)
        answer = as_read(answer)
        return self.build_response(request, received(answer, seconds, self._gateway.sleep))


def as_read(answer: Answer) -> Answer:
    """Return what Python's client takes for the answer: the first status that is not 100."""
    taken = next((status for status in answer.interim if status != HTTPStatus.CONTINUE), None)
    return replace(answer, status=taken, body=b"", headers={}) if taken else answer


def received(answer: Answer, seconds: float, sleep: Callable[[float], None]) -> HTTPResponse:
    length = str(len(answer.body))
    sent = answer.body[: len(answer.body) // 2] if answer.link is Link.CUT else answer.body
    is_late = answer.drip_seconds * len(sent) > seconds
    return HTTPResponse(
        body=Late() if is_late else Body(sent, answer.drip_seconds, sleep),
        headers={"Server": "sandbox", "Content-Length": length, **answer.headers},
        status=answer.status,
        reason=reason(answer.status),
        preload_content=False,
        decode_content=False,
        request_method="POST",
    )


class Body(io.BytesIO):
    """The bytes of an answer, each after a while if it drips."""

    def __init__(self, content: bytes, drip_seconds: float, sleep: Callable[[float], None]) -> None:
        super().__init__(content)
        self._drip_seconds = drip_seconds
        self._sleep = sleep

    def read(self, size: int | None = -1, /) -> bytes:
        content = super().read(size)
        self._sleep(len(content) * self._drip_seconds)
        return content


class Late(io.BytesIO):
    """An answer that drips for longer than anyone waits."""

    def read(self, _size: int | None = -1, /) -> bytes:
        raise TimeoutError("timed out")


def broken(link: Link, request: PreparedRequest) -> Exception:
    """Return the exception that this kind of network trouble ends in."""
    parts = urlsplit(str(request.url))
    host, port = parts.hostname or "", parts.port or 443
    pool = HTTPConnectionPool(host, port)
    if link is Link.SILENT:
        return ReadTimeout(ReadTimeoutError(pool, parts.path, "Read timed out."), request=request)
    if link is Link.RESET:
        gone = RemoteDisconnected("Remote end closed connection without response")
        return RequestsConnectionError(ProtocolError("Connection aborted.", gone), request=request)
    if link is Link.CONNECT_TIMEOUT:
        reason: Exception = ConnectTimeoutError(f"Connection to {host} timed out.")
        return ConnectTimeout(MaxRetryError(pool, parts.path, reason), request=request)
    if link is Link.TLS_FAILURE:
        reason = HandshakeError("certificate verify failed: self-signed certificate")
        return SSLError(MaxRetryError(pool, parts.path, reason), request=request)
    connection = HTTPConnection(host, port)
    refused = NewConnectionError(connection, "[Errno 111] Connection refused")
    return RequestsConnectionError(MaxRetryError(pool, parts.path, refused), request=request)
