"""Destinations that nobody can spend from: what is sent there is lost.

The lists hold what people paste by mistake: the contract of the coin instead of their own address,
a burn that a page speaks of, a program. Whatever else has no key cannot be told from one that has.
"""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from wallets.curves import on_ed25519, on_secp256k1
from wallets.encodings import (
    decode_base58,
    decode_base58check,
    decode_cashaddr,
    decode_monero,
    decode_segwit,
    decode_ton,
)

NO_KEY = gettext_lazy("Nobody has the key of this address: money sent there is lost.")
NO_POINT = gettext_lazy("Nobody can have the key of this address: it is no point of the curve.")
PROGRAM = gettext_lazy(
    "This is a program of the network, nobody's wallet: money sent there is lost."
)
CONTRACT = gettext_lazy("This is the contract of %s, nobody's wallet: money sent there is lost.")

SMALLEST = 2**16  # chains number their own programs and burns from 0; a hash is never that small

# A contract has no key, so nobody has it on another chain with such addresses either.
EVM_CONTRACTS = {
    "USDT": """
        0xdAC17F958D2ee523a2206206994597C13D831ec7 0x55d398326f99059fF775485246999027B3197955
        0xc2132D05D31c914a87C6611C10748AEb04B58e8F 0xFd086bC7CD5C481DCC9C85ebE478A1C0b69FCbb9
        0x9702230A8Ea53601f5cD2dc00fDBc13d4dF4A8c7""",
    "USDC": """
        0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48 0x8AC76a51cc950d9822D68b83fE1Ad97B32Cd580d
        0x3c499c542cEF5E3811e1192ce70d8cC03d5c3359 0x2791Bca1f2de4661ED88A30C99A7a9449Aa84174
        0xaf88d065e77c8cC2239327C5EDb3A432268e5831 0xFF970A61A04b1cA14834A43f5dE4533eBDDB5CC8
        0xB97EF9Ef8734C71904D8002F8b6Bc66Dd9c48a6E""",
    "DAI": """
        0x6B175474E89094C44Da98b954EedeAC495271d0F 0x1AF3F329e8BE154074D8769D1FFa4eE058B1DBc3
        0x8f3Cf7ad23Cd3CaDbD9735AFf958023239c6A063 0xDA10009cBd5D07dd0CeCc66161FC93D7c9000da1""",
    "ETH": """
        0xC02aaA39b223FE8D0A0e5C4F27eAD9083C756Cc2 0x2170Ed0880ac9A755fd29B2688956BD959F933F8
        0x82aF49447D8a07e3bd95BD0d56f35241523fBab1""",
    "SHIB": "0x95aD61b0a150d79219dCF64E1E6Cc01f0B64C4cE",
    "POL": """
        0x455e53CBB86018Ac2B8092FdCd39d8444aFFC3F6 0x7D1AfA7B718fb893dB30A3aBc0Cfc608AaCfeBB0
        0x0d500B1d8E8eF31E21C99d1Db9A6444d3ADf1270""",
    "VERSE": "0x249cA82617eC3DfB2589c4c17ab7EC9765350a18",
    "CGPT": "0x9840652DC04fb9db2C43853633f0F62BE6f00f98",
    "BNB": "0xbb4CdB9CBd36B01bD1cBaEBF2De08d9173bc095c",
    "AVAX": "0xB31f66AA3C1e785363F0875A1B74E27b85FD66c7",
}
EVM_BURNS = {
    "0xdEAD000000000000000042069420694206942069",
    "0xEeeeeEeeeEeEeeEeEeEeeEEEeeeeEeeeeeeeEEeE",  # stands for the chain's own coin in programs
    "0xFFfFfFffFFfffFFfFFfFFFFFffFFFffffFfFFFfF",
    "0x0100000000000000000000000000000000000000",  # where Avalanche burns its fees
}
TRON_CONTRACTS = {
    "USDT": "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t",
    "USDC": "TEkxiTehnzSmSe2XqrBj4w32RUN966rdz8",
    "TRX": "TNUC9Qb1rRpS5CbWLmNMxXBjyFoydXjWFR",
    "TUSD": "TUpMhErZL2fhh4sVNULAbNKLokS4GjC1F4",
}
TRON_BURNS = {"TLsV52sRDL79HXGGm9yzwKibb6BeruhUzy"}  # the chain's own black hole
SOLANA_CONTRACTS = {
    "USDT": "Es9vMFrzaCERmJfrF4H2FYD4KCoNkY11McCe8BenwNYB",
    "USDC": "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGkZwyTDt1v",
    "SOL": "So11111111111111111111111111111111111111112",
}
SOLANA_PROGRAMS = {
    "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA",
    "TokenzQdBNbLqP5VEhdkAS6EPFLC1PHnBqCXEpPxuEb",
    "ATokenGPvbdGVxr1b2hvZbsiqW5xWH25efTNsLJA8knL",
    "MemoSq4gqABAXKb96qnH8TysNcWxMyWCqXgDLGmfcHr",
    "metaqbxxUerdq28cj1RbAWkYQm3ybzjb6a8bt518x1s",
}
TON_CONTRACTS = {
    "USDT": "UQCxE6mUtQJKFnGfaROTKOt1lZbDiiX1kCixRv7Nw2Id_p0p",
    "HMSTR": "UQAJ8uWd7EBqsmpSWaRdf_I-8R8-XHwh3gsNKhy-UrdrPZjt",
    "NOT": "UQAvlWFDxGF2lXm67y4yzC17wYKD9A0guwPkMs1gOsM__I5W",
}
CONTRACTS = {
    address: coin
    for coins in (EVM_CONTRACTS, TRON_CONTRACTS, SOLANA_CONTRACTS, TON_CONTRACTS)
    for coin, addresses in coins.items()
    for address in addresses.split()
}
BURNS = EVM_BURNS | TRON_BURNS

# Chains that came from Bitcoin hold a hash of 20 bytes, so one without a key has none on any.
KEYLESS_HASHES = {
    b"\x00" * 20,
    b"\xff" * 20,
    *(
        decode_base58check(address)[1:]
        for address in (
            "1BitcoinEaterAddressDontSendf59kuE",
            "1CounterpartyXXXXXXXXXXXXXXXUWLpVr",
            "1HT7xU2Ngenf7D4yocz2SAcnNLW7rK8d4E",  # the hash of nothing at all
            "DDogepartyxxxxxxxxxxxxxxxxxxw1dfzr",
            "XdAUmwtig27HBG6WfYyHAzP8n6XC9jESEw",
        )
    ),
}


def loss_of(network: str, address: str) -> str:
    """Say why money sent to this canonical address is lost, or nothing if it may be spent."""
    if coin := CONTRACTS.get(address):
        return CONTRACT % coin
    if address in BURNS:
        return str(NO_KEY)
    if network == "sol":
        return _loss_on_solana(address)
    if network == "xmr":
        keys = decode_monero(address)[1:65]
        return "" if on_ed25519(keys[:32]) and on_ed25519(keys[32:]) else str(NO_POINT)
    return _loss_of_account(network, address)


def _loss_on_solana(address: str) -> str:
    # Programs of the chain have a name filled up with ones; a key does not end so by chance.
    is_named = address.endswith("1" * 9)
    if address in SOLANA_PROGRAMS or is_named:
        return str(PROGRAM if any(decode_base58(address)) else NO_KEY)
    return ""


def _loss_of_account(network: str, address: str) -> str:
    account = identity_of(network, address)
    if int.from_bytes(account, "big") < SMALLEST or account in KEYLESS_HASHES:
        return str(NO_KEY)
    if address.startswith("bc1p") and not on_secp256k1(account):
        return str(NO_POINT)
    return ""


def identity_of(network: str, address: str) -> bytes:
    """Return the hash or key in a canonical address of any network but Solana and Monero."""
    if network == "ton":
        return decode_ton(address)[2:]
    if network == "bch":
        prefix, _colon, payload = address.rpartition(":")
        return decode_cashaddr(payload, prefix)[1:]
    if address.startswith("0x"):
        return bytes.fromhex(address[2:])
    if address.startswith(("bc1", "ltc1")):
        return decode_segwit(address)[2]
    return decode_base58check(address)[1:]


def doubt_about(network: str, address: str) -> str:
    """Say what two people have to be sure of before money goes to this canonical address.

    Off the curve is each account that a program holds: a vault of several owners can be paid, but
    most others, such as somebody's account of one token, cannot give the money back.
    """
    if network == "sol" and not on_ed25519(decode_base58(address)):
        return _(
            "No key belongs to this Solana account: a program holds it. Only a vault, "
            "such as one of several owners, can be paid so; elsewhere the money is lost."
        )
    return ""
