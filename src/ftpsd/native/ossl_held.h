/* Ticket keys that living connections hold on to.
 *
 * A client may come back on a data connection with the first ticket of its control connection after days, when the key
 * of that ticket has long left the ring. The control connection still lives, so it must not be turned away. A control
 * connection therefore holds the keys that its tickets were made with, for its own data connections and nobody else.
 *
 * Connections of one hour share a key, so a process has one table of them, with counts of users. It is kept out of
 * swap and core dumps like the ring; a key is overwritten when its last user lets go.
 */
#ifndef FTPSD_OSSL_HELD_H
#define FTPSD_OSSL_HELD_H

#include <unistd.h>
#include "ossl_keys.h"

#define HELD_MAX 128                    /* keys of a process */
#define HELD_EACH 4                     /* of a connection: its first, and its last three */

struct held_key {
    struct ticket_key key;
    unsigned users;
};

/* What a connection holds: numbers of keys + 1; 0: none. */
struct held_set {
    unsigned char numbers[HELD_EACH];
};

static pthread_mutex_t held_lock = PTHREAD_MUTEX_INITIALIZER;
static struct held_key *held_keys;

static int held_is(const struct held_key *held, const unsigned char *name)
{
    return held->users > 0 && CRYPTO_memcmp(held->key.name, name, TICKET_NAME_SIZE) == 0;
}

static int held_find(const struct held_set *set, const unsigned char *name, struct ticket_key *found)
{
    int i, ok = 0;

    pthread_mutex_lock(&held_lock);
    for (i = 0; i < HELD_EACH && !ok; i++) {
        if (set->numbers[i] == 0 || !held_is(&held_keys[set->numbers[i] - 1], name))
            continue;
        *found = held_keys[set->numbers[i] - 1].key;
        ok = 1;
    }
    pthread_mutex_unlock(&held_lock);
    return ok;
}

static void held_let_go(unsigned char number)
{
    if (number > 0 && --held_keys[number - 1].users == 0)
        OPENSSL_cleanse(&held_keys[number - 1], sizeof *held_keys);
}

/* The number of a key in the table, with one more user; 0: there is no room. */
static unsigned char held_number(const struct ticket_key *key)
{
    int i, locked, vacant = -1;

    if (held_keys == NULL)
        held_keys = guarded_memory(HELD_MAX * sizeof *held_keys, MAP_PRIVATE, &locked);
    if (held_keys == NULL)
        return 0;
    for (i = 0; i < HELD_MAX; i++) {
        if (held_is(&held_keys[i], key->name)) {
            held_keys[i].users++;
            return (unsigned char)(i + 1);
        }
        if (vacant < 0 && held_keys[i].users == 0)
            vacant = i;
    }
    if (vacant < 0)
        return 0;
    held_keys[vacant].key = *key;
    held_keys[vacant].users = 1;
    return (unsigned char)(vacant + 1);
}

/* A ticket was made with this key. */
static void held_add(struct held_set *set, const struct ticket_key *key)
{
    unsigned char number;
    int i;

    pthread_mutex_lock(&held_lock);
    for (i = 0; i < HELD_EACH; i++)
        if (set->numbers[i] > 0 && held_is(&held_keys[set->numbers[i] - 1], key->name))
            break;
    if (i == HELD_EACH && (number = held_number(key)) > 0) {
        for (i = 0; i < HELD_EACH - 1 && set->numbers[i] > 0; i++)
            ;
        if (set->numbers[i] > 0) {
            held_let_go(set->numbers[1]);
            memmove(set->numbers + 1, set->numbers + 2, HELD_EACH - 2);
        }
        set->numbers[i] = number;
    }
    pthread_mutex_unlock(&held_lock);
}

static void held_copy(struct held_set *set, const struct held_set *other)
{
    int i;

    pthread_mutex_lock(&held_lock);
    *set = *other;
    for (i = 0; i < HELD_EACH; i++)
        if (set->numbers[i] > 0)
            held_keys[set->numbers[i] - 1].users++;
    pthread_mutex_unlock(&held_lock);
}

static void held_release(struct held_set *set)
{
    int i;

    pthread_mutex_lock(&held_lock);
    for (i = 0; i < HELD_EACH; i++)
        held_let_go(set->numbers[i]);
    memset(set, 0, sizeof *set);
    pthread_mutex_unlock(&held_lock);
}

#endif
