"""What answers are made of, with what the API's description says of it."""

from typing import Annotated, Any

Json = dict[str, Any]


class Says:
    """What JSON Schema says of a value, besides its type."""

    def __init__(self, words: str = "", **keywords: Any) -> None:
        self.schema: Json = ({"description": words} if words else {}) | keywords


IdText = Annotated[str, Says(format="uuid")]
AmountText = Annotated[str, Says(pattern="^[0-9]+([.][0-9]+)?$", examples=["12.5"])]
Instant = Annotated[str, Says(format="date-time")]
