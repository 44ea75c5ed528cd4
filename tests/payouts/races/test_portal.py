"""Requests with one key at once, readers of the feed while transactions commit late, and workers
that send webhooks beside each other."""

import json
import random
import time
from functools import partial

import pytest
from django.db import transaction
from django.db.models import Sum
from django.test import Client as Browser

from audit import clock
from audit.actor import Actor, Channel
from audit.operations import perform
from payouts import operations
from payouts.models import Payout
from payouts.portal import feed, throttle
from payouts.portal.models import Delivery, FeedEvent, UnfedEvent, WebhookEndpoint
from payouts.portal.webhooks import deliveries, endpoints
from payouts.seen import see
from tests.factories import ClientFactory, PayoutFactory, StaffFactory, WalletFactory
from tests.payouts.races.conftest import returned
from tests.portal.conftest import Developer, issue

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.django_db(transaction=True, serialized_rollback=True),
    pytest.mark.usefixtures("usdt"),
]

WRITERS = 8


def test_e3_one_key_at_once_makes_one_payout(racers, rounds, monkeypatch):
    monkeypatch.setattr(throttle, "REQUESTS", 10**9)
    owner = ClientFactory(external_id="K-1")
    wallet = WalletFactory(client=owner)
    text = issue(client=owner)[1]
    body = {"wallet": str(wallet.public_id), "currency": "USDT", "amount": "5", "purpose": "Prize"}
    sixteen = racers(16)

    def ask(key):
        return Developer(Browser(), text).post("payouts/", body, key=key)

    seen = set()
    for number in rounds[: len(rounds) // 4]:
        answers = returned(sixteen.run(*[partial(ask, f"key-{number}")] * 16))
        made = [answer.json() for answer in answers if answer.status_code == 201]
        others = [answer for answer in answers if answer.status_code != 201]
        assert made
        assert all(each == made[0] for each in made)
        assert {(each.status_code, each.json()["code"]) for each in others} <= {
            (409, "idempotency_busy")
        }
        assert ask(f"key-{number}").json() == made[0]
        seen |= {answer.status_code for answer in answers}
    assert Payout.objects.count() == len(rounds) // 4
    assert seen == {201, 409}


def test_g41_no_reader_of_the_feed_skips_or_repeats_what_is_committed_late(racers, rounds):
    payouts = [PayoutFactory() for _ in range(WRITERS)]
    approver = Actor.staff(StaffFactory(roles=["Approver"]), Channel.ADMIN)
    while feed.take_up():
        pass
    late = random.Random(41)
    waits = [[late.uniform(0, 0.004) for _ in payouts] for _ in rounds]
    together, read = racers(WRITERS + 1), []
    after = feed.page(None, 200, None)["next"]

    def write(number, payout):
        """Draw the ids of events at once, and commit them a while later."""
        act = (operations.RELEASE, operations.HOLD)[number % 2 == 0]
        reason = {} if number % 2 else {"reason": "Look"}
        with transaction.atomic():
            [outcome] = perform(
                act, see([Payout.objects.get(pk=payout.pk)]), actor=approver, **reason
            )
            assert outcome.done, outcome.text
            time.sleep(waits[number][payouts.index(payout)])

    def read_on(number):
        nonlocal after
        end = time.monotonic() + 30
        while len(read) < WRITERS * (number + 1):
            assert time.monotonic() < end, "an event never came"
            feed.take_up(limit=3)
            page = feed.page(after, 5, None)
            read.extend(page["results"])
            after = page["next"]

    for number in rounds:
        writers = [partial(write, number, payout) for payout in payouts]
        returned(together.run(*writers, partial(read_on, number)))
        newest = read[-WRITERS:]
        assert {each["data"]["payout"] for each in newest} == {str(each.pk) for each in payouts}
    ids = [each["id"] for each in read]
    assert len(ids) == len(set(ids)) == WRITERS * len(rounds)
    numbers = [int(each.rpartition("_")[2]) for each in ids]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert not UnfedEvent.objects.exists()
    assert FeedEvent.objects.count() == numbers[-1]


def test_workers_at_once_bring_each_webhook_once_and_in_order(racers, rounds, monkeypatch):
    owner = ClientFactory()
    endpoint = WebhookEndpoint.objects.create(
        client=owner, url="https://portal.example/", created_at=clock.now()
    )
    wallet = WalletFactory(client=owner)
    payouts = [PayoutFactory(wallet=wallet) for _ in range(3)]
    approver = Actor.staff(StaffFactory(roles=["Approver"]), Channel.ADMIN)
    while feed.take_up():
        pass
    Delivery.objects.all().delete()
    arrived, uneven = [], random.Random(6)

    def post(_url, body, _headers):
        arrived.append(json.loads(body))
        time.sleep(uneven.uniform(0, 0.002))
        return 500 if uneven.random() < 0.2 else 200

    monkeypatch.setattr(deliveries, "post", post)

    def work():
        while Delivery.objects.filter(state="waiting").exists():
            parcels = deliveries.claim(2)
            deliveries.record([deliveries.send(each) for each in parcels])
            with transaction.atomic():  # as whoever changes what waits for an endpoint does
                endpoints.locked(endpoint.pk)
                WebhookEndpoint.objects.update(rests_until=None)
                Delivery.objects.filter(state="waiting").update(due_at=clock.now())

    four = racers(4)
    for _round in rounds[: len(rounds) // 10]:
        for act, reason in [(operations.HOLD, {"reason": "Look"}), (operations.RELEASE, {})] * 2:
            for payout in payouts:
                seen = see([Payout.objects.get(pk=payout.pk)])
                assert perform(act, seen, actor=approver, **reason)[0].done
            feed.take_up()
        returned(four.run(*[work] * 4))
    for payout in payouts:
        expected = [feed.id_of(each.number, feed.feed()) for each in heard_of(payout, endpoint)]
        came = [each["id"] for each in arrived if each["data"]["payout"] == str(payout.pk)]
        assert list(dict.fromkeys(came)) == expected  # a refused one came again, before the next
        assert came == sorted(came, key=expected.index)
    tries = Delivery.objects.aggregate(all=Sum("tries"))["all"]
    assert len(arrived) == tries


def test_an_endpoint_is_stopped_and_resumed_while_the_feed_plans_for_it(racers, rounds):
    """Whoever changes it waits for the feed, and the feed for nobody who waits for that."""
    owner = ClientFactory()
    endpoint = WebhookEndpoint.objects.create(
        client=owner, url="https://portal.example/", created_at=clock.now()
    )
    payout = PayoutFactory(wallet=WalletFactory(client=owner))
    manager = Actor.staff(StaffFactory(roles=["User manager"]), Channel.ADMIN)
    approver = Actor.staff(StaffFactory(roles=["Approver"]), Channel.ADMIN)
    both = racers(2)
    for number in rounds:
        act = (operations.RELEASE, operations.HOLD)[number % 2 == 0]
        reason = {} if number % 2 else {"reason": "Look"}
        [outcome] = perform(act, see([Payout.objects.get(pk=payout.pk)]), actor=approver, **reason)
        assert outcome.done, outcome.text
        change = partial(endpoints.change_endpoint, endpoint.pk, is_active=bool(number % 2))
        returned(both.run(feed.take_up, partial(change, actor=manager)))
    endpoints.change_endpoint(endpoint.pk, is_active=True, actor=manager)
    assert endpoint.deliveries.count() == FeedEvent.objects.filter(payout=payout).count()


def heard_of(payout, endpoint):
    return FeedEvent.objects.filter(
        pk__in=endpoint.deliveries.filter(payout=payout).values("event")
    ).order_by("number")
