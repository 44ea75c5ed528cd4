"""Which account this process works for, and the times its calls keep to."""

from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.utils.translation import gettext as _

import heleket
from payouts import clock, door
from payouts.errors import NotBound, WrongDesk
from payouts.models import Gateway, Source
from wallets.gateway import heleket_client


@dataclass(frozen=True)
class Desk:
    """The gateway account and installation of a process, and its times in seconds."""

    host: str
    merchant_id: str
    installation: str
    callback_url: str
    timeout: float
    lease: float
    quiet: float
    release: float
    calls_per_second: float | None = None  # of all processes together

    @property
    def quiet_time(self) -> timedelta:
        return timedelta(seconds=self.quiet)

    @property
    def release_time(self) -> timedelta:
        return timedelta(seconds=self.release)


def open_desk(
    client: heleket.Client, *, by: User | None = None, source: Source = Source.WORKER
) -> Desk:
    """Return this process's desk, once the database is known to belong to it.

    The first one to which Heleket answers as to one that it knows binds the database, in the name
    of `by` if a person caused it. Raises NotBound if Heleket does not, and WrongDesk if it belongs
    to another gateway, merchant or installation: then nothing may be sent or asked.
    """
    if not Gateway.objects.exists():
        require_signed_in(client)
        bind(client, by=by, source=source)
    refuse_another(client)
    return desk_of(client)


def desk_of(client: heleket.Client) -> Desk:
    return Desk(
        host=client.host,
        merchant_id=client.merchant_id,
        installation=settings.INSTALLATION,
        callback_url=settings.HELEKET_CALLBACK_URL,
        timeout=settings.HELEKET_TIMEOUT_SECONDS,
        lease=settings.LEASE_SECONDS,
        quiet=settings.QUIET_SECONDS,
        release=settings.RELEASE_SECONDS,
        calls_per_second=settings.HELEKET_CALLS_PER_SECOND,
    )


def require_signed_in(client: heleket.Client) -> None:
    """Raise NotBound unless Heleket answers as to a merchant whose signature it accepts.

    A mistyped merchant or key would else tie the database to nobody's account for ever.
    """
    try:
        client.list_services()
    except heleket.HeleketError as exc:
        raise NotBound(
            _("Heleket has not signed us in, so this account is not bound: %s") % exc
        ) from exc


def account_of(client: heleket.Client) -> dict[str, str]:
    return {
        "host": client.host,
        "merchant_id": client.merchant_id,
        "installation": settings.INSTALLATION,
    }


def bind(client: heleket.Client, *, by: User | None, source: Source) -> None:
    ours = account_of(client)
    with transaction.atomic():
        _bound, is_new = Gateway.objects.get_or_create(
            pk=1, defaults={**ours, "bound_at": clock.now()}
        )
        if is_new:
            door.tell_desk("bind", by=by, source=source, **ours)


def is_still_ours(desk: Desk) -> bool:
    """Tell whether the database is bound to this desk's account: it may follow another one."""
    ours = {name: getattr(desk, name) for name in ("host", "merchant_id", "installation")}
    return Gateway.objects.filter(**ours).exists()


def refuse_another(client: heleket.Client) -> None:
    """Raise WrongDesk if the database belongs to another account; it need not be bound yet."""
    if bound := Gateway.objects.first():
        refuse_other(bound, client)


def refuse_other(bound: Gateway, client: heleket.Client) -> None:
    """Raise WrongDesk unless the database is bound to this client's account and installation."""
    for name, value in account_of(client).items():
        if getattr(bound, name) != value:
            raise WrongDesk(
                _(
                    "This database belongs to %(theirs)s (%(name)s), but this process is set up "
                    "for %(ours)s. Nothing is sent and nothing is asked."
                )
                % {"theirs": getattr(bound, name), "ours": value, "name": name}
            )


def open_client() -> heleket.Client:
    """Return a client for the account in the settings, which knows how Heleket says "not found"."""
    learned = Gateway.objects.values_list("not_found_text", flat=True).first()
    return heleket_client(not_found_texts=[learned] if learned else [])
