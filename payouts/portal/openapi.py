"""How the table of `schema` becomes an OpenAPI document: types and codes in, JSON Schema out."""

import re
from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from http import HTTPStatus
from types import NoneType, UnionType
from typing import (
    Annotated,
    Any,
    NotRequired,
    TypeVar,
    Union,
    cast,
    get_args,
    get_origin,
    get_type_hints,
    is_typeddict,
)

import django_filters
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent

from audit.codes import Code
from audit.refusals import Refusal
from payouts.portal import problems
from payouts.portal.access import FOR_CLIENT
from payouts.portal.bodies import Asked, Text
from payouts.portal.codes import PortalCode
from payouts.portal.examples import FACTS, WHY
from payouts.portal.filters import MomentFilter, Strict
from payouts.portal.idempotent import FORM, HEADER
from payouts.portal.schema import (
    ABOUT,
    EVERYWHERE,
    EXTERNAL_ID,
    OPERATIONS,
    PATHS,
    WEBHOOKS,
    WITH_BODY,
    WITH_KEY,
    WITH_SCOPE,
    Operation,
    Parameters,
)
from payouts.portal.values import Json, Says

PREFIX = "/api/v1/"
PLAIN = {str: "string", bool: "boolean", int: "integer"}


@cache
def document() -> Json:
    """Return the document. It is the same for everybody: made once in each process."""
    return Generator().get_schema(public=True)


class Generator(SchemaGenerator):
    def get_schema(self, *args: Any, **kwargs: Any) -> Json:
        made: Json = super().get_schema(*args, **kwargs)
        shapes = Shapes(self.registry)
        made["info"]["description"] = ABOUT
        made["webhooks"] = {name: shapes.webhook(name, words) for name, words in WEBHOOKS.items()}
        made["components"] = self.registry.build({})
        return made


class Described(AutoSchema):
    """Describes a view's method as the table does: `GET payouts/`."""

    def is_excluded(self) -> bool:
        return f"{self.method} {self.path.removeprefix(PREFIX)}" not in OPERATIONS

    @property
    def operation(self) -> Operation:
        return OPERATIONS[f"{self.method} {self.path.removeprefix(PREFIX)}"]

    @property
    def scope(self) -> Any:
        return cast(Any, self.view).scopes.get(self.method)

    def get_operation_id(self) -> str:
        return self.operation.name

    def get_summary(self) -> str:
        return self.operation.summary

    def get_description(self) -> str:  # type: ignore[override]  # the library's own is so too
        needs = f"Scope: `{self.scope}`." if self.scope else "For every key."
        return f"{self.operation.description} {needs}"

    def get_tags(self) -> list[str]:
        return [self.path.removeprefix(PREFIX).partition("/")[0].capitalize().replace("-", " ")]

    def get_request_serializer(self) -> Any:
        return self.operation.asks

    def get_response_serializers(self) -> Any:
        return {}  # answers are no serializers

    def _get_request_body(self, direction: str = "request") -> Any:
        if self.operation.asks is None:
            return None
        body = super()._get_request_body(direction)
        for each in body["content"].values():
            each["examples"] = {"usual": {"value": self.operation.asked}}
        return body

    def _map_basic_serializer(self, serializer: Any, direction: str) -> Json:
        mapped: Json = super()._map_basic_serializer(serializer, direction)
        if isinstance(serializer, Asked):
            mapped["additionalProperties"] = False
            mapped.pop("description", None)  # the docstring is for us
        return mapped

    def _map_serializer_field(self, field: Any, direction: str, *args: Any, **kwargs: Any) -> Any:
        if not hasattr(field, "schema"):
            return super()._map_serializer_field(field, direction, *args, **kwargs)
        said = {"description": str(field.help_text)} if field.help_text else {}
        return or_null(field.schema | said) if field.allow_null else field.schema | said

    def _insert_field_validators(self, field: Any, schema: Json) -> None:
        if not hasattr(field, "schema"):
            super()._insert_field_validators(field, schema)

    def _get_parameters(self) -> list[Json]:
        paths = re.findall(r"{(\w+)}", self.path)
        query = query_of(self.operation.filters) | self.operation.query
        return [
            *(parameter(name, "path", *PATHS[name], required=True) for name in paths),
            *(parameter(name, "query", *said) for name, said in query.items()),
            *self.headers(),
        ]

    def headers(self) -> list[Json]:
        said = "The client it is for, by its external id: with a key of the portal's own, and never"
        found = [
            parameter(
                FOR_CLIENT, "header", f"{said} with a client's.", EXTERNAL_ID, example="C-1042"
            )
        ]
        if self.operation.creates:
            said = (
                "Your own name for what is to be created, of 1 to 150 visible characters, quoted "
                "or not: a repeat is answered as the first was."
            )
            shape = {"type": "string", "pattern": f"^(?:{FORM})$"}
            found.append(parameter(HEADER, "header", said, shape, required=True, example="may-17"))
        return found

    def _get_response_bodies(self, direction: str = "response") -> Json:
        shapes = Shapes(self.registry)
        headers = shapes.headers("X-Request-Id", *COUNTED)
        if self.operation.creates:
            headers |= shapes.headers("Idempotent-Replayed", are_sure=False)
        content = {}
        if self.operation.gives is not None:
            schema = shapes.described(self.operation.gives)
            examples = {"usual": {"value": self.operation.example}}
            content = {"content": {"application/json": {"schema": schema, "examples": examples}}}
        good = {
            str(status): {"description": words, "headers": headers, **content}
            for status, words in self.operation.statuses.items()
        }
        return good | shapes.refusals(self.codes())

    def codes(self) -> list[Code]:
        """All that it may be refused with."""
        found = [*EVERYWHERE, *self.operation.refuses]
        found += WITH_SCOPE if self.scope else []
        found += WITH_BODY if self.method in ("POST", "PUT", "PATCH") else []
        found += WITH_KEY if self.operation.creates else []
        return list(dict.fromkeys(found))


class Shapes:
    """JSON Schema of types like those of `shapes`: each that has members is a component."""

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
            found[name] = self.registered("headers", key, made, Shapes)
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
            "code": {"enum": [str(code) for code in codes]},
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


def query_of(filters: type[Strict] | None) -> Parameters:
    """Return what filters take, with what each says of itself."""
    named = filters.base_filters if filters else {}
    return {name: (each.extra["help_text"], taken(each)) for name, each in named.items()}


def taken(one: Any) -> Json:
    match one:
        case django_filters.ChoiceFilter():
            return {"type": "string", "enum": [value for value, _words in one.extra["choices"]]}
        case django_filters.UUIDFilter():
            return {"type": "string", "format": "uuid"}
        case MomentFilter():
            return {"type": "string", "format": "date-time"}
    return {"type": "string", "maxLength": one.extra["max_length"], "pattern": Text.FILLED}


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


class KeyScheme(OpenApiAuthenticationExtension):
    target_class = "payouts.portal.access.KeyAuthentication"
    name = "ApiKey"

    def get_security_definition(self, _schema: Any) -> Json:
        said = "`Authorization: Bearer desk_…`. Never in an address."
        return {"type": "http", "scheme": "bearer", "description": said}
