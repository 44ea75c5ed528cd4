#!/usr/bin/env python3
"""Check the file of a closed month without the desk that made it: no network, and nothing but
Python 3.9 or later.

    python3 verify_month.py 2026-10.zip --fingerprint HEX
    python3 verify_month.py 2026-10.zip --root OLDER_ROOT --head HEAD_THAT_WAS_MAILED

Exit code 0: all of it holds together and every anchor that you gave matches. 2: it holds together,
and you gave no anchor: whoever has the desk's keys could have made it all anew. 1: it is damaged,
an anchor does not match, or it cannot be read.

An anchor is what you have from elsewhere: the fingerprint of the desk's key, the root of this or an
older month, or a daily head that was mailed to you. What this script cannot check are the seals of
the events: they are made with a key that only the desk has. It checks their order, that none is
missing, and that the heads which were sealed day by day follow from them.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import json
import sys
import zipfile
from collections.abc import Iterator
from decimal import Context, Decimal, Inexact, InvalidOperation
from pathlib import Path
from typing import Any, BinaryIO, NoReturn, Optional

MANIFEST, SIGNATURE = "manifest.json", "manifest.sig"
PAYOUTS, WALLETS, DESK = "events/payouts.jsonl", "events/wallets.jsonl", "events/desk.jsonl"
ITEMS = {"payouts": PAYOUTS, "wallets": WALLETS, "desk": DESK}
HEADS_OF = {PAYOUTS: "heads/payouts.jsonl", WALLETS: "heads/wallets.jsonl"}
APPROVALS, STATEMENTS, POLICIES = "approvals.jsonl", "statements.jsonl", "policies.jsonl"
LISTED, DAYS, JOURNAL = "heleket/list.jsonl", "heleket/days.jsonl", "journal.jsonl"
PREDECESSORS = "predecessors.jsonl"  # the manifests of all months before
EVERY_MONTH_HAS = {*ITEMS.values(), *HEADS_OF.values(), APPROVALS, STATEMENTS, POLICIES}
EVERY_MONTH_HAS |= {LISTED, DAYS, JOURNAL, PREDECESSORS}

Problem = tuple[str, str]  # the item, and what is wrong with it
Head = tuple[int, str]  # the number of a chain's last event, and its hash

# Ed25519, RFC 8032

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT_OF_MINUS_1 = pow(2, (P - 1) // 4, P)
Point = tuple[int, int, int, int]  # extended coordinates


def add(a: Point, b: Point) -> Point:
    u, v = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    s, t = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    e, f, g, h = v - u, t - s, t + s, v + u
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def times(number: int, point: Point) -> Point:
    result: Point = (0, 1, 1, 0)
    while number:
        if number & 1:
            result = add(result, point)
        point, number = add(point, point), number >> 1
    return result


def decoded(data: bytes) -> Point:
    """Read a point. Raises ValueError for bytes that are none."""
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & ((1 << 255) - 1)
    if len(data) != 32 or y >= P:
        raise ValueError("no point")
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT_OF_MINUS_1 % P
    if (x * x - square) % P or (x == 0 and sign):
        raise ValueError("no point")
    x = P - x if x & 1 != sign else x
    return (x, y, 1, x * y % P)


def encoded(point: Point) -> bytes:
    inverse = pow(point[2], P - 2, P)
    x, y = point[0] * inverse % P, point[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


BASE = decoded((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))


def ed25519_holds(key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the owner of this public key has signed the message."""
    if len(signature) != 64:
        return False
    r, s = signature[:32], int.from_bytes(signature[32:], "little")
    try:
        x, y, z, t = decoded(key)
    except ValueError:
        return False
    if s >= L:
        return False
    digest = hashlib.sha512(r + key + message).digest()
    challenge = int.from_bytes(digest, "little") % L
    minus_key: Point = (P - x, y, z, P - t)
    return encoded(add(times(s, BASE), times(challenge, minus_key))) == r


# ES256: ECDSA over P-256 with SHA-256, as passkeys sign

Q = 2**256 - 2**224 + 2**192 + 2**96 - 1
N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
B = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
Affine = Optional[tuple[int, int]]  # noqa: UP045  # None: the point at infinity
G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)


def plus(a: Affine, b: Affine) -> Affine:
    if a is None or b is None:
        return b if a is None else a
    if a[0] == b[0] and (a[1] + b[1]) % Q == 0:
        return None
    if a == b:
        slope = (3 * a[0] * a[0] - 3) * pow(2 * a[1], -1, Q)
    else:
        slope = (b[1] - a[1]) * pow(b[0] - a[0], -1, Q)
    x = (slope * slope - a[0] - b[0]) % Q
    return (x, (slope * (a[0] - x) - a[1]) % Q)


def multiplied(number: int, point: Affine) -> Affine:
    result: Affine = None
    while number:
        if number & 1:
            result = plus(result, point)
        point, number = plus(point, point), number >> 1
    return result


def der_integers(data: bytes) -> tuple[int, int]:
    """Read the two numbers of a signature in DER. Raises ValueError for other spellings."""

    def integer(rest: bytes) -> tuple[int, bytes]:
        if len(rest) < 3 or rest[0] != 2 or not 0 < rest[1] <= 33:
            raise ValueError("no integer")
        number, rest = rest[2 : 2 + rest[1]], rest[2 + rest[1] :]
        is_padded = len(number) > 1 and number[0] == 0 and number[1] < 128
        if number[0] > 127 or is_padded:
            raise ValueError("no plain integer")
        return int.from_bytes(number, "big"), rest

    if len(data) < 2 or data[0] != 0x30 or data[1] != len(data) - 2:
        raise ValueError("no sequence")
    r, rest = integer(data[2:])
    s, rest = integer(rest)
    if rest:
        raise ValueError("more than two numbers")
    return r, s


def es256_holds(key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether this signature (DER) is of the message; the key is an uncompressed point."""
    if len(key) != 65 or key[0] != 4:
        return False
    x, y = int.from_bytes(key[1:33], "big"), int.from_bytes(key[33:], "big")
    if x >= Q or y >= Q or (y * y - x * x * x + 3 * x - B) % Q:
        return False
    try:
        r, s = der_integers(signature)
    except (ValueError, IndexError):
        return False
    if not (0 < r < N and 0 < s < N):
        return False
    digest = int.from_bytes(hashlib.sha256(message).digest(), "big")
    inverse = pow(s, -1, N)
    point = plus(multiplied(digest * inverse % N, G), multiplied(r * inverse % N, (x, y)))
    return point is not None and point[0] % N == r


# Merkle trees, RFC 6962


class Tree:
    """Takes leaves one by one; keeps its peaks, the roots of whole trees of 1, 2, 4, … leaves."""

    def __init__(self, peaks: str = "") -> None:
        pairs = [each.split(":") for each in peaks.split()]
        self.whole = [(int(size), bytes.fromhex(root)) for size, root in pairs]
        self.count = sum(size for size, _root in self.whole)

    def add(self, record: bytes) -> None:
        size, root = 1, hashlib.sha256(b"\0" + record).digest()
        while self.whole and self.whole[-1][0] == size:
            size, root = 2 * size, over(self.whole.pop()[1], root)
        self.whole.append((size, root))
        self.count += 1

    @property
    def peaks(self) -> str:
        return " ".join(f"{size}:{root.hex()}" for size, root in self.whole)

    @property
    def root(self) -> str:
        root = None
        for _size, left in reversed(self.whole):
            root = left if root is None else over(left, root)
        return (hashlib.sha256().digest() if root is None else root).hex()


def over(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\1" + left + right).digest()


def root_of(records: Iterator[bytes]) -> str:
    tree = Tree()
    for record in records:
        tree.add(record)
    return tree.root


def canonical(value: Any) -> bytes:
    """Write what has ASCII names, texts and whole numbers alone as RFC 8785 does."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode()


# The file


class MonthFile:
    """A month's file, as the zip or as the folder that it was unpacked into."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.zip = None if path.is_dir() else zipfile.ZipFile(path)
        if self.zip:
            self.names = [each.filename for each in self.zip.infolist() if not each.is_dir()]
        else:
            found = (each for each in path.rglob("*") if each.is_file())
            self.names = [each.relative_to(path).as_posix() for each in found]

    def open(self, name: str) -> BinaryIO:
        if self.zip:
            return self.zip.open(name)  # type: ignore[return-value]
        return (self.path / name).open("rb")

    def read(self, name: str) -> bytes:
        with self.open(name) as file:
            return file.read()

    def records(self, name: str) -> Iterator[Any]:
        """Yield what each line of an item says; nothing for one that is not there."""
        for line in self.lines(name):
            yield json.loads(line)

    def lines(self, name: str) -> Iterator[bytes]:
        if name in self.names:
            with self.open(name) as file:
                for line in file:
                    yield line.rstrip(b"\n")


UNREADABLE = (OSError, ValueError, KeyError, TypeError, IndexError, ArithmeticError, EOFError)
UNREADABLE += (zipfile.BadZipFile, csv.Error)  # type: ignore[assignment]
# Nested too deep, encrypted or packed in another way; another type than it should be; too large.
UNREADABLE += (RuntimeError, AttributeError, MemoryError)  # type: ignore[assignment]
try:
    import zlib

    UNREADABLE += (zlib.error,)  # type: ignore[assignment]
except ImportError:
    pass


def damages(month: MonthFile) -> tuple[list[Problem], dict[str, Any]]:
    """Return all that is wrong with the file, and its manifest if that can be read."""
    try:
        body = month.read(MANIFEST)
        manifest = json.loads(body)
        if canonical(manifest) != body:
            raise ValueError("not as it was written")
        listed = {str(item["name"]): item for item in manifest["items"]}
        if len(listed) < len(manifest["items"]):
            raise ValueError("an item is named twice")
        stated_root, key = str(manifest["root"]), bytes.fromhex(manifest["key"])
    except UNREADABLE as exc:
        return [(MANIFEST, f"cannot be read: {exc}")], {}
    found = list(of_names(month, listed))
    if root_of(leaves(manifest)) != stated_root:
        return [(MANIFEST, "it was changed: the month's root is not that of what it says")], {}
    for name, item in listed.items():
        try:
            found += of_item(month, name, item) if name in month.names else ()
        except UNREADABLE as exc:
            found.append((name, f"cannot be read: {exc!r}"))
    if found:
        return found, manifest
    if not is_signed(month, key, body):
        return [(SIGNATURE, f"this is not the signature of {MANIFEST} by the key in it")], manifest
    for check in CHECKS:
        try:
            found += check(month, manifest)
        except UNREADABLE as exc:
            found.append((check.__name__[3:], f"cannot be read: {exc!r}"))
    return found, manifest


def leaves(manifest: dict[str, Any]) -> Iterator[bytes]:
    """Yield what the month's root is over: what the manifest says of all, then of each item."""
    yield canonical({name: manifest[name] for name in manifest if name not in ("items", "root")})
    for item in manifest["items"]:
        yield canonical(item)


def of_names(month: MonthFile, listed: dict[str, Any]) -> Iterator[Problem]:
    for name in sorted(set(month.names)):
        if month.names.count(name) > 1:
            yield name, "stands in the file more than once"
        if name not in listed and name not in (MANIFEST, SIGNATURE):
            yield name, "is not in the manifest"
    for name in sorted({*listed, SIGNATURE, *EVERY_MONTH_HAS} - set(month.names)):
        yield name, "is missing"


def of_item(month: MonthFile, name: str, item: dict[str, Any]) -> Iterator[Problem]:
    sha256, size, tree = hashlib.sha256(), 0, Tree()
    with month.open(name) as file:
        for line in file:
            sha256.update(line)
            size += len(line)
            if item["root"] is not None:
                tree.add(line.rstrip(b"\n"))
    count = rows_in(month, name) if name.endswith(".csv") else tree.count
    if item["count"] not in (None, count):
        yield name, f"{count} records, and the manifest states {item['count']}"
    if item["root"] not in (None, tree.root):
        yield name, "its root is another one than the manifest states"
    if (sha256.hexdigest(), size) != (item["sha256"], item["bytes"]):
        yield name, "it was changed: SHA-256 or size differ from the manifest"


def rows_in(month: MonthFile, name: str) -> int:
    """Count the rows of a table under its head."""
    with month.open(name) as file, io.TextIOWrapper(file, "utf-8", newline="") as text:
        return sum(1 for _row in csv.reader(text)) - 1


def is_signed(month: MonthFile, key: bytes, body: bytes) -> bool:
    try:
        text = month.read(SIGNATURE)
        signature = bytes.fromhex(text.decode("ascii"))
    except UNREADABLE:
        return False
    return text == signature.hex().encode() + b"\n" and ed25519_holds(key, body, signature)


# What the items say


class Chains:
    """The chains of one kind, as they stood when the month began, and as its events go on."""

    def __init__(self, month: MonthFile, item: str) -> None:
        self.item = item
        self.heads: dict[Any, Head] = {}
        for row, number, sealed in month.records(HEADS_OF[item]):
            self.heads[row] = (number, sealed)
        self.statuses: dict[Any, str] = {}

    def root(self) -> str:
        return root_of(canonical([row, *self.heads[row]]) for row in sorted(self.heads))

    def follow(self, event: dict[str, Any]) -> Iterator[Problem]:
        row, number, *_rest, before, after = event["fields"]
        row = row if self.item == PAYOUTS else int(row.split(" ")[1])
        expected = self.heads.get(row, (0, ""))[0] + 1
        if number != expected:
            yield self.item, f"event {event['event']} is number {number} of {row}, not {expected}"
        if self.statuses.get(row, before) != before:
            yield self.item, f"event {event['event']} of {row} begins from {before}, not from there"
        self.heads[row], self.statuses[row] = (number, event["hash"]), after


def of_events(month: MonthFile, manifest: dict[str, Any]) -> Iterator[Problem]:
    """Order and numbers of all events, where they lead to, and that each daily head stands for
    those before it."""
    for name, item in ITEMS.items():
        yield from of_log(month, manifest, name, item)
    for name, item in (("payouts", PAYOUTS), ("wallets", WALLETS)):
        chains = Chains(month, item)
        if chains.root() != manifest["begins"]["chains"][name]:
            yield HEADS_OF[item], "the month does not begin where the manifest says"
        for event in month.records(item):
            yield from chains.follow(event)
        if chains.root() != manifest["ends"]["chains"][name]:
            yield item, "the chains do not end where the manifest says"
    number, sealed = manifest["begins"]["desk"]
    for event in month.records(DESK):
        number += 1
        if event["fields"][0] != number:
            yield DESK, f"event {event['event']} is number {event['fields'][0]}, not {number}"
        sealed = event["hash"]
    if [number, sealed] != manifest["ends"]["desk"]:
        yield DESK, "the chain does not end where the manifest says"


def of_log(month: MonthFile, manifest: dict[str, Any], name: str, item: str) -> Iterator[Problem]:
    """The log of all events goes on from where the month began, through its daily heads."""
    before, last = manifest["cut"][name]
    log = Tree(manifest["begins"]["logs"][name])
    due = [each for each in daily_heads(month) if int(each[f"{name}_cut"]) >= before]
    for line in month.lines(item):
        event = json.loads(line)["event"]
        if not before < event <= last:
            yield item, f"event {event} is not of this month, or out of turn"
        while due and event > int(due[0][f"{name}_cut"]):
            yield from of_head(log, name, due.pop(0))
        log.add(line)
        before = event
    for each in due:
        yield from of_head(log, name, each)
    if log.peaks != manifest["ends"]["logs"][name]:
        yield item, "the log does not end where the manifest says"


def of_head(log: Tree, name: str, head: dict[str, str]) -> Iterator[Problem]:
    if log.root != head[f"{name}_root"]:
        item, day = ITEMS[name], head["day"]
        yield item, f"the events up to {day} are not those of the head that was sealed then"


def daily_heads(month: MonthFile) -> list[dict[str, str]]:
    """Return what was sealed of all logs day by day, each with its digest, which was mailed."""
    found = []
    for event in month.records(DESK):
        _number, at, _person, _client, _key, _channel, act, _code, _reason, data = event["fields"]
        if act == "heads":
            head = hashlib.sha256(data.encode()).hexdigest()
            found.append(dict(json.loads(data), head=head, day=at[:10]))
    return found


def of_predecessors(month: MonthFile, manifest: dict[str, Any]) -> Iterator[Problem]:
    """Each month before is what its root is of, and each begins where the one before ended."""
    older = list(month.records(PREDECESSORS))
    named = [{"month": each["month"], "root": root_of(leaves(each))} for each in older]
    begins_at_all: dict[str, Any] = {"cut": {name: [0, 0] for name in manifest["cut"]}}
    for number, each in enumerate([*older, manifest]):
        before = older[number - 1] if number else begins_at_all
        cuts = {name: upto for name, (_after, upto) in before["cut"].items()}
        is_next = {name: after for name, (after, _upto) in each["cut"].items()} == cuts
        goes_on = each["begins"] == before["ends"] if number else not any_log(each["begins"])
        if not (is_next and goes_on):
            yield PREDECESSORS, f"{each['month']} does not begin where the month before ended"
        if each["predecessors"] != named[:number]:
            yield PREDECESSORS, f"the months before are not those that {each['month']} names"


def any_log(begins: dict[str, Any]) -> bool:
    return any(begins["logs"].values())


def of_approvals(month: MonthFile, _manifest: dict[str, Any]) -> Iterator[Problem]:
    """Each approval has its sealed event and its statement, which says just this."""
    sealed = sealed_approvals(month)
    given: dict[str, list[tuple[str, str, Any]]] = {}  # by statement: payout, digest, who
    for each in month.records(APPROVALS):
        who = (each["person"], each["policy"])
        said = (each["payout"], each["decided_at"], each["digest"], each["statement"], who)
        if sealed.pop(each["event"], None) != said:
            yield APPROVALS, f"no event seals the approval of event {each['event']}"
        given.setdefault(each["statement"], []).append((each["payout"], each["digest"], who))
    for number in sealed:
        yield APPROVALS, f"the approval that event {number} seals is missing"
    for statement in month.records(STATEMENTS):
        reason = wrong_with(statement, given.pop(statement["sha256"], []))
        if reason:
            yield STATEMENTS, f"{statement['sha256'][:12]}…: {reason}"
    for sha256 in given:
        yield STATEMENTS, f"the statement {sha256[:12]}… is missing"


def sealed_approvals(month: MonthFile) -> dict[int, Any]:
    """Return what each event seals by which a person approved."""
    sealed = {}
    for event in month.records(PAYOUTS):
        payout, _number, at, person, _client, _key, _channel, act, *_reason, data = event["fields"][
            :11
        ]
        if act == "approve" and person is not None and "statement" in (data or ""):
            facts = json.loads(data)
            who = (person, int(facts["policy"]))
            sealed[event["event"]] = (payout, at, facts["digest"], facts["statement"], who)
    return sealed


def wrong_with(statement: dict[str, Any], given: list[tuple[str, str, Any]]) -> str:
    body = statement["body"].encode()
    if hashlib.sha256(body).hexdigest() != statement["sha256"]:
        return "it is not what its SHA-256 was made of"
    said = json.loads(body)
    rows = [(row["payout"], row["digest"]) for row in said["rows"]]
    approved = sorted((payout, digest) for payout, digest, _who in given)
    if said["act"] != "approve" or sorted(rows) != approved or said["count"] != len(rows):
        return "it is of other payouts than were approved with it"
    if {who for _payout, _digest, who in given} != {(said["approver"]["id"], said["policy"])}:
        return "it is of another person, or under another policy"
    if statement["signature"] is not None:
        key, signature = bytes.fromhex(statement["key_id"]), bytes.fromhex(statement["signature"])
        if not es256_holds(key, body, signature):
            return "its signature does not hold"
    return ""


def of_policies(month: MonthFile, _manifest: dict[str, Any]) -> Iterator[Problem]:
    numbers = []
    for each in month.records(POLICIES):
        numbers.append(each["fields"][0])
        if hashlib.sha256(each["fields"][1].encode()).hexdigest() != each["digest"]:
            yield POLICIES, f"version {numbers[-1]} is not the text that its digest is of"
    if numbers and numbers != list(range(numbers[0], numbers[0] + len(numbers))):
        yield POLICIES, "a version is missing"


KINDS = ("paid", "open", "failed")


def of_list(month: MonthFile, _manifest: dict[str, Any]) -> Iterator[Problem]:
    """The sums of each day are those of Heleket's list."""
    sums: dict[Any, Any] = {}
    for each in month.records(LISTED):
        if each.get("counts"):
            of = sums.setdefault((each["day"], each["currency"]), {kind: [0, 0] for kind in KINDS})
            of[each["kind"]][0] += 1
            of[each["kind"]][1] += Decimal(each["amount"])
    stated = {}
    for each in month.records(DAYS):
        both = {kind: [each[f"{kind}_count"], Decimal(each[f"{kind}_sum"])] for kind in KINDS}
        if any(count for count, _sum in both.values()):
            stated[(each["day"], each["currency"])] = both
    for key in sorted({*sums, *stated}):
        if sums.get(key) != stated.get(key):
            yield DAYS, f"the sums of {key[0]} in {key[1]} are not those of the list"


EXACT = Context(prec=60, traps=[Inexact, InvalidOperation])


def of_journal(month: MonthFile, _manifest: dict[str, Any]) -> Iterator[Problem]:
    """Each entry balances, in each coin."""
    for entry in month.records(JOURNAL):
        rests: dict[str, Decimal] = {}
        for each in entry["postings"]:
            amount = Decimal(each["amount"]) * (1 if each["side"] == "debit" else -1)
            before = rests.get(each["currency"], Decimal(0))
            rests[each["currency"]] = EXACT.add(before, amount)
        if any(rests.values()):
            yield JOURNAL, f"entry {entry['entry']} does not balance"


CHECKS = (of_events, of_predecessors, of_approvals, of_policies, of_list, of_journal)


# What you have from elsewhere


def mismatches(month: MonthFile, manifest: dict[str, Any], asked: Any) -> Iterator[str]:
    fingerprint = hashlib.sha256(bytes.fromhex(manifest["key"])).hexdigest()
    if asked.fingerprint and plain(asked.fingerprint) != fingerprint:
        yield f"the fingerprint of the key is {fingerprint}"
    months = [*month.records(PREDECESSORS), manifest]
    keys = {root_of(leaves(each)): each["key"] for each in months}
    key = keys.get(plain(asked.root or ""))
    if asked.root and key is None:
        yield "neither this month nor one before it has that root: history was rewritten"
    elif key and key != manifest["key"] and not asked.fingerprint:
        yield "it is signed with another key than the month of that root: give --fingerprint too"
    heads = {each["head"]: each for each in daily_heads(month)}
    head = heads.get(plain(asked.head or ""))
    if asked.head and head is None:
        yield "no daily head of this month is that one"
    elif head and any(int(head[f"{name}_cut"]) < manifest["cut"][name][0] for name in ITEMS):
        yield "this head is of the month before: check the file of that one with it"


def plain(text: str) -> str:
    return "".join(text.replace(":", "").split()).lower()


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """A call that cannot be understood is an error, not a file without an anchor."""
        self.print_usage(sys.stderr)
        self.exit(1, f"{self.prog}: {message}\n")


def main(arguments: list[str] | None = None) -> int:
    parser = Parser(
        description="Check the file of a closed month without the desk that made it.",
        epilog="Exit code: 0 it holds together and your anchors match, 1 damaged or another "
        "anchor, 2 consistent, not anchored.",
    )
    parser.add_argument("file", type=Path, help="the zip, or the folder it was unpacked into")
    parser.add_argument("--fingerprint", help="of the desk's key, as you were given it")
    parser.add_argument("--root", help="of this month or an older one, as you kept it")
    parser.add_argument("--head", help="of a day of this month, as it was mailed to you")
    asked = parser.parse_args(arguments)
    try:
        return judge(MonthFile(asked.file), asked)
    except UNREADABLE as exc:
        return end([f"{asked.file} cannot be read: {exc!r}"])


def judge(month: MonthFile, asked: Any) -> int:
    found, manifest = damages(month)
    if found:
        return end([f"{item}: {what}" for item, what in found])
    say(f"Month {manifest['month']}, root {manifest['root']}")
    for item in manifest["items"]:
        count = "" if item["count"] is None else f", {item['count']} records"
        say(f"  {item['name']}: {item['bytes']} bytes{count}")
    say("Not checked: the seals of the events, which take the desk's own key.")
    if not (asked.fingerprint or asked.root or asked.head):
        say("Consistent, not anchored: give --fingerprint, --root or --head to know whose it is.")
        return 2
    if wrong := list(mismatches(month, manifest, asked)):
        return end(wrong)
    if not (asked.fingerprint or asked.root):
        say("The head stands for the events up to its day; for the rest give --fingerprint or")
        say("--root as well: whoever made this file may have made it up.")
    say("It holds together, and is what you have an anchor of.")
    return 0


def end(problems: list[str]) -> int:
    for each in problems:
        say(f"DAMAGED {each}")
    return 1


def say(text: str) -> None:
    """Names in a file may have any characters: none of them writes lines of its own."""
    sys.stdout.write(f"{text.encode('unicode_escape').decode()}\n")


if __name__ == "__main__":
    sys.exit(main())
