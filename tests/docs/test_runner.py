"""A snippet that does not do what its page says is found."""

import pytest

from tests.docs.pages import ROOT, Page, Snippet
from tests.docs.snippets import Broken, run

BROKEN = {
    "another value": ("python", "1 + 1  # -> 3"),
    "a value of nothing": ("python", "def f():\n    1 + 1  # -> 2\n"),
    "a value of a statement": ("python", "a = 2  # -> 2"),
    "no error": ("python", "int('1')  # raises ValueError"),
    "another kind": ("text", "anything"),
    "no kind": ("", "anything"),
    "another program": ("sh", "rm -rf .demo"),
    "another command": ("sh", ".venv/bin/python manage.py pay_all"),
    "another target": ("sh", "make coffee"),
    "another variable": ("sh", "make seed LINES=5"),
    "another file": ("sh", "install -m 600 .env.sample .env"),
    "another module": ("sh", ".venv/bin/gunicorn config.asgi"),
}


@pytest.mark.parametrize(("kind", "text"), BROKEN.values(), ids=BROKEN)
def test_a_broken_snippet_is_found(kind, text):
    with pytest.raises(Broken):
        run(Snippet(ROOT / "page.md", 1, kind, text), {})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("import heleket\nheleket.Client", "has no attribute 'Client'"),
        ("heleket.payout_body(order='a')", "name 'heleket' is not defined"),
    ],
)
def test_an_error_of_a_snippet_is_not_swallowed(text, words):
    with pytest.raises(Exception, match=words):
        run(Snippet(ROOT / "page.md", 1, "python", text), {})


def test_an_option_that_a_command_does_not_have_is_found():
    snippet = Snippet(
        ROOT / "page.md", 1, "sh", ".venv/bin/python manage.py worker --thread-count 4"
    )
    with pytest.raises(Exception, match="unrecognized arguments"):
        run(snippet, {})


def test_blocks_of_a_page_share_what_they_have_defined(tmp_path):
    path = tmp_path / "page.md"
    path.write_text("# Sum\n\n```python\na = 1\n```\n\nand\n\n```python\na + 1  # -> 2\n```\n")
    first, second = Page(path).snippets()
    namespace = {}

    run(first, namespace)
    run(second, namespace)

    assert (first.line, second.line, namespace["a"]) == (3, 9, 1)


def test_a_fence_that_is_left_open_is_found(tmp_path):
    path = tmp_path / "page.md"
    path.write_text("```python\nfirst\n```\n```sh\nsecond\n")
    with pytest.raises(ValueError, match="open"):
        Page(path).snippets()
