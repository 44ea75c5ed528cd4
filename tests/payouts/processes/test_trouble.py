"""Real workers before a gateway, a database or an environment that is not what it should be."""

import re
import shutil
import subprocess
import sys

import pytest
from django.conf import settings
from django.db import connection

from payouts.controls.models import Switch
from payouts.gateway import continuity
from payouts.gateway.models import Binding
from payouts.models import Attempt, Payout
from tests.factories import StaffFactory
from tests.payouts.invariants import assert_chains_hold
from tests.payouts.processes.conftest import (
    ask_about,
    ask_all,
    assert_each_paid_once,
    count,
    database_url,
    until_all,
)
from tests.payouts.processes.cuts import Cutter, has_written, kind_of
from tests.payouts.processes.harness import ROOT, Process, until

pytestmark = pytest.mark.processes


def account_at(sandbox):
    return {
        "host": sandbox.url.partition("://")[2],
        "merchant_id": settings.HELEKET_MERCHANT_ID,
        "installation": settings.INSTALLATION,
    }


def test_a9_a_wrong_certificate_sends_nothing_and_keeps_all_waiting(
    make_approved, sandbox, environment, processes
):
    make_approved(3)
    Binding.objects.create(**account_at(sandbox), bound_at="2026-01-01T00:00:00Z")
    trusting = {name: str(ROOT / "tests/heleket/tls/ca.pem") for name in CA_VARIABLES}
    worker = Process("worker", module="manage", env={**environment, **trusting})
    processes.append(worker)

    until(lambda: "certificate" in continuity.state().trouble)  # Heleket's list comes first
    assert count(status="approved") == 3
    assert sandbox.calls() == 0
    assert not Attempt.objects.exclude(unanswered=[]).exists()
    assert "certificate" in worker.written
    assert_chains_hold()


CA_VARIABLES = ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"]


@pytest.mark.parametrize(
    "other",
    [
        {"installation": "copy"},
        {"merchant_id": "11111111-1111-4111-8111-111111111111"},
        {"host": "127.0.0.1:9"},
    ],
    ids=lambda other: next(iter(other)),
)
def test_g1_a_database_of_another_desk_sends_and_asks_nothing(
    other, make_approved, sandbox, start_worker
):
    """All that the worker has would work, and so the gateway would hear of it."""
    make_approved()
    Binding.objects.create(**account_at(sandbox) | other, bound_at="2026-01-01T00:00:00Z")
    worker = start_worker()

    assert worker.ends() == 1
    assert "This database belongs to" in worker.written
    assert "Nothing is sent and nothing is asked." in worker.written
    assert sandbox.calls() == 0
    assert count(status="approved") == 1


def test_g29_a_worker_with_a_mistyped_key_binds_nothing_and_waits(
    make_approved, sandbox, start_worker
):
    make_approved()
    mistyped = start_worker(HELEKET_API_KEY="mistyped")
    mistyped.once(lambda: mistyped.written.count("Heleket has not signed us in") > 1)
    assert mistyped.popen.poll() is None
    assert not Binding.objects.exists()
    mistyped.kill()

    start_worker("--once")
    until(lambda: count(status="broadcast"))
    assert Binding.objects.exists()
    assert sandbox.creates() == 1


LIVE = """\
SECRET_KEY=live-secret
HELEKET_PROJECT_URL=https://api.heleket.com
HELEKET_MERCHANT_ID=8b03432e-385b-4670-8d06-064591096795
HELEKET_API_KEY=live-payout-key
HELEKET_API_KEY_PREVIOUS=live-previous-key
HELEKET_PAYMENT_API_KEY=live-payment-key
SLACK_WEBHOOK_URL=https://hooks.slack.com/live-hook
DATABASE_URL=postgres://live-user@db.example.com/desk
"""
PRINT_LIVE = """
from config import environment
{start}
import os
print([name for name, value in os.environ.items() if "live-" in value or "heleket.com" in value])
"""


@pytest.mark.parametrize(
    ("start", "read"),
    [
        ("environment.use_made_up_values(); environment.read_env_file()", False),
        (
            "from config.demo import place; place.use_demo_values(); environment.read_env_file()",
            False,
        ),
        (
            "from config.demo import place; place.use_seed_values(); environment.read_env_file()",
            False,
        ),
        ("environment.read_env_file()", True),
    ],
    ids=["tests", "demo", "seed", "desk"],
)
def test_g1_live_keys_beside_manage_py_reach_no_demo_no_seed_and_no_test(start, read, tmp_path):
    shutil.copytree(ROOT / "config", tmp_path / "config")
    (tmp_path / ".env").write_text(LIVE)
    printed = subprocess.run(
        [sys.executable, "-c", PRINT_LIVE.format(start=start)],
        cwd=tmp_path,
        env={"PATH": "/usr/bin"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert ("HELEKET_API_KEY" in printed) == read
    assert read or printed == "[]\n"


def test_f1_the_database_connection_is_cut_at_every_message(
    make_approved, sandbox, start_worker, proxy, proxied
):
    """Each statement of a claim, a question and a record; each COMMIT also after it took effect."""
    cut = Cutter()
    proxy.judge = cut.judge
    [first] = make_approved()
    start_worker("--threads=1", entry="hasty", DATABASE_URL=proxied)
    until(lambda: ask_about(first) and len(cut.said) == 3)
    cut.said.clear()  # the policy is read once by a process: later transactions are shorter
    make_approved()
    until(lambda: ask_about(first) and len(cut.said) == 3)
    lengths = {kind: len(said) for kind, said in cut.said.items()}
    assert lengths.keys() == {"claim", "question", "record"}

    for kind, length in lengths.items():
        plans = [(number, "cut") for number in range(1, length)]
        for number, verdict in [*plans, (length - 1, "cut after")]:
            Switch.objects.update(is_on=False)  # so that no idle claim is cut
            make_approved()
            cut.arm(kind, number, verdict)
            Switch.objects.update(is_on=True)
            until(lambda: ask_about(first) and cut.is_over, every=0.05)

    # A cut question may have asked about a new payout too, and is lost for a long time.
    until(lambda: ask_all() and count(status="broadcast") == count(), every=0.2)
    assert_each_paid_once(sandbox)
    assert Payout.objects.count() == 2 + sum(lengths.values())


def test_f9_a_payout_that_always_breaks_does_not_stop_the_others(
    make_approved, sandbox, start_worker
):
    poison = make_approved(3)[1]
    refuse_word_of(poison)
    start_worker()

    until(lambda: count(status="broadcast") == 2)
    until(lambda: sandbox.state()["calls"].get("/v1/payout/info"))  # it is asked about again
    make_approved()
    until(lambda: count(status="broadcast") == 3)
    assert count(status="submitting") == 1
    assert set(sandbox.debits().values()) == {1}
    assert_chains_hold()


def refuse_word_of(poison):
    """Have the database refuse whatever Heleket says of one payout."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            CREATE FUNCTION poison() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN RAISE EXCEPTION 'poison' USING ERRCODE = 'data_exception'; END $$;
            CREATE TRIGGER poison BEFORE INSERT ON payouts_payoutevent FOR EACH ROW
            WHEN (NEW.payout_id = '{poison.pk}' AND NEW.event_type = 'accept')
            EXECUTE FUNCTION poison()
            """
        )


def test_a23_g14_i14_pause_returns_when_nothing_can_be_paid_any_more(
    make_approved, sandbox, start_worker, environment, processes
):
    make_approved(60)
    StaffFactory(username="olga", roles=["Operator"])
    sandbox.control("gate", mode="before")
    environment["HELEKET_TIMEOUT_SECONDS"] = "20"
    start_worker("--threads=16")
    until(lambda: sandbox.waiting() == 16)
    pause = Process("pause_payouts", "--by=olga", "--reason=Test", env=environment)
    processes.append(pause)
    until(lambda: not Switch.objects.get().is_on)
    assert pause.popen.poll() is None
    sandbox.control("gate", mode="open")

    assert pause.ends() == 0
    paid = sandbox.creates()
    assert re.search(r"It waited for \d+ calls; none is under way now\.", pause.written)
    assert not Attempt.objects.exclude(unanswered=[]).exists()
    assert count(status="broadcast") == paid
    assert count(status="approved") == 60 - paid > 0

    resume = Process("resume_payouts", "--by=olga", "--reason=Test", env=environment)
    processes.append(resume)
    assert resume.ends() == 0
    until_all("broadcast")
    assert_each_paid_once(sandbox)


def test_a14_a_worker_that_freezes_in_a_claim_holds_nobody_up(
    make_approved, sandbox, start_worker, environment, processes, proxy, database
):
    """Its transaction holds up stops and its payouts; the database ends it after a while."""
    make_approved(3)
    StaffFactory(username="olga", roles=["Operator"])
    address = database_url(database, port=proxy.port, frozen_seconds=2)
    frozen = start_worker(DATABASE_URL=address)
    met = []

    def judge(statement, transaction):
        if not met and kind_of([*transaction, statement]) == "claim" and has_written(transaction):
            met.append(statement)
            frozen.freeze()
        return "pass"

    proxy.judge = judge
    until(lambda: met)
    for command in ("pause_payouts", "resume_payouts"):
        turn = Process(command, "--by=olga", "--reason=Test", env=environment)
        processes.append(turn)
        assert turn.ends() == 0
    assert count(status="approved") == 3
    start_worker()
    until_all("broadcast")

    frozen.thaw()
    make_approved()
    until_all("broadcast")
    until(lambda: "the database failed, the step is repeated" in frozen.written)
    assert_each_paid_once(sandbox)
    assert sandbox.creates() == 4
