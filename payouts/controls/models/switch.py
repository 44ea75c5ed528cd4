"""The sending switches: one of the whole desk, and one for each lot of payouts that was ever
stopped by itself."""

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from audit.codes import CodeField, Reason
from wallets.coins import network_name
from wallets.models import Client

OF_ALL = 1  # the id of the switch of the whole desk


@dataclass(frozen=True)
class Scope:
    """Which payouts a switch is for: all, those on a network, in a coin, in a coin on a network, or
    those of one client."""

    network: str = ""
    currency: str = ""
    client_id: int | None = None

    @property
    def columns(self) -> dict[str, Any]:
        """What these payouts have in common, by the names of a payout's columns."""
        return {name: value for name, value in vars(self).items() if value}

    def covers(self, payout: object) -> bool:
        return all(getattr(payout, name) == value for name, value in self.columns.items())


ALL = Scope()


class SwitchQuerySet(models.QuerySet["Switch"]):
    def of(self, scope: Scope) -> "SwitchQuerySet":
        nothing = {"network": "", "currency": "", "client_id": None}
        return self.filter(**nothing | scope.columns)

    def that_matter(self) -> "SwitchQuerySet":
        """That of the whole desk, whatever it says, and before those of less that are off."""
        return self.filter(Q(pk=OF_ALL) | Q(is_on=False)).order_by("pk")


class Switch(models.Model):
    """A switch that is off lets no new call to Heleket start, of any payout in its scope.

    That of the whole desk is made by a migration, another one when it is first turned off.
    """

    network = models.CharField(max_length=16, default="", blank=True)
    currency = models.CharField(max_length=12, default="", blank=True)
    client = models.ForeignKey(Client, on_delete=models.PROTECT, null=True, related_name="+")
    is_on = models.BooleanField(gettext_lazy("sending"), default=True)
    changed_at = models.DateTimeField(null=True)
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    reason_code = CodeField()
    reason = models.TextField(default="")

    objects = SwitchQuerySet.as_manager()

    class Meta:
        verbose_name = gettext_lazy("switch")
        default_permissions = ("view",)
        permissions = [("set_sending", gettext_lazy("Can pause and resume sending"))]
        constraints = [
            models.CheckConstraint(
                name="switch_of_all_is_the_first",
                condition=Q(pk=OF_ALL, network="", currency="", client=None)
                | (~Q(pk=OF_ALL) & ~Q(network="", currency="", client=None)),
            ),
            models.CheckConstraint(
                name="switch_of_a_client_or_a_coin",
                condition=Q(client=None) | Q(network="", currency=""),
            ),
            models.UniqueConstraint(
                "network", "currency", condition=Q(client=None), name="one_switch_per_coin"
            ),
            models.UniqueConstraint("client", name="one_switch_per_client"),
        ]
        indexes = [
            models.Index(fields=["is_on"], condition=Q(is_on=False), name="switch_that_is_off")
        ]

    def __str__(self) -> str:
        if self.is_for_all:
            return _("Sending is on") if self.is_on else _("Sending is paused")
        if self.client_id:
            text = _("Sending to “%s” is on") if self.is_on else _("Sending to “%s” is paused")
        else:
            text = _("Sending of “%s” is on") if self.is_on else _("Sending of “%s” is paused")
        return text % self.what

    @property
    def scope(self) -> Scope:
        return Scope(self.network, self.currency, self.client_id)

    @property
    def is_for_all(self) -> bool:
        return self.pk == OF_ALL

    @property
    def what(self) -> str:
        """Name what it is for, as people do."""
        if self.client:
            return str(self.client)
        coin, network = self.currency, network_name(self.network) if self.network else ""
        if coin and network:
            return _("%(coin)s on %(network)s") % {"coin": coin, "network": network}
        return coin or network

    @property
    def who(self) -> str:
        """Who turned it last. The guard has codes for its reasons, and people have words."""
        return str(self.changed_by or (_("the guard") if self.reason_code else _("somebody")))

    @property
    def why(self) -> Reason:
        return Reason(self.reason_code, self.reason)

    @property
    def words(self) -> str:
        """Say why it was turned last."""
        return self.why.sentence or "?"
