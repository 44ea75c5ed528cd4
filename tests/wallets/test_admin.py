import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from audit.actor import Actor, Channel
from audit.models import DeskEvent
from audit.operations import perform
from payouts.admin.wallets import WalletAdmin
from tests.every_page import unmarked
from tests.factories import (
    ClientFactory,
    PayoutMethodFactory,
    StaffFactory,
    UserFactory,
    WalletFactory,
)
from wallets import operations
from wallets.models import Client, Wallet, WalletEvent, WalletStatus

TRON = "TKPYpYU9M7sXP7pTJqrSWgUeoE1k1SPDmi"
LIST = reverse("admin:wallets_wallet_changelist")
ADD = reverse("admin:wallets_wallet_add")

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def plain_http(settings):
    settings.SECURE_SSL_REDIRECT = False


@pytest.fixture
def staff(client):
    """Log a person with these rights in; all rights on wallets by default."""

    def log_in(*rights):
        user = UserFactory()
        everything = Permission.objects.filter(content_type__app_label="wallets")
        user.user_permissions.set(everything.filter(codename__in=rights) if rights else everything)
        client.force_login(user)
        return user

    return log_in


def act_url(name):
    return reverse("admin:wallets_wallet_act", args=[name])


def confirm_url(wallet, name):
    return reverse("admin:wallets_wallet_act_on", args=[wallet.pk, name])


def wallet_url(wallet):
    return reverse("admin:wallets_wallet_change", args=[wallet.pk])


def seen(*wallets):
    return " ".join(each.token for each in operations.see(wallet.pk for wallet in wallets))


def add(client, /, **data):
    fields = {"network": "tron", "address": TRON, "memo": "", "label": "", "preferred_currency": ""}
    return client.post(ADD, fields | data)


def last_change(row):
    return row.history.first().pk


def errors(response):
    return response.context["adminform"].form.errors


def test_a_wallet_is_added_for_another_person_to_approve(client, staff):
    user, owner = staff(), ClientFactory()

    response = add(client, client=owner.pk, label="Treasury", preferred_currency="USDT")

    assert response.status_code == 302
    wallet = Wallet.objects.get()
    assert (wallet.client, wallet.status, wallet.added_by) == (owner, "new", user)
    assert (wallet.address, wallet.label) == (TRON, "Treasury")


def test_who_adds_an_address_of_another_client_reads_so_at_once(client):
    client.force_login(StaffFactory(roles=["Requester"]))
    other = WalletFactory(address=TRON).client

    page = unmarked(client.get(add(client, client=ClientFactory().pk).url))

    assert f"The same address belongs to another client too: {other.name}" in " ".join(page.split())


@pytest.mark.parametrize(
    ("data", "field", "words"),
    [
        ({"address": "0xcB16175256C3Fe110C2f1D282782eA9436469548"}, "address", "of Ethereum"),
        ({"address": f"{TRON}\n"}, "address", "space or line break"),
        ({"address": TRON[:-1] + "u"}, "address", "checksum"),
        ({"address": "TR7\x00"}, "address", ""),
        ({"address": ""}, "address", "required"),
        ({"memo": "12"}, "memo", "Only TON"),
        ({"label": "a\u202eb"}, "label", "one line"),
        ({"network": "moon"}, "network", "valid choice"),
        ({"client": "0"}, "client", "valid choice"),
        ({"preferred_currency": "usdt "}, "preferred_currency", "valid choice"),
        ({"preferred_currency": "BTC"}, "preferred_currency", "TRON does not have this coin"),
        ({"network": ""}, "network", "It is an address of TRON."),
    ],
)
def test_d4_what_cannot_be_added_is_said_beside_its_field(client, staff, data, field, words):
    staff()

    response = add(client, **{"client": ClientFactory().pk} | data)

    assert words in str(errors(response)[field])
    assert not Wallet.objects.exists()


def test_an_inactive_client_cannot_be_chosen(client, staff):
    staff()

    response = add(client, client=ClientFactory(is_active=False).pk)

    assert "client" in errors(response)
    assert not Wallet.objects.exists()


def test_the_same_wallet_is_not_added_twice(client, staff):
    staff()
    owner, upper = ClientFactory(), "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"
    add(client, client=owner.pk, network="btc", address=upper)

    response = add(client, client=owner.pk, network="btc", address=upper.upper())

    wallet = Wallet.objects.get()
    page = response.content.decode()
    assert "This client already has this wallet: it is new." in page
    assert f'href="{wallet_url(wallet)}"' in page


def test_g84_a_wallet_that_was_added_already_says_what_became_of_it(client, staff):
    staff()
    wallet = WalletFactory(status="frozen")

    page = add(client, client=wallet.client_id, address=wallet.address).content.decode()

    assert "This client already has this wallet: it is frozen." in page
    assert f'href="{wallet_url(wallet)}"' in page
    assert Wallet.objects.count() == 1


def test_a_client_is_added_and_edited_with_its_history(client, staff):
    user = staff()
    url = reverse("admin:wallets_client_add")
    client.post(url, {"external_id": "C-1", "name": "Ann", "email": "", "group": ""})
    added = Client.objects.get()

    url = reverse("admin:wallets_client_change", args=[added.pk])
    changed = {"external_id": "C-2", "name": "Anna", "email": "", "group": "vip"}
    client.post(url, changed | {"seen": last_change(added)})

    stored = Client.objects.get()
    assert (stored.external_id, stored.name, stored.is_active) == ("C-1", "Anna", True)
    assert stored.created_by == user
    assert [h.history_user for h in stored.history.all()] == [user, user]
    assert "Group: — → vip, name: Ann → Anna" in client.get(url).content.decode()


def test_a_client_has_a_language_a_country_and_a_tax_id_that_no_event_seals(client, staff):
    staff()
    facts = {"language": "pt-br", "country": "BR", "tax_id": " 123.456.789-09 "}
    named = {"external_id": "C-1", "name": "Ann", "email": "", "group": ""}

    client.post(reverse("admin:wallets_client_add"), named | facts)

    stored = Client.objects.get()
    assert (stored.language, stored.country) == ("pt-br", "BR")
    assert (stored.get_country_display(), stored.tax_id) == ("Brazil", "123.456.789-09")
    url = reverse("admin:wallets_client_change", args=[stored.pk])
    seen = {"seen": last_change(stored)}
    refused = client.post(url, named | {"country": "XX", "tax_id": "x\u202e"} | seen)
    assert errors(refused).keys() == {"country", "tax_id"}
    client.post(url, named | facts | {"tax_id": "987"} | seen)
    assert Client.objects.get().tax_id == "987"
    sealed = [
        each.data + each.reason for each in (*DeskEvent.objects.all(), *WalletEvent.objects.all())
    ]
    assert not any("123.456" in text or "987" in text for text in sealed)


def test_an_existing_wallet_changes_its_label_alone(client, staff):
    staff()
    wallet = WalletFactory(status="new")
    url = reverse("admin:wallets_wallet_change", args=[wallet.pk])

    client.post(
        url,
        {
            "label": "Mine",
            "preferred_currency": "TRX",
            "client": ClientFactory().pk,
            "network": "eth",
            "address": "x",
            "memo": "7",
            "status": "active",
            "approved_by": "1",
            "seen": last_change(wallet),
        },
    )

    stored = Wallet.objects.get()
    assert (stored.label, stored.preferred_currency) == ("Mine", "TRX")
    assert (stored.client, stored.network, stored.address, stored.memo, stored.status) == (
        wallet.client,
        "tron",
        wallet.address,
        "",
        "new",
    )


def test_the_list_action_asks_first(client, staff):
    staff()
    wallet = WalletFactory(status="new", label="<script>alert(1)</script>")

    response = client.post(LIST, {"action": "approve", "_selected_action": [wallet.pk]})

    page = response.content.decode()
    assert f'name="seen" value="{wallet.pk}:{wallet.last_event}"' in page
    assert "<script>alert(1)" not in page
    assert Wallet.objects.get().status == "new"


def test_a_get_changes_nothing(client, staff):
    staff()
    wallet = WalletFactory(status="new")

    for name in ("approve", "freeze", "release", "archive"):
        assert client.get(confirm_url(wallet, name)).status_code == 200
        assert client.get(act_url(name), {"seen": wallet.pk}).status_code == 302
        client.post(confirm_url(wallet, name), {"seen": wallet.pk})

    assert Wallet.objects.get().status == "new"


def test_the_confirmed_wallets_are_approved_and_each_is_reported(client, staff):
    user = staff()
    good, other = WalletFactory(status="new"), WalletFactory(status="new")
    own = WalletFactory(status="new", added_by=user)

    data = {"seen": seen(good, own), "reason": "One office"}
    response = client.post(act_url("approve"), data, follow=True)

    page = response.content.decode()
    assert (response.context["done"], response.context["refused"]) == (1, 1)
    assert "1 done, 1 refused" in page
    assert "another person has to approve it" in page
    assert [Wallet.objects.get(pk=w.pk).status for w in (good, other, own)] == [
        "active",
        "new",
        "new",
    ]


def test_the_page_tells_what_happened_to_a_wallet(client, staff):
    user = staff()
    user.user_permissions.add(Permission.objects.get(codename="view_flags"))
    wallet = WalletFactory()
    client.post(act_url("freeze"), {"seen": wallet.pk, "reason": "She lost her phone"})

    page = client.get(wallet_url(wallet))

    [frozen, *_others] = page.context["history"]
    assert (frozen.who, frozen.title, frozen.text) == (str(user), "Frozen", "active → frozen")
    assert "She lost her phone" in page.content.decode()


@pytest.mark.parametrize("reason", ["", "  ", "two\nlines"])
def test_freezing_asks_a_reason(client, staff, reason):
    staff()
    wallet = WalletFactory()

    assert 'name="reason"' in client.get(confirm_url(wallet, "freeze")).content.decode()
    response = client.post(act_url("freeze"), {"seen": wallet.pk, "reason": reason})

    assert response.context["form"].errors["reason"]
    assert Wallet.objects.get().status == "active"
    assert not wallet.events.exists()


@pytest.mark.parametrize("name", ["approve", "freeze", "release", "archive"])
def test_c1_acts_without_the_right_are_refused(client, staff, name):
    staff("view_wallet", "add_wallet")
    wallet = WalletFactory(status="new")

    assert client.post(act_url(name), {"seen": wallet.pk}).status_code == 403
    client.post(LIST, {"action": name, "_selected_action": [wallet.pk]})

    assert Wallet.objects.get().status == "new"


def test_c9_acts_need_a_csrf_token(staff, client):
    user = staff()
    strict = type(client)(enforce_csrf_checks=True)
    strict.force_login(user)
    wallet = WalletFactory(status="new")

    assert strict.post(act_url("approve"), {"seen": wallet.pk}).status_code == 403
    assert Wallet.objects.get().status == "new"


@pytest.mark.parametrize("tokens", ["", "x -1 ٣ 1e3"])
def test_a_confirmation_of_nothing_leads_back(client, staff, tokens):
    staff()

    stop = {"seen": tokens, "reason": "Lost"}
    response = client.post(act_url("freeze"), stop, follow=True)

    assert "No wallet was chosen. Nothing was changed." in response.content.decode()


def test_a_wallet_that_does_not_exist_is_refused_by_name(client, staff):
    staff()

    assert client.get(reverse("admin:wallets_wallet_act_on", args=[7, "freeze"])).status_code == 404
    stop = {"seen": "7", "reason": "Lost"}
    answer = client.post(act_url("freeze"), stop, follow=True)
    assert b"There is no such wallet." in answer.content


def test_c6_the_confirmation_names_the_wallets_that_it_leaves_out(client, staff):
    user = staff()
    waits, own = WalletFactory(status="new"), WalletFactory(status="new", added_by=user)
    frozen = WalletFactory(status="frozen")
    chosen = {"action": "approve", "_selected_action": [waits.pk, own.pk, frozen.pk]}

    response = client.post(LIST, chosen)

    shown = response.context["confirmation"]
    assert (shown.rows, shown.tokens) == ([waits], seen(waits))
    assert dict(shown.left_out) == {
        own: "You have added it; another person has to approve it.",
        frozen: "It is frozen, so this cannot be done.",
    }
    assert "2 are left as they are" in response.content.decode()


def test_c6_more_wallets_than_the_cap_are_refused(client, staff, monkeypatch):
    staff()
    wallets = [WalletFactory(status="new") for _ in range(3)]
    monkeypatch.setattr(WalletAdmin, "most_at_once", 2)

    crafted = {"action": "freeze", "_selected_action": wallets[0].pk, "select_across": "1"}
    stop = {"seen": seen(*wallets), "reason": "Lost"}
    for response in [
        client.post(LIST, crafted, follow=True),
        client.post(act_url("freeze"), stop, follow=True),
    ]:
        assert "At most 2 wallets at once" in response.content.decode()
    assert not Wallet.objects.exclude(status="new").exists()


def test_a_confirmation_costs_the_same_for_2_and_for_20_wallets(client, staff):
    staff()

    def queries(count):
        wallets = [WalletFactory(status="new") for _ in range(count)]
        chosen = {"action": "approve", "_selected_action": [wallet.pk for wallet in wallets]}
        with CaptureQueriesContext(connection) as captured:
            assert len(client.post(LIST, chosen).context["confirmation"].rows) == count
        return len(captured)

    queries(1)  # content types and the like are read once
    assert queries(2) == queries(20)


def test_the_page_offers_what_can_be_done_now(client, staff):
    staff()
    wallet = WalletFactory(status="frozen")

    page = client.get(reverse("admin:wallets_wallet_change", args=[wallet.pk])).content.decode()

    assert confirm_url(wallet, "release") in page
    assert confirm_url(wallet, "approve") not in page


def test_the_page_says_why_its_maker_cannot_approve_it(client, staff):
    own = WalletFactory(status="new", added_by=staff())

    page = client.get(reverse("admin:wallets_wallet_change", args=[own.pk])).content.decode()

    assert "You have added it; another person has to approve it." in page
    assert confirm_url(own, "approve") not in page


def test_the_list_can_be_narrowed_to_what_waits_for_me(client, staff):
    user = staff()
    mine = WalletFactory(status="new", label="waits-for-me")
    own = WalletFactory(status="new", added_by=user, label="my-own")
    WalletFactory(label="active-one")

    approval = client.get(LIST, {"needs": "approval"}).context["cl"].result_list
    my_approval = client.get(LIST, {"needs": "mine"}).context["cl"].result_list

    assert set(approval) == {mine, own}
    assert list(my_approval) == [mine]


def test_c8_nothing_can_be_deleted(client, staff):
    user = staff()
    user.is_superuser = True
    user.save()
    wallet, service = WalletFactory(), PayoutMethodFactory()

    for name, row in [("wallet", wallet), ("client", wallet.client), ("payoutmethod", service)]:
        url = reverse(f"admin:wallets_{name}_delete", args=[row.pk])
        assert client.post(url, {"post": "yes"}).status_code == 403
        changelist = reverse(f"admin:wallets_{name}_changelist")
        chosen = {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"}
        client.post(changelist, chosen)

    assert Wallet.objects.exists()
    assert Client.objects.exists()
    assert type(service).objects.exists()


def test_the_catalogue_is_read_only(client, staff):
    user = staff()
    user.is_superuser = True
    user.save()
    service = PayoutMethodFactory()

    assert client.get(reverse("admin:wallets_payoutmethod_add")).status_code == 403
    url = reverse("admin:wallets_payoutmethod_change", args=[service.pk])
    assert client.post(url, {"min_amount": "0.1"}).status_code == 403
    page = client.get(reverse("admin:wallets_payoutmethod_changelist")).content.decode()
    assert "0.5 USDT" in page


def test_a_client_s_page_leads_to_all_its_wallets(client, staff):
    staff()
    wallet, _other = WalletFactory(), WalletFactory()
    page = client.get(reverse("admin:wallets_client_change", args=[wallet.client_id]))

    listed = client.get(page.context["wallets_url"])

    assert list(listed.context["cl"].result_list) == [wallet]


@pytest.mark.parametrize("rows", [1, 20])
def test_the_lists_take_few_queries(client, staff, rows, django_assert_max_num_queries):
    staff()
    for _ in range(rows):
        WalletFactory()

    for model in ("wallet", "client"):
        with django_assert_max_num_queries(14):  # 5 of them for what stands still, and waits
            client.get(reverse(f"admin:wallets_{model}_changelist"))


def test_d5_text_of_clients_is_shown_as_text(client, staff):
    staff()
    evil = ClientFactory(name="<b>{{7*7}}</b> %s", group="'\"><script>x()</script>")
    WalletFactory(client=evil, status="new")
    pages = [
        reverse("admin:wallets_client_changelist"),
        reverse("admin:wallets_client_change", args=[evil.pk]),
        LIST,
    ]

    for page in pages:
        text = client.get(page).content.decode()
        assert "<b>{{7" not in text
        assert "<script>x()" not in text
        assert "{{7*7}}" in text


def test_g43_a_confirmation_from_before_a_freeze_approves_nothing(client, staff):
    """The wallet is frozen and released meanwhile: it looks as it did before."""
    wallet = WalletFactory(status=WalletStatus.NEW)
    staff("approve_wallet", "view_wallet")
    shown = client.get(reverse("admin:wallets_wallet_act_on", args=[wallet.pk, "approve"]))
    token = shown.context["confirmation"].tokens
    by = Actor.staff(StaffFactory(roles=["Approver"]), Channel.ADMIN)
    perform(operations.FREEZE, operations.see([wallet.pk]), actor=by, reason="Stolen phone")
    perform(operations.RELEASE, operations.see([wallet.pk]), actor=by)
    wallet.refresh_from_db()
    assert wallet.status == WalletStatus.NEW

    answer = client.post(act_url("approve"), {"seen": token}, follow=True)

    assert b"Something was done to this wallet since you looked." in answer.content
    wallet.refresh_from_db()
    assert wallet.status == WalletStatus.NEW
