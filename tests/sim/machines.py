"""What runs by itself: workers, Heleket's own time, and the courier of its webhooks."""

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import heleket as heleket_client
from audit import clock
from heleket.sandbox.records import Delivery
from heleket.webhooks import sign_webhook
from payouts import guard as watch
from payouts import polling, submission
from payouts.engine.start import FirstQuestions
from payouts.gateway import balance
from payouts.models import WebhookDelivery
from payouts.reconciliation.starting import ReadBack
from tests.sim.seams import reach
from tests.sim.stored import Broken

if TYPE_CHECKING:
    from tests.sim.world import World

LATE_SECONDS = [20, 300, 3600]
HOOK = "/webhooks/heleket/"


def worker(world: "World") -> None:
    """Claim, call, record, as the worker does: what it knows is recorded until it is stored."""
    jobs = [submit, check]
    if world.swarm.is_restored:
        start(world)
        jobs.append(read_back)
    while True:
        reach("rests")
        job = world.chance.choice(jobs)
        job(world, world.chance.randint(1, 3))


def start(world: "World") -> None:
    """Ask about what other processes left behind, and whether this is still the same database."""
    first = FirstQuestions()
    while not world.try_once(first.are_put):
        reach("starts")
        check(world, 3)
        read_back(world)


def read_back(world: "World", _most: int = 1) -> None:
    """Read Heleket's list back to what is known, if that is due."""
    job = ReadBack(world.client, world.account, 1)
    asked = world.try_once(lambda: job.take(1).items) or []
    store(world, [job.call(each) for each in asked], lambda said, _account: job.record(said))


def submit(world: "World", most: int) -> int:
    calls = world.try_once(lambda: submission.claim(most, world.account).items) or []
    one_by_one = world.chance.random() < 0.5
    answers = []
    for call in calls:
        answers.append(submission.send(call, world.client, timeout=world.account.timeout))
        if one_by_one:
            store(world, answers, submission.record)
            answers = []
    store(world, answers, submission.record)
    return len(calls)


def check(world: "World", most: int) -> int:
    questions = world.try_once(lambda: polling.claim(most, world.account).items) or []
    questions = (
        questions or world.try_once(lambda: polling.claim_watched(most, world.account).items) or []
    )
    replies = [polling.ask(each, world.client, timeout=world.account.timeout) for each in questions]
    store(world, replies, polling.record)
    return len(questions)


def store(world: "World", replies: Sequence[Any], record: Callable[..., None]) -> None:
    def stored() -> bool:
        record(replies, world.account)
        return True

    while replies and not world.try_once(stored):
        reach("tries to record again")


def guard(world: "World") -> None:
    """The guard's look of every minute."""
    while True:
        reach("rests")
        world.try_once(lambda: watch.look())


def fetch_balances(world: "World") -> None:
    """The desk reads what it has at Heleket, if an answer comes."""
    while True:
        reach("rests")
        asked_at = clock.now()
        try:
            found = world.client.get_balance()
        except heleket_client.HeleketError as exc:
            world.note(f"the balances stay as they were: {exc}")
            continue
        world.try_once(lambda found=found, at=asked_at: balance.store(found, asked_at=at))
        world.note("the balances are read")


def heleket(world: "World") -> None:
    """Payouts move on, and requests that were on their way for long arrive."""
    while True:
        reach("rests")
        world.gateway.run_due()


class Courier:
    """Brings Heleket's webhooks, not always once and not always in order."""

    def __init__(self, world: "World") -> None:
        self.world, self.luck = world, world.swarm.luck["late"]
        self.sent: list[bytes] = []
        self.late: list[tuple[Delivery, float]] = []

    def run(self, _world: "World") -> None:
        while True:
            reach("rests")
            self.go_round()

    def go_round(self) -> None:
        now = self.world.clock.monotonic()
        arriving = self.world.gateway.take_webhooks()
        arriving += [each for each, at in self.late if at <= now]
        self.late = [(each, at) for each, at in self.late if at > now]
        if self.world.swarm.is_on("late"):
            self.luck.shuffle(arriving)
        for delivery in arriving:
            if self.world.swarm.strikes("lost"):
                continue
            if self.world.swarm.strikes("late"):
                self.late.append((delivery, now + self.luck.choice(LATE_SECONDS)))
                continue
            self.deliver(delivery)
            if self.world.swarm.strikes("repeated"):
                self.deliver(delivery)
        if self.sent and self.world.swarm.strikes("replayed"):
            self.post(self.luck.choice(self.sent))
        if self.sent and self.world.swarm.strikes("forged"):
            self.forge(self.luck.choice(self.sent))
        if self.sent and self.world.swarm.strikes("lied"):
            self.post(self.lie_about(self.luck.choice(self.sent)))

    def deliver(self, delivery: Delivery) -> None:
        status = self.post(delivery.body)
        self.world.gateway.mail.settle(delivery, str(status), accepted=status == 200)
        self.sent.append(delivery.body)

    def post(self, body: bytes) -> int:
        """Answered with 200 means stored, and only then."""
        reach("brings a webhook")
        answer = self.world.browser.post(HOOK, body, content_type="application/json")
        if answer.status_code == 200 and not is_stored(body):
            raise Broken("B15 a webhook was answered with 200 and is not stored")
        if answer.status_code not in (200, 500):
            raise Broken(f"a genuine webhook was answered with {answer.status_code}")
        return answer.status_code

    def forge(self, genuine: bytes) -> None:
        place = self.luck.randrange(1, len(genuine) - 1)
        forged = genuine[:place] + bytes([genuine[place] ^ 1]) + genuine[place + 1 :]
        answer = self.world.browser.post(HOOK, forged, content_type="application/json")
        if answer.status_code != 400 or is_stored(forged):
            raise Broken(f"B1 a forged webhook was answered with {answer.status_code}")

    def lie_about(self, genuine: bytes) -> bytes:
        """Write what somebody with the key might: it is paid, believe me."""
        members = json.loads(genuine)
        del members["sign"]
        members |= {"status": "paid", "is_final": True, "txid": "f" * 64}
        return sign_webhook(members, self.world.gateway.payout_key)


def is_stored(body: bytes) -> bool:
    text = body.decode(errors="replace")
    return WebhookDelivery.objects.filter(body=text).exists()
