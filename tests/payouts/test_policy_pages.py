"""The policy in the Admin: read in sentences, drafted in a form, approved by a second person."""

import json
import re
from datetime import timedelta
from decimal import Decimal
from html import unescape

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, transaction
from django.urls import reverse

from audit import chain, clock
from audit.actor import Actor, Channel
from audit.models import DeskEvent
from payouts.controls import documents, limits, policy, starter, usage
from payouts.controls.models import PolicyVersion, Spent
from payouts.staff.models import JointAct
from tests import policies
from tests.every_page import unmarked
from tests.factories import (
    ClientFactory,
    PayoutFactory,
    PayoutMethodFactory,
    StaffFactory,
    WalletFactory,
)
from wallets.amounts import format_amount
from wallets.models import Client

pytestmark = pytest.mark.django_db

FULL = {
    "rules": [
        {"name": "Every payout", "effect": "require", "count": 1},
        policies.require(2, "Large", "Approver", amounts={"payout": {"above": "1000"}}),
        policies.require(
            2, "Sums", amounts={"client_day": {"above": "5000", "up_to": "90000"}}, flag="medium"
        ),
        {
            "name": "Not there",
            "effect": "block",
            "if": {
                "currencies": ["BTC", "DOGE"],
                "networks": ["tron"],
                "clients": ["C-1"],
                "origins": ["api", "import"],
                "wallet_hours": {"up_to": "24"},
            },
        },
    ],
    "limits": [
        {"of": "payout", "at_most": "100000"},
        {"of": "client", "hours": 24, "at_most": "2500.5", "only": "C-1"},
        {"of": "currency", "hours": 168, "at_most": "1000"},
        {"of": "desk", "hours": 720, "at_most": "900000"},
    ],
    "values": {**policies.LENIENT["values"], "delay_seconds": 120, "run_times": ["09:00", "15:30"]},
}


@pytest.fixture(autouse=True)
def known():
    ClientFactory(external_id="C-1", name="Fern & Sons")
    for name in ("amira", "arno"):
        StaffFactory(username=name, roles=["Approver"])


@pytest.fixture
def petra(client):
    return log_in(client, "petra")


def log_in(client, name, role="Policy manager"):
    person = StaffFactory(username=name, roles=[role])
    client.force_login(person)
    return person


def url(page="changelist", *args):
    return reverse(f"admin:payouts_controls_policyversion_{page}", args=args)


def text(response):
    """Return the words of a page, with a blank for each tag."""
    page = re.sub(r"(?s)<(script|style).*?</\1>|<[^>]+>", " ", unmarked(response))
    return re.sub(r"\s+", " ", unescape(page))


def fields_of(response):
    """What a browser would post of the form on this page, if nothing is typed."""
    forms = response.context["forms"]
    found = {"rules": len(forms.rules), "limits": len(forms.limits)}
    for form in [*forms.rules, *forms.limits, forms.values, forms.why]:
        for bound in form:
            value = bound.field.prepare_value(bound.value())
            if value or value in (0, False):
                found[bound.html_name] = str(value) if isinstance(value, bool) else value
    return found


def save(client, act="save", reason="Policy of the year", **typed):
    fields = {**fields_of(client.get(url("edit"))), "reason": reason, **typed, "do": act}
    return client.post(url("edit"), fields, follow=True)


def draft_by(person, document=FULL):
    return policy.propose(
        documents.canonical(document), reason="More eyes", actor=Actor.staff(person, Channel.ADMIN)
    )


def decide(client, page, draft):
    return client.post(url(page), {"proposal": draft.pk}, follow=True)


def nothing_changed():
    return not JointAct.objects.exists() and PolicyVersion.objects.count() == 1


def put_in_force(document):
    return policies.put_in_force(document, by=[StaffFactory(), StaffFactory()])


# Reading


def test_the_policy_in_force_reads_in_sentences(client):
    put_in_force(FULL)
    log_in(client, "rosa", "Requester")

    shown = text(client.get(url()))

    for sentence in (
        "Policy version 2",
        "Every payout: 1 approval from anyone who may approve",
        "More than 1,000 USD: 2 approvals from Approver",
        (
            "More than 5,000 USD and at most 90,000 USD to one client in 24 hours, with a flag of "
            "medium or higher: 2 approvals from anyone who may approve"
        ),
        (
            "In “BTC” or “DOGE”, on TRON, to “Fern & Sons” (“C-1”), requested by way of: API or "
            "import, wallet approved in the last 24 hours: blocked"
        ),
        "One payout: at most 100,000 USD",
        "“Fern & Sons” (“C-1”) in 24 hours: at most 2,500.5 USD",
        "Each coin in 7 days: at most 1,000 USD",
        "The whole desk in 30 days: at most 900,000 USD",
        "Time to undo 2 minutes",
        "Run times of the day 09:00, 15:30",
        "For this test",
    ):
        assert sentence in shown
    assert "Draft a change" not in shown


def test_every_value_is_on_the_page_and_in_the_form(client, petra):
    response = client.get(url())
    form = client.get(url("edit")).context["forms"].values

    assert len(response.context["sentences"].values) == len(starter.VALUES)
    assert form.fields.keys() == starter.VALUES.keys()


def test_a_fresh_desk_shows_the_policy_it_came_with(client, petra):
    shown = text(client.get(url()))

    assert "In force: version 1" in shown
    assert "The policy that comes with the desk." in shown
    assert "There are no limits." in shown
    assert "Nobody has drafted a policy" in text(client.get(url("draft")))


def test_each_version_says_what_it_changed(client, petra):
    put_in_force(FULL)
    less = {**FULL, "rules": FULL["rules"][1:], "limits": FULL["limits"][:3]}
    less["rules"] = [policies.require(3, "Large", "Approver"), *less["rules"][1:]]
    put_in_force(policies.with_values(less, delay_seconds=300))

    response = client.get(url("change", 3))

    changes = [(each.kind, each.before, each.after) for each in response.context["changes"]]
    assert changes == [
        (
            "changed",
            "More than 1,000 USD: 2 approvals from Approver",
            "Every payout: 3 approvals from Approver",
        ),
        ("removed", "Every payout: 1 approval from anyone who may approve", ""),
        ("removed", "The whole desk in 30 days: at most 900,000 USD", ""),
        ("changed", "2 minutes", "5 minutes"),
    ]
    assert "What it changed of version 2" in text(response)
    assert "What it changed" not in text(client.get(url("change", 1)))
    assert client.get(url("change", 9)).status_code == 404


def test_the_policy_says_what_the_staff_cannot_meet(client, petra):
    put_in_force({**FULL, "rules": [policies.require(3, "Three", "Approver")]})
    omar = StaffFactory(roles=["Operator"])

    sentence = "The staff cannot satisfy this policy. “Three” asks for 3 approvals from Approver."
    assert sentence in text(client.get(url()))
    client.force_login(omar)
    desk = text(client.get(reverse("admin:payouts_controls_switch_changelist")))
    assert "The staff cannot satisfy the policy. “Three” asks for 3 approvals" in desk


def test_names_of_rules_and_clients_are_escaped(client, petra):
    hostile = "<script>alert(1)</script>"
    ClientFactory(external_id="C-2", name=hostile)
    put_in_force({**FULL, "rules": [policies.require(1, hostile, clients=["C-2"])]})

    for page in (url(), url("edit"), url("change", 2)):
        assert hostile not in client.get(page).content.decode()


@pytest.mark.parametrize("role", ["Requester", "Approver", "Operator", "Auditor"])
def test_who_only_reads_the_policy_changes_nothing(client, role):
    draft = draft_by(StaffFactory(roles=["Policy manager"]))
    log_in(client, "reader", role)

    assert client.get(url()).status_code == client.get(url("draft")).status_code == 200
    assert client.get(url("edit")).status_code == 403
    assert client.post(url("edit"), {"do": "save"}).status_code == 403
    for page in ("confirm", "withdraw"):
        assert decide(client, page, draft).status_code == 403
    assert policy.draft() == draft
    assert PolicyVersion.objects.count() == 1


def test_support_sees_no_policy(client):
    log_in(client, "sami", "Support")

    assert client.get(url()).status_code == 403
    assert client.get(url("change", 1)).status_code == 403


# Drafting


def test_the_form_says_what_is_in_force_and_saves_just_that(client, petra):
    put_in_force(FULL)

    response = save(client)

    assert "This is the policy in force already." in text(response)
    assert not JointAct.objects.exists()
    again = save(client, delay_seconds=420)
    assert "Drafted. Another person has to approve it." in text(again)
    document = json.loads(policy.draft().data["document"])
    expected = policies.with_values(FULL, delay_seconds=420)
    expected["rules"][0] = {**FULL["rules"][0], "if": {}}
    assert document == expected


def test_a_draft_is_made_in_the_form_and_shown_beside_the_version_in_force(client, petra):
    added = {
        "rules": 2,
        "rule-1-name": "Large",
        "rule-1-effect": "require",
        "rule-1-count": 2,
        "rule-1-group": "Approver",
        "rule-1-payout_above": "1000",
        "rule-1-currencies": "usdt, btc",
        "limits": 1,
        "limit-0-of": "client",
        "limit-0-hours": 24,
        "limit-0-at_most": "50000",
        "fee_percent": "20",
    }

    response = save(client, **added)

    assert response.redirect_chain == [(url("draft"), 302)]
    shown = text(response)
    assert "Drafted by petra" in shown
    assert "Policy of the year" in shown
    assert "added Large More than 1,000 USD, in “BTC” or “USDT”: 2 approvals from Approver" in shown
    assert "added Each client in 24 hours Each client in 24 hours: at most 50,000 USD" in shown
    assert "changed Highest fee, as a share of the amount 1000000 % 20 %" in shown
    assert "Approve and put in force" not in shown
    assert DeskEvent.objects.get().event_type == "draft_policy"


def rule(number, **typed):
    fields = {"name": f"R{number}", "effect": "require", "count": 1, **typed}
    return {f"rule-{number}-{name}": value for name, value in fields.items()}


def limit(number, of, **typed):
    fields = {"of": of, "at_most": "5", **typed}
    return {f"limit-{number}-{name}": value for name, value in fields.items()}


BAD = {
    **rule(0, name=""),
    **rule(1, count=""),
    **rule(2, count="99"),
    **rule(3, count="two", payout_above="1,000"),
    **rule(4, effect="maybe", batch_above="-1"),
    **rule(5, payout_above="9", payout_up_to="9", origins=["fax"]),
    **rule(6, name="seen\u202e"),
    **limit(0, "client"),
    **limit(1, "desk", hours=24, at_most=""),
    **limit(2, "payout", hours=24, only="BTC"),
    "rules": 7,
    "limits": 3,
    "delay_seconds": "200000",
    "drift": "",
    "fee_amount": "much",
    "run_times": "noon",
    "guard_probes": "0",
    "reason": "",
}
SAID = {
    "rule-0-name": "Give the rule a name.",
    "rule-1-count": "Say how many.",
    "rule-2-count": "less than or equal to 20",
    "rule-3-count": "whole number",
    "rule-3-payout_above": "There is a comma in the amount.",
    "rule-4-effect": "Select a valid choice",
    "rule-4-batch_above": "plain digits",
    "rule-5-payout_up_to": "It has to be above 9.",
    "rule-5-origins": "There is no “fax” any more",
    "rule-6-name": "RIGHT-TO-LEFT OVERRIDE",
    "limit-0-hours": "Choose a window.",
    "limit-1-at_most": "Say how much.",
    "limit-2-hours": "A limit for one payout has no window.",
    "limit-2-only": "Leave this empty here.",
    "delay_seconds": "less than or equal to 86400",
    "drift": "This field is required.",
    "fee_amount": "plain digits",
    "run_times": "Write times like 09:00",
    "guard_probes": "greater than or equal to 1",
    "reason": "Say why.",
}


def test_bad_input_is_said_beside_its_field_and_nothing_is_lost(client, petra):
    response = save(client, **BAD)

    forms = response.context["forms"]
    rows = [*forms.rules, *forms.limits, forms.values, forms.why]
    fields = {bound.html_name: bound for form in rows for bound in form}
    said = {name: " ".join(bound.errors) for name, bound in fields.items() if bound.errors}
    assert said.keys() == SAID.keys()
    for name, sentence in SAID.items():
        assert sentence in said[name]
        assert sentence in text(response)
    for name, typed in BAD.items():
        if name in fields:
            kept = fields[name].value()
            assert kept == (typed if isinstance(typed, list) else str(typed))
    assert nothing_changed()


def test_what_cannot_work_is_refused_beside_its_row(client, petra):
    said_of_rules = [
        ({"count": 3}, "“R0” asks for 3 approvals. People who may approve: 2"),
        ({"group": "Chef"}, "asks for the role “Chef”, which does not exist"),
        ({"clients": "C-1, C-9"}, "There is no client with the id “C-9”."),
        ({"currencies": "usdt, ustd"}, "The desk does not know the coin “USTD”."),
        ({"name": "R3"}, "There is another rule called “R3”."),
        ({"effect": "allow", "flag": "low"}, "“R5” lets nothing go: “R0” applies to all of it"),
    ]
    typed = {"rules": len(said_of_rules), **limit(0, "client", hours=24, only="C-9"), "limits": 1}
    for number, (fields, _sentence) in enumerate(said_of_rules):
        typed |= rule(number, **fields)

    for act in ("save", "check"):
        response = save(client, act, **typed)

        forms = response.context["forms"]
        for form, (_fields, sentence) in zip(forms.rules, said_of_rules, strict=True):
            [said] = form.non_field_errors()
            assert sentence in said
            assert sentence in text(response)
        assert forms.limits[0].non_field_errors() == ["There is no client with the id “C-9”."]
        assert nothing_changed()


def test_a_check_saves_nothing_and_says_what_is_doubtful(client, petra):
    response = save(client, "check", "", **{"rule-0-flag": "low"})

    assert "No rule applies to every payout." in text(response)
    assert "It is not saved yet." in text(response)
    assert nothing_changed()


def test_rows_are_added_moved_and_removed_with_all_that_was_typed(client, petra):
    put_in_force(FULL)
    typed = {"rule-0-count": "two", "limit-0-at_most": "1,5", "delay_seconds": "soon"}

    def press(act, **more):
        nonlocal fields
        response = client.post(url("edit"), {**fields, **more, "do": act})
        fields = fields_of(response)
        return [form["name"].value() for form in response.context["forms"].rules]

    fields = fields_of(client.get(url("edit")))
    names = ["Every payout", "Large", "Sums", "Not there"]
    assert press("add-rule", **typed, reason="Because") == [*names, None]
    assert press("down-rule-0") == ["Large", "Every payout", "Sums", "Not there", None]
    assert press("up-rule-0")[0] == "Large"
    assert press("up-rule-2") == ["Large", "Sums", "Every payout", "Not there", None]
    assert press("remove-rule-4") == ["Large", "Sums", "Every payout", "Not there"]
    assert press("remove-limit-1") == press("remove-rule-77") == press("fly-rule-0")
    assert fields["rule-2-count"] == "two"
    assert fields["limit-0-at_most"] == "1,5"
    assert fields["delay_seconds"] == "soon"
    assert fields["reason"] == "Because"
    assert fields["limits"] == 3
    assert fields["rule-3-origins"] == ["api", "import"]
    assert not JointAct.objects.exists()


def test_rows_have_a_bound(client, petra):
    fields = fields_of(client.get(url("edit")))

    response = client.post(url("edit"), {**fields, "rules": 999, "do": "add-rule"})

    assert len(response.context["forms"].rules) == documents.MOST_RULES
    for odd in ("-1", "", "x", "９"):
        response = client.post(url("edit"), {**fields, "rules": odd, "do": "add-rule-"})
        assert len(response.context["forms"].rules) == 1


def test_g72_a_draft_made_meanwhile_is_not_overwritten_unseen(client, petra):
    fields = {**fields_of(client.get(url("edit"))), "delay_seconds": 540, "reason": "Mine"}
    other = draft_by(StaffFactory(roles=["Policy manager"]))

    response = client.post(url("edit"), {**fields, "do": "save"})

    assert "Somebody else drafted or approved a policy since you opened this page." in text(
        response
    )
    assert response.context["forms"].values["delay_seconds"].value() == "540"
    assert policy.draft() == other
    again = save(client, delay_seconds=540)
    assert "Drafted by petra" in text(again)
    assert [each.ending for each in JointAct.objects.order_by("pk")] == ["outdated", ""]


# Two people


def test_c5_another_person_approves_the_draft_and_it_is_in_force(client, petra):
    draft = draft_by(petra)
    log_in(client, "pablo")
    assert "It waits for a second person." in text(client.get(url()))

    response = decide(client, "confirm", draft)

    assert "Version 2 of the policy is in force." in text(response)
    version = PolicyVersion.objects.latest("number")
    assert (version.drafted_by.username, version.approved_by.username) == ("petra", "pablo")
    assert policy.in_force().rules[1].count == 2
    assert "petra, approved by pablo" in text(response)


def test_c5_nobody_approves_their_own_draft(client, petra):
    draft = draft_by(petra)
    assert "Approve and put in force" not in text(client.get(url("draft")))

    response = decide(client, "confirm", draft)

    assert "You proposed it yourself: another person has to confirm it." in text(response)
    assert PolicyVersion.objects.count() == 1
    assert policy.draft() == draft


def test_g72_a_draft_on_another_version_is_refused(client, petra):
    draft = draft_by(petra)
    put_in_force(policies.with_values(FULL, delay_seconds=1800))
    log_in(client, "pablo")
    assert "Another version came in force since" in text(client.get(url("draft")))

    response = decide(client, "confirm", draft)

    assert "The facts have changed since you looked." in text(response)
    assert PolicyVersion.objects.count() == 2
    assert policy.draft() == draft


def test_g72_a_page_of_a_draft_that_is_over_changes_nothing(client, petra):
    old = draft_by(petra)
    new = draft_by(petra, policies.with_values(FULL, delay_seconds=1800))
    log_in(client, "pablo")

    for page in ("confirm", "withdraw"):
        assert "This proposal is over. Open the page again." in text(decide(client, page, old))
    assert policy.draft() == new
    assert PolicyVersion.objects.count() == 1
    assert client.get(url("confirm")).status_code == 405


@pytest.mark.parametrize(("is_own", "said"), [(True, "withdrawn"), (False, "declined")])
def test_a_draft_is_withdrawn_by_whoever_may(client, petra, is_own, said):
    draft = draft_by(petra)
    if not is_own:
        log_in(client, "pablo")

    response = decide(client, "withdraw", draft)

    assert f"The draft is {said}." in text(response)
    assert policy.draft() is None
    assert PolicyVersion.objects.count() == 1
    assert DeskEvent.objects.latest("number").event_type == "drop_policy"


def test_the_sidebar_counts_a_draft_for_who_may_approve_it(client, petra):
    draft_by(petra)
    badge = re.compile(r"desk-badge[^>]*>\s*1\s*<")
    assert not badge.search(client.get(url()).content.decode())
    log_in(client, "pablo")
    assert badge.search(client.get(url()).content.decode())


# How much of the limits is used


def book(of, amount, hours_ago=None):
    hour = limits.UNDER_WAY
    if hours_ago is not None:
        hour = limits.hour_of(clock.now()) - timedelta(hours=hours_ago)
    Spent.objects.create(of=of, hour=hour, amount=Decimal(amount))


@pytest.fixture
def spent(db):
    """Limits of each kind, and what counts towards them; the oldest of it is no longer in a day."""
    own = {"of": "client", "hours": 24, "at_most": "200", "only": "C-1"}
    found = [
        {"of": "desk", "hours": 24, "at_most": "1000"},
        {"of": "desk", "hours": 168, "at_most": "2000"},
        {"of": "currency", "hours": 24, "at_most": "400"},
        {"of": "client", "hours": 24, "at_most": "100"},
        own,
        {"of": "payout", "at_most": "100000"},
    ]
    put_in_force({**policies.LENIENT, "limits": found})
    book("desk", 500)
    book("desk", 130, hours_ago=3)
    book("desk", 70, hours_ago=50)
    book("coin TRX", 390, hours_ago=1)
    fern = Client.objects.get(external_id="C-1")
    book(limits.client(fern.pk), 150, hours_ago=2)
    return fern


def bars(response):
    return [
        (name, format_amount(each.used), format_amount(each.left), each.percent, each.frees_at)
        for name, each in response.context["used_limits"]
    ]


def test_the_policy_page_shows_how_much_of_each_limit_is_used(client, petra, spent):
    other = ClientFactory(external_id="C-9", name="Nine")
    book(limits.client(other.pk), "99.5")
    hour = limits.hour_of(clock.now())

    response = client.get(url())

    assert bars(response) == [
        ("The whole desk in 24 hours", "630", "370", 63, hour + timedelta(hours=22)),
        ("The whole desk in 7 days", "700", "1300", 35, hour + timedelta(hours=169 - 50)),
        ("“TRX” in 24 hours", "390", "10", 97, hour + timedelta(hours=24)),
        ("“Nine” (“C-9”) in 24 hours", "99.5", "0.5", 99, None),
        ("“Fern & Sons” (“C-1”) in 24 hours", "150", "50", 75, hour + timedelta(hours=23)),
    ]
    assert "630 USD of 1 000 USD used 370 USD left Some of it is free again at" in text(response)
    assert 'value="63"' in response.content.decode()


def test_of_all_clients_the_page_names_the_few_nearest_to_a_limit(
    client, petra, spent, django_assert_max_num_queries
):
    for amount in range(1, 8):
        book(limits.client(ClientFactory(name=f"Client of {amount}").pk), amount)

    asked = documents.read(PolicyVersion.objects.latest("number").document).limits
    with django_assert_max_num_queries(2):
        found = usage.in_use(asked)

    assert [each.client_name for each in found if each.limit.of == "client"] == [
        *[f"Client of {amount}" for amount in (7, 6, 5, 4, 3)],
        "Fern & Sons",
    ]


def test_used_of_the_limits_says_so_where_there_is_none_or_nothing_left_yet(client, petra):
    assert "There is no limit on what leaves in a day, a week or a month." in text(
        client.get(url())
    )
    put_in_force(FULL)
    assert [(name, each.percent) for name, each in client.get(url()).context["used_limits"]] == [
        ("The whole desk in 30 days", 0),
        ("Each coin in 7 days", 0),
        ("“Fern & Sons” (“C-1”) in 24 hours", 0),
    ]


def test_a_client_s_page_shows_its_own_limits_to_those_who_see_the_policy(client, spent):
    PayoutFactory(wallet=WalletFactory(client=spent), amount=Decimal(20))
    page = reverse("admin:wallets_client_change", args=[spent.pk])
    log_in(client, "rosa", "Requester")

    response = client.get(page)

    frees_at = limits.hour_of(clock.now()) + timedelta(hours=23)
    assert bars(response) == [("24 hours", "170", "30", 85, frees_at)]
    assert "170 USD of 200 USD used 30 USD left" in text(response)
    log_in(client, "susan", "Support")
    shown = client.get(page)
    assert shown.status_code == 200
    assert "Limits of this client" not in text(shown)
    assert "170" not in text(shown)


def test_the_pages_call_it_what_the_menu_does(client, petra):
    draft_by(petra)
    for page in (url(), url("draft"), url("edit"), url("change", 1)):
        shown = text(client.get(page))
        assert "Policy versions" not in shown
        assert "add up" not in shown
        assert "adds up" not in shown
    rates = text(client.get(reverse("admin:payouts_controls_exchangerate_changelist")))
    assert "xchange rates" not in rates
    assert "0 rates" in rates


def request_under(client, *rules):
    put_in_force({**policies.LENIENT, "rules": list(rules)})
    wallet = WalletFactory()
    PayoutMethodFactory()
    asked = {"wallet": wallet.pk, "nonce": "7d444840-9dc0-11d1-b245-5ffdce74fad2"}
    asked |= {"currency": "USDT", "amount": "5", "purpose": "Prize", "confirmed": "yes"}
    log_in(client, "rosa", "Requester")
    page = reverse("admin:payouts_payout_add_for", args=[wallet.client_id])
    return text(client.post(page, asked, follow=True))


def test_a_request_that_a_rule_sets_aside_says_so(client):
    page = request_under(client, FULL["rules"][0], {"name": "Odd", "effect": "hold"})

    assert "was requested. The policy sets it aside: “Odd”." in page
    assert "was requested. It waits for approval." not in page


def test_a_request_that_a_rule_lets_go_says_so(client):
    page = request_under(client, {"name": "Any", "effect": "allow"})

    assert "was requested. The policy lets it go without approval." in page


def disabled(person):
    User.objects.filter(pk=person.pk).update(is_active=False)


def without_right(person):
    person.groups.clear()


@pytest.mark.parametrize("change", [disabled, without_right])
def test_c5_a_draft_does_not_outlive_its_drafter(client, petra, change):
    draft = draft_by(petra)
    log_in(client, "pablo")
    change(petra)

    shown = text(client.get(url("draft")))
    assert "petra, who proposed it, may not do this any more" in shown
    assert "Approve and put in force" not in shown
    assert "may not do this any more" in text(decide(client, "confirm", draft))
    assert PolicyVersion.objects.count() == 1
    assert policy.draft() == draft


# Drafts made from those of others


def edited(client, by, **typed):
    """Edit the draft there is, as another policy manager, and save it as one's own."""
    log_in(client, by)
    return save(client, reason=f"Because of {by}", **typed)


def test_c5_an_edit_launders_no_draft(client, petra):
    draft_by(petra)
    edited(client, "paul", delay_seconds=1800)
    client.force_login(petra)
    draft = policy.draft()
    assert draft.proposed_by.username == "paul"

    shown = text(client.get(url("draft")))
    assert "It was made from a draft of yours" in shown
    assert "Approve and put in force" not in shown
    assert "It was made from a draft of yours" in text(decide(client, "confirm", draft))
    assert PolicyVersion.objects.count() == 1
    assert policy.draft() == draft


def test_c5_a_third_person_reads_all_who_drafted_it_and_the_version_keeps_them(client, petra):
    draft_by(petra)
    edited(client, "paul", delay_seconds=1800)
    edited(client, "polly", delay_seconds=2400)
    log_in(client, "pablo")
    shown = text(client.get(url("draft")))
    said = re.search(r"It was made from these drafts.* petra .*More eyes.* paul .*of paul", shown)
    assert said

    decide(client, "confirm", policy.draft())

    version = PolicyVersion.objects.latest("number")
    assert (version.drafted_by.username, version.approved_by.username) == ("polly", "pablo")
    kept = [(each["by"], each["login"], each["reason"]) for each in version.earlier_drafts]
    assert kept[0] == (petra.pk, "petra", "More eyes")
    assert [each[1:] for each in kept[1:]] == [("paul", "Because of paul")]
    sealed = DeskEvent.objects.get(event_type="change_policy").facts["earlier_drafts"]
    assert sealed == "petra: More eyes; paul: Because of paul"
    assert "petra More eyes" in text(client.get(url("change", version.number)))
    assert policy.in_force().values.delay.total_seconds() == 2400


def test_c5_the_drafts_of_a_version_are_sealed(client, petra):
    draft_by(petra)
    edited(client, "paul", delay_seconds=1800)
    log_in(client, "pablo")
    decide(client, "confirm", policy.draft())
    version = PolicyVersion.objects.latest("number")
    with pytest.raises(DatabaseError), transaction.atomic():
        PolicyVersion.objects.filter(pk=version.pk).update(earlier_drafts=[])
    version.earlier_drafts = []
    before = PolicyVersion.objects.get(number=version.number - 1).hash
    assert chain.sealed(version.fields(), before) != version.hash


def test_c5_after_it_was_declined_a_draft_is_made_from_nothing(client, petra):
    decide(client, "withdraw", draft_by(petra))
    edited(client, "paul", delay_seconds=1800)
    client.force_login(petra)
    decide(client, "confirm", policy.draft())
    assert PolicyVersion.objects.latest("number").earlier_drafts == []
    assert PolicyVersion.objects.count() == 2


def test_c5_a_form_that_began_with_a_draft_outlives_it_in_no_way(client, petra):
    draft = draft_by(petra)
    log_in(client, "paul")
    fields = {**fields_of(client.get(url("edit"))), "reason": "Mine", "do": "save"}
    decide(client, "withdraw", draft)

    refused = client.post(url("edit"), fields)
    again = client.post(url("edit"), {**fields_of(refused), "reason": "Mine", "do": "save"})

    for page in (refused, again):
        assert "since you opened this page" in text(page)
    assert policy.draft() is None


def test_who_edits_a_draft_reads_whose_changes_the_form_contains(client, petra):
    draft_by(petra)
    assert "This form begins with your draft" in text(client.get(url("edit")))
    log_in(client, "paul")

    shown = text(client.get(url("edit")))

    assert "This form begins with the draft of petra, and contains all that it changes." in shown
    assert "neither of you can approve it" in shown
    assert "More eyes" in shown
    changes = shown.partition("What that draft changes of version 1, in force now")[2]
    assert "Large" in changes.partition("Limits")[0]


def test_who_checks_a_draft_reads_what_it_would_change(client, petra):
    shown = text(save(client, act="check", delay_seconds=1800))
    assert "What this would change of version 1, in force now" in shown
    assert "What this would change" not in text(client.get(url("edit")))
