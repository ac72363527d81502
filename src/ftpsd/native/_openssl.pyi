"""Types of the binding to the system's OpenSSL (3.0 or later) and of the pump.

Blocking calls take `timeout` in seconds (`<= 0`: wait for ever), work on non-blocking descriptors with
poll() and a monotonic deadline, and run without the GIL. An object is used by one thread at a time;
`Pump.abort` and the pump's counters are the exception. A `Connection` never owns its descriptor. Who waits
for a descriptor by himself asks `has_pending` first (data connections read ahead).
"""

import builtins
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Literal, NamedTuple, Protocol

from typing_extensions import Buffer

from ftpsd.native._system import Listing

VerifyMode = Literal["none", "request", "require"]
ErrorKind = Literal["timeout", "closed", "eof", "reset", "syscall", "protocol", "renegotiation"]
Stapled = Literal["", "response", "try-later", "nothing"]
Stop = Literal[
    "done", "control", "stalled", "reset", "eof", "tls", "file", "aborted", "limit", "paused", "inflate", "cut",
    "secured", "handshake", "late",
]

IDENTITY_SIZE: int
TICKET_KEYS_MAX: int
STAPLE_MAX: int

class ErrorEntry(NamedTuple):
    """One line of OpenSSL's error queue, oldest first; `text` is `error:0A0000C1:SSL routines::no shared
    cipher`.
    """

    code: int
    text: str
    library: str
    reason: str
    data: str

class OpenSSLError(Exception):
    """OpenSSL refused. `queue` is the thread's whole error queue, which is empty afterwards."""

    queue: tuple[ErrorEntry, ...]
    def __init__(self, message: str, queue: tuple[ErrorEntry, ...] = ()) -> None: ...

class TLSError(OpenSSLError):
    """A TLS connection failed.

    `kind`: "timeout" the deadline passed · "closed" close_notify came where data or a handshake was due ·
    "eof" FIN without close_notify · "reset" ECONNRESET or EPIPE · "syscall" another system error (`errno`)
    · "protocol" OpenSSL's verdict (`queue`) · "renegotiation" the peer renegotiated without leave or
    flooded us with key updates.
    """

    kind: ErrorKind
    errno: int
    def __init__(
        self, message: str, queue: tuple[ErrorEntry, ...] = (), *, kind: ErrorKind = ..., errno: int = 0
    ) -> None: ...

class VerifyFailure(NamedTuple):
    """One objection of the certificate verification; `subject` and `issuer` on one line each (`C = DE, CN =
    x`).
    """

    depth: int
    code: int
    text: str
    subject: str
    issuer: str

class Session:
    """A TLS session as a client keeps it."""

    @property
    def id(self) -> bytes: ...
    @property
    def version(self) -> str: ...
    @property
    def has_ticket(self) -> bool: ...
    @property
    def ticket(self) -> bytes: ...
    @property
    def resumable(self) -> bool: ...
    @property
    def lifetime_hint(self) -> int:
        """Seconds, as the ticket says; 0: not said."""
    @property
    def created(self) -> int:
        """Seconds since the epoch."""
    @created.setter
    def created(self, seconds: int) -> None: ...
    @property
    def timeout(self) -> int:
        """Seconds."""
    @timeout.setter
    def timeout(self, seconds: int) -> None: ...
    def to_der(self) -> bytes: ...
    @staticmethod
    def from_der(der: bytes) -> Session:
        """Raises `OpenSSLError`."""

class StapleState(NamedTuple):
    """What a `Staple` holds: `response` (DER; b"": none) is sent until `until`, somebody should ask for the next one
    at `due` (both seconds since the epoch) after `failures` attempts in a row that failed.
    """

    response: bytes
    until: int
    due: int
    failures: int

class Staple:
    """A place for the OCSP response of a certificate, in memory shared with processes forked later.

    Only one process writes at a time: who writes has to see to that.
    """

    def put(self, response: bytes, *, until: int, due: int, failures: int = 0) -> None:
        """At most `STAPLE_MAX` bytes; `ValueError`."""
    def get(self) -> StapleState: ...

class TicketKeyFacts(NamedTuple):
    """A ticket key: its public name, and since when (seconds since the epoch) it is known, and encrypts."""

    name: bytes
    created: float
    active: float

class TicketKeys:
    """The ring of session-ticket keys (AES-256-CBC, HMAC-SHA256), in memory that processes forked later share.

    Key material never leaves it, except sealed. The youngest active key encrypts; a key decrypts until it is `age`
    seconds old, or `keep` younger ones have been active.
    """

    def __init__(self, age: int = ..., keep: int = ..., *, empty: bool = False) -> None:
        """Has one key, unless `empty`."""
    def configure(self, age: int, keep: int) -> None:
        """Anew, for all processes."""
    def maintain(self, now: float, period: float, lead: float = 0) -> bool:
        """Wipes keys that are too old; makes a new one, which encrypts `lead` seconds from now on, when the youngest
        is `period` seconds old. Whether it did: of all processes only one does. A key that was made more than `period`
        seconds after `now`, by a clock that was ahead, does not count as the youngest. Raises `OpenSSLError`.
        """
    def facts(self) -> list[TicketKeyFacts]:
        """The keys, the youngest first. Raises `OpenSSLError`."""
    def set_secret(self, secret: Buffer) -> None:
        """What is sealed with; the ring keeps a key that is derived from it."""
    def sealed(self) -> bytes:
        """All keys, encrypted (AES-256-GCM) for other machines with the same secret. Raises `OpenSSLError`."""
    def merge(self, sealed: builtins.bytes, now: float) -> tuple[bool, bool]:
        """Adds another machine's keys; whether there were new ones, and whether it lacks some of ours.

        Raises `ValueError`: sealed with another secret, or damaged; `OpenSSLError`.
        """
    def adopt(self, other: TicketKeys, now: float) -> None:
        """Adds the keys of another ring of this machine. Raises `OpenSSLError`."""
    def claim(self, now: float, interval: float) -> bool:
        """Whether the caller is to look for other machines' keys: of all processes, one every `interval` seconds."""
    def seal(self, name: builtins.bytes, data: builtins.bytes) -> builtins.bytes:
        """`data` encrypted for machines with the same secret, as the entry `name`. Raises `OpenSSLError`."""
    def unseal(self, name: builtins.bytes, data: builtins.bytes) -> builtins.bytes:
        """What `seal` was given. Raises `ValueError`: another secret or name, or damaged."""
    def wipe(self) -> None:
        """No key is left, in no process; the secret stays."""
    @property
    def sealing(self) -> bool:
        """Whether there is a secret."""
    @property
    def pool(self) -> builtins.bytes:
        """8 bytes that machines with the same secret have in common, and that do not tell it."""
    @property
    def locked(self) -> bool:
        """Whether the keys are kept out of swap."""
    @property
    def age(self) -> int: ...
    @property
    def keep(self) -> int: ...

class CacheFacts(NamedTuple):
    """`attached`: processes that use a segment, -1 for memory without a name; `counters` as in ossl_cache.h."""

    entries: int
    size: int
    created: float
    locked: bool
    attached: int
    removed: bool
    counters: tuple[int, ...]

CACHE_SMALLEST_SIZE: int

class SharedCache:
    """Entries under keys of 1 to 64 bytes, in memory that processes share. The oldest goes first.

    Times are seconds since the epoch. `timeout` is how long to wait for the lock; then `TimeoutError`.
    """

    def __init__(
        self, size: int = 0, *, segment: bool = False, join: int = -1, nonce: bytes = b"",
    ) -> None:
        """`size` bytes shared with processes forked later, or in a new System V `segment`; `join`: the segment of
        that number, whose `nonce` (16 bytes) must be this one. Raises `OSError`.
        """
    def store(self, key: bytes, value: bytes, expires: float, now: float, timeout: float) -> bool: ...
    def fetch(self, key: bytes, now: float, timeout: float) -> bytes | None: ...
    def delete(self, key: bytes, timeout: float) -> bool: ...
    def sweep(self, now: float, timeout: float, *, all: bool = False) -> int:
        """Forgets what has expired (or all); how many."""
    def entries(self, timeout: float) -> list[tuple[bytes, bytes, float]]:
        """Key, value and when it expires; the oldest first."""
    def remove(self, timeout: float) -> None:
        """From now on it keeps nothing, in any process; a segment vanishes with its last user."""
    def count(self, counter: int, number: int = 1) -> None: ...
    def facts(self) -> CacheFacts: ...
    def memory(self) -> memoryview:
        """All of it, for tests of what happens when it is damaged."""
    @property
    def segment(self) -> int:
        """The number of the segment; -1: it has none."""
    @property
    def entry_max(self) -> int:
        """Bytes of the largest value."""

class SessionKeeper(Protocol):
    """A cache in Python; what it raises comes out of the handshake."""

    def store(self, key: bytes, value: bytes, expires: float, /) -> object: ...
    def fetch(self, key: bytes, /) -> bytes | None: ...
    def delete(self, key: bytes, /) -> object: ...

class Context:
    """Certificates, protocols, verification, sessions and tickets that connections share. Not used while
    being changed; make a new one to reload.
    """

    server: bool
    def __init__(self, *, server: bool = True) -> None: ...
    def use_certificate(self, pem: bytes) -> None:
        """The leaf is the first certificate in `pem`; one per key type (RSA, DSA, EC, Ed25519).

        Raises `OpenSSLError`, as every method here does for what OpenSSL refuses."""
    def use_private_key(self, pem: bytes, password: Buffer | None = None) -> None:
        """Never prompts: an encrypted key without (or with a wrong) password is an `OpenSSLError`."""
    def use_key_uri(self, uri: str, pin: Buffer | None = None) -> None:
        """The key that e.g. `pkcs11:token=…;object=…` names, from the provider or engine of the scheme's
        name. Never prompts. At most 4 such keys."""
    def exercise_keys(self) -> None:
        """Signs with every key that came from a URI: a token needs that once in a new process."""
    def add_psk(self, identity: bytes, key: Buffer) -> None:
        """Server: a pre-shared key (1 to 512 bytes) for an identity (1 to 256 bytes); `ValueError`. Under
        TLS 1.3 it is a key for SHA-256."""
    def check_private_key(self) -> None:
        """Whether the leaf used last and its key belong together."""
    def add_chain_certificate(self, pem: bytes) -> None:
        """Every certificate in `pem` is sent after the leaf that was used last."""
    def staple(self, place: Staple, *, fake: bool) -> None:
        """Server: clients that ask get what is in `place` along with the leaf that was used last; with `fake`, "try
        later" while there is nothing. At most 8 certificates."""
    def use_server_info(self, path: bytes) -> None:
        """A file of extensions (SSL_CTX_use_serverinfo_file(3)) that every certificate in use so far sends to
        clients that ask for them. Once per context."""
    def add_trusted(self, pem_many: bytes) -> int:
        """CA certificates (and CRLs) for verification; how many there were."""
    def use_default_trust(self) -> None:
        """The system's CA store."""
    def check_revocation(self, whole_chain: bool = True) -> None:
        """Demands a CRL for the leaf (or every certificate) of the chain."""
    def set_client_ca_names(self, pem_many: bytes) -> int:
        """Subjects named in CertificateRequest, in order, without repeats; b"" names none."""
    def client_ca_names(self) -> tuple[str, ...]: ...
    def set_protocols(self, names: Iterable[str]) -> None:
        """Any subset of "TLSv1" "TLSv1.1" "TLSv1.2" "TLSv1.3"; `ValueError` when empty or unknown."""
    def set_ciphers(self, ciphers: str) -> None: ...
    def set_ciphersuites(self, ciphersuites: str) -> None: ...
    def ciphers(self) -> list[str]: ...
    def set_groups(self, groups: str) -> None: ...
    def set_security_level(self, level: int) -> None: ...
    def use_dh_parameters(self, pem: bytes) -> None:
        """In place of those that OpenSSL chooses."""
    def set_options(
        self, *, server_preference: bool = True, renegotiation: bool = False, tickets12: bool = False,
        legacy_renegotiation: bool = False, empty_fragments: bool = True, ktls: bool = True,
    ) -> None:
        """`renegotiation`: the peer may renegotiate (TLS <= 1.2); `tickets12`: session tickets under TLS
        <= 1.2 too; `ktls`: kernel TLS on data connections where the kernel has it.
        """
    def set_verify(self, mode: VerifyMode, depth: int = 9, optional_failure_ok: bool = False) -> None:
        """`depth` counts the CA certificates between leaf and root, as OpenSSL does. With
        `optional_failure_ok` a bad certificate is recorded (`Connection.verify_failures`) and accepted.
        """
    def set_verify_callback(
        self, callback: Callable[[Connection, tuple[bytes, ...]], tuple[int, int] | None] | None
    ) -> None:
        """Called with the verified chain (DER, leaf first, with its root) once nothing is wrong with it: None
        lets it pass, (depth, X509_V_ERR_… number) is an objection to the certificate at that depth. What it
        raises comes out of the handshake.
        """
    def set_resume_callback(self, callback: Callable[[Connection, bytes], bool] | None) -> None:
        """Called with the client's certificate (DER) that a session holds, before a control connection resumes it:
        False lets a full handshake follow. What it raises comes out of the handshake.
        """
    def set_verify_purpose(self, purpose: Literal["server", "client", "any"]) -> None: ...
    def set_session_id_context(self, name: bytes) -> None:
        """At most 32 bytes."""
    def set_session_timeout(self, seconds: int) -> None: ...
    def use_cache(self, cache: SharedCache | None) -> None:
        """Where TLS <= 1.2 sessions are kept for new control connections; None (as at first): nowhere."""
    def use_keeper(self, keeper: SessionKeeper, *, sealed: bool) -> None:
        """The same, in whatever `keeper` is. Not `sealed`: others may write to it, so a session of a client with a
        certificate is not resumed from there.
        """
    def ask_for_tickets(self, wanted: bool) -> None:
        """Client, TLS <= 1.2: without them a server can only offer resumption by session id."""
    def statistics(self) -> dict[str, int]:
        """OpenSSL's counters: accepts, accepts_finished, renegotiations, resumed, misses, timeouts …"""
    def set_num_tickets(self, count: int) -> None:
        """TLS 1.3 tickets sent after a full handshake on a control connection (default 2)."""
    def set_alpn(self, protocols: tuple[bytes, ...], strict: bool = False) -> None:
        """Server: exact names, our preference first; `strict`: no overlap is a no_application_protocol alert.
        Client: what is offered."""
    def set_servername_callback(
        self, callback: Callable[[Connection, str | None], Context | int | None] | None
    ) -> None:
        """Called in the ClientHello: another `Context` replaces certificates, verification and ciphers,
        `None` keeps this one, a number is a fatal alert (112 unrecognized_name …).
        """
    def set_info_callback(self, callback: Callable[[Connection, int, int, str], None] | None) -> None:
        """`(connection, where, value, state)`: SSL_CTX_set_info_callback(3)."""
    def set_message_callback(
        self, callback: Callable[[Connection, bool, int, int, bytes], None] | None
    ) -> None:
        """`(connection, sent, version, content type, bytes)`: SSL_CTX_set_msg_callback(3)."""
    @property
    def ticket_keys(self) -> TicketKeys:
        """Server: a ring of its own at first."""
    def use_ticket_keys(self, keys: TicketKeys) -> None: ...

class Connection:
    """One TLS connection on a non-blocking descriptor that it does not own.

    `role="control"`: `identity` (32 bytes, made at random when empty) goes into every ticket and stored
    session. `role="data"`, `control=…`: sends no ticket, stores no session; resumes by id only the control
    connection's own session (never expired, never evicted) and by any ticket of the context: ask
    `proof_of`.
    """

    def __init__(
        self, context: Context, fd: int, *, server: bool = True, role: Literal["control", "data"] = "control",
        identity: bytes = b"", control: Connection | None = None, nonblocking: bool = False,
    ) -> None:
        """`ValueError` when the descriptor is in blocking mode; `nonblocking`: the caller knows that it is not."""
    context: Context
    role: str
    verification: Any
    """Whatever the verify callback leaves here for whoever reads it after the handshake."""
    def fileno(self) -> int: ...
    def handshake(self, timeout: float) -> None:
        """Raises `TLSError`."""
    def handshake_step(self) -> Literal["done", "read", "write"]:
        """As far as it goes without waiting. Raises `TLSError`."""
    def handshake_until(self, deadline: float) -> bool:
        """Whether the handshake was done by `deadline` (seconds of the monotonic clock). Raises `TLSError`."""
    def read(self, size: int, timeout: float) -> bytes:
        """1 to `size` bytes; b"": close_notify. Raises `TLSError`."""
    def read_available(self, size: int) -> bytes | None:
        """What can be had without waiting; b"": close_notify, None: nothing now. Raises `TLSError`."""
    def write(self, data: Buffer, timeout: float) -> None:
        """All of `data`. Raises `TLSError`; after a timeout the connection is fit only for closing."""
    def flush(self, timeout: float) -> None:
        """Sends what is queued (tickets, key updates). Raises `TLSError`."""
    def pending(self) -> int:
        """Decrypted bytes that `read` can give without the socket."""
    def has_pending(self) -> bool: ...
    def in_record(self) -> bool:
        """Whether a TLS record has been read in part: the socket's next byte belongs to it."""
    def new_session_ticket(self) -> bool:
        """TLS 1.3 server: a ticket goes out with the next write (or `flush`); False when that is not
        possible.
        """
    def shutdown(self, timeout: float, *, wait_peer: bool) -> bool:
        """Sends close_notify; True when the peer's has come too. With `wait_peer` waits for it and throws
        away data before it. A timeout, the peer's FIN and an unfinished handshake give False; else raises
        `TLSError`.
        """
    def shutdown_step(self) -> Literal["done", "read", "write"]:
        """Hands close_notify to the kernel as far as that goes without waiting; what it waits for otherwise.

        To be called until "done", with no read in between. Raises `TLSError`.
        """

    def peer_end(self, most: int) -> Literal["notify", "fin"] | None:
        """How the peer has ended its side, without waiting; None: it has not. What it sent before is thrown away (about
        `most` bytes at a time, counted in `discarded`). Raises `TLSError`.
        """
    @property
    def discarded(self) -> int: ...
    def close_notify(self) -> bool:
        """Sends close_notify if that needs no waiting; whether it went out. Never raises."""
    def renegotiate(self) -> None:
        """Asks the peer for a new handshake (TLS <= 1.2); it happens in later reads. Raises `TLSError`."""
    def renegotiating(self) -> bool: ...
    def key_update(self, request_peer: bool) -> None:
        """TLS 1.3: queued with the next write (or `flush`). Raises `OpenSSLError`."""
    def request_status(self) -> None:
        """Client: ask for an OCSP response in the handshake to come."""
    @property
    def status_response(self) -> bytes | None:
        """Client: the response (DER) that came."""
    def set_session(self, session: Session) -> None:
        """Client: offered in the handshake to come."""
    def get_session(self) -> Session | None:
        """The newest session (its ticket may not have come yet under TLS 1.3)."""
    def take_sessions(self) -> list[Session]:
        """Client: sessions and tickets that arrived since the last call, oldest first (at most 16 are
        kept).
        """
    def set_server_name(self, name: str) -> None:
        """Client: SNI."""
    def set_verify_host(self, name: str) -> None:
        """Client: the host name or IP address that the server's certificate must bear."""
    def proof_of(self, control: Connection) -> Literal["ok", "not-resumed", "other-session"]:
        """Whether this (data) connection resumed a session of `control`."""
    def same_session_as(self, other: Connection) -> bool: ...
    def keys_for_export(self, label: str, length: int, context: bytes = b"") -> bytes:
        """RFC 5705 keying material."""
    @property
    def version(self) -> str:
        """ "TLSv1.3"; "" before the handshake."""
    @property
    def cipher(self) -> str: ...
    @property
    def bits(self) -> int: ...
    @property
    def algorithm_bits(self) -> int: ...
    @property
    def handshake_done(self) -> bool: ...
    @property
    def resumed(self) -> bool: ...
    @property
    def psk_identity(self) -> str:
        """Server: whose pre-shared key this connection rests on; "": no one's."""
    @property
    def session_id(self) -> bytes: ...
    @property
    def session_lifetime(self) -> int:
        """Seconds until the session expires (may be negative)."""
    @property
    def identity(self) -> bytes:
        """Of a control connection that resumed a session, that session's."""
    @property
    def ticket_identity(self) -> bytes:
        """The identity in the ticket or cached session that was resumed, or b""."""
    @property
    def peer_certificate(self) -> bytes | None:
        """DER."""
    @property
    def own_certificate(self) -> bytes | None:
        """DER: the certificate that we showed, or would have."""
    @property
    def peer_chain(self) -> tuple[bytes, ...]:
        """DER, leaf first, as sent by the peer (empty after a resumption by ticket)."""
    @property
    def verify_result(self) -> tuple[int, str]: ...
    @property
    def verify_failures(self) -> list[VerifyFailure]: ...
    @property
    def server_name(self) -> str | None: ...
    @property
    def alpn(self) -> bytes: ...
    @property
    def secure_renegotiation(self) -> bool: ...
    @property
    def client_hello_version(self) -> str:
        """The highest version that the client offered; "" before its hello."""
    @property
    def client_ca_names(self) -> tuple[str, ...]:
        """Client: the names in the server's CertificateRequest."""
    @property
    def renegotiations_by_peer(self) -> int: ...
    @property
    def renegotiations(self) -> int:
        """Completed handshakes after the first (TLS <= 1.2)."""
    @property
    def key_updates_by_peer(self) -> int: ...
    @property
    def alert_received(self) -> tuple[str, str] | None:
        """("fatal" | "warning", description) of the last one, close_notify not counted."""
    @property
    def alert_sent(self) -> tuple[str, str] | None: ...
    @property
    def stapled(self) -> Stapled:
        """Server: what a client that asked for the certificate's status got; "": it did not ask, resumed a session, or
        stapling is off."""
    @property
    def kernel_tls(self) -> tuple[bool, bool]:
        """Whether the kernel encrypts (send, receive)."""

class Pump:
    """One transfer between a file (or a buffer, or a listing) and a socket, in one C loop without the GIL."""

    def __init__(
        self, *, direction: Literal["send", "receive"], source: int | builtins.bytes | Listing, sock: int,
        tls: Connection | None = None, control: int = -1, offset: int | None = None, limit: int = -1,
        ascii: bool = False, rate: float = 0.0, burst: int = 0, stall: float = 0.0,
        sendfile: bool = True, finish: bool = False, progress: memoryview | None = None,
        expected: int = 0, deflate: int | None = None, secure: float = 0.0, proves: Connection | None = None,
    ) -> None:
        """`source` is a descriptor (the sink when receiving), bytes or a listing; `control` a descriptor
        watched for input (-1: none); `offset` a position for pread/pwrite (None: sequential); `limit` file
        bytes (-1: none); `rate` wire bytes per second (0: no limit), from which the first `burst` are free;
        `stall` seconds without a byte (0: for ever); `sendfile`: the kernel may copy the file itself; `finish`:
        after "done" (and "limit" when sending) the peer is told that our side has ended, see `finished`;
        `progress`: 8 writable, aligned bytes in which `bytes` is kept for other processes to see; `expected`: bytes
        of the file as far as known, which buffers go by (0: unknown); `deflate`: what travels is a zlib stream
        (MODE Z), compressed with this level (0 to 9, -1: zlib's usual one) where we send; None: the data itself;
        `secure`: the handshake of `tls` is still to be done, until this moment of the monotonic clock (0: it is done);
        `proves`: the control connection whose session has to be resumed then, see "secured".
        """
    def run(self) -> Stop:
        """Moves data until the end and says why it stopped. May be called again after "control" and
        continues.

        "done" everything was written (send); close_notify, or FIN on a plain socket (receive) · "control"
        input on the control descriptor · "stalled" · "reset" · "eof" FIN without close_notify · "tls" see
        `error` · "file" see `errno` · "aborted" · "limit" `limit` bytes were sent, or the peer sent more
        than `limit` · "inflate" what came is no zlib stream, see `fault` · "cut" it ended before its stream
        did · "paused" as `pause` asked for; may be called again too.

        While `securing`: "handshake" it failed, see `error` · "late" it took too long. After it: "secured" somebody
        else has to judge whom we talk to; called again, it moves the data. It does that at once, and does not stop,
        where the session of `proves` was resumed beyond doubt.
        """
    def pause(self, *, at: int = 0, time: float = 0.0) -> None:
        """Makes `run` return "paused", once, when `bytes` has reached `at` (and no TLS record is half written:
        new keys can be asked for) or the monotonic clock has reached `time`; 0: never.
        """
    def abort(self) -> None:
        """Makes `run` return "aborted", now or at its next call. From any thread."""
    control: int
    """The descriptor that is watched; may be changed while `run` does not run."""
    @property
    def securing(self) -> bool:
        """Whether the handshake is still to be done."""
    @property
    def begun(self) -> float:
        """When the data began (seconds of the monotonic clock); 0: it has not."""
    @property
    def finished(self) -> bool:
        """Whether close_notify (and FIN, where we sent) went out with the last data, as `finish` asked for. False
        also where there was no room for them: then they are still to be sent.
        """
    @property
    def bytes(self) -> int:
        """Payload bytes on the wire side of conversion and compression. Live, from any thread."""
    @property
    def file_bytes(self) -> int:
        """Bytes read from or written to the file. Live, from any thread."""
    @property
    def gave_way(self) -> int:
        """How often it has let go of its processor for a waiting command (`give_way_to`)."""
    @property
    def error(self) -> TLSError | None: ...
    @property
    def errno(self) -> int: ...
    @property
    def fault(self) -> str:
        """What is wrong with the zlib stream, after "inflate"; else ""."""

class Digest:
    """The digest of a part of a file, computed without the GIL."""

    def __init__(self, algorithm: str, *, start: int = 0) -> None:
        """`algorithm` is OpenSSL's name of it, or crc32; `start` the first byte.

        Raises `OpenSSLError` where OpenSSL does not have it (or may not have it: FIPS).
        """
    def run(
        self, fd: int, end: int, *, control: int = -1, until: float = 0.0,
    ) -> Literal["done", "control", "paused", "short", "file"]:
        """Goes on with the file `fd` up to byte `end` (excluded) and says why it stopped.

        "control" input on the descriptor `control` (-1: none is watched) · "paused" the monotonic clock has
        reached `until` (0: it never does); both may be continued · "short" the file ends before · "file" see
        `errno`. A few MB are always done before anything is looked at. Raises `OpenSSLError`.
        """
    @property
    def position(self) -> int:
        """The next byte."""
    @property
    def gave_way(self) -> int:
        """How often it has let go of its processor for a waiting command (`give_way_to`)."""
    @property
    def errno(self) -> int: ...
    def hexdigest(self) -> str:
        """In hexadecimal digits, once."""

def keep_to_processor(number: int) -> None:
    """Keeps this thread, and those that it starts, on processor `number`; a pump that moves much leaves it for that
    time. Once in a process. Raises `OSError`.
    """
def answer_promptly() -> None:
    """Asks the kernel to let the calling thread run soon whenever it wakes up, and briefly; not while it is a pump that
    moves much.
    """
def give_way_to(commands: int) -> None:
    """From now on pumps and digests that move much let go of their processor while the epoll descriptor `commands` has
    something to tell: input on a control connection. Once in a process; -1: no more.
    """
def wait_readable(fds: Sequence[int], timeout: float) -> list[int]:
    """Indices of `fds` that have input, an end or an error; [] after `timeout` seconds (`<= 0`: for ever)."""

def random_bytes(size: int) -> bytes:
    """From OpenSSL's generator (the FIPS one where loaded)."""

def rest_thread() -> None:
    """Frees what OpenSSL keeps for the calling thread (random generators above all); it is made again when needed."""

def library_version() -> str: ...
def header_version() -> str: ...
def supports(protocol: str) -> bool: ...
def engines_exist() -> bool:
    """Whether this OpenSSL still has engines."""

def use_engine(name: str) -> None:
    """For all that it can do; "ALL": every engine that is built in. Raises `OpenSSLError`."""

def use_provider(name: str) -> None:
    """Loads it beside the default provider. Raises `OpenSSLError`."""

def load_random(path: builtins.bytes, size: int) -> int:
    """Stirs at most `size` bytes of a file into the generator; how many. Raises `OpenSSLError`."""

def dh_bits(pem: builtins.bytes) -> int:
    """The size of DH parameters' prime. Raises `OpenSSLError`."""

def lock_memory(secret: Buffer) -> bool:
    """Keeps the (writable) buffer's pages out of core dumps and, if the answer is True, out of swap."""

def wipe_memory(secret: Buffer) -> None:
    """Overwrites the (writable) buffer with zeros, for sure."""

def load_fips() -> None:
    """Loads the FIPS provider and makes it the default for everything. Raises `OpenSSLError`."""
