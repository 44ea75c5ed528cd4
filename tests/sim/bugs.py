"""Mistakes that a desk like this one has been known to make, each as a patch of one function.

`plant` replaces a piece of text in the source of a function, and refuses if it is not there exactly
once: a patch that no longer fits is noticed, not passed over.
"""

import inspect
import pkgutil
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class Bug:
    """The promise that it breaks, where the patch goes ("package.module.function"), what it takes
    out, and what it puts in.

    `seed` is one that is known to find it, to be tried before all others.
    """

    name: str
    promise: str
    place: str
    sound: str
    broken: str
    seed: int = 1


@contextmanager
def plant(bug: Bug) -> Iterator[None]:
    """Let the code have this mistake for a while.

    The function stays the same object and gets other code, so that whoever holds it, as the URLs
    hold a view, has the mistake as well, and nobody keeps it afterwards.
    """
    module_name, function = bug.place.rsplit(".", 1)
    owner = pkgutil.resolve_name(module_name)
    module = inspect.getmodule(owner)
    sound = inspect.unwrap(getattr(owner, function))
    text = textwrap.dedent(inspect.getsource(sound))
    if text.count(bug.sound) != 1:
        raise ValueError(f"{bug.name}: {bug.place} has changed, and the patch no longer fits")
    made: dict[str, object] = {}
    exec(text.replace(bug.sound, bug.broken), vars(module), made)  # our own source
    before, sound.__code__ = sound.__code__, inspect.unwrap(made[function]).__code__
    try:
        yield
    finally:
        sound.__code__ = before


FOUND_BY_RUNS = [
    Bug(
        "call inside the transaction",
        "I1",
        "payouts.submission.send",
        "        return Answer(call, create",
        "        with transaction.atomic():\n            return Answer(call, create",
    ),
    Bug(
        "new order_id on repeat",
        "I4",
        "payouts.submission.take",
        "        tries = attempts[payout.pk]\n",
        "        tries = attempts[payout.pk]\n"
        "        if payout.status == PayoutStatus.SUBMITTING:\n"
        "            payout.generation, tries = payout.generation + 1, []\n",
        seed=3,
    ),
    Bug(
        "timeout or 5xx treated as failure",
        "I6",
        "payouts.submission.apply",
        "        call_answers.apply_no_answer(case, call.number, outcome, account)\n",
        "        call_answers.answered(case.attempt, call.number, account)\n"
        "        if case.payout.status == PayoutStatus.SUBMITTING:\n"
        "            case.log_event(EventType.FAIL, case.payout.why)\n"
        "            case.payout.fail(case.payout.why)\n",
        seed=3,
    ),
    Bug(
        "first not found treated as never sent",
        "I6",
        "payouts.question_answers.count_not_found",
        "        case.attempt.not_found_at = asked_at\n"
        "        case.log_event(EventType.NOT_FOUND, order_id=case.attempt.order_id)\n"
        "        payout.due_at = "
        "not_later_than_asked(payout.due_at, asked_at + account.quiet_time)\n",
        "        case.log_event(EventType.FAIL)\n        payout.fail(payout.why)\n",
        seed=7,
    ),
    Bug(
        "refusal of a repeat treated as failure",
        "I6",
        "payouts.call_answers.apply_refusal",
        "if proves_nothing(case):",
        "if payout.waiting_for == WaitingFor.DISCREPANCY:",
        seed=60,
    ),
    Bug(
        "webhook trusted without query",
        "I5",
        "payouts.webhooks.request_check",
        "    cursor.execute(PULL_FORWARD, [at, attempt.pk, at])\n",
        '    if status == "paid":\n'
        "        with settle([attempt.pk], actor=Actor.system(Channel.WEBHOOK)) as cases:\n"
        "            case = cases[attempt.pk]\n"
        "            if case.payout.is_under_way:\n"
        "                case.log_event('confirm')\n"
        "                case.payout.confirm()\n"
        "    cursor.execute(PULL_FORWARD, [at, attempt.pk, at])\n",
        seed=5,
    ),
    Bug(
        "answer not compared with what was sent",
        "I15",
        "payouts.discrepancies.difference",
        "        if ours is not None and theirs is not None and ours != theirs\n",
        "        if False\n",
        seed=122,
    ),
    Bug(
        "deduplication by (uuid, status)",
        "B15",
        "payouts.webhooks.take",
        "hashlib.sha256(raw)",
        "hashlib.sha256(f\"{members['uuid']} {members['status']}\".encode())",
        seed=5,
    ),
    Bug(
        "fail final whatever is_final says",
        "I6",
        "payouts.recording.is_final_failure",
        "remote.is_final and remote.status in FINAL_FAILURES",
        "remote.status in FINAL_FAILURES",
    ),
    Bug(
        "self-approval by superuser",
        "I2",
        "payouts.makers.refusal_of_maker",
        "    if not roles:\n",
        "    from django.contrib.auth.models import User\n"
        "    if not roles or User.objects.get(pk=person_id).is_superuser:\n",
        seed=4,
    ),
    Bug(
        "digest not checked at claim",
        "I3",
        "payouts.eligibility.Eligibility.refusal_of_approvals",
        "    if any(each != digest for each in (*sealed, *(each.digest for each in given))):\n",
        "    if False:\n",
        seed=172,
    ),
    Bug(
        "cancel completed before the release time",
        "I6",
        "payouts.question_answers.end_after_release_time",
        "    if is_within_release_time(case.attempt, asked_at, account):\n",
        "    if False:\n",
        seed=16,
    ),
    Bug(
        "unavailable on a repeat puts it back to approved",
        "I6",
        "payouts.call_answers.apply_not_executed",
        "    if proves_nothing(case):\n",
        "    if payout.waiting_for == WaitingFor.DISCREPANCY:\n",
        seed=94,
    ),
    Bug(
        "lease shorter than the call's deadline",
        "I14",
        "payouts.submission.start_call",
        "now + timedelta(seconds=account.lease)",
        "now + timedelta(seconds=account.timeout / 2)",
    ),
    Bug(
        "amounts through float",
        "I15",
        "heleket.client._plain",
        '    text = f"{amount:f}"\n',
        '    text = f"{float(amount):.8f}"\n',
    ),
    Bug(
        "200 answered before the webhook is stored",
        "B15",
        "payouts.webhooks.heleket_webhook",
        "    take(raw, members)\n",
        "    try:\n        take(raw, members)\n"
        '    except Exception:\n        logger.exception("stored later")\n',
        seed=57,
    ),
    Bug(
        "an editor is not noted as a maker",
        "I2",
        "payouts.operations.Edit.after",
        "[(actor.person_id, MakerRole.EDITED), (self.wallet.maker_id, MakerRole.WALLET)]",
        "[(self.wallet.maker_id, MakerRole.WALLET)]",
        seed=149,
    ),
    Bug(
        "watch lost",
        "I6",
        "payouts.schedule.watch",
        "    attempt.watch_at = next_watch(attempt)",
        "    attempt.watch_at = None",
        seed=12,
    ),
    Bug(
        "event written outside the transaction",
        "I4",
        "payouts.transitions.change",
        "        store(events)\n",
        "    store(events)\n",
    ),
    Bug(
        "answer of a key outside the transaction",
        "I13",
        "payouts.portal.idempotent.create_once",
        "            made = make(key)\n",
        "            made = make(key)\n        with transaction.atomic():\n",
        seed=4,
    ),
    Bug(
        "key used again not compared",
        "I13",
        "payouts.portal.idempotent.replayed",
        "    if known.fingerprint != asked:\n",
        "    if False:\n",
        seed=4,
    ),
    Bug(
        "feed goes on from its end",
        "G41",
        "payouts.portal.feed.page",
        "shown[-1].number if shown else max(start, ours.last_number)",
        "max(start, ours.last_number)",
        seed=8,
    ),
    Bug(
        "feed forgets what it did not take up",
        "G41",
        "payouts.portal.feed.take_up",
        "UnfedEvent.objects.filter(pk__in=[each.pk for each in unfed]).delete()",
        "UnfedEvent.objects.all().delete()",
        seed=4,
    ),
    Bug(
        "another client's payouts shown",
        "I16",
        "payouts.portal.views.shown",
        "Payout.objects.for_client(client)",
        "Payout.objects.all()",
        seed=4,
    ),
    Bug(
        "wallet approved and what waits for it forgotten",
        "I11",
        "payouts.destinations.go_on",
        "                payout.go_on()\n",
        "                pass\n",
        seed=7,
    ),
    Bug(
        "a repeat ignores the stop of its coin",
        "I14",
        "payouts.submission.due_payouts",
        "    due = Payout.objects.sendable().outside(stopped)\n",
        "    due = Payout.objects.sendable()\n"
        "    due = due.outside(stopped) | due.filter(may_repeat=True)\n",
        seed=505,
    ),
    Bug(
        "guard counts what was looked at",
        "G68",
        "payouts.guard.of_differences",
        "later(clock.now() - HOUR, since)",
        "clock.now() - HOUR",
        seed=91,
    ),
    Bug(
        "missing approvals ignored at the claim",
        "I2",
        "payouts.eligibility.Eligibility.refusal_by_policy",
        "    if missing := rules.missing(required, people):\n",
        "    if missing := None:\n",
        seed=29,
    ),
    Bug(
        "a repeat skips the policy",
        "I2",
        "payouts.eligibility.Eligibility.of",
        "    if refusal := self.refusal_by_policy(payout, verdict, is_released=is_released):\n",
        "    if payout.status == PayoutStatus.APPROVED and (\n"
        "        refusal := self.refusal_by_policy(payout, verdict, is_released=is_released)\n"
        "    ):\n",
        seed=29,
    ),
    Bug(
        "judged by the version of the approval",
        "I2",
        "payouts.eligibility.Eligibility.of",
        "    verdict = rules.judge(self.policy.rules, now)\n",
        "    from payouts.controls import documents\n"
        "    from payouts.controls.models import PolicyVersion\n"
        "    known = [each.facts.get('policy') for each in self.sealed[payout.pk]]\n"
        "    then = PolicyVersion.objects.get(number=max(int(each) for each in known if each))\n"
        "    verdict = rules.judge(documents.read(then.document).rules, now)\n",
        seed=29,
    ),
    Bug(
        "what nobody looked at taken for nothing",
        "I2",
        "payouts.eligibility.Eligibility.of",
        "    if not all(now.answers(rule.conditions) for rule in self.policy.rules):\n",
        "    if False:\n",
        seed=460,
    ),
    Bug(
        "approvals from before a change of rights count",
        "I2",
        "payouts.eligibility.Eligibility.outdated",
        "    if changed is not None and approval.decided_at <= changed:\n",
        "    if False:\n",
        seed=133,
    ),
    Bug(
        "a rule that blocks lets go",
        "I2",
        "payouts.eligibility.refusal_of_verdict",
        "    if verdict.blocked_by:\n",
        "    if False:\n",
        seed=107,
    ),
    Bug(
        "limits ignored",
        "I12",
        "payouts.submission.within_limits",
        "    if spends and (refusal := headroom.refusal(spends)):\n",
        "    if spends and (refusal := None):\n",
        seed=29,
    ),
    Bug(
        "limits forget what is under way",
        "I12",
        "payouts.controls.limits.counting",
        "Q(hour=UNDER_WAY) | Q(",
        "Q(",
        seed=29,
    ),
    Bug(
        "limits go on counting what was not paid",
        "I11",
        "payouts.spending.book",
        "        for place, amount in places(before).items():\n"
        "            moved[place] -= amount\n",
        "",
        seed=139,
    ),
    Bug(
        "a right given as soon as it is drafted",
        "G46",
        "payouts.staff.drafts.draft",
        "    found = kind(joint)\n",
        "    found = kind(joint)\n    found.do(actor)\n",
        seed=20,
    ),
    Bug(
        "a right confirmed by who gains it",
        "G46",
        "payouts.staff.drafts.confirm",
        "    if found.gains(actor.person_id or 0):\n",
        "    if False:\n",
        seed=178,
    ),
    Bug(
        "what fits overtakes in strict order",
        "G39",
        "payouts.funds.what_fits_goes",
        "    if values.funds_order == FundsOrder.STRICT:\n",
        "    if False:\n",
        seed=27,
    ),
    Bug(
        "foreign before calls without an answer were asked about",
        "I19",
        "payouts.reconciliation.asking.Inquiry.questions",
        "Attempt.objects.may_turn_up().exclude(pk__in=ids) if unknown else []",
        "[]",
        seed=143,
    ),
    Bug(
        "what people ended opened again by each comparison",
        "I19",
        "payouts.discrepancies.open_foreign",
        "    if last and agree(as_ended(last.theirs), theirs):\n",
        "    if False:\n",
    ),
    Bug(
        "final word taken over from the list",
        "I5",
        "payouts.reconciliation.asking.ask",
        'heleket.PayoutNotFound("")\n',
        'question.suspect.listed or heleket.PayoutNotFound("")\n',
        seed=11,
    ),
    Bug(
        "approvals outlive a restore",
        "G52",
        "payouts.reconciliation.restores.void",
        "    if payout.status not in STANDING:",
        "    if True:",
        seed=2,
    ),
    Bug(
        "a copy put back sends at once",
        "G52",
        "payouts.reconciliation.starting.judge",
        "        if found := unknown(payouts):\n",
        "        if found := []:\n",
        seed=73,
    ),
    Bug(
        "no postings on the way back",
        "G67",
        "payouts.journal.book",
        "position(was) != position(each.row.__dict__)",
        "position(was) != (position(each.row.__dict__) or position(was))",
    ),
    Bug(
        "what came back left out of the balance",
        "I10",
        "payouts.books.balance_proof.fill_in",
        "            if each.currency == coin and is_later and each.heard_at <= until:\n",
        "            if False:\n",
        seed=8,
    ),
]

# No run writes to the tables past the desk: a test that does finds this one.
CLAIM_BELIEVES_ROWS = Bug(
    "claim that believes rows",
    "I2",
    "payouts.eligibility.is_sealed",
    "    return any(\n",
    "    return True or any(\n",
)

# No run makes a statement that is mistaken: a test makes one.
DIGEST_OF_ANOTHER_ROW = Bug(
    "digest of another row counts",
    "I2",
    "payouts.eligibility.is_stated",
    "stated.rows.get(str(approval.payout_id)) if stated else None",
    "next((r for r in stated.rows.values() if r.digest == approval.digest), None)",
)

# A single thread cannot see a lock that is missing: these are found by races on PostgreSQL.
NO_ROW_LOCK = Bug(
    "no row lock in change",
    "I4",
    "payouts.transitions.change",
    'rows.select_for_update(of=["self"])',
    "rows",
)
LIMIT_BEFORE_LOCK = Bug(
    "limit checked before the lock",
    "I12",
    "payouts.gateway.rate_limit.available",
    "RateLimit.objects.select_for_update() if rate else RateLimit.objects.all()",
    "RateLimit.objects.all()",
)
LIMITS_UNLOCKED = Bug(
    "limit of the policy checked without its lock",
    "I12",
    "payouts.controls.limits.lock",
    "advisory_lock(LIMITS_LOCK)",
    "pass",
)
FUNDS_UNLOCKED = Bug(
    "balance gone by without a lock",
    "I12",
    "payouts.funds.lock",
    "advisory_lock(FUNDS_LOCK)",
    "pass",
)
# Nor does anybody there speak HTTP: the client's own tests find this one.
INTERIM_ANSWER = Bug(
    "interim answer taken for the real one",
    "I6",
    "heleket.transport._is_interim",
    "100 <= status < 200",
    "status == 100",
)
STOP_BEHIND_CLAIMS = Bug(
    "stop behind the claims",
    "I14",
    "payouts.submission.claim",
    "        stops.let_stops_pass()\n",
    "        rows = 'SELECT * FROM payouts_controls_switch WHERE id = 1 FOR SHARE'\n"
    "        list(Switch.objects.raw(rows))\n",
)
# What it takes for these is too rare in a run: the tests of their faults find them.
NEW_TRY_AT_ONCE = Bug(
    "new generation at once",
    "I1",
    "payouts.submission.unclear_tries",
    "    return [each for each in earlier if each.clear_at is None or each.clear_at < fresh]",
    "    return []",
)
STOPPED_NOT_ASKED = Bug(
    "stopped payout not asked",
    "I11",
    "payouts.polling.claim",
    "        askable = Payout.objects.askable()\n",
    "        askable = Payout.objects.askable().exclude(waiting_for='discrepancy')\n",
)
RULE_NOT_COMPARED = Bug(
    "what a rule let go not compared with it",
    "I3",
    "payouts.eligibility.Eligibility.refusal_of_approvals",
    "(*sealed, *(each.digest for each in given))",
    "[each.digest for each in given]",
)
LINKED_UNCLEAR = Bug(
    "link while a call may still be executed",
    "I1",
    "payouts.links.refusal_of_tries",
    "        if not (each.is_over or (is_clear and is_late)):\n",
    "        if False:\n",
)
REPEAT_COMPARED = Bug(
    "repeat compared with the present row",
    "I13",
    "payouts.requests.same_request",
    "known.fingerprint != ",
    "fingerprint(known) != ",
)
