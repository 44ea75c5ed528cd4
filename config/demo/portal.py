"""The demo's portal: it hears each webhook and checks who sent it, as one of a client would."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from django.contrib.auth.models import User
from standardwebhooks import Webhook, WebhookVerificationError

from audit.actor import Actor, Channel
from config.demo import place
from payouts.portal.models import WebhookEndpoint
from payouts.portal.webhooks import endpoints
from payouts.portal.webhooks.receivers import checked_url

NAME = "Portal of the demo"


@contextmanager
def listening() -> Iterator[str]:
    """Hear webhooks while the block runs, and yield the address at which that is."""
    port = place.next_free_port(place.PORTAL_PORT)
    url = f"http://127.0.0.1:{port}/webhooks"
    secret = endpoints.secret_of(endpoint_at(url))

    class Portal(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            try:
                Webhook(secret).verify(body, dict(self.headers))
            except WebhookVerificationError:
                self.answer(HTTPStatus.BAD_REQUEST)
            else:
                self.answer(HTTPStatus.NO_CONTENT)

        def answer(self, status: HTTPStatus) -> None:
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing: the desk's own log says what came of each."""

    with ThreadingHTTPServer(("127.0.0.1", port), Portal) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield url
        finally:
            server.shutdown()


def endpoint_at(url: str) -> WebhookEndpoint:
    """Have webhooks sent to this address, and to none of an earlier start."""
    actor = Actor.staff(User.objects.get(username="uma"), Channel.COMMAND)
    known = WebhookEndpoint.objects.present().filter(name=NAME).first()
    if known:
        return endpoints.change_endpoint(
            known.pk, url=checked_url(url), is_active=True, actor=actor
        )
    return endpoints.add_endpoint(client=None, url=checked_url(url), name=NAME, actor=actor)
