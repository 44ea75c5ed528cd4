"""A desk with a month behind it, and the file of that month."""

import zipfile
from collections import defaultdict
from contextlib import contextmanager

from django.conf import settings

import heleket
from audit import clock as money_clock
from audit.actor import Actor, Channel
from audit.codes import Reason
from audit.events import log_event
from audit.models import DeskEvent
from heleket.sandbox import Gateway
from payouts import documents
from payouts.books import heads, month_file
from payouts.days import day_of
from payouts.gateway import accounts
from payouts.models import ClosedMonth, PayoutStatus
from payouts.reconciliation.days import Sums, keep
from tests.audit.tampering import seal_wallets
from tests.conftest import Clock
from tests.factories import PayoutFactory, PayoutMethodFactory, put_off_price_list
from tests.payouts.conftest import Office


@contextmanager
def office_of_a_month():
    clock = Clock()
    with money_clock.replaced(clock):
        sandbox = Gateway(
            merchant_id=settings.HELEKET_MERCHANT_ID,
            payout_key=settings.HELEKET_API_KEY,
            payment_key=settings.HELEKET_PAYMENT_API_KEY,
            now=clock,
            sleep=lambda seconds: clock.forward(seconds=seconds),
        )
        sandbox.top_up("USDT", "1000000")
        client = heleket.HeleketClient(
            base_url=settings.HELEKET_PROJECT_URL,
            merchant_id=settings.HELEKET_MERCHANT_ID,
            payout_key=settings.HELEKET_API_KEY,
            payment_key=settings.HELEKET_PAYMENT_API_KEY,
            adapter=sandbox.adapter(),
        )
        with client:
            office = Office(sandbox, client, accounts.open_account(client), clock)
            put_off_price_list()
            PayoutMethodFactory()
            yield office


def live(office, count=2):
    """Have some paid, one rejected, and one approved that waits; with the heads of the day."""
    for _ in range(count):
        PayoutFactory(status=PayoutStatus.APPROVED)
    office.submit()
    office.work(minutes=2)
    rejected, waiting = PayoutFactory(purpose="Prix “é”"), PayoutFactory()
    office.act("REJECT", rejected, role="Approver", reason="No")
    office.approve(waiting)
    seal_wallets()
    sealed = heads.seal()
    log_event(DeskEvent.Type.RESET, Reason(words="after"), actor=Actor.system(Channel.COMMAND))
    office.act("HOLD", waiting, role="Approver", reason="Wait")
    return heads.digest_of(sealed)


def reconcile(office):
    """Keep what Heleket lists of each day, as a reconciliation does."""
    by_day = defaultdict(Sums)
    for each in office.client.list_payouts():
        by_day[day_of(each.created_at)].add(
            each.currency, each.status, is_final=each.is_final, amount=each.amount
        )
    for day, sums in by_day.items():
        keep(day, sums)


def write(office, month, path, show=lambda _text: None):
    reconcile(office)
    return month_file.write(month, path, client=office.client, account=office.account, show=show)


def close(month, written, path):
    """Close a month as two people's word does, here of nobody."""
    documents.keep_large(path, written.sha256)
    types, nobody = DeskEvent.Type, Actor.system(Channel.COMMAND)
    file = {"root": written.root, "sha256": written.sha256}
    for act, facts in [
        (types.PROPOSE_CLOSE, {}),
        (types.AGREE_CLOSE, {}),
        (types.CLOSE_MONTH, file),
    ]:
        log_event(act, actor=nobody, month=f"{month:%Y-%m}", **facts)
    return ClosedMonth.objects.create(
        month=month,
        closed_at=money_clock.now(),
        cut=written.cut,
        root=written.root,
        sha256=written.sha256,
    )


def unpacked(path):
    with zipfile.ZipFile(path) as file:
        return {name: file.read(name) for name in file.namelist()}


def packed(items, path):
    with zipfile.ZipFile(path, "w") as file:
        for name, content in items.items():
            file.writestr(name, content)
    return path


def laid_out(items, folder):
    for name, content in items.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder
