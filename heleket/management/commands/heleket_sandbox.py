"""Run a local Heleket: an API to send made-up payouts to, and a page to decide how they end."""

import secrets
import signal
import threading
from argparse import ArgumentParser, ArgumentTypeError
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from heleket.sandbox.courier import Courier
from heleket.sandbox.gateway import Gateway
from heleket.sandbox.rules import seconds
from heleket.sandbox.server import Server
from heleket.sandbox.switches import SWITCHES, switch

SAVE_EVERY_SECONDS = 5
MADE_UP = {
    "HELEKET_MERCHANT_ID": "00000000-0000-4000-8000-000000000001",
    "HELEKET_API_KEY": "made-up-payout-key",
    "HELEKET_PAYMENT_API_KEY": "made-up-payment-key",
}


class Command(BaseCommand):
    help = (
        "Run a local Heleket with made-up money. Its page under /sandbox/ shows the payouts and "
        "decides how they end. Keys are taken from the options, else from the HELEKET_ variables."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=port, default=8010, help="0 takes a free one")
        parser.add_argument("--tls", nargs=2, metavar=("CERT", "KEY"), help="serve https")
        parser.add_argument("--merchant-id")
        parser.add_argument("--payout-key")
        parser.add_argument("--payment-key")
        parser.add_argument("--state", type=Path, metavar="FILE", help="keep payouts and money")
        parser.add_argument(
            "--balance", action="append", default=[], metavar="COIN=AMOUNT", help="to begin with"
        )
        parser.add_argument("--pace", type=seconds, default=5, metavar="SECONDS", help="per status")
        parser.add_argument("--latency-ms", type=seconds, default=0, metavar="N", help="per answer")
        parser.add_argument(
            "--fault", action="append", default=[], metavar="NAME[=RATE]", help="always, or at RATE"
        )
        parser.add_argument("--seed", type=int, help="the same ids and chances every time")
        parser.add_argument("--webhook-timeout", type=seconds, default=10, metavar="SECONDS")
        parser.add_argument(
            "--webhook-pause", type=seconds, default=5, metavar="SECONDS", help="after a failure"
        )
        parser.add_argument("--webhook-ca", metavar="CERT", help="trust this for https webhooks")
        group = parser.add_argument_group("points on which clients disagree; the first holds")
        for name, each in SWITCHES.items():
            option = f"--{name.replace('_', '-')}"
            first = next(iter(each.choices))
            group.add_argument(option, choices=each.choices, default=first, help=each.help)

    def handle(self, **options: Any) -> None:
        gateway = make_gateway(options)
        try:
            server = Server(gateway, options["host"], options["port"], options["tls"])
        except OSError as exc:
            raise CommandError(f"Cannot serve at port {options['port']}: {exc}") from exc
        courier = Courier(
            gateway,
            timeout_seconds=options["webhook_timeout"],
            verify=options["webhook_ca"] or True,
        )
        stopped = stop_signal()
        server.start()
        courier.start()
        self._announce(server)
        save_until(stopped, gateway, options["state"])
        server.stop()
        courier.stop()
        save(gateway, options["state"])
        self.stdout.write("The sandbox has stopped.")

    def _announce(self, server: Server) -> None:
        """Print the address and what to put into .env, but no key that was there before."""
        gateway = server.gateway
        self.stdout.write(f"Heleket sandbox at {server.url}, its page at {server.url}/sandbox/")
        self.stdout.write(f"In .env:\nHELEKET_PROJECT_URL={server.url}")
        values = (gateway.merchant_id, gateway.payout_key, gateway.payment_key)
        for name, value in zip(MADE_UP, values, strict=True):
            known = getattr(settings, name) == value
            self.stdout.write(f"# {name} stays as it is" if known else f"{name}={value}")
        self.stdout.flush()


def port(text: str) -> int:
    number = int(text)
    if not 0 <= number < 2**16:
        raise ArgumentTypeError("a port is a number from 0 to 65535")
    return number


def make_gateway(options: dict[str, Any]) -> Gateway:
    """Build a new gateway, or the one that was saved. CommandError for what makes no sense."""
    given = (options["merchant_id"], options["payout_key"], options["payment_key"])
    merchant_id, payout_key, payment_key = (
        option or getattr(settings, name) or MADE_UP[name]
        for name, option in zip(MADE_UP, given, strict=True)
    )
    seed = secrets.randbits(32) if options["seed"] is None else options["seed"]
    known = {
        "merchant_id": merchant_id,
        "payout_key": payout_key,
        "payment_key": payment_key,
        "seed": seed,
        "latency_seconds": options["latency_ms"] / 1000,
        "pace_seconds": options["pace"],
    }
    try:
        if options["state"] and options["state"].exists():
            gateway = Gateway.load(options["state"], **known)
        else:
            gateway = Gateway(**known)
            for coin, amount in pairs(options["balance"]):
                gateway.top_up(coin, amount)
        for name, rate in pairs(options["fault"]):
            gateway.faults.add(name, rate=float(rate or 1))
    except (OSError, ValueError, ArithmeticError, KeyError) as exc:
        raise CommandError(f"Cannot start the sandbox: {exc}") from exc
    for name in SWITCHES:
        switch(gateway, name, options[name])
    gateway.mail.first_pause_seconds = options["webhook_pause"]
    return gateway


def pairs(options: list[str]) -> list[tuple[str, str]]:
    """Split NAME=VALUE; the value is empty if there is none."""
    split = (option.partition("=") for option in options)
    return [(name, value) for name, _, value in split]


def stop_signal() -> threading.Event:
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    return stopped


def save_until(stopped: threading.Event, gateway: Gateway, path: Path | None) -> None:
    saved = gateway.version
    while not stopped.wait(SAVE_EVERY_SECONDS):
        if gateway.version != saved:
            saved = gateway.version
            save(gateway, path)


def save(gateway: Gateway, path: Path | None) -> None:
    if path:
        gateway.save(path)
