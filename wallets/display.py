"""How addresses and histories look on pages."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

CHANGES_SHOWN = 20


def in_groups(address: str) -> SafeString:
    """Show an address so that eyes can compare it; copied, it has no spaces. Needs address.css."""
    groups = ((address[i : i + 4],) for i in range(0, len(address), 4))
    return format_html(
        '<span class="address">{}</span>', format_html_join("", "<span>{}</span>", groups)
    )


def recent_changes(row: Any) -> SafeString:
    """List when and by whom a row with a history was changed, and from what to what."""
    return format_html_join("", "<div>{} · {} · {}</div>", _changes(row))


def changes_since(row: Any, seen: int) -> Iterator[str]:
    """Say what changed after the version of the row's history that somebody saw, newest first."""
    newer = row.history.filter(pk__gt=seen).count()
    for at, who, what in islice(_changes(row), min(newer, CHANGES_SHOWN)):
        yield f"{at}, {who}: {what}"


def _changes(row: Any) -> Iterator[tuple[str, str, str]]:
    versions = list(row.history.select_related("history_user")[: CHANGES_SHOWN + 1])
    for version, before in zip(versions, [*versions[1:], None], strict=True):
        at = timezone.localtime(version.history_date).strftime("%Y-%m-%d %H:%M")
        who = str(version.history_user or _("the system"))
        if version.history_type == "+":
            yield at, who, _("added")
        elif before:
            what, why = _difference(version, before), version.history_change_reason
            yield at, who, f"{what} ({why})" if why else what


def _difference(version: Any, before: Any) -> str:
    delta = version.diff_against(before, excluded_fields=["approved_by", "approved_at"])
    changes = [f"{change.field}: {change.old} → {change.new}" for change in delta.changes]
    return ", ".join(changes) or _("saved without a change")
