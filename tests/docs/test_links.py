"""No link between the pages leads nowhere."""

from urllib.parse import urlsplit

import pytest

from tests.docs.pages import Page, all_pages


@pytest.mark.parametrize("page", all_pages(), ids=lambda page: page.path.name)
def test_links_lead_to_files_and_headings_that_exist(page):
    for link in page.links():
        parts = urlsplit(link)
        if parts.scheme or parts.netloc:
            assert parts.scheme == "https", link
            continue
        target = (page.path.parent / parts.path).resolve() if parts.path else page.path
        assert target.exists(), link
        if parts.fragment:
            assert parts.fragment in Page(target).anchors(), link


def test_the_index_leads_to_every_page():
    index = next(
        page
        for page in all_pages()
        if page.path.parent.name == "docs" and page.path.name == "README.md"
    )
    linked = {urlsplit(link).path for link in index.links()}
    others = {page.path.name for page in all_pages() if page.path.parent == index.path.parent}
    assert others - {"README.md"} <= linked


def test_anchors_are_those_of_github(tmp_path):
    path = tmp_path / "page.md"
    path.write_text("# Set up\n## A. `Sending`, and more\n## Set up\n```sh\n# no heading\n```\n")
    assert Page(path).anchors() == {"set-up", "a-sending-and-more", "set-up-1"}
