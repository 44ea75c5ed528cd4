"""Gateways for the client's tests: scripted answers in process, and servers on loopback sockets.

The certificates in `tls/` belong to a throw-away authority whose key was not kept. They were made
with `openssl req -x509` and `openssl x509 -req`, for 127.0.0.1 and for elsewhere.example.
"""

import contextlib
import io
import json
import socket
import ssl
import struct
import threading
import traceback
from pathlib import Path

import requests
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict

from tests import canaries

TLS = Path(__file__).parent / "tls"
CA_FILE = str(TLS / "ca.pem")
PAYOUT_KEY = canaries.VARIABLES["HELEKET_API_KEY"]
PAYMENT_KEY = canaries.VARIABLES["HELEKET_PAYMENT_API_KEY"]
MERCHANT = "00000000-0000-4000-8000-00000000cafe"

PAYOUT = {
    "uuid": "a7c0caec-a594-4aaa-b1c4-77d511857594",
    "amount": "3",
    "currency": "USDT",
    "network": "TRON",
    "address": "TJ",
    "txid": None,
    "status": "process",
    "is_final": False,
    "balance": 129,
    "payer_currency": "USDT",
    "payer_amount": 3,
}


def success(result):
    return json.dumps({"state": 0, "result": result}).encode()


def refusal(message):
    return json.dumps({"state": 1, "message": message}).encode()


def http(body=b"", status="200 OK", headers=()):
    lines = [f"HTTP/1.1 {status}", "Content-Type: application/json", *headers]
    return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body


class Script(BaseAdapter):
    """Answers each request with the next of (status, body, headers); keeps the requests."""

    def __init__(self, *answers):
        super().__init__()
        self.answers = list(answers)
        self.requests = []

    def send(self, request, **options):
        self.requests.append(request)
        status, body, *headers = self.answers.pop(0)
        if isinstance(body, Exception):
            raise body
        response = requests.Response()
        response.status_code = status
        response.headers = CaseInsensitiveDict(headers[0] if headers else {})
        response.raw = io.BytesIO(body) if isinstance(body, bytes) else body
        return response

    def close(self):
        pass


class Server:
    """A loopback server that hands each connection to `serve(server, connection)` in a thread."""

    def __init__(self, serve, certificate=None):
        self._serve = serve
        self._context = None
        if certificate:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(TLS / certificate)
        self.requests = []
        self.connections = 0
        self.stopped = threading.Event()

    @property
    def url(self):
        scheme = "https" if self._context else "http"
        return f"{scheme}://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()
        return self

    def __exit__(self, *_):
        self.stopped.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join()

    def _accept(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            self._threads.append(threading.Thread(target=self._handle, args=[connection]))
            self._threads[-1].start()

    def _handle(self, connection):
        connection.settimeout(5)
        with connection, contextlib.suppress(OSError):
            if self._context is None:
                self._serve(self, connection)
                return
            with self._context.wrap_socket(connection, server_side=True) as secured:
                self._serve(self, secured)

    def read_request(self, connection):
        """Read and keep one request. Return its body, None when the client has closed."""
        received = b""
        while b"\r\n\r\n" not in received:
            if not (chunk := connection.recv(65536)):
                return None
            received += chunk
        head, _, body = received.partition(b"\r\n\r\n")
        lengths = [
            int(line.split(b":")[1])
            for line in head.lower().split(b"\r\n")
            if line.startswith(b"content-length:")
        ]
        while len(body) < sum(lengths):
            body += connection.recv(65536)
        self.requests.append((head, body))
        return body


def answering(*answers):
    """Serve one raw answer per request, on any number of connections."""
    left = list(answers)

    def serve(server, connection):
        while left and server.read_request(connection) is not None:
            connection.sendall(left.pop(0))

    return serve


def reset(connection):
    """Close so that the other side sees "connection reset by peer"."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def error_page_of(exception):
    """Return what an error page could show of our code: messages, causes, local variables."""
    shown = traceback.TracebackException.from_exception(exception, capture_locals=True)
    text = str(exception)
    while shown:
        text += "".join(str(frame.locals) for frame in shown.stack if "tests" not in frame.filename)
        shown = shown.__cause__ or shown.__context__
    return text
