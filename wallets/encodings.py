"""How chains write addresses. Each reader returns the bytes inside, or raises ValueError.

Nothing here is forgiving: one text stands for one sequence of bytes, and the checksum must hold.
"""

import base64
import binascii
import hashlib
from collections.abc import Iterable

from Crypto.Hash import keccak
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
BASE32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"

BECH32, BECH32M = 1, 0x2BC830A3
BECH32_STEPS = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
CASHADDR_STEPS = (0x98F2BC8E61, 0x79B76D99E2, 0xF33E5FB3C4, 0xAE2EABE2A8, 0x1E4F43E470)

# Monero writes 8 bytes as 11 characters; the last, shorter block by this table.
MONERO_BLOCK = {2: 1, 3: 2, 5: 3, 6: 4, 7: 5, 9: 6, 10: 7, 11: 8}

WRONG_CHECKSUM = gettext_lazy("the checksum is wrong, a character was changed, added or lost")


def keccak256(data: bytes) -> bytes:
    return keccak.new(data=data, digest_bits=256).digest()


def decode_base58(text: str) -> bytes:
    number = _base58_number(text)
    zeros = len(text) - len(text.lstrip("1"))
    return bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8, "big")


def decode_base58check(text: str) -> bytes:
    data = decode_base58(text)
    payload, checksum = data[:-4], data[-4:]
    if hashlib.sha256(hashlib.sha256(payload).digest()).digest()[:4] != checksum:
        raise ValueError(WRONG_CHECKSUM)
    return payload


def encode_base58(data: bytes) -> str:
    number, text = int.from_bytes(data, "big"), ""
    while number:
        number, digit = divmod(number, 58)
        text = BASE58[digit] + text
    return "1" * (len(data) - len(data.lstrip(b"\0"))) + text


def encode_base58check(payload: bytes) -> str:
    return encode_base58(payload + hashlib.sha256(hashlib.sha256(payload).digest()).digest()[:4])


def decode_monero(text: str) -> bytes:
    """Source: https://docs.getmonero.org/cryptography/base58/"""
    blocks = [text[i : i + 11] for i in range(0, len(text), 11)]
    try:
        data = b"".join(
            _base58_number(block).to_bytes(MONERO_BLOCK[len(block)], "big") for block in blocks
        )
    except (KeyError, OverflowError):
        raise ValueError(WRONG_CHECKSUM) from None
    if keccak256(data[:-4])[:4] != data[-4:]:
        raise ValueError(WRONG_CHECKSUM)
    return data[:-4]


def decode_segwit(text: str) -> tuple[str, int, bytes]:
    """Return prefix, witness version and program.

    Source: https://github.com/bitcoin/bips/blob/master/bip-0350.mediawiki
    """
    prefix, _one, data = _lower(text).rpartition("1")
    values = _base32_values(data)
    expanded = [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix]
    checksum = _polymod([*expanded, *values], BECH32_STEPS, 25)
    if len(values) < 7 or checksum != (BECH32M if values[0] else BECH32):
        raise ValueError(WRONG_CHECKSUM)
    return prefix, values[0], _bytes_of(values[1:-6])


def decode_cashaddr(text: str, prefix: str) -> bytes:
    """Return the version byte and the hash.

    Source: https://github.com/bitcoincashorg/bitcoincash.org/blob/master/spec/cashaddr.md
    """
    values = _base32_values(_lower(text))
    expanded = [ord(c) & 31 for c in prefix] + [0]
    if len(values) < 9 or _polymod([*expanded, *values], CASHADDR_STEPS, 35) != 1:
        raise ValueError(WRONG_CHECKSUM)
    return _bytes_of(values[:-8])


def encode_cashaddr(data: bytes, prefix: str) -> str:
    """Write the version byte and the hash."""
    bits = 8 * len(data)
    number = int.from_bytes(data, "big") << -bits % 5
    values = [number >> 5 * i & 31 for i in reversed(range(-(-bits // 5)))]
    expanded = [ord(c) & 31 for c in prefix] + [0]
    checksum = _polymod([*expanded, *values, *[0] * 8], CASHADDR_STEPS, 35) ^ 1
    values += [checksum >> 5 * i & 31 for i in reversed(range(8))]
    return f"{prefix}:{''.join(BASE32[value] for value in values)}"


def decode_ton(text: str) -> bytes:
    """Return the flag, the workchain and the account's 32 bytes.

    Source: https://docs.ton.org/learn/overviews/addresses
    """
    try:
        data = base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
    except binascii.Error:
        raise ValueError(_("it is not written in base64")) from None
    if binascii.crc_hqx(data, 0):  # the checksum at the end makes the whole zero
        raise ValueError(WRONG_CHECKSUM)
    return data[:-2]


def encode_ton(data: bytes) -> str:
    return base64.urlsafe_b64encode(data + binascii.crc_hqx(data, 0).to_bytes(2, "big")).decode()


def _base58_number(text: str) -> int:
    number = 0
    for character in text:
        digit = BASE58.find(character)
        if digit < 0:
            raise ValueError(_("“%s” is not used in such addresses") % character)
        number = number * 58 + digit
    return number


def _lower(text: str) -> str:
    if text not in (text.lower(), text.upper()):
        raise ValueError(_("it mixes small and capital letters"))
    return text.lower()


def _base32_values(text: str) -> list[int]:
    values = [BASE32.find(character) for character in text]
    if -1 in values:
        raise ValueError(_("“%s” is not used in such addresses") % text[values.index(-1)])
    return values


def _polymod(values: Iterable[int], steps: tuple[int, ...], bits: int) -> int:
    """Return the remainder that bech32 (30 bits) and cashaddr (40 bits) use as checksum."""
    checksum = 1
    for value in values:
        top = checksum >> bits
        checksum = (checksum & ((1 << bits) - 1)) << 5 ^ value
        for i, step in enumerate(steps):
            if top >> i & 1:
                checksum ^= step
    return checksum


def _bytes_of(values: list[int]) -> bytes:
    """Join 5-bit values to bytes; the bits left over must be few and zero."""
    number = 0
    for value in values:
        number = number << 5 | value
    size, rest = divmod(5 * len(values), 8)
    if rest > 4 or number & ((1 << rest) - 1):
        raise ValueError(WRONG_CHECKSUM)
    return (number >> rest).to_bytes(size, "big")
