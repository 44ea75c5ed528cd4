"""What people gave and chains made is marked on every page: for translators, and for directions."""

import html
import re
from html.parser import HTMLParser

import pytest
from django.urls import reverse

from audit.codes import Reason
from payouts.staff.templatetags.given import kept
from tests.every_page import every_page
from tests.factories import ClientFactory, PayoutFactory, StaffFactory, WalletFactory

pytestmark = pytest.mark.usefixtures("usdt")

VOID = {"area", "base", "br", "col", "hr", "img", "input", "link", "meta"}
LIST = reverse("admin:payouts_payout_changelist")


class Translated(HTMLParser):
    """The text of a page that a browser's translator takes for its own; quotes of code aside."""

    def __init__(self, page):
        super().__init__()
        self.kept, self.text = [False], ""
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            left_alone = tag in ("head", "script", "style", "pre", "option", "textarea")
            no = dict(attrs).get("translate") == "no"
            self.kept.append(self.kept[-1] or left_alone or no)

    def handle_endtag(self, tag):
        if tag not in VOID:
            self.kept.pop()

    def handle_data(self, data):
        if not self.kept[-1]:
            self.text += f"{data}\n"


@pytest.fixture
def payout():
    """A payout all of whose texts are found nowhere else."""
    requester = StaffFactory(username="zoe.zorn", roles=["Requester"])
    client = ClientFactory(name="Zsófia Zwick", external_id="Z-2041-17", created_by=requester)
    address = "UQCD39VS5jcptHL8vMjEXrzGaRcCVYto7HUn4bpAOg8xqEBI"
    wallet = WalletFactory(
        client=client, network="ton", address=address, memo="zmemo9", label="Zlabel"
    )
    return PayoutFactory(
        wallet=wallet,
        amount="7654.321",
        requested_by=requester,
        purpose="Zpurpose",
        reference="Zref8",
    )


def test_g82_a_translator_leaves_names_amounts_addresses_and_ids_alone(client, payout):
    client.force_login(StaffFactory(is_superuser=True))
    texts = [
        *(
            "zoe.zorn",
            "omar.ohm",
            "Zsófia",
            "Z-2041-17",
            "zmemo9",
            "Zlabel",
            "Zref8",
            "654",
            ".321",
            "USDT",
        ),
        *("EBI", "UQCD", payout.order_id("test")),
    ]
    touched = {}
    for path in [*every_page(payout), f"{LIST}?q=Zwick"]:
        answer = client.get(path)
        assert answer.status_code == 200, path
        text = Translated(answer.content.decode()).text
        if found := [each for each in texts if each in text]:
            touched[path] = found
    assert touched == {}


def test_g81_a_name_from_right_to_left_is_isolated_in_plain_sentences():
    assert str(ClientFactory(name="שלום", external_id="2041-17")) == "\u2068שלום\u2069 (2041-17)"
    assert str(ClientFactory(name="Zoë", external_id="2041-18")) == "Zoë (2041-18)"
    assert Reason("gateway", "انتظر 17").sentence == "\u2068انتظر 17\u2069"


@pytest.mark.parametrize(
    ("sentence", "name", "marked"),
    [
        ("It waits behind P-344, which needs 900,000.5 USDT.", "", ["P-344", "900,000.5 USDT"]),
        ("Held by رؤى: “Wait <b>”", "رؤى", ["رؤى", "Wait &lt;b&gt;"]),
        ("Edited by user, and again what was requested.", "", []),
        ("The transaction is 0x4f263456d059457ee52f.", "", ["0x4f263456d059457ee52f"]),
    ],
)
def test_g82_a_sentence_marks_what_it_quotes(sentence, name, marked):
    shown = kept(sentence, name)
    assert re.findall('<bdi translate="no">(.*?)</bdi>', shown) == marked
    assert html.unescape(re.sub("</?bdi[^>]*>", "", shown)) == sentence
