"""The codes of what policy and the sending switch refuse."""

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
