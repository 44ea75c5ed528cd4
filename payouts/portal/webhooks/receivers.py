"""Where webhooks go: to addresses that anybody could reach, whatever their name says later.

A client chooses the address, and the desk stands inside the company's network: so nothing of that
network is reached, nor the machine itself but for a desk that tries things out with the sandbox.
"""

from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from http.client import HTTPException
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import NewType
from urllib.parse import SplitResult, urlsplit

import requests

from audit.refusals import Refused
from heleket.errors import HeleketError
from heleket.transport import Found, GatewayAdapter, NotConnected, look_up
from payouts.gateway import sandbox
from payouts.portal.codes import PortalCode

CONNECT_SECONDS, ALL_SECONDS = 5.0, 15.0
LOOK_UP_SECONDS = 4.0
# Names whose servers do not answer hold a thread each, and no more than these.
RESOLVERS = ThreadPoolExecutor(8, thread_name_prefix="look-up")
LONGEST_URL = 500
# All that is given out of IPv6; the rest has ways into IPv4, which lead anywhere.
GIVEN_OUT = IPv6Network("2000::/3")
TUNNELS = [IPv6Network("2002::/16"), IPv6Network("2001::/32")]


CheckedUrl = NewType("CheckedUrl", str)


class Unreached(Exception):
    """No answer that can be read; the text says why."""


def checked_url(text: str) -> CheckedUrl:
    """Return an address to which webhooks may be sent. It asks for its name, which may take
    seconds: not in a transaction. Raises Refused."""
    parts = read(text)
    if parts.scheme == "http" and not sandbox.is_gateway():
        raise Refused(PortalCode.URL_INSECURE)
    host = str(parts.hostname)
    try:
        addresses = [str(address[0]) for *_, address in addresses_of(host, parts.port or 443)]
    except OSError as exc:
        raise Refused(PortalCode.URL_NOWHERE, host=host) from exc
    # Which names there are in the company's network is nobody's business: one answer for both.
    if not all(map(may_be_reached, addresses)):
        raise Refused(PortalCode.URL_NOWHERE, host=host)
    if parts.scheme == "http" and not all(map(is_own_machine, addresses)):
        raise Refused(PortalCode.URL_INSECURE)
    return CheckedUrl(text)


def read(text: str) -> SplitResult:
    try:
        parts = urlsplit(text)
        is_usable = bool(parts.hostname) and parts.port != 0
        requests.Request("POST", text).prepare()  # it knows other addresses as none
    except (ValueError, requests.RequestException):
        is_usable = False
    if (
        not is_usable
        or len(text) > LONGEST_URL
        or parts.scheme not in ("https", "http")
        or parts.username is not None
        or parts.fragment
        or not all("!" <= each <= "~" for each in text)
    ):
        raise Refused(PortalCode.URL_UNFIT, most=LONGEST_URL)
    return parts


def addresses_of(host: str, port: int) -> list[Found]:
    """Ask what a name leads to, for so long and no longer. Raises OSError."""
    asked = RESOLVERS.submit(look_up, host, port)
    try:
        return asked.result(LOOK_UP_SECONDS)
    except (UnicodeError, FutureTimeout) as exc:
        asked.cancel()
        raise NotConnected("its name could not be looked up in time") from exc


def reachable(host: str, port: int) -> list[Found]:
    """Return those addresses of a name that may be reached. Raises OSError without any."""
    if found := [each for each in addresses_of(host, port) if may_be_reached(str(each[4][0]))]:
        return found
    raise NotConnected("its name leads to no public address")


def may_be_reached(address: str) -> bool:
    return is_own_machine(address) or is_public(ip_address(address))


def is_public(address: IPv4Address | IPv6Address) -> bool:
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped:
            return is_public(address.ipv4_mapped)
        if address not in GIVEN_OUT or any(address in tunnel for tunnel in TUNNELS):
            return False
    return address.is_global and not address.is_multicast


def is_own_machine(address: str) -> bool:
    """Whether it is this machine, which may be reached while nothing but the sandbox pays."""
    return sandbox.is_gateway() and ip_address(address).is_loopback


def post(url: str, body: str, headers: dict[str, str]) -> int:
    """Post once and return the status of the answer, which is not read further. A redirect is an
    answer like others.

    Raises Unreached, in words of ours: what a receiver sends is its own, and stands nowhere.
    """
    parts = urlsplit(url)
    adapter = GatewayAdapter(f"{parts.scheme}://{parts.netloc}", look_up=reachable)
    try:
        request = requests.Request("POST", url, data=body.encode(), headers=headers).prepare()
        answer = adapter.send(request, timeout=(CONNECT_SECONDS, ALL_SECONDS))
        answer.raw.close()
    except NotConnected as exc:
        raise Unreached(in_one_line(exc)) from exc
    except TimeoutError as exc:
        raise Unreached("it took too long") from exc
    except OSError as exc:
        raise Unreached(in_one_line(exc.strerror or "the connection broke")) from exc
    except (HTTPException, HeleketError, ValueError) as exc:
        raise Unreached("what it answered is no HTTP") from exc
    finally:
        adapter.close()
    return answer.status_code


def in_one_line(words: object) -> str:
    return "".join(each if each.isprintable() else " " for each in str(words))[:200]
