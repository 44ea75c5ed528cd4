"""What a reviewer sees of the demo: five odd payouts by their first line, and few others."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape
from random import Random

import pytest
from django.contrib.auth.models import User
from django.db.models import prefetch_related_objects
from django.urls import reverse

from audit import clock
from config.demo import history, oddities
from config.demo.story import Story
from payouts.controls.flags import Flag
from payouts.known import Known
from payouts.models import WITHOUT_CALL, Payout
from payouts.notices import level_of, notices_for
from tests.every_page import unmarked

END = datetime(2026, 3, 2, 15, tzinfo=UTC)
DAYS = 45  # of the 90: those of the whole demo are marked more seldom still
ODD = [name for name, *_more in oddities.CLIENTS]
FIRST_LINES = {
    oddities.TWICE: "High Likely a duplicate: this client has the same amount for the same purpose",
    oddities.TOO_MUCH: "High Unusual for this client: 104 times the median of what was paid last",
    oddities.SHARED: "High The same address belongs to another client too: Dmitri Volkov",
    oddities.EDITED: "Medium Edited by rafael: 940 USDT → 1940 USDT",
    oddities.YOUNG: "Medium First payment to a young wallet: it was approved 5 hours ago",
}


@pytest.mark.django_db
def test_the_first_line_names_what_is_odd_and_ordinary_payouts_are_not_marked(client, monkeypatch):
    levels = {}
    approve = Story.approve
    monkeypatch.setattr(
        Story,
        "approve",
        lambda story, *payouts, **more: (
            look_at(levels, payouts),
            approve(story, *payouts, **more),
        ),
    )
    with history.opened(END - timedelta(days=DAYS + 1), Random(history.DAYS)) as story:
        for _day in history.live(story, END, days=DAYS):
            pass
        look_at(levels, Payout.objects.filter(status__in=WITHOUT_CALL, approved_at=None))
    with clock.replaced(lambda: END):
        client.force_login(User.objects.get(username="amira"))
        for name, expected in FIRST_LINES.items():
            assert expected in first_line(client, name)

    odd = set(Payout.objects.filter(client__name__in=ODD).values_list("pk", flat=True))
    ordinary = [level for pk, level in levels.items() if pk not in odd]
    assert len(ordinary) > 150
    assert sum(level >= Flag.MEDIUM for level in ordinary) <= len(ordinary) / 10


def look_at(levels, payouts):
    """Keep what a reviewer sees of each at this moment."""
    payouts = list(payouts)
    prefetch_related_objects(payouts, "client")
    levels |= {pk: level_of(notices) for pk, notices in notices_for(Known(payouts)).items()}


def first_line(client, name):
    """Open the last payout of this client, as the queue shows it, and read its first line."""
    mine = client.get(reverse("admin:payouts_payout_changelist"), {"queue": "mine"})
    [payout] = [each for each in mine.context["cl"].result_list if each.client.name == name]
    page = unmarked(client.get(reverse("admin:payouts_payout_change", args=[payout.pk])))
    [line] = re.findall('<p class="first">(.*?)</p>', page, re.DOTALL)
    without_icon = re.sub('<span class="material.*?</span>', "", line)
    return " ".join(unescape(re.sub("<.*?>", " ", without_icon)).split())
