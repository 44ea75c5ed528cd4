"""Peak memory of `verify_audit` and of a month's file, over many payouts as a share of a tenth of
them: it is flat. How long each takes of a payout is for comparison."""

import os
import subprocess
import sys
import time
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import stage
from benchmarks.figures import Figure

MANY = int(os.environ.get("BOOKS_PAYOUTS", "100000"))
FEW = MANY // 10
MONTH = date(2020, 1, 1)  # nothing of Heleket's list is in it


def run(rounds: int) -> list[Figure]:
    measured = {}
    for count, more in [(FEW, FEW), (MANY, MANY - FEW)]:
        stage.approved_payouts(more)
        seal_wallets()
        for what in ("verify_audit", "month_file"):
            measured[what, count] = [peak_and_seconds(what) for _round in range(rounds)]
            best = min(seconds for _peak, seconds in measured[what, count])
            print(f"  {what} of {count}: {best:.1f} s, peaks {peaks(measured[what, count])}")
    figures = []
    for what in ("verify_audit", "month_file"):
        few, many = measured[what, FEW], measured[what, MANY]
        against = f"{FEW:,} payouts"
        memory = [a[0] / b[0] for a, b in zip(many, few, strict=True)]
        slower = [a[1] / b[1] * FEW / MANY for a, b in zip(many, few, strict=True)]
        figures += [
            Figure(f"peak memory of {what}, {MANY:,} payouts", against, memory, at_most=1.5),
            Figure(f"seconds per payout of {what}, {MANY:,} payouts", against, slower),
        ]
    return figures


def peaks(measured: list[tuple[int, float]]) -> list[str]:
    return [f"{peak / 1024:.0f} MB" for peak, _seconds in measured]


def seal_wallets() -> None:
    """Give the wallets of the stage the event by which a real one begins."""
    from tests.audit import tampering

    tampering.seal_wallets()


def peak_and_seconds(what: str) -> tuple[int, float]:
    """Have a process of its own do it; return the most memory that it had, in KB, and how long it
    took."""
    begun = time.monotonic()
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.books", what], cwd=stage.ROOT)
    _pid, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{what} ended with {process.returncode}")
    return used.ru_maxrss, time.monotonic() - begun


def verify_audit() -> None:
    from django.core.management import call_command

    call_command("verify_audit", stdout=sys.stderr)


def month_file() -> None:
    from django.conf import settings

    import heleket
    from heleket.sandbox import Gateway
    from payouts.books import month_file
    from payouts.gateway import accounts

    gateway = Gateway(
        merchant_id=settings.HELEKET_MERCHANT_ID,
        payout_key=settings.HELEKET_API_KEY,
        payment_key=settings.HELEKET_PAYMENT_API_KEY,
    )
    client = heleket.HeleketClient(
        base_url=settings.HELEKET_PROJECT_URL,
        merchant_id=settings.HELEKET_MERCHANT_ID,
        payout_key=settings.HELEKET_API_KEY,
        payment_key=settings.HELEKET_PAYMENT_API_KEY,
        adapter=gateway.adapter(),
    )
    with client, TemporaryDirectory() as folder:
        account = accounts.open_account(client)
        month_file.write(
            MONTH, Path(folder) / "month.zip", client=client, account=account, show=len
        )


if __name__ == "__main__":
    import django

    django.setup()
    {"verify_audit": verify_audit, "month_file": month_file}[sys.argv[1]]()
