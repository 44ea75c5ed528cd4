"""Finding payouts by whatever somebody has at hand."""

import re
from contextlib import suppress
from uuid import UUID

from django.db.models import Q

from audit.searching import words_of
from payouts.models import Attempt, Origin, Payout, PayoutQuerySet
from payouts.staff.pages import ID
from wallets.addresses import canonical_spellings
from wallets.amounts import InvalidAmount, parse_amount
from wallets.models import Client

MOST_IDS = 1000  # clients or attempts that one search names to the database one by one
NUMBER = re.compile(r"(?:P-?|#)?\s*([0-9]+)", re.IGNORECASE)
# Commas and blanks are read as groups of three alone: elsewhere a comma may be a decimal point.
WHOLE = r"[0-9]{1,3}(?:[ ,'\u00a0\u202f][0-9]{3})+|[0-9]+"
AMOUNT = re.compile(rf"((?:{WHOLE})(?:\.[0-9]+)?)\s*([A-Za-z]{{2,12}})?")


def search(payouts: PayoutQuerySet, text: str) -> PayoutQuerySet:
    """Find by number, amount, reference, words of the purpose, memo, client, or a whole address,
    transaction, key or id of ours or Heleket's.

    What names few payouts is looked up first: one condition that asks all of it of each payout
    would be a slow one, and each lookup can use its index.
    """
    found = few(of_names(text)) | of_clients(text) | of_attempts(text)
    for each in (of_number(text), of_amount(text), of_words(text)):
        if each is not None:
            found |= each
    return payouts.filter(found)


def few(condition: Q) -> Q:
    """Name the payouts themselves, unless they are many."""
    ids = list(Payout.objects.filter(condition).values_list("pk", flat=True)[: MOST_IDS + 1])
    return Q(pk__in=ids) if len(ids) <= MOST_IDS else condition


def of_names(text: str) -> Q:
    """What is found by the whole of a text alone."""
    found = Q(reference=text) | Q(address__in=spellings(text)) | (Q(memo=text) & ~Q(memo=""))
    found |= Q(idempotency_key__in=[text, *(f"{origin}:{text}" for origin in Origin.values)])
    with suppress(ValueError):
        found |= Q(pk=UUID(text))
    return found


def of_words(text: str) -> Q | None:
    return Q(searched__words=text) if words_of(text) and not is_money(text) else None


def of_number(text: str) -> Q | None:
    match = NUMBER.fullmatch(text)
    return Q(number=int(match[1])) if match and ID.fullmatch(match[1]) else None


def is_money(text: str) -> bool:
    """Whether it can be nothing but an amount: a whole number may stand in a purpose too."""
    return bool(AMOUNT.fullmatch(text)) and not text.isdecimal()


def of_amount(text: str) -> Q | None:
    """An amount, with or without its coin."""
    match = AMOUNT.fullmatch(text)
    if not match:
        return None
    try:
        amount = Q(amount=parse_amount(re.sub(r"[^0-9.]", "", match[1])))
    except InvalidAmount:
        return None
    return amount & Q(currency=match[2].upper()) if match[2] else amount


def of_clients(text: str) -> Q:
    """Few clients are named one by one, which lets the database use its index; of many each payout
    is asked about, as so many are found that nobody waits."""
    clients = Client.objects.called(text)
    ids = list(clients.values_list("pk", flat=True)[: MOST_IDS + 1])
    return Q(client__in=ids if len(ids) <= MOST_IDS else clients.values("pk"))


def of_attempts(text: str) -> Q:
    same = {text, text.lower()}
    attempts = Attempt.objects.filter(Q(txid__in=same) | Q(uuid__in=same) | Q(order_id__in=same))
    return Q(pk__in=list(attempts.values_list("payout_id", flat=True)[:MOST_IDS]))


def spellings(text: str) -> set[str]:
    """Return an address in every spelling under which it may be stored; pages show it in groups."""
    return canonical_spellings(text) | canonical_spellings("".join(text.split()))
