"""What `pause_payouts` and `resume_payouts` share: of which payouts sending is paused."""

import argparse

from django.core.management.base import CommandError

from payouts.controls.models import Scope
from wallets.models import Client


def add_scope(parser: argparse.ArgumentParser) -> None:
    text = "only payouts on this network, such as tron; with --currency, of this coin on it"
    parser.add_argument("--network", default="", type=str.lower, help=text)
    parser.add_argument("--currency", default="", type=str.upper, help="only payouts in this coin")
    parser.add_argument("--client", default="", metavar="ID", help="only those of this client")


def scope_of(network: str, currency: str, client: str) -> Scope:
    """Raise CommandError for a client that there is not, or that has a coin beside it."""
    if not client:
        return Scope(network, currency)
    if network or currency:
        raise CommandError("Name a client, or a network and a coin.")
    found = Client.objects.filter(external_id=client).first()
    if found is None:
        raise CommandError(f"There is no client “{client}”.")
    return Scope(client_id=found.pk)


def named(network: str, currency: str, client: str) -> dict[str, str]:
    """What a report says of it: nothing where all is meant."""
    given = {"network": network, "currency": currency, "client": client}
    return {name: value for name, value in given.items() if value}
