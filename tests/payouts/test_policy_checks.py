"""What contradicts itself in a policy, or can never be met, is found before it is drafted."""

from dataclasses import replace

import pytest
from django.core import checks as django_checks

from audit.actor import Actor, Channel
from audit.refusals import Refused
from payouts.controls import checks, documents, policy
from payouts.controls.checks import Known
from payouts.controls.models import PolicyVersion
from payouts.staff.models import JointAct
from tests import policies
from tests.factories import ClientFactory, StaffFactory

ABOVE = {"above": "1000"}
EVERY = policies.require(1, "Every payout")
LARGE = policies.require(2, "Large", "Approver", amounts={"payout": ABOVE})
BOARD = policies.require(1, "Board", "Board")
KNOWN = Known(
    groups={"Approver", "Treasurer", "Board", "Requester"},
    approvers={1: {"Approver"}, 2: {"Approver", "Treasurer"}, 3: {"Approver", "Requester"}},
    requesters={3, 9},
    logins={1: "amira", 2: "arno", 3: "rosa", 9: "rafael"},
    clients={"C-1"},
    currencies={"USDT", "BTC"},
    networks={"tron", "btc"},
)


def allow(name="Small ones", **conditions):
    return {"name": name, "effect": "allow", "if": conditions}


def block(name="Not these", **conditions):
    return {"name": name, "effect": "block", "if": conditions}


def limit(of, at_most, hours=24, **more):
    return {"of": of, "at_most": at_most, **({"hours": hours} if hours else {}), **more}


def found(*rules, limits=(), known=KNOWN, **values):
    document = policies.with_values(policies.LENIENT, **values)
    text = documents.canonical({**document, "rules": list(rules), "limits": list(limits)})
    return checks.check(documents.read(text), known)


def refusals(*rules, **more):
    return [each.sentence for each in found(*rules, **more).refusals]


def test_an_ordinary_policy_is_sound():
    both = found(EVERY, LARGE, limits=[limit("client", "10"), limit("client", "50", 168)])

    assert (both.refusals, both.warnings) == ([], [])


def test_two_rules_of_one_name_are_refused_at_the_second():
    twice = found(EVERY, LARGE, policies.require(3, "Large")).refusals

    assert [(each.rule, each.sentence) for each in twice] == [
        (2, "There is another rule called “Large”.")
    ]


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        (policies.require(1, "R", "Chef"), "“R” asks for the role “Chef”, which does not exist."),
        (BOARD, "“Board” asks for 1 approval from Board. Active people with that role who may"),
        (policies.require(4, "R", "Approver"), "who may approve: 3."),
        (policies.require(4, "R"), "“R” asks for 4 approvals. People who may approve: 3."),
        (block(clients=["C-7"]), "There is no client with the id “C-7”."),
        (block(currencies=["USTD"]), "The desk does not know the coin “USTD”."),
        (block(networks=["trom"]), "The desk does not know the network “trom”."),
        (block(amounts={"payout": ABOVE, "client_day": {"up_to": "1000"}}), "can never apply"),
    ],
)
def test_a_rule_that_nothing_can_fulfil_is_refused(rule, sentence):
    [said] = found(EVERY, rule).refusals

    assert sentence in said.sentence
    assert said.rule == 1


@pytest.mark.parametrize(
    ("one", "sentence"),
    [
        (limit("client", "5", only="C-7"), "There is no client with the id “C-7”."),
        (limit("currency", "5", only="USTD"), "The desk does not know the coin “USTD”."),
    ],
)
def test_a_limit_for_what_is_not_known_is_refused(one, sentence):
    [said] = found(EVERY, limits=[limit("client", "5", only="C-1"), one]).refusals

    assert (said.sentence, said.limit) == (sentence, 1)


@pytest.mark.parametrize(
    ("narrow", "wide"),
    [
        ({}, {}),
        ({"currencies": ["USDT"]}, {}),
        ({"currencies": ["USDT"]}, {"currencies": ["BTC", "USDT"]}),
        ({"amounts": {"payout": {"up_to": "5"}}}, {"amounts": {"payout": {"up_to": "6"}}}),
        ({"amounts": {"payout": {"above": "6"}}}, {"amounts": {"client_day": {"above": "5"}}}),
        ({"amounts": {"client_day": {"up_to": "5"}}}, {"amounts": {"payout": {"up_to": "5"}}}),
        ({"flag": "high"}, {"flag": "medium"}),
        ({}, {"flag": "none"}),
        ({"wallet_hours": {"above": "48"}}, {"wallet_hours": {"above": "24"}}),
    ],
)
def test_an_allowance_that_another_rule_always_overrules_is_refused(narrow, wide):
    said = refusals(allow(**narrow), policies.require(1, "Wide", **wide))

    assert said == ["“Small ones” lets nothing go: “Wide” applies to all of it as well."]
    assert refusals(allow(**narrow), block("Wide", **wide)) == said


@pytest.mark.parametrize(
    ("narrow", "other"),
    [
        ({}, {"currencies": ["USDT"]}),
        ({"currencies": ["BTC", "USDT"]}, {"currencies": ["USDT"]}),
        ({"amounts": {"payout": {"up_to": "6"}}}, {"amounts": {"payout": {"above": "5"}}}),
        ({"amounts": {"client_day": {"above": "6"}}}, {"amounts": {"payout": {"above": "5"}}}),
        ({"flag": "medium"}, {"flag": "high"}),
        ({"clients": ["C-1"]}, {"networks": ["tron"]}),
    ],
)
def test_an_allowance_that_is_good_for_something_is_not(narrow, other):
    assert refusals(allow(**narrow), policies.require(1, "Other", **other)) == []


def test_what_one_person_would_have_to_approve_twice_is_refused():
    """Only arno is a Treasurer, and only two are left for the Approvers then."""
    three = policies.require(3, "Three", "Approver", currencies=["USDT"])
    treasurer = policies.require(1, "Treasury", "Treasurer", amounts={"payout": ABOVE})

    [said] = refusals(EVERY, three, treasurer)

    assert "apply: “Three”, “Treasury”." in said
    assert "They need 3 from Approver, 1 from Treasurer" in said
    assert "1 from Treasurer would be missing" in said


def test_rules_that_never_apply_together_do_not_add_up():
    three = policies.require(2, "Two", "Approver", currencies=["USDT"])
    known = replace(KNOWN, approvers={1: {"Approver"}, 2: {"Approver", "Treasurer"}})

    for other in (
        {"currencies": ["BTC"]},
        {"networks": ["btc"], "currencies": ["BTC", "TRX"]},
    ):
        treasurer = policies.require(1, "Treasury", "Treasurer", **other)
        known = replace(known, currencies={"USDT", "BTC", "TRX"})
        assert refusals(three, treasurer, known=known) == []
    together = policies.require(1, "Treasury", "Treasurer", networks=["tron"])
    assert len(refusals(three, together, known=known)) == 1


def test_sums_and_the_payout_itself_apply_together_only_if_they_can():
    small = policies.require(2, "Small", "Approver", amounts={"client_day": {"up_to": "100"}})
    large = policies.require(1, "Large", "Treasurer", amounts={"payout": {"above": "100"}})
    known = replace(KNOWN, approvers={1: {"Approver"}, 2: {"Approver", "Treasurer"}})

    assert refusals(small, large, known=known) == []


def test_c5_what_only_the_requester_could_approve_is_refused():
    """rosa may request and approve: of her own payouts two others are left, one too few."""
    three = policies.require(3, "Large", "Approver", amounts={"payout": ABOVE})

    [said] = refusals(EVERY, three)

    assert said.startswith("If rosa requests a payout, the others could never approve it")
    assert "1 from Approver would be missing" in said
    apart = replace(KNOWN, requesters={9})
    assert refusals(EVERY, three, known=apart) == []


def test_what_is_odd_but_may_be_meant_is_a_warning():
    said = [
        each.sentence
        for each in found(
            LARGE,
            block("Stop"),
            limits=[
                limit("desk", "100", 24),
                limit("desk", "50", 720),
                limit("client", "9", only="C-1"),
                limit("client", "8", only="C-1"),
            ],
        ).warnings
    ]

    assert said == [
        "“Stop” blocks every payout: nothing is paid any more.",
        "There are two limits for “C-1” in 24 hours.",
        (
            "The limit for the whole desk in 24 hours is above that for the whole desk in 30 days, "
            "which is reached before."
        ),
    ]
    [only] = found(LARGE).warnings
    assert only.sentence.startswith("No rule applies to every payout.")


def warnings(*rules, **more):
    assert refusals(*rules, **more) == []
    return [(each.sentence, each.rule, each.limit) for each in found(*rules, **more).warnings]


def test_a_limit_of_0_is_refused():
    [said] = found(EVERY, limits=[limit("client", "5"), limit("desk", "0", 168)]).refusals

    assert said.sentence == (
        "A limit of 0 lets nothing go. Have a rule block it, or pause sending."
    )
    assert said.limit == 1


@pytest.mark.parametrize(("most", "is_refused"), [("999", True), ("1000", True), ("1001", False)])
def test_a_rule_for_payouts_above_the_limit_for_one_is_refused(most, is_refused):
    """Sums may be above it all the same."""
    sums = policies.require(2, "Sums", "Approver", amounts={"client_day": {"above": "5000"}})

    said = found(EVERY, LARGE, sums, limits=[limit("payout", most, 0)]).refusals

    sentence = f"“Large” can never apply: the limit for one payout is {most}."
    assert [(each.sentence, each.rule) for each in said] == [(sentence, 1)] * is_refused


@pytest.mark.parametrize(
    ("limits", "sentence", "at"),
    [
        (
            [limit("desk", "50"), limit("client", "51")],
            "The limit for one client in 24 hours is above that for the whole desk in 24 hours",
            1,
        ),
        (
            [limit("client", "51", only="C-1"), limit("desk", "50", 720)],
            "The limit for “C-1” in 24 hours is above that for the whole desk in 30 days",
            0,
        ),
        (
            [limit("currency", "9", only="BTC"), limit("currency", "8")],
            "The limit for “BTC” in 24 hours is above that for one coin in 24 hours",
            0,
        ),
        (
            [limit("client", "9"), limit("client", "8", 168)],
            "The limit for one client in 24 hours is above that for one client in 7 days",
            0,
        ),
        (
            [limit("payout", "9", 0), limit("desk", "8", 24)],
            "The limit for one payout is above that for the whole desk in 24 hours",
            0,
        ),
    ],
)
def test_a_limit_that_another_one_keeps_from_being_reached_is_a_warning(limits, sentence, at):
    assert warnings(EVERY, limits=limits) == [(f"{sentence}, which is reached before.", None, at)]


@pytest.mark.parametrize(
    "limits",
    [
        [limit("desk", "50"), limit("client", "50")],
        [limit("desk", "50"), limit("client", "51", 168)],
        [limit("client", "9", only="C-1"), limit("client", "8")],  # which takes the place of it
        [limit("currency", "9", only="BTC"), limit("currency", "8", only="USDT")],
        [limit("currency", "9"), limit("client", "8")],
    ],
)
def test_limits_that_can_all_be_reached_are_no_warning(limits):
    assert warnings(EVERY, limits=limits) == []


@pytest.mark.parametrize(("change", "is_odd"), [("99.9", False), ("100", True), ("5000", True)])
def test_rates_that_are_hardly_ever_doubted_are_a_warning(change, is_odd):
    sentence = f"A rate is doubted from {change} % on: one that falls never is, however far."

    assert warnings(EVERY, rate_change=change) == [(sentence, None, None)] * is_odd


TWO = policies.require(2, "Two", "Approver")
TREASURER = policies.require(1, "Treasury", "Treasurer")


@pytest.mark.parametrize(
    ("rules", "at", "required"),
    [
        ([TWO, policies.require(2, "Any", currencies=["BTC"])], 1, "2 from Approver"),
        ([policies.require(2, "Any", currencies=["BTC"]), TWO], 0, "2 from Approver"),
        ([TWO, policies.require(1, "Again", "Approver")], 1, "2 from Approver"),
        ([EVERY, policies.require(1, "Again")], 1, "1 from anyone who may approve"),
        (
            [policies.require(1, "One", "Approver"), TREASURER, policies.require(2, "Any")],
            2,
            "1 from Approver, 1 from Treasurer",
        ),
    ],
)
def test_a_rule_that_adds_nothing_is_a_warning(rules, at, required):
    apart = replace(KNOWN, requesters={9})
    said = f"“{rules[at]['name']}” adds nothing: where it applies, others ask for {required}."

    found_there = [each for each in warnings(*rules, known=apart) if "adds nothing" in each[0]]
    assert found_there == [(said, at, None)]


@pytest.mark.parametrize(
    "rules",
    [
        [TREASURER, policies.require(2, "Any")],
        [policies.require(2, "Any"), policies.require(1, "One", "Approver")],
        [EVERY, policies.require(2, "Bitcoin", currencies=["BTC"])],
        [EVERY, block(currencies=["BTC"]), policies.require(2, "Tron", networks=["tron"])],
    ],
)
def test_a_rule_that_adds_something_is_no_warning(rules):
    assert warnings(*rules) == []


SMALL = allow("Small", amounts={"payout": {"up_to": "100"}})
ABOVE_ALL = policies.require(1, "Large", amounts={"payout": {"above": "100"}})
SPLIT = "“Small” lets one person split a payment: no rule and no limit looks at the sum of a day."


@pytest.mark.parametrize(
    "more",
    [
        [],
        [policies.require(1, "Sums", currencies=["BTC"], amounts={"batch": {"above": "9"}})],
        [allow("More", amounts={"client_day": {"above": "9"}, "payout": {"up_to": "100"}})],
    ],
)
def test_what_one_person_can_split_without_approval_is_a_warning(more):
    assert (SPLIT, 0, None) in warnings(SMALL, ABOVE_ALL, *more)
    own = limit("client", "500", only="C-1")
    assert (SPLIT, 0, None) in warnings(SMALL, ABOVE_ALL, *more, limits=[own])


@pytest.mark.parametrize(
    ("rules", "limits"),
    [
        ([SMALL, policies.require(1, "Sums", amounts={"requester_day": {"above": "500"}})], []),
        ([SMALL], [limit("client", "500")]),
        ([SMALL], [limit("desk", "500", 168)]),
        ([allow("Small", amounts={"payout": {"up_to": "1"}, "client_day": {"up_to": "9"}})], []),
    ],
)
def test_what_a_rule_or_limit_of_a_day_ends_is_no_split(rules, limits):
    said = [each for each, _rule, _limit in warnings(*rules, ABOVE_ALL, limits=limits)]

    assert not [each for each in said if "split" in each]


def test_the_policy_of_a_fresh_desk_is_sound():
    apart = replace(KNOWN, requesters={9})
    both = checks.check(documents.read(documents.canonical(policies.STARTER)), apart)

    assert (both.refusals, both.warnings) == ([], [])


# With the staff that there is


def document(*rules):
    return documents.canonical({**policies.LENIENT, "rules": list(rules)})


def manager():
    return Actor.staff(StaffFactory(roles=["Policy manager"]), Channel.ADMIN)


@pytest.mark.django_db
def test_c5_a_policy_that_only_its_requesters_meet_is_not_drafted():
    StaffFactory(roles=["Requester", "Approver"])
    StaffFactory(roles=["Approver"])
    StaffFactory(roles=["Approver"], is_active=False)

    with pytest.raises(Refused) as refused:
        policy.propose(document(LARGE), reason="More eyes", actor=manager())

    assert refused.value.code == "policy_not_workable"
    assert "requests a payout, the others could never approve it" in str(refused.value)
    assert not JointAct.objects.exists()
    StaffFactory(roles=["Approver"])
    assert policy.propose(document(LARGE), reason="More eyes", actor=manager())


@pytest.mark.django_db
def test_a_draft_that_the_staff_can_no_longer_meet_does_not_come_in_force():
    ClientFactory(external_id="C-1")
    people = [StaffFactory(roles=["Approver"]) for _ in range(2)]
    text = document(LARGE, block(clients=["C-1"]))
    draft = policy.propose(text, reason="More eyes", actor=manager())
    people[0].groups.clear()

    with pytest.raises(Refused, match=r"Active people with that role who may approve: 1\."):
        policy.confirm(draft.pk, actor=manager())

    assert PolicyVersion.objects.count() == 1
    assert policy.draft() == draft


@pytest.mark.django_db
def test_the_system_check_says_that_the_staff_cannot_satisfy_the_policy():
    people = [StaffFactory(roles=["Policy manager"]), StaffFactory(roles=["Approver"])]

    def warnings():
        found = django_checks.run_checks(tags=["database"], databases=["default"])
        return [each.msg for each in found if "policy." in each.msg]

    assert warnings() == []
    policies.put_in_force({**policies.LENIENT, "rules": [LARGE]}, by=people)
    assert warnings() == [
        (
            "The staff cannot satisfy the policy. “Large” asks for 2 approvals from Approver. "
            "Active people with that role who may approve: 1."
        )
    ]
    StaffFactory(roles=["Approver"])
    assert warnings() == []
