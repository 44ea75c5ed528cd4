"""A client of Heleket's payout API: `HeleketClient` calls, `webhooks.verify` reads webhooks.

It knows nothing of the desk: it can be used, and tested, on its own.
"""

from heleket.client import BASE_URL, NOT_FOUND_TEXTS, HeleketClient, payout_body
from heleket.errors import (
    HeleketError,
    InvalidBaseUrl,
    InvalidSignature,
    MissingCredentials,
    OutcomeUnknown,
    PayoutNotFound,
    RequestRejected,
    TooManyRequests,
    Unauthorized,
    Unavailable,
    kind_of_refusal,
)
from heleket.types import (
    Balance,
    Calculation,
    Cancellation,
    Rate,
    RemotePayout,
    RemoteService,
    Transfer,
)

__all__ = [
    "BASE_URL",
    "NOT_FOUND_TEXTS",
    "Balance",
    "Calculation",
    "Cancellation",
    "HeleketClient",
    "HeleketError",
    "InvalidBaseUrl",
    "InvalidSignature",
    "MissingCredentials",
    "OutcomeUnknown",
    "PayoutNotFound",
    "Rate",
    "RemotePayout",
    "RemoteService",
    "RequestRejected",
    "TooManyRequests",
    "Transfer",
    "Unauthorized",
    "Unavailable",
    "kind_of_refusal",
    "payout_body",
]
