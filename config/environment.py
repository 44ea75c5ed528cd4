"""Where environment variables come from: `.env` for a real desk, made-up values for demo and tests.

Settings read `os.environ` alone. Whoever starts Django first decides which of the two it is, so
that no demonstration and no test can ever meet the live keys of a machine it runs on.
"""

import os
from pathlib import Path

import environ

BASE_DIR = Path(__file__).resolve().parent.parent

NAMES = [
    *["SECRET_KEY", "AUDIT_KEY", "DEBUG", "ALLOWED_HOSTS", "PLAIN_HTTP", "DATABASE_URL"],
    *["INSTALLATION", "TIME_ZONE", "HELEKET_PROJECT_URL", "HELEKET_MERCHANT_ID"],
    *["HELEKET_API_KEY", "HELEKET_API_KEY_PREVIOUS", "HELEKET_PAYMENT_API_KEY"],
    *["HELEKET_TIMEOUT_SECONDS", "HELEKET_CALLS_PER_SECOND", "HELEKET_CALLBACK_URL"],
    *["CELERY_BROKER_URL", "CACHE_URL"],
    *["EMAIL_URL", "SLACK_WEBHOOK_URL", "REFERENCE_CURRENCY", "AWS_SECRET_ID"],
]

# Set by `use_made_up_values` for this process and its children: `.env` is not for them.
MADE_UP_MARK = "PAYOUT_DESK_MADE_UP_VALUES"

MADE_UP = {
    "SECRET_KEY": "made-up-secret-key-for-demo-and-tests-only-0123456789",
    "AUDIT_KEY": "made-up-audit-key-for-demo-and-tests-only-0123456789",
    "ALLOWED_HOSTS": "localhost,127.0.0.1,testserver",
    "INSTALLATION": "demo",
    "HELEKET_PROJECT_URL": "http://127.0.0.1:8010",
    "HELEKET_MERCHANT_ID": "00000000-0000-4000-8000-000000000001",
    "HELEKET_API_KEY": "made-up-payout-key",
    "HELEKET_PAYMENT_API_KEY": "made-up-payment-key",
    "HELEKET_CALLBACK_URL": "http://127.0.0.1:8000/webhooks/heleket/",
    "PLAIN_HTTP": "true",
    MADE_UP_MARK: "true",
}


def read_env_file() -> None:
    """Add what `.env` beside manage.py says; variables that are set already win."""
    if MADE_UP_MARK not in os.environ:
        environ.Env.read_env(BASE_DIR / ".env")


def use_made_up_values(**more: str) -> None:
    """Replace every variable the desk reads by a made-up one, or by none.

    Neither this process nor a child of it reads `.env` from now on.
    """
    for name in NAMES:
        os.environ.pop(name, None)
    os.environ.update(MADE_UP | more)
