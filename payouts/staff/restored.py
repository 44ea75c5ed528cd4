"""What a restored database must let nobody use any more: each package says at start what it ends.

A backup brings back sessions, links and keys that were ended after it was made.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib.sessions.models import Session
from django.utils.translation import gettext_lazy as _

from audit import clock
from audit.actor import Actor
from payouts.staff import links
from payouts.staff.models import PasswordLink, Recovery


@dataclass(frozen=True)
class Ending:
    """Something that is ended after a restore. `end` runs in a transaction of its own, may be
    repeated, and returns how many it ended."""

    name: str
    title: Any
    end: Callable[[Actor], int]


_endings: dict[str, Ending] = {}


def register_endings(*endings: Ending) -> None:
    """Have these be ended after a restore. For `AppConfig.ready`."""
    _endings.update({each.name: each for each in endings})


def endings() -> list[Ending]:
    """Return what is ended, the sessions last: whoever does it on a page comes in again then."""
    return sorted(_endings.values(), key=lambda each: each.name == SESSIONS.name)


def end_links(actor: Actor) -> int:
    """Rows of links are only added: each is over with the next one, whose token nobody has."""
    unused = PasswordLink.objects.filter(expires_at__gt=clock.now()).order_by("pk")
    people = {each.person for each in unused.select_related("person") if links.works(each)}
    for person in people:
        links.make(person, made_by=actor.person)
    return len(people)


def end_recoveries(_actor: Actor) -> int:
    """One that somebody stopped after the backup would let its person in after all."""
    return Recovery.objects.filter(ended_at=None).update(ended_at=clock.now())


def end_sessions(_actor: Actor) -> int:
    count, _by_model = Session.objects.all().delete()
    return count


LINKS = Ending("links", _("End the links by which people choose passwords"), end_links)
RECOVERIES = Ending("recoveries", _("End recoveries of access that wait"), end_recoveries)
SESSIONS = Ending("sessions", _("End all sessions: everybody signs in again"), end_sessions)
