"""What Django's error pages and mails show: where it went wrong, and nothing that may be secret."""

import re
from collections.abc import ItemsView
from types import FrameType
from typing import Any

from django.http import HttpRequest
from django.views.debug import SafeExceptionReporterFilter


class WithoutSecrets(SafeExceptionReporterFilter):
    """Hides by name what Django hides, more of it, and with DEBUG on as well."""

    hidden_settings = re.compile(
        "API|AUTH|TOKEN|KEY|SECRET|PASS|SIGN|COOKIE|URL|LOCATION", flags=re.IGNORECASE
    )

    def is_active(self, request: HttpRequest | None) -> bool:  # noqa: ARG002
        return True

    def get_post_parameters(self, request: HttpRequest | None) -> dict[str, Any]:
        sent = super().get_post_parameters(request)  # without what the view calls sensitive
        return {name: self.cleanse_setting(name, value) for name, value in sent.items()}

    def get_traceback_frame_variables(
        self,
        request: HttpRequest | None,  # noqa: ARG002
        tb_frame: FrameType,  # noqa: ARG002
    ) -> ItemsView[str, Any]:
        """Show none: keys, passwords and session ids are among them."""
        return {}.items()
