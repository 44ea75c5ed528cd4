import pytest
from django.core import checks

from config.checks import check_callback


@pytest.mark.parametrize("address", ["/webhooks/heleket/", "/webhooks/heleket"])
def test_g30_both_spellings_of_the_callback_address_answer(client, db, address):
    answer = client.post(address, b"{}", content_type="application/json", secure=True)
    assert answer.status_code == 400  # of the webhook itself: there is no signature


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("", "is empty"),
        ("http://testserver/webhooks/heleket/", "https"),
        ("https://elsewhere.example/webhooks/heleket/", "ALLOWED_HOSTS"),
        ("https://testserver/webhooks/", "must end with"),
        ("https://testserver/webhooks/heleket/?a=1", "must end with"),
        ("https://testserver/webhooks/heleket/#a", "must end with"),
        ("https://[::1", "cannot be read"),
        ("https://testserver/webhooks/heleket", ""),
    ],
)
def test_g30_check_says_what_is_wrong_with_the_callback_address(settings, url, why):
    settings.PLAIN_HTTP, settings.HELEKET_CALLBACK_URL = False, url
    texts = [message.msg for message in check_callback()]
    assert (why in texts[0] and "HELEKET_CALLBACK_URL" in texts[0]) if why else not texts


def test_g30_plain_http_is_for_a_desk_that_serves_its_own_machine(settings):
    settings.PLAIN_HTTP = True
    settings.HELEKET_CALLBACK_URL = "http://testserver/webhooks/heleket/"
    assert not check_callback()


def test_g30_check_asks_for_it_once_there_is_an_account(settings):
    settings.HELEKET_CALLBACK_URL = ""
    assert "HELEKET_CALLBACK_URL" in str(checks.run_checks())
    settings.HELEKET_MERCHANT_ID = ""
    assert "HELEKET_CALLBACK_URL" not in str(checks.run_checks())
