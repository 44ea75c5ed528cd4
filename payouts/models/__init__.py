"""Payouts and everything that is written down about them."""

from payouts.models.approval import DECIDED_AGAIN, Approval, PayoutMaker, Statement
from payouts.models.attempt import FINAL_FAILURES, Attempt
from payouts.models.category import Category
from payouts.models.choices import (
    USUAL_WAIT,
    WITHOUT_CALL,
    Effective,
    EventType,
    MakerRole,
    Origin,
    PayoutStatus,
    WaitingFor,
)
from payouts.models.discrepancy import Discrepancy
from payouts.models.event import PayoutEvent
from payouts.models.journal import (
    AccountKind,
    AccountRule,
    ClosedMonth,
    Entry,
    Posting,
    Side,
)
from payouts.models.note import LONGEST_NOTE, Note
from payouts.models.passing import Passing
from payouts.models.payout import LAST_GENERATION, Payout, PayoutNumber, PayoutQuerySet
from payouts.models.webhook import WebhookDelivery

__all__ = [
    "DECIDED_AGAIN",
    "FINAL_FAILURES",
    "LAST_GENERATION",
    "LONGEST_NOTE",
    "USUAL_WAIT",
    "WITHOUT_CALL",
    "AccountKind",
    "AccountRule",
    "Approval",
    "Attempt",
    "Category",
    "ClosedMonth",
    "Discrepancy",
    "Effective",
    "Entry",
    "EventType",
    "MakerRole",
    "Note",
    "Origin",
    "Passing",
    "Payout",
    "PayoutEvent",
    "PayoutMaker",
    "PayoutNumber",
    "PayoutQuerySet",
    "PayoutStatus",
    "Posting",
    "Side",
    "Statement",
    "WaitingFor",
    "WebhookDelivery",
]
