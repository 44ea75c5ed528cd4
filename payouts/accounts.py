"""Which account and cost centre a posting gets: by the rules of accountants, or the usual one."""

from collections.abc import Iterable, Mapping

from django.db import transaction

from audit.actor import Actor
from audit.events import log_event
from audit.models import DeskEvent
from payouts.models import AccountKind, AccountRule, Payout

USUAL = {
    AccountKind.COST: "expenses:payouts",
    AccountKind.OWED: "liabilities:payouts:owed",
    AccountKind.RESERVED: "liabilities:payouts:on their way",
    AccountKind.SENT: "assets:heleket",
    AccountKind.FEES: "expenses:heleket fees",
    AccountKind.LOST: "expenses:paid elsewhere",
}

Codes = tuple[str, str]  # an account and a cost centre
Case = tuple[str, str, str, str]  # kind, coin, group and category, as a rule has them


class Accounts:
    """The rules in use, read once: one statement."""

    def __init__(self, rules: Iterable[AccountRule]) -> None:
        self.codes: Mapping[Case, Codes] = {
            (each.kind, each.currency, each.group, each.category): (each.account, each.cost_centre)
            for each in rules
        }

    @classmethod
    def now(cls) -> "Accounts":
        return cls(AccountRule.objects.filter(is_active=True))

    def of(self, kind: str, currency: str, payout: Payout) -> Codes:
        """Return the codes of the rule that says most: a category before a group before a coin,
        and what names two of them before what names one."""
        if not self.codes:
            return USUAL[AccountKind(kind)], ""
        coins, groups = {currency, ""}, {payout.client.group, ""}
        cases = [
            (kind, coin, group, category)
            for coin in coins
            for group in groups
            for category in {payout.category, ""}
        ]
        fitting = [each for each in cases if each in self.codes]
        if not fitting:
            return USUAL[AccountKind(kind)], ""
        return self.codes[max(fitting, key=how_much)]


def how_much(case: Case) -> tuple[int, bool, bool, bool]:
    """How much a rule says of the payouts that it is for."""
    _kind, currency, group, category = case
    named = (bool(category), bool(group), bool(currency))
    return sum(named), *named


# The list


def save_account(rule: AccountRule, *, actor: Actor) -> None:
    """Store a rule that was checked, and say in the desk's chain what it is now and was."""
    stored = AccountRule.objects.filter(pk=rule.pk).first()
    actor.require("payouts.change_accountrule" if stored else "payouts.add_accountrule")
    before = {f"old_{name}": value for name, value in facts(stored).items()} if stored else {}
    with transaction.atomic():
        rule.save()
        log_event(
            DeskEvent.Type.CHANGE_ACCOUNT if stored else DeskEvent.Type.ADD_ACCOUNT,
            actor=actor,
            **facts(rule),
            **before,
        )


def facts(rule: AccountRule) -> dict[str, object]:
    return {
        "posting": rule.kind,
        "currency": rule.currency,
        "group": rule.group,
        "category": rule.category,
        "account": rule.account,
        "cost_centre": rule.cost_centre,
        "in_use": rule.is_active,
    }
