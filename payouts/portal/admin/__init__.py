"""API keys and webhook endpoints in the Admin. Importing this registers their pages."""

from payouts.portal.admin import endpoints, keys

__all__ = ["endpoints", "keys"]
