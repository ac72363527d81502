/* Receiving: plain or TLS socket to file.
 *
 * Bytes gather in the buffer and go to the file when it is nearly full, when the peer pauses and before every return,
 * so that nothing that arrived before the end (RST, close_notify, abort) is lost.
 */
#ifndef FTPSD_PUMP_RECEIVE_H
#define FTPSD_PUMP_RECEIVE_H

#include "pump_core.h"
#include "pump_secure.h"
#include "pump_send.h"

#define RECEIVE_ROOM (16 * 1024)        /* flush when less than one TLS record fits */

static int receive_store(struct pump *pump, const unsigned char *data, size_t size)
{
    ssize_t n;

    while (size > 0) {
        if (pump->position >= 0)
            n = pwrite(pump->file, data, size, pump->position);
        else
            n = write(pump->file, data, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return pump_fail(pump, PUMP_FILE, n < 0 ? errno : ENOSPC);
        if (pump->position >= 0)
            pump->position += n;
        pump_count(&pump->file_bytes, (size_t)n);
        data += n;
        size -= (size_t)n;
    }
    return PUMP_GO;
}

/* Stores no more than the limit leaves. */
static int receive_store_limited(struct pump *pump, const unsigned char *data, size_t size)
{
    size_t left = pump->limit < 0 ? SIZE_MAX : (size_t)pump->limit - (size_t)pump->file_bytes;
    int stop = receive_store(pump, data, size < left ? size : left);

    return stop == PUMP_GO && size > left ? PUMP_LIMIT : stop;
}

/* Empties the buffer into the file. Its first byte is room for a CR held back from the previous time. */
static int receive_flush(struct pump *pump)
{
    unsigned char *data = pump->buffer + 1;
    size_t size = pump->held;

    pump->held = 0;
    if (pump->z != NULL)
        return inflate_flush(pump, data, size);
    if (pump->ascii && size > 0) {
        size = ascii_to_file(data, size, pump->buffer, &pump->held_cr);
        data = pump->buffer;
    }
    return receive_store_limited(pump, data, size);
}

/* The stream has ended: what was held back for the next byte goes out too. */
static int receive_last(struct pump *pump)
{
    int stop = receive_flush(pump);

    if (stop == PUMP_GO && pump->held_cr) {
        pump->held_cr = 0;
        stop = receive_store_limited(pump, (const unsigned char *)"\r", 1);
    }
    return stop;
}

static int receive_some(struct pump *pump, size_t size, size_t *got)
{
    struct io_call call = {pump->buffer + 1 + pump->held, size, 0, 0};
    ssize_t n;
    int kind;

    if (pump->tls != NULL) {
        kind = io_run(pump->tls, op_read, &call, IO_NOWAIT);
        pump->error = call.error;
        *got = call.done;
        return kind;
    }
    n = recv(pump->sock, call.data, size, MSG_DONTWAIT);
    *got = n > 0 ? (size_t)n : 0;
    if (n > 0)
        return IO_OK;
    if (n == 0)
        return IO_CLOSED;
    pump->error = errno;
    if (errno == EAGAIN || errno == EINTR)
        return IO_WANT_READ;
    return io_is_reset(errno) ? IO_RESET : IO_SYSCALL;
}

static int receive_wait(struct pump *pump, int kind)
{
    short seen;
    int stop = receive_flush(pump);

    if (stop == PUMP_GO)
        stop = pump_wait(pump, kind == IO_WANT_READ ? POLLIN : POLLOUT, &seen);
    return stop;
}

static int receive_end(struct pump *pump, int kind)
{
    int verdict = pump_verdict(pump, kind, pump->error);
    int error = pump->error, stop;

    if (verdict == PUMP_INTERRUPTED)
        return verdict;
    stop = receive_last(pump);
    if (stop != PUMP_GO)
        return stop;
    pump->error = error;
    if (pump->z != NULL && !pump->z->ended && (verdict == PUMP_DONE || verdict == PUMP_EOF))
        return PUMP_CUT;
    return verdict;
}

/* Makes room: a first buffer that is full belongs to no small file. */
static int receive_grow(struct pump *pump)
{
    unsigned char *larger;

    if (pump->room < BUFFER_SIZE && pump->z == NULL && (larger = realloc(pump->buffer, BUFFER_SIZE)) != NULL) {
        pump->buffer = larger;
        pump->room = BUFFER_SIZE;
        return PUMP_GO;
    }
    return receive_flush(pump);
}

static int receive_step(struct pump *pump)
{
    size_t allowed, got = 0;
    int kind, stop = PUMP_GO;

    if (pump->room - 1 - pump->held < RECEIVE_ROOM)
        stop = receive_grow(pump);
    if (stop == PUMP_GO)
        stop = pump_allow(pump, pump->room - 1 - pump->held, &allowed);
    if (stop != PUMP_GO)
        return stop;
    kind = receive_some(pump, allowed, &got);
    if (kind == IO_OK) {
        pump->held += got;
        pump_moved(pump, got);
        return PUMP_GO;
    }
    if (kind == IO_WANT_READ || kind == IO_WANT_WRITE)
        return receive_wait(pump, kind);
    return receive_end(pump, kind);
}

static int pump_receive(struct pump *pump)
{
    int flushed, stop = pump_begin(pump);

    if (!pump_buffers(pump, SMALL_BUFFER))
        return pump_fail(pump, PUMP_FILE, ENOMEM);
    while (stop == PUMP_GO) {
        stop = pump_glance(pump);
        if (stop == PUMP_GO)
            stop = receive_step(pump);
    }
    flushed = receive_flush(pump);
    return flushed == PUMP_GO ? stop : flushed;
}

static int pump_run(struct pump *pump)
{
    int stop = pump->securing ? pump_secure(pump) : PUMP_GO;

    if (stop != PUMP_GO)
        return stop;
    stop = pump->sending ? pump_send(pump) : pump_receive(pump);
    if (stop == PUMP_DONE || (stop == PUMP_LIMIT && pump->sending))
        pump_finish(pump);
    if (pump->batch)
        pump_batch(pump, 0);
    return stop;
}

#endif
