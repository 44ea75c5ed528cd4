"""What happens at the demo's desk, line by line."""

from collections.abc import Iterator

from django.utils.timezone import localtime

from payouts.models import PayoutEvent, PayoutStatus


class Feed:
    """Acts on payouts since this feed was made."""

    def __init__(self) -> None:
        newest = PayoutEvent.objects.order_by("-pk").first()
        self._last = newest.pk if newest else 0

    def new(self) -> Iterator[str]:
        events = PayoutEvent.objects.filter(pk__gt=self._last).order_by("pk")
        for event in events.select_related("payout__client", "person"):
            self._last = event.pk
            yield in_one_line(event)


def in_one_line(event: PayoutEvent) -> str:
    who = event.person.get_username() if event.person else event.get_channel_display()
    status = PayoutStatus(event.to_status).label
    what = f"{event.event_type.replace('_', ' ')} by {who}: {status}"
    payout = event.payout
    return f"{localtime(event.at):%H:%M:%S}  {payout}  {what}  {payout.money}, {payout.client.name}"
