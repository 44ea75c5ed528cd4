"""Which account this process works for, and the times its calls keep to."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

import heleket
from audit import clock
from audit.actor import Actor, Channel
from audit.codes import Reason
from audit.events import log_event
from audit.models import DeskEvent
from audit.refusals import Refused
from payouts.gateway.codes import GatewayCode
from payouts.gateway.models import Binding

WORKER = Actor.system(Channel.WORKER)


class WrongAccount(Refused):
    """This process and the database belong to different gateways, merchants or installations."""


class NotBound(WrongAccount):
    """The database belongs to no account yet, and Heleket has not signed this process in."""


@dataclass(frozen=True)
class GatewayAccount:
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


def heleket_client() -> heleket.HeleketClient:
    """Return a client for the account in the settings, to be closed after use. It knows the words
    in which Heleket has said "not found", see `learn_not_found`.

    Raises MissingCredentials, naming the variables to set, and InvalidBaseUrl.
    """
    required = ["HELEKET_MERCHANT_ID", "HELEKET_API_KEY"]
    if missing := [name for name in required if not getattr(settings, name)]:
        raise heleket.MissingCredentials(
            _("Set %s in the environment: without it nothing can be asked of Heleket.")
            % " and ".join(missing)
        )
    learned = Binding.objects.exclude(not_found_text="").values_list("not_found_text", flat=True)
    return heleket.HeleketClient(
        merchant_id=settings.HELEKET_MERCHANT_ID,
        payout_key=settings.HELEKET_API_KEY,
        payment_key=settings.HELEKET_PAYMENT_API_KEY,
        base_url=settings.HELEKET_PROJECT_URL,
        timeout_seconds=settings.HELEKET_TIMEOUT_SECONDS,
        not_found_texts=heleket.NOT_FOUND_TEXTS.union(learned),
    )


def open_account(client: heleket.HeleketClient, *, actor: Actor = WORKER) -> GatewayAccount:
    """Return this process's account, once the database is known to belong to it.

    The first one to which Heleket answers as to one that it knows binds the database, in the name
    of the actor. Raises NotBound if Heleket does not, and WrongAccount if the database belongs to
    another gateway, merchant or installation: then nothing may be sent or asked.
    """
    if not Binding.objects.exists():
        require_signed_in(client)
        bind(client, actor)
    check_binding(client)
    return account_of(client)


@contextmanager
def at_heleket(actor: Actor) -> Iterator[tuple[heleket.HeleketClient, GatewayAccount]]:
    """Call Heleket while a person waits; what goes wrong on the way there is a refusal."""
    try:
        with heleket_client() as client:
            yield client, open_account(client, actor=actor)
    except (heleket.HeleketError, heleket.InvalidBaseUrl) as exc:
        raise Refused(GatewayCode.GATEWAY, words=exc) from exc


def account_of(client: heleket.HeleketClient) -> GatewayAccount:
    return GatewayAccount(
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


def require_signed_in(client: heleket.HeleketClient) -> None:
    """Raise NotBound unless Heleket answers as to a merchant whose signature it accepts.

    A mistyped merchant or key would else tie the database to nobody's account for ever.
    """
    try:
        client.list_services()
    except heleket.HeleketError as exc:
        raise NotBound(GatewayCode.NOT_SIGNED_IN, words=exc) from exc


def identity_of(client: heleket.HeleketClient) -> dict[str, str]:
    return {
        "host": client.host,
        "merchant_id": client.merchant_id,
        "installation": settings.INSTALLATION,
    }


def bind(client: heleket.HeleketClient, actor: Actor) -> None:
    ours, now = identity_of(client), clock.now()
    with transaction.atomic():
        _bound, is_new = Binding.objects.get_or_create(
            pk=1, defaults={**ours, "bound_at": now, "history_before": now}
        )
        if is_new:
            log_event(DeskEvent.Type.BIND, actor=actor, **ours)


def is_still_ours(account: GatewayAccount) -> bool:
    """Whether the database is bound to this desk's account: it may follow another one."""
    ours = {name: getattr(account, name) for name in ("host", "merchant_id", "installation")}
    return Binding.objects.filter(**ours).exists()


def check_binding(client: heleket.HeleketClient) -> None:
    """Raise WrongAccount if the database belongs to another account; it need not be bound yet."""
    bound = Binding.objects.first()
    for name, value in identity_of(client).items() if bound else ():
        if getattr(bound, name) != value:
            theirs = getattr(bound, name)
            raise WrongAccount(GatewayCode.WRONG_ACCOUNT, name=name, theirs=theirs, ours=value)


def learn_not_found(text: str, *, actor: Actor) -> None:
    """Take the words in which Heleket says that it has no such payout, once it uses other ones.

    Raises NotAllowed, and Refused for words that Heleket uses when it refuses something else,
    or if the database is bound to no account yet.
    """
    actor.require("payouts_controls.set_sending")
    if not text or heleket.kind_of_refusal(text) != "unknown":
        raise Refused(GatewayCode.OTHER_REFUSAL, words=text)
    with transaction.atomic():
        if not Binding.objects.filter(pk=1).update(not_found_text=text):
            raise Refused(GatewayCode.NOT_BOUND)
        log_event(DeskEvent.Type.LEARN_NOT_FOUND, Reason(words=text), actor=actor)
