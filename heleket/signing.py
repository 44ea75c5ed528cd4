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


class SigningKey:
    """A key that signs, and that no repr, log line or traceback with local variables shows."""

    __slots__ = ("_key",)

    def __init__(self, key: str) -> None:
        self._key = key

    def __bool__(self) -> bool:
        return bool(self._key)

    def __repr__(self) -> str:
        return "SigningKey(set)" if self else "SigningKey(empty)"

    def sign(self, body: bytes) -> str:
        return sign(body, self._key)

    def hide(self, body: bytes) -> bytes:
        """Take this key out of a body that is to be read or kept."""
        return body.replace(self._key.encode(), b"[key]") if self._key else body
