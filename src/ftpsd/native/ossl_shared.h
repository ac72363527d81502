/* A lock in memory that processes share.
 *
 * A robust mutex: when its holder dies, whatever killed it, the next one who asks gets the lock and is told
 * (SHARED_RECOVERED), because what the lock protects may be half-written. It must then put that in order. A holder that
 * is stopped and not dead costs the others their patience, no more.
 */
#ifndef FTPSD_OSSL_SHARED_H
#define FTPSD_OSSL_SHARED_H

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/mman.h>
#include <time.h>

enum shared_outcome { SHARED_FAILED, SHARED_LOCKED, SHARED_RECOVERED };

static int shared_lock_init(pthread_mutex_t *mutex)
{
    pthread_mutexattr_t attributes;
    int error;

    if (pthread_mutexattr_init(&attributes) != 0)
        return 0;
    error = pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED)
        || pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST)
        || pthread_mutex_init(mutex, &attributes);
    pthread_mutexattr_destroy(&attributes);
    return !error;
}

static int shared_lock(pthread_mutex_t *mutex, double seconds)
{
    struct timespec until;
    int error = pthread_mutex_trylock(mutex);

    if (error == EBUSY && seconds > 0) {
        clock_gettime(CLOCK_REALTIME, &until);
        seconds += (double)until.tv_nsec * 1e-9;
        until.tv_sec += (time_t)seconds;
        until.tv_nsec = (long)((seconds - (double)(time_t)seconds) * 1e9);
        error = pthread_mutex_timedlock(mutex, &until);
    }
    if (error == EOWNERDEAD) {
        pthread_mutex_consistent(mutex);
        return SHARED_RECOVERED;
    }
    return error == 0 ? SHARED_LOCKED : SHARED_FAILED;
}

/* Zeroed memory out of core dumps and (where allowed, each page from its first use on) out of swap; NULL: none.
 * `sharing`: MAP_SHARED (processes forked later see the same) or MAP_PRIVATE. `locked`: whether swap was ruled out. */
static void *guarded_memory(size_t size, int sharing, int *locked)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, sharing | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    if (memory == MAP_FAILED)
        return NULL;
    *locked = mlock2(memory, size, MLOCK_ONFAULT) == 0;
    (void)madvise(memory, size, MADV_DONTDUMP);
    return memory;
}

/* Since the epoch: all processes and machines know what it means. */
static int64_t micros_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

#endif
