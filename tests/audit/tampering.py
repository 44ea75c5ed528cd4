"""What somebody could do who owns the database, and what `verify_audit` says of it."""

import json
from contextlib import contextmanager
from io import StringIO

from django.core.management import call_command
from django.db import connection, transaction

from audit import clock
from audit.actor import Actor, Channel
from audit.events import links
from audit.operations import Change
from wallets.models import Wallet, WalletEvent


def seal_wallets():
    """Give wallets of the factory the event by which a real one begins."""
    changes = [Change(wallet) for wallet in Wallet.objects.filter(last_event=0).order_by("pk")]
    for change in changes:
        change.log_event(WalletEvent.Type.ADD)
    with clock.one_moment():
        made = links(changes, Actor.system(Channel.COMMAND), WalletEvent, "wallet")
    WalletEvent.objects.bulk_create(made)
    for change in changes:
        Wallet.objects.filter(pk=change.row.pk).update(last_event=change.row.last_event)


def sql(*statements):
    if connection.vendor == "postgresql":  # no table is altered under unchecked foreign keys
        statements = ["SET CONSTRAINTS ALL IMMEDIATE", *statements]
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def drop(table, *names):
    """Drop triggers of a table: `fixed` keeps it from being changed, `kept` rows from going."""
    on_table = f" ON {table}" if connection.vendor == "postgresql" else ""
    return [f"DROP TRIGGER {table}_{name}{on_table}" for name in names]


@contextmanager
def undone():
    """Undo in the end what is done to the database. Durable transactions may lie in it, as in a
    test's own."""
    around = transaction.atomic()
    around._from_testcase = True
    with around:
        yield
        transaction.set_rollback(True)


def findings(*arguments):
    """Have all checked, and return what is found; the exit code says whether anything is."""
    out, code = StringIO(), 0
    try:
        call_command("verify_audit", "--format", "json", *arguments, stdout=out)
    except SystemExit as exc:
        code = exc.code
    found = json.loads(out.getvalue())["findings"]
    assert code == (2 if found else 0)
    return found


def codes(found):
    return {each["code"] for each in found}


def places(found, code):
    return [each["where"] for each in found if each["code"] == code]
