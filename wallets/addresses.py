"""Can this address be paid on this network? Each destination gets one canonical text.

What is typed is read strictly, by `check_address`; what is only compared or searched for is read in
any spelling, by `canonical`. Refused where it is typed, although a chain would take it, because
money sent there is easily lost: witness versions that Bitcoin does not use yet, Litecoin's that
look like Bitcoin's, the old form of Bitcoin Cash that is a Bitcoin address, Ethereum addresses
all in capitals, raw TON addresses, which have no checksum, and TON's masterchain.
"""

import re
import unicodedata
from collections.abc import Callable
from functools import partial

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from wallets.coins import NETWORKS, network_name
from wallets.encodings import (
    WRONG_CHECKSUM,
    decode_base58,
    decode_base58check,
    decode_cashaddr,
    decode_monero,
    decode_segwit,
    decode_ton,
    encode_base58check,
    encode_cashaddr,
    encode_ton,
    keccak256,
)
from wallets.errors import InvalidAddress
from wallets.unspendable import loss_of

MAX_LENGTH = 128
TON_BOUNCEABLE, TON_NON_BOUNCEABLE, TON_TEST = 0x11, 0x51, 0x80

WRONG_LENGTH = gettext_lazy("the length is wrong, a part was lost or added")
WRONG_START = gettext_lazy("it starts with other characters")


def check_address(network: str, address: str, memo: str = "") -> str:
    """Return the canonical form, or raise InvalidAddress with the reason in plain words."""
    if network not in READERS:
        raise InvalidAddress(_("This desk does not know the network “%s”.") % network)
    _refuse_foreign_characters(address)
    check_memo(network, memo)
    try:
        found = READERS[network](address)
    except ValueError as exc:
        other = _other_network(network, address)
        reason = other or _("This is no address of %(network)s: %(reason)s.") % {
            "network": network_name(network),
            "reason": exc,
        }
        raise InvalidAddress(f"{reason} {SHAPES[_family(network)]}") from exc
    if loss := loss_of(network, found):
        raise InvalidAddress(loss)
    return found


def canonical(network: str, text: str) -> str:
    """Return the canonical form of this spelling, or the text itself if it is none.

    For comparing with what others wrote. Whether the address can be paid is not asked.
    """
    for read in (READERS.get(network), *OTHER_SPELLINGS.get(network, [])):
        if read and (found := _read_or_none(read, text)):
            return found
    return text


def canonical_spellings(text: str) -> set[str]:
    """Return this text as it may be stored, on whichever network it is an address."""
    return {text} | {canonical(network, text) for network in READERS}


def networks_of(address: str) -> list[str]:
    """Return the networks on which this is an address: one text may be one on several."""
    return [code for code in NETWORKS if _read_or_none(READERS[code], address)]


def _refuse_foreign_characters(address: str) -> None:
    if not address:
        raise InvalidAddress(_("The address is missing."))
    if len(address) > MAX_LENGTH:
        raise InvalidAddress(_("The text is too long to be an address."))
    found = re.search(r"[^0-9A-Za-z:+/_-]", address)
    if not found:
        return
    if found[0].isspace():
        raise InvalidAddress(_("There is a space or line break in the address; remove it."))
    name = unicodedata.name(found[0], f"U+{ord(found[0]):04X}")
    raise InvalidAddress(
        _("Character %(place)d of the address does not belong there: %(name)s.")
        % {"place": found.start() + 1, "name": name}
    )


def check_memo(network: str, memo: str) -> None:
    if not memo:
        return
    if network != "ton":
        raise InvalidAddress(_("Only TON knows memos; leave the memo empty."))
    if not re.fullmatch(r"[!-~]|[!-~][ -~]{,28}[!-~]", memo):
        raise InvalidAddress(
            _("A memo has 1 to 30 plain letters, digits and signs, no space at its ends.")
        )


def _other_network(network: str, address: str) -> str:
    """Say what the address is if it is not of this network: people paste the wrong one."""
    for code in SHAPES:
        if _read_or_none(READERS[code], address):
            return _("This is an address of %(other)s, but the network is %(network)s.") % {
                "other": network_name(code),
                "network": network_name(network),
            }
    for reader in TEST_NETWORKS:
        if _read_or_none(reader, address):
            return _("This is an address of a test network: money sent there is lost.")
    return ""


def _read_or_none(reader: Callable[[str], str], text: str) -> str | None:
    try:
        return reader(text) if len(text) <= MAX_LENGTH else None
    except ValueError:
        return None


def _family(network: str) -> str:
    """Return the network whose addresses this one shares."""
    return "eth" if READERS[network] is _read_evm else network


def _read_base58(text: str, versions: set[int]) -> str:
    payload = decode_base58check(text)
    if len(payload) != 21:
        raise ValueError(WRONG_LENGTH)
    if payload[0] not in versions:
        raise ValueError(WRONG_START)
    return text


def _read_segwit(text: str, prefixes: set[str]) -> str:
    prefix, version, program = decode_segwit(text)
    if prefix not in prefixes:
        raise ValueError(WRONG_START)
    if (version, len(program)) not in {(0, 20), (0, 32), (1, 32)}:
        raise ValueError(_("it is of a kind that is not in use yet"))
    return text.lower()


def _read_bitcoin(text: str) -> str:
    if text[:3].lower() == "bc1":
        return _read_segwit(text, {"bc"})
    return _read_base58(text, {0x00, 0x05})


def _read_litecoin(text: str) -> str:
    if text[:4].lower() == "ltc1":
        return _read_segwit(text, {"ltc"})
    return _read_base58(text, {0x30, 0x32})


def _read_cashaddr(text: str, prefix: str) -> str:
    given, colon, payload = text.rpartition(":")
    if colon and given not in {prefix, prefix.upper()}:
        raise ValueError(WRONG_START)
    data = decode_cashaddr(payload, prefix)
    if data[:1] not in {b"\x00", b"\x08"} or len(data) != 21:  # to a key, to a script
        raise ValueError(_("it is of a kind that Heleket does not pay"))
    return f"{prefix}:{payload.lower()}"


def _read_evm(text: str) -> str:
    """Source: https://eips.ethereum.org/EIPS/eip-55"""
    if not re.fullmatch("0x[0-9A-Fa-f]{40}", text):
        raise ValueError(WRONG_LENGTH if text.startswith("0x") else WRONG_START)
    digits = text[2:].lower()
    marks = keccak256(digits.encode()).hex()
    checked = "".join(
        digit.upper() if mark >= "8" else digit for digit, mark in zip(digits, marks, strict=False)
    )
    if text[2:] not in {digits, checked}:
        raise ValueError(WRONG_CHECKSUM)
    return f"0x{checked}"


def _read_solana(text: str) -> str:
    key = decode_base58(text)
    if len(key) != 32:
        raise ValueError(WRONG_LENGTH)
    return text


def _read_ton(text: str, test: int = 0) -> str:
    """Return the non-bounceable form: money sent to a wallet that is not set up yet stays there."""
    if re.fullmatch("-?[0-9]:[0-9A-Fa-f]{64}", text):
        raise ValueError(_("the raw form has no checksum"))
    if len(text) != 48:
        raise ValueError(WRONG_LENGTH)
    flag, workchain, account = (data := decode_ton(text))[0], data[1], data[2:]
    if flag ^ test not in {TON_BOUNCEABLE, TON_NON_BOUNCEABLE}:
        raise ValueError(WRONG_START)
    if workchain != 0:
        raise ValueError(_("it belongs to the masterchain"))
    return encode_ton(bytes([TON_NON_BOUNCEABLE, workchain]) + account)


def _read_monero(text: str, versions: set[int]) -> str:
    """Source: https://docs.getmonero.org/public-address/standard-address/"""
    payload = decode_monero(text)
    if payload[0] not in versions:
        raise ValueError(WRONG_START)
    if len(payload) != (73 if payload[0] in MONERO_INTEGRATED else 65):
        raise ValueError(WRONG_LENGTH)
    return text


MONERO_INTEGRATED = {19, 25, 54}

READERS: dict[str, Callable[[str], str]] = {
    "arbitrum": _read_evm,
    "avalanche": _read_evm,
    "bch": partial(_read_cashaddr, prefix="bitcoincash"),
    "bsc": _read_evm,
    "btc": _read_bitcoin,
    "dash": partial(_read_base58, versions={0x4C, 0x10}),
    "doge": partial(_read_base58, versions={0x1E, 0x16}),
    "eth": _read_evm,
    "ltc": _read_litecoin,
    "polygon": _read_evm,
    "sol": _read_solana,
    "ton": _read_ton,
    "tron": partial(_read_base58, versions={0x41}),
    "xmr": partial(_read_monero, versions={18, 19, 42}),
}


def _read_raw_ton(text: str) -> str:
    if not re.fullmatch("0:[0-9A-Fa-f]{64}", text):
        raise ValueError(WRONG_START)
    return encode_ton(bytes([TON_NON_BOUNCEABLE, 0]) + bytes.fromhex(text[2:]))


def _read_bare_evm(text: str) -> str:
    """Read digits whose capitals say nothing: all capitals, or without 0x."""
    digits = text[2:] if text[:2] in {"0x", "0X"} else text
    if digits not in {digits.lower(), digits.upper()}:
        return _read_evm(f"0x{digits}")  # its capitals are a checksum
    return _read_evm(f"0x{digits.lower()}")


def _read_tron_hex(text: str) -> str:
    if not re.fullmatch("(0x)?41[0-9A-Fa-f]{40}", text):
        raise ValueError(WRONG_START)
    return encode_base58check(bytes.fromhex(text[-42:]))


def _read_legacy(text: str, versions: dict[int, int], write: Callable[[bytes], str]) -> str:
    """Read an address of the old kind, whose first byte has another value than now."""
    payload = decode_base58check(text)
    if len(payload) != 21 or payload[0] not in versions:
        raise ValueError(WRONG_START)
    return write(bytes([versions[payload[0]]]) + payload[1:])


# Spellings that are refused where they are typed, and mean the same where they are read.
OTHER_SPELLINGS: dict[str, list[Callable[[str], str]]] = {
    **{name: [_read_bare_evm] for name, reader in READERS.items() if reader is _read_evm},
    "bch": [
        partial(
            _read_legacy,
            versions={0x00: 0x00, 0x05: 0x08},
            write=partial(encode_cashaddr, prefix="bitcoincash"),
        )
    ],
    "ltc": [partial(_read_legacy, versions={0x05: 0x32}, write=encode_base58check)],
    "ton": [_read_raw_ton],
    "tron": [_read_tron_hex],
}

TEST_NETWORKS: list[Callable[[str], str]] = [
    # Bitcoin and most others, Litecoin, Dash, Dogecoin, TRON's old one
    partial(_read_base58, versions={0x6F, 0xC4, 0x3A, 0x8C, 0x13, 0x71, 0xA0}),
    partial(_read_segwit, prefixes={"tb", "bcrt", "tltc", "rltc"}),
    partial(_read_cashaddr, prefix="bchtest"),
    partial(_read_cashaddr, prefix="bchreg"),
    partial(_read_monero, versions={24, 25, 36, 53, 54, 63}),
    partial(_read_ton, test=TON_TEST),
]

SHAPES = {
    "bch": gettext_lazy("A Bitcoin Cash address starts with bitcoincash:q or bitcoincash:p."),
    "btc": gettext_lazy("A Bitcoin address starts with 1, 3, bc1q or bc1p."),
    "dash": gettext_lazy("A Dash address starts with X or 7."),
    "doge": gettext_lazy("A Dogecoin address starts with D, 9 or A."),
    "eth": gettext_lazy("Such an address is 0x and 40 digits, best copied with its capitals."),
    "ltc": gettext_lazy("A Litecoin address starts with L, M or ltc1."),
    "sol": gettext_lazy("A Solana address has 32 to 44 letters and digits."),
    "ton": gettext_lazy("A TON address has 48 characters and starts with UQ or EQ."),
    "tron": gettext_lazy("A TRON address has 34 characters and starts with T."),
    "xmr": gettext_lazy("A Monero address has 95 or 106 characters and starts with 4 or 8."),
}
