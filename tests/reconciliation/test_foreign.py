"""What Heleket has and no try of ours: foreign only once nothing of ours can be it."""

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from django.conf import settings

from audit.models import DeskEvent
from heleket.signing import sign
from payouts import guard
from payouts.controls.models import Switch
from payouts.discrepancies import doubtful_ones, in_doubt, open_foreign
from payouts.gateway import history
from payouts.gateway.models import BaselineRow, Binding
from payouts.models import Attempt, Discrepancy, Payout, PayoutStatus
from payouts.reconciliation.models import DaySum
from tests.factories import PayoutFactory, StaffFactory
from tests.payouts.rounds import stored_between_two_looks_at_tries
from tests.reconciliation.conftest import WORKER, states

pytestmark = pytest.mark.django_db

Kind = Discrepancy.Kind


def lose_the_answer(desk):
    desk.sandbox.faults.add("empty_200", path="/v1/payout")
    desk.submit()
    assert Attempt.objects.get().uuid is None


def foreign():
    return Discrepancy.objects.filter(kind=Kind.FOREIGN)


def test_b19_a_payout_made_elsewhere_is_one_critical_discrepancy_with_an_alarm(desk, run, caplog):
    made = desk.sandbox.add_foreign_payout(amount="7")

    assert run("--dry-run")[0] == 2
    assert not foreign().exists()
    code, report = run()

    assert (code, states(report)) == (2, [("opened", "foreign")])
    found = foreign().get()
    assert (found.key, found.payout, found.attempt, found.is_critical) == (
        *(made.uuid, None, None),
        True,
    )
    assert found.theirs["address"] == made.address
    assert (found.theirs["amount"], found.theirs["currency"]) == ("7", "USDT")
    event = DeskEvent.objects.get(event_type="foreign")
    assert (event.channel, event.facts["uuid"]) == ("reconcile", made.uuid)
    assert "none of ours" in caplog.text

    desk.sandbox.advance(uuid=made.uuid)
    assert states(run()[1]) == [("open", "foreign")]
    assert foreign().get().theirs["status"] == "check"
    assert DeskEvent.objects.filter(event_type="foreign").count() == 1


def test_b19_what_was_ended_on_these_facts_never_opens_again_and_on_others_does(desk, run):
    made = desk.sandbox.add_foreign_payout(amount="7", fate="paid")
    run()
    closed = {"closed_at": desk.clock(), "closed_by": StaffFactory(), "outcome": "explained"}
    foreign().update(**closed)

    desk.work(minutes=5)
    assert made.status == "paid"
    assert run()[0] == 0
    assert foreign().count() == 1

    made.address = "TKPYpYU9M7sXP7pTJqrSWgUeoE1k1SPDmi"
    assert states(run()[1]) == [("opened", "foreign")]


def test_b19_a_row_read_while_a_call_is_unanswered_is_ours_if_heleket_says_so(desk, run):
    payout = PayoutFactory(status=PayoutStatus.APPROVED)
    lose_the_answer(desk)

    code, report = run("--dry-run")
    assert (code, states(report)) == (2, [("healed", "")])
    assert Attempt.objects.get().uuid is None

    code, report = run()

    assert states(report) == [("healed", "")]
    assert Attempt.objects.get().uuid == desk.sandbox.payouts[0].uuid
    assert Payout.objects.get(pk=payout.pk).status == PayoutStatus.BROADCAST
    assert not Discrepancy.objects.exists()


def test_b19_nothing_is_foreign_while_heleket_does_not_say_what_became_of_a_call(desk, run):
    PayoutFactory(status=PayoutStatus.APPROVED)
    lose_the_answer(desk)
    desk.sandbox.add_foreign_payout(amount="7")
    desk.sandbox.faults.add("500", path="/v1/payout/info")

    code, report = run()

    assert (code, report["is_whole"]) == (1, False)
    assert not foreign().exists()
    assert states(run()[1]) == [("healed", ""), ("opened", "foreign")]


def test_b19_an_answer_about_another_payout_makes_nothing_foreign(desk, run):
    before = desk.sandbox.add_foreign_payout(amount="8")
    before.created_at -= timedelta(hours=2)
    history.keep_baseline(desk.client.list_payouts())
    made = desk.sandbox.add_foreign_payout(amount="7")
    desk.sandbox.faults.add("swapped")

    code, report = run()

    assert (code, report["is_whole"]) == (1, False)
    assert not Discrepancy.objects.exists()
    assert states(run()[1]) == [("opened", "foreign")]
    assert foreign().get().key == made.uuid


def test_b19_one_that_names_our_order_id_is_adopted_by_the_ordinary_way(desk, run, monkeypatch):
    """Of a try that was refused, and that Heleket has after all: it is shown, and not foreign."""
    payout = PayoutFactory(status=PayoutStatus.APPROVED)
    desk.sandbox.faults.add("not_enough_funds")
    desk.submit()
    order_id = payout.order_id("test")
    made = desk.sandbox.add_foreign_payout(
        order_id=order_id, amount="5", address=payout.address, fate="stuck"
    )
    get_payout = type(desk.client).get_payout

    def naming(client, **names):
        remote = get_payout(client, **names)
        return replace(remote, order_id=order_id)

    monkeypatch.setattr(type(desk.client), "get_payout", naming)

    code, report = run()

    assert code == 2
    assert states(report) == [("opened", "found_late")]
    assert Discrepancy.objects.get().theirs["uuid"] == made.uuid
    assert Discrepancy.objects.get().payout == payout


def test_b19_what_heleket_had_before_the_desk_is_a_baseline_that_never_grows(desk, run):
    before = desk.sandbox.add_foreign_payout(amount="7")
    before.created_at -= timedelta(hours=2)
    Binding.objects.update(history_before=desk.clock())
    assert run()[0] == 0  # nothing of then is judged before it is read

    listed = list(desk.client.list_payouts())
    history.take_over(listed, before=desk.clock(), is_all=True)
    assert list(BaselineRow.objects.values_list("uuid", flat=True)) == [before.uuid]
    assert run()[0] == 0
    assert not DaySum.objects.exists()

    late = desk.sandbox.add_foreign_payout(amount="8")
    late.created_at -= timedelta(hours=3)
    assert states(run()[1]) == [("opened", "foreign")]
    assert BaselineRow.objects.count() == 1


def test_b19_what_was_made_in_the_second_of_the_binding_is_no_baseline(desk, run):
    """Heleket's times are whole seconds, so it may be of after that."""
    bound_at = desk.clock().replace(microsecond=0) + timedelta(milliseconds=500)
    Binding.objects.update(bound_at=bound_at, history_before=bound_at)
    made = desk.sandbox.add_foreign_payout(amount="7")
    made.created_at = bound_at
    [listed] = desk.client.list_payouts()
    assert listed.created_at < bound_at

    assert states(run()[1]) == [("opened", "foreign")]
    history.take_over([listed], before=bound_at, is_all=True)
    assert not BaselineRow.objects.exists()


@pytest.fixture
def announce(client):
    def announce(made, **members):
        said = {
            "type": "payout",
            "uuid": made.uuid,
            "order_id": None,
            "amount": "7.00000000",
            "currency": "USDT",
            "network": "tron",
            "status": "process",
            "is_final": False,
            **members,
        }
        body = json.dumps(said)
        signed = {**said, "sign": sign(body.encode(), settings.HELEKET_API_KEY)}
        return client.post(
            "/webhooks/heleket/",
            json.dumps(signed).encode(),
            content_type="application/json",
            secure=True,
        )

    return announce


def test_b13_a_webhook_and_the_list_open_the_same_one_discrepancy(desk, run, announce):
    made = desk.sandbox.add_foreign_payout(amount="7")

    assert announce(made).status_code == 200
    assert foreign().get().key == made.uuid
    assert announce(made, status="check").status_code == 200
    assert states(run()[1]) == [("open", "foreign")]

    assert foreign().count() == 1
    assert foreign().get().theirs["address"] == made.address
    assert DeskEvent.objects.filter(event_type="foreign").count() == 1


def test_b13_a_webhook_opens_nothing_while_it_may_be_ours(desk, announce):
    """The alarm is raised, as ever; reconciliation judges once Heleket has been asked."""
    made = desk.sandbox.add_foreign_payout(amount="7")
    PayoutFactory(status=PayoutStatus.APPROVED)
    lose_the_answer(desk)

    assert announce(made).status_code == 200

    assert not foreign().exists()
    assert DeskEvent.objects.get(event_type="foreign").facts["order_id"] == ""


def test_b13_a_webhook_opens_nothing_whose_answer_is_stored_meanwhile(desk, announce):
    PayoutFactory(status=PayoutStatus.APPROVED)
    lose_the_answer(desk)
    [made] = desk.sandbox.payouts

    def store():
        Attempt.objects.update(uuid=made.uuid, unanswered=[])

    with stored_between_two_looks_at_tries(store):
        assert announce(made).status_code == 200

    assert not foreign().exists()


def test_b13_the_policy_says_whether_a_foreign_payout_pauses_sending(
    desk, run, monkeypatch, django_capture_on_commit_callbacks
):
    bounds = replace(guard.bounds_in_force(), foreign_stops=True)
    monkeypatch.setattr(guard, "bounds_in_force", lambda: bounds)
    made = desk.sandbox.add_foreign_payout(amount="7")

    with django_capture_on_commit_callbacks(execute=True):
        run()

    sending = Switch.objects.get(pk=1)
    assert not sending.is_on
    assert made.uuid in sending.words


def test_b22_one_found_by_two_at_once_is_opened_once(desk):
    made = desk.sandbox.add_foreign_payout(amount="7")
    [listed] = desk.client.list_payouts()

    assert open_foreign(listed, actor=WORKER).key == made.uuid
    assert open_foreign(listed, actor=WORKER) is None
    assert foreign().count() == 1


def test_i19_what_a_refusal_hid_is_shown_beside_its_try_and_not_as_foreign_as_well(desk, run):
    """Heleket's answer about its own id does not name our order id."""
    payout = PayoutFactory(status=PayoutStatus.APPROVED)
    desk.sandbox.faults.add("not_enough_funds")
    desk.submit()
    made = desk.sandbox.add_foreign_payout(
        order_id=payout.order_id("test"), amount="5", address=payout.address, fate="stuck"
    )
    Attempt.objects.update(watch_at=desk.clock())

    assert states(run()[1]) == [("opened", "found_late")]
    assert Discrepancy.objects.get().theirs["uuid"] == made.uuid

    Attempt.objects.update(watch_at=None)
    assert run()[0] == 2
    assert Discrepancy.objects.count() == 1


def test_b19_what_heleket_has_under_our_order_id_is_one_difference_and_not_two(desk, run):
    payout = PayoutFactory(status=PayoutStatus.APPROVED)
    made = desk.sandbox.add_foreign_payout(amount="9500", order_id=payout.order_id("test"))
    desk.submit()
    found = Discrepancy.objects.get()
    assert (found.kind, found.theirs["uuid"]) == (Kind.DIFFERENT, made.uuid)

    code, report = run()

    assert (code, states(report)) == (2, [("open", "different")])
    assert Discrepancy.objects.get() == found
    like = PayoutFactory(
        client=payout.client, wallet=payout.wallet, amount="9500", status=PayoutStatus.APPROVED
    )
    assert in_doubt([like], doubtful_ones([like])) == {like.pk}

    closed = {"closed_at": desk.clock(), "closed_by": StaffFactory(), "outcome": "not_paid"}
    Discrepancy.objects.update(**closed)
    run()
    assert not foreign().exists()  # people have said what became of it
