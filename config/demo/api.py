"""A key for the client API at each start of the demo, and a line that asks for a payout with it."""

import json
import shlex
from datetime import timedelta
from uuid import uuid4

from django.contrib.auth.models import User

from audit import clock
from audit.actor import Actor, Channel
from payouts.portal.keys import issue_key
from payouts.portal.models import Scope
from wallets.models import Wallet

LASTS = timedelta(days=1)


def line_to_try(address: str) -> str:
    """Return a command for a shell that asks the API at this address for a payout, once."""
    uma = User.objects.get(username="uma")
    _key, text = issue_key(
        name="Demo",
        scopes=Scope.values,
        expires_at=clock.now() + LASTS,
        actor=Actor.staff(uma, Channel.COMMAND),
    )
    wallet = Wallet.objects.active().filter(network="tron").order_by("pk").first()
    assert wallet is not None  # noqa: S101  # the example data has some
    body = {
        "wallet": str(wallet.public_id),
        "currency": "USDT",
        "amount": "25",
        "purpose": "My first payout",
    }
    headers = {
        "Authorization": f"Bearer {text}",
        "Desk-Client": wallet.client.external_id,
        "Idempotency-Key": uuid4().hex[:12],
        "Content-Type": "application/json",
    }
    command = ["curl", f"{address}/api/v1/payouts/", "-d", json.dumps(body)]
    for name, value in headers.items():
        command += ["-H", f"{name}: {value}"]
    return shlex.join(command)
