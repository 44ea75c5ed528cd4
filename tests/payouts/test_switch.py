"""Sending is paused of a coin, a network or a client alone: all else is sent."""

import json
from decimal import Decimal
from functools import partial
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from audit.actor import Actor, Channel
from audit.models import DeskEvent
from audit.refusals import NotAllowed, Refused
from payouts import outlook, submission
from payouts.controls import rates, switch
from payouts.controls.models import ALL, Scope, Switch
from payouts.explain import explain
from payouts.heartbeats import Heartbeat, Pulse
from payouts.models import PayoutStatus
from payouts.seen import see
from payouts.states import States
from tests.every_page import unmarked
from tests.factories import PayoutFactory, PayoutMethodFactory, StaffFactory, WalletFactory
from tests.payouts.rounds import now

pytestmark = pytest.mark.django_db

COIN, NETWORK = Scope(currency="USDT"), Scope(network="tron")
COIN_ON_NETWORK = Scope(network="tron", currency="USDT")
SCOPES = [COIN, NETWORK, COIN_ON_NETWORK]


@pytest.fixture
def operator(db):
    return StaffFactory(username="olga", roles=["Operator"])


@pytest.fixture
def set_sending(operator):
    return partial(switch.set_sending, reason="Odd", actor=Actor.staff(operator, Channel.ADMIN))


@pytest.fixture
def stopped(office):
    """A payout of USDT on TRON."""
    return PayoutFactory(status=PayoutStatus.APPROVED)


@pytest.fixture
def other(office):
    """A payout of another coin on another network, to another client."""
    PayoutMethodFactory(network="eth", currency="SHIB")
    office.sandbox.top_up("SHIB", "1000000000")
    rates.put_off(["SHIB"], office.clock())
    rates.take_over([rates.Said("SHIB", Decimal("0.00001"), office.clock())])
    wallet = WalletFactory(network="eth", address="0x52908400098527886E0F7030069857D2E4169EE7")
    fields = {"currency": "SHIB", "wallet": wallet, "amount": 250_000}
    return PayoutFactory(status=PayoutStatus.APPROVED, **fields)


@pytest.fixture
def run(operator):
    def run(name, *arguments):
        out = StringIO()
        call_command(name, "--by=olga", "--reason=Odd", *arguments, "--format=json", stdout=out)
        return json.loads(out.getvalue())

    return run


def state():
    return list(Switch.objects.order_by("pk").values()), DeskEvent.objects.count()


@pytest.mark.parametrize("named", ["--currency=usdt", "--network=TRON", "both", "client"])
def test_a23_a_pause_of_some_by_command_lets_the_others_go(run, office, stopped, other, named):
    options = {
        "both": ["--network=tron", "--currency=USDT"],
        "client": [f"--client={stopped.client.external_id}"],
    }.get(named, [named])

    report = run("pause_payouts", *options)
    assert (report["paused"], report["is_new"], report["under_way"]) == (True, True, 0)
    assert run("pause_payouts", *options)["is_new"] is False
    office.work(minutes=5)

    assert office.sandbox.order_ids == [other.order_id("test")]
    assert now(stopped).status == PayoutStatus.APPROVED
    waits = explain(now(stopped))
    assert (waits.waiting_for, waits.who) == ("switch", "An operator can resume sending.")
    assert "is paused: Odd" in unmarked_text(waits.sentence)

    assert run("resume_payouts", *options)["is_new"] is True
    office.work(minutes=5)
    assert now(stopped).status == PayoutStatus.CONFIRMED
    assert [each.title for each in DeskEvent.objects.filter(person__username="olga")] == [
        "Sending paused",
        "Sending resumed",
    ]


def unmarked_text(text):
    return text.translate({0x2068: None, 0x2069: None})


def test_a_dry_run_changes_nothing(run, office, stopped, set_sending):
    submission.claim(1, office.account)
    before = state()
    assert run("pause_payouts", "--currency=USDT", "--dry-run") == {
        "paused": False,
        "is_new": False,
        "under_way": 1,
        "left": 1,
        "currency": "USDT",
    }
    assert state() == before

    set_sending(False, scope=COIN)
    before = state()
    assert run("resume_payouts", "--currency=USDT", "--dry-run")["paused"] is True
    assert run("resume_payouts", "--dry-run")["paused"] is False
    assert state() == before


def test_each_switch_is_resumed_by_itself(office, stopped, set_sending):
    for scope in (ALL, COIN, NETWORK):
        assert set_sending(False, scope=scope)
    for scope in (NETWORK, ALL):
        assert set_sending(True, scope=scope)
        assert not set_sending(True, scope=scope)
        assert office.submit() == 0
    set_sending(True, scope=COIN)
    assert office.submit() == 1


@pytest.mark.parametrize("scope", SCOPES)
def test_i14_the_repeat_of_a_lost_call_obeys_the_switch_of_its_coin(
    office, stopped, set_sending, scope
):
    office.sandbox.drop_requests = True
    office.submit()
    office.sandbox.drop_requests = False
    set_sending(False, scope=scope)

    office.work(minutes=30)

    assert len(office.creates()) == 1
    assert (now(stopped).status, now(stopped).may_repeat) == (PayoutStatus.SUBMITTING, True)
    waits = explain(now(stopped))
    assert "is paused: Odd" in unmarked_text(waits.sentence)
    assert "sent again after a resume" in waits.next
    set_sending(True, scope=scope)
    office.work(minutes=5)
    assert now(stopped).status == PayoutStatus.CONFIRMED


def test_a_person_s_send_now_obeys_the_switch_of_a_coin_and_says_so(office, stopped, set_sending):
    set_sending(False, scope=COIN)
    [seen] = see([stopped])
    actor = Actor.staff(office.person("Operator"), Channel.ADMIN)

    outcome = submission.send_now(seen, office.client, office.account, actor=actor)

    assert not outcome.done
    assert "Sending of “USDT” is paused: Odd" in unmarked_text(outcome.text)
    assert office.sandbox.order_ids == []


def test_g14_a_pause_of_a_coin_waits_for_its_calls_alone(run, office, stopped, other, monkeypatch):
    calls = submission.claim(2, office.account).items
    of_coin = next(each for each in calls if each.payout_id == stopped.pk)

    def answer(_seconds):
        sent = submission.send(of_coin, office.client, timeout=office.account.timeout)
        submission.record([sent], office.account)

    monkeypatch.setattr("payouts.management.commands.pause_payouts.time.sleep", answer)

    report = run("pause_payouts", "--currency=USDT")

    assert (report["under_way"], report["left"]) == (1, 0)
    assert submission.calls_out() == submission.calls_out(Scope(network="eth")) == 1


@pytest.mark.parametrize("command", ["pause_payouts", "resume_payouts"])
@pytest.mark.parametrize(
    ("options", "refusal"),
    [
        (["--currency=USTD"], "This desk pays nothing of the kind"),
        (["--network=eth", "--currency=USDT"], "This desk pays nothing of the kind"),
        (["--client=nobody"], "There is no client “nobody”"),
        (["--client=nobody", "--currency=USDT"], "Name a client, or"),
    ],
)
def test_what_there_is_not_is_not_paused(run, usdt, command, options, refusal):
    before = state()
    with pytest.raises(CommandError, match=refusal):
        run(command, *options)
    assert state() == before


def test_a_switch_of_less_takes_the_right_and_a_reason(usdt, set_sending):
    approver = Actor.staff(StaffFactory(roles=["Approver"]), Channel.ADMIN)
    before = state()
    with pytest.raises(NotAllowed):
        set_sending(False, scope=COIN, actor=approver)
    with pytest.raises(Refused):
        set_sending(False, scope=COIN, reason=" ")
    assert state() == before


def test_there_is_one_switch_of_each_scope_and_none_of_a_mixture(usdt, set_sending):
    set_sending(False, scope=COIN)
    client = WalletFactory().client
    set_sending(False, scope=Scope(client_id=client.pk))
    for fields in (
        {"currency": "USDT"},
        {"client": client},
        {"client": client, "currency": "TRX"},
        {},
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            Switch.objects.create(pk=99, **fields)


# Pages


@pytest.fixture
def browser(client, operator):
    client.force_login(operator)
    return client


def url(name, *arguments):
    return reverse(f"admin:payouts_controls_switch_{name}", args=arguments)


def test_a23_a_coin_is_paused_and_resumed_on_the_desk_page_and_every_page_says_so(
    browser, office, stopped, other
):
    assert url("stop") in browser.get(url("changelist")).content.decode()
    form = {"network": "tron", "currency": "USDT", "reason": "Strange <fees>"}

    done = browser.post(url("stop"), form, follow=True)

    assert "Sending of “USDT on TRON” is paused: no new call starts. Still under way: 0." in (
        unmarked(done)
    )
    office.work(minutes=5)
    assert office.sandbox.order_ids == [other.order_id("test")]
    row = Switch.objects.get(currency="USDT")
    for address in (
        url("changelist"),
        reverse("admin:payouts_payout_changelist"),
        reverse("admin:payouts_payout_change", args=[stopped.pk]),
    ):
        text = unmarked(browser.get(address))
        assert "Sending of “USDT on TRON” is paused." in text
        assert "Strange &lt;fees&gt;" in text
    page = browser.get(url("set_one", row.pk))
    assert "Strange &lt;fees&gt;" in unmarked(page)
    fields = page.context["form"].initial | {"reason": "Explained"}
    resumed = browser.post(url("set_one", row.pk), fields, follow=True)
    assert "Sending of “USDT on TRON” is on." in unmarked(resumed)
    office.work(minutes=5)
    assert now(stopped).status == PayoutStatus.CONFIRMED


def test_a_page_that_names_neither_coin_nor_network_pauses_nothing(browser, usdt):
    before = state()
    refused = browser.post(url("stop"), {"network": "", "currency": "", "reason": "x"})
    assert "Choose a network, a coin, or both." in refused.content.decode()
    browser.post(url("stop"), {"network": "moon", "currency": "", "reason": "x"})
    browser.post(url("stop"), {"network": "tron", "currency": "", "reason": ""})
    assert browser.get(url("set_one", 404)).status_code == 404
    assert state() == before


def test_pages_of_switches_are_for_operators(client, usdt, set_sending):
    set_sending(False, scope=COIN)
    row, before = Switch.objects.get(currency="USDT"), state()
    client.force_login(StaffFactory(roles=["Policy manager", "Auditor"]))
    assert url("stop") not in client.get(url("changelist")).content.decode()
    for address in (url("stop"), url("set_one", row.pk)):
        assert client.get(address).status_code == 403
        form = {"to": "on", "seen": str(row.changed_at), "currency": "USDT", "reason": "x"}
        assert client.post(address, form).status_code == 403
    assert state() == before


def test_g72_an_old_page_does_not_resume_a_coin_that_was_paused_again(
    browser, usdt, clock, set_sending
):
    set_sending(False, scope=COIN)
    row = Switch.objects.get(currency="USDT")
    fields = browser.get(url("set_one", row.pk)).context["form"].initial | {"reason": "Mended"}
    for is_on in (True, False):
        clock.forward(minutes=1)
        set_sending(is_on, scope=COIN, reason="A break-in")
    before = state()

    refused = browser.post(url("set_one", row.pk), fields)

    assert "A break-in" in refused.content.decode()
    assert state() == before


def test_g14_the_desk_page_says_how_many_calls_of_what_is_paused_are_under_way(
    browser, office, stopped, other, set_sending
):
    submission.claim(2, office.account)
    set_sending(False, scope=COIN)
    set_sending(False, scope=Scope(client_id=PayoutFactory().client_id))

    text = unmarked(browser.get(url("changelist")))

    assert "1 call still under way: it may yet be paid" in text
    assert "no call under way" in text


def test_the_desk_page_takes_no_more_statements_for_more_stops(
    browser, office, stopped, set_sending
):
    def statements():
        with CaptureQueriesContext(connection) as counted:
            browser.get(url("changelist"))
        return len(counted)

    set_sending(False, scope=COIN)
    few = statements()
    for _ in range(5):
        set_sending(False, scope=Scope(client_id=WalletFactory().client_id))
    assert statements() == few


def test_who_sees_a_client_s_page_reads_that_its_payouts_are_stopped(
    client, browser, stopped, set_sending
):
    set_sending(False, scope=Scope(client_id=stopped.client_id), reason="Too many failed")
    row = Switch.objects.get(client=stopped.client)
    address = reverse("admin:wallets_client_change", args=[stopped.client_id])

    text = unmarked(browser.get(address))
    assert f"Sending to “{stopped.client}” is paused" in text
    assert "Too many failed" in text
    assert url("set_one", row.pk) in text
    assert "Too many failed" not in unmarked(
        browser.get(reverse("admin:wallets_client_change", args=[WalletFactory().client_id]))
    )
    client.force_login(StaffFactory(roles=["Support"]))
    assert "Too many failed" not in unmarked(client.get(address))


def test_a_confirmation_says_that_the_coin_is_paused(stopped, other, set_sending):
    set_sending(False, scope=COIN)
    Pulse(Heartbeat.Kind.WORKER).beat()
    [said] = outlook.when_sent([stopped], States.now(), None)
    assert "Sending of “USDT” is paused: Odd. It is sent once that is resumed." in (
        unmarked_text(said)
    )
    assert "paused" not in str(outlook.when_sent([other], States.now(), None))
