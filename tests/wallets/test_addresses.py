import hashlib
import string

import bip_utils
import pytest
from bip_utils import Bip44Coins, Bip49Coins, Bip84Coins, Bip86Coins
from hypothesis import given, settings
from hypothesis import strategies as st

from wallets.addresses import check_address
from wallets.coins import NETWORKS
from wallets.errors import InvalidAddress

# Real addresses from the chains' own documents, or of well-known contracts and donations.
VECTORS = [
    ("btc", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"),
    ("btc", "3P14159f73E4gFr7JterCCQh9QjiTjiZrG"),
    ("btc", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"),
    ("btc", "bc1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3qccfmv3"),
    ("btc", "bc1p5cyxnuxmeuwuvkwfem96lqzszd02n6xdcjrs20cac6yqjjwudpxqkedrcr"),
    ("ltc", "LVg2kJoFNg45Nbpy53h7Fe1wKyeXVRhMH9"),
    ("ltc", "MVcg9uEvtWuP5N6V48EHfEtbz48qR8TKZ9"),
    ("ltc", "ltc1qw508d6qejxtdg4y5r3zarvary0c5xw7kgmn4n9"),
    ("doge", "DH5yaieqoZN36fDVciNyRueRGvGLR3mr7L"),
    ("dash", "XpESxaUmonkq8RaLLp46Brx2K39ggQe226"),
    ("bch", "bitcoincash:qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a"),
    ("bch", "bitcoincash:ppm2qsznhks23z7629mms6s4cwef74vcwvn0h829pq"),
    ("eth", "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"),
    ("arbitrum", "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359"),
    ("avalanche", "0xdbF03B407c01E7cD3CBea99509d93f8DDDC8C6FB"),
    ("bsc", "0xD1220A0cf47c7B9Be7A2E6BA89F429762e7b9aDb"),
    ("polygon", "0xcB16175256C3Fe110C2f1D282782eA9436469548"),
    ("tron", "TDD97yguPESTpcrJMqU6h2ozZbibv4Vaqm"),
    ("sol", "9WzDXwBbmkg8ZTbNMqUxvQRAyrZzDsGYdLVL9zYtAWWM"),
    ("ton", "UQCD39VS5jcptHL8vMjEXrzGaRcCVYto7HUn4bpAOg8xqEBI"),
    (
        "xmr",
        "888tNkZrPN6JsEgekjMnABU4TBzc2Dt29EPAvkRxbANsAnjyPbb3iQ1YBRk1UXcdRsiKc9dhwMVgN5S9cQUiyoogDavup3H",
    ),
    (
        "xmr",
        "4AdUndXHHZ6cfufTMvppY6JwXNouMBzSkbLYfpAV5Usx3skxNgYeYTRj5UzqtReoS44qo9mtmXCqY45DJ852K5Jv2684Rge",
    ),
]

CHANGED = [
    (
        "BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4",
        "btc",
        "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
    ),
    (
        "qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a",
        "bch",
        "bitcoincash:qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a",
    ),
    (
        "BITCOINCASH:QPM2QSZNHKS23Z7629MMS6S4CWEF74VCWVY22GDX6A",
        "bch",
        "bitcoincash:qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a",
    ),
    (
        "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed",
        "eth",
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
    ),
    (
        "EQCD39VS5jcptHL8vMjEXrzGaRcCVYto7HUn4bpAOg8xqB2N",
        "ton",
        "UQCD39VS5jcptHL8vMjEXrzGaRcCVYto7HUn4bpAOg8xqEBI",
    ),
]

REFUSED = [
    ("eth", "0x5AAEB6053F3E94C9B9A09F33669435E7EF1BEAED", "checksum"),
    ("eth", "0x0000000000000000000000000000000000000000", "Nobody has the key"),
    ("eth", "5aaeb6053f3e94c9b9a09f33669435e7ef1beaed", "starts with other"),
    ("eth", "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beae", "length"),
    ("eth", "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t", "address of TRON, but the network is Ethereum"),
    ("tron", "0xdAC17F958D2ee523a2206206994597C13D831ec7", "address of Ethereum, but .* TRON"),
    ("bch", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "address of Bitcoin, but .* Bitcoin Cash"),
    ("ltc", "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy", "address of Bitcoin, but .* Litecoin"),
    ("btc", "ltc1qw508d6qejxtdg4y5r3zarvary0c5xw7kgmn4n9", "address of Litecoin, but .* Bitcoin"),
    ("sol", "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t", "address of TRON, but .* Solana"),
    ("ton", "Es9vMFrzaCERmJfrF4H2FYD4KCoNkY11McCe8BenwNYB", "address of Solana, but .* TON"),
    ("sol", "11111111111111111111111111111111", "Nobody has the key"),
    ("btc", "mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn", "test network"),
    ("btc", "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx", "test network"),
    ("bch", "bchtest:qpm2qsznhks23z7629mms6s4cwef74vcwvqcw003ap", "test network"),
    ("ton", "kQCD39VS5jcptHL8vMjEXrzGaRcCVYto7HUn4bpAOg8xqKYH", "test network"),
    ("ton", "0:83DFD552E63729B472FCBCC8C45EBCC6691702558B68EC7527E1BA403A0F31A8", "raw form"),
    ("ton", "Ef8zMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzMzM0vF", "masterchain"),
    # BIP-350: wrong checksum kind, a version not in use, a program of the wrong length
    ("btc", "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqh2y7hd", "checksum"),
    ("btc", "BC1SW50QGDZ25J", "not in use"),
    ("btc", "bc1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4", "mixes small and capital"),
    ("btc", "bc1zw508d6qejxtdg4y5r3zarvaryvaxxpcs", "not in use"),
    ("bch", "bitcoincash:zpm2qsznhks23z7629mms6s4cwef74vcwvrqekrq9w", "does not pay"),
    ("btc", "", "missing"),
    ("btc", "1" * 200, "too long"),
    ("moon", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "does not know the network"),
]

DISGUISED = [
    ("TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t\n", "space or line break"),
    (" TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t", "space or line break"),
    ("TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj\u00a06t", "space or line break"),
    ("TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t\u200b", "ZERO WIDTH SPACE"),
    ("TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6\u202et", "RIGHT-TO-LEFT OVERRIDE"),
    ("ТR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t", "Character 1 .*CYRILLIC CAPITAL LETTER TE"),
    ("TR7NHqjeKQxGTCi8q8ZY4pL8οtSzgjLj6t", "GREEK SMALL LETTER OMICRON"),
    ("TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t\x00", "does not belong"),
    ("tr7nhqjekqxgtci8q8zy4pl8otszgjlj6t", "“l” is not used"),
    ("TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6T", "checksum"),
    ("TR7NHqjeKQxGTCi8q8ZY4pL8OtSzgjLj6t", "“O” is not used"),
    ("TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6", "checksum"),
]


def test_every_network_of_heleket_has_a_vector():
    assert {network for network, _address in VECTORS} == set(NETWORKS)


@pytest.mark.parametrize(("network", "address"), VECTORS)
def test_d4_real_addresses_are_accepted_as_they_are(network, address):
    assert check_address(network, address) == address


@pytest.mark.parametrize(("text", "network", "canonical"), CHANGED)
def test_d4_other_spellings_have_one_canonical_form(text, network, canonical):
    assert check_address(network, text) == canonical


@pytest.mark.parametrize(("network", "address", "reason"), REFUSED)
def test_d4_what_cannot_be_paid_is_refused_with_the_reason(network, address, reason):
    with pytest.raises(InvalidAddress, match=reason):
        check_address(network, address)


@pytest.mark.parametrize(("address", "reason"), DISGUISED)
def test_d4_disguised_and_damaged_addresses_are_refused(address, reason):
    with pytest.raises(InvalidAddress, match=reason):
        check_address("tron", address)


# Solana's addresses have no checksum, so nobody can tell a changed one from another address.
CHECKED = [(network, address) for network, address in VECTORS if network != "sol"]

ALPHABET = string.ascii_letters + string.digits


@pytest.mark.parametrize(("network", "address"), CHECKED)
def test_d4_no_single_changed_character_is_accepted(network, address):
    for i, character in enumerate(address):
        for other in {*ALPHABET[i % 7 :: 7], character.swapcase()} - {character}:
            changed = address[:i] + other + address[i + 1 :]
            assert accepted(network, changed) in {None, address}, changed


@pytest.mark.parametrize(("network", "address"), CHECKED)
def test_d4_no_swapped_or_lost_characters_are_accepted(network, address):
    for i in range(1, len(address) - 1):
        swapped = address[:i] + address[i + 1] + address[i] + address[i + 2 :]
        assert accepted(network, swapped) in {None, address}
        assert accepted(network, address[:i] + address[i + 1 :]) is None


def accepted(network, address):
    try:
        return check_address(network, address)
    except InvalidAddress:
        return None


@given(st.sampled_from(sorted(NETWORKS)), st.text(max_size=120))
def test_d4_any_text_is_refused_cleanly(network, text):
    assert accepted(network, text) is None or network == "sol"


@pytest.mark.parametrize("memo", ["1", "12345", "Kraken 42", "x" * 30])
def test_d4_a_memo_goes_with_ton(memo):
    address = "UQCD39VS5jcptHL8vMjEXrzGaRcCVYto7HUn4bpAOg8xqEBI"
    assert check_address("ton", address, memo) == address


@pytest.mark.parametrize("memo", ["x" * 31, " 1", "1 ", " ", "1\n", "é", "٣", "a\x00b", "\u200b1"])
def test_d4_a_memo_that_cannot_be_sent_is_refused(memo):
    with pytest.raises(InvalidAddress, match="A memo has"):
        check_address("ton", "UQCD39VS5jcptHL8vMjEXrzGaRcCVYto7HUn4bpAOg8xqEBI", memo)


def test_d4_a_memo_elsewhere_is_refused():
    with pytest.raises(InvalidAddress, match="Only TON"):
        check_address("tron", "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t", "12345")


def by_oracle(seed):
    """One address per kind, made by another implementation."""
    coins = {
        "btc": Bip44Coins.BITCOIN,
        "ltc": Bip44Coins.LITECOIN,
        "doge": Bip44Coins.DOGECOIN,
        "dash": Bip44Coins.DASH,
        "bch": Bip44Coins.BITCOIN_CASH,
        "eth": Bip44Coins.ETHEREUM,
        "tron": Bip44Coins.TRON,
        "sol": Bip44Coins.SOLANA,
        "ton": Bip44Coins.TON,
    }
    for network, coin in coins.items():
        yield network, bip_utils.Bip44.FromSeed(seed, coin).PublicKey().ToAddress()
    for network, coin in [("btc", Bip49Coins.BITCOIN), ("bch", Bip49Coins.BITCOIN_CASH)]:
        yield network, bip_utils.Bip49.FromSeed(seed, coin).PublicKey().ToAddress()
    for network, coin in [("btc", Bip84Coins.BITCOIN), ("ltc", Bip84Coins.LITECOIN)]:
        yield network, bip_utils.Bip84.FromSeed(seed, coin).PublicKey().ToAddress()
    yield "btc", bip_utils.Bip86.FromSeed(seed, Bip86Coins.BITCOIN).PublicKey().ToAddress()
    monero = bip_utils.Monero.FromSeed(hashlib.sha256(seed).digest())
    yield "xmr", monero.PrimaryAddress()
    yield "xmr", monero.Subaddress(1)
    yield "xmr", monero.IntegratedAddress(seed[:8])


@settings(max_examples=15)
@given(st.binary(min_size=32, max_size=64))
def test_d4_addresses_of_another_implementation_are_accepted(seed):
    for network, address in by_oracle(seed):
        canonical = check_address(network, address)
        assert check_address(network, canonical) == canonical
        if network != "ton":
            assert canonical == address


def test_d4_addresses_are_accepted_on_no_other_network():
    seed = hashlib.sha256(b"any").digest()
    for network, address in by_oracle(seed):
        for other in set(NETWORKS) - {network, "arbitrum", "avalanche", "bsc", "polygon"}:
            assert accepted(other, address) is None, (other, address)
