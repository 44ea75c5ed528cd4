"""Planted secrets turn up nowhere: not when everything breaks, with DEBUG on, or in chatty logs.

What is looked through, in these tests and all others, is in `tests/canaries.py`.
"""

import hashlib
import logging
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters

from config.error_reports import WithoutSecrets
from heleket.sandbox.server import Server
from heleket.webhooks import sign_webhook
from payouts.gateway.accounts import heleket_client, open_account
from payouts.models import Payout, PayoutStatus
from payouts.staff import links
from tests.factories import PayoutFactory, StaffFactory
from tests.payouts.rounds import check_due, submit_due

ROOT = Path(__file__).parents[2]
PASSWORD = "a password of its own"
LEAKS = """
import logging, subprocess, sys
import pytest
from django.conf import settings
from django.core.management.base import OutputWrapper
from django.db import connection, transaction
from django.http import HttpResponse
from django.urls import path

pytestmark = pytest.mark.urls(__name__)
urlpatterns = [path("", lambda _request: HttpResponse(settings.HELEKET_API_KEY))]

def test_log():
    logging.getLogger("x").warning("%s", settings.HELEKET_API_KEY)

def test_traceback():
    try:
        raise ValueError(settings.AUDIT_KEY)
    except ValueError:
        logging.getLogger("x").exception("x")

def test_process():
    print(subprocess.run([sys.executable, "-c", "import os; print(os.environ['SECRET_KEY'])"],
                         capture_output=True, text=True).stdout)

def test_command(tmp_path):
    with (tmp_path / "out").open("w") as out:
        OutputWrapper(out).write(f"the key is {settings.HELEKET_PAYMENT_API_KEY}")

def test_page(client):
    client.get("/", secure=True)

@pytest.mark.django_db
def test_stored():
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE kept (text varchar(99))")
        cursor.execute("INSERT INTO kept VALUES (%s)", [settings.HELEKET_API_KEY_PREVIOUS])

@pytest.mark.django_db
def test_session(client, django_user_model):
    client.force_login(django_user_model.objects.create(username="x"))
    print(client.cookies["sessionid"].value)
"""


def test_e9_a_test_in_which_a_secret_turns_up_fails(tmp_path):
    """The search itself: it finds what is planted in each place that it looks through."""
    file = tmp_path / "test_leaks.py"
    file.write_text(LEAKS)
    options = ["-q", "-c", str(ROOT / "pyproject.toml"), "--rootdir", str(ROOT), "--no-migrations"]
    env = {name: text for name, text in os.environ.items() if "XDIST" not in name}
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *options, str(file)],
        cwd=ROOT,
        env=env,
        capture_output=True,
        text=True,
    )

    leaky = set(re.findall(r"def (test_\w+)", LEAKS))
    assert set(re.findall(r"^ERROR .*::(\w+)", run.stdout, re.MULTILINE)) == leaky, run.stdout


class Breaker:
    """Fails at one of the statements of a request, counted from 1."""

    def __init__(self, number):
        self.number, self.count = number, 0

    def __call__(self, execute, sql, params, many, context):
        self.count += 1
        if self.count == self.number:
            raise RuntimeError("broken on purpose")
        return execute(sql, params, many, context)


def pages(payout):
    """Name some page of each kind, with what is posted there."""
    yield "/admin/", None
    for model in ("payouts_payout", "audit_deskevent", "payouts_controls_switch", "wallets_wallet"):
        yield reverse(f"admin:{model}_changelist"), None
    yield reverse("admin:payouts_payout_change", args=[payout.pk]), None
    yield reverse("admin:payouts_payout_add"), {"password": PASSWORD, "amount": "5"}
    yield reverse("admin:auth_user_add"), {"username": "new"}
    token = links.make(payout.requested_by, made_by=None)
    yield links.path_of(token), {"new_password1": PASSWORD, "new_password2": "another"}


@pytest.mark.parametrize("debug", [True, False])
def test_e9_no_page_that_breaks_shows_a_secret(debug, db, usdt, settings, caplog):
    """Each page breaks at each of its first statements; `canaries` reads what it says then."""
    settings.DEBUG = debug
    caplog.set_level(logging.DEBUG)
    boss = StaffFactory(username="amira", is_superuser=True)
    boss.set_password(PASSWORD)
    boss.save()
    client, stranger = [Client(raise_request_exception=False) for _ in range(2)]
    client.force_login(boss)
    login = (stranger, reverse("admin:login"), {"username": "amira", "password": PASSWORD})
    broken = 0
    for client, url, sent in [login, *((client, *each) for each in pages(PayoutFactory()))]:
        for number in range(1, 7):
            with transaction.atomic(), connection.execute_wrapper(breaker := Breaker(number)):
                page = client.post(url, sent) if sent else client.get(url)
                transaction.set_rollback(True)
            assert (page.status_code == 500) == (breaker.count >= number)
            assert (b"Traceback" in page.content) == (debug and page.status_code == 500)
            broken += page.status_code == 500
    assert broken > 30


@pytest.mark.parametrize("debug", [True, False])
def test_e9_no_webhook_that_breaks_shows_a_secret(debug, settings, monkeypatch):
    """It breaks where the keys are: while a signature is made."""
    settings.DEBUG = debug
    client = Client(raise_request_exception=False)
    body = sign_webhook({"type": "payout"}, settings.HELEKET_API_KEY)
    monkeypatch.setattr(hashlib, "md5", lambda _data: next(iter([])))

    page = client.post("/webhooks/heleket/", body, content_type="application/json")

    assert page.status_code == 500
    assert (b"signing.py" in page.content) == debug


@sensitive_post_parameters("remark")
def view_with_a_secret_of_its_own(request):
    return request


@sensitive_post_parameters()
def view_with_secrets_alone(request):
    return request


@pytest.mark.parametrize("debug", [True, False])
def test_e9_a_report_hides_what_a_view_calls_sensitive_and_what_sounds_like_it(rf, settings, debug):
    settings.DEBUG = debug
    sent = {"remark": PASSWORD, "api_key": PASSWORD, "amount": "5"}
    reports = WithoutSecrets()

    shown = reports.get_post_parameters(view_with_a_secret_of_its_own(rf.post("/", sent)))
    assert shown["amount"] == "5"
    assert shown["api_key"] == reports.cleansed_substitute
    assert shown["remark"] == reports.cleansed_substitute
    assert reports.get_post_parameters(None) == {}

    shown = reports.get_post_parameters(view_with_secrets_alone(rf.post("/", sent)))
    assert set(shown.values()) == {reports.cleansed_substitute}


FAULTS = ["unauthorized", "500", "garbage", "cut_connection", "redirect_302", "null", "429"]


def test_e9_no_log_line_of_the_lowest_level_holds_a_secret(
    db, sandbox, usdt, clock, caplog, settings
):
    """A payout goes all the way over a real socket and meets errors; every line is looked at."""
    caplog.set_level(logging.DEBUG)
    settings.DEBUG = True
    server = Server(sandbox)
    server.start()
    settings.HELEKET_PROJECT_URL = server.url
    payout = PayoutFactory(status=PayoutStatus.APPROVED)
    with heleket_client() as client:
        desk = open_account(client)
        for fault in [*FAULTS, *[None] * 12]:
            if fault:
                sandbox.faults.add(fault)
            submit_due(9, client, desk)
            check_due(9, client, desk)
            sandbox.advance()
            clock.forward(minutes=16)
    server.stop()

    assert Payout.objects.get(pk=payout.pk).status == PayoutStatus.CONFIRMED
    assert "Invalid Sign." in caplog.text  # what Heleket said is in it
