from datetime import datetime, timedelta

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from payouts import clock

# Heleket is left alone for so long at most: days would stop the desk. Whatever is further away was
# written by a clock that was wrong.
LONGEST_WAIT = timedelta(minutes=30)


class Switch(models.Model):
    """The one switch of the desk: off means that no new call to Heleket starts. Its row is made
    by a migration."""

    is_on = models.BooleanField(_("sending"), default=True)
    turned_at = models.DateTimeField(null=True)
    turned_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    reason = models.TextField(default="")

    class Meta:
        verbose_name = _("switch")
        default_permissions = ("view",)
        permissions = [("turn_switch", _("Can pause and resume sending"))]
        constraints = [models.CheckConstraint(name="one_switch", condition=models.Q(id=1))]

    def __str__(self) -> str:
        return str(_("Sending is on") if self.is_on else _("Sending is paused"))


class Pace(models.Model):
    """When Heleket may be called again by any process, see `controls.pace`. Its row is made by a
    migration."""

    free_at = models.DateTimeField(null=True)  # by then the calls made so far have had their time
    silent_until = models.DateTimeField(null=True)  # Heleket asked for it

    class Meta:
        default_permissions = ()
        constraints = [models.CheckConstraint(name="one_pace", condition=models.Q(id=1))]

    def __str__(self) -> str:
        return str(_("Silent") if self.is_silent else _("Calling"))

    @property
    def is_silent(self) -> bool:
        now = clock.now()
        return self.silent_until is not None and now < self.silent_until <= now + LONGEST_WAIT

    def busy_seconds(self, at: datetime) -> float:
        """How long the calls made so far still take at our own rate; negative if they are over."""
        return (self.free_at - at).total_seconds() if self.free_at else 0.0
