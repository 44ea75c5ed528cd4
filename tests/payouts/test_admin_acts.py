"""Acts in the Admin: who may begin them, what they show, and that they do no more than that."""

import json
from decimal import Decimal

import pytest
from django.urls import reverse

import heleket
from audit.actor import Actor, Channel
from audit.operations import perform
from payouts import operations
from payouts.admin.actions import ACTIONS
from payouts.admin.payouts import PayoutAdmin
from payouts.gateway import accounts
from payouts.gateway.models import RateLimit
from payouts.models import (
    Approval,
    MakerRole,
    Payout,
    PayoutEvent,
    PayoutMaker,
    PayoutStatus,
    Statement,
)
from payouts.seen import see
from payouts.staff.roles import ROLES
from tests.factories import ClientFactory, PayoutFactory, StaffFactory, UserFactory, WalletFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("usdt")]

LIST = reverse("admin:payouts_payout_changelist")
MAY = {
    "approve": {"Approver"},
    "undo": {"Approver"},
    "reject": {"Approver"},
    "hold": {"Approver"},
    "release": {"Approver"},
    "send_back": {"Approver"},
    "send": {"Operator"},
    "ask": {"Operator", "Support"},
    "cancel": {"Operator", "Requester"},
    "retry": {"Operator"},
}


@pytest.fixture(autouse=True)
def gateway(monkeypatch, heleket_client):
    monkeypatch.setattr(accounts, "heleket_client", lambda: heleket_client)


def act_url(name):
    return reverse("admin:payouts_payout_act", args=[name])


def confirm_url(payout, name):
    return reverse("admin:payouts_payout_act_on", args=[payout.pk, name])


def tokens(*payouts):
    return " ".join(seen.token for seen in see(payouts))


def first_status(operation):
    return next(status for status in PayoutStatus if status in operation.statuses)


def fitting(name, **more):
    """A payout to which the act can be done."""
    status = first_status(ACTIONS[name].operation)
    if name in ("ask", "undo"):
        status = PayoutStatus.APPROVED
    return PayoutFactory(status=status, **more)


def results(response):
    return {int(outcome.name[2:]): outcome for outcome, _payout in response.context["results"]}


@pytest.fixture
def log_in(client):
    def log_in(*roles, **more):
        person = StaffFactory(roles=roles, **more)
        client.force_login(person)
        return person

    return log_in


def test_the_matrix_names_every_act():
    assert MAY.keys() == ACTIONS.keys()


@pytest.mark.parametrize("name", MAY)
@pytest.mark.parametrize("role", ROLES)
def test_c10_each_role_begins_only_its_own_acts(client, log_in, role, name):
    person = log_in(role)
    payout = fitting(name, requested_by=person if role == "Requester" else StaffFactory())
    before = PayoutEvent.objects.count()
    allowed = role in MAY[name]
    may_view = "payouts.view_payout" in ROLES[role]

    shown = client.get(confirm_url(payout, name))
    assert shown.status_code == (200 if allowed and may_view else 403)

    crafted = {"action": name, "_selected_action": str(payout.pk)}
    listed = client.post(LIST, crafted)
    assert (b'name="seen"' in listed.content) <= allowed

    assert PayoutEvent.objects.count() == before
    if not allowed:
        data = {"seen": tokens(payout), "reason": "I want it"}
        assert client.post(act_url(name), data).status_code == 403
        assert PayoutEvent.objects.count() == before
        assert Payout.objects.get(pk=payout.pk).status == payout.status


@pytest.mark.parametrize(
    ("name", "role", "ends"),
    [
        ("approve", "Approver", PayoutStatus.APPROVED),
        ("undo", "Approver", PayoutStatus.PENDING),
        ("reject", "Approver", PayoutStatus.REJECTED),
        ("hold", "Approver", PayoutStatus.HELD),
        ("release", "Approver", PayoutStatus.PENDING),
        ("send_back", "Approver", PayoutStatus.PENDING),
        ("cancel", "Operator", PayoutStatus.CANCELLED),
        ("retry", "Operator", PayoutStatus.PENDING),
        ("send", "Operator", PayoutStatus.BROADCAST),
    ],
)
def test_an_act_is_done_as_confirmed(client, log_in, name, role, ends):
    person = log_in(role)
    payout = fitting(name, **({"approved_by": person} if name == "undo" else {}))
    shown = client.get(confirm_url(payout, name))

    data = {"seen": shown.context["confirmation"].tokens, "reason": "As agreed"}
    response = client.post(act_url(name), data, follow=True)

    assert results(response)[payout.number].done
    assert Payout.objects.get().status == ends
    assert person.pk in payout.events.values_list("person", flat=True)


@pytest.mark.parametrize(
    ("name", "one", "many"),
    [
        ("cancel", "Cancel this payout?", "Cancel 2 payouts?"),
        ("send", "Send this payout now?", "Send 2 payouts now?"),
        ("retry", "Retry this payout?", "Retry 2 payouts?"),
        ("ask", "Ask Heleket about this payout?", "Ask Heleket about 2 payouts?"),
    ],
)
def test_a_confirmation_asks_in_a_whole_sentence(client, log_in, name, one, many):
    log_in("Operator")
    status = first_status(ACTIONS[name].operation)
    payouts = [PayoutFactory(status=status), PayoutFactory(status=status)]
    chosen = {"action": name, "_selected_action": [payout.pk for payout in payouts]}

    assert one in client.get(confirm_url(payouts[0], name)).content.decode()
    assert many in client.post(LIST, chosen).content.decode()


def test_asking_heleket_shows_its_answer(client, log_in, sandbox, clock):
    log_in("Operator")
    payout = PayoutFactory(status=PayoutStatus.APPROVED)
    client.post(act_url("send"), {"seen": tokens(payout)})
    clock.forward(minutes=5)
    sandbox.run_due()

    response = client.post(act_url("ask"), {"seen": tokens(payout)}, follow=True)

    assert "paid" in results(response)[payout.number].text
    assert Payout.objects.get().status == PayoutStatus.CONFIRMED


def test_sending_many_makes_them_due_and_calls_nobody(client, log_in, sandbox):
    log_in("Operator")
    payouts = [PayoutFactory(status=PayoutStatus.APPROVED) for _ in range(2)]

    response = client.post(act_url("send"), {"seen": tokens(*payouts)}, follow=True)

    assert [outcome.done for outcome in results(response).values()] == [True, True]
    assert sandbox.order_ids == []


def test_no_get_acts(client, log_in):
    log_in("Approver", "Operator", "Requester")
    payout = PayoutFactory()
    before = PayoutEvent.objects.count()

    for name in ACTIONS:
        client.get(confirm_url(payout, name), {"seen": tokens(payout), "reason": "x"})
        client.get(act_url(name), {"seen": tokens(payout), "reason": "x"})
        client.post(confirm_url(payout, name), {"seen": tokens(payout), "reason": "x"})

    assert PayoutEvent.objects.count() == before
    assert Payout.objects.get().status == PayoutStatus.PENDING


def test_c9_an_act_needs_its_csrf_token(client, log_in):
    log_in("Approver")
    client.handler.enforce_csrf_checks = True
    payout = PayoutFactory()

    assert client.post(act_url("approve"), {"seen": tokens(payout)}).status_code == 403
    assert Payout.objects.get().status == PayoutStatus.PENDING


@pytest.mark.parametrize("role", MakerRole.values)
@pytest.mark.parametrize("is_superuser", [False, True])
def test_c1_no_maker_approves_by_any_way(client, log_in, role, is_superuser):
    maker, payout = log_in("Approver", is_superuser=is_superuser), PayoutFactory()
    PayoutMaker.objects.create(payout=payout, person=maker, role=role)

    page = client.get(reverse("admin:payouts_payout_change", args=[payout.pk]))
    assert "approve" not in [action.name for action, _url in page.context["actions"]]
    assert "You may not approve it" in page.content.decode()

    assert b'name="seen"' not in client.get(confirm_url(payout, "approve")).content
    crafted = {"action": "approve", "_selected_action": str(payout.pk)}
    assert b'name="seen"' not in client.post(LIST, crafted).content

    response = client.post(act_url("approve"), {"seen": tokens(payout)}, follow=True)
    assert not results(response)[payout.number].done
    assert Payout.objects.get().status == PayoutStatus.PENDING
    assert not Approval.objects.exists()


def test_c4_a_right_withdrawn_after_the_confirmation_counts(client, log_in):
    approver, payout = log_in("Approver"), PayoutFactory()
    shown = client.get(confirm_url(payout, "approve")).context["confirmation"].tokens
    approver.groups.clear()

    assert client.post(act_url("approve"), {"seen": shown}).status_code == 403
    assert Payout.objects.get().status == PayoutStatus.PENDING


def edit(payout, **changes):
    fields = {"wallet": payout.wallet, "currency": "USDT", "amount": payout.amount} | changes
    operations.edit_payout(
        see([payout])[0],
        operations.Edit(
            **fields,
            purpose="Prize",
        ),
        reason="Typing error",
        actor=Actor.staff(StaffFactory(roles=["Requester"]), Channel.ADMIN),
    )


def test_g8_a_changed_row_is_refused_with_what_changed_and_its_neighbours_are_done(client, log_in):
    log_in("Approver")
    changed, same = PayoutFactory(), PayoutFactory()
    crafted = {"action": "approve", "_selected_action": [str(changed.pk), str(same.pk)]}
    shown = client.post(LIST, crafted).context["confirmation"]
    edit(changed, amount=Decimal(500))

    outcomes = results(client.post(act_url("approve"), {"seen": shown.tokens}, follow=True))

    assert not outcomes[changed.number].done
    assert "500 USDT" in outcomes[changed.number].text
    assert "Typing error" in outcomes[changed.number].text
    assert outcomes[same.number].done
    assert Payout.objects.get(pk=changed.pk).status == PayoutStatus.PENDING
    assert Payout.objects.get(pk=same.pk).status == PayoutStatus.APPROVED


@pytest.mark.parametrize("digest", ["", "0" * 64, "é", ":::"])
def test_c3_a_missing_or_tampered_digest_is_refused(client, log_in, digest):
    log_in("Approver")
    payout = PayoutFactory()

    response = client.post(act_url("approve"), {"seen": f"{payout.pk}:{digest}"}, follow=True)

    assert not results(response)[payout.number].done
    assert Payout.objects.get().status == PayoutStatus.PENDING


@pytest.mark.parametrize("seen", ["", "nonsense", "1:2 3:4", "' OR 1=1"])
def test_tokens_that_name_no_payout_do_nothing(client, log_in, seen):
    log_in("Approver")
    PayoutFactory()

    response = client.post(act_url("approve"), {"seen": seen}, follow=True)

    assert "Nothing was changed" in response.content.decode()
    assert Payout.objects.get().status == PayoutStatus.PENDING


def test_c7_one_bad_row_is_named_apart_from_its_neighbours(client, log_in):
    log_in("Approver")
    payouts = [PayoutFactory() for _ in range(4)]
    shown = tokens(*payouts)
    rejecter = StaffFactory(roles=["Approver"])
    perform(
        operations.REJECT,
        see(payouts[:1]),
        reason="No invoice",
        actor=Actor.staff(rejecter, Channel.ADMIN),
    )

    response = client.post(act_url("approve"), {"seen": shown}, follow=True)

    assert [outcome.done for outcome in results(response).values()].count(True) == 3
    assert "Rejected" in results(response)[payouts[0].number].text
    assert response.context["done"] == 3
    assert response.context["refused"] == 1


def test_c6_the_confirmation_counts_and_sums_what_it_will_do_and_names_what_it_leaves(
    client, log_in
):
    log_in("Approver")
    fives = [PayoutFactory(), PayoutFactory(amount=Decimal("7.25"))]
    paid = PayoutFactory(status=PayoutStatus.CONFIRMED)
    chosen = [str(payout.pk) for payout in [*fives, paid]]

    response = client.post(LIST, {"action": "approve", "_selected_action": chosen})

    shown, sums = response.context["confirmation"], response.context["sums"]
    assert [(each.currency, each.amount, each.count) for each in sums] == [
        ("USDT", Decimal("12.25"), 2)
    ]
    assert str(paid.pk) not in shown.tokens
    assert [payout for payout, _why in shown.left_out] == [paid]


def test_c6_all_rows_across_pages_are_those_that_the_confirmation_counted_and_no_later_one(
    client, log_in, monkeypatch
):
    log_in("Approver")
    monkeypatch.setattr(PayoutAdmin, "list_per_page", 2)
    wallet = WalletFactory()
    shown = [PayoutFactory(wallet=wallet, purpose=each) for each in "abc"]
    shown.append(PayoutFactory(wallet=wallet, currency="USDC", amount=Decimal("0.5")))
    crafted = {"action": "approve", "_selected_action": str(shown[0].pk), "select_across": "1"}
    confirmed = client.post(f"{LIST}?queue=mine", crafted)
    sums = [(each.currency, each.amount, each.count) for each in confirmed.context["sums"]]
    assert sums == [("USDT", Decimal(15), 3), ("USDC", Decimal("0.5"), 1)]
    later = PayoutFactory(wallet=wallet)

    tokens = confirmed.context["confirmation"].tokens
    client.post(act_url("approve"), {"seen": tokens, "select_across": "1"})

    approved = Payout.objects.filter(status=PayoutStatus.APPROVED)
    assert set(approved) == set(shown)
    assert Payout.objects.get(pk=later.pk).status == PayoutStatus.PENDING
    stated = json.loads(bytes(Statement.objects.get().body))
    assert {row["payout"] for row in stated["rows"]} == {str(each.pk) for each in shown}


def test_c6_more_than_the_cap_is_refused_also_across_pages(client, log_in, monkeypatch):
    log_in("Approver")
    payouts = [PayoutFactory() for _ in range(3)]
    monkeypatch.setattr(PayoutAdmin, "most_at_once", 2)

    crafted = {"action": "approve", "_selected_action": str(payouts[0].pk), "select_across": "1"}
    for response in [
        client.post(LIST, crafted, follow=True),
        client.post(act_url("approve"), {"seen": tokens(*payouts)}, follow=True),
    ]:
        assert "At most 2 payouts at once" in response.content.decode()
    assert not Payout.objects.exclude(status=PayoutStatus.PENDING).exists()


@pytest.mark.parametrize(
    "name", [name for name, action in ACTIONS.items() if action.operation.needs_reason]
)
def test_an_act_that_needs_a_reason_asks_for_it(client, log_in, name):
    log_in("Approver", "Operator")
    payout = fitting(name)

    response = client.post(act_url(name), {"seen": tokens(payout), "reason": "   "})

    assert response.context["form"].errors.keys() == {"reason"}
    assert Payout.objects.get().status == payout.status


def test_a_requester_cancels_only_what_was_requested_by_oneself(client, log_in):
    me = log_in("Requester")
    mine, other = PayoutFactory(requested_by=me), PayoutFactory()

    response = client.post(
        act_url("cancel"), {"seen": tokens(mine, other), "reason": "Twice"}, follow=True
    )

    assert results(response)[mine.number].done
    assert not results(response)[other.number].done
    assert Payout.objects.get(pk=other.pk).status == PayoutStatus.PENDING


def test_a20_a_cancel_at_heleket_is_refused_with_the_remote_state(client, log_in):
    log_in("Operator")
    payout = PayoutFactory(status=PayoutStatus.APPROVED)
    client.post(act_url("send"), {"seen": tokens(payout)})

    response = client.post(
        act_url("cancel"), {"seen": tokens(payout), "reason": "Too late"}, follow=True
    )

    assert payout.attempts.get().uuid in results(response)[payout.number].text
    assert payout.attempts.get().uuid in client.get(confirm_url(payout, "cancel")).content.decode()
    assert Payout.objects.get().status == PayoutStatus.BROADCAST


def test_the_confirmation_of_one_shows_every_field_of_the_wire(client, log_in):
    log_in("Approver")
    payout = PayoutFactory(memo="4711")

    page = client.get(confirm_url(payout, "approve"))

    text = page.content.decode()
    for shown in ["USDT", "tron", "4711", payout.order_id("test")]:
        assert shown in text
    assert page.context["estimate"].debit == Decimal("5.5")
    assert page.context["calculated"].costs.payout_amount == Decimal(5)


def test_a12_a_confirmation_waits_for_a_backoff_and_its_own_429_begins_one(client, log_in, sandbox):
    log_in("Approver")
    payout = PayoutFactory()
    sandbox.faults.add("429_retry_after", seconds=600, path="/v1/payout/calc")

    for note in ("could not be asked", "calls go on at 09:10:00"):
        calculated = client.get(confirm_url(payout, "approve")).context["calculated"]
        assert calculated.costs is None
        assert note in calculated.note
        assert len(sandbox.calls) == 1
    assert RateLimit.objects.get().is_backing_off
    assert [each.event_type for each in payout.events.all()] == ["request"]


@pytest.mark.parametrize(
    ("trouble", "sentence"),
    [
        (heleket.MissingCredentials("Set HELEKET_API_KEY."), "Set HELEKET_API_KEY."),
        (heleket.Unavailable("Heleket cannot be reached."), "Heleket cannot be reached."),
        (heleket.InvalidBaseUrl("Not an https origin."), "Not an https origin."),
    ],
)
def test_without_heleket_the_pages_say_so_in_a_sentence(
    client, log_in, monkeypatch, trouble, sentence
):
    def heleket_client():
        raise trouble

    monkeypatch.setattr(accounts, "heleket_client", heleket_client)
    log_in("Operator", "Approver")
    payout = PayoutFactory(status=PayoutStatus.APPROVED)

    assert sentence in client.get(confirm_url(payout, "send")).content.decode()
    outcome = results(client.post(act_url("send"), {"seen": tokens(payout)}, follow=True))[
        payout.number
    ]

    assert not outcome.done
    assert sentence in outcome.text
    assert Payout.objects.get().status == PayoutStatus.APPROVED


def test_a_process_set_up_for_another_desk_sends_nothing(client, log_in, account, settings):
    log_in("Operator")
    settings.INSTALLATION = "copy"
    payout = PayoutFactory(status=PayoutStatus.APPROVED)

    response = client.post(act_url("send"), {"seen": tokens(payout)}, follow=True)

    assert "This database belongs to" in results(response)[payout.number].text
    assert Payout.objects.get().status == PayoutStatus.APPROVED


def edit_data(payout, **changes):
    return {
        "wallet": payout.wallet_id,
        "currency": "USDT",
        "amount": "7",
        "purpose": "Prize",
        "reference": "",
        "reason": "Seven was agreed",
        "seen": see([payout])[0].token,
    } | changes


def edit_url(payout):
    return reverse("admin:payouts_payout_edit", args=[payout.pk])


def test_an_edit_makes_its_editor_a_maker(client, log_in):
    editor, payout = log_in("Requester"), PayoutFactory(status=PayoutStatus.APPROVED)
    assert client.get(edit_url(payout)).context["form"].initial["amount"] == Decimal(5)

    response = client.post(edit_url(payout), edit_data(payout))

    assert response.status_code == 302
    changed = Payout.objects.get()
    assert (changed.amount, changed.status) == (Decimal(7), PayoutStatus.PENDING)
    assert changed.makers.filter(person=editor, role="edited").exists()


def test_g8_a_stale_edit_says_what_it_is_now_and_changes_nothing(client, log_in):
    log_in("Requester")
    payout = PayoutFactory()
    edit(payout, amount=Decimal(500))

    for seen in [*see([payout]), ""]:
        fields = edit_data(payout, seen=getattr(seen, "token", seen))
        response = client.post(edit_url(payout), fields)
        assert "500 USDT" in response.content.decode()
    assert Payout.objects.get().amount == Decimal(500)


def test_an_edit_cannot_choose_another_clients_wallet(client, log_in):
    log_in("Requester")
    payout, foreign = PayoutFactory(), WalletFactory(client=ClientFactory())

    response = client.post(edit_url(payout), edit_data(payout, wallet=foreign.pk))

    assert response.context["form"].errors.keys() == {"wallet"}
    assert Payout.objects.get().wallet == payout.wallet


@pytest.mark.parametrize("role", sorted(set(ROLES) - {"Requester"}))
def test_c10_only_requesters_edit(client, log_in, role):
    log_in(role)
    payout = PayoutFactory()

    assert client.get(edit_url(payout)).status_code == 403
    assert client.post(edit_url(payout), edit_data(payout)).status_code == 403
    assert Payout.objects.get().amount == Decimal(5)


def test_c10_being_staff_alone_opens_nothing(client):
    client.force_login(UserFactory())
    payout = PayoutFactory()

    for url in [LIST, reverse("admin:payouts_payout_change", args=[payout.pk])]:
        assert client.get(url).status_code == 403
