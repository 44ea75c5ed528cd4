"""The client API at a million payouts against itself at a thousand, and asking for a payout against
a bare create of Django REST framework.

One client has a tenth of all payouts, so that its list is long.
"""

import json
import logging
import os
import time
import uuid
from base64 import b64encode
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any
from unittest.mock import patch

from django.db import connection, models
from django.test import Client as Browser
from django.test import override_settings
from django.urls import include, path
from django.utils import timezone
from rest_framework import serializers, viewsets

from audit.actor import Actor, Channel
from benchmarks import copies
from benchmarks.copies import at_database
from benchmarks.figures import Figure, in_turn, p95_of, ratios
from payouts.models import Payout
from payouts.portal import throttle
from payouts.portal.models import Scope
from tests.factories import (
    ClientFactory,
    PayoutMethodFactory,
    StaffFactory,
    WalletFactory,
    usable_key,
)
from wallets.models import PayoutMethod, Wallet

PER_PAGE, REQUESTS = 50, 40
CREATES = 60  # in one slice
API, BARE = "/api/v1/payouts/", "/bare/"
ASKED = {"currency": "USDT", "amount": "5.25", "purpose": "Prize"}
numbers = count(10**9)  # of bare payouts; any that are free


# The rival: the same columns and indexes, and no check but the types of what is posted.


def bare_fields() -> Iterator[tuple[str, models.Field]]:
    for each in Payout._meta.concrete_fields:
        name, _path, args, options = each.deconstruct()
        kind = models.CharField if name == "status" else type(each)
        options = {key: options[key] for key in options.keys() - {"protected", "editable"}}
        if isinstance(each, models.ForeignKey):
            options |= {"related_name": "+", "db_constraint": False}
        yield name, kind(*args, **options)


class Meta:
    app_label = "payouts"
    managed = False
    db_table = "bare_payout"


BarePayout: Any = type(
    "BarePayout", (models.Model,), {"__module__": __name__, "Meta": Meta, **dict(bare_fields())}
)


class BareSerializer(serializers.ModelSerializer):
    class Meta:
        model = BarePayout
        fields = [
            *("id", "number", "client", "wallet", "network", "address", "currency", "amount"),
            *("purpose", "reference", "idempotency_key", "origin", "status", "requested_at"),
        ]


class BareView(viewsets.ModelViewSet):
    queryset = BarePayout.objects.all()
    serializer_class = BareSerializer
    authentication_classes = []
    permission_classes = []


urlpatterns = [
    path("bare/", BareView.as_view({"post": "create"})),
    path("", include("config.urls")),
]


def run(rounds: int) -> list[Figure]:
    with (
        Path(os.devnull).open("w") as nowhere,
        copies.databases() as (small, large),
        override_settings(ROOT_URLCONF=__name__),
        patch.object(throttle, "REQUESTS", 10**9),
    ):
        for handler in logging.getLogger().handlers:
            handler.setStream(nowhere)  # each request is logged as always, and nobody reads it
        few, many = Desk(small), Desk(large)
        many.make_bare_table()
        contenders: dict[str, Callable[[], float]] = {
            "list of 1,000": few.p95,
            "list": many.p95,
            "paid ones of 1,000": partial(few.p95, status="paid", page_size=20),
            "paid ones": partial(many.p95, status="paid", page_size=20),
            "deep page": partial(many.p95, cursor=many.middle()),
            "ask for a payout": many.create,
            "bare create": many.create_bare,
        }
        measured = in_turn(contenders, rounds)
    figures = [
        Figure(
            f"API, {name}",
            f"{name} of 1,000",
            ratios(measured, name, f"{name} of 1,000"),
            at_most=1.3,
        )
        for name in ("list", "paid ones")
    ]
    figures.append(
        Figure(
            "API, deep page", "its first page", ratios(measured, "deep page", "list"), at_most=1.3
        )
    )
    found = ratios(measured, "bare create", "ask for a payout")
    return [*figures, Figure("API, ask for a payout", "bare create of DRF", found, at_least=0.6)]


class Desk:
    """A database with a client that has a tenth of its payouts, and a key of that client."""

    def __init__(self, name: str) -> None:
        self.name = name
        at_database(name)
        self.wallet = WalletFactory(client=ClientFactory(external_id=f"bench-{uuid.uuid4()}"))
        if not PayoutMethod.objects.filter(network="tron", currency="USDT").exists():
            PayoutMethodFactory()
        actor = Actor.staff(StaffFactory(roles=["User manager"]), Channel.COMMAND)
        scopes = set(Scope.values) - {Scope.CLIENTS_WRITE}
        _key, text = usable_key(name="Bench", scopes=scopes, client=self.wallet.client, actor=actor)
        self.headers = {"Authorization": f"Bearer {text}"}
        own = {"client": self.wallet.client, "wallet": self.wallet, "network": "tron"}
        tenth = Payout.objects.extra(where=["number %% 10 = 0"])
        with connection.cursor() as cursor:
            cursor.execute(
                "ALTER TABLE payouts_payout DISABLE TRIGGER USER"
            )  # it lets no one do it
            tenth.update(**own, address=self.wallet.address, memo="")
            cursor.execute("ALTER TABLE payouts_payout ENABLE TRIGGER USER")
            cursor.execute("VACUUM ANALYZE")

    def make_bare_table(self) -> None:
        at_database(self.name)
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE IF EXISTS bare_payout")
            cursor.execute("CREATE TABLE bare_payout (LIKE payouts_payout INCLUDING ALL)")
            cursor.execute("INSERT INTO bare_payout SELECT * FROM payouts_payout")
            cursor.execute("VACUUM ANALYZE bare_payout")

    def middle(self) -> str:
        """Return a cursor that goes on in the middle of the client's payouts."""
        at_database(self.name)
        rows = Payout.objects.for_client(self.wallet.client).order_by("number")
        number = rows[rows.count() // 2].number
        return b64encode(f"p={number}".encode()).decode()

    def p95(self, **query: Any) -> float:
        """Milliseconds. RuntimeError if the page is another one."""
        at_database(self.name)
        browser, times = Browser(), []
        for _ in range(REQUESTS + 1):
            start = time.perf_counter()
            page = browser.get(API, query, headers=self.headers)
            times.append(1000 * (time.perf_counter() - start))
        found = len(page.json()["results"])
        if found != query.get("page_size", PER_PAGE):
            raise RuntimeError(f"{query} shows {found} payouts")
        return p95_of(times[1:])

    def create(self) -> float:
        body = ASKED | {"wallet": str(self.wallet.public_id)}
        return self.seconds_each(
            API, lambda: body, lambda: self.headers | {"Idempotency-Key": uuid.uuid4().hex}
        )

    def create_bare(self) -> float:
        return self.seconds_each(BARE, lambda: bare_body(self.wallet), dict)

    def seconds_each(
        self, url: str, body: Callable[[], Any], headers: Callable[[], dict[str, str]]
    ) -> float:
        at_database(self.name)
        browser = Browser()
        post = partial(browser.post, url, content_type="application/json")
        posts = [(json.dumps(body()), headers()) for _ in range(CREATES + 1)]
        post(posts[0][0], headers=posts[0][1])  # connects
        start = time.perf_counter()
        answers = [post(body, headers=headers).status_code for body, headers in posts[1:]]
        seconds = (time.perf_counter() - start) / CREATES
        if set(answers) != {201}:
            raise RuntimeError(f"{url} answers {set(answers)}")
        return seconds


def bare_body(wallet: Wallet) -> dict[str, Any]:
    number = next(numbers)
    return ASKED | {
        "id": str(uuid.uuid4()),
        "number": number,
        "client": wallet.client_id,
        "wallet": wallet.pk,
        "network": wallet.network,
        "address": wallet.address,
        "reference": "",
        "idempotency_key": f"api:{number}",
        "origin": "api",
        "status": "pending",
        "requested_at": timezone.now().isoformat(),
    }
