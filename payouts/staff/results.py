"""What came of a person's last acts, for pages that show it again when they are loaded again.

Kept with the person's session, so it is bounded: of the oldest nothing is kept.
"""

from collections.abc import Callable, Sequence
from typing import Any

from django.http import HttpRequest
from django.utils.crypto import get_random_string

from audit.operations import Outcome

RESULTS = "results"
MOST_ROWS = 1000  # of all results together; one alone may have as many
LONGEST_TEXT = 500


def keep(request: HttpRequest, kind: str, outcomes: Sequence[Outcome]) -> str:
    """Keep the outcomes of one act, and return the key by which they are read again."""
    texts = list(dict.fromkeys(outcome.text[:LONGEST_TEXT] for outcome in outcomes))
    places = {text: place for place, text in enumerate(texts)}
    rows = [
        [str(each.id), each.name, each.done, places[each.text[:LONGEST_TEXT]]] for each in outcomes
    ]
    key = get_random_string(12)
    kept = {**request.session.get(RESULTS, {}), key: [kind, texts, rows]}
    while len(kept) > 1 and sum(len(rows) for _, _, rows in kept.values()) > MOST_ROWS:
        del kept[next(iter(kept))]
    request.session[RESULTS] = kept
    return key


def read(
    request: HttpRequest, kind: str, key: str, read_id: Callable[[str], Any]
) -> list[Outcome] | None:
    """Return the outcomes that were kept under a key, or None if they are not kept any more."""
    of_kind, texts, rows = request.session.get(RESULTS, {}).get(key, ("", [], []))
    if of_kind != kind:
        return None
    return [Outcome(read_id(pk), name, done, texts[place]) for pk, name, done, place in rows]
