"""Processes that start fast: forked from one that has imported what others made.

Nothing of the desk is imported there, and no settings are read: a process does all of that by
itself, in the environment that it is given.
"""

import contextlib
import multiprocessing
import os
import runpy
import signal
import subprocess
import sys

forks = multiprocessing.get_context("forkserver")
forks.set_forkserver_preload(["tests.payouts.processes.imports"])


class Popen:
    """`python -m MODULE ARGUMENTS` with what `subprocess.Popen` offers, as far as tests need it."""

    def __init__(self, module, arguments, **place):
        self.command = (module, *arguments)
        self.process = forks.Process(target=run, args=self.command, kwargs=place, daemon=True)
        self.process.start()
        self.pid = self.process.pid

    def poll(self):
        return self.process.exitcode

    def wait(self, timeout=None):
        self.process.join(timeout)
        if self.poll() is None:
            raise subprocess.TimeoutExpired(self.command, timeout)
        return self.poll()

    def send_signal(self, number):
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def kill(self):
        self.send_signal(signal.SIGKILL)


def run(module, *arguments, env, cwd, log, has_group):
    """Be that process from here on."""
    if has_group:
        os.setpgid(0, 0)
    output = os.open(log, os.O_WRONLY | os.O_APPEND)
    for each in (1, 2):
        os.dup2(output, each)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    sys.argv[1:] = arguments
    runpy.run_module(module, run_name="__main__", alter_sys=True)
