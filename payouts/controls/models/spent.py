"""What counts towards limits."""

from django.db import models

from wallets.amounts import AmountField


class Spent(models.Model):
    """What counts towards limits in one hour, in the reference currency: equal at any time to what
    a recount of all payouts would find. `of` is the desk, a coin or a client, see `limits`."""

    of = models.CharField(max_length=40)
    hour = models.DateTimeField()  # its begin; `limits.UNDER_WAY` for what has no final word yet
    amount = AmountField()

    class Meta:
        default_permissions = ()
        constraints = [models.UniqueConstraint("of", "hour", name="one_sum_per_hour")]

    def __str__(self) -> str:
        return f"{self.of} {self.hour:%Y-%m-%d %H}"
