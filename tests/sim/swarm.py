"""What goes wrong in a run: each seed turns on a random half of all faults, each at a rate.

A fault that is on all the time hides others; one that is on in half of the runs meets every other
one in a quarter of them.
"""

import random
from dataclasses import dataclass, field

RATES = (0.02, 0.05, 0.1, 0.25)
TALKING = 0.25  # of the seeds; the others stay as they are known
WITH_PORTALS = 0.2  # of the seeds, likewise
PORTAL_LOSS_RATES = (0.1, 0.4)
ADDING = 0.25
STOPPING = 0.2
SHORT = 0.15
GOVERNED = 0.2
BOOKED = 0.3
RESTORED = 0.3  # of those
LOSS_RATES = (0.25, 1.0)  # questions alone have to be enough
WIRE_RATES = (0.01, 0.03, 0.08)  # there are many of these, and each meets every call
LATE_RATES = (0.25, 0.6)  # without them nothing is ever repeated in vain
LIE_RATES = (0.1, 0.3)
LIST_RATES = (0.1, 0.3)  # of the pages
REPEAT_RATES = (0.5, 0.9)  # few repeats are made while the first request is on its way

# Of the network and of Heleket; the sandbox knows them by these names.
ON_THE_WIRE = [
    *["drop", "drop_timeout", "timeout", "commit_then_drop", "commit_then_500", "race_500"],
    *["500", "html_502", "503", "404", "429", "429_retry_after", "redirect_307"],
    *["refuse_connection", "connect_timeout", "tls_failure", "unauthorized", "forbidden"],
    *["terminal", "unknown_refusal", "empty_200", "garbage", "null", "list", "no_state"],
    *["cut_json", "cut_connection", "server_error_200", "wrong_content_type", "html_200"],
    *["numbers_as_json", "not_found_text", "swapped", "slow", "drip"],
]
DELAYS = {"delayed_1": 20, "delayed_2": 1200, "delayed_3": 5400}  # a request's seconds on its way
# A repeat, while the first request is still on its way, meets a refusal or nobody at all.
REPEATS = ["repeat_refused", "repeat_unavailable"]
# A refusal of a call that is executed all the same, at once or later.
LIES = {"lying_refusal": (0,), "refused_then_late": (20, 600, 7200)}
ON_THE_WAY = ["sent_twice", "occupied", "odd_member", "outage", *REPEATS, *DELAYS, *LIES]
TO_ACTORS = ["killed", "frozen", "commit_refused", "commit_lost"]
OF_WEBHOOKS = ["lost", "repeated", "late", "forged", "replayed", "lied"]
OF_THE_WORLD = ["clock_jumps", "poor", "tampered", "demoted", "withdrawn", "wallet_frozen"]
ALL = [*ON_THE_WIRE, *ON_THE_WAY, *TO_ACTORS, *OF_WEBHOOKS, *OF_THE_WORLD]
# Of Heleket's list, where it is read: each seed of those turns on a half of them.
OF_LISTS = ["list_lags", "list_old_words", "list_shifts", "list_loops", "list_other_spelling"]

# What stops the desk for minutes is rare enough that something happens at all.
RARE = {"unauthorized", "forbidden", "terminal", "refuse_connection", "connect_timeout", "429"}
RARE |= {"429_retry_after", "tls_failure", "unknown_refusal", "swapped", "lied", "occupied"}
RARE |= {"clock_jumps", "demoted", "frozen", "killed", "outage"}


def rates_of(name: str) -> tuple[float, ...]:
    if name in REPEATS:
        return REPEAT_RATES
    if name in LIES:
        return LIE_RATES
    if name in DELAYS:
        return LATE_RATES
    if name in OF_LISTS:
        return LIST_RATES
    if name == "lost":
        return LOSS_RATES
    return WIRE_RATES if name in ON_THE_WIRE else RATES


@dataclass
class Swarm:
    """The faults of one seed. `without` turns some off and leaves the luck of the others alone."""

    seed: int
    without: frozenset[str] = frozenset()
    rates: dict[str, float] = field(init=False)
    luck: dict[str, random.Random] = field(init=False)
    talks: bool = field(init=False)  # whether its people ask, answer and set dates
    has_portals: bool = field(init=False)  # whether clients ask through the API
    portals_lose: float = field(init=False)  # so many of their requests and answers
    has_new_wallets: bool = field(init=False)  # some wait for approval when the run begins
    has_stops: bool = field(init=False)  # single coins and clients are stopped, the guard watches
    has_rules: bool = field(init=False)  # policy and rights change meanwhile
    funds_order: str = field(init=False)  # where the balances are known and mostly short, or ""
    has_books: bool = field(init=False)  # people pay by hand at Heleket; its list is read
    lists: list[str] = field(default_factory=list)  # the faults of Heleket's list, also in the calm
    is_restored: bool = field(init=False)  # an old copy of the database is put back
    copied_at: int = field(init=False)  # the step at which it is made
    put_back_at: int = field(init=False)

    def __post_init__(self) -> None:
        chance = random.Random(f"swarm {self.seed}")
        chosen = chance.sample(ALL, len(ALL) // 2)
        rates = {name: chance.choice(rates_of(name)) for name in chosen}
        for name in RARE & rates.keys():
            rates[name] = min(rates[name], 0.05)
        self.rates = {name: rates[name] for name in ALL if name in rates.keys() - self.without}
        self.luck = {name: random.Random(f"{name} {self.seed}") for name in ALL}
        self.luck["talks"] = random.Random(f"do people talk {self.seed}")
        self.talks = self.luck["talks"].random() < TALKING
        of_portals = self.luck["portals"] = random.Random(f"does a portal ask {self.seed}")
        self.has_portals = of_portals.random() < WITH_PORTALS
        self.portals_lose = of_portals.choice(PORTAL_LOSS_RATES)
        self.luck["wallets"] = random.Random(f"are wallets new {self.seed}")
        self.has_new_wallets = self.luck["wallets"].random() < ADDING
        self.luck["stops"] = random.Random(f"are some coins held up {self.seed}")
        self.has_stops = self.luck["stops"].random() < STOPPING
        self.luck["rules"] = random.Random(f"who may approve {self.seed}")
        self.has_rules = self.luck["rules"].random() < GOVERNED
        funds = self.luck["funds"] = random.Random(f"short funds {self.seed}")
        is_short, order = funds.random() < SHORT, funds.choice(["strict", "what_fits"])
        self.funds_order = order if is_short else ""
        books = self.luck["books"] = random.Random(f"who pays by hand {self.seed}")
        self.has_books = books.random() < BOOKED
        loses_days = books.random() < RESTORED
        self.is_restored = self.has_books and loses_days and not self.has_portals
        self.copied_at = books.randint(10, 120)
        self.put_back_at = self.copied_at + books.randint(20, 120)
        if self.has_books:
            self.turn_on_lists(books)

    def turn_on_lists(self, chance: random.Random) -> None:
        chosen = self.lists = chance.sample(OF_LISTS, len(OF_LISTS) // 2)
        rates = {name: chance.choice(rates_of(name)) for name in chosen}
        self.rates |= {
            name: rates[name] for name in OF_LISTS if name in rates.keys() - self.without
        }
        self.luck |= {name: random.Random(f"{name} {self.seed}") for name in OF_LISTS}

    def strikes(self, name: str) -> bool:
        return name in self.rates and self.luck[name].random() < self.rates[name]

    def is_on(self, name: str) -> bool:
        return name in self.rates

    def calm_down(self) -> None:
        self.rates = {}
