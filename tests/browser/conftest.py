"""A real Chromium in front of a live server, with a worker process and a sandbox on a socket."""

import os
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.db import connection, connections
from playwright.sync_api import sync_playwright

from audit import clock
from heleket.sandbox import Gateway
from heleket.sandbox.catalogue import PRICES
from heleket.sandbox.courier import Courier
from heleket.sandbox.server import Server
from tests import known_rates
from tests.factories import StaffFactory
from tests.payouts.processes.harness import Process

# The shell is the same Chromium without windows, and takes two thirds of the CPU time.
CHROMIUMS = [Path("/usr/bin/chromium-headless-shell"), Path("/usr/bin/chromium")]
QUIETLY = [
    *("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--disable-quic"),
]
PASSWORD = "a long enough password"


@pytest.fixture
def browser(live_server):
    """Chromium, between the set-up of the database and its tear-down.

    Playwright runs an event loop in this thread, from which Django guards its ORM; and as long as
    it runs, Django keeps other connections for this thread, which are closed here.
    """
    chromium = installed_chromium()
    with sync_playwright() as playwright, pytest.MonkeyPatch.context() as patch:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        browser = playwright.chromium.launch(executable_path=chromium, args=QUIETLY)
        yield browser
        browser.close()
        connections.close_all()


def installed_chromium():
    if there := [each for each in CHROMIUMS if each.exists()]:
        return there[0]
    missing = "NO CHROMIUM: browser tests cannot run here. Debian: apt install chromium."
    if os.environ.get("CI") == "true":
        pytest.fail(missing)
    sys.stderr.write(f"\n{'=' * 98}\n{missing}\n{'=' * 98}\n\n")
    pytest.skip(missing)


class Visitor:
    """A person at a browser: what the pages load from elsewhere and complain about is kept."""

    def __init__(self, browser, origin, **options):
        self.page = browser.new_context(**options).new_page()
        self.page.set_default_timeout(120_000)  # milliseconds; the machine may be busy
        self.origin, self.complaints = origin, []
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", self._see)

    def _hear(self, message):
        if message.type == "error":
            self.complaints.append(f"{message.text} at {self.page.url}")

    def _see(self, request):
        if urlsplit(request.url).scheme != "data" and not request.url.startswith(self.origin):
            self.complaints.append(f"{request.url} is asked for by {self.page.url}")

    def go(self, path):
        self.page.goto(self.origin + path)

    def log_in(self, person):
        self.go("/admin/")
        self.page.fill("[name=username]", person.username)
        self.page.fill("[name=password]", PASSWORD)
        self.page.click("[type=submit]")
        self.page.wait_for_url(lambda url: "/login/" not in url)

    def press(self, name):
        """Press a button, and wait for the page that it leads to: counting waits for nothing."""
        with self.page.expect_navigation():
            self.page.get_by_role("button", name=name, exact=True).click()

    def follow(self, name):
        with self.page.expect_navigation():
            self.page.get_by_role("link", name=name).click()

    def reads(self, text):
        return text in self.page.inner_text("body")

    def reloads_until_it_reads(self, text):
        self.reloads_until(lambda: self.reads(text), f"{text!r}")

    def reloads_until(self, is_so, what="it"):
        for _ in range(200):
            self.page.reload()
            if is_so():
                return
        pytest.fail(f"Never came: {what} in: {self.page.inner_text('body')}")


@pytest.fixture
def visitor(browser, live_server):
    """Return a function that opens a browser window, of a person of these roles if any."""
    visitors = []

    def arrive(*roles, **options):
        visitors.append(Visitor(browser, live_server.url, **options))
        if roles:
            visitors[-1].log_in(person(roles))
        return visitors[-1]

    yield arrive
    for each in visitors:
        each.page.context.close()


def person(roles):
    staff = StaffFactory(roles=roles, is_superuser="superuser" in roles)
    staff.set_password(PASSWORD)
    staff.save()
    return staff


@pytest.fixture
def gateway(live_server, settings):
    """A sandbox on a socket whose payouts move when a test says so, with webhooks to the desk."""
    gateway = Gateway(
        merchant_id=settings.HELEKET_MERCHANT_ID,
        payout_key=settings.HELEKET_API_KEY,
        payment_key=settings.HELEKET_PAYMENT_API_KEY,
        pace_seconds=3600,
    )
    gateway.top_up("USDT", "1000000")
    server, courier = Server(gateway), Courier(gateway)
    server.start()
    courier.start()
    settings.HELEKET_PROJECT_URL = server.url
    settings.HELEKET_CALLBACK_URL = f"{live_server.url}/webhooks/heleket/"
    yield gateway
    courier.stop()
    server.stop()


@pytest.fixture
def worker(gateway, settings):
    """`manage.py worker` on the test's own database, which knows what coins are worth."""
    known_rates.store(PRICES, clock.now())
    base, _slash, _name = os.environ["DATABASE_URL"].rpartition("/")
    more = {
        "DATABASE_URL": f"{base}/{connection.settings_dict['NAME']}",
        "HELEKET_PROJECT_URL": settings.HELEKET_PROJECT_URL,
        "HELEKET_CALLBACK_URL": settings.HELEKET_CALLBACK_URL,
    }
    process = Process("worker", env=more)
    yield process
    process.close()
