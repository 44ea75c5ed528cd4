"""A backup that is put back, or a copy of the database started elsewhere, sends nothing until
people have spoken, and pays nothing twice."""

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction
from django.urls import reverse

import heleket
from audit.actor import Actor, Channel
from audit.models import DeskEvent
from audit.refusals import NotAllowed, Refused
from payouts import submission
from payouts.controls import switch
from payouts.controls.models import Switch
from payouts.gateway import accounts, continuity
from payouts.gateway.continuity import Continuity
from payouts.models import Attempt, Discrepancy, Payout, PayoutStatus
from payouts.portal.models import ApiKey, Feed
from payouts.reconciliation import restores, starting
from payouts.reconciliation.confirmations import CONFIRMATIONS
from payouts.reconciliation.models import Restore
from payouts.staff import links
from tests.every_page import unmarked
from tests.factories import PayoutFactory, StaffFactory, usable_key
from tests.payouts import conftest as desk
from tests.payouts.rounds import event_types, now, stored_between_two_looks_at_tries
from tests.payouts.test_foreign import link

pytestmark = pytest.mark.django_db

LISTED = "/v1/payout/list"
office, unchecked_office = desk.office, desk.unchecked_office


@pytest.fixture
def gap(settings):
    """As on a real desk: after half an hour without a worker somebody is asked."""
    settings.RESTART_GAP_MINUTES = 30


@pytest.fixture
def people(db):
    names = {"olga": "Operator", "omar": "Operator", "amira": "Approver"}
    return {name: StaffFactory(username=name, roles=[role]) for name, role in names.items()}


@pytest.fixture
def olga(people):
    return Actor.staff(people["olga"], Channel.ADMIN)


@pytest.fixture
def omar(people):
    return Actor.staff(people["omar"], Channel.ADMIN)


@pytest.fixture
def run(heleket_client, monkeypatch):
    """Run a command over the sandbox; returns its exit code and what it printed."""
    monkeypatch.setattr(accounts, "heleket_client", lambda: heleket_client)

    def run(*arguments):
        out, code = StringIO(), 0
        try:
            call_command(*arguments, stdout=out, stderr=out)
        except SystemExit as exc:
            code = exc.code
        return code, out.getvalue()

    return run


def approved(**fields):
    return PayoutFactory(status=PayoutStatus.APPROVED, **fields)


def creates(sandbox):
    return [call for call in sandbox.calls if call.path == "/v1/payout"]


def desk_events():
    return list(DeskEvent.objects.order_by("number").values_list("event_type", flat=True))


def state():
    return continuity.state()


def is_on():
    return Switch.objects.get(pk=1).is_on


def paid_elsewhere(office):
    """A payout that waits to be sent here, and that Heleket has paid: this database is a copy, or
    has lost it. And Heleket's uuid of it."""
    payout = approved()
    body = heleket.payout_body(
        order_id=payout.order_id("test"),
        amount=payout.amount,
        currency=payout.currency,
        network=payout.network,
        address=payout.address,
        memo=payout.memo,
        url_callback=office.account.callback_url,
    )
    return payout, office.client.create_payout(body).uuid


# The checks of a start


def test_g2_a_worker_sends_once_heleket_lists_nothing_new(gap, office, run):
    payout = approved()

    code, _text = run("worker", "--once")

    assert code == 0
    assert now(payout).status == PayoutStatus.BROADCAST
    paths = [call.path for call in office.sandbox.calls]
    assert paths.index(LISTED) < paths.index("/v1/payout")
    assert state().is_checked


def test_g2_a_copy_of_the_database_sends_nothing_once_heleket_has_something_newer(
    gap, unchecked_office, run
):
    waiting, uuid = paid_elsewhere(unchecked_office)
    debits = len(unchecked_office.sandbox.ledger)

    for _start in range(2):
        run("worker", "--once")
        run("submit_payouts")

    assert now(waiting).status == PayoutStatus.APPROVED
    assert len(unchecked_office.sandbox.ledger) == debits
    assert (state().question, is_on()) == ("unknown", False)
    assert uuid in Switch.objects.get(pk=1).words
    assert desk_events().count("pause") == 1


def test_g2_what_was_at_heleket_before_the_desk_is_no_sign_of_a_restore(gap, office, run):
    _waiting, _uuid = paid_elsewhere(office)
    office.clock.forward(minutes=2)
    accounts.Binding.objects.update(bound_at=office.clock())

    run("worker", "--once")

    assert state().is_checked


def test_g2_what_was_paid_in_the_second_of_the_binding_is_a_sign_of_a_restore(
    gap, unchecked_office, run
):
    """Heleket's times are whole seconds: it may have been paid after the binding, and after the
    backup."""
    _waiting, uuid = paid_elsewhere(unchecked_office)
    paid_at = next(unchecked_office.client.list_payouts()).created_at
    accounts.Binding.objects.update(bound_at=paid_at + timedelta(milliseconds=500))

    run("worker", "--once")

    assert (state().question, is_on()) == ("unknown", False)
    assert uuid in Switch.objects.get(pk=1).words


def test_g2_without_a_binding_all_that_heleket_lists_is_looked_at(unchecked_office):
    """Nothing says then what is older than the desk."""
    _waiting, uuid = paid_elsewhere(unchecked_office)
    accounts.Binding.objects.all().delete()

    found = starting.read_back(unchecked_office.client, starting.place_to_read_to())

    assert [each.uuid for each in found.payouts] == [uuid]


def test_g2_a_lost_call_of_ours_is_no_sign_of_a_restore(gap, office, run):
    """It is at Heleket, and its answer never came."""
    payout = approved()
    office.sandbox.faults.add("timeout", path="/v1/payout")
    run("worker", "--once")
    assert now(payout).status == PayoutStatus.SUBMITTING
    office.sandbox.faults.add("500", path="/v1/payout/info", times=9)

    run("worker", "--once")

    assert state().is_checked


def test_g2_an_answer_that_another_worker_stores_meanwhile_is_no_sign_of_a_restore(office):
    """One that ran on while this one started, say on another engine."""
    approved()
    office.sandbox.faults.add("timeout", path="/v1/payout")
    office.submit()
    listed = list(office.client.list_payouts())

    def store():
        Attempt.objects.update(uuid=listed[0].uuid, unanswered=[])

    with stored_between_two_looks_at_tries(store):
        assert starting.unknown(listed) == []
    store()
    assert starting.unknown(listed) == []


def test_g2_a_foreign_payout_that_a_person_has_ended_is_known(gap, office, run, people):
    payout, uuid = paid_elsewhere(office)
    Discrepancy.objects.create(
        kind="foreign",
        key=uuid,
        first_seen_at=office.clock(),
        opened_at=office.clock(),
        closed_at=office.clock(),
        closed_by=people["olga"],
        outcome="explained",
    )

    run("worker", "--once")

    assert state().is_checked
    assert now(payout).status != PayoutStatus.APPROVED


def test_g2_a_claim_of_whoever_left_out_the_checks_takes_nothing(gap, office, run):
    """Nobody was at work, or the checks are not over: it is read in the claim itself."""
    payout = approved()
    assert office.submit() == 0

    starting.begin()
    assert office.submit() == 0

    run("worker", "--once", "--limit=1")
    assert now(payout).status == PayoutStatus.BROADCAST
    assert office.submit() == 0  # nothing is left; but the desk is open now
    another = approved()
    assert submission.claim(1, office.account).items
    office.clock.forward(minutes=3)  # and nobody was at work meanwhile
    last = approved()
    assert office.submit() == 0
    assert now(another).status == PayoutStatus.SUBMITTING
    assert now(last).status == PayoutStatus.APPROVED


def test_g2_a_starting_process_keeps_the_others_from_sending_until_it_has_looked(gap, office, run):
    run("worker", "--once")
    payout = approved()

    starting.begin()
    assert office.submit() == 0

    run("worker", "--once")
    assert now(payout).status == PayoutStatus.BROADCAST


def test_g2_sending_waits_while_heleket_cannot_be_asked_and_says_so(
    gap, office, run, client, people
):
    payout = approved()
    office.sandbox.faults.add("500", path=LISTED, times=2)

    run("worker", "--once")

    assert now(payout).status == PayoutStatus.APPROVED
    assert not state().is_checked
    client.force_login(people["olga"])
    page = unmarked(client.get(reverse("admin:payouts_controls_switch_changelist")))
    assert "Nothing is sent until Heleket's list of payouts could be read" in page
    office.clock.forward(seconds=2)
    run("worker", "--once")
    office.clock.forward(seconds=4)
    run("worker", "--once")
    assert now(payout).status == PayoutStatus.BROADCAST
    assert is_on()


def test_g52_after_a_gap_nothing_is_sent_until_a_person_says_that_it_is_the_same(
    gap, office, run, people
):
    run("worker", "--once")
    payout = approved()
    office.clock.forward(minutes=31)

    run("worker", "--once")
    assert (state().question, is_on()) == ("gap", False)
    assert now(payout).status == PayoutStatus.APPROVED

    before = desk_events()
    with pytest.raises(CommandError, match="No worker was at work for 31 min"):
        run("resume_payouts", "--by=olga", "--reason=Machine was off")
    assert (state().question, is_on(), desk_events()) == ("gap", False, before)

    run("resume_payouts", "--by=olga", "--reason=Machine was off", "--same-database")
    assert desk_events()[-2:] == ["same_database", "resume"]
    assert DeskEvent.objects.get(event_type="same_database").person == people["olga"]
    assert office.submit() == 0  # Heleket's list comes first, all the same
    run("worker", "--once")
    assert now(payout).status == PayoutStatus.BROADCAST


def test_g52_a_short_stop_of_the_worker_asks_nobody(gap, office, run):
    run("worker", "--once")
    office.clock.forward(minutes=29)
    payout = approved()

    run("worker", "--once")

    assert now(payout).status == PayoutStatus.BROADCAST


def test_g52_a_desk_that_has_sent_and_shows_no_sign_of_a_worker_has_a_gap(gap, office, run):
    payout = approved()
    run("worker", "--once")
    Continuity.objects.update(seen_at=None)

    run("worker", "--once")

    assert state().question == "gap"
    assert now(payout).status == PayoutStatus.BROADCAST


def test_g52_who_pauses_during_the_gap_cannot_let_it_be_resumed_without_an_answer(
    gap, office, run, people, olga
):
    run("worker", "--once")
    switch.set_sending(False, reason="Holiday", actor=olga)
    office.clock.forward(hours=5)
    run("worker", "--once")

    with pytest.raises(Refused, match="No worker was at work for 5 h"):
        switch.set_sending(True, reason="Back", actor=olga)
    assert not is_on()


def test_g52_only_who_may_resume_says_that_it_is_the_same(gap, office, run, people):
    run("worker", "--once")
    office.clock.forward(hours=5)
    run("worker", "--once")

    amira = Actor.staff(people["amira"], Channel.ADMIN)
    with pytest.raises(NotAllowed):
        switch.set_sending(True, reason="Mine", actor=amira, is_same_database=True)
    assert state().question == "gap"


def test_g2_on_another_server_nothing_is_sent(office, run):
    """Also without a gap: a copy is started at once."""
    run("worker", "--once")
    payout = approved()
    Continuity.objects.update(server="7000000000000000000/00000001/5")

    run("worker", "--once")

    assert (state().question, is_on()) == ("server", False)
    assert now(payout).status == PayoutStatus.APPROVED


# Putting a restore right


@pytest.fixture
def restore(office, olga, omar):
    """A restore that two people have begun."""
    joint = restores.propose(reason="Backup of 9:00", actor=olga)
    return restores.confirm(joint.pk, seen=restores.facts(), actor=omar)


def go_on(office, actor):
    return restores.go_on(office.client, office.account, actor=actor)


def confirm_all(actor):
    for name in CONFIRMATIONS:
        restores.confirm_step(name, seen=restores.standing(name).digest, actor=actor)


def test_g52_a_restore_pauses_at_once_and_is_begun_by_two(office, olga, omar):
    joint = restores.propose(reason="Backup of 9:00", actor=olga)
    assert not is_on()
    assert state().question == "restore"

    with pytest.raises(Refused):
        restores.confirm(joint.pk, seen=restores.facts(), actor=olga)
    with pytest.raises(Refused, match="a second person confirms"):
        switch.set_sending(True, reason="x", actor=olga, is_same_database=True)
    assert not Restore.objects.exists()

    begun = restores.confirm(joint.pk, seen=restores.facts(), actor=omar)
    assert (begun.proposed_by, begun.confirmed_by) == (olga.person, omar.person)
    with pytest.raises(Refused, match="already"):
        restores.propose(reason="Again", actor=olga)


def test_g52_a_restore_that_is_declined_asks_what_was_asked_before(gap, office, run, olga, omar):
    run("worker", "--once")
    office.clock.forward(hours=5)
    run("worker", "--once")
    joint = restores.propose(reason="Perhaps", actor=olga)

    restores.withdraw(joint.pk, actor=omar)

    assert (state().question, is_on()) == ("gap", False)
    assert "5 h" in Switch.objects.get(pk=1).words


def test_g52_after_a_restore_every_approval_is_void(office, restore, omar):
    waiting, first, sent = PayoutFactory(), PayoutFactory(), approved()
    Restore.objects.update(last_number=sent.number)
    office.approve(first)
    untouched = event_types(waiting)

    go_on(office, omar)

    assert now(sent).status == PayoutStatus.PENDING
    assert event_types(sent)[-1] == "void"
    assert not Payout.objects.filter(approvals__voided_at=None, approvals__isnull=False).exists()
    assert event_types(waiting) == untouched
    assert sent.events.get(event_type="void").reason_code == "restored"


def test_g52_what_was_under_way_is_not_sent_again_on_approvals_of_before(
    office, sandbox, olga, omar
):
    """Heleket never had it: a repeat needs approvals, and those are void."""
    payout = approved()
    sandbox.faults.add("drop", path="/v1/payout")
    office.submit()
    assert now(payout).status == PayoutStatus.SUBMITTING
    joint = restores.propose(reason="Backup", actor=olga)
    restores.confirm(joint.pk, seen=restores.facts(), actor=omar)
    go_on(office, omar)
    confirm_all(omar)
    switch.set_sending(True, reason="Put right", actor=omar)
    calls = len(creates(sandbox))

    office.work(hours=2)

    assert len(creates(sandbox)) == calls
    assert now(payout).status == PayoutStatus.SUBMITTING
    assert not Discrepancy.objects.exists()


def test_g52_after_a_restore_sessions_links_keys_and_the_epoch_are_over(
    office, people, client, omar, olga
):
    uma = Actor.staff(StaffFactory(username="uma", roles=["User manager"]), Channel.ADMIN)
    key, _text = usable_key(name="Portal", scopes=["payouts:read"], actor=uma)
    token = links.make(people["amira"], made_by=None)
    client.force_login(people["olga"])
    epoch = Feed.objects.get_or_create(pk=1)[0].epoch
    joint = restores.propose(reason="Backup", actor=olga)
    restores.confirm(joint.pk, seen=restores.facts(), actor=omar)

    go_on(office, omar)

    assert not Session.objects.exists()
    assert ApiKey.objects.get(pk=key.pk).revoked_at == office.clock()
    with pytest.raises(Refused):
        links.find(token)
    assert Feed.objects.get().epoch != epoch


def test_g52_sending_is_resumed_only_when_nothing_is_left(office, restore, olga, omar, run):
    go_on(office, omar)
    for name in CONFIRMATIONS:
        with pytest.raises(Refused) as refused:
            switch.set_sending(True, reason="Now", actor=olga)
        assert str(CONFIRMATIONS[name].title) in str(refused.value)
        restores.confirm_step(name, seen=restores.standing(name).digest, actor=olga)

    assert not is_on()
    assert Restore.objects.get().ended_at
    assert desk_events()[-1] == "end_restore"
    switch.set_sending(True, reason="Now", actor=olga)
    payout = approved()
    run("worker", "--once")
    assert now(payout).status == PayoutStatus.BROADCAST


def test_g52_what_changed_since_it_was_looked_at_is_not_confirmed(office, restore, olga):
    seen = restores.standing("people").digest
    StaffFactory(username="new", roles=["Approver"])

    with pytest.raises(Refused, match="changed since you looked"):
        restores.confirm_step("people", seen=seen, actor=olga)
    assert not restore.steps.exists()


def test_g52_a_restore_that_was_killed_in_the_middle_goes_on(office, restore, omar, monkeypatch):
    """Between two chunks, and between the steps; what was done is not done again."""
    payouts = [approved() for _ in range(3)]
    Restore.objects.update(last_number=payouts[-1].number)
    monkeypatch.setattr(restores, "CHUNK", 1)
    times = iter([True, True, False])
    restores.go_on(office.client, office.account, actor=omar, has_time=lambda: next(times))
    assert [now(each).status for each in payouts].count("pending") == 2
    assert not restore.steps.exists()

    office.sandbox.faults.add("500", path=LISTED)
    with pytest.raises(Refused):
        go_on(office, omar)
    names = set(restore.steps.values_list("name", flat=True))
    assert "approvals" in names
    assert "reconcile" not in names

    go_on(office, omar)
    go_on(office, omar)
    steps = list(DeskEvent.objects.filter(event_type="restore_step"))
    assert len(steps) == len({each.facts["step"] for each in steps}) == len(names) + 1
    assert [event_types(each).count("void") for each in payouts] == [1, 1, 1]


def test_g52_a_second_restore_follows_one_that_is_over(office, restore, olga, omar):
    go_on(office, omar)
    confirm_all(omar)

    joint = restores.propose(reason="Another backup", actor=omar)
    restores.confirm(joint.pk, seen=restores.facts(), actor=olga)

    assert Restore.objects.filter(is_open=True).count() == 1
    with pytest.raises(IntegrityError), transaction.atomic():
        Restore.objects.update(is_open=True, ended_at=None)


def test_e10_after_a_restore_nothing_is_sent_before_heleket_was_compared(
    office, restore, olga, omar
):
    office.sandbox.faults.add("500", path=LISTED, times=2)
    for _ in range(2):
        with pytest.raises(Refused):
            go_on(office, omar)
    confirm_all(olga)
    late = approved()

    with pytest.raises(Refused, match="Compare with Heleket"):
        switch.set_sending(True, reason="Now", actor=olga)
    assert office.submit() == 0
    assert now(late).status == PayoutStatus.APPROVED
    assert not is_on()


def test_g3_what_was_paid_after_the_backup_is_not_paid_again(gap, office, run, people):
    """The same payout has the same order id, under which Heleket answers with the old one."""
    payout, uuid = paid_elsewhere(office)
    office.sandbox.calls.clear()  # what was sent from the desk that is lost
    debits = len(office.sandbox.ledger)
    run("worker", "--once")
    assert state().question == "unknown"

    run("after_restore", "--by=olga", "--reason=Backup of this morning")
    code, _text = run("after_restore", "--by=omar", "--confirm=begin")
    assert code == 2
    [found] = Discrepancy.objects.filter(kind="foreign")
    assert (found.key, found.payout) == (uuid, None)
    for name in CONFIRMATIONS:
        _code, text = run("after_restore", f"--show={name}", "--format=json")
        code, _text = run(
            "after_restore",
            "--by=olga",
            f"--confirm={name}",
            f"--seen={json.loads(text)['digest']}",
        )
    assert code == 0
    assert now(payout).status == PayoutStatus.PENDING
    run("resume_payouts", "--by=olga", "--reason=Put right")
    office.approve(payout)
    run("worker", "--once")

    assert state().is_checked
    waiting = now(payout)
    assert (waiting.status, waiting.reason_code) == (PayoutStatus.APPROVED, "unknown_there")
    assert not Attempt.objects.filter(payout=payout).exists()
    link(office, found, payout)
    assert now(payout).status == PayoutStatus.BROADCAST
    assert Attempt.objects.get(payout=payout).uuid == uuid
    run("worker", "--once")
    assert len(office.sandbox.ledger) == debits


@pytest.mark.usefixtures("run")  # the pages call Heleket by the same client
def test_g52_the_page_leads_through(office, people, client):
    page = reverse("admin:payouts_reconciliation_restore_changelist")
    urls = {
        name: reverse(f"admin:payouts_reconciliation_restore_{name}")
        for name in ("begin", "confirm", "withdraw", "act")
    }
    payout = approved()
    client.force_login(people["olga"])
    assert "No restore is being put right" in unmarked(client.get(page))
    client.post(urls["begin"], {"reason": "Backup <of> 9:00"})
    assert "Backup &lt;of&gt; 9:00" in unmarked(client.get(page))
    client.post(urls["confirm"], {"seen": restores.facts()})
    assert not Restore.objects.exists()  # nobody confirms their own
    assert now(payout).status == PayoutStatus.APPROVED

    client.force_login(people["omar"])
    client.post(urls["confirm"], {"seen": restores.facts()})
    assert now(payout).status == PayoutStatus.PENDING
    assert client.get(page).status_code == 302  # all sessions ended

    client.force_login(people["omar"])
    text = unmarked(client.get(page))
    assert "4 things left" in text
    for name in CONFIRMATIONS:
        look = reverse("admin:payouts_reconciliation_restore_look", args=[name])
        shown = client.get(look).context["form"].initial["seen"]
        client.post(look, {"seen": shown})
    assert "No restore is being put right" in unmarked(client.get(page))
    assert "Earlier ones" in unmarked(client.get(page))


def test_g52_the_page_acts_for_nobody_without_the_right(office, people, client):
    client.force_login(people["amira"])
    for name in ("changelist", "begin"):
        url = reverse(f"admin:payouts_reconciliation_restore_{name}")
        assert client.get(url).status_code == 403
    for name in ("confirm", "withdraw", "act"):
        url = reverse(f"admin:payouts_reconciliation_restore_{name}")
        assert client.post(url, {}).status_code == 403
    assert state().question == ""


def test_after_restore_only_reports_without_a_person(office, run):
    code, text = run("after_restore", "--dry-run")
    assert (code, "No restore is being put right" in text) == (0, True)
    with pytest.raises(CommandError, match="--by"):
        run("after_restore", "--reason=x")
    assert state().question == ""


def test_the_page_of_the_switch_takes_the_answer(gap, office, run, people, client):
    run("worker", "--once")
    office.clock.forward(hours=5)
    run("worker", "--once")
    client.force_login(people["olga"])
    restore = reverse("admin:payouts_reconciliation_restore_changelist")
    for page in ("payouts_payout_changelist", "payouts_controls_switch_changelist"):
        text = unmarked(client.get(reverse(f"admin:{page}")))
        assert "No worker was at work for 5 h" in text
        assert f'href="{restore}"' in text
    url = reverse("admin:payouts_controls_switch_set")
    shown = client.get(url).context["form"].initial
    assert "Put the restore right first" in unmarked(client.get(url))

    refused = client.post(url, {**shown, "reason": "Was off"})
    assert "No worker was at work" in unmarked(refused)
    assert not is_on()

    client.post(url, {**shown, "reason": "Was off", "is_same_database": "on"})
    assert is_on()
    assert state().seen_at == office.clock()
    assert timedelta() == office.clock() - state().seen_at
