import json
from datetime import timedelta
from decimal import Decimal
from functools import partial

import factory
from django.conf import settings
from django.contrib.auth.models import Group
from django.db import transaction
from django.utils import timezone
from factory.django import DjangoModelFactory

from audit import clock
from audit.actor import Actor, Channel
from audit.events import next_links
from audit.operations import Change
from payouts import approvals, journal, makers, statements, transitions
from payouts.controls import policy
from payouts.eligibility import judged_as
from payouts.engine.models import ScheduledJob
from payouts.known import Known
from payouts.models import (
    USUAL_WAIT,
    Approval,
    Attempt,
    Discrepancy,
    EventType,
    MakerRole,
    Origin,
    Payout,
    PayoutEvent,
    PayoutNumber,
    PayoutStatus,
)
from payouts.models.journal import OPENING
from payouts.portal.keys import IssueKey, issue_key
from payouts.portal.models import ApiKey
from payouts.proposals import proposals_of
from payouts.staff.models import JointAct
from wallets.models import Client, PayoutMethod, Wallet, WalletStatus


class UserFactory(DjangoModelFactory):
    class Meta:
        model = settings.AUTH_USER_MODEL

    username = factory.Sequence("user{}".format)
    is_staff = True


class ClientFactory(DjangoModelFactory):
    class Meta:
        model = Client

    external_id = factory.Sequence("C-{}".format)
    name = factory.Sequence("Client {}".format)
    created_by = factory.SubFactory(UserFactory)


class WalletFactory(DjangoModelFactory):
    """An active wallet. A second one of the same client needs another address."""

    class Meta:
        model = Wallet

    client = factory.SubFactory(ClientFactory, created_by=factory.SelfAttribute("..added_by"))
    network = "tron"
    address = "TDD97yguPESTpcrJMqU6h2ozZbibv4Vaqm"
    status = WalletStatus.ACTIVE
    added_by = factory.SubFactory(UserFactory)
    approved_by = factory.SubFactory(UserFactory)
    approved_at = factory.LazyFunction(clock.now)


class PayoutMethodFactory(DjangoModelFactory):
    class Meta:
        model = PayoutMethod

    network = "tron"
    currency = "USDT"
    is_available = True
    min_amount = Decimal("0.5")
    max_amount = Decimal(1000000)
    fee_amount = Decimal("0.5")
    percent = Decimal(0)
    synced_at = factory.LazyFunction(timezone.now)


def put_off_price_list():
    """Have no worker of this test read Heleket's lists, balances and rates by itself, or write down
    who holds which rights, or the heads of the day."""
    due_at = clock.now() + timedelta(days=365)
    readers = ("sync_services", "fetch_balances", "fetch_rates", "read_history", "reconcile")
    for name in (*readers, "write_rights", "seal_heads"):
        ScheduledJob.objects.update_or_create(name=name, defaults={"due_at": due_at})


class StaffFactory(UserFactory):
    """A staff member with the rights of `roles`, names of the groups made by the migration."""

    class Meta:
        model = settings.AUTH_USER_MODEL
        skip_postgeneration_save = True

    @factory.post_generation
    def roles(self, create, names, **_kwargs):
        if names:
            self.groups.add(*Group.objects.filter(name__in=names))


def open_journal(*payouts):
    """Post what must stand of payouts that were stored without their history, as a migration does
    with those of before there was a journal."""
    with transaction.atomic():
        ids = [each.pk for each in payouts]
        left = [each for each in payouts if journal.has_left(each.__dict__)]
        kinds, fees = dict.fromkeys(ids, OPENING), journal.fees_of(left)
        journal.post(payouts, kinds, journal.standing(ids), fees)


def usable_key(**asked):
    """Issue a key that needs no second person any more; return it with its text."""
    key, text = issue_key(reason="Go-live", **asked)
    acts = JointAct.objects.filter(act=IssueKey.act, subject=IssueKey.subject_of(key))
    acts.update(ending=JointAct.Ending.OUTDATED, ended_at=clock.now())
    ApiKey.objects.filter(pk=key.pk).update(is_waiting=False)
    key.refresh_from_db()
    return key, text


def requester() -> Actor:
    """Somebody who may add clients and wallets."""
    return Actor.staff(StaffFactory(roles=["Requester"]), Channel.ADMIN)


class PayoutFactory(DjangoModelFactory):
    """A payout of 5 USDT on TRON with its maker; an approved one has an approval that stands,
    with its sealed event."""

    class Meta:
        model = Payout

    wallet = factory.SubFactory(WalletFactory)
    client = factory.SelfAttribute("wallet.client")
    network = factory.SelfAttribute("wallet.network")
    address = factory.SelfAttribute("wallet.address")
    memo = factory.SelfAttribute("wallet.memo")
    currency = "USDT"
    amount = Decimal(5)
    purpose = "Prize"
    origin = Origin.MANUAL
    idempotency_key = factory.Sequence("manual:form-{}".format)  # no number, as searches find it
    requested_by = factory.SubFactory(StaffFactory, roles=["Requester"])
    requested_at = factory.LazyFunction(clock.now)
    id = factory.LazyAttribute(lambda o: Payout.id_for("test", o.client, o.idempotency_key))
    number = factory.LazyFunction(lambda: PayoutNumber.objects.create().pk)

    @classmethod
    def _create(cls, model_class, *args, approved_by=None, **kwargs):
        is_approved = kwargs.get("status") == PayoutStatus.APPROVED
        if is_approved:
            kwargs["status"] = PayoutStatus.PENDING
        payout = model_class(*args, **kwargs)
        payout.wait_for(USUAL_WAIT.get(payout.status, ""))
        requested = Change(payout)
        requested.log_event(EventType.REQUEST)
        events = transitions.events_of([requested], Actor.staff(payout.requested_by, Channel.ADMIN))
        with transaction.atomic(), clock.one_moment():
            if is_approved:
                approver = approved_by or StaffFactory(roles=["Approver"])
                actor = Actor.staff(approver, Channel.ADMIN)
                current = policy.in_force()
                statement = statements.make([payout], actor, current)
                statement.save(force_insert=True)
                proposal = proposals_of(Known([payout]))[payout.pk]
                approved = Change(payout)
                approved.log_event(
                    EventType.APPROVE,
                    digest=payout.digest(),
                    policy=current.version,
                    statement=statement.sha256,
                    **judged_as(proposal),
                )
                payout.reference_rate = proposal.rate
                payout.approve(not_before=current.values.goes_out_at(clock.now()))
                make = partial(PayoutEvent, payout_id=payout.pk)
                events += next_links(approved, events[-1].hash, actor, make)
            Payout.objects.bulk_create([payout])
            PayoutEvent.objects.bulk_create(events)
            makers.add_makers(payout, [(payout.requested_by_id, MakerRole.REQUESTED)])
            if is_approved:
                approvals.decide([payout], actor, Approval.Decision.APPROVED, statement, current)
        return Payout.objects.get(pk=payout.pk)


class AttemptFactory(DjangoModelFactory):
    """A try of a payout as it would be stored before its first call, which was never made."""

    class Meta:
        model = Attempt
        django_get_or_create = ["payout", "generation"]

    payout = factory.SubFactory(PayoutFactory)
    generation = factory.SelfAttribute("payout.generation")
    order_id = factory.LazyAttribute(lambda o: o.payout.order_id("test"))
    gateway_host = "gateway"
    merchant_id = "merchant"
    created_at = factory.SelfAttribute("payout.requested_at")

    @factory.lazy_attribute
    def body(self):
        names = ["order_id", "currency", "network", "address"]
        sent = {name: getattr(self.payout, name, self.order_id) for name in names}
        sent["order_id"] = self.order_id
        return json.dumps({**sent, "amount": str(self.payout.amount), "is_subtract": True})


class DiscrepancyFactory(DjangoModelFactory):
    """Heleket has ten times the amount."""

    class Meta:
        model = Discrepancy

    payout = factory.SubFactory(PayoutFactory)
    attempt = factory.SubFactory(AttemptFactory, payout=factory.SelfAttribute("..payout"))
    key = factory.SelfAttribute("attempt.order_id")
    kind = Discrepancy.Kind.DIFFERENT
    ours = factory.LazyFunction(lambda: {"amount": "5", "currency": "USDT"})
    theirs = factory.LazyFunction(lambda: {"amount": "50", "currency": "USDT"})
    opened_at = factory.SelfAttribute("payout.requested_at")
    first_seen_at = factory.SelfAttribute("opened_at")
