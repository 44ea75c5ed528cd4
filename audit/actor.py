"""Who acts, and by which way. Plain facts, so that it knows no model of the floors above."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

from django.contrib.auth.models import User
from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from audit.refusals import NotAllowed


class Channel(TextChoices):
    ADMIN = "admin", _("Admin")
    API = "api", _("API")
    COMMAND = "command", _("command line")
    WORKER = "worker", _("worker")
    WEBHOOK = "webhook", _("webhook")
    POLL = "poll", _("question to Heleket")
    RECONCILE = "reconcile", _("reconciliation")


@dataclass(frozen=True)
class Actor:
    """One of the staff, or an API key that may act for a client, or the system.

    A key has `rights` of its own, and an `issuer_id`: who gave it out is a maker of all that it
    asks for.
    """

    channel: Channel
    person: User | None = None
    client_id: int | None = None
    api_key_id: int | None = None
    rights: frozenset[str] = frozenset()
    issuer_id: int | None = None

    @classmethod
    def staff(cls, person: User, channel: Channel) -> Self:
        return cls(channel, person=person)

    @classmethod
    def key(
        cls, api_key_id: int, *, client_id: int | None, rights: Iterable[str], issuer_id: int
    ) -> Self:
        return cls(
            Channel.API,
            client_id=client_id,
            api_key_id=api_key_id,
            rights=frozenset(rights),
            issuer_id=issuer_id,
        )

    @classmethod
    def system(cls, channel: Channel) -> Self:
        return cls(channel)

    @property
    def person_id(self) -> int | None:
        return self.person.pk if self.person else None

    @property
    def login(self) -> str:
        """The person's login of this day; nothing for anybody else."""
        return self.person.get_username() if self.person else ""

    @property
    def is_system(self) -> bool:
        return self.person is None and self.api_key_id is None

    def may(self, *rights: str) -> bool:
        """Whether this is an active person, or a key, that holds one of the rights at this
        moment."""
        if self.api_key_id is not None:
            return not self.rights.isdisjoint(rights)
        person = self.person
        return bool(person and person.is_active and any(map(person.has_perm, rights)))

    def require(self, *rights: str) -> None:
        """Raise NotAllowed unless the actor holds one of the rights at this moment."""
        if not self.may(*rights):
            raise NotAllowed
