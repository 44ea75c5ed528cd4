"""The codes of what is refused about the people of the desk, and of what they chose on a page."""

from django.utils.translation import gettext_lazy as _

from audit.codes import Code, register


@register
class StaffCode(Code):
    LOGIN_TAKEN = (
        "login_taken",
        _("This login looks like that of another person. Nothing was changed."),
    )
    NOT_YOURSELF = "not_yourself", _("Nobody does this to themselves.")
    SUPERUSER = "superuser", _("Only a superuser does this to a superuser.")
    STOPPED_AGAIN = (
        "stopped_again",
        _("They were stopped again since you opened this page. Open it again."),
    )
    SO_ALREADY = "so_already", _("It is so already.")
    NONE_CHOSEN = "none_chosen", _("No %(row)s was chosen. Nothing was changed.")
    TOO_MANY = (
        "too_many",
        _("At most %(most)s %(rows)s at once; choose fewer. Nothing was changed."),
    )
    PROPOSED_ALREADY = (
        "proposed_already",
        _("%(person)s has proposed something already. It waits for a second person."),
    )
    SECOND_PERSON = (
        "second_person",
        _("You proposed it yourself: another person has to confirm it."),
    )
    DRAFTED_EARLIER = (
        "drafted_earlier",
        _(
            "It was made from a draft of yours: somebody who drafted nothing of it has to confirm "
            "it."
        ),
    )
    PROPOSAL_OVER = "proposal_over", _("This proposal is over. Open the page again.")
    FACTS_CHANGED = (
        "facts_changed",
        _("The facts have changed since you looked. Look again; nothing was changed."),
    )
    DRAFTER_GONE = (
        "drafter_gone",
        _("%(person)s, who proposed it, may not do this any more. It has to be proposed anew."),
    )
    GAINS_BY_IT = "gains_by_it", _("Nobody confirms what they gain by themselves.")
    TAKES_TWO = "takes_two", _("This takes two people: draft it, and another one confirms it.")
    LINK_OVER = (
        "link_over",
        _(
            "This link is over: it was used, a day has passed, or there is another one. Ask for a "
            "new one."
        ),
    )
    NO_MAIL = (
        "no_mail",
        _(
            "This desk sends no mail: EMAIL_URL is not set. Whoever runs its machine sets it, or "
            "makes a link with recover_access."
        ),
    )
    NO_ADDRESS = "no_address", _("%(person)s has no e-mail address.")
    ADDRESS_NEW = (
        "address_new",
        _("The e-mail address was changed less than 24 hours ago. A link goes out from %(at)s."),
    )
    KEPT_OUT = "kept_out", _("%(person)s is disabled: enable them first.")
    MAIL_FAILED = "mail_failed", _("The mail server did not take the mail. Try again later.")
    STAFF_ALREADY = (
        "staff_already",
        _(
            "This desk was set up already. User managers add people in the Admin; if nobody can "
            "come in any more, recover_access is the way back."
        ),
    )
    STAFF_LACKING = "staff_lacking", _("At least %(needed)s × %(role)s are needed.")
    PERSON_UNFIT = "person_unfit", _("%(person)s: %(why)s")
    RECOVERY_OVER = "recovery_over", _("This recovery is over.")
    RECOVERY_EARLY = (
        "recovery_early",
        _("This takes effect at %(at)s, unless somebody stops it. Run the command again then."),
    )
    RECOVERS_NO_DECIDER = (
        "recovers_no_decider",
        _(
            "%(person)s decides about money, so cannot manage users. Name another person, or a new "
            "one with --email."
        ),
    )
