"""Reading what the portal sends: JSON that means one thing, and members that are known."""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import IO, TYPE_CHECKING, Any
from uuid import UUID

from django.http.request import RawPostDataException
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from rest_framework import serializers
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer

from audit.refusals import Refusal, Refused
from payouts.portal.codes import PortalCode
from payouts.portal.problems import Invalid
from payouts.portal.values import Json, stamp
from wallets.amounts import DECIMALS, WHOLE_DIGITS, InvalidAmount, format_amount, parse_amount

# The `schema` of a field is what JSON Schema says of it: what it takes, and nothing else.

# The stubs' Field takes the types of what is read and shown; Django REST framework's own none.
if TYPE_CHECKING:
    Field = serializers.Field[Any, Any, Any, Any]
else:
    Field = serializers.Field

LARGEST = 64 * 1024  # bytes; a request has a few hundred


class StrictJson(BaseParser):
    """One object, each member once, text that can be stored."""

    media_type = "application/json"

    def parse(self, stream: IO[bytes], media_type: Any = None, parser_context: Any = None) -> Any:
        try:
            raw = stream.read(LARGEST + 1)
        except RawPostDataException as exc:
            raise Refused(PortalCode.TOO_LARGE, kilobytes=LARGEST // 1024) from exc
        if len(raw) > LARGEST:
            raise Refused(PortalCode.TOO_LARGE, kilobytes=LARGEST // 1024)
        try:
            found = json.loads(raw.decode(), object_pairs_hook=once, parse_constant=refuse_constant)
            json.dumps(found, ensure_ascii=False).encode()
        except RecursionError as exc:
            raise Refused(PortalCode.TOO_DEEP) from exc
        except ValueError as exc:
            raise Refused(PortalCode.UNREADABLE, why=str(exc).splitlines()[0]) from exc
        if not isinstance(found, dict):
            raise Refused(PortalCode.UNREADABLE, why=_("it has to be an object"))
        return found


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError(_("a member stands in it twice"))
    return members


def refuse_constant(name: str) -> Any:
    raise ValueError(_("%s is no value of JSON") % name)


class AlwaysJson(DefaultContentNegotiation):
    """Answers in JSON whatever is accepted, and knows no `?format=`."""

    def select_renderer(
        self, request: Any, renderers: Any, format_suffix: Any = None
    ) -> tuple[BaseRenderer, str]:
        [json_renderer] = renderers
        return json_renderer, json_renderer.media_type


class Text(serializers.CharField):
    """A string of one line, and nothing that could be read as one."""

    CONTROLS = r"\u0000-\u001f\u007f-\u009f"
    ANY, FILLED = f"^[^{CONTROLS}]*$", rf"^[^{CONTROLS}]*[^{CONTROLS}\s][^{CONTROLS}]*$"

    @property
    def schema(self) -> Json:
        shape = (
            {"pattern": self.ANY} if self.allow_blank else {"minLength": 1, "pattern": self.FILLED}
        )
        return {"type": "string", "maxLength": self.max_length, **shape}

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        if not re.fullmatch(self.ANY, data):
            raise serializers.ValidationError(_("Write it in one line, without tabs and the like."))
        return str(super().to_internal_value(data))


class Flag(serializers.BooleanField):
    """True or false, and none of the words that are read as one of them elsewhere."""

    schema = {"type": "boolean"}

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class Id(serializers.UUIDField):
    """An id as it was given; a number is none."""

    schema = {"type": "string", "format": "uuid"}

    def to_internal_value(self, data: Any) -> UUID:
        if not isinstance(data, str):
            self.fail("invalid", value=data)
        return super().to_internal_value(data)


class Amount(Field):
    """An amount as a string of plain digits."""

    schema = {
        "type": "string",
        "pattern": rf"^\s*(?=[0-9.]*[1-9])[0-9]{{1,{WHOLE_DIGITS}}}(\.[0-9]{{1,{DECIMALS}}})?\s*$",
        "description": "Plain digits with a point, more than zero, like `1250` or `0.75`.",
        "examples": ["12.5"],
    }

    def to_internal_value(self, data: Any) -> Decimal:
        if not isinstance(data, str):
            raise serializers.ValidationError(
                _('Write the amount as a string of plain digits, like "1250" or "0.75".')
            )
        try:
            return parse_amount(data)
        except InvalidAmount as exc:
            raise serializers.ValidationError(str(exc)) from exc

    def to_representation(self, value: Decimal) -> str:
        return format_amount(value)


class Moment(Field):
    """A moment in ISO 8601 with its offset from UTC."""

    schema = {"type": "string", "format": "date-time"}

    def to_internal_value(self, data: Any) -> datetime:
        moment = moment_in(data) if isinstance(data, str) else None
        if moment is None:
            raise serializers.ValidationError(
                _("Write a moment like 2026-01-31T09:00:00Z, with its offset.")
            )
        return moment.astimezone(UTC)

    def to_representation(self, value: datetime) -> str:
        return stamp(value)


def moment_in(text: str) -> datetime | None:
    """Return a moment in UTC, or None for what has no offset, or is none in any calendar."""
    try:
        moment = parse_datetime(text)
        return moment.astimezone(UTC) if moment and moment.tzinfo else None
    except (ValueError, OverflowError):  # the year 1 begins earlier in Tokyo
        return None


class Asked(serializers.Serializer[Any]):
    """What a request may say; a member that it does not know is refused by name."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping) and (odd := sorted(data.keys() - self.fields.keys())):
            raise Invalid([(name[:100], Refusal(PortalCode.UNKNOWN_MEMBER)) for name in odd[:20]])
        return super().to_internal_value(data)

    @classmethod
    def read(cls, data: Any) -> dict[str, Any]:
        """Return the members of a body. Raises Invalid, naming all that is wrong."""
        asked = cls(data=data)
        if asked.is_valid():
            return dict(asked.validated_data)
        raise Invalid(
            [
                (str(name), Refusal(PortalCode.MEMBER, why=str(message)))
                for name, messages in asked.errors.items()
                for message in messages
            ]
        )
