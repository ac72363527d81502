cdef bytes certificate_der(const X509 *certificate):
    cdef unsigned char *data = NULL
    cdef int size = i2d_X509(certificate, &data)
    if size <= 0:
        raise openssl_error("cannot encode the certificate")
    try:
        return (<const char *>data)[:size]
    finally:
        OPENSSL_free(data)


cdef object require_nonblocking(int fd):
    cdef int flags = fcntl(fd, F_GETFL)
    if flags < 0:
        raise OSError(errno, f"descriptor {fd}: {os.strerror(errno)}")
    if not flags & O_NONBLOCK:
        raise ValueError(f"descriptor {fd} is in blocking mode; call setblocking(False) first")


cdef object alert_pair(int alert):
    if alert == 0:
        return None
    return ("fatal" if alert >> 8 == 2 else "warning", text_of(SSL_alert_desc_string_long(alert)))


cdef class Connection:
    """One TLS connection on a non-blocking descriptor that it does not own."""

    cdef conn *state
    cdef Context first
    cdef readonly Context context
    cdef readonly str role
    cdef object raised
    cdef io_call discarding
    cdef public object verification
    cdef object __weakref__

    def __cinit__(
        self, Context context not None, int fd, *, bint server=True, str role="control", bytes identity=b"",
        Connection control=None, bint nonblocking=False,
    ):
        if role not in ("control", "data"):
            raise ValueError(f"unknown role {role!r}")
        if identity and len(identity) != IDENTITY_SIZE:
            raise ValueError(f"an identity has {IDENTITY_SIZE} bytes")
        if server != context.server:
            raise ValueError("the context is for the other side")
        if not nonblocking:
            require_nonblocking(fd)
        self.first = self.context = context
        self.role = role
        ERR_clear_error()
        self.state = conn_new(context.ctx, &context.config, fd, server)
        if self.state == NULL:
            raise openssl_error("cannot make a connection")
        self.state.owner = <void *>self
        if identity:
            memcpy(self.state.identity, PyBytes_AS_STRING(identity), IDENTITY_SIZE)
        elif RAND_bytes(self.state.identity, IDENTITY_SIZE) != 1:
            raise openssl_error("cannot make an identity")
        if role == "data":
            data_prepare(self.state, control.state if control is not None else NULL)

    def __dealloc__(self):
        if self.state != NULL and self.state.pid == getpid():
            conn_free(self.state)

    def fileno(self):
        return self.state.fd

    cdef int run(self, io_operation operation, io_call *call, double deadline) except -1:
        """Runs the operation without the GIL; signal handlers run in between."""
        cdef int kind
        while True:
            with nogil:
                kind = io_run(self.state, operation, call, deadline)
            self.raise_raised()
            if kind != IO_INTERRUPTED:
                return kind
            PyErr_CheckSignals()

    cdef int raise_raised(self) except -1:
        """Raises what a callback raised."""
        if self.raised is not None:
            raised, self.raised = self.raised, None
            ERR_clear_error()
            raise raised
        return 0

    cdef int run_at_once(self, io_operation operation, io_call *call) except -1:
        """Runs an operation that does not wait and computes little: not worth letting go of the GIL, which whoever
        takes it meanwhile hands back late."""
        cdef int kind = io_run(self.state, operation, call, IO_NOWAIT)
        self.raise_raised()
        return kind

    cdef int demand(self, str what, io_operation operation, io_call *call, double timeout) except -1:
        cdef int kind = self.run(operation, call, io_deadline(timeout))
        if kind != IO_OK:
            raise tls_error(what, kind, call.error)
        return 0

    # ---- handshake and data

    def handshake(self, double timeout):
        cdef io_call call
        memset(&call, 0, sizeof(call))
        self.demand("handshake", op_handshake, &call, timeout)

    def handshake_step(self):
        cdef io_call call
        cdef int kind
        memset(&call, 0, sizeof(call))
        kind = self.run(op_handshake, &call, IO_NOWAIT)
        if kind == IO_OK:
            return "done"
        if kind == IO_WANT_READ or kind == IO_WANT_WRITE:
            return "read" if kind == IO_WANT_READ else "write"
        raise tls_error("handshake", kind, call.error)

    def handshake_until(self, double deadline):
        cdef io_call call
        cdef int kind
        memset(&call, 0, sizeof(call))
        kind = self.run(op_handshake, &call, deadline)
        if kind == IO_OK or kind == IO_TIMEOUT:
            return kind == IO_OK
        raise tls_error("handshake", kind, call.error)

    def read(self, Py_ssize_t size, double timeout):
        return self.receive(size, io_deadline(timeout))

    def read_available(self, Py_ssize_t size):
        return self.receive(size, IO_NOWAIT)

    cdef object receive(self, Py_ssize_t size, double deadline):
        cdef bytes out
        cdef io_call call
        cdef int kind
        if size <= 0:
            raise ValueError("size must be positive")
        out = PyBytes_FromStringAndSize(NULL, size)
        memset(&call, 0, sizeof(call))
        call.data = PyBytes_AS_STRING(out)
        call.size = size
        if self.state.renegotiating:
            kind = self.run(op_read, &call, deadline)
        else:
            kind = self.run_at_once(op_read, &call)
        if deadline != IO_NOWAIT and (kind == IO_WANT_READ or kind == IO_WANT_WRITE):
            kind = self.run(op_read, &call, deadline)
        if kind == IO_OK:
            return out[:call.done]
        if kind == IO_CLOSED:
            return b""
        if kind == IO_WANT_READ or kind == IO_WANT_WRITE:
            return None
        raise tls_error("read", kind, call.error)

    def write(self, data, double timeout):
        cdef Py_buffer view
        cdef io_call call
        cdef int kind
        PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
        try:
            memset(&call, 0, sizeof(call))
            call.data = view.buf
            call.size = view.len
            kind = self.run_at_once(op_write, &call)
            if kind == IO_WANT_READ or kind == IO_WANT_WRITE:
                kind = self.run(op_write, &call, io_deadline(timeout))
            if kind != IO_OK:
                raise tls_error("write", kind, call.error)
        finally:
            PyBuffer_Release(&view)

    def flush(self, double timeout):
        cdef io_call call
        memset(&call, 0, sizeof(call))
        self.demand("flush", op_flush, &call, timeout)

    def pending(self):
        return SSL_pending(self.state.ssl)

    def has_pending(self):
        return bool(SSL_has_pending(self.state.ssl))

    def in_record(self):
        # "RB": the header has been read, the body not; SSL_has_pending knows of other parts of a record.
        return bool(SSL_has_pending(self.state.ssl)) or text_of(SSL_rstate_string(self.state.ssl)) == "RB"

    # ---- ending

    def shutdown(self, double timeout, *, bint wait_peer):
        cdef io_call call
        cdef double deadline = io_deadline(timeout)
        cdef int kind
        memset(&call, 0, sizeof(call))
        while True:
            with nogil:
                kind = io_shutdown(self.state, wait_peer, deadline, &call)
            if kind != IO_INTERRUPTED:
                break
            PyErr_CheckSignals()
        if kind == IO_CLOSED or kind == IO_OK:
            return kind == IO_CLOSED
        error = tls_error("shutdown", kind, call.error)
        if kind == IO_TIMEOUT or kind == IO_EOF:
            return False
        raise error

    def shutdown_step(self):
        cdef io_call call
        cdef int kind
        memset(&call, 0, sizeof(call))
        kind = self.run(op_close, &call, IO_NOWAIT)
        if kind == IO_OK:
            return "done"
        if kind == IO_WANT_READ or kind == IO_WANT_WRITE:
            return "read" if kind == IO_WANT_READ else "write"
        raise tls_error("shutdown", kind, call.error)

    def peer_end(self, size_t most):
        cdef int kind = io_peer_end(self.state, most, &self.discarding)
        self.raise_raised()
        if kind == IO_CLOSED:
            return "notify"
        if kind == IO_EOF:
            ERR_clear_error()
            return "fin"
        if kind == IO_OK or kind == IO_WANT_READ or kind == IO_WANT_WRITE:
            return None
        raise tls_error("read", kind, self.discarding.error)

    @property
    def discarded(self):
        return self.discarding.done

    def close_notify(self):
        cdef io_call call
        cdef int kind
        memset(&call, 0, sizeof(call))
        if not self.state.established or self.state.broken:
            return False
        with nogil:
            kind = io_run(self.state, op_close, &call, IO_NOWAIT)
        ERR_clear_error()
        return kind == IO_OK

    # ---- later messages

    def new_session_ticket(self):
        cdef conn *state = self.state
        if not state.server or state.data_role or not state.established or state.broken:
            return False
        if SSL_version(state.ssl) < TLS1_3_VERSION:
            return False
        ERR_clear_error()
        queued = SSL_new_session_ticket(state.ssl) == 1
        ERR_clear_error()
        return queued

    def renegotiate(self):
        cdef io_call call
        cdef int kind
        memset(&call, 0, sizeof(call))
        if not self.state.established or SSL_version(self.state.ssl) >= TLS1_3_VERSION:
            raise OpenSSLError("renegotiation needs an established connection of TLS 1.2 or older")
        ERR_clear_error()
        self.state.renegotiating = 1
        SSL_clear_options(self.state.ssl, SSL_OP_NO_RENEGOTIATION)
        if SSL_renegotiate(self.state.ssl) != 1:
            self.state.renegotiating = 0
            raise openssl_error("cannot renegotiate")
        kind = self.run(op_handshake, &call, IO_NOWAIT)
        if kind != IO_OK and kind != IO_WANT_READ and kind != IO_WANT_WRITE:
            raise tls_error("renegotiation", kind, call.error)

    def renegotiating(self):
        return bool(self.state.renegotiating)

    def key_update(self, bint request_peer):
        ERR_clear_error()
        if SSL_key_update(
            self.state.ssl, SSL_KEY_UPDATE_REQUESTED if request_peer else SSL_KEY_UPDATE_NOT_REQUESTED
        ) != 1:
            raise openssl_error("cannot update the keys")
        if request_peer:
            self.state.key_updates_asked += 1

    # ---- client side

    def request_status(self):
        if SSL_set_tlsext_status_type(self.state.ssl, TLSEXT_STATUSTYPE_ocsp) != 1:
            raise openssl_error("cannot ask for the certificate's status")

    @property
    def status_response(self):
        cdef const unsigned char *data = NULL
        cdef long size = SSL_get_tlsext_status_ocsp_resp(self.state.ssl, &data)
        return None if size < 0 or data == NULL else (<const char *>data)[:size]

    def set_session(self, Session session not None):
        cdef SSL_SESSION *copy = SSL_SESSION_dup(session.session)
        cdef int result
        if copy == NULL:
            raise openssl_error("cannot copy the session")
        result = SSL_set_session(self.state.ssl, copy)
        SSL_SESSION_free(copy)
        if result != 1:
            raise openssl_error("cannot use the session")

    def get_session(self):
        cdef SSL_SESSION *own = SSL_get_session(self.state.ssl)
        cdef SSL_SESSION *copy
        if own == NULL:
            return None
        copy = SSL_SESSION_dup(own)
        if copy == NULL:
            raise openssl_error("cannot copy the session")
        return wrap_session(copy)

    def take_sessions(self):
        cdef list sessions = [None] * self.state.received_count
        cdef int i
        for i in range(self.state.received_count):
            sessions[i] = Session.__new__(Session)
        for i in range(self.state.received_count):  # nothing fails any more: each reference is held once
            (<Session>sessions[i]).session = self.state.received[i]
        self.state.received_count = 0
        return sessions

    def set_server_name(self, str name):
        ERR_clear_error()
        if SSL_set_tlsext_host_name(self.state.ssl, name.encode("idna")) != 1:
            raise openssl_error("cannot set the server name")

    def set_verify_host(self, str name):
        cdef X509_VERIFY_PARAM *param = SSL_get0_param(self.state.ssl)
        cdef bytes text = name.encode()
        if X509_VERIFY_PARAM_set1_ip_asc(param, text) == 1:
            return
        ERR_clear_error()
        if X509_VERIFY_PARAM_set1_host(param, text, len(text)) != 1:
            raise openssl_error("cannot set the host name")

    # ---- proof

    def proof_of(self, Connection control not None):
        cdef int proof = conn_proof(self.state, control.state)
        return "ok" if proof > 0 else "not-resumed" if proof == 0 else "other-session"

    def same_session_as(self, Connection other not None):
        return conn_proof(self.state, other.state) > 0

    def keys_for_export(self, str label, int length, bytes context=b""):
        cdef bytes out = PyBytes_FromStringAndSize(NULL, length)
        cdef bytes name = label.encode()
        ERR_clear_error()
        if SSL_export_keying_material(
            self.state.ssl, <unsigned char *>PyBytes_AS_STRING(out), length, PyBytes_AS_STRING(name), len(name),
            <const unsigned char *>PyBytes_AS_STRING(context), len(context), 1,
        ) != 1:
            raise openssl_error("cannot export keying material")
        return out

    # ---- what was negotiated

    @property
    def version(self):
        return text_of(SSL_get_version(self.state.ssl)) if self.state.established else ""

    @property
    def cipher(self):
        cdef const SSL_CIPHER *cipher = SSL_get_current_cipher(self.state.ssl)
        return "" if cipher == NULL else text_of(SSL_CIPHER_get_name(cipher))

    @property
    def bits(self):
        cdef const SSL_CIPHER *cipher = SSL_get_current_cipher(self.state.ssl)
        return 0 if cipher == NULL else SSL_CIPHER_get_bits(cipher, NULL)

    @property
    def algorithm_bits(self):
        cdef const SSL_CIPHER *cipher = SSL_get_current_cipher(self.state.ssl)
        cdef int bits = 0
        if cipher != NULL:
            SSL_CIPHER_get_bits(cipher, &bits)
        return bits

    @property
    def handshake_done(self):
        return bool(self.state.established)

    @property
    def resumed(self):
        return bool(self.state.established and SSL_session_reused(self.state.ssl) and not self.by_psk())

    cdef bint by_psk(self):
        """TLS 1.3 shows an external key as a resumption, but no ticket was opened then."""
        if self.state.psk_identity[0] == 0 or self.state.has_presented:
            return False
        return SSL_version(self.state.ssl) < TLS1_3_VERSION or SSL_session_reused(self.state.ssl)

    @property
    def psk_identity(self):
        return self.state.psk_identity.decode("utf-8", "surrogateescape") if self.by_psk() else ""

    @property
    def session_id(self):
        cdef const SSL_SESSION *session = SSL_get_session(self.state.ssl)
        cdef const unsigned char *data
        cdef unsigned size = 0
        if session == NULL:
            return b""
        data = SSL_SESSION_get_id(session, &size)
        return (<const char *>data)[:size]

    @property
    def session_lifetime(self):
        cdef const SSL_SESSION *session = SSL_get_session(self.state.ssl)
        if session == NULL:
            return 0
        return session_time(session) + SSL_SESSION_get_timeout(session) - c_time(NULL)

    @property
    def identity(self):
        return (<const char *>self.state.identity)[:IDENTITY_SIZE]

    @property
    def ticket_identity(self):
        if not self.resumed or not self.state.has_presented:
            return b""
        return (<const char *>self.state.presented)[:IDENTITY_SIZE]

    @property
    def peer_certificate(self):
        cdef const X509 *certificate = SSL_get0_peer_certificate(self.state.ssl)
        return None if certificate == NULL else certificate_der(certificate)

    @property
    def own_certificate(self):
        cdef const X509 *certificate = SSL_get_certificate(self.state.ssl)
        return None if certificate == NULL else certificate_der(certificate)

    @property
    def peer_chain(self):
        cdef stack_x509 *chain = SSL_get_peer_cert_chain(self.state.ssl)
        cdef const X509 *leaf = SSL_get0_peer_certificate(self.state.ssl)
        cdef list found = []
        if leaf == NULL or chain == NULL:
            return ()
        if self.state.server:
            found.append(certificate_der(leaf))
        for i in range(sk_X509_num(chain)):
            found.append(certificate_der(sk_X509_value(chain, i)))
        return tuple(found)

    @property
    def verify_result(self):
        cdef long code = SSL_get_verify_result(self.state.ssl)
        if code == X509_V_OK and self.state.failure_count > 0:
            code = self.state.failures[0].code
        return (code, text_of(X509_verify_cert_error_string(code)))

    @property
    def verify_failures(self):
        cdef list found = []
        cdef verify_failure *failure
        for i in range(self.state.failure_count):
            failure = &self.state.failures[i]
            text = text_of(X509_verify_cert_error_string(failure.code))
            if failure.certificate == NULL:
                found.append(VerifyFailure(failure.depth, failure.code, text, "", ""))
            else:
                found.append(VerifyFailure(
                    failure.depth, failure.code, text, name_text(X509_get_subject_name(failure.certificate)),
                    name_text(X509_get_issuer_name(failure.certificate)),
                ))
        return found

    @property
    def server_name(self):
        cdef const char *name = SSL_get_servername(self.state.ssl, TLSEXT_NAMETYPE_host_name)
        return None if name == NULL else text_of(name)

    @property
    def alpn(self):
        cdef const unsigned char *name = NULL
        cdef unsigned size = 0
        SSL_get0_alpn_selected(self.state.ssl, &name, &size)
        return (<const char *>name)[:size] if name != NULL else b""

    @property
    def secure_renegotiation(self):
        return SSL_get_secure_renegotiation_support(self.state.ssl) == 1

    @property
    def client_hello_version(self):
        return protocol_name(self.state.hello_version)

    @property
    def client_ca_names(self):
        return names_of(SSL_get0_peer_CA_list(self.state.ssl))

    @property
    def renegotiations_by_peer(self):
        return self.state.started_by_peer

    @property
    def renegotiations(self):
        if SSL_version(self.state.ssl) >= TLS1_3_VERSION or self.state.handshakes == 0:
            return 0
        return self.state.handshakes - 1

    @property
    def key_updates_by_peer(self):
        return self.state.key_updates

    @property
    def alert_received(self):
        return alert_pair(self.state.alert_received)

    @property
    def alert_sent(self):
        return alert_pair(self.state.alert_sent)

    @property
    def stapled(self):
        if self.state.stapled == STAPLED_RESPONSE:
            return "response"
        if self.state.stapled == STAPLED_TRY_LATER:
            return "try-later"
        return "nothing" if self.state.stapled == STAPLED_NOTHING else ""

    @property
    def kernel_tls(self):
        return (
            bool(BIO_get_ktls_send(SSL_get_wbio(self.state.ssl))), bool(BIO_get_ktls_recv(SSL_get_rbio(self.state.ssl)))
        )


# ---- the callbacks that enter Python; what they raise comes out of the operation that was running

cdef int on_name(conn *state, const char *name, int *alert) noexcept with gil:
    cdef Connection connection = <Connection>state.owner
    cdef Context other
    try:
        answer = connection.first.name_callback(connection, None if name == NULL else text_of(name))
        if answer is None:
            return SSL_TLSEXT_ERR_OK
        if isinstance(answer, Context):
            other = <Context>answer
            connection.context = other
            conn_switch(state, other.ctx, &other.config)
            return SSL_TLSEXT_ERR_OK
        alert[0] = int(answer)
        return SSL_TLSEXT_ERR_ALERT_FATAL
    except BaseException as error:
        connection.raised = error
        alert[0] = 80
        return SSL_TLSEXT_ERR_ALERT_FATAL


cdef void on_info(conn *state, int where, int value) noexcept with gil:
    cdef Connection connection = <Connection>state.owner
    try:
        connection.first.info_callback(connection, where, value, text_of(SSL_state_string_long(state.ssl)))
    except BaseException as error:
        connection.raised = error


cdef void on_message(conn *state, int sent, int version, int type, const void *data, size_t size) noexcept with gil:
    cdef Connection connection = <Connection>state.owner
    try:
        connection.first.message_callback(
            connection, bool(sent), version, type, (<const char *>data)[:size] if size else b""
        )
    except BaseException as error:
        connection.raised = error


cdef int on_verify(conn *state, const stack_x509 *chain, int *depth) noexcept with gil:
    cdef Connection connection = <Connection>state.owner
    cdef list found = []
    cdef int i
    try:
        for i in range(sk_X509_num(chain)):
            found.append(certificate_der(sk_X509_value(chain, i)))
        answer = connection.context.verify_callback(connection, tuple(found))
        if answer is None:
            return X509_V_OK
        depth[0], code = answer
        return code
    except BaseException as error:
        connection.raised = error
        return X509_V_ERR_UNSPECIFIED


cdef int on_resume(conn *state, const X509 *certificate) noexcept with gil:
    cdef Connection connection = <Connection>state.owner
    try:
        return bool(connection.first.resume_callback(connection, certificate_der(certificate)))
    except BaseException as error:
        connection.raised = error
        return 0


cdef void on_session_new(
    conn *state, const void *id, size_t id_size, const void *data, size_t size, int64_t expires
) noexcept with gil:
    cdef Connection connection = <Connection>state.owner
    try:
        connection.first.session_keeper.store(
            (<const char *>id)[:id_size], (<const char *>data)[:size], expires / 1e6)
    except BaseException as error:
        connection.raised = error


cdef void *on_session_get(conn *state, const void *id, size_t id_size, size_t *size) noexcept with gil:
    cdef Connection connection = <Connection>state.owner
    cdef void *copy
    cdef bytes found
    try:
        found = connection.first.session_keeper.fetch((<const char *>id)[:id_size])
    except BaseException as error:
        connection.raised = error
        return NULL
    if not found:
        return NULL
    copy = malloc(len(found))
    if copy != NULL:
        memcpy(copy, PyBytes_AS_STRING(found), len(found))
        size[0] = len(found)
    return copy


cdef void on_session_remove(conn *state, const void *id, size_t id_size) noexcept with gil:
    cdef Connection connection = <Connection>state.owner
    try:
        connection.first.session_keeper.delete((<const char *>id)[:id_size])
    except BaseException as error:
        connection.raised = error
