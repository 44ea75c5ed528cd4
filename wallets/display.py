"""How addresses and histories look on pages."""

from collections.abc import Collection, Iterator
from datetime import datetime
from itertools import islice
from typing import Any, NamedTuple

from django.db import models
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from wallets.models import BY_KEY

CHANGES_SHOWN, MOST_CHANGES = 20, 1000


def in_groups(address: str) -> SafeString:
    """Show an address so that eyes can compare it; copied, it has no spaces. Needs address.css."""
    groups = ((address[i : i + 4],) for i in range(0, len(address), 4))
    return format_html(
        '<span class="address" translate="no">{}</span>',
        format_html_join("", "<span>{}</span>", groups),
    )


class Version(NamedTuple):
    """A change of a row with a history, in words."""

    at: datetime
    who: str
    what: str
    why: str


def changes_since(row: Any, seen: int) -> Iterator[str]:
    """Say what changed after the version of the row's history that somebody saw, newest first."""
    newer = row.history.filter(pk__gt=seen).count()
    for at, who, what, why in islice(changes_of(row), min(newer, CHANGES_SHOWN)):
        because = f" ({why})" if why else ""
        yield f"{date_format(localtime(at), 'DATETIME_FORMAT')}, {who}: {what}{because}"


def changes_of(
    row: Any, fields: Collection[str] = (), most: int = CHANGES_SHOWN
) -> Iterator[Version]:
    """Yield when and by whom a row was changed, newest first; of certain `fields` alone, if any."""
    versions = list(row.history.select_related("history_user")[: most + 1])
    for version, before in zip(versions, [*versions[1:], None], strict=True):
        who, why = _by_whom(version)
        if version.history_type == "+":
            yield Version(version.history_date, who, _("added"), why)
        elif before and (what := _difference(version, before, fields)):
            yield Version(version.history_date, who, what, why)


def _by_whom(version: Any) -> tuple[str, str]:
    """Return who made a version, and why, as `Historied.name_in_history` wrote it."""
    person, reason = version.history_user, version.history_change_reason or ""
    if person is None and reason.startswith(BY_KEY):
        key, _space, words = reason.removeprefix(BY_KEY).partition(" ")
        return _("the client API (key %s)") % key, words
    return str(person or _("the system")), reason


def _difference(version: Any, before: Any, fields: Collection[str]) -> str:
    delta = version.diff_against(before, excluded_fields=["approved_by", "approved_at"])
    changes = [
        f"{name_of(field)}: {shown(field, change.old)} → {shown(field, change.new)}"
        for change in delta.changes
        if not fields or change.field in fields
        for field in [version._meta.get_field(change.field)]
    ]
    return ", ".join(changes) or ("" if fields else _("saved without a change"))


def name_of(field: Any) -> str:
    names = {"is_active": _("state"), "preferred_currency": _("preferred coin")}
    return names.get(field.name, str(field.verbose_name))


def shown(field: Any, value: Any) -> str:
    """Return a stored value in the words of the pages; the one boolean is a client's being open."""
    if isinstance(field, models.BooleanField):
        return _("open") if value else _("closed")
    return str(dict(field.flatchoices).get(value, value)) or "—"
