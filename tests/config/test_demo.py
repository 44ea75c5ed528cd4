"""`manage.py demo` as a newcomer runs it, on a machine full of live values."""

import contextlib
import json
import os
import re
import shlex
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing, contextmanager
from pathlib import Path
from types import SimpleNamespace
from uuid import UUID

import pytest
import requests
from rich.console import Console

from benchmarks import stage
from config import environment
from config.demo.fill import APPLICATION_ID
from config.demo.people import PASSWORD
from config.demo.place import STATE
from config.management.commands import demo as demo_command
from tests.config.newcomer import Newcomer, shown_answers

pytestmark = pytest.mark.processes

SOURCES = ["manage.py", "config", "payouts", "wallets", "audit", "heleket"]
LIVE = dict.fromkeys(environment.VARIABLES, "live-value")
ADDRESS_IN_PYTHON = "TNhEFYcs7PgkwGbxDQgVFfwArQ1eoJ1Y4a"  # of docs/quick_start.py
POLICIES = (
    "SELECT number, drafted.username, approved.username, in_force_at "
    "FROM payouts_controls_policyversion "
    "LEFT JOIN auth_user AS drafted ON drafted.id = drafted_by_id "
    "LEFT JOIN auth_user AS approved ON approved.id = approved_by_id ORDER BY number"
)
PATIENCE = 600  # seconds; only a demo that hangs takes them


def copy_of_the_project(folder):
    for name in SOURCES:
        original = environment.BASE_DIR / name
        copy = shutil.copytree if original.is_dir() else shutil.copy
        copy(original, folder / name)
    lines = [f"{name}=live-value" for name in [*environment.VARIABLES, "SOMETHING_ELSE"]]
    (folder / ".env").write_text("\n".join(lines))
    (folder / ".demo").mkdir()
    (folder / ".demo/sandbox-port").write_text(str(stage.free_port()))  # others may run demos, too
    return folder


class Demo:
    """A running demo, with the lines it has written so far."""

    def __init__(self, project):
        environ = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        self.project, self.lines = project, []
        self.process = subprocess.Popen(
            [sys.executable, "-u", "manage.py", "demo"],
            cwd=project,
            env=environ | LIVE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.append(line)  # others read while it grows

    @property
    def text(self):
        return "".join(self.lines)

    def address(self, name):
        found = eventually(
            lambda: re.search(rf"^{name} +(http\S+)$", self.text, re.MULTILINE), self
        )
        return found[1]

    def children(self):
        found = {}
        for name in ("heleket_sandbox", "gunicorn", "worker"):
            listed = subprocess.run(
                ["pgrep", "-P", str(self.process.pid), "-f", name], stdout=subprocess.PIPE
            )
            found[name] = int(listed.stdout.split()[0])
        return found

    def ask(self, query):
        with closing(sqlite3.connect(self.project / ".demo/desk.sqlite3")) as database:
            return database.execute(query).fetchone()

    def end(self, number=signal.SIGINT):
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(number)
        try:
            code = self.process.wait(PATIENCE)
        finally:
            self.process.kill()  # one that hangs
        self.reader.join(PATIENCE)
        self.process.stdout.close()
        return code


def eventually(look, demo):
    """Return what `look` finds, once it finds something."""
    give_up = time.monotonic() + PATIENCE
    while not (found := look()):
        assert demo.process.poll() is None, demo.text
        assert time.monotonic() < give_up, demo.text
        time.sleep(0.05)
    return found


@contextmanager
def started(project):
    demo = Demo(project)
    try:
        yield demo
    finally:
        demo.end()


@contextmanager
def running(project):
    with started(project) as demo:
        demo.address("Sandbox")
        yield demo


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """A first start, by which it is filled, what a newcomer saw of it, and how it ended."""
    project = copy_of_the_project(tmp_path_factory.mktemp("desk"))
    with running(project) as demo:
        children = demo.children()
        seen = SimpleNamespace(
            project=project,
            environs=[Path(f"/proc/{pid}/environ").read_text() for pid in children.values()],
            host=demo.ask("SELECT host FROM payouts_gateway_binding"),
            statuses=statuses(demo),
            numbers={number for [number] in rows(demo, "SELECT number FROM payouts_payout")},
            people={login for [login] in rows(demo, "SELECT username FROM auth_user")},
            policies=rows(demo, POLICIES),
            docs=requests.get(demo.address("API docs"), timeout=30),
            paid=approve_one(demo),
            asked=ask_by_the_printed_line(demo),
            followed=follow_the_quick_start(demo, tmp_path_factory.mktemp("repository")),
        )
        seen.payouts, seen.code = payouts(demo), demo.end()
        seen.left = [name for name, pid in children.items() if is_alive(pid)]
    return seen


@pytest.fixture
def project(first, tmp_path):
    return shutil.copytree(first.project, tmp_path / "desk")


def is_alive(pid):
    return Path(f"/proc/{pid}").exists()


def rows(demo, sql):
    with closing(sqlite3.connect(demo.project / ".demo/desk.sqlite3")) as database:
        return database.execute(sql).fetchall()


def statuses(demo):
    return dict(rows(demo, "SELECT status, count(*) FROM payouts_payout GROUP BY 1"))


def payouts(demo):
    return demo.ask("SELECT count(*) FROM payouts_payout")


def ask_by_the_printed_line(demo):
    """Do what the printed command for curl does, twice; return both answers."""
    line = eventually(lambda: re.search(r"^curl .*$", demo.text, re.MULTILINE), demo)[0]
    _curl, url, _data, body, *options = shlex.split(line)
    headers = dict(each.split(": ", 1) for each in options[1::2])
    return [requests.post(url, body, headers=headers, timeout=30) for _ in range(2)]


def follow_the_quick_start(demo, folder):
    """Do what docs/quick-start.md says, with the real curl; return what each block answered."""
    printed = "\n".join(re.findall(r"^(?:KEY|API)=\S+$", demo.text, re.MULTILINE))
    with log_in(demo, "amira") as session:
        newcomer = Newcomer(folder, printed, Approver(demo.address("Admin"), session))
        try:
            return newcomer.follow()
        finally:
            newcomer.shell.close()


def log_in(demo, login):
    session, address = requests.Session(), demo.address("Admin") + "login/?next=/admin/"
    assert address.startswith("http://localhost:")  # a browser gives passkeys to no IP address
    # A machine under load lets connections idle until the server closes the one about to be used.
    session.headers["Connection"] = "close"
    token = hidden(session.get(address).text, "csrfmiddlewaretoken")
    fields = {"username": login, "password": PASSWORD, "csrfmiddlewaretoken": token}
    assert "logout" in session.post(address, fields).text
    return session


def hidden(page, name):
    return re.search(rf'name="{name}" value="([^"]+)"', page)[1]


class Approver:
    """Amira at the Admin: she finds what waits for her, and confirms it."""

    def __init__(self, admin, session):
        self.admin, self.session = admin, session

    def approve_wallet(self, name):
        self.approve("wallets/wallet", name, r"/wallets/wallet/(\d+)/change/", "{}/act/approve/")

    def approve_payout(self, number):
        self.approve("payouts/payout", number, r"/payouts/payout/([0-9a-f-]{36})/", "{}/approve/")

    def approve(self, section, words, link, page):
        listed = self.session.get(f"{self.admin}{section}/", params={"q": words}).text
        [key] = set(re.findall(link, listed))
        asked = self.session.get(f"{self.admin}{section}/{page.format(key)}").text
        fields = {name: hidden(asked, name) for name in ("csrfmiddlewaretoken", "seen")}
        done = self.session.post(f"{self.admin}{section}/act/approve/", fields)
        assert done.ok


def approve_one(demo):
    """Approve a payout, wait for its end, and return the order id and uuid it was paid under."""
    query = (
        "SELECT id, number FROM payouts_payout WHERE status = 'pending' AND currency = 'USDT' "
        "ORDER BY number DESC"
    )
    [key, number] = demo.ask(query)
    for login in ("amira", "arno"):  # the policy of a fresh desk may ask for both
        with log_in(demo, login) as session:
            page = session.get(f"{demo.address('Admin')}payouts/payout/{UUID(key)}/approve/").text
            if 'name="seen"' not in page:
                continue
            fields = {name: hidden(page, name) for name in ("csrfmiddlewaretoken", "seen")}
            fields["reason"] = "The client has sent it as another one."
            session.post(f"{demo.address('Admin')}payouts/payout/act/approve/", fields)
    confirmed = f"SELECT 1 FROM payouts_payout WHERE number = {number} AND status = 'confirmed'"
    eventually(lambda: demo.ask(confirmed), demo)
    order_id, uuid = demo.ask(
        f"SELECT order_id, uuid FROM payouts_attempt WHERE payout_id = '{key}'"
    )
    webhook = f"SELECT 1 FROM payouts_webhookdelivery WHERE order_id = '{order_id}'"
    eventually(lambda: demo.ask(webhook), demo)
    return order_id, uuid


def test_g1_neither_env_file_nor_environment_reaches_the_demo(first):
    assert len(first.environs) == 3
    assert not any("live-value" in environ for environ in first.environs)
    assert all("PAYOUT_DESK_MADE_UP_VALUES" in environ for environ in first.environs)
    assert first.host[0].startswith("127.0.0.1:")


def test_g1_a_demo_database_with_a_live_url_sends_and_asks_nothing(project):
    live = {
        "SECRET_KEY": "a live secret key",
        "AUDIT_KEY": "a live audit key",
        "DATABASE_URL": f"sqlite:///{project}/.demo/desk.sqlite3",
        "HELEKET_PROJECT_URL": "https://gateway.invalid",
        "HELEKET_MERCHANT_ID": "live-merchant",
        "HELEKET_API_KEY": "live-key",
    }
    (project / ".env").unlink()

    worker = subprocess.run(
        [sys.executable, "manage.py", "worker", "--once"],
        cwd=project,
        env={"PATH": os.environ["PATH"]} | live,
        capture_output=True,
        text=True,
    )

    assert worker.returncode == 1
    assert "This database belongs to 127.0.0.1" in worker.stderr
    assert "Nothing is sent and nothing is asked" in worker.stderr


def test_a_newcomer_finds_payouts_in_every_status(first):
    assert first.statuses.keys() == {
        *("pending", "held", "approved", "submitting", "broadcast"),
        *("confirmed", "failed", "rejected", "cancelled"),
    }
    assert sum(first.statuses.values()) > 300


def test_two_policy_managers_put_its_policy_in_force_after_that_of_a_fresh_desk(first):
    """So that a newcomer can try what takes two, and nothing is older than what it follows."""
    assert [version[:3] for version in first.policies] == [(1, None, None), (2, "petra", "pavel")]
    [began, follows] = [in_force_at for *_who, in_force_at in first.policies]
    assert began < follows


def test_the_numbers_and_people_that_the_pages_name_are_there(first):
    pages = [environment.BASE_DIR / "README.md", *environment.BASE_DIR.glob("docs/*.md")]
    text = "\n".join(page.read_text() for page in pages)
    numbers = {int(number) for number in re.findall(r"\bP-(\d{3})\b", text)}
    people = {*re.findall(r"\*\*([a-z]+)\*\*, an? ", text), *re.findall(r"--by ([a-z]+)", text)}
    assert numbers
    assert numbers <= first.numbers
    assert {"amira", "omar"} <= people <= first.people


def test_an_approved_payout_is_confirmed_after_a_real_webhook(first):
    order_id, uuid = first.paid
    saved = json.loads((first.project / ".demo/sandbox.json").read_text())
    [paid] = [each for each in saved["payouts"] if each["order_id"] == order_id]
    assert (paid["uuid"], paid["status"]) == (uuid, "paid")


def test_the_printed_line_asks_for_a_payout_once(first):
    once, again = first.asked
    assert once.status_code == again.status_code == 201
    assert once.json() == again.json()
    assert once.json()["status"] == "requested"


def test_the_quick_start_leads_from_the_printed_key_to_a_confirmed_payout(first):
    client, wallet, active, asked, paid, feed, lines, fault, second = first.followed
    for answer, shown in zip((client, wallet), shown_answers(), strict=True):
        own = dict.fromkeys(["id", "created_at"] if answer is wallet else ["created_at"])
        assert answer | own == shown | own
    assert active == wallet | {"status": "active"}
    assert (asked["status"], asked["next"]) == ("requested", "approval")
    assert (paid["id"], paid["status"], bool(paid["txid"])) == (asked["id"], "paid", True)
    assert feed["results"][-1]["type"] == "payout.paid"
    assert feed["results"][-1]["data"]["txid"] == paid["txid"]
    assert (fault["payout"], fault["fault"]) == (second["id"], "lost_answer")
    assert (second["status"], second["amount"]) == ("paid", "30")
    assert lines[-1].endswith(": the client has the money.")
    saved = json.loads((first.project / ".demo/sandbox.json").read_text())["payouts"]
    for address, amounts in [(wallet["address"], 2), (ADDRESS_IN_PYTHON, 1)]:
        ends = [each["status"] for each in saved if each["address"] == address]
        assert ends == ["paid"] * amounts
    assert (first.docs.status_code, first.docs.url[-10:]) == (200, "/api/docs/")


def test_ctrl_c_stops_all_and_the_next_start_goes_on(first, project):
    assert first.code == 0
    assert first.left == []

    with running(project) as again:
        assert payouts(again) == first.payouts
        assert "Example data" not in again.text


@pytest.mark.django_db
def test_a_ctrl_c_that_python_drops_stops_it_all_the_same(monkeypatch):
    """What a handler raises in a callback of the garbage collector is printed and forgotten."""
    monkeypatch.setattr(demo_command, "is_stopping", threading.Event())
    rounds = iter(range(3))  # it raises StopIteration when it is asked once more

    def drop_a_signal():
        next(rounds)
        with contextlib.suppress(KeyboardInterrupt):
            demo_command.stop()

    with pytest.raises(KeyboardInterrupt):
        demo_command.follow(SimpleNamespace(check=drop_a_signal), Console(quiet=True))
    assert list(rounds) == [1, 2]


def test_when_one_program_dies_the_others_stop(project):
    with running(project) as demo:
        children = demo.children()

        os.kill(children["gunicorn"], signal.SIGKILL)

        demo.process.wait(PATIENCE)
        assert demo.end() == 1
    assert "The web has ended" in demo.text
    assert not any(map(is_alive, children.values()))


def test_a_taken_port_of_the_sandbox_is_named(project):
    port = int((project / ".demo/sandbox-port").read_text())
    with socket.create_server(("127.0.0.1", port)), started(project) as demo:
        demo.process.wait(PATIENCE)

    assert demo.end() == 1
    assert f"Port {port} is taken" in demo.text


def test_example_data_of_another_version_is_refused(tmp_path):
    project = copy_of_the_project(tmp_path)
    folder = project / ".demo"
    (folder / STATE.name).touch()
    with closing(sqlite3.connect(folder / "desk.sqlite3")) as older:
        older.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        older.execute("CREATE TABLE payouts_payout (id)")

    with started(project) as demo:
        demo.process.wait(PATIENCE)

    assert demo.end() == 1
    assert "is of another version. Remove that folder" in demo.text


def test_a_database_with_other_data_is_refused(tmp_path):
    project = copy_of_the_project(tmp_path)
    database = project / ".demo/desk.sqlite3"
    with closing(sqlite3.connect(database)) as other:
        other.execute("CREATE TABLE payouts_payout (id)")
    before = database.read_bytes()

    with started(project) as demo:
        demo.process.wait(PATIENCE)

    assert demo.end() == 1
    assert "holds other data" in demo.text
    assert database.read_bytes() == before
