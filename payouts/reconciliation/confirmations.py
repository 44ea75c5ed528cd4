"""What may have changed in the time that a restore lost: nobody can read that from the database, so
a person looks at how it stands now and confirms it, or changes it before."""

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import Group, User
from django.db.models import Count
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from audit.texts import day_and_hour
from payouts.controls.models import PolicyVersion
from payouts.staff import roles
from payouts.staff.rights import called
from wallets.models import Client, Wallet, WalletStatus

SHOWN = 200  # of a long list, the newest of it; the digest is of all


@dataclass(frozen=True)
class Standing:
    """How something stands: in words, how many there are, and a digest of all of them."""

    summary: str
    lines: Sequence[str]
    count: int
    digest: str


@dataclass(frozen=True)
class Confirmation:
    name: str
    title: Any
    ask: Any  # what the person should look for
    read: Callable[[], Standing]
    page: str  # where it is changed


def digest_of(rows: Iterable[Sequence[object]]) -> str:
    found = hashlib.sha256()
    for row in rows:
        found.update(json.dumps(row, default=str).encode() + b"\n")
    return found.hexdigest()


def wallets() -> Standing:
    """Every wallet that is active or frozen, those that something was decided about last first."""
    found = Wallet.objects.filter(status__in=[WalletStatus.ACTIVE, WalletStatus.FROZEN])
    counts = dict(found.order_by().values_list("status").annotate(Count("pk")))
    newest = found.select_related("client").order_by("-status", "-pk")[:SHOWN]
    rows = found.order_by("pk").values_list("pk", "status", "last_event")
    active, frozen = counts.get(WalletStatus.ACTIVE, 0), counts.get(WalletStatus.FROZEN, 0)
    return Standing(
        _("%(active)d active, %(frozen)d frozen.") % {"active": active, "frozen": frozen},
        [f"{each.client}: {each} ({each.get_status_display()})" for each in newest],
        active + frozen,
        digest_of(rows.iterator()),
    )


def clients() -> Standing:
    """The clients that are closed: nobody else may be paid no more."""
    closed = Client.objects.filter(is_active=False).order_by("pk")
    count, all_of_them = closed.count(), Client.objects.count()
    text = ngettext("%d client is closed", "%d clients are closed", count) % count
    return Standing(
        _("%(closed)s, of %(count)d.") % {"closed": text, "count": all_of_them},
        [str(each) for each in closed.order_by("-pk")[:SHOWN]],
        count,
        digest_of(Client.objects.order_by("pk").values_list("pk", "is_active").iterator()),
    )


def people() -> Standing:
    """Who may do what, and who may come in at all."""
    found = list(User.objects.order_by("username").prefetch_related("user_permissions"))
    groups = roles.groups_of([each.pk for each in found])
    rows = [
        (
            each.pk,
            each.get_username(),
            each.email,
            each.is_active,
            each.is_staff,
            each.is_superuser,
            sorted(groups[each.pk]),
            sorted(rights_of(each)),
        )
        for each in found
    ]
    return Standing(
        _("%(count)d people, %(active)d of them enabled.")
        % {"count": len(found), "active": sum(each.is_active for each in found)},
        [line_of(each, sorted(groups[each.pk])) for each in found if each.is_active][:SHOWN],
        len(found),
        digest_of([*rows, *role_rows()]),
    )


def rights_of(person: User) -> list[str]:
    return [f"{each.content_type_id}.{each.codename}" for each in person.user_permissions.all()]


def role_rows() -> list[tuple[str, str]]:
    """Which rights each role gives."""
    rights = Group.objects.order_by("name", "permissions__codename")
    return list(rights.values_list("name", "permissions__codename"))


def line_of(person: User, names: Sequence[str]) -> str:
    own = [called(right) for right in sorted(person.get_user_permissions())]
    held = [_("superuser")] if person.is_superuser else [*names, *own]
    return f"{person.get_username()} ({person.email or '—'}): {', '.join(held) or '—'}"


def policy() -> Standing:
    version = PolicyVersion.objects.select_related("drafted_by", "approved_by").latest("number")
    words = {
        "number": version.number,
        "at": day_and_hour(version.in_force_at),
        "first": version.drafted_by or "—",
        "second": version.approved_by or "—",
    }
    text = _(
        "Version %(number)d, in force since %(at)s, drafted by %(first)s, approved by %(second)s."
    )
    lines = [version.reason] if version.reason else []
    return Standing(text % words, lines, version.number, version.hash)


CONFIRMATIONS = {
    each.name: each
    for each in [
        Confirmation(
            "wallets",
            gettext_lazy("Confirm the wallets"),
            gettext_lazy(
                "One that was frozen or archived since the backup is active again: freeze it first."
            ),
            wallets,
            "admin:wallets_wallet_changelist",
        ),
        Confirmation(
            "clients",
            gettext_lazy("Confirm which clients are closed"),
            gettext_lazy("One that was closed since the backup is open again: close it first."),
            clients,
            "admin:wallets_client_changelist",
        ),
        Confirmation(
            "people",
            gettext_lazy("Confirm people and their rights"),
            gettext_lazy(
                "Who was stopped, or lost a right, since the backup has it again: stop them first."
            ),
            people,
            "admin:auth_user_changelist",
        ),
        Confirmation(
            "policy",
            gettext_lazy("Confirm the policy in force"),
            gettext_lazy("A version of after the backup is lost: have it drafted and approved."),
            policy,
            "admin:payouts_controls_policyversion_changelist",
        ),
    ]
}
