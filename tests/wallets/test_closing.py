"""Closing a client is an act of its own, which no page that was open before undoes."""

from threading import Barrier, Thread

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.urls import reverse

from audit import chain
from audit.actor import Actor, Channel
from audit.models import DeskEvent
from audit.operations import perform
from audit.refusals import NotAllowed, Refused
from tests.factories import ClientFactory, UserFactory, WalletFactory
from wallets import operations as wallet_operations
from wallets import services
from wallets.models import Client, Wallet

pytestmark = pytest.mark.django_db

MANY = 2000


@pytest.fixture(autouse=True)
def boss(client, settings):
    settings.SECURE_SSL_REDIRECT = False
    user = UserFactory(is_superuser=True)
    client.force_login(user)
    return user


@pytest.fixture
def payee():
    return ClientFactory(external_id="C-1", name="Ann")


def page_of(row):
    return reverse(f"admin:wallets_{row._meta.model_name}_change", args=[row.pk])


def seen(payee):
    return payee.history.first().pk


def turn_url(row, name):
    return reverse(f"admin:wallets_client_{name}", args=[row.pk])


def shown(client, row):
    """What the form on a page would send if it was saved as it is."""
    form = client.get(page_of(row)).context["adminform"].form
    return {name: form[name].value() or "" for name in form.fields}


def test_g72_closing_asks_first_and_is_kept_with_its_reason(client, boss, payee):
    WalletFactory(client=payee)

    asked = client.get(turn_url(payee, "close"))
    assert "1 wallet, 1 active" in asked.content.decode()
    assert Client.objects.get().is_active
    client.post(turn_url(payee, "close"), {"reason": "Left us"})

    [closed, _added] = payee.history.all()
    assert not Client.objects.get().is_active
    assert (closed.history_user, closed.history_change_reason) == (boss, "Left us")
    page = client.get(page_of(payee)).content.decode()
    assert "State: open → closed" in page
    assert "Left us" in page
    assert "This client is closed: nothing is paid to this client." in page
    assert turn_url(payee, "reopen") in page
    assert turn_url(payee, "close") not in page

    client.post(turn_url(payee, "reopen"), {"reason": "Came back", "seen": seen(payee)})
    assert Client.objects.get().is_active
    assert payee.history.count() == 3
    events = list(DeskEvent.objects.order_by("number"))
    assert [each.event_type for each in events] == ["close_client", "reopen_client"]
    assert events[1].reason == "Came back"
    assert events[1].facts["client"] == str(payee.pk)
    assert chain.first_broken(events) is None


def test_a_long_reason_is_kept_whole_with_the_closing(client, payee):
    client.post(turn_url(payee, "close"), {"reason": "x" * 500})

    assert DeskEvent.objects.get().reason == "x" * 500
    assert payee.history.first().history_change_reason == "x" * 99 + "…"


@pytest.mark.parametrize("reason", ["", "  ", "x" * 501, "a\u200bb", "two\nlines", "a\x00"])
def test_g72_closing_needs_a_reason_that_can_be_kept(client, payee, boss, reason):
    response = client.post(turn_url(payee, "close"), {"reason": reason})

    assert response.context["form"].errors["reason"]
    with pytest.raises(Refused):
        services.close_client(payee.pk, reason=reason, actor=Actor.staff(boss, Channel.ADMIN))
    assert Client.objects.get().is_active
    assert payee.history.count() == 1


@pytest.mark.parametrize("name", ["close", "reopen"])
def test_g72_without_the_right_nobody_is_closed_or_opened(client, name):
    payee = ClientFactory(is_active=name == "close")
    user = UserFactory()
    rights = Permission.objects.filter(codename__in=["view_client", "add_client", "freeze_wallet"])
    user.user_permissions.set(rights)
    client.force_login(user)

    assert client.get(turn_url(payee, name)).status_code == 403
    assert client.post(turn_url(payee, name), {"reason": "x"}).status_code == 403
    act = {"close": services.close_client, "reopen": services.reopen_client}[name]
    with pytest.raises(NotAllowed, match="right"):
        act(payee.pk, reason="x", actor=Actor.staff(user, Channel.ADMIN))
    assert not DeskEvent.objects.exists()

    page = client.get(page_of(payee)).content.decode()
    assert turn_url(payee, name) not in page
    assert "Seen" not in page
    assert "another client" not in page
    assert Client.objects.get().is_active == payee.is_active


def test_g72_closing_needs_a_token_of_the_page(client, boss, payee):
    strict = type(client)(enforce_csrf_checks=True)
    strict.force_login(boss)

    assert strict.post(turn_url(payee, "close"), {"reason": "x"}).status_code == 403
    assert Client.objects.get().is_active


def test_g72_what_is_closed_already_is_said_and_not_written_again(client, payee):
    for _ in range(2):
        response = client.post(turn_url(payee, "close"), {"reason": "x"}, follow=True)

    assert "is closed already" in response.content.decode()
    assert payee.history.count() == 2


def test_g72_a_page_from_before_the_stop_saves_nothing(client, payee):
    old = shown(client, payee)
    client.post(turn_url(payee, "close"), {"reason": "Fraud"})

    response = client.post(page_of(payee), old | {"group": "vip", "is_active": "on"})

    said = str(response.context["adminform"].form.non_field_errors())
    assert "state: open → closed (Fraud)" in said
    assert "nothing was saved" in said
    stored = Client.objects.get()
    assert (stored.is_active, stored.group) == (False, "")
    assert payee.history.count() == 2

    client.post(page_of(payee), shown(client, payee) | {"group": "vip", "is_active": "on"})
    stored = Client.objects.get()
    assert (stored.is_active, stored.group) == (False, "vip")


def test_g72_a_wallets_page_from_before_the_freeze_saves_nothing(client, boss):
    wallet = WalletFactory()
    old = shown(client, wallet)
    perform(
        wallet_operations.FREEZE,
        wallet_operations.see([wallet.pk]),
        actor=Actor.staff(boss, Channel.ADMIN),
        reason="Lost",
    )

    response = client.post(page_of(wallet), old | {"label": "Mine"})

    said = str(response.context["adminform"].form.non_field_errors())
    assert "status: active → frozen" in said
    stored = Wallet.objects.get()
    assert (stored.status, stored.label) == ("frozen", "")


@pytest.mark.parametrize("seen", ["", "x", "-1", "9" * 30, "9" * 5000, "1\x00"])
def test_g72_a_page_that_does_not_say_what_it_showed_saves_nothing(client, payee, seen):
    response = client.post(page_of(payee), {"name": "Anna", "seen": seen})

    assert response.status_code == 200
    assert Client.objects.get().name == "Ann"


@pytest.fixture
def many(payee, boss):
    wallets = [
        Wallet(
            client=payee,
            network="eth",
            address=f"0x{number:040x}",
            label=f"No. {number}",
            added_by=boss,
        )
        for number in range(MANY)
    ]
    Wallet.objects.bulk_create(wallets)


@pytest.mark.usefixtures("many")
def test_g76_a_client_with_2000_wallets_is_changed_closed_and_opened(client, payee):
    saved = client.post(page_of(payee), shown(client, payee) | {"group": "vip"})
    client.post(turn_url(payee, "close"), {"reason": "Left us"})
    assert saved.status_code == 302
    assert (Client.objects.get().group, Client.objects.get().is_active) == ("vip", False)

    client.post(turn_url(payee, "reopen"), {"reason": "Came back", "seen": seen(payee)})

    assert Client.objects.get().is_active


@pytest.mark.usefixtures("many")
def test_g76_its_pages_are_bounded_paged_and_searched(client, payee, django_assert_max_num_queries):
    # Its payouts and sums, what waits, how long its history is, what the frame of all pages says.
    with django_assert_max_num_queries(33):
        page = client.get(page_of(payee))
    assert len(page.context["wallets"]) == 20
    assert "2000 wallets" in page.content.decode()
    assert len(page.content) < 300_000

    WalletFactory(label="of another")
    url = page.context["wallets_url"]
    with django_assert_max_num_queries(16):  # session, person, number of rows, rows; and as above
        listed = client.get(url).context["cl"]
    assert (listed.result_count, len(listed.result_list)) == (MANY, 50)
    found = client.get(f"{url}&q=No.+1234").context["cl"].result_list
    assert [wallet.label for wallet in found] == ["No. 1234"]
    for name in ("close", "reopen"):
        with django_assert_max_num_queries(17):
            assert "2000 wallets" in client.get(turn_url(payee, name)).content.decode()


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_g72_a_page_saved_while_somebody_closes_never_opens_the_client_again(client, boss, payee):
    for number in range(10):
        if number:
            services.reopen_client(payee.pk, reason="Again", actor=Actor.staff(boss, Channel.ADMIN))
        seen = payee.history.first().pk
        fields = {"name": "Ann", "group": f"group {number}", "seen": seen}
        barrier = Barrier(2)

        def close(barrier=barrier):
            try:
                barrier.wait(timeout=30)
                services.close_client(
                    payee.pk, reason="Stop", actor=Actor.staff(boss, Channel.ADMIN)
                )
            finally:
                connection.close()

        thread = Thread(target=close)
        thread.start()
        barrier.wait(timeout=30)
        client.post(page_of(payee), fields)
        thread.join()

        assert not Client.objects.get().is_active
        assert not payee.history.first().is_active


def test_a_client_that_was_closed_once_more_is_not_opened_by_an_old_page(client, payee, boss):
    by = Actor.staff(boss, Channel.ADMIN)
    services.close_client(payee.pk, reason="Left us", actor=by)
    page = client.get(turn_url(payee, "reopen")).context["form"]
    services.reopen_client(payee.pk, reason="Came back", actor=by)
    services.close_client(payee.pk, reason="Fraud, do not pay", actor=by)

    old = {"reason": "Came back", "seen": page["seen"].value()}
    answer = client.post(turn_url(payee, "reopen"), old)

    assert "was changed since you opened this page" in answer.content.decode()
    assert not Client.objects.get().is_active
    client.post(turn_url(payee, "reopen"), {"reason": "Came back"})
    assert not Client.objects.get().is_active
