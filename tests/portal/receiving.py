"""A receiver of webhooks, as a portal runs one, and a worker's turns for it."""

import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks import Webhook

from payouts.portal import feed
from payouts.portal.webhooks import deliveries


class Receiver:
    """Answers each webhook as `answers` says, and keeps what it was sent."""

    def __init__(self):
        self.answers = lambda _body: 200
        self.received, self.headers = [], []

    def __enter__(self):
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                receiver.headers.append(dict(self.headers))
                status = receiver.answers(body)
                if 200 <= status < 300:
                    receiver.received.append((body, dict(self.headers)))
                self.send_response(status)
                self.send_header("Location", "http://127.0.0.1:1/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, args=[0.01])
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server.server_port}/hooks"

    @property
    def port(self):
        return self.server.server_port

    def read(self, secret):
        """Return what arrived, as Standard Webhooks' own library reads it."""
        return [Webhook(secret).verify(body, headers) for body, headers in self.received]


def turn():
    """One round of a worker: number what is new, send what is due; return how many those were."""
    while feed.take_up():
        pass
    parcels = deliveries.claim(8)
    deliveries.record([deliveries.send(parcel) for parcel in parcels])
    return len(parcels)


def turns():
    """Go on as long as anything is due."""
    count = 0
    while sent := turn():
        count += sent
    return count


class Raw:
    """Answers each connection with the same bytes, whatever they are."""

    def __init__(self, answer):
        self.answer = answer

    def __enter__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()
        return self

    def serve(self):
        while True:
            try:
                connection, _address = self.listener.accept()
            except OSError:
                return
            with connection:
                connection.recv(65536)
                connection.sendall(self.answer)

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.listener.getsockname()[1]}/hooks"
