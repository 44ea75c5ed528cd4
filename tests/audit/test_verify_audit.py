"""Whatever is changed of a record past the desk is found, and named."""

import pytest
from django.core.management import call_command
from django.db import connection

from audit import chain, clock
from audit.actor import Actor, Channel
from audit.codes import Reason
from audit.events import log_event
from audit.models import DeskEvent
from payouts.models import Approval, Discrepancy, Payout, PayoutEvent, PayoutStatus
from payouts.staff.models import JointAct
from tests.audit.tampering import codes, drop, findings, places, seal_wallets, sql, undone
from tests.factories import PayoutFactory
from tests.payouts.test_effective import heleket_says
from tests.payouts.test_foreign import confirm, link, made_there, propose
from tests.payouts.test_outcomes import Outcome
from wallets.models import WalletEvent

pytestmark = pytest.mark.django_db

EVENTS, WALLETS, DESK = "payouts_payoutevent", "wallets_walletevent", "audit_deskevent"


@pytest.fixture
def desk(unchecked_office):
    """A payout that was paid, one that two people took for not paid after all, one on hold after an
    approval, and one that was rejected; and what their people did."""
    office = unchecked_office
    for _ in range(2):
        PayoutFactory(status=PayoutStatus.APPROVED)
    office.submit()
    office.work(minutes=2)
    heleket_says(office, Payout.objects.order_by("number").last(), "fail")
    office.end(Discrepancy.objects.get(), Outcome.AS_HELEKET)
    approved, rejected = PayoutFactory(), PayoutFactory()
    office.approve(approved)
    office.act("HOLD", approved, role="Approver", reason="Wait")
    office.act("REJECT", rejected, role="Approver", reason="No")
    log_event(DeskEvent.Type.BIND, Reason(words="first"), actor=Actor.system(Channel.COMMAND))
    log_event(DeskEvent.Type.RESET, Reason(words="second"), actor=Actor.system(Channel.COMMAND))
    seal_wallets()
    return office


def test_what_nobody_changed_is_found_as_it_was_written(desk, capsys):
    assert findings() == []
    call_command("verify_audit")
    assert capsys.readouterr().out == "All is as it was written.\n"


def changed(table, change, where="", names=("fixed",)):
    return [*drop(table, *names), f"UPDATE {table} SET {change} {where}"]


def test_e10_one_byte_of_one_event_is_found_by_its_id(desk):
    """And of all chains: that of a payout, of a wallet, of the desk."""
    event = PayoutEvent.objects.filter(number=2).order_by("pk").first()
    wallet, own = WalletEvent.objects.first(), DeskEvent.objects.order_by("number").last()
    for table, row, label in [
        (EVENTS, event, "payouts.PayoutEvent"),
        (WALLETS, wallet, "wallets.WalletEvent"),
        (DESK, own, "audit.DeskEvent"),
    ]:
        for change in ("reason = 'x'", "person_id = NULL", "hash = 'x'", "at = '2026-01-01'"):
            if change.startswith("person_id") and row.person_id is None:
                continue
            with undone():
                sql(*changed(table, change, f"WHERE id = {row.pk}"))
                found = [each for each in findings() if each["code"] == "chain_broken"]
            assert [each["where"] for each in found] == [f"{label} {row.pk}"], change


def test_e10_the_first_broken_link_is_named_and_a_lost_end_is_found(desk):
    payout = Payout.objects.order_by("number").first()
    second, third = payout.events.filter(number__in=[2, 3]).order_by("number")
    with undone():
        sql(*changed(EVENTS, "reason = 'x'", f"WHERE id IN ({second.pk}, {third.pk})"))
        assert places(findings(), "chain_broken") == [f"payouts.PayoutEvent {second.pk}"]
    last = payout.events.order_by("number").last()
    with undone():
        sql(
            *drop(EVENTS, "kept"),
            f"DELETE FROM payouts_portal_unfedevent WHERE event_id = {last.pk}",
            f"DELETE FROM {EVENTS} WHERE id = {last.pk}",
        )
        assert places(findings(), "events_missing") == [str(payout)]


def hexed(payout):
    return f"'{payout.pk}'" if connection.vendor == "postgresql" else f"'{payout.pk.hex}'"


def test_i4_what_the_events_do_not_lead_to_is_found(desk):
    paid = Payout.objects.filter(status="confirmed").first()
    with undone():
        sql(f"UPDATE payouts_payout SET status = 'failed' WHERE id = {hexed(paid)}")
        assert places(findings(), "status_differs") == [str(paid)]
    with undone():
        sql(*changed("payouts_payout", "address = 'T'", f"WHERE id = {hexed(paid)}"))
        assert places(findings(), "digest_differs") == [str(paid)]


def test_i4_a_status_moves_along_the_drawn_arrows_alone(desk):
    """Whoever has the key as well can seal what the machine does not do."""
    rejected = Payout.objects.get(status="rejected")
    forge(rejected, "go_on", "rejected", "approved")
    found = findings()
    assert len(places(found, "status_not_drawn")) == 1
    assert codes(found) == {"status_not_drawn", "status_differs"}


def forge(payout, event_type, before, after):
    last = payout.events.order_by("number").last()
    event = PayoutEvent(
        payout=payout,
        number=last.number + 1,
        at=clock.now(),
        channel=Channel.COMMAND,
        event_type=event_type,
        from_status=before,
        to_status=after,
    )
    event.hash = chain.sealed(event.fields(), last.hash)
    event.save(force_insert=True)
    sql(f"UPDATE payouts_payout SET last_event = {event.number} WHERE id = {hexed(payout)}")


def test_approvals_are_found_that_no_event_seals_and_those_that_are_gone(desk):
    approval = Approval.objects.filter(payout__status="confirmed").first()
    where = f"WHERE id = {approval.pk}"
    named = [f"{approval.payout} payouts.Approval {approval.pk}"]
    other = desk.person("Requester").pk
    for change in (f"person_id = {other}", "digest = 'x'", "policy_version = 7"):
        with undone():
            sql(*changed("payouts_approval", change, where))
            assert places(findings(), "approval_unsealed") == named, change
    with undone():
        sql(*drop("payouts_approval", "kept"), f"DELETE FROM payouts_approval {where}")
        assert len(places(findings(), "approval_missing")) == 1


def test_statements_are_held_to_their_bytes_and_to_their_approvals(desk):
    approval = Approval.objects.filter(payout__status="confirmed").first()
    statement = approval.statement
    named = [f"payouts.Statement {statement.pk}"]
    body = bytes(statement.body).replace(b'"count":1', b'"count":2').hex()
    literal = rf"'\x{body}'" if connection.vendor == "postgresql" else f"x'{body}'"
    with undone():
        sql(*changed("payouts_statement", f"body = {literal}", f"WHERE id = {statement.pk}"))
        assert places(findings(), "statement_changed") == named
    with undone():
        sql(*drop("payouts_approval", "kept"), "DELETE FROM payouts_approval")
        assert set(named) <= set(places(findings(), "statement_differs"))


def test_what_became_of_the_money_follows_from_sealed_outcomes(desk):
    taken = Payout.objects.get(effective="not_paid")
    with undone():
        sql(f"UPDATE payouts_payout SET effective = '' WHERE id = {hexed(taken)}")
        assert places(findings(), "effective_differs") == [str(taken)]
    paid = Payout.objects.filter(status="confirmed", effective="").first()
    with undone():
        sql(f"UPDATE payouts_payout SET effective = 'not_paid' WHERE id = {hexed(paid)}")
        found = findings()
        assert codes(found) == {"effective_differs", "effective_unsealed", "journal_differs"}
        assert places(found, "effective_differs") == [str(paid)]


def test_a_joint_act_of_one_person_is_found(desk):
    person = desk.person("Approver")
    act = JointAct.objects.create(
        act="change_policy",
        subject="policy",
        facts="f",
        reason="r",
        proposed_by=person,
        proposed_at=desk.clock(),
        ending=JointAct.Ending.OUTDATED,
        ended_at=desk.clock(),
    )
    JointAct.objects.filter(pk=act.pk).update(ending="done")  # by nobody
    assert places(findings(), "not_by_two") == [f"payouts_staff.JointAct {act.pk}"]


def test_a_trigger_that_was_dropped_or_put_in_another_place_is_found(desk):
    with undone():
        sql(*drop(EVENTS, "fixed"))
        assert places(findings(), "trigger_gone") == [f"{EVENTS}_fixed"]
    with undone():
        again = f"CREATE TRIGGER {EVENTS}_fixed BEFORE DELETE ON {EVENTS} FOR EACH ROW "
        if connection.vendor == "postgresql":
            again += "EXECUTE FUNCTION desk_refuse('no')"
        else:
            again += "BEGIN SELECT 1; END"
        sql(*drop(EVENTS, "fixed"), again)
        assert places(findings(), "trigger_changed") == [f"{EVENTS}_fixed"]


@pytest.mark.postgres
def test_a_trigger_that_is_switched_off_or_refuses_nothing_is_found(desk):
    with undone():
        sql(f"ALTER TABLE {EVENTS} DISABLE TRIGGER {EVENTS}_fixed")
        assert places(findings(), "trigger_changed") == [f"{EVENTS}_fixed"]
    with undone():
        sql(
            "CREATE OR REPLACE FUNCTION desk_refuse() RETURNS trigger LANGUAGE plpgsql "
            "AS $$ BEGIN RETURN NEW; END $$"
        )
        assert places(findings(), "trigger_changed") == ["desk_refuse"]


def test_some_checks_can_be_made_alone(desk):
    sql(*changed(DESK, "reason = 'x'", "WHERE number = 1"))
    assert findings("--only", "wallets") == []
    assert codes(findings("--only", "desk")) == {"chain_broken"}


def test_a_discrepancy_that_was_closed_past_the_desk_is_found(desk):
    paid = Payout.objects.filter(status="confirmed").first()
    found = Discrepancy.objects.create(
        kind="vanished",
        key="k",
        payout=paid,
        attempt=paid.attempts.get(),
        first_seen_at=desk.clock(),
        opened_at=desk.clock(),
        closed_at=desk.clock(),
        closed_by=desk.person("Operator"),
        outcome="explained",
    )
    named = [f"payouts.Discrepancy {found.pk}"]
    assert places(findings(), "discrepancy_unsealed") == named


def test_an_approval_that_is_void_and_was_put_back_is_found(desk):
    approval = Approval.objects.get(voided_at__isnull=False)
    named = [f"{approval.payout} payouts.Approval {approval.pk}"]
    sql("UPDATE payouts_approval SET voided_at = NULL")
    assert places(findings(), "approval_void") == named


def test_i1_a_request_that_was_changed_is_found_and_one_that_cannot_be_read(desk):
    paid = Payout.objects.filter(status="confirmed").order_by("number").first()
    attempt = paid.attempts.get()
    named = [f"{paid} payouts.Attempt {attempt.pk}"]
    for body in (attempt.body.replace('"5.', '"6.'), "{}", "x", '{"amount": [1]}'):
        with undone():
            where = f"WHERE id = {attempt.pk}"
            sql(*changed("payouts_attempt", f"body = '{body}'", where))
            assert places(findings(), "request_differs") == named, body


def test_i2_a_maker_who_was_taken_out_is_found(desk):
    asked = PayoutEvent.objects.filter(event_type="request", person__isnull=False)
    with undone():
        sql(*drop("payouts_payoutmaker", "kept"), "DELETE FROM payouts_payoutmaker")
        assert len(places(findings(), "maker_missing")) == asked.count() > 0


def test_b19_a_foreign_payout_that_was_ended_or_taken_away_past_the_desk_is_found(desk):
    """While it stands, a request like it waits: whoever ends it in the database has it paid."""
    found = made_there(desk, PayoutFactory(), amount="77")
    people = desk.person("Operator").pk, desk.person("Approver").pk
    seal_wallets()
    assert findings() == []
    with undone():
        sql(
            "UPDATE payouts_discrepancy SET closed_at = '2026-03-01', outcome = 'explained', "
            f"closed_by_id = {people[0]}, proposed_by_id = {people[1]} WHERE id = {found.pk}"
        )
        named = [f"payouts.Discrepancy {found.pk}"]
        assert places(findings(), "discrepancy_unsealed") == named
    with undone():
        kept = drop("payouts_discrepancy", "kept")
        sql(*kept, f"DELETE FROM payouts_discrepancy WHERE id = {found.pk}")
        assert places(findings(), "discrepancy_gone") == [found.key]


def test_b19_what_people_explain_or_link_is_as_it_was_written(desk):
    payout = PayoutFactory()
    found = made_there(desk, payout, amount="77")
    propose(desk, found)
    confirm(desk, found)
    link(desk, made_there(desk, payout), payout)
    seal_wallets()
    assert codes(findings()) == {"approvals_lacking"}
