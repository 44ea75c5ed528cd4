"""What decides about money or rights is given by two people, and taken away by one."""

from functools import partial

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.db import DatabaseError, transaction
from django.urls import reverse

from audit import chain, clock
from audit.actor import Actor, Channel
from audit.models import DeskEvent
from audit.refusals import NotAllowed, Refused
from payouts.models import Approval, Payout, PayoutStatus
from payouts.staff import drafts, grants, people, powers
from payouts.staff.models import JointAct, PowerChange
from tests.every_page import unmarked
from tests.factories import PayoutFactory, StaffFactory, UserFactory
from tests.payouts.test_logins import fields_of, save
from tests.payouts.test_roles_apart import role_form

pytestmark = pytest.mark.django_db

DRAFTS = reverse("admin:auth_user_drafts")


def group(name):
    return Group.objects.get(name=name)


def right(name):
    return Permission.objects.get(codename=name)


def actor(person):
    return Actor.staff(person, Channel.ADMIN)


def standing():
    """What everybody holds, and how they come in."""
    tables = (User.groups, User.user_permissions, Group.permissions)
    people = User.objects.order_by("pk").values_list("email", "is_active", "is_staff", "password")
    flags = User.objects.order_by("pk").values_list("username", "is_superuser")
    return [
        [sorted(each.through.objects.values_list()) for each in tables],
        *map(list, (people, flags)),
    ]


@pytest.fixture
def uma(client):
    uma = StaffFactory(username="uma", roles=["User manager"])
    client.force_login(uma)
    return uma


@pytest.fixture
def paula():
    return StaffFactory(username="paula", roles=["Policy manager"])


def roles_of(person):
    return set(person.groups.values_list("name", flat=True))


def give(client, person, *names, **more):
    """Save the page of a person with these roles."""
    groups = [group(name).pk for name in names]
    return save(client, person, groups=groups, reason="Stands in for Amira", **more)


def draft_url(page="draft"):
    return reverse(f"admin:auth_user_{page}", args=[JointAct.objects.get(ended_at=None).pk])


def confirm(client, by):
    """Open the draft as another person, and press its button."""
    client.force_login(by)
    page = client.get(draft_url())
    return client.post(draft_url("confirm"), {"seen": page.context["seen"]}, follow=True)


@pytest.mark.parametrize("role", sorted(powers.ROLES))
def test_g46_a_role_that_decides_is_given_by_two(client, uma, paula, role):
    nina = StaffFactory(username="nina")

    page = give(client, nina, role)

    assert (page.status_code, roles_of(nina)) == (302, set())
    assert "is a draft now" in client.get(page.url).content.decode()
    client.force_login(paula)
    shown = unmarked(client.get(draft_url()))
    assert f"— → {role}" in shown
    assert "Stands in for Amira" in shown
    assert "uma" in shown
    confirm(client, paula)
    assert roles_of(nina) == {role}
    given = DeskEvent.objects.filter(event_type="change_person").last()
    assert (given.person, given.facts["drafter"]) == (paula, "uma")
    assert given.facts["roles"] == f"— → {role}"
    assert DeskEvent.objects.get(event_type="draft_rights").person == uma
    assert chain.first_broken(DeskEvent.objects.order_by("number")) is None


@pytest.mark.parametrize("role", ["Requester", "Auditor", "Support"])
def test_g46_a_role_that_decides_nothing_is_given_at_once(client, uma, role):
    nina = StaffFactory()
    give(client, nina, role)
    assert roles_of(nina) == {role}
    assert not JointAct.objects.exists()


def test_g46_the_drafter_confirms_nothing_alone(client, uma):
    give(client, StaffFactory(), "Approver")
    before = standing()

    page = confirm(client, uma)

    assert "another person has to confirm it" in unmarked(page)
    assert standing() == before


def test_g46_a_superuser_alone_makes_no_second_approver(client):
    boss = UserFactory(username="boss", is_superuser=True)
    client.force_login(boss)
    nina = StaffFactory()
    save(client, nina, is_superuser="on", reason="Help")
    assert not User.objects.get(pk=nina.pk).is_superuser
    before = standing()

    page = confirm(client, boss)

    assert "another person has to confirm it" in unmarked(page)
    assert standing() == before
    confirm(client, StaffFactory(roles=["Policy manager"]))
    assert User.objects.get(pk=nina.pk).is_superuser


def test_g46_nobody_confirms_what_they_gain(client, uma, paula):
    give(client, paula, "Policy manager", "Approver")
    before = standing()

    page = confirm(client, paula)

    assert "confirms what they gain" in unmarked(page)
    assert standing() == before


@pytest.mark.parametrize("role", ["Approver", "Operator", "Requester", "Auditor", None])
def test_c10_only_user_and_policy_managers_confirm_rights(client, uma, role):
    give(client, StaffFactory(), "Approver")
    other = StaffFactory(roles=[role] if role else [])
    page, seen = client.get(draft_url()), {"seen": ""}
    seen["seen"] = page.context["seen"]
    before = standing()
    client.force_login(other)

    answers = (
        client.post(draft_url("confirm"), seen, follow=True),
        client.post(draft_url("withdraw")),
    )

    assert "Confirmed" not in answers[0].content.decode()
    assert standing() == before
    assert JointAct.objects.filter(ended_at=None).exists()
    may_look = role == "Auditor"
    assert [client.get(url).status_code for url in (DRAFTS, draft_url())] == (
        [200, 200] if may_look else [403, 403]
    )


def test_g46_a_reason_is_needed(client, uma):
    before = standing()
    refused = save(client, StaffFactory(), groups=[group("Approver").pk])
    assert "reason" in refused.context["adminform"].form.errors
    assert standing()[0] == before[0]
    assert not JointAct.objects.exists()


def test_g46_what_is_taken_is_taken_at_once_and_the_rest_is_drafted(client, uma, paula):
    nina = StaffFactory(username="nina", roles=["Operator", "Auditor"])

    page = give(client, nina, "Approver", "Support", first_name="Nina")

    assert roles_of(nina) == {"Support"}
    assert User.objects.get(pk=nina.pk).first_name == "Nina"
    said = unmarked(client.get(page.url))
    assert "The change of nina was saved." in said
    assert "is a draft now" in said
    confirm(client, paula)
    assert roles_of(nina) == {"Support", "Approver"}


def test_g46_taking_away_needs_no_second_person(client, uma):
    nina = StaffFactory(roles=["Approver"])
    assert save(client, nina, groups=[]).status_code == 302
    assert roles_of(nina) == set()
    assert not JointAct.objects.exists()


def test_g46_another_address_of_an_approver_takes_two(client, uma, paula):
    nina = StaffFactory(username="nina", email="nina@example.com", roles=["Approver"])

    save(client, nina, email="uma@example.com", first_name="Nina", reason="New address")

    now = User.objects.get(pk=nina.pk)
    assert (now.email, now.first_name) == ("nina@example.com", "Nina")
    client.force_login(paula)
    assert "nina@example.com → uma@example.com" in unmarked(client.get(draft_url()))
    confirm(client, paula)
    assert User.objects.get(pk=nina.pk).email == "uma@example.com"
    assert PowerChange.objects.get(person=nina).what == "address"
    assert not any("example.com" in event.data for event in DeskEvent.objects.all())


def test_g46_an_address_of_somebody_harmless_is_changed_at_once(client, uma):
    nina = StaffFactory(email="nina@example.com", roles=["Requester"])
    save(client, nina, email="new@example.com")
    assert User.objects.get(pk=nina.pk).email == "new@example.com"


def test_g46_letting_an_approver_in_takes_two(client, uma, paula):
    nina = StaffFactory(username="nina", roles=["Approver"], is_staff=False)

    save(client, nina, is_staff="on", reason="She is back")

    assert not User.objects.get(pk=nina.pk).is_staff
    confirm(client, paula)
    assert User.objects.get(pk=nina.pk).is_staff


def test_g46_enabling_an_approver_takes_two(client, uma, paula):
    nina = StaffFactory(username="nina", roles=["Approver"])
    people.disable(nina, reason="Lost her phone", actor=actor(uma))
    url = reverse("admin:auth_user_enable", args=[nina.pk])
    seen = client.get(url).context["form"]["seen"].value()

    client.post(url, {"seen": seen, "reason": "Found it"})

    assert not User.objects.get(pk=nina.pk).is_active
    with pytest.raises(Refused, match="takes two"):
        people.enable(nina, seen=seen, reason="Found it", actor=actor(uma))
    confirm(client, paula)
    assert User.objects.get(pk=nina.pk).is_active
    event = DeskEvent.objects.get(event_type="enable")
    assert (event.person, event.facts["drafter"], event.reason) == (paula, "uma", "Found it")


def test_g46_a_single_right_and_a_role_that_contains_one_take_two(client, paula):
    client.force_login(UserFactory(is_superuser=True))
    wide = Group.objects.create(name="Wide")
    wide.permissions.add(right("approve_payout"))
    nina, arno = StaffFactory(), StaffFactory()

    give(client, nina, "Wide")
    assert roles_of(nina) == set()
    confirm(client, paula)
    assert roles_of(nina) == {"Wide"}
    client.force_login(User.objects.get(is_superuser=True))
    save(client, arno, user_permissions=[right("approve_payout").pk], reason="Help")
    assert not arno.user_permissions.exists()
    confirm(client, paula)
    assert arno.user_permissions.get() == right("approve_payout")


def test_g46_rights_of_a_role_take_two(client, paula):
    boss = UserFactory(username="boss", is_superuser=True)
    client.force_login(boss)
    helpers = Group.objects.create(name="Helpers")
    helpers.permissions.add(right("view_payout"))
    member = StaffFactory(roles=["Helpers"])
    wanted = [right("approve_payout").pk, right("view_wallet").pk]

    role_form(client, helpers, permissions=wanted, reason="They help")

    assert set(helpers.permissions.values_list("codename", flat=True)) == {"view_wallet"}
    assert not member.has_perm("payouts.approve_payout")
    confirm(client, paula)
    assert User.objects.get(pk=member.pk).has_perm("payouts.approve_payout")
    event = DeskEvent.objects.filter(event_type="change_role").last()
    assert (event.person, event.facts["drafter"]) == (paula, "boss")
    assert PowerChange.objects.filter(person=member).count() == 1


def test_g46_who_has_a_role_does_not_confirm_its_rights(client, paula):
    client.force_login(UserFactory(is_superuser=True))
    mine = group("Policy manager")
    held = list(mine.permissions.values_list("pk", flat=True))
    role_form(client, mine, permissions=[*held, right("approve_payout").pk], reason="More")
    before = standing()

    assert "confirms what they gain" in unmarked(confirm(client, paula))
    assert standing() == before


def test_g60_a_group_that_a_policy_names_is_given_by_two(client, uma, paula, monkeypatch):
    monkeypatch.setattr(powers, "named", [lambda: ["Treasurers"]])
    Group.objects.create(name="Treasurers")
    nina = StaffFactory()

    give(client, nina, "Treasurers")

    assert roles_of(nina) == set()
    confirm(client, paula)
    assert roles_of(nina) == {"Treasurers"}


def add_role(client, name, *rights):
    data = {"name": name, "permissions": [right(each).pk for each in rights], "reason": "A rule"}
    return client.post(reverse("admin:auth_group_add"), data)


def test_g60_a_user_manager_adds_a_role_and_what_decides_in_it_takes_two(client, uma, paula):
    assert add_role(client, "Treasurers", "view_payout", "approve_payout").status_code == 302
    role = group("Treasurers")
    assert [each.codename for each in role.permissions.all()] == ["view_payout"]
    assert role_form(client, role, name="Other").status_code == 403
    bruno = StaffFactory(username="bruno")
    give(client, bruno, "Treasurers")
    assert roles_of(bruno) == {"Treasurers"}
    before = standing()

    assert "another person has to confirm it" in unmarked(confirm(client, uma))
    stale = unmarked(confirm(client, paula))

    assert "can only be withdrawn or declined" in stale  # it was drafted for a role of nobody
    assert standing() == before
    client.post(draft_url("withdraw"))
    client.force_login(uma)
    assert add_role(client, "Seconds", "approve_payout").status_code == 302
    confirm(client, paula)
    assert [each.codename for each in group("Seconds").permissions.all()] == ["approve_payout"]
    client.force_login(uma)
    give(client, bruno, "Treasurers", "Seconds")
    assert roles_of(bruno) == {"Treasurers"}


def test_g60_no_user_manager_adds_to_what_roles_there_are_permit(client, uma):
    before = standing()
    for name in ("User manager", "Policy manager", "Support"):
        role = group(name)
        url = reverse("admin:auth_group_change", args=[role.pk])
        wanted = [right("add_payout").pk]
        answer = client.post(url, {"name": name, "permissions": wanted, "reason": "x"})
        assert answer.status_code == 403
    assert standing() == before


def test_g60_no_role_takes_the_name_that_a_policy_goes_by(client, monkeypatch):
    monkeypatch.setattr(powers, "named", [lambda: ["Treasurers"]])
    client.force_login(UserFactory(is_superuser=True))
    helpers = Group.objects.create(name="Helpers")
    assert "goes by the name" in role_form(client, helpers, name="Treasurers").content.decode()
    assert group("Helpers") == helpers


def changed_mail(nina, uma):
    User.objects.filter(pk=nina.pk).update(email="other@example.com")


def changed_role(nina, uma):
    group("Approver").permissions.add(right("send_payout"))


def changed_password(nina, uma):
    User.objects.filter(pk=nina.pk).update(password="another")


@pytest.mark.parametrize("change", [changed_mail, changed_role, changed_password])
def test_g46_changed_facts_refuse_a_draft(client, uma, paula, change):
    nina = StaffFactory()
    give(client, nina, "Approver")
    client.force_login(paula)
    seen = client.get(draft_url()).context["seen"]
    change(nina, uma)
    before = standing()

    refused = client.post(draft_url("confirm"), {"seen": seen}, follow=True)

    assert "The facts have changed since" in unmarked(refused)
    assert "can only be withdrawn" in unmarked(refused)
    fresh = client.get(draft_url()).context["seen"]
    assert "The facts have changed" in unmarked(
        client.post(draft_url("confirm"), {"seen": fresh}, follow=True)
    )
    assert standing() == before


def test_g46_whose_own_right_is_gone_has_drafted_nothing(client, uma, paula):
    give(client, StaffFactory(), "Approver")
    uma.groups.clear()
    before = standing()

    client.force_login(paula)
    shown = unmarked(client.get(draft_url()))
    assert "uma, who proposed it, may not do this any more" in shown
    assert "Confirm it" not in shown
    assert "may not do this any more" in unmarked(confirm(client, paula))
    assert standing() == before


def test_g46_a_draft_is_withdrawn_or_declined(client, uma, paula):
    nina = StaffFactory()
    for by in (uma, paula):
        client.force_login(uma)
        give(client, nina, "Approver")
        client.force_login(by)
        client.post(draft_url("withdraw"))
        assert not JointAct.objects.filter(ended_at=None).exists()
    assert roles_of(nina) == set()
    assert DeskEvent.objects.filter(event_type="withdraw_rights").count() == 2
    over = JointAct.objects.first()
    with pytest.raises(Refused, match="over"):
        drafts.confirm(over.pk, over.facts, actor=actor(paula))


def test_g46_the_same_draft_twice_is_one(client, uma):
    nina = StaffFactory()
    give(client, nina, "Approver")
    page = client.get(give(client, nina, "Approver").url)
    assert "has proposed something already" in unmarked(page)
    assert JointAct.objects.count() == 1


def test_g46_a_draft_in_place_of_another_is_confirmed_by_neither_drafter(client, uma, paula):
    nina = StaffFactory(username="nina")
    give(client, nina, "Approver")
    vera = StaffFactory(username="vera", roles=["User manager"])
    client.force_login(vera)
    give(client, nina, "Operator")
    before = standing()

    page = confirm(client, uma)

    assert "It was made from a draft of yours" in unmarked(page)
    assert "Confirm it" not in unmarked(page)
    assert standing() == before
    client.force_login(paula)
    shown = unmarked(client.get(draft_url()))
    assert "It was made from these drafts" in shown
    assert "uma" in shown
    confirm(client, paula)
    assert roles_of(nina) == {"Operator"}
    given = DeskEvent.objects.filter(event_type="change_person").last()
    assert (given.facts["drafter"], given.facts["earlier_drafts"]) == (
        "vera",
        "uma: Stands in for Amira",
    )


def test_g46_roles_stay_apart_at_the_confirmation(client, uma, paula):
    nina = StaffFactory()
    give(client, nina, "Approver")
    joint = JointAct.objects.get()
    joint.data["roles"].append(group("User manager").pk)
    joint.save()
    joint.facts = drafts.of(joint).facts()
    joint.save()
    before = standing()

    assert "never manages users" in unmarked(confirm(client, paula))
    assert standing() == before


def test_g46_open_drafts_stand_on_the_pages_of_people(client, uma, paula):
    nina = StaffFactory(username="nina")
    assert "No right waits" in client.get(DRAFTS).content.decode()
    give(client, nina, "Approver")

    for url in (
        reverse("admin:auth_user_changelist"),
        reverse("admin:auth_user_change", args=[nina.pk]),
        DRAFTS,
    ):
        assert draft_url() in client.get(url).content.decode()
    client.force_login(paula)
    assert draft_url() in client.get(DRAFTS).content.decode()


def test_g46_the_act_itself_asks_for_the_right(uma, paula):
    nina = StaffFactory()
    for by in (paula, StaffFactory(roles=["Approver"])):
        with pytest.raises(NotAllowed):
            grants.draft_person(
                nina, grants.Grant(flags=["is_superuser"]), reason="x", actor=actor(by)
            )
    assert not JointAct.objects.exists()


def test_g46_a_page_of_a_person_has_no_field_that_bypasses_it(client, uma):
    nina = StaffFactory(roles=["Approver"], is_staff=False)
    forged = fields_of(client, nina) | {"is_superuser": "on", "is_active": "", "password": "x"}
    before = standing()

    client.post(reverse("admin:auth_user_change", args=[nina.pk]), forged)

    assert standing() == before


# What was approved before


def sent_after(office, change):
    """Have a payout approved and the approver changed; return whether it was paid, and why not."""
    nina = StaffFactory(username="nina", email="nina@example.com", roles=["Approver", "Auditor"])
    payout = PayoutFactory(status=PayoutStatus.APPROVED, approved_by=nina)
    office.clock.forward(seconds=1)
    change(nina)
    was_paid = bool(office.submit())
    return was_paid, Payout.objects.get(pk=payout.pk)


def own_password(client, uma, paula, nina):
    nina.set_password("an-old-word")
    nina.save()
    client.force_login(nina)
    new = {"new_password1": "a-long-word", "new_password2": "a-long-word"}
    client.post(reverse("admin:password_change"), new | {"old_password": "an-old-word"})


def another_address(client, uma, paula, nina):
    save(client, nina, email="new@example.com", reason="New")
    confirm(client, paula)


def another_role(client, uma, paula, nina):
    give(client, nina, "Approver", "Operator", "Auditor")
    confirm(client, paula)


def one_role_less(client, uma, paula, nina):
    save(client, nina, groups=[group("Approver").pk])


def stopped_and_let_in(client, uma, paula, nina):
    people.disable(nina, reason="Lost her phone", actor=actor(uma))
    grants.enable(nina, seen=people.last_stop(nina), reason="Found it", actor=actor(uma))
    confirm(client, paula)


def a_right_of_the_role(client, uma, paula, nina):
    client.force_login(UserFactory(is_superuser=True))
    role = group("Approver")
    held = list(role.permissions.values_list("pk", flat=True))
    role_form(client, role, permissions=[*held, right("send_payout").pk], reason="More")
    confirm(client, paula)


CHANGES = [
    *(own_password, another_address, another_role, one_role_less, stopped_and_let_in),
    a_right_of_the_role,
]


@pytest.mark.parametrize("change", CHANGES)
def test_c4_g46_what_was_approved_before_a_change_of_power_counts_no_more(
    office, client, uma, paula, change
):
    was_paid, payout = sent_after(office, partial(change, client, uma, paula))

    assert not was_paid
    assert (payout.status, payout.reason_code) == (PayoutStatus.PENDING, "approver_changed")
    assert "have changed since" in payout.why.sentence
    assert Approval.objects.get(payout=payout).voided_at is not None
    assert not office.sandbox.calls
    office.clock.forward(seconds=1)
    office.people["Approver"] = User.objects.get(username="nina")
    assert office.act("APPROVE", payout, role="Approver").done
    assert office.submit() == 1


def harmless(client, nina):
    save(client, nina, first_name="Nina", username="nina.new")


def test_c4_a_name_changes_nothing_of_what_was_approved(office, client, uma):
    was_paid, _payout = sent_after(office, partial(harmless, client))
    assert was_paid


def test_c4_i2_a_draft_alone_changes_nothing_of_what_was_approved(office, client, uma):
    def draft(nina):
        give(client, nina, "Approver", "Operator", "Auditor")

    was_paid, _payout = sent_after(office, draft)
    assert was_paid


def test_c4_changes_of_power_stay_as_they_were_written():
    change = PowerChange.objects.create(person=StaffFactory(), at=clock.now(), what="address")
    for act in (change.delete, partial(PowerChange.objects.update, what="rights")):
        with pytest.raises(DatabaseError), transaction.atomic():
            act()
    assert PowerChange.objects.get() == change


def test_a_draft_that_is_over_says_so_once(client, uma, paula):
    give(client, StaffFactory(username="nora"), "Approver")
    [waiting] = drafts.open_drafts()
    drafts.withdraw(waiting.pk, actor=actor(uma))
    client.force_login(paula)

    for page in ("confirm", "withdraw"):
        response = client.post(reverse(f"admin:auth_user_{page}", args=[waiting.pk]), follow=True)
        assert unmarked(response).count("This proposal is over.") == 1
        assert response.redirect_chain[-1][0] == DRAFTS
