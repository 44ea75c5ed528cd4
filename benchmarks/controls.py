"""Submissions per second under rules and limits, as a share of those under one plain rule: on the
same desk, with hundreds of thousands of payouts in the windows of its limits."""

from datetime import timedelta
from functools import partial

from django.db import connection

from audit import clock
from benchmarks import sending, stage
from benchmarks.figures import Figure, in_turn
from benchmarks.submissions import LATENCY, SLICE_SECONDS
from payouts import spending
from payouts.controls import limits
from payouts.controls.models import Spent
from payouts.models import Payout
from tests import policies
from tests.factories import StaffFactory

PAID, DAYS = 300_000, 30
THREADS = (16, 32)

# A row of its own: nothing else of such a payout is read by a claim. Numbers are out of the way.
OWN = {
    "id": "gen_random_uuid()",
    "number": "10000000 + place",
    "idempotency_key": "'manual:paid-' || place",
    "client_id": "wallet.client_id",
    "wallet_id": "wallet.id",
    "address": "wallet.address",
    "amount": "(500 + place::bigint * 7919 %% 1009) / 100.0",
    "status": "'confirmed'",
    "waiting_for": "''",
    "due_at": "NULL",
    "reference_rate": "1",
    "requested_at": "%(now)s - %(days)s * (place::float / %(count)s)",
    "finished_at": "%(now)s - %(days)s * (place::float / %(count)s)",
}
PAID_ONES = """
INSERT INTO payouts_payout ({columns})
SELECT {values} FROM generate_series(1, %(count)s) AS place
JOIN (SELECT *, row_number() OVER (ORDER BY id) - 1 AS at FROM wallets_wallet) AS wallet
    ON wallet.at = place %% (SELECT count(*) FROM wallets_wallet)
JOIN payouts_payout AS old ON old.id = %(model)s
"""


def run(rounds: int) -> list[Figure]:
    stage.approved_payouts(round(2 * rounds * SLICE_SECONDS * sum(THREADS) / LATENCY))
    fill_the_windows()
    two_people = [StaffFactory(), StaffFactory()]
    with stage.sandbox() as sandbox:
        sandbox.set_latency(LATENCY)

        def per_second(document, threads: int) -> float:
            policies.put_in_force(document, two_people)
            sending.set_aside()
            return sending.desk_worker(sandbox, threads).per_second

        contenders = {}
        for threads in THREADS:
            ruled, plain = stage.policy_document(), policies.LENIENT
            contenders[f"ruled {threads}"] = partial(per_second, ruled, threads)
            contenders[f"plain {threads}"] = partial(per_second, plain, threads)
        measured = in_turn(contenders, rounds)
        sending.verify(desk=sandbox)
        verify_sums()
    return [
        Figure(
            f"submissions/s under rules and limits, {threads} threads",
            "one plain rule",
            [each[f"ruled {threads}"] / each[f"plain {threads}"] for each in measured],
            at_least=0.8,
        )
        for threads in THREADS
    ]


def fill_the_windows() -> None:
    """Store payouts that were paid in the last days, and what they count towards limits."""
    model = Payout.objects.order_by("number").first()
    columns = [field.column for field in Payout._meta.concrete_fields]
    values = ", ".join(OWN.get(name, f"old.{name}") for name in columns)
    statement = PAID_ONES.format(columns=", ".join(columns), values=values)
    with connection.cursor() as cursor:
        cursor.execute(
            statement,
            {
                "count": PAID,
                "now": clock.now(),
                "days": timedelta(days=DAYS),
                "model": model.pk,
            },
        )
    limits.book(spending.recount())
    stage.vacuum()


def verify_sums() -> None:
    """RuntimeError unless the sums are those of a recount."""
    stored = {(row.of, row.hour): row.amount for row in Spent.objects.all() if row.amount}
    if stored != spending.recount():
        raise RuntimeError("the sums of the limits are not those of a recount")
