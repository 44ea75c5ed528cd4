"""One HTTP exchange with Heleket: checked, bounded in time and size, sent once and never elsewhere.

Nothing is taken from the environment: no proxy, no .netrc, no CA bundle, no key log. It works
below `requests.Session`, which would add cookies, redirects and the environment to each call, and
below urllib3's pool, which would reuse a connection after any answer.
"""

import io
import re
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPResponse, IncompleteRead
from ipaddress import ip_address
from typing import Any, cast
from urllib.parse import urlsplit

import certifi
import requests
import urllib3
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict
from urllib3.exceptions import HTTPError, NewConnectionError, SSLError
from urllib3.util import wait_for_read

from heleket.answers import Answer, unfold
from heleket.errors import InvalidBaseUrl, OutcomeUnknown, Unavailable

CONNECT_SECONDS = 10.0
MAX_THREADS = 64  # more threads than this work too, but connect anew for each call
CHUNK = 64 * 1024
MAX_ANSWER_BYTES = 1024 * 1024
MAX_RECEIVED_BYTES = 2 * MAX_ANSWER_BYTES  # with its head, its frame and all interim answers
TOO_LARGE = "Heleket's answer is too large to read."
LENGTH = re.compile(r"[0-9]{1,18}")
DEFAULT_PORTS = {"http": 80, "https": 443}
IDLE_SECONDS = 20.0
# A peer that vanished without a word is noticed after 25 s, while its answer is waited for too.
KEEPALIVE = {"TCP_KEEPIDLE": 10, "TCP_KEEPALIVE": 10, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3}
SOCKET_OPTIONS = [
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
    (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
    *(
        (socket.IPPROTO_TCP, getattr(socket, name), seconds)
        for name, seconds in KEEPALIVE.items()
        if hasattr(socket, name)
    ),
]


def read_base_url(url: str) -> tuple[str, str]:
    """Return the origin ("https://api.heleket.com") and the host of a base URL.

    Raises InvalidBaseUrl: a signature hides nothing and covers no answer, so only TLS keeps others
    from reading our payouts or answering in Heleket's place.
    """
    try:
        parts = urlsplit(url)
        extras = parts.username or parts.query or parts.fragment or parts.path.strip("/")
        port, host = parts.port, parts.hostname
    except ValueError:
        raise InvalidBaseUrl("The gateway URL cannot be read.") from None
    if parts.scheme not in {"http", "https"} or not host or extras:
        raise InvalidBaseUrl(
            "The gateway URL must be like https://api.heleket.com, without a path."
        )
    if parts.scheme == "http" and not is_loopback(host):
        raise InvalidBaseUrl("Plain http is for this machine only: the gateway URL must be https.")
    name = f"[{host}]" if ":" in host else host
    netloc = name if port in {None, DEFAULT_PORTS[parts.scheme]} else f"{name}:{port}"
    return f"{parts.scheme}://{netloc}", netloc


def is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def exchange(adapter: BaseAdapter, request: requests.PreparedRequest, *, deadline: float) -> Answer:
    """Send a request once and read the whole answer until `deadline` (of `time.monotonic`).

    Raises Unavailable if nothing can have been sent, and OutcomeUnknown if something may have been.
    """
    remaining = deadline - time.monotonic()
    if remaining <= 0:
        raise Unavailable("No time was left for the call, so nothing was sent.")
    timeout = (min(CONNECT_SECONDS, remaining), remaining)
    try:
        response = adapter.send(request, stream=True, timeout=timeout)
        try:
            body = _read_body(response.raw)
        finally:
            response.raw.close()
    # ValueError is what http.client makes of some bytes that are no HTTP.
    except (requests.RequestException, HTTPError, HTTPException, OSError, ValueError) as exc:
        failure = _failure(exc)
    else:
        body = unfold(body, response.headers.get("Content-Encoding", ""))
        in_doubt = getattr(response.raw, "in_doubt", False)
        return Answer(response.status_code, response.headers, body, in_doubt=in_doubt)
    # Outside of the handler, so that no traceback leads to the signed headers.
    raise failure


def _read_body(raw: Any) -> bytes:
    body = b""
    while chunk := raw.read(CHUNK):
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            raise OutcomeUnknown(TOO_LARGE)
    return body


class NotConnected(OSError):
    """No connection came about, so nothing was sent; its text says why."""


def _failure(exc: Exception) -> Unavailable | OutcomeUnknown:
    if isinstance(exc, requests.ConnectTimeout | NotConnected) or _never_connected(exc):
        return _unreachable(exc)
    # Also if a kept-alive connection was closed while we wrote: they may have read it before.
    late = isinstance(exc, requests.Timeout | TimeoutError | urllib3.exceptions.TimeoutError)
    trouble = "was too slow" if late else "broke off"
    return OutcomeUnknown(f"Heleket's answer {trouble}, so we do not know what it did.")


def _never_connected(exc: Exception) -> bool:
    """Whether an adapter of `requests` failed before it could send; ours says so itself."""
    cause = exc.args[0] if exc.args else None
    reason = getattr(cause, "reason", cause)
    if isinstance(reason, SSLError):  # of the handshake or of any later read
        return "certificate verify failed" in str(reason)
    return isinstance(reason, NewConnectionError)


def _unreachable(exc: Exception) -> Unavailable:
    reason = _reason(exc.__cause__ or exc)
    return Unavailable(f"Heleket cannot be reached, so nothing was sent: {reason}.")


def _reason(exc: BaseException) -> object:
    return getattr(exc, "strerror", None) or exc


Found = tuple[Any, Any, int, str, Any]  # of a name, as `socket.getaddrinfo` says it


def look_up(host: str, port: int) -> list[Found]:
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)


class GatewayAdapter(BaseAdapter):
    """The adapter of the real network: kept-alive connections to one origin, nothing else.

    The second number of `timeout` counts from the start of the call to its last byte. A connection
    serves a next call only after a whole answer that ended cleanly, and only if nothing has come on
    it since: whatever else is read from it could be taken for the answer to another call.

    Each new connection goes to an address that `look_up` finds at that moment. Raises NotConnected,
    and what http.client raises of an answer that cannot be read.
    """

    def __init__(
        self,
        origin: str,
        ca_file: str | None = None,
        look_up: Callable[[str, int], list[Found]] = look_up,
    ) -> None:
        super().__init__()
        self._look_up = look_up
        parts = urlsplit(origin)
        self._host, self._port = str(parts.hostname), parts.port or DEFAULT_PORTS[parts.scheme]
        self._tls = _verifying(ca_file) if parts.scheme == "https" else None
        self._last_reached: object = None
        self._idle: list[_Connection] | None = []

    def send(self, request: requests.PreparedRequest, *_: Any, **options: Any) -> requests.Response:
        connect_seconds, total_seconds = options["timeout"]
        deadline = time.monotonic() + total_seconds
        connection = self._kept() or self._connect(connect_seconds)
        try:
            answer = connection.exchange(request, deadline)
        except BaseException:
            connection.close()
            raise
        response = requests.Response()
        response.status_code = answer.status
        response.headers = CaseInsensitiveDict(answer.headers.items())
        response.raw = _Body(answer, connection, self._keep)
        return response

    def close(self) -> None:
        kept, self._idle = self._idle, None
        for connection in kept or ():
            connection.close()

    def _kept(self) -> "_Connection | None":
        """Return the connection used last, if nobody can have forgotten or misused it since."""
        idle = self._idle
        while idle:
            try:
                connection = idle.pop()
            except IndexError:  # another thread was faster
                return None
            if connection.is_fit():
                return connection
            connection.close()
        return None

    def _keep(self, connection: "_Connection") -> None:
        idle = self._idle
        if idle is None or len(idle) >= MAX_THREADS:
            connection.close()
        else:
            connection.idle_since = time.monotonic()
            idle.append(connection)

    def _connect(self, seconds: float) -> "_Connection":
        """Connect to the first address that answers. Raises NotConnected if none does in time."""
        try:
            return _Connection(self._host, self._port, self._reach(time.monotonic() + seconds))
        except (OSError, ValueError) as exc:
            failure = NotConnected(str(_reason(exc)))
        raise failure

    def _reach(self, latest: float) -> socket.socket:
        """Try each address in its share of the time: packets to the first ones may just vanish."""
        found = self._look_up(self._host, self._port)
        found.sort(key=lambda each: each[4] != self._last_reached)
        failure: OSError | None = None
        for tried, (family, kind, protocol, _, address) in enumerate(found):
            share = (latest - time.monotonic()) / (len(found) - tried)
            try:
                connected = self._dial(socket.socket(family, kind, protocol), address, share)
            except OSError as exc:
                failure = exc
            else:
                self._last_reached = address
                return connected
        raise failure or OSError("the name has no address")

    def _dial(self, sock: socket.socket, address: Any, seconds: float) -> socket.socket:
        latest = time.monotonic() + seconds
        try:
            for level, name, value in SOCKET_OPTIONS:
                sock.setsockopt(level, name, value)
            _leave_until(latest, sock)
            sock.connect(address)
            if self._tls:
                _leave_until(latest, sock)
                sock = self._tls.wrap_socket(sock, server_hostname=self._host.rstrip("."))
            _leave_until(latest, sock)
        except BaseException:
            sock.close()
            raise
        return sock


def _leave_until(latest: float, sock: socket.socket) -> None:
    remaining = latest - time.monotonic()
    if remaining <= 0:
        raise TimeoutError("it took too long")
    sock.settimeout(remaining)


def _verifying(ca_file: str | None) -> ssl.SSLContext:
    """Make a context that checks certificate and name, whatever the environment says."""
    # Not create_default_context: it writes session keys to the file that SSLKEYLOGFILE names.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(ca_file or certifi.where())
    context.set_alpn_protocols(["http/1.1"])
    return context


class _TimelyReader(io.RawIOBase):
    """Reads of a socket that end by a deadline and within bounds, all of them together."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, deadline: float) -> None:
        self._raw, self._socket, self._deadline = raw, sock, deadline
        self._left = MAX_RECEIVED_BYTES
        self.may_wait = True

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self._left <= 0:
            raise OutcomeUnknown(TOO_LARGE)
        if self.may_wait:
            _leave_until(self._deadline, self._socket)
        else:
            self._socket.settimeout(0)
        count = self._raw.readinto(buffer)
        self._left -= count or 0
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Buffer(io.BufferedReader):
    """Reports when it is closed what has come beyond the last byte that was read."""

    left_over = b""

    def close(self) -> None:
        if not self.closed:
            self.raw.may_wait = False  # type: ignore[attr-defined]  # it is our reader
            with suppress(OSError, ValueError, OutcomeUnknown):
                self.left_over = self.peek()
        super().close()


def _is_interim(status: int) -> bool:
    return 100 <= status < 200


class _Answer(HTTPResponse):
    """The final answer to a request; the interim ones before it (100, 102, 103) are passed over.

    http.client passes over 100 alone. It would take 103 for the answer to this request, and the
    answer for that to the next one.
    """

    def __init__(self, sock: socket.socket, *args: Any, deadline: float, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self._buffer = _Buffer(_TimelyReader(self.fp.detach(), sock, deadline))
        self.fp = self._buffer
        self._is_framed_twice = False

    def begin(self) -> None:
        super().begin()
        while _is_interim(self.status):
            if self.status == HTTPStatus.SWITCHING_PROTOCOLS:
                raise HTTPException("another protocol, which nobody asked for")
            self.headers = None  # type: ignore[assignment]  # so it starts anew
            super().begin()
        self._check_frame()

    def _check_frame(self) -> None:
        """Refuse an answer whose end cannot be found, and doubt one whose end is given twice."""
        lengths = set(self.headers.get_all("Content-Length", ()))
        codings = self.headers.get_all("Transfer-Encoding", ())
        if len(lengths) > 1 or not all(LENGTH.fullmatch(each) for each in lengths):
            raise HTTPException("no length that can be read")
        if codings and not self.chunked:
            raise HTTPException("another coding, which nobody asked for")
        self._is_framed_twice = bool(lengths and codings) or bool(self.headers.defects)
        self.will_close = self.will_close or self._is_framed_twice

    def read(self, amt: int | None = None) -> bytes:
        data = super().read(amt)
        if not data and self.length:
            raise IncompleteRead(b"", self.length)
        return data

    @property
    def ended_cleanly(self) -> bool:
        return self.isclosed() and not self.will_close and not self._buffer.left_over

    @property
    def in_doubt(self) -> bool:
        """Whether it may belong to another call. An empty line after it is no other answer."""
        return self._is_framed_twice or bool(self._buffer.left_over.strip(b"\r\n"))


class _Body:
    """What is read of an answer; closing it keeps the connection for a next call, or ends it."""

    def __init__(
        self, answer: _Answer, connection: "_Connection", keep: "Callable[[_Connection], None]"
    ) -> None:
        self._answer, self._connection, self._keep = answer, connection, keep
        self._is_whole = False
        self.in_doubt = True

    def read(self, size: int) -> bytes:
        data = self._answer.read(size)
        self._is_whole = not data
        return data

    def close(self) -> None:
        self._answer.close()
        self.in_doubt = self._answer.in_doubt
        if self._is_whole and self._answer.ended_cleanly:
            self._keep(self._connection)
        else:
            self._connection.close()


class _Connection(HTTPConnection):
    """An open connection. It never opens itself again, so nothing is sent twice."""

    auto_open = 0

    def __init__(self, host: str, port: int, sock: socket.socket) -> None:
        super().__init__(host, port)
        self.default_port = DEFAULT_PORTS["https" if isinstance(sock, ssl.SSLSocket) else "http"]
        self.sock = sock
        self.idle_since = 0.0

    def exchange(self, request: requests.PreparedRequest, deadline: float) -> _Answer:
        """Send a request and read the head of its answer."""
        _leave_until(deadline, self.sock)
        self.response_class = partial(_Answer, deadline=deadline)  # type: ignore[assignment]
        self.request(str(request.method), request.path_url, request.body, request.headers)
        return cast("_Answer", self.getresponse())

    def is_fit(self) -> bool:
        """Whether it may carry a call: routers forget an idle one without a word, and bytes that
        nobody has asked for, or its end, may have come."""
        idle_seconds = time.monotonic() - self.idle_since
        return idle_seconds < IDLE_SECONDS and not wait_for_read(self.sock, timeout=0)
