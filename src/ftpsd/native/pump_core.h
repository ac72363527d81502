/* The pump: moves one file over one data connection.
 *
 * What both directions share is here: counters, abort, the glance at the control connection, waiting, the rate
 * limit. pump_send.h and pump_receive.h hold the two loops.
 *
 * A loop runs without the GIL and stops for a reason (`enum pump_stop`). After PUMP_CONTROL it can be entered again:
 * whatever is under way (unsent bytes, a TLS record to retry, bytes not yet in the file) lives in the struct.
 * Every wait is one poll() on at most three descriptors: the data socket, the control connection, an eventfd that
 * abort() writes to. Between waits a loop looks at the control connection and for an abort every GLANCE_BYTES, so that
 * a transfer that never blocks can be interrupted too. The eventfd is made for the first wait: most small files need
 * none. Whoever waits makes it and then looks whether there was an abort; abort() says so and then looks for it.
 *
 * Rate: a token bucket that holds an eighth of a second. Stall: the clock of the last byte moved; time in which we
 * hold back ourselves does not count. When that time is up the data comes first: a control connection that always has
 * input would leave it no turn, and nobody would see that nothing moves.
 */
#ifndef FTPSD_PUMP_CORE_H
#define FTPSD_PUMP_CORE_H

#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include "ossl_io.h"
#include "pull.h"
#include "pump_ascii.h"
#include "pump_processor.h"

#define BUFFER_SIZE (256 * 1024)
#define SMALL_BUFFER (32 * 1024)        /* for what fits into it, and for the beginning of an upload */
#define SEND_BUFFER (64 * 1024)         /* what is read or written for us stays in the processor's cache until it is sent */
#define GLANCE_BYTES (1024 * 1024)
#define DISCARD_MAX (1024 * 1024)
#define RATE_QUANTUM (16 * 1024)

enum pump_stop {
    PUMP_GO, PUMP_DONE, PUMP_CONTROL, PUMP_STALLED, PUMP_RESET, PUMP_EOF, PUMP_TLS, PUMP_FILE, PUMP_ABORTED, PUMP_LIMIT,
    PUMP_INFLATE, PUMP_CUT,             /* MODE Z: broken, or ended too early */
    PUMP_PAUSED,                        /* `pause_at` or `pause_time` has come */
    PUMP_SECURED, PUMP_HANDSHAKE, PUMP_LATE,    /* pump_secure.h */
    PUMP_INTERRUPTED                    /* a signal: run its handler and come back */
};

enum send_mode { SEND_UNDECIDED, SEND_BUFFERED, SEND_FILE, SEND_KERNEL_TLS };

struct pump_z;                          /* pump_deflate.h */
static void pump_z_free(struct pump_z *z);

struct pump {
    int sending, buffered, ascii, file, sock, control, wake;
    struct conn *tls;
    struct pump_z *z;                   /* MODE Z; NULL: MODE S */
    const unsigned char *memory;        /* send: instead of `file` */
    struct pull *pull;                  /* send: instead of either */
    int securing;                       /* the handshake is still to come (pump_secure.h), until `secure_until` */
    double secure_until;
    const struct conn *proves;          /* the control connection whose session is to be resumed; NULL: others judge */
    int64_t position;                   /* pread/pwrite; -1: sequential */
    int64_t limit;                      /* file bytes; -1: none */
    double rate, stall;
    size_t burst;                       /* wire bytes that the rate does not concern yet */

    uint64_t pause_at;                  /* wire bytes; 0: never */
    double pause_time;                  /* of io_now(); 0: never */

    uint64_t wire_bytes, file_bytes;    /* read by other threads */
    uint64_t *progress;                 /* where other processes read `wire_bytes`; NULL: nowhere */
    int aborted;
    int started;
    int batch;                          /* the thread is scheduled as batch work */
    int finish;                         /* the end of our side is the pump's to tell the peer */
    int corked, coalesces, finished;
    double begun_at, moved_at, refilled_at, tokens;
    size_t unglanced, ungiven;          /* bytes since the last look at `control`, and at waiting commands */
    unsigned waited_in_row, gave_way;   /* looks that saw a command wait; how often we let go of the processor */
    size_t expected;                    /* file bytes, as far as known; 0: unknown */
    size_t room;                        /* of the buffer */
    unsigned char *buffer, *converted;
    int io_kind, error;                 /* why PUMP_TLS, PUMP_RESET, PUMP_FILE … */

    enum send_mode mode;                /* sending */
    const unsigned char *out;
    size_t out_size, retry_size, memory_left;
    int source_ended, peer_ended, deferred;
    uint64_t heard_at;                  /* `wire_bytes` when the peer was listened to last */
    size_t discarded;
    unsigned char last;

    size_t held;                        /* receiving: bytes in the buffer */
    int held_cr;
};

static void pump_count(uint64_t *counter, size_t size)
{
    __atomic_fetch_add(counter, size, __ATOMIC_RELAXED);
}

static uint64_t pump_counted(const uint64_t *counter)
{
    return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

static int pump_is_aborted(const struct pump *pump)
{
    return __atomic_load_n(&pump->aborted, __ATOMIC_SEQ_CST);
}

static void pump_abort(struct pump *pump)
{
    uint64_t one = 1;
    int wake;

    __atomic_store_n(&pump->aborted, 1, __ATOMIC_SEQ_CST);
    wake = __atomic_load_n(&pump->wake, __ATOMIC_SEQ_CST);
    while (wake >= 0 && write(wake, &one, sizeof one) < 0 && errno == EINTR)
        ;
}

/* Bytes that took time: over the wire, or through a (de)compressor. */
static void pump_worked(struct pump *pump, size_t size)
{
    pump->unglanced += size;
    pump->ungiven += size;
}

/* Bytes went over the wire. */
static void pump_moved(struct pump *pump, size_t size)
{
    pump_count(&pump->wire_bytes, size);
    if (pump->progress != NULL)
        __atomic_store_n(pump->progress, pump->z == NULL ? pump->wire_bytes : pump->file_bytes, __ATOMIC_RELAXED);
    pump_worked(pump, size);
    if (pump->burst > size)
        pump->burst -= size;
    else {
        pump->tokens -= (double)(size - pump->burst);
        pump->burst = 0;
    }
    if (pump->stall > 0)
        pump->moved_at = io_now();
}

/* What follows is to share a segment with what comes last: a file that fits into one record, close_notify and FIN then
 * cost the network and the peer one packet. FIN lets go of it, the kernel does after 200 ms. */
static void pump_cork(struct pump *pump)
{
    int on = 1;

    if (!pump->finish || pump->corked)
        return;
    pump->corked = 1;
    (void)setsockopt(pump->sock, IPPROTO_TCP, TCP_CORK, &on, sizeof on);        /* it may be no TCP socket */
}

/* Tells the peer that our side has ended: close_notify, and FIN where we were the sender. Without waiting: where there
 * is no room now, `finished` stays 0 and whoever runs the pump has to end the connection. */
static void pump_finish(struct pump *pump)
{
    struct io_call call = {0};

    if (!pump->finish)
        return;
    pump_cork(pump);
    if (pump->tls != NULL && io_run(pump->tls, op_close, &call, IO_NOWAIT) != IO_OK)
        return;
    pump->finished = !pump->sending || shutdown(pump->sock, SHUT_WR) == 0;
}

static int pump_fail(struct pump *pump, enum pump_stop stop, int error)
{
    pump->error = error;
    return stop;
}

/* The meaning of an I/O result that is neither success nor "would block". */
static int pump_verdict(struct pump *pump, int kind, int error)
{
    pump->io_kind = kind;
    pump->error = error;
    switch (kind) {
    case IO_CLOSED:
        return PUMP_DONE;
    case IO_EOF:
        return PUMP_EOF;
    case IO_RESET:
    case IO_SYSCALL:
        return PUMP_RESET;
    case IO_INTERRUPTED:
        return PUMP_INTERRUPTED;
    }
    return PUMP_TLS;
}

static int pump_socket_verdict(struct pump *pump, int error)
{
    return pump_verdict(pump, io_is_reset(error) ? IO_RESET : IO_SYSCALL, error);
}

/* From now on abort() ends a wait. 0: no descriptor is left. */
static int pump_wakeable(struct pump *pump)
{
    if (pump->wake < 0)
        __atomic_store_n(&pump->wake, eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), __ATOMIC_SEQ_CST);
    return pump->wake >= 0;
}

/* Polls socket (0 events: not at all), control and wake. PUMP_GO: the socket is ready (see `*seen`, which is true for
 * PUMP_CONTROL, too) or time is up. */
static int pump_poll(struct pump *pump, short events, int milliseconds, short *seen)
{
    struct pollfd fds[3] = {{pump->control, POLLIN, 0}, {events ? pump->sock : -1, events, 0}, {-1, POLLIN, 0}};
    int ready;

    *seen = 0;
    pump->unglanced = 0;
    if (milliseconds != 0) {
        if (!pump_wakeable(pump))
            return pump_fail(pump, PUMP_FILE, errno);
        fds[2].fd = pump->wake;
        if (pump_is_aborted(pump))
            return PUMP_ABORTED;
    }
    ready = poll(fds, events == 0 && milliseconds == 0 ? 1 : 3, milliseconds);
    if (ready < 0)
        return errno == EINTR ? PUMP_INTERRUPTED : pump_fail(pump, PUMP_RESET, errno);
    if (pump_is_aborted(pump))
        return PUMP_ABORTED;
    *seen = fds[1].revents;
    return fds[0].revents ? PUMP_CONTROL : PUMP_GO;
}

static int pump_overdue(const struct pump *pump)
{
    return pump->stall > 0 && io_now() >= pump->moved_at + pump->stall;
}

/* `pause_at` never within a TLS record that is half written: OpenSSL takes no request for new keys there. */
static int pump_pauses(const struct pump *pump)
{
    if (pump->pause_at > 0 && pump->wire_bytes >= pump->pause_at && pump->retry_size == 0)
        return 1;
    return pump->pause_time > 0 && io_now() >= pump->pause_time;
}

static void pump_batch(struct pump *pump, int batch)
{
    pump->batch = batch;
    processor_batch(batch);
}

/* What moves much is batch work, and gives way to commands. */
static void pump_give_way(struct pump *pump)
{
    if (!pump->batch && (pump->wire_bytes >= GLANCE_BYTES || pump->file_bytes >= GLANCE_BYTES))
        pump_batch(pump, 1);
    if (pump->batch && pump->ungiven >= GIVE_BYTES) {
        pump->ungiven = 0;
        pump->gave_way += (unsigned)processor_give_way(&pump->waited_in_row);
    }
}

static int pump_glance(struct pump *pump)
{
    short seen;

    if (pump_pauses(pump))
        return PUMP_PAUSED;
    pump_give_way(pump);
    if (pump->unglanced < GLANCE_BYTES)
        return PUMP_GO;
    return pump_poll(pump, 0, 0, &seen);
}

/* Waits for the socket; PUMP_STALLED when nothing has moved for `stall` seconds. */
static int pump_wait(struct pump *pump, short events, short *seen)
{
    double until = pump->stall > 0 ? pump->moved_at + pump->stall : IO_FOREVER;
    int stop;

    if (pump->pause_time > 0 && (until < 0 || pump->pause_time < until))
        until = pump->pause_time;
    stop = pump_poll(pump, events, io_milliseconds(until), seen);
    if ((stop == PUMP_GO || stop == PUMP_CONTROL) && pump_overdue(pump))
        return *seen == 0 ? PUMP_STALLED : PUMP_GO;
    return stop;
}

/* How many bytes may go now (`*allowed` > 0), after waiting for tokens if need be. */
static int pump_allow(struct pump *pump, size_t wanted, size_t *allowed)
{
    double now, bucket, quantum;
    short seen;
    int stop;

    *allowed = wanted;
    if (pump->rate <= 0)
        return PUMP_GO;
    if (pump->burst > 0) {
        if (pump->burst < wanted)
            *allowed = pump->burst;
        pump->refilled_at = io_now();
        return PUMP_GO;
    }
    bucket = fmax(1.0, pump->rate / 8);
    quantum = fmin(fmin(bucket, RATE_QUANTUM), (double)wanted);
    for (;;) {
        now = io_now();
        pump->tokens = fmin(bucket, pump->tokens + (now - pump->refilled_at) * pump->rate);
        pump->refilled_at = now;
        if (pump->tokens >= quantum)
            break;
        stop = pump_poll(pump, 0, io_milliseconds(now + (quantum - pump->tokens) / pump->rate), &seen);
        pump->moved_at = io_now();
        if (stop != PUMP_GO)
            return stop;
    }
    if (pump->tokens < (double)wanted)
        *allowed = (size_t)pump->tokens;
    return PUMP_GO;
}

/* The first buffer, as large as the transfer needs. 0: no memory. */
static int pump_buffers(struct pump *pump, size_t room)
{
    if (pump->buffer != NULL)
        return 1;
    pump->buffer = malloc(room);
    pump->room = room;
    return pump->buffer != NULL;
}

static int pump_begin(struct pump *pump)
{
    short seen;

    if (!pump->started) {
        pump->started = 1;
        pump->begun_at = pump->moved_at = pump->refilled_at = io_now();
        pump->tokens = fmax(1.0, pump->rate / 8);
    }
    if (pump_overdue(pump))
        return pump_is_aborted(pump) ? PUMP_ABORTED : PUMP_GO;
    return pump_poll(pump, 0, 0, &seen);
}

static void pump_release(struct pump *pump)
{
    free(pump->buffer);
    free(pump->converted);
    pump_z_free(pump->z);
    pump->z = NULL;
    pump->buffer = pump->converted = NULL;
    pump->out_size = pump->held = 0;
}

#endif
