"""Backups that are put back and copies that are started, before a real gateway and database."""

import random
from contextlib import contextmanager

import pytest
from django.conf import settings
from django.contrib.auth.models import User

from audit.actor import Actor, Channel
from audit.operations import perform
from payouts import endings, links, operations
from payouts.controls.models import Switch
from payouts.gateway import accounts, continuity
from payouts.gateway.continuity import Continuity
from payouts.heartbeats import Heartbeat
from payouts.models import Discrepancy, Payout, PayoutStatus
from payouts.outcomes import Wish
from payouts.reconciliation import restores
from payouts.reconciliation.confirmations import CONFIRMATIONS
from payouts.seen import see
from tests.factories import PayoutFactory, StaffFactory, WalletFactory
from tests.payouts.invariants import assert_chains_hold
from tests.payouts.processes.conftest import at_database, database_url, on_server, until_all
from tests.payouts.processes.harness import Process, until
from tests.payouts.processes.manage import CA_FILE
from wallets import operations as wallets

pytestmark = pytest.mark.processes


@pytest.fixture
def environment(environment):
    """As on a real desk."""
    environment["RESTART_GAP_MINUTES"] = "30"
    return environment


@pytest.fixture
def copy_of(database):
    """Copy the desk's database as it is now; nobody may be at work."""
    names = []

    def copy():
        names.append(f"desk_{random.randrange(10**9)}")
        on_server(f"CREATE DATABASE {names[-1]} TEMPLATE {database}")
        at_database(database)
        return names[-1]

    yield copy
    on_server(*(f"DROP DATABASE {name} WITH (FORCE)" for name in names))
    at_database(database)


@pytest.fixture
def put_back(database):
    """Put a backup in the place of the desk's database, whoever is connected to it."""

    def put_back(backup):
        drop = f"DROP DATABASE {database} WITH (FORCE)"
        on_server(drop, f"CREATE DATABASE {database} TEMPLATE {backup}")
        at_database(database)

    return put_back


@pytest.fixture
def command(environment, processes):
    """Run a command to its end; returns its exit code."""

    def command(*arguments):
        processes.append(Process(*arguments, "--skip-checks", env=environment))
        return processes[-1].ends()

    return command


@pytest.fixture
def at_heleket(sandbox, settings, monkeypatch):
    """Call the gateway from this process as well."""
    monkeypatch.setattr("certifi.where", lambda: str(CA_FILE))
    settings.HELEKET_PROJECT_URL = sandbox.url

    @contextmanager
    def at_heleket():
        with accounts.at_heleket(Actor.system(Channel.COMMAND)) as found:
            yield found

    return at_heleket


def link(payout, client, account):
    """Have two people find that what Heleket has under its order id is this payout."""
    uuid = client.get_payout(order_id=payout.order_id(settings.INSTALLATION)).uuid
    found = Discrepancy.objects.get(key=uuid)
    olga, omar = (User.objects.get(username=name) for name in ("olga", "omar"))
    [seen] = see([Payout.objects.get(pk=payout.pk)])
    wish = Wish(found.pk, found.facts, Discrepancy.Outcome.LINKED, "Its own order id", payout=seen)
    links.end_or_propose(wish, client, account, actor=act_of(olga))
    found.refresh_from_db()
    joint = endings.proposed(found)
    links.confirm(joint, found.facts, client, account, actor=act_of(omar))


def question():
    return Continuity.objects.values_list("question", flat=True).get()


def is_seen(worker):
    """Whether this worker has made rounds: it would have sent by then."""
    return Heartbeat.objects.filter(pid=worker.popen.pid).exists()


def act_of(person):
    return Actor.staff(person, Channel.ADMIN)


def test_g52_a_backup_that_is_put_back_sends_nothing_and_the_list_leads_through(
    make_approved, sandbox, start_worker, copy_of, put_back, command
):
    _olga, omar = (StaffFactory(username=name, roles=["Operator"]) for name in ("olga", "omar"))
    amira = StaffFactory(username="amira", roles=["Approver"])
    make_approved()
    worker = start_worker()
    until_all("broadcast")
    worker.kill()
    [cancelled] = make_approved()
    sound = PayoutFactory(status=PayoutStatus.APPROVED)  # to another client
    frozen = PayoutFactory(
        status=PayoutStatus.APPROVED,
        wallet=WalletFactory(address="TWd4WrZ9wn84f5x1hZhL4DHvk738ns5jwb"),
    )
    backup = copy_of()

    def cancel_and_freeze():
        [outcome] = perform(
            operations.CANCEL,
            see([Payout.objects.get(pk=cancelled.pk)]),
            actor=act_of(omar),
            reason="Twice",
        )
        assert outcome.done
        [outcome] = perform(
            wallets.FREEZE,
            wallets.see([frozen.wallet_id]),
            actor=act_of(amira),
            reason="Stolen",
        )
        assert outcome.done

    cancel_and_freeze()
    lost = PayoutFactory()
    put_back(backup)
    assert not Payout.objects.filter(pk=lost.pk).exists()

    worker = start_worker()
    until(lambda: question() == "server" and is_seen(worker))
    assert sandbox.creates() == 1
    assert command("resume_payouts", "--by=olga", "--reason=Again") == 1
    assert command("after_restore", "--by=olga", "--reason=Backup of nine") == 2
    assert command("after_restore", "--by=olga", "--confirm=begin") == 1
    assert command("after_restore", "--by=omar", "--confirm=begin") == 2
    approved = {PayoutStatus.APPROVED, PayoutStatus.CANCELLED}
    assert not Payout.objects.filter(status__in=approved).exists()
    cancel_and_freeze()
    for name in CONFIRMATIONS:
        seen = f"--seen={restores.standing(name).digest}"
        assert command("resume_payouts", "--by=olga", "--reason=Now") == 1
        code = command("after_restore", "--by=olga", f"--confirm={name}", seen)
    assert code == 0
    assert not Switch.objects.get(pk=1).is_on
    assert command("resume_payouts", "--by=olga", "--reason=Put right") == 0
    [outcome] = perform(
        operations.APPROVE,
        see([Payout.objects.get(pk=sound.pk)]),
        actor=act_of(amira),
    )
    assert outcome.done, outcome.text
    until(lambda: Payout.objects.get(pk=sound.pk).status == PayoutStatus.BROADCAST)

    assert sandbox.creates() == 2
    assert set(sandbox.debits().values()) == {1}
    assert not Discrepancy.objects.exists()
    assert_chains_hold()


def test_g3_what_was_paid_after_the_backup_is_paid_once(
    sandbox, start_worker, copy_of, put_back, command, at_heleket
):
    """Where nothing else shows it: as long as the same server had the same database all along.

    Heleket has what was lost, so it waits until people have linked it.
    """
    for name in ("olga", "omar"):
        StaffFactory(username=name, roles=["Operator"])
    amira = StaffFactory(username="amira", roles=["Approver"])
    bound = start_worker()
    until(lambda: continuity.state().is_checked)
    bound.kill()
    payouts = [PayoutFactory(status=PayoutStatus.APPROVED) for _ in range(3)]
    backup = copy_of()
    worker = start_worker()
    until_all("broadcast")
    worker.kill()
    put_back(backup)
    Continuity.objects.update(server=continuity.server())

    worker = start_worker()
    until(lambda: question() == "unknown" and is_seen(worker))
    assert Payout.objects.filter(status="approved").count() == 3
    assert sandbox.creates() == 3
    command("after_restore", "--by=olga", "--reason=Backup of nine")
    command("after_restore", "--by=omar", "--confirm=begin")
    assert Discrepancy.objects.filter(kind="foreign").count() == 3
    for name in CONFIRMATIONS:
        seen = f"--seen={restores.standing(name).digest}"
        command("after_restore", "--by=olga", f"--confirm={name}", seen)
    command("resume_payouts", "--by=olga", "--reason=Put right")
    seen = see(Payout.objects.filter(pk__in=[each.pk for each in payouts]))
    outcomes = perform(operations.APPROVE, seen, actor=act_of(amira))
    assert all(each.done for each in outcomes), outcomes
    until(lambda: Payout.objects.filter(reason_code="unknown_there").count() == 3)
    with at_heleket() as (client, account):
        for payout in payouts:
            link(payout, client, account)
    until_all("broadcast")
    assert sandbox.creates() == 3

    paid = sandbox.debits()
    assert paid == {each.order_id(settings.INSTALLATION): 1 for each in payouts}
    assert_chains_hold()


def test_g2_a_copy_that_is_started_elsewhere_sends_nothing(
    make_approved, sandbox, start_worker, copy_of
):
    """The desk itself goes on all the while."""
    copied = copy_of()
    start_worker()
    until(lambda: continuity.state().is_checked)
    here = continuity.server()

    at_database(copied)
    Continuity.objects.update(server=here, seen_at=None)  # as its backup would have it
    make_approved()
    stranger = start_worker(DATABASE_URL=database_url(copied))
    until(lambda: question() == "server" and is_seen(stranger))

    assert Payout.objects.filter(status="approved").count() == 1
    assert sandbox.creates() == 0


def test_g2_a_worker_that_runs_on_under_a_backup_sends_nothing(
    make_approved, sandbox, start_worker, copy_of, put_back
):
    bound = start_worker()
    until(lambda: continuity.state().is_checked)
    bound.kill()
    make_approved()
    backup = copy_of()
    worker = start_worker()
    until_all("broadcast")

    put_back(backup)
    until(lambda: question() == "server")

    assert Payout.objects.get().status == PayoutStatus.APPROVED
    assert sandbox.creates() == 1
    assert worker.popen.poll() is None
