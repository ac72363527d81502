/* The ring of session-ticket keys.
 *
 * One anonymous piece of memory, MAP_SHARED: processes forked later see every change made by any of them. Kept out of
 * swap and core dumps where the system allows it; keys that leave the ring are overwritten.
 *
 * Readers (ticket callbacks, many) take no lock. There are two tables, and a version: its parity says which table
 * counts. A writer, who holds a robust mutex, fills the other table, raises the version and wipes the old table. A
 * reader copies the key that he needs and looks at the version again; if it has moved, he looks anew. A writer that
 * dies has changed nothing (or everything). A reader that is never left in peace acts as if the key were unknown,
 * which costs a full handshake and nothing else.
 *
 * A key has two times. It is accepted until `age` after `created`. It encrypts from `active` on, until a
 * younger one does. Where machines share the ring, `active` lies ahead of `created` by more than the time in which
 * each machine looks for new keys, so that no ticket comes to a machine that does not know its key yet.
 */
#ifndef FTPSD_OSSL_KEYS_H
#define FTPSD_OSSL_KEYS_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include "ossl_shared.h"

#define TICKET_NAME_SIZE 16
#define TICKET_KEYS_MAX 256
#define KEYS_SPINS 1000
#define KEYS_PATIENCE 0.2
#define SEAL_SIZE 32
#define POOL_NAME_SIZE 8

struct ticket_key {
    unsigned char name[TICKET_NAME_SIZE];
    unsigned char cipher[32];
    unsigned char mac[32];
    int64_t created, active;            /* microseconds since the epoch */
};

struct key_table {
    unsigned count;
    struct ticket_key keys[TICKET_KEYS_MAX];        /* the youngest first */
};

struct key_ring {
    pthread_mutex_t lock;
    unsigned version;
    int locked, sealing;
    int64_t age;                        /* microseconds, like all times here */
    unsigned keep;
    int64_t looked;                     /* when a process last looked for other machines' keys */
    unsigned char seal[SEAL_SIZE];      /* what is sealed with for other machines, if `sealing` */
    unsigned char pool[POOL_NAME_SIZE]; /* public: machines with the same secret have the same */
    struct key_table tables[2];
};

static struct key_ring *keys_new(int64_t age, unsigned keep)
{
    int locked;
    struct key_ring *ring = guarded_memory(sizeof *ring, MAP_SHARED, &locked);

    if (ring == NULL)
        return NULL;
    ring->locked = locked;
    ring->age = age;
    ring->keep = keep;
    if (shared_lock_init(&ring->lock))
        return ring;
    munmap(ring, sizeof *ring);
    return NULL;
}

/* Unmaps only: other processes may still use the memory, which vanishes with the last of them. */
static void keys_free(struct key_ring *ring)
{
    if (ring != NULL)
        munmap(ring, sizeof *ring);
}

/* ---- readers ---------------------------------------------------------------------------------------------------- */

static int keys_expired(const struct ticket_key *key, int64_t age, int64_t now)
{
    return key->created + age <= now;
}

/* The key called `name`; NULL: the one that encrypts. */
static const struct ticket_key *keys_choose(const struct key_table *table, const unsigned char *name, int64_t now)
{
    unsigned i, count = table->count <= TICKET_KEYS_MAX ? table->count : 0;

    for (i = 0; i < count; i++) {
        if (name != NULL ? CRYPTO_memcmp(table->keys[i].name, name, TICKET_NAME_SIZE) == 0
            : table->keys[i].active <= now || i + 1 == count)
            return &table->keys[i];
    }
    return NULL;
}

/* A copy of that key, which the caller wipes; 0: there is none, or it has expired. */
static int keys_find(const struct key_ring *ring, const unsigned char *name, int64_t now, struct ticket_key *found)
{
    const struct ticket_key *key;
    unsigned before;
    int spins;

    for (spins = 0; spins < KEYS_SPINS; spins++) {
        before = __atomic_load_n(&ring->version, __ATOMIC_ACQUIRE);
        key = keys_choose(&ring->tables[before & 1], name, now);
        if (key != NULL)
            *found = *key;
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        if (__atomic_load_n(&ring->version, __ATOMIC_RELAXED) == before)
            return key != NULL && (name == NULL || !keys_expired(found, ring->age, now));
    }
    OPENSSL_cleanse(found, sizeof *found);
    return 0;
}

/* ---- writers: they hold the lock -------------------------------------------------------------------------------- */

static struct key_table *keys_table(struct key_ring *ring)
{
    return &ring->tables[ring->version & 1];
}

/* A copy of the table to work on; NULL: no lock or no memory. `keys_commit` ends it. */
static struct key_table *keys_begin(struct key_ring *ring)
{
    struct key_table *work = malloc(sizeof *work);

    if (work == NULL || shared_lock(&ring->lock, KEYS_PATIENCE) == SHARED_FAILED) {
        free(work);
        return NULL;
    }
    *work = *keys_table(ring);
    return work;
}

static void keys_commit(struct key_ring *ring, struct key_table *work, int changed)
{
    struct key_table *old = keys_table(ring);

    if (changed) {
        ring->tables[(ring->version + 1) & 1] = *work;
        __atomic_store_n(&ring->version, ring->version + 1, __ATOMIC_RELEASE);
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        OPENSSL_cleanse(old, sizeof *old);
    }
    pthread_mutex_unlock(&ring->lock);
    OPENSSL_cleanse(work, sizeof *work);
    free(work);
}

static int keys_younger(const void *one, const void *other)
{
    const struct ticket_key *a = one, *b = other;

    if (a->active != b->active)
        return a->active > b->active ? -1 : 1;
    return memcmp(a->name, b->name, TICKET_NAME_SIZE);
}

/* Takes away what has expired, and of those that encrypt or have encrypted all but the youngest `keep`. */
static void keys_prune(const struct key_ring *ring, struct key_table *table, int64_t now)
{
    unsigned i, kept = 0, active = 0;

    qsort(table->keys, table->count, sizeof *table->keys, keys_younger);
    for (i = 0; i < table->count; i++) {
        if (keys_expired(&table->keys[i], ring->age, now))
            continue;
        if (table->keys[i].active <= now && ++active > ring->keep)
            continue;
        table->keys[kept++] = table->keys[i];
    }
    OPENSSL_cleanse(table->keys + kept, (TICKET_KEYS_MAX - kept) * sizeof *table->keys);
    table->count = kept;
}

/* A new key in front, which encrypts from `lead` on (at once, if there is no other). */
static int keys_make(struct key_table *table, int64_t now, int64_t lead)
{
    struct ticket_key fresh;

    if (RAND_bytes((unsigned char *)&fresh, sizeof fresh) != 1)
        return 0;
    fresh.created = now;
    fresh.active = table->count > 0 ? now + lead : now;
    if (table->count == TICKET_KEYS_MAX)
        table->count--;
    memmove(table->keys + 1, table->keys, table->count * sizeof fresh);
    table->keys[0] = fresh;
    table->count++;
    OPENSSL_cleanse(&fresh, sizeof fresh);
    return 1;
}

/* When the youngest key was made; those of a clock that was ahead of `latest` (ours, or another machine's) do not count. */
static int64_t keys_youngest(const struct key_table *table, int64_t latest)
{
    int64_t youngest = INT64_MIN;
    unsigned i;

    for (i = 0; i < table->count; i++)
        if (table->keys[i].created <= latest && table->keys[i].created > youngest)
            youngest = table->keys[i].created;
    return youngest;
}

/* Wipes old keys, and makes a new one if the youngest is `period` old (or none is there). 1 a key was made,
 * 0 none was due, -1 the lock or randomness could not be had. A key from further ahead than the next one would be
 * keeps none from being made. */
static int keys_maintain(struct key_ring *ring, int64_t now, int64_t period, int64_t lead)
{
    struct key_table *work = keys_begin(ring);
    unsigned before;
    int made = 0;

    if (work == NULL)
        return -1;
    before = work->count;
    keys_prune(ring, work, now);
    if (work->count == 0 || keys_youngest(work, now + period) <= now - period) {
        made = keys_make(work, now, lead) ? 1 : -1;
        keys_prune(ring, work, now);
    }
    keys_commit(ring, work, made > 0 || work->count != before);
    return made;
}

/* Adds the keys of `other`; what `news` are: bit 0: there were some, bit 1: `other` lacks some of ours; -1: no lock. */
static int keys_merge(struct key_ring *ring, const struct key_table *other, int64_t now)
{
    struct key_table *work = keys_begin(ring);
    unsigned i, j, shared = 0, ours;
    int news = 0;

    if (work == NULL)
        return -1;
    keys_prune(ring, work, now);
    ours = work->count;
    for (i = 0; i < other->count && i < TICKET_KEYS_MAX; i++) {
        for (j = 0; j < work->count; j++)
            if (CRYPTO_memcmp(work->keys[j].name, other->keys[i].name, TICKET_NAME_SIZE) == 0)
                break;
        if (j < work->count) {
            shared++;
        } else if (work->count < TICKET_KEYS_MAX && !keys_expired(&other->keys[i], ring->age, now)) {
            work->keys[work->count++] = other->keys[i];
            news |= 1;
        }
    }
    keys_prune(ring, work, now);
    keys_commit(ring, work, news);
    return shared < ours ? news | 2 : news;
}

/* Adds the keys of another ring, as they are. */
static int keys_adopt(struct key_ring *ring, struct key_ring *other, int64_t now)
{
    struct key_table *theirs = keys_begin(other), *copy = malloc(sizeof *copy);
    int ok = theirs != NULL && copy != NULL;

    if (ok)
        *copy = *theirs;
    if (theirs != NULL)
        keys_commit(other, theirs, 0);
    ok = ok && keys_merge(ring, copy, now) >= 0;
    if (copy != NULL)
        OPENSSL_cleanse(copy, sizeof *copy);
    free(copy);
    return ok;
}

/* Whether the caller is to look for other machines' keys now: of all processes, one every `interval`. */
static int keys_claim(struct key_ring *ring, int64_t now, int64_t interval)
{
    int64_t last = __atomic_load_n(&ring->looked, __ATOMIC_RELAXED);

    return (last > now || last + interval <= now)
        && __atomic_compare_exchange_n(&ring->looked, &last, now, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

static void keys_wipe(struct key_ring *ring)
{
    struct key_table *work = keys_begin(ring);

    if (work == NULL)
        return;
    OPENSSL_cleanse(work, sizeof *work);
    keys_commit(ring, work, 1);
}

#endif
