"""Heleket's list against ours: what differs is found once, and nothing else is."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command

from audit.models import DeskEvent
from payouts.models import Attempt, Discrepancy, Payout, PayoutEvent, PayoutStatus
from payouts.reconciliation.asking import Inquiry
from payouts.reconciliation.models import Run
from tests.factories import PayoutFactory
from tests.reconciliation.conftest import contents, states

pytestmark = pytest.mark.django_db

Kind = Discrepancy.Kind
OTHER_ADDRESS = "TJRyWwFs9wTFGZg3JbrVriFbNfCug5tDeC"


def forget(sandbox, payout):
    """Have Heleket lose a payout, as if it had never had it."""
    number = sandbox.payouts.index(payout)
    sandbox.payouts[number].created_at -= timedelta(days=400)  # no list of these days has it
    del sandbox._by_order_id[payout.order_id]
    del sandbox._by_uuid[payout.uuid]


def open_kinds():
    return sorted(Discrepancy.objects.open().values_list("kind", flat=True))


def test_a_desk_that_agrees_with_heleket_finds_nothing(desk, pay, run):
    paid, failed = pay(3), pay(1, fate="final_fail")
    PayoutFactory(status=PayoutStatus.APPROVED)
    before = len(desk.questions())

    code, report = run()

    assert (code, report["rows"], report["findings"], report["troubles"]) == (0, 4, [], [])
    assert len(desk.questions()) == before
    assert not Discrepancy.objects.exists()
    at = {each.created_at.replace(microsecond=0) for each in desk.sandbox.payouts}
    assert set(Attempt.objects.values_list("created_there_at", flat=True)) == at
    assert {each.status for each in paid} | {each.status for each in failed} == {
        "confirmed",
        "failed",
    }


def test_b20_what_the_list_has_otherwise_is_found_by_a_dry_run_and_opened_once(
    desk, pay, run, at_heleket
):
    """A story: four differences."""
    unpaid, more, lost, *others = [*pay(1, fate="final_fail"), *pay(4)]
    desk.sandbox.force_status("paid", is_final=True, order_id=unpaid.order_id("test"))
    at_heleket(more).amount = Decimal(50)
    foreign = desk.sandbox.add_foreign_payout(amount="7")
    forget(desk.sandbox, at_heleket(lost))
    before = contents()

    code, report = run("--dry-run")

    assert code == 2
    assert states(report) == [
        ("opened", "contradiction"),
        ("opened", "different"),
        ("opened", "foreign"),
        ("opened", "vanished"),
    ]
    assert contents() == before

    code, report = run()

    assert code == 2
    assert len(report["findings"]) == 4
    assert open_kinds() == ["contradiction", "different", "foreign", "vanished"]
    found = Discrepancy.objects.get(kind=Kind.FOREIGN)
    assert (found.key, found.payout, found.theirs["amount"]) == (foreign.uuid, None, "7")
    assert DeskEvent.objects.filter(event_type="foreign").count() == 1
    assert [now.status for now in Payout.objects.filter(pk__in=[each.pk for each in others])] == [
        "confirmed"
    ] * 2

    events = PayoutEvent.objects.count()
    code, report = run()

    assert code == 2
    assert {each["state"] for each in report["findings"]} == {"open"}
    assert Discrepancy.objects.count() == 4
    assert PayoutEvent.objects.count() == events


def test_a_final_word_that_we_missed_is_taken_over_with_an_event(desk, pay, run):
    [payout] = pay(1, fate="stuck")
    desk.sandbox.force_status("paid", is_final=True, order_id=payout.order_id("test"))

    code, report = run("--dry-run")
    assert (code, states(report)) == (2, [("healed", "")])
    assert Payout.objects.get(pk=payout.pk).status == PayoutStatus.BROADCAST

    code, report = run()

    assert (code, states(report)) == (2, [("healed", "")])
    event = PayoutEvent.objects.filter(payout=payout).order_by("number").last()
    assert (event.event_type, event.channel) == ("confirm", "reconcile")
    assert Payout.objects.get(pk=payout.pk).status == PayoutStatus.CONFIRMED
    assert not Discrepancy.objects.exists()
    assert run()[0] == 0
    run_kept = Run.objects.order_by("pk").first()
    assert (run_kept.healed, run_kept.opened, run_kept.is_whole) == (1, 0, True)


def test_b20_ten_planted_differences_are_ten_discrepancies_and_a_second_run_opens_none(
    desk, pay, run, at_heleket
):
    amount, coin, network, place, lost, late, final, txid = pay(8)
    [failed] = pay(1, fate="final_fail")
    pay(3)
    at_heleket(amount).amount = Decimal("5.00000001")
    at_heleket(coin).currency = "USDC"
    at_heleket(network).network = "bsc"
    at_heleket(place).address = OTHER_ADDRESS
    forget(desk.sandbox, at_heleket(lost))
    desk.sandbox.force_status("process", is_final=False, order_id=late.order_id("test"))
    desk.sandbox.force_status("fail", is_final=True, order_id=final.order_id("test"))
    at_heleket(txid).txid = "another"
    desk.sandbox.force_status("paid", is_final=True, order_id=failed.order_id("test"))
    desk.sandbox.add_foreign_payout(amount="7")
    desk.clock.forward(minutes=5)

    code, report = run()

    assert (code, report["is_whole"]) == (2, True)
    assert states(report) == [
        *[("opened", "contradiction")] * 4,
        *[("opened", "different")] * 4,
        ("opened", "foreign"),
        ("opened", "vanished"),
    ]
    rows, events = list(Discrepancy.objects.values()), PayoutEvent.objects.count()
    assert len(rows) == 10

    code, report = run()

    assert (code, len(report["findings"])) == (2, 10)
    assert {each["state"] for each in report["findings"]} == {"open"}
    assert (list(Discrepancy.objects.values()), PayoutEvent.objects.count()) == (rows, events)


def test_b22_a_run_that_breaks_off_can_be_seen_and_is_simply_made_again(
    desk, pay, run, monkeypatch, at_heleket
):
    [payout] = pay(1)
    at_heleket(payout).amount = Decimal(50)
    desk.sandbox.add_foreign_payout(amount="7")
    desk.clock.forward(minutes=1)

    def killed(*_given):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Inquiry, "settle_unknown", killed)
        with pytest.raises(KeyboardInterrupt):
            run()
    assert open_kinds() == ["different"]
    assert Run.objects.get().finished_at is None

    code, report = run()

    assert (code, states(report)) == (2, [("open", "different"), ("opened", "foreign")])
    assert open_kinds() == ["different", "foreign"]
    assert [each.finished_at is None for each in Run.objects.order_by("pk")] == [True, False]


def test_a_limit_asks_about_so_many_and_says_what_is_left(desk, pay, run, at_heleket):
    for payout in pay(3):
        at_heleket(payout).amount = Decimal(50)

    code, report = run("--limit=2")

    assert (code, len(report["findings"]), report["left_out"]) == (2, 2, 1)
    assert (report["is_whole"], Run.objects.get().is_whole) == (False, False)


def test_days_in_the_wrong_order_are_an_error(desk):
    with pytest.raises(CommandError, match="before the first"):
        call_command("reconcile_payouts", "--from=2026-03-02", "--to=2026-03-01")
