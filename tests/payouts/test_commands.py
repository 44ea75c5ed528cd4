"""The command line: what each command does, says, refuses and ends with."""

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

import heleket
from audit.models import DeskEvent
from payouts import operations, submission
from payouts.controls.models import Switch
from payouts.gateway import accounts
from payouts.gateway.models import Binding
from payouts.management import base
from payouts.models import Payout, PayoutStatus
from payouts.seen import see
from tests.factories import PayoutFactory, StaffFactory, put_off_price_list

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("usdt")]


@pytest.fixture
def run(heleket_client, monkeypatch):
    """Run a command over the sandbox; returns its exit code and what it printed."""
    monkeypatch.setattr(accounts, "heleket_client", lambda: heleket_client)

    def run(*arguments):
        out, code = StringIO(), 0
        try:
            call_command(*arguments, stdout=out)
        except SystemExit as exc:
            code = exc.code
        return code, out.getvalue()

    return run


@pytest.fixture
def run_json(run):
    def run_json(*arguments):
        code, text = run(*arguments, "--format=json")
        return code, json.loads(text)

    return run_json


@pytest.fixture
def operator(db):
    return StaffFactory(roles=["Operator"], username="olga")


def approved(**fields):
    return PayoutFactory(status=PayoutStatus.APPROVED, **fields)


def status_of(payout):
    return Payout.objects.get(pk=payout.pk).status


def facts():
    """Everything that a refused or tried act must leave as it was."""
    rows = Payout.objects.order_by("pk").values()
    events = DeskEvent.objects.values_list("event_type", flat=True)
    return list(rows), list(events), Switch.objects.values().get()


# Sending and asking


def test_submit_sends_what_is_due(run_json, sandbox):
    payout = approved()

    code, report = run_json("submit_payouts")

    assert code == 0
    assert report["dry_run"] is False
    assert [(row["number"], row["done"]) for row in report["payouts"]] == [(payout.number, True)]
    assert status_of(payout) == PayoutStatus.BROADCAST


def test_submit_as_a_dry_run_sends_nothing(run_json, sandbox, account):
    payout = approved()
    before = facts()

    code, report = run_json("submit_payouts", "--dry-run")

    assert code == 0
    assert report["dry_run"] is True
    assert report["payouts"][0]["text"] == (
        "Due: 5 USDT on TRON to TDD97yguPESTpcrJMqU6h2ozZbibv4Vaqm."
    )
    assert facts() == before
    assert sandbox.order_ids == []
    assert status_of(payout) == PayoutStatus.APPROVED


def test_submit_keeps_to_its_limit(run_json, sandbox):
    for _ in range(3):
        approved()

    code, report = run_json("submit_payouts", "--limit=2")

    assert code == 0
    assert len(report["payouts"]) == len(sandbox.order_ids) == 2


@pytest.mark.parametrize("command", ["submit_payouts", "check_payouts"])
@pytest.mark.parametrize("option", ["--limit", "--threads"])
@pytest.mark.parametrize("number", ["0", "-1", "9" * 20])
def test_a_command_takes_no_odd_numbers(command, option, number):
    with pytest.raises(CommandError, match=f"argument {option}: must be from 1 to 1,000,000,000"):
        call_command(command, f"{option}={number}", "--dry-run")


def test_submit_reports_what_was_not_sent(run, account, sandbox):
    sandbox.faults.add("forbidden")
    payout = approved()

    code, text = run("submit_payouts")

    assert code == 2
    assert f"P-{payout.number}: NOT DONE." in text
    assert "0 done, 1 not." in text
    assert status_of(payout) == PayoutStatus.APPROVED


def test_check_asks_and_sends_nothing(run_json, sandbox, clock):
    sent = approved()
    run_json("submit_payouts")
    waiting = approved()
    clock.forward(minutes=5)
    sandbox.run_due()

    code, report = run_json("check_payouts")

    assert code == 0
    assert [row["number"] for row in report["payouts"]] == [sent.number]
    assert status_of(sent) == PayoutStatus.CONFIRMED
    assert status_of(waiting) == PayoutStatus.APPROVED


def test_check_reports_a_difference(run, run_json, sandbox, clock):
    payout = approved()
    run_json("submit_payouts")
    sandbox.payouts[0].amount += 1
    clock.forward(minutes=5)

    code, text = run("check_payouts")

    assert code == 2
    assert f"P-{payout.number}: NOT DONE." in text


@pytest.mark.parametrize("command", ["worker", "submit_payouts", "check_payouts"])
def test_missing_credentials_are_named_and_nothing_is_sent(command, settings, usdt):
    settings.HELEKET_API_KEY = settings.HELEKET_MERCHANT_ID = ""
    payout = approved()

    with pytest.raises(CommandError, match="HELEKET_MERCHANT_ID and HELEKET_API_KEY"):
        call_command(command)

    assert status_of(payout) == PayoutStatus.APPROVED
    assert not Binding.objects.exists()


@pytest.mark.parametrize("command", ["worker", "submit_payouts", "check_payouts"])
@pytest.mark.parametrize("name", ["host", "merchant_id", "installation"])
def test_g1_the_database_of_another_account_sends_and_asks_nothing(
    command, name, run, account, sandbox
):
    payout = approved()
    Binding.objects.update(**{name: "else"})

    with pytest.raises(CommandError, match="belongs to else"):
        run(command)

    assert status_of(payout) == PayoutStatus.APPROVED
    assert not sandbox.calls


def test_worker_once_does_all_that_is_due(run, sandbox, clock, caplog):
    payout = approved()

    with caplog.at_level("INFO"):
        code, _text = run("worker", "--once")

    assert code == 0
    assert status_of(payout) == PayoutStatus.BROADCAST
    reading = (
        "1 fetch_balances, 1 seal_heads, 1 read_back, 2 reconcile, 1 fetch_rates, 1 sync_services"
    )
    done = f"1 submit, 1 feed, 1 write_rights, {reading}, 1 read_history"
    assert f"stopped; recorded {done} in all" in caplog.text


def test_a2_worker_first_asks_about_the_calls_that_the_one_before_it_lost(
    run, sandbox, clock, caplog
):
    approved()
    sandbox.faults.add("timeout", path="/v1/payout")
    run("submit_payouts")
    clock.forward(minutes=5)
    Payout.objects.update(due_at=clock() + timedelta(minutes=10))  # nor is any question due
    approved()
    put_off_price_list()
    sandbox.calls.clear()

    with caplog.at_level("INFO"):
        run("worker", "--once")

    paths = [call.path for call in sandbox.calls]
    assert sorted(paths[:2]) == ["/v1/payout/info", "/v1/payout/list"]
    assert paths[2:] == ["/v1/payout"]
    assert "asks Heleket about 1 calls without an answer before it sends" in caplog.text


# Acts of people


def test_cancel_ends_what_was_not_sent_and_refuses_what_heleket_has(run_json, operator, sandbox):
    sent = approved()
    run_json("submit_payouts")
    waiting = approved()
    names = [f"P-{sent.number}", str(waiting.pk)]

    code, report = run_json("cancel_payouts", *names, "--by=olga", "--reason=Wrong client")

    assert code == 2
    assert [row["done"] for row in report["payouts"]] == [False, True]
    assert "Heleket has it and cannot call it back" in report["payouts"][0]["text"]
    assert status_of(sent) == PayoutStatus.BROADCAST
    assert status_of(waiting) == PayoutStatus.CANCELLED
    event = waiting.events.get(event_type="cancel")
    assert (event.person, event.channel, event.reason) == (operator, "command", "Wrong client")


def test_cancel_as_a_dry_run_says_what_would_happen(run, operator):
    payout = approved()
    before = facts()

    code, text = run("cancel_payouts", str(payout.number), "--by=olga", "--reason=x", "--dry-run")

    assert code == 0
    assert f"P-{payout.number}: Cancelled. It was never sent." in text
    assert "nothing was changed" in text
    assert facts() == before


def test_cancel_keeps_to_its_limit(run_json, operator):
    numbers = [str(approved().number) for _ in range(3)]

    _code, report = run_json("cancel_payouts", *numbers, "--by=olga", "--reason=x", "--limit=2")

    assert [str(row["number"]) for row in report["payouts"]] == numbers[:2]
    assert Payout.objects.filter(status="cancelled").count() == 2


def test_retry_brings_back_what_was_not_paid(run_json, operator):
    failed, waiting = PayoutFactory(status=PayoutStatus.FAILED), PayoutFactory()
    numbers = [str(failed.number), str(waiting.number)]

    code, report = run_json("retry_payouts", *numbers, "--by=olga", "--reason=Try again")

    assert code == 2
    assert [row["done"] for row in report["payouts"]] == [True, False]
    assert Payout.objects.get(pk=failed.pk).generation == 2
    assert status_of(failed) == status_of(waiting) == PayoutStatus.PENDING


@pytest.mark.parametrize("command", ["cancel_payouts", "retry_payouts"])
@pytest.mark.parametrize(
    "name",
    [
        "999",
        "P-999",
        "P-",
        "-",
        "x' OR 1",
        "٣",
        "9" * 30,
        "7d2117c1-f2e7-4e10-bb8c-1fe062ab383f",
    ],
)
def test_an_unknown_payout_is_named_and_nothing_is_changed(command, name, operator):
    payout = approved()
    before = facts()

    with pytest.raises(
        CommandError, match=r"There is no payout .* Nothing was changed\."
    ) as refused:
        call_command(command, "--by=olga", "--reason=x", "--", str(payout.number), name)

    assert name in str(refused.value)
    assert facts() == before


@pytest.mark.parametrize("command", ["cancel_payouts", "retry_payouts"])
def test_acts_need_a_person_with_the_right_and_a_reason(command, operator):
    payout = approved()
    StaffFactory(username="anna", roles=["Auditor"])
    StaffFactory(username="gone", roles=["Operator"], is_active=False)
    before = facts()

    for options, refusal in [
        (["--by=anna", "--reason=x"], "do not have the right"),
        (["--by=gone", "--reason=x"], "no active user"),
        (["--by=olga", "--reason= "], "Say why"),
        (["--reason=x"], "--by"),
        (["--by=olga"], "--reason"),
    ]:
        with pytest.raises(CommandError, match=refusal):
            call_command(command, str(payout.number), *options)

    assert facts() == before


# Explaining


def test_explain_says_what_a_payout_waits_for(run, run_json):
    payout = approved()

    code, text = run("explain_payout", str(payout.number))
    assert code == 0
    assert f"P-{payout.number}, 5 USDT on TRON: Approved." in text
    assert "waits for the worker" in text

    code, report = run_json("explain_payout", str(payout.pk))
    assert code == 0
    assert set(report) == {
        *("number", "id", "status", "amount", "currency", "network", "generation", "is_linked"),
        *("reason_code", "reason"),
        *("effective", "waiting_for", "sentence", "since", "who", "next"),
    }
    assert report["waiting_for"] == "worker"


def test_explain_refuses_an_unknown_payout():
    with pytest.raises(CommandError, match=r"^There is no payout “404”\.$"):
        call_command("explain_payout", "404")


# The switch


def test_pause_stops_sending_until_resume(run, run_json, operator, sandbox):
    payout = approved()

    code, report = run_json("pause_payouts", "--by=olga", "--reason=Strange calls")
    assert code == 0
    assert report == {"paused": True, "is_new": True, "under_way": 0, "left": 0}
    run("submit_payouts")
    assert sandbox.order_ids == []
    code, explained = run_json("explain_payout", str(payout.number))
    assert (code, explained["waiting_for"], explained["status"]) == (0, "switch", "approved")
    assert explained["amount"] == f"{payout.amount:f}"
    assert (explained["currency"], explained["network"]) == (payout.currency, payout.network)

    assert run("resume_payouts", "--by=olga", "--reason=All well") == (0, "Sending goes on.\n")
    run("submit_payouts")
    assert len(sandbox.order_ids) == 1
    acts = DeskEvent.objects.filter(person=operator).order_by("number")
    assert [(event.event_type, event.reason) for event in acts] == [
        ("pause", "Strange calls"),
        ("resume", "All well"),
    ]


def test_g14_pause_waits_for_calls_and_says_how_many(
    run, operator, sandbox, clock, heleket_client, account, monkeypatch
):
    approved()
    approved()
    calls = submission.claim(2, account).items
    monkeypatch.setattr(
        "payouts.management.commands.pause_payouts.time.sleep",
        lambda _seconds: answer_next(calls, heleket_client, account),
    )

    code, text = run("pause_payouts", "--by=olga", "--reason=x")

    assert code == 0
    assert "It waited for 2 calls; none is under way now." in text
    assert calls == []


def answer_next(calls, client, account):
    submission.record([submission.send(calls.pop(), client, timeout=account.timeout)], account)


def test_g14_pause_ends_with_the_lease_of_a_lost_call(run, operator, clock, account, monkeypatch):
    approved()
    submission.claim(2, account)
    monkeypatch.setattr(
        "payouts.management.commands.pause_payouts.time.sleep",
        lambda _seconds: clock.forward(seconds=30),
    )

    assert run("pause_payouts", "--by=olga", "--reason=x")[0] == 0
    assert Payout.objects.get().attempts.get().lease_until <= clock()


def test_pause_with_no_wait_ends_at_once(run, operator, clock, account):
    approved()
    submission.claim(2, account)

    _code, text = run("pause_payouts", "--by=olga", "--reason=x", "--no-wait")

    assert "1 calls are still under way" in text


def test_pausing_twice_changes_nothing(run, operator, clock):
    run("pause_payouts", "--by=olga", "--reason=first")
    before = facts()

    _code, text = run("pause_payouts", "--by=olga", "--reason=second")

    assert "paused already" in text
    assert facts() == before


@pytest.mark.parametrize("command", ["pause_payouts", "resume_payouts"])
def test_the_switch_needs_a_person_with_the_right_and_a_reason(command, operator):
    StaffFactory(username="anna", roles=["Approver"])
    Switch.objects.update(is_on=command == "pause_payouts")
    before = facts()

    for by, reason, refusal in [
        ("anna", "x", "do not have the right"),
        ("nobody", "x", "no active user"),
        ("olga", " ", "Say why"),
    ]:
        with pytest.raises(CommandError, match=refusal):
            call_command(command, f"--by={by}", f"--reason={reason}")

    assert facts() == before


# heleket_check


def test_heleket_check_reports_the_account_of_the_database(run_json, account):
    code, report = run_json("heleket_check")

    assert code == 0
    [database] = [each for each in report["findings"] if each["about"] == "database"]
    assert database["state"] == "ok"
    assert "installation test" in database["sentence"]
    assert database["values"]["installation"] == "test"


@pytest.mark.parametrize(
    ("url", "code", "state"),
    [
        ("https://testserver/webhooks/heleket/", 0, "ok"),
        ("https://elsewhere.example/webhooks/heleket/", 2, "problem"),
        ("", 2, "problem"),
    ],
)
def test_g30_heleket_check_judges_the_callback_address(run_json, settings, url, code, state):
    settings.HELEKET_CALLBACK_URL = url

    ended, report = run_json("heleket_check")

    [callback] = [each for each in report["findings"] if each["about"] == "callback"]
    assert (ended, callback["state"]) == (code, state)
    assert "HELEKET_CALLBACK_URL" in callback["sentence"]


def test_g1_heleket_check_finds_the_database_of_another_account(run_json, account):
    Binding.objects.update(merchant_id="else")

    code, report = run_json("heleket_check")

    assert code == 1
    assert "belongs to else" in str(report["findings"])


def test_heleket_check_binds_nothing(run_json):
    assert run_json("heleket_check")[0] == 0
    assert not Binding.objects.exists()


def test_heleket_check_learns_how_heleket_says_not_found(run, operator, account, sandbox, capsys):
    sandbox.faults.add("not_found_text", rate=1, text="No such payout")

    run("heleket_check", "--learn", "--by=olga")

    assert "Restart worker and Celery" in capsys.readouterr().err  # their clients know the old ones
    assert Binding.objects.get().not_found_text == "No such payout"
    event = DeskEvent.objects.get(event_type="learn_not_found")
    assert (event.person, event.reason) == (operator, "No such payout")


@pytest.mark.parametrize("text", ["The terminal was not found", "Not enough funds: 3", ""])
def test_g6_words_of_other_refusals_are_never_learned(run, operator, account, sandbox, text):
    sandbox.faults.add("terminal", rate=1, path="/v1/payout/info", text=text or None)
    before = facts()

    with pytest.raises(CommandError, match="refuses something else"):
        run("heleket_check", "--learn", "--by=olga")

    assert Binding.objects.get().not_found_text == ""
    assert facts() == before


def test_learning_needs_a_person_with_the_right(run, account, sandbox):
    StaffFactory(username="anna", roles=["Approver"])
    sandbox.faults.add("not_found_text", rate=1, text="No such payout")

    with pytest.raises(CommandError, match="--by"):
        run("heleket_check", "--learn")
    with pytest.raises(CommandError, match="do not have the right"):
        run("heleket_check", "--learn", "--by=anna")

    assert Binding.objects.get().not_found_text == ""


def test_learned_words_reach_the_client(settings, account):
    Binding.objects.update(not_found_text="No such payout")

    with accounts.heleket_client() as client:
        assert client.not_found_texts == heleket.NOT_FOUND_TEXTS | {"No such payout"}


def test_explain_takes_an_order_id_of_any_generation(run_json, operator):
    payout = approved()
    run_json("submit_payouts")
    first = payout.order_id("test")
    Payout.objects.filter(pk=payout.pk).update(generation=2)

    assert run_json("explain_payout", first)[1]["number"] == payout.number
    assert run_json("explain_payout", first.upper())[1]["number"] == payout.number


def test_many_are_done_chunk_by_chunk(run_json, operator, monkeypatch):
    """Stopped in the middle, what was done stays done, and a repeat does the rest."""
    monkeypatch.setattr("audit.operations.CHUNK", 2)
    numbers = [str(approved().number) for _ in range(5)]
    calls = []
    load = operations.Cancel.load

    def stops(operation, rows, actor):
        calls.append(len(rows))
        if len(calls) == 2:
            raise KeyboardInterrupt
        return load(operation, rows, actor)

    with monkeypatch.context() as patch:
        patch.setattr(operations.Cancel, "load", stops)
        with pytest.raises(KeyboardInterrupt):
            run_json("cancel_payouts", *numbers, "--by=olga", "--reason=x")
    assert Payout.objects.filter(status="cancelled").count() == 2

    run_json("cancel_payouts", *numbers, "--by=olga", "--reason=x")
    assert Payout.objects.filter(status="cancelled").count() == 5


def test_a_right_that_is_lost_between_two_chunks_refuses_the_rest_and_reports_what_was_done(
    run_json, operator, monkeypatch
):
    monkeypatch.setattr("audit.operations.CHUNK", 2)
    payouts = sorted([approved() for _ in range(3)], key=lambda payout: payout.number)

    def see_and_lose_the_right(chunk):
        if len(chunk) == 1:
            operator.groups.clear()
        return see(chunk)

    monkeypatch.setattr(base, "see", see_and_lose_the_right)
    names = [str(payout.number) for payout in payouts]
    code, report = run_json("cancel_payouts", *names, "--by=olga", "--reason=Twice")

    assert code == 2
    assert [row["done"] for row in report["payouts"]] == [True, True, False]
    assert "right" in report["payouts"][2]["text"]
    assert [status_of(payout) for payout in payouts] == ["cancelled", "cancelled", "approved"]
