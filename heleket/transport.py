"""One HTTP exchange with Heleket: checked, bounded in time and size, sent once and never elsewhere.

Nothing is taken from the environment: no proxy, no .netrc, no CA bundle, no key log. It works one
level below `requests.Session`, which would add cookies, redirects and the environment to each call.
"""

import io
import ssl
import time
from functools import partial
from http.client import HTTPException, HTTPResponse
from ipaddress import ip_address
from socket import socket
from typing import Any
from urllib.parse import urlsplit

import certifi
import requests
import urllib3
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, NewConnectionError, SSLError

from heleket.answers import Answer
from heleket.errors import InvalidBaseUrl, OutcomeUnknown, Unavailable

CONNECT_SECONDS = 10.0
MAX_THREADS = 64  # more threads than this work too, but connect anew for each call
CHUNK = 64 * 1024
MAX_ANSWER_BYTES = 1024 * 1024


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
    if parts.scheme == "http" and not _is_loopback(host):
        raise InvalidBaseUrl("Plain http is for this machine only: the gateway URL must be https.")
    name = f"[{host}]" if ":" in host else host
    default = {"http": 80, "https": 443}[parts.scheme]
    netloc = name if port in {None, default} else f"{name}:{port}"
    return f"{parts.scheme}://{netloc}", netloc


def _is_loopback(host: str) -> bool:
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
    except (requests.RequestException, HTTPError, HTTPException, OSError) as exc:
        failure = _failure(exc)
    else:
        return Answer(response.status_code, response.headers, body)
    # Outside of the handler, so that no traceback leads to the signed headers.
    raise failure


def _read_body(raw: Any) -> bytes:
    body = b""
    while chunk := raw.read(CHUNK):
        body += chunk
        if len(body) > MAX_ANSWER_BYTES:
            raise OutcomeUnknown("Heleket's answer is too large to read.")
    return body


def _failure(exc: Exception) -> Unavailable | OutcomeUnknown:
    if isinstance(exc, requests.ConnectTimeout) or _never_connected(exc):
        return _unreachable(exc)
    # Also if a kept-alive connection was closed while we wrote: they may have read it before.
    late = isinstance(exc, requests.Timeout | TimeoutError | urllib3.exceptions.TimeoutError)
    trouble = "was too slow" if late else "broke off"
    return OutcomeUnknown(f"Heleket's answer {trouble}, so we do not know what it did.")


def _never_connected(exc: Exception) -> bool:
    """Tell whether an adapter of `requests` failed before it could send; ours says so itself."""
    cause = exc.args[0] if exc.args else None
    reason = getattr(cause, "reason", cause)
    if isinstance(reason, SSLError):  # of the handshake or of any later read
        return "certificate verify failed" in str(reason)
    return isinstance(reason, NewConnectionError)


def _unreachable(exc: Exception) -> Unavailable:
    cause = exc.__cause__ or exc
    reason = getattr(cause, "strerror", None) or cause
    return Unavailable(f"Heleket cannot be reached, so nothing was sent: {reason}.")


class GatewayAdapter(BaseAdapter):
    """The adapter of the real network: kept-alive connections to one origin, nothing else.

    The second number of `timeout` counts from the start of the call to its last byte.
    """

    def __init__(self, origin: str, ca_file: str | None = None) -> None:
        super().__init__()
        parts = urlsplit(origin)
        host, port = str(parts.hostname), parts.port
        self._pool: urllib3.HTTPConnectionPool
        if parts.scheme == "https":
            context = _verifying(ca_file)
            self._pool = _TlsPool(host, port, maxsize=MAX_THREADS, ssl_context=context)
        else:
            self._pool = _Pool(host, port, maxsize=MAX_THREADS)

    def send(self, request: requests.PreparedRequest, *_: Any, **options: Any) -> requests.Response:
        connect, total = options["timeout"]
        raw = self._pool.urlopen(
            str(request.method),
            request.path_url,
            body=request.body,
            headers=request.headers,
            timeout=urllib3.Timeout(connect=connect, total=total),
            retries=False,
            redirect=False,
            preload_content=False,
            decode_content=False,
        )
        response = requests.Response()
        response.status_code = raw.status
        response.headers = CaseInsensitiveDict(raw.headers)
        response.raw = raw
        return response

    def close(self) -> None:
        self._pool.close()


def _verifying(ca_file: str | None) -> ssl.SSLContext:
    """Make a context that checks certificate and name, whatever the environment says."""
    # Not create_default_context: it writes session keys to the file that SSLKEYLOGFILE names.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(ca_file or certifi.where())
    return context


class _TimelyReader(io.RawIOBase):
    """Reads of a socket that end by a deadline, all of them together."""

    def __init__(self, raw: io.RawIOBase, sock: socket, deadline: float) -> None:
        self._raw, self._socket, self._deadline = raw, sock, deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        remaining = self._deadline - time.monotonic()
        if remaining <= 0:
            raise TimeoutError("the answer took too long")
        self._socket.settimeout(remaining)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _TimelyResponse(HTTPResponse):
    def __init__(self, sock: socket, *args: Any, deadline: float, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self.fp = io.BufferedReader(_TimelyReader(self.fp.detach(), sock, deadline))


class _Connection(HTTPConnection):
    """A connection whose timeout bounds connecting as a whole, and an answer as a whole.

    urllib3 alone allows it to every address and every read, so a dripping answer never ends.
    """

    def connect(self) -> None:
        latest = self._latest()
        try:
            super().connect()
        except (OSError, HTTPError) as exc:
            failure = _unreachable(exc)
        else:
            if time.monotonic() <= latest:
                return
            self.close()
            failure = Unavailable("Connecting to Heleket took too long, nothing was sent.")
        raise failure

    def getresponse(self) -> Any:
        timely = partial(_TimelyResponse, deadline=self._latest())
        self.response_class = timely  # type: ignore[assignment]  # it is only ever called
        return super().getresponse()

    def _latest(self) -> float:
        return time.monotonic() + (self.timeout or 0.0)


class _TlsConnection(_Connection, HTTPSConnection):
    pass


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Connection


class _TlsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _TlsConnection
