@cython.final
cdef class Session:
    """A TLS session as a client keeps it."""

    cdef SSL_SESSION *session

    def __init__(self):
        raise TypeError("sessions come from Connection.get_session, take_sessions or Session.from_der")

    def __dealloc__(self):
        if self.session != NULL:
            SSL_SESSION_free(self.session)

    @property
    def id(self):
        cdef unsigned size
        cdef const unsigned char *data = SSL_SESSION_get_id(self.session, &size)
        return (<const char *>data)[:size]

    @property
    def version(self):
        return protocol_name(SSL_SESSION_get_protocol_version(self.session))

    @property
    def has_ticket(self):
        return bool(SSL_SESSION_has_ticket(self.session))

    @property
    def ticket(self):
        cdef const unsigned char *data = NULL
        cdef size_t size = 0
        SSL_SESSION_get0_ticket(self.session, &data, &size)
        return (<const char *>data)[:size] if data != NULL else b""

    @property
    def resumable(self):
        return bool(SSL_SESSION_is_resumable(self.session))

    @property
    def lifetime_hint(self):
        return SSL_SESSION_get_ticket_lifetime_hint(self.session)

    @property
    def created(self):
        return session_time(self.session)

    @created.setter
    def created(self, long seconds):
        session_set_time(self.session, seconds)

    @property
    def timeout(self):
        return SSL_SESSION_get_timeout(self.session)

    @timeout.setter
    def timeout(self, long seconds):
        SSL_SESSION_set_timeout(self.session, seconds)

    def to_der(self):
        cdef unsigned char *data = NULL
        cdef int size
        ERR_clear_error()
        size = i2d_SSL_SESSION(self.session, &data)
        if size <= 0:
            raise openssl_error("cannot encode the session")
        try:
            return (<const char *>data)[:size]
        finally:
            OPENSSL_free(data)

    @staticmethod
    def from_der(bytes der):
        cdef const unsigned char *data = <const unsigned char *>PyBytes_AS_STRING(der)
        cdef SSL_SESSION *session
        ERR_clear_error()
        session = d2i_SSL_SESSION(NULL, &data, len(der))
        if session == NULL:
            raise openssl_error("not a session")
        return wrap_session(session)


cdef Session wrap_session(SSL_SESSION *session):
    """Takes over the reference, also if it fails."""
    cdef Session wrapped
    try:
        wrapped = Session.__new__(Session)
    except MemoryError:
        SSL_SESSION_free(session)
        raise
    wrapped.session = session
    return wrapped
