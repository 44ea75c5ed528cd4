"""Forms as a browser sends them: again, from the history, and with what a script suggests."""

import pytest
from django.urls import reverse

from payouts.models import Payout
from tests.factories import WalletFactory

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("usdt", "gateway"),
]

EVM = "0x7C883B693d9A8442e29474b72cd07065B0Fa9b4e"


def test_g84_g83_a_form_is_filled_in_sent_and_sent_again_from_the_history(visitor):
    wallet = WalletFactory()
    person = visitor("Requester")
    add = reverse("admin:payouts_payout_add_for", args=[wallet.client_id])

    person.go(add)
    person.page.fill("[name=amount]", "1,5")
    person.page.get_by_text("There is a comma in the amount. Write 1.5 instead.").wait_for()
    person.page.fill("[name=amount]", " 1.5 ")
    person.page.locator("[data-arrives]", has_text="1.5 USDT").wait_for()
    person.page.fill("[name=purpose]", "Prize")
    used = person.page.input_value("[name=nonce]")
    person.press("Continue")
    person.press("Request the payout")
    first = Payout.objects.get()

    person.go(add)
    person.page.fill("[name=amount]", "2")
    person.page.fill("[name=purpose]", "Prize")
    person.page.evaluate("nonce => document.querySelector('[name=nonce]').value = nonce", used)
    person.press("Continue")
    assert person.reads(f"This form was already used for {first}.")
    person.press("Request another one with what you typed")
    person.press("Continue")
    person.press("Request the payout")
    assert Payout.objects.count() == 2

    person.go(f"{reverse('admin:wallets_wallet_add')}?client={wallet.client_id}")
    assert person.page.input_value("[name=network]") == ""
    person.page.fill("[name=address]", EVM)
    person.page.get_by_role("button", name="Polygon").click()
    assert person.page.input_value("[name=network]") == "polygon"
    person.press("Add the wallet")
    assert person.reads("Another person has to approve it")
    assert person.complaints == []
