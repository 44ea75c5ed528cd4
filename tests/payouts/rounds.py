"""One round of the worker's jobs, one call after the other, and where payouts are after it."""

from contextlib import contextmanager

from django.db import connection

from payouts import polling, submission
from payouts.models import Payout


def submit_due(limit, client, account):
    """Send up to `limit` due payouts and return how many were called."""
    calls = submission.claim(limit, account).items
    for call in calls:
        submission.record([submission.send(call, client, timeout=account.timeout)], account)
    return len(calls)


def check_due(limit, client, account):
    """Ask about up to `limit` due payouts, or watched ones, and return how many were asked."""
    questions = polling.claim(limit, account).items or polling.claim_watched(limit, account).items
    for question in questions:
        polling.record([polling.ask(question, client, timeout=account.timeout)], account)
    return len(questions)


def now(payout):
    """The payout as it is stored."""
    return Payout.objects.get(pk=payout.pk)


def event_types(payout):
    """What was done to it, in order."""
    return list(payout.events.order_by("number").values_list("event_type", flat=True))


@contextmanager
def stored_between_two_looks_at_tries(store):
    """Let another process store something after the first statement about tries, and before the
    next one, if there is one."""
    looks = []

    def look(execute, sql, params, many, context):
        if sql.startswith("SELECT") and '"payouts_attempt"' in sql:
            looks.append(sql)
            if len(looks) == 2:
                store()
        return execute(sql, params, many, context)

    with connection.execute_wrapper(look):
        yield
    assert looks
