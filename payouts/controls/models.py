from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class Switch(models.Model):
    """The one switch of the desk: off means that no new call to Heleket starts. Its row is made
    by a migration."""

    is_on = models.BooleanField(_("sending"), default=True)
    changed_at = models.DateTimeField(null=True)
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    reason = models.TextField(default="")

    class Meta:
        verbose_name = _("switch")
        default_permissions = ("view",)
        permissions = [("set_sending", _("Can pause and resume sending"))]
        constraints = [models.CheckConstraint(name="one_switch", condition=models.Q(id=1))]

    def __str__(self) -> str:
        return str(_("Sending is on") if self.is_on else _("Sending is paused"))
