from django.db import migrations

from audit import triggers

ENTRY, POSTING, CLOSED = "payouts_entry", "payouts_posting", "payouts_closedmonth"
MONTHS_LOCK = 0x6D6F6E7468

WITHOUT_BALANCE = (
    "EXISTS (SELECT 1 FROM {{added}} LEFT JOIN payouts_posting p ON p.entry_id = added.id "
    "GROUP BY added.id, p.currency HAVING COUNT(p.id) = 0 OR {unequal})"
)
SIGN = "CASE p.side WHEN 'debit' THEN 1 ELSE -1 END"
UNEQUAL = f"SUM({SIGN} * p.amount) <> 0"
# Amounts are text of fixed width there: what stands before and after the point is summed apart.
WHOLE, REST = (
    f"SUM({SIGN} * CAST(substr(p.amount, {places}) AS INTEGER))" for places in ("1, 18", "20")
)
UNEQUAL_HERE = f"{WHOLE} + {REST} / 100000000 <> 0 OR {REST} % 100000000 <> 0"
FILE = ["cut", "root", "sha256", "facts"]
IS_FILED = f"OLD.root <> '' AND ({triggers.changed(FILE)})"


class Migration(migrations.Migration):
    """Entries balance, are only added, and to no month that is closed."""

    dependencies = [("payouts", "0029_journal")]
    operations = [
        triggers.never_changed(ENTRY),
        triggers.never_deleted(ENTRY),
        triggers.never_changed(POSTING),
        triggers.never_deleted(POSTING),
        triggers.refuse_added(
            "posting_before_its_entry",
            POSTING,
            ["entry_id"],
            "EXISTS (SELECT 1 FROM {added} JOIN payouts_entry e ON e.id = added.entry_id)",
            "the entry is complete",
        ),
        triggers.refuse_added(
            "entry_balances",
            ENTRY,
            ["id"],
            WITHOUT_BALANCE.format(unequal=UNEQUAL),
            "its postings do not balance",
            on_sqlite=WITHOUT_BALANCE.format(unequal=UNEQUAL_HERE),
        ),
        triggers.refuse_added(
            "entry_of_an_open_month",
            ENTRY,
            ["month"],
            "EXISTS (SELECT 1 FROM {added} JOIN payouts_closedmonth c ON c.month = added.month)",
            "the month is closed",
            lock=f"pg_advisory_xact_lock_shared({MONTHS_LOCK})",
        ),
        triggers.refuse_added(  # it only waits for those who post at this moment
            "month_closes_alone",
            CLOSED,
            ["month"],
            "FALSE",
            "nobody posts meanwhile",
            lock=f"pg_advisory_xact_lock({MONTHS_LOCK})",
        ),
        triggers.columns_never_changed(
            CLOSED, ["month", "closed_at", "closed_by_id", "proposed_by_id"]
        ),
        triggers.refuse(f"{CLOSED}_filed", CLOSED, "UPDATE", IS_FILED, "what it says is fixed"),
        triggers.never_deleted(CLOSED),
    ]
