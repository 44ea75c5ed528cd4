import base64
import hashlib
from decimal import Decimal

import pytest
from bip_utils import Base58Decoder, Base58Encoder
from django.contrib.admin import site
from django.urls import reverse
from hypothesis import given, settings
from hypothesis import strategies as st

import heleket
from audit.refusals import Refused
from payouts.admin.search import search
from payouts.models import Attempt, Payout
from payouts.recording import difference
from tests.factories import ClientFactory, PayoutFactory, UserFactory, WalletFactory, requester
from wallets import services
from wallets.addresses import canonical, canonical_spellings, check_address
from wallets.addresses import canonical as canonical_of_answer
from wallets.coins import NETWORKS
from wallets.encodings import decode_cashaddr, decode_ton, encode_ton
from wallets.models import Wallet

SPELLED = {
    "arbitrum": "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359",
    "avalanche": "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB",
    "bch": "bitcoincash:qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a",
    "bsc": "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb",
    "btc": "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
    "dash": "XpESxaUmonkq8RaLLp46Brx2K39ggQe226",
    "doge": "DH5yaieqoZN36fDVciNyRueRGvGLR3mr7L",
    "eth": "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
    "ltc": "MVcg9uEvtWuP5N6V48EHfEtbz48qR8TKZ9",
    "polygon": "0x52908400098527886E0F7030069857D2E4169EE7",
    "sol": "9WzDXwBbmkg8ZTbNMqUxvQRAyrZzDsGYdLVL9zYtAWWM",
    "ton": "UQCD39VS5jcptHL8vMjEXrzGaRcCVYto7HUn4bpAOg8xqEBI",
    "tron": "TDD97yguPESTpcrJMqU6h2ozZbibv4Vaqm",
    "xmr": "888tNkZrPN6JsEgekjMnABU4TBzc2Dt29EPAvkRxbANsAnjyPbb3iQ1YBRk1"
    "UXcdRsiKc9dhwMVgN5S9cQUiyoogDavup3H",
}
BITCOIN_CASH_SCRIPT = "bitcoincash:ppm2qsznhks23z7629mms6s4cwef74vcwvn0h829pq"
LITECOIN = "ltc1qw508d6qejxtdg4y5r3zarvary0c5xw7kgmn4n9"


def spellings(network, address):
    """Every way in which people and programs write this address, the canonical one first."""
    yield address
    if address.startswith("0x"):
        digits = address[2:]
        yield from ["0x" + digits.lower(), "0x" + digits.upper(), "0X" + digits.upper()]
        yield from [digits.lower(), digits.upper(), digits]
    elif address.startswith(("bc1", "ltc1")):
        yield address.upper()
    elif network == "bch":
        bare = address.partition(":")[2]
        version, *number = decode_cashaddr(bare, "bitcoincash")
        legacy = Base58Encoder.CheckEncode(bytes([5 if version else 0, *number]))
        yield from [address.upper(), bare, bare.upper(), legacy]
    elif network == "ltc":
        yield Base58Encoder.CheckEncode(b"\x05" + Base58Decoder.CheckDecode(address)[1:])
    elif network == "ton":
        account = decode_ton(address)[2:]
        for flag in (0x11, 0x51):
            friendly = encode_ton(bytes([flag, 0]) + account)
            yield from [friendly, friendly.replace("-", "+").replace("_", "/")]
        yield from [f"0:{account.hex()}", f"0:{account.hex().upper()}"]
    elif network == "tron":
        yield Base58Decoder.CheckDecode(address).hex()


ALL = [*SPELLED.items(), ("bch", BITCOIN_CASH_SCRIPT), ("ltc", LITECOIN)]


def test_g33_every_network_is_spelled():
    assert set(SPELLED) == set(NETWORKS)


@pytest.mark.parametrize(("network", "address"), ALL)
def test_g33_all_spellings_of_an_address_have_one_canonical_form(network, address):
    assert check_address(network, address) == address
    for text in spellings(network, address):
        assert canonical(network, text) == address
        assert canonical_of_answer(network, text) == address
        assert address in canonical_spellings(text)


@pytest.mark.parametrize(("network", "address"), ALL)
def test_g33_an_answer_in_another_spelling_is_no_difference(network, address):
    coin = {"currency": "USDT", "network": network}
    body = heleket.payout_body(order_id="a", amount=Decimal(5), address=address, **coin)
    attempt = Attempt(order_id="a", body=body.decode())
    for text in spellings(network, address):
        remote = heleket.RemotePayout(uuid="u", status="process", is_final=False, address=text)
        assert difference(attempt, remote) == []


WRITERS = {
    "bch": lambda number: canonical("bch", Base58Encoder.CheckEncode(b"\x00" + number[:20])),
    "btc": lambda number: Base58Encoder.CheckEncode(b"\x00" + number[:20]),
    "eth": lambda number: check_address("eth", f"0x{number[:20].hex()}"),
    "ltc": lambda number: Base58Encoder.CheckEncode(b"\x32" + number[:20]),
    "ton": lambda number: encode_ton(b"\x51\x00" + number),
    "tron": lambda number: Base58Encoder.CheckEncode(b"\x41" + number[:20]),
}


@settings(max_examples=25)
@given(st.binary(min_size=32, max_size=32).filter(lambda number: any(number[:16])))
def test_g33_any_address_is_one_in_all_its_spellings(number):
    for network, write in WRITERS.items():
        address = write(number)
        assert {canonical(network, text) for text in spellings(network, address)} == {address}


def test_g33_what_is_another_address_stays_another():
    seen = {}
    for network, address in ALL:
        for text in spellings(network, address):
            for other in canonical_spellings(text) - {text}:
                assert seen.setdefault(other, address) == address
    for text in ["", "x", "0:12", "1" * 5000, "\x00", "0x" + "g" * 40, *SPELLED.values()]:
        assert canonical("moon", text) == text


def test_g33_base64_in_either_alphabet_is_one_account():
    account = hashlib.sha256(b"+/").digest()
    url = encode_ton(b"\x11\x00" + account)
    standard = base64.b64encode(base64.urlsafe_b64decode(url)).decode()

    assert check_address("ton", url) == check_address("ton", standard)


@pytest.mark.django_db
@pytest.mark.parametrize(("network", "address"), ALL)
def test_g33_no_second_wallet_for_the_same_destination(network, address):
    client = ClientFactory()
    services.add_wallet(client, network=network, address=address, actor=requester())

    for text in spellings(network, address):
        with pytest.raises(Refused):
            services.add_wallet(client, network=network, address=text, actor=requester())

    assert Wallet.objects.count() == 1


@pytest.mark.django_db
def test_g33_a_search_finds_wallets_and_payouts_in_any_spelling(rf):
    admin = site.get_model_admin(Wallet)
    for network, address in ALL:
        wallet = WalletFactory(network=network, address=address)
        payout = PayoutFactory(wallet=wallet)
        for text in spellings(network, address):
            found, _ = admin.get_search_results(rf.get("/"), Wallet.objects.all(), f" {text} ")
            assert list(found) == [wallet]
            assert list(search(Payout.objects.all(), text)) == [payout]


@pytest.mark.django_db
def test_g33_the_list_is_searched_for_any_spelling(client, settings):
    settings.SECURE_SSL_REDIRECT = False
    client.force_login(UserFactory(is_superuser=True))
    wallet = WalletFactory(network="ton", address=SPELLED["ton"])
    WalletFactory()

    raw = f"0:{decode_ton(wallet.address)[2:].hex()}"
    listed = client.get(reverse("admin:wallets_wallet_changelist"), {"q": raw}).context["cl"]

    assert list(listed.result_list) == [wallet]
