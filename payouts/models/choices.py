"""The words that are stored of a payout: where it stands, what for, and what was done to it."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class PayoutStatus(models.TextChoices):
    PENDING = "pending", _("Waiting for approval")
    HELD = "held", _("On hold")
    APPROVED = "approved", _("Approved")
    SUBMITTING = "submitting", _("Sending")
    BROADCAST = "broadcast", _("At Heleket")
    CONFIRMED = "confirmed", _("Paid")
    FAILED = "failed", _("Not paid")
    REJECTED = "rejected", _("Rejected")
    CANCELLED = "cancelled", _("Cancelled")


class WaitingFor(models.TextChoices):
    APPROVALS = "approvals", _("approval")
    ANSWER_OF_REQUESTER = "answer_of_requester", _("requester's answer")
    RELEASE = "release", _("release")
    DATE = "date", _("its date")
    WORKER = "worker", _("worker")
    SWITCH = "switch", _("sending to resume")
    FUNDS = "funds", _("funds")
    LIMIT = "limit", _("limit")
    RATE = "rate", _("rate")
    SERVICE = "service", _("service")
    WALLET = "wallet", _("wallet")
    GATEWAY = "gateway", _("Heleket")
    ANSWER = "answer", _("answer")
    FINAL_WORD = "final_word", _("final word")
    DISCREPANCY = "discrepancy", _("discrepancy")


USUAL_WAIT = {
    PayoutStatus.PENDING: WaitingFor.APPROVALS,
    PayoutStatus.HELD: WaitingFor.RELEASE,
    PayoutStatus.APPROVED: WaitingFor.WORKER,
    PayoutStatus.SUBMITTING: WaitingFor.ANSWER,
    PayoutStatus.BROADCAST: WaitingFor.FINAL_WORD,
}


# No call of these is under way, though an earlier one may have been executed.
WITHOUT_CALL = (PayoutStatus.PENDING, PayoutStatus.HELD, PayoutStatus.APPROVED)


class Effective(models.TextChoices):
    """What became of the money after all, where that is not what the final status says."""

    PAID = "paid", _("Paid")
    NOT_PAID = "not_paid", _("Not paid")
    ELSEWHERE = "elsewhere", _("Paid elsewhere")  # to another coin, network or address


class Origin(models.TextChoices):
    MANUAL = "manual", _("by hand")
    SCHEDULED = "scheduled", _("plan")
    BONUS = "bonus", _("bonus rule")
    API = "api", _("API")
    IMPORT = "import", _("import")


class EventType(models.TextChoices):
    REQUEST = "request", _("Requested")
    EDIT = "edit", _("Changed")
    APPROVE = "approve", _("Approved")
    UNDO = "undo", _("Approval undone")
    REJECT = "reject", _("Rejected")
    HOLD = "hold", _("Put on hold")
    RELEASE = "release", _("Released")
    SEND_BACK = "send_back", _("Sent back with a question")
    ANSWER = "answer", _("Answered")
    GO_ON = "go_on", _("Waits no longer for its wallet")
    ADD_DOCUMENT = "add_document", _("Document added")
    CANCEL = "cancel", _("Cancelled")
    REQUEST_CANCEL = "request_cancel", _("Cancellation asked for")
    WITHDRAW = "withdraw", _("Cancelled: Heleket never had it")
    VOID = "void", _("Approval void")
    RETRY = "retry", _("Tried again")
    EXPEDITE = "expedite", _("Sending asked for")
    REQUEST_CHECK = "request_check", _("Question to Heleket asked for")
    WAIT = "wait", _("Has to wait")
    CLAIM = "claim", _("Sent to Heleket")
    REPEAT = "repeat", _("Sent again, the same request")
    ACCEPT = "accept", _("Heleket has it")
    CONFIRM = "confirm", _("Paid")
    FAIL = "fail", _("Not paid")
    PUT_BACK = "put_back", _("Nothing came of it: it goes out again")
    NO_ANSWER = "no_answer", _("No answer from Heleket")
    NOT_FOUND = "not_found", _("Heleket does not know it")
    ALLOW_REPEAT = "allow_repeat", _("It may be sent again")
    REFUSED = "refused", _("Heleket refused a repeat, which proves nothing")
    NOT_EXECUTED = "not_executed", _("A repeat was not executed, which proves nothing")
    LATE_REFUSAL = "late_refusal", _("A late refusal, which changes nothing")
    UNSENT = "unsent", _("Not sent")
    NEWS = "news", _("News from Heleket")
    LINK = "link", _("Heleket's payout is this one")
    DISCREPANCY = "discrepancy", _("Heleket and the desk differ")
    OWNER = "owner", _("Owner of the discrepancy")
    PROPOSE_END = "propose_end", _("End of the discrepancy proposed")
    WITHDRAW_END = "withdraw_end", _("Proposed end withdrawn")
    CLOSE_DISCREPANCY = "close_discrepancy", _("Discrepancy closed")


def label_of(event_type: str) -> str:
    """Name a type of event; one that is not known any more is shown as it is."""
    return str(dict(EventType.choices).get(event_type, event_type))


class MakerRole(models.TextChoices):
    """What a maker did."""

    REQUESTED = "requested", _("requested it")
    EDITED = "edited", _("edited it")
    WALLET = "wallet", _("added its wallet")
    IMPORTED = "imported", _("imported it")
    PLANNED = "planned", _("changed its plan or rule")
    KEY = "key", _("issued the API key")
    RETRIED = "retried", _("tried it again")
