"""People talk about a payout: questions, notes, documents, and what its client is told."""

from datetime import timedelta
from decimal import Decimal
from itertools import product

import pytest
from django.contrib.auth.models import Group
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import DatabaseError, connection, transaction
from django.urls import reverse
from django.utils import timezone

from audit import chain
from audit.actor import Actor, Channel
from audit.models import DeskEvent
from audit.operations import perform
from payouts import approvals, documents, operations, send_backs
from payouts.client_sentences import code_for_client, sentence_for_client, sentence_of
from payouts.explain import explain
from payouts.gateway import accounts
from payouts.gateway.models import Pause
from payouts.models import (
    USUAL_WAIT,
    Approval,
    Attempt,
    Effective,
    Note,
    Payout,
    PayoutEvent,
    PayoutStatus,
    WaitingFor,
)
from payouts.seen import see
from payouts.staff.roles import ROLES
from tests.every_page import unmarked
from tests.factories import PayoutFactory, StaffFactory, WalletFactory
from tests.payouts.rounds import now, submit_due
from tests.payouts.test_admin_add import add_url, data
from tests.payouts.test_admin_pages import discrepancy
from wallets.operations import FREEZE
from wallets.operations import see as see_wallets

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("usdt", "folder")]

LIST = reverse("admin:payouts_payout_changelist")
QUESTION, ANSWER = "Which contract is this for?", "The one of May, see the file."


@pytest.fixture
def folder(settings, tmp_path):
    settings.DOCUMENTS_FOLDER = tmp_path / "documents"
    return settings.DOCUMENTS_FOLDER


@pytest.fixture(autouse=True)
def gateway(monkeypatch, heleket_client):
    monkeypatch.setattr(accounts, "heleket_client", lambda: heleket_client)


@pytest.fixture
def log_in(client):
    def log_in(*roles, **more):
        person = StaffFactory(roles=roles, **more)
        client.force_login(person)
        return person

    return log_in


def page_of(payout, name="change"):
    return reverse(f"admin:payouts_payout_{name}", args=[payout.pk])


def act_url(name):
    return reverse("admin:payouts_payout_act", args=[name])


def tokens(*payouts):
    return " ".join(seen.token for seen in see(payouts))


def staff(*roles):
    return Actor.staff(StaffFactory(roles=roles), Channel.ADMIN)


def do(operation, payout, actor, **options):
    [outcome] = perform(operation, see([Payout.objects.get(pk=payout.pk)]), actor=actor, **options)
    return outcome


def sent_back(**more):
    payout = PayoutFactory(**more)
    assert do(send_backs.SEND_BACK, payout, staff("Approver"), reason=QUESTION).done
    return Payout.objects.get(pk=payout.pk)


def file(name="contract.pdf", content=b"%PDF a contract"):
    return SimpleUploadedFile(name, content)


# Questions and answers


def test_a_payout_is_sent_back_answered_with_a_document_and_approved(client, log_in, folder):
    payout = PayoutFactory()
    asker = log_in("Approver")
    asked = {"seen": tokens(payout), "reason": QUESTION}
    confirmation = client.get(reverse("admin:payouts_payout_act_on", args=[payout.pk, "send_back"]))
    assert "Question to the requester" in confirmation.content.decode()
    assert (
        "waits for the requester"
        in client.post(act_url("send_back"), asked, follow=True).content.decode()
    )

    stored = Payout.objects.get()
    assert (stored.status, stored.waiting_for) == ("pending", WaitingFor.ANSWER_OF_REQUESTER)
    assert stored in Payout.objects.sent_back()
    refused = client.post(
        act_url("approve"), {"seen": tokens(stored)}, follow=True
    ).content.decode()
    assert "It was sent back with a question." in refused
    assert not Approval.objects.exists()

    log_in("Requester")  # another one than who requested it
    page = unmarked(client.get(page_of(payout)))
    assert QUESTION in page
    assert f"{asker} asked" in page
    form = client.get(page_of(payout, "answer"))
    answer = {"answer": ANSWER, "seen": form.context["form"].initial["seen"], "file": file()}
    assert client.post(page_of(payout, "answer"), answer).status_code == 302

    note, stored = Note.objects.get(), Payout.objects.get()
    assert (note.payout, note.file_name, note.size) == (payout, "contract.pdf", 15)
    assert stored.waiting_for == WaitingFor.APPROVALS
    assert ANSWER in explain(stored).sentence
    assert stored not in Payout.objects.sent_back()

    log_in("Approver")
    assert ANSWER in client.get(page_of(payout)).content.decode()
    url = reverse("admin:payouts_note_document", args=[note.pk])
    assert client.get(url).content == b"%PDF a contract"
    client.post(act_url("approve"), {"seen": tokens(stored)}, follow=True)
    assert Payout.objects.get().status == PayoutStatus.APPROVED
    events = PayoutEvent.objects.filter(payout=payout).order_by("number")
    assert [each.event_type for each in events] == [
        *("request", "send_back", "add_document", "answer", "approve"),
    ]
    assert events[2].facts["sha256"] == note.sha256
    assert chain.first_broken(events) is None


def test_i3_a_page_from_before_the_question_approves_nothing(client, log_in):
    payout = PayoutFactory()
    log_in("Approver")
    before = tokens(payout)
    do(send_backs.SEND_BACK, payout, staff("Approver"), reason=QUESTION)
    do(send_backs.ANSWER, payout, staff("Requester"), reason=ANSWER)

    answer = client.post(act_url("approve"), {"seen": before}, follow=True).content.decode()

    assert "It changed since you looked" in answer
    assert QUESTION in answer
    assert Payout.objects.get().status == PayoutStatus.PENDING
    assert not Approval.objects.exists()


def test_a_question_leaves_approvals_standing_and_an_edit_voids_them():
    payout = PayoutFactory()
    approvals.decide([payout], staff("Approver"), Approval.Decision.APPROVED)  # one of two
    do(send_backs.SEND_BACK, payout, staff("Approver"), reason=QUESTION)
    do(send_backs.ANSWER, payout, staff("Requester"), reason=ANSWER)
    assert Approval.objects.get().voided_at is None

    do(send_backs.SEND_BACK, payout, staff("Approver"), reason=QUESTION)
    edit = operations.Edit(payout.wallet, "USDT", Decimal(6), "Prize of May")
    assert do(edit, payout, staff("Requester"), reason="Say which").done

    assert Approval.objects.get().voided_by == "edit"
    stored = Payout.objects.get()
    assert (stored.waiting_for, stored.reason_code) == (WaitingFor.APPROVALS, "")


def test_a_question_waits_through_a_discrepancy_of_an_earlier_try():
    payout = sent_back()
    payout.stop()
    payout.go_on()
    assert payout.waiting_for == WaitingFor.ANSWER_OF_REQUESTER


@pytest.mark.parametrize("ended_by", [None, "answer", "edit"])
def test_a_question_waits_through_a_hold_unless_it_was_met(ended_by):
    payout, approver = sent_back(), staff("Approver")
    if ended_by == "answer":
        do(send_backs.ANSWER, payout, staff("Requester"), reason=ANSWER)
    assert do(operations.HOLD, payout, approver, reason="Look again").done
    if ended_by == "edit":
        edit = operations.Edit(payout.wallet, "USDT", Decimal(6), "Prize of May")
        assert do(edit, payout, staff("Requester"), reason="Say which").done

    assert do(operations.RELEASE, payout, approver).done

    released = now(payout)
    assert released.is_sent_back == (ended_by is None)
    assert released.why.words == (QUESTION if ended_by is None else "")
    assert do(operations.APPROVE, payout, staff("Approver")).done == (ended_by is not None)


@pytest.mark.parametrize("status", sorted(set(PayoutStatus) - {PayoutStatus.PENDING}))
def test_nothing_is_asked_or_answered_about_what_does_not_wait_for_approval(status):
    payout = PayoutFactory(status=status)
    before = payout.last_event
    asked = do(send_backs.SEND_BACK, payout, staff("Approver"), reason=QUESTION)
    answered = do(send_backs.ANSWER, payout, staff("Requester"), reason=ANSWER)
    assert (asked.code, answered.code) == ("payout_status", "payout_status")
    assert Payout.objects.get().last_event == before


def test_an_answer_without_a_question_is_refused_with_its_document(client, log_in, folder):
    log_in("Requester")
    payout = PayoutFactory()
    answer = {"answer": ANSWER, "seen": tokens(payout), "file": file()}

    response = client.post(page_of(payout, "answer"), answer)

    assert "No question about it waits for an answer" in response.content.decode()
    assert not Note.objects.exists()
    assert Payout.objects.get().last_event == payout.last_event


def test_a_payout_that_was_edited_meanwhile_is_not_answered(client, log_in):
    log_in("Requester")
    payout = sent_back()
    shown = tokens(payout)
    edit = operations.Edit(payout.wallet, "USDT", Decimal(6), "Prize")
    do(edit, payout, staff("Requester"), reason="A zero too many")
    last = Payout.objects.get().last_event

    response = client.post(page_of(payout, "answer"), {"answer": ANSWER, "seen": shown})

    assert "It changed since you looked" in response.content.decode()
    assert Payout.objects.get().last_event == last


@pytest.mark.parametrize("role", ROLES)
def test_c10_approvers_ask_and_requesters_answer(client, log_in, role):
    log_in(role)
    payout = sent_back()
    may = role == "Requester"
    assert (client.get(page_of(payout, "answer")).status_code == 200) == may
    if not may:
        answer = {"answer": ANSWER, "seen": tokens(payout)}
        assert client.post(page_of(payout, "answer"), answer).status_code == 403
        assert Payout.objects.get().waiting_for == WaitingFor.ANSWER_OF_REQUESTER


def test_a_second_question_does_not_make_the_first_one_forgotten():
    payout = sent_back()
    before = now(payout)

    refused = do(send_backs.SEND_BACK, payout, staff("Approver"), reason="And why?")

    assert refused.code == "asked_already"
    assert before.why.words in refused.text
    assert (now(payout).why, payout.events.count()) == (before.why, before.events.count())


def test_what_was_sent_back_does_not_need_my_approval(client, log_in):
    log_in("Approver")
    payout, other = sent_back(), PayoutFactory()
    listed = client.get(LIST, {"queue": "mine"}).context["cl"].result_list
    assert [each.pk for each in listed] == [other.pk]
    page = client.get(page_of(payout))
    assert "approve" not in [action.name for action, _url in page.context["actions"]]


# Notes and documents


def add_note_url(about):
    return reverse("admin:payouts_note_add", args=[about._meta.model_name, about.pk])


def documents_of(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def about_each():
    payout = PayoutFactory()
    return [payout, payout.client, payout.wallet]


@pytest.mark.parametrize("number", range(3), ids=["payout", "client", "wallet"])
def test_notes_documents_and_links_stand_on_the_page_they_are_about(client, log_in, number):
    person = log_in("Operator")
    about = about_each()[number]
    page = reverse(f"admin:{about._meta.label_lower.replace('.', '_')}_change", args=[about.pk])
    assert "Nothing has been written down yet" in client.get(page).content.decode()

    words = {"text": "Called <b>twice</b>\nnobody there"}
    assert client.post(add_note_url(about), words).url == page
    client.post(add_note_url(about), {"file": file("räksmörgås.pdf")})
    client.post(add_note_url(about), {"link": "https://example.com/case/7?a=1&b=2"})

    shown = client.get(page).content.decode()
    assert "Called &lt;b&gt;twice&lt;/b&gt;<br>nobody there" in shown
    assert "räksmörgås.pdf" in shown
    assert 'href="https://example.com/case/7?a=1&amp;b=2"' in shown
    assert 'rel="noopener noreferrer nofollow"' in shown
    assert {note.author for note in Note.objects.all()} == {person}
    sealed = PayoutEvent if number == 0 else DeskEvent
    hashes = {each.facts["sha256"] for each in sealed.objects.filter(event_type="add_document")}
    assert hashes == set(Note.objects.exclude(sha256="").values_list("sha256", flat=True))
    assert len(hashes) == 2
    events = PayoutEvent.objects.all() if number == 0 else DeskEvent.objects.all()
    assert chain.first_broken(events.order_by("number")) is None
    personal = [event.data for event in (*PayoutEvent.objects.all(), *DeskEvent.objects.all())]
    assert not any(".pdf" in data or "Called" in data for data in personal)


def test_a_document_is_handed_out_to_be_saved_and_never_shown(client, log_in, folder):
    log_in("Operator")
    payout, evil = PayoutFactory(), b"<script>alert(1)</script>"
    client.post(add_note_url(payout), {"file": file("x.html", evil)})

    answer = client.get(reverse("admin:payouts_note_document", args=[Note.objects.get().pk]))

    assert answer.content == evil
    assert answer["Content-Type"] == "application/octet-stream"
    assert answer["Content-Disposition"] == 'attachment; filename="x.html"'
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert "sandbox" in answer["Content-Security-Policy"]
    [stored] = documents_of(folder)
    assert stored.stat().st_mode & 0o077 == 0
    assert stored.name == Note.objects.get().sha256


@pytest.mark.parametrize("harm", ["changed", "removed"])
def test_a_document_that_is_not_what_was_added_is_not_handed_out(client, log_in, folder, harm):
    log_in("Operator")
    payout = PayoutFactory()
    client.post(add_note_url(payout), {"file": file()})
    [stored] = documents_of(folder)
    stored.write_bytes(b"another contract") if harm == "changed" else stored.unlink()

    answer = client.get(reverse("admin:payouts_note_document", args=[Note.objects.get().pk]))

    assert answer.url == page_of(payout)
    said = client.get(answer.url).content.decode()
    assert ("no longer the one that was added" in said) == (harm == "changed")
    assert ("not in the folder of documents" in said) == (harm == "removed")


def large():
    return {"file": file("large.bin", b"x" * (documents.MOST_BYTES + 1))}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (dict, "Write something"),
        (lambda: {"text": "  \n "}, "Write something"),
        (lambda: {"file": file("empty.txt", b"")}, "This file is empty"),
        (large, "10 MB at most"),
        (lambda: {"file": file(), "link": "https://example.com"}, "not both"),
        (lambda: {"link": "javascript:alert(1)"}, "A link begins with"),
        (lambda: {"link": "https://example.com/ x"}, "A link begins with"),
        (lambda: {"link": "https://heleket.com@evil.example/"}, "A link begins with"),
        (lambda: {"text": "pay \u202e200"}, "can be seen"),
        (lambda: {"text": "x" * 2001}, "at most 2000 characters"),
    ],
)
def test_what_is_no_note_is_refused(client, log_in, folder, content, sentence):
    log_in("Operator")
    payout = PayoutFactory()

    response = client.post(add_note_url(payout), content())

    assert sentence in response.content.decode()
    assert not Note.objects.exists()
    assert Payout.objects.get().last_event == payout.last_event


@pytest.mark.parametrize("role", ROLES)
def test_c10_who_sees_a_row_fetches_its_documents_and_most_add_notes(client, log_in, role):
    log_in("Operator")
    payout = PayoutFactory()
    client.post(add_note_url(payout), {"file": file()})
    note = Note.objects.get()

    log_in(role)
    fetched = client.get(reverse("admin:payouts_note_document", args=[note.pk])).status_code
    assert fetched == (200 if "payouts.view_payout" in ROLES[role] else 403)
    added = client.post(add_note_url(payout), {"text": "Called"}).status_code
    assert added == (302 if "payouts.add_note" in ROLES[role] else 403)
    assert Note.objects.count() == 1 + ("payouts.add_note" in ROLES[role])


def write_notes(about, count, person):
    Note.objects.bulk_create(
        Note(**{about._meta.model_name: about}, author=person, text=text, written_at=timezone.now())
        for text in [f"ok {number}" for number in range(count)]
    )


def all_notes_url(about):
    return reverse("admin:payouts_note_all", args=[about._meta.model_name, about.pk])


@pytest.mark.parametrize("number", range(3), ids=["payout", "client", "wallet"])
def test_no_note_is_out_of_reach_however_many_there_are(client, log_in, number):
    person = log_in("Operator")
    about = about_each()[number]
    page = reverse(f"admin:{about._meta.label_lower.replace('.', '_')}_change", args=[about.pk])
    client.post(add_note_url(about), {"text": "The contract is forged", "file": file()})
    write_notes(about, 49, person)
    assert all_notes_url(about) not in client.get(page).content.decode()
    write_notes(about, 200, person)
    assert all_notes_url(about) in client.get(page).content.decode()

    newest = client.get(all_notes_url(about))
    older = unmarked(client.get(all_notes_url(about), {"p": "2"}))

    assert "250 notes" in newest.content.decode()
    assert 'href="?p=2"' in newest.content.decode()
    assert page in newest.content.decode()
    assert "The contract is forged" in older
    assert "contract.pdf" in older


def test_who_may_not_see_a_row_does_not_see_its_notes(client, log_in):
    about = about_each()
    log_in("User manager")
    assert [client.get(all_notes_url(each)).status_code for each in about] == [403] * 3
    log_in("Operator")
    for path in ["payout/x", "payout/9", f"client/{'9' * 30}", "user/1", "client/0"]:
        url = f"{reverse('admin:index')}payouts/note/all/{path}/"
        assert client.get(url).status_code == 404, path


def test_documents_are_for_nobody_who_is_not_logged_in(client, log_in):
    log_in("Operator")
    client.post(add_note_url(PayoutFactory()), {"file": file()})
    client.logout()
    answer = client.get(reverse("admin:payouts_note_document", args=[Note.objects.get().pk]))
    assert answer.status_code == 302
    assert "login" in answer.url


def test_notes_are_about_something_that_exists(client, log_in):
    log_in("Operator")
    for path in ["payout/x", "payout/9", f"client/{'9' * 30}", "user/1", "client/0"]:
        url = f"{reverse('admin:index')}payouts/note/add/{path}/"
        assert client.post(url, {"text": "x"}).status_code == 404, path
    assert not Note.objects.exists()


def test_i17_who_added_which_document_stays_as_it_was_written(client, log_in):
    log_in("Operator")
    client.post(add_note_url(PayoutFactory()), {"file": file()})
    for sql in [
        "DELETE FROM payouts_note",
        "UPDATE payouts_note SET sha256 = 'x'",
        "UPDATE payouts_note SET written_at = NULL",
    ]:
        with pytest.raises(DatabaseError, match=r"fixed|kept for ever"), transaction.atomic():
            connection.cursor().execute(sql)
    assert Note.objects.get().sha256


# Request again


def test_an_ended_payout_is_requested_again_as_a_payout_of_its_own(client, log_in):
    log_in("Requester")
    before = PayoutFactory(status=PayoutStatus.FAILED, purpose="Prize of May", reference="INV-7")
    page = client.get(page_of(before))
    url = f"{add_url(before.wallet)}?again={before.pk}"
    assert url in page.content.decode()

    form = client.get(url).context["form"]
    assert form["purpose"].value() == "Prize of May"
    assert (form["wallet"].value(), form["amount"].value()) == (before.wallet_id, "5")
    sent = data(before.wallet, purpose="Prize of June", confirmed="yes")
    client.post(url, sent)

    new = Payout.objects.latest("number")
    assert (new.purpose, new.status) == ("Prize of June", PayoutStatus.PENDING)
    assert Payout.objects.get(pk=before.pk).status == PayoutStatus.FAILED


@pytest.mark.parametrize("again", ["x", "", "00000000-0000-0000-0000-000000000000"])
def test_nonsense_fills_in_nothing(client, log_in, again):
    log_in("Requester")
    form = client.get(add_url(WalletFactory()), {"again": again}).context["form"]
    assert not form["purpose"].value()


def test_what_has_not_ended_or_is_another_clients_fills_in_nothing(client, log_in):
    log_in("Requester")
    wallet, open_one = WalletFactory(), PayoutFactory(purpose="Secret")
    ended = PayoutFactory(purpose="Secret", status=PayoutStatus.CONFIRMED)
    for url, again in [(add_url(open_one.wallet), open_one), (add_url(wallet), ended)]:
        assert "Secret" not in client.get(url, {"again": again.pk}).content.decode()


# What the client is told

INTERNAL = [
    *("hold", "held", "discrepanc", "balance", "fund", "policy", "limit", "approver", "requester"),
    *("worker", "question", "Heleket", "flag", "suspect", "P-", "staff", "paused", "switch"),
]


def states():
    for status, wait in product(PayoutStatus.values, WaitingFor.values):
        yield status, wait if status in USUAL_WAIT else "", ""
    for status, effective in product(["confirmed", "failed", "cancelled"], Effective.values):
        yield status, "", effective


def standing(clock, status, waiting_for, effective):
    payout = PayoutFactory.build(
        wallet=WalletFactory.build(),
        requested_by=None,
        reason="suspected fraud, says amira",
        effective=effective,
        effective_amount=5,
        effective_currency="USDT",
        pay_from=clock() + timedelta(days=1),
        number=7,
        id=None,
    )
    payout.__dict__ |= {"status": status, "waiting_for": waiting_for}
    return payout


def test_each_state_has_a_sentence_that_names_nothing_internal(clock):
    for state in sorted(set(states())):
        status, waiting_for, effective = state
        payout = standing(clock, *state)
        sentence = sentence_of(payout, code_for_client(payout, differs=False))

        assert "5 USDT" in sentence, state
        assert not [word for word in [*INTERNAL, "amira", "fraud"] if word in sentence], state
        if status == "held" or waiting_for == "discrepancy":
            assert "is being reviewed" in sentence, state
        is_paid = effective == "paid" or (status == "confirmed" and not effective)
        assert ("was sent on" in sentence) == is_paid, state
        is_unpaid = effective == "not_paid" or (status == "failed" and not effective)
        assert ("has not been paid" in sentence) == is_unpaid, state


def test_sentences_set_thousands_apart_as_people_write_them(client, log_in):
    payout = PayoutFactory(amount="3750.50")
    log_in("Requester")
    too_much = {"wallet": payout.wallet_id, "currency": "USDT", "amount": "2000000"}

    sentence = client.get(page_of(payout)).context["for_client"]
    limit = client.get(reverse("admin:payouts_payout_estimate"), too_much).json()["note"]

    assert sentence == "Your payout of 3,750.5 USDT was received and is being checked."
    assert limit == "Heleket pays at most 1,000,000 USDT on TRON."


def test_a_paid_client_learns_the_transaction_unless_heleket_has_gone_back_on_it(heleket_client):
    payout = PayoutFactory(status=PayoutStatus.APPROVED)
    submit_due(1, heleket_client, accounts.open_account(heleket_client))
    Attempt.objects.update(txid="ab" * 32)
    payout = Payout.objects.get(pk=payout.pk)
    assert sentence_for_client(payout).endswith(f"The transaction is {'ab' * 32}.")

    discrepancy(payout, kind="contradiction")
    assert "is being reviewed" in sentence_for_client(payout)


# Support


def test_support_sees_where_the_money_is_and_nothing_else(client, log_in):
    log_in("Support")
    assert client.get(reverse("admin:index"), follow=True).request["PATH_INFO"] == LIST
    payout = PayoutFactory(purpose="Prize of May")
    reason = "Suspected fraud"
    do(operations.HOLD, payout, staff("Approver"), reason=reason)
    discrepancy(payout)
    other = PayoutFactory(address=payout.address, wallet__client__name="Another Client")

    page = unmarked(client.get(page_of(payout)))

    assert "is being reviewed" in page
    assert "Prize of May" in page
    for hidden in [reason, "differ", other.client.name, "Who can act"]:
        assert hidden not in page
    assert reason not in client.get(LIST).content.decode()
    for url in [
        reverse("admin:payouts_controls_switch_changelist"),
        reverse("admin:payouts_discrepancy_changelist"),
        reverse("admin:wallets_payoutmethod_changelist"),
        reverse("admin:audit_deskevent_changelist"),
        page_of(payout, "edit"),
    ]:
        assert client.get(url).status_code == 403, url


def test_support_does_not_learn_who_decided_or_what_is_stuck_from_the_list_s_address(
    client, log_in
):
    payout = PayoutFactory()
    approver = staff("Approver")
    do(operations.APPROVE, payout, approver)
    Payout.objects.update(waiting_for="service")
    discrepancy(PayoutFactory(status=PayoutStatus.CONFIRMED))
    asked = [
        {"approver": approver.person.pk},
        {"queue": "operator"},
        {"queue": "waiting", "status__exact": ["approved", "confirmed"]},
        {"queue": "mine"},
    ]

    def found(query):
        return len(client.get(LIST, query).context["cl"].result_list)

    for role, counts in [("Approver", [1, 2, 2, 1]), ("Support", [0, 0, 0, 0])]:
        PayoutFactory()
        log_in(role)
        assert [found(query) for query in asked] == counts, role
        assert ("Approved by" in client.get(LIST).content.decode()) == (role == "Approver")


@pytest.mark.parametrize(
    "query",
    [
        {"reason__regex": "^Suspected"},
        {"reason_code": "sent_back"},
        {"waiting_for": "answer_of_requester"},
        {"effective": "paid"},
        {"makers__person": "1"},
        {"purpose__regex": "("},
    ],
)
def test_nothing_of_a_payout_is_read_from_the_list_s_address(client, log_in, query):
    do(operations.HOLD, PayoutFactory(), staff("Approver"), reason="Suspected fraud")
    sent_back()
    log_in("Support")

    answer = client.get(LIST, query)

    assert answer.status_code == 400 or answer.url == f"{LIST}?e=1"


def test_support_still_has_the_queue_of_what_waits_for_a_decision(client, log_in):
    waiting = {PayoutFactory(), PayoutFactory(status=PayoutStatus.HELD)}
    discrepancy(PayoutFactory(status=PayoutStatus.CONFIRMED))
    log_in("Support")

    listed = client.get(LIST, {"queue": "waiting"})

    assert set(listed.context["cl"].result_list) == waiting
    tabs = {tab["name"]: tab.get("count") for tab in listed.context["tabs"]}
    assert tabs["waiting"] == "2"


NOT_NOW = "This is not possible at the moment. The page of the payout says where it stands."


def confirmation(client, *payouts, name="ask"):
    chosen = [str(payout.pk) for payout in payouts]
    return unmarked(client.post(LIST, {"action": name, "_selected_action": chosen}))


def test_support_does_not_learn_why_heleket_cannot_be_asked(client, log_in):
    payout = PayoutFactory(status=PayoutStatus.APPROVED)
    Payout.objects.update(status="broadcast", waiting_for="discrepancy")
    discrepancy(payout)
    events = payout.events.count()
    log_in("Support")

    shown = confirmation(client, payout)
    tried = client.post(act_url("ask"), {"seen": tokens(now(payout))}, follow=True)

    for text in (shown, unmarked(tried)):
        assert NOT_NOW in text
        assert "iscrepancy" not in text
    assert payout.events.count() == events
    log_in("Operator")
    assert "A discrepancy stops this payout" in confirmation(client, payout)


def test_support_does_not_learn_what_people_said_of_a_payout_that_changed(client, log_in):
    payout = PayoutFactory()
    do(operations.HOLD, payout, staff("Approver"), reason="Suspected fraud")
    events = payout.events.count()
    log_in("Support")

    tried = client.post(act_url("ask"), {"seen": f"{payout.pk}:x"}, follow=True)

    assert NOT_NOW in unmarked(tried)
    assert "Suspected fraud" not in unmarked(tried)
    assert payout.events.count() == events


def test_support_does_not_see_which_of_many_have_warnings(client, log_in):
    first = PayoutFactory()
    payouts = [first, PayoutFactory(wallet=first.wallet), PayoutFactory(amount=77)]
    Payout.objects.update(status="broadcast", waiting_for="final_word")
    for role, sees in [("Support", False), ("Operator", True)]:
        log_in(role)
        many, one = confirmation(client, *payouts), confirmation(client, first)
        assert ('class="marked' in many, "About P-" in many) == (sees, sees), role
        assert ('aria-describedby="notices"' in one) == sees, role


def test_support_hears_of_no_trouble_that_heleket_s_answer_makes(client, log_in, unchecked_office):
    payout = PayoutFactory(status=PayoutStatus.APPROVED)
    unchecked_office.sandbox.set_fate("stuck")
    unchecked_office.submit()
    unchecked_office.sandbox.payouts[0].amount = Decimal(7)
    log_in("Support")

    asked = client.post(act_url("ask"), {"seen": tokens(now(payout))}, follow=True)

    assert now(payout).waiting_for == WaitingFor.DISCREPANCY
    assert "Done. The page of the payout says where it stands." in unmarked(asked)
    assert "iscrepancy" not in unmarked(asked)
    assert "iffer" not in unmarked(asked)


def test_the_role_has_the_rights_of_the_table():
    group = Group.objects.get(name="Support")
    names = {f"{each.content_type.app_label}.{each.codename}" for each in group.permissions.all()}
    assert names == set(ROLES["Support"])


def test_the_page_costs_the_same_queries_however_many_notes_there_are(
    client, log_in, django_assert_max_num_queries
):
    person = log_in("Operator")
    payout = PayoutFactory()
    client.get(page_of(payout))
    for count in (20, 200):
        write_notes(payout, count, person)
        with django_assert_max_num_queries(55):
            client.get(page_of(payout))
        with django_assert_max_num_queries(14):
            client.get(all_notes_url(payout))


def test_nobody_answers_their_own_question():
    payout, both = PayoutFactory(), staff("Approver", "Requester")
    do(send_backs.SEND_BACK, payout, both, reason="What for?")

    refused = do(send_backs.ANSWER, payout, both, reason="Me")

    assert refused.code == "own_question"
    assert now(payout).waiting_for == WaitingFor.ANSWER_OF_REQUESTER


def test_support_sees_no_answer_of_heleket_s_and_nobody_s_reasons(client, log_in, office):
    payout = PayoutFactory(status=PayoutStatus.APPROVED)
    office.submit()
    office.work(minutes=3)
    frozen = see_wallets([payout.wallet_id])
    perform(FREEZE, frozen, actor=staff("Approver"), reason="Lost his phone")
    now_at = office.clock()
    Pause.objects.create(cause="funds", currency="USDT", since=now_at, probe_at=now_at, text="No")
    pages = [
        reverse("admin:payouts_payout_change", args=[payout.pk]),
        reverse("admin:wallets_wallet_change", args=[payout.wallet_id]),
    ]
    for role, sees in [("Support", False), ("Approver", True)]:
        log_in(role)
        text = "".join(client.get(page).content.decode() for page in pages)
        for words in ("&quot;balance&quot;", "Lost his phone", "Not enough funds at Heleket"):
            assert (words in text) is sees, (role, words)


def test_what_was_paid_after_all_in_another_sum_is_not_claimed_to_the_client():
    payout = PayoutFactory(status=PayoutStatus.FAILED)
    Payout.objects.update(effective="paid", effective_amount=50, effective_currency="USDT")

    assert "is being reviewed" in sentence_for_client(now(payout))

    Payout.objects.update(effective_amount=payout.amount)
    assert "was sent" in sentence_for_client(now(payout))
