"""Networks and coins that Heleket pays, with the decimals each coin has on each network.

Source: https://doc.heleket.com/uk/other/reference
"""

from types import MappingProxyType

from django.utils.translation import gettext as _

from wallets.amounts import DECIMALS

NETWORKS = MappingProxyType(
    {
        "arbitrum": "Arbitrum One",
        "avalanche": "Avalanche C-Chain",
        "bch": "Bitcoin Cash",
        "bsc": "BNB Smart Chain",
        "btc": "Bitcoin",
        "dash": "Dash",
        "doge": "Dogecoin",
        "eth": "Ethereum",
        "ltc": "Litecoin",
        "polygon": "Polygon",
        "sol": "Solana",
        "ton": "TON",
        "tron": "TRON",
        "xmr": "Monero",
    }
)

# As the chain or the token's contract counts. A token differs by network: USDT has 6 decimals on
# TRON and 18 on BNB Smart Chain.
DECIMALS_ON_CHAIN = MappingProxyType(
    {
        "arbitrum": {"ETH": 18, "USDT": 6, "USDC": 6},
        "avalanche": {"AVAX": 18, "USDT": 6, "USDC": 6},
        "bch": {"BCH": 8},
        "bsc": {"BNB": 18, "USDT": 18, "USDC": 18, "DAI": 18, "ETH": 18, "CGPT": 18},
        "btc": {"BTC": 8},
        "dash": {"DASH": 8},
        "doge": {"DOGE": 8},
        "eth": {"ETH": 18, "USDT": 6, "USDC": 6, "DAI": 18, "SHIB": 18, "POL": 18, "VERSE": 18},
        "ltc": {"LTC": 8},
        "polygon": {"POL": 18, "USDT": 6, "USDC": 6, "DAI": 18},
        "sol": {"SOL": 9, "USDT": 6},
        "ton": {"TON": 9, "USDT": 6, "HMSTR": 9},
        "tron": {"TRX": 6, "USDT": 6, "USDC": 6},
        "xmr": {"XMR": 12},
    }
)


class UnknownCoin(ValueError):
    """We do not know how this coin counts on this network, so no amount of it can be right."""


def decimals_of(network: str, currency: str) -> int:
    """Return how many decimals an amount of this coin may have: never more than we store."""
    if not is_known(network, currency):
        raise UnknownCoin(
            _("%(currency)s on %(network)s is not a coin this desk can pay.")
            % {"currency": currency, "network": network_name(network)}
        )
    return min(DECIMALS_ON_CHAIN[network][currency], DECIMALS)


def is_known(network: str, currency: str) -> bool:
    return currency in DECIMALS_ON_CHAIN.get(network, {})


def network_name(network: str) -> str:
    """Return the name people know, or the code itself for a network we do not know."""
    return NETWORKS.get(network, network)
