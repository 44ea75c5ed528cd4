"""How a request to Heleket is written and signed.

Source: https://doc.heleket.com/general/request-format.md
"""

import base64
import hashlib
import json
from collections.abc import Mapping


def encode(payload: Mapping[str, object]) -> bytes:
    """Write a request body. Amounts must be strings: PHP and Python print floats differently.

    ASCII with escaped slashes is what PHP's `json_encode` writes, so the signature would hold even
    if the gateway encoded the body again before checking it.
    """
    text = json.dumps(payload, separators=(",", ":"), allow_nan=False)
    return text.replace("/", "\\/").encode("ascii")


def sign(body: bytes, key: str) -> str:
    """Sign these exact bytes, as they are on the wire: 32 lower-case hexadecimal digits."""
    return hashlib.md5(base64.b64encode(body) + key.encode()).hexdigest()


class Secret:
    """A key or signature that no repr, log line or traceback with local variables shows."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __repr__(self) -> str:
        return "Secret(set)" if self else "Secret(empty)"

    def sign(self, body: bytes) -> str:
        return sign(body, self._text)

    def hide(self, text: str) -> str:
        """Take this secret out of a text that is to be kept or shown."""
        # Nothing shorter is one, and it would tear up words.
        return text.replace(self._text, "[secret]") if len(self._text) >= 8 else text
