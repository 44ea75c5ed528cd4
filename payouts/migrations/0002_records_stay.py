from django.db import migrations

from audit import triggers

APPROVAL = ["payout_id", "person_id", "decided_at", "decision", "digest", "policy_version"]
ATTEMPT = ["payout_id", "generation", "order_id", "gateway_host", "merchant_id", "body"]
PAYOUT = [
    *("number", "client_id", "idempotency_key", "fingerprint"),
    *("origin", "requested_at", "requested_by_id"),
]
WEBHOOK = ["digest", "body", "order_id", "received_at"]


class Migration(migrations.Migration):
    """Events are only added; what was decided, sent and received stays as it was written."""

    dependencies = [("payouts", "0001_initial")]
    operations = [
        triggers.never_changed("payouts_payoutevent"),
        triggers.never_deleted("payouts_payoutevent"),
        triggers.never_changed("payouts_payoutmaker"),
        triggers.never_deleted("payouts_payoutmaker"),
        triggers.columns_never_changed("payouts_approval", APPROVAL),
        triggers.never_deleted("payouts_approval"),
        triggers.columns_never_changed("payouts_attempt", ATTEMPT),
        triggers.never_deleted("payouts_attempt"),
        triggers.columns_never_changed("payouts_payout", PAYOUT),
        triggers.never_deleted("payouts_payout"),
        triggers.columns_never_changed("payouts_webhookdelivery", WEBHOOK),
        triggers.never_deleted("payouts_webhookdelivery"),
        triggers.never_deleted("payouts_discrepancy"),
    ]
