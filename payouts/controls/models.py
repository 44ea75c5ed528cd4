from django.conf import settings
from django.db import connection, models
from django.utils.translation import gettext_lazy as _


class SwitchQuerySet(models.QuerySet["Switch"]):
    def held_as_it_is(self) -> "Switch":
        """Read the switch and keep it as it is until this transaction ends.

        Many claims may hold it at once; whoever turns it waits for them (FOR SHARE, which the ORM
        does not know; SQLite lets one writer in at a time anyway).
        """
        share = " FOR SHARE" if connection.vendor == "postgresql" else ""
        table = Switch._meta.db_table
        rows = Switch.objects.raw(f"SELECT * FROM {table} WHERE id = 1{share}")  # noqa: S608
        return rows[0]


class Switch(models.Model):
    """The one switch of the desk: off means that no new call to Heleket starts. Its row is made
    by a migration."""

    is_on = models.BooleanField(_("sending"), default=True)
    turned_at = models.DateTimeField(null=True)
    turned_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    reason = models.TextField(default="")

    objects = SwitchQuerySet.as_manager()

    class Meta:
        verbose_name = _("switch")
        default_permissions = ("view",)
        permissions = [("turn_switch", _("Can pause and resume sending"))]
        constraints = [models.CheckConstraint(name="one_switch", condition=models.Q(id=1))]

    def __str__(self) -> str:
        return str(_("Sending is on") if self.is_on else _("Sending is paused"))
