"""The months that are closed: whether their files are there, and say what is stored still."""

import zipfile
from collections.abc import Iterator, Mapping
from typing import Any

from django.utils.translation import gettext as _

from audit.refusals import Refused
from audit.verifying import Finding, Show
from payouts.books import month_file
from payouts.books.logs import LOGS, grown
from payouts.models import ClosedMonth


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
        yield from changed_events(each, manifest)
        show(done)


def changed_events(closed: ClosedMonth, manifest: Mapping[str, Any]) -> Iterator[Finding]:
    roots = {item["name"]: item["root"] for item in manifest["items"]}
    for name in LOGS:
        tree = grown(name, "", closed.cut[name]["after"], closed.cut[name]["last"])
        if tree.root != roots.get(f"events/{name}.jsonl"):
            what = _("What is stored of “%s” is not what its file has.") % name
            yield finding("month_events", closed, what)


def finding(code: str, closed: ClosedMonth, sentence: str) -> Finding:
    where = f"{ClosedMonth._meta.label} {closed.pk} ({closed})"
    return Finding(code, where, sentence)
