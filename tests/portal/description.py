"""Holds answers of the API against its description, more strictly than a client would."""

import re
from functools import cache

import jsonschema

from payouts.portal.openapi.document import document
from payouts.portal.values import OPEN

BROKEN = {405, 500}  # a method that is not described, and a fault


def check(answer, method):
    """Fail for an answer of a described endpoint that is not described in all its members."""
    match = getattr(answer, "resolver_match", None)
    path = re.sub(r"<\w+:(\w+)>", r"{\1}", f"/{match.route}") if match else ""
    operation = description()["paths"].get(path, {}).get(method.lower())
    if operation is None or answer.status_code in BROKEN:
        return
    described = operation["responses"].get(str(answer.status_code))
    assert described, f"{method} {path}: {answer.status_code} {answer.content} is not described"
    for name, header in described["headers"].items():
        assert name in answer or "-at-times" in header["$ref"], f"{method} {path}: no {name}"
    if "content" not in described:
        assert answer.content == b""
        return
    [kind] = described["content"]
    assert answer["Content-Type"] == kind
    schema = validator(path, method.lower(), str(answer.status_code), kind)
    [*wrong] = schema.iter_errors(answer.json())
    assert not wrong, f"{method} {path}, {answer.status_code}: {wrong[0].message}, {answer.json()}"


@cache
def description():
    """The description, in which nothing has a member that is not named."""
    made = closed(document())
    for schema in made["components"]["schemas"].values():
        schema["additionalProperties"] = False
    return made


def closed(node):
    """A description in which the lists that are open for clients are as closed as the others: what
    is not listed in it is not answered."""
    if isinstance(node, list):
        return [closed(each) for each in node]
    if not isinstance(node, dict):
        return node
    made = {key: closed(each) for key, each in node.items()}
    if values := made.pop(OPEN, None):
        made["enum"] = [*values, None] if "null" in made.get("type", ()) else values
    return made


@cache
def validator(path, method, status, kind):
    described = description()
    content = described["paths"][path][method]["responses"][status]["content"][kind]
    whole = {"components": described["components"], **content["schema"]}
    return jsonschema.Draft202012Validator(whole, format_checker=jsonschema.FormatChecker())
