"""Take the pictures of README.md and docs/pages.md of a running demo: `make screenshots`."""

import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
PICTURES = ROOT / "docs/screenshots"
CHROMIUM = "/usr/bin/chromium"
SIZE: ViewportSize = {"width": 1440, "height": 820}


@contextmanager
def running_demo() -> Iterator[dict[str, str]]:
    """Yield the demo's addresses: Admin and Sandbox."""
    demo = subprocess.Popen(
        [sys.executable, "-u", "manage.py", "demo"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    addresses = {}
    try:
        for line in demo.stdout or ():
            sys.stdout.write(line)
            if found := re.match(r"(Admin|Sandbox) +(http\S+)", line):
                addresses[found[1]] = found[2]
            if "Sandbox" in addresses:
                yield addresses
                return
        sys.exit("The demo did not start.")
    finally:
        demo.send_signal(signal.SIGINT)
        demo.communicate()


def take(page: Page, name: str) -> None:
    page.wait_for_load_state("networkidle")
    page.screenshot(path=PICTURES / f"{name}.png")


def log_in(page: Page, admin: str, login: str) -> None:
    page.goto(admin)
    page.fill("[name=username]", login)
    page.fill("[name=password]", "demo-desk")
    page.click("[type=submit]")
    page.wait_for_url(lambda url: "/login/" not in url)


def open_first(page: Page, text: str = "") -> None:
    with page.expect_navigation():
        page.locator("#result_list tbody a[href]", has_text=text).first.click()


def tour(page: Page, admin: str, sandbox: str) -> None:
    """The five minutes of the README: find what waits, approve it, see it paid."""
    log_in(page, admin, "amira")
    page.goto(f"{admin}payouts/payout/?queue=mine")
    take(page, "queue")
    open_first(page, "P-")
    page.wait_for_url("**/payout/*-*/**")
    payout = page.url
    page.get_by_role("link", name="Approve").click()
    take(page, "approve")
    page.get_by_role("button", name="Approve").click()
    page.goto(payout)
    if page.locator("#quorum .missing").count():
        approve_too(page, admin, payout)
    while "It was paid" not in page.inner_text("body"):
        page.wait_for_timeout(500)
        page.reload()
    take(page, "paid")
    page.goto(sandbox)
    take(page, "sandbox")


def approve_too(page: Page, admin: str, payout: str) -> None:
    """Let a second person approve what takes two."""
    browser = page.context.browser
    if browser is None:
        raise RuntimeError("the page has lost its browser")
    second = browser.new_page()
    log_in(second, admin, "arno")
    second.goto(payout)
    second.get_by_role("link", name="Approve").click()
    second.get_by_role("button", name="Approve").click()
    second.close()


# Every kind of page


def payout(page: Page) -> None:
    page.goto("payouts/payout/?queue=mine")
    open_first(page, "P-")


def odd_one(page: Page) -> None:
    """Open the payout that somebody has requested twice."""
    page.goto("payouts/payout/?queue=mine&q=Marta")
    open_first(page, "P-")


def odd_approval(page: Page) -> None:
    odd_one(page)
    with page.expect_navigation():
        page.get_by_role("link", name="Approve").click()


def many(page: Page) -> None:
    page.goto("payouts/payout/?queue=mine")
    page.locator("input.action-select").evaluate_all("boxes => boxes.forEach(b => b.click())")
    page.select_option("select[name=action]", "approve")
    with page.expect_navigation():
        page.locator("#changelist-form").evaluate("form => form.requestSubmit()")


def add(page: Page) -> None:
    page.goto("payouts/payout/add/")
    with page.expect_navigation():
        page.locator(".desk a[href*='/add/']").first.click()


def discrepancy(page: Page) -> None:
    page.goto("payouts/discrepancy/?state=open")
    open_first(page)


def end_discrepancy(page: Page) -> None:
    discrepancy(page)
    with page.expect_navigation():
        page.get_by_role("link", name="End it").click()


def foreign(page: Page) -> None:
    """Open the payout made by hand that equals a request which waits."""
    page.goto("payouts/discrepancy/?state=open")
    with page.expect_navigation():
        page.locator("#result_list tr", has_text="TKPYpYU9").locator("a[href]").first.click()


def books_day(page: Page) -> None:
    """Open the day of which something is to be explained."""
    page.goto("payouts_books/movement/books/")
    with page.expect_navigation():
        page.locator("tr", has_text="To be explained").first.locator("a").click()


def story(page: Page) -> None:
    """Open what happened to the last payout that was paid."""
    page.goto("payouts/payout/?status__exact=confirmed")
    open_first(page, "P-")
    with page.expect_navigation():
        page.get_by_role("link", name="Its story").click()


def draft_policy(page: Page) -> None:
    """Draft one that asks for two from half the amount on, unless there is a draft already."""
    page.goto("payouts_controls/policyversion/draft/edit/")
    page.fill("[name=rule-1-name]", "More than 500")
    page.fill("[name=rule-1-count]", "2")
    page.fill("[name=rule-1-payout_above]", "500")
    page.fill("[name=delay_seconds]", "10")
    page.fill("[name=reason]", "Twice the auditors asked for more eyes")
    with page.expect_navigation():
        page.get_by_role("button", name="Save the draft").click()
    page.goto("payouts_controls/policyversion/draft/")


def replay_policy(page: Page) -> None:
    draft_policy(page)
    with page.expect_navigation():
        page.get_by_role("link", name="Replay").click()


def list_of(path: str) -> Callable[[Page], None]:
    def visit(page: Page) -> None:
        page.goto(path)

    return visit


def first_of(path: str) -> Callable[[Page], None]:
    def visit(page: Page) -> None:
        page.goto(path)
        open_first(page)

    return visit


SAMPLE = "auditing/sample/?from_day=2026-01-01&to_day=2099-12-31&seed=Spring+2026&size=10"
MAIN: dict[str, tuple[str, Callable[[Page], None]]] = {
    "list": ("amira", list_of("payouts/payout/")),
    "payout": ("amira", payout),
    "brief": ("amira", odd_one),
    "brief-approve": ("amira", odd_approval),
    "many": ("amira", many),
    "add": ("rosa", add),
    "discrepancy": ("omar", discrepancy),
    "books": ("alma", list_of("payouts_books/movement/books/")),
    "day": ("alma", books_day),
    "foreign": ("omar", foreign),
    "policy": ("petra", list_of("payouts_controls/policyversion/")),
}
OTHERS: dict[str, tuple[str, Callable[[Page], None]]] = {
    "end": ("omar", end_discrepancy),
    "discrepancies": ("omar", list_of("payouts/discrepancy/?state=open")),
    "coin": ("alma", list_of("payouts_books/movement/coins/USDT/")),
    "month": ("alma", list_of(f"payouts_books/movement/months/{datetime.now(UTC):%Y-%m}/")),
    "journal": ("alma", list_of("payouts/entry/")),
    "reconciliation": ("omar", list_of("payouts_reconciliation/run/")),
    "restore": ("omar", list_of("payouts_reconciliation/restore/")),
    "desk": ("omar", list_of("payouts_controls/switch/")),
    "client": ("rosa", first_of("wallets/client/")),
    "wallet": ("rosa", first_of("wallets/wallet/")),
    "services": ("rosa", list_of("wallets/payoutmethod/")),
    "people": ("uma", list_of("auth/user/")),
    "roles": ("uma", list_of("auth/group/")),
    "api": ("uma", list_of("/api/docs/")),
    "keys": ("uma", list_of("payouts_portal/apikey/")),
    "webhooks": ("uma", first_of("payouts_portal/webhookendpoint/")),
    "approvals": ("aiko", list_of("payouts/payout/approvals/")),
    "policy-form": ("petra", list_of("payouts_controls/policyversion/draft/edit/")),
    "policy-draft": ("petra", draft_policy),
    "replay": ("petra", replay_policy),
    "events": ("aiko", list_of("audit/deskevent/")),
    "story": ("aiko", story),
    "find": ("aiko", list_of("auditing/find/?q=rafael")),
    "rights": ("aiko", list_of("auditing/rights/")),
    "sample": ("aiko", list_of(SAMPLE)),
}
LOOKS: dict[str, dict[str, Any]] = {
    "": {"viewport": SIZE, "color_scheme": "light"},
    "-dark": {"viewport": SIZE, "color_scheme": "dark"},
    "-narrow": {"viewport": {"width": 390, "height": 844}, "color_scheme": "light"},
}


def every_page(browser: Browser, admin: str) -> None:
    """Take the main pages in each look, and one of each other kind."""
    for look, options in LOOKS.items():
        visits = MAIN if look else MAIN | OTHERS
        for name, (login, visit) in visits.items():
            page = browser.new_context(base_url=admin, **options).new_page()
            log_in(page, admin, login)
            visit(page)
            take(page, f"{name}{look}")
            page.context.close()


def main() -> None:
    with running_demo() as addresses, sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu", "--no-first-run"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        every_page(browser, addresses["Admin"])
        page = browser.new_page(viewport=SIZE, color_scheme="light")
        tour(page, addresses["Admin"], addresses["Sandbox"])
        browser.close()


if __name__ == "__main__":
    main()
