"""What the sandbox can pay: services with limits and fees for every network code, and prices.

Networks and coins: https://doc.heleket.com/uk/other/reference. Limits, fees and prices are made up,
but for the examples of https://doc.heleket.com/methods/payouts/list-of-services.
"""

import base64
import hashlib
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

EVM = {"arbitrum", "avalanche", "bsc", "eth", "polygon"}
NATIVE = {
    ("arbitrum", "ETH"),
    ("avalanche", "AVAX"),
    ("bsc", "BNB"),
    ("polygon", "POL"),
    ("tron", "TRX"),
}
EIGHT_PLACES = Decimal("0.00000001")


def round8(amount: Decimal) -> Decimal:
    return amount.quantize(EIGHT_PLACES, ROUND_HALF_UP)


@dataclass(frozen=True)
class Service:
    """One coin on one network. `network` is in lower case; `fee` is an amount of the coin."""

    network: str
    currency: str
    minimum: Decimal
    maximum: Decimal
    fee: Decimal
    percent: Decimal
    is_available: bool = True

    @property
    def contract_address(self) -> str | None:
        """Return where the contract of a token is, made up; a coin of the network has none."""
        pair = (self.network, self.currency)
        if pair in NATIVE or self.network == self.currency.lower():
            return None
        digest = hashlib.sha256(f"contract {pair}".encode()).hexdigest()
        return f"0x{digest[:40]}" if self.network in EVM else digest[:34]

    def commission(self, amount: Decimal) -> Decimal:
        return round8(self.fee + amount * self.percent / 100)


def made_up_txid(uuid: str, network: str) -> str:
    """Return a transaction id as the network writes it; one of TON may have slashes."""
    digest = hashlib.sha256(f"tx {uuid}".encode()).digest()
    if network == "ton":
        return base64.b64encode(digest).decode()
    return f"0x{digest.hex()}" if network in EVM else digest.hex()


# network, coin, minimum, maximum, fixed fee, percent
TABLE = """
arbitrum   ETH    0.001   500       0.00005   0
arbitrum   USDT   0.5     1000000   0.1       0
arbitrum   USDC   0.5     1000000   0.1       0
avalanche  AVAX   0.05    50000     0.002     0
avalanche  USDT   0.5     1000000   0.05      0
avalanche  USDC   0.5     1000000   0.05      0
bch        BCH    0.005   5000      0.0001    0
bsc        BNB    0.002   5000      0.0002    0
bsc        USDT   0.5     10000000  0.3       0
bsc        USDC   0.5     1000000   0.3       0
bsc        DAI    0.5     1000000   0.3       0
bsc        ETH    0.001   500       0.0001    0
bsc        CGPT   10      1000000   2         0
btc        BTC    0.0001  50        0.00003   0
dash       DASH   0.02    10000     0.0005    0
doge       DOGE   5       5000000   1         0
eth        ETH    0.002   1000      0.0004    0
eth        USDT   5       10000000  1.5       0
eth        USDC   5       1000000   1.5       0
eth        DAI    5       1000000   1.5       0
eth        SHIB   200000  900000000 100000    0
eth        POL    5       1000000   3         0
eth        VERSE  5000    900000000 3000      0
ltc        LTC    0.01    500       0         0
polygon    POL    1       1000000   0.05      0
polygon    USDT   0.5     1000000   0.01      0
polygon    USDC   0.5     1000000   0.01      0
polygon    DAI    0.5     1000000   0.01      0
sol        SOL    0.01    20000     0.001     0
sol        USDT   0.5     1000000   0.5       0
ton        TON    0.5     200000    0.05      0
ton        USDT   0.5     1000000   0.2       0
ton        HMSTR  500     900000000 50        0
tron       TRX    1       1000000   1         0
tron       USDT   0.5     10000000  1         0
tron       USDC   0.5     1000000   1         0
xmr        XMR    0.01    2000      0.0002    0.5
"""


def services() -> dict[tuple[str, str], Service]:
    rows = (line.split() for line in TABLE.strip().splitlines())
    made = [
        Service(network, coin, Decimal(low), Decimal(high), Decimal(fee), Decimal(percent))
        for network, coin, low, high, fee, percent in rows
    ]
    return {(service.network, service.currency): service for service in made}


# One unit in US dollars.
FIAT = {
    "USD": Decimal(1),
    "EUR": Decimal("1.16"),
    "GBP": Decimal("1.32"),
    "UAH": Decimal("0.024"),
    "KZT": Decimal("0.0019"),
    "RUB": Decimal("0.0125"),
}
PRICES = {
    "AVAX": Decimal("14.5"),
    "BCH": Decimal("540"),
    "BNB": Decimal("850"),
    "BTC": Decimal("87000"),
    "CGPT": Decimal("0.04"),
    "DAI": Decimal(1),
    "DASH": Decimal("60"),
    "DOGE": Decimal("0.15"),
    "ETH": Decimal("2800"),
    "HMSTR": Decimal("0.0003"),
    "LTC": Decimal("85"),
    "POL": Decimal("0.14"),
    "SHIB": Decimal("0.000008"),
    "SOL": Decimal("130"),
    "TON": Decimal("1.55"),
    "TRX": Decimal("0.28"),
    "USDC": Decimal(1),
    "USDT": Decimal(1),
    "VERSE": Decimal("0.00004"),
    "XMR": Decimal("380"),
}
