/* Which processor a thread runs on, and how long.
 *
 * The threads of a worker take turns with the interpreter. On several processors each hand-over wakes another
 * processor up, and what one has in its caches the next one fetches again; so a worker that has a processor of its own
 * keeps its threads there (`processor_confine`).
 *
 * A pump that has moved GLANCE_BYTES (or a digest, DIGEST_SLICE) is batch work until it returns: it may run on any
 * processor, as it does not need the interpreter, and it is SCHED_BATCH, where Linux grants it (since 6.12) with a
 * longer time slice. It gets no less of a processor, but it does not take one from a thread that has just woken up to
 * answer a command, and gives its own to such a thread at once.
 */
#ifndef FTPSD_PUMP_PROCESSOR_H
#define FTPSD_PUMP_PROCESSOR_H

#include <sched.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BATCH_SLICE 20000000            /* nanoseconds */

/* The processor of this worker, and all that it had before; written once, before there are threads. */
static struct {
    int confined;
    cpu_set_t own, all;
} processors;

/* struct sched_attr, which libc does not declare everywhere. */
struct processor_schedule {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t slice, deadline, period;   /* nanoseconds */
};

/* Keeps this thread, and those that it starts, on one processor. -1 with errno. */
static int processor_confine(int number)
{
    if (number < 0 || number >= CPU_SETSIZE) {
        errno = EINVAL;
        return -1;
    }
    CPU_ZERO(&processors.own);
    CPU_SET(number, &processors.own);
    if (sched_getaffinity(0, sizeof processors.all, &processors.all) != 0
        || sched_setaffinity(0, sizeof processors.own, &processors.own) != 0)
        return -1;
    processors.confined = 1;
    return 0;
}

/* What an administrator has set for the thread since, stays. */
static void processor_roam(int roam)
{
    const cpu_set_t *from = roam ? &processors.own : &processors.all;
    const cpu_set_t *to = roam ? &processors.all : &processors.own;
    cpu_set_t now;

    if (processors.confined && sched_getaffinity(0, sizeof now, &now) == 0 && CPU_EQUAL(&now, from))
        (void)sched_setaffinity(0, sizeof *to, to);
}

/* Schedules this thread as batch work or as usual, with the niceness that it has. Best effort: nothing depends on it. */
static void processor_batch(int batch)
{
    struct processor_schedule schedule;

    processor_roam(batch);
    if (syscall(SYS_sched_getattr, 0, &schedule, sizeof schedule, 0) != 0)
        return;
    if (schedule.policy != SCHED_OTHER && schedule.policy != SCHED_BATCH)
        return;                         /* an administrator's choice for the whole server */
    schedule.size = sizeof schedule;
    schedule.policy = batch ? SCHED_BATCH : SCHED_OTHER;
    schedule.slice = batch ? BATCH_SLICE : 0;
    (void)syscall(SYS_sched_setattr, 0, &schedule, 0);
}

#endif
