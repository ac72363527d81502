"""What the binding uses of libssl, libcrypto and the C headers of this directory."""

from libc.stdint cimport int64_t, uint32_t, uint64_t
from posix.types cimport pid_t, time_t


cdef extern from "<openssl/ssl.h>" nogil:
    ctypedef struct SSL_CTX:
        pass
    ctypedef struct SSL:
        pass
    ctypedef struct SSL_SESSION:
        pass
    ctypedef struct SSL_METHOD:
        pass
    ctypedef struct SSL_CIPHER:
        pass
    ctypedef struct X509:
        pass
    ctypedef struct X509_NAME:
        pass
    ctypedef struct X509_CRL:
        pass
    ctypedef struct X509_STORE:
        pass
    ctypedef struct X509_VERIFY_PARAM:
        pass
    ctypedef struct EVP_PKEY:
        pass
    ctypedef struct BIO:
        pass
    ctypedef struct BIO_METHOD:
        pass
    ctypedef struct stack_x509 "STACK_OF(X509)":
        pass
    ctypedef struct stack_name "STACK_OF(X509_NAME)":
        pass
    ctypedef struct stack_cipher "STACK_OF(SSL_CIPHER)":
        pass
    ctypedef struct stack_info "STACK_OF(X509_INFO)":
        pass
    ctypedef struct X509_INFO:
        X509 *x509
        X509_CRL *crl

    int TLS1_VERSION, TLS1_1_VERSION, TLS1_2_VERSION, TLS1_3_VERSION
    int SSL_VERIFY_NONE, SSL_VERIFY_PEER, SSL_VERIFY_FAIL_IF_NO_PEER_CERT
    int X509_V_OK, X509_V_ERR_UNSPECIFIED, X509_PURPOSE_ANY, X509_PURPOSE_SSL_SERVER, X509_PURPOSE_SSL_CLIENT
    int X509_V_FLAG_CRL_CHECK, X509_V_FLAG_CRL_CHECK_ALL
    int SSL_TLSEXT_ERR_OK, SSL_TLSEXT_ERR_ALERT_FATAL, TLSEXT_NAMETYPE_host_name
    int SSL_CERT_SET_FIRST, SSL_CERT_SET_NEXT
    int SSL_KEY_UPDATE_REQUESTED, SSL_KEY_UPDATE_NOT_REQUESTED
    uint64_t SSL_OP_NO_TLSv1, SSL_OP_NO_TLSv1_1, SSL_OP_NO_TLSv1_2, SSL_OP_NO_TLSv1_3
    uint64_t SSL_OP_NO_RENEGOTIATION, SSL_OP_ALLOW_CLIENT_RENEGOTIATION, SSL_OP_CIPHER_SERVER_PREFERENCE
    uint64_t SSL_OP_NO_TICKET, SSL_OP_ALLOW_UNSAFE_LEGACY_RENEGOTIATION, SSL_OP_DONT_INSERT_EMPTY_FRAGMENTS

    const SSL_METHOD *TLS_server_method()
    const SSL_METHOD *TLS_client_method()
    SSL_CTX *SSL_CTX_new(const SSL_METHOD *method)
    void SSL_CTX_free(SSL_CTX *ctx)
    int SSL_CTX_use_certificate(SSL_CTX *ctx, X509 *certificate)
    int SSL_CTX_use_PrivateKey(SSL_CTX *ctx, EVP_PKEY *key)
    int SSL_CTX_check_private_key(const SSL_CTX *ctx)
    int SSL_CTX_select_current_cert(SSL_CTX *ctx, X509 *certificate)
    int SSL_CTX_add1_chain_cert(SSL_CTX *ctx, X509 *certificate)
    int SSL_CTX_set_current_cert(SSL_CTX *ctx, long which)
    int SSL_CTX_use_serverinfo_file(SSL_CTX *ctx, const char *path)
    X509_STORE *SSL_CTX_get_cert_store(const SSL_CTX *ctx)
    int SSL_CTX_set_default_verify_paths(SSL_CTX *ctx)
    X509_VERIFY_PARAM *SSL_CTX_get0_param(SSL_CTX *ctx)
    int SSL_CTX_set_purpose(SSL_CTX *ctx, int purpose)
    void SSL_CTX_set_client_CA_list(SSL_CTX *ctx, stack_name *names)
    stack_name *SSL_CTX_get_client_CA_list(const SSL_CTX *ctx)
    int SSL_CTX_set_min_proto_version(SSL_CTX *ctx, int version)
    int SSL_CTX_set_max_proto_version(SSL_CTX *ctx, int version)
    uint64_t SSL_CTX_set_options(SSL_CTX *ctx, uint64_t options)
    uint64_t SSL_CTX_clear_options(SSL_CTX *ctx, uint64_t options)
    int SSL_CTX_set_cipher_list(SSL_CTX *ctx, const char *ciphers)
    int SSL_CTX_set_ciphersuites(SSL_CTX *ctx, const char *ciphersuites)
    int SSL_CTX_set1_groups_list(SSL_CTX *ctx, const char *groups)
    void SSL_CTX_set_security_level(SSL_CTX *ctx, int level)
    int SSL_CTX_set0_tmp_dh_pkey(SSL_CTX *ctx, EVP_PKEY *parameters)
    void SSL_CTX_set_dh_auto(SSL_CTX *ctx, int on)
    int SSL_CTX_set_session_id_context(SSL_CTX *ctx, const unsigned char *name, unsigned size)
    long SSL_CTX_set_timeout(SSL_CTX *ctx, long seconds)
    int SSL_CTX_set_num_tickets(SSL_CTX *ctx, size_t count)
    int SSL_CTX_set_alpn_protos(SSL_CTX *ctx, const unsigned char *protocols, unsigned size)
    long SSL_CTX_sess_connect(SSL_CTX *ctx)
    long SSL_CTX_sess_connect_good(SSL_CTX *ctx)
    long SSL_CTX_sess_accept(SSL_CTX *ctx)
    long SSL_CTX_sess_accept_good(SSL_CTX *ctx)
    long SSL_CTX_sess_accept_renegotiate(SSL_CTX *ctx)
    long SSL_CTX_sess_hits(SSL_CTX *ctx)
    long SSL_CTX_sess_cb_hits(SSL_CTX *ctx)
    long SSL_CTX_sess_misses(SSL_CTX *ctx)
    long SSL_CTX_sess_timeouts(SSL_CTX *ctx)

    SSL *SSL_new(SSL_CTX *ctx)
    void SSL_free(SSL *ssl)
    int SSL_set_ex_data(SSL *ssl, int index, void *data)
    int SSL_set_fd(SSL *ssl, int fd)
    void SSL_set_accept_state(SSL *ssl)
    void SSL_set_connect_state(SSL *ssl)
    int SSL_pending(const SSL *ssl)
    X509 *SSL_get_certificate(const SSL *ssl)
    int SSL_has_pending(const SSL *ssl)
    const char *SSL_rstate_string(const SSL *ssl)
    int SSL_in_init(const SSL *ssl)
    int SSL_is_init_finished(const SSL *ssl)
    int SSL_new_session_ticket(SSL *ssl)
    int SSL_renegotiate(SSL *ssl)
    int SSL_renegotiate_pending(const SSL *ssl)
    int SSL_do_handshake(SSL *ssl)
    int SSL_key_update(SSL *ssl, int kind)
    int SSL_version(const SSL *ssl)
    uint64_t SSL_clear_options(SSL *ssl, uint64_t options)
    const char *SSL_get_version(const SSL *ssl)
    const char *SSL_state_string_long(const SSL *ssl)
    const SSL_CIPHER *SSL_get_current_cipher(const SSL *ssl)
    const char *SSL_CIPHER_get_name(const SSL_CIPHER *cipher)
    int SSL_CIPHER_get_bits(const SSL_CIPHER *cipher, int *algorithm_bits)
    stack_cipher *SSL_get1_supported_ciphers(SSL *ssl)
    int sk_SSL_CIPHER_num(const stack_cipher *stack)
    const SSL_CIPHER *sk_SSL_CIPHER_value(const stack_cipher *stack, int index)
    void sk_SSL_CIPHER_free(stack_cipher *stack)
    int SSL_session_reused(const SSL *ssl)
    SSL_SESSION *SSL_get_session(const SSL *ssl)
    SSL_SESSION *SSL_get1_session(SSL *ssl)
    int SSL_set_session(SSL *ssl, SSL_SESSION *session)
    long SSL_get_verify_result(const SSL *ssl)
    X509 *SSL_get0_peer_certificate(const SSL *ssl)
    stack_x509 *SSL_get_peer_cert_chain(const SSL *ssl)
    const char *SSL_get_servername(const SSL *ssl, int kind)
    int SSL_set_tlsext_host_name(SSL *ssl, const char *name)
    X509_VERIFY_PARAM *SSL_get0_param(SSL *ssl)
    void SSL_get0_alpn_selected(const SSL *ssl, const unsigned char **name, unsigned *size)
    long SSL_get_secure_renegotiation_support(SSL *ssl)
    const stack_name *SSL_get0_peer_CA_list(const SSL *ssl)
    int SSL_export_keying_material(SSL *ssl, unsigned char *out, size_t size, const char *label, size_t label_size,
                                   const unsigned char *context, size_t context_size, int use_context)
    const char *SSL_alert_desc_string_long(int value)
    BIO *SSL_get_wbio(const SSL *ssl)
    BIO *SSL_get_rbio(const SSL *ssl)
    int BIO_get_ktls_send(BIO *bio)
    int BIO_get_ktls_recv(BIO *bio)

    int SSL_set_tlsext_status_type(SSL *ssl, int type)
    long SSL_get_tlsext_status_ocsp_resp(SSL *ssl, const unsigned char **response)
    int TLSEXT_STATUSTYPE_ocsp

    SSL_SESSION *SSL_SESSION_dup(const SSL_SESSION *session)
    void SSL_SESSION_free(SSL_SESSION *session)
    const unsigned char *SSL_SESSION_get_id(const SSL_SESSION *session, unsigned *size)
    int SSL_SESSION_get_protocol_version(const SSL_SESSION *session)
    int SSL_SESSION_has_ticket(const SSL_SESSION *session)
    void SSL_SESSION_get0_ticket(const SSL_SESSION *session, const unsigned char **ticket, size_t *size)
    int SSL_SESSION_is_resumable(const SSL_SESSION *session)
    unsigned long SSL_SESSION_get_ticket_lifetime_hint(const SSL_SESSION *session)
    long SSL_SESSION_get_timeout(const SSL_SESSION *session)
    long SSL_SESSION_set_timeout(SSL_SESSION *session, long seconds)
    int i2d_SSL_SESSION(const SSL_SESSION *session, unsigned char **out)
    SSL_SESSION *d2i_SSL_SESSION(SSL_SESSION **session, const unsigned char **data, long size)


cdef extern from "<openssl/x509v3.h>" nogil:
    void X509_free(X509 *certificate)
    int i2d_X509(const X509 *certificate, unsigned char **out)
    X509_NAME *X509_get_subject_name(const X509 *certificate)
    X509_NAME *X509_get_issuer_name(const X509 *certificate)
    int X509_NAME_cmp(const X509_NAME *a, const X509_NAME *b)
    X509_NAME *X509_NAME_dup(const X509_NAME *name)
    void X509_NAME_free(X509_NAME *name)
    int X509_NAME_print_ex(BIO *out, const X509_NAME *name, int indent, unsigned long flags)
    unsigned long XN_FLAG_ONELINE, ASN1_STRFLGS_ESC_MSB
    int X509_STORE_add_cert(X509_STORE *store, X509 *certificate)
    int X509_STORE_add_crl(X509_STORE *store, X509_CRL *crl)
    int X509_VERIFY_PARAM_set_flags(X509_VERIFY_PARAM *param, unsigned long flags)
    int X509_VERIFY_PARAM_set1_host(X509_VERIFY_PARAM *param, const char *name, size_t size)
    int X509_VERIFY_PARAM_set1_ip_asc(X509_VERIFY_PARAM *param, const char *address)
    const char *X509_verify_cert_error_string(long code)
    int sk_X509_num(const stack_x509 *stack)
    X509 *sk_X509_value(const stack_x509 *stack, int index)
    stack_name *sk_X509_NAME_new_null()
    int sk_X509_NAME_num(const stack_name *stack)
    X509_NAME *sk_X509_NAME_value(const stack_name *stack, int index)
    int sk_X509_NAME_push(stack_name *stack, X509_NAME *name)
    void sk_X509_NAME_pop_free(stack_name *stack, void (*free)(X509_NAME *) noexcept)
    int sk_X509_INFO_num(const stack_info *stack)
    X509_INFO *sk_X509_INFO_value(const stack_info *stack, int index)
    void sk_X509_INFO_pop_free(stack_info *stack, void (*free)(X509_INFO *) noexcept)
    void X509_INFO_free(X509_INFO *info)


cdef extern from "<openssl/pem.h>" nogil:
    ctypedef int (*pem_password_cb)(char *buffer, int size, int writing, void *data) noexcept
    X509 *PEM_read_bio_X509(BIO *bio, X509 **out, pem_password_cb password, void *data)
    EVP_PKEY *PEM_read_bio_PrivateKey(BIO *bio, EVP_PKEY **out, pem_password_cb password, void *data)
    EVP_PKEY *PEM_read_bio_Parameters(BIO *bio, EVP_PKEY **out)
    stack_info *PEM_X509_INFO_read_bio(BIO *bio, stack_info *out, pem_password_cb password, void *data)
    void EVP_PKEY_free(EVP_PKEY *key)
    int EVP_PKEY_get_bits(const EVP_PKEY *key)
    int EVP_PKEY_is_a(const EVP_PKEY *key, const char *name)
    BIO *BIO_new(const BIO_METHOD *method)
    const BIO_METHOD *BIO_s_mem()
    BIO *BIO_new_mem_buf(const void *data, int size)
    long BIO_get_mem_data(BIO *bio, char **data)
    void BIO_free(BIO *bio)


cdef extern from "<openssl/err.h>" nogil:
    unsigned long ERR_get_error_all(const char **file, int *line, const char **func, const char **data, int *flags)
    unsigned long ERR_peek_last_error()
    int ERR_GET_LIB(unsigned long code)
    int ERR_GET_REASON(unsigned long code)
    int ERR_LIB_PEM, PEM_R_NO_START_LINE, ERR_TXT_STRING
    void ERR_clear_error()
    void ERR_error_string_n(unsigned long code, char *buffer, size_t size)
    const char *ERR_lib_error_string(unsigned long code)
    const char *ERR_reason_error_string(unsigned long code)


cdef extern from "<openssl/crypto.h>" nogil:
    const char *OpenSSL_version(int kind)
    void OPENSSL_thread_stop()
    int OPENSSL_VERSION
    const char *OPENSSL_VERSION_TEXT
    void OPENSSL_cleanse(void *data, size_t size)
    void OPENSSL_free(void *data)
    int RAND_bytes(unsigned char *out, int size)
    int RAND_load_file(const char *path, long size)


cdef extern from "<openssl/provider.h>" nogil:
    ctypedef struct OSSL_PROVIDER:
        pass
    OSSL_PROVIDER *OSSL_PROVIDER_load(void *context, const char *name)
    int OSSL_PROVIDER_unload(OSSL_PROVIDER *provider)
    int EVP_default_properties_enable_fips(void *context, int enable)


cdef extern from "ossl_shared.h" nogil:
    int64_t micros_now()


cdef extern from "ossl_keys.h" nogil:
    enum: TICKET_NAME_SIZE, TICKET_KEYS_MAX
    struct ticket_key:
        unsigned char name[16]
        int64_t created, active
    struct key_table:
        unsigned count
        ticket_key keys[256]
    struct key_ring:
        int locked, sealing
        int64_t age
        unsigned keep
        unsigned char seal[32]
        unsigned char pool[8]
    key_ring *keys_new(int64_t age, unsigned keep)
    void keys_free(key_ring *ring)
    int keys_maintain(key_ring *ring, int64_t now, int64_t period, int64_t lead)
    key_table *keys_begin(key_ring *ring)
    void keys_commit(key_ring *ring, key_table *work, int changed)
    int keys_adopt(key_ring *ring, key_ring *other, int64_t now)
    int keys_claim(key_ring *ring, int64_t now, int64_t interval)
    void keys_wipe(key_ring *ring)


cdef extern from "ossl_staples.h" nogil:
    enum: STAPLE_MAX
    struct staple_record:
        int64_t until, due
        unsigned failures, size
        unsigned char response[16380]
    struct staple_slot:
        pass
    staple_slot *staple_new()
    void staple_free(staple_slot *slot)
    int staple_read(const staple_slot *slot, staple_record *copy)
    void staple_write(staple_slot *slot, const staple_record *fresh)


cdef extern from "ossl_seal.h" nogil:
    enum: SEAL_MOST, SEAL_EXTRA
    int seal_set_secret(key_ring *ring, const unsigned char *secret, size_t size)
    int seal_encrypt(const unsigned char *key, const void *name, size_t name_size, const unsigned char *plain,
                     size_t size, unsigned char *out)
    int seal_decrypt(const unsigned char *key, const void *name, size_t name_size, const unsigned char *data,
                     size_t size, unsigned char *plain)
    size_t seal_ring(key_ring *ring, unsigned char *out)
    int seal_open(key_ring *ring, const unsigned char *data, size_t size, int64_t now)


cdef extern from "ossl_cache.h" nogil:
    enum: CACHE_KEY_MAX, CACHE_SMALLEST, CACHE_NONCE, CACHE_COUNTERS
    enum cache_outcome:
        CACHE_NO, CACHE_YES, CACHE_BUSY, CACHE_NO_MEMORY
    struct cache_record:
        uint32_t value_size
        unsigned short key_size
        int64_t expires
    struct cache_head:
        int64_t created
        uint64_t entries
        uint64_t counters[8]
    struct cache:
        cache_head *shared
        unsigned char *log
        size_t size, log_size, entry_max
        int segment, locked
    int cache_in_memory(cache *self, size_t size, const unsigned char *nonce, int64_t now)
    int cache_in_segment(cache *self, size_t size, const unsigned char *nonce, int64_t now)
    int cache_join_segment(cache *self, int id, const unsigned char *nonce)
    void cache_leave(cache *self)
    int cache_remove(cache *self, double seconds)
    int cache_gone(const cache *self)
    long cache_attached(const cache *self)
    void cache_count(cache *self, int counter, uint64_t count)
    int cache_store(cache *self, const void *key, size_t key_size, const void *value, size_t value_size,
                    int64_t expires, int64_t now, double seconds)
    int cache_fetch(cache *self, const void *key, size_t key_size, int64_t now, double seconds,
                    unsigned char **value, size_t *size)
    int cache_delete(cache *self, const void *key, size_t key_size, double seconds)
    int64_t cache_sweep(cache *self, int64_t now, int all, double seconds)
    unsigned char *cache_snapshot(cache *self, uint64_t *tail, uint64_t *head, double seconds)
    int cache_next(const cache *self, unsigned char *copy, uint64_t *position, uint64_t head, cache_record *record,
                   const unsigned char **data)


cdef extern from "ossl_devices.h" nogil:
    EVP_PKEY *key_of_uri(const char *uri, const char *pin, size_t pin_size)
    int key_exercise(EVP_PKEY *key)
    int engine_use(const char *name)
    int provider_use(const char *name)
    int c_engines_exist "engines_exist"()
    int memory_lock(void *data, size_t size)


cdef extern from "ossl_hooks.h" nogil:
    time_t session_time(const SSL_SESSION *session)
    void session_set_time(SSL_SESSION *session, time_t began)
    enum: IDENTITY_SIZE, ALPN_MAX
    enum stapled:
        STAPLED_NOT_ASKED, STAPLED_RESPONSE, STAPLED_TRY_LATER, STAPLED_NOTHING
    struct ctx_config:
        key_ring *keys
        cache *sessions
        int python_sessions
        int tickets12, renegotiation, ktls
        int depth, failure_ok
        int alpn_strict
        unsigned alpn_size
        unsigned char alpn[256]
        int python_name, python_info, python_message, python_verify, python_resume
    struct verify_failure:
        int depth
        int code
        X509 *certificate
    struct conn:
        SSL *ssl
        void *owner
        const ctx_config *config
        int fd, server, data_role
        pid_t pid
        int broken, established
        int depth, failure_ok
        unsigned char identity[32]
        unsigned char presented[32]
        int has_presented, by_id
        int hello_version
        unsigned key_updates_asked
        unsigned long key_updates, handshakes, started_by_peer
        int renegotiating, alert_received, alert_sent
        char psk_identity[257]
        stapled stapled
        int failure_count, received_count
        verify_failure *failures
        SSL_SESSION **received
    int psk_add(SSL_CTX *ctx, const char *identity, size_t size, const unsigned char *key, size_t key_size)
    int (*py_name)(conn *connection, const char *name, int *alert) noexcept
    void (*py_info)(conn *connection, int where, int value) noexcept
    void (*py_message)(conn *connection, int sent, int version, int type, const void *data, size_t size) noexcept
    int (*py_verify)(conn *connection, const stack_x509 *chain, int *depth) noexcept
    int (*py_resume)(conn *connection, const X509 *certificate) noexcept
    void (*py_session_new)(conn *connection, const void *id, size_t id_size, const void *data, size_t size,
                           int64_t expires) noexcept
    void *(*py_session_get)(conn *connection, const void *id, size_t id_size, size_t *size) noexcept
    void (*py_session_remove)(conn *connection, const void *id, size_t id_size) noexcept
    enum python_sessions:
        KEPT_BY_C, KEPT_OPENLY, KEPT_SEALED
    void context_prepare(SSL_CTX *ctx, int server)
    void context_set_verify(SSL_CTX *ctx, ctx_config *config, int mode, int depth, int failure_ok)
    int context_staple(SSL_CTX *ctx, ctx_config *config, X509 *certificate, const staple_slot *slot, int fake)
    void context_unstaple(ctx_config *config)
    void conn_switch(conn *connection, SSL_CTX *ctx, const ctx_config *config)
    conn *conn_new(SSL_CTX *ctx, const ctx_config *config, int fd, int server)
    void data_prepare(conn *connection, conn *control)
    int conn_proof(const conn *connection, const conn *control)
    void conn_free(conn *connection)


cdef extern from "ossl_io.h" nogil:
    double IO_FOREVER, IO_NOWAIT
    enum io_kind:
        IO_OK, IO_WANT_READ, IO_WANT_WRITE, IO_INTERRUPTED
        IO_TIMEOUT, IO_CLOSED, IO_EOF, IO_RESET, IO_SYSCALL, IO_PROTOCOL, IO_RENEGOTIATION
        IO_BESIDE
    struct io_call:
        void *data
        size_t size, done
        int error
    ctypedef int (*io_operation)(conn *connection, io_call *call) noexcept
    double io_deadline(double timeout)
    int io_milliseconds(double deadline)
    int io_run(conn *connection, io_operation operation, io_call *call, double deadline)
    int io_peer_end(conn *connection, size_t most, io_call *call)
    int io_shutdown(conn *connection, int wait_peer, double deadline, io_call *call)
    int op_handshake(conn *connection, io_call *call) noexcept
    int op_read(conn *connection, io_call *call) noexcept
    int op_write(conn *connection, io_call *call) noexcept
    int op_flush(conn *connection, io_call *call) noexcept
    int op_close(conn *connection, io_call *call) noexcept


cdef extern from "ossl_digest.h" nogil:
    enum digest_stop:
        DIGEST_DONE, DIGEST_CONTROL, DIGEST_PAUSED, DIGEST_SHORT, DIGEST_FILE, DIGEST_FAILED
    struct digest:
        int64_t position
        int error
        unsigned gave_way
    int digest_begin(digest *state, const char *name)
    int digest_run(digest *state, int file, int64_t end, int control, double until)
    unsigned int digest_end(digest *state, unsigned char *out)
    void digest_free(digest *state)


cdef extern from "pull.h" nogil:
    const char *PULL_CAPSULE
    struct pull:
        pass


cdef extern from "pump_receive.h" nogil:
    pass


cdef extern from "pump_send.h" nogil:
    enum pump_stop:
        PUMP_DONE, PUMP_CONTROL, PUMP_STALLED, PUMP_RESET, PUMP_EOF, PUMP_TLS, PUMP_FILE, PUMP_ABORTED, PUMP_LIMIT
        PUMP_PAUSED, PUMP_INTERRUPTED, PUMP_INFLATE, PUMP_CUT, PUMP_SECURED, PUMP_HANDSHAKE, PUMP_LATE
    struct pump_z:
        const char *fault
    struct pump:
        int sending, buffered, ascii, file, sock, control, wake, finish
        conn *tls
        pump_z *z
        const unsigned char *memory
        pull *pull
        size_t memory_left
        int64_t position, limit
        double rate, stall, begun_at, secure_until
        int securing
        const conn *proves
        size_t burst, expected
        uint64_t pause_at
        double pause_time
        uint64_t wire_bytes, file_bytes
        uint64_t *progress
        int aborted, finished
        unsigned gave_way
        int io_kind, error
    pump_z *pump_z_new(int sending, int level)
    uint64_t pump_counted(const uint64_t *counter)
    void pump_abort(pump *transfer)
    void pump_release(pump *transfer)
    int pump_run(pump *transfer)
    int processor_confine(int number)
    int processor_commands
    void processor_prompt()


cdef extern from "<poll.h>" nogil:
    struct pollfd:
        int fd
        short events, revents
    int poll(pollfd *fds, unsigned long count, int milliseconds)
    short POLLIN
