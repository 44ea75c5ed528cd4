"""Which account the database belongs to: when it is bound, and when it may follow another."""

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

import heleket
from audit import jobs
from audit.actor import Actor, Channel
from audit.jobs import Claimed
from audit.models import DeskEvent
from audit.refusals import Refused
from payouts import rebinding
from payouts.admin.actions import ACTIONS, do_now
from payouts.controls import switch
from payouts.engine.management.commands import worker
from payouts.gateway import accounts
from payouts.gateway.accounts import NotBound
from payouts.gateway.jobs import GatewayJob
from payouts.gateway.models import Binding
from payouts.models import Attempt, Discrepancy, Payout, PayoutStatus
from payouts.seen import see
from tests.factories import DiscrepancyFactory, PayoutFactory, StaffFactory
from tests.payouts.rounds import check_due, submit_due

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("usdt")]

FAULTS = ["unauthorized", "forbidden", "500", "refuse_connection", "garbage"]


def client_of(sandbox, *, host="127.0.0.1:8010", merchant_id=None, key=None):
    return heleket.HeleketClient(
        base_url=f"http://{host}",
        merchant_id=merchant_id or settings.HELEKET_MERCHANT_ID,
        payout_key=key or settings.HELEKET_API_KEY,
        adapter=sandbox.adapter(),
    )


@pytest.fixture
def operator(db):
    return StaffFactory(roles=["Operator"], username="olga")


def facts():
    return [
        list(model.objects.order_by("pk").values())
        for model in (Binding, DeskEvent, Payout, Attempt)
    ]


# The first binding


@pytest.mark.parametrize("fault", FAULTS)
def test_g29_nothing_is_bound_before_heleket_signs_us_in(sandbox, heleket_client, fault):
    payout = PayoutFactory(status=PayoutStatus.APPROVED)
    sandbox.faults.add(fault, path="/v1/payout/services")

    with pytest.raises(NotBound, match="Heleket has not signed us in"):
        accounts.open_account(heleket_client)

    assert not Binding.objects.exists()
    assert not DeskEvent.objects.exists()
    assert not sandbox.order_ids
    assert Payout.objects.get().status == payout.status

    accounts.open_account(heleket_client)
    assert Binding.objects.get().merchant_id == settings.HELEKET_MERCHANT_ID


@pytest.mark.parametrize("wrong", [{"merchant_id": "mistyped"}, {"key": "mistyped"}])
def test_g29_a_typo_at_the_first_start_binds_nothing(sandbox, wrong):
    with client_of(sandbox, **wrong) as client, pytest.raises(NotBound):
        accounts.open_account(client)
    assert not Binding.objects.exists()


def test_g29_a_bound_desk_opens_while_heleket_is_down(sandbox, heleket_client, account):
    sandbox.faults.add("refuse_connection", rate=1)
    assert accounts.open_account(heleket_client) == account
    assert not sandbox.calls


def test_g29_a_binding_names_the_person_who_caused_it(heleket_client, monkeypatch, operator):
    payout = PayoutFactory(status=PayoutStatus.APPROVED)
    monkeypatch.setattr(accounts, "heleket_client", lambda: heleket_client)

    outcome = do_now(ACTIONS["send"].now, see([payout])[0], Actor.staff(operator, Channel.ADMIN))

    assert outcome.done, outcome.text
    event = DeskEvent.objects.get(event_type="bind")
    assert (event.person, event.channel) == (operator, Channel.ADMIN)


def test_g29_a_command_binds_as_a_command(heleket_client, monkeypatch):
    monkeypatch.setattr(accounts, "heleket_client", lambda: heleket_client)
    call_command("submit_payouts", stdout=StringIO())
    assert DeskEvent.objects.get(event_type="bind").channel == Channel.COMMAND


def test_g29_a_worker_waits_until_heleket_signs_it_in(sandbox, heleket_client, monkeypatch, caplog):
    sandbox.faults.add("unauthorized", times=8)
    waits = []
    monkeypatch.setattr(worker.time, "sleep", waits.append)

    assert worker.sign_in(heleket_client).host == heleket_client.host

    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]
    assert len([line for line in caplog.messages if "Nothing is sent" in line]) == 8
    assert DeskEvent.objects.get(event_type="bind").channel == Channel.WORKER


# Following the account


@pytest.fixture
def rebind(sandbox, monkeypatch, operator):
    """Run the command with other settings; returns what it says."""

    def rebind(*options, **settings):
        client = client_of(sandbox, **settings)
        monkeypatch.setattr(accounts, "heleket_client", lambda: client)
        out = StringIO()
        call_command("rebind_gateway", "--by=olga", "--reason=Moved", *options, stdout=out)
        return out.getvalue()

    return rebind


def refused(rebind, why, **settings):
    before = facts()
    with pytest.raises(CommandError, match=why):
        rebind(**settings)
    assert facts() == before


def sent(heleket_client, account):
    payout = PayoutFactory(status=PayoutStatus.APPROVED)
    submit_due(1, heleket_client, account)
    return payout


MOVED = {"host": "localhost:9000"}


def test_g29_a_new_host_name_of_the_same_heleket_is_followed(
    rebind, account, heleket_client, sandbox, operator
):
    sent(heleket_client, account)

    report = json.loads(rebind("--format=json", **MOVED))

    account = {"merchant_id": settings.HELEKET_MERCHANT_ID, "installation": "test"}
    assert report == {
        "dry_run": False,
        "is_new": True,
        "before": {"host": "127.0.0.1:8010", **account},
        "after": {"host": "localhost:9000", **account},
    }
    assert Binding.objects.get().host == "localhost:9000"
    event = DeskEvent.objects.get(event_type="rebind")
    assert (event.person, event.channel, event.reason) == (operator, Channel.COMMAND, "Moved")
    assert json.loads(event.data)["old_host"] == "127.0.0.1:8010"
    with client_of(sandbox, **MOVED) as client:
        sandbox.advance()
        assert check_due(1, client, accounts.open_account(client)) is not None


def test_g29_a_dry_run_checks_all_and_changes_nothing(rebind, account, heleket_client):
    sent(heleket_client, account)
    before = facts()
    assert "it would leave" in rebind("--dry-run", **MOVED)
    assert facts() == before


def test_g29_another_heleket_under_a_new_name_is_not_taken_for_ours(
    rebind, account, heleket_client, sandbox
):
    payout = sent(heleket_client, account)
    sandbox.faults.add("terminal", rate=1, path="/v1/payout/info")
    refused(rebind, "present account: 1.", **MOVED)

    Payout.objects.filter(pk=payout.pk).update(status=PayoutStatus.CONFIRMED)
    rebind(**MOVED)
    assert Binding.objects.get().host == "localhost:9000"


def test_g29_a_heleket_that_has_our_order_as_another_payout_is_not_taken_for_ours(
    rebind, account, heleket_client
):
    sent(heleket_client, account)
    Attempt.objects.update(uuid="of-the-account-that-was")
    refused(rebind, "present account: 1.", **MOVED)


def test_g29_nothing_changes_for_the_account_that_it_has(rebind, account):
    before = facts()
    assert "already" in rebind()
    assert facts() == before


def test_g29_an_account_that_does_not_sign_us_in_is_refused(rebind, account, sandbox):
    refused(rebind, "has not signed us in", key="mistyped", **MOVED)


def test_g29_a_database_that_is_not_bound_is_refused(rebind):
    refused(rebind, "bound to no account yet", **MOVED)


def test_g29_another_installation_is_refused(rebind, account, settings):
    settings.INSTALLATION = "else"
    refused(rebind, "INSTALLATION never changes", **MOVED)


def move_to_another_merchant(sandbox):
    sandbox.merchant_id = "another"
    return {"merchant_id": "another"}


def test_g29_another_merchant_takes_over_only_a_paused_desk(rebind, account, sandbox, operator):
    other = move_to_another_merchant(sandbox)
    refused(rebind, "Pause sending first", **other)

    switch.set_sending(False, reason="x", actor=Actor.staff(operator, Channel.COMMAND))
    PayoutFactory(status=PayoutStatus.APPROVED)  # never called: it may go through any account
    assert "belongs to another at" in rebind(**other)
    assert Binding.objects.get().merchant_id == "another"


def submitting(payout):
    Payout.objects.filter(pk=payout.pk).update(status=PayoutStatus.SUBMITTING)


def called(payout):
    Payout.objects.filter(pk=payout.pk).update(status=PayoutStatus.APPROVED)


def watched(payout):
    Payout.objects.filter(pk=payout.pk).update(status=PayoutStatus.CANCELLED)
    payout.attempts.update(watch_at=payout.requested_at)


def unanswered(payout):
    Payout.objects.filter(pk=payout.pk).update(status=PayoutStatus.HELD)
    payout.attempts.update(unanswered=[1], uuid=None)


def differs(payout):
    Payout.objects.filter(pk=payout.pk).update(status=PayoutStatus.CONFIRMED)
    DiscrepancyFactory(payout=payout, kind="contradiction")


def left_stopped(payout):
    differs(payout)
    day, operator = payout.requested_at + timedelta(days=9), StaffFactory(roles=["Operator"])
    ended = {"closed_at": payout.requested_at, "closed_by": operator, "outcome": "left"}
    Discrepancy.objects.update(reopens_at=day, **ended)


@pytest.mark.parametrize(
    "leave", [lambda _payout: None, submitting, called, watched, unanswered, differs, left_stopped]
)
def test_g29_another_merchant_takes_over_nothing_that_is_unfinished(
    rebind, account, heleket_client, sandbox, operator, leave
):
    leave(sent(heleket_client, account))
    switch.set_sending(False, reason="x", actor=Actor.staff(operator, Channel.COMMAND))
    refused(rebind, "present account: 1.", **move_to_another_merchant(sandbox))


def test_g29_rebinding_needs_a_person_with_the_right_and_a_reason(rebind, account, sandbox):
    anna = StaffFactory(roles=["Approver"])
    before = facts()
    with client_of(sandbox, **MOVED) as client:
        for by, reason in [(anna, "x"), (StaffFactory(roles=["Operator"]), " ")]:
            with pytest.raises(Refused):
                rebinding.rebind(client, reason=reason, actor=Actor.staff(by, Channel.COMMAND))
    assert facts() == before


def test_g29_a_process_of_the_account_before_sends_and_asks_nothing_more(
    rebind, account, heleket_client, sandbox, caplog
):
    sent(heleket_client, account)
    made = jobs.make_all(heleket_client, account, threads=1)
    old = [job for job in made if isinstance(job, GatewayJob)]  # the others call nobody
    rebind(**MOVED)
    PayoutFactory(status=PayoutStatus.APPROVED)
    Payout.objects.under_way().update(due_at=Payout.objects.first().requested_at)

    assert [job.claim(9) for job in [*old, *old]] == [Claimed()] * 2 * len(old)

    assert caplog.text.count("belongs to another account now") == len(old)  # each said once
    assert Payout.objects.filter(status=PayoutStatus.APPROVED).count() == 1
