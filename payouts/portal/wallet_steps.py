"""Where a wallet stands, as its client is told: that it is frozen reads “in review”."""

from collections import defaultdict

from wallets.models import WalletStatus

STEPS = {
    WalletStatus.NEW: "waits_for_approval",
    WalletStatus.CONFIRMED: "waits_for_approval",
    WalletStatus.APPROVED: "active",
    WalletStatus.ACTIVE: "active",
    WalletStatus.FROZEN: "in_review",
    WalletStatus.ARCHIVED: "archived",
}

STATUSES_OF_STEP: dict[str, list[WalletStatus]] = defaultdict(list)
for status, step in STEPS.items():
    STATUSES_OF_STEP[step].append(status)
