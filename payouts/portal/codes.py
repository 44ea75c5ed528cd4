"""The codes of what the client API refuses by itself, each with a sentence for developers."""

from django.utils.translation import gettext_lazy as _

from audit.codes import Code, register


@register
class PortalCode(Code):
    # Who asks
    KEY_ABSENT = "key_absent", _("Send your API key in the header: “Authorization: Bearer desk_…”.")
    KEY_UNKNOWN = "key_unknown", _("This API key is not valid.")
    KEY_REVOKED = "key_revoked", _("This API key was revoked.")
    KEY_WAITING = "key_waiting", _("The desk has not confirmed this API key yet.")
    KEY_EXPIRED = "key_expired", _("This API key has expired.")
    KEY_OF_CLOSED = "key_of_closed", _("The client of this API key is closed.")
    KEY_ELSEWHERE = "key_elsewhere", _("This API key may not be used from %(address)s.")
    KEY_IN_URL = (
        "key_in_url",
        _("A key never belongs into an address: logs keep those. Revoke it, and send another."),
    )
    SCOPE_MISSING = "scope_missing", _("This API key lacks the scope “%(scope)s”.")
    CLIENT_ABSENT = (
        "client_absent",
        _("Name the client you act for in the header “Desk-Client”, by its external id."),
    )
    CLIENT_UNREADABLE = (
        "client_unreadable",
        _("Write what is not ASCII in “Desk-Client” as UTF-8'' and then percent-encoded UTF-8."),
    )
    CLIENT_NOT_YOURS = (
        "client_not_yours",
        _("This API key belongs to one client: leave the header “Desk-Client” out."),
    )
    PORTAL_ONLY = "portal_only", _("Only a key of the portal itself can do this.")

    # What is asked for
    NOT_FOUND = "not_found", _("There is nothing here by this name.")
    SLASH_MISSING = "slash_missing", _("Addresses of the API end with a slash.")
    METHOD = "method_not_allowed", _("This cannot be done here.")
    NOT_JSON = "not_json", _("Send the body as JSON: “Content-Type: application/json”.")
    UNREADABLE = "unreadable", _("The body is not JSON that can be read: %(why)s.")
    TOO_LARGE = "too_large", _("The body is larger than %(kilobytes)d kB.")
    TOO_DEEP = "too_deep", _("The body is nested too deeply.")
    INVALID_REQUEST = "invalid_request", _("Some of the request is not as it has to be.")
    UNKNOWN_MEMBER = "unknown_member", _("There is no such member.")
    NAME_MISSING = "name_missing", _("Say the name of the new client.")
    PAGE_SIZE = "page_size", _("A page has 1 to %(most)d entries.")
    CURSOR = "cursor", _("This is no cursor of a page: take “next” as it is.")
    FEED_RENEWED = (
        "feed_renewed",
        _("The desk was restored since: read all payouts anew, then the feed from its start."),
    )
    UNKNOWN_FILTER = "unknown_filter", _("There is no such filter.")
    MEMBER = "member", _("%(why)s")
    THROTTLED = "throttled", _("Too many requests. Ask again in %(seconds)d s.")
    FAILED = "server_error", _("The desk failed at this. Nothing of the request was stored.")

    # Keys of idempotency
    IDEMPOTENCY_ABSENT = (
        "idempotency_absent",
        _("Send a header “Idempotency-Key” of your own choice, so that a repeat creates nothing."),
    )
    IDEMPOTENCY_UNFIT = (
        "idempotency_unfit",
        _("An “Idempotency-Key” has 1 to 150 visible ASCII characters."),
    )
    IDEMPOTENCY_REUSED = (
        "idempotency_reused",
        _("This “Idempotency-Key” was used for another request, which made %(made)s."),
    )
    IDEMPOTENCY_BUSY = (
        "idempotency_busy",
        _("A request with this “Idempotency-Key” is being answered. Send yours again."),
    )

    # What a client is said instead of what the staff reads
    CLOSED_BY_DESK = "closed_by_desk", _("The client was closed by the desk, which alone opens it.")
    NOT_POSSIBLE = "not_possible", _("This is not possible now.")
    TOO_LATE = "too_late", _("The payout is on its way or has ended: it cannot be cancelled.")
    BEING_REVIEWED = "being_reviewed", _("The payout is being reviewed: it cannot be changed now.")
    NOT_ASKED_HERE = (
        "not_asked_here",
        _("Only what this client asked for through the API can be cancelled through it."),
    )
    WALLET_NOT_READY = "wallet_not_ready", _("This wallet cannot be paid at the moment.")
    ARCHIVED = "archived", _("The wallet is archived.")
    ADDRESS_DOUBTFUL = (
        "address_doubtful",
        _("What is paid to this address may be lost. Ask the desk to add the wallet."),
    )
    ADDRESS_NEEDS_MEMO = "address_needs_memo", _("This address needs a memo; ask its owner for it.")

    # Webhooks
    URL_UNFIT = (
        "url_unfit",
        _(
            "Write an address like https://portal.example/webhooks, of at most %(most)d "
            "characters, without a name and password in it."
        ),
    )
    URL_INSECURE = (
        "url_insecure",
        _("Webhooks go by https alone, so that nobody between reads them."),
    )
    URL_NOWHERE = "url_nowhere", _("“%(host)s” leads to no public address.")
    EVENT_TYPE_UNKNOWN = "event_type_unknown", _("There is no event type “%(event_type)s”.")
    TOO_MANY_ENDPOINTS = (
        "too_many_endpoints",
        _("There are %(most)d webhook endpoints already: remove one first."),
    )
    RECEIVER_GONE = (
        "receiver_gone",
        _("Its receiver answered 410: it wants no webhooks any more."),
    )
    RECEIVER_UNREACHED = "receiver_unreached", _("Nothing got through to it for three days.")
    STOPPED_BY_PEOPLE = "stopped_by_people", _("It was stopped by whoever looks after it.")
    ENDPOINT_STOPPED = (
        "endpoint_stopped",
        _("The webhook endpoint is stopped: let it be active first."),
    )

    SECRET_JUST_RENEWED = (
        "secret_just_renewed",
        _("The secret was renewed less than a day ago: read it, and let the old one end first."),
    )

    # Only while the gateway is the sandbox
    FAULT_UNKNOWN = "fault_unknown", _("There is no such fault. There are: %(names)s.")
    FAULT_TOO_LATE = (
        "fault_too_late",
        _("It is too late for this fault: the payout has ended, or was sent already."),
    )
    SANDBOX_SILENT = (
        "sandbox_silent",
        _("The sandbox does not answer. Start it, and send your request again."),
    )

    # Keys, in the Admin
    NO_SCOPE = "no_scope", _("Choose at least one scope.")
    SCOPE_UNKNOWN = "scope_unknown", _("There is no scope “%(scope)s”.")
    SCOPE_OF_PORTAL = "scope_of_portal", _("A client's own key cannot have “%(scope)s”.")
    NETWORK_UNREADABLE = (
        "network_unreadable",
        _("“%(text)s” is no address or network, like 192.0.2.7 or 192.0.2.0/24."),
    )
    EXPIRES_IN_PAST = "expires_in_past", _("It would have expired already.")
    KEY_ISSUED_ALREADY = (
        "key_issued_already",
        _("This key was issued a moment ago, and its text was shown then. Open the page anew."),
    )
    KEY_OVER = "key_over", _("This API key is revoked already.")
    KEY_RESTORED = "key_restored", _("The database was restored from a backup.")
    UNKNOWN_KEY = "unknown_api_key", _("There is no such API key.")
