"""What `verify_audit` looks through of movements: each is sealed as it was entered."""

from collections import Counter
from collections.abc import Iterator

from django.utils.translation import gettext as _

from audit.models import DeskEvent
from audit.verifying import CHUNK, Finding, Show, shown
from payouts.books.models import Movement
from payouts.books.movements import facts_of

NAMES = ("coin", "direction", "amount", "day", "category", "evidence")


def movements(show: Show) -> Iterator[Finding]:
    """What was entered by hand is there as it was sealed, and nothing else; of a file, as many
    lines as it had."""
    acts = DeskEvent.objects.filter(event_type=DeskEvent.Type.ADD_MOVEMENT).order_by("number")
    sealed: Counter[tuple[str, ...]] = Counter()
    lines: Counter[str] = Counter()
    for act in acts.iterator(chunk_size=CHUNK):
        if "count" in act.facts:
            lines[act.facts["sha256"]] += int(act.facts["count"])
        else:
            sealed[tuple(act.facts[name] for name in NAMES)] += 1
    for row in shown(Movement.objects.order_by("pk").iterator(chunk_size=CHUNK), show):
        said = {name: str(value) for name, value in facts_of(row).items()}
        key = tuple(said[name] for name in NAMES)
        if row.file_sha256:
            lines[row.file_sha256] -= 1
        else:
            sealed[key] -= 1
        if lines[row.file_sha256] < 0 or sealed[key] < 0:
            words = _("No event seals this movement as it stands here.")
            yield Finding("movement_unsealed", f"{Movement._meta.label} {row.pk}", words)
    for what in [*(+sealed), *(+lines)]:
        words = _("A movement that was entered is not there any more: %s") % ", ".join(
            [what] if isinstance(what, str) else what
        )
        yield Finding("movement_gone", Movement._meta.label, words)
