"""What describes the API: a document for programs, and a page of it for people. Both are public.

The page is made of the document alone, has no script and asks for nothing elsewhere. It is in
English, as the document is.
"""

import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from django.http import HttpResponse
from django.template.loader import render_to_string
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from payouts.portal.bodies import AlwaysJson
from payouts.portal.openapi.document import document
from payouts.portal.problems import respond
from payouts.portal.values import OPEN, Json

POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)


class Public(APIView):
    schema = None  # it does not describe itself
    http_method_names = ["get", "head"]
    authentication_classes = []
    permission_classes = []
    renderer_classes = [JSONRenderer]
    content_negotiation_class = AlwaysJson

    def get_exception_handler(self) -> Any:
        return respond


class OpenApi(Public):
    def get(self, _request: Request) -> Response:
        return Response(document(), content_type="application/vnd.oai.openapi+json")


class Docs(Public):
    def get(self, _request: Request) -> HttpResponse:
        return HttpResponse(page(), headers={"Content-Security-Policy": POLICY})


@cache
def page() -> str:
    whole = document()
    groups: dict[str, list[Json]] = {}
    for path, item in whole["paths"].items():
        for method, operation in item.items():
            shown = shown_operation(method.upper(), path, operation)
            groups.setdefault(operation["tags"][0], []).append(shown)
    webhooks = [
        shown_operation("POST", name, item["post"]) for name, item in whole["webhooks"].items()
    ]
    about = [marked(each) for each in whole["info"]["description"].split("\n\n")]
    context = {"info": whole["info"], "about": about, "groups": groups, "webhooks": webhooks}
    return render_to_string("portal/docs.html", context)


def shown_operation(method: str, path: str, operation: Json) -> Json:
    answers = [shown_answer(status, each) for status, each in operation["responses"].items()]
    body = operation.get("requestBody", {}).get("content", {}).get("application/json")
    return {
        "id": operation["operationId"],
        "method": method,
        "path": path,
        "summary": operation["summary"],
        "description": marked(operation["description"]),
        "parameters": [shown_parameter(each) for each in operation["parameters"]],
        "body": shown_content(body, is_asked=True) if body else None,
        "good": [each for each in answers if each["status"].startswith("2")],
        "refusals": [each for each in answers if not each["status"].startswith("2")],
    }


def shown_parameter(each: Json) -> Json:
    return {
        "name": each["name"],
        "place": each["in"],
        "type": type_in_words(each["schema"]),
        "is_required": each.get("required", False),
        "said": marked(each["description"]),
    }


def shown_answer(status: str, answer: Json) -> Json:
    [content] = answer.get("content", {"": None}).values()
    examples = content["examples"].values() if content else []
    return {
        "status": status,
        "said": marked(answer["description"]),
        "content": shown_content(content) if content else None,
        "problems": [each["value"] for each in examples if not status.startswith("2")],
    }


def shown_content(content: Json, *, is_asked: bool = False) -> Json:
    [first, *_others] = content["examples"].values()
    return {
        "members": list(members_of(content["schema"])),
        "is_asked": is_asked,
        "example": json.dumps(first["value"], indent=2, ensure_ascii=False),
    }


def members_of(schema: Json, before: str = "") -> Iterator[Json]:
    """Yield each member with the members in it, named like `results[].id`."""
    schema = resolved(schema)
    for name, said in schema.get("properties", {}).items():
        inner = resolved(said)
        yield {
            "name": f"{before}{name}",
            "type": type_in_words(inner),
            "is_required": name in schema.get("required", []),
            "said": marked(inner.get("description", "")),
        }
        is_list = inner.get("type") == "array"
        deeper = inner["items"] if is_list else inner
        yield from members_of(deeper, f"{before}{name}{'[]' if is_list else ''}.")


def resolved(schema: Json) -> Json:
    if "$ref" not in schema:
        return schema
    name = schema["$ref"].rpartition("/")[2]
    meant: Json = document()["components"]["schemas"][name]
    return meant | {key: said for key, said in schema.items() if key != "$ref"}


def type_in_words(schema: Json) -> str:
    kinds = schema.get("type", "object")
    kind, or_null = (kinds[0], " or null") if isinstance(kinds, list) else (kinds, "")
    if "enum" in schema:
        return f"{', '.join(map(str, schema['enum']))}{or_null}"
    if OPEN in schema:
        return f"{', '.join(schema[OPEN])}{or_null}; there may be more"
    words = {"uuid": "id", "date-time": "moment", "uri": "address"}.get(
        schema.get("format", ""), "list" if kind == "array" else kind
    )
    return f"{words}{limits_of(schema)}{or_null}"


def limits_of(schema: Json) -> str:
    if "maximum" in schema:
        return f" from {schema['minimum']} to {schema['maximum']}, else {schema['default']}"
    return f" of at most {schema['maxLength']} characters" if "maxLength" in schema else ""


def marked(text: str) -> SafeString:
    """Return text as HTML, with what stands between backticks as code."""
    return mark_safe(re.sub("`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S308
