"""A page is acted on as it was shown, or not at all."""

from decimal import Decimal

import pytest
from django.urls import reverse

from audit.actor import Actor, Channel
from audit.operations import perform
from payouts import operations
from payouts.admin.actions import ACTIONS
from payouts.gateway import accounts
from payouts.models import Approval, Payout, PayoutEvent, PayoutMaker, PayoutStatus
from payouts.seen import see
from tests.factories import (
    PayoutFactory,
    PayoutMethodFactory,
    StaffFactory,
    WalletFactory,
)
from wallets.models import Client

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("usdt")]

SENT = ("approve", "send", "release", "retry", "reject", "cancel")


@pytest.fixture(autouse=True)
def gateway(monkeypatch, heleket_client):
    monkeypatch.setattr(accounts, "heleket_client", lambda: heleket_client)


def edit(payout, **changes):
    known = {"wallet": payout.wallet, "currency": "USDT", "amount": payout.amount}
    return operations.edit_payout(
        *see([payout]),
        operations.Edit(
            **known | {"purpose": payout.purpose, "reference": payout.reference} | changes,
        ),
        reason="Typing error",
        actor=Actor.staff(StaffFactory(roles=["Requester"]), Channel.ADMIN),
    )


def act(name, payout, **options):
    by = StaffFactory(roles=["Approver", "Operator"])
    seen = see([Payout.objects.get(pk=payout.pk)])
    [outcome] = perform(
        getattr(operations, name.upper()), seen, actor=Actor.staff(by, Channel.ADMIN), **options
    )
    assert outcome.done


def hold_and_release(payout):
    act("hold", payout, reason="Ask the client")
    act("release", payout)


def hold_and_release_and_approve(payout):
    hold_and_release(payout)
    act("approve", payout)


def all_rows():
    return [
        list(table.objects.order_by("pk").values()) for table in (Payout, Approval, PayoutEvent)
    ]


@pytest.fixture
def page(client):
    """Open the confirmation of an act, let something happen, post what it showed."""
    client.force_login(StaffFactory(roles=["Approver", "Operator"]))

    def page(name, payout, meanwhile):
        url = reverse("admin:payouts_payout_act_on", args=[payout.pk, name])
        shown = client.get(url).context["confirmation"].tokens
        meanwhile(Payout.objects.get(pk=payout.pk))
        before = all_rows()
        url = reverse("admin:payouts_payout_act", args=[name])
        answer = client.post(url, {"seen": shown, "reason": "As agreed"}, follow=True)
        [(outcome, _payout)] = answer.context["results"]
        assert outcome.done is (all_rows() != before)
        return outcome

    return page


def rename(_payout):
    Client.objects.update(name="Somebody else")


CHANGES = [
    (lambda payout: edit(payout, purpose="Ransom"), "“Ransom”"),
    (lambda payout: edit(payout, reference="INV-8"), "“INV-8”"),
    (lambda payout: edit(payout, amount=Decimal(7)), "5 USDT → 7 USDT."),
    (rename, "“Somebody else"),
    (hold_and_release, "put on hold (Ask the client), released"),
]


@pytest.mark.parametrize(("meanwhile", "sentence"), CHANGES)
@pytest.mark.parametrize("name", ["approve", "reject", "cancel"])
def test_g43_what_changed_since_the_page_was_opened_is_refused_and_named(
    page, name, meanwhile, sentence
):
    outcome = page(name, PayoutFactory(), meanwhile)

    assert not outcome.done
    assert sentence in outcome.text


def test_c3_a_stale_page_is_refused_with_the_old_and_the_new_values(page):
    payout = PayoutFactory()
    other = WalletFactory(client=payout.client, address="TJRyWwFs9wTFGZg3JbrVriFbNfCug5tDeC")

    outcome = page("approve", payout, lambda it: edit(it, amount=Decimal(7), wallet=other))

    assert not outcome.done
    assert f"5 USDT → 7 USDT; {payout.address} → {other.address}." in outcome.text


@pytest.mark.parametrize(
    ("name", "status", "meanwhile"),
    [
        ("send", PayoutStatus.APPROVED, rename),
        ("send", PayoutStatus.APPROVED, hold_and_release_and_approve),
        ("retry", PayoutStatus.FAILED, rename),
        ("release", PayoutStatus.HELD, rename),
        ("release", PayoutStatus.HELD, lambda payout: edit(payout, purpose="Ransom")),
    ],
)
def test_g43_so_is_what_changed_in_any_other_status(page, name, status, meanwhile):
    outcome = page(name, PayoutFactory(status=status), meanwhile)

    assert not outcome.done
    assert "changed since you looked" in outcome.text


@pytest.mark.parametrize(
    "meanwhile",
    [
        hold_and_release,
        rename,
        lambda payout: edit(payout, purpose="Ransom"),
        lambda payout: act("approve", payout),
    ],
)
def test_g43_a_hold_needs_the_digest_alone(page, meanwhile):
    assert page("hold", PayoutFactory(), meanwhile).done


def test_g43_a_hold_of_other_content_is_refused(page):
    assert not page("hold", PayoutFactory(), lambda payout: edit(payout, amount=Decimal(7))).done


def test_g43_the_approval_of_another_person_does_not_make_a_page_stale(page):
    assert page("cancel", PayoutFactory(), lambda payout: act("approve", payout)).done


def test_g43_a_page_is_no_staler_for_an_act_of_the_worker(page, office):
    payout = PayoutFactory(status=PayoutStatus.APPROVED)
    office.sandbox.faults.add("commit_then_drop")
    office.submit()
    office.sandbox.set_fate("stuck", order_id=payout.order_id("test"))
    lost = Payout.objects.get(pk=payout.pk)
    assert page("ask", lost, lambda _payout: office.ask_now()).done
    assert payout.events.filter(event_type="accept").exists()


def test_g43_an_approval_that_the_claim_made_void_makes_a_page_stale(page, office):
    def lose_its_approver(payout):
        payout.approvals.get().person.groups.clear()
        assert office.submit() == 0

    outcome = page("cancel", PayoutFactory(status=PayoutStatus.APPROVED), lose_its_approver)

    assert not outcome.done
    assert "approval void (An approver no longer has the right" in outcome.text


@pytest.mark.parametrize("lacking", ["shown", "event"])
def test_g43_a_token_without_what_was_shown_is_refused(client, lacking):
    client.force_login(StaffFactory(roles=["Approver"]))
    [seen] = see([PayoutFactory()])
    token = {
        "shown": f"{seen.id}:{seen.digest}::{seen.event}",
        "event": f"{seen.id}:{seen.digest}:{seen.shown}:" + "9" * 5000,
    }
    before = all_rows()

    url = reverse("admin:payouts_payout_act", args=["approve"])
    answer = client.post(url, {"seen": token[lacking]}, follow=True)

    assert answer.context["done"] == 0
    assert all_rows() == before


def edit_form(client, payout):
    form = client.get(reverse("admin:payouts_payout_edit", args=[payout.pk])).context["form"]
    fields = {name: form[name].value() for name in form.fields if form[name].value() is not None}
    return fields | {"wallet": payout.wallet_id, "amount": "5", "reason": "As agreed"}


@pytest.mark.parametrize("change", [{"purpose": "Ransom"}, {"reference": "INV-8"}])
def test_g43_an_edit_of_what_another_person_edited_meanwhile_is_refused(client, change):
    client.force_login(StaffFactory(roles=["Requester"]))
    payout = PayoutFactory()
    form = edit_form(client, payout)
    edit(payout, **change)
    before = all_rows()

    url = reverse("admin:payouts_payout_edit", args=[payout.pk])
    answer = client.post(url, form | {"amount": "7"})

    assert "changed since you looked" in answer.content.decode()
    assert all_rows() == before


def test_g43_an_edited_payout_stays_on_hold(client):
    client.force_login(StaffFactory(roles=["Requester"]))
    payout = PayoutFactory(status=PayoutStatus.APPROVED)
    act("hold", payout, reason="Ask the client")

    url = reverse("admin:payouts_payout_edit", args=[payout.pk])
    page = client.post(url, edit_form(client, payout) | {"amount": "7"}, follow=True)

    held = Payout.objects.get()
    assert (held.amount, held.status) == (Decimal(7), PayoutStatus.HELD)
    assert (held.waiting_for, held.reason) == ("release", "Ask the client")
    assert "It stays on hold" in page.content.decode()
    assert not Approval.objects.filter(voided_at=None).exists()


@pytest.mark.parametrize("status", [PayoutStatus.PENDING, PayoutStatus.HELD, PayoutStatus.APPROVED])
def test_g45_an_edit_that_changes_nothing_is_refused(client, status):
    client.force_login(StaffFactory(roles=["Requester"]))
    payout = PayoutFactory(status=status)
    before = all_rows()

    url = reverse("admin:payouts_payout_edit", args=[payout.pk])
    answer = client.post(url, edit_form(client, payout) | {"amount": "5.00", "purpose": " Prize "})

    assert "Nothing changed" in answer.content.decode()
    assert all_rows() == before
    assert PayoutMaker.objects.count() == 1


def test_g45_another_wallet_with_the_same_address_is_a_change():
    payout = PayoutFactory()
    other = WalletFactory(client=payout.client, memo="7")
    assert edit(payout, wallet=other).wallet == other


def test_g45_another_coin_alone_is_a_change():
    PayoutMethodFactory(currency="USDC")
    assert edit(PayoutFactory(), currency="USDC").currency == "USDC"


@pytest.mark.parametrize("roles", [["Approver", "Operator"], ["Operator"]])
def test_g44_whoever_tried_a_payout_again_does_not_approve_it(client, roles):
    is_superuser = "Approver" not in roles
    person = StaffFactory(roles=roles, is_superuser=is_superuser)
    client.force_login(person)
    payouts = [PayoutFactory(status=PayoutStatus.FAILED) for _ in range(2)]
    for name in ("retry", "approve"):
        tokens = " ".join(seen.token for seen in see(Payout.objects.all()))
        url = reverse("admin:payouts_payout_act", args=[name])
        answer = client.post(url, {"seen": tokens, "reason": "Again"}, follow=True)
        assert answer.context["done"] == (len(payouts) if name == "retry" else 0)

    for payout in Payout.objects.all():
        assert (payout.status, payout.generation) == (PayoutStatus.PENDING, 2)
        assert payout.makers.filter(person=person, role="retried").exists()
    assert "you tried it again" in answer.context["results"][0][0].text
    assert ACTIONS["approve"].is_allowed(Actor.staff(person, Channel.ADMIN))
