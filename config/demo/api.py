"""A key for the client API at each start of the demo, and a line that asks for a payout with it.

What is printed is pasted into a shell: docs/quick-start.md goes on from there.
"""

import json
import shlex
from datetime import timedelta
from uuid import uuid4

from django.contrib.auth.models import User

from audit import clock
from audit.actor import Actor, Channel
from payouts.portal.keys import IssueKey, issue_key
from payouts.portal.models import Scope
from payouts.staff import drafts
from wallets.models import Wallet

LASTS = timedelta(days=1)


def key_for_a_day() -> str:
    """Issue a key of the portal and return its text."""
    uma, petra = (
        Actor.staff(User.objects.get(username=login), Channel.COMMAND) for login in ("uma", "petra")
    )
    key, text = issue_key(
        name="Demo",
        scopes=Scope.values,
        expires_at=clock.now() + LASTS,
        reason="Printed when the demo starts",
        actor=uma,
    )
    [draft] = drafts.open_drafts().filter(subject=IssueKey.subject_of(key))
    drafts.confirm(draft.pk, draft.facts, actor=petra)
    return text


def line_to_try(api: str, key: str) -> str:
    """Return a command for a shell that asks the API at this address for a payout, once."""
    wallet = Wallet.objects.active().filter(network="tron").order_by("pk").first()
    assert wallet is not None  # noqa: S101  # the example data has some
    body = {
        "wallet": str(wallet.public_id),
        "currency": "USDT",
        "amount": "25",
        "purpose": "My first payout",
    }
    headers = {
        "Authorization": f"Bearer {key}",
        "Desk-Client": wallet.client.external_id,
        "Idempotency-Key": uuid4().hex[:12],
        "Content-Type": "application/json",
    }
    command = ["curl", f"{api}/payouts/", "-d", json.dumps(body)]
    for name, value in headers.items():
        command += ["-H", f"{name}: {value}"]
    return shlex.join(command)
