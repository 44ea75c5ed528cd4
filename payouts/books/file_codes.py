"""The codes of what is refused about the file of a month."""

from django.utils.translation import gettext_lazy as _

from audit.codes import Code, register


@register
class FileCode(Code):
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
