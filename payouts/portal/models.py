"""API keys, and the answers to what they asked for."""

from datetime import datetime
from ipaddress import ip_address, ip_network
from uuid import uuid4

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from audit import clock
from audit.codes import CodeField
from audit.texts import one_line
from payouts.client_sentences import ClientStatus
from payouts.models import Payout
from wallets.models import Client


class Scope(models.TextChoices):
    """What a key may be used for."""

    CLIENTS_WRITE = "clients:write", _("add, change and close clients")
    WALLETS_READ = "wallets:read", _("see wallets")
    WALLETS_WRITE = "wallets:write", _("add and archive wallets")
    PAYOUTS_READ = "payouts:read", _("see payouts")
    PAYOUTS_REQUEST = "payouts:request", _("ask for payouts")
    PAYOUTS_CANCEL = "payouts:cancel", _("cancel payouts that were not sent")
    EVENTS_READ = "events:read", _("follow what changes")


OF_PORTAL = {Scope.CLIENTS_WRITE}  # never of a client's own key

RIGHTS = {  # of the core, that each scope gives
    Scope.CLIENTS_WRITE: {"wallets.add_client", "wallets.change_client"},
    Scope.WALLETS_WRITE: {"wallets.add_wallet", "wallets.change_wallet"},
    Scope.PAYOUTS_REQUEST: {"payouts.add_payout"},
    Scope.PAYOUTS_CANCEL: {"payouts.cancel_own_payout"},
}


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    def in_force(self, at: datetime) -> "ApiKeyQuerySet":
        return self.filter(Q(expires_at=None) | Q(expires_at__gt=at), revoked_at=None)


class ApiKey(models.Model):
    """A key of the portal's back end, which names the client it acts for, or of one client.

    Its text is shown once. What is kept of it is the beginning, and a digest: it has 256 random
    bits, so nobody guesses it from that.
    """

    name = models.CharField(_("name"), max_length=64, validators=[one_line])
    prefix = models.CharField(_("begins with"), max_length=16, unique=True)
    digest = models.CharField(max_length=64)
    nonce = models.UUIDField(null=True, unique=True)  # of the form by which it was issued
    client = models.ForeignKey(
        Client,
        on_delete=models.PROTECT,
        null=True,
        related_name="api_keys",
        verbose_name=_("client"),
    )
    scopes = models.JSONField(_("scopes"), default=list)
    networks = models.JSONField(_("from where"), default=list)  # none: from anywhere
    issued_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="+",
        verbose_name=_("issued by"),
    )
    issued_at = models.DateTimeField(_("issued"))
    expires_at = models.DateTimeField(_("expires"), null=True)
    last_used_at = models.DateTimeField(_("last used"), null=True)
    revoked_at = models.DateTimeField(_("revoked"), null=True)

    objects = ApiKeyQuerySet.as_manager()

    class Meta:
        verbose_name = _("API key")
        verbose_name_plural = _("API keys")
        ordering = ["-issued_at", "-pk"]
        default_permissions = ("view",)
        permissions = [("issue_apikey", "Can issue and revoke API keys")]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    @property
    def is_expired(self) -> bool:
        return self.expires_at is not None and self.expires_at <= clock.now()

    @property
    def rights(self) -> frozenset[str]:
        return frozenset().union(*(RIGHTS.get(Scope(scope), set()) for scope in self.scopes))

    def is_used_from(self, address: str) -> bool:
        """Whether it may be used from this address."""
        return not self.networks or any(
            ip_address(address) in ip_network(network) for network in self.networks
        )


class ApiAnswer(models.Model):
    """What a request with an `Idempotency-Key` was answered, so that its repeat is answered alike.

    It is written in the transaction of what the request made. The key stays for ever. The answer is
    kept for `KEPT_DAYS` and then shortened to the id of what was made, see `idempotent.shorten`: a
    repeat shows that as it is by then.
    """

    KEPT_DAYS = 30
    MADE, SHORTENED = 201, 200  # what a repeat is answered with

    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="+")
    key = models.CharField(max_length=150)
    fingerprint = models.CharField(max_length=64)  # of method, path and body
    status = models.PositiveSmallIntegerField()
    body = models.TextField()
    made = models.CharField(max_length=200)  # what a person calls it
    payout = models.ForeignKey(Payout, on_delete=models.PROTECT, null=True, related_name="+")
    at = models.DateTimeField()

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint("client", "key", name="one_answer_per_client_and_key")
        ]
        indexes = [models.Index("at", condition=Q(status=201), name="answers_kept_whole")]

    def __str__(self) -> str:
        return f"{self.key}: {self.status}"


class Feed(models.Model):
    """The one feed of what changed. Its numbers begin anew with each epoch, which a restore starts:
    what was numbered after the backup is lost, and its numbers are given out again."""

    epoch = models.UUIDField(default=uuid4)
    last_number = models.PositiveBigIntegerField(default=0)

    class Meta:
        default_permissions = ()
        constraints = [models.CheckConstraint(name="one_feed", condition=Q(id=1))]

    def __str__(self) -> str:
        return str(self.epoch)


class UnfedEvent(models.Model):
    """An event of a payout that the feed has not taken up yet. A trigger writes it with the event,
    so that both are committed together, whoever writes."""

    event_id = models.PositiveBigIntegerField(primary_key=True)
    payout = models.ForeignKey(
        Payout, on_delete=models.DO_NOTHING, db_constraint=False, db_index=False, related_name="+"
    )

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return str(self.event_id)


class FeedEvent(models.Model):
    """A payout stands elsewhere for its client. Numbers have no gaps, and are given to what is
    committed: a reader who has seen one has seen all before it."""

    number = models.PositiveBigIntegerField(primary_key=True)
    client = models.ForeignKey(Client, on_delete=models.PROTECT, db_index=False, related_name="+")
    payout = models.ForeignKey(Payout, on_delete=models.PROTECT, related_name="+")
    status = models.CharField(max_length=10, choices=ClientStatus)
    code = CodeField()
    at = models.DateTimeField()
    data = models.TextField()  # what the client is shown, as JSON

    class Meta:
        default_permissions = ()
        indexes = [models.Index(fields=["client", "number"], name="feed_of_client")]

    def __str__(self) -> str:
        return f"{self.number}: {self.payout} {self.status}"
