"""Who did what, when and by which way: sealed events, and the desk's own chain of them."""

import json
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models
from django.utils.functional import cached_property
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from audit import chain
from audit.actor import Channel
from audit.codes import CodeField, Reason
from audit.database import advisory_lock

LOGIN = "login"  # in an event's data: the person's, as it was on that day
DESK_CHAIN_LOCK = 0x6465736B  # "desk"


def known_as(person: User | None, login: str | None) -> str:
    if person is None:
        return gettext("the system")
    name = person.get_username()
    if login in (None, name):
        return name
    return gettext("%(then)s (now %(now)s)") % {"then": login, "now": name}


class Event(models.Model):
    """One act, by a person, a client or the system. Rows are only added: triggers refuse all else.

    A client is named by id, and the API key that it used.
    """

    number = models.PositiveIntegerField()
    at = models.DateTimeField()
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    client_id = models.PositiveBigIntegerField(null=True)
    api_key_id = models.PositiveBigIntegerField(null=True)
    channel = models.CharField(max_length=10, choices=Channel)
    event_type = models.CharField(max_length=20)
    reason_code = CodeField()
    reason = models.TextField(default="")  # words of a person or of Heleket
    # A JSON object as text, so that it is read as it was sealed.
    data = models.TextField(default="")
    hash = models.CharField(max_length=64)

    class Meta:
        abstract = True
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"{self.number} {self.event_type}"

    @cached_property
    def facts(self) -> dict[str, str]:
        facts: dict[str, str] = json.loads(self.data or "{}")
        return facts

    @property
    def login(self) -> str | None:
        """The person's login of that day. Events from before logins were kept have none."""
        return self.facts.get(LOGIN)

    @property
    def who(self) -> str:
        """Name who did it by the login of that day, and by the one of today if that is another."""
        if self.api_key_id is not None:
            return gettext("the client API")
        return known_as(self.person, self.login)

    @property
    def why(self) -> Reason:
        return Reason(self.reason_code, self.reason)

    def fields(self) -> list[Any]:
        """What the chain seals."""
        return [
            self.number,
            chain.stamp(self.at),
            self.person_id,
            self.client_id,
            self.api_key_id,
            self.channel,
            self.event_type,
            self.reason_code,
            self.reason,
            self.data,
        ]


class StatusEvent(Event):
    """An act on one row, with the row's status before and after."""

    from_status = models.CharField(max_length=10, default="")
    to_status = models.CharField(max_length=10)

    class Meta(Event.Meta):
        abstract = True

    def fields(self) -> list[Any]:
        return [*super().fields(), self.from_status, self.to_status]


class DeskEventQuerySet(models.QuerySet["DeskEvent"]):
    def lock_chain(self) -> "DeskEvent | None":
        """Keep others from appending until this transaction ends, and return the last event."""
        advisory_lock(DESK_CHAIN_LOCK)
        return self.order_by("-number").first()


class DeskEvent(Event):
    """An act that belongs to no payout: the switch, the binding, a pause of Heleket's."""

    class Type(models.TextChoices):
        PAUSE = "pause", _("Sending paused")
        RESUME = "resume", _("Sending resumed")
        TRIP = "trip", _("Heleket takes nothing")
        RESET = "reset", _("Heleket takes payouts again")
        BACK_OFF = "back_off", _("Heleket asked us to slow down")
        BIND = "bind", _("Bound to an account")
        REBIND = "rebind", _("Bound to another account")
        LEARN_NOT_FOUND = "learn_not_found", _("New words for “not found”")
        DOUBT_RATE = "doubt_rate", _("Exchange rate has jumped")
        PROPOSE_RATE = "propose_rate", _("Exchange rate to be accepted")
        ACCEPT_RATE = "accept_rate", _("Exchange rate accepted")
        WITHDRAW_RATE = "withdraw_rate", _("Exchange rate not accepted")
        FORGERY = "forgery", _("Written past the desk")
        HEADS = "heads", _("Heads of all chains sealed")
        MAIL_HEADS = "mail_heads", _("Heads of all chains mailed")
        HEADS_UNMAILED = "heads_unmailed", _("Heads of all chains not mailed")
        FOREIGN = "foreign", _("A payout at Heleket that is none of ours")
        PROPOSE_END = "propose_end", _("End of a discrepancy proposed")
        WITHDRAW_END = "withdraw_end", _("Proposed end of a discrepancy withdrawn")
        CLOSE_DISCREPANCY = "close_discrepancy", _("Discrepancy closed")
        FOREIGN_OWNER = "foreign_owner", _("Owner of a payout that is none of ours")
        ADD_PERSON = "add_person", _("Person added")
        CHANGE_PERSON = "change_person", _("Person changed")
        RENAME = "rename", _("Login changed")
        PASSWORD = "password", _("Password set")
        SEND_LINK = "send_link", _("Link for a password sent")
        FIRST_STAFF = "first_staff", _("First people set up")
        ASK_RECOVERY = "ask_recovery", _("Access is to be recovered")
        STOP_RECOVERY = "stop_recovery", _("Recovery of access stopped")
        RECOVER = "recover", _("Access recovered")
        DISABLE = "disable", _("Person stopped")
        ENABLE = "enable", _("Person let in again")
        DRAFT_RIGHTS = "draft_rights", _("Rights drafted")
        WITHDRAW_RIGHTS = "withdraw_rights", _("Draft of rights withdrawn")
        ADD_ROLE = "add_role", _("Role added")
        CHANGE_ROLE = "change_role", _("Role changed")
        FIND_RIGHTS = "find_rights", _("Rights written down as they stand")
        CLOSE_CLIENT = "close_client", _("Client closed")
        REOPEN_CLIENT = "reopen_client", _("Client opened again")
        EXPORT = "export", _("List taken home")
        EXPORTED = "exported", _("List handed out whole")
        ADD_DOCUMENT = "add_document", _("Document added")
        ADD_MOVEMENT = "add_movement", _("Movement entered in the books")
        BALANCE_FELL = "balance_fell", _("A balance fell by more than was paid")
        PROPOSE_CLOSE = "propose_close", _("Month to be closed")
        WITHDRAW_CLOSE = "withdraw_close", _("Month not to be closed")
        AGREE_CLOSE = "agree_close", _("Closing of a month agreed")
        CLOSE_MONTH = "close_month", _("Month closed")
        ADD_CATEGORY = "add_category", _("Category added")
        CHANGE_CATEGORY = "change_category", _("Category changed")
        ADD_ACCOUNT = "add_account", _("Account added")
        CHANGE_ACCOUNT = "change_account", _("Account changed")
        DRAFT_POLICY = "draft_policy", _("Policy drafted")
        CHANGE_POLICY = "change_policy", _("Policy changed")
        DROP_POLICY = "drop_policy", _("Draft of the policy withdrawn")
        ISSUE_KEY = "issue_key", _("API key issued")
        REVOKE_KEY = "revoke_key", _("API key revoked")
        ADD_ENDPOINT = "add_endpoint", _("Webhook endpoint added")
        CHANGE_ENDPOINT = "change_endpoint", _("Webhook endpoint changed")
        ROTATE_SECRET = "rotate_secret", _("Secret of a webhook endpoint renewed")
        STOP_ENDPOINT = "stop_endpoint", _("Webhook endpoint stopped")
        RESUME_ENDPOINT = "resume_endpoint", _("Webhook endpoint resumed")
        SAME_DATABASE = "same_database", _("Said to be the same database")
        PROPOSE_RESTORE = "propose_restore", _("A restore is to be put right")
        WITHDRAW_RESTORE = "withdraw_restore", _("A restore is not put right after all")
        BEGIN_RESTORE = "begin_restore", _("Putting a restore right has begun")
        RESTORE_STEP = "restore_step", _("A step after a restore")
        END_RESTORE = "end_restore", _("A restore is put right")
        REMOVE_ENDPOINT = "remove_endpoint", _("Webhook endpoint removed")

    objects = DeskEventQuerySet.as_manager()

    class Meta(Event.Meta):
        constraints = [models.UniqueConstraint("number", name="one_desk_event_per_number")]

    def __str__(self) -> str:
        return f"{self.number}: {self.title}"

    @property
    def title(self) -> str:
        """What was done, in words; a type that is not known any more as it is."""
        if coin := self.facts.get("currency"):
            if self.event_type == self.Type.TRIP:
                return gettext("Heleket takes no %s") % coin
            if self.event_type == self.Type.RESET:
                return gettext("Heleket takes %s again") % coin
        return str(dict(self.Type.choices).get(self.event_type, self.event_type))
