"""Deciding: what a confirmation shows, where its result leads, and the way through a queue."""

import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from audit import clock as money_clock
from audit.actor import Actor, Channel
from audit.operations import perform
from payouts import operations
from payouts.gateway import accounts
from payouts.gateway.balance import Balance
from payouts.models import Payout, PayoutEvent, PayoutMaker, PayoutStatus
from payouts.seen import see
from payouts.staff import results
from tests.every_page import unmarked
from tests.factories import PayoutFactory, PayoutMethodFactory, StaffFactory, WalletFactory

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("usdt")]

LIST = reverse("admin:payouts_payout_changelist")
NEXT = reverse("admin:payouts_payout_next")
KEYS = reverse("admin:payouts_payout_keys")
MINE = {"_changelist_filters": "queue=mine"}


@pytest.fixture(autouse=True)
def gateway(monkeypatch, heleket_client):
    monkeypatch.setattr(accounts, "heleket_client", lambda: heleket_client)


@pytest.fixture
def approver(client):
    person = StaffFactory(roles=["Approver"])
    client.force_login(person)
    return person


def page_of(payout):
    return reverse("admin:payouts_payout_change", args=[payout.pk])


def confirm_url(payout, name="approve"):
    return reverse("admin:payouts_payout_act_on", args=[payout.pk, name])


def choose(client, payouts, name="approve", queue="mine"):
    chosen = {"action": name, "_selected_action": [payout.pk for payout in payouts]}
    return client.post(f"{LIST}?queue={queue}", chosen)


def send_back(client, shown, **more):
    """Post a confirmation as its page says."""
    context = shown.context
    data = {"seen": context["confirmation"].tokens, "reason": "As agreed"} | more
    return client.post(context["act_url"], data)


def text_of(response):
    return " ".join(unmarked(response).split())


# Notices


def shared():
    payout = PayoutFactory()
    other = WalletFactory(client__name="Mallory & Sons")
    assert other.address == payout.address
    return payout


def test_a_shared_address_is_shown_wherever_one_decides(client, approver):
    payout = shared()
    neighbour = PayoutFactory(wallet=WalletFactory(address="TKPYpYU9M7sXP7pTJqrSWgUeoE1k1SPDmi"))
    sentence = "The same address belongs to another client too: Mallory &amp; Sons"

    for page in [client.get(page_of(payout)), client.get(confirm_url(payout))]:
        assert sentence in text_of(page)
    many = choose(client, [payout, neighbour])
    assert text_of(many).count(sentence) == 2  # in the first line, and in its row
    marks = {row.payout: row.mark for row in many.context["rows"]}
    assert marks == {payout: "marked high", neighbour: "marked medium"}
    assert "Of 2 payouts 2 are marked medium or high." in text_of(many)


def test_the_page_begins_with_the_worst_and_folds_the_rest(client, approver):
    payout = shared()
    other = PayoutFactory(wallet=payout.wallet, reference="INV-7", purpose="Fee")
    Payout.objects.filter(pk=payout.pk).update(reference="INV-7")
    PayoutFactory(amount=payout.amount)

    page = text_of(client.get(page_of(payout)))

    places = [
        page.index(text)
        for text in [
            "High",
            "The same address belongs to another",
            "<details>",
            "to a young wallet",
        ]
    ]
    assert places == sorted(places)
    assert (
        page.index("3 more to know") < page.index(f"{other}</a>") < page.index("Who is paid what")
    )


def test_of_a_usual_payout_the_page_says_what_was_looked_at(client, approver):
    long_ago = money_clock.now() - timedelta(days=30)
    paid = PayoutFactory(status=PayoutStatus.CONFIRMED, purpose="May", requested_at=long_ago)
    payout = PayoutFactory(wallet=paid.wallet)

    for page in [client.get(page_of(payout)), client.get(confirm_url(payout))]:
        assert "Nothing unusual." in text_of(page)
        assert "Looked at: duplicates" in text_of(page)


def test_who_may_not_see_warnings_sees_no_brief(client):
    client.force_login(StaffFactory(roles=["Support"]))

    page = text_of(client.get(page_of(shared())))

    assert "desk-brief" not in page
    assert "Mallory" not in page


def test_a_payout_that_has_ended_says_nothing_of_a_decision(client, approver):
    payout = PayoutFactory(status=PayoutStatus.CONFIRMED)

    assert client.get(page_of(payout)).context["notices"] == []


def test_what_cannot_be_approved_shows_no_button_and_says_why_once(client, approver):
    payout = PayoutFactory(wallet__status="frozen")

    page = client.get(page_of(payout))

    assert "approve" not in [action.name for action, _url in page.context["actions"]]
    assert text_of(page).count("The wallet is frozen.") == 1
    assert confirm_url(payout) not in text_of(page)
    assert b"not possible" in client.get(confirm_url(payout)).content


def test_sums_are_of_what_the_client_received_not_of_what_was_asked_for(client, approver):
    usual = {"status": PayoutStatus.FAILED, "amount": Decimal(20)}
    paid = PayoutFactory(**usual)
    of_client = Payout.objects.filter(pk=paid.pk)
    of_client.update(effective="paid", effective_amount=50, effective_currency="USDC")
    PayoutFactory(wallet=paid.wallet, **usual)
    other = PayoutFactory(wallet=paid.wallet, currency="USDC", amount=Decimal(500))

    page = client.get(page_of(other))
    assert [(row["coin"], row["total"]) for row in page.context["sums"]] == [("USDC", Decimal(50))]
    assert "10 times the median of what was paid last, 50 USDC" in text_of(page)
    of_client = client.get(reverse("admin:wallets_client_change", args=[paid.client_id]))
    assert [(each.currency, each.paid, each.waiting) for each in of_client.context["totals"]] == [
        ("USDC", Decimal(50), Decimal(500))
    ]
    wire = text_of(client.get(page_of(paid))).partition("The client received")[2]
    assert re.sub("<.*?>", "", wire).split()[:5] == ["50", "USDC", "Asked", "for20", "USDT"]


# Likely duplicates


def duplicate(**more):
    """A payout for which its client has another one, and that one."""
    other = PayoutFactory(**more)
    return PayoutFactory(wallet=other.wallet), other


def approvals_of(payout):
    return [event.why.words for event in payout.events.filter(event_type="approve")]


def test_c11_a_likely_duplicate_is_approved_with_a_reason_that_is_sealed(client, approver):
    payout, _other = duplicate(status=PayoutStatus.CONFIRMED)

    page = client.get(page_of(payout))
    assert "approve" in [action.name for action, _url in page.context["actions"]]
    shown = client.get(confirm_url(payout))
    assert shown.context["form"].fields["reason"].required
    assert "Why it is no duplicate" in text_of(shown)

    refused = send_back(client, shown, reason=" ")
    assert refused.context["form"].errors.keys() == {"reason"}
    assert Payout.objects.get(pk=payout.pk).status == PayoutStatus.PENDING
    assert approvals_of(payout) == []

    assert send_back(client, shown, reason="Two deliveries").status_code == 302
    assert Payout.objects.get(pk=payout.pk).status == PayoutStatus.APPROVED
    assert approvals_of(payout) == ["Two deliveries"]
    assert "Two deliveries" in text_of(client.get(page_of(payout)))


def test_c11_of_many_the_duplicates_are_refused_without_a_reason_and_the_others_go(
    client, approver
):
    payout, other = duplicate(status=PayoutStatus.APPROVED)
    neighbour = PayoutFactory()
    shown = choose(client, [payout, neighbour])
    assert not shown.context["form"].fields["reason"].required
    assert f"likely duplicates are left as they are: {payout}." in text_of(shown)

    result = client.get(send_back(client, shown, reason="").url)

    [(refused, _row)] = [each for each in result.context["results"] if not each[0].done]
    assert refused.id == payout.pk
    assert refused.text.startswith("Say why it is no duplicate:")
    assert f"{other} (Approved)" in refused.text
    assert Payout.objects.get(pk=payout.pk).status == PayoutStatus.PENDING
    assert Payout.objects.get(pk=neighbour.pk).status == PayoutStatus.APPROVED

    more = PayoutFactory()
    send_back(client, choose(client, [payout, more]), reason="Two deliveries")
    assert approvals_of(payout) == ["Two deliveries"]
    assert approvals_of(more) == [""]  # the reason is not about this one


def test_c11_one_that_became_a_duplicate_after_the_page_was_opened_is_refused(client, approver):
    payout = PayoutFactory()
    shown = client.get(confirm_url(payout))
    assert "reason" not in shown.context["form"].fields
    PayoutFactory(wallet=payout.wallet)

    refused = send_back(client, shown, reason="")

    assert refused.context["form"].errors.keys() == {"reason"}
    assert Payout.objects.get(pk=payout.pk).status == PayoutStatus.PENDING


def test_c11_what_is_no_duplicate_is_asked_no_reason(client, approver):
    payout, other = duplicate(status=PayoutStatus.CONFIRMED)
    Payout.objects.filter(pk=other.pk).update(purpose="Another prize")

    shown = client.get(confirm_url(payout))

    assert "reason" not in shown.context["form"].fields
    send_back(client, shown)
    assert approvals_of(payout) == [""]


def test_c11_duplicates_cost_as_many_statements_for_20_as_for_2(client, approver):
    def statements(count):
        payouts = [duplicate()[0] for _ in range(count)]
        seen = see(payouts)
        approve = operations.Approve(has_reason=True)
        with CaptureQueriesContext(connection) as captured:
            outcomes = perform(approve, seen, actor=actor, reason="Another one")
        assert all(each.done for each in outcomes)
        return len(captured)

    actor = Actor.staff(approver, Channel.ADMIN)
    statements(2)  # the person's rights are read once
    assert statements(2) == statements(20)


# A confirmation of many


@pytest.fixture
def sees_balances(monkeypatch):
    monkeypatch.setattr("payouts.admin.deciding.sees_balances", lambda request: True)


def test_a_confirmation_of_many_says_what_leaves_and_what_stays(client, approver, sees_balances):
    PayoutMethodFactory(network="bsc", fee_amount=Decimal(1), percent=Decimal(2))
    wallet = WalletFactory(network="bsc", address="0x" + "1" * 40)
    payouts = [PayoutFactory(), PayoutFactory(wallet=wallet, amount=Decimal(50))]
    PayoutFactory(status=PayoutStatus.APPROVED, amount=Decimal(100))
    PayoutFactory(currency="TRX", status=PayoutStatus.APPROVED)
    now = money_clock.now()
    Balance.objects.create(currency="USDT", amount=Decimal(1000), fetched_at=now)

    [total] = choose(client, payouts).context["sums"]

    assert (total.amount, total.fees, total.debit) == (Decimal(55), Decimal("2.5"), Decimal("57.5"))
    assert (total.promised, total.stays, total.lacks) == (Decimal("100.5"), 842, 0)

    Balance.objects.update(amount=Decimal(150))
    response = choose(client, payouts)
    assert response.context["sums"][0].lacks == 8
    assert "Missing, so some wait" in text_of(response)
    assert text_of(response).count("Not enough USDT at Heleket:") == 1  # and not in each row
    assert text_of(response).index("Not enough USDT") < text_of(response).index("<table")


def test_what_is_approved_already_takes_its_fees_from_the_balance_as_well(
    client, approver, sees_balances
):
    PayoutMethodFactory(network="bsc", fee_amount=Decimal(1), percent=Decimal(2))
    wallet = WalletFactory(network="bsc", address="0x" + "1" * 40)
    approved = {"wallet": wallet, "status": PayoutStatus.APPROVED}
    PayoutFactory(amount=Decimal(10), **approved)
    PayoutFactory(amount=Decimal(40), **approved)
    PayoutFactory(currency="USDC", **approved)
    chosen = [PayoutFactory()]

    def shown():
        [total] = choose(client, chosen).context["sums"]
        return total.promised, total.stays, total.lacks

    enough = Balance.objects.create(
        currency="USDT", amount=Decimal("58.5"), fetched_at=money_clock.now()
    )
    assert shown() == (Decimal(53), 0, 0)
    Balance.objects.filter(pk=enough.pk).update(amount=Decimal(58))
    assert shown() == (Decimal(53), Decimal("-0.5"), Decimal("0.5"))

    with CaptureQueriesContext(connection) as few:
        shown()
    for _ in range(5):
        PayoutFactory(status=PayoutStatus.APPROVED)
    with CaptureQueriesContext(connection) as many:
        shown()
    assert len(many) == len(few)


def test_what_is_not_known_is_said_to_be_so(client, approver, sees_balances):
    payouts = [PayoutFactory(currency="TRX"), PayoutFactory(currency="TRX")]

    response = choose(client, payouts)

    [total] = response.context["sums"]
    assert (total.balance, total.stays, total.unpriced) == (None, None, 2)
    assert "2 are not in the stored price list" in text_of(response)
    assert 'Balance</span><span class="quiet">not known' in text_of(response)


def test_balances_are_for_those_who_may_see_them(client, approver):
    approver.groups.first().permissions.filter(codename="view_balance").delete()
    Balance.objects.create(currency="USDT", amount=Decimal(7), fetched_at=money_clock.now())

    assert choose(client, [PayoutFactory(), PayoutFactory()]).context["sums"][0].balance is None


def test_an_act_that_sends_nothing_speaks_of_no_balance(client, approver):
    response = choose(client, [PayoutFactory(), PayoutFactory()], "hold")

    assert [total.amount for total in response.context["sums"]] == [Decimal(10)]
    assert "Leaves our balance" not in text_of(response)


def test_purpose_and_memo_stand_in_each_row_and_the_button_below_all(client, approver):
    payouts = [PayoutFactory(memo="4711", purpose="Ransom", reference="INV-7"), PayoutFactory()]
    paid = PayoutFactory(status=PayoutStatus.CONFIRMED)

    text = text_of(choose(client, [*payouts, paid], queue=""))

    in_order = ["4711", "Ransom", "INV-7", "1 is left as it is", "while it is “Paid”"]
    places = [
        text.index(each) for each in [*in_order, "Leaves our balance", "Approve 2 payouts </"]
    ]
    assert places == sorted(places)


def test_a_confirmation_costs_the_same_for_2_and_for_20_payouts(client, approver):
    def statements(count):
        payouts = [PayoutFactory() for _ in range(count)]
        with CaptureQueriesContext(connection) as captured:
            assert len(choose(client, payouts).context["rows"]) == count
        return len(captured)

    statements(2)  # content types and the like are read once
    assert statements(2) == statements(20) < 60


# Its result


def test_a_reload_of_the_result_repeats_nothing(client, approver):
    payouts = [PayoutFactory(), PayoutFactory()]
    refused = PayoutFactory()
    shown = choose(client, [*payouts, refused])
    Payout.objects.filter(pk=refused.pk).update(purpose="Ransom")

    answer = send_back(client, shown)
    events = PayoutEvent.objects.count()

    assert answer.status_code == 302
    for _ in range(2):
        result = client.get(answer.url)
        assert (result.context["done"], result.context["refused"]) == (2, 1)
        assert result.context["results"][0][1] == refused
        assert "“Ransom”" in text_of(result)
    assert PayoutEvent.objects.count() == events


def test_the_result_leads_back_to_the_queue_and_on_to_what_is_left(client, approver):
    left, *payouts = [PayoutFactory() for _ in range(3)]

    result = client.get(send_back(client, choose(client, payouts)).url)

    assert result.context["list_url"] == f"{LIST}?queue=mine"
    assert "Back to: Needs my approval" in text_of(result)
    assert client.get(result.context["next_url"]).url.startswith(page_of(left))


def test_a_result_is_its_owners_alone_and_only_so_many_are_kept(client, approver, monkeypatch):
    monkeypatch.setattr(results, "MOST_ROWS", 3)
    urls = [send_back(client, choose(client, [PayoutFactory() for _ in "12"])).url for _ in "12"]

    gone = client.get(urls[0], follow=True)
    assert "This result is not kept any more." in text_of(gone)
    assert client.get(urls[1]).context["done"] == 2

    client.force_login(StaffFactory(roles=["Approver"]))
    assert client.get(urls[1]).url == f"{LIST}?queue=mine"
    client.force_login(StaffFactory(roles=["User manager"]))
    assert client.get(urls[1]).status_code == 403


# One after another


def test_a_decision_in_a_queue_opens_the_next_one(client, approver):
    first, second, last = reversed([PayoutFactory() for _ in range(3)])

    opened = client.get(NEXT, MINE)
    assert f'href="{opened.url}"' in text_of(client.get(LIST, {"queue": "mine"}))
    assert opened.url == f"{page_of(first)}?_changelist_filters=queue%3Dmine"
    for payout, following in [(first, second), (second, last)]:
        page = client.get(opened.url)
        address = {action.name: url for action, url in page.context["actions"]}["approve"]
        shown = client.get(address + page.context["queue_query"])
        opened = client.get(send_back(client, shown).url)
        assert opened.url.startswith(page_of(following))
        assert f">{payout}</a>: Approved." in text_of(client.get(opened.url))

    opened = client.get(send_back(client, client.get(confirm_url(last), MINE)).url)
    assert opened.url == f"{LIST}?queue=mine"
    assert "That was the last one here." in text_of(client.get(opened.url))
    assert set(Payout.objects.values_list("status", flat=True)) == {PayoutStatus.APPROVED}


def test_next_skips_what_is_nobodys_of_this_queue(client, approver):
    first = PayoutFactory()
    own = PayoutFactory()
    PayoutMaker.objects.create(payout=own, person=approver, role="edited")
    PayoutFactory(status=PayoutStatus.HELD)
    last = PayoutFactory()

    assert client.get(NEXT, MINE | {"after": last.pk}).url.startswith(page_of(first))
    assert client.get(NEXT, MINE | {"after": own.pk}).url.startswith(page_of(first))
    assert client.get(NEXT, MINE | {"after": first.pk}).url == f"{LIST}?queue=mine"


def test_next_follows_the_order_and_the_filters_of_the_list(client, approver):
    payouts = [PayoutFactory() for _ in range(3)]
    PayoutFactory(currency="TRX")
    oldest_first = {"_changelist_filters": "queue=mine&o=1&currency=USDT"}

    assert client.get(NEXT, oldest_first).url.startswith(page_of(payouts[0]))
    behind = oldest_first | {"after": payouts[2].pk}
    assert client.get(NEXT, behind).url.startswith(LIST + "?queue=mine")


@pytest.mark.parametrize("query", ["x=%00", "o=9.x", "status__nonsense=1", "&&=", "queue=nothing"])
def test_g36_odd_queries_of_a_list_lead_to_a_page(client, approver, query):
    PayoutFactory()
    response = client.get(NEXT, {"_changelist_filters": query, "after": "x" * 40})

    assert response.status_code in (302, 400)
    assert (
        client.get(page_of(Payout.objects.get()), {"_changelist_filters": query}).status_code == 200
    )


def test_a_refused_decision_stays_to_be_read_and_its_next_lies_behind_it(client, approver):
    last, payout = PayoutFactory(), PayoutFactory()
    shown = client.get(confirm_url(payout), MINE)
    Payout.objects.filter(pk=payout.pk).update(purpose="Ransom")

    result = client.get(send_back(client, shown).url)

    assert result.context["refused"] == 1
    assert client.get(result.context["next_url"]).url.startswith(page_of(last))
    assert Payout.objects.get(pk=payout.pk).status == PayoutStatus.PENDING


def test_a_decision_outside_a_queue_shows_its_result(client, approver):
    PayoutFactory()
    result = client.get(send_back(client, client.get(confirm_url(PayoutFactory()))).url)

    assert result.context["done"] == 1
    assert not result.context["is_in_queue"]


# Keys


def test_keys_are_switched_off_for_one_person_alone(client, approver):
    payout = PayoutFactory()
    page = text_of(client.get(page_of(payout), MINE))
    assert "payouts/keys.js" in page
    for key in "ahrn":
        assert f'data-key="{key}"' in page

    client.get(KEYS, {"on": "no"})
    assert client.get(KEYS).context["keys_on"]
    client.post(KEYS, {"on": "no"})
    for url in [page_of(payout), confirm_url(payout), f"{LIST}?queue=mine"]:
        assert "payouts/keys.js" not in text_of(client.get(url))

    client.force_login(StaffFactory(roles=["Approver"]))
    assert "payouts/keys.js" in text_of(client.get(page_of(payout)))
    client.force_login(approver)
    client.post(KEYS, {"on": "yes"})
    assert "payouts/keys.js" in text_of(client.get(page_of(payout)))


def test_c9_keys_need_their_csrf_token(client, approver):
    client.handler.enforce_csrf_checks = True

    assert client.post(KEYS, {"on": "no"}).status_code == 403
    assert client.get(KEYS).context["keys_on"]
