from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread

import pytest
from django.contrib.auth.models import Permission
from django.core.exceptions import ValidationError
from django.db import DatabaseError, connection, transaction
from django.db.models import ProtectedError
from django_fsm import TransitionNotAllowed, can_proceed

from audit import chain, clock
from audit.actor import Actor, Channel
from audit.operations import perform
from audit.refusals import NotAllowed, Refused
from tests.factories import ClientFactory, StaffFactory, UserFactory, WalletFactory, requester
from wallets import operations as wallet_operations
from wallets import services
from wallets.errors import InvalidAddress
from wallets.models import Client, Wallet, WalletStatus

TRON = "TKPYpYU9M7sXP7pTJqrSWgUeoE1k1SPDmi"
ETH = "0xcB16175256C3Fe110C2f1D282782eA9436469548"

pytestmark = pytest.mark.django_db


def person(*rights):
    user = UserFactory()
    user.user_permissions.set(Permission.objects.filter(codename__in=rights))
    return user


@pytest.fixture
def approver():
    return person("approve_wallet", "freeze_wallet", "change_wallet")


# The machine


MOVES = {
    "approve": ({"new", "confirmed"}, "approved"),
    "activate": ({"approved"}, "active"),
    "freeze": ({"new", "confirmed", "approved", "active"}, "frozen"),
    "release": ({"frozen"}, "new"),
    "archive": ({"new", "confirmed", "approved", "active", "frozen"}, "archived"),
}


@pytest.mark.parametrize("status", WalletStatus.values)
@pytest.mark.parametrize("act", MOVES)
def test_wallets_move_only_as_designed(act, status):
    sources, target = MOVES[act]
    wallet = Wallet(status=status)
    given = {"at": None} if act == "approve" else {}

    assert can_proceed(getattr(wallet, act)) == (status in sources)
    if status in sources:
        getattr(wallet, act)(**given)
        assert wallet.status == target
    else:
        with pytest.raises(TransitionNotAllowed):
            getattr(wallet, act)(**given)
        assert wallet.status == status


def test_a_status_cannot_be_assigned():
    with pytest.raises(AttributeError):
        WalletFactory.build(client=None, added_by=None, approved_by=None).status = "active"


# Adding


def test_a_client_is_added_with_its_history():
    by = person("add_client")

    client = services.add_client(
        external_id="C-1",
        name="Анна Ли 🌷",
        email="a@example.com",
        actor=Actor.staff(by, Channel.ADMIN),
    )

    assert client.pk
    assert client.created_by == by
    assert [(h.history_type, h.history_user) for h in client.history.all()] == [("+", by)]


def test_clients_wallets_and_their_histories_are_dated_by_the_desks_clock():
    added = datetime(2026, 1, 2, tzinfo=UTC)
    renamed = added + timedelta(days=3)
    with clock.replaced(lambda: added):
        wallet = WalletFactory()
    client = wallet.client
    client.name = "Another name"
    with clock.replaced(lambda: renamed):
        client.save()

    assert (client.created_at, wallet.created_at) == (added, added)
    assert [h.history_date for h in client.history.all()] == [renamed, added]
    assert wallet.history.get().history_date == added


@pytest.mark.parametrize(
    "wrong",
    [
        {"external_id": ""},
        {"external_id": "x" * 65},
        {"name": ""},
        {"name": "x" * 10_000},
        {"name": "two\nlines"},
        {"name": "nul\x00"},
        {"name": "evil\u202egnp"},
        {"email": "nobody"},
        {"group": "a\tb"},
    ],
)
def test_d5_a_client_that_cannot_be_shown_cleanly_is_refused(wrong):
    with pytest.raises(Refused):
        services.add_client(**{"external_id": "C-1", "name": "Ann", "actor": requester()} | wrong)

    assert not Client.objects.exists()


def test_an_external_id_is_taken_once():
    services.add_client(external_id="C-1", name="Ann", actor=requester())

    with pytest.raises(Refused, match="already exists"):
        services.add_client(external_id="C-1", name="Ben", actor=requester())

    assert Client.objects.get().name == "Ann"


def test_a_wallet_is_stored_in_canonical_form_and_waits():
    by = person("add_wallet")

    actor = Actor.staff(by, Channel.ADMIN)
    wallet = services.add_wallet(ClientFactory(), network="eth", address=ETH.lower(), actor=actor)

    stored = Wallet.objects.get(pk=wallet.pk)
    assert (stored.address, stored.status, stored.added_by) == (ETH, "new", by)
    assert stored.history.get().history_user == by


@pytest.mark.parametrize(
    "actor",
    [
        lambda: Actor.system(Channel.WORKER),
        lambda: Actor.staff(person("view_wallet"), Channel.ADMIN),
    ],
    ids=["nobody", "somebody without the right"],
)
def test_adding_itself_asks_for_the_right(actor):
    client = ClientFactory()

    with pytest.raises(NotAllowed, match="right"):
        services.add_client(external_id="C-1", name="Ann", actor=actor())
    with pytest.raises(NotAllowed, match="right"):
        services.add_wallet(client, network="eth", address=ETH, actor=actor())

    assert Client.objects.get() == client
    assert not Wallet.objects.exists()


def test_d4_a_wallet_with_a_foreign_address_is_refused():
    with pytest.raises(InvalidAddress, match="address of TRON"):
        services.add_wallet(ClientFactory(), network="eth", address=TRON, actor=requester())

    assert not Wallet.objects.exists()


def test_the_same_wallet_in_another_spelling_is_refused():
    client = ClientFactory()
    services.add_wallet(client, network="eth", address=ETH, actor=requester())

    with pytest.raises(Refused, match="already has this wallet"):
        services.add_wallet(client, network="eth", address=ETH.lower(), actor=requester())

    assert client.wallets.count() == 1


def test_the_same_address_with_another_memo_is_another_wallet():
    client, address = ClientFactory(), "UQCD39VS5jcptHL8vMjEXrzGaRcCVYto7HUn4bpAOg8xqEBI"
    services.add_wallet(client, network="ton", address=address, actor=requester())
    services.add_wallet(client, network="ton", address=address, memo="7", actor=requester())

    assert client.wallets.count() == 2


def test_an_inactive_client_gets_no_wallet():
    with pytest.raises(Refused, match="not active"):
        services.add_wallet(
            ClientFactory(is_active=False),
            network="tron",
            address=TRON,
            actor=requester(),
        )

    assert not Wallet.objects.exists()


# What never changes


@pytest.mark.parametrize(
    "change", [{"network": "eth"}, {"address": ETH}, {"memo": "7"}, {"client_id": 0}]
)
def test_a_saved_wallet_keeps_its_destination(change):
    wallet = WalletFactory()
    for name, value in change.items():
        setattr(wallet, name, value)

    with pytest.raises(ValidationError, match="never changes"):
        wallet.save()

    assert Wallet.objects.filter(network="tron", memo="").exists()


@pytest.mark.parametrize("column", ["network", "address", "memo", "client_id"])
def test_the_database_keeps_the_destination_of_a_wallet(column):
    wallet, other = WalletFactory(), ClientFactory()
    value = other.pk if column == "client_id" else "x"

    with pytest.raises(DatabaseError, match="never changes its destination"), transaction.atomic():
        Wallet.objects.update(**{column: value})

    assert getattr(Wallet.objects.get(), column) == getattr(wallet, column)


def test_a_label_can_change():
    wallet = WalletFactory()
    wallet.label = "Treasury"
    wallet.save()

    assert Wallet.objects.get().label == "Treasury"


def test_clients_with_wallets_and_their_staff_cannot_be_deleted():
    wallet = WalletFactory()

    for row in (wallet.client, wallet.added_by, wallet.approved_by):
        with pytest.raises(ProtectedError):
            row.delete()

    assert Wallet.objects.exists()


# Bulk acts


def test_another_person_approves_a_wallet(approver):
    wallet = WalletFactory(status="new", approved_by=None, approved_at=None)

    outcomes = perform(
        wallet_operations.APPROVE,
        wallet_operations.see([wallet.pk]),
        actor=Actor.staff(approver, Channel.ADMIN),
    )

    assert [outcome.done for outcome in outcomes] == [True]
    stored = Wallet.objects.get()
    assert (stored.status, stored.approved_by) == ("active", approver)
    assert stored.approved_at
    assert stored.history.first().history_user == approver


@pytest.mark.parametrize("superuser", [False, True])
def test_c1_nobody_approves_a_wallet_they_added(superuser):
    by = person("approve_wallet")
    by.is_superuser = superuser
    by.save()
    wallet = WalletFactory(status="new", added_by=by)

    outcomes = perform(
        wallet_operations.APPROVE,
        wallet_operations.see([wallet.pk]),
        actor=Actor.staff(by, Channel.ADMIN),
    )

    assert [(o.done, "another person" in o.text) for o in outcomes] == [(False, True)]
    assert Wallet.objects.get().status == "new"
    assert not Wallet.objects.get().history.filter(history_type="~").exists()


ACTS = [
    wallet_operations.APPROVE,
    wallet_operations.FREEZE,
    wallet_operations.RELEASE,
    wallet_operations.ARCHIVE,
]


@pytest.mark.parametrize("act", ACTS)
def test_c4_without_the_right_nothing_happens(act):
    wallet = WalletFactory(status="new")

    with pytest.raises(NotAllowed, match="right"):
        perform(
            act,
            wallet_operations.see([wallet.pk]),
            actor=Actor.staff(person("view_wallet"), Channel.ADMIN),
        )

    assert Wallet.objects.get().status == "new"


@pytest.mark.parametrize("act", ACTS)
def test_c4_a_disabled_person_does_nothing(act, approver):
    wallet = WalletFactory(status="new")
    approver.is_active = False

    with pytest.raises(NotAllowed):
        perform(act, wallet_operations.see([wallet.pk]), actor=Actor.staff(approver, Channel.ADMIN))

    assert Wallet.objects.get().status == "new"


def test_a_wallet_of_an_inactive_client_is_not_approved(approver):
    wallet = WalletFactory(status="new", client__is_active=False)

    outcomes = perform(
        wallet_operations.APPROVE,
        wallet_operations.see([wallet.pk]),
        actor=Actor.staff(approver, Channel.ADMIN),
    )

    assert outcomes[0].text == "The client is not active."
    assert Wallet.objects.get().status == "new"


def test_c7_a_refused_wallet_does_not_stop_its_neighbours(approver):
    good = WalletFactory(status="new")
    own = WalletFactory(status="new", added_by=approver)
    archived = WalletFactory(status="archived")
    last = WalletFactory(status="new")

    outcomes = perform(
        wallet_operations.Approve(has_reason=True),  # they have one address
        wallet_operations.see([own.pk, last.pk, 0, archived.pk, good.pk]),
        actor=Actor.staff(approver, Channel.ADMIN),
        reason="One office",
    )

    assert {o.id: o.done for o in outcomes} == {
        good.pk: True,
        own.pk: False,
        archived.pk: False,
        last.pk: True,
        0: False,
    }
    assert set(Wallet.objects.active()) == {good, last}


def test_a_released_wallet_has_to_be_approved_again(approver):
    wallet = WalletFactory()

    perform(
        wallet_operations.FREEZE,
        wallet_operations.see([wallet.pk]),
        actor=Actor.staff(approver, Channel.ADMIN),
        reason="Lost",
    )
    assert Wallet.objects.get().status == "frozen"
    perform(
        wallet_operations.RELEASE,
        wallet_operations.see([wallet.pk]),
        actor=Actor.staff(approver, Channel.ADMIN),
    )

    stored = Wallet.objects.get()
    assert (stored.status, stored.approved_by, stored.approved_at) == ("new", None, None)


def test_i4_what_decides_where_money_goes_is_sealed(approver):
    rosa = Actor.staff(StaffFactory(username="rosa", roles=["Requester"]), Channel.ADMIN)
    client = ClientFactory(name="Ann Lee", email="ann@example.com")
    wallet = services.add_wallet(client, network="eth", address=ETH, label="Ann", actor=rosa)
    arno = Actor.staff(approver, Channel.ADMIN)
    for operation in (
        *(wallet_operations.APPROVE, wallet_operations.FREEZE),
        *(wallet_operations.RELEASE, wallet_operations.ARCHIVE),
    ):
        seen = wallet_operations.see([wallet.pk])
        [outcome] = perform(operation, seen, actor=arno, reason="As agreed")
        assert outcome.done

    events = list(wallet.events.order_by("number"))
    assert [(each.event_type, each.from_status, each.to_status) for each in events] == [
        ("add", "new", "new"),
        ("approve", "new", "active"),
        ("freeze", "active", "frozen"),
        ("release", "frozen", "new"),
        ("archive", "new", "archived"),
    ]
    assert [each.person for each in events] == [rosa.person, *[approver] * 4]
    assert (events[0].facts["network"], events[0].facts["address"]) == ("eth", ETH)
    assert chain.first_broken(events) is None
    assert Wallet.objects.get().last_event == 5
    assert not any("Ann" in each.data or "ann@" in each.data for each in events)


def test_a_refused_act_leaves_no_event(approver):
    wallet = WalletFactory(status="archived")

    [outcome] = perform(
        wallet_operations.FREEZE,
        wallet_operations.see([wallet.pk]),
        actor=Actor.staff(approver, Channel.ADMIN),
        reason="Lost",
    )

    assert (outcome.done, outcome.code) == (False, "wallet_status")
    assert not wallet.events.exists()


def test_an_archived_wallet_stays_archived(approver):
    wallet = WalletFactory()
    perform(
        wallet_operations.ARCHIVE,
        wallet_operations.see([wallet.pk]),
        actor=Actor.staff(approver, Channel.ADMIN),
    )

    for act in ACTS:
        seen, actor = wallet_operations.see([wallet.pk]), Actor.staff(approver, Channel.ADMIN)
        assert not perform(act, seen, actor=actor, reason="Lost")[0].done

    assert Wallet.objects.get().status == "archived"


def test_bulk_acts_take_the_same_few_statements(approver, django_assert_max_num_queries):
    wallets = [WalletFactory(status="new") for _ in range(20)]
    approver.has_perm("wallets.approve_wallet")
    seen = wallet_operations.see([wallet.pk for wallet in wallets])

    with django_assert_max_num_queries(7):
        outcomes = perform(
            wallet_operations.Approve(has_reason=True),  # they have one address
            seen,
            actor=Actor.staff(approver, Channel.ADMIN),
            reason="One office",
        )

    assert all(outcome.done for outcome in outcomes)


def test_querysets_read_as_phrases():
    active, new = WalletFactory(), WalletFactory(status="new", client__is_active=False)

    assert list(Wallet.objects.active()) == [active]
    assert list(Wallet.objects.waiting()) == [new]
    assert list(Wallet.objects.for_client(new.client)) == [new]
    assert list(Client.objects.active()) == [active.client]


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_c2_one_of_two_people_who_press_at_once_approves():
    people = [person("approve_wallet") for _ in range(2)]
    wallets = [WalletFactory(status="new").pk for _ in range(50)]
    barrier, done = Barrier(2), []

    def press(by):
        try:
            for pk in wallets:
                barrier.wait(timeout=30)
                done.extend(
                    o.id
                    for o in perform(
                        wallet_operations.Approve(has_reason=True),  # they have one address
                        wallet_operations.see([pk]),
                        actor=Actor.staff(by, Channel.ADMIN),
                        reason="One office",
                    )
                    if o.done
                )
        finally:
            connection.close()

    threads = [Thread(target=press, args=[by]) for by in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(done) == wallets
    assert Wallet.history.filter(history_type="~").count() == len(wallets)
