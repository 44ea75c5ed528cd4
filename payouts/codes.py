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
        _("A discrepancy stops this payout until people have ended it."),
    )
    CLOSED_DISCREPANCY = "closed_discrepancy", _("This discrepancy has ended already.")
    OWNER_MAY_NOT_END = (
        "owner_may_not_end",
        _("Only somebody who may end discrepancies can see to one."),
    )
    UNKNOWN_DISCREPANCY = "unknown_discrepancy", _("This discrepancy does not exist.")
    PAID_AFTER_ALL = (
        "paid_after_all",
        _("Heleket has paid it after all: it is not to be paid again."),
    )
    TRY_VANISHED = (
        "try_vanished",
        _(
            "Heleket accepted an earlier try and does not know it any more, so it would never say "
            "that it pays nothing for it. Request the payout again instead."
        ),
    )

    # Why a discrepancy does not end in this way
    OUTCOME_OF_OTHER_KIND = (
        "outcome_of_other_kind",
        _("A discrepancy of this kind does not end like this."),
    )
    MAKER_ENDS = (
        "maker_ends",
        _("You had a hand in this payout: two others have to end its discrepancy."),
    )
    NO_DAY = (
        "no_day",
        _("Say when it should be looked at again: a time to come, within %(days)d days."),
    )
    UNCLEAR_ANSWER = (
        "unclear_answer",
        _("Heleket did not say what it has: “%(words)s”. Nothing was changed."),
    )
    STILL_DIFFERENT = (
        "still_different",
        _("It is no harmless difference: Heleket does not have what was sent."),
    )
    NO_FINAL_WORD = (
        "no_final_word",
        _("Heleket has not said its final word about it (status %(status)s)."),
    )
    MAY_BE_PAID = (
        "may_be_paid",
        _("Heleket may still pay it (status %(status)s)."),
    )
    CLIENT_HAS_IT = (
        "client_has_it",
        _("Heleket has paid %(money)s to this client's wallet: it ends as Heleket has it."),
    )
    NOT_RELEASED = (
        "not_released",
        _("Heleket does not have it, but a call may still be on its way until %(until)s."),
    )
    OTHER_TRY_OPEN = (
        "other_try_open",
        _("Another try of this payout, %(order_id)s, may still be paid."),
    )
    PAID_FOR_OTHER = (
        "paid_for_other",
        _("Heleket's payout is that of %(order_id)s: it cannot count for both."),
    )
    GONE_THERE = "gone_there", _("Heleket does not know this payout any more.")
    OTHER_THERE = (
        "other_there",
        _("Heleket's payout is another one than this: %(names)s."),
    )
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
    APPROVED_BY_YOU = (
        "approved_by_you",
        _("You have approved it already; another person has to approve it, too."),
    )
    NO_APPROVAL_OF_YOURS = (
        "no_approval_of_yours",
        _("No approval of yours stands that could be undone."),
    )
    DUPLICATE_UNEXPLAINED = (
        "duplicate_unexplained",
        _("Say why it is no duplicate: this client has the same for the same purpose, %(others)s."),
    )
    NO_MAKER = (
        "no_maker",
        _("No person is known to have requested it, so nobody may approve it."),
    )
    WAITS_FOR_ANSWER = (
        "waits_for_answer",
        _("It was sent back with a question. It can be approved once that is answered."),
    )
    OWN_QUESTION = "own_question", _("You asked this yourself: another person has to answer.")
    ASKED_ALREADY = (
        "asked_already",
        _("A question about it waits for an answer already: “%(question)s”"),
    )
    NO_QUESTION = "no_question", _("No question about it waits for an answer.")
    EARLY = (
        "early",
        _("It is to be paid from %(at)s. A requester can change that; it then needs approval."),
    )

    # Why a request is refused
    OTHER_CLIENT = "other_client", _("This wallet belongs to another client.")
    PURPOSE_MISSING = "purpose_missing", _("Say what the payout is for.")
    CATEGORY_UNKNOWN = "category_unknown", _("“%(category)s” is not in the list of categories.")
    DATE_TOO_FAR = "date_too_far", _("Choose a day within the next %(days)d days.")
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

    # Why a note or a document is refused
    NOTE_EMPTY = "note_empty", _("Write something, or add a file or a link.")
    FILE_OR_LINK = "file_or_link", _("Add either a file or a link, not both.")
    FILE_EMPTY = "file_empty", _("This file is empty.")
    FILE_TOO_LARGE = "file_too_large", _("A file may have %(most)d MB at most.")
    LINK_UNFIT = "link_unfit", _("A link begins with https:// or http://.")
    FILE_GONE = "file_gone", _("The file is not in the folder of documents any more.")
    FILE_CHANGED = (
        "file_changed",
        _("The file is no longer the one that was added, so it is not handed out."),
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

    # What was said about one that waits for approval
    SENT_BACK = "sent_back", _("Sent back with a question: “%(words)s”")
    ANSWERED = "answered", _("The answer to the question: “%(words)s”")
    # Why one that was approved waits for approval still
    ANOTHER_APPROVAL = "another_approval", _("It needs more approvals: %(words)s.")

    # Why one that was approved waits for approval again
    APPROVAL_UNDONE = "approval_undone", _("An approval of it was undone: “%(words)s”")
    APPROVAL_EXPIRED = (
        "approval_expired",
        _("An approval of it has expired before it could be sent."),
    )

    # Why one that is approved is not sent
    BEFORE_DATE = "before_date", _("It is not paid before its date.")
    FORGED_HISTORY = "forged_history", _("Its history was changed outside the desk.")
    FORGED_STATUS = "forged_status", _("Its status is not what its sealed history tells.")
    APPROVER_CHANGED = (
        "approver_changed",
        _(
            "The rights, the password or the address of an approver have changed since: the "
            "approval does not count any more."
        ),
    )
    FORGED_APPROVAL = (
        "forged_approval",
        _("An approval of it does not stand in its sealed history."),
    )
    FORGED_STATEMENT = (
        "forged_statement",
        _("What an approval of it was given with is not what its approver stated."),
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
    UNKNOWN_THERE = (
        "unknown_there",
        _(
            "Heleket has a payout like it that nobody asked for here: %(words)s. It waits until "
            "people have said whether that is this one."
        ),
    )
    EARLIER_TRY = (
        "earlier_try",
        _("Heleket has to say first that it pays no earlier try of it."),
    )
    RESTORED = (
        "restored",
        _("The database was restored from a backup: it has to be approved again."),
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

    # How it was paid, if not by the desk
    PAID_OUTSIDE = (
        "paid_outside",
        _("Paid outside the desk: somebody made this payout by hand at Heleket. %(words)s"),
    )

    # How it ended
    ENDED_AS_HELEKET = (
        "ended_as_heleket",
        _("Heleket paid something else than was approved. %(words)s"),
    )
    ENDED_NOT_PAID = "ended_not_paid", _("People found that it was not paid. %(words)s")
    NOT_PAID = "not_paid", _("Heleket could not pay it: %(words)s.")
    CANCELLED_THERE = "cancelled_there", _("Cancelled at Heleket. %(words)s")
    NEVER_SENT = "never_sent", _("Cancelled as asked: it was never sent.")
    NEVER_HAD_IT = "never_had_it", _("Cancelled as asked: Heleket never had it.")
