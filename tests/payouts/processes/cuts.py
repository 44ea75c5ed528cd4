"""Cutting the connection to the database at one chosen message of one kind of transaction."""


class Cutter:
    """A judge for `harness.Proxy` that cuts once, and then waits for a transaction to succeed.

    `said` has the last transaction of each kind that wrote something.
    """

    def __init__(self):
        self.said, self.plan, self.is_over = {}, None, True

    def arm(self, kind, number, verdict):
        """Cut at this message of the next transaction of this kind that is so long."""
        self.plan, self.is_over = (kind, number, verdict), False

    def disarm(self):
        """Give the plan up; return whether it had struck."""
        has_struck, self.plan, self.is_over = self.plan is None, None, True
        return has_struck

    def judge(self, statement, transaction):
        kind = kind_of([*transaction, statement])
        if statement == "COMMIT" and kind and has_written(transaction):
            self.said[kind] = [*transaction, statement]
        if (plan := self.plan) and plan[:2] == (kind, len(transaction)):
            self.plan = None
            return plan[2]
        self.is_over = self.is_over or (self.plan is None and statement == "COMMIT")
        return "pass"


def has_written(transaction):
    return any(each.startswith(("INSERT", "UPDATE")) for each in transaction)


def kind_of(statements):
    """Recognise a claim, a question's claim and a record by the first thing each of them reads."""
    first = statements[1] if len(statements) > 1 else ""
    if "pg_advisory_xact_lock_shared" in first:
        return "claim"
    if "payouts_gateway_ratelimit" in first:
        return "question"
    if '"payouts_payout"' in first and "FOR UPDATE" in first:
        return "record"
    return None
