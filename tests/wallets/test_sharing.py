"""Wallets at an address that others have: shown, confirmed with a reason, or refused."""

import pytest
from django.urls import reverse

from audit.actor import Actor, Channel
from audit.operations import perform
from audit.refusals import Refused
from tests.every_page import unmarked
from tests.factories import ClientFactory, StaffFactory, WalletFactory
from wallets import operations, services
from wallets.codes import WalletCode
from wallets.models import Wallet

TON = "UQA9H_c221kUl-jdkHcfki-Vq8iZKdqVCdGTrYo3rdPC6yuy"
ADD = reverse("admin:wallets_wallet_add")
ACT = reverse("admin:wallets_wallet_act", args=["approve"])
LIST = reverse("admin:wallets_wallet_changelist")

pytestmark = pytest.mark.django_db


@pytest.fixture
def approver(client):
    person = StaffFactory(roles=["Approver", "Requester"])
    client.force_login(person)
    return person


def on_ton(memo="", **more):
    return WalletFactory(network="ton", address=TON, memo=memo, **more)


def confirm(client, *wallets):
    chosen = {"action": "approve", "_selected_action": [wallet.pk for wallet in wallets]}
    return client.post(LIST, chosen)


def text_of(response):
    return " ".join(unmarked(response).split())


def test_a_shared_address_is_shown_before_it_is_approved(client, approver):
    mallory, wallet = WalletFactory(client__name="Mallory"), WalletFactory(status="new")
    alone = WalletFactory(status="new", address="TKPYpYU9M7sXP7pTJqrSWgUeoE1k1SPDmi")
    sentence = f"The same address belongs to another client too: {mallory.client}."

    pages = [
        client.get(reverse("admin:wallets_wallet_change", args=[wallet.pk])),
        client.get(reverse("admin:wallets_wallet_act_on", args=[wallet.pk, "approve"])),
        confirm(client, wallet, alone),
    ]

    assert [text_of(page).count(sentence) for page in pages] == [1, 1, 1]
    assert "reason" not in confirm(client, alone).context["form"].fields


def test_a_shared_address_is_approved_with_a_reason_that_is_kept(client, approver):
    other, wallet = WalletFactory(), WalletFactory(status="new")

    refused = client.post(ACT, {"seen": wallet.pk, "reason": " "})
    assert refused.context["form"].errors.keys() == {"reason"}
    assert Wallet.objects.get(pk=wallet.pk).status == "new"
    assert not wallet.events.exists()

    client.post(ACT, {"seen": wallet.pk, "reason": "Husband and wife"})
    assert Wallet.objects.get(pk=wallet.pk).status == "active"
    event = wallet.events.get()
    assert event.reason == "Husband and wife"
    assert event.facts["shared_with"] == str(other.client_id)


def test_nobody_approves_a_shared_address_unexplained():
    """Also where no page asks for the reason, or another client got the address meanwhile."""
    other, wallet = WalletFactory(), WalletFactory(status="new")
    by = Actor.staff(StaffFactory(roles=["Approver"]), Channel.COMMAND)

    [outcome] = perform(operations.APPROVE, operations.see([wallet.pk]), actor=by)

    assert outcome.code == WalletCode.SHARED_UNEXPLAINED
    assert str(other.client) in outcome.text
    assert Wallet.objects.get(pk=wallet.pk).status == "new"


def test_many_who_share_an_address_are_not_all_named(client, approver):
    for number in range(5):
        WalletFactory(client__name=f"Mallory {number}")
    wallet = WalletFactory(status="new")

    text = text_of(confirm(client, wallet))

    assert "Mallory 2 (" in text
    assert "and 2 more." in text
    assert "Mallory 3" not in text


def test_a_memo_that_an_address_is_known_to_need_is_not_left_out(client, approver):
    known, owner = on_ton(memo="104882317"), ClientFactory()
    fields = {"client": owner.pk, "network": "ton", "address": TON, "memo": "", "label": ""}
    fields["preferred_currency"] = ""

    refused = client.post(ADD, fields)

    assert "has a memo" in str(refused.context["adminform"].form.errors["memo"])
    assert list(Wallet.objects.all()) == [known]
    with pytest.raises(Refused) as raised:
        services.add_wallet(
            owner, network="ton", address=TON, actor=Actor.staff(approver, Channel.ADMIN)
        )
    assert raised.value.code == WalletCode.MEMO_NEEDED
    assert list(Wallet.objects.all()) == [known]

    assert client.post(ADD, fields | {"memo": "7"}).status_code == 302
    assert Wallet.objects.count() == 2


def test_a_wallet_without_its_memo_is_not_approved_and_says_why(client, approver):
    wallet, with_memo = on_ton(status="new"), on_ton(memo="104882317")

    page = client.get(reverse("admin:wallets_wallet_change", args=[wallet.pk]))
    assert "approve" not in [action.name for action, _url in page.context["actions"]]
    assert text_of(page).count("Another wallet with this address has a memo") == 1
    [(left_out, why)] = confirm(client, wallet).context["confirmation"].left_out
    assert (left_out, why) == (wallet, WalletCode.MEMO_NEEDED.sentence())
    client.post(ACT, {"seen": wallet.pk, "reason": "As agreed"})
    assert Wallet.objects.get(pk=wallet.pk).status == "new"

    Wallet.objects.filter(pk=with_memo.pk).update(status="archived")
    client.post(ACT, {"seen": wallet.pk, "reason": "The memo was a mistake"})
    assert Wallet.objects.get(pk=wallet.pk).status == "active"


def test_a_memo_that_another_client_has_just_added_keeps_nobody_out(client, approver):
    """It may have been added for that; once somebody has approved it, it says something."""
    wallet, with_memo = on_ton(status="new"), on_ton(memo="1", status="new")
    client.post(ACT, {"seen": wallet.pk, "reason": "As agreed"})
    wallet = Wallet.objects.get(pk=wallet.pk)
    assert wallet.status == "active"
    assert Wallet.objects.get(pk=with_memo.pk).status == "new"


def test_two_memos_are_two_accounts_at_an_exchange(client, approver):
    wallet = on_ton(memo="1", status="new")
    on_ton(memo="2")

    client.post(ACT, {"seen": wallet.pk, "reason": "As agreed"})

    assert Wallet.objects.get(pk=wallet.pk).status == "active"


def test_the_next_wallet_that_waits_opens_after_an_approval(client, approver):
    addresses = ["TKPYpYU9M7sXP7pTJqrSWgUeoE1k1SPDmi", "TVEFdaTwdHE5VMdCP1Efz1hsZn9362kSC8"]
    last, first = [WalletFactory(status="new", address=each) for each in addresses]
    WalletFactory(status="new", added_by=approver)

    answer = client.post(f"{ACT}?_changelist_filters=needs%3Dmine", {"seen": first.pk})

    opened = client.get(answer.url)
    assert opened.url.startswith(reverse("admin:wallets_wallet_change", args=[last.pk]))
