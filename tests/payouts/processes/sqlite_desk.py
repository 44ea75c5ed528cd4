"""Fill a small desk on SQLite with approved payouts: `python -m …sqlite_desk COUNT`."""

import sys

import django

django.setup()

from django.core.management import call_command  # noqa: E402  # Django has to be set up

from audit import clock  # noqa: E402
from heleket.sandbox.catalogue import PRICES  # noqa: E402
from payouts.models import PayoutStatus  # noqa: E402
from tests import known_rates, policies  # noqa: E402
from tests.factories import (  # noqa: E402
    PayoutFactory,
    PayoutMethodFactory,
    StaffFactory,
    WalletFactory,
    put_off_price_list,
)

policies.begin_with(policies.LENIENT)
call_command("migrate", verbosity=0)
known_rates.store(PRICES, clock.now())
PayoutMethodFactory()
put_off_price_list()  # nor is anybody there to whom heads of the day could be mailed
people = {
    "requested_by": StaffFactory(roles=["Requester"]),
    "approved_by": StaffFactory(roles=["Approver"]),
}
wallet = WalletFactory()
for _ in range(int(sys.argv[1])):
    PayoutFactory(wallet=wallet, status=PayoutStatus.APPROVED, **people)
