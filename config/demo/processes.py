"""The demo's three programs: started one after the other, stopped together."""

import signal
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import requests

from config.environment import BASE_DIR

READY_SECONDS = 120
STOP_SECONDS = 15
LAST_LINES = 15
STOPPING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Died(Exception):
    """A program ended by itself. The text has the last lines it wrote."""


class Processes:
    """Children in sessions of their own, so that Ctrl-C reaches this process alone.

    Each writes to `<name>.log` in `folder`. Leaving the block ends them, the last started first.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for number in STOPPING:
            signal.signal(number, signal.SIG_IGN)  # a second Ctrl-C would leave some running
        for process in reversed(self._running.values()):
            process.terminate()
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def start(self, name: str, *arguments: str) -> None:
        """Start Python with these arguments, in this process's environment."""
        with self._log(name).open("wb") as log:
            self._running[name] = subprocess.Popen(  # noqa: S603  # our own programs
                [sys.executable, *arguments],
                cwd=BASE_DIR,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait_for(self, url: str) -> None:
        """Return when something answers at this address. Raises Died."""
        give_up = time.monotonic() + READY_SECONDS
        with requests.Session() as session:
            session.trust_env = False
            while time.monotonic() < give_up:
                self.check()
                try:
                    session.get(url, timeout=5).raise_for_status()
                except requests.RequestException:
                    time.sleep(0.1)
                else:
                    return
        raise Died(f"Nothing answers at {url}. See the logs in {self._folder}.")

    def check(self) -> None:
        """Raise Died if one of them has ended."""
        for name, process in self._running.items():
            if process.poll() is not None:
                lines = self._log(name).read_text(errors="replace").splitlines()
                last = "\n".join(lines[-LAST_LINES:])
                raise Died(f"The {name} has ended, so the demo stops. It wrote:\n{last}")

    def _log(self, name: str) -> Path:
        return self._folder / f"{name}.log"
