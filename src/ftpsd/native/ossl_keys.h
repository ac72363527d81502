/* The ring of session-ticket keys.
 *
 * One anonymous page, MAP_SHARED: processes forked later see every rotation made by any of them. Kept out of swap and
 * core dumps where the system allows it. Readers (ticket callbacks, no lock) and writers (rotation, rare) meet in a
 * sequence lock: odd means "being written"; a reader that cannot get a stable copy acts as if it knew no key, which
 * costs a full handshake and nothing else. Key 0 encrypts, every key decrypts.
 */
#ifndef FTPSD_OSSL_KEYS_H
#define FTPSD_OSSL_KEYS_H

#include <string.h>
#include <sys/mman.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>

#define TICKET_NAME_SIZE 16
#define TICKET_KEYS_MAX 48
#define KEYS_SPINS 100000

struct ticket_key {
    unsigned char name[TICKET_NAME_SIZE];
    unsigned char cipher[32];
    unsigned char mac[32];
};

struct key_ring {
    unsigned sequence;
    unsigned count;
    struct ticket_key keys[TICKET_KEYS_MAX];
};

static struct key_ring *keys_new(void)
{
    struct key_ring *ring = mmap(NULL, sizeof *ring, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (ring == MAP_FAILED)
        return NULL;
    (void)mlock(ring, sizeof *ring);
    (void)madvise(ring, sizeof *ring, MADV_DONTDUMP);
    return ring;
}

/* Unmaps only: other processes may still use the page, which vanishes with the last of them. */
static void keys_free(struct key_ring *ring)
{
    if (ring != NULL)
        munmap(ring, sizeof *ring);
}

/* A stable copy of the ring; 0 when there is none to be had. The caller wipes it. */
static int keys_copy(const struct key_ring *ring, struct key_ring *copy)
{
    unsigned before, after;
    int spins;

    for (spins = 0; spins < KEYS_SPINS; spins++) {
        before = __atomic_load_n(&ring->sequence, __ATOMIC_ACQUIRE);
        if (before & 1)
            continue;
        memcpy(copy, ring, sizeof *copy);
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        after = __atomic_load_n(&ring->sequence, __ATOMIC_RELAXED);
        if (before == after && copy->count <= TICKET_KEYS_MAX)
            return 1;
    }
    return 0;
}

static int keys_lock(struct key_ring *ring)
{
    unsigned even;
    int spins;

    for (spins = 0; spins < KEYS_SPINS; spins++) {
        even = __atomic_load_n(&ring->sequence, __ATOMIC_RELAXED) & ~1u;
        if (__atomic_compare_exchange_n(&ring->sequence, &even, even + 1, 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
            __atomic_thread_fence(__ATOMIC_RELEASE);
            return 1;
        }
    }
    return 0;
}

static void keys_unlock(struct key_ring *ring)
{
    __atomic_fetch_add(&ring->sequence, 1, __ATOMIC_RELEASE);
}

/* Replaces all keys; 0 when another writer never lets go. */
static int keys_set(struct key_ring *ring, const struct ticket_key *keys, unsigned count)
{
    if (count > TICKET_KEYS_MAX || !keys_lock(ring))
        return 0;
    memcpy(ring->keys, keys, count * sizeof *keys);
    OPENSSL_cleanse(ring->keys + count, (TICKET_KEYS_MAX - count) * sizeof *keys);
    ring->count = count;
    keys_unlock(ring);
    return 1;
}

/* Puts a random key in front and keeps `keep` keys in all; 0 without randomness or lock. */
static int keys_rotate(struct key_ring *ring, unsigned keep)
{
    struct ticket_key fresh;
    unsigned count;

    if (keep < 1 || keep > TICKET_KEYS_MAX)
        return 0;
    if (RAND_bytes((unsigned char *)&fresh, sizeof fresh) != 1 || !keys_lock(ring))
        return 0;
    count = ring->count < keep - 1 ? ring->count : keep - 1;
    memmove(ring->keys + 1, ring->keys, count * sizeof fresh);
    ring->keys[0] = fresh;
    ring->count = count + 1;
    OPENSSL_cleanse(ring->keys + ring->count, (TICKET_KEYS_MAX - ring->count) * sizeof fresh);
    keys_unlock(ring);
    OPENSSL_cleanse(&fresh, sizeof fresh);
    return 1;
}

/* The position of the key called `name` (NULL: the one that encrypts) and the key itself; -1: unknown. */
static int keys_find(const struct key_ring *ring, const unsigned char *name, struct ticket_key *found)
{
    struct key_ring copy;
    unsigned i;
    int position = -1;

    if (!keys_copy(ring, &copy))
        return -1;
    for (i = 0; i < copy.count && position < 0; i++) {
        if (name == NULL || CRYPTO_memcmp(copy.keys[i].name, name, TICKET_NAME_SIZE) == 0) {
            *found = copy.keys[i];
            position = (int)i;
        }
    }
    OPENSSL_cleanse(&copy, sizeof copy);
    return position;
}

#endif
