/* OCSP responses that go along with certificates (stapling: RFC 6066 section 8, RFC 8446 section 4.4.2.1).
 *
 * A slot is anonymous memory, MAP_SHARED: what one process puts there, all that were forked later send. It has two
 * records; the sequence number says which one counts, and a writer fills the other one before it counts up. So a
 * writer that dies half-way has changed nothing, and a reader that is overtaken twice sees it and reads again.
 * Writers keep each other out by themselves (tls/stapling/shelf.py).
 */
#ifndef FTPSD_OSSL_STAPLES_H
#define FTPSD_OSSL_STAPLES_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#define STAPLE_MAX 16380                /* what OpenSSL's clients take under TLS 1.2 */
#define STAPLES_MAX 8
#define STAPLE_SPINS 1000

struct staple_record {
    int64_t until;              /* seconds since the epoch from which it is not sent any more */
    int64_t due;                /* … when somebody should ask for the next one */
    unsigned failures;          /* in a row */
    unsigned size;              /* 0: there is none */
    unsigned char response[STAPLE_MAX];
};

struct staple_slot {
    uint64_t sequence;
    struct staple_record records[2];
};

struct staple {
    X509 *certificate;
    const struct staple_slot *slot;
    int fake;                   /* without a response, "try later" is one */
};

enum stapled { STAPLED_NOT_ASKED, STAPLED_RESPONSE, STAPLED_TRY_LATER, STAPLED_NOTHING };

static struct staple_slot *staple_new(void)
{
    struct staple_slot *slot = mmap(NULL, sizeof *slot, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    return slot == MAP_FAILED ? NULL : slot;
}

/* Unmaps only: other processes may still use it. */
static void staple_free(struct staple_slot *slot)
{
    if (slot != NULL)
        munmap(slot, sizeof *slot);
}

/* A stable copy of the record that counts; 0 when there is none to be had. */
static int staple_read(const struct staple_slot *slot, struct staple_record *copy)
{
    const struct staple_record *record;
    uint64_t before;
    int spins;

    for (spins = 0; spins < STAPLE_SPINS; spins++) {
        before = __atomic_load_n(&slot->sequence, __ATOMIC_ACQUIRE);
        record = &slot->records[before & 1];
        memcpy(copy, record, offsetof(struct staple_record, response));
        if (copy->size <= STAPLE_MAX) {
            memcpy(copy->response, record->response, copy->size);
            __atomic_thread_fence(__ATOMIC_ACQUIRE);
            if (__atomic_load_n(&slot->sequence, __ATOMIC_RELAXED) == before)
                return 1;
        }
    }
    return 0;
}

static void staple_write(struct staple_slot *slot, const struct staple_record *fresh)
{
    uint64_t next = __atomic_load_n(&slot->sequence, __ATOMIC_RELAXED) + 1;
    struct staple_record *record = &slot->records[next & 1];

    memcpy(record, fresh, offsetof(struct staple_record, response) + fresh->size);
    __atomic_store_n(&slot->sequence, next, __ATOMIC_RELEASE);
}

/* Hands OpenSSL a copy of the response; 0: there is none, or no memory. */
static int staple_give(SSL *ssl, const unsigned char *response, size_t size)
{
    unsigned char *copy = OPENSSL_malloc(size);

    if (copy == NULL)
        return 0;
    memcpy(copy, response, size);
    SSL_set_tlsext_status_ocsp_resp(ssl, copy, (long)size);
    return 1;
}

static enum stapled staple_serve(SSL *ssl, const struct staple *staple)
{
    static const unsigned char try_later[] = {0x30, 0x03, 0x0a, 0x01, 0x03};
    struct staple_record record;

    if (staple_read(staple->slot, &record) && record.size > 0 && record.until > (int64_t)time(NULL)
        && staple_give(ssl, record.response, record.size))
        return STAPLED_RESPONSE;
    if (staple->fake && staple_give(ssl, try_later, sizeof try_later))
        return STAPLED_TRY_LATER;
    return STAPLED_NOTHING;
}

/* What goes with the certificate that this handshake shows. (OpenSSL does not ask when a session is resumed.) */
static enum stapled staple_choose(SSL *ssl, const struct staple *staples, int count)
{
    X509 *certificate = SSL_get_certificate(ssl);
    int i;

    for (i = 0; certificate != NULL && i < count; i++) {
        if (X509_cmp(staples[i].certificate, certificate) == 0)
            return staple_serve(ssl, &staples[i]);
    }
    return STAPLED_NOTHING;
}

#endif
