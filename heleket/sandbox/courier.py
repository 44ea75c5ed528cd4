"""Let time pass at a gateway that runs by itself: payouts move on, webhooks are delivered."""

import threading
from concurrent.futures import ThreadPoolExecutor

import requests

from heleket.sandbox.gateway import Gateway
from heleket.sandbox.records import Delivery

TICK_SECONDS = 0.1
POSTS_AT_ONCE = 8


class Courier:
    """One thread that keeps time, and a few that post. Only an answer of 2xx counts as delivered.

    `verify` is what `requests` makes of it: True, or the path of the certificate to trust.
    """

    def __init__(
        self, gateway: Gateway, *, timeout_seconds: float = 10, verify: bool | str = True
    ) -> None:
        self._gateway = gateway
        self._timeout_seconds = timeout_seconds
        self._stopped = threading.Event()
        self._clock = threading.Thread(target=self._run, name="sandbox-clock", daemon=True)
        self._pool = ThreadPoolExecutor(POSTS_AT_ONCE, thread_name_prefix="sandbox-courier")
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.verify = verify

    def start(self) -> None:
        self._clock.start()

    def stop(self) -> None:
        """Return when the posts under way have ended."""
        self._stopped.set()
        self._clock.join()
        self._pool.shutdown()
        self._session.close()

    def _run(self) -> None:
        while not self._stopped.wait(TICK_SECONDS):
            self._gateway.run_due()
            for delivery in self._gateway.take_webhooks():
                self._pool.submit(self.post, delivery)

    def post(self, delivery: Delivery) -> None:
        try:
            response = self._session.post(
                delivery.url,
                data=delivery.body,
                headers={"Content-Type": "application/json", "User-Agent": "Heleket sandbox"},
                timeout=self._timeout_seconds,
                allow_redirects=False,
            )
        except (requests.RequestException, ValueError) as exc:  # a URL can be nonsense, too
            self._gateway.mail.settle(delivery, type(exc).__name__, accepted=False)
            return
        accepted = 200 <= response.status_code < 300
        self._gateway.mail.settle(delivery, str(response.status_code), accepted=accepted)
