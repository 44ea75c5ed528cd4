"""Moments in sentences: the time of day, with the day unless it is today."""

from datetime import datetime

from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from audit import clock


def at_time(at: datetime | None) -> str:
    if at is None:
        return _("some time")
    moment, now = localtime(at), localtime(clock.now())
    return date_format(moment, "H:i:s" if moment.date() == now.date() else "j M Y, H:i")


def at_day(at: datetime) -> str:
    return date_format(localtime(at), "j M Y")
