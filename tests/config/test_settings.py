"""What the settings make of variables and of `.env`: trimmed, or refused by the name alone."""

import base64
import importlib.util
import os
from types import SimpleNamespace

import pytest
from django.core.exceptions import ImproperlyConfigured

from config import environment

SETTINGS = environment.BASE_DIR / "config" / "settings.py"


@pytest.fixture
def read(monkeypatch):
    """Read the settings anew, with these variables besides the tests'."""

    def read(**variables):
        with monkeypatch.context() as patch:
            for name, value in variables.items():
                patch.setenv(name, value)
            return read_again()

    return read


def read_again():
    spec = importlib.util.spec_from_file_location("settings_read_again", SETTINGS)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def read_file(monkeypatch, tmp_path):
    """Read a `.env` into an environment that has nothing else, and the settings by it."""

    def read_file(content):
        path = tmp_path / ".env"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        monkeypatch.setattr(os, "environ", {})
        environment.read_env_file(path)
        return SimpleNamespace(**os.environ)

    return read_file


SECRET = "s3cr3t-part"


def refusal(name, act, *arguments, **variables):
    """Have something refused, in one sentence that begins with the name and shows no value."""
    with pytest.raises(ImproperlyConfigured) as refused:
        act(*arguments, **variables)
    sentence = str(refused.value)
    assert sentence.startswith(f"{name} ")
    assert SECRET not in sentence
    assert "\n" not in sentence
    chain = refused.value.__cause__ or refused.value.__context__
    assert chain is None or refused.value.__suppress_context__  # whose text could show the value
    return sentence


def url(password, rest="127.0.0.1:5432/desk", scheme="postgres"):
    return f"{scheme}://desk:{password}@{rest}"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SECRET_KEY", ""),
        ("SECRET_KEY", " "),
        ("AUDIT_KEY", ""),
        ("AUDIT_KEY", f"{SECRET}\nmore"),
        ("MONTH_SIGNING_KEY", f"{SECRET}"),
        ("MONTH_SIGNING_KEY", "ab" * 31),
        ("HELEKET_API_KEY", ""),  # while a merchant is set
        ("HELEKET_API_KEY", f"{SECRET} # note"),
        ("HELEKET_API_KEY_PREVIOUS", f"{SECRET}\u0430"),
        ("HELEKET_PAYMENT_API_KEY", f"\ufeff{SECRET}"),
        ("DEBUG", "ture"),
        ("PLAIN_HTTP", "2"),
        ("ALLOWED_HOSTS", "https://desk.example.com"),
        ("ALLOWED_HOSTS", "desk.example.com:8443"),
        ("ALLOWED_HOSTS", "desk.example.com/admin"),
        ("ALLOWED_HOSTS", "desk.example.com other.example.com"),
        ("INSTALLATION", "desk1"),
        ("INSTALLATION", "Dsk"),
        ("INSTALLATION", "d\u0435sk"),
        ("HELEKET_TIMEOUT_SECONDS", "abc"),
        ("HELEKET_TIMEOUT_SECONDS", "0"),
        ("HELEKET_TIMEOUT_SECONDS", "-45"),
        ("HELEKET_TIMEOUT_SECONDS", "nan"),
        ("HELEKET_TIMEOUT_SECONDS", "1e9"),
        ("HELEKET_TIMEOUT_SECONDS", "45 # note"),
        ("HELEKET_CALLS_PER_SECOND", "-1"),
        ("HELEKET_CALLS_PER_SECOND", "ten"),
        ("HELEKET_PROJECT_URL", "http://api.heleket.com"),
        ("HELEKET_PROJECT_URL", "https://[::1"),
        ("HELEKET_PROJECT_URL", "https://api.heleket.com:port"),
        ("HELEKET_PROJECT_URL", f"https://desk:{SECRET}@api.heleket.com"),
        ("DOCUMENTS_FOLDER", "documents"),
        ("REFERENCE_CURRENCY", "US dollar"),
        ("REFERENCE_CURRENCY", "€"),
        ("REFERENCE_CURRENCY", "USD/EUR"),
        ("TIME_ZONE", "Europe/Rigga"),
        ("TIME_ZONE", "../etc/passwd"),
        ("TIME_ZONE", "Europe"),
        ("DATABASE_URL", ""),
        ("DATABASE_URL", "desk"),
        ("DATABASE_URL", "mysql://desk@127.0.0.1/desk"),
        ("DATABASE_URL", "postgres://desk@127.0.0.1"),
        ("DATABASE_URL", url(f"{SECRET}/x")),
        ("DATABASE_URL", url(f"1/{SECRET}")),
        ("DATABASE_URL", url(f"{SECRET}?x")),
        ("DATABASE_URL", url(f"1?{SECRET}")),
        ("DATABASE_URL", url(f"{SECRET}#x")),
        ("DATABASE_URL", url(f"1#{SECRET}")),
        ("DATABASE_URL", url(SECRET, "127.0.0.1:port/desk")),
        ("DATABASE_URL", url(SECRET, "127.0.0.1:70000/desk")),
        ("DATABASE_URL", url(SECRET, "[::1/desk")),
        ("EMAIL_URL", SECRET),
        ("EMAIL_URL", url(f"{SECRET}/x", "mail.example.com", "smtp")),
        ("EMAIL_URL", url(SECRET, "mail.example.com:port", "smtp+tls")),
        ("EMAIL_URL", url(SECRET, "", "smtp")),
        ("MAIL_FROM", "desk"),
        ("MAIL_FROM", ""),  # while mail is sent
        ("PUBLIC_URL", "desk.example.com"),
        ("PUBLIC_URL", "https://desk.example.com/admin/"),
        ("PUBLIC_URL", ""),  # while mail is sent
        ("CACHE_URL", SECRET),
        ("CACHE_URL", url(f"{SECRET}/x", "127.0.0.1:6379/0", "redis")),
        ("CELERY_BROKER_URL", SECRET),
        ("CELERY_BROKER_URL", url(f"{SECRET}/x", "127.0.0.1:6379/0", "redis")),
        ("CELERY_BROKER_URL", url(f"1#{SECRET}", "127.0.0.1:5672//", "amqp")),
        ("CELERY_BROKER_URL", url(SECRET, "127.0.0.1:port/0", "rediss")),
    ],
)
def test_g38_what_cannot_be_meant_is_refused_by_the_name_of_its_variable(read, name, value):
    refusal(name, read, **{name: value})


@pytest.mark.parametrize("value", ["merchant\nx", "merchant x", "m\u0435rchant", "m" * 65])
def test_g29_a_merchant_with_a_letter_that_only_looks_right_is_refused(read, value):
    assert "copy it" in refusal("HELEKET_MERCHANT_ID", read, HELEKET_MERCHANT_ID=value) or "\n" in (
        value
    )


def test_g29_a_merchant_without_a_key_is_refused_and_a_desk_with_neither_is_not(read):
    refusal("HELEKET_MERCHANT_ID", read, HELEKET_MERCHANT_ID=" ")
    assert read(HELEKET_MERCHANT_ID="", HELEKET_API_KEY="").HELEKET_API_KEY == ""


def test_g38_blanks_around_values_and_in_lists_are_trimmed(read):
    found = read(
        HELEKET_MERCHANT_ID=" merchant\n",
        HELEKET_API_KEY="\tkey\r\n",
        ALLOWED_HOSTS=" desk.example.com, ,.example.org,[::1],",
        HELEKET_TIMEOUT_SECONDS=" 30 ",
        HELEKET_CALLS_PER_SECOND=" 0",
        TIME_ZONE=" Europe/Riga ",
        INSTALLATION="dsk ",
        DEBUG=" True",
        PLAIN_HTTP="",
        HELEKET_PROJECT_URL="https://api.heleket.com:8443/ ",
    )

    assert (found.HELEKET_MERCHANT_ID, found.HELEKET_API_KEY) == ("merchant", "key")
    assert found.ALLOWED_HOSTS == ["desk.example.com", ".example.org", "[::1]"]
    assert (found.HELEKET_TIMEOUT_SECONDS, found.HELEKET_CALLS_PER_SECOND) == (30.0, None)
    assert (found.TIME_ZONE, found.INSTALLATION) == ("Europe/Riga", "dsk")
    assert (found.DEBUG, found.PLAIN_HTTP) == (True, False)


@pytest.mark.parametrize(
    ("written", "password"),
    [
        ("p@w", "p@w"),
        ("p+w", "p+w"),
        ("p$w", "p$w"),
        ("$HOME", "$HOME"),
        ("p:w", "p:w"),
        ("100%", "100%"),
        ("p%2Fw%3F%23%40%25", "p/w?#@%"),
    ],
)
def test_g38_a_password_is_read_as_it_is_written(read, written, password):
    found = read(DATABASE_URL=url(written)).DATABASES["default"]
    assert found["PASSWORD"] == password
    assert (found["HOST"], found["PORT"], found["NAME"]) == ("127.0.0.1", 5432, "desk")


@pytest.mark.parametrize(
    ("address", "host", "name"),
    [
        ("postgres://desk@//run/postgresql/desk", "/run/postgresql", "desk"),
        ("postgresql://desk:x@[::1]:5433/desk", "::1", "desk"),
        ("postgres://desk:x@one:5432,two:5433/desk?sslmode=require", "one,two", "desk"),
        ("postgres:///desk", "", "desk"),
        ("postgres://desk:x@one/de+sk", "one", "de+sk"),
        ("sqlite:////srv/de+sk #1/desk.sqlite3", "", "/srv/de+sk #1/desk.sqlite3"),
    ],
)
def test_g38_addresses_of_databases_of_all_kinds_are_read(read, address, host, name):
    found = read(DATABASE_URL=address).DATABASES["default"]
    assert (found["HOST"], found["NAME"]) == (host, name)


@pytest.mark.parametrize(
    "broker",
    [
        "redis+socket://:x@/run/redis.sock",
        "amqp://one:x@10.0.0.1:5672//;amqp://two:x@10.0.0.2//",
        "sqs://key:x%2Fy@",
    ],
)
def test_g38_addresses_of_brokers_of_all_kinds_are_read(read, broker):
    assert broker == read(CELERY_BROKER_URL=broker).CELERY_BROKER_URL


def test_mail_goes_where_its_address_says(read):
    found = read(EMAIL_URL="smtp+tls://desk:a%2Fb@mail.example.com")
    assert (found.EMAIL_HOST, found.EMAIL_PORT) == ("mail.example.com", 587)
    assert (found.EMAIL_HOST_USER, found.EMAIL_HOST_PASSWORD) == ("desk", "a/b")
    assert (found.EMAIL_USE_TLS, found.EMAIL_USE_SSL, found.SENDS_MAIL) == (True, False, True)
    found = read(EMAIL_URL="smtp+ssl://10.0.0.1:1465")
    assert (found.EMAIL_HOST, found.EMAIL_PORT, found.EMAIL_USE_SSL) == ("10.0.0.1", 1465, True)
    found = read(EMAIL_URL="filemail:///tmp/mail")
    assert (found.EMAIL_FILE_PATH, found.SENDS_MAIL) == ("/tmp/mail", True)
    found = read(EMAIL_URL="", MAIL_FROM="", PUBLIC_URL="")
    assert not found.SENDS_MAIL
    assert read(PUBLIC_URL="https://desk.example.com/").PUBLIC_URL == "https://desk.example.com"


# The file


def test_g77_a_file_is_read_as_it_is_written(read_file):
    found = read_file(
        b"\xef\xbb\xbfSECRET_KEY=first\r\n"
        b"# a note\n\n"
        b"export AUDIT_KEY = two words  # a note\n"
        b"HELEKET_API_KEY=$SECRET_KEY\n"
        b"HELEKET_MERCHANT_ID='$HOME # no note' # a note\n"
        b'HELEKET_API_KEY_PREVIOUS="a \\"b\\" #c\\n"\n'
        b"INSTALLATION=abc#def\n"
        b"TIME_ZONE=#note\n"
        b"DEBUG=\n"
    )

    assert vars(found) == {
        "SECRET_KEY": "first",
        "AUDIT_KEY": "two words",
        "HELEKET_API_KEY": "$SECRET_KEY",
        "HELEKET_MERCHANT_ID": "$HOME # no note",
        "HELEKET_API_KEY_PREVIOUS": 'a "b" #c\\n',
        "INSTALLATION": "abc#def",
        "TIME_ZONE": "",
        "DEBUG": "",
    }


@pytest.mark.parametrize("name", ["SECRET_KEY", "AUDIT_KEY", "HELEKET_API_KEY"])
def test_g77_a_key_that_begins_with_a_dollar_is_that_key(read, name):
    for value in ["$", "$SECRET_KEY", "${HOME}", "$nothing"]:
        assert getattr(read(**{name: value}), name) == value


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (f"HELEKET_API_KEY='{SECRET}", "HELEKET_API_KEY"),
        (f'HELEKET_API_KEY="{SECRET}" {SECRET}', "HELEKET_API_KEY"),
        (f"HELEKET_API_KEY={SECRET}\0", "HELEKET_API_KEY"),
        (f"DEBUG=false\n{SECRET}", "Line 2 of .env"),
        (f"{SECRET}=1", "Line 1 of .env"),
        (f"SECRET_KEY={SECRET}".encode("utf-16"), "The file .env"),
        (f"SECRET_KEY={SECRET}ü".encode("latin-1"), "The file .env"),
    ],
)
def test_g77_what_cannot_be_read_in_a_file_is_refused_without_a_word_of_it(
    read_file, content, named
):
    refusal(named, read_file, content)
    assert not os.environ


def test_g77_a_file_that_may_not_be_read_is_refused(monkeypatch, tmp_path):
    monkeypatch.setattr(os, "environ", {})
    refusal("The file .env", environment.read_env_file, tmp_path)  # a folder, which nobody can read


def test_g77_what_the_environment_says_wins_over_the_file(monkeypatch, tmp_path):
    monkeypatch.setattr(os, "environ", {"DEBUG": "true"})
    (tmp_path / ".env").write_text("DEBUG=false\nTIME_ZONE=UTC\n")
    environment.read_env_file(tmp_path / ".env")
    assert os.environ == {"DEBUG": "true", "TIME_ZONE": "UTC"}


def test_a_key_of_32_bytes_is_read_in_hex_and_in_base64(read):
    key = bytes(range(32))
    for written in (key.hex(), key.hex().upper(), base64.b64encode(key).decode(), ""):
        assert (key.hex() if written else "") == read(MONTH_SIGNING_KEY=written).MONTH_SIGNING_KEY
