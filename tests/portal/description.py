"""Holds answers of the API against its description, more strictly than a client would."""

import re
from copy import deepcopy
from functools import cache

import jsonschema

from payouts.portal.openapi.document import document

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
    made = deepcopy(document())
    for schema in made["components"]["schemas"].values():
        schema["additionalProperties"] = False
    return made


@cache
def validator(path, method, status, kind):
    described = description()
    content = described["paths"][path][method]["responses"][status]["content"][kind]
    whole = {"components": described["components"], **content["schema"]}
    return jsonschema.Draft202012Validator(whole, format_checker=jsonschema.FormatChecker())
