"""The codes of what policy and the sending switch refuse."""

from django.utils.translation import gettext_lazy as _

from audit.codes import Code, register


@register
class ControlsCode(Code):
    OTHER_DIGEST = "other_digest", _("The payout is no longer what was approved.")
    MAKER_APPROVED = "maker_approved", _("A person who had a hand in the payout approved it.")
    RIGHT_LOST = "right_lost", _("An approver no longer has the right to approve.")
    NO_POLICY = "no_policy", _("This is no policy. %(why)s")
    SAME_POLICY = "same_policy", _("This is the policy in force already.")
    FORGED_POLICY = "forged_policy", _("The policy in the database was written past the desk.")
    BLOCKED_BY_RULE = "blocked_by_rule", _("The policy blocks it: “%(words)s”.")
    HELD_BY_RULE = "held_by_rule", _("The policy sets it aside: “%(words)s”.")
    NO_RULE = "no_rule", _("No rule of the policy lets it be paid.")
    MORE_APPROVALS = "more_approvals", _("The policy asks for more approvals: %(words)s.")
    NOT_PRICED = (
        "not_priced",
        _("It was approved before the policy compared amounts. It has to be approved again."),
    )
    UNDO_TIME = "undo_time", _("It can still be taken back by who approved it.")
    FEE_HIGH = "fee_high", _("The fee is higher than the policy allows: %(words)s.")
    FEE_DOUBLED = (
        "fee_doubled",
        _("The fee is more than twice what it was at the approval: %(words)s."),
    )
    NOT_NEEDED = (
        "approval_not_needed",
        _("Your approval would add nothing. It waits for %(words)s."),
    )
    PAUSED_AGAIN = (
        "paused_again",
        _("Sending was paused again since you opened this page: %(words)s"),
    )
