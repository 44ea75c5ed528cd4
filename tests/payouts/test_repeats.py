"""The same request again, whatever has happened to its wallet, client, service or payout since."""

from decimal import Decimal
from uuid import uuid4

import pytest
from django.db import IntegrityError
from django.urls import reverse

from audit.actor import Actor, Channel
from audit.refusals import Refused
from payouts import idempotency, operations
from payouts.gateway import accounts
from payouts.models import Origin, Payout, PayoutEvent, PayoutNumber
from payouts.requests import request_payout
from payouts.seen import see
from tests.factories import PayoutFactory, StaffFactory, WalletFactory
from tests.sim import bugs
from wallets.models import Client, PayoutMethod, Wallet, WalletStatus

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("usdt")]


def edited(payout):
    operations.edit_payout(
        *see([payout]),
        operations.Edit(
            wallet=payout.wallet,
            currency="USDT",
            amount=Decimal(4),
            purpose="Another",
        ),
        reason="Typo",
        actor=Actor.staff(StaffFactory(roles=["Requester"]), Channel.ADMIN),
    )


SINCE = {
    "nothing": lambda _payout: None,
    "wallet frozen": lambda payout: Wallet.objects.filter(pk=payout.wallet_id).update(
        status=WalletStatus.FROZEN
    ),
    "client closed": lambda _payout: Client.objects.update(is_active=False),
    "service withdrawn": lambda _payout: PayoutMethod.objects.update(is_available=False),
    "service gone": lambda _payout: PayoutMethod.objects.all().delete(),
    "payout edited": edited,
}
OTHER = [{"amount": Decimal(99)}, {"purpose": "Refund"}, {"reference": "Other"}]


@pytest.fixture
def ask():
    wallet, by = WalletFactory(), StaffFactory(roles=["Requester"])

    def ask(key="manual:one", **changes):
        content = {"wallet": wallet, "currency": "usdt", "amount": Decimal("12.5")}
        content["origin"] = Origin.MANUAL
        return request_payout(
            **content | {"client": wallet.client, "purpose": "Prize", "reference": "I-7"} | changes,
            idempotency_key=key,
            actor=Actor.staff(by, Channel.ADMIN),
            installation="test",
        )

    return ask


def all_rows():
    return [list(table.objects.order_by("pk").values()) for table in (Payout, PayoutEvent)]


@pytest.mark.parametrize("since", SINCE)
def test_g25_the_same_request_again_gets_the_known_payout(ask, since):
    payout = ask()
    SINCE[since](payout)
    before = all_rows()

    assert ask(currency="USDT", amount=Decimal("12.50"), purpose=" Prize ").pk == payout.pk
    assert all_rows() == before


@pytest.mark.parametrize("since", SINCE)
@pytest.mark.parametrize("other", OTHER, ids=str)
def test_g25_other_content_under_the_key_is_refused_with_its_number(ask, since, other):
    payout = ask()
    SINCE[since](payout)
    before = all_rows()

    with pytest.raises(Refused, match=f"already used .* {payout}|has to begin with"):
        ask(**other)
    assert all_rows() == before


OF_ANOTHER_KIND = {
    "wallet": lambda payout: {"wallet": WalletFactory(client=payout.client, memo="7")},
    "coin": lambda _payout: {"currency": "USDC"},
    "origin": lambda _payout: {"origin": Origin.API},
}


@pytest.mark.parametrize("kind", OF_ANOTHER_KIND)
def test_g25_another_wallet_coin_or_origin_under_the_key_is_other_content(ask, kind):
    payout = ask()
    other = OF_ANOTHER_KIND[kind](payout)
    before = all_rows()

    with pytest.raises(Refused, match=f"already used .* {payout}|has to begin with"):
        ask(**other)
    assert all_rows() == before


def test_g25_what_it_was_edited_to_is_not_what_was_asked(ask):
    payout = ask()
    edited(payout)

    with pytest.raises(Refused, match="already used"):
        ask(amount=Decimal(4), purpose="Another", reference="")


def test_g25_a_repeat_compared_with_the_present_row_is_found(ask):
    with bugs.plant(bugs.REPEAT_COMPARED), pytest.raises(pytest.fail.Exception):
        test_g25_what_it_was_edited_to_is_not_what_was_asked(ask)


def test_g25_blanks_around_a_key_make_no_other_key(ask):
    assert ask(" manual:one ").pk == ask("manual:one").pk == Payout.objects.get().pk


def test_g25_another_clash_in_the_database_is_not_the_same_request(ask):
    taken = PayoutNumber.objects.create().pk + 1
    PayoutFactory(number=taken)

    with pytest.raises(IntegrityError):
        ask()
    assert Payout.objects.count() == 1


@pytest.mark.parametrize(
    "key",
    ["", "   ", "\u00a0\u2003", "\u200b\u2060", "\u3164", "manual:", "manual: ", "manual: \u00ad"],
)
def test_g36_a_key_with_nothing_to_see_in_it_is_no_key(ask, key):
    with pytest.raises(Refused, match=r"key|character|begin"):
        ask(key)
    assert not Payout.objects.exists()


def test_g36_no_origin_takes_the_key_of_another(ask):
    nonce = uuid4()
    keys = {
        Origin.MANUAL: idempotency.manual(nonce),
        Origin.IMPORT: idempotency.imported("0f", 7),
        Origin.SCHEDULED: idempotency.scheduled("weekly", "2026-W09"),
        Origin.BONUS: idempotency.bonus("first", "E-1"),
        Origin.API: idempotency.api("one"),
    }
    for origin, key in keys.items():
        assert idempotency.checked(key, origin) == key
        for other in set(Origin) - {origin}:
            with pytest.raises(Refused, match="has to begin with"):
                idempotency.checked(key, other)

    with pytest.raises(Refused, match="has to begin with"):
        ask(keys[Origin.API])
    assert not Payout.objects.exists()


@pytest.fixture
def form(client, monkeypatch, heleket_client):
    monkeypatch.setattr(accounts, "heleket_client", lambda: heleket_client)
    client.force_login(StaffFactory(roles=["Requester"]))
    wallet = WalletFactory()
    fields = {"wallet": wallet.pk, "currency": "USDT", "amount": "12.5", "purpose": "Prize"}
    fields |= {"reference": "", "nonce": str(uuid4()), "confirmed": "yes"}
    url = reverse("admin:payouts_payout_add_for", args=[wallet.client_id])
    return lambda **changes: client.post(url, fields | changes)


@pytest.mark.parametrize("since", SINCE)
def test_g25_a_form_sent_again_leads_to_the_known_payout(form, since):
    first = form()
    SINCE[since](Payout.objects.get())
    before = all_rows()

    again = form()
    assert again.status_code == 302
    assert again.url == first.url
    page = form(amount="99").content.decode()
    assert f"already used for {Payout.objects.get()}" in page
    assert all_rows() == before
