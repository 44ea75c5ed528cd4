"""The policy that tests begin with: one approval by whoever may approve, nothing to wait for. Tests
of the policy itself put another in force."""

from audit import chain, clock
from payouts.controls import documents, starter
from payouts.controls.models import PolicyVersion

LENIENT = {
    "rules": [{"name": "Every payout", "effect": "require", "count": 1}],
    "limits": [],
    "values": {
        **starter.VALUES,
        "delay_seconds": 0,
        "approvals_last_hours": 24 * 7,
        "fee_percent": "1000000",
        "fee_amount": "1000000",
    },
}
STARTER = starter.DOCUMENT


def begin_with(document):
    """Have the migration store this one as the first version, of databases that are made now."""
    starter.DOCUMENT = document


def with_values(document, **values):
    return {**document, "values": {**document["values"], **values}}


def require(count, name=None, group="", **conditions):
    rule = {"name": name or f"{count} approvals", "effect": "require", "count": count}
    return {**rule, "if": conditions, **({"group": group} if group else {})}


def put_in_force(document, by):
    """Store the next version, as two people would have it. Returns its number."""
    text = documents.canonical(document)
    documents.read(text)
    before = PolicyVersion.objects.order_by("-number").first()
    drafted, approved = by
    new = PolicyVersion(
        number=before.number + 1,
        document=text,
        digest=documents.digest_of(text),
        drafted_by=drafted,
        approved_by=approved,
        in_force_at=clock.now(),
        reason="For this test",
    )
    new.hash = chain.sealed(new.fields(), before.hash)
    new.save(force_insert=True)
    return new.number
