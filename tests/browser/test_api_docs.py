"""The page that describes the API, as a developer meets it."""

import pytest
from axe_playwright_python.base import AXE_SCRIPT

from payouts.portal.openapi.document import document
from tests.browser.test_pages import PHONE, VIOLATIONS, WIDE

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


LOOKS = [("light", WIDE), ("dark", WIDE), ("light", PHONE)]


def test_the_api_s_page_names_every_endpoint_and_asks_for_nothing_elsewhere(visitor):
    """Its own policy would keep the script out that looks for what some cannot read: it is there
    for the first of the windows, and off for the others."""
    for scheme, viewport in LOOKS:
        looks_for_more = (scheme, viewport) != LOOKS[0]
        developer = visitor(color_scheme=scheme, viewport=viewport, bypass_csp=looks_for_more)
        developer.go("/api/docs/")
        page = developer.page
        for path, item in document()["paths"].items():
            for operation in item.values():
                shown = page.inner_text(f"article#{operation['operationId']}")
                assert path in shown
                assert operation["summary"] in shown
        if looks_for_more:
            page.evaluate(AXE_SCRIPT)
            assert page.evaluate(VIOLATIONS) == []
        back = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (back == "rgb(255, 255, 255)") == (scheme == "light")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert developer.complaints == []
