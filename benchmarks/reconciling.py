"""Reconciliation of a list that agrees: against reading the same pages as JSON and nothing more, in
memory of any length, and with pages that take their time."""

import hashlib
import json
import resource
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from math import ceil, floor
from uuid import UUID

from benchmarks import stage
from benchmarks.figures import Figure, in_turn

ROWS, MANY_ROWS, SLOW_ROWS = 100_000, 1_000_000, 24_000
PER_PAGE, SIDE_BY_SIDE, LATENCY = 15, 8, 0.1
MORE_MB = 20
START = datetime(2026, 1, 1, tzinfo=UTC)
SPAN = timedelta(days=30)
JSON = {"Content-Type": "application/json"}

PAYOUTS = """
INSERT INTO payouts_payout ({columns})
SELECT {values} FROM generate_series(0, %(count)s - 1) AS place
JOIN payouts_payout AS old ON old.id = %(model)s
"""
OWN_PAYOUT = {
    "id": "md5('payout ' || place)::uuid",
    "number": "10000000 + place",
    "idempotency_key": "'manual:paid-' || place",
    "amount": "(500 + place::bigint * 7919 %% 1009) / 100.0",
    "status": "'confirmed'",
    "waiting_for": "''",
    "due_at": "NULL",
    "generation": "1",
    "finished_at": "%(start)s + %(step)s * place",
}
ATTEMPTS = """
INSERT INTO payouts_attempt ({columns})
SELECT {values} FROM generate_series(0, %(count)s - 1) AS place
"""
OWN_ATTEMPT = {
    "payout_id": "md5('payout ' || place)::uuid",
    "generation": "1",
    "order_id": "'b' || place",
    "gateway_host": "'bench'",
    "merchant_id": "'bench'",
    "body": "'{}'",
    "created_at": "%(start)s + %(step)s * place",
    "calls": "1",
    "unsent": "0",
    "unanswered": "'[]'::jsonb",
    "not_found_count": "0",
    "refusal": "''",
    "unclear": "'{}'::jsonb",
    "uuid": "md5('uuid ' || place)::uuid::text",
    "remote_status": "'paid'",
    "is_final": "true",
    "is_linked": "false",
    "created_there_at": "date_trunc('second', %(start)s + %(step)s * place)",
    "txid": "md5('txid ' || place)",
    "payer_currency": "''",
    "sources": "'{}'::jsonb",
    "answer": "''",
}


class Listing:
    """Heleket's list of so many payouts, evenly over the span, from memory and after a while."""

    def __init__(self, rows: int, network: str, address: str, latency: float = 0.0) -> None:
        self.rows, self.latency = rows, latency
        self.step = SPAN / rows
        self.fixed = {"currency": "USDT", "network": network.upper(), "address": address}
        self.pages = 0

    def entry(self, place: int) -> str:
        at = (START + self.step * place).replace(microsecond=0)
        md5 = hashlib.md5(f"uuid {place}".encode()).hexdigest()
        members = {
            "uuid": str(UUID(md5)),
            "amount": f"{(500 + place * 7919 % 1009) / 100:.8f}",
            **self.fixed,
            "txid": hashlib.md5(f"txid {place}".encode()).hexdigest(),
            "status": "paid",
            "is_final": True,
            "balance": "129.00000000",
            "created_at": at.isoformat(),
            "updated_at": at.isoformat(),
        }
        return json.dumps(members, separators=(",", ":"))

    def body(self, first: int, last: int) -> bytes:
        """One page: the entries from `last` down to `first`, and where the next one begins."""
        begin = max(last - PER_PAGE + 1, first)
        items = ",".join(self.entry(place) for place in range(last, begin - 1, -1))
        cursor = f'"{first}-{begin - 1}"' if begin > first else "null"
        paginate = f'{{"count":{last - begin + 1},"nextCursor":{cursor},"perPage":{PER_PAGE}}}'
        return f'{{"state":0,"result":{{"items":[{items}],"paginate":{paginate}}}}}'.encode()

    def payout_pages(self, *, date_from: datetime, date_to: datetime):
        from heleket.answers import Answer, read_entries, read_result
        from heleket.pages import PayoutPages

        first = max(ceil((date_from - START) / self.step), 0)
        last = min(floor((date_to - START) / self.step), self.rows - 1)

        def ask(path: str):
            cursor = path.partition("cursor=")[2]
            begin, end = map(int, cursor.split("-")) if cursor else (first, last)
            if self.latency:
                time.sleep(self.latency)
            self.pages += 1
            return read_result(Answer(200, JSON, self.body(begin, end)), read_entries)

        return PayoutPages(ask)


class Kept(Listing):
    """The same, each page made once, so that nothing of making it is measured."""

    def __init__(self, *arguments) -> None:
        super().__init__(*arguments)
        self.kept: dict[tuple[int, int], bytes] = {}

    def body(self, first: int, last: int) -> bytes:
        if (first, last) not in self.kept:
            self.kept[first, last] = super().body(first, last)
        return self.kept[first, last]


def run(rounds: int) -> list[Figure]:
    place = fill(ROWS)
    listing = Kept(ROWS, *place)
    seconds_to_reconcile(listing)  # makes the pages
    bodies = list(listing.kept.values())

    def as_json() -> float:
        start = time.perf_counter()
        for body in bodies:
            json.loads(body)
        return time.perf_counter() - start

    contenders = {"json": as_json, "desk": lambda: seconds_to_reconcile(listing)}
    measured = in_turn(contenders, rounds)
    stage.empty()
    place = fill(SLOW_ROWS)
    shares = [each["share"] for each in in_turn({"share": lambda: share(place)}, rounds)]
    few, many = memory_of(ROWS), memory_of(MANY_ROWS)
    return [
        Figure(
            f"{ROWS:,} payouts reconciled",
            "json.loads of the same pages",
            [each["json"] / each["desk"] for each in measured],
            at_least=0.2,
        ),
        Figure(
            f"MB more for {MANY_ROWS:,} payouts",
            f"{ROWS:,}",
            [many - few],
            at_most=MORE_MB,
        ),
        Figure(
            "pages of 100 ms, 8 windows side by side", "pages × latency / 8", shares, at_least=0.85
        ),
    ]


def fill(rows: int) -> tuple[str, str]:
    """Store payouts that were paid, as Heleket's list will have them; return where they went."""
    from django.db import connection

    from payouts.models import Attempt, Payout

    stage.approved_payouts(1)
    model = Payout.objects.order_by("number")[0]
    names = {"count": rows, "model": model.pk, "start": START, "step": SPAN / rows}
    columns = [field.column for field in Payout._meta.concrete_fields]
    own = [OWN_PAYOUT.get(name, f"old.{name}") for name in columns]
    with connection.cursor() as cursor:
        statement = PAYOUTS.format(columns=", ".join(columns), values=", ".join(own))
        cursor.execute(statement, names)
        tries = ", ".join(OWN_ATTEMPT), ", ".join(OWN_ATTEMPT.values())
        cursor.execute(ATTEMPTS.format(columns=tries[0], values=tries[1]), names)
    assert Attempt.objects.count() == rows
    stage.vacuum()
    return model.network, model.address


def found_by(listing: Listing):
    from payouts.gateway.accounts import GatewayAccount
    from payouts.reconciliation.listing import Span
    from payouts.reconciliation.runs import Reconciliation

    account = GatewayAccount("bench", "bench", "b", "", 45.0, 120.0, 90.0, 86400.0)
    found = Reconciliation(Span(START, START + SPAN), listing, account)  # type: ignore[arg-type]
    found.run()
    if found.rows != listing.rows or found.findings or not found.is_whole:
        raise RuntimeError(f"{found.rows} of {listing.rows} were compared: {found.all_troubles}")
    return found


def seconds_to_reconcile(listing: Listing) -> float:
    start = time.perf_counter()
    found_by(listing)
    return time.perf_counter() - start


def share(place: tuple[str, str]) -> float:
    listing = Listing(SLOW_ROWS, *place, LATENCY)
    start = time.perf_counter()
    found = found_by(listing)
    return found.pages * LATENCY / SIDE_BY_SIDE / (time.perf_counter() - start)


# Memory, each length in a process of its own


def memory_of(rows: int) -> float:
    stage.empty()
    fill(rows)
    return float(stage.finish("benchmarks.reconciling", str(rows)).split()[-1])


def lines() -> Iterator[str]:
    import django

    django.setup()
    from payouts.models import Payout

    place = Payout.objects.values_list("network", "address").first() or ("", "")
    found_by(Listing(int(sys.argv[1]), *place))
    yield str(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


if __name__ == "__main__":
    print(*lines())
