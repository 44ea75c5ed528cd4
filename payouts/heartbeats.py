"""Heartbeats: each process that does the work leaves a row that says when it was last seen."""

import logging
import os
import socket
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import models
from django.db.models import Max
from django.utils.translation import gettext_lazy as _

from audit import clock, database

logger = logging.getLogger(__name__)

BEAT_SECONDS = 5.0
KEPT = timedelta(days=1)  # the row of a process that was last seen then
LATE = timedelta(seconds=30)  # nobody is at work any more, as far as one can see


class Heartbeat(models.Model):
    class Kind(models.TextChoices):
        WORKER = "worker", _("worker")
        CELERY = "celery", _("Celery")

    kind = models.CharField(max_length=10, choices=Kind)
    host = models.CharField(max_length=255)
    pid = models.PositiveBigIntegerField()
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField()

    class Meta:
        app_label = "payouts_engine"  # which writes them
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.pid} on {self.host}"


def last_seen() -> datetime | None:
    """When any process was last seen at work."""
    seen: datetime | None = Heartbeat.objects.aggregate(at=Max("seen_at"))["at"]
    return seen


def is_recent(seen_at: datetime | None) -> bool:
    """Whether somebody seen then counts as at work."""
    return seen_at is not None and clock.now() - seen_at <= LATE


class Pulse:
    """The heartbeat of this process."""

    def __init__(
        self, kind: Heartbeat.Kind, keep: Callable[[datetime], None] = lambda _at: None
    ) -> None:
        """`keep` is told each time when this process was at work."""
        self.kind, self.keep = kind, keep
        self.row_id = 0  # of nobody's, until it is written
        self.next_beat = 0.0  # by time.monotonic()
        self.has_failed = False

    def beat(self) -> None:
        """Say that this process is at work, every few seconds at most. Outside of transactions.

        The work goes on whatever comes of it, and notices by itself if the database is away.
        """
        if time.monotonic() < self.next_beat:
            return
        self.next_beat = time.monotonic() + BEAT_SECONDS
        try:
            self.write(clock.now())
        except Exception as exc:
            if not self.has_failed and not database.has_failed(exc):
                logger.exception("no heartbeat could be written")
                self.has_failed = True

    def write(self, now: datetime) -> None:
        self.keep(now)
        if not Heartbeat.objects.filter(pk=self.row_id).update(seen_at=now):
            Heartbeat.objects.filter(seen_at__lt=now - KEPT).delete()
            host, pid = socket.gethostname(), os.getpid()
            row = Heartbeat(kind=self.kind, host=host, pid=pid, started_at=now, seen_at=now)
            row.save(force_insert=True)
            self.row_id = row.pk
