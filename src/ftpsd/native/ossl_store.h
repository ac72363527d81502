/* TLS <= 1.2 sessions by id, for new control connections.
 *
 * OpenSSL's own cache cannot serve us: it belongs to the context, is asked before any callback, and drops a session
 * (and marks it as not resumable) when any connection that uses it ends uncleanly. This store keeps private copies
 * and gives out copies, so nothing that happens to a connection can spoil an entry. Bounded: the oldest goes first.
 */
#ifndef FTPSD_OSSL_STORE_H
#define FTPSD_OSSL_STORE_H

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <openssl/ssl.h>

#define STORE_BUCKETS 4096

struct store_entry {
    SSL_SESSION *session;
    struct store_entry *next;           /* in the bucket */
    struct store_entry *newer, *older;
};

struct session_store {
    pthread_mutex_t lock;
    size_t size, limit;
    struct store_entry *newest, *oldest;
    struct store_entry *buckets[STORE_BUCKETS];
};

static struct session_store *store_new(size_t limit)
{
    struct session_store *store = calloc(1, sizeof *store);

    if (store != NULL) {
        pthread_mutex_init(&store->lock, NULL);
        store->limit = limit;
    }
    return store;
}

static unsigned store_hash(const unsigned char *id, unsigned size)
{
    unsigned hash = 2166136261u;

    while (size-- > 0)
        hash = (hash ^ *id++) * 16777619u;
    return hash % STORE_BUCKETS;
}

static int store_is(const struct store_entry *entry, const unsigned char *id, unsigned size)
{
    unsigned own_size;
    const unsigned char *own = SSL_SESSION_get_id(entry->session, &own_size);

    return own_size == size && memcmp(own, id, size) == 0;
}

static struct store_entry **store_place(struct session_store *store, const unsigned char *id, unsigned size)
{
    struct store_entry **place = &store->buckets[store_hash(id, size)];

    while (*place != NULL && !store_is(*place, id, size))
        place = &(*place)->next;
    return place;
}

static void store_drop(struct session_store *store, struct store_entry **place)
{
    struct store_entry *entry = *place;

    *place = entry->next;
    if (entry->newer != NULL)
        entry->newer->older = entry->older;
    else
        store->newest = entry->older;
    if (entry->older != NULL)
        entry->older->newer = entry->newer;
    else
        store->oldest = entry->newer;
    store->size--;
    SSL_SESSION_free(entry->session);
    free(entry);
}

static void store_drop_oldest(struct session_store *store)
{
    unsigned size;
    const unsigned char *id = SSL_SESSION_get_id(store->oldest->session, &size);

    store_drop(store, store_place(store, id, size));
}

static int store_expired(const SSL_SESSION *session)
{
    return SSL_SESSION_get_time(session) + SSL_SESSION_get_timeout(session) < (long)time(NULL);
}

/* Takes over the caller's reference of `session`, an object that no connection uses. */
static void store_add(struct session_store *store, SSL_SESSION *session)
{
    unsigned size;
    const unsigned char *id = SSL_SESSION_get_id(session, &size);
    struct store_entry *entry, **place;

    if (size == 0 || store->limit == 0 || (entry = calloc(1, sizeof *entry)) == NULL) {
        SSL_SESSION_free(session);
        return;
    }
    entry->session = session;
    pthread_mutex_lock(&store->lock);
    place = store_place(store, id, size);
    if (*place != NULL)
        store_drop(store, place);
    while (store->size >= store->limit || (store->oldest != NULL && store_expired(store->oldest->session)))
        store_drop_oldest(store);
    place = &store->buckets[store_hash(id, size)];
    entry->next = *place;
    *place = entry;
    entry->older = store->newest;
    if (store->newest != NULL)
        store->newest->newer = entry;
    else
        store->oldest = entry;
    store->newest = entry;
    store->size++;
    pthread_mutex_unlock(&store->lock);
}

/* A copy for one connection, or NULL. */
static SSL_SESSION *store_get(struct session_store *store, const unsigned char *id, unsigned size)
{
    SSL_SESSION *copy = NULL;
    struct store_entry **place;

    pthread_mutex_lock(&store->lock);
    place = store_place(store, id, size);
    if (*place != NULL && store_expired((*place)->session))
        store_drop(store, place);
    else if (*place != NULL)
        copy = SSL_SESSION_dup((*place)->session);
    pthread_mutex_unlock(&store->lock);
    return copy;
}

static void store_remove(struct session_store *store, const unsigned char *id, unsigned size)
{
    struct store_entry **place;

    pthread_mutex_lock(&store->lock);
    place = store_place(store, id, size);
    if (*place != NULL)
        store_drop(store, place);
    pthread_mutex_unlock(&store->lock);
}

/* Forgets expired sessions (or all); how many. */
static size_t store_flush(struct session_store *store, int all)
{
    size_t before, i;
    struct store_entry **place;

    pthread_mutex_lock(&store->lock);
    before = store->size;
    for (i = 0; i < STORE_BUCKETS; i++) {
        place = &store->buckets[i];
        while (*place != NULL) {
            if (all || store_expired((*place)->session))
                store_drop(store, place);
            else
                place = &(*place)->next;
        }
    }
    before -= store->size;
    pthread_mutex_unlock(&store->lock);
    return before;
}

/* A new bound; surplus entries go. */
static void store_resize(struct session_store *store, size_t limit)
{
    pthread_mutex_lock(&store->lock);
    store->limit = limit;
    while (store->size > limit)
        store_drop_oldest(store);
    pthread_mutex_unlock(&store->lock);
}

static size_t store_size(struct session_store *store)
{
    size_t size;

    pthread_mutex_lock(&store->lock);
    size = store->size;
    pthread_mutex_unlock(&store->lock);
    return size;
}

static void store_free(struct session_store *store)
{
    if (store == NULL)
        return;
    store_flush(store, 1);
    pthread_mutex_destroy(&store->lock);
    free(store);
}

#endif
