"""What every page of the Admin keeps to: nothing from elsewhere, no errors, room on a phone; and it
is readable for every eye, and reached by every hand."""

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from django.urls import reverse

from payouts.gateway.models import Balance
from tests.every_page import every_page
from tests.factories import (
    AttemptFactory,
    ClientFactory,
    DiscrepancyFactory,
    PayoutFactory,
    StaffFactory,
    WalletFactory,
)

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("usdt", "gateway"),
]

WIDE, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}
LIST = reverse("admin:payouts_payout_changelist")
NUMBER = "2041-17"
EVM = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
VIOLATIONS = """async () => {
    document.querySelectorAll("details").forEach((each) => { each.open = true; });
    const found = await axe.run({ resultTypes: ["violations"], preload: false });
    return found.violations.flatMap((rule) => rule.nodes.map((node) =>
        [rule.id, node.target.join(" "), node.any.concat(node.all, node.none)[0]?.message]));
}"""
# Whose characters do not stand one after another, as they are read.
READ_BACKWARDS = """(text) => {
    const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const range = document.createRange(), found = [];
    while (walk.nextNode()) {
        const node = walk.currentNode, at = node.data.indexOf(text);
        if (at < 0 || !node.parentElement.checkVisibility()) continue;
        const places = [...text].map((_, index) => {
            range.setStart(node, at + index);
            range.setEnd(node, at + index + 1);
            return range.getBoundingClientRect();
        });
        const is_read = places.every((place, index) => !index
            || place.top > places[index - 1].top || place.left >= places[index - 1].left);
        found.push(is_read ? "" : node.parentElement.parentElement.outerHTML);
    }
    return found;
}"""


@pytest.fixture
def payout():
    """Of people who write from right to left."""
    requester = StaffFactory(username="سميرة", roles=["Requester"])
    client = ClientFactory(name="شركة النور", external_id=NUMBER, created_by=requester)
    wallet = WalletFactory(client=client, label="محفظة", added_by=requester)
    return PayoutFactory(wallet=wallet, requested_by=requester, purpose="جائزة", reference=NUMBER)


@pytest.fixture
def paid():
    """On a network whose transactions have long names."""
    wallet = WalletFactory(network="eth", address=EVM)
    paid = PayoutFactory(wallet=wallet, status="confirmed")
    AttemptFactory(payout=paid, txid=f"0x{'4e' * 32}", remote_status="paid", is_final=True)
    return reverse("admin:payouts_payout_change", args=[paid.pk])


def test_g81_pages_load_nothing_from_elsewhere_fit_and_can_be_read_by_all(visitor, payout, paid):
    """In light and dark, on a screen and on a phone: one page begins with each, and changes."""
    person = visitor(color_scheme="light", viewport=WIDE)
    person.go("/admin/")  # asks to log in
    wrong, read = looked_at(person, "/admin/login/")
    person.page.context.add_cookies(visitor("superuser").page.context.cookies())

    for path in [*every_page(payout), paid, f"{LIST}?q=nobody", "/admin/nothing/"]:
        person.go(path)
        assert "/login/" not in person.page.url
        more, numbers = looked_at(person, path)
        wrong, read = wrong + more, read + numbers

    assert wrong == []
    assert read > 20
    assert [each for each in person.complaints if "/admin/nothing/" not in each] == []


def looked_at(person, path):
    """Return what is wrong with a page, and how often the number was found in it."""
    page, wrong, found = person.page, [], []
    page.evaluate(AXE_SCRIPT)
    for _ in range(2):
        now_dark = page.evaluate("document.documentElement.classList.toggle('dark')")
        page.emulate_media(color_scheme="dark" if now_dark else "light")
        wrong += [(path, page.viewport_size["width"], *each) for each in page.evaluate(VIOLATIONS)]
        found += page.evaluate(READ_BACKWARDS, NUMBER)
        page.set_viewport_size(PHONE if page.viewport_size == WIDE else WIDE)
        if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            wrong.append((path, page.viewport_size))
    page.set_viewport_size(PHONE if page.viewport_size == WIDE else WIDE)
    return wrong + [(path, html) for html in found if html], len(found)


def test_what_a_coin_lacks_is_seen_on_a_phone(visitor, clock):
    PayoutFactory(status="approved", amount=160_000)
    Balance.objects.create(currency="USDT", amount=3_000, fetched_at=clock())
    person = visitor("Operator", viewport=PHONE)
    person.go(reverse("admin:payouts_controls_switch_changelist"))

    missing = person.page.locator(".desk-table .desk-short").bounding_box()

    assert missing["x"] + missing["width"] <= PHONE["width"]


def test_what_copies_an_address_stays_beside_what_looks_it_up(visitor, paid):
    for size in (WIDE, PHONE):
        person = visitor("superuser", viewport=size)
        person.go(paid)
        copies = person.page.locator("dd > .desk-together button").all()
        links = person.page.locator("dd > .desk-together a").all()
        tops = [[each.bounding_box()["y"] for each in some] for some in (copies, links)]
        assert len(tops[0]) == 2
        assert tops[0] == tops[1]


def test_what_heleket_has_is_looked_up_on_a_phone(visitor):
    theirs = {"amount": "50", "network": "eth", "address": EVM, "txid": f"0x{'4e' * 32}"}
    found = DiscrepancyFactory(theirs=theirs)
    person = visitor("Operator", viewport=PHONE)
    person.go(reverse("admin:payouts_discrepancy_change", args=[found.pk]))

    frame = person.page.locator(".desk-scroll").bounding_box()
    links = [each.bounding_box() for each in person.page.locator(".desk-together a").all()]

    assert len(links) == 2
    assert all(each["x"] + each["width"] <= frame["x"] + frame["width"] for each in links)


def test_the_keyboard_reaches_the_menus_and_focus_is_seen(visitor, payout):
    person = visitor("Approver", viewport=PHONE)
    page = person.page
    person.go(LIST)

    def tab_to(name):
        for _ in range(40):
            page.keyboard.press("Tab")
            focused = page.evaluate(
                "[document.activeElement.ariaLabel || document.activeElement.innerText,"
                " getComputedStyle(document.activeElement).outlineStyle]"
            )
            assert focused[1] != "none", focused
            if name in focused[0]:
                return
        pytest.fail(f"Never reached: {name}")

    tab_to("Skip to the page")
    tab_to("Show or hide the navigation")
    page.keyboard.press("Enter")
    page.wait_for_selector("#nav-sidebar >> text=Wallets")
    page.keyboard.press("Shift+Tab")
    assert page.evaluate("document.activeElement.closest('#nav-sidebar') !== null")
    page.keyboard.press("Enter")
    page.wait_for_selector("#desk-user >> text=Log out")
    page.keyboard.press("Escape")
    page.wait_for_selector("#desk-user", state="hidden")
