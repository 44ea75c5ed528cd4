"""What every benchmark plays on: a database of its own, a sandbox over TLS, processes, payouts."""

import os
import re
import socket
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import environ
import psycopg2
import requests

from config import environment

ROOT = Path(__file__).resolve().parent.parent
TLS = ROOT / "tests" / "heleket" / "tls"
CA_FILE, CERTIFICATE = TLS / "ca.pem", TLS / "loopback.pem"
DATABASE, LARGE_DATABASE = "desk_bench", "desk_bench_large"
CLIENTS = 50
LONG_AGO = timedelta(days=60)
ABOVE_ALL = {"above": "100000000000"}  # in the reference currency
TICKS = os.sysconf("SC_CLK_TCK")


@contextmanager
def database() -> Iterator[None]:
    """Set Django up on an empty database, on the server of DATABASE_URL or a throw-away one."""
    given = os.environ.get("DATABASE_URL", "")
    if not given.startswith("postgres"):
        from tests.engines import start_postgres

        given = start_postgres()
    url = f"{given.rpartition('/')[0]}/{DATABASE}"
    gone = [f"DROP DATABASE IF EXISTS {name} WITH (FORCE)" for name in (DATABASE, LARGE_DATABASE)]
    on_server(given, *gone, f"CREATE DATABASE {DATABASE}")
    environment.use_made_up_values(DATABASE_URL=url, INSTALLATION="b", PLAIN_HTTP="true")
    os.environ["HELEKET_CALLBACK_URL"] = ""  # nobody listens for webhooks here
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    import django
    from django.db import connection

    django.setup()
    begin_with_a_policy()
    try:
        yield
    finally:
        connection.close()
        on_server(given, *gone)


def empty() -> None:
    """Start over with an empty database: what is left of one benchmark would slow the next."""
    from django.core.management import call_command
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    call_command("migrate", verbosity=0)
    know_rates()


def begin_with_a_policy() -> None:
    """What it costs to look at rules and limits is in every figure."""
    from tests import policies

    policies.begin_with(policy_document())


def policy_document() -> dict[str, Any]:
    """Return the rules of a fresh desk, without its delay, and with sums and limits that hold
    nothing up."""
    from tests import policies

    rules = [
        {
            **rule,
            "count": 1,
            "if": {**asked, "amounts": dict.fromkeys(asked.get("amounts", {}), ABOVE_ALL)},
        }
        for rule in policies.STARTER["rules"]
        for asked in [rule.get("if", {})]
    ]
    limits = [
        {"of": of, "hours": hours, "at_most": ABOVE_ALL["above"]}
        for of, hours in [("client", 24), ("currency", 168), ("desk", 720)]
    ]
    document = {**policies.STARTER, "rules": rules, "limits": limits}
    return policies.with_values(document, delay_seconds=0)


def know_rates() -> None:
    from audit import clock
    from heleket.sandbox.catalogue import PRICES
    from tests import known_rates

    known_rates.store(PRICES, clock.now())


def on_server(url: str, *statements: str) -> None:
    fields = environ.Env.db_url_config(url)  # libpq reads the folder of a socket in another way
    names = {
        "NAME": "dbname",
        "USER": "user",
        "PASSWORD": "password",
        "HOST": "host",
        "PORT": "port",
    }
    connection = psycopg2.connect(**{names[key]: fields[key] for key in names if fields[key]})
    connection.autocommit = True
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
    connection.close()


def describe_server() -> dict[str, str]:
    from django.db import connection

    facts = {}
    with connection.cursor() as cursor:
        for name in ("server_version", "fsync", "synchronous_commit"):
            cursor.execute(f"SHOW {name}")
            facts[name] = cursor.fetchone()[0]
    return facts


# Processes


class Process:
    """A process in a group of its own, whose CPU time can be read."""

    def __init__(self, *command: str, **variables: str) -> None:
        self.popen = subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=ROOT,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            process_group=0,
        )

    def line(self) -> str:
        return self.popen.stdout.readline()

    def cpu_seconds(self) -> float:
        """Time on CPUs of all processes of the group, ended and waited-for ones included."""
        ticks = 0
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                fields = stat.read_text().rpartition(")")[2].split()
            except OSError:
                continue  # it ended meanwhile
            if int(fields[2]) == self.popen.pid:
                ticks += sum(map(int, fields[11:15]))
        return ticks / TICKS

    def wait_for_line(self, text: str) -> None:
        """Read on until it has written this. RuntimeError if it ends without."""
        output = ""
        while text not in output:
            if not (line := self.line()):
                raise RuntimeError(f"{self.popen.args} ended:\n{output}")
            output += line

    def kill(self) -> None:
        self.popen.kill()
        self.popen.communicate()

    def stop(self) -> str:
        """Ask it to stop, and return what it wrote. RuntimeError if it failed."""
        self.popen.terminate()
        output, _none = self.popen.communicate(timeout=60)
        if self.popen.returncode not in (0, -15):
            raise RuntimeError(f"{self.popen.args} failed:\n{output}")
        return output


@contextmanager
def running(*command: str, **variables: str) -> Iterator[Process]:
    process = Process(*command, **variables)
    try:
        yield process
    finally:
        process.stop()


def finish(*command: str) -> str:
    """Run a module to its end, and return what it wrote."""
    process = Process(*command)
    output, _none = process.popen.communicate(timeout=1800)
    if process.popen.returncode:
        raise RuntimeError(f"{command} failed:\n{output}")
    return output


def manage(*command: str) -> tuple[str, ...]:
    return ("benchmarks.manage", *command)


class Sandbox:
    """A local Heleket in a process of its own, over TLS on loopback."""

    def __init__(self, url: str) -> None:
        self.url = url

    def command(self, name: str, **what: object) -> None:
        answer = requests.post(f"{self.url}/sandbox/{name}", json=what, verify=CA_FILE, timeout=10)
        answer.raise_for_status()

    def set_latency(self, seconds: float) -> None:
        self.command("latency", seconds=seconds)

    def state(self) -> dict[str, Any]:
        return requests.get(f"{self.url}/sandbox/state", verify=CA_FILE, timeout=120).json()

    def debits(self) -> Counter[str]:
        return debits(self.state()["ledger"])


def debits(ledger: Iterable[dict[str, Any]]) -> Counter[str]:
    """Tell how often each order id was paid: what was given back is no longer paid."""
    times: Counter[str] = Counter()
    for entry in ledger:
        if entry["order_id"]:
            times[entry["order_id"]] += 1 if Decimal(entry["delta"]) < 0 else -1
    return +times


def second_debits(debits: Mapping[str, int]) -> dict[Any, int]:
    """Tell which payouts were paid too often, and how many times, under whatever order ids.

    Heleket executes an order id once, so being paid twice is being paid under two of them.
    """
    from payouts.models import Attempt

    paid: Counter[Any] = Counter()
    for order_id, payout in Attempt.objects.values_list("order_id", "payout"):
        paid[payout] += debits.get(order_id, 0)
    return {payout: times - 1 for payout, times in paid.items() if times > 1}


@contextmanager
def sandbox() -> Iterator[Sandbox]:
    certificate = str(CERTIFICATE)
    options = ("--port", "0", "--tls", certificate, certificate, "--pace", "864000")
    command = manage("heleket_sandbox", *options, "--balance", "USDT=100000000")
    with running(*command) as process:
        line = process.line()
        found = re.search(r"https://\S+?:\d+", line)
        if not found:
            raise RuntimeError(f"the sandbox did not start: {line}{process.popen.stdout.read()}")
        yield Sandbox(found.group())


def wait_until(done: Callable[[], Any], *, seconds: float = 60, every: float = 0.05) -> Any:
    """Return what `done` returns as soon as it is true; TimeoutError if it never is."""
    end = time.monotonic() + seconds
    while not (found := done()):
        if time.monotonic() > end:
            raise TimeoutError(f"not within {seconds} s: {done}")
        time.sleep(every)
    return found


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return listener.getsockname()[1]


def commit() -> str:
    """Name what is checked out, and say "dirty" if files differ from it."""
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    return done.stdout.strip() or "unknown"


# Payouts


def approver():
    from tests.factories import StaffFactory

    return StaffFactory(roles=["Approver"])


def wallets(count: int = CLIENTS):
    """Store clients, each with a wallet of some age at an address of its own."""
    from audit import clock
    from tests.factories import PayoutMethodFactory, StaffFactory, WalletFactory
    from wallets.encodings import encode_base58check
    from wallets.models import PayoutMethod

    if not PayoutMethod.objects.exists():
        PayoutMethodFactory()
    someone, long_ago = StaffFactory(roles=["Requester"]), clock.now() - LONG_AGO
    return [
        WalletFactory(
            added_by=someone,
            approved_by=someone,
            approved_at=long_ago,
            address=encode_base58check(b"\x41" + place.to_bytes(20)),
        )
        for place in range(1, count + 1)
    ]


def pending_payouts(count: int, wallets):
    """Store payouts as `request_payout` does, but many at once. No two of one client are alike."""
    from audit import clock
    from audit.actor import Actor, Channel
    from audit.operations import Change
    from payouts import transitions
    from payouts.models import EventType, MakerRole, Payout, PayoutMaker, PayoutNumber

    maker, now = wallets[0].added_by, clock.now()
    numbers = PayoutNumber.objects.bulk_create(PayoutNumber() for _ in range(count))
    payouts = []
    for place, number in enumerate(numbers):
        wallet = wallets[place % len(wallets)]
        payout = Payout(
            id=uuid.uuid4(),
            number=number.pk,
            client=wallet.client,
            wallet=wallet,
            network=wallet.network,
            address=wallet.address,
            currency="USDT",
            amount=Decimal(500 + number.pk * 7919 % 1009) / 100,
            purpose=f"Prize {number.pk}",  # of the same purpose they would be duplicates
            origin="manual",
            idempotency_key=f"manual:{number.pk}",
            requested_by=maker,
            requested_at=now,
            waiting_since=now,
        )
        payouts.append(payout)
    changes = [Change(payout) for payout in payouts]
    for each in changes:
        payout = each.row
        each.log_event(
            EventType.REQUEST, money=payout.money, network=payout.network, address=payout.address
        )
    transitions.add(changes, actor=Actor.staff(maker, Channel.ADMIN))
    roles = (MakerRole.REQUESTED, MakerRole.WALLET)
    PayoutMaker.objects.bulk_create(
        PayoutMaker(payout=payout, person=maker, role=role) for payout in payouts for role in roles
    )
    return payouts


@contextmanager
def day(number: int) -> Iterator[None]:
    """Let time stand still, so many days from now, at known rates."""
    from audit import clock

    now = clock.now() + timedelta(days=number)
    with clock.replaced(lambda: now):
        know_rates()
        yield


def pay(payouts) -> None:
    """Make history of payouts."""
    from audit import clock
    from payouts.models import Payout, PayoutStatus

    Payout.objects.filter(pk__in=[payout.pk for payout in payouts]).update(
        status=PayoutStatus.CONFIRMED,
        waiting_for="",
        due_at=None,
        finished_at=clock.now(),
    )


def vacuum() -> None:
    """Have the planner know what is stored."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def approved_payouts(count: int) -> None:
    """Store payouts that a worker may send, and have the planner know them."""
    from audit.actor import Actor, Channel
    from audit.operations import CHUNK, perform
    from payouts import operations
    from payouts.portal import feed
    from payouts.seen import see

    by, destinations = approver(), wallets()
    for _ in range(0, count, CHUNK):
        seen = see(pending_payouts(CHUNK, destinations))
        outcomes = perform(operations.APPROVE, seen, actor=Actor.staff(by, Channel.ADMIN))
        if refused := [each.text for each in outcomes if not each.done]:
            raise RuntimeError(f"not approved: {refused[0]}")
    while feed.take_up():  # as the worker of a desk that runs has, long before these are sent
        pass
    vacuum()
