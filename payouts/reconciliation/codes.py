"""The codes of what is refused about a restore."""

from django.utils.translation import gettext_lazy as _

from audit.codes import Code, register


@register
class RestoreCode(Code):
    RESTORE_UNDER_WAY = "restore_under_way", _("A restore is put right already.")
    NO_RESTORE = "no_restore", _("No restore is put right at the moment.")
    STEP_DONE = "restore_step_done", _("That is done already.")
    STEP_CHANGED = (
        "restore_step_changed",
        _("It has changed since you looked. Look again, and confirm what you see then."),
    )
    NO_STEP = (
        "no_restore_step",
        _("There is nothing of this name to confirm. There are: %(names)s."),
    )
