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


def found(*rules, limits=(), known=KNOWN):
    text = documents.canonical({**policies.LENIENT, "rules": list(rules), "limits": list(limits)})
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
        (
            "The limit for the whole desk in 24 hours is above that for the whole desk in 30 days, "
            "which is reached before."
        ),
        "There are two limits for “C-1” in 24 hours.",
    ]
    [only] = found(LARGE).warnings
    assert only.sentence.startswith("No rule applies to every payout.")


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
