"""Take the README's pictures of a running demo: `make screenshots`."""

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, ViewportSize, sync_playwright

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


def tour(page: Page, admin: str, sandbox: str) -> None:
    """The five minutes of the README: find what waits, approve it, see it paid."""
    page.goto(admin)
    page.fill("[name=username]", "amira")
    page.fill("[name=password]", "demo-desk")
    page.click("[type=submit]")
    page.goto(f"{admin}payouts/payout/?queue=mine")
    take(page, "queue")
    page.locator("#result_list a[href*='/payouts/payout/']", has_text="P-").first.click()
    page.wait_for_url("**/payout/*-*/**")
    payout = page.url
    page.get_by_role("link", name="Approve").click()
    take(page, "approve")
    page.get_by_role("button", name="Approve").click()
    page.goto(payout)
    while "It was paid" not in page.inner_text("body"):
        page.wait_for_timeout(500)
        page.reload()
    take(page, "paid")
    page.goto(sandbox)
    take(page, "sandbox")


def main() -> None:
    with running_demo() as addresses, sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu", "--no-first-run"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        page = browser.new_page(viewport=SIZE, color_scheme="light")
        tour(page, addresses["Admin"], addresses["Sandbox"])
        browser.close()


if __name__ == "__main__":
    main()
