"""Which approvals a payout takes, as its page says it before the first one and after it."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from audit import clock as money_clock
from audit.actor import Actor, Channel
from audit.operations import perform
from payouts import known, notices, operations
from payouts.controls.models import PolicyVersion
from payouts.models import PayoutMaker, PayoutStatus
from payouts.seen import see
from payouts.staff import powers
from tests import policies
from tests.every_page import unmarked
from tests.factories import DiscrepancyFactory, PayoutFactory, StaffFactory, WalletFactory
from tests.payouts.rounds import now

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("usdt")]

EVERY = policies.require(1, "Every payout", group="Approver")
LARGE = policies.require(
    2, "More than 1,000", group="Approver", amounts={"payout": {"above": "1000"}}
)
NOBODY_LETS_IT_GO = ["could give it", "It takes"]


@pytest.fixture
def amira():
    return StaffFactory(username="amira", roles=["Approver"])


@pytest.fixture
def arno():
    return StaffFactory(username="arno", roles=["Approver"])


@pytest.fixture
def seen(client):
    """Return what a page says of the approvals, to an auditor if to nobody else."""

    def read(payout, person=None):
        client.force_login(person or StaffFactory(roles=["Auditor"]))
        page = client.get(reverse("admin:payouts_payout_change", args=[payout.pk]))
        text = unmarked(page).partition('id="payout-now"')[2]
        return " ".join(re.sub(r"<[^>]+>", " ", text).split())

    return read


@pytest.fixture
def rules():
    def put(*rules):
        document = {**policies.LENIENT, "rules": list(rules)}
        policies.put_in_force(document, [StaffFactory(), StaffFactory()])

    return put


def do(operation, payout, person, reason=""):
    actor = Actor.staff(person, Channel.ADMIN)
    [outcome] = perform(operation, see([now(payout)]), actor=actor, reason=reason)
    assert outcome.done, outcome.text


def test_it_says_so_before_the_first_approval_and_after_it(seen, rules, amira, arno):
    rules(EVERY, LARGE)
    payout = PayoutFactory(amount=1500)

    before = seen(payout)
    do(operations.APPROVE, payout, amira)
    after = seen(payout)

    assert "It takes 2 approvals from Approver; none yet." in before
    assert "2 from Approver could give it: amira, arno" in before
    assert "It takes 2 approvals from Approver; 1 is given." in after
    assert "amira approved it" in after
    assert "1 from Approver could give it: arno" in after
    sentence = "More than 1,000 USD: 2 approvals from Approver. Here: 1,500.00 USD."
    for page in (before, after):
        assert f"More than 1,000 {sentence}" in page
        assert "Every payout:" not in page  # it asks for no more than the other does
        assert page.count("approvals from Approver;") == 1
    assert "It needs more approvals" not in after  # which was so when amira approved it


def test_an_ordinary_one_takes_one(seen, rules, amira):
    rules(EVERY, LARGE)

    page = seen(PayoutFactory())

    assert "It takes 1 approval from Approver; none yet." in page
    assert "1 from Approver could give it: amira" in page
    assert "Every payout Every payout: 1 approval from Approver." in page


def test_two_groups_each_with_those_who_could(seen, rules, amira, arno):
    treasurers = Group.objects.create(name="Treasurer")
    arno.groups.add(treasurers)
    rules(EVERY, policies.require(1, "Treasury", group="Treasurer"), policies.require(3, "Three"))

    page = seen(PayoutFactory())

    each = "1 from anyone who may approve, 1 from Approver, 1 from Treasurer"
    assert f"It takes 3 approvals: {each}; none yet." in page
    assert "1 from anyone who may approve could give it: amira, arno" in page
    assert "1 from Treasurer could give it: arno " in page


def test_makers_could_not_give_one_and_too_few_are_said_to_be(seen, rules, amira, arno):
    rules(LARGE)
    payout = PayoutFactory(amount=1500)
    PayoutMaker.objects.create(payout=payout, person=arno, role="edited")

    too_few = seen(payout)
    PayoutMaker.objects.create(payout=payout, person=amira, role="edited")
    nobody = seen(payout)

    assert "2 from Approver could give it: amira These are too few." in too_few
    assert "2 from Approver Nobody else could give it" in nobody


def test_one_on_hold_says_it_for_the_time_after_its_release(seen, rules, amira):
    rules(EVERY)
    payout = PayoutFactory()
    do(operations.APPROVE, other := PayoutFactory(amount=7), amira)
    do(operations.HOLD, other, amira, reason="Ask the client")
    do(operations.HOLD, payout, amira, reason="Ask the client")

    for held in (payout, other):
        page = seen(held)
        assert "Once released, it takes 1 approval from Approver; none yet." in page
        assert "It was put on hold: Ask the client" in page
        assert "An approver can release it." in page
    assert "amira had approved it. Void: Put on hold" in seen(other)
    assert "had approved it" not in seen(payout)


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        (
            {"name": "No prizes", "effect": "block", "if": {}},
            "The policy blocks it: “No prizes”. No prizes Every payout: blocked.",
        ),
        (
            policies.require(1, currencies=["BTC"]),
            "No rule of the policy lets it be paid. Policy, version 2",
        ),
    ],
)
def test_where_nobody_can_let_it_go_that_is_said_first(seen, rules, amira, rule, says):
    payout = PayoutFactory()
    rules(*([EVERY] if rule["effect"] == "block" else []), rule)

    for page in (seen(payout), seen(payout, amira)):
        assert says in page
        assert not any(words in page for words in NOBODY_LETS_IT_GO)


def test_a_rule_that_sets_it_aside_is_named_with_what_it_takes_then(seen, rules, amira):
    rules(EVERY, {"name": "Look first", "effect": "hold", "if": {}})
    payout = PayoutFactory()

    page = seen(payout)

    aside = "The policy sets it aside: “Look first”."
    assert f"{aside} Once released, it takes 1 approval from Approver; none yet." in page
    assert "Look first Every payout: put on hold." in page
    do(operations.HOLD, payout, amira, reason="As the policy says")
    do(operations.RELEASE, payout, amira)
    assert "Waits for approval" in seen(payout)
    assert "It takes 1 approval from Approver; none yet." in seen(payout)
    assert aside not in seen(payout)


def test_one_that_a_rule_would_let_go_alone_takes_one_person_as_it_waits(seen, rules, amira):
    payout = PayoutFactory()
    rules({"name": "Small ones", "effect": "allow", "if": {}})

    page = seen(payout)

    assert "The policy lets it go without approval: “Small ones”." in page
    assert "As it waits, one person lets it go. " in page
    assert "1 from anyone who may approve could give it: amira" in page
    assert "Small ones Every payout: no approval needed." in page
    do(operations.APPROVE, payout, amira)
    assert now(payout).status == PayoutStatus.APPROVED


def test_a_policy_that_asks_for_less_than_is_given_is_said_to_do_so(seen, rules, amira, arno):
    rules(LARGE)
    payout = PayoutFactory(amount=1500)
    do(operations.APPROVE, payout, amira)
    rules(EVERY)

    page = seen(payout)

    assert "It takes 1 approval from Approver; it has them, and the next approval" in page
    do(operations.APPROVE, payout, arno)
    assert now(payout).status == PayoutStatus.APPROVED


def test_a_doubt_takes_two_and_says_why(seen, rules, amira):
    rules(EVERY)
    failed = PayoutFactory(status=PayoutStatus.FAILED)
    DiscrepancyFactory(payout=failed, attempt=None, key="lost")

    page = seen(PayoutFactory(wallet=failed.wallet))

    each = "1 from anyone who may approve, 1 from Approver"
    assert f"It takes 2 approvals: {each}; none yet." in page
    assert "In doubt One like it may be paid already: two people let it go" in page


def test_a_coin_without_a_rate_and_a_forged_policy_are_said(seen, rules, real_rates, amira):
    rules(EVERY)
    payout = PayoutFactory()

    unpriced = seen(payout)
    newest = PolicyVersion.objects.order_by("number").last()
    forged = PolicyVersion(
        number=newest.number + 1,
        document=newest.document,
        digest=newest.digest,
        drafted_by=newest.drafted_by,
        approved_by=newest.approved_by,
        in_force_at=money_clock.now(),
        reason="x",
        hash="0" * 64,
    )
    forged.save(force_insert=True)

    assert "There is no exchange rate yet" in unpriced
    for page in (unpriced, seen(payout)):
        assert not any(words in page for words in NOBODY_LETS_IT_GO)
    assert "written past the desk" in seen(payout)


def test_an_edit_voids_what_was_given_and_says_so_until_somebody_approves_anew(
    seen, rules, amira, arno
):
    rules(LARGE)
    payout = PayoutFactory(amount=1500)
    do(operations.APPROVE, payout, amira)
    edit = operations.Edit(payout.wallet, "USDT", amount=1600, purpose="Prize")
    do(edit, payout, payout.requested_by, reason="A wrong sum")

    edited = seen(payout)
    do(operations.APPROVE, payout, arno)

    assert "It takes 2 approvals from Approver; none yet." in edited
    assert "amira had approved it. Void: Changed" in edited
    assert "Here: 1,600.00 USD." in edited
    assert "amira had approved it" not in seen(payout)
    assert "1 from Approver could give it: amira" in seen(payout)


def test_i2_an_approver_whose_rights_change_has_approved_nothing_any_more(
    seen, rules, amira, arno, clock
):
    """And the next approval is not taken for the last."""
    rules(LARGE)
    payout = PayoutFactory(amount=1500)
    do(operations.APPROVE, payout, amira)
    clock.forward(minutes=1)
    powers.note_change([amira.pk])

    page = seen(payout)
    do(operations.APPROVE, payout, arno)

    assert "It takes 2 approvals from Approver; none yet." in page
    assert "amira had approved it. Void: The rights, the password or the address" in page
    assert now(payout).status == PayoutStatus.PENDING
    do(operations.APPROVE, payout, amira)
    assert now(payout).status == PayoutStatus.APPROVED


def test_i2_who_may_approve_no_more_has_approved_nothing(seen, rules, amira, arno):
    rules(policies.require(2))
    payout = PayoutFactory()
    do(operations.APPROVE, payout, amira)
    amira.groups.clear()

    assert "2 from anyone who may approve could give it: arno These are too few." in seen(payout)
    do(operations.APPROVE, payout, arno)
    assert now(payout).status == PayoutStatus.PENDING


def test_who_answers_clients_reads_nothing_of_it(seen, rules):
    rules(LARGE)

    page = seen(PayoutFactory(amount=1500), StaffFactory(roles=["Support"]))

    assert "It takes" not in page
    assert "More than 1,000" not in page


def test_names_and_rules_are_escaped_and_many_are_folded(seen, rules):
    rules(*[policies.require(1, f"<b>Rule {number}</b>", group="Approver") for number in range(5)])
    for number in range(8):
        StaffFactory(username=f"user.{number}", roles=["Approver"])
    payout = PayoutFactory(wallet=WalletFactory())

    page = seen(payout)

    assert "&lt;b&gt;Rule 0&lt;/b&gt; Every payout: 1 approval from Approver." in page
    assert "3 more rules ask for as much" in page
    assert "user.5 and 2 more" in page


@pytest.mark.parametrize("role", ["Approver", "Auditor"])
def test_the_page_looks_up_flags_and_duplicates_once_and_asks_as_often_for_many(
    client, rules, role, monkeypatch
):
    rules(EVERY, LARGE, policies.require(2, "High", flag="high", group="Approver"))
    asked, duplicates = [], known.SameAmounts
    finders = (lambda _known: asked.append("notices") or iter(()), *notices.FINDERS)
    monkeypatch.setattr(notices, "FINDERS", finders)
    monkeypatch.setattr(
        known, "SameAmounts", lambda *args: asked.append("duplicates") or duplicates(*args)
    )
    client.force_login(StaffFactory(roles=[role]))
    long_ago = money_clock.now() - timedelta(days=30)
    payout = PayoutFactory(amount=1500, requested_at=long_ago)
    url = reverse("admin:payouts_payout_change", args=[payout.pk])

    def statements():
        client.get(url)
        asked.clear()
        with CaptureQueriesContext(connection) as captured:
            client.get(url)
        return len(captured)

    StaffFactory(roles=["Approver"])
    few = statements()
    for _ in range(5):
        StaffFactory(roles=["Approver"])
        PayoutMaker.objects.create(payout=payout, person=StaffFactory(), role="edited")

    assert statements() == few
    assert asked == ["notices", "duplicates"]
