"""Following the gateway account: to its new host name, or to another merchant.

Whatever is under way is asked about at the account that it was sent to, so the desk follows the
account and never leaves something behind.
"""

from dataclasses import dataclass

from django.db import transaction

import heleket
from audit import clock
from audit.actor import Actor
from audit.codes import Reason
from audit.events import log_event
from audit.models import DeskEvent
from audit.refusals import Refused
from audit.texts import needed
from payouts.codes import PayoutCode
from payouts.controls.models import Switch
from payouts.gateway import accounts
from payouts.gateway.models import Binding
from payouts.models import Attempt, Discrepancy, Payout, PayoutStatus
from wallets import stops

NAMES = ["host", "merchant_id", "installation"]


@dataclass(frozen=True)
class Rebinding:
    """What the database was bound to, and what it is bound to now."""

    before: dict[str, str]
    after: dict[str, str]

    @property
    def is_new(self) -> bool:
        return self.before != self.after


def rebind(
    client: heleket.HeleketClient, *, reason: str, actor: Actor, dry_run: bool = False
) -> Rebinding:
    """Bind the database to the account of this client, which Heleket must sign in.

    A host name is followed if what is behind it knows our newest payout, or if nothing is
    unfinished; another merchant only if nothing is, and while sending is paused. INSTALLATION
    begins every order id and is part of every payout's id: it stays.

    Raises NotAllowed, and Refused if it cannot be: then nothing was changed.
    """
    actor.require("payouts_controls.set_sending")
    reason = needed(reason)
    refuse_unbound()
    accounts.require_signed_in(client)
    is_known = knows_our_newest(client)
    with transaction.atomic():
        stops.overtake_claims()  # no claim begins meanwhile
        switch = Switch.objects.select_for_update().get(pk=1)
        bound = Binding.objects.select_for_update().get(pk=1)
        moved = Rebinding(
            {name: getattr(bound, name) for name in NAMES}, accounts.identity_of(client)
        )
        if not moved.is_new:
            return moved
        refuse_other_installation(moved)
        is_same_merchant = moved.before["merchant_id"] == moved.after["merchant_id"]
        if not is_same_merchant:
            refuse_while_sending(switch)
        if not (is_same_merchant and is_known):
            refuse_unfinished()
        Binding.objects.filter(pk=1).update(
            host=client.host,
            merchant_id=client.merchant_id,
            bound_at=clock.now(),
            history_before=bound.history_before if is_same_merchant else clock.now(),
        )
        old = {f"old_{name}": value for name, value in moved.before.items()}
        log_event(DeskEvent.Type.REBIND, Reason(words=reason), actor=actor, **moved.after, **old)
        transaction.set_rollback(dry_run)
    return moved


def refuse_unbound() -> None:
    if not Binding.objects.exists():
        raise Refused(PayoutCode.NEVER_BOUND)


def knows_our_newest(client: heleket.HeleketClient) -> bool:
    """Whether Heleket has our newest payout there, under the id that we know.

    An address that answers to our key and has it is the account that has been there all along.
    """
    known = Attempt.objects.exclude(uuid=None).order_by("-created_at", "-pk").first()
    if known is None:
        return False
    try:
        order_id = "" if known.is_linked else known.order_id
        return client.get_payout(order_id=order_id, uuid=known.linked_uuid).uuid == known.uuid
    except heleket.HeleketError:
        return False


def refuse_other_installation(moved: Rebinding) -> None:
    if moved.before["installation"] != moved.after["installation"]:
        raise Refused(PayoutCode.OTHER_INSTALLATION, installation=moved.before["installation"])


def refuse_while_sending(switch: Switch) -> None:
    if switch.is_on:
        raise Refused(PayoutCode.STILL_SENDING)


def refuse_unfinished() -> None:
    """Raise Refused while something is left that only the present account knows of."""
    count = unfinished()
    if count:
        raise Refused(PayoutCode.UNFINISHED, count=count)


def unfinished() -> int:
    """Count the payouts under way, those with a call that may yet take effect or is watched, and
    those with a discrepancy that is open or left stopped."""
    is_called = Payout.objects.filter(status=PayoutStatus.APPROVED, attempts__calls__gt=0)
    ids = {
        *Payout.objects.under_way().values_list("pk", flat=True),
        *is_called.values_list("pk", flat=True),
        *Attempt.objects.exclude(watch_at=None).values_list("payout_id", flat=True),
        *open_questions(),
        *Discrepancy.objects.standing().values_list("payout_id", flat=True),
    }
    return len(ids)


def open_questions() -> list[object]:
    asked = Attempt.objects.filter(uuid=None, released_at=None).exclude(unanswered=[])
    return list(asked.values_list("payout_id", flat=True))
