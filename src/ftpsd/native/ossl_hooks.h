/* What hangs on every connection, and OpenSSL's callbacks. No callback enters Python except through the `py_`
 * hooks, which are set only when somebody asked for them.
 *
 * The theory of resumption, which is what most of this file is about:
 *
 * A *control* connection has an identity: 32 random bytes, or those of the session that it resumed. It travels in the
 * application data of every ticket and of every stored session that the connection issues. A *data* connection must
 * prove that it resumed a session of this identity; the proof is the identity in the ticket that it presented, or the
 * hit of the session id in the lookup below. Equal ids alone prove nothing: with a ticket, a TLS 1.2 client chooses the
 * id that both sides then show.
 *
 *              full handshake        resumption by ticket             resumption by id (TLS <= 1.2)
 *   control    tickets, store        any known key; always renewed    from the store
 *   data       neither               any known key; never renewed,    only the control connection's own session,
 *                                    age of our own does not count    from a private copy with a fresh time
 *
 * TLS 1.3 tickets are stateless only while SSL_OP_NO_TICKET is off, TLS <= 1.2 tickets exist only while it is off:
 * hook_hello decides per connection, when the version that will be negotiated is known.
 */
#ifndef FTPSD_OSSL_HOOKS_H
#define FTPSD_OSSL_HOOKS_H

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include "ossl_cache.h"
#include "ossl_held.h"
#include "ossl_seal.h"
#include "ossl_staples.h"

/* When a session began, in seconds since the epoch. What OpenSSL 3.0 has for that is not made for the time after 2038. */
static time_t session_time(const SSL_SESSION *session)
{
#if OPENSSL_VERSION_NUMBER >= 0x30300000L
    return SSL_SESSION_get_time_ex(session);
#else
    return (time_t)SSL_SESSION_get_time(session);
#endif
}

static void session_set_time(SSL_SESSION *session, time_t began)
{
#if OPENSSL_VERSION_NUMBER >= 0x30300000L
    (void)SSL_SESSION_set_time_ex(session, began);
#else
    (void)SSL_SESSION_set_time(session, (long)began);
#endif
}

#define IDENTITY_SIZE 32
#define FAILURES_MAX 16
#define RECEIVED_MAX 16
#define KEY_UPDATES_IN_ROW 32
#define ALPN_MAX 256
#define REFRESHED_SECONDS 60
enum python_sessions { KEPT_BY_C, KEPT_OPENLY, KEPT_SEALED };
#define CACHE_PATIENCE 0.05             /* seconds that a handshake waits for a lock */

struct ctx_config {
    struct key_ring *keys;
    struct cache *sessions;             /* of control connections; NULL: none here */
    int python_sessions;                /* KEPT_OPENLY, KEPT_SEALED: by Python's means */
    int tickets12, renegotiation, ktls;
    int depth, failure_ok;
    int alpn_strict;
    unsigned alpn_size;
    unsigned char alpn[ALPN_MAX];
    int python_name, python_info, python_message, python_verify, python_resume;
    int staple_count;
    struct staple staples[STAPLES_MAX];
};

struct verify_failure {
    int depth, code;
    X509 *certificate;
};

struct conn {
    SSL *ssl;
    void *owner;                        /* the Connection, borrowed */
    const struct ctx_config *config;
    int fd, server, data_role;
    pid_t pid;
    int broken;                         /* a fatal error happened: no more SSL calls but SSL_free */
    int established;                    /* the first handshake is complete */
    int notify_received, notify_sent;   /* close_notify */
    int depth, failure_ok, python_verify;

    unsigned char identity[IDENTITY_SIZE];
    unsigned char presented[IDENTITY_SIZE];
    int has_presented, by_id;
    SSL_SESSION *parent;                /* data: the control connection's session, of which a copy is resumed */
    struct held_set held;               /* keys of tickets: a control connection's own, and for its data connections */
    unsigned char parent_identity[IDENTITY_SIZE];

    int hello_version;
    unsigned long messages;             /* handshake and alert messages read */
    unsigned key_updates_in_row;        /* without our leave: neither asked for by us nor beside data */
    unsigned key_updates_asked;         /* by us, and not answered yet */
    unsigned long key_updates, finished, handshakes, started_by_peer;
    int renegotiating;                  /* we asked for it */
    int corked;                         /* until this call into OpenSSL is over */
    char psk_identity[257];             /* whose pre-shared key was asked for and known; "": nobody's */
    int alert_received, alert_sent;     /* level << 8 | description, 0: none */
    enum stapled stapled;

    int failure_count, received_count;
    struct verify_failure *failures;
    SSL_SESSION **received;             /* client: sessions that arrived */
};

static int (*py_name)(struct conn *conn, const char *name, int *alert);
static void (*py_info)(struct conn *conn, int where, int value);
static void (*py_message)(struct conn *conn, int sent, int version, int type, const void *data, size_t size);
static int (*py_verify)(struct conn *conn, const STACK_OF(X509) *chain, int *depth);
static int (*py_resume)(struct conn *conn, const X509 *certificate);
static void (*py_session_new)(struct conn *conn, const void *id, size_t id_size, const void *data, size_t size,
                              int64_t expires);
static void *(*py_session_get)(struct conn *conn, const void *id, size_t id_size, size_t *size);
static void (*py_session_remove)(struct conn *conn, const void *id, size_t id_size);

static struct conn *conn_of(const SSL *ssl)
{
    return SSL_get_ex_data(ssl, 0);
}

/* ---- tickets ---------------------------------------------------------------------------------------------------- */

static int ticket_mac(EVP_MAC_CTX *mac, struct ticket_key *key)
{
    OSSL_PARAM params[3];

    params[0] = OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key->mac, sizeof key->mac);
    params[1] = OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, "SHA256", 0);
    params[2] = OSSL_PARAM_construct_end();
    return EVP_MAC_CTX_set_params(mac, params);
}

static int ticket_encrypt(struct conn *conn, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                          EVP_MAC_CTX *mac)
{
    struct ticket_key key;
    int ok;

    if (!keys_find(conn->config->keys, NULL, micros_now(), &key))
        return 0;
    memcpy(name, key.name, TICKET_NAME_SIZE);
    ok = RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) == 1
        && EVP_EncryptInit_ex2(cipher, EVP_aes_256_cbc(), key.cipher, iv, NULL) == 1 && ticket_mac(mac, &key);
    held_add(&conn->held, &key);
    OPENSSL_cleanse(&key, sizeof key);
    return ok ? 1 : -1;
}

static int hook_ticket_key(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                           EVP_MAC_CTX *mac, int encrypt)
{
    struct conn *conn = conn_of(ssl);
    struct ticket_key key;
    int ok;

    if (conn == NULL)
        return 0;
    if (encrypt)
        return ticket_encrypt(conn, name, iv, cipher, mac);
    if (!keys_find(conn->config->keys, name, micros_now(), &key)
        && !(conn->data_role && held_find(&conn->held, name, &key)))
        return 0;
    if (!conn->data_role)
        held_add(&conn->held, &key);
    ok = EVP_DecryptInit_ex2(cipher, EVP_aes_256_cbc(), key.cipher, iv, NULL) == 1 && ticket_mac(mac, &key);
    OPENSSL_cleanse(&key, sizeof key);
    if (!ok)
        return -1;
    return conn->data_role ? 1 : 2;
}

static void present(struct conn *conn, SSL_SESSION *session)
{
    void *data;
    size_t size;

    conn->has_presented = 0;
    if (session != NULL && SSL_SESSION_get0_ticket_appdata(session, &data, &size) == 1 && size == IDENTITY_SIZE) {
        memcpy(conn->presented, data, IDENTITY_SIZE);
        conn->has_presented = 1;
    }
}

/* Whether a control connection may resume the session as far as its client's certificate is concerned. A session keeps the
 * certificate alone, without its chain: Python knows whether that is enough to see what has been revoked since. */
static int session_judgeable(struct conn *conn, SSL_SESSION *session)
{
    const X509 *certificate = session == NULL ? NULL : SSL_SESSION_get0_peer(session);

    return certificate == NULL || !conn->config->python_resume || py_resume(conn, certificate);
}

/* While the control connection lives its session does not expire. */
static void refresh(SSL_SESSION *session)
{
    session_set_time(session, time(NULL));
    if (SSL_SESSION_get_timeout(session) < REFRESHED_SECONDS)
        SSL_SESSION_set_timeout(session, REFRESHED_SECONDS);
}

/* Whoever resumes a session knows its secret, so it is the client that it was made for: its control connection takes on
 * the identity. Clients with several control connections and one store of sessions (rclone) mix them up. */
static void conn_adopt(struct conn *conn)
{
    if (conn->server && !conn->data_role && !conn->established && conn->has_presented && SSL_session_reused(conn->ssl))
        memcpy(conn->identity, conn->presented, IDENTITY_SIZE);
}

static int hook_ticket_issue(SSL *ssl, void *argument)
{
    struct conn *conn = conn_of(ssl);

    if (conn != NULL)
        conn_adopt(conn);
    return conn == NULL || SSL_SESSION_set1_ticket_appdata(SSL_get_session(ssl), conn->identity, IDENTITY_SIZE);
}

static SSL_TICKET_RETURN hook_ticket_read(SSL *ssl, SSL_SESSION *session, const unsigned char *name,
                                          size_t name_size, SSL_TICKET_STATUS status, void *argument)
{
    struct conn *conn = conn_of(ssl);

    if (conn == NULL)
        return SSL_TICKET_RETURN_IGNORE;
    conn->by_id = 0;
    conn->has_presented = 0;
    if (status != SSL_TICKET_SUCCESS && status != SSL_TICKET_SUCCESS_RENEW)
        return conn->data_role ? SSL_TICKET_RETURN_IGNORE : SSL_TICKET_RETURN_IGNORE_RENEW;
    if (!conn->data_role && !session_judgeable(conn, session))
        return SSL_TICKET_RETURN_IGNORE_RENEW;
    present(conn, session);
    if (!conn->data_role)
        return SSL_TICKET_RETURN_USE_RENEW;
    if (conn->has_presented && CRYPTO_memcmp(conn->presented, conn->parent_identity, IDENTITY_SIZE) == 0)
        refresh(session);
    return SSL_TICKET_RETURN_USE;
}

/* ---- sessions by id --------------------------------------------------------------------------------------------- */

/* What may be resumed on a control connection: a session that we stored, under the id that was asked for. What Python
 * brings may have been written by whoever reaches the store, so it cannot vouch for a client's certificate. */
static int session_believable(const struct conn *conn, SSL_SESSION *session, const unsigned char *id, unsigned size)
{
    unsigned own_size;
    const unsigned char *own = SSL_SESSION_get_id(session, &own_size);
    void *identity;
    size_t identity_size;

    return own_size == size && memcmp(own, id, size) == 0
        && SSL_SESSION_get_protocol_version(session) < TLS1_3_VERSION
        && SSL_SESSION_get0_ticket_appdata(session, &identity, &identity_size) == 1 && identity_size == IDENTITY_SIZE
        && (conn->config->python_sessions != KEPT_OPENLY || SSL_SESSION_get0_peer(session) == NULL);
}

static SSL_SESSION *stored_session(struct conn *conn, const unsigned char *id, unsigned size)
{
    struct cache *cache = conn->config->sessions;
    unsigned char *data = NULL;
    const unsigned char *position;
    size_t data_size = 0;
    SSL_SESSION *session;

    if (conn->config->python_sessions)
        data = py_session_get(conn, id, size, &data_size);
    else if (cache == NULL || cache_fetch(cache, id, size, micros_now(), CACHE_PATIENCE, &data, &data_size) != CACHE_YES)
        data = NULL;
    position = data;
    session = data == NULL ? NULL : d2i_SSL_SESSION(NULL, &position, (long)data_size);
    if (data != NULL) {
        OPENSSL_cleanse(data, data_size);
        free(data);
    }
    if (session != NULL && !(session_believable(conn, session, id, size) && session_judgeable(conn, session))) {
        SSL_SESSION_free(session);
        session = NULL;
    }
    if (cache != NULL)
        cache_count(cache, session != NULL ? CACHE_HITS : CACHE_MISSES, 1);
    ERR_clear_error();
    return session;
}

static void store_session(struct conn *conn, SSL_SESSION *session)
{
    struct cache *cache = conn->config->sessions;
    unsigned id_size;
    const unsigned char *id = SSL_SESSION_get_id(session, &id_size);
    int64_t expires = ((int64_t)session_time(session) + SSL_SESSION_get_timeout(session)) * 1000000;
    unsigned char *data = NULL;
    int size;

    if (id_size == 0 || (cache == NULL && !conn->config->python_sessions))
        return;
    size = i2d_SSL_SESSION(session, &data);
    if (size <= 0)
        return;
    if (conn->config->python_sessions)
        py_session_new(conn, id, id_size, data, (size_t)size, expires);
    else if (cache_store(cache, id, id_size, data, (size_t)size, expires, micros_now(), CACHE_PATIENCE) == CACHE_YES)
        cache_count(cache, CACHE_STORED, 1);
    else if ((size_t)size > cache->entry_max)
        cache_count(cache, CACHE_TOO_LARGE, 1);
    OPENSSL_clear_free(data, (size_t)size);
}

static void forget_session(struct conn *conn, const SSL_SESSION *session)
{
    struct cache *cache = conn->config->sessions;
    unsigned size;
    const unsigned char *id = SSL_SESSION_get_id(session, &size);

    if (size == 0)
        return;
    if (conn->config->python_sessions)
        py_session_remove(conn, id, size);
    else if (cache != NULL && cache_delete(cache, id, size, CACHE_PATIENCE) == CACHE_YES)
        cache_count(cache, CACHE_DELETED, 1);
}

static SSL_SESSION *own_session(struct conn *conn, const unsigned char *id, unsigned size)
{
    unsigned own_size;
    const unsigned char *own = SSL_SESSION_get_id(conn->parent, &own_size);
    SSL_SESSION *copy;

    if (own_size == 0 || own_size != size || memcmp(own, id, size) != 0)
        return NULL;
    copy = SSL_SESSION_dup(conn->parent);
    if (copy != NULL)
        refresh(copy);
    return copy;
}

static SSL_SESSION *hook_session_get(SSL *ssl, const unsigned char *id, int size, int *keep)
{
    struct conn *conn = conn_of(ssl);
    SSL_SESSION *found = NULL;

    *keep = 0;
    if (conn == NULL || size <= 0)
        return NULL;
    if (conn->data_role) {
        if (conn->parent != NULL)
            found = own_session(conn, id, (unsigned)size);
        conn->by_id = conn->has_presented = found != NULL;
        memcpy(conn->presented, conn->parent_identity, IDENTITY_SIZE);
    } else {
        found = stored_session(conn, id, (unsigned)size);
        present(conn, found);
    }
    return found;
}

static void session_received(struct conn *conn, SSL_SESSION *session)
{
    if (conn->received == NULL)
        conn->received = calloc(RECEIVED_MAX, sizeof *conn->received);
    if (conn->received == NULL)
        return;
    if (conn->received_count == RECEIVED_MAX) {
        SSL_SESSION_free(conn->received[0]);
        memmove(conn->received, conn->received + 1, (RECEIVED_MAX - 1) * sizeof *conn->received);
        conn->received_count--;
    }
    SSL_SESSION_up_ref(session);
    conn->received[conn->received_count++] = session;
}

static int hook_session_new(SSL *ssl, SSL_SESSION *session)
{
    struct conn *conn = conn_of(ssl);
    SSL_SESSION *copy;

    if (conn == NULL)
        return 0;
    if (!conn->server) {
        session_received(conn, session);
        return 0;
    }
    if (conn->data_role || SSL_SESSION_get_protocol_version(session) >= TLS1_3_VERSION)
        return 0;
    copy = SSL_SESSION_dup(session);
    if (copy != NULL) {
        SSL_SESSION_set1_ticket_appdata(copy, conn->identity, IDENTITY_SIZE);
        store_session(conn, copy);
        SSL_SESSION_free(copy);
    }
    return 0;
}

/* Data connections: a full handshake makes a session that nobody can resume (no ticket; its id is in no store). */
static int hook_not_resumable(SSL *ssl, int forward_secure)
{
    struct conn *conn = conn_of(ssl);

    return conn != NULL && conn->data_role;
}

/* ---- hello, verification, names --------------------------------------------------------------------------------- */

static int highest_offered(SSL *ssl)
{
    const unsigned char *data;
    size_t size, i;
    int version, highest = 0;

    if (!SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_supported_versions, &data, &size) || size < 1)
        return (int)SSL_client_hello_get0_legacy_version(ssl);
    for (i = 1; i + 1 < size; i += 2) {
        version = data[i] << 8 | data[i + 1];
        if (version <= TLS1_3_VERSION && version > highest)
            highest = version;
    }
    return highest;
}

static int serves_tls13(SSL *ssl)
{
    int highest = SSL_get_max_proto_version(ssl);

    return (highest == 0 || highest >= TLS1_3_VERSION) && !(SSL_get_options(ssl) & SSL_OP_NO_TLSv1_3);
}

#include "ossl_psk.h"

static int hook_hello(SSL *ssl, int *alert, void *argument)
{
    struct conn *conn = conn_of(ssl);

    if (conn == NULL)
        return SSL_CLIENT_HELLO_SUCCESS;
    conn->hello_version = highest_offered(ssl);
    if (conn->config->tickets12 || (conn->hello_version >= TLS1_3_VERSION && serves_tls13(ssl)))
        SSL_clear_options(ssl, SSL_OP_NO_TICKET);
    else
        SSL_set_options(ssl, SSL_OP_NO_TICKET);
    psk_prepare_hello(ssl);
    return SSL_CLIENT_HELLO_SUCCESS;
}

static void verify_objection(struct conn *conn, int depth, int code, X509 *certificate)
{
    if (conn->failures == NULL)
        conn->failures = calloc(FAILURES_MAX, sizeof *conn->failures);
    if (conn->failures == NULL || conn->failure_count == FAILURES_MAX)
        return;
    if (certificate != NULL)
        X509_up_ref(certificate);
    conn->failures[conn->failure_count++] = (struct verify_failure){depth, code, certificate};
}

/* The chain is good as far as OpenSSL can tell; what has been revoked is Python's to know (CRLs, OCSP). */
static int verify_further(struct conn *conn, X509_STORE_CTX *store)
{
    STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(store);
    int depth = 0, code = py_verify(conn, chain, &depth);

    if (code == X509_V_OK)
        return 1;
    if (depth >= 0 && depth < sk_X509_num(chain)) {
        X509_STORE_CTX_set_error_depth(store, depth);
        X509_STORE_CTX_set_current_cert(store, sk_X509_value(chain, depth));
    }
    X509_STORE_CTX_set_error(store, code);
    return 0;
}

/* The library was told depth + 1, so that a chain that is too long is seen (and said) here. */
static int hook_verify(int good, X509_STORE_CTX *store)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct conn *conn = ssl == NULL ? NULL : conn_of(ssl);
    int depth = X509_STORE_CTX_get_error_depth(store);

    if (conn == NULL)
        return good;
    if (good && depth > conn->depth) {
        X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_CHAIN_TOO_LONG);
        good = 0;
    }
    if (good && depth == 0 && conn->python_verify && conn->failure_count == 0)
        good = verify_further(conn, store);
    if (good)
        return 1;
    verify_objection(conn, X509_STORE_CTX_get_error_depth(store), X509_STORE_CTX_get_error(store),
                     X509_STORE_CTX_get_current_cert(store));
    return conn->failure_ok;
}

static int hook_name(SSL *ssl, int *alert, void *argument)
{
    struct conn *conn = conn_of(ssl);

    if (conn == NULL || !conn->config->python_name)
        return SSL_TLSEXT_ERR_OK;
    return py_name(conn, SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name), alert);
}

static int hook_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_size, const unsigned char *in,
                     unsigned in_size, void *argument)
{
    struct conn *conn = conn_of(ssl);
    const struct ctx_config *config = conn == NULL ? NULL : conn->config;
    unsigned ours, theirs;

    if (config == NULL || config->alpn_size == 0)
        return SSL_TLSEXT_ERR_NOACK;
    for (ours = 0; ours < config->alpn_size; ours += 1 + config->alpn[ours]) {
        for (theirs = 0; theirs < in_size; theirs += 1u + in[theirs]) {
            if (config->alpn[ours] == in[theirs] && theirs + 1u + in[theirs] <= in_size
                && memcmp(config->alpn + ours + 1, in + theirs + 1, in[theirs]) == 0) {
                *out = in + theirs + 1;
                *out_size = in[theirs];
                return SSL_TLSEXT_ERR_OK;
            }
        }
    }
    return config->alpn_strict ? SSL_TLSEXT_ERR_ALERT_FATAL : SSL_TLSEXT_ERR_NOACK;
}

/* `argument`: the configuration of the context whose certificate it is. */
static int hook_status(SSL *ssl, void *argument)
{
    const struct ctx_config *config = argument;
    struct conn *conn = conn_of(ssl);

    if (conn == NULL)
        return SSL_TLSEXT_ERR_NOACK;
    conn->stapled = staple_choose(ssl, config->staples, config->staple_count);
    if (conn->stapled == STAPLED_RESPONSE || conn->stapled == STAPLED_TRY_LATER)
        return SSL_TLSEXT_ERR_OK;
    return SSL_TLSEXT_ERR_NOACK;
}

/* ---- what happens on the connection ----------------------------------------------------------------------------- */

static void note_alert(struct conn *conn, int where, int alert)
{
    if ((alert & 0xff) == SSL_AD_CLOSE_NOTIFY) {
        if (where & SSL_CB_READ)
            conn->notify_received = 1;
        return;
    }
    if (where & SSL_CB_READ)
        conn->alert_received = alert;
    else
        conn->alert_sent = alert;
    if (alert >> 8 == SSL3_AL_FATAL && conn->server && !conn->data_role && conn->established
        && SSL_get_session(conn->ssl) != NULL
        && SSL_SESSION_get_protocol_version(SSL_get_session(conn->ssl)) < TLS1_3_VERSION)
        forget_session(conn, SSL_get_session(conn->ssl));       /* RFC 5246 7.2.2 */
}

/* From now on a FIN without close_notify is answered with nothing (see ossl_io.h); before, with an alert. */
static void conn_establish(struct conn *conn)
{
    conn->established = 1;
    SSL_set_options(conn->ssl, SSL_OP_IGNORE_UNEXPECTED_EOF);
}

static void note_handshake_start(struct conn *conn)
{
    if (conn->established && conn->server && !conn->renegotiating)
        conn->started_by_peer++;
}

/* OpenSSL also says "done" when it has merely sent a HelloRequest: a handshake has the peer's Finished. */
static void note_handshake_done(struct conn *conn)
{
    if (conn->handshakes == conn->finished)
        return;
    conn->handshakes = conn->finished;
    conn_adopt(conn);
    conn_establish(conn);
    if (conn->renegotiating) {
        conn->renegotiating = 0;
        if (!conn->config->renegotiation)
            SSL_set_options(conn->ssl, SSL_OP_NO_RENEGOTIATION);
    }
}

static void hook_info(const SSL *ssl, int where, int value)
{
    struct conn *conn = conn_of(ssl);

    if (conn == NULL)
        return;
    if (where & SSL_CB_HANDSHAKE_START)
        note_handshake_start(conn);
    else if (where & SSL_CB_HANDSHAKE_DONE)
        note_handshake_done(conn);
    else if (where & SSL_CB_ALERT)
        note_alert(conn, where, value);
    if (conn->config->python_info)
        py_info(conn, where, value);
}

static void conn_cork(const struct conn *conn, int on)
{
    (void)setsockopt(conn->fd, IPPROTO_TCP, TCP_CORK, &on, sizeof on);  /* it may be no TCP socket */
}

static void note_handshake_message(struct conn *conn, int type)
{
    if (type == SSL3_MT_FINISHED) {
        conn->finished++;
        if (conn->server && !conn->data_role && !conn->established && SSL_version(conn->ssl) >= TLS1_3_VERSION) {
            conn->corked = 1;           /* OpenSSL writes each ticket at once: in one segment they wake the peer once */
            conn_cork(conn, 1);
        }
    }
    if (type == SSL3_MT_KEY_UPDATE) {
        conn->key_updates++;
        if (conn->key_updates_asked > 0)
            conn->key_updates_asked--;
        else
            conn->key_updates_in_row++;
    }
}

static void hook_message(int sent, int version, int type, const void *data, size_t size, SSL *ssl, void *argument)
{
    struct conn *conn = conn_of(ssl);

    if (conn == NULL)
        return;
    if (!sent && (type == SSL3_RT_HANDSHAKE || type == SSL3_RT_ALERT)) {
        conn->messages++;
        if (type == SSL3_RT_HANDSHAKE && size > 0)
            note_handshake_message(conn, *(const unsigned char *)data);
    }
    if (conn->config->python_message && type <= SSL3_RT_HANDSHAKE)     /* not the headers of records */
        py_message(conn, sent, version, type, data, size);
}

/* ---- making and ending ------------------------------------------------------------------------------------------ */

static void context_prepare(SSL_CTX *ctx, int server)
{
    SSL_CTX_clear_mode(ctx, SSL_MODE_AUTO_RETRY);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE
                     | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_info_callback(ctx, hook_info);
    SSL_CTX_set_msg_callback(ctx, hook_message);
    SSL_CTX_sess_set_new_cb(ctx, hook_session_new);
    if (!server) {
        SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
        return;
    }
    SSL_CTX_set_dh_auto(ctx, 1);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_SERVER | SSL_SESS_CACHE_NO_INTERNAL
                                   | SSL_SESS_CACHE_NO_AUTO_CLEAR);
    SSL_CTX_sess_set_get_cb(ctx, hook_session_get);
    SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, hook_ticket_key);
    SSL_CTX_set_session_ticket_cb(ctx, hook_ticket_issue, hook_ticket_read, NULL);
    SSL_CTX_set_client_hello_cb(ctx, hook_hello, NULL);
    SSL_CTX_set_tlsext_servername_callback(ctx, hook_name);
    SSL_CTX_set_alpn_select_cb(ctx, hook_alpn, NULL);
    SSL_CTX_set_not_resumable_session_callback(ctx, hook_not_resumable);
}

static void context_set_verify(SSL_CTX *ctx, struct ctx_config *config, int mode, int depth, int failure_ok)
{
    config->depth = depth;
    config->failure_ok = failure_ok;
    SSL_CTX_set_verify(ctx, mode, mode == SSL_VERIFY_NONE ? NULL : hook_verify);
    SSL_CTX_set_verify_depth(ctx, depth + 1);
}

/* What goes with `certificate` is in `slot`, which outlives the context; 0: there are too many. */
static int context_staple(SSL_CTX *ctx, struct ctx_config *config, X509 *certificate, const struct staple_slot *slot,
                          int fake)
{
    if (config->staple_count == STAPLES_MAX || !X509_up_ref(certificate))
        return 0;
    config->staples[config->staple_count++] = (struct staple){certificate, slot, fake};
    SSL_CTX_set_tlsext_status_cb(ctx, hook_status);
    SSL_CTX_set_tlsext_status_arg(ctx, config);
    return 1;
}

static void context_unstaple(struct ctx_config *config)
{
    while (config->staple_count > 0)
        X509_free(config->staples[--config->staple_count].certificate);
}

/* Another context for the rest of the handshake (SNI): certificates, CA names and ciphers come with the context,
 * what SSL_new copied is copied again. Tickets and sessions stay those of the first context. */
static void conn_switch(struct conn *conn, SSL_CTX *ctx, const struct ctx_config *config)
{
    SSL_set_SSL_CTX(conn->ssl, ctx);
    psk_switch(conn->ssl, ctx);
    SSL_set_verify(conn->ssl, SSL_CTX_get_verify_mode(ctx), SSL_CTX_get_verify_callback(ctx));
    SSL_set_verify_depth(conn->ssl, SSL_CTX_get_verify_depth(ctx));
    conn->depth = config->depth;
    conn->failure_ok = config->failure_ok;
    conn->python_verify = config->python_verify;
}

/* NULL: OpenSSL's error queue says why (or memory is short). */
static struct conn *conn_new(SSL_CTX *ctx, const struct ctx_config *config, int fd, int server)
{
    struct conn *conn = calloc(1, sizeof *conn);

    if (conn == NULL)
        return NULL;
    conn->config = config;
    conn->fd = fd;
    conn->server = server;
    conn->pid = getpid();
    conn->depth = config->depth;
    conn->failure_ok = config->failure_ok;
    conn->python_verify = config->python_verify;
    conn->ssl = SSL_new(ctx);
    if (conn->ssl == NULL || !SSL_set_ex_data(conn->ssl, 0, conn) || !SSL_set_fd(conn->ssl, fd)) {
        SSL_free(conn->ssl);
        free(conn);
        return NULL;
    }
    if (server)
        SSL_set_accept_state(conn->ssl);
    else
        SSL_set_connect_state(conn->ssl);
    return conn;
}

/* Whether the kernel can encrypt (its module `tls`). Asked once per process, by the first data connection: where it
 * cannot, OpenSSL would try four times for each of them. */
static int ktls_here(void)
{
    static int known;                   /* 0: not asked yet */
    int answer = __atomic_load_n(&known, __ATOMIC_RELAXED);
    int fd = answer == 0 ? socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0) : -1;

    if (fd >= 0) {
        answer = setsockopt(fd, IPPROTO_TCP, TCP_ULP, "tls", sizeof "tls") != 0 && errno == ENOENT ? -1 : 1;
        __atomic_store_n(&known, answer, __ATOMIC_RELAXED);
        close(fd);
    }
    return answer >= 0;
}

static void data_prepare(struct conn *conn, struct conn *control)
{
    SSL_SESSION *session;

    conn->data_role = 1;
    SSL_clear_mode(conn->ssl, SSL_MODE_RELEASE_BUFFERS);
    SSL_set_read_ahead(conn->ssl, 1);
    SSL_set_default_read_buffer_len(conn->ssl, 4 * (SSL3_RT_MAX_PLAIN_LENGTH + SSL3_RT_MAX_ENCRYPTED_OVERHEAD));
    if (conn->config->ktls && ktls_here())
        SSL_set_options(conn->ssl, SSL_OP_ENABLE_KTLS);
    if (!conn->server)
        return;
    SSL_set_num_tickets(conn->ssl, 0);
    if (control == NULL)
        return;
    memcpy(conn->parent_identity, control->identity, IDENTITY_SIZE);
    held_copy(&conn->held, &control->held);
    session = control->established ? SSL_get_session(control->ssl) : NULL;
    if (session != NULL && SSL_SESSION_get_protocol_version(session) < TLS1_3_VERSION && SSL_SESSION_up_ref(session))
        conn->parent = session;
}

static int same_id(const struct conn *one, const struct conn *other)
{
    unsigned size, other_size;
    const unsigned char *id = SSL_SESSION_get_id(SSL_get_session(one->ssl), &size);
    const unsigned char *other_id = SSL_SESSION_get_id(SSL_get_session(other->ssl), &other_size);

    return size > 0 && size == other_size && CRYPTO_memcmp(id, other_id, size) == 0;
}

/* 1 the connection resumed the control connection's session, 0 it resumed nothing, -1 it resumed another. */
static int conn_proof(const struct conn *conn, const struct conn *control)
{
    if (!conn->established || !SSL_session_reused(conn->ssl))
        return 0;
    if (conn->has_presented && CRYPTO_memcmp(conn->presented, control->identity, IDENTITY_SIZE) == 0)
        return 1;
    return conn->by_id && control->established && same_id(conn, control) ? 1 : -1;
}

/* Whether the proof is beyond doubt: the identity was in the ticket or session, no external key took part, and there is
 * no certificate of the client's to be compared. `tls/reuse.py` has all cases. */
static int conn_proved(const struct conn *conn, const struct conn *control)
{
    return conn->has_presented && conn->psk_identity[0] == 0 && conn_proof(conn, control) > 0
        && SSL_get0_peer_certificate(control->ssl) == NULL;
}

static void conn_free(struct conn *conn)
{
    int i;

    for (i = 0; i < conn->failure_count; i++)
        X509_free(conn->failures[i].certificate);
    for (i = 0; i < conn->received_count; i++)
        SSL_SESSION_free(conn->received[i]);
    free(conn->failures);
    free(conn->received);
    held_release(&conn->held);
    if (conn->parent != NULL)
        SSL_SESSION_free(conn->parent);
    if (conn->ssl != NULL) {
        SSL_set_shutdown(conn->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
        SSL_free(conn->ssl);
    }
    OPENSSL_cleanse(conn, sizeof *conn);
    free(conn);
}

#endif
