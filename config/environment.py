"""Where environment variables come from, and how one is read: trimmed, or refused by its name.

They come from `.env` for a real desk, and are made up for demo and tests. Settings read
`os.environ` alone. Whoever starts Django first decides which of the two it is, so that no
demonstration and no test can ever meet the live keys of a machine it runs on.

A refusal names the variable and never its value, which may be a secret that slipped.
"""

import base64
import math
import os
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from email.utils import parseaddr
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import environ
from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent
ENV_FILE = BASE_DIR / ".env"

# Set by `use_made_up_values` for this process and its children: `.env` is not for them.
MADE_UP_MARK = "PAYOUT_DESK_MADE_UP_VALUES"


def use_made_up_values(**more: str) -> None:
    """Replace every variable the desk reads by a made-up one, or by none.

    Neither this process nor a child of it reads `.env` from now on.
    """
    for name in VARIABLES:
        os.environ.pop(name, None)
    os.environ.update(MADE_UP | {MADE_UP_MARK: "true"} | more)


# The file

LINE = re.compile(r"(?:export\s+)?([A-Za-z_]\w*)\s*=\s*(.*)", re.ASCII)
QUOTED = re.compile(r"""(["'])(.*)\1\s*(?:#.*)?""")
NOTE = re.compile(r"(^|\s)#.*")


def read_env_file(path: Path = ENV_FILE) -> None:
    """Add what `.env` beside manage.py says; variables that are set already win.

    Raises ImproperlyConfigured for what cannot be read.
    """
    if MADE_UP_MARK in os.environ:
        return
    try:
        content = path.read_bytes().decode("utf-8-sig")  # some editors begin a file with a BOM
    except FileNotFoundError:
        return
    except OSError as exc:
        raise ImproperlyConfigured(f"The file .env cannot be read: {exc.strerror}.") from None
    except UnicodeDecodeError:
        raise ImproperlyConfigured("The file .env is not text in UTF-8.") from None
    for name, value in parsed(content).items():
        os.environ.setdefault(name, value)


def parsed(content: str) -> dict[str, str]:
    """Return the variables of a file; of those that stand in it twice the last one counts."""
    values = {}
    for number, line in enumerate(content.split("\n"), start=1):
        if not (line := line.strip()) or line.startswith("#"):
            continue
        if not (found := LINE.fullmatch(line)):
            raise ImproperlyConfigured(f"Line {number} of .env is not like NAME=value.")
        values[found[1]] = value_of(*found.groups())
    return values


def value_of(name: str, written: str) -> str:
    """Return a value as it is meant: in quotes as written, else without a `# note` behind it."""
    if "\0" in written:
        raise refused(name, "has a character that cannot be read")
    if not written.startswith(("'", '"')):
        return NOTE.sub("", written).rstrip()
    if not (found := QUOTED.fullmatch(written)):
        raise refused(name, "begins with a quote that does not end")
    quote, value = found.groups()
    return re.sub(r"\\([^rnt])", r"\1", value) if quote == '"' else value


# One variable


def refused(name: str, why: str) -> ImproperlyConfigured:
    return ImproperlyConfigured(f"{name} {why}.")


def text(name: str, default: str = "") -> str:
    """Return a value without blanks around it; empty is as good as not set."""
    value = os.environ.get(name, "").strip()
    if not value.isprintable():
        raise refused(name, "has a line break or another character that cannot be read")
    return value or default


def needed(name: str, default: str = "") -> str:
    if not (value := text(name, default)):
        raise refused(name, "is not set, or it is empty")
    return value


def code(name: str, default: str = "", *, longest: int = 255) -> str:
    """Return an id or a key that goes out in a header: letters that only look right are refused."""
    value = text(name, default)
    if not re.fullmatch("[!-~]*", value):
        raise refused(name, "has a blank or a letter that is not ASCII; copy it once more")
    if len(value) > longest:
        raise refused(name, f"has more than {longest} characters; copy it once more")
    return value


def flag(name: str, default: bool) -> bool:
    words = {"true": True, "yes": True, "on": True, "1": True}
    words |= {"false": False, "no": False, "off": False, "0": False}
    value = text(name, str(default)).lower()
    if value not in words:
        raise refused(name, "must be true or false")
    return words[value]


def number(name: str, default: float, wanted: str, fits: Callable[[float], bool]) -> float:
    """Return a number; `wanted` says in words what `fits` asks of it."""
    try:
        value = float(text(name, str(default)))
    except ValueError:
        value = float("nan")  # fits nowhere
    if not fits(value):
        raise refused(name, f"must be a number, {wanted}")
    return value


def hosts(name: str, default: list[str]) -> list[str]:
    """Return host names written with commas between them."""
    named = [host for each in text(name).split(",") if (host := each.strip())]
    for host in named:
        if not re.fullmatch(r"\*|\.?[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\]", host):
            raise refused(
                name,
                "must have host names like desk.example.com, with commas between them and "
                "without https://, port or path",
            )
    return named or default


def installation(name: str, default: str) -> str:
    value = text(name, default)
    if not re.fullmatch("[a-z0-9]{1,4}", value):
        raise refused(name, "must be 1 to 4 characters of a-z and 0-9")
    return value


def folder(name: str, default: str) -> str:
    value = text(name, default)
    if not Path(value).is_absolute():
        raise refused(name, "must be a whole path, like /srv/desk/documents")
    return value


def seed(name: str, default: str) -> str:
    """Return 32 bytes, which may be written in hex or in base64, in hex."""
    value = text(name, default)
    for read in (bytes.fromhex, partial(base64.b64decode, validate=True)):
        with suppress(ValueError):
            if not value or len(read(value)) == 32:
                return read(value).hex()
    raise refused(name, "must be 32 random bytes, in hex or in base64")


def currency(name: str, default: str) -> str:
    value = text(name, default).upper()
    if not re.fullmatch("[A-Z0-9]{2,16}", value):
        raise refused(name, "must be the code of a currency, like USD or EUR")
    return value


def time_zone(name: str, default: str) -> str:
    value = text(name, default)
    try:
        ZoneInfo(value)
    except (OSError, ValueError, LookupError):
        raise refused(name, "must be the name of a time zone, like Europe/Riga") from None
    return value


ENCODE = "in a user or password write / ? # @ % as %2F %3F %23 %40 %25"
BROKERS = ["redis", "rediss", "redis+socket", "sentinel", "amqp", "amqps", "pyamqp", "sqs"]
BROKERS += ["memory"]
CACHES = ["redis", "rediss"]
POSTGRES = ["postgres", "postgresql", "pgsql", "psql"]


def url_of(name: str, url: str, schemes: list[str]) -> re.Match[str]:
    """Match scheme, user with password, hosts and the rest of an address.

    A `/`, `?` or `#` in a password ends it too early for every reader of addresses, which then
    takes the half for a host or a port and says so aloud. Its own @ gives such a one away.
    """
    known = "|".join(map(re.escape, schemes))
    port = r"(?::[0-9]{1,5})?"
    host = rf"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]*){port}"
    found = re.fullmatch(rf"({known})://(?:([^/?#]*)@)?({host}(?:,{host})*)([/?][^#@]*)?", url)
    if not found:
        raise refused(name, f"cannot be read as an address; {ENCODE}")
    return found


def broker(name: str, default: str) -> str:
    value = text(name, default)
    for each in value.split(";") if value else []:
        url_of(name, each, BROKERS)
    return value


def cache(name: str, default: str) -> dict[str, Any]:
    """Return Django's settings of a cache: Redis, or the memory of each process."""
    url = text(name, default)
    if not url:
        return {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
    url_of(name, url, CACHES)
    return {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": url}


def database(name: str, default: str) -> dict[str, Any]:
    """Return Django's settings of a database from its address, read as it is written.

    One that is set and empty is refused: it would quietly be another, empty desk.
    """
    if name in os.environ and not text(name):
        raise refused(name, "is empty; without it the desk keeps its data in a SQLite file")
    url = text(name, default)
    if not url.startswith("sqlite://"):
        *_, rest = url_of(name, url, POSTGRES).groups()
        if not (rest or "").partition("?")[0].strip("/"):
            raise refused(name, "names no database")
    else:
        url = url.replace("#", "%23")
    address, mark, options = url.partition("?")
    url = address.replace("+", "%2B") + mark + options  # the parser takes a plus for a blank
    try:
        return dict(environ.Env.db_url_config(url))
    except (ValueError, SyntaxError):
        raise refused(name, f"cannot be read as an address; {ENCODE}") from None


MAILS = {  # what of an address goes where in Django's settings
    "smtp": {},
    "smtp+tls": {"EMAIL_USE_TLS": True},
    "smtp+ssl": {"EMAIL_USE_SSL": True},
}
MAIL_BACKENDS = "django.core.mail.backends"


def mail(name: str, default: str) -> dict[str, Any]:
    """Return Django's settings for sending mail; nothing if none is sent."""
    url = text(name, default)
    if not url:
        return {}
    if url == "consolemail://":
        return {"EMAIL_BACKEND": f"{MAIL_BACKENDS}.console.EmailBackend"}
    if url.startswith("filemail:///"):
        folder = url.removeprefix("filemail://")
        return {
            "EMAIL_BACKEND": f"{MAIL_BACKENDS}.filebased.EmailBackend",
            "EMAIL_FILE_PATH": folder,
        }
    scheme, _login, host, _rest = url_of(name, url, list(MAILS)).groups()
    if not host or "," in host:
        raise refused(name, "names no host, or several")
    read = environ.Env.email_url_config(url)
    return {
        "EMAIL_BACKEND": f"{MAIL_BACKENDS}.smtp.EmailBackend",
        "EMAIL_HOST": read["EMAIL_HOST"],
        "EMAIL_PORT": read["EMAIL_PORT"] or {"smtp": 25, "smtp+tls": 587, "smtp+ssl": 465}[scheme],
        "EMAIL_HOST_USER": read["EMAIL_HOST_USER"] or "",
        "EMAIL_HOST_PASSWORD": read["EMAIL_HOST_PASSWORD"] or "",
        **MAILS[scheme],
    }


def mail_address(name: str, default: str) -> str:
    value = text(name, default)
    _name, address = parseaddr(value)
    if value and not re.fullmatch(r"[^@\s]+@[^@\s]+", address):
        raise refused(name, "must be an e-mail address, like desk@example.com")
    return value


def site(name: str, default: str) -> str:
    """Return the address of a site, without a path."""
    value = text(name, default).rstrip("/")
    if value and not re.fullmatch(
        r"https?://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+)(:\d{1,5})?", value
    ):
        raise refused(name, "must be like https://desk.example.com, without a path")
    return value


# All variables


@dataclass(frozen=True)
class Variable:
    """What differs between machines. `read` returns its value, or refuses it by its name."""

    name: str
    read: Callable[[str, Any], Any]
    default: Any
    help: str
    made_up: str = ""  # for demo and tests; without one they run as if it were not set


VARIABLES = {
    variable.name: variable
    for variable in [
        Variable(
            "SECRET_KEY",
            needed,
            "",
            "Signs sessions.",
            made_up="made-up-secret-key-for-demo-and-tests-only-0123456789",
        ),
        Variable(
            "AUDIT_KEY",
            needed,
            "",
            "Seals the history of every payout.",
            made_up="made-up-audit-key-for-demo-and-tests-only-0123456789",
        ),
        Variable(
            "ALLOWED_HOSTS",
            hosts,
            ["localhost", "127.0.0.1"],
            "Host names under which people and Heleket reach the desk, separated by commas.",
            made_up="localhost,127.0.0.1,testserver",
        ),
        Variable(
            "DATABASE_URL",
            database,
            f"sqlite:///{BASE_DIR / 'desk.sqlite3'}",
            "PostgreSQL for production. Without it: a SQLite file beside manage.py.",
        ),
        Variable(
            "DOCUMENTS_FOLDER",
            folder,
            str(BASE_DIR / "documents"),
            "Where the files are kept that people add to payouts, clients and wallets.",
        ),
        Variable(
            "MONTH_SIGNING_KEY",
            seed,
            "",
            "Signs the file of each closed month.",
            made_up=b"made-up-key-of-closed-months-012".hex(),
        ),
        Variable(
            "INSTALLATION",
            installation,
            "desk",
            "The beginning of every order id at Heleket: 1 to 4 of a-z and 0-9.",
            made_up="demo",
        ),
        Variable(
            "HELEKET_MERCHANT_ID",
            partial(code, longest=64),
            "",
            "The merchant's id, from your Heleket account.",
            made_up="00000000-0000-4000-8000-000000000001",
        ),
        Variable(
            "HELEKET_API_KEY",
            code,
            "",
            "The payout key, from your Heleket account.",
            made_up="made-up-payout-key",
        ),
        Variable(
            "HELEKET_API_KEY_PREVIOUS",
            code,
            "",
            "While Heleket still signs webhooks with the payout key before: that one.",
        ),
        Variable(
            "HELEKET_PAYMENT_API_KEY",
            code,
            "",
            "The payment key, which is the one that may read balances and exchange rates.",
            made_up="made-up-payment-key",
        ),
        Variable(
            "HELEKET_CALLBACK_URL",
            text,
            "",
            "Where Heleket sends its webhooks: the desk's own address.",
            made_up="http://127.0.0.1:8000/webhooks/heleket/",
        ),
        Variable(
            "HELEKET_PROJECT_URL",
            text,
            "https://api.heleket.com",
            "Where Heleket is: https, or plain http for a sandbox on this machine.",
            made_up="http://127.0.0.1:8010",
        ),
        Variable(
            "HELEKET_TIMEOUT_SECONDS",
            partial(number, wanted="above 0 and at most 600", fits=lambda value: 0 < value <= 600),
            45.0,
            "The longest one call may take.",
        ),
        Variable(
            "HELEKET_CALLS_PER_SECOND",
            partial(number, wanted="0 or more", fits=lambda value: 0 <= value < math.inf),
            0.0,
            "How many calls a second all processes together may make.",
        ),
        Variable(
            "RESTART_GAP_MINUTES",
            partial(number, wanted="0 or more", fits=lambda value: 0 <= value <= 60 * 24 * 365),
            30.0,
            "After so long without a worker a person says first that the database is the same.",
            made_up="0",
        ),
        Variable(
            "CELERY_BROKER_URL",
            broker,
            "",
            "Where Celery workers find their work: Redis, RabbitMQ or SQS. Empty is none.",
        ),
        Variable(
            "CACHE_URL",
            cache,
            "",
            "Where all processes count the requests of the API together: Redis. Empty is none.",
        ),
        Variable(
            "REFERENCE_CURRENCY",
            currency,
            "USD",
            "What amounts of different coins are compared in, as Heleket calls it.",
        ),
        Variable(
            "EMAIL_URL",
            mail,
            "",
            "How the desk sends mail: smtp+tls://, smtp+ssl:// or smtp://. Empty is none.",
            made_up="consolemail://",
        ),
        Variable(
            "MAIL_FROM",
            mail_address,
            "",
            "Who the desk's mail comes from.",
            made_up="desk@localhost",
        ),
        Variable(
            "PUBLIC_URL",
            site,
            "",
            "Where people reach the desk: links in its mail begin with it.",
            made_up="http://127.0.0.1:8000",
        ),
        Variable("TIME_ZONE", time_zone, "UTC", "The time zone of all pages."),
        Variable(
            "PLAIN_HTTP",
            flag,
            False,
            "Takes away the redirect to https.",
            made_up="true",
        ),
        Variable(
            "DEBUG",
            flag,
            False,
            "Shows settings and code to whoever meets an error.",
        ),
    ]
}
MADE_UP = {name: variable.made_up for name, variable in VARIABLES.items() if variable.made_up}


def value(name: str) -> Any:
    """Return what a variable says, or its default. Raises ImproperlyConfigured."""
    variable = VARIABLES[name]
    return variable.read(name, variable.default)
