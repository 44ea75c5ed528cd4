import json
from collections import defaultdict
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

from django.db import connections, migrations, transaction

CHUNK = 1000
HELEKET_TIME = timezone(timedelta(hours=3))
STANDS = {
    "approved": ("cost", "owed"),
    "submitting": ("cost", "reserved"),
    "broadcast": ("cost", "reserved"),
    "confirmed": ("cost", "sent"),
}
AFTER_ALL = {"paid": ("cost", "sent"), "elsewhere": ("lost", "sent"), "not_paid": None}
CODES = {
    "cost": "expenses:payouts",
    "owed": "liabilities:payouts:owed",
    "reserved": "liabilities:payouts:on their way",
    "sent": "assets:heleket",
    "fees": "expenses:heleket fees",
    "lost": "expenses:paid elsewhere",
}


def accounts_of(payout):
    return AFTER_ALL[payout.effective] if payout.effective else STANDS.get(payout.status)


def counts(payout, attempt):
    """Whether this try is one by which the payout stands as paid."""
    if attempt.taken_for:
        return attempt.taken_for["effective"] == (payout.effective or "paid")
    is_present = attempt.generation == payout.generation
    return payout.effective != "elsewhere" and payout.status == "confirmed" and is_present


def lines_of(payout, attempts):
    """What stands of it by kind and coin, debits less credits."""
    lines, (debit, credit) = defaultdict(Decimal), accounts_of(payout)
    coin = payout.effective_currency or payout.currency
    amount = payout.effective_amount if payout.effective else payout.amount
    lines[debit, coin] += amount
    lines[credit, coin] -= amount
    for attempt in attempts if credit == "sent" else ():
        sent = json.loads(attempt.body)
        fee = attempt.commission
        if fee is None and attempt.merchant_amount is not None:
            fee = max(attempt.merchant_amount - Decimal(sent["amount"]), Decimal(0))
        if fee:
            lines["fees", sent["currency"]] += fee
            lines["sent", sent["currency"]] -= fee
    return lines


def day_of(payout, attempts):
    """Heleket's day of what was paid, or else the day from which it has stood so."""
    days = [each.created_there_at or each.created_at for each in attempts]
    since = payout.effective_at or payout.finished_at or payout.submitted_at or payout.approved_at
    at = days[-1] if days else since or payout.requested_at
    return at.astimezone(HELEKET_TIME).date()


def next_numbers(apps, alias, count):
    if connections[alias].vendor != "postgresql":
        last = apps.get_model("payouts", "Entry").objects.using(alias).order_by("-pk").first()
        return range(last.pk + 1 if last else 1, (last.pk if last else 0) + count + 1)
    with connections[alias].cursor() as cursor:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence('payouts_entry', 'id')) "
            "FROM generate_series(1, %s)",
            [count],
        )
        return [number for (number,) in cursor.fetchall()]


def open_chunk(apps, alias, payouts, now):
    entry, posting = (apps.get_model("payouts", name) for name in ("Entry", "Posting"))
    attempt = apps.get_model("payouts", "Attempt").objects.using(alias)
    opened = set(
        entry.objects.using(alias).filter(payout__in=payouts).values_list("payout_id", flat=True)
    )
    payouts = [each for each in payouts if accounts_of(each) and each.pk not in opened]
    tries = defaultdict(list)
    for each in attempt.filter(payout__in=payouts).order_by("generation"):
        tries[each.payout_id].append(each)
    entries, postings = [], []
    for number, payout in zip(next_numbers(apps, alias, len(payouts)), payouts, strict=True):
        counted = [each for each in tries[payout.pk] if counts(payout, each)]
        day = day_of(payout, counted if accounts_of(payout)[1] == "sent" else ())
        entries.append(
            entry(
                id=number,
                payout=payout,
                event_number=payout.last_event,
                kind="opening",
                at=now,
                effective_on=day,
                month=day.replace(day=1),
            )
        )
        postings += [
            posting(
                entry_id=number,
                kind=kind,
                account=CODES[kind],
                currency=coin,
                side="debit" if amount > 0 else "credit",
                amount=abs(amount),
            )
            for (kind, coin), amount in lines_of(payout, counted).items()
            if amount
        ]
    posting.objects.using(alias).bulk_create(postings)
    entry.objects.using(alias).bulk_create(entries)


def open_journal(apps, schema_editor):
    """Open it for what stands somewhere by now. A chunk at a time is locked, and one that has an
    entry is passed over, so that it may be repeated."""
    alias, last, now = schema_editor.connection.alias, 0, datetime.now(UTC)
    payouts = apps.get_model("payouts", "Payout").objects.using(alias).order_by("number")
    while True:
        with transaction.atomic(using=alias):
            found = payouts.filter(number__gt=last)[:CHUNK]
            ids = [each.pk for each in found]
            chunk = payouts.filter(pk__in=ids).order_by("pk").select_for_update()
            chunk = sorted(chunk, key=lambda each: each.number)
            open_chunk(apps, alias, chunk, now)
        if not chunk:
            return
        last = chunk[-1].number


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("payouts", "0030_journal_stays")]
    operations = [migrations.RunPython(open_journal, migrations.RunPython.noop)]
