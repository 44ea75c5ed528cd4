"""Payouts that were linked to one made by hand at Heleket: what is said of them for ever, and what
they lacked of what the policy asks for."""

from collections.abc import Iterator, Mapping

from django.utils.translation import gettext as _

from audit.codes import Reason
from payouts.codes import PayoutCode
from payouts.models import EventType, Payout, PayoutEvent, PayoutStatus

GIVEN, NEEDED, AGAINST = "approvals_given", "approvals_needed", "policy_against"


def outside(payout: Payout) -> str:
    """Say of a linked payout that the desk did not pay it, or try to."""
    if payout.status == PayoutStatus.FAILED and not payout.counts_as_paid:
        return _("tried outside the desk")
    return _("paid outside the desk")


def in_words(payout: Payout) -> str:
    """Say so in a sentence, with what was missing. One statement."""
    text = _("It was linked to a payout made by hand at Heleket: %s.") % outside(payout)
    return f"{text} {lacks_of(payout)}".strip()


def lacks_of(payout: Payout) -> str:
    event = link_of(payout)
    return lacks(event) if event and is_lacking(event) else ""


def link_of(payout: Payout) -> PayoutEvent | None:
    """Return the event by which it was linked, the last if there are more."""
    events = payout.events.filter(event_type=EventType.LINK, reason_code=PayoutCode.PAID_OUTSIDE)
    return events.order_by("number").last()


def without_approvals() -> Iterator[PayoutEvent]:
    """Yield the events by which payouts were linked that lacked something the policy asks for:
    for ever, whoever approved them afterwards."""
    linked = Payout.objects.filter(is_linked=True).values("pk")
    events = PayoutEvent.objects.filter(
        payout__in=linked, event_type=EventType.LINK, reason_code=PayoutCode.PAID_OUTSIDE
    )
    rows = events.select_related("payout").order_by("payout__number", "number")
    return filter(is_lacking, rows.iterator())


def is_lacking(event: PayoutEvent) -> bool:
    facts = event.facts
    return AGAINST in facts or facts.get(GIVEN) != facts.get(NEEDED)


def lacks(event: PayoutEvent) -> str:
    """Say what was missing when it was linked."""
    facts = event.facts
    if NEEDED in facts and facts[GIVEN] != facts[NEEDED]:
        text = _("Linked without the approvals that the policy asks for: %(given)s of %(needed)s.")
        return text % {"given": facts[GIVEN], "needed": facts[NEEDED]}
    return _("Linked though the policy lets nobody pay it: %s") % Reason(facts[AGAINST]).sentence


def says_what_lacks(facts: Mapping[str, object]) -> str:
    """Say beforehand what will be missing for ever."""
    if NEEDED in facts and facts[GIVEN] != facts[NEEDED]:
        text = _(
            "It has %(given)s of the %(needed)s approvals that the policy asks for: that stays "
            "with it for ever."
        )
        return text % {"given": facts[GIVEN], "needed": facts[NEEDED]}
    if AGAINST not in facts:
        return ""
    text = _("The policy lets nobody pay it, which stays with it for ever: %s")
    return text % Reason(str(facts[AGAINST])).sentence
