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
    WEBHOOKS_WRITE = "webhooks:write", _("have webhooks sent of what changes")


BY_TWO = {Scope.PAYOUTS_REQUEST, Scope.WALLETS_WRITE}  # where money may go: confirmed by a second
OF_PORTAL = {Scope.CLIENTS_WRITE}  # never of a client's own key

RIGHTS = {  # of the core, that each scope gives
    Scope.CLIENTS_WRITE: {"wallets.add_client", "wallets.change_client"},
    Scope.WALLETS_WRITE: {"wallets.add_wallet", "wallets.change_wallet"},
    Scope.PAYOUTS_REQUEST: {"payouts.add_payout"},
    Scope.PAYOUTS_CANCEL: {"payouts.cancel_own_payout"},
    Scope.WEBHOOKS_WRITE: {"payouts_portal.set_webhookendpoint"},
}


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    def in_force(self, at: datetime) -> "ApiKeyQuerySet":
        return self.filter(
            Q(expires_at=None) | Q(expires_at__gt=at), revoked_at=None, is_waiting=False
        )


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
    is_waiting = models.BooleanField(_("waits for a second person"), default=False)

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
    kept for a while and then shortened to the id of what was made, see `keeping`: a repeat shows
    that as it is by then. Without a client it is of the portal itself.
    """

    MADE, SHORTENED = 201, 200  # what a repeat is answered with

    client = models.ForeignKey(Client, on_delete=models.PROTECT, null=True, related_name="+")
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
            models.UniqueConstraint("client", "key", name="one_answer_per_client_and_key"),
            models.UniqueConstraint(
                "key", condition=Q(client=None), name="one_answer_per_key_of_portal"
            ),
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


# Webhooks


class WebhookEndpointQuerySet(models.QuerySet["WebhookEndpoint"]):
    def present(self) -> "WebhookEndpointQuerySet":
        return self.filter(removed_at=None)


class WebhookEndpoint(models.Model):
    """Where the desk reports what the feed says: to the portal of all its clients, or to one client
    of its own.

    Its secret is stored nowhere: it follows from the id, `secret_version` and AUDIT_KEY. The one
    before is signed with too until `old_secret_until`.
    """

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    client = models.ForeignKey(
        Client,
        on_delete=models.PROTECT,
        null=True,
        related_name="webhook_endpoints",
        verbose_name=_("client"),
    )
    added_with = models.ForeignKey(
        ApiKey, on_delete=models.PROTECT, null=True, related_name="webhook_endpoints"
    )
    name = models.CharField(_("name"), max_length=64, blank=True, validators=[one_line])
    url = models.CharField(_("address"), max_length=500)
    event_types = models.JSONField(_("event types"), default=list)  # none: all
    secret_version = models.PositiveIntegerField(default=1)
    old_secret_until = models.DateTimeField(null=True)
    created_at = models.DateTimeField(_("added"))
    failures = models.PositiveIntegerField(default=0)  # in a row
    failing_since = models.DateTimeField(null=True)
    rests_until = models.DateTimeField(null=True)  # then one webhook tries whether it is back
    served_at = models.DateTimeField(null=True)  # who was served last waits for the others
    stopped_at = models.DateTimeField(null=True)
    stop_code = CodeField()
    stopped_after = models.PositiveBigIntegerField(null=True)  # the feed's last number then
    removed_at = models.DateTimeField(null=True)

    objects = WebhookEndpointQuerySet.as_manager()

    class Meta:
        verbose_name = _("webhook endpoint")
        verbose_name_plural = _("webhook endpoints")
        ordering = ["-created_at", "-pk"]
        default_permissions = ("view",)
        permissions = [("set_webhookendpoint", "Can add, change and stop webhook endpoints")]
        constraints = [
            models.CheckConstraint(
                name="stopped_has_a_place_in_the_feed",
                condition=Q(stopped_at=None, stopped_after=None)
                | Q(stopped_at__isnull=False, stopped_after__isnull=False),
            )
        ]
        indexes = [
            models.Index(
                fields=["client"], condition=Q(stopped_at=None, removed_at=None), name="hears"
            )
        ]

    def __str__(self) -> str:
        return self.name or self.url

    @property
    def state(self) -> str:
        """“active”, “failing” or “stopped”."""
        if self.stopped_at is not None:
            return "stopped"
        return "failing" if self.failing_since else "active"


class Delivery(models.Model):
    """An event of the feed that an endpoint is to be told of, until it has answered that it was."""

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        DELIVERED = "delivered", _("delivered")
        GIVEN_UP = "given_up", _("given up")

    endpoint = models.ForeignKey(
        WebhookEndpoint, on_delete=models.PROTECT, db_index=False, related_name="deliveries"
    )
    event = models.ForeignKey(FeedEvent, on_delete=models.PROTECT, db_index=False, related_name="+")
    payout = models.ForeignKey(Payout, on_delete=models.PROTECT, db_index=False, related_name="+")
    state = models.CharField(
        _("state"), max_length=10, choices=State, default=State.WAITING, editable=False
    )
    due_at = models.DateTimeField(_("due"))
    lease_until = models.DateTimeField(null=True)  # somebody is delivering it
    tries = models.PositiveIntegerField(_("tries"), default=0)
    first_tried_at = models.DateTimeField(null=True)
    last_tried_at = models.DateTimeField(_("last tried"), null=True)
    answer = models.PositiveSmallIntegerField(
        _("answer"), null=True
    )  # the status, if there was one
    trouble = models.CharField(max_length=200, blank=True)

    class Meta:
        verbose_name = _("webhook")
        verbose_name_plural = _("webhooks sent")
        ordering = ["-event", "-pk"]
        default_permissions = ()
        constraints = [
            models.UniqueConstraint("endpoint", "event", name="one_delivery_per_endpoint_and_event")
        ]
        indexes = [
            models.Index(
                fields=["endpoint", "due_at"], condition=Q(state="waiting"), name="deliveries_due"
            ),
            models.Index(
                fields=["endpoint", "payout", "event"],
                condition=Q(state="waiting"),
                name="deliveries_in_line",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.event_id} → {self.endpoint}"
