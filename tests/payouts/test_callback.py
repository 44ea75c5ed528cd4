import pytest


@pytest.mark.parametrize("address", ["/webhooks/heleket/", "/webhooks/heleket"])
def test_g30_both_spellings_of_the_callback_address_answer(client, db, address):
    answer = client.post(address, b"{}", content_type="application/json", secure=True)
    assert answer.status_code == 400  # of the webhook itself: there is no signature
