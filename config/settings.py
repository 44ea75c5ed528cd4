"""Settings of the desk. What differs between machines is an environment variable (see .env.example)."""

from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

from config.environment import BASE_DIR

env = environ.Env()

SECRET_KEY = env.str("SECRET_KEY")
AUDIT_KEY = env.str("AUDIT_KEY")
DEBUG = env.bool("DEBUG", default=False)
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=["localhost", "127.0.0.1"])

INSTALLED_APPS = [
    "unfold.apps.BasicAppConfig",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.humanize",
    "django.contrib.messages",
    "django.contrib.postgres",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "simple_history",
    "payouts.engine",
    "payouts",
    "payouts.controls",
    "wallets",
    "heleket",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
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
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]


def database(url: dict[str, Any]) -> dict[str, Any]:
    """Add what the money path needs of each engine: on SQLite writers queue instead of failing."""
    if url["ENGINE"].endswith("sqlite3"):
        url["OPTIONS"] = {
            "transaction_mode": "IMMEDIATE",
            "timeout": 30,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;",
        }
    return url


DATABASES = {
    "default": database(env.db("DATABASE_URL", default=f"sqlite:///{BASE_DIR / 'desk.sqlite3'}"))
}

INSTALLATION = env.str("INSTALLATION", default="desk")
if not (0 < len(INSTALLATION) <= 4 and INSTALLATION.isascii() and INSTALLATION.isalnum()) or (
    INSTALLATION != INSTALLATION.lower()
):
    raise ImproperlyConfigured("INSTALLATION must be 1 to 4 characters of a-z and 0-9.")

HELEKET_PROJECT_URL = env.str("HELEKET_PROJECT_URL", default="https://api.heleket.com")
HELEKET_MERCHANT_ID = env.str("HELEKET_MERCHANT_ID", default="")
HELEKET_API_KEY = env.str("HELEKET_API_KEY", default="")
HELEKET_API_KEY_PREVIOUS = env.str("HELEKET_API_KEY_PREVIOUS", default="")
HELEKET_PAYMENT_API_KEY = env.str("HELEKET_PAYMENT_API_KEY", default="")
HELEKET_CALLBACK_URL = env.str("HELEKET_CALLBACK_URL", default="")

# One call ends after the timeout. A lease covers the wait for a free thread and the call; the quiet
# time is how long a call could still be under way somewhere after we gave it up.
HELEKET_TIMEOUT_SECONDS = env.float("HELEKET_TIMEOUT_SECONDS", default=45.0)
LEASE_SECONDS = HELEKET_TIMEOUT_SECONDS * 8 / 3
QUIET_SECONDS = max(2 * HELEKET_TIMEOUT_SECONDS, 120.0)
RELEASE_SECONDS = 24 * 60 * 60.0

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]

LANGUAGE_CODE = "en"
USE_TZ = True
TIME_ZONE = env.str("TIME_ZONE", default="UTC")

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STORAGES = {
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedStaticFilesStorage"},
}

# Browsers are told to stay on https, unless this is the desk of one machine (DEBUG).
SECURE_SSL_REDIRECT = not DEBUG
SECURE_HSTS_SECONDS = 0 if DEBUG else 365 * 24 * 60 * 60
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = not DEBUG
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not DEBUG
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 12 * 60 * 60
X_FRAME_OPTIONS = "DENY"

UNFOLD = {
    "SITE_TITLE": "Payout Desk",
    "SITE_HEADER": "Payout Desk",
    "SITE_SYMBOL": "payments",
}
