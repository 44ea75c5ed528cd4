"""Who made a payout what it is: none of them approves it, superusers included."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from uuid import UUID

from audit.refusals import Refusal
from payouts.codes import PayoutCode
from payouts.models import MakerRole, Payout, PayoutMaker

Maker = tuple[int, str]  # a person's id and the role


def makers_of(payouts: Iterable[Payout]) -> dict[UUID, list[Maker]]:
    makers: dict[UUID, list[Maker]] = defaultdict(list)
    rows = PayoutMaker.objects.filter(payout__in=[payout.pk for payout in payouts]).order_by("pk")
    for payout_id, person, role in rows.values_list("payout_id", "person_id", "role"):
        makers[payout_id].append((person, role))
    return makers


def add_makers(payout: Payout, makers: Iterable[tuple[int | None, str]]) -> None:
    known = sorted({(person, role) for person, role in makers if person is not None})
    store_makers((payout, maker) for maker in known)


def store_makers(makers: Iterable[tuple[Payout, Maker]]) -> None:
    rows = [
        PayoutMaker(payout=payout, person_id=person, role=role) for payout, (person, role) in makers
    ]
    PayoutMaker.objects.bulk_create(rows, ignore_conflicts=True)


def refusal_of_maker(person_id: int | None, makers: Sequence[Maker]) -> Refusal | None:
    """Return why this person may not approve what these people made."""
    if not makers:
        return Refusal(PayoutCode.NO_MAKER)
    roles = [str(MakerRole(role).label) for person, role in makers if person == person_id]
    if not roles:
        return None
    return Refusal(PayoutCode.MAKER, roles=", ".join(roles))
