"""What an auditor has in hand, and everything that it names: a person, a client, an address, a
transaction, an id of ours or Heleket's. Each look-up is one that an index answers.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext as _

from audit.directions import isolated
from audit.texts import folded
from payouts.admin.search import MOST_IDS, of_attempts, of_names, of_number, spellings
from payouts.models import Attempt, Discrepancy, Payout, WebhookDelivery
from payouts.staff.models import Login
from wallets.amounts import money
from wallets.models import Client, Wallet

SHOWN = 20  # of each kind
May = Callable[[str], bool]


@dataclass(frozen=True)
class Hit:
    title: str
    url: str
    text: str


@dataclass(frozen=True)
class Group:
    """What was found of one kind; `has_more` if not all of it is shown."""

    title: str
    hits: Sequence[Hit]
    has_more: bool


def find(text: str, may: May) -> list[Group]:
    """Return what a text names, of what somebody with these rights may see. Empty groups are left
    out."""
    clients = list(Client.objects.called(text).order_by("pk")[: SHOWN + 1])
    payouts = payouts_named(text, clients)
    kinds: list[tuple[str, str, Callable[[], Iterable[Hit]]]] = [
        (_("People"), "auth.view_user", lambda: map(of_person, people(text))),
        (_("Clients"), "wallets.view_client", lambda: map(of_client, clients)),
        (_("Wallets"), "wallets.view_wallet", lambda: map(of_wallet, wallets(text, clients))),
        (_("Payouts"), "payouts.view_payout", lambda: map(of_payout, payouts)),
        (
            _("Discrepancies"),
            "payouts.view_discrepancy",
            lambda: map(of_discrepancy, discrepancies(text, payouts)),
        ),
        (_("Webhooks"), "payouts.view_webhookdelivery", lambda: map(of_webhook, webhooks(text))),
    ]
    found = [(title, list(rows())) for title, right, rows in kinds if may(right)]
    return [Group(title, hits[:SHOWN], len(hits) > SHOWN) for title, hits in found if hits]


# The rows


def people(text: str) -> Iterable[User]:
    """By the beginning of a login, or by the whole of one that somebody had before."""
    earlier = Login.objects.filter(folded=folded(text)).values_list("person_id", flat=True)
    named = Q(username__istartswith=text) | Q(pk__in=list(earlier))
    return User.objects.filter(named).order_by("username")[: SHOWN + 1]


def payouts_named(text: str, clients: Sequence[Client]) -> list[Payout]:
    """Return the newest that the text names, one look-up after another: a single condition of all
    of them would read the table."""
    found: set[Any] = set()
    conditions = [*parts(of_names(text)), of_attempts(text)]
    if (number := of_number(text)) is not None:
        conditions.append(number)
    conditions += [Q(client=each) for each in clients]
    for each in conditions:
        newest = Payout.objects.filter(each).order_by("-number")
        found.update(newest.values_list("pk", flat=True)[: SHOWN + 1])
    rows = Payout.objects.filter(pk__in=found).select_related("client").order_by("-number")
    return list(rows[: SHOWN + 1])


def parts(condition: Q) -> Iterable[Q]:
    """Return the alternatives of a condition."""
    if condition.connector == Q.OR and not condition.negated:
        return [each if isinstance(each, Q) else Q(each) for each in condition.children]
    return [condition]


def wallets(text: str, clients: Sequence[Client]) -> Iterable[Wallet]:
    there = Wallet.objects.filter(address__in=spellings(text))
    theirs = Wallet.objects.filter(client__in=[each.pk for each in clients])
    found = {pk for rows in (there, theirs) for pk in rows.values_list("pk", flat=True)[:MOST_IDS]}
    rows = Wallet.objects.filter(pk__in=found).select_related("client")
    return rows.order_by("pk")[: SHOWN + 1]


def discrepancies(text: str, payouts: Sequence[Payout]) -> Iterable[Discrepancy]:
    """Those of these payouts, and those of a payout at Heleket that is none of ours."""
    foreign = Q(kind=Discrepancy.Kind.FOREIGN)
    named = Q(key=text) | Q(theirs__txid=text) | Q(theirs__address__in=list(spellings(text)))
    found = Q(payout__in=[each.pk for each in payouts]) | (foreign & named)
    rows = Discrepancy.objects.filter(found).select_related("payout")
    return rows.order_by("-pk")[: SHOWN + 1]


def webhooks(text: str) -> Iterable[WebhookDelivery]:
    """Those about a try that the text names."""
    same = {text, text.lower()}
    tries = Attempt.objects.filter(Q(uuid__in=same) | Q(txid__in=same))
    order_ids = {*same, *tries.values_list("order_id", flat=True)[:SHOWN]}
    return WebhookDelivery.objects.filter(order_id__in=order_ids).order_by("-pk")[: SHOWN + 1]


# How they are shown


def joined(said: Iterable[object]) -> str:
    """Each keeps the direction of its own writing."""
    return " · ".join(isolated(str(each)) for each in said)


def of_person(person: User) -> Hit:
    url = reverse("admin:auditing_person", args=[person.pk])
    return Hit(person.get_username(), url, _("everything that they did, in time"))


def of_client(client: Client) -> Hit:
    url = reverse("admin:wallets_client_change", args=[client.pk])
    return Hit(client.name, url, client.external_id)


def of_wallet(wallet: Wallet) -> Hit:
    url = reverse("admin:wallets_wallet_change", args=[wallet.pk])
    said = [wallet.client.name, wallet.get_network_display(), wallet.get_status_display()]
    return Hit(wallet.address, url, joined(said))


def of_payout(payout: Payout) -> Hit:
    url = reverse("admin:auditing_story", args=[payout.pk])
    said = [money(payout.amount, payout.currency), payout.client.name, payout.get_status_display()]
    return Hit(str(payout), url, joined(said))


def of_discrepancy(found: Discrepancy) -> Hit:
    url = reverse("admin:payouts_discrepancy_change", args=[found.pk])
    said = [str(found.payout or found.key), found.get_outcome_display() or _("open")]
    return Hit(str(found), url, joined(said))


def of_webhook(delivery: WebhookDelivery) -> Hit:
    url = reverse("admin:payouts_webhookdelivery_change", args=[delivery.pk])
    return Hit(delivery.order_id, url, delivery.outcome)
