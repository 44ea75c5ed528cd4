"""How the table of `operations` becomes an OpenAPI document."""

import re
from functools import cache
from typing import Any, cast

import django_filters
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema

from audit.codes import Code
from payouts.portal.access import FOR_CLIENT
from payouts.portal.bodies import Asked, Text
from payouts.portal.filters import MomentFilter, Strict
from payouts.portal.idempotent import FORM, HEADER
from payouts.portal.openapi.components import COUNTED, Components, or_null, parameter
from payouts.portal.openapi.operations import (
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
from payouts.portal.values import Json

PREFIX = "/api/v1/"


@cache
def document() -> Json:
    """Return the document. It is the same for everybody: made once in each process."""
    return Generator().get_schema(public=True)


class Generator(SchemaGenerator):
    def get_schema(self, *args: Any, **kwargs: Any) -> Json:
        made: Json = super().get_schema(*args, **kwargs)
        components = Components(self.registry)
        made["info"]["description"] = ABOUT
        made["webhooks"] = {
            name: components.webhook(name, words) for name, words in WEBHOOKS.items()
        }
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
        components = Components(self.registry)
        headers = components.headers("X-Request-Id", *COUNTED)
        if self.operation.creates:
            headers |= components.headers("Idempotent-Replayed", are_sure=False)
        statuses = dict(self.operation.statuses)
        if self.operation.creates:
            statuses[200] = "A repeat, more than 30 days later: what was created, as it is now."
        good = {
            str(status): {"description": words, "headers": headers, **self.content(components)}
            for status, words in statuses.items()
        }
        return good | components.refusals(self.codes())

    def content(self, components: Components) -> Json:
        if self.operation.gives is None:
            return {}
        given = {
            "schema": components.described(self.operation.gives),
            "examples": {"usual": {"value": self.operation.example}},
        }
        return {"content": {"application/json": given}}

    def codes(self) -> list[Code]:
        """All that it may be refused with."""
        found = [*EVERYWHERE, *self.operation.refuses]
        found += WITH_SCOPE if self.scope else []
        found += WITH_BODY if self.method in ("POST", "PUT", "PATCH") else []
        found += WITH_KEY if self.operation.creates else []
        return list(dict.fromkeys(found))


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


class KeyScheme(OpenApiAuthenticationExtension):
    target_class = "payouts.portal.access.KeyAuthentication"
    name = "ApiKey"

    def get_security_definition(self, _schema: Any) -> Json:
        said = "`Authorization: Bearer desk_…`. Never in an address."
        return {"type": "http", "scheme": "bearer", "description": said}
