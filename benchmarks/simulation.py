"""One step of the simulation, against a bare step: three transactions and one exchange.

python -m benchmarks.simulation ROUNDS     in a process of its own, on SQLite in memory
"""

import json
import sys
import time

from benchmarks import stage
from benchmarks.figures import Figure, in_turn, ratios
from config import environment

SECONDS = 2.5
STEPS = 300  # of a seed; its calm and its checks count as part of them


def run(rounds: int) -> list[Figure]:
    printed = stage.finish("benchmarks.simulation", str(rounds))
    print(printed, end="")
    measured = json.loads(printed.splitlines()[-1])
    what = "one simulation step"
    return [Figure(what, "a bare step", ratios(measured, "simulation", "bare"), at_most=6)]


def main(rounds: int) -> None:
    environment.use_made_up_values(DATABASE_URL="sqlite://:memory:", INSTALLATION="test")
    import django

    django.setup()
    from tests.sim.database import fresh

    with fresh():
        contenders = {"bare": Bare().seconds_each, "simulation": Seeds().seconds_each}
        print(json.dumps(in_turn(contenders, rounds)))


class Bare:
    """What a step cannot do without: three short transactions and a call over the sandbox."""

    def __init__(self) -> None:
        from django.conf import settings

        import heleket
        from heleket.sandbox import Gateway
        from tests.factories import PayoutFactory

        gateway = Gateway(
            merchant_id=settings.HELEKET_MERCHANT_ID,
            payout_key=settings.HELEKET_API_KEY,
            payment_key=settings.HELEKET_PAYMENT_API_KEY,
        )
        self.client = heleket.HeleketClient(
            base_url=settings.HELEKET_PROJECT_URL,
            merchant_id=settings.HELEKET_MERCHANT_ID,
            payout_key=settings.HELEKET_API_KEY,
            adapter=gateway.adapter(),
        )
        self.payout_id = PayoutFactory().pk

    def seconds_each(self) -> float:
        start, steps = time.process_time(), 0
        while time.process_time() < start + SECONDS:
            self.step(steps)
            steps += 1
        return (time.process_time() - start) / steps

    def step(self, number: int) -> None:
        from django.db import transaction

        import heleket
        from payouts.models import Payout

        for _ in range(3):
            with transaction.atomic():
                Payout.objects.filter(pk=self.payout_id).update(poll_count=number)
        try:
            self.client.get_payout(order_id="unknown")
        except heleket.PayoutNotFound:
            return
        raise RuntimeError("the sandbox knows a payout that nobody made")


class Seeds:
    """Runs of the simulation, another seed each."""

    def __init__(self) -> None:
        self.seed = 0

    def seconds_each(self) -> float:
        from tests.sim.run import run

        seconds = steps = 0
        while seconds < SECONDS:
            self.seed += 1
            start = time.process_time()
            report = run(self.seed, STEPS)
            if report.broken:
                raise RuntimeError(str(report))
            seconds += time.process_time() - start
            steps += STEPS
        return seconds / steps


if __name__ == "__main__":
    main(int(sys.argv[1]))
