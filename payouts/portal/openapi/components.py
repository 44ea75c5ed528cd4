"""What the OpenAPI document is put together from: types, refusals, headers and webhooks, each as
JSON Schema or its like."""

from collections import defaultdict
from collections.abc import Mapping
from http import HTTPStatus
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    NotRequired,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

from drf_spectacular.plumbing import ResolvedComponent

from audit.codes import Code
from audit.refusals import Refusal
from payouts.portal import problems
from payouts.portal.codes import PortalCode
from payouts.portal.openapi.examples import FACTS, WHY
from payouts.portal.openapi.operations import Parameters
from payouts.portal.values import Json, Says, known

PLAIN = {str: "string", bool: "boolean", int: "integer"}
HEADERS: Parameters = {
    "X-Request-Id": ("The id of this request: yours, or one made for it.", {"type": "string"}),
    "RateLimit": (
        "How many requests are left, and the seconds until there are more.",
        {"type": "string", "examples": ['"requests";r=599;t=60']},
    ),
    "RateLimit-Policy": (
        "How many requests a key may make in how many seconds.",
        {"type": "string", "examples": ['"requests";q=600;w=60']},
    ),
    "Idempotent-Replayed": (
        "On a repeat: nothing was created again.",
        {"type": "string", "enum": ["true"]},
    ),
    "Retry-After": ("The seconds until you may ask again.", {"type": "integer"}),
    "WWW-Authenticate": ("How a key is sent.", {"type": "string", "enum": ["Bearer"]}),
}
COUNTED = ["RateLimit", "RateLimit-Policy"]
MORE_HEADERS = {
    HTTPStatus.UNAUTHORIZED: ["WWW-Authenticate"],
    HTTPStatus.TOO_MANY_REQUESTS: ["Retry-After"],
}
WEBHOOK = (
    "Sent by Standard Webhooks 1.0: check the signature over id, time and body before you believe "
    "it, and answer at once. It says that there is something to read; read the payout or the feed "
    "for what. The same event may come again, under the same id."
)
OF_WEBHOOKS: list[tuple[str, str, str, Json]] = [
    ("webhook-id", "header", "The event's id, the same each time it is sent.", {"type": "string"}),
    ("webhook-timestamp", "header", "When this try was made, in seconds.", {"type": "integer"}),
    (
        "webhook-signature",
        "header",
        "`v1,` and a signature; two while a secret changes.",
        {"type": "string"},
    ),
]


class Components:
    """Makes them, and keeps those that are referred to: each type that has members."""

    def __init__(self, registry: Any) -> None:
        self.registry = registry

    def described(self, hint: Any, known: Mapping[Any, Any] | None = None) -> Json:
        """Return what describes a type. `known` has what its variables stand for."""
        origin, args = get_origin(hint), get_args(hint)
        if isinstance(hint, TypeVar):
            return self.described((known or {})[hint])
        if origin is NotRequired:
            return self.described(args[0], known)
        if origin is Annotated:
            said: Says = args[1]
            return self.described(args[0], known) | said.schema
        if origin in (Union, UnionType):
            [other] = [each for each in args if each is not NoneType]
            return or_null(self.described(other, known))
        if origin is list:
            return {"type": "array", "items": self.described(args[0], known)}
        if is_typeddict(origin or hint):
            return self.component(origin or hint, args)
        return {"type": PLAIN[hint]}

    def component(self, shape: Any, args: tuple[Any, ...]) -> Json:
        name = "".join(each.__name__.removesuffix("Shape") for each in (*args, shape))
        known = dict(zip(getattr(shape, "__parameters__", ()), args, strict=True))
        hints = get_type_hints(shape, include_extras=True)
        schema = {
            "type": "object",
            "description": shape.__doc__,
            "properties": {key: self.described(hint, known) for key, hint in hints.items()},
            "required": [key for key in hints if key in shape.__required_keys__],
        }
        schema = {key: said for key, said in schema.items() if said}
        return self.registered("schemas", name, schema, shape)

    def registered(self, kind: str, name: str, schema: Json, of: type) -> Json:
        """Keep a component. Two of one name are warned of, unless they are of the same class."""
        made = ResolvedComponent(name=name, type=kind, schema=schema, object=of)
        self.registry.register_on_missing(made)
        return {"$ref": f"#/components/{kind}/{name}"}

    def headers(self, *names: str, are_sure: bool = True) -> Json:
        found = {}
        for name in names:
            said, schema = HEADERS[name]
            made = {"description": said, "schema": schema, "required": are_sure}
            key = name if are_sure else f"{name}-at-times"
            found[name] = self.registered("headers", key, made, Components)
        return found

    def refusals(self, codes: list[Code]) -> Json:
        """Return the answers that refuse, by their status, each with its codes."""
        by_status: dict[HTTPStatus, list[Code]] = defaultdict(list)
        for code in codes:
            by_status[problems.status_of(code)].append(code)
        return {
            str(int(status)): self.refusal(status, found)
            for status, found in sorted(by_status.items())
        }

    def refusal(self, status: HTTPStatus, codes: list[Code]) -> Json:
        narrowed = {
            "status": {"enum": [int(status)]},
            "code": {"type": "string", **known(str(code) for code in codes)},
        }
        problem = self.described(problems.ProblemShape)
        return {
            "description": " ".join(
                [f"{status.phrase}:", ", ".join(f"`{code}`" for code in codes)]
            ),
            "headers": self.headers("X-Request-Id", *MORE_HEADERS.get(status, []))
            | self.headers(*COUNTED, are_sure=False),  # once the key is known
            "content": {
                problems.CONTENT_TYPE: {
                    "schema": {"allOf": [problem, {"properties": narrowed}]},
                    "examples": {str(code): {"value": example_of(code)} for code in codes},
                }
            },
        }

    def webhook(self, name: str, said: Any) -> Json:
        words, shape, example = said
        headers = [parameter(*each, required=True) for each in OF_WEBHOOKS]
        content = {
            "schema": self.described(shape),
            "examples": {"usual": {"value": example}},
        }
        return {
            "post": {
                "operationId": name.replace(".", "_"),
                "tags": ["Webhooks"],
                "summary": str(words),
                "description": WEBHOOK,
                "security": [],
                "parameters": headers,
                "requestBody": {"required": True, "content": {"application/json": content}},
                "responses": {
                    "2XX": {"description": "You have it. Anything else is sent again for 3 days."},
                    "410": {"description": "You want no more: nothing is sent there any more."},
                },
            }
        }


def or_null(schema: Json) -> Json:
    if "$ref" in schema:
        return {"anyOf": [schema, {"type": "null"}]}
    return schema | {"type": [schema["type"], "null"]}


def example_of(code: Code) -> problems.ProblemShape:
    more = {"errors": [FAULT]} if code == PortalCode.INVALID_REQUEST else {}
    return problems.problem(Refusal(code, **FACTS, why=WHY.get(code, "")), **more)


FAULT = problems.error(("colour", Refusal(PortalCode.UNKNOWN_MEMBER)))


def parameter(name: str, place: str, said: str, schema: Json, **more: Any) -> Json:
    return {"name": name, "in": place, "description": said, "schema": schema} | more
