"""The codes of what is refused about the desk's account at Heleket."""

from django.utils.translation import gettext_lazy as _

from audit.codes import Code, register


@register
class GatewayCode(Code):
    GATEWAY = "gateway", _("%(words)s")  # what a call came to while a person waited for it
    NOT_BOUND = (
        "not_bound",
        _("Start the worker once first: it binds the database to the account."),
    )
    NOT_SIGNED_IN = (
        "not_signed_in",
        _("Heleket has not signed us in, so this account is not bound: %(words)s"),
    )
    WRONG_ACCOUNT = (
        "wrong_account",
        _(
            "This database belongs to %(theirs)s (%(name)s), but this process is set up for "
            "%(ours)s. Nothing is sent and nothing is asked."
        ),
    )
    OTHER_REFUSAL = (
        "other_refusal",
        _("“%(words)s” is what Heleket says when it refuses something else."),
    )
