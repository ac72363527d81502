/* What goes through servers that the machines of a pool share: their ring of ticket keys, and sessions.
 *
 *     4 bytes     magic
 *     12 bytes    nonce, random
 *     …           encrypted with AES-256-GCM; the magic and the entry's name are authenticated with it
 *     16 bytes    tag
 *
 * The key for that comes from the pool's secret by HKDF-SHA256. Who can read the transport (Redis, memcached) learns
 * nothing; who can write to it can at most bring back what has not expired yet.
 */
#ifndef FTPSD_OSSL_SEAL_H
#define FTPSD_OSSL_SEAL_H

#include <endian.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include "ossl_keys.h"

#define SEAL_MAGIC "FTK1"
#define SEAL_NONCE 12
#define SEAL_TAG 16
#define SEAL_HEAD (4 + SEAL_NONCE)
#define SEAL_EXTRA (SEAL_HEAD + SEAL_TAG)
#define SEAL_MOST (SEAL_EXTRA + TICKET_KEYS_MAX * sizeof(struct ticket_key))
#define SEAL_RING "ring"

static int seal_derive(const char *what, const unsigned char *secret, size_t size, unsigned char *out, size_t out_size)
{
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *derivation = kdf == NULL ? NULL : EVP_KDF_CTX_new(kdf);
    OSSL_PARAM params[4];
    int ok;

    params[0] = OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, "SHA256", 0);
    params[1] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)secret, size);
    params[2] = OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, (void *)what, strlen(what));
    params[3] = OSSL_PARAM_construct_end();
    ok = derivation != NULL && EVP_KDF_derive(derivation, out, out_size, params) == 1;
    EVP_KDF_CTX_free(derivation);
    EVP_KDF_free(kdf);
    return ok;
}

/* From now on the ring and sessions can be sealed. */
static int seal_set_secret(struct key_ring *ring, const unsigned char *secret, size_t size)
{
    unsigned char key[SEAL_SIZE], pool[POOL_NAME_SIZE];
    int ok = seal_derive("ftpsd pool key", secret, size, key, sizeof key)
        && seal_derive("ftpsd pool name", secret, size, pool, sizeof pool)
        && shared_lock(&ring->lock, KEYS_PATIENCE) != SHARED_FAILED;

    if (ok) {
        memcpy(ring->seal, key, sizeof key);
        memcpy(ring->pool, pool, sizeof pool);
        ring->sealing = 1;
        pthread_mutex_unlock(&ring->lock);
    }
    OPENSSL_cleanse(key, sizeof key);
    return ok;
}

/* `name`: of the entry. `out` has room for SEAL_EXTRA bytes more than `plain`. */
static int seal_encrypt(const unsigned char *key, const void *name, size_t name_size, const unsigned char *plain,
                        size_t size, unsigned char *out)
{
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    int done, ok;

    memcpy(out, SEAL_MAGIC, 4);
    ok = cipher != NULL && RAND_bytes(out + 4, SEAL_NONCE) == 1
        && EVP_EncryptInit_ex2(cipher, EVP_aes_256_gcm(), key, out + 4, NULL) == 1
        && EVP_EncryptUpdate(cipher, NULL, &done, out, 4) == 1
        && EVP_EncryptUpdate(cipher, NULL, &done, name, (int)name_size) == 1
        && EVP_EncryptUpdate(cipher, out + SEAL_HEAD, &done, plain, (int)size) == 1
        && EVP_EncryptFinal_ex(cipher, out + SEAL_HEAD + size, &done) == 1
        && EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_GET_TAG, SEAL_TAG, out + SEAL_HEAD + size) == 1;
    EVP_CIPHER_CTX_free(cipher);
    return ok;
}

/* `size`: of `sealed`, at least SEAL_EXTRA. `plain` has room for that much less. */
static int seal_decrypt(const unsigned char *key, const void *name, size_t name_size, const unsigned char *sealed,
                        size_t size, unsigned char *plain)
{
    EVP_CIPHER_CTX *cipher = EVP_CIPHER_CTX_new();
    size_t inner = size - SEAL_EXTRA;
    int done, ok;

    ok = cipher != NULL && memcmp(sealed, SEAL_MAGIC, 4) == 0
        && EVP_DecryptInit_ex2(cipher, EVP_aes_256_gcm(), key, sealed + 4, NULL) == 1
        && EVP_DecryptUpdate(cipher, NULL, &done, sealed, 4) == 1
        && EVP_DecryptUpdate(cipher, NULL, &done, name, (int)name_size) == 1
        && EVP_DecryptUpdate(cipher, plain, &done, sealed + SEAL_HEAD, (int)inner) == 1
        && EVP_CIPHER_CTX_ctrl(cipher, EVP_CTRL_AEAD_SET_TAG, SEAL_TAG, (void *)(sealed + size - SEAL_TAG)) == 1
        && EVP_DecryptFinal_ex(cipher, plain + inner, &done) == 1;
    EVP_CIPHER_CTX_free(cipher);
    return ok;
}

/* Times to the byte order of the transport, and back. */
static void seal_times(struct key_table *table)
{
    unsigned i;

    for (i = 0; i < table->count; i++) {
        table->keys[i].created = (int64_t)htobe64((uint64_t)table->keys[i].created);
        table->keys[i].active = (int64_t)htobe64((uint64_t)table->keys[i].active);
    }
}

/* The ring's keys into `out` (SEAL_MOST bytes); how many bytes, 0: it cannot be done. */
static size_t seal_ring(struct key_ring *ring, unsigned char *out)
{
    struct key_table *work = keys_begin(ring);
    size_t size;
    int ok;

    if (work == NULL)
        return 0;
    size = work->count * sizeof *work->keys;
    seal_times(work);
    ok = ring->sealing && seal_encrypt(ring->seal, SEAL_RING, 4, (const unsigned char *)work->keys, size, out);
    keys_commit(ring, work, 0);
    return ok ? size + SEAL_EXTRA : 0;
}

/* Adds sealed keys to the ring; as keys_merge, or -2: it was not sealed with the pool's secret. */
static int seal_open(struct key_ring *ring, const unsigned char *sealed, size_t size, int64_t now)
{
    struct key_table *found;
    int outcome = -2;
    size_t inner = size - SEAL_EXTRA;

    if (!ring->sealing || size < SEAL_EXTRA || size > SEAL_MOST || inner % sizeof *found->keys)
        return -2;
    found = malloc(sizeof *found);
    if (found == NULL)
        return -1;
    found->count = (unsigned)(inner / sizeof *found->keys);
    if (seal_decrypt(ring->seal, SEAL_RING, 4, sealed, size, (unsigned char *)found->keys)) {
        seal_times(found);
        outcome = keys_merge(ring, found, now);
    }
    OPENSSL_cleanse(found, sizeof *found);
    free(found);
    return outcome;
}

#endif
