"""Approve all that waits, as the Admin does with many: `python -m …approve_all USERNAME CHUNK`."""

import sys

import django

django.setup()

from django.contrib.auth.models import User  # noqa: E402  # Django has to be set up

import audit.operations  # noqa: E402
from audit.actor import Actor, Channel  # noqa: E402
from payouts import operations  # noqa: E402
from payouts.models import Payout, PayoutStatus  # noqa: E402
from payouts.seen import see  # noqa: E402

audit.operations.CHUNK = int(sys.argv[2])
by = User.objects.get(username=sys.argv[1])
pending = Payout.objects.filter(status=PayoutStatus.PENDING).order_by("number")
actor = Actor.staff(by, Channel.ADMIN)
audit.operations.perform(operations.APPROVE, see(pending), actor=actor)
