"""The codes of what the books refuse, and of why a day or month is open."""

from django.utils.translation import gettext_lazy as _

from audit.codes import Code, register


@register
class BooksCode(Code):
    # Movements
    MONTH_IS_CLOSED = (
        "month_is_closed",
        _("%(month)s is closed. Enter it in the next open month, and say on which day it was."),
    )
    DAY_TO_COME = "day_to_come", _("%(day)s is still to come.")
    HAPPENED_LATER = "happened_later", _("It cannot be booked before the day on which it happened.")
    COIN_UNKNOWN = "coin_unknown", _("There is no coin “%(currency)s” here.")
    MOVEMENT_UNKNOWN = "movement_unknown", _("This movement does not exist.")
    TAKEN_BACK = "taken_back", _("This movement is taken back already.")
    IS_COUNTER_ENTRY = (
        "is_counter_entry",
        _("This entry takes another one back. Enter the movement anew instead."),
    )
    CELL_UNFIT = "cell_unfit", _("%(words)s")
    MOVEMENTS_UNFIT = "movements_unfit", _("Line %(line)d: %(why)s Nothing was entered.")
    MOVEMENTS_ENTERED = (
        "movements_entered",
        _("This file was entered already, on %(at)s. Nothing was entered."),
    )
    # Why a day or month is open
    DAY_NOT_OVER = "day_not_over", _("Heleket's day is not over.")
    LIST_NOT_READ = "list_not_read", _("Heleket's list of it was not read whole since it ended.")
    PAYOUTS_UNDER_WAY = "payouts_under_way", _("Payouts of it have no final word yet: %(words)s.")
    PAYOUTS_DIFFER = (
        "payouts_differ",
        _("Ours, the journal and Heleket's list differ in %(words)s."),
    )
    DIFFERENCES_STAND = "differences_stand", _("Discrepancies that nobody has ended: %(words)s.")
    BALANCE_UNKNOWN = (
        "balance_unknown",
        _("Heleket has said no balance while nothing was under way: %(words)s."),
    )
    DEBITS_UNKNOWN = (
        "debits_unknown",
        _("Heleket has not said what all payouts have cost: %(words)s."),
    )
    TO_BE_EXPLAINED = "to_be_explained", _("To be explained: %(words)s.")
    # Closing a month
    MONTH_NOT_OVER = "month_not_over", _("%(month)s is not over by Heleket's clock.")
    MONTH_CLOSED_ALREADY = "month_closed_already", _("%(month)s is closed already.")
    EARLIER_MONTH_OPEN = "earlier_month_open", _("%(earlier)s has to be closed first.")
    MONTH_BEFORE_BOOKS = "month_before_books", _("Nothing of %(month)s is in these books.")
    MONTH_NOT_SETTLED = "month_not_settled", _("%(month)s cannot be closed yet. %(why)s")
    CLOSING_NOT_AGREED = (
        "closing_not_agreed",
        _("Two people have to agree first that %(month)s is closed: on its page."),
    )
    CLOSING_UNDER_WAY = "closing_under_way", _("%(month)s is being closed already.")
    # Its file
    NO_SIGNING_KEY = (
        "no_signing_key",
        _(
            "The file of a month is signed, and this desk has no key to sign with: "
            "MONTH_SIGNING_KEY is not set. Whoever runs its machine sets it."
        ),
    )
    LIST_DIFFERS = (
        "list_differs",
        _(
            "What Heleket lists now of %(day)s in %(currency)s is not what was compared. "
            "Reconcile that day again. Nothing was closed."
        ),
    )
    RECORDS_DAMAGED = (
        "records_damaged",
        _("%(where)s is not as it was written, so the month is not signed. Run verify_audit."),
    )
