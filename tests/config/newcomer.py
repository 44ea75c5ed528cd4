"""A newcomer who pastes the blocks of docs/quick-start.md into a shell, one after the other."""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

from tests.docs.pages import ROOT, Page

PAGE = Page(ROOT / "docs" / "quick-start.md")
END = "--- ended with"
PATIENCE = 600  # seconds; only a shell that hangs takes them


class Shell:
    """A bash that lives as long as the page is read, as that of a terminal does."""

    def __init__(self, folder):
        self.process = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            cwd=folder,
            env={name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.end = threading.Timer(PATIENCE, os.killpg, [self.process.pid, signal.SIGKILL])
        self.end.start()

    def paste(self, text, on_line=lambda line: None):
        """Run this, which has to end with 0, and return all that it wrote."""
        self.process.stdin.write(f"{text}\nprintf '\\n{END} %s\\n' $?\n")
        self.process.stdin.flush()
        lines, line = [], ""
        for line in self.process.stdout:
            if line.startswith(END):
                break
            lines.append(line)
            on_line(line)
        assert line.strip() == f"{END} 0", "".join(lines)
        return "".join(lines).strip()

    def close(self):
        """End it with all that it has started."""
        self.end.cancel()
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.communicate()


class Newcomer:
    """Reads the page, and has somebody who does in the Admin what it says."""

    def __init__(self, folder, printed, approver):
        """`printed` has the two lines of the demo for the API."""
        (folder / "docs").symlink_to(ROOT / "docs")
        (folder / ".venv").symlink_to(Path(sys.prefix))
        self.printed, self.approver, self.shell = printed, approver, Shell(folder)

    def follow(self):
        """Return what each block answered, in their order."""
        client, wallet, look, ask, wait, feed, script, fault, wait_again = sh_blocks()
        self.shell.paste(self.printed)
        answers = [self.answer(client), self.answer(wallet)]
        self.approver.approve_wallet("Ada Byron")
        answers += [self.answer(look), self.answer(ask)]
        self.approver.approve_payout(answers[-1]["number"])
        answers += [self.answer(wait), self.read_on(feed, "payout.paid")]
        assert [self.answer(each) for each in (client, wallet, ask)] == [*answers[:2], answers[3]]
        answers.append(self.shell.paste(script, self.do_as_it_says).splitlines())
        answers.append(self.answer(fault))
        self.approver.approve_payout(answers[-1]["number"])
        return [*answers, self.answer(wait_again)]

    def read_on(self, block, last):
        """Read the feed until its last event is of this type: it follows within a second."""
        while (found := self.answer(block))["results"][-1]["type"] != last:
            pass
        return found

    def answer(self, block):
        return json.loads(self.shell.paste(block))

    def do_as_it_says(self, line):
        words = line.strip().rstrip(".")
        if "approve the wallet of " in words:
            self.approver.approve_wallet(words.partition(" of ")[2])
        if "approve the payout " in words:
            self.approver.approve_payout(words.rpartition(" ")[2])


def sh_blocks():
    return [each.text for each in PAGE.snippets() if each.kind == "sh"]


def shown_answers():
    return [json.loads(each.text) for each in PAGE.snippets() if each.kind == "json"]
