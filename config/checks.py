"""What `manage.py check` says of the address to which Heleket sends its webhooks."""

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Warning, register  # noqa: A004
from django.http.request import validate_host

PATH = "/webhooks/heleket/"


@register("webhooks")
def check_callback(**_options: Any) -> list[CheckMessage]:
    """Without webhooks payouts end all the same, only later: this is never an error."""
    why = wrong_with(settings.HELEKET_CALLBACK_URL) if settings.HELEKET_MERCHANT_ID else ""
    return [Warning(f"HELEKET_CALLBACK_URL {why}.", id="desk.W001")] if why else []


def wrong_with(url: str) -> str:
    """Say what keeps webhooks from arriving there, or nothing."""
    if not url:
        return "is empty, so Heleket sends no webhooks and payouts are only asked about"
    try:
        parts, host = urlsplit(url), urlsplit(url).hostname or ""
    except ValueError:
        return "cannot be read"
    if parts.scheme != "https" and not (parts.scheme == "http" and settings.PLAIN_HTTP):
        return "must begin with https://"
    if not validate_host(host, settings.ALLOWED_HOSTS):
        return "names a host that is not in ALLOWED_HOSTS"
    if parts.path not in (PATH, PATH.rstrip("/")) or parts.query or parts.fragment:
        return f"must end with {PATH}"
    return ""
