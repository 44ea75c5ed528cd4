"""What commands about payouts share: how they find them, act on many, and report on each."""

import sys
from argparse import ArgumentTypeError
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from typing import Any, TypeVar
from uuid import UUID

from django.core.management.base import CommandError, CommandParser, OutputWrapper
from django.db import transaction
from django.db.models import Q

import heleket
from audit import operations
from audit.actor import Actor, Channel
from audit.operations import Outcome, perform
from audit.refusals import Refused
from payouts.days import read_month
from payouts.gateway import accounts
from payouts.gateway.accounts import GatewayAccount
from payouts.models import Attempt, Payout
from payouts.operations import PayoutOperation
from payouts.seen import see
from payouts.staff.command_line import (
    FINDINGS,
    actor,
    add_person,
    add_report_options,
    positive,
    progress_bar,
    refusals_as_errors,
    write_json,
)

EXIT_CODES = "Exit code: 0 done, 1 error, 2 done but something was refused or found."

Item = TypeVar("Item")


def a_month(text: str) -> date:
    if (found := read_month(text)) is None:
        raise ArgumentTypeError("must be like 2026-10")
    return found


def a_day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError("must be like 2026-10-31") from None


def add_change_options(parser: CommandParser) -> None:
    parser.add_argument(
        "--dry-run", action="store_true", help="say what would happen, change nothing"
    )
    parser.add_argument("--limit", type=positive, metavar="N", help="handle at most N payouts")
    add_report_options(parser)


def add_act_options(parser: CommandParser) -> None:
    parser.add_argument("payouts", nargs="+", metavar="PAYOUT", help="a number (12, P-12) or an id")
    parser.add_argument("--reason", required=True, help="kept in the history")
    add_person(parser)
    add_change_options(parser)


def key_of(name: str) -> int | UUID:
    """Read a payout's number, as pages show it or bare, or its id."""
    number = name.upper().removeprefix("P-")
    try:
        if number.isascii() and number.isdigit() and len(number) < 19:
            return int(number)
        return UUID(name)
    except ValueError:
        raise unknown(name) from None


def unknown(name: str) -> CommandError:
    return CommandError(f"There is no payout “{name}”.")


def find_tried(name: str) -> Payout:
    """Find a payout by its number, its id, or an order id of any of its generations."""
    attempt = Attempt.objects.select_related("payout").filter(order_id=name.lower()).first()
    return attempt.payout if attempt else find_payouts([name])[0]


def find_payouts(names: Sequence[str], limit: int | None = None) -> list[Payout]:
    """Find all of them in a few statements, each once. CommandError if there is one that is not."""
    keys = {key_of(name): name for name in names}
    found: dict[int | UUID, Payout] = {}
    for chunk in chunks(list(keys)):
        numbers = [key for key in chunk if isinstance(key, int)]
        ids = [key for key in chunk if isinstance(key, UUID)]
        for payout in Payout.objects.filter(Q(number__in=numbers) | Q(pk__in=ids)):
            found[payout.pk] = found[payout.number] = payout
    if missing := [name for key, name in keys.items() if key not in found]:
        raise unknown(missing[0])
    return list({found[key].pk: found[key] for key in keys}.values())[:limit]


def chunks(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    for start in range(0, len(items), operations.CHUNK):
        yield items[start : start + operations.CHUNK]


@contextmanager
def signed_in() -> Iterator[tuple[heleket.HeleketClient, GatewayAccount]]:
    """Yield a client and the desk, if settings and database belong together."""
    with refusals_as_errors(), accounts.heleket_client() as client:
        yield client, accounts.open_account(client, actor=Actor.system(Channel.COMMAND))


def act(
    out: OutputWrapper,
    operation: PayoutOperation[Any],
    by: str,
    reason: str,
    *,
    payouts: Sequence[str],
    limit: int | None,
    dry_run: bool,
    **options: Any,
) -> None:
    """Let a person act on the payouts named, or only try it, and report what became of each.

    Each chunk is a transaction of its own: whoever stops it in the middle repeats it for the rest.
    A right that is lost in between refuses the rest, and what was done before is reported.
    """
    try:
        found, outcomes = find_payouts(payouts, limit), list[Outcome]()
    except CommandError as exc:
        raise CommandError(f"{exc} Nothing was changed.") from exc
    with refusals_as_errors(), progress_bar("payouts", len(found)) as show:
        for chunk in chunks(found):
            try:
                with transaction.atomic():
                    who = actor(by)  # with the rights that they have by now
                    outcomes += perform(operation, see(chunk), actor=who, reason=reason)
                    transaction.set_rollback(dry_run)
            except (Refused, CommandError) as exc:
                if not outcomes:
                    raise
                rest = found[len(outcomes) :]
                refusal = getattr(exc, "refusal", None)
                outcomes += [Outcome(each.pk, str(each), False, str(exc), refusal) for each in rest]
                break
            show(len(outcomes))
    report(out, outcomes, dry_run=dry_run, as_json=options["format"] == "json")


def report(
    out: OutputWrapper, outcomes: Sequence[Outcome], *, dry_run: bool, as_json: bool
) -> None:
    if as_json:
        rows = [as_json_row(each) for each in outcomes]
        write_json(out, {"dry_run": dry_run, "payouts": rows})
    else:
        for each in outcomes:
            out.write(f"{each.name}: {'' if each.done else 'NOT DONE. '}{each.text}")
        out.write("This was a dry run: nothing was changed." if dry_run else in_total(outcomes))
    if not all(each.done for each in outcomes):
        sys.exit(FINDINGS)


def as_json_row(outcome: Outcome) -> dict[str, Any]:
    number = int(outcome.name.removeprefix("P-")) if outcome.name else None
    return {
        "id": outcome.id,
        "number": number,
        "done": outcome.done,
        "text": outcome.text,
        "code": outcome.code,
    }


def in_total(outcomes: Sequence[Outcome]) -> str:
    done = sum(each.done for each in outcomes)
    return f"{done} done, {len(outcomes) - done} not."
