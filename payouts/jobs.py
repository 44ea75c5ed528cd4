"""The jobs of the money path: send what is approved, ask about what is under way, watch what is
not, open again what was left stopped until today, and pause what looks wrong."""

from collections.abc import Sequence
from datetime import datetime, timedelta

import heleket
from audit import clock
from audit.codes import Reason
from audit.jobs import Claimed
from payouts import endings, guard, polling, submission
from payouts.codes import PayoutCode
from payouts.gateway.accounts import GatewayAccount
from payouts.gateway.jobs import GatewayJob


class Submit(GatewayJob):
    name = "submit"
    moves_money = True

    def __init__(
        self, client: heleket.HeleketClient, account: GatewayAccount, threads: int
    ) -> None:
        super().__init__(client, account, threads)
        self.streak = submission.Streak()

    def take(self, limit: int) -> Claimed[submission.Call]:
        return submission.claim(limit, self.account)

    def call(self, call: submission.Call) -> submission.Answer:
        answer = submission.send(call, self.client, timeout=self.account.timeout)
        return self.streak.judge(answer)

    def record(self, answers: Sequence[submission.Answer]) -> None:
        submission.record(answers, self.account)

    def not_called(self, call: submission.Call) -> submission.Answer:
        return submission.Answer(call, submission.Unsent(Reason(PayoutCode.NOT_CALLED)))

    def asks_to_back_off(self, answer: submission.Answer) -> bool:
        return answer.breaks_off or isinstance(answer.outcome, heleket.TooManyRequests)


class Check(GatewayJob):
    name = "check"

    def take(self, limit: int) -> Claimed[polling.Question]:
        return polling.claim(limit, self.account)

    def call(self, question: polling.Question) -> polling.Reply:
        return polling.ask(question, self.client, timeout=self.account.timeout)

    def record(self, replies: Sequence[polling.Reply]) -> None:
        polling.record(replies, self.account)

    def asks_to_back_off(self, reply: polling.Reply) -> bool:
        return isinstance(reply.answer, heleket.TooManyRequests)


class Watch(Check):
    """Ask about what is not under way: earlier tries, and what was ended or put back."""

    name = "watch"

    def __init__(self, client: heleket.HeleketClient, account: GatewayAccount, _threads: int):
        super().__init__(client, account, threads=1)

    def take(self, limit: int) -> Claimed[polling.Question]:
        return polling.claim_watched(limit, self.account)


class Reopen(GatewayJob):
    """Open discrepancies again that people left stopped until a day which has come."""

    name = "reopen"
    every = timedelta(minutes=1)

    def take(self, _limit: int) -> Claimed[datetime]:
        now = clock.now()
        return Claimed([now] if endings.due_again(now).exists() else [])

    def call(self, now: datetime) -> datetime:
        return now

    def record(self, moments: Sequence[datetime]) -> None:
        for now in moments:
            endings.reopen_due(now)


class Guard(GatewayJob):
    """Look at what a process recorded that had no time to look at it itself."""

    name = "guard"
    every = timedelta(minutes=1)

    def take(self, _limit: int) -> Claimed[datetime]:
        return Claimed([clock.now()] if any(guard.findings()) else [])

    def call(self, now: datetime) -> datetime:
        return now

    def record(self, _moments: Sequence[datetime]) -> None:
        guard.look()
