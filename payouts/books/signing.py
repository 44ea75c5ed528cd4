"""The desk's signature under the file of a month: Ed25519, with a key of the settings."""

import hashlib
from typing import Any

from Crypto.PublicKey import ECC
from Crypto.Signature import eddsa
from django.conf import settings

from audit.refusals import Refused
from payouts.books.codes import BooksCode


class Signer:
    """Raises Refused where the settings have no key."""

    def __init__(self) -> None:
        if not settings.MONTH_SIGNING_KEY:
            raise Refused(BooksCode.NO_SIGNING_KEY)
        seed: Any = bytes.fromhex(settings.MONTH_SIGNING_KEY)  # the stubs know no bytes
        self._key = ECC.construct(curve="Ed25519", seed=seed)
        self.public: bytes = self._key.public_key().export_key(format="raw")

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(self.public).hexdigest()

    def sign(self, body: bytes) -> bytes:
        signature: bytes = eddsa.new(self._key, "rfc8032").sign(body)
        return signature


def fingerprint() -> str:
    """Return that of the present key, or nothing where the settings have none."""
    return Signer().fingerprint if settings.MONTH_SIGNING_KEY else ""
