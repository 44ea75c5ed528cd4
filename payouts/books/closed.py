"""The months that are closed: whether their files are there, and say what is stored still."""

import zipfile
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

from django.utils.translation import gettext as _

from audit.merkle import Tree
from audit.models import DeskEvent
from audit.refusals import Refused
from audit.verifying import Finding, Show
from payouts.books import month_file
from payouts.books.logs import LOGS, events, line_of
from payouts.books.month_items import entries
from payouts.models import ClosedMonth

Records = Callable[[int, int], Iterator[Any]]


def check(show: Show) -> Iterator[Finding]:
    """Each month begins where the one before ended, and its file names the events that are stored
    now, to the last byte."""
    ended: Mapping[str, Any] = {}
    for done, each in enumerate(ClosedMonth.objects.order_by("month"), start=1):
        if any(cut["after"] != ended.get(name, 0) for name, cut in each.cut.items()):
            yield finding("month_cut", each, _("It does not begin where the month before ended."))
        ended = {name: cut["last"] for name, cut in each.cut.items()}
        try:
            manifest = month_file.manifest_in(each)
        except (Refused, OSError, ValueError, KeyError, zipfile.BadZipFile) as exc:
            yield finding("month_file", each, _("Its file cannot be used: %s") % exc)
            continue
        cuts = {name: [cut["after"], cut["last"]] for name, cut in each.cut.items()}
        if manifest["root"] != each.root or manifest["cut"] != cuts:
            yield finding(
                "month_root", each, _("Its file is that of another root than was closed.")
            )
        yield from changed_records(each, manifest)
        if not is_sealed(each):
            words = _("No event seals that it was closed with this file, by these two people.")
            yield finding("month_unsealed", each, words)
        show(done)


def entries_of(after: int, last: int) -> Iterator[Any]:
    return entries({"after": after, "last": last})


def changed_records(closed: ClosedMonth, manifest: Mapping[str, Any]) -> Iterator[Finding]:
    roots = {item["name"]: item["root"] for item in manifest["items"]}
    stored: dict[str, tuple[str, Records]] = {
        f"events/{name}.jsonl": (name, partial(events, name)) for name in LOGS
    }
    stored["journal.jsonl"] = ("journal", entries_of)
    for item, (name, records) in stored.items():
        tree = Tree()
        for record in records(closed.cut[name]["after"], closed.cut[name]["last"]):
            tree.add(line_of(record))
        if tree.root != roots.get(item):
            what = _("What is stored of “%s” is not what its file has.") % name
            yield finding("month_events", closed, what)


def is_sealed(closed: ClosedMonth) -> bool:
    """Whether two people's agreement and the file are in the desk's chain, which has its hashes."""
    types = {
        DeskEvent.Type.PROPOSE_CLOSE: closed.proposed_by_id,
        DeskEvent.Type.AGREE_CLOSE: closed.closed_by_id,
    }
    acts = DeskEvent.objects.filter(event_type__in=[*types, DeskEvent.Type.CLOSE_MONTH])
    of_month = [each for each in acts if each.facts.get("month") == str(closed)]
    agreed = {(each.event_type, each.person_id) for each in of_month}
    files = {(each.facts.get("root"), each.facts.get("sha256")) for each in of_month}
    return set(types.items()) <= agreed and (closed.root, closed.sha256) in files


def finding(code: str, closed: ClosedMonth, sentence: str) -> Finding:
    where = f"{ClosedMonth._meta.label} {closed.pk} ({closed})"
    return Finding(code, where, sentence)
