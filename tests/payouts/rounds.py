"""One round of the worker's jobs, one call after the other, for tests that need no threads."""

from payouts import checks, submission


def submit_due(limit, client, desk):
    """Send up to `limit` due payouts and return how many were called."""
    calls = submission.claim(limit, desk)
    for call in calls:
        submission.record([submission.send(call, client, timeout=desk.timeout)], desk)
    return len(calls)


def check_due(limit, client, desk):
    """Ask about up to `limit` due payouts, or watched ones, and return how many were asked."""
    questions = checks.claim(limit, desk) or checks.claim_watched(limit, desk)
    for question in questions:
        checks.record([checks.ask(question, client, timeout=desk.timeout)], desk)
    return len(questions)
