"""The sandbox where the gateway would be: what it is asked for, and no real gateway knows."""

from urllib.parse import urlsplit

import requests
from django.conf import settings

from heleket.transport import is_loopback

TIMEOUT_SECONDS = 5  # a developer waits for the answer


class TooLate(Exception):
    """The payout is at the sandbox already, or final there."""


class Silent(Exception):
    """No sandbox answered."""


def is_gateway() -> bool:
    """Whether the gateway of this process is on its own machine, where no real one is."""
    return is_loopback(urlsplit(settings.HELEKET_PROJECT_URL).hostname or "")


def simulate(fault: str, order_id: str) -> None:
    """Have the sandbox do this to one payout. Raises TooLate and Silent."""
    with requests.Session() as session:
        session.trust_env = False  # no proxy of the environment is on the way to this machine
        try:
            response = session.post(
                f"{settings.HELEKET_PROJECT_URL}/sandbox/simulate",
                json={"fault": fault, "order_id": order_id},
                timeout=TIMEOUT_SECONDS,
                allow_redirects=False,
            )
        except requests.RequestException as exc:
            raise Silent from exc
    if response.status_code == 400:
        raise TooLate(response.text)
    if response.status_code != 200:
        raise Silent(response.text)
