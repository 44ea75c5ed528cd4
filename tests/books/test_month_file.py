"""The file of a month, and the script in it: an auditor checks it without the desk, and whatever is
changed of it is named."""

import ast
import hashlib
import json
import random
import re
import subprocess
import sys
from datetime import date
from io import BytesIO

import pytest

from audit import chain
from audit.actor import Actor, Channel
from audit.events import log_event
from audit.models import DeskEvent
from audit.refusals import Refused
from config.environment import BASE_DIR
from payouts.books import month_file, verify_month
from payouts.books.logs import line_of
from payouts.books.signing import Signer
from payouts.models import ClosedMonth, Payout, PayoutEvent
from tests import canaries
from tests.audit.tampering import drop, findings, places, sql, undone
from tests.books.months import (
    close,
    laid_out,
    live,
    office_of_a_month,
    packed,
    unpacked,
    write,
)

MARCH, APRIL = date(2026, 3, 1), date(2026, 4, 1)
SCRIPT = "verify_month.py"


@pytest.fixture(scope="module")
def march(django_db_setup, django_db_blocker, tmp_path_factory):
    """The file of a month as it is written: what is tried with it takes no desk any more."""
    path = tmp_path_factory.mktemp("march") / "2026-03.zip"
    with django_db_blocker.unblock(), undone(), office_of_a_month() as office:
        head = live(office)
        written = write(office, MARCH, path)
    return path, written, head


@pytest.fixture
def items(march):
    return unpacked(march[0])


@pytest.fixture
def fingerprint():
    return Signer().fingerprint


def verdict(capsys, path, *anchors):
    code = verify_month.main([str(path), *anchors])
    return code, capsys.readouterr().out


# What holds


def test_it_holds_together_with_an_anchor_from_elsewhere(march, fingerprint, capsys):
    path, written, head = march
    for anchors in (["--fingerprint", fingerprint], ["--root", written.root], ["--head", head]):
        code, text = verdict(capsys, path, *anchors)
        assert (code, "It holds together" in text) == (0, True)
    assert verdict(capsys, path, "--fingerprint", fingerprint.upper(), "--head", head)[0] == 0


def test_g66_without_an_anchor_it_is_consistent_and_no_more(march, capsys):
    code, text = verdict(capsys, march[0])
    assert (code, "Consistent, not anchored" in text) == (2, True)


@pytest.mark.parametrize("anchor", ["--fingerprint", "--root", "--head"])
def test_g66_an_anchor_of_another_file_is_damage(march, anchor, capsys):
    code, text = verdict(capsys, march[0], anchor, "ab" * 32)
    assert (code, "DAMAGED" in text) == (1, True)


def test_a_fresh_interpreter_in_an_empty_folder_checks_it(march, items, fingerprint, tmp_path):
    """Neither the project nor anything else that is installed is there: -I and -S see to that."""
    (tmp_path / SCRIPT).write_bytes(items[SCRIPT])
    run = [sys.executable, "-I", "-S", SCRIPT, str(march[0])]

    def code(*more):
        done = subprocess.run([*run, *more], cwd=tmp_path, env={}, capture_output=True, check=False)
        return done.returncode

    assert code("--fingerprint", fingerprint) == 0
    assert code() == 2
    assert code("--root", "00" * 32) == 1
    assert code("--nonsense") == 1


def test_the_script_needs_python_3_9_and_its_library_alone():
    text = month_file.SCRIPT_FILE.read_text()
    tree = ast.parse(text, feature_version=(3, 9))
    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        for name in (
            [each.name for each in node.names]
            if isinstance(node, ast.Import)
            else [node.module]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert imported <= sys.stdlib_module_names


def test_the_published_hash_of_the_script_is_its_own(items):
    page = (BASE_DIR / "docs" / "audit.md").read_text()
    own = hashlib.sha256(month_file.SCRIPT_FILE.read_bytes()).hexdigest()
    assert own in page
    assert hashlib.sha256(items[SCRIPT]).hexdigest() == own


def test_a_file_that_was_unpacked_is_checked_as_well(items, fingerprint, tmp_path, capsys):
    laid_out(items, tmp_path)
    assert verdict(capsys, tmp_path, "--fingerprint", fingerprint)[0] == 0


# What is damaged


class Items:
    """A month's file in memory, as the script opens one."""

    def __init__(self, items):
        self.items, self.names = items, list(items)

    def open(self, name):
        return BytesIO(self.items[name])

    read = verify_month.MonthFile.read
    lines = verify_month.MonthFile.lines
    records = verify_month.MonthFile.records


def flips(items, count):
    """So many changes of one byte of any item but the script, at places and to values by chance."""
    chance = random.Random(66)
    places = [(name, len(content)) for name, content in items.items() if name != SCRIPT and content]
    for _ in range(count):
        name, size = chance.choices(places, [size for _name, size in places])[0]
        at = chance.randrange(size)
        content = bytearray(items[name])
        content[at] ^= chance.randrange(1, 256)
        yield name, bytes(content)


def test_a_flip_of_any_of_1000_random_bytes_is_damage_that_names_the_item(items):
    assert verify_month.damages(Items(items))[0] == []
    names = set()
    for name, content in flips(items, 1000):
        found, _manifest = verify_month.damages(Items(items | {name: content}))
        blamed = {item for item, _what in found}
        # A manifest that can be read still belies its items, or its signature.
        related = {"manifest.json", "manifest.sig"} if name == "manifest.json" else {name}
        assert blamed & related, name
        if name != "manifest.json":
            assert blamed == {name}
        names.add(name)
    assert names == {name for name in items if items[name]} - {SCRIPT}


def test_a_flip_is_damage_for_a_fresh_interpreter(items, fingerprint, tmp_path):
    script = tmp_path / SCRIPT
    script.write_bytes(items[SCRIPT])
    for number, (name, content) in enumerate(flips(items, 3)):
        path = packed(items | {name: content}, tmp_path / f"{number}.zip")
        run = [sys.executable, "-I", "-S", script, path, "--fingerprint", fingerprint]
        done = subprocess.run(run, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert (done.returncode, name in done.stdout) == (1, True)


def test_a_zip_that_is_cut_short_or_none_is_damage(march, tmp_path, capsys):
    path = tmp_path / "cut.zip"
    for content in (march[0].read_bytes()[:-100], b"no zip", b""):
        path.write_bytes(content)
        assert verdict(capsys, path)[0] == 1
    assert verdict(capsys, tmp_path / "none.zip")[0] == 1


def test_an_item_that_is_missing_added_or_there_twice_is_damage(items, tmp_path, capsys):
    left_out = {name: content for name, content in items.items() if name != "approvals.jsonl"}
    for changed, name in [(left_out, "approvals.jsonl"), (items | {"more.txt": b"x"}, "more.txt")]:
        code, text = verdict(capsys, packed(changed, tmp_path / "file.zip"))
        assert (code, name in text) == (1, True)


def without_payout(content):
    """Leave out the lines of one payout."""
    rows = [json.loads(line) for line in content.splitlines()]
    gone = rows[0]["fields"][0]
    return b"".join(line for line in content.splitlines(keepends=True) if gone.encode() not in line)


def test_a_payout_taken_out_fails_by_count_and_by_root(items):
    name = "events/payouts.jsonl"
    found, _manifest = verify_month.damages(Items(items | {name: without_payout(items[name])}))
    assert {item for item, _what in found} == {name}
    words = " ".join(what for _item, what in found)
    assert "records, and the manifest states" in words
    assert "its root is another one" in words


def made_anew(items, changes, without=(), **says):
    """Make a file of changed items, with a manifest that fits and the key of whoever does it."""
    changed = {name: each for name, each in (items | changes).items() if name not in without}
    manifest = json.loads(items["manifest.json"])
    listed = [each for each in manifest.pop("items") if each["name"] not in without]
    manifest.pop("root")
    manifest |= says
    for item in listed:
        content = changed[item["name"]]
        item |= {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
        if item["root"] is not None:
            lines = content.splitlines()
            item |= {"count": len(lines), "root": verify_month.root_of(iter(lines))}
    root = month_file.root_over(manifest, listed)
    body = line_of({**manifest, "items": listed, "root": root})
    signature = Signer().sign(body).hex().encode() + b"\n"
    return changed | {"manifest.json": body, "manifest.sig": signature}


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("events/payouts.jsonl", without_payout),
        ("events/payouts.jsonl", lambda content: content.split(b"\n", 1)[1]),
        ("events/desk.jsonl", lambda content: content.split(b"\n", 1)[1]),
        ("events/payouts.jsonl", lambda content: b"\n".join(reversed(content.split(b"\n")[:-1]))),
        ("approvals.jsonl", lambda content: content.split(b"\n", 1)[1]),
        ("statements.jsonl", lambda content: content.split(b"\n", 1)[1]),
        ("statements.jsonl", lambda content: content.replace(b"USDT", b"USDC", 1)),
        (
            "approvals.jsonl",
            lambda content: re.sub(rb'"person":\d+', b'"person":1', content, count=1),
        ),
        ("policies.jsonl", lambda content: content.replace(b"hours", b"years", 1)),
        ("heleket/list.jsonl", lambda content: content.split(b"\n", 1)[1]),
        ("journal.jsonl", lambda content: content.replace(b'"amount":"5"', b'"amount":"6"', 1)),
    ],
)
def test_what_does_not_fit_is_damage_though_hashes_and_signature_hold(items, name, change):
    content = change(items[name])
    assert content != items[name]
    found, _manifest = verify_month.damages(Items(made_anew(items, {name: content})))
    assert found


def test_an_item_that_its_manifest_leaves_out_is_missing_all_the_same(items, tmp_path, capsys):
    """Whoever has the key leaves out what tells on them, here the journal."""
    other = made_anew(items, {}, without=["journal.jsonl"])
    code, text = verdict(capsys, packed(other, tmp_path / "x.zip"))
    assert (code, "journal.jsonl: is missing" in text) == (1, True)


def entry(*postings):
    lines = [
        {"amount": amount, "side": side, "currency": "USDT"}
        for each in postings
        for side, amount in [each.split()]
    ]
    return line_of({"entry": 1, "postings": lines}) + b"\n"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("manifest.json", b"[" * 100_000),
        ("manifest.json", b"[]"),
        ("events/desk.jsonl", b"[" * 100_000 + b"\n"),
        ("events/wallets.jsonl", b'{"event":1,"fields":[5,1,2,3],"hash":""}\n'),
        ("heleket/list.jsonl", b"[]\n"),
        ("statements.jsonl", b'{"body":5,"sha256":"x"}\n'),
        ("policies.jsonl", b'{"digest":"x","fields":[1,5]}\n'),
        ("predecessors.jsonl", b"5\n"),
        ("journal.jsonl", entry("debit sNaN")),
        ("journal.jsonl", entry("debit 1e80", "debit 1", "credit 1e80")),
    ],
)
def test_what_cannot_be_read_is_damage_and_no_traceback(items, name, content, tmp_path, capsys):
    changes = {name: content}
    other = items | changes if name == "manifest.json" else made_anew(items, changes)
    code, text = verdict(capsys, packed(other, tmp_path / "x.zip"))
    assert (code, text.startswith("DAMAGED")) == (1, True)


@pytest.mark.parametrize(
    "says", [{"predecessors": [5]}, {"predecessors": None}, {"month": []}, {"cut": 5}, {"key": ""}]
)
def test_a_manifest_that_says_odd_things_is_damage(items, says, tmp_path, capsys):
    other = made_anew(items, {}, **says)
    code, text = verdict(capsys, packed(other, tmp_path / "x.zip"), "--root", "ab" * 32)
    assert (code, "DAMAGED" in text) == (1, True)


def test_an_item_that_is_encrypted_is_damage(march, tmp_path, capsys):
    path = tmp_path / "x.zip"
    content = bytearray(march[0].read_bytes())
    start = content.index(central := b"PK\x01\x02")
    while start >= 0:
        content[start + 8 : start + 10] = b"\x01\x00"
        start = content.find(central, start + 1)
    path.write_bytes(content)
    code, text = verdict(capsys, path)
    assert (code, text.startswith("DAMAGED")) == (1, True)


def test_a_name_in_the_file_writes_no_lines_of_its_own(items, tmp_path, capsys):
    other = items | {"x\nIt holds together": b""}
    code, text = verdict(capsys, packed(other, tmp_path / "x.zip"))
    assert (code, len(text.splitlines())) == (1, 1)


def test_g66_an_older_root_that_is_named_alone_anchors_nothing(items, tmp_path, capsys):
    """Whoever made the file up knows the roots of the months before: they are no secret."""
    older = "ab" * 32
    other = made_anew(items, {}, predecessors=[{"month": "2026-02", "root": older}])
    code, text = verdict(capsys, packed(other, tmp_path / "x.zip"), "--root", older)
    assert (code, "predecessors.jsonl" in text) == (1, True)


def test_g66_a_head_alone_says_what_it_does_not_stand_for(march, fingerprint, capsys):
    path, _written, head = march
    words = "The head stands for the events up to its day"
    assert words in verdict(capsys, path, "--head", head)[1]
    assert words not in verdict(capsys, path, "--head", head, "--fingerprint", fingerprint)[1]


def test_a_daily_head_holds_what_stood_before_it(items, march, tmp_path, capsys):
    """An event from before the head was mailed, made anew with all keys: the head itself stands."""
    head = march[2]
    lines = items["events/payouts.jsonl"].splitlines(keepends=True)
    first = json.loads(lines[0])
    first["hash"] = "ab" * 32
    lines[0] = line_of(first) + b"\n"
    other = made_anew(items, {"events/payouts.jsonl": b"".join(lines)})
    code, text = verdict(capsys, packed(other, tmp_path / "x.zip"), "--head", head)
    assert (code, "payouts.jsonl" in text) == (1, True)


# Where months begin and end


@pytest.fixture
def office(db, settings, tmp_path):
    settings.DOCUMENTS_FOLDER = str(tmp_path / "documents")
    with office_of_a_month() as office:
        yield office


def closed_march(office, tmp_path):
    live(office)
    path = tmp_path / "march.zip"
    written = write(office, MARCH, path)
    close(MARCH, written, path)
    return path, written


def test_g66_each_month_begins_where_the_last_ended(office, tmp_path, capsys):
    path, written = closed_march(office, tmp_path)
    live(office, 1)
    after = tmp_path / "april.zip"
    next_written = write(office, APRIL, after)

    begins = {name: cut["after"] for name, cut in next_written.cut.items()}
    assert begins == {name: cut["last"] for name, cut in written.cut.items()}
    seen = [
        json.loads(line)["event"]
        for each in (path, after)
        for line in unpacked(each)["events/payouts.jsonl"].splitlines()
    ]
    assert seen == list(PayoutEvent.objects.order_by("pk").values_list("pk", flat=True))
    assert verdict(capsys, after, "--root", written.root)[0] == 0
    assert verdict(capsys, after, "--root", next_written.root)[0] == 0
    assert findings("--only", "months", "heads") == []


def test_g66_an_older_root_holds_the_month_before_and_the_key(
    office, fingerprint, settings, tmp_path, capsys
):
    """A month that does not go on from there, or that somebody else has signed, is not of it."""
    _path, written = closed_march(office, tmp_path)
    live(office, 1)
    after = tmp_path / "april.zip"
    write(office, APRIL, after)
    items, older = unpacked(after), ["--root", written.root]
    begins = json.loads(items["manifest.json"])["begins"]
    elsewhere = made_anew(items, {}, begins={**begins, "logs": {**begins["logs"], "desk": ""}})
    code, text = verdict(capsys, packed(elsewhere, tmp_path / "x.zip"), *older)
    assert (code, "does not begin where" in text) == (1, True)

    settings.MONTH_SIGNING_KEY = "07" * 32
    other = made_anew(items, {}, key=Signer().public.hex())
    path = packed(other, tmp_path / "y.zip")
    code, text = verdict(capsys, path, *older)
    assert (code, "another key" in text) == (1, True)
    assert verdict(capsys, path, *older, "--fingerprint", fingerprint)[0] == 1
    assert verdict(capsys, path, *older, "--fingerprint", Signer().fingerprint)[0] == 0


def test_a_history_rewritten_with_all_keys_fails_against_what_is_known_elsewhere(
    office, fingerprint, tmp_path, capsys
):
    """Whoever has all keys can make everything anew, and it holds together; but not against the
    root of an older month, or a head that was mailed."""
    with undone():
        head = live(office)
        known = write(office, MARCH, tmp_path / "known.zip")
    office.people.clear()
    live(office, 3)
    march, april = tmp_path / "march.zip", tmp_path / "april.zip"
    close(MARCH, write(office, MARCH, march), march)
    live(office, 1)
    write(office, APRIL, april)

    for path in (march, april):
        assert verdict(capsys, path)[0] == 2
        assert verdict(capsys, path, "--fingerprint", fingerprint)[0] == 0
        code, text = verdict(capsys, path, "--root", known.root)
        assert (code, "history was rewritten" in text) == (1, True)
    assert verdict(capsys, march, "--fingerprint", fingerprint, "--head", head)[0] == 1


def test_g66_what_is_written_after_a_close_lies_in_the_next_month_whatever_its_time(
    office, tmp_path
):
    _path, written = closed_march(office, tmp_path)
    office.clock.time = office.clock().replace(day=31, hour=20, minute=59, second=59)
    log_event(DeskEvent.Type.RESET, actor=Actor.system(Channel.COMMAND))
    late = DeskEvent.objects.order_by("number").last()

    assert late.pk > written.cut["desk"]["last"]
    april = tmp_path / "april.zip"
    office.clock.forward(days=31)
    write(office, APRIL, april)
    assert str(late.pk).encode() in unpacked(april)["events/desk.jsonl"]


def test_the_same_month_is_the_same_file(office, tmp_path):
    live(office)
    one, other = (write(office, MARCH, tmp_path / name) for name in ("one.zip", "other.zip"))
    assert one == other


def test_what_is_stored_is_held_to_the_files_of_closed_months(office, tmp_path):
    closed_march(office, tmp_path)
    named = [f"payouts.ClosedMonth {ClosedMonth.objects.get().pk} (2026-03)"]
    assert findings() == []
    event = PayoutEvent.objects.order_by("pk").first()
    with undone():  # with the key, all hashes made anew
        table = "payouts_payoutevent"
        last = Payout.objects.get(pk=event.payout_id).events.order_by("number")
        previous, statements = "", []
        for each in last:
            each.reason = each.reason or "forged"
            previous = chain.sealed(each.fields(), previous)
            statements.append(
                f"UPDATE {table} SET reason = '{each.reason}', hash = '{previous}' "
                f"WHERE id = {each.pk}"
            )
        sql(*drop(table, "fixed"), *statements)
        found = findings()
        assert places(found, "chain_broken") == []
        assert places(found, "month_events") == named
        assert len(places(found, "head_differs")) == 1
    with undone():
        sql(*drop("payouts_posting", "fixed"), "UPDATE payouts_posting SET account = 'Mine'")
        assert places(findings(), "month_events") == named
    with undone():
        mine = f"closed_by_id = {office.person('Accountant').pk}"
        sql(*drop("payouts_closedmonth", "fixed"), f"UPDATE payouts_closedmonth SET {mine}")
        assert places(findings(), "month_unsealed") == named
    month_file.documents.path_of(ClosedMonth.objects.get().sha256).write_bytes(b"other")
    assert places(findings("--only", "months"), "month_file") == named


def test_a_file_is_written_whole_or_not_at_all(office, tmp_path, settings):
    live(office)
    path = tmp_path / "march.zip"
    settings.MONTH_SIGNING_KEY = ""
    with pytest.raises(Refused, match="MONTH_SIGNING_KEY"):
        write(office, MARCH, path)
    assert list(tmp_path.glob("*")) == []


def test_what_is_not_as_it_was_written_is_not_signed(office, tmp_path):
    live(office)
    sql(*drop("payouts_approval", "kept"), "DELETE FROM payouts_approval")
    with pytest.raises(Refused, match="verify_audit"):
        write(office, MARCH, tmp_path / "march.zip")
    assert list(tmp_path.glob("*")) == []


def test_i18_no_secret_lies_in_the_file(march):
    for name, content in unpacked(march[0]).items():
        canaries.look(content.decode(), name)
