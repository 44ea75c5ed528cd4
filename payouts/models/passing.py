"""What went before what."""

from django.db import models
from django.db.models import F

from payouts.models.payout import Payout


class PassingQuerySet(models.QuerySet["Passing"]):
    def standing(self) -> "PassingQuerySet":
        """Those since the present approval of what was passed over: a new one starts anew."""
        return self.filter(at__gte=F("over__approved_at"))


class Passing(models.Model):
    """A payout that was sent before an older one of its coin, which the balance did not cover."""

    payout = models.ForeignKey(Payout, on_delete=models.PROTECT, related_name="+", db_index=False)
    over = models.ForeignKey(Payout, on_delete=models.PROTECT, related_name="passings")
    at = models.DateTimeField()

    objects = PassingQuerySet.as_manager()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.payout} before {self.over}"
