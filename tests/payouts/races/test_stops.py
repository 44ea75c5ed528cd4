"""The emergency stop against claims that follow each other without a gap."""

import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from threading import Event, get_ident

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.urls import reverse

from audit import clock
from audit.actor import Actor, Channel
from audit.models import DeskEvent
from audit.operations import perform
from audit.refusals import Refused
from payouts import guard, submission
from payouts.controls import documents, policy, switch
from payouts.controls.models import ALL, Scope, Switch
from payouts.models import Payout, PayoutStatus
from payouts.staff import people
from tests import policies
from tests.factories import DiscrepancyFactory, PayoutFactory, StaffFactory, WalletFactory
from tests.payouts.races.conftest import LOOK, returned
from tests.sim import bugs
from wallets import operations as wallet_operations
from wallets import stops
from wallets.models import Client, Wallet
from wallets.services import close_client

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
]

CLAIMERS = 16
SCOPES = {"switch": ALL, "coin": Scope(currency="USDT")}


def next_policy(document):
    """Have two people put this policy in force; return what the second of them does."""
    for _ in range(2):
        StaffFactory(roles=["Approver"])
    drafter, second = (
        Actor.staff(StaffFactory(roles=["Policy manager"]), Channel.ADMIN) for _ in range(2)
    )
    draft = policy.propose(documents.canonical(document), reason="Less", actor=drafter)
    return lambda: policy.confirm(draft.pk, actor=second)


def two_approvals():
    """A stricter policy than there was the last time."""
    names = (rule.name for rule in policy.in_force().rules)
    name = "Two" if "Two more" in names else "Two more"
    return {**policies.LENIENT, "rules": [policies.require(2, name)]}


def guarded():
    guard.look()
    return not Switch.objects.get(pk=1).is_on


@pytest.fixture
def stop(request):
    by = StaffFactory(roles=["Operator", "Approver", "Requester"])
    wallet = WalletFactory()
    if request.param in SCOPES:
        return lambda: switch.set_sending(
            False,
            reason="Stop",
            actor=Actor.staff(by, Channel.COMMAND),
            scope=SCOPES[request.param],
        )
    if request.param == "policy":
        return lambda: next_policy(two_approvals())()
    if request.param == "guard":
        for _ in range(3):
            DiscrepancyFactory(opened_at=clock.now())
        return guarded
    if request.param == "close":
        return lambda: close_client(
            wallet.client_id, reason="Stop", actor=Actor.staff(by, Channel.ADMIN)
        )
    act = {"freeze": wallet_operations.FREEZE, "archive": wallet_operations.ARCHIVE}[request.param]
    seen, actor = wallet_operations.see([wallet.pk]), Actor.staff(by, Channel.ADMIN)
    return lambda: perform(act, seen, actor=actor, reason="Stop")[0].done


@pytest.fixture
def press(account, racers, monkeypatch):
    """Press a stop while all claim; return who passed how often while it was kept waiting."""
    everybody, chance = racers(CLAIMERS + 1), random.Random(71)
    state = {}

    def choose(
        _limit, _due, *, by_person
    ):  # a claim as long as on a slow line, which finds nothing
        with connection.cursor() as cursor:
            cursor.execute(LOOK, [state["pid"]])
            state["late"][get_ident()] += cursor.fetchone()[1]
        return submission.Chosen()

    monkeypatch.setattr(submission, "choose", choose)

    def press(stop):
        state.update(pid=0, late=Counter(), over=Event())

        def claim_on():
            while not state["over"].is_set() and state["late"][get_ident()] < 3:
                submission.claim(1, account)

        def stop_them():
            try:
                with connection.cursor() as cursor:
                    cursor.execute("SELECT pg_backend_pid()")
                    [state["pid"]] = cursor.fetchone()
                return stop()
            finally:
                state["over"].set()

        head_start = -chance.uniform(0.001, 0.01)
        is_done, *_rest = returned(
            everybody.run(stop_them, *[claim_on] * CLAIMERS, head_start=head_start)
        )
        assert is_done
        return state["late"]

    return press


@pytest.mark.parametrize(
    "stop",
    ["switch", "coin", "guard", "policy", "freeze", "archive", "close"],
    indirect=True,
)
def test_g71_a_stop_overtakes_claims_that_follow_each_other(press, stop, rounds, usdt):
    kept_waiting = 0
    for _ in rounds[::4]:
        Switch.objects.update(is_on=True, changed_at=None)
        Wallet.objects.update(status="active")
        Client.objects.update(is_active=True)
        late = press(stop)
        assert max(late.values(), default=0) <= 1, late
        kept_waiting += late.total()
    assert kept_waiting


def meanwhile(act):
    """Let somebody else do something, on a connection of their own."""

    def go():
        try:
            act()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as somebody:
        somebody.submit(go).result()


@pytest.fixture
def stopped_in_between(monkeypatch):
    """Have something done between the look of an act and its lock, once."""

    def prepare(owner, name, act):
        usual, acts = getattr(owner, name), [act]

        def late(*args, **kwargs):
            if acts:
                meanwhile(acts.pop())
            return usual(*args, **kwargs)

        monkeypatch.setattr(owner, name, late)

    return prepare


@pytest.mark.parametrize("scope", SCOPES.values(), ids=SCOPES)
def test_g71_a_claim_that_let_a_stop_pass_sees_it(account, usdt, stopped_in_between, scope):
    payout = PayoutFactory(status=PayoutStatus.APPROVED)
    by = Actor.staff(StaffFactory(roles=["Operator"]), Channel.COMMAND)

    def stop():
        switch.set_sending(False, reason="Stop", actor=by, scope=scope)

    stopped_in_between(stops, "let_stops_pass", stop)

    assert submission.claim(1, account).items == []
    assert Payout.objects.get(pk=payout.pk).status == PayoutStatus.APPROVED


def test_g71_a_claim_that_let_a_policy_pass_judges_by_it(account, usdt, stopped_in_between):
    payout = PayoutFactory(status=PayoutStatus.APPROVED)
    stopped_in_between(stops, "let_stops_pass", next_policy(two_approvals()))

    assert submission.claim(1, account).items == []
    payout = Payout.objects.get(pk=payout.pk)
    assert (payout.status, payout.waiting_for) == (PayoutStatus.PENDING, "approvals")


@pytest.mark.parametrize("stop", ["switch"], indirect=True)
def test_g71_a_stop_that_queues_behind_the_claims_is_found(press, stop):
    with bugs.plant(bugs.STOP_BEHIND_CLAIMS), pytest.raises(AssertionError):
        test_g71_a_stop_overtakes_claims_that_follow_each_other(press, stop, range(500), None)


def test_g72_who_is_stopped_again_while_they_are_let_in_stays_out(stopped_in_between):
    boss, person = StaffFactory(is_superuser=True), StaffFactory()
    people.disable(person, reason="Lost her phone", actor=Actor.staff(boss, Channel.ADMIN))
    seen = people.last_stop(person)

    def let_in_and_stop():
        people.enable(person, seen=seen, reason="Found it", actor=Actor.staff(boss, Channel.ADMIN))
        people.disable(person, reason="Lost it again", actor=Actor.staff(boss, Channel.ADMIN))

    stopped_in_between(people, "needed", let_in_and_stop)

    with pytest.raises(Refused, match="stopped again"):
        people.enable(person, seen=seen, reason="Found it", actor=Actor.staff(boss, Channel.ADMIN))

    assert not User.objects.get(pk=person.pk).is_active
    assert DeskEvent.objects.last().event_type == "disable"


def test_g72_what_is_paused_again_while_it_is_resumed_stays_paused(client, stopped_in_between):
    operator = StaffFactory(roles=["Operator"])
    turn = {"actor": Actor.staff(operator, Channel.ADMIN)}
    switch.set_sending(False, reason="Wrong rate", **turn)
    client.force_login(operator)
    url = reverse("admin:payouts_controls_switch_set")
    page = client.get(url, secure=True).context["form"].initial

    def resume_and_pause():
        switch.set_sending(True, reason="Mended", **turn)
        switch.set_sending(False, reason="A break-in", **turn)

    stopped_in_between(switch, "needed", resume_and_pause)

    answer = client.post(url, page | {"reason": "Mended"}, secure=True)

    assert "paused again" in answer.content.decode()
    assert "A break-in" in answer.content.decode()
    assert not Switch.objects.get(pk=1).is_on
    assert DeskEvent.objects.last().event_type == "pause"
