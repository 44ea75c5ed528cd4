"""What a policy is checked against: the staff as it is, and what the desk knows by name."""

from django.contrib.auth.models import Group, User

from audit.refusals import Refused
from payouts.controls import checks
from payouts.controls.checks import Findings, Known
from payouts.controls.codes import ControlsCode
from payouts.controls.documents import Document, LimitOf
from payouts.staff.roles import groups_of, people_who_may_approve
from wallets.coins import DECIMALS_ON_CHAIN, NETWORKS
from wallets.models import Client, PayoutMethod

BACKEND = "django.contrib.auth.backends.ModelBackend"


def findings(document: Document) -> Findings:
    return checks.check(document, known_for(document))


def known_for(document: Document) -> Known:
    logins = dict(User.objects.filter(is_active=True).values_list("pk", "username"))
    requesters = User.objects.with_perm("payouts.add_payout", backend=BACKEND)
    return Known(
        groups=set(Group.objects.values_list("name", flat=True)),
        approvers=groups_of(people_who_may_approve(logins)),
        requesters=set(requesters.values_list("pk", flat=True)),
        logins=logins,
        clients=set(clients_named_in(document)),
        currencies=known_coins(document),
        networks=NETWORKS.keys(),
    )


def clients_named_in(*documents: Document) -> dict[str, str]:
    """Return the names of the clients that these documents name, by external id."""
    named = {each for document in documents for each in external_ids(document)}
    known = Client.objects.filter(external_id__in=named) if named else Client.objects.none()
    return dict(known.values_list("external_id", "name"))


def external_ids(document: Document) -> set[str]:
    in_rules = {name for rule in document.rules for name in rule.conditions.clients}
    return in_rules | {each.only for each in document.limits if each.of == LimitOf.CLIENT} - {""}


def known_coins(document: Document) -> set[str]:
    """Return the coins that the desk knows; Heleket's list is read for those named besides."""
    known = {coin for coins in DECIMALS_ON_CHAIN.values() for coin in coins}
    named = {coin for rule in document.rules for coin in rule.conditions.currencies}
    named |= {each.only for each in document.limits if each.of == LimitOf.CURRENCY} - {""}
    if others := named - known:
        listed = PayoutMethod.objects.filter(currency__in=others)
        known |= set(listed.values_list("currency", flat=True))
    return known


def refuse_what_cannot_work(document: Document) -> None:
    """Raise Refused with all that contradicts itself in a document, or that nobody could meet."""
    if refusals := findings(document).refusals:
        raise Refused(ControlsCode.NOT_WORKABLE, why=" ".join(each.sentence for each in refusals))
