"""What the processes that do the work share: whose turn it is, and who was seen when."""

from django.db import models

from payouts.heartbeats import Heartbeat

__all__ = ["Heartbeat", "ScheduledJob"]


class ScheduledJob(models.Model):
    """When a job that is run every so often is due. Whoever puts the time off runs it."""

    name = models.CharField(max_length=40, primary_key=True)
    due_at = models.DateTimeField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.name
