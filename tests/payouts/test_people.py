"""Who may do what to which payout: at every entry of the services, whatever pages hide or show."""

from decimal import Decimal

import pytest
from django.contrib.auth.models import Group, User

from audit.actor import Actor, Channel
from audit.operations import perform
from audit.refusals import NotAllowed, Refused
from payouts import endings, makers, operations, send_backs
from payouts.controls import switch
from payouts.models import (
    Approval,
    MakerRole,
    Origin,
    Payout,
    PayoutEvent,
    PayoutStatus,
)
from payouts.requests import request_payout
from payouts.seen import see
from payouts.staff import roles
from payouts.staff.models import JointAct
from tests.factories import (
    DiscrepancyFactory,
    PayoutFactory,
    StaffFactory,
    UserFactory,
    WalletFactory,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("usdt", "clock")]

ADDRESS = "TJRyWwFs9wTFGZg3JbrVriFbNfCug5tDeC"


def approve(payouts, by):
    return perform(operations.APPROVE, see(payouts), actor=Actor.staff(by, Channel.ADMIN))


def all_rows():
    tables = (Payout, Approval, PayoutEvent)
    return [list(table.objects.order_by("pk").values()) for table in tables]


def superuser():
    return UserFactory(is_superuser=True)


def edit(payout, by, **changes):
    known = {"wallet": payout.wallet, "currency": "USDT", "amount": Decimal(5), "purpose": "Prize"}
    edit = operations.Edit(**known | changes)
    return operations.edit_payout(
        *see([payout]), edit, reason="Typo", actor=Actor.staff(by, Channel.ADMIN)
    )


# Makers


@pytest.mark.parametrize("role", MakerRole.values)
@pytest.mark.parametrize("maker", [superuser, lambda: StaffFactory(roles=["Approver"])])
def test_g7_a_maker_of_a_payout_does_not_approve_it(role, maker):
    by, payout = maker(), PayoutFactory()
    makers.add_makers(payout, [(by.pk, role)])
    before = all_rows()

    [outcome] = approve([payout], by)

    assert not outcome.done
    assert str(MakerRole(role).label) in outcome.text
    assert all_rows() == before


def test_g7_requesting_adding_the_wallet_and_handing_in_make_makers():
    by, importer = superuser(), UserFactory()
    wallet = WalletFactory()
    payout = request_payout(
        client=wallet.client,
        wallet=wallet,
        currency="USDT",
        amount=Decimal(5),
        purpose="Prize",
        idempotency_key="import:one",
        origin=Origin.IMPORT,
        actor=Actor.staff(by, Channel.ADMIN),
        installation="test",
        makers=[(importer.pk, MakerRole.IMPORTED)],
    )
    assert set(payout.makers.values_list("person", "role")) == {
        (by.pk, "requested"),
        (wallet.added_by_id, "wallet"),
        (importer.pk, "imported"),
    }


def test_g7_each_editor_becomes_a_maker_and_the_first_stays_one():
    editor = StaffFactory(roles=["Requester", "Approver"])
    payout = PayoutFactory()
    first = User.objects.get(pk=payout.requested_by_id)
    first.groups.add(Group.objects.get(name="Approver"))
    edit(payout, editor, amount=Decimal(4))

    for by in (editor, User.objects.get(pk=first.pk)):
        [outcome] = approve(Payout.objects.all(), by)
        assert not outcome.done
    assert Payout.objects.get().status == PayoutStatus.PENDING


def test_c1_a_payout_without_a_human_maker_is_approved_by_nobody():
    payout = PayoutFactory(requested_by=None)

    [outcome] = approve([payout], superuser())

    assert not outcome.done
    assert Payout.objects.get().status == PayoutStatus.PENDING


# Approvals


def test_c2_the_same_click_twice_approves_once():
    payout, by = PayoutFactory(), StaffFactory(roles=["Approver"])
    seen = see([payout])

    answers = [
        perform(operations.APPROVE, seen, actor=Actor.staff(by, Channel.ADMIN)) for _ in range(2)
    ]

    assert [outcome.done for [outcome] in answers] == [True, False]
    assert Approval.objects.count() == 1
    assert PayoutEvent.objects.filter(event_type="approve").count() == 1


@pytest.mark.parametrize("act", ["APPROVE", "REJECT", "HOLD", "CANCEL"])
def test_c3_g8_what_changed_since_it_was_seen_is_refused_and_says_what_it_is_now(act):
    stale, fresh = PayoutFactory(), PayoutFactory()
    seen = see([stale, fresh])
    edit(stale, StaffFactory(roles=["Requester"]), amount=Decimal("7.25"))
    by = StaffFactory(roles=["Approver", "Operator"])
    reason = {} if act == "APPROVE" else {"reason": "Because"}

    refused, done = perform(
        getattr(operations, act), seen, actor=Actor.staff(by, Channel.ADMIN), **reason
    )

    assert (refused.done, done.done) == (False, True)
    assert "7.25 USDT" in refused.text
    assert "Typo" in refused.text
    assert Payout.objects.get(pk=stale.pk).status == PayoutStatus.PENDING
    assert Payout.objects.get(pk=fresh.pk).status != PayoutStatus.PENDING


def test_c3_an_edit_of_what_changed_is_refused():
    payout, by = PayoutFactory(), StaffFactory(roles=["Requester"])
    edit(payout, by, amount=Decimal(4))

    with pytest.raises(Refused, match="It is now 4 USDT"):
        edit(payout, by, amount=Decimal(3))
    assert Payout.objects.get().amount == 4


def take_right(by):
    by.groups.clear()


def disable(by):
    by.is_active = False
    by.save()


@pytest.mark.parametrize("loss", [take_right, disable])
def test_c4_who_lost_the_right_since_the_page_was_shown_is_refused(loss):
    payout, by = PayoutFactory(), StaffFactory(roles=["Approver"])
    seen = see([payout])
    loss(by)
    before = all_rows()

    with pytest.raises(NotAllowed):
        perform(
            operations.APPROVE, seen, actor=Actor.staff(User.objects.get(pk=by.pk), Channel.ADMIN)
        )
    assert all_rows() == before


@pytest.mark.parametrize("loss", [take_right, disable])
def test_c4_the_approval_of_who_lost_the_right_does_not_count_at_the_claim(office, loss):
    by = StaffFactory(roles=["Approver"])
    payout = PayoutFactory(status=PayoutStatus.APPROVED, approved_by=by)
    loss(by)

    assert office.submit() == 0

    returned = Payout.objects.get(pk=payout.pk)
    assert returned.status == PayoutStatus.PENDING
    assert "right" in returned.why.sentence
    assert Approval.objects.get().voided_at is not None
    assert not office.sandbox.calls


def test_c7_one_bad_row_among_many_does_not_hold_up_its_neighbours():
    wallet = WalletFactory()
    payouts = [PayoutFactory(wallet=wallet, purpose=f"Prize {number}") for number in range(30)]
    held = payouts[7]
    perform(
        operations.HOLD,
        see([held]),
        reason="Look",
        actor=Actor.staff(StaffFactory(roles=["Approver"]), "admin"),
    )
    by = StaffFactory(roles=["Approver"])

    outcomes = approve(payouts, by)

    assert [outcome.name for outcome in outcomes if not outcome.done] == [str(held)]
    assert Payout.objects.filter(status=PayoutStatus.APPROVED).count() == 29
    again = approve(payouts, by)
    assert not any(outcome.done for outcome in again)
    assert PayoutEvent.objects.filter(event_type="approve").count() == 29


@pytest.mark.parametrize("way", ["hold", "return", "retry", "edit"])
def test_g9_no_approval_is_left_over(office, way):
    payout = PayoutFactory(status=PayoutStatus.APPROVED)
    if way == "hold":
        office.act("HOLD", payout, role="Approver", reason="Look")
        office.act("RELEASE", payout, role="Approver")
    elif way == "return":
        type(payout.wallet).objects.filter(pk=payout.wallet_id).update(status="frozen")
        office.submit()
    elif way == "retry":
        office.sandbox.set_fate("final_fail")
        office.submit()
        office.work(minutes=2)
        office.act("RETRY", payout, role="Operator", reason="Again")
    else:
        edit(payout, office.person("Requester"), amount=Decimal(4))

    assert Payout.objects.get(pk=payout.pk).status == PayoutStatus.PENDING
    assert not Approval.objects.filter(payout=payout, voided_at=None).exists()
    calls = len(office.creates())
    office.work(hours=1)
    assert len(office.creates()) == calls


def test_c3_a_payout_whose_row_was_changed_behind_the_desk_is_not_sent(office):
    payout = PayoutFactory(status=PayoutStatus.APPROVED)
    Payout.objects.filter(pk=payout.pk).update(address=ADDRESS)

    assert office.submit() == 0

    returned = Payout.objects.get(pk=payout.pk)
    assert returned.status == PayoutStatus.PENDING
    assert not office.sandbox.calls


# Roles

NEEDS = {
    "request": {"Requester"},
    "edit": {"Requester"},
    "approve": {"Approver"},
    "reject": {"Approver"},
    "hold": {"Approver"},
    "release": {"Approver"},
    "send back": {"Approver"},
    "send": {"Operator"},
    "ask": {"Operator", "Support"},
    "cancel": {"Operator"},
    "cancel own": {"Operator", "Requester"},
    "retry": {"Operator"},
    "end a discrepancy": {"Operator"},
    "pause": {"Operator"},
}


def try_to(act, by):
    """Do one act as a person; True if it was done. Refusals raise NotAllowed or say so."""
    statuses = {"release": "held", "send": "approved", "ask": "broadcast", "retry": "failed"}
    own = {"requested_by": by} if act == "cancel own" else {}
    payout = PayoutFactory(status=statuses.get(act, "pending"), **own)
    bulk = {
        "approve": ("APPROVE", {}),
        "reject": ("REJECT", {"reason": "No"}),
        "hold": ("HOLD", {"reason": "Look"}),
        "release": ("RELEASE", {}),
        "send back": ("SEND_BACK", {"reason": "Which one?"}),
        "send": ("EXPEDITE", {}),
        "ask": ("REQUEST_CHECK", {}),
        "cancel": ("CANCEL", {"reason": "No"}),
        "cancel own": ("CANCEL", {"reason": "No"}),
        "retry": ("RETRY", {"reason": "Again"}),
    }
    if act in bulk:
        name, options = bulk[act]
        seen = see([payout])
        [outcome] = perform(
            getattr(send_backs if act == "send back" else operations, name),
            seen,
            actor=Actor.staff(by, Channel.ADMIN),
            **options,
        )
        return outcome.done
    if act == "edit":
        edit(payout, by, amount=Decimal(4))
    elif act == "request":
        request_payout(
            client=payout.client,
            wallet=payout.wallet,
            currency="USDT",
            amount=Decimal(5),
            purpose="Another prize",
            idempotency_key="manual:another",
            origin=Origin.MANUAL,
            actor=Actor.staff(by, Channel.ADMIN),
            installation="test",
        )
    elif act == "end a discrepancy":
        found = DiscrepancyFactory(payout=payout)
        joint = JointAct.objects.create(
            act=endings.ACT,
            subject=endings.subject(found),
            data={"outcome": "left", "reopens_at": None},
            proposed_by=StaffFactory(),
            proposed_at=payout.requested_at,
        )
        endings.withdraw(joint, actor=Actor.staff(by, Channel.ADMIN))
    elif act == "pause":
        switch.set_sending(False, reason="Stop", actor=Actor.staff(by, Channel.ADMIN))
    return True


@pytest.mark.parametrize("act", NEEDS)
@pytest.mark.parametrize("role", roles.ROLES)
def test_each_role_can_do_its_acts_and_no_others(role, act):
    by = StaffFactory(roles=[role])
    try:
        done = try_to(act, by)
    except NotAllowed:
        done = False
    assert done is (role in NEEDS[act])


@pytest.mark.parametrize("act", NEEDS)
def test_being_staff_alone_allows_nothing(act):
    by = StaffFactory()
    with pytest.raises(NotAllowed):
        try_to(act, by)


def test_the_groups_hold_what_the_table_says():
    for role, acts in roles.ROLES.items():
        permissions = Group.objects.get(name=role).permissions.select_related("content_type")
        held = {f"{each.content_type.app_label}.{each.codename}" for each in permissions}
        assert held == set(acts), role


def test_who_manages_users_does_not_approve():
    manager = StaffFactory(roles=["User manager"])
    assert not manager.has_perm("payouts.approve_payout")
    approver = StaffFactory(roles=["Approver"])
    assert not approver.has_perm("auth.change_user")
