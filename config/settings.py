"""Settings of the desk. What differs between machines is a variable of config/environment.py."""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.templatetags.static import static

from config import environment as env
from config.navigation import navigation
from heleket.errors import InvalidBaseUrl
from heleket.transport import is_loopback, read_base_url

SECRET_KEY = env.value("SECRET_KEY")
AUDIT_KEY = env.value("AUDIT_KEY")
DEBUG = env.value("DEBUG")
ALLOWED_HOSTS = env.value("ALLOWED_HOSTS")

INSTALLED_APPS = [
    "payouts.admin",  # before the theme, of which it overrides the frame of all pages
    "unfold.apps.BasicAppConfig",  # without its own site: the desk has one
    "unfold.contrib.filters",
    "payouts.staff.apps.SiteConfig",  # the Admin
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "simple_history",
    "config",
    "payouts.engine",
    "payouts",
    "payouts.portal",
    "payouts.auditing",
    "payouts.books",
    "payouts.reconciliation",
    "payouts.controls",
    "payouts.gateway",
    "payouts.staff",
    "wallets",
    "audit",
    "heleket",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "config.middleware.name_requests",
    "config.middleware.refuse_nul",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "simple_history.middleware.HistoryRequestMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [Path(__file__).parent / "templates"],  # they come before the theme's own
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
            "builtins": ["payouts.staff.templatetags.given"],
        },
    }
]


# Without these a host that vanishes without a word is waited for, for hours; with them for 40 s at
# most. All in seconds, but the last in milliseconds; where a system has no such timeout, as macOS,
# libpq passes it over. A socket on this machine takes no notice.
NOTICE_VANISHED = {
    "connect_timeout": 10,
    "keepalives": 1,
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}


def database(url: dict[str, Any]) -> dict[str, Any]:
    """Add what the money path needs of each engine: on SQLite writers queue instead of failing."""
    if url["ENGINE"].endswith("sqlite3"):
        url["OPTIONS"] = {
            "transaction_mode": "IMMEDIATE",
            "timeout": 30,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
        }
    else:  # connecting takes longer than most requests
        url["CONN_MAX_AGE"], url["CONN_HEALTH_CHECKS"] = 600, True
        # A process that freezes in a transaction keeps all others from the switch and its rows.
        soon = "-c idle_in_transaction_session_timeout=60s"
        options = url["OPTIONS"] = NOTICE_VANISHED | url.get("OPTIONS", {})  # what is given wins
        options["options"] = f"{soon} {options.get('options', '')}".strip()
    return url


DATABASES = {"default": database(env.value("DATABASE_URL"))}

CACHES = {"default": env.value("CACHE_URL")}

DOCUMENTS_FOLDER = env.value("DOCUMENTS_FOLDER")
MONTH_SIGNING_KEY = env.value("MONTH_SIGNING_KEY")
INSTALLATION = env.value("INSTALLATION")

HELEKET_PROJECT_URL = env.value("HELEKET_PROJECT_URL")
HELEKET_MERCHANT_ID = env.value("HELEKET_MERCHANT_ID")
HELEKET_API_KEY = env.value("HELEKET_API_KEY")
HELEKET_API_KEY_PREVIOUS = env.value("HELEKET_API_KEY_PREVIOUS")
HELEKET_PAYMENT_API_KEY = env.value("HELEKET_PAYMENT_API_KEY")
HELEKET_CALLBACK_URL = env.value("HELEKET_CALLBACK_URL")
try:
    read_base_url(HELEKET_PROJECT_URL)
except InvalidBaseUrl as exc:
    raise env.refused("HELEKET_PROJECT_URL", f"is refused. {exc}".rstrip(".")) from None
if bool(HELEKET_MERCHANT_ID) != bool(HELEKET_API_KEY):  # a desk may begin with neither
    missing = "HELEKET_API_KEY" if HELEKET_MERCHANT_ID else "HELEKET_MERCHANT_ID"
    raise env.refused(missing, "is not set, or it is empty, and the other one is not")

# One call ends after the timeout. A lease covers the wait for a free thread and the call; the quiet
# time is how long a call could still be under way somewhere after we gave it up, and no call to a
# sandbox on this machine is under way for two minutes.
on_this_machine = is_loopback(urlsplit(HELEKET_PROJECT_URL).hostname or "")
HELEKET_TIMEOUT_SECONDS = env.value("HELEKET_TIMEOUT_SECONDS")
LEASE_SECONDS = HELEKET_TIMEOUT_SECONDS * 8 / 3
QUIET_SECONDS = max(2 * HELEKET_TIMEOUT_SECONDS, 0.0 if on_this_machine else 120.0)
RELEASE_SECONDS = 24 * 60 * 60.0
# Of all processes together. Heleket documents no rate, so without one there is none.
HELEKET_CALLS_PER_SECOND = env.value("HELEKET_CALLS_PER_SECOND") or None
# A restored database may look as if nothing had happened; only the time without a worker tells.
RESTART_GAP_MINUTES = env.value("RESTART_GAP_MINUTES")

# What amounts of different coins are compared in.
REFERENCE_CURRENCY = env.value("REFERENCE_CURRENCY")

# Mail carries one-time links, so it needs the address at which people reach the desk.
MAIL = env.value("EMAIL_URL")
MAIL_FROM = DEFAULT_FROM_EMAIL = env.value("MAIL_FROM")
PUBLIC_URL = env.value("PUBLIC_URL")
for name, given in [("MAIL_FROM", MAIL_FROM), ("PUBLIC_URL", PUBLIC_URL)]:
    if MAIL and not given:
        raise env.refused(name, "is not set, or it is empty, and EMAIL_URL is set")
SENDS_MAIL = bool(MAIL)
EMAIL_BACKEND = MAIL.get("EMAIL_BACKEND", "django.core.mail.backends.dummy.EmailBackend")
EMAIL_FILE_PATH = MAIL.get("EMAIL_FILE_PATH")
EMAIL_HOST, EMAIL_PORT = MAIL.get("EMAIL_HOST", "localhost"), MAIL.get("EMAIL_PORT", 25)
EMAIL_HOST_USER = MAIL.get("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD = MAIL.get("EMAIL_HOST_PASSWORD", "")
EMAIL_USE_TLS, EMAIL_USE_SSL = MAIL.get("EMAIL_USE_TLS", False), MAIL.get("EMAIL_USE_SSL", False)
EMAIL_TIMEOUT = 10  # seconds

# With a broker Celery workers may do the work, on many machines: config/celery.py.
CELERY_BROKER_URL = env.value("CELERY_BROKER_URL")

# Where people look an address or a transaction up. Monero shows nobody what an address was paid.
EXPLORERS = {
    "arbitrum": ("https://arbiscan.io/address/{}", "https://arbiscan.io/tx/{}"),
    "avalanche": ("https://snowtrace.io/address/{}", "https://snowtrace.io/tx/{}"),
    "bch": (
        "https://blockchair.com/bitcoin-cash/address/{}",
        "https://blockchair.com/bitcoin-cash/transaction/{}",
    ),
    "bsc": ("https://bscscan.com/address/{}", "https://bscscan.com/tx/{}"),
    "btc": ("https://mempool.space/address/{}", "https://mempool.space/tx/{}"),
    "dash": (
        "https://blockchair.com/dash/address/{}",
        "https://blockchair.com/dash/transaction/{}",
    ),
    "doge": (
        "https://blockchair.com/dogecoin/address/{}",
        "https://blockchair.com/dogecoin/transaction/{}",
    ),
    "eth": ("https://etherscan.io/address/{}", "https://etherscan.io/tx/{}"),
    "ltc": ("https://litecoinspace.org/address/{}", "https://litecoinspace.org/tx/{}"),
    "polygon": ("https://polygonscan.com/address/{}", "https://polygonscan.com/tx/{}"),
    "sol": ("https://solscan.io/account/{}", "https://solscan.io/tx/{}"),
    "ton": ("https://tonviewer.com/{}", "https://tonviewer.com/transaction/{}"),
    "tron": ("https://tronscan.org/#/address/{}", "https://tronscan.org/#/transaction/{}"),
    "xmr": ("", "https://xmrchain.net/tx/{}"),
}

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]

DEFAULT_EXCEPTION_REPORTER_FILTER = "config.error_reports.WithoutSecrets"
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": "config.logs.OneLine",
            "format": "%(asctime)s %(levelname)s %(name)s: %(message)s",
        }
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {  # two lines for each wakeup, most of which find nothing to do
        "celery.app.trace": {"level": "WARNING"},
        "celery.worker.strategy": {"level": "WARNING"},
    },
}

LANGUAGE_CODE = "en"
FORMAT_MODULE_PATH = ["config.formats"]
USE_TZ = True
TIME_ZONE = env.value("TIME_ZONE")

SPECTACULAR_SETTINGS = {
    "TITLE": "Payout Desk: the client API",
    "VERSION": "1",
    "OAS_VERSION": "3.1.1",
    "SCHEMA_PATH_PREFIX": "/api/v1/",
    "POSTPROCESSING_HOOKS": [],  # enums stay where they are used
    "SORT_OPERATIONS": False,  # as urls.py has them
}

STATIC_URL = "static/"
WHITENOISE_USE_FINDERS = True  # straight from the packages: there is nothing to collect

# Browsers are told to stay on https. Plain http is for a desk that serves its own machine alone.
PLAIN_HTTP = env.value("PLAIN_HTTP")
SECURE_SSL_REDIRECT = not PLAIN_HTTP
SECURE_HSTS_SECONDS = 0 if PLAIN_HTTP else 365 * 24 * 60 * 60
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = not PLAIN_HTTP
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not PLAIN_HTTP
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 12 * 60 * 60
LOGIN_REDIRECT_URL = "admin:index"  # for who opens the login page itself
X_FRAME_OPTIONS = "DENY"


UNFOLD = {
    "SITE_TITLE": "Payout Desk",
    "SITE_HEADER": "Payout Desk",
    "SITE_SYMBOL": "payments",
    "SITE_URL": None,  # there is no other site to return to
    "SITE_FAVICONS": [
        {
            "rel": "icon",
            "type": "image/svg+xml",
            "href": lambda _request: static("staff/icon.svg"),
        },
    ],
    "SHOW_HISTORY": False,
    "SHOW_VIEW_ON_SITE": False,
    "STYLES": [lambda _request: static("staff/desk.css")],
    "COLORS": {
        "primary": {
            "50": "oklch(98% .014 180)",
            "100": "oklch(95% .045 180)",
            "200": "oklch(90% .08 180)",
            "300": "oklch(84% .11 181)",
            "400": "oklch(75% .12 182)",
            "500": "oklch(66% .115 183)",
            "600": "oklch(50% .09 185)",
            "700": "oklch(44% .08 186)",
            "800": "oklch(39% .07 188)",
            "900": "oklch(34% .06 188)",
            "950": "oklch(26% .05 190)",
        }
    },
    "SIDEBAR": {"navigation": navigation},
}
