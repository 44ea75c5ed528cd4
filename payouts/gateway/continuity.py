"""Whether this database is still the one that the desk worked with before: its one row says who was
last at work, on which server, and what a person has to answer before anything is sent.

Every claim reads it in its own transaction, so no process sends that left out the checks of a
start, nor one that runs on while a backup is put back underneath it.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection, models, transaction
from django.utils.translation import gettext_lazy as _

from audit import clock

# Somebody at work is seen every few seconds. After so long without anybody the checks of a start
# are made anew, whoever comes back.
UNBROKEN = timedelta(minutes=2)
FIRST_WAIT, LONGEST_WAIT = timedelta(seconds=1), timedelta(minutes=1)

# The server, and which of its databases: a copy or a restore has another id or another timeline.
# The control file's timeline lags behind a promotion, so it is read from the log's own name.
SERVER = """
SELECT system_identifier || '/' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) || '/' ||
(SELECT oid FROM pg_database WHERE datname = current_database()) FROM pg_control_system()
"""


class Continuity(models.Model):
    """The one row of it. A migration makes it."""

    class Question(models.TextChoices):
        GAP = "gap", _("Is this the same database, after a gap?")
        SERVER = "server", _("Is this the same database, on another server?")
        UNKNOWN = "unknown", _("Heleket knows newer payouts")
        RESTORE = "restore", _("A restore is being put right")

    server = models.CharField(max_length=64, default="")  # empty on SQLite, and until a start
    seen_at = models.DateTimeField(null=True)  # when somebody was last at work
    checked_at = models.DateTimeField(
        null=True
    )  # Heleket's list held nothing unknown; since a start
    # Why the list could not be read yet, how often that was tried, and when it is tried again.
    trouble = models.TextField(default="")
    tries = models.PositiveIntegerField(default=0)
    due_at = models.DateTimeField(null=True)
    question = models.CharField(max_length=10, choices=Question, default="", blank=True)
    # Since when the database may have lost something: somebody was last at work then.
    known_until = models.DateTimeField(null=True)
    # Up to here Heleket's list is known from the last restore that is over.
    known_uuid = models.CharField(max_length=64, default="")

    class Meta:
        default_permissions = ()
        constraints = [models.CheckConstraint(name="one_continuity", condition=models.Q(id=1))]

    def __str__(self) -> str:
        return self.get_question_display() or str(self.seen_at)

    @property
    def is_broken(self) -> bool:
        """Whether nobody was at work for so long that the checks have to be made anew."""
        if not gap():
            return False
        return self.seen_at is None or clock.now() - self.seen_at > UNBROKEN

    @property
    def is_checked(self) -> bool:
        """Whether the checks of the last start are over, and nothing is left to be answered."""
        return self.checked_at is not None and not self.question

    @property
    def is_elsewhere(self) -> bool:
        return self.server not in ("", server())


def gap() -> timedelta:
    """How long nobody may have been at work before a person is asked; nothing: it does not
    matter."""
    return timedelta(minutes=settings.RESTART_GAP_MINUTES)


def server() -> str:
    """Name the server and the database of this connection: nothing on SQLite, which has no such
    name. There the gap alone counts."""
    if connection.vendor != "postgresql":
        return ""
    with connection.cursor() as cursor:
        cursor.execute(SERVER)
        return str(cursor.fetchone()[0])


def state() -> Continuity:
    return Continuity.objects.get(pk=1)


def locked() -> Continuity:
    return Continuity.objects.select_for_update().get(pk=1)


def lets_send() -> bool:
    """Whether calls may be claimed, as far as this goes: for the transaction of a claim.

    Without `RESTART_GAP_MINUTES` a worker still makes the checks of its start, and a claim goes by
    what is to be answered alone.
    """
    now = state()
    if not gap():
        return not now.question
    return now.is_checked and not now.is_broken and not now.is_elsewhere


def keep(at: datetime) -> None:
    """Note that somebody is at work. What is broken stays so until a start has looked at it."""
    alive = Continuity.objects.filter(seen_at__lt=at)
    if gap():
        alive = alive.filter(seen_at__gte=at - UNBROKEN)
    alive.update(seen_at=at)


def open_again() -> None:
    """Let claims begin: the checks of a start are over."""
    Continuity.objects.filter(pk=1).update(checked_at=clock.now(), trouble="", tries=0, due_at=None)


def put_off(trouble: str) -> None:
    """Have Heleket's list read again in a while, ever later, and nothing be sent until then."""
    with transaction.atomic():
        now = locked()
        wait = min(FIRST_WAIT * 2 ** min(now.tries, 10), LONGEST_WAIT)
        now.trouble, now.tries, now.due_at = trouble, now.tries + 1, clock.now() + wait
        now.save(update_fields=["trouble", "tries", "due_at"])


def answer(**more: object) -> None:
    """Take it that this is the desk's database, as a person says. The checks of a start follow."""
    columns = {"question": "", "server": server(), "seen_at": clock.now(), "known_until": None}
    Continuity.objects.filter(pk=1).update(**columns, checked_at=None, due_at=None, **more)


# What is left to be done after a restore, in words: filled by the package that knows.
_left: list[Callable[[], list[str]]] = []


def register_left(what_is_left: Callable[[], list[str]]) -> None:
    """Have sending not be resumed while something is left here. For `AppConfig.ready`."""
    _left.append(what_is_left)


def left() -> list[str]:
    return [words for each in _left for words in each()]
