/* A cache of small entries in memory that processes share: anonymous (`internal`), or a System V segment (`shm`).
 *
 *     head        what it is, the lock, where the log begins and ends, counters
 *     table       hash buckets: each the place of its newest record
 *     log         records one after the other, round and round; the oldest is overwritten first
 *
 * A segment rather than a mapped file: what is in it (the secrets of sessions) never reaches a disk, nobody can
 * truncate it under us (SIGBUS), and it outlives the processes. `head` and `tail` count bytes ever written; a record
 * stands at its position modulo the size of the log. None wraps around: a filler takes the rest.
 *
 * Everything in the memory may be wrong: a writer may have died, another program may have written to it. So the
 * geometry is kept outside of it, each record is copied before it is checked, checked before it is believed (bounds,
 * checksum, key), and a walk along a chain has a bound. What is found to be wrong goes: a record alone if the chains are
 * sound, otherwise `cache_repair` builds the table anew from the log, up to the first record that is damaged. The one
 * thing that must be trusted is the mutex; who can write there can do as he pleases anyway.
 *
 * When the writer dies: a record counts only once `head` is past it, and the next holder of the lock repairs.
 */
#ifndef FTPSD_OSSL_CACHE_H
#define FTPSD_OSSL_CACHE_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <openssl/crypto.h>
#include "ossl_shared.h"

#define CACHE_MAGIC "ftpsdC01"
#define CACHE_ALIGN 32
#define CACHE_KEY_MAX 64
#define CACHE_ENTRY_MAX 65536
#define CACHE_HEAD 4096
#define CACHE_SMALLEST 65536
#define CACHE_NONCE 16

enum cache_counter {
    CACHE_HITS, CACHE_MISSES, CACHE_STORED, CACHE_DELETED, CACHE_EXPIRED, CACHE_EVICTED, CACHE_ERRORS,
    CACHE_TOO_LARGE, CACHE_COUNTERS
};

enum cache_state { CACHE_DEAD, CACHE_LIVE, CACHE_FILLER };

enum cache_outcome { CACHE_NO, CACHE_YES, CACHE_BUSY, CACHE_NO_MEMORY };

struct cache_record {
    uint32_t size;                      /* of the whole, a multiple of CACHE_ALIGN */
    uint32_t value_size;
    uint32_t next;                      /* in the bucket: place / CACHE_ALIGN + 1; 0: the last */
    uint16_t key_size, state;
    int64_t expires;                    /* microseconds since the epoch */
    uint64_t check;
    /* key, value */
};

struct cache_head {
    char magic[8];
    uint32_t mutex_size, removed;
    uint64_t size;
    unsigned char nonce[CACHE_NONCE];
    int64_t created;
    pthread_mutex_t lock;
    uint64_t head, tail, entries;
    uint64_t counters[CACHE_COUNTERS];
};

struct cache {
    struct cache_head *shared;
    uint32_t *table;
    unsigned char *log;
    size_t size, buckets, log_size, entry_max;
    int segment, locked;                /* -1: anonymous */
};

static void cache_count(struct cache *cache, int counter, uint64_t count)
{
    __atomic_fetch_add(&cache->shared->counters[counter], count, __ATOMIC_RELAXED);
}

static int cache_gone(const struct cache *cache)
{
    return __atomic_load_n(&cache->shared->removed, __ATOMIC_RELAXED) != 0;
}

/* FNV-1a. It tells damage and spreads keys; nobody outside chooses what is stored. */
static uint64_t cache_hash(uint64_t hash, const void *data, size_t size)
{
    const unsigned char *byte = data;

    while (size-- > 0)
        hash = (hash ^ *byte++) * 1099511628211u;
    return hash;
}

#define CACHE_HASH_START 14695981039346656037u

static uint32_t *cache_bucket(struct cache *cache, const void *key, size_t size)
{
    uint64_t hash = cache_hash(CACHE_HASH_START, key, size);

    return &cache->table[(hash ^ hash >> 32) & (cache->buckets - 1)];
}

static uint64_t cache_checksum(const struct cache_record *record, const void *bytes)
{
    uint64_t hash = cache_hash(CACHE_HASH_START, &record->expires, sizeof record->expires);

    hash = cache_hash(hash, &record->key_size, sizeof record->key_size);
    hash = cache_hash(hash, &record->value_size, sizeof record->value_size);
    return cache_hash(hash, bytes, (size_t)record->key_size + record->value_size);
}

static size_t cache_needs(size_t key_size, size_t value_size)
{
    size_t size = sizeof(struct cache_record) + key_size + value_size;

    return (size + CACHE_ALIGN - 1) / CACHE_ALIGN * CACHE_ALIGN;
}

/* Copies the record's head; whether it has possible bounds. */
static int cache_peek(const struct cache *cache, size_t place, struct cache_record *record)
{
    if (place % CACHE_ALIGN || place + sizeof *record > cache->log_size)
        return 0;
    memcpy(record, cache->log + place, sizeof *record);
    if (record->size % CACHE_ALIGN || record->size < sizeof *record || record->size > cache->log_size - place)
        return 0;
    if (record->state == CACHE_FILLER)
        return 1;
    return record->state <= CACHE_LIVE && record->key_size <= CACHE_KEY_MAX && record->value_size <= cache->entry_max
        && cache_needs(record->key_size, record->value_size) == record->size;
}

static struct cache_record *cache_at(const struct cache *cache, size_t place)
{
    return (struct cache_record *)(cache->log + place);
}

static void cache_reset(struct cache *cache)
{
    memset(cache->table, 0, cache->buckets * sizeof *cache->table);
    OPENSSL_cleanse(cache->log, cache->log_size);
    cache->shared->tail = cache->shared->head;
    cache->shared->entries = 0;
}

static void cache_link(struct cache *cache, size_t place, size_t key_size)
{
    struct cache_record *record = cache_at(cache, place);
    uint32_t *bucket = cache_bucket(cache, record + 1, key_size);

    record->next = *bucket;
    __atomic_thread_fence(__ATOMIC_RELEASE);
    *bucket = (uint32_t)(place / CACHE_ALIGN + 1);
}

static int cache_positions_sound(const struct cache *cache)
{
    const struct cache_head *shared = cache->shared;

    return shared->tail <= shared->head && shared->head - shared->tail <= cache->log_size
        && shared->tail % CACHE_ALIGN == 0 && shared->head % CACHE_ALIGN == 0;
}

/* Builds the table anew; what comes after the first damaged record is lost. The lock is held. */
static void cache_repair(struct cache *cache)
{
    struct cache_head *shared = cache->shared;
    struct cache_record record;
    uint64_t position;
    size_t place;

    if (!cache_positions_sound(cache)) {
        shared->head = shared->tail = 0;
        cache_reset(cache);
        return;
    }
    memset(cache->table, 0, cache->buckets * sizeof *cache->table);
    shared->entries = 0;
    for (position = shared->tail; position < shared->head; position += record.size) {
        place = position % cache->log_size;
        if (!cache_peek(cache, place, &record) || position + record.size > shared->head) {
            cache_count(cache, CACHE_ERRORS, 1);
            shared->head = position;
            break;
        }
        if (record.state != CACHE_LIVE)
            continue;
        if (cache_checksum(&record, cache->log + place + sizeof record) != record.check) {
            cache_at(cache, place)->state = CACHE_DEAD;
            cache_count(cache, CACHE_ERRORS, 1);
            continue;
        }
        cache_link(cache, place, record.key_size);
        shared->entries++;
    }
}

static int cache_lock(struct cache *cache, double seconds)
{
    int outcome = shared_lock(&cache->shared->lock, seconds);

    if (outcome == SHARED_RECOVERED)
        cache_repair(cache);
    return outcome != SHARED_FAILED;
}

static void cache_unlock(struct cache *cache)
{
    pthread_mutex_unlock(&cache->shared->lock);
}

/* A live record that was found: its copy, its place, and the link that leads to it. */
struct cache_spot {
    uint32_t *link;
    size_t place;
    struct cache_record record;
};

/* The live record of a key, or (`only` is no SIZE_MAX) the one at a place in that key's chain. 1 found, 0 not, -1 the
 * chain is damaged. */
static int cache_follow(struct cache *cache, const void *key, size_t size, size_t only, struct cache_spot *spot)
{
    size_t steps = cache->log_size / sizeof spot->record;

    for (spot->link = cache_bucket(cache, key, size); *spot->link != 0;
         spot->link = &cache_at(cache, spot->place)->next) {
        spot->place = ((size_t)*spot->link - 1) * CACHE_ALIGN;
        if (steps-- == 0 || !cache_peek(cache, spot->place, &spot->record) || spot->record.state != CACHE_LIVE)
            return -1;
        if (only != SIZE_MAX ? spot->place == only : spot->record.key_size == size
            && memcmp(cache->log + spot->place + sizeof spot->record, key, size) == 0)
            return 1;
    }
    return 0;
}

static int cache_search(struct cache *cache, const void *key, size_t size, struct cache_spot *spot)
{
    int found = cache_follow(cache, key, size, SIZE_MAX, spot);

    if (found < 0) {
        cache_count(cache, CACHE_ERRORS, 1);
        cache_repair(cache);
        found = cache_follow(cache, key, size, SIZE_MAX, spot);
    }
    return found > 0;
}

static void cache_bury(struct cache *cache, size_t place, const struct cache_record *record)
{
    cache_at(cache, place)->state = CACHE_DEAD;
    OPENSSL_cleanse(cache->log + place + sizeof *record, record->size - sizeof *record);
}

/* Forgets what was found, and overwrites it. */
static void cache_drop(struct cache *cache, const struct cache_spot *spot)
{
    *spot->link = spot->record.next;
    cache_bury(cache, spot->place, &spot->record);
    if (cache->shared->entries > 0)
        cache->shared->entries--;
}

/* Frees the oldest record's place; 0 when the log is so damaged that all had to go. */
static int cache_forget_oldest(struct cache *cache, int64_t now)
{
    struct cache_head *shared = cache->shared;
    size_t place = shared->tail % cache->log_size;
    struct cache_record record;
    struct cache_spot spot;
    unsigned char key[CACHE_KEY_MAX];

    if (!cache_peek(cache, place, &record) || shared->tail + record.size > shared->head) {
        cache_count(cache, CACHE_ERRORS, 1);
        cache_reset(cache);
        return 0;
    }
    if (record.state == CACHE_LIVE) {
        memcpy(key, cache->log + place + sizeof record, record.key_size);
        if (cache_follow(cache, key, record.key_size, place, &spot) > 0) {
            cache_drop(cache, &spot);
            cache_count(cache, record.expires <= now ? CACHE_EXPIRED : CACHE_EVICTED, 1);
        } else {
            cache_bury(cache, place, &record);
            cache_count(cache, CACHE_ERRORS, 1);
            cache_repair(cache);
        }
    }
    if (shared->tail + record.size <= shared->head)
        shared->tail += record.size;
    return 1;
}

/* Whether the oldest record can go at no loss. */
static int cache_oldest_useless(const struct cache *cache, int64_t now)
{
    struct cache_record record;

    return cache->shared->tail < cache->shared->head
        && cache_peek(cache, cache->shared->tail % cache->log_size, &record)
        && (record.state != CACHE_LIVE || record.expires <= now);
}

/* Bytes from `head` to the end of the log. */
static size_t cache_rest(const struct cache *cache)
{
    return cache->log_size - cache->shared->head % cache->log_size;
}

static int cache_has_room(const struct cache *cache, size_t size)
{
    size_t rest = cache_rest(cache);

    return cache->shared->head - cache->shared->tail + (rest < size ? rest + size : size) <= cache->log_size;
}

/* Makes room for `size` bytes in one piece at `head`, which may go back meanwhile: forgetting can come upon damage. */
static void cache_make_room(struct cache *cache, size_t size, int64_t now)
{
    struct cache_head *shared = cache->shared;
    struct cache_record filler = {0};
    size_t rest;

    while (cache_oldest_useless(cache, now))
        cache_forget_oldest(cache, now);
    while (!cache_has_room(cache, size) && cache_forget_oldest(cache, now))
        ;
    rest = cache_rest(cache);
    if (rest < size) {
        filler.size = (uint32_t)rest;
        filler.state = CACHE_FILLER;
        memcpy(cache->log + shared->head % cache->log_size, &filler, sizeof filler);
        __atomic_thread_fence(__ATOMIC_RELEASE);
        shared->head += rest;
    }
}

/* CACHE_YES: it is kept until `expires`; CACHE_NO: it is too large, or the cache has been removed. */
static int cache_store(struct cache *cache, const void *key, size_t key_size, const void *value, size_t value_size,
                       int64_t expires, int64_t now, double seconds)
{
    struct cache_record record = {0};
    struct cache_spot old;
    size_t place;

    if (key_size == 0 || key_size > CACHE_KEY_MAX || value_size > cache->entry_max || cache_gone(cache))
        return CACHE_NO;
    if (!cache_lock(cache, seconds))
        return CACHE_BUSY;
    if (!cache_positions_sound(cache))
        cache_repair(cache);
    if (cache_search(cache, key, key_size, &old))
        cache_drop(cache, &old);
    record.size = (uint32_t)cache_needs(key_size, value_size);
    record.value_size = (uint32_t)value_size;
    record.key_size = (uint16_t)key_size;
    record.state = CACHE_LIVE;
    record.expires = expires;
    cache_make_room(cache, record.size, now);
    place = cache->shared->head % cache->log_size;
    memcpy(cache->log + place + sizeof record, key, key_size);
    memcpy(cache->log + place + sizeof record + key_size, value, value_size);
    record.check = cache_checksum(&record, cache->log + place + sizeof record);
    memcpy(cache->log + place, &record, sizeof record);
    cache_link(cache, place, record.key_size);
    __atomic_thread_fence(__ATOMIC_RELEASE);
    cache->shared->head += record.size;
    cache->shared->entries++;
    cache_unlock(cache);
    return CACHE_YES;
}

/* What is stored under the key, in memory that the caller wipes and frees (`value`, `size`). The lock is held. */
static int cache_take(struct cache *cache, const void *key, size_t key_size, int64_t now, unsigned char **value,
                      size_t *size)
{
    struct cache_spot spot;
    unsigned char *copy;
    size_t all;

    if (!cache_search(cache, key, key_size, &spot))
        return CACHE_NO;
    if (spot.record.expires <= now) {
        cache_count(cache, CACHE_EXPIRED, 1);
        cache_drop(cache, &spot);
        return CACHE_NO;
    }
    all = (size_t)spot.record.key_size + spot.record.value_size;
    copy = malloc(all);
    if (copy == NULL)
        return CACHE_NO_MEMORY;
    memcpy(copy, cache->log + spot.place + sizeof spot.record, all);
    if (cache_checksum(&spot.record, copy) != spot.record.check || memcmp(copy, key, key_size) != 0) {
        OPENSSL_cleanse(copy, all);
        free(copy);
        cache_count(cache, CACHE_ERRORS, 1);
        cache_drop(cache, &spot);
        return CACHE_NO;
    }
    memmove(copy, copy + key_size, spot.record.value_size);
    *value = copy;
    *size = spot.record.value_size;
    return CACHE_YES;
}

static int cache_fetch(struct cache *cache, const void *key, size_t key_size, int64_t now, double seconds,
                       unsigned char **value, size_t *size)
{
    int outcome;

    if (key_size == 0 || key_size > CACHE_KEY_MAX || cache_gone(cache))
        return CACHE_NO;
    if (!cache_lock(cache, seconds))
        return CACHE_BUSY;
    outcome = cache_take(cache, key, key_size, now, value, size);
    cache_unlock(cache);
    return outcome;
}

static int cache_delete(struct cache *cache, const void *key, size_t key_size, double seconds)
{
    struct cache_spot spot;
    int found;

    if (key_size == 0 || key_size > CACHE_KEY_MAX || cache_gone(cache))
        return CACHE_NO;
    if (!cache_lock(cache, seconds))
        return CACHE_BUSY;
    found = cache_search(cache, key, key_size, &spot);
    if (found)
        cache_drop(cache, &spot);
    cache_unlock(cache);
    return found ? CACHE_YES : CACHE_NO;
}

/* Forgets what has expired (or all); how many, -1: the lock cannot be had. */
static int64_t cache_sweep(struct cache *cache, int64_t now, int all, double seconds)
{
    struct cache_record record;
    uint64_t position;
    int64_t count = 0;
    size_t place;

    if (!cache_lock(cache, seconds))
        return -1;
    cache_repair(cache);
    if (all) {
        count = (int64_t)cache->shared->entries;
        cache_reset(cache);
        cache_unlock(cache);
        return count;
    }
    for (position = cache->shared->tail; position < cache->shared->head; position += record.size) {
        place = position % cache->log_size;
        if (!cache_peek(cache, place, &record))
            break;
        if (record.state == CACHE_LIVE && record.expires <= now) {
            cache_bury(cache, place, &record);
            count++;
        }
    }
    cache_repair(cache);
    while (cache_oldest_useless(cache, now))
        cache_forget_oldest(cache, now);
    cache_unlock(cache);
    return count;
}

/* A private copy of the log, to walk along with `cache_next` at leisure; NULL: no lock, or no memory. */
static unsigned char *cache_snapshot(struct cache *cache, uint64_t *tail, uint64_t *head, double seconds)
{
    unsigned char *copy = malloc(cache->log_size);

    if (copy == NULL || !cache_lock(cache, seconds)) {
        free(copy);
        return NULL;
    }
    if (!cache_positions_sound(cache))
        cache_repair(cache);
    memcpy(copy, cache->log, cache->log_size);
    *tail = cache->shared->tail;
    *head = cache->shared->head;
    cache_unlock(cache);
    return copy;
}

/* The next good record from `position` on, which it moves behind it; 0: there is none. */
static int cache_next(const struct cache *cache, unsigned char *copy, uint64_t *position, uint64_t head,
                      struct cache_record *record, const unsigned char **bytes)
{
    struct cache view = *cache;
    size_t place;

    view.log = copy;
    while (*position < head) {
        place = *position % view.log_size;
        if (!cache_peek(&view, place, record))
            return 0;
        *position += record->size;
        *bytes = copy + place + sizeof *record;
        if (record->state == CACHE_LIVE && cache_checksum(record, *bytes) == record->check)
            return 1;
    }
    return 0;
}

/* ---- where it lives --------------------------------------------------------------------------------------------- */

static void cache_lay_out(struct cache *cache, void *memory, size_t size)
{
    size_t room = size - CACHE_HEAD;

    cache->shared = memory;
    cache->size = size;
    for (cache->buckets = 64; cache->buckets * 512 < room; cache->buckets *= 2)
        ;
    cache->table = (uint32_t *)((unsigned char *)memory + CACHE_HEAD);
    cache->log = (unsigned char *)(cache->table + cache->buckets);
    cache->log_size = (room - cache->buckets * sizeof *cache->table) / CACHE_ALIGN * CACHE_ALIGN;
    cache->entry_max = cache->log_size / 8 < CACHE_ENTRY_MAX ? cache->log_size / 8 : CACHE_ENTRY_MAX;
}

static int cache_found(struct cache *cache, const unsigned char *nonce, int64_t now)
{
    struct cache_head *shared = cache->shared;

    if (!shared_lock_init(&shared->lock))
        return 0;
    shared->mutex_size = sizeof shared->lock;
    shared->size = cache->size;
    shared->created = now;
    memcpy(shared->nonce, nonce, CACHE_NONCE);
    memcpy(shared->magic, CACHE_MAGIC, sizeof shared->magic);
    return 1;
}

static int cache_is_ours(const struct cache *cache, const unsigned char *nonce)
{
    const struct cache_head *shared = cache->shared;

    return memcmp(shared->magic, CACHE_MAGIC, sizeof shared->magic) == 0 && shared->size == cache->size
        && shared->mutex_size == sizeof shared->lock && memcmp(shared->nonce, nonce, CACHE_NONCE) == 0;
}

static int cache_in_memory(struct cache *cache, size_t size, const unsigned char *nonce, int64_t now)
{
    void *memory = guarded_memory(size, MAP_SHARED, &cache->locked);

    if (memory == NULL)
        return 0;
    cache->segment = -1;
    cache_lay_out(cache, memory, size);
    return cache_found(cache, nonce, now);
}

/* A new segment for this user alone; 0: errno says why not. */
static int cache_in_segment(struct cache *cache, size_t size, const unsigned char *nonce, int64_t now)
{
    void *memory;
    int id = shmget(IPC_PRIVATE, size, IPC_CREAT | IPC_EXCL | 0600);

    if (id < 0)
        return 0;
    memory = shmat(id, NULL, 0);
    if (memory == (void *)-1) {
        shmctl(id, IPC_RMID, NULL);
        return 0;
    }
    cache->locked = shmctl(id, SHM_LOCK, NULL) == 0;
    (void)madvise(memory, size, MADV_DONTDUMP);
    cache->segment = id;
    cache_lay_out(cache, memory, size);
    return cache_found(cache, nonce, now);
}

/* The segment `id`, if it is the one with that nonce; 0 otherwise. */
static int cache_join_segment(struct cache *cache, int id, const unsigned char *nonce)
{
    struct shmid_ds facts;
    void *memory;

    if (shmctl(id, IPC_STAT, &facts) != 0 || facts.shm_segsz < CACHE_SMALLEST)
        return 0;
    memory = shmat(id, NULL, 0);
    if (memory == (void *)-1)
        return 0;
    (void)madvise(memory, facts.shm_segsz, MADV_DONTDUMP);
    cache->segment = id;
    cache_lay_out(cache, memory, facts.shm_segsz);
    if (cache_is_ours(cache, nonce))
        return 1;
    shmdt(memory);
    cache->shared = NULL;
    return 0;
}

static void cache_leave(struct cache *cache)
{
    if (cache->shared == NULL)
        return;
    if (cache->segment < 0)
        munmap(cache->shared, cache->size);
    else
        shmdt(cache->shared);
    cache->shared = NULL;
}

/* From now on it keeps nothing, in every process. */
static int cache_remove(struct cache *cache, double seconds)
{
    if (!cache_lock(cache, seconds))
        return CACHE_BUSY;
    __atomic_store_n(&cache->shared->removed, 1, __ATOMIC_RELAXED);
    cache_reset(cache);
    cache_unlock(cache);
    if (cache->segment >= 0)
        shmctl(cache->segment, IPC_RMID, NULL);
    return CACHE_YES;
}

/* Processes that use the segment; -1: it is none, or gone. */
static long cache_attached(const struct cache *cache)
{
    struct shmid_ds facts;

    if (cache->segment < 0 || shmctl(cache->segment, IPC_STAT, &facts) != 0)
        return -1;
    return (long)facts.shm_nattch;
}

#endif
