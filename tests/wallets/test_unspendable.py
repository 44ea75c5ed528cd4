import hashlib
import random

import pytest
from bip_utils import (
    Base58Decoder,
    Base58XmrEncoder,
    Ed25519PublicKey,
    Secp256k1PublicKey,
    SegwitBech32Encoder,
)
from django.urls import reverse

from tests.factories import ClientFactory, UserFactory, WalletFactory, requester
from wallets import services
from wallets.addresses import check_address
from wallets.curves import on_ed25519, on_secp256k1
from wallets.encodings import encode_ton, keccak256
from wallets.errors import InvalidAddress
from wallets.models import Wallet
from wallets.operations import see
from wallets.unspendable import CONTRACTS, doubt_about

# Each of them is to be seen in its chain's explorer.
LOST = [
    ("btc", "1111111111111111111114oLvT2", "Nobody has the key"),
    ("btc", "31h1vYVSYuKP6AhS86fbRdMw9XHiiQ93Mb", "Nobody has the key"),
    ("btc", "1QLbz7JHiBTspS962RLKV8GndWFwi5j6Qr", "Nobody has the key"),
    ("btc", "bc1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq9e75rs", "Nobody has the key"),
    ("btc", "1BitcoinEaterAddressDontSendf59kuE", "Nobody has the key"),
    ("btc", "1CounterpartyXXXXXXXXXXXXXXXUWLpVr", "Nobody has the key"),
    ("btc", "1HT7xU2Ngenf7D4yocz2SAcnNLW7rK8d4E", "Nobody has the key"),
    ("btc", "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy", "Nobody has the key"),  # of an empty script
    ("bch", "bitcoincash:qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqfnhks603", "Nobody has the key"),
    ("doge", "DDogepartyxxxxxxxxxxxxxxxxxxw1dfzr", "Nobody has the key"),
    ("dash", "XdAUmwtig27HBG6WfYyHAzP8n6XC9jESEw", "Nobody has the key"),
    ("eth", "0x0000000000000000000000000000000000000000", "Nobody has the key"),
    ("eth", "0x000000000000000000000000000000000000dEaD", "Nobody has the key"),
    ("eth", "0x0000000000000000000000000000000000000001", "Nobody has the key"),
    ("eth", "0xdEAD000000000000000042069420694206942069", "Nobody has the key"),
    ("eth", "0xEeeeeEeeeEeEeeEeEeEeeEEEeeeeEeeeeeeeEEeE", "Nobody has the key"),
    ("polygon", "0x0000000000000000000000000000000000001010", "Nobody has the key"),
    ("bsc", "0x0000000000000000000000000000000000001000", "Nobody has the key"),
    ("avalanche", "0x0100000000000000000000000000000000000000", "Nobody has the key"),
    ("eth", "0xdac17f958d2ee523a2206206994597c13d831ec7", "contract of USDT"),
    ("arbitrum", "0xaf88d065e77c8cC2239327C5EDb3A432268e5831", "contract of USDC"),
    ("polygon", "0xdAC17F958D2ee523a2206206994597C13D831ec7", "contract of USDT"),
    ("tron", "T9yD14Nj9j7xAB4dbGeiX9h8unkKHxuWwb", "Nobody has the key"),
    ("tron", "TLsV52sRDL79HXGGm9yzwKibb6BeruhUzy", "Nobody has the key"),
    ("tron", "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t", "contract of USDT"),
    ("tron", "TEkxiTehnzSmSe2XqrBj4w32RUN966rdz8", "contract of USDC"),
    ("sol", "11111111111111111111111111111111", "Nobody has the key"),
    ("sol", "1nc1nerator11111111111111111111111111111111", "program"),
    ("sol", "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA", "program"),
    ("sol", "TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb", "program"),
    ("sol", "ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL", "program"),
    ("sol", "Stake11111111111111111111111111111111111111", "program"),
    ("sol", "Vote111111111111111111111111111111111111111", "program"),
    ("sol", "ComputeBudget111111111111111111111111111111", "program"),
    ("sol", "SysvarC1ock11111111111111111111111111111111", "program"),
    ("sol", "BPFLoaderUpgradeab1e11111111111111111111111", "program"),
    ("sol", "So11111111111111111111111111111111111111112", "contract of SOL"),
    ("sol", "Es9vMFrzaCERmJfrF4H2FYD4KCoNkY11McCe8BenwNYB", "contract of USDT"),
    ("sol", "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGkZwyTDt1v", "contract of USDC"),
    ("ton", "EQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAM9c", "Nobody has the key"),
    ("ton", "EQCxE6mUtQJKFnGfaROTKOt1lZbDiiX1kCixRv7Nw2Id_sDs", "contract of USDT"),
    ("ton", "EQAvlWFDxGF2lXm67y4yzC17wYKD9A0guwPkMs1gOsM__NOT", "contract of NOT"),
]
ACT, ACT_ON = "admin:wallets_wallet_act", "admin:wallets_wallet_act_on"
VAULT = "5Q544fKrFoe6tsEbD7S8EmxGTJYAKTVVhAW5Q5pge4j1"  # of Raydium, held by its program
KEY = "9WzDXwBbmkg8ZTbNMqUxvQRAyrZzDsGYdLVL9zYtAWWM"  # of Binance


@pytest.mark.parametrize(("network", "address", "reason"), LOST)
def test_g32_an_unspendable_destination_is_refused_with_the_reason(network, address, reason):
    with pytest.raises(InvalidAddress, match=reason):
        check_address(network, address)


@pytest.mark.parametrize("network", ["arbitrum", "avalanche", "bsc", "eth", "polygon"])
def test_g32_a_contract_has_no_key_on_any_network_with_such_addresses(network):
    for address in CONTRACTS:
        if address.startswith("0x"):
            with pytest.raises(InvalidAddress, match="contract of"):
                check_address(network, address)


@pytest.mark.parametrize("lost", [0, 1])
@pytest.mark.parametrize("version", [18, 19, 42])
def test_g32_a_monero_address_of_no_point_is_refused(version, lost):
    keys = [monero_key(b"spend"), monero_key(b"view")]
    rest = bytes(8) if version == 19 else b""
    assert check_address("xmr", monero(version, *keys, rest))

    keys[lost] = next(key for key in numbers() if not on_ed25519(key))

    with pytest.raises(InvalidAddress, match="no point of the curve"):
        check_address("xmr", monero(version, *keys, rest))


def test_g32_a_taproot_address_of_no_point_is_refused():
    address = "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0"
    assert check_address("btc", address) == address

    with pytest.raises(InvalidAddress, match="no point of the curve"):
        check_address("btc", taproot_of_no_point())


def test_g32_an_account_off_the_curve_is_a_doubt_and_a_key_is_none():
    assert check_address("sol", VAULT) == VAULT
    assert "a program holds it" in doubt_about("sol", VAULT)
    assert doubt_about("sol", KEY) == ""
    assert doubt_about("tron", "TDD97yguPESTpcrJMqU6h2ozZbibv4Vaqm") == ""


def test_g32_points_are_found_as_another_implementation_finds_them():
    edges = [0, 1, 2**255 - 20]
    for number in [*numbers(), *map(little, edges), bytes(31)]:
        known = Ed25519PublicKey.IsValidBytes(number)
        assert on_ed25519(number) == known, number.hex()
        known = Secp256k1PublicKey.IsValidBytes(b"\x02" + number)
        assert len(number) != 32 or on_secp256k1(number) == known, number.hex()
    assert on_ed25519(Base58Decoder.Decode(KEY))


PRIME = 2**255 - 19


@pytest.mark.parametrize("number", [PRIME, PRIME + 1, PRIME + 3, 1 + 2**255, PRIME - 1 + 2**255])
def test_g32_a_number_too_large_or_a_sign_of_zero_is_no_point(number):
    """The other implementation takes them; RFC 8032, 5.1.3, refuses them: no key is so written."""
    assert not on_ed25519(little(number))


@pytest.mark.django_db
def test_g32_a_vault_is_added_and_approved_by_two_who_are_sure(client, settings):
    settings.SECURE_SSL_REDIRECT = False
    maker, approver = (UserFactory(is_superuser=True) for _ in range(2))
    vault = {"network": "sol", "address": VAULT, "memo": "", "label": "", "preferred_currency": ""}
    vault["client"] = ClientFactory().pk
    add, act = reverse("admin:wallets_wallet_add"), reverse(ACT, args=["approve"])

    client.force_login(maker)
    form = client.post(add, vault).context["adminform"].form
    assert "a program holds it" in str(form.errors["address"])
    assert not form["is_certain"].is_hidden
    assert not Wallet.objects.exists()
    client.post(add, vault | {"is_certain": "on"})
    wallet = Wallet.objects.get()
    assert "a program holds it" in client.get(page_of(wallet)).content.decode()

    client.force_login(approver)
    asked = client.get(reverse(ACT_ON, args=[wallet.pk, "approve"])).content.decode()
    assert "a program holds it" in asked
    assert f'name="certain" value="{wallet.pk}"' in asked
    [seen] = see([wallet.pk])
    refused = client.post(act, {"seen": seen.token}, follow=True)
    assert "Say that you are sure of it." in refused.content.decode()
    assert Wallet.objects.get().status == "new"
    client.post(act, {"seen": seen.token, "certain": wallet.pk})
    assert Wallet.objects.get().status == "active"


@pytest.mark.django_db
def test_g32_by_services_too_a_doubt_has_to_be_settled():
    with pytest.raises(InvalidAddress, match="a program holds it"):
        services.add_wallet(ClientFactory(), network="sol", address=VAULT, actor=requester())

    assert not Wallet.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("sure", [False, True])
def test_g32_an_older_wallet_that_is_unspendable_is_not_approved(client, settings, sure):
    settings.SECURE_SSL_REDIRECT = False
    client.force_login(UserFactory(is_superuser=True))
    contract = "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"
    wallet = WalletFactory(status="new", network="tron", address=contract)
    act = reverse(ACT, args=["approve"])
    asked = client.get(reverse(ACT_ON, args=[wallet.pk, "approve"])).content.decode()
    assert "contract of USDT" in asked

    fields = {"seen": wallet.pk} | ({"certain": wallet.pk} if sure else {})
    refused = client.post(act, fields, follow=True)

    assert "contract of USDT" in refused.content.decode()
    assert Wallet.objects.get().status == "new"


def page_of(wallet):
    return reverse("admin:wallets_wallet_change", args=[wallet.pk])


def numbers(count=200):
    chance = random.Random(32)
    return [chance.randbytes(32) for _ in range(count)]


def little(number):
    return number.to_bytes(32, "little")


def monero_key(seed):
    number = hashlib.sha256(seed).digest()
    while not on_ed25519(number):
        number = hashlib.sha256(number).digest()
    return number


def monero(version, first, second, rest):
    data = bytes([version]) + first + second + rest
    return Base58XmrEncoder.Encode(data + keccak256(data)[:4])


def taproot_of_no_point():
    number = next(number for number in numbers() if not on_secp256k1(number))
    return SegwitBech32Encoder.Encode("bc", 1, number)


def test_g32_a_small_ton_account_is_no_hash():
    with pytest.raises(InvalidAddress, match="Nobody has the key"):
        check_address("ton", encode_ton(b"\x51\x00" + bytes(30) + b"\xde\xad"))
