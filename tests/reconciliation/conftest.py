import json
from datetime import timedelta
from io import StringIO

import pytest
from django.apps import apps
from django.core.management import call_command

from audit.actor import Actor, Channel
from payouts.days import day_of
from payouts.gateway import accounts
from payouts.gateway.models import Binding
from payouts.models import Payout, PayoutStatus
from tests.factories import PayoutFactory
from tests.payouts.conftest import unchecked_office  # noqa: F401

WORKER = Actor.system(Channel.WORKER)


@pytest.fixture
def desk(unchecked_office):  # noqa: F811
    """A desk whose history has been read; what Heleket has is planted by the tests."""
    Binding.objects.update(history_before=None)
    return unchecked_office


@pytest.fixture
def pay(desk):
    """Have payouts paid by the ordinary way, and return them."""

    def pay(count, fate="paid", **fields):
        desk.sandbox.set_fate(fate)
        made = [PayoutFactory(status=PayoutStatus.APPROVED, **fields) for _ in range(count)]
        desk.submit()
        desk.work(minutes=3)
        return [Payout.objects.get(pk=each.pk) for each in made]

    return pay


@pytest.fixture
def at_heleket(desk):
    """What Heleket has of a payout of ours."""
    return lambda payout: desk.sandbox.find(payout.order_id("test"))


@pytest.fixture
def run(heleket_client, monkeypatch, clock):
    """Run the command over days around now; returns its exit code and its report."""
    monkeypatch.setattr(accounts, "heleket_client", lambda: heleket_client)

    def run(*options, days=1):
        out, err, code = StringIO(), StringIO(), 0
        today = day_of(clock())
        arguments = [f"--from={today - timedelta(days=days)}", f"--to={today}", "--format=json"]
        try:
            call_command("reconcile_payouts", *arguments, *options, stdout=out, stderr=err)
        except SystemExit as exc:
            code = exc.code
        return code, json.loads(out.getvalue())

    return run


def contents():
    """All rows of all tables of the desk."""
    return {
        model._meta.label: list(model.objects.order_by("pk").values())
        for model in apps.get_models()
        if model._meta.app_label.startswith(("payouts", "audit", "wallets"))
        and model._meta.managed
        and model._meta.default_manager is not None
        and hasattr(model, "objects")
    }


def states(report):
    return sorted((each["state"], each["kind"]) for each in report["findings"])
