"""A local Heleket for demonstrations and tests: no money, no network, faults on demand."""

from heleket.sandbox.gateway import Gateway
from heleket.sandbox.records import Answer, Delivery, Payout

__all__ = ["Answer", "Delivery", "Gateway", "Payout"]
