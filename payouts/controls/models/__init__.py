"""What the controls keep: switches, versions of the policy, sums of limits, exchange rates."""

from payouts.controls.models.policy import PolicyVersion
from payouts.controls.models.rates import ExchangeRate, PastRate
from payouts.controls.models.spent import Spent
from payouts.controls.models.switch import ALL, OF_ALL, Scope, Switch

__all__ = ["ALL", "OF_ALL", "ExchangeRate", "PastRate", "PolicyVersion", "Scope", "Spent", "Switch"]
