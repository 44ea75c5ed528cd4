"""The client of the Heleket account that this desk's settings name."""

from collections.abc import Iterable

from django.conf import settings
from django.utils.translation import gettext as _

import heleket


def heleket_client(*, not_found_texts: Iterable[str] = ()) -> heleket.Client:
    """Return a client to be closed after use; it may add texts that Heleket says "not found" with.

    Raises MissingCredentials, naming the variables to set, and InvalidBaseUrl.
    """
    needed = ["HELEKET_MERCHANT_ID", "HELEKET_API_KEY"]
    if missing := [name for name in needed if not getattr(settings, name)]:
        raise heleket.MissingCredentials(
            _("Set %s in the environment: without it nothing can be asked of Heleket.")
            % " and ".join(missing)
        )
    return heleket.Client(
        merchant_id=settings.HELEKET_MERCHANT_ID,
        payout_key=settings.HELEKET_API_KEY,
        payment_key=settings.HELEKET_PAYMENT_API_KEY,
        base_url=settings.HELEKET_PROJECT_URL,
        timeout_seconds=settings.HELEKET_TIMEOUT_SECONDS,
        not_found_texts=heleket.NOT_FOUND_TEXTS.union(not_found_texts),
    )
