"""The pages of Heleket's list of payouts."""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Self
from urllib.parse import urlencode

PAYOUT_LIST = "/v1/payout/list"
REMEMBERED = 10_000  # payouts of a list: its pages overlap when new ones push the old ones down


class PayoutPages:
    """Pages of entries as they came. Each `next` is one call, and one that failed is made again.

    Entries that pages before had are passed over. It ends with a cursor that came before, too, and
    then `is_whole` stays false.
    Source: https://doc.heleket.com/methods/payouts/payout-history.md
    """

    def __init__(self, ask: Callable[[str], tuple[list[Any], str | None]]) -> None:
        self._ask, self._path = ask, PAYOUT_LIST
        self._asked: set[str] = set()
        self._seen: OrderedDict[object, None] = OrderedDict()
        self.is_whole = False

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> list[Any]:
        if self.is_whole or self._path in self._asked:
            raise StopIteration
        entries, cursor = self._ask(self._path)
        self._asked.add(self._path)
        if cursor is None:
            self.is_whole = True
        else:
            self._path = next_page(cursor)
        return [each for each in entries if self._is_new(each)]

    @property
    def is_over(self) -> bool:
        return self.is_whole or self._path in self._asked

    def _is_new(self, entry: Any) -> bool:
        uuid = entry.get("uuid") if isinstance(entry, dict) else None
        if not isinstance(uuid, str):
            return True
        is_new = uuid not in self._seen
        self._seen[uuid] = None
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)
        return is_new


def next_page(cursor: str) -> str:
    return f"{PAYOUT_LIST}?{urlencode({'cursor': cursor})}"
