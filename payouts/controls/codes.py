"""The codes of what policy and the sending switch refuse, and why the guard paused sending."""

from django.utils.translation import gettext_lazy as _

from audit.codes import Code, register


@register
class ControlsCode(Code):
    OTHER_DIGEST = "other_digest", _("The payout is no longer what was approved.")
    MAKER_APPROVED = "maker_approved", _("A person who had a hand in the payout approved it.")
    RIGHT_LOST = "right_lost", _("An approver no longer has the right to approve.")
    APPROVAL_MISSING = "approval_missing", _("An approval is missing.")
    PAUSED_AGAIN = (
        "paused_again",
        _("Sending was paused again since you opened this page: %(words)s"),
    )
    NO_SUCH_COIN = "no_such_coin", _("This desk pays nothing of the kind: %(words)s.")
    GUARD_KEY = (
        "guard_key",
        _("The guard paused it: Heleket has refused our key in %(words)s probes on end."),
    )
    GUARD_DIFFERENCES = (
        "guard_differences",
        _(
            "The guard paused it: in %(words)s payouts within an hour Heleket and the desk differ. "
            "Compare them before sending goes on."
        ),
    )
    GUARD_FAILURES = (
        "guard_failures",
        _(
            "The guard paused it: %(words)s payouts on end were not paid, to different addresses "
            "and of several clients."
        ),
    )
    GUARD_CLIENT = (
        "guard_client",
        _(
            "The guard paused it: %(words)s payouts of this client on end were not paid. Nobody "
            "else's wait."
        ),
    )
    GUARD_FOREIGN = (
        "guard_foreign",
        _("The guard paused it: Heleket has a payout that is none of ours, %(words)s."),
    )
