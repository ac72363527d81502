ErrorEntry = namedtuple("ErrorEntry", "code text library reason data", module=__name__)
VerifyFailure = namedtuple("VerifyFailure", "depth code text subject issuer", module=__name__)


class OpenSSLError(Exception):
    """OpenSSL refused. `queue` is the thread's whole error queue, which is empty afterwards."""

    def __init__(self, message, queue=()):
        super().__init__(message)
        self.queue = queue


class TLSError(OpenSSLError):
    """A TLS connection failed; `kind` and `errno` say how."""

    def __init__(self, message, queue=(), *, kind="protocol", errno=0):
        super().__init__(message, queue)
        self.kind = kind
        self.errno = errno


cdef str text_of(const char *text):
    return "" if text == NULL else text.decode("utf-8", "surrogateescape")


cdef tuple take_queue():
    cdef unsigned long code
    cdef const char *data
    cdef int flags
    cdef char line[256]
    cdef list entries = []
    while True:
        data = NULL
        flags = 0
        code = ERR_get_error_all(NULL, NULL, NULL, &data, &flags)
        if code == 0:
            return tuple(entries)
        ERR_error_string_n(code, line, sizeof(line))
        entries.append(ErrorEntry(
            code, text_of(line), text_of(ERR_lib_error_string(code)), text_of(ERR_reason_error_string(code)),
            text_of(data) if flags & ERR_TXT_STRING else "",
        ))


cdef object openssl_error(str what):
    """The exception to raise for a failed call outside connections."""
    cdef tuple queue = take_queue()
    if queue:
        last = queue[0]
        return OpenSSLError(f"{what}: {last.text}" + (f" ({last.data})" if last.data else ""), queue)
    return OpenSSLError(what)


cdef str kind_name(int kind):
    if kind == IO_TIMEOUT:
        return "timeout"
    if kind == IO_CLOSED:
        return "closed"
    if kind == IO_EOF:
        return "eof"
    if kind == IO_RESET:
        return "reset"
    if kind == IO_SYSCALL:
        return "syscall"
    return "renegotiation" if kind == IO_RENEGOTIATION else "protocol"


cdef object tls_error(str what, int kind, int number):
    """The exception for the I/O result `kind`; takes the error queue."""
    cdef tuple queue = take_queue()
    cdef str name = kind_name(kind)
    if number:
        why = os.strerror(number)
    elif name == "protocol":
        why = queue[0].text if queue else "the connection has failed before"
    else:
        why = {
            "timeout": "timed out", "closed": "the peer closed the TLS connection",
            "eof": "the peer ended the connection without close_notify", "reset": "connection reset",
            "syscall": "system call error",
            "renegotiation": "the peer renegotiated without leave or sent too many key updates",
        }[name]
    return TLSError(f"{what}: {why}", queue, kind=name, errno=number)
