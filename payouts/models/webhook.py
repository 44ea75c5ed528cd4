"""Webhooks as they came."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class WebhookDelivery(models.Model):
    """A verified webhook as it came, once, with the number of times it came."""

    digest = models.CharField(max_length=64, unique=True)
    body = models.TextField()
    outcome = models.CharField(max_length=10)
    order_id = models.CharField(max_length=100, default="", db_index=True)
    received_at = models.DateTimeField()
    repeated_at = models.DateTimeField(null=True)
    count = models.PositiveIntegerField(default=1)

    class Meta:
        verbose_name = _("webhook")
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"{self.order_id} {self.outcome}"
