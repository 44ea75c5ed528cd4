"""The gateway on a socket: a small HTTP/1.1 server, one thread per kept-alive connection.

The standard library's request parser alone costs more than the gateway's whole answer, so requests
are cut up by hand; only what clients of the API send is understood.
"""

import contextlib
import select
import socket
import socketserver
import ssl
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from heleket.sandbox.control import Control
from heleket.sandbox.gateway import Gateway
from heleket.sandbox.records import Answer, Link, Request, reason

HANDSHAKE_SECONDS = 10
SILENCE_SECONDS = 300
MAX_REQUEST_BYTES = 1024 * 1024
BAD_REQUEST = Answer.json(400, {"message": "Bad Request"})


class Server:
    """Serve a gateway and its control page at `url`, until stopped. Port 0 takes a free one."""

    def __init__(
        self,
        gateway: Gateway,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: tuple[Path | str, Path | str] | None = None,
    ) -> None:
        self.gateway = gateway
        self.control = Control(gateway, refuse=self.refuse)
        self._context = server_context(*tls) if tls else None
        self._listener = Listener(self, (host, port))
        self._address = self._listener.server_address

    @property
    def url(self) -> str:
        host, port = self._address[:2]
        return f"{'https' if self._context else 'http'}://{host!s}:{port}"

    def start(self) -> None:
        serving = threading.Thread(target=self._listener.serve_forever, args=(0.05,), daemon=True)
        serving.start()

    def stop(self) -> None:
        """Stop listening and end all connections: whoever calls now is refused."""
        self._listener.shutdown()
        self._listener.server_close()
        self._listener.hang_up()

    def listen(self) -> None:
        """Listen again at the same address."""
        self._listener = Listener(self, self._address)
        self.start()

    def refuse(self, seconds: float) -> None:
        """Refuse all connections for a while; the caller still gets an answer."""

        def close_and_reopen() -> None:
            time.sleep(0.1)
            self.stop()
            time.sleep(seconds)
            self.listen()

        threading.Thread(target=close_and_reopen, daemon=True).start()

    def secured(self, connection: socket.socket) -> socket.socket:
        """Do the TLS handshake, if there is to be one. Raises OSError if it fails."""
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._context is None:
            return connection
        connection.settimeout(HANDSHAKE_SECONDS)
        secured = self._context.wrap_socket(connection, server_side=True)
        secured.settimeout(None)
        return secured


def server_context(certificate: Path | str, key: Path | str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


class Listener(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, owner: Server, address: Any) -> None:
        self.owner = owner
        self.connections: set[socket.socket] = set()
        super().__init__(address, Connection)

    def hang_up(self) -> None:
        for wire in list(self.connections):
            with contextlib.suppress(OSError):  # its own thread was faster
                wire.shutdown(socket.SHUT_RDWR)


class Connection(socketserver.BaseRequestHandler):
    """One connection of a client, and the requests that come over it, one after the other."""

    server: Listener

    def handle(self) -> None:
        with contextlib.suppress(OSError), self.server.owner.secured(self.request) as wire:
            self._wire, self._buffer = wire, b""
            self.server.connections.add(wire)
            try:
                while self._answer_one():
                    pass
            finally:
                self.server.connections.discard(wire)

    def _answer_one(self) -> bool:
        """Read and answer one request; tell whether the connection stays open."""
        try:
            request = self._read()
        except ValueError:
            self._send(BAD_REQUEST)
            return False
        received = time.monotonic()
        owner = self.server.owner
        if request.path.startswith("/sandbox/"):
            answer = owner.control.handle(request)
        else:
            answer = owner.gateway.answer(request, is_connected=self._is_connected)
            owner.gateway.sleep(max(0, received + answer.wait_seconds - time.monotonic()))
        return self._send(answer) and request.header("connection").lower() != "close"

    def _read(self) -> Request:
        while (end := self._buffer.find(b"\r\n\r\n")) < 0:
            self._receive()
        start, *lines = self._buffer[:end].decode("latin-1").split("\r\n")
        method, target, _version = start.split(" ")
        parts = (line.partition(":") for line in lines)
        headers = {name.lower(): value.strip() for name, _, value in parts}
        after = end + 4 + int(headers.get("content-length", 0))
        while len(self._buffer) < after:
            self._receive()
        body, self._buffer = self._buffer[end + 4 : after], self._buffer[after:]
        path, _, query = target.partition("?")
        return Request(method, unquote(path), query, headers, body)

    def _receive(self) -> None:
        chunk = self._wire.recv(65536)
        if not chunk:
            raise ConnectionError("the client has gone")
        self._buffer += chunk
        if len(self._buffer) > MAX_REQUEST_BYTES:
            raise ValueError("request too large")

    def _send(self, answer: Answer) -> bool:
        """Send what arrives of an answer; tell whether that was all of it."""
        if answer.link is Link.SILENT:
            select.select([self._wire], [], [], SILENCE_SECONDS)  # until the client hangs up
        if answer.link not in (Link.SENT, Link.CUT):
            return False
        headers = {**answer.headers, "Content-Length": str(len(answer.body))}
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        before = "".join(f"HTTP/1.1 {code} {reason(code)}\r\n\r\n" for code in answer.interim)
        head = f"{before}HTTP/1.1 {answer.status} {reason(answer.status)}\r\n{lines}\r\n"
        arrives = len(answer.body) if answer.link is Link.SENT else len(answer.body) // 2
        if answer.drip_seconds:
            self._drip(head.encode(), answer)
        else:
            self._wire.sendall(head.encode() + answer.body[:arrives])
        return answer.link is Link.SENT

    def _drip(self, head: bytes, answer: Answer) -> None:
        self._wire.sendall(head)
        for position in range(len(answer.body)):
            self.server.owner.gateway.sleep(answer.drip_seconds)
            self._wire.sendall(answer.body[position : position + 1])

    def _is_connected(self) -> bool:
        """Nobody sends before the answer is there: what can be read now is the end."""
        return not select.select([self._wire], [], [], 0)[0]
