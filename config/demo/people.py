"""Who works at the demo's desk, and whom it pays. All of them are made up."""

from dataclasses import dataclass

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group, User

from audit import clock
from audit.actor import Actor, Channel
from audit.operations import perform
from config.demo.clock import Clock
from payouts.categories import add_category
from payouts.destinations import APPROVE, ARCHIVE
from payouts.staff.roles import ROLES
from wallets import services
from wallets.models import Client, Wallet, WalletStatus
from wallets.operations import FREEZE, see

PASSWORD = "demo-desk"  # noqa: S105  # of everybody, printed at every start

# Login, name, role. The first letter of the login is that of the role.
STAFF = [
    ("rosa", "Rosa Almeida", "Requester"),
    ("rafael", "Rafael Novák", "Requester"),
    ("amira", "Amira Haddad", "Approver"),
    ("arno", "Arno Visser", "Approver"),
    ("omar", "Omar Diallo", "Operator"),
    ("olga", "Olga Petrenko", "Operator"),
    ("petra", "Petra Horvat", "Policy manager"),
    ("pavel", "Pavel Dvořák", "Policy manager"),
    ("uma", "Uma Krishnan", "User manager"),
    ("sami", "Sami Rahal", "Support"),
    ("alma", "Alma Berg", "Accountant"),
    ("axel", "Axel Brandt", "Accountant"),
    ("aiko", "Aiko Mori", "Auditor"),
    ("admin", "Ada Minh", "superuser"),
]


@dataclass(frozen=True)
class Place:
    """A wallet of a client: what it is paid in, and what has become of it."""

    network: str
    currency: str
    address: str
    label: str = ""
    memo: str = ""
    status: WalletStatus = WalletStatus.ACTIVE


CATEGORIES = ["Commission", "Fee", "Invoice", "Prize", "Refund"]
FREELANCERS, PARTNERS, SUPPLIERS = "Freelancers", "Partners", "Suppliers"
NEW, FROZEN, ARCHIVED = WalletStatus.NEW, WalletStatus.FROZEN, WalletStatus.ARCHIVED

# Name, e-mail, group, wallets.
CLIENTS = [
    (
        "Sofia Lindqvist",
        "sofia.lindqvist@example.com",
        FREELANCERS,
        [
            Place("tron", "USDT", "TVEFdaTwdHE5VMdCP1Efz1hsZn9362kSC8", "Main"),
            Place("btc", "BTC", "bc1qmyky5v2vglf8pu4y3huqzendwffeh2e509laju", "Savings"),
        ],
    ),
    (
        "Mateus Carvalho",
        "mateus@example.org",
        FREELANCERS,
        [
            Place("polygon", "USDT", "0x7C883B693d9A8442e29474b72cd07065B0Fa9b4e"),
            Place(
                "tron", "USDT", "TDuhwLE5ZSv5QWCovv11YoQ8Nk3W9btCjr", "Old phone", status=ARCHIVED
            ),
        ],
    ),
    (
        "Nguyễn Thị Lan",
        "lan.nguyen@example.net",
        FREELANCERS,
        [
            Place("bsc", "USDT", "0xB952A350E318Fa46aE750029C7985e4b4fd3B017"),
            Place("sol", "SOL", "DBhhG1jV3PH26KsRsuEkVDUHFKKGBqQQRmwYb5rvf3hJ"),
        ],
    ),
    (
        "Kwame Mensah",
        "kwame.mensah@example.com",
        PARTNERS,
        [
            Place("tron", "USDT", "TRetSF3Mkp9vPvGG19ctV4SUTFZ4wXmbPp", "Business"),
            Place("tron", "TRX", "TWb3vLCPn4GXsTqnkinJH71eNXWDh7hFvc", "Fees"),
        ],
    ),
    (
        "Olena Kovalenko",
        "olena.k@example.org",
        FREELANCERS,
        [
            Place("ton", "USDT", "UQCQu_h-UOpvx2tBEefAlZDpi79d-rUyH_YOr820IS7XtP7k"),
            Place(
                "ton", "HMSTR", "UQA310Vzoe_LxtIKwLbvdIEgWDM48uEIb3_sYpOAFt9Ybz36", "Game prizes"
            ),
        ],
    ),
    (
        "Yusuf Demir",
        "yusuf.demir@example.com",
        PARTNERS,
        [
            Place("ltc", "LTC", "ltc1qywzc9427qyn0892hzy0fzzhre8ge0qednwdmt0"),
            Place("avalanche", "USDC", "0xF3421367523Fdcfb4A8ff564ba78718A67DC4001", "Card"),
        ],
    ),
    (
        "Priya Raghunathan",
        "priya@example.net",
        FREELANCERS,
        [
            Place("eth", "ETH", "0xcB16175256C3Fe110C2f1D282782eA9436469548", "Ledger"),
            Place("polygon", "USDC", "0xcB16175256C3Fe110C2f1D282782eA9436469548", "Ledger"),
        ],
    ),
    (
        "Haruki Tanaka",
        "h.tanaka@example.com",
        FREELANCERS,
        [
            Place("btc", "BTC", "bc1q4c7qnaqqnqecy90w4qdnp5e3edascm9vep6es9"),
            Place("dash", "DASH", "Xj5eBt6sUajmZd2uXtdruqxFiXErNVV4Sy", status=FROZEN),
        ],
    ),
    (
        "Zanzibar Spice Traders Ltd",
        "accounts@spice-traders.example",
        SUPPLIERS,
        [
            Place("tron", "USDT", "TKPYpYU9M7sXP7pTJqrSWgUeoE1k1SPDmi", "Invoices"),
            Place(
                "ton",
                "TON",
                "UQA9H_c221kUl-jdkHcfki-Vq8iZKdqVCdGTrYo3rdPC6yuy",
                "Exchange",
                "104882317",
            ),
        ],
    ),
    (
        "Müller & Söhne Logistik GmbH",
        "buchhaltung@mueller-soehne.example",
        SUPPLIERS,
        [
            Place("eth", "USDC", "0x6ec08a85dAD86e92f69043DE34dC0da9045a1f01", "Treasury"),
            Place("arbitrum", "USDC", "0x6ec08a85dAD86e92f69043DE34dC0da9045a1f01", "Treasury"),
        ],
    ),
    (
        "Amélie Rousseau",
        "amelie.rousseau@example.org",
        PARTNERS,
        [
            Place("bch", "BCH", "bitcoincash:qqzxv8kqfjgadxtu0d8u2nass6k822wktc2tdret09"),
            Place(
                "xmr",
                "XMR",
                "4A1Eg4MvYc1MPXVsQKdYvDAZmQdU9pj4tFR3v249iNdieHc96yhjkhFVjW3jpyYG2D3GmC6QZbSkhUPh8bFhJ5ur1MmBDof",
            ),
        ],
    ),
    (
        "Siobhán O’Connor",
        "siobhan@example.com",
        PARTNERS,
        [
            Place("doge", "DOGE", "DHSTSaYyVBNN2i87qApNhX5kPTbf4cZvcd", "Tips"),
            Place("bsc", "BNB", "0x5b99088f7e41B42506e6300E87da09d1813378a7"),
        ],
    ),
    (
        "Cedar Grove Media Inc.",
        "ap@cedargrove.example",
        SUPPLIERS,
        [
            Place("tron", "USDT", "TVFjZdNiz4L2rFdkudDfKNn9cxygAxzqoQ", "Accounts payable"),
            Place(
                "eth", "USDT", "0x3fd02Ca50d94454f3F469423c26D96Ee80a09CA8", "New bank", status=NEW
            ),
        ],
    ),
    (
        "Farid Əliyev",
        "farid@example.net",
        PARTNERS,
        [
            Place("sol", "USDT", "FH39MYLjsG5o5WB4F3QmEuQ6w9MP9XsaAn8dexqZNEv3"),
            Place(
                "btc",
                "BTC",
                "3Qusg7RuMDGdnKCKdWcWfshNzeVquLSYNA",
                "From his new e-mail",
                status=NEW,
            ),
            Place("ltc", "LTC", "ltc1q2ycaxv509z4kdasz57mk899lkmfumepqxr9n5h", status=NEW),
            Place(  # which is Sofia Lindqvist's
                "tron", "USDT", "TVEFdaTwdHE5VMdCP1Efz1hsZn9362kSC8", "Main", status=NEW
            ),
        ],
    ),
]
GONE = ("Global Prize Network", "office@gpn.example", PARTNERS)


def hire() -> dict[str, User]:
    """Make the staff and return them by login."""
    password = make_password(PASSWORD)  # once, as it is slow on purpose
    staff = {}
    for login, name, role in STAFF:
        first, _space, last = name.partition(" ")
        staff[login] = User.objects.create(
            username=login,
            password=password,
            email=f"{login}@desk.example",
            first_name=first,
            last_name=last,
            is_staff=True,
            is_superuser=role not in ROLES,
            date_joined=clock.now(),
        )
        staff[login].groups.set(Group.objects.filter(name=role))
    return staff


def register(staff: dict[str, User], time: Clock) -> None:
    """Add categories, clients and their wallets but the new ones, approved an hour later."""
    rosa, rafael, arno, amira = (actor(staff[each]) for each in ("rosa", "rafael", "arno", "amira"))
    for name in CATEGORIES:
        add_category(name, actor=actor(staff["petra"]))
    for number, (*who, _places) in enumerate(CLIENTS, 1001):
        add_client(f"C-{number}", *who, by=rosa)
    gone = add_client("C-0987", *GONE, by=rosa)
    services.close_client(gone.pk, reason="The client has left.", actor=rosa)
    added = add_wallets(staff, are_new=False)
    time.wait(hours=1)
    perform(APPROVE, see(added), actor=arno)
    frozen = see(pk for pk, status in added.items() if status == FROZEN)
    perform(FREEZE, frozen, actor=amira, reason="He lost the phone with its keys.")
    perform(ARCHIVE, see(pk for pk, status in added.items() if status == ARCHIVED), actor=rafael)


def add_client(external_id: str, name: str, email: str, group: str, *, by: Actor) -> Client:
    return services.add_client(
        external_id=external_id, name=name, email=email, group=group, actor=by
    )


def add_wallets(staff: dict[str, User], *, are_new: bool) -> dict[int, WalletStatus]:
    """Add the wallets that stay new, or all others; return by their ids what they should become."""
    rosa, added = actor(staff["rosa"]), {}
    for number, (*_who, places) in enumerate(CLIENTS, 1001):
        client = Client.objects.get(external_id=f"C-{number}")
        for place in places:
            if (place.status == NEW) == are_new:
                added[add_wallet(client, place, rosa).pk] = place.status
    return added


def add_wallet(client: Client, place: Place, by: Actor) -> Wallet:
    return services.add_wallet(
        client,
        network=place.network,
        address=place.address,
        memo=place.memo,
        label=place.label,
        preferred_currency=place.currency,
        actor=by,
    )


def actor(person: User) -> Actor:
    return Actor.staff(person, Channel.ADMIN)
