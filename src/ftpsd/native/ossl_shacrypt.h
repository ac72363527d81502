/* The password hash $6$ (SHA-crypt of Ulrich Drepper, revision 0.6) over OpenSSL's SHA-512.
 *
 * libcrypt's is portable C; OpenSSL's block function is written for the processor and takes half the time, and a login
 * costs a thousand to five thousand of them. What is hashed in a round is short, so each message is put together with
 * its padding and given to the block function as it is. Only the digest is computed here; what may be a setting is
 * the caller's to decide. Everything that was derived from the password is wiped. */
#ifndef FTPSD_OSSL_SHACRYPT_H
#define FTPSD_OSSL_SHACRYPT_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

#define SHACRYPT_DIGEST 64
#define SHACRYPT_BLOCK 128
#define SHACRYPT_KEY_MAX 511            /* bytes, as in libcrypt */
#define SHACRYPT_SALT_MAX 16
#define SHACRYPT_TEXT 86

#ifndef OPENSSL_NO_DEPRECATED_3_0
#include <openssl/crypto.h>
#include <openssl/sha.h>
#define SHACRYPT_AVAILABLE 1

/* Deprecated, but EVP costs more than a short message itself. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

struct shacrypt {
    SHA512_CTX initial;
    unsigned char key[SHACRYPT_KEY_MAX + 1], salt[SHACRYPT_SALT_MAX];       /* of the sequences P and S */
    unsigned char digest[SHACRYPT_DIGEST];
    unsigned char message[SHACRYPT_DIGEST + SHACRYPT_SALT_MAX + 2 * SHACRYPT_KEY_MAX + 2 * SHACRYPT_BLOCK];
    SHA512_CTX state;
};

static unsigned char *shacrypt_put(unsigned char *at, const void *data, size_t size)
{
    memcpy(at, data, size);
    return at + size;
}

/* Pads the message that ends at `end`, and puts its digest into `digest`. */
static void shacrypt_hash(struct shacrypt *work, unsigned char *end)
{
    size_t size = (size_t)(end - work->message), padded = (size + 16) / SHACRYPT_BLOCK * SHACRYPT_BLOCK + SHACRYPT_BLOCK;
    uint64_t word = htobe64((uint64_t)size * 8);

    *end = 0x80;
    memset(end + 1, 0, padded - size - 1);
    memcpy(work->message + padded - sizeof word, &word, sizeof word);
    work->state = work->initial;
    for (size_t at = 0; at < padded; at += SHACRYPT_BLOCK)
        SHA512_Transform(&work->state, work->message + at);
    for (size_t i = 0; i < SHACRYPT_DIGEST / sizeof word; i++) {
        word = htobe64(work->state.h[i]);
        memcpy(work->digest + i * sizeof word, &word, sizeof word);
    }
}

/* The digest of `data` said `count` times over, repeated or cut to `size` bytes: the sequences P and S. */
static void shacrypt_sequence(struct shacrypt *work, const void *data, size_t size, unsigned count, unsigned char *out)
{
    SHA512_CTX *state = &work->state;
    unsigned char digest[SHACRYPT_DIGEST];

    SHA512_Init(state);
    for (unsigned i = 0; i < count; i++)
        SHA512_Update(state, data, size);
    SHA512_Final(digest, state);
    for (size_t at = 0; at < size; at += SHACRYPT_DIGEST)
        memcpy(out + at, digest, size - at < SHACRYPT_DIGEST ? size - at : SHACRYPT_DIGEST);
    OPENSSL_cleanse(digest, sizeof digest);
}

/* The digest that the rounds begin with. */
static void shacrypt_begin(struct shacrypt *work, const void *key, size_t key_size, const void *salt, size_t salt_size)
{
    SHA512_CTX *state = &work->state;

    SHA512_Init(state);
    SHA512_Update(state, key, key_size);
    SHA512_Update(state, salt, salt_size);
    SHA512_Update(state, key, key_size);
    SHA512_Final(work->digest, state);
    SHA512_Init(state);
    SHA512_Update(state, key, key_size);
    SHA512_Update(state, salt, salt_size);
    for (size_t left = key_size; left > 0; left -= left < SHACRYPT_DIGEST ? left : SHACRYPT_DIGEST)
        SHA512_Update(state, work->digest, left < SHACRYPT_DIGEST ? left : SHACRYPT_DIGEST);
    for (size_t bits = key_size; bits > 0; bits >>= 1)
        SHA512_Update(state, bits & 1 ? (const void *)work->digest : key, bits & 1 ? SHACRYPT_DIGEST : key_size);
    SHA512_Final(work->digest, state);
}

static void shacrypt_rounds(struct shacrypt *work, size_t key_size, size_t salt_size, unsigned long rounds)
{
    unsigned char *end;

    for (unsigned long i = 0; i < rounds; i++) {
        end = i & 1 ? shacrypt_put(work->message, work->key, key_size)
                    : shacrypt_put(work->message, work->digest, SHACRYPT_DIGEST);
        if (i % 3)
            end = shacrypt_put(end, work->salt, salt_size);
        if (i % 7)
            end = shacrypt_put(end, work->key, key_size);
        end = i & 1 ? shacrypt_put(end, work->digest, SHACRYPT_DIGEST) : shacrypt_put(end, work->key, key_size);
        shacrypt_hash(work, end);
    }
}

/* The digest in crypt(3)'s alphabet: of each three bytes, 21 apart, six bits at a time; they go round by one place. */
static void shacrypt_text(const unsigned char *digest, char *out)
{
    static const char letters[] = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    uint32_t bits;

    for (unsigned i = 0; i < 21; i++) {
        unsigned first = i % 3 * 21 + i, second = (i + 1) % 3 * 21 + i, third = (i + 2) % 3 * 21 + i;

        bits = (uint32_t)digest[first] << 16 | (uint32_t)digest[second] << 8 | digest[third];
        for (int j = 0; j < 4; j++, bits >>= 6)
            *out++ = letters[bits & 63];
    }
    *out++ = letters[digest[63] & 63];
    *out++ = letters[digest[63] >> 6];
}

/* Sizes are within the bounds above; `out` has room for SHACRYPT_TEXT characters. */
static void shacrypt(const void *key, size_t key_size, const void *salt, size_t salt_size, unsigned long rounds, char *out)
{
    struct shacrypt work;

    SHA512_Init(&work.initial);
    shacrypt_begin(&work, key, key_size, salt, salt_size);
    shacrypt_sequence(&work, key, key_size, (unsigned)key_size, work.key);
    shacrypt_sequence(&work, salt, salt_size, 16u + work.digest[0], work.salt);
    shacrypt_rounds(&work, key_size, salt_size, rounds);
    shacrypt_text(work.digest, out);
    OPENSSL_cleanse(&work, sizeof work);
}

#pragma GCC diagnostic pop
#else
#define SHACRYPT_AVAILABLE 0
static void shacrypt(const void *key, size_t key_size, const void *salt, size_t salt_size, unsigned long rounds, char *out)
{
    (void)key, (void)key_size, (void)salt, (void)salt_size, (void)rounds, (void)out;
}
#endif

#endif
