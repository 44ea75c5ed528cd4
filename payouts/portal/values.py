"""What answers are made of, with what the API's description says of it."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any

Json = dict[str, Any]


class Says:
    """What JSON Schema says of a value, besides its type."""

    def __init__(self, words: str = "", **keywords: Any) -> None:
        self.schema: Json = ({"description": words} if words else {}) | keywords


OPEN = "x-extensible-enum"


def known(values: Iterable[str]) -> Json:
    """Describe a list that is open: the values of today, of which there may be more tomorrow.

    An `enum` would have programs that are generated from the description fail on a new one.
    Source: https://opensource.zalando.com/restful-api-guidelines/#112
    """
    return {OPEN: list(values)}


IdText = Annotated[str, Says(format="uuid")]
AmountText = Annotated[str, Says(pattern="^[0-9]+([.][0-9]+)?$", examples=["12.5"])]
Instant = Annotated[str, Says(format="date-time")]


def stamp(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
