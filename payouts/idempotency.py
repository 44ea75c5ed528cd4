"""The keys under which a request is the same request.

Each begins with its origin, so that no origin takes another's key.
"""

from uuid import UUID

from audit.refusals import Refused
from audit.texts import needed
from payouts.codes import PayoutCode
from payouts.models import Origin


def manual(nonce: UUID) -> str:
    """Of a form: however often it is sent."""
    return f"{Origin.MANUAL}:{nonce}"


def imported(file_digest: str, line: int) -> str:
    """Of a line of a file: however often the file is handed in."""
    return f"{Origin.IMPORT}:{file_digest}:{line}"


def scheduled(plan: str, period: str) -> str:
    """Of a plan: once in each period."""
    return f"{Origin.SCHEDULED}:{plan}:{period}"


def bonus(rule: str, event: str) -> str:
    """Of a rule: once for each event."""
    return f"{Origin.BONUS}:{rule}:{event}"


def api(header: str) -> str:
    """Of a client's request, by the header that the client chose."""
    return f"{Origin.API}:{header}"


def checked(key: str, origin: Origin) -> str:
    """Return a key that is fit to be stored. One that is its origin alone is as good as none: all
    requests that lack theirs would be taken for one. Raises Refused."""
    key = needed(key, PayoutCode.KEY_MISSING, at_most=200)
    prefix = f"{origin}:"
    if not key.startswith(prefix):
        raise Refused(PayoutCode.KEY_OF_OTHER_ORIGIN, prefix=prefix)
    if key == prefix:
        raise Refused(PayoutCode.KEY_BLANK)
    return key
