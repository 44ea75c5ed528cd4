"""Approve all that waits, as the Admin does with many: `python -m …approve_all USERNAME CHUNK`."""

import sys

import django

django.setup()

from django.contrib.auth.models import User  # noqa: E402  # Django has to be set up

from audit.models import Channel  # noqa: E402
from payouts import services  # noqa: E402
from payouts.models import Payout, PayoutStatus  # noqa: E402

services.CHUNK = int(sys.argv[2])
by = User.objects.get(username=sys.argv[1])
pending = Payout.objects.filter(status=PayoutStatus.PENDING).order_by("number")
services.approve_payouts(services.see(pending), by=by, source=Channel.ADMIN)
