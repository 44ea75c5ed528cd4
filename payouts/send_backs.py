"""A payout that an approver has a question about: it waits for the requester, and comes back."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audit.actor import Actor
from audit.codes import Reason
from audit.operations import Change, sources
from audit.refusals import Refusal
from payouts.codes import PayoutCode
from payouts.models import EventType, Payout, PayoutEvent
from payouts.operations import AsksForApproval, PayoutOperation


class SendBack(PayoutOperation[None]):
    """Have the requester answer a question first. What approvals there are stand."""

    permission = "payouts.send_back_payout"
    takes_reason = True
    needs_reason = True
    reason_label = gettext_lazy("Question to the requester")
    reason_missing = gettext_lazy("Ask a question. It is kept for ever.")
    statuses = sources(Payout.send_back)

    def refusal(self, row: Payout, facts: None, actor: Actor) -> Refusal | None:
        if row.is_sent_back:  # the first one would be forgotten
            return Refusal(PayoutCode.ASKED_ALREADY, question=row.why.words)
        return super().refusal(row, facts, actor)

    def apply(self, change: Change[Payout], facts: None, reason: Reason) -> str:
        change.log_event(EventType.SEND_BACK, reason)
        change.row.send_back(Reason(PayoutCode.SENT_BACK, reason.words))
        return _("Sent back. It waits for the requester's answer.")


class Answer(AsksForApproval[Mapping[UUID, int | None]]):
    """Answer the question, and bring the payout back to the approvers as it was. Nobody answers
    themselves."""

    permission = "payouts.answer_payout"
    takes_reason = True
    needs_reason = True
    statuses = sources(Payout.answer)

    def load(self, rows: Sequence[Payout], actor: Actor) -> Mapping[UUID, int | None]:
        """Return who asked last of each."""
        asked = PayoutEvent.objects.filter(
            payout__in=[row.pk for row in rows], event_type=EventType.SEND_BACK
        )
        return dict(asked.order_by("number").values_list("payout_id", "person_id"))

    def refusal(
        self, row: Payout, facts: Mapping[UUID, int | None], actor: Actor
    ) -> Refusal | None:
        if refusal := super().refusal(row, facts, actor):
            return refusal
        if not row.is_sent_back:
            return Refusal(PayoutCode.NO_QUESTION)
        if facts.get(row.pk) == actor.person_id:
            return Refusal(PayoutCode.OWN_QUESTION)
        return None

    def apply(
        self, change: Change[Payout], facts: Mapping[UUID, int | None], reason: Reason
    ) -> str:
        change.log_event(EventType.ANSWER, reason)
        change.row.answer(Reason(PayoutCode.ANSWERED, reason.words))
        return _("Answered. It waits for approval.")


SEND_BACK, ANSWER = SendBack(), Answer()
