"""Real processes: the sandbox over TLS, workers of both engines, Redis, and a proxy before
PostgreSQL that cuts."""

import contextlib
import ctypes
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
from functools import partial
from pathlib import Path

import redis
import requests

from benchmarks import stage
from tests import canaries
from tests.payouts.processes import forks

ROOT = Path(__file__).parents[3]
TLS = ROOT / "tests" / "heleket" / "tls"
CERTIFICATE = str(TLS / "loopback.pem")
SECONDS = 60  # for what takes a moment: a loaded machine may take its time
# One call at most; the lease, the quiet time and all else follow from it.
TIMEOUT_SECONDS = 1.5


until = partial(stage.wait_until, seconds=SECONDS, every=0.02)


class Process:
    """A Django command in a process of its own; `written` is what it has said so far."""

    def __init__(self, *arguments, module="tests.payouts.processes.manage", env, has_group=False):
        self.log = tempfile.NamedTemporaryFile(prefix="desk-process-")  # noqa: SIM115  # see close
        self.popen = forks.Popen(
            module,
            arguments,
            env={**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings", **env},
            cwd=ROOT,
            log=self.log.name,
            has_group=has_group,
        )

    def once(self, condition):
        """Wait until it is ready; what never is, is ended, and shows what it wrote."""
        try:
            return until(condition)
        except BaseException:
            print(self.written)  # noqa: T201
            self.close()
            raise

    @property
    def written(self):
        return Path(self.log.name).read_text()

    @property
    def children(self):
        """The ids of the processes that do the work, where others do it."""
        me = self.popen.pid
        return [int(pid) for pid in Path(f"/proc/{me}/task/{me}/children").read_text().split()]

    def send(self, number):
        """Send a signal; one that freezes is waited for, as threads may run on for a moment."""
        self.popen.send_signal(number)
        if number == signal.SIGSTOP:
            until(lambda: self.threads_in("T"))

    def threads_in(self, state):
        """Whether all its threads are in this state, as proc(5) names it."""
        stats = Path(f"/proc/{self.popen.pid}/task").glob("*/stat")
        return all(each.read_text().rpartition(")")[2].split()[0] == state for each in stats)

    def freeze(self):
        self.send(signal.SIGSTOP)

    def thaw(self):
        self.send(signal.SIGCONT)

    def kill(self):
        self.popen.kill()
        self.popen.wait()

    def ends(self):
        """Wait for its end and return its exit code."""
        return self.popen.wait(timeout=SECONDS)

    def close(self):
        if self.popen.poll() is None:
            self.send(signal.SIGCONT)
            self.kill()
        self.log.close()


class Web(Process):
    """The desk's web server, once it listens."""

    def __init__(self, port, *, workers=2, env):
        self.url = f"http://127.0.0.1:{port}"
        options = [f"--workers={workers}", "--threads=8", f"--bind=127.0.0.1:{port}"]
        super().__init__(*options, "config.wsgi", module="gunicorn", env=env)
        self.once(lambda: "Listening at" in self.written)


class Sandbox(Process):
    """`manage.py heleket_sandbox`, driven through its control addresses."""

    def __init__(self, *options, tls=True):
        secured = ["--tls", CERTIFICATE, CERTIFICATE] if tls else []
        usual = ["--port=0", "--balance=USDT=1000000"]
        super().__init__(
            *usual, *secured, *options, module="tests.payouts.processes.sandbox", env={}
        )
        found = self.once(lambda: re.search(r"sandbox at (https?://\S+?:\d+)", self.written))
        self.url = found.group(1)
        self.session = requests.Session()
        self.session.trust_env, self.session.verify = False, str(TLS / "ca.pem")

    def control(self, name, /, **what):
        answer = self.session.post(f"{self.url}/sandbox/{name}", json=what, timeout=10)
        answer.raise_for_status()
        return answer.json()["result"]

    def state(self):
        return self.session.get(f"{self.url}/sandbox/state", timeout=SECONDS).json()

    def waiting(self):
        """How many creates the gate holds back now."""
        return self.state()["gate"]["waiting"]

    def debits(self):
        """How often each order id was paid, and that not given back."""
        return stage.debits(self.state()["ledger"])

    def creates(self):
        return self.state()["calls"].get("/v1/payout", 0)

    def calls(self):
        """How many there were, but for those by which a desk first asks to be signed in, and looks
        whether Heleket lists something that it does not know."""
        calls, at_start = self.state()["calls"], ("/v1/payout/services", "/v1/payout/list")
        return sum(count for path, count in calls.items() if path not in at_start)


class Celery(Process):
    """`celery worker` or `celery beat`, with all its children in a process group of its own."""

    def __init__(self, *arguments, env):
        super().__init__(
            *["-A", "config.celery", *arguments, "--loglevel=INFO"],
            module="tests.payouts.processes.celery",
            env=env,
            has_group=True,
        )

    @classmethod
    def worker(cls, *options, env, processes=2):
        quiet = ("--without-gossip", "--without-mingle", "--without-heartbeat")
        return cls("worker", f"--concurrency={processes}", *quiet, *options, env=env)

    @classmethod
    def beat(cls, *, env):
        return cls("beat", "--pidfile=", env=env)

    @property
    def is_ready(self):
        return bool(re.search(r"ready\.|beat: Starting", self.written))

    def freeze(self):
        os.killpg(self.popen.pid, signal.SIGSTOP)

    def thaw(self):
        os.killpg(self.popen.pid, signal.SIGCONT)

    def kill(self):
        """SIGKILL to all of them at once, as when their machine is lost."""
        with contextlib.suppress(ProcessLookupError):  # it may have no group yet
            os.killpg(self.popen.pid, signal.SIGKILL)
        super().kill()

    def close(self):
        self.kill()
        self.log.close()


class Redis:
    """A throw-away `redis-server` on a socket in a folder of its own; it can be lost and back."""

    def __init__(self):
        if not shutil.which("redis-server"):
            raise FileNotFoundError("NO REDIS: its tests need redis-server (apt install it)")
        self.folder = tempfile.mkdtemp(prefix="desk-redis-")
        socket_path = f"{self.folder}/redis.sock"
        password = canaries.BROKER_PASSWORD
        self.url = f"redis+socket://:{password}@{socket_path}"
        self.client = redis.Redis(unix_socket_path=socket_path, password=password)
        self.start()

    def start(self):
        options = ["--port", "0", "--unixsocket", f"{self.folder}/redis.sock", "--save", ""]
        options += ["--requirepass", canaries.BROKER_PASSWORD]
        self.popen = subprocess.Popen(
            ["redis-server", *options, "--dir", self.folder], stdout=subprocess.DEVNULL
        )
        try:
            until(self.answers)
        except BaseException:
            self.close()
            raise

    def answers(self):
        with contextlib.suppress(redis.ConnectionError):
            return self.client.ping()

    def flush(self):
        """Forget everything, the messages on their way included."""
        self.client.flushall()

    def lose(self):
        self.popen.kill()
        self.popen.wait()

    def close(self):
        self.lose()
        shutil.rmtree(self.folder, ignore_errors=True)


# A filter of packets with one instruction: keep 0 bytes of each.
SO_ATTACH_FILTER, SO_DETACH_FILTER = 26, 27
KEEP_NOTHING = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0))
TAKE_NOTHING = struct.pack("HP", 1, ctypes.addressof(KEEP_NOTHING))


class Proxy:
    """Stands before PostgreSQL and looks at each statement of its clients.

    `judge(statement, transaction)` gets a statement and those of its transaction so far. It says
    "pass", "cut" (the connection, before the statement), "cut after" (once the server has taken it,
    before its answer) or "swallow" (it never arrives, and the client waits).
    """

    def __init__(self, server):
        self.server, self.judge = server, lambda _statement, _transaction: "pass"
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.sockets = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _address = self.listener.accept()
                server = socket.socket(
                    socket.AF_UNIX if isinstance(self.server, str) else socket.AF_INET
                )
                server.connect(self.server)
                self.sockets += [client, server]
                mute = threading.Event()
                for work in (self.forward, self.give_back):
                    threading.Thread(target=work, args=(client, server, mute), daemon=True).start()

    def vanish(self):
        """Take no packet any more, as a host that lost its power: nothing is acknowledged."""
        for each in [self.listener, *self.sockets[::2]]:
            each.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, TAKE_NOTHING)

    def come_back(self):
        """Take new connections; of those before nobody knows anything."""
        self.listener.setsockopt(socket.SOL_SOCKET, SO_DETACH_FILTER, 0)

    def forward(self, client, server, mute):
        transaction = []
        with contextlib.suppress(OSError, EOFError), client.makefile("rb") as stream:
            server.sendall(read_message(stream, has_type=False))
            while True:
                message = read_message(stream, has_type=True)
                statement = message[5:-1].decode(errors="replace")
                if statement == "BEGIN":
                    transaction = []
                verdict = self.judge(statement, transaction) if message[:1] == b"Q" else "pass"
                transaction.append(statement)
                if verdict == "swallow":
                    stream.read()  # until the client is gone
                    break
                if verdict == "cut":
                    break
                if verdict == "cut after":
                    mute.set()
                    server.sendall(message)
                    server.recv(1)  # the server has answered
                    break
                server.sendall(message)
        hang_up(client, server)

    def give_back(self, client, server, mute):
        with contextlib.suppress(OSError):
            while True:
                chunk = b"" if mute.is_set() else peeked(server, mute)
                if not chunk:
                    break
                client.sendall(chunk)
        if not mute.is_set():
            hang_up(client, server)

    def close(self):
        self.listener.close()
        hang_up(*self.sockets)


def peeked(server, mute):
    """Receive, unless the answer is to be held back by then."""
    server.recv(1, socket.MSG_PEEK)
    return b"" if mute.is_set() else server.recv(65536)


def read_message(stream, *, has_type):
    head = stream.read(5 if has_type else 4)
    if len(head) < 4:
        raise EOFError
    rest = int.from_bytes(head[-4:], "big") - 4
    return head + stream.read(rest)


def hang_up(*sockets):
    for each in sockets:
        with contextlib.suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
        each.close()
