/* Pre-shared keys: a list that belongs to a context, and the callback that looks an identity up in it.
 *
 * TLS <= 1.2 asks for the key of the identity in ClientKeyExchange, under a PSK cipher. TLS 1.3 knows external keys as
 * resumptions without a history: OpenSSL asks the same callback for each identity of the pre_shared_key extension, also
 * for what is really a ticket. There a key without a hash of its own is one for SHA-256 (RFC 8446, 4.2.11), so the
 * cipher of the connection must be one of SHA-256, and it is chosen before the extension is read: psk_prepare_hello
 * puts those ciphers first when the hello names an identity that we know.
 *
 * A ticket that does not fit that cipher is opened and passed over, and nobody has shown then that he knows its secret
 * (tickets go over the network in clear). So an external key that is taken wipes out what the ticket said.
 */
#ifndef FTPSD_OSSL_PSK_H
#define FTPSD_OSSL_PSK_H

#include <string.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>

#define PSK_IDENTITY_MAX 256
#define PSK_KEY_MAX 512
#define PSK_SUITES_MAX 256
#define PSK_FAKE_SIZE 32

struct psk_entry {
    struct psk_entry *next;
    size_t identity_size, key_size;
    unsigned char key[PSK_KEY_MAX];
    char identity[PSK_IDENTITY_MAX + 1];
};

static void psk_free(void *parent, void *list, CRYPTO_EX_DATA *data, int index, long number, void *pointer)
{
    struct psk_entry *entry = list, *next;

    for (; entry != NULL; entry = next) {
        next = entry->next;
        OPENSSL_clear_free(entry, sizeof *entry);
    }
}

static int psk_index(void)
{
    static int index = -1;

    if (index < 0)
        index = SSL_CTX_get_ex_new_index(0, NULL, NULL, NULL, psk_free);
    return index;
}

static const struct psk_entry *psk_find(SSL_CTX *ctx, const void *identity, size_t size)
{
    const struct psk_entry *entry = SSL_CTX_get_ex_data(ctx, psk_index());

    while (entry != NULL && (entry->identity_size != size || memcmp(entry->identity, identity, size) != 0))
        entry = entry->next;
    return entry;
}

static unsigned hook_psk(SSL *ssl, const char *identity, unsigned char *key, unsigned size)
{
    const struct psk_entry *entry = psk_find(SSL_get_SSL_CTX(ssl), identity, strlen(identity));
    struct conn *conn = conn_of(ssl);

    /* Nobody learns from how it fails which identities there are (TLS 1.3 goes on with a certificate instead). */
    if (entry == NULL && SSL_version(ssl) < TLS1_3_VERSION)
        return RAND_bytes(key, PSK_FAKE_SIZE) == 1 ? PSK_FAKE_SIZE : 0;
    if (entry == NULL || entry->key_size > size)
        return 0;
    memcpy(key, entry->key, entry->key_size);
    if (conn != NULL) {
        memcpy(conn->psk_identity, entry->identity, entry->identity_size + 1);
        conn->has_presented = conn->by_id = 0;  /* a ticket named before was passed over: it has proved nothing */
    }
    return (unsigned)entry->key_size;
}

/* 1: added; 0: too long, known already, or no memory. */
static int psk_add(SSL_CTX *ctx, const char *identity, size_t size, const unsigned char *key, size_t key_size)
{
    struct psk_entry *entry;

    if (size < 1 || size > PSK_IDENTITY_MAX || key_size < 1 || key_size > PSK_KEY_MAX || psk_index() < 0
        || psk_find(ctx, identity, size) != NULL)
        return 0;
    entry = OPENSSL_zalloc(sizeof *entry);
    if (entry == NULL)
        return 0;
    entry->identity_size = size;
    entry->key_size = key_size;
    memcpy(entry->identity, identity, size);
    memcpy(entry->key, key, key_size);
    entry->next = SSL_CTX_get_ex_data(ctx, psk_index());
    if (SSL_CTX_set_ex_data(ctx, psk_index(), entry) != 1) {
        OPENSSL_clear_free(entry, sizeof *entry);
        return 0;
    }
    SSL_CTX_set_psk_server_callback(ctx, hook_psk);
    return 1;
}

/* Another context for the rest of the handshake: its keys are the ones that count. */
static void psk_switch(SSL *ssl, SSL_CTX *ctx)
{
    SSL_set_psk_server_callback(ssl, SSL_CTX_get_ex_data(ctx, psk_index()) == NULL ? NULL : hook_psk);
}

/* Whether the body of a pre_shared_key extension names an identity that the context knows. */
static int psk_named(SSL_CTX *ctx, const unsigned char *body, size_t left)
{
    size_t size;

    if (left < 2)
        return 0;
    size = (size_t)body[0] << 8 | body[1];
    body += 2;
    left = size < left - 2 ? size : left - 2;
    while (left > 2) {
        size = (size_t)body[0] << 8 | body[1];
        if (size + 6 > left)
            return 0;
        if (psk_find(ctx, body + 2, size) != NULL)
            return 1;
        body += size + 6;
        left -= size + 6;
    }
    return 0;
}

static void psk_prepare_hello(SSL *ssl)
{
    SSL_CTX *ctx = SSL_get_SSL_CTX(ssl);
    STACK_OF(SSL_CIPHER) *ciphers = SSL_get_ciphers(ssl);
    const unsigned char *body;
    const SSL_CIPHER *cipher;
    char suites[PSK_SUITES_MAX] = "";
    size_t size, used = 0;
    int i;

    if (SSL_CTX_get_ex_data(ctx, psk_index()) == NULL
        || SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_psk, &body, &size) != 1 || !psk_named(ctx, body, size))
        return;
    for (i = 0; i < sk_SSL_CIPHER_num(ciphers); i++) {
        cipher = sk_SSL_CIPHER_value(ciphers, i);
        size = strlen(SSL_CIPHER_get_name(cipher));
        if (strcmp(SSL_CIPHER_get_version(cipher), "TLSv1.3") != 0 || used + size + 2 > sizeof suites
            || SSL_CIPHER_get_handshake_digest(cipher) != EVP_sha256())
            continue;
        if (used > 0)
            suites[used++] = ':';
        memcpy(suites + used, SSL_CIPHER_get_name(cipher), size + 1);
        used += size;
    }
    if (used > 0)
        SSL_set_ciphersuites(ssl, suites);
}

#endif
