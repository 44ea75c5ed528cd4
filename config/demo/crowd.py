"""Made-up clients and their wallets in any number: whom a large desk pays."""

from collections.abc import Callable
from functools import partial
from random import Random

from django.contrib.auth.models import User
from simple_history.utils import bulk_create_with_history

from audit.operations import perform
from config.demo.clock import Clock
from config.demo.people import actor
from wallets import changes, operations
from wallets.addresses import check_address
from wallets.curves import on_ed25519
from wallets.encodings import encode_base58, encode_base58check, encode_ton
from wallets.models import Client, Wallet

FIRST_NAMES, LAST_NAMES, TRADES = """
Adaeze Aleksander Amina Andrés Anneli Bruno Camille Chloé Daniel Dilnoza Eero Elif Fatima Giulia
Hamid Hana Ines Ivan Jakub João Kaito Karim Katarzyna Lars Leila Linh Lucía Magnus Marek Mariam Mei
Miguel Nadia Nikolai Noor Olga Oskar Pavel Petra Ravi Rosa Sami Sanjay Selin Siddharth Sven Tariq
Tomás Valeria Wanjiru Yara Yuki Zofia

Abara Almeida Andersson Aydın Bakker Barbosa Bianchi Castillo Chen Costa Dubois Eriksen Fernandes
Ferrari Fischer García Georgiou Haddad Hoang Horvat Ibrahim Ivanov Jansen Kaya Kovač Kowalski Kruger
Laine Lopez Malik Mazur Mensah Moreau Nakamura Ncube Nguyen Novák Okafor Olsen Park Pereira Petrov
Popescu Rahimi Rossi Sato Schmidt Silva Singh Suzuki Tanaka Virtanen Weber Yılmaz Zhang

Analytics Audio Design Freight Games Labs Logistics Media Studio Textiles
""".strip().split("\n\n")
GROUPS = ["Freelancers", "Freelancers", "Freelancers", "Partners", "Partners", "Suppliers"]

# Most are paid stable coins on cheap networks.
COINS = [
    *[("tron", "USDT")] * 40,
    *[("bsc", "USDT")] * 12,
    *[("polygon", "USDC")] * 8,
    *[("eth", "USDT")] * 6,
    *[("arbitrum", "USDC")] * 4,
    *[("sol", "USDT"), ("ton", "USDT"), ("btc", "BTC"), ("eth", "ETH"), ("tron", "TRX")] * 3,
    *[("avalanche", "USDC"), ("bsc", "BNB"), ("ltc", "LTC"), ("sol", "SOL"), ("ton", "TON")] * 2,
    *[("dash", "DASH"), ("doge", "DOGE"), ("eth", "DAI"), ("polygon", "POL")],
]


def register(count: int, staff: dict[str, User], chance: Random, time: Clock) -> None:
    """Add clients with one to three wallets each; nearly all are approved an hour later."""
    clients = [
        Client(
            external_id=f"N-{number:05d}",
            name=name(chance),
            email=f"client{number}@example.com",
            group=chance.choice(GROUPS),
            created_by=staff["rosa"],
        )
        for number in range(1, count + 1)
    ]
    clients = bulk_create_with_history(clients, Client, default_user=staff["rosa"])
    wallets = [
        wallet(client, chance, staff["rosa"])
        for client in clients
        for _ in range(chance.choice([1, 1, 1, 2, 3]))
    ]
    changes.add([changes.added(each) for each in wallets], actor=actor(staff["rosa"]))
    time.wait(hours=1)
    usual = [each.pk for each in wallets if chance.random() > 0.02]
    perform(operations.APPROVE, operations.see(usual), actor=actor(staff["arno"]))


def name(chance: Random) -> str:
    last = chance.choice(LAST_NAMES.split())
    if chance.random() < 0.2:
        return f"{last} {chance.choice(TRADES.split())} Ltd"
    return f"{chance.choice(FIRST_NAMES.split())} {last}"


def wallet(client: Client, chance: Random, by: User) -> Wallet:
    network, currency = chance.choice(COINS)
    return Wallet(
        client=client,
        network=network,
        address=check_address(network, WRITERS[network](chance)),
        preferred_currency=currency,
        added_by=by,
    )


# Addresses, each of a key that nobody has


def base58check(chance: Random, version: int) -> str:
    return encode_base58check(bytes([version]) + chance.randbytes(20))


def evm(chance: Random) -> str:
    return f"0x{chance.randbytes(20).hex()}"


def solana(chance: Random) -> str:
    key = chance.randbytes(32)
    while not on_ed25519(key):  # as half of all numbers: an approver would have to be sure of it
        key = chance.randbytes(32)
    return encode_base58(key)


def ton(chance: Random) -> str:
    return encode_ton(b"\x51\x00" + chance.randbytes(32))


WRITERS: dict[str, Callable[[Random], str]] = {
    **dict.fromkeys(["arbitrum", "avalanche", "bsc", "eth", "polygon"], evm),
    "btc": partial(base58check, version=0x00),
    "dash": partial(base58check, version=0x4C),
    "doge": partial(base58check, version=0x1E),
    "ltc": partial(base58check, version=0x30),
    "tron": partial(base58check, version=0x41),
    "sol": solana,
    "ton": ton,
}
