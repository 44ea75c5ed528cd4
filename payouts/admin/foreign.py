"""What a payout at Heleket may be that nobody asked for here: which of ours, or none of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.db.models import prefetch_related_objects
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audit.actor import Actor
from audit.refusals import Refusal
from payouts import foreign, links
from payouts.codes import PayoutCode
from payouts.linked import says_what_lacks
from payouts.models import Discrepancy, Payout
from payouts.outcomes import Outcome, Wish, is_maker
from payouts.seen import Seen, see
from payouts.staff.forms import reason_field
from payouts.staff.models import JointAct
from wallets.addresses import canonical

SHOWN = 20
MEANINGS = {
    Outcome.LINKED: gettext_lazy(
        "Somebody made one of our payouts by hand at Heleket. It is never sent from here, ends by "
        "Heleket's word, and shows for ever that it was paid outside the desk."
    ),
    Outcome.EXPLAINED: gettext_lazy(
        "It is none of our payouts: say what it is, as one to a supplier. What waited because of "
        "it goes on."
    ),
}


@dataclass(frozen=True)
class Candidate:
    """One of our payouts that Heleket's equals, why it cannot be linked, and what it lacks."""

    payout: Payout
    refusal: Refusal | None
    lacks: str

    @property
    def token(self) -> str:
        return see([self.payout])[0].token


def candidates(found: Discrepancy, actor: Actor) -> list[Candidate]:
    """Return our payouts that are equal to Heleket's, those first that may be linked."""
    theirs = found.theirs
    network = str(theirs.get("network", "")).lower()
    equal = Payout.objects.filter(
        currency=str(theirs.get("currency", "")).upper(),
        amount=foreign.amount_in(theirs),
        network=network,
        address=canonical(network, str(theirs.get("address", ""))),
    )
    payouts = list(equal.select_related("client").order_by("-number")[:SHOWN])
    prefetch_related_objects(payouts, "attempts")
    some = [candidate(payout, actor) for payout in payouts]
    return sorted(some, key=lambda each: each.refusal is not None)


def candidate(payout: Payout, actor: Actor) -> Candidate:
    attempts = list(payout.attempts.all())
    refusal = links.refusal_of_standing(payout, attempts)
    unclear = (each for each in attempts if not each.is_over and (each.uuid or each.unanswered))
    if refusal is None and (known := next(unclear, None)):
        refusal = Refusal(PayoutCode.OTHER_TRY_OPEN, order_id=known.order_id)
    if refusal is None and is_maker(actor, payout):
        refusal = Refusal(PayoutCode.MAKER_ENDS)
    lacks = "" if refusal else says_what_lacks(links.approvals_of(payout, attempts))
    return Candidate(payout, refusal, lacks)


class LinkForm(forms.Form):
    """Which of ours it is, or none; `seen` names the facts that the page showed."""

    seen = forms.CharField(widget=forms.HiddenInput, required=False)
    what = forms.ChoiceField(
        label=gettext_lazy("What it is"),
        widget=forms.RadioSelect,
        error_messages={"required": gettext_lazy("Choose what it is.")},
    )
    reason = reason_field(gettext_lazy("Say what you found out. It is kept for ever."))

    def __init__(self, data: Any, *, found: Discrepancy, some: Sequence[Candidate]) -> None:
        super().__init__(data, initial={"seen": found.facts})
        self.fields["what"].choices = [  # type: ignore[attr-defined]
            *((each.token, in_words(each)) for each in some if each.refusal is None),
            (Outcome.EXPLAINED.value, words_of(_("None of ours"), Outcome.EXPLAINED)),
        ]


def in_words(found: Candidate) -> str:
    payout = found.payout
    name = _("It is %(payout)s: %(money)s to %(client)s, “%(purpose)s”, %(status)s") % {
        "payout": payout,
        "money": payout.money,
        "client": payout.client.name,
        "purpose": payout.purpose,
        "status": payout.get_status_display(),
    }
    return words_of(name, Outcome.LINKED, found.lacks)


def words_of(name: str, outcome: Outcome, *more: str) -> str:
    text = " ".join([str(MEANINGS[outcome]), *filter(None, more)])
    return format_html("<strong><bdi>{}</bdi></strong><br>{}", name, text)


def wish_of(found: Discrepancy, what: str, reason: str, seen: str) -> Wish:
    if what == Outcome.EXPLAINED:
        return Wish(found.pk, seen, Outcome.EXPLAINED, reason)
    return Wish(found.pk, seen, Outcome.LINKED, reason, payout=Seen.read(what))


def what_it_does(waiting: JointAct) -> str:
    """Say what becomes of which payout if this is confirmed."""
    payout = proposed_payout(waiting)
    if payout is None:
        return ""
    lacks = says_what_lacks(links.approvals_of(payout, list(payout.attempts.all())))
    text = _("%(payout)s, %(money)s to %(client)s, “%(status)s”, is said to be this one.") % {
        "payout": payout,
        "money": payout.money,
        "client": payout.client.name,
        "status": payout.get_status_display(),
    }
    return f"{text} {lacks}".strip()


def proposed_payout(waiting: JointAct | None) -> Payout | None:
    """Return which payout of ours somebody proposes to link."""
    seen = Seen.read(waiting.data["payout"]) if waiting and waiting.data.get("payout") else None
    return Payout.objects.select_related("client").filter(pk=seen.id).first() if seen else None


def same_there(payout: Payout) -> Discrepancy | None:
    """Return what Heleket has that may be linked to this payout as it stands: one statement, and no
    look at its tries."""
    if payout.status not in links.LINKABLE or payout.counts_as_paid:
        return None
    equal = (each for each in foreign.standing() if not links.differing(payout, each.theirs))
    return next(equal, None)
