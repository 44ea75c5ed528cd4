"""The codes of what policy and the sending switch refuse, and why the guard paused sending."""

from django.utils.translation import gettext_lazy as _

from audit.codes import Code, register


@register
class ControlsCode(Code):
    OTHER_DIGEST = "other_digest", _("The payout is no longer what was approved.")
    MAKER_APPROVED = "maker_approved", _("A person who had a hand in the payout approved it.")
    RIGHT_LOST = "right_lost", _("An approver no longer has the right to approve.")
    NO_POLICY = "no_policy", _("This is no policy. %(why)s")
    SAME_POLICY = "same_policy", _("This is the policy in force already.")
    NOT_WORKABLE = "policy_not_workable", _("This policy cannot work. %(why)s")
    DRAFT_CHANGED = (
        "draft_changed",
        _("Somebody else drafted or approved a policy since you opened this page."),
    )
    FORGED_POLICY = "forged_policy", _("The policy in the database was written past the desk.")
    BLOCKED_BY_RULE = "blocked_by_rule", _("The policy blocks it: “%(words)s”.")
    HELD_BY_RULE = "held_by_rule", _("The policy sets it aside: “%(words)s”.")
    ALLOWED_BY_RULE = "allowed_by_rule", _("The policy lets it go without approval: “%(words)s”.")
    NO_RULE = "no_rule", _("No rule of the policy lets it be paid.")
    MORE_APPROVALS = "more_approvals", _("The policy asks for more approvals: %(words)s.")
    NOT_PRICED = (
        "not_priced",
        _("It was approved before the policy compared amounts. It has to be approved again."),
    )
    NOT_LOOKED_AT = (
        "not_looked_at",
        _(
            "The policy asks about something now that was not looked at when it was approved. It "
            "has to be approved again."
        ),
    )
    LIMIT_REACHED = (
        "limit_reached",
        _("With it more would leave than the policy allows (%(words)s)."),
    )
    ABOVE_LIMIT = (
        "above_limit",
        _("It is larger than the policy allows at all (%(words)s)."),
    )
    CLIENT_LIMIT = (
        "client_limit",
        _(
            "This would pass your limit of %(limit)s %(currency)s in %(hours)d hours: %(used)s is "
            "used, %(left)s is left."
        ),
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
    RATE_MISSING = (
        "rate_missing",
        _(
            "There is no exchange rate yet (%(words)s). The worker asks Heleket every 5 minutes; "
            "its log says why there is none."
        ),
    )
    RATE_OLD = (
        "rate_old",
        _(
            "The exchange rate is too old (%(words)s). The worker asks Heleket every 5 minutes; "
            "its log says why there is no newer one."
        ),
    )
    RATE_SUSPICIOUS = (
        "rate_suspicious",
        _(
            "The exchange rate has jumped, so it is not used (%(words)s). If Heleket was wrong, "
            "this ends by itself; if not, two policy managers accept it on the page “Rates”."
        ),
    )
    RATE_UNKNOWN = "rate_unknown", _("There is no such exchange rate.")
    RATE_NOT_DOUBTED = "rate_not_doubted", _("This rate is in no doubt any more.")
    RATE_NO_PRICE = (
        "rate_no_price",
        _("Nobody can accept this: a coin is worth more than nothing."),
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
    RESTART_GAP = (
        "restart_gap",
        _(
            "No worker was at work for %(words)s, so this may be a backup that was put back. "
            "Somebody has to say whether it is the same database."
        ),
    )
    OTHER_SERVER = (
        "other_server",
        _(
            "The database is on another server, or another database of it (%(words)s), so this may "
            "be a copy. Somebody has to say whether it is the same database."
        ),
    )
    NEWER_THERE = (
        "newer_there",
        _(
            "Heleket has a payout that is newer than all that this database knows (%(words)s): a "
            "backup was put back, or another desk pays from this account."
        ),
    )
    RESTORE_BEGUN = "restore_begun", _("A restore is put right: %(words)s")
    SAY_SAME = (
        "say_same_database",
        _(
            "%(why)s If nothing was put back or copied, resume and say that it is the same. Else "
            "begin on the page “Restore”, or with after_restore."
        ),
    )
    RUN_AFTER_RESTORE = (
        "run_after_restore",
        _("%(why)s Begin on the page “Restore”, or with after_restore."),
    )
    RESTORE_OPEN = (
        "restore_open",
        _("The restore is not put right yet. What is left: %(left)s."),
    )
