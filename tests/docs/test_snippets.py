"""Every snippet of the integration's pages does what the page says."""

import pytest
from django.apps import apps

import heleket
from payouts.gateway import accounts
from payouts.models import PayoutStatus
from tests.docs.pages import IN_LINE, ROOT, Page
from tests.docs.snippets import check_make, commands_of, read_arguments, run
from tests.factories import ClientFactory, PayoutFactory, StaffFactory, WalletFactory

INDEX, CLIENT, MAPPING = (
    Page(ROOT / "docs" / name)
    for name in ("README.md", "HELEKET_CLIENT.md", "HELEKET_DATA_MAPPING.md")
)
PAGES = [INDEX, CLIENT, MAPPING]


def each_page(test):
    return pytest.mark.parametrize("page", PAGES, ids=[page.path.name for page in PAGES])(test)


@pytest.fixture
def desk(account, heleket_client, usdt, monkeypatch):
    """What the pages meet on the demo: its people, P-311 on hold, a client whose name is taken, and
    the sandbox."""
    monkeypatch.setattr(accounts, "heleket_client", lambda: heleket_client)
    rosa, _amira, _omar = (
        StaffFactory(username=login, roles=[role])
        for login, role in [("rosa", "Requester"), ("amira", "Approver"), ("omar", "Operator")]
    )
    wallet = WalletFactory(address="TKPYpYU9M7sXP7pTJqrSWgUeoE1k1SPDmi")
    PayoutFactory(number=311, status=PayoutStatus.HELD, requested_by=rosa, wallet=wallet)
    ClientFactory(external_id="C-1001", name="Sofia Lindqvist")


@each_page
@pytest.mark.usefixtures("desk")
def test_snippets_do_what_their_page_says(page):
    snippets, namespace = page.snippets(), {}
    assert {snippet.kind for snippet in snippets} == {"python", "sh"}
    for snippet in snippets:
        run(snippet, namespace)


# Boxes


def names_of_tests():
    return {
        line.split("(")[0].removeprefix("def ")
        for path in (ROOT / "tests").rglob("test_*.py")
        for line in path.read_text().splitlines()
        if line.startswith("def test_")
    }


def test_every_box_names_what_shows_it_and_that_exists():
    known = names_of_tests()
    boxes = INDEX.boxes()
    assert len(boxes) == INDEX.text.count("- [")
    for box in boxes:
        shown = [
            name
            for name in IN_LINE.findall(box.replace("\n ", ""))
            if name.startswith(("make ", ".venv/bin/python ", "test_"))
        ]
        assert shown, box
        for name in shown:
            if name.startswith("test_"):
                assert name in known, box
                continue
            [words] = commands_of(name)
            if words[0] == "make":
                check_make(words)
            else:
                arguments = [word for word in words[1:] if word not in ("manage.py", "demo")]
                read_arguments(arguments[0], arguments[1:])


# Names


def test_the_reference_has_every_public_name_and_every_call():
    reference = CLIENT.text.partition("\n## Reference\n")[2]
    rows = [line.split("|")[1] for line in reference.splitlines() if line.startswith("| `")]
    named = {name.partition("(")[0] for row in rows for name in IN_LINE.findall(row)}
    calls = {name for name in vars(heleket.HeleketClient) if not name.startswith("_")}
    assert named == set(heleket.__all__) | calls


@each_page
def test_fields_that_are_named_exist(page):
    """`Attempt.uuid` in the prose is a field of a model, or of a value of the client."""
    models = {model.__name__: model for model in apps.get_models()}
    for name in IN_LINE.findall(page.prose):
        owner, dot, field = name.partition(".")
        if dot and owner in models:
            assert field in {each.name for each in models[owner]._meta.get_fields()}, name
        elif dot and owner in heleket.__all__:
            assert hasattr(getattr(heleket, owner), field), name
