"""The codes of what is refused about payouts, and of why one waits or ended."""

from django.utils.translation import gettext_lazy as _

from audit.codes import Code, register


@register
class PayoutCode(Code):
    # Why an act is refused
    UNKNOWN_PAYOUT = "unknown_payout", _("This payout does not exist.")
    PAYOUT_STATUS = "payout_status", _("This is not possible while it is “%(status)s”.")
    OPEN_DISCREPANCY = (
        "open_discrepancy",
        _("An open discrepancy stops this payout. Close the discrepancy first."),
    )
    CLOSED_DISCREPANCY = "closed_discrepancy", _("This discrepancy is closed already.")
    BEING_CANCELLED = (
        "being_cancelled",
        _("It is being cancelled; until Heleket has answered, nothing else is possible."),
    )
    CHANGED = "changed", _("%(changes)s")
    UNCHANGED = "unchanged", _("Nothing changed: it is as you want it already.")
    NOT_YOURS = "not_yours", _("You may only cancel payouts that you requested yourself.")
    AT_HELEKET = (
        "at_heleket",
        _(
            "Heleket has it and cannot call it back (status %(status)s). "
            "Only their support may stop it; tell them their id %(uuid)s."
        ),
    )
    TRIED_TOO_OFTEN = (
        "tried_too_often",
        _("This payout was tried %(count)d times. Request a new one."),
    )
    MAKER = "maker", _("You may not approve it, because you had a hand in it: you %(roles)s.")
    NO_MAKER = (
        "no_maker",
        _("No person is known to have requested it, so nobody may approve it."),
    )

    # Why a request is refused
    OTHER_CLIENT = "other_client", _("This wallet belongs to another client.")
    PURPOSE_MISSING = "purpose_missing", _("Say what the payout is for.")
    KEY_MISSING = "key_missing", _("The idempotency key is missing.")
    KEY_BLANK = "key_blank", _("The idempotency key is blank.")
    KEY_OF_OTHER_ORIGIN = (
        "key_of_other_origin",
        _("The idempotency key of this origin has to begin with “%(prefix)s”."),
    )
    KEY_USED = (
        "key_used",
        _("This key was already used for another payout, %(payout)s. Nothing was changed."),
    )

    # Why another account of Heleket's is refused
    NEVER_BOUND = (
        "never_bound",
        _("The database is bound to no account yet; the first worker binds it."),
    )
    OTHER_INSTALLATION = (
        "other_installation",
        _("INSTALLATION never changes: set it to “%(installation)s” again."),
    )
    STILL_SENDING = (
        "still_sending",
        _("Pause sending first, and restart web, worker and Celery before it goes on."),
    )
    UNFINISHED = (
        "unfinished",
        _(
            "Payouts that may still be paid, or are still watched, by the present account: "
            "%(count)d. The new one cannot tell of them. Wait until they have ended."
        ),
    )

    # Why one that is approved is not sent
    FORGED_HISTORY = "forged_history", _("Its history was changed outside the desk.")
    FORGED_STATUS = "forged_status", _("Its status is not what its sealed history tells.")
    FORGED_APPROVAL = (
        "forged_approval",
        _("An approval of it does not stand in its sealed history."),
    )
    FORGED_CANCEL = (
        "forged_cancel",
        _("Its sealed history tells that it should be cancelled."),
    )
    FORGED_REQUEST = (
        "forged_request",
        _("The request that is stored for it is not what was approved."),
    )
    CANNOT_BE_SENT = "cannot_be_sent", _("It cannot be sent: %(words)s")
    EARLIER_TRY = (
        "earlier_try",
        _("Heleket has to say first that it pays no earlier try of it."),
    )

    # What came of a call
    LEASE_RAN_OUT = "lease_ran_out", _("Too little was left of the lease.")
    NOT_CALLED = (
        "not_called",
        _("It was not called: the worker was stopped, or Heleket takes no calls now."),
    )
    REFUSED = "refused", _("Heleket refused it: “%(words)s”")
    NOT_EXECUTED = "not_executed", _("Heleket executes nothing: “%(words)s”")
    NO_ANSWER = "no_answer", _("No answer says whether Heleket has it: “%(words)s”")

    # How it ended
    NOT_PAID = "not_paid", _("Heleket could not pay it: %(words)s.")
    CANCELLED_THERE = "cancelled_there", _("Cancelled at Heleket. %(words)s")
    NEVER_SENT = "never_sent", _("Cancelled as asked: it was never sent.")
    NEVER_HAD_IT = "never_had_it", _("Cancelled as asked: Heleket never had it.")
