cdef dict PROTOCOLS = {
    "TLSv1": TLS1_VERSION, "TLSv1.1": TLS1_1_VERSION, "TLSv1.2": TLS1_2_VERSION, "TLSv1.3": TLS1_3_VERSION,
}
cdef dict PROTOCOL_OFF = {
    "TLSv1": SSL_OP_NO_TLSv1, "TLSv1.1": SSL_OP_NO_TLSv1_1, "TLSv1.2": SSL_OP_NO_TLSv1_2,
    "TLSv1.3": SSL_OP_NO_TLSv1_3,
}
globals()["IDENTITY_SIZE"] = IDENTITY_SIZE
globals()["TICKET_KEYS_MAX"] = TICKET_KEYS_MAX
globals()["STAPLE_MAX"] = STAPLE_MAX
StapleState = namedtuple("StapleState", "response until due failures", module=__name__)
cdef enum: TOKENS_MAX = 4
cdef const char *NO_TEXT = ""


cdef int protocol_number(str name) except -1:
    number = PROTOCOLS.get(name)
    if number is None:
        raise ValueError(f"unknown protocol {name!r}: expected one of {', '.join(PROTOCOLS)}")
    return number


cdef str protocol_name(int number):
    for name, known in PROTOCOLS.items():
        if known == number:
            return name
    return "SSLv3" if number == 0x0300 else "SSLv2" if number == 2 else "" if number == 0 else f"{number:#06x}"


cdef struct password_text:
    const char *text
    int size


cdef int give_password(char *buffer, int size, int writing, void *data) noexcept nogil:
    cdef password_text *password = <password_text *>data
    if password.text == NULL or password.size > size:
        return -1
    memcpy(buffer, password.text, password.size)
    return password.size


cdef class PEMText:
    """A read-only memory BIO over `pem`, which it keeps alive."""

    cdef BIO *bio
    cdef bytes pem

    def __cinit__(self, bytes pem not None):
        self.pem = pem
        ERR_clear_error()
        self.bio = BIO_new_mem_buf(PyBytes_AS_STRING(pem), <int>len(pem))
        if self.bio == NULL:
            raise MemoryError

    def __dealloc__(self):
        if self.bio != NULL:
            BIO_free(self.bio)


cdef class Staple:
    """Owns a place for an OCSP response."""

    cdef staple_slot *slot
    cdef object __weakref__

    def __cinit__(self):
        self.slot = staple_new()
        if self.slot == NULL:
            raise MemoryError

    def __dealloc__(self):
        staple_free(self.slot)

    def put(self, bytes response, *, int64_t until, int64_t due, unsigned failures=0):
        cdef staple_record record
        if len(response) > STAPLE_MAX:
            raise ValueError(f"more than {STAPLE_MAX} bytes")
        record.until = until
        record.due = due
        record.failures = failures
        record.size = <unsigned>len(response)
        memcpy(record.response, PyBytes_AS_STRING(response), len(response))
        staple_write(self.slot, &record)

    def get(self):
        cdef staple_record record
        if not staple_read(self.slot, &record):
            raise OpenSSLError("the response is being written without end")
        return StapleState((<const char *>record.response)[:record.size], record.until, record.due, record.failures)


cdef str name_text(const X509_NAME *name):
    """The distinguished name on one line."""
    cdef char *data = NULL
    cdef long size
    cdef BIO *bio = BIO_new(BIO_s_mem())
    if bio == NULL:
        raise MemoryError
    try:
        X509_NAME_print_ex(bio, name, 0, XN_FLAG_ONELINE & ~ASN1_STRFLGS_ESC_MSB)
        size = BIO_get_mem_data(bio, &data)
        return data[:size].decode("utf-8", "surrogateescape")
    finally:
        BIO_free(bio)


cdef tuple names_of(const stack_name *names):
    cdef list found = []
    cdef int i
    if names == NULL:
        return ()
    for i in range(sk_X509_NAME_num(names)):
        found.append(name_text(sk_X509_NAME_value(names, i)))
    return tuple(found)


cdef stack_info *read_certificates(PEMText text) except NULL:
    """Every certificate and CRL in the text; the caller frees."""
    cdef password_text none
    cdef stack_info *found
    memset(&none, 0, sizeof(none))
    found = PEM_X509_INFO_read_bio(text.bio, NULL, give_password, &none)
    if found == NULL:
        raise openssl_error("cannot read the certificates")
    return found


cdef X509 *read_certificate(PEMText text) except NULL:
    cdef X509 *certificate = PEM_read_bio_X509(text.bio, NULL, NULL, NULL)
    if certificate == NULL:
        raise openssl_error("cannot read the certificate")
    return certificate


cdef class Context:
    """Certificates, protocols, verification, sessions and tickets that connections share."""

    cdef SSL_CTX *ctx
    cdef ctx_config config
    cdef X509 *leaf
    cdef EVP_PKEY *tokens[4]
    cdef int token_count
    cdef TicketKeys ring
    cdef SharedCache cache
    cdef list staples
    cdef readonly bint server
    cdef object name_callback
    cdef object info_callback
    cdef object message_callback
    cdef object verify_callback
    cdef object resume_callback
    cdef object session_keeper
    cdef object __weakref__

    def __cinit__(self, *, bint server=True):
        ERR_clear_error()
        self.server = server
        self.staples = []
        if server:
            self.use_ticket_keys(TicketKeys())
        self.config.depth = 9
        self.config.ktls = 1
        self.ctx = SSL_CTX_new(TLS_server_method() if server else TLS_client_method())
        if self.ctx == NULL:
            raise openssl_error("cannot make a context")
        context_prepare(self.ctx, server)
        SSL_CTX_set_session_id_context(self.ctx, b"ftpsd", 5)

    def __dealloc__(self):
        cdef int i
        for i in range(self.token_count):
            EVP_PKEY_free(self.tokens[i])
        X509_free(self.leaf)
        SSL_CTX_free(self.ctx)
        context_unstaple(&self.config)

    cdef int check(self, int result, str what) except -1:
        if result != 1:
            raise openssl_error(what)
        ERR_clear_error()
        return 0

    # ---- certificates

    def use_certificate(self, bytes pem):
        cdef X509 *certificate = read_certificate(PEMText(pem))
        if SSL_CTX_use_certificate(self.ctx, certificate) != 1:
            X509_free(certificate)
            raise openssl_error("cannot use the certificate")
        X509_free(self.leaf)
        self.leaf = certificate

    def use_private_key(self, bytes pem, const unsigned char[::1] password=None):
        cdef PEMText text = PEMText(pem)
        cdef password_text secret
        cdef EVP_PKEY *key
        cdef int result
        memset(&secret, 0, sizeof(secret))
        if password is not None:
            secret.text = <const char *>&password[0] if len(password) else NO_TEXT
            secret.size = <int>len(password)
        key = PEM_read_bio_PrivateKey(text.bio, NULL, give_password, &secret)
        if key == NULL:
            raise openssl_error("cannot read the private key")
        result = SSL_CTX_use_PrivateKey(self.ctx, key)
        EVP_PKEY_free(key)
        self.check(result, "cannot use the private key")

    def use_key_uri(self, str uri, const unsigned char[::1] pin=None):
        cdef bytes name = uri.encode()
        cdef const char *text = NULL
        cdef size_t size = 0
        cdef EVP_PKEY *key
        cdef int result
        if pin is not None and len(pin):
            text = <const char *>&pin[0]
            size = len(pin)
        ERR_clear_error()
        key = key_of_uri(PyBytes_AS_STRING(name), text, size)
        if key == NULL:
            raise openssl_error("cannot find the private key")
        result = SSL_CTX_use_PrivateKey(self.ctx, key)
        if result == 1 and self.token_count < TOKENS_MAX:
            self.tokens[self.token_count] = key
            self.token_count += 1
        else:
            EVP_PKEY_free(key)
        self.check(result, "cannot use the private key")

    def exercise_keys(self):
        cdef int i
        ERR_clear_error()
        for i in range(self.token_count):
            self.check(key_exercise(self.tokens[i]), "cannot sign with the token's key")

    def add_psk(self, bytes identity, const unsigned char[::1] key not None):
        if len(key) == 0 or psk_add(self.ctx, PyBytes_AS_STRING(identity), len(identity), &key[0], len(key)) != 1:
            raise ValueError("identity or key has an impossible size, or the identity is there already")

    cdef int select_leaf(self) except -1:
        if self.leaf == NULL:
            raise ValueError("no certificate is in use yet")
        ERR_clear_error()
        return self.check(SSL_CTX_select_current_cert(self.ctx, self.leaf), "cannot find the certificate")

    def check_private_key(self):
        if self.leaf != NULL:
            SSL_CTX_select_current_cert(self.ctx, self.leaf)
        ERR_clear_error()
        self.check(SSL_CTX_check_private_key(self.ctx), "the private key does not belong to the certificate")

    def add_chain_certificate(self, bytes pem):
        cdef stack_info *found
        cdef int i, count = 0
        cdef X509_INFO *info
        self.select_leaf()
        found = read_certificates(PEMText(pem))
        try:
            for i in range(sk_X509_INFO_num(found)):
                info = sk_X509_INFO_value(found, i)
                if info.x509 != NULL:
                    self.check(SSL_CTX_add1_chain_cert(self.ctx, info.x509), "cannot add to the chain")
                    count += 1
        finally:
            sk_X509_INFO_pop_free(found, X509_INFO_free)
        if count == 0:
            raise openssl_error("no certificate found")

    def staple(self, Staple place not None, *, bint fake):
        if self.leaf == NULL:
            raise ValueError("no certificate is in use yet")
        if not context_staple(self.ctx, &self.config, self.leaf, place.slot, fake):
            raise ValueError("too many certificates")
        self.staples.append(place)

    def use_server_info(self, bytes path):
        ERR_clear_error()
        self.check(SSL_CTX_set_current_cert(self.ctx, SSL_CERT_SET_FIRST), "cannot find the certificate")
        self.check(SSL_CTX_use_serverinfo_file(self.ctx, PyBytes_AS_STRING(path)), "cannot use the server info")
        # A further certificate gets the data, then OpenSSL complains that the context knows the extensions already.
        while SSL_CTX_set_current_cert(self.ctx, SSL_CERT_SET_NEXT) == 1:
            SSL_CTX_use_serverinfo_file(self.ctx, PyBytes_AS_STRING(path))
        ERR_clear_error()

    def use_dh_parameters(self, bytes pem):
        cdef PEMText text = PEMText(pem)
        cdef EVP_PKEY *parameters = PEM_read_bio_Parameters(text.bio, NULL)
        if parameters == NULL:
            raise openssl_error("cannot read the DH parameters")
        if SSL_CTX_set0_tmp_dh_pkey(self.ctx, parameters) != 1:
            EVP_PKEY_free(parameters)
            raise openssl_error("cannot use the DH parameters")
        SSL_CTX_set_dh_auto(self.ctx, 0)

    # ---- verification

    def add_trusted(self, bytes pem_many):
        cdef X509_STORE *store = SSL_CTX_get_cert_store(self.ctx)
        cdef stack_info *found = read_certificates(PEMText(pem_many))
        cdef X509_INFO *info
        cdef int i, count = 0
        try:
            for i in range(sk_X509_INFO_num(found)):
                info = sk_X509_INFO_value(found, i)
                if info.x509 != NULL:
                    self.check(X509_STORE_add_cert(store, info.x509), "cannot trust the certificate")
                    count += 1
                if info.crl != NULL:
                    self.check(X509_STORE_add_crl(store, info.crl), "cannot use the revocation list")
                    count += 1
        finally:
            sk_X509_INFO_pop_free(found, X509_INFO_free)
        if count == 0:
            raise openssl_error("no certificate found")
        return count

    def use_default_trust(self):
        ERR_clear_error()
        self.check(SSL_CTX_set_default_verify_paths(self.ctx), "cannot use the system's CA store")

    def check_revocation(self, bint whole_chain=True):
        cdef unsigned long flags = X509_V_FLAG_CRL_CHECK
        if whole_chain:
            flags |= X509_V_FLAG_CRL_CHECK_ALL
        X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(self.ctx), flags)

    def set_client_ca_names(self, bytes pem_many):
        cdef stack_name *names = sk_X509_NAME_new_null()
        cdef stack_info *found
        cdef X509_INFO *info
        cdef int i
        if names == NULL:
            raise MemoryError
        if pem_many:
            found = read_certificates(PEMText(pem_many))
            for i in range(sk_X509_INFO_num(found)):
                info = sk_X509_INFO_value(found, i)
                if info.x509 != NULL:
                    add_name(names, X509_get_subject_name(info.x509))
            sk_X509_INFO_pop_free(found, X509_INFO_free)
        SSL_CTX_set_client_CA_list(self.ctx, names)
        return sk_X509_NAME_num(names)

    def client_ca_names(self):
        return names_of(SSL_CTX_get_client_CA_list(self.ctx))

    def set_verify(self, str mode, int depth=9, bint optional_failure_ok=False):
        flags = {
            "none": SSL_VERIFY_NONE, "request": SSL_VERIFY_PEER,
            "require": SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
        }.get(mode)
        if flags is None:
            raise ValueError(f"unknown verify mode {mode!r}")
        context_set_verify(self.ctx, &self.config, flags, depth, optional_failure_ok)

    def set_verify_callback(self, callback):
        self.verify_callback = callback
        self.config.python_verify = callback is not None

    def set_resume_callback(self, callback):
        self.resume_callback = callback
        self.config.python_resume = callback is not None

    def set_verify_purpose(self, str purpose):
        number = {
            "server": X509_PURPOSE_SSL_SERVER, "client": X509_PURPOSE_SSL_CLIENT, "any": X509_PURPOSE_ANY,
        }.get(purpose)
        if number is None:
            raise ValueError(f"unknown purpose {purpose!r}")
        ERR_clear_error()
        self.check(SSL_CTX_set_purpose(self.ctx, number), "cannot set the purpose")

    # ---- protocols and ciphers

    def set_protocols(self, names):
        cdef set wanted = set(names)
        cdef list numbers = []
        for name in wanted:
            numbers.append(protocol_number(name))
        numbers.sort()
        if not numbers:
            raise ValueError("no protocol is left")
        ERR_clear_error()
        self.check(SSL_CTX_set_min_proto_version(self.ctx, numbers[0]), "cannot set the lowest protocol")
        self.check(SSL_CTX_set_max_proto_version(self.ctx, numbers[-1]), "cannot set the highest protocol")
        for name, off in PROTOCOL_OFF.items():
            if name in wanted:
                SSL_CTX_clear_options(self.ctx, off)
            else:
                SSL_CTX_set_options(self.ctx, off)

    def set_ciphers(self, str ciphers):
        ERR_clear_error()
        self.check(SSL_CTX_set_cipher_list(self.ctx, ciphers.encode()), f"cannot use ciphers '{ciphers}'")

    def set_ciphersuites(self, str ciphersuites):
        ERR_clear_error()
        self.check(
            SSL_CTX_set_ciphersuites(self.ctx, ciphersuites.encode()), f"cannot use cipher suites '{ciphersuites}'"
        )

    def ciphers(self):
        cdef SSL *ssl
        cdef stack_cipher *found
        cdef list names = []
        ERR_clear_error()
        ssl = SSL_new(self.ctx)
        if ssl == NULL:
            raise openssl_error("cannot list the ciphers")
        found = SSL_get1_supported_ciphers(ssl)
        if found != NULL:
            for i in range(sk_SSL_CIPHER_num(found)):
                names.append(text_of(SSL_CIPHER_get_name(sk_SSL_CIPHER_value(found, i))))
            sk_SSL_CIPHER_free(found)
        SSL_free(ssl)
        return names

    def set_groups(self, str groups):
        ERR_clear_error()
        self.check(SSL_CTX_set1_groups_list(self.ctx, groups.encode()), f"cannot use groups '{groups}'")

    def set_security_level(self, int level):
        SSL_CTX_set_security_level(self.ctx, level)

    cdef void switch(self, uint64_t option, bint on):
        if on:
            SSL_CTX_set_options(self.ctx, option)
        else:
            SSL_CTX_clear_options(self.ctx, option)

    def set_options(
        self, *, bint server_preference=True, bint renegotiation=False, bint tickets12=False,
        bint legacy_renegotiation=False, bint empty_fragments=True, bint ktls=True,
    ):
        self.config.renegotiation = renegotiation
        self.config.tickets12 = tickets12
        self.config.ktls = ktls
        self.switch(SSL_OP_CIPHER_SERVER_PREFERENCE, server_preference)
        self.switch(SSL_OP_NO_RENEGOTIATION, not renegotiation)
        self.switch(SSL_OP_ALLOW_CLIENT_RENEGOTIATION, renegotiation)
        self.switch(SSL_OP_ALLOW_UNSAFE_LEGACY_RENEGOTIATION, legacy_renegotiation)
        self.switch(SSL_OP_DONT_INSERT_EMPTY_FRAGMENTS, not empty_fragments)

    def set_alpn(self, tuple protocols, bint strict=False):
        cdef bytes wire = b""
        for name in protocols:
            wire += bytes([len(name)]) + name
        if len(wire) > ALPN_MAX or b"" in protocols:
            raise ValueError("ALPN names are 1 to 255 bytes, 256 in all")
        self.config.alpn_strict = strict
        self.config.alpn_size = <unsigned>len(wire)
        memcpy(self.config.alpn, PyBytes_AS_STRING(wire), len(wire))
        if not self.server and SSL_CTX_set_alpn_protos(self.ctx, self.config.alpn, self.config.alpn_size) != 0:
            raise openssl_error("cannot offer the ALPN names")

    # ---- sessions and tickets

    def set_session_id_context(self, bytes name):
        ERR_clear_error()
        self.check(
            SSL_CTX_set_session_id_context(self.ctx, <const unsigned char *>PyBytes_AS_STRING(name), <unsigned>len(name)),
            "cannot set the session id context",
        )

    def set_session_timeout(self, long seconds):
        SSL_CTX_set_timeout(self.ctx, seconds)

    def use_cache(self, SharedCache cache):
        self.cache = cache
        self.session_keeper = None
        self.config.python_sessions = KEPT_BY_C
        self.config.sessions = NULL if cache is None else &cache.state

    def use_keeper(self, keeper not None, *, bint sealed):
        self.use_cache(None)
        self.session_keeper = keeper
        self.config.python_sessions = KEPT_SEALED if sealed else KEPT_OPENLY

    def set_num_tickets(self, size_t count):
        SSL_CTX_set_num_tickets(self.ctx, count)

    def ask_for_tickets(self, bint wanted):
        self.switch(SSL_OP_NO_TICKET, not wanted)

    def statistics(self):
        return {
            "connects": SSL_CTX_sess_connect(self.ctx),
            "connects_finished": SSL_CTX_sess_connect_good(self.ctx),
            "accepts": SSL_CTX_sess_accept(self.ctx),
            "accepts_finished": SSL_CTX_sess_accept_good(self.ctx),
            "renegotiations": SSL_CTX_sess_accept_renegotiate(self.ctx),
            "resumed": SSL_CTX_sess_hits(self.ctx),
            "resumed_by_id": SSL_CTX_sess_cb_hits(self.ctx),
            "misses": SSL_CTX_sess_misses(self.ctx),
            "timeouts": SSL_CTX_sess_timeouts(self.ctx),
            "sessions": 0 if self.cache is None else self.cache.facts().entries,
        }

    @property
    def ticket_keys(self):
        return self.ring

    def use_ticket_keys(self, TicketKeys keys not None):
        self.ring = keys
        self.config.keys = keys.ring

    # ---- callbacks into Python

    def set_servername_callback(self, callback):
        self.name_callback = callback
        self.config.python_name = callback is not None

    def set_info_callback(self, callback):
        if callback is not None:  # else it stays, for whoever is about to call it
            self.info_callback = callback
        self.config.python_info = callback is not None

    def set_message_callback(self, callback):
        if callback is not None:
            self.message_callback = callback
        self.config.python_message = callback is not None


cdef int add_name(stack_name *names, const X509_NAME *name) except -1:
    cdef X509_NAME *copy
    cdef int i
    for i in range(sk_X509_NAME_num(names)):
        if X509_NAME_cmp(sk_X509_NAME_value(names, i), name) == 0:
            return 0
    copy = X509_NAME_dup(name)
    if copy == NULL or sk_X509_NAME_push(names, copy) == 0:
        X509_NAME_free(copy)
        raise MemoryError
    return 1
