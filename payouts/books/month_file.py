"""The file of a closed month: all that an auditor needs to check it without the desk.

One zip, whose items are records, one in each line. The manifest names each item with its hash and
with the Merkle root over its records; the month's root is over all of them, over the roots of the
months before, and over what the month begins and ends with. It is signed. `verify_month.py` lies in
it, checks all of that, and is published beside it.
"""

import csv
import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import IO, Any

import rfc8785
from django.db.models import Model
from django.template.loader import render_to_string

import heleket
from audit.merkle import Tree
from audit.models import DeskEvent
from audit.version import VERSION
from payouts import documents
from payouts.books import month_items
from payouts.books.cuts import cut
from payouts.books.logs import LOGS, events, line_of
from payouts.books.month_items import CHAINS, HeleketList, heads
from payouts.books.signing import Signer
from payouts.controls.models import PolicyVersion
from payouts.gateway.accounts import GatewayAccount
from payouts.models import ClosedMonth, Entry
from payouts.staff.models import JointAct

FORMAT = 1
MANIFEST, SIGNATURE, PAGE, SCRIPT = "manifest.json", "manifest.sig", "index.html", "verify_month.py"
PREDECESSORS = "predecessors.jsonl"
SCRIPT_FILE = Path(__file__).with_name(SCRIPT)
SHOWN_EVERY = 5000  # records

Show = Callable[[str], None]
Cuts = Mapping[str, Any]  # of each table: `after`, `last`, and the peaks of its `log` at the end
TABLES: Mapping[str, type[Model]] = {  # a month has a stretch of each
    **LOGS,
    "policies": PolicyVersion,
    "journal": Entry,
}


@dataclass(frozen=True)
class Written:
    """A file that is written: the root over all of it, its own hash, the stretch of each table that
    it has, with the peaks of its log at the end, and how many records each item has."""

    root: str
    sha256: str
    cut: dict[str, dict[str, Any]]
    counts: dict[str, int]


def write(
    month: date,
    path: Path,
    *,
    client: heleket.HeleketClient,
    account: GatewayAccount,
    show: Show,
) -> Written:
    """Write the file of a month that ended, whole or not at all. In no transaction. Raises Refused
    and HeleketError.

    It reads while the desk goes on: what it reads of is added to and never changed.
    """
    signer = Signer()
    months = list(ClosedMonth.objects.filter(month__lt=month).order_by("month"))
    before: Cuts = months[-1].cut if months else {}
    cuts = cuts_after(before)
    trees = {name: Tree.resumed(before[name]["log"] if before else "") for name in LOGS}
    listed = HeleketList(month, client)
    with (
        documents.in_place(path) as file,
        zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        writer = Writer(archive, month, show)
        write_items(writer, cuts, trees, listed)
        writer.records(PREDECESSORS, map(manifest_in, months))
        for name, tree in trees.items():
            cuts[name]["log"] = tree.peaks
        manifest = manifest_of(month, months, before, cuts, account, signer)
        page = {"manifest": manifest, "items": writer.items, "fingerprint": signer.fingerprint}
        writer.text(PAGE, [render_to_string("books/month_file.html", page)])
        writer.text(SCRIPT, [SCRIPT_FILE.read_text()])
        items = sorted(writer.items, key=lambda item: item["name"])
        root = root_over(manifest, items)
        body = rfc8785.dumps({**manifest, "items": items, "root": root})
        writer.add(MANIFEST, body)
        writer.add(SIGNATURE, signer.sign(body).hex().encode() + b"\n")
    counts = {item["name"]: item["count"] for item in items if item["count"] is not None}
    return Written(root=root, sha256=documents.sha256_of(path), cut=cuts, counts=counts)


def write_items(
    writer: "Writer", cuts: Cuts, trees: Mapping[str, Tree], listed: HeleketList
) -> None:
    for name, tree in trees.items():
        stretch = events(name, cuts[name]["after"], cuts[name]["last"])
        writer.records(f"events/{name}.jsonl", stretch, tree)
    for name in CHAINS:
        writer.records(f"heads/{name}.jsonl", heads(name, cuts[name]["after"]))
    writer.records("approvals.jsonl", month_items.approvals(cuts["payouts"]))
    writer.records("statements.jsonl", month_items.statements(cuts["payouts"]))
    writer.records("policies.jsonl", month_items.policies(cuts["policies"]))
    writer.records("heleket/list.jsonl", listed.rows())
    listed.compare()
    writer.records("heleket/days.jsonl", listed.days())
    writer.records("journal.jsonl", month_items.entries(cuts["journal"]))
    writer.text("payouts.csv", month_items.payouts_table(cuts["payouts"]))
    writer.text("postings.csv", month_items.postings_table(cuts["journal"]))


def cuts_after(before: Cuts) -> dict[str, dict[str, Any]]:
    """Begin where the month before ended, and end at what is committed by now."""
    return {
        name: {"after": before[name]["last"] if before else 0, "last": cut(model)}
        for name, model in TABLES.items()
    }


def manifest_of(
    month: date,
    months: Sequence[ClosedMonth],
    before: Cuts,
    cuts: Cuts,
    account: GatewayAccount,
    signer: Signer,
) -> dict[str, Any]:
    """Return what the manifest says beside its items and the root over all of it."""
    return {
        "begins": state_of(cuts, "after", before),
        "closed_by": people_of(month),
        "cut": {name: [of["after"], of["last"]] for name, of in cuts.items()},
        "desk": {
            "gateway": account.host,
            "installation": account.installation,
            "merchant": account.merchant_id,
            "version": VERSION,
        },
        "ends": state_of(cuts, "last", cuts),
        "format": FORMAT,
        "key": signer.public.hex(),
        "month": f"{month:%Y-%m}",
        "predecessors": [{"month": f"{each.month:%Y-%m}", "root": each.root} for each in months],
    }


def state_of(cuts: Cuts, at: str, logs: Cuts) -> dict[str, Any]:
    """Return where all chains and logs stand at one end of the month."""
    return {
        "chains": {name: root_of(heads(name, cuts[name][at])) for name in CHAINS},
        "desk": end_of_desk(cuts["desk"][at]),
        "logs": {name: logs[name]["log"] if logs else "" for name in LOGS},
    }


def root_of(records: Iterable[Any]) -> str:
    tree = Tree()
    for record in records:
        tree.add(line_of(record))
    return tree.root


def end_of_desk(upto: int) -> list[Any]:
    """Return number and hash of the desk's last event, up to an id."""
    events = DeskEvent.objects.filter(pk__lte=upto).order_by("-number")
    return list(events.values_list("number", "hash").first() or (0, ""))


def people_of(month: date) -> list[str]:
    """Return the logins of the two who agreed to close this month."""
    agreed = JointAct.objects.filter(
        act="close_month", subject=f"month:{month:%Y-%m}", ending=JointAct.Ending.DONE
    )
    joint = agreed.select_related("proposed_by", "ended_by").order_by("-pk").first()
    people = [joint.proposed_by, joint.ended_by] if joint else []
    return [each.get_username() for each in people if each]


def root_over(manifest: Mapping[str, Any], items: Iterable[Mapping[str, Any]]) -> str:
    tree = Tree()
    for each in (manifest, *items):
        tree.add(rfc8785.dumps(dict(each)))
    return tree.root


# Writing


class Writer:
    """Adds items to the zip as they come, and keeps what the manifest says of each."""

    def __init__(self, archive: zipfile.ZipFile, month: date, show: Show) -> None:
        self.archive, self.show = archive, show
        self.at = (month.year, month.month, 1, 0, 0, 0)  # the same content makes the same zip
        self.items: list[dict[str, Any]] = []

    @contextmanager
    def item(self, name: str) -> Iterator[IO[bytes]]:
        about = zipfile.ZipInfo(name, self.at)
        about.compress_type = zipfile.ZIP_DEFLATED
        about.external_attr = 0o644 << 16
        with self.archive.open(about, "w", force_zip64=True) as file:
            yield file

    def add(self, name: str, content: bytes) -> None:
        with self.item(name) as file:
            file.write(content)

    def records(self, name: str, records: Iterable[Any], log: Tree | None = None) -> None:
        """Add an item of records, and each of them to a log as well."""
        made, tree = Made(), Tree()
        with self.item(name) as file:
            for record in records:
                line = line_of(record)
                tree.add(line)
                if log is not None:
                    log.add(line)
                file.write(made.take(line + b"\n"))
                if tree.count % SHOWN_EVERY == 0:
                    self.show(f"{name}: {tree.count}")
        self.keep(name, made, tree.count, tree.root)

    def text(self, name: str, texts: Iterable[str]) -> None:
        """Add an item that is no records; of a table the rows are counted."""
        made, count = Made(), -1  # the head of a table is none of its rows
        is_table = name.endswith(".csv")
        with self.item(name) as file:
            for text in texts:
                file.write(made.take(text.encode()))
                if is_table:
                    count += sum(1 for _row in csv.reader(io.StringIO(text, newline="")))
        self.keep(name, made, count if is_table else None, None)

    def keep(self, name: str, made: "Made", count: int | None, root: str | None) -> None:
        about = {"bytes": made.size, "count": count, "name": name, "root": root}
        self.items.append({**about, "sha256": made.sha256.hexdigest()})
        self.show(name)


@dataclass
class Made:
    sha256: Any = field(default_factory=hashlib.sha256)
    size: int = 0

    def take(self, content: bytes) -> bytes:
        self.sha256.update(content)
        self.size += len(content)
        return content


def manifest_in(closed: ClosedMonth) -> dict[str, Any]:
    """Read the manifest in the file of a closed month. Raises Refused, and ValueError or KeyError
    for what is none."""
    with documents.open_large(closed.sha256) as file, zipfile.ZipFile(file) as archive:
        manifest: dict[str, Any] = json.loads(archive.read(MANIFEST))
    return manifest
