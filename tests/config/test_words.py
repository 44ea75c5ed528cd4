"""One word for one thing: names in the code use the words of the field, not private ones."""

import ast
import re

from config.environment import BASE_DIR

# What was said here once, and what is said instead.
LEFT_OUT = {
    "door": "transitions.change",
    "bell": "wakeups.wake",
    "tell": "log_event, sentence, answer",
    "told": "log_event, sentence, answer",
    "hand": "maker",
    "hands": "maker",
    "part": "role",
    "heed": "back_off",
    "hush": "back_off",
    "silence": "back_off",
    "pace": "rate_limit",
    "room": "rate_limit.available",
    "spend": "rate_limit.consume",
    "lift": "breaker.reset",
    "switching": "switch.set_sending",
    "hurry": "expedite",
    "obstacle": "refusal",
    "source": "channel",
    "payouterror": "Refused",
    "payoutservice": "PayoutMethod",
}
PACKAGES = ["audit", "payouts", "wallets", "config", "benchmarks"]


def modules():
    for package in PACKAGES:
        yield from sorted((BASE_DIR / package).rglob("*.py"))


def names_defined_in(path):
    yield path.stem
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.arg):
            yield node.arg
        if isinstance(node, ast.ClassDef):  # codes and columns
            for line in node.body:
                targets = getattr(line, "targets", None) or [getattr(line, "target", None)]
                yield from (each.id for each in targets if isinstance(each, ast.Name))


def words_of(name):
    return {name.lower(), *(each.lower() for each in re.findall("[A-Z]?[a-z]+|[A-Z]+", name))}


def test_names_use_the_words_of_the_field():
    private = {
        f"{path.relative_to(BASE_DIR)}: {name}": LEFT_OUT[word]
        for path in modules()
        for name in names_defined_in(path)
        for word in words_of(name) & LEFT_OUT.keys()
    }
    assert private == {}


def test_a_private_word_is_found(tmp_path):
    module = tmp_path / "the_door.py"
    module.write_text("class Hands:\n    source = 1\n\ndef ask(hush): ...\n")

    found = {word for name in names_defined_in(module) for word in words_of(name)}

    assert {"door", "hands", "source", "hush"} <= found
