"""The stable reason codes: whoever refuses something names one of them.

What each means, why it happens and how it is mended stands in the theme's module beside this one (`reasons.table`
joins them). Only what explains imports those; sessions import nothing but this. A new code is a member here and a
`Reason` in the module of its theme.
"""

from __future__ import annotations

from enum import Flag, StrEnum


class Show(Flag):
    """Where a code belongs besides the system log and JSON."""

    REPLY = 1
    """Behind the text of the reply: where it helps whoever reads that, and tells an attacker nothing that the
    protocol does not tell him anyway. No login's is: an unknown user and a wrong password look alike."""

    TLSLOG = 2
    """The lines of such a refusal go to the TLSLog."""


_NOWHERE = Show(0)
_TLS = Show.REPLY | Show.TLSLOG


class Code(StrEnum):
    """Everything that needs an explanation. `show` says where the code is shown."""

    show: Show

    def __new__(cls, value: str, show: Show = _NOWHERE) -> Code:
        self = str.__new__(cls, value)
        self._value_ = value
        self.show = show
        return self

    # TLS handshakes, and what breaks TLS later.
    NO_SHARED_CIPHER = "no-shared-cipher", _TLS
    PROTOCOL_DISABLED = "protocol-disabled", _TLS
    NOT_TLS = "not-tls", _TLS
    IMPLICIT_AT_EXPLICIT = "implicit-at-explicit"
    HANDSHAKE_TIMEOUT = "handshake-timeout", _TLS
    HANDSHAKE_EOF = "handshake-eof", _TLS
    HANDSHAKE_CLOSED = "handshake-closed", _TLS
    HANDSHAKE_RESET = "handshake-reset", _TLS
    HANDSHAKE_SYSTEM_ERROR = "handshake-system-error", _TLS
    HANDSHAKE_ERROR = "handshake-error", _TLS
    SERVER_CERT_UNTRUSTED = "server-cert-untrusted", _TLS
    SERVER_CERT_EXPIRED = "server-cert-expired", _TLS
    SERVER_CERT_REJECTED = "server-cert-rejected", _TLS
    CLIENT_ALERT = "client-alert", _TLS
    FOREIGN_ALPN = "foreign-alpn", _TLS
    SNI_NOT_HOST = "sni-not-host", _TLS
    SNI_AFTER_LOGIN = "sni-after-login", _TLS
    SNI_UNKNOWN = "sni-unknown", _TLS
    SNI_NO_TLS = "sni-no-tls", _TLS
    RENEGOTIATION_BY_CLIENT = "renegotiation-by-client", _TLS
    RENEGOTIATION_TIMEOUT = "renegotiation-timeout", _TLS
    CONTROL_TLS_ERROR = "control-tls-error", _TLS

    # Certificates that clients show.
    CLIENT_CERT_MISSING = "client-cert-missing", _TLS
    CLIENT_CERT_CHAIN_TOO_LONG = "client-cert-chain-too-long", _TLS
    CLIENT_CERT_UNKNOWN_CA = "client-cert-unknown-ca", _TLS
    CLIENT_CERT_EXPIRED = "client-cert-expired", _TLS
    CLIENT_CERT_NOT_YET_VALID = "client-cert-not-yet-valid", _TLS
    CLIENT_CERT_REVOKED = "client-cert-revoked", _TLS
    CLIENT_CERT_CRL_UNUSABLE = "client-cert-crl-unusable", _TLS
    CLIENT_CERT_WRONG_PURPOSE = "client-cert-wrong-purpose", _TLS
    CLIENT_CERT_WEAK = "client-cert-weak", _TLS
    CLIENT_CERT_NAME = "client-cert-name", _TLS
    CLIENT_CERT_INVALID = "client-cert-invalid", _TLS

    # TLSRequired and the commands of RFC 2228 and RFC 4217.
    TLS_REQUIRED_CONTROL = "tls-required-control", _TLS
    TLS_REQUIRED_DATA = "tls-required-data", _TLS
    TLS_REQUIRED_LOGIN = "tls-required-login", Show.TLSLOG
    NO_CERTIFICATE = "no-certificate", _TLS
    AUTH_UNKNOWN_MECHANISM = "auth-unknown-mechanism", _TLS
    AUTH_TWICE = "auth-twice", _TLS
    AUTH_AFTER_CCC = "auth-after-ccc", _TLS
    AUTH_LIMITED = "auth-limited", _TLS
    AUTH_AFTER_LOGIN = "auth-after-login", _TLS
    SECURITY_NOT_NEGOTIATED = "security-not-negotiated", Show.TLSLOG
    CONTROL_NOT_PROTECTED = "control-not-protected", _TLS
    PROT_REFUSED = "prot-refused", _TLS
    PROT_LEVEL_UNSUPPORTED = "prot-level-unsupported", _TLS
    CCC_REFUSED = "ccc-refused", _TLS
    CCC_SHUTDOWN_FAILED = "ccc-shutdown-failed", _TLS
    SSCN_REFUSED = "sscn-refused", _TLS
    ADAT_UNEXPECTED = "adat-unexpected", Show.TLSLOG
    PROTECTION_UNSUPPORTED = "protection-unsupported", Show.TLSLOG

    # Data connections that do not come about.
    DATA_NOT_RESUMED = "data-not-resumed", Show.REPLY
    DATA_WRONG_SESSION = "data-wrong-session", Show.REPLY
    DATA_CERTIFICATE_MISMATCH = "data-certificate-mismatch", Show.REPLY
    DATA_SERVER_NOT_VERIFIED = "data-server-not-verified", Show.REPLY
    DATA_NO_ADDRESS = "data-no-address"
    DATA_NOT_CONNECTED = "data-not-connected", Show.REPLY
    NAT_PRIVATE_ADDRESS = "nat-private-address", Show.REPLY
    ACTIVE_REFUSED = "active-refused", Show.REPLY
    ACTIVE_UNREACHABLE = "active-unreachable", Show.REPLY
    DATA_FOREIGN_PEER = "data-foreign-peer", Show.REPLY
    ADDRESS_MISMATCH = "address-mismatch", Show.REPLY
    PORT_BELOW_1024 = "port-below-1024", Show.REPLY
    PASSIVE_PORTS_EXHAUSTED = "passive-ports-exhausted", Show.REPLY
    PASV_ON_IPV6 = "pasv-on-ipv6"
    NETWORK_PROTOCOL = "network-protocol"
    EPSV_ALL = "epsv-all"

    # Transfers that break, and files that cannot be had.
    TRANSFER_ABORTED = "transfer-aborted"
    CONTROL_CONNECTION_LOST = "control-connection-lost"
    DATA_RESET = "data-reset", Show.REPLY
    DATA_TRUNCATED = "data-truncated", Show.REPLY
    DATA_STALLED = "data-stalled", Show.REPLY
    DATA_TLS_ERROR = "data-tls-error", Show.REPLY
    DEFLATE_BROKEN = "deflate-broken", Show.REPLY
    DEFLATE_CUT = "deflate-cut", Show.REPLY
    DIGEST_DENIED = "digest-denied", Show.REPLY
    DIGEST_TOO_LARGE = "digest-too-large", Show.REPLY
    DIGEST_CHANGED = "digest-changed"
    TRANSFER_CUT = "transfer-cut", Show.REPLY
    DISK_FULL = "disk-full"
    QUOTA_EXCEEDED = "quota-exceeded"
    FILE_NOT_FOUND = "file-not-found"
    FILE_PERMISSION = "file-permission"
    FILE_EXISTS = "file-exists"
    FILE_SYSTEM_READ_ONLY = "file-system-read-only"
    FILE_ERROR = "file-error"
    NOT_A_DIRECTORY = "not-a-directory"
    NOT_A_REGULAR_FILE = "not-a-regular-file"
    OVERWRITE_DENIED = "overwrite-denied"
    RESTART_DENIED = "restart-denied"
    RESTART_BEYOND_END = "restart-beyond-end"
    REST_IN_ASCII = "rest-in-ascii"
    SIZE_IN_ASCII = "size-in-ascii"
    PATH_INVALID = "path-invalid"
    PATH_TOO_LONG = "path-too-long"
    ARGUMENT_FORBIDDEN = "argument-forbidden", Show.REPLY
    PATH_FORBIDDEN = "path-forbidden", Show.REPLY
    LIMIT_DENIED = "limit-denied", Show.REPLY
    LIMIT_HIDDEN = "limit-hidden"
    QUOTA_REACHED = "quota-reached", Show.REPLY
    QUOTA_UNAVAILABLE = "quota-unavailable", Show.REPLY
    STORE_TOO_LARGE = "store-too-large"
    RETRIEVE_TOO_LARGE = "retrieve-too-large"
    LIMIT_TRANSFERS_PER_HOST = "limit-transfers-per-host"
    LIMIT_TRANSFERS_PER_USER = "limit-transfers-per-user"

    # Who may not log in. The client hears the same words whatever it is.
    LOGIN_REQUIRED = "login-required"
    LOGIN_UNKNOWN_USER = "login-unknown-user"
    LOGIN_WRONG_PASSWORD = "login-wrong-password"
    LOGIN_EMPTY_PASSWORD = "login-empty-password"
    LOGIN_INVALID_SHELL = "login-invalid-shell"
    LOGIN_ROOT_DENIED = "login-root-denied"
    LOGIN_ACCOUNT_EXPIRED = "login-account-expired"
    LOGIN_PASSWORD_EXPIRED = "login-password-expired"
    LOGIN_CERTIFICATE_NEEDED = "login-certificate-needed"
    LOGIN_FTPUSERS = "login-ftpusers"
    LOGIN_LIMITED = "login-limited"
    LOGIN_NO_HOME = "login-no-home"
    LOGIN_OVERLOAD = "login-overload"
    LOGIN_RIGHTS = "login-rights"
    LOGIN_NAME_TOO_LONG = "login-name-too-long"
    PROTOCOL_DENIED = "protocol-denied"
    LOGIN_PASSWORD_TOO_LONG = "login-password-too-long"
    LOGIN_PASSWORD_REJECTED = "login-password-rejected"
    LIMIT_CLIENTS = "limit-clients"
    LIMIT_CLIENTS_PER_HOST = "limit-clients-per-host"
    LIMIT_CLIENTS_PER_USER = "limit-clients-per-user"
    LIMIT_CLIENTS_PER_CLASS = "limit-clients-per-class"
    LIMIT_HOSTS_PER_USER = "limit-hosts-per-user"
    LIMIT_CONNECTIONS_PER_HOST = "limit-connections-per-host"
    SQL_UNAVAILABLE = "sql-unavailable"
    SQL_STATEMENT_FAILED = "sql-statement-failed"
    SQL_LOG_DROPPED = "sql-log-dropped"
    REDIS_LOG_UNREACHABLE = "redis-log-unreachable"
    REDIS_LOG_LOST = "redis-log-lost"
    LOGIN_ATTEMPTS_EXCEEDED = "login-attempts-exceeded"
    REAUTHENTICATION = "reauthentication"
    BANNED = "banned"
    WRAP_DENIED = "wrap-denied"

    # Commands that cannot be carried out, and how sessions end.
    COMMAND_UNKNOWN = "command-unknown"
    SYNTAX = "syntax"
    PARAMETER_UNSUPPORTED = "parameter-unsupported"
    RENAME_WITHOUT_SOURCE = "rename-without-source"
    ENCODING_OFF = "encoding-off"
    NAME_NOT_VALID = "name-not-valid"
    HOST_TOO_LATE = "host-too-late"
    HOST_UNKNOWN = "host-unknown"
    FOREIGN_PROTOCOL = "foreign-protocol"
    PROXY_HEADER_MISSING = "proxy-header-missing", Show.REPLY
    PROXY_HEADER_WRONG = "proxy-header-wrong", Show.REPLY
    PROXY_HEADER_UNEXPECTED = "proxy-header-unexpected"
    INTERNAL_ERROR = "internal-error"
    CLIENT_DISCONNECTED = "client-disconnected"
    SERVER_STOPPING = "server-stopping"
    KICKED = "kicked"
    RESOURCE_LIMIT = "resource-limit"
    SERVER_EXHAUSTED = "server-exhausted", Show.REPLY
    SHUTDOWN_ANNOUNCED = "shutdown-announced"
    TIMEOUT_IDLE = "timeout-idle"
    TIMEOUT_LOGIN = "timeout-login"
    TIMEOUT_NO_TRANSFER = "timeout-no-transfer"
    TIMEOUT_SESSION = "timeout-session"
    TIMEOUT_STALLED = "timeout-stalled"

    # Certificates that are renewed while the server runs.
    CERT_NAMES_LOST = "cert-names-lost"
    CERT_EXPIRES_EARLIER = "cert-expires-earlier"
    CERT_KEPT = "cert-kept"
    ACME_UNREACHABLE = "acme-unreachable"
    ACME_REFUSED = "acme-refused"
    ACME_VALIDATION = "acme-validation"
    ACME_PORT = "acme-port"
    ACME_UNWRITABLE = "acme-unwritable"

    # What `ftpsd check` finds.
    CONFIG_ERROR = "config-error"
    CONFIG_NOTICE = "config-notice"
    DIRECTIVE_WITHOUT_EFFECT = "directive-without-effect"
    DIRECTIVE_DIFFERS = "directive-differs"
    CANNOT_LOOK = "cannot-look"
    CERT_UNREADABLE = "cert-unreadable"
    CERT_KEY_MISMATCH = "cert-key-mismatch"
    CERT_KEY_ENCRYPTED = "cert-key-encrypted"
    CERT_KEY_OPEN = "cert-key-open"
    CERT_KIND = "cert-kind"
    CERT_EXPIRED = "cert-expired"
    CERT_NOT_YET_VALID = "cert-not-yet-valid"
    CERT_EXPIRES_SOON = "cert-expires-soon"
    CERT_WEAK_KEY = "cert-weak-key"
    CERT_WEAK_SIGNATURE = "cert-weak-signature"
    CERT_NOT_FOR_SERVERS = "cert-not-for-servers"
    CERT_NAMES = "cert-names"
    CERT_WITHOUT_SAN = "cert-without-san"
    CERT_SELF_SIGNED = "cert-self-signed"
    STAPLING_OFF = "stapling-off"
    STAPLING_IMPOSSIBLE = "stapling-impossible"
    RESPONDER_UNREACHABLE = "responder-unreachable"
    CACHE_UNREACHABLE = "cache-unreachable"
    DIRECTORY_UNREACHABLE = "directory-unreachable"
    PAM_UNUSABLE = "pam-unusable"
    CHAIN_INCOMPLETE = "chain-incomplete"
    CHAIN_DISORDERED = "chain-disordered"
    CHAIN_UNRELATED = "chain-unrelated"
    CHAIN_EXPIRED = "chain-expired"
    CA_UNREADABLE = "ca-unreadable"
    CA_EXPIRED = "ca-expired"
    CA_NOT_AN_AUTHORITY = "ca-not-an-authority"
    CRL_UNREADABLE = "crl-unreadable"
    CRL_EXPIRED = "crl-expired"
    CRL_NOT_YET_VALID = "crl-not-yet-valid"
    CRL_EXPIRES_SOON = "crl-expires-soon"
    CRL_FOREIGN = "crl-foreign"
    CRL_BAD_SIGNATURE = "crl-bad-signature"
    VERIFY_ANY_AUTHORITY = "verify-any-authority"
    VERIFY_DEPTH_ZERO = "verify-depth-zero"
    PROTOCOL_OBSOLETE = "protocol-obsolete"
    PROTOCOL_UNAVAILABLE = "protocol-unavailable"
    PROTOCOL_WITHOUT_CIPHER = "protocol-without-cipher"
    CIPHER_WORD_UNMATCHED = "cipher-word-unmatched"
    CIPHER_WEAK = "cipher-weak"
    CERT_WITHOUT_CIPHER = "cert-without-cipher"
    REUSE_SWITCHED_OFF = "reuse-switched-off"
    SESSION_CACHE_OFF = "session-cache-off"
    SESSION_CACHE_SHORT = "session-cache-short"
    RENEGOTIATION_RISKY = "renegotiation-risky"
    HANDSHAKE_TIME_SHORT = "handshake-time-short"
    TLS_OFF = "tls-off"
    TLS_OPTIONAL = "tls-optional"
    TLS_PER_USER = "tls-per-user"
    IMPLICIT_PORT = "implicit-port"
    PASSIVE_PORTS_FEW = "passive-ports-few"
    PASSIVE_PORTS_EPHEMERAL = "passive-ports-ephemeral"
    PASSIVE_PORTS_CLASH = "passive-ports-clash"
    MASQUERADE_UNRESOLVABLE = "masquerade-unresolvable"
    MASQUERADE_PRIVATE = "masquerade-private"
    MASQUERADE_WITHOUT_PORTS = "masquerade-without-ports"
    FOREIGN_ADDRESSES_ALLOWED = "foreign-addresses-allowed"
    BEHIND_NAT = "behind-nat"
    PROXY_TRUST_WIDE = "proxy-trust-wide"
    PROXY_ADDRESS = "proxy-address"
    PROXY_DATA_PLAIN = "proxy-data-plain"
    LOG_UNUSABLE = "log-unusable"
    LOG_OPEN = "log-open"
    AUTH_FILE_UNUSABLE = "auth-file-unusable"
    AUTH_FILE_LINE = "auth-file-line"
    AUTH_FILE_DUPLICATE = "auth-file-duplicate"
    AUTH_FILE_HASH = "auth-file-hash"
    AUTH_FILE_HOME = "auth-file-home"
    AUTH_FILE_SHELL = "auth-file-shell"
    AUTH_FILE_ROOT = "auth-file-root"
    AUTH_FILE_UNUSED = "auth-file-unused"
    WORKER_UNKNOWN = "worker-unknown"
    WORKER_ROOT = "worker-root"
    SERVER_TYPE_INETD = "server-type-inetd"
    LIMITS_NOT_SHARED = "limits-not-shared"
    ROOT_LOGIN = "root-login"
    NO_JAIL = "no-jail"
    ANONYMOUS_BROKEN = "anonymous-broken"
    UMASK_OPEN = "umask-open"

    # What `ftpsd probe` finds.
    SERVER_UNREACHABLE = "server-unreachable"
    GREETING_REFUSED = "greeting-refused"
    GREETING_SLOW = "greeting-slow"
    PROBE_INTERRUPTED = "probe-interrupted"
    TLS_UNAVAILABLE = "tls-unavailable"
    CLIENT_CERT_WANTED = "client-cert-wanted"
    AUTH_UNLISTED = "auth-unlisted"
    EPSV_MISSING = "epsv-missing"
    INJECTION_RUN = "injection-run"
    TLS13_MISSING = "tls13-missing"
    NO_FORWARD_SECRECY = "no-forward-secrecy"
    SNI_REQUIRED = "sni-required"
    ALPN_REFUSED = "alpn-refused"
    RENEGOTIATION_INSECURE = "renegotiation-insecure"
    RENEGOTIATION_OPEN = "renegotiation-open"
    RESUMPTION_REQUIRED = "resumption-required"
    RESUMPTION_BROKEN = "resumption-broken"
    RESUMPTION_UNAVAILABLE = "resumption-unavailable"
    TICKETS_RUN_DRY = "tickets-run-dry"
    PROBE_LOGIN_FAILED = "probe-login-failed"
    PASSWORD_WITHHELD = "password-withheld"
    PASV_OTHER_HOST = "pasv-other-host"
    PASV_UNREADABLE = "pasv-unreadable"
    DATA_IN_CLEAR = "data-in-clear"
    CLOSE_NOTIFY_MISSING = "close-notify-missing"
    PROBE_TRANSFER_FAILED = "probe-transfer-failed"
    PROBE_FILE_LEFT = "probe-file-left"
    CCC_ALLOWED = "ccc-allowed"
    CERT_IRREGULAR = "cert-irregular"
    CERT_REVOKED = "cert-revoked"
    STAPLE_UNUSABLE = "staple-unusable"


class Good(StrEnum):
    """What needs no explanation: it went well, or says so itself."""

    LOGIN_OK = "login-ok"
    LOGIN_ACCEPTED = "login-accepted"
    USER_ACCEPTED = "user-accepted"
    TRANSFER_COMPLETE = "transfer-complete"
    SESSION_REUSED = "session-reused"
    REUSE_NOT_REQUIRED = "reuse-not-required"
    DATA_SERVER_VERIFIED = "data-server-verified"
    AUTH_ACCEPTED = "auth-accepted"
    IMPLICIT_TLS = "implicit-tls"
    PBSZ_ACCEPTED = "pbsz-accepted"
    PROT_PRIVATE = "prot-private"
    PROT_CLEAR = "prot-clear"
    CCC_ACCEPTED = "ccc-accepted"
    SSCN_ACCEPTED = "sscn-accepted"
    QUIT = "quit"
    NOTICE = "notice"
    REPEATED_MESSAGES = "repeated-messages"


def marked(text: str, code: Code | Good) -> str:
    """`text` of a reply with its code behind it, where that is shown."""
    return f"{text} [{code}]" if isinstance(code, Code) and Show.REPLY in code.show else text
