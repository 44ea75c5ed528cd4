"""Runs the snippets of a page in their order, as a reader would who types one after the other.

Python: all blocks of a page share a namespace. `# -> value` behind an expression is what it gives,
`# raises Name` behind a statement what it ends in. Shell: every program and every option must
exist; commands of the desk run in process, unless they serve until somebody stops them.
"""

import ast
import importlib.util
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Sequence
from io import StringIO
from typing import Any

import gunicorn.config
from django.core.management import call_command, get_commands, load_command_class

from tests.docs.pages import ROOT, Snippet

Namespace = dict[str, Any]
Words = Sequence[str]

EXPECTED = re.compile(r"# (->|raises) (.+?)\s*$")
# These run until they are stopped, ask at a terminal, or change the tables: only read, not run.
ONLY_READ = {"demo", "heleket_sandbox", "make_first_staff", "migrate", "seed", "worker"}


class Broken(AssertionError):
    """A snippet does not do what its page says."""


def run(snippet: Snippet, namespace: Namespace) -> None:
    """Run one snippet. Raises Broken, or whatever the snippet itself raises."""
    if snippet.kind not in KINDS:
        raise Broken(f"line {snippet.line}: nobody knows how to run {snippet.kind!r}")
    try:
        KINDS[snippet.kind](snippet, namespace)
    except Exception as exc:
        exc.add_note(f"in {snippet.page.name}, the snippet of line {snippet.line}")
        raise


# Python


def run_python(snippet: Snippet, namespace: Namespace) -> None:
    lines = snippet.text.split("\n")
    marks = {at: found for at, line in enumerate(lines, 1) if (found := EXPECTED.search(line))}
    for statement in ast.parse(snippet.text).body:
        mark = marks.pop(statement.end_lineno or 0, None)
        ast.increment_lineno(statement, snippet.line)  # tracebacks show the line of the page
        run_statement(statement, mark, snippet, namespace)
    if marks:
        raise Broken(f"line {snippet.line}: expected of no statement: {sorted(marks)}")


def run_statement(
    statement: ast.stmt, mark: re.Match[str] | None, snippet: Snippet, namespace: Namespace
) -> None:
    name = str(snippet.page)
    if mark is None:
        exec(compile(ast.Module([statement], []), name, "exec"), namespace)
        return
    kind, expected = mark.groups()
    wanted = eval(expected, namespace)
    if kind == "raises":
        try:
            exec(compile(ast.Module([statement], []), name, "exec"), namespace)
        except wanted:
            return
        raise Broken(f"line {statement.lineno}: {expected} was not raised")
    if not isinstance(statement, ast.Expr):
        raise Broken(f"line {statement.lineno}: only an expression gives {expected}")
    value = eval(compile(ast.Expression(statement.value), name, "eval"), namespace)
    if value != wanted:
        raise Broken(f"line {statement.lineno}: gives {value!r}, not {expected}")


# Shell


def run_shell(snippet: Snippet, _namespace: Namespace) -> None:
    for command in commands_of(snippet.text):
        run_command(command)


def commands_of(text: str) -> list[list[str]]:
    """Split a block into commands, each a list of words, without comments."""
    commands: list[list[str]] = []
    for line in text.replace("\\\n", " ").splitlines():
        words = shlex.split(line, comments=True)
        while "&&" in words:
            at = words.index("&&")
            commands.append(words[:at])
            words = words[at + 1 :]
        commands.append(words)
    return [words for words in commands if words]


def run_command(words: Words) -> None:
    if words[0] not in PROGRAMS:
        raise Broken(f"nobody knows how to run {shlex.join(words)}")
    PROGRAMS[words[0]](words)


def run_python_program(words: Words) -> None:
    match words[1:]:
        case ["manage.py", name, *arguments]:
            run_manage(name, arguments)
        case ["-c", _]:
            subprocess.run([sys.executable, *words[1:]], check=True, stdout=subprocess.DEVNULL)
        case ["-m", "venv", ".venv"]:
            pass
        case _:
            raise Broken(f"nobody knows how to run {shlex.join(words)}")


def run_manage(name: str, arguments: Words) -> None:
    """Run a command of the desk. It must end with 0."""
    if name == "demo" and arguments[:1] and not arguments[0].startswith("-"):
        name, *arguments = arguments  # with the data of the demo
    if name not in get_commands():
        raise Broken(f"there is no command {name}")
    read_arguments(name, arguments)
    if name in ONLY_READ:
        return
    out = StringIO()
    try:
        call_command(name, *arguments, stdout=out)
    except SystemExit as exc:
        if exc.code:
            raise Broken(f"{name} ends with {exc.code}: {out.getvalue()}") from exc


def read_arguments(name: str, arguments: Words) -> None:
    app = get_commands()[name]
    command = load_command_class(app, name) if isinstance(app, str) else app
    command.create_parser("manage.py", name).parse_args(list(arguments))  # or CommandError


def check_make(words: Words) -> None:
    makefile = (ROOT / "Makefile").read_text()
    for word in words[1:]:
        name, is_variable, _ = word.partition("=")
        known = rf"^{re.escape(name)} *\?=" if is_variable else rf"^{re.escape(name)}:"
        if not re.search(known, makefile, re.MULTILINE):
            raise Broken(f"the Makefile has no {name}")


def check_gunicorn(words: Words) -> None:
    found = gunicorn.config.Config().parser().parse_args(list(words[1:]))
    if importlib.util.find_spec(*found.args) is None:
        raise Broken(f"there is no {found.args}")


def check_pip(words: Words) -> None:
    _, *arguments = words
    match arguments:
        case ["install", "--require-hashes", "-r", file] if (ROOT / file).is_file():
            pass
        case _:
            raise Broken(f"nobody knows how to run {shlex.join(words)}")


def check_clone(words: Words) -> None:
    if words[1] != "clone":
        raise Broken(f"nobody knows how to run {shlex.join(words)}")


def check_install(words: Words) -> None:
    path = words[-2]
    if not (ROOT / path).is_file():
        raise Broken(f"there is no {path}")


PROGRAMS: dict[str, Callable[[Words], None]] = {
    "make": check_make,
    "python3": run_python_program,
    ".venv/bin/python": run_python_program,
    ".venv/bin/pip": check_pip,
    ".venv/bin/gunicorn": check_gunicorn,
    "git": check_clone,
    "install": check_install,
    "cd": lambda _words: None,
}
KINDS: dict[str, Callable[[Snippet, Namespace], None]] = {"python": run_python, "sh": run_shell}
