"""What moves a balance beside payouts, as people know it: entered one by one, or by file.

Nothing that was entered is changed. A mistake is taken back by a counter-entry, and what concerns a
month that is closed is booked in the next open one, with the day on which it happened.
"""

import csv
import hashlib
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.db import transaction
from django.utils.translation import gettext as _

from audit import clock
from audit.actor import Actor
from audit.events import log_event
from audit.models import DeskEvent
from audit.refusals import Refused
from audit.texts import LONGEST_REASON, needed
from payouts import documents, journal
from payouts.books.codes import BooksCode
from payouts.books.models import BalanceReading, Movement
from payouts.days import next_month, read_day, today
from payouts.models.journal import ClosedMonth
from payouts.notes import File
from payouts.times import at_time
from wallets.amounts import InvalidAmount, format_amount, parse_amount
from wallets.models import PayoutMethod

RIGHT = "payouts_books.add_movement"
SEES = "payouts_books.view_movement"
COLUMNS = ["day", "coin", "direction", "amount", "category", "evidence"]
MOST_LINES = 10_000
SHA256 = re.compile("[0-9a-f]{64}")
Direction, Category = Movement.Direction, Movement.Category


@dataclass(frozen=True)
class Wish:
    """A movement that somebody wants to enter. `happened_on` is another day than the one it is
    booked to only if the month of that is closed."""

    day: date
    currency: str
    direction: Movement.Direction
    amount: Decimal
    category: Movement.Category
    evidence: str
    happened_on: date | None = None


def enter(wish: Wish, file: File | None = None, *, actor: Actor) -> Movement:
    """Enter one movement with its evidence. Raises NotAllowed and Refused."""
    actor.require(RIGHT)
    with transaction.atomic():
        journal.lock_months()
        row = made(wish, Open(), actor)
        if file:
            row.file_name, row.sha256 = needed(file.name, at_most=200), documents.keep(file.content)
        row.save(force_insert=True)
        log_event(DeskEvent.Type.ADD_MOVEMENT, actor=actor, **facts_of(row))
    return row


def take_back(movement_id: int, reason: str, *, actor: Actor) -> Movement:
    """Enter the opposite of a movement, on its day or in the first open month. Raises Refused."""
    actor.require(RIGHT)
    reason = needed(reason)
    with transaction.atomic():
        journal.lock_months()
        row = Movement.objects.filter(pk=movement_id).first()
        if row is None:
            raise Refused(BooksCode.MOVEMENT_UNKNOWN)
        if row.takes_back_id:
            raise Refused(BooksCode.IS_COUNTER_ENTRY)
        if Movement.objects.filter(takes_back=row).exists():
            raise Refused(BooksCode.TAKEN_BACK)
        counter = Movement.objects.create(
            currency=row.currency,
            direction=Direction.OUT if row.direction == Direction.IN else Direction.IN,
            amount=row.amount,
            day=max(row.day, first_open_day()),
            happened_on=row.happened_on,
            category=row.category,
            evidence=reason,
            entered_by_id=actor.person_id or 0,
            entered_at=clock.now(),
            takes_back=row,
        )
        log_event(DeskEvent.Type.ADD_MOVEMENT, actor=actor, takes_back=row.pk, **facts_of(counter))
    return counter


class Open:
    """Which days may still be booked to, and which coins there are. Precondition: the months are
    locked."""

    def __init__(self) -> None:
        self.first_day, self.today = first_open_day(), today()
        listed = PayoutMethod.objects.values_list("currency", flat=True)
        read = BalanceReading.objects.order_by().values_list("currency", flat=True)
        self.coins = {*listed.distinct(), *read.distinct()}


def first_open_day() -> date:
    """Return the first day that is in no closed month."""
    last = ClosedMonth.objects.order_by("-month").values_list("month", flat=True).first()
    return next_month(last) if last else date.min


def made(wish: Wish, known: Open, actor: Actor) -> Movement:
    """Return the row of what is wished. Raises Refused."""
    if wish.day < known.first_day:
        raise Refused(BooksCode.MONTH_IS_CLOSED, month=f"{wish.day:%Y-%m}")
    if wish.day > known.today:
        raise Refused(BooksCode.DAY_TO_COME, day=wish.day.isoformat())
    happened_on = wish.happened_on or wish.day
    if happened_on > wish.day:
        raise Refused(BooksCode.HAPPENED_LATER)
    if wish.currency not in known.coins:
        raise Refused(BooksCode.COIN_UNKNOWN, currency=wish.currency)
    return Movement(
        currency=wish.currency,
        direction=wish.direction,
        amount=wish.amount,
        day=wish.day,
        happened_on=happened_on,
        category=wish.category,
        evidence=needed(wish.evidence, at_most=LONGEST_REASON),
        entered_by=actor.person,
        entered_at=clock.now(),
    )


def facts_of(row: Movement) -> dict[str, object]:
    return {
        "coin": row.currency,
        "direction": row.direction,
        "amount": format_amount(row.amount),
        "day": row.day,
        "category": row.category,
        "evidence": row.evidence,
        **({"sha256": row.sha256} if row.sha256 else {}),
    }


# By file


@dataclass(frozen=True)
class Plan:
    """What a file would enter. `sha256` names the very bytes that it was read from."""

    sha256: str
    rows: Sequence[Movement]


def plan(content: bytes, *, actor: Actor) -> Plan:
    """Read a file without entering anything. Raises NotAllowed and Refused, naming the first line
    that is not right."""
    actor.require(RIGHT)
    sha256 = hashlib.sha256(content).hexdigest()
    if entered := Movement.objects.filter(file_sha256=sha256).order_by("pk").first():
        raise Refused(BooksCode.MOVEMENTS_ENTERED, at=at_time(entered.entered_at))
    known, rows = Open(), []
    for number, cells in lines_of(content):
        try:
            row = made(wish_of(cells), known, actor)
        except Refused as exc:
            raise unfit(number, str(exc)) from exc
        row.file_sha256, row.file_line = sha256, number
        rows.append(row)
    if not rows:
        raise unfit(2, _("There is no movement."))
    return Plan(sha256, rows)


def enter_file(name: str, content: bytes, sha256: str, *, actor: Actor) -> list[Movement]:
    """Enter all of a file that was looked at before, or nothing. Raises NotAllowed and Refused.

    The file is kept as evidence of each of its lines. The same bytes are not entered twice.
    """
    actor.require(RIGHT)
    with transaction.atomic():
        journal.lock_months()
        read = plan(content, actor=actor)
        if read.sha256 != sha256:
            raise unfit(1, _("This is another file than the one that was shown."))
        documents.keep(content)
        for row in read.rows:
            row.file_name, row.sha256 = needed(name, at_most=200), read.sha256
        entered = Movement.objects.bulk_create(read.rows)
        log_event(DeskEvent.Type.ADD_MOVEMENT, actor=actor, sha256=read.sha256, count=len(entered))
    return entered


def like_ones(rows: Sequence[Movement]) -> set[int | None]:
    """Return the lines of which the same was entered before: perhaps by another file."""
    days, coins = {row.day for row in rows}, {row.currency for row in rows}
    names = ("day", "currency", "direction", "amount")
    entered = Movement.objects.filter(day__in=days, currency__in=coins, takes_back=None)
    known = set(entered.values_list(*names))
    return {row.file_line for row in rows if tuple(getattr(row, name) for name in names) in known}


def unfit(line: int, why: str) -> Refused:
    return Refused(BooksCode.MOVEMENTS_UNFIT, line=line, why=why)


def lines_of(content: bytes) -> Iterator[tuple[int, list[str]]]:
    """Yield each line with its number. Raises Refused."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as exc:
        raise unfit(content[: exc.start].count(b"\n") + 1, _("This is no UTF-8 text.")) from exc
    if "\0" in text:
        raise unfit(text[: text.index("\0")].count("\n") + 1, _("This is no text."))
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        if next(reader, None) != COLUMNS:
            raise unfit(1, _("The first line has to be “%s”.") % ",".join(COLUMNS))
        for count, cells in enumerate(reader, 1):
            if count > MOST_LINES:
                raise unfit(reader.line_num, _("A file has at most %d movements.") % MOST_LINES)
            if len(cells) != len(COLUMNS):
                words = {"count": len(cells), "needed": len(COLUMNS)}
                raise unfit(
                    reader.line_num, _("It has %(count)d cells instead of %(needed)d.") % words
                )
            yield reader.line_num, cells
    except csv.Error as exc:
        raise unfit(reader.line_num, f"{exc}.") from exc


def wish_of(cells: Sequence[str]) -> Wish:
    """Read the cells of a line, each as it must be written. Raises Refused."""
    day, currency, direction, amount, category, evidence = cells
    if (booked := read_day(day)) is None:
        raise Refused(BooksCode.CELL_UNFIT, words=_("“%s” is no day like 2026-10-31.") % day)
    if direction not in Direction.values:
        raise one_of(direction, Direction.values)
    if category not in Category.values:
        raise one_of(category, Category.values)
    try:
        exact = parse_amount(amount)
    except InvalidAmount as exc:
        raise Refused(BooksCode.CELL_UNFIT, words=str(exc)) from exc
    return Wish(booked, currency, Direction(direction), exact, Category(category), evidence)


def one_of(text: str, known: Sequence[str]) -> Refused:
    words = {"text": text, "known": ", ".join(known)}
    return Refused(BooksCode.CELL_UNFIT, words=_("“%(text)s” is none of: %(known)s.") % words)
