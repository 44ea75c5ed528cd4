"""The feed: every change of a payout, in one order, for whoever reads on from a cursor."""

from base64 import urlsafe_b64encode

import pytest

from audit.actor import Actor, Channel
from audit.operations import perform
from payouts import operations, send_backs
from payouts.models import Payout
from payouts.portal import feed
from payouts.portal.models import FeedEvent, UnfedEvent
from payouts.seen import see
from tests.factories import StaffFactory, WalletFactory
from tests.portal.conftest import Developer, issue, read_all

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("clock", "usdt")]


def ask(portal, wallet, key, amount="5"):
    body = {
        "wallet": str(wallet.public_id),
        "currency": "USDT",
        "amount": amount,
        "purpose": f"Prize {key}",
    }
    answer = portal.post("payouts/", body, key=key)
    assert answer.status_code == 201, answer.content
    return Payout.objects.get(pk=answer.json()["id"])


def act(name, payout, role, **more):
    actor = Actor.staff(StaffFactory(roles=[role]), Channel.ADMIN)
    [outcome] = perform(getattr(operations, name), see([payout]), actor=actor, **more)
    assert outcome.done, outcome.text
    return Payout.objects.get(pk=payout.pk)


def test_what_changed_is_read_in_order_and_once(portal, wallet):
    first, second = ask(portal, wallet, "1"), ask(portal, wallet, "2")
    assert portal.get("events/").json()["results"] == []  # nothing is numbered yet
    feed.take_up()
    first = act("HOLD", first, "Approver", reason="Mallory")
    act("REJECT", second, "Approver", reason="Mallory")
    feed.take_up()

    found, after = read_all(portal)
    assert [(each["type"], each["data"]["number"]) for each in found] == [
        ("payout.requested", str(first)),
        ("payout.requested", str(second)),
        ("payout.in_review", str(first)),
        ("payout.cancelled", str(second)),
    ]
    assert "Mallory" not in str(found)
    assert portal.get("events/", after=after).json()["results"] == []
    assert not UnfedEvent.objects.exists()
    act("RELEASE", first, "Approver")
    feed.take_up()
    [last] = portal.get("events/", after=after).json()["results"]
    assert last["type"] == "payout.requested"


def test_what_changes_nothing_for_the_client_is_left_out(portal, wallet):
    payout = ask(portal, wallet, "1")
    feed.take_up()
    before = FeedEvent.objects.count()
    approver = Actor.staff(StaffFactory(roles=["Approver"]), Channel.ADMIN)
    [outcome] = perform(send_backs.SEND_BACK, see([payout]), actor=approver, reason="Which one?")
    assert outcome.done
    assert UnfedEvent.objects.exists()
    feed.take_up()
    assert FeedEvent.objects.count() == before
    assert not UnfedEvent.objects.exists()


def test_i16_a_client_reads_its_own_and_the_portal_all(client, portal, owner, wallet):
    ask(portal, wallet, "1")
    other = WalletFactory(client__external_id="K-2")
    portal.acts_for = "K-2"
    ask(portal, other, "1")
    feed.take_up()

    own = Developer(client, issue(client=owner)[1])
    assert [each["client"] for each in read_all(own)[0]] == ["K-1"]
    assert [each["client"] for each in read_all(portal)[0]] == ["K-2"]
    portal.acts_for = None
    assert [each["client"] for each in read_all(portal)[0]] == ["K-1", "K-2"]


def test_whoever_has_nothing_new_does_not_read_all_of_it_again(client, owner, portal, wallet):
    own = Developer(client, issue(client=owner)[1])
    portal.acts_for = "K-2"
    other = WalletFactory(client__external_id="K-2")
    for key in "123":
        ask(portal, other, key)
    feed.take_up()
    page = own.get("events/").json()
    assert page["results"] == []
    assert feed.read_cursor(page["next"], feed.feed()) == 3


@pytest.mark.parametrize("cursor", ["x", "%%%", "MTIz", "ÿ", "=" * 9])
def test_what_is_no_cursor_is_refused(portal, cursor):
    answer = portal.get("events/", after=cursor)
    assert (answer.status_code, answer.json()["code"]) == (400, "cursor")


@pytest.mark.parametrize("place", ["-1", "1_0", " 1", "\u0663", "9" * 30])
def test_g65_only_a_cursor_that_was_given_out_is_one(portal, wallet, place):
    ask(portal, wallet, "1")
    feed.take_up()
    made = urlsafe_b64encode(f"{feed.feed().epoch.hex}:{place}".encode()).decode()
    answer = portal.get("events/", after=made)
    assert (answer.status_code, answer.json()["code"]) == (400, "cursor")


def test_g65_a_cursor_from_before_a_restore_is_gone(portal, wallet):
    ask(portal, wallet, "1")
    feed.take_up()
    [event], after = read_all(portal)
    feed.renew_epoch()
    answer = portal.get("events/", after=after)
    assert (answer.status_code, answer.json()["code"]) == (410, "feed_renewed")
    assert "anew" in answer.json()["detail"]
    [again], _after = read_all(portal)
    assert again["id"] != event["id"]
    assert again["data"] == event["data"]


def test_g65_whoever_reads_all_anew_after_a_restore_goes_on_and_misses_nothing(portal, wallet):
    payouts = [ask(portal, wallet, str(number)) for number in range(3)]
    feed.take_up()
    before, after = read_all(portal)
    feed.renew_epoch()
    act("HOLD", payouts[0], "Approver", reason="Look")
    feed.take_up()

    assert portal.get("events/", after=after).status_code == 410
    listed = {row["id"]: row["status"] for row in portal.get("payouts/").json()["results"]}
    found, after = read_all(portal)
    assert {each["data"]["payout"]: each["data"]["status"] for each in found} == listed
    assert not {each["id"] for each in found} & {each["id"] for each in before}
    act("REJECT", payouts[1], "Approver", reason="No")
    feed.take_up()
    [last] = portal.get("events/", after=after).json()["results"]
    assert (last["type"], last["data"]["payout"]) == ("payout.cancelled", str(payouts[1].pk))


def test_g65_a_cursor_of_what_was_lost_is_gone(portal, wallet):
    ask(portal, wallet, "1")
    feed.take_up()
    ours = feed.feed()
    answer = portal.get("events/", after=feed.write_cursor(ours.last_number + 1, ours))
    assert answer.status_code == 410


def test_a_few_statements_for_any_number(portal, wallet, django_assert_num_queries):
    feed.take_up()
    for count in (2, 9):
        for number in range(count):
            ask(portal, wallet, f"{count}-{number}")
        with django_assert_num_queries(11):
            feed.take_up()


def test_the_feed_played_from_its_start_gives_the_state_of_every_payout(portal, wallet):
    payouts = [ask(portal, wallet, str(number)) for number in range(4)]
    act("HOLD", payouts[0], "Approver", reason="Look")
    feed.take_up(limit=3)
    act("REJECT", payouts[1], "Approver", reason="No")
    portal.post(f"payouts/{payouts[2].pk}/cancel/", {})
    act("APPROVE", payouts[3], "Approver")
    while feed.take_up(limit=2):
        pass
    played = {each["data"]["payout"]: each["data"]["status"] for each in read_all(portal)[0]}
    listed = {each["id"]: each["status"] for each in portal.get("payouts/").json()["results"]}
    assert played == listed
    assert set(played.values()) == {"in_review", "cancelled", "sending"}
