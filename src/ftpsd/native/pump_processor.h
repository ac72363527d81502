/* Which processor a thread runs on, and how long.
 *
 * The threads of a worker take turns with the interpreter. On several processors each hand-over wakes another
 * processor up, and what one has in its caches the next one fetches again; so a worker that has a processor of its own
 * keeps its threads there (`processor_confine`).
 *
 * A pump that has moved GLANCE_BYTES (or a digest, DIGEST_SLICE) is batch work until it returns: it may run on any
 * processor, as it does not need the interpreter, and it is SCHED_BATCH: it gets no less of a processor, but it does not
 * take one from a thread that has just woken up to answer a command.
 *
 * A session that goes on after its login asks for the shortest time slices (`processor_prompt`; Linux grants them since
 * 6.12): of those who wait it is then the next, for as little time. A login computes, and short slices would only cost.
 *
 * Still the kernel may let it wait for the end of a pump's slice, some milliseconds. Batch work therefore looks, every
 * GIVE_BYTES, whether a command waits anywhere in the server, and if so lets go of the processor. What it looks at is
 * one epoll descriptor of all processes, in which every control connection is. A client who keeps bytes waiting there
 * on purpose, or a session that reads none while it is at work, is given way to GIVES times in a row and then only a
 * fifth of the time.
 */
#ifndef FTPSD_PUMP_PROCESSOR_H
#define FTPSD_PUMP_PROCESSOR_H

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PROMPT_SLICE 100000             /* nanoseconds; the least that Linux takes */
#define GIVE_BYTES (256 * 1024)
#define GIVES 16

/* The processor of this worker, and all that it had before; written once, before there are threads. */
static struct {
    int confined;
    cpu_set_t own, all;
} processors;

/* The epoll descriptor of control connections with input; -1: none. Written once, before there are threads. */
static int processor_commands = -1;

/* struct sched_attr, which libc does not declare everywhere. */
struct processor_schedule {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t slice, deadline, period;   /* nanoseconds */
};

/* Whether this thread has asked for short time slices, and its policy when it is not a batch. */
static __thread int processor_is_prompt;
static __thread uint32_t processor_usual;

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

/* How this thread is scheduled. 0: as an administrator chose for the whole server, which stays. */
static int processor_scheduled(struct processor_schedule *schedule)
{
    return syscall(SYS_sched_getattr, 0, schedule, sizeof *schedule, 0) == 0
        && (schedule->policy == SCHED_OTHER || schedule->policy == SCHED_BATCH);
}

/* Schedules this thread anew, with the niceness that it has. Best effort: nothing depends on it. */
static void processor_reschedule(struct processor_schedule *schedule, uint32_t policy, uint64_t slice)
{
    schedule->size = sizeof *schedule;
    schedule->policy = policy;
    schedule->slice = slice;
    (void)syscall(SYS_sched_setattr, 0, schedule, 0);
}

static void processor_batch(int batch)
{
    struct processor_schedule schedule;

    processor_roam(batch);
    if (!processor_scheduled(&schedule))
        return;
    if (batch)
        processor_usual = schedule.policy;
    processor_reschedule(
        &schedule, batch ? SCHED_BATCH : processor_usual, !batch && processor_is_prompt ? PROMPT_SLICE : 0);
}

/* From now on this thread is one that answers, whenever it is not a batch. */
static void processor_prompt(void)
{
    struct processor_schedule schedule;

    processor_is_prompt = 1;
    if (processor_scheduled(&schedule))
        processor_reschedule(&schedule, schedule.policy, PROMPT_SLICE);
}

/* Lets go of the processor if a command waits, unless that has not helped for a while; `*in_row`: how many looks have
 * seen one wait. Returns whether it did. */
static int processor_give_way(unsigned *in_row)
{
    struct pollfd commands = {processor_commands, POLLIN, 0};

    if (processor_commands < 0 || poll(&commands, 1, 0) <= 0) {
        *in_row = 0;
        return 0;
    }
    return (*in_row)++ % (5 * GIVES) < GIVES && sched_yield() == 0;
}

#endif
