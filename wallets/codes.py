"""The codes of what is refused about clients, wallets and amounts."""

from django.utils.translation import gettext_lazy as _

from audit.codes import Code, register


@register
class WalletCode(Code):
    CLIENT_CLOSED = "client_closed", _("The client is not active.")
    CLIENT_CHANGED = (
        "client_changed",
        _("This client was changed since you opened this page. Open it again."),
    )
    CLIENT_OPEN_ALREADY = "client_open_already", _("%(client)s is open already.")
    CLIENT_CLOSED_ALREADY = "client_closed_already", _("%(client)s is closed already.")
    CLIENT_LOOKS_ALIKE = (
        "client_looks_alike",
        _("There is a client whose name looks the same: %(names)s."),
    )
    INVALID = "invalid", _("%(why)s")  # what the fields' own checks say
    JUST_ADDED = "just_added", _("Somebody has just added the same.")

    UNKNOWN_WALLET = "unknown_wallet", _("There is no such wallet.")
    WALLET_CHANGED = (
        "wallet_changed",
        _("Something was done to this wallet since you looked. Look again."),
    )
    WALLET_STATUS = "wallet_status", _("It is %(status)s, so this cannot be done.")
    WALLET_ADDED_BY_YOU = (
        "wallet_added_by_you",
        _("You have added it; another person has to approve it."),
    )
    WALLET_NOT_ACTIVE = (
        "wallet_not_active",
        _("The wallet is not active yet: the payout waits for that."),
    )
    WALLET_FROZEN = "wallet_frozen", _("The wallet is frozen.")
    WALLET_ARCHIVED = "wallet_archived", _("The wallet is archived.")
    ADDRESS = "address", _("%(why)s")  # what the check of its network says
    DOUBTFUL_ADDRESS = "doubtful_address", _("Say that you are sure of it. %(why)s")

    ADDRESS_SHARED = (
        "address_shared",
        _("The same address belongs to another client too: %(names)s."),
    )
    SHARED_UNEXPLAINED = (
        "shared_unexplained",
        _("Say why it is right: the same address belongs to another client too, %(names)s."),
    )
    MEMO_NEEDED = (
        "memo_needed",
        _(
            "Another wallet with this address has a memo, as accounts at an exchange do: "
            "without one, the exchange cannot tell whose money it is. Ask the client for it."
        ),
    )

    AMOUNT = "amount", _("%(why)s")  # what is wrong with the number
    METHOD_UNKNOWN = "method_unknown", _("Heleket does not pay this coin on this network.")
    METHOD_UNAVAILABLE = (
        "method_unavailable",
        _("Heleket does not pay %(words)s at the moment."),
    )
    BELOW_MINIMUM = "below_minimum", _("Heleket pays at least %(words)s.")
    ABOVE_MAXIMUM = "above_maximum", _("Heleket pays at most %(words)s.")
