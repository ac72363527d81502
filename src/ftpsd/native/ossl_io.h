/* Handshake, read, write and shutdown with a deadline, on a non-blocking descriptor, without the GIL.
 *
 * An operation is a function that calls OpenSSL once. `io_run` repeats it, polling in between, until it succeeds or
 * fails. SSL_MODE_AUTO_RETRY is off: OpenSSL comes back after each message that is not application data, so that a
 * peer who floods us with them is seen and the deadline holds. Whether something can be done at once is read off the
 * count of messages (`conn->messages`), because SSL_has_pending is also true for half a record. (A handshake takes all
 * that there is by itself.)
 *
 * Ends: a FIN without close_notify (IO_EOF) is no reason to say anything to the peer, which may have closed one
 * half only and read on. OpenSSL would send a fatal alert; so it is told to take a FIN for close_notify
 * (SSL_OP_IGNORE_UNEXPECTED_EOF, once the handshake is complete), and which of the two it was is known from the alerts
 * that arrived (`conn->notify_received`), never from SSL_get_shutdown. A FIN within a record is IO_RESET.
 */
#ifndef FTPSD_OSSL_IO_H
#define FTPSD_OSSL_IO_H

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <time.h>
#include "ossl_hooks.h"

#define IO_FOREVER (-1.0)
#define IO_NOWAIT 0.0
#define DRAIN_MAX (1 << 20)

enum io_kind {
    IO_OK, IO_WANT_READ, IO_WANT_WRITE, IO_INTERRUPTED,
    IO_TIMEOUT, IO_CLOSED, IO_EOF, IO_RESET, IO_SYSCALL, IO_PROTOCOL, IO_RENEGOTIATION, IO_BESIDE
};

struct io_call {
    void *data;
    size_t size, done;
    int error;                          /* errno of IO_RESET and IO_SYSCALL */
};

typedef int (*io_operation)(struct conn *conn, struct io_call *call);

static double io_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static double io_deadline(double timeout)
{
    return timeout > 0 ? io_now() + timeout : IO_FOREVER;
}

/* Milliseconds until `deadline` for poll(), rounded up; -1 for ever. */
static int io_milliseconds(double deadline)
{
    double left;

    if (deadline < 0)
        return -1;
    left = ceil((deadline - io_now()) * 1e3);
    return left <= 0 ? 0 : left > 1e9 ? 1000000000 : (int)left;
}

static int io_is_reset(int error)
{
    return error == ECONNRESET || error == EPIPE || error == ECONNABORTED;
}

/* IO_OK, IO_TIMEOUT, IO_INTERRUPTED or IO_SYSCALL. */
static int io_poll(int fd, short events, double deadline)
{
    struct pollfd entry = {fd, events, 0};
    int ready = poll(&entry, 1, io_milliseconds(deadline));

    if (ready > 0)
        return IO_OK;
    if (ready == 0)
        return IO_TIMEOUT;
    return errno == EINTR ? IO_INTERRUPTED : IO_SYSCALL;
}

static int io_within_record(const struct conn *conn)
{
    /* "RB": the header has been read, the body not; SSL_has_pending knows of other parts of a record. */
    return SSL_has_pending(conn->ssl) || strcmp(SSL_rstate_string(conn->ssl), "RB") == 0;
}

/* OpenSSL calls the stream ended: by close_notify, or by a FIN alone. */
static int io_ended(struct conn *conn)
{
    if (conn->notify_received)
        return IO_CLOSED;
    if (io_within_record(conn)) {       /* no end that any peer means */
        conn->broken = 1;
        return IO_RESET;
    }
    if (conn->notify_sent)              /* OpenSSL has forgotten it, and would say it again */
        SSL_set_shutdown(conn->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
    return IO_EOF;
}

/* What the last OpenSSL call meant. Looks at errno, so it comes right after the call. */
static int io_judge(struct conn *conn, int result, struct io_call *call)
{
    int error = errno;

    switch (SSL_get_error(conn->ssl, result)) {
    case SSL_ERROR_NONE:
        return IO_OK;
    case SSL_ERROR_WANT_READ:
        return IO_WANT_READ;
    case SSL_ERROR_WANT_WRITE:
        return IO_WANT_WRITE;
    case SSL_ERROR_ZERO_RETURN:
        return io_ended(conn);
    case SSL_ERROR_SYSCALL:
        conn->broken = 1;
        call->error = error;
        return error == 0 ? IO_EOF : io_is_reset(error) ? IO_RESET : IO_SYSCALL;
    }
    conn->broken = 1;
    if (ERR_GET_REASON(ERR_peek_last_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING)
        return io_within_record(conn) ? IO_RESET : IO_EOF;
    return IO_PROTOCOL;
}

static int io_misbehaved(struct conn *conn)
{
    if (conn->key_updates_in_row <= KEY_UPDATES_IN_ROW
        && (conn->started_by_peer == 0 || conn->config->renegotiation))
        return 0;
    conn->broken = 1;
    return 1;
}

static int op_handshake(struct conn *conn, struct io_call *call);

static int io_once(struct conn *conn, io_operation operation, struct io_call *call)
{
    int kind;

    ERR_clear_error();
    errno = 0;
    kind = operation(conn, call);
    return io_misbehaved(conn) ? IO_RENEGOTIATION : kind;
}

static int io_run(struct conn *conn, io_operation operation, struct io_call *call, double deadline)
{
    unsigned long before;
    int kind, waited;

    if (conn->broken)
        return IO_PROTOCOL;
    for (;;) {
        before = conn->messages;
        kind = io_once(conn, operation, call);
        if (kind != IO_WANT_READ && kind != IO_WANT_WRITE)
            return kind;
        if (kind == IO_WANT_READ && conn->messages != before && operation != op_handshake) {
            if (deadline > 0 && io_now() > deadline)
                return IO_TIMEOUT;
            continue;                   /* a handshake goes on by itself until nothing is left to be read */
        }
        if (deadline == IO_NOWAIT)
            return kind;
        waited = io_poll(conn->fd, kind == IO_WANT_READ ? POLLIN : POLLOUT, deadline);
        if (waited != IO_OK) {
            call->error = waited == IO_SYSCALL ? errno : 0;
            return waited;
        }
    }
}

static int op_handshake(struct conn *conn, struct io_call *call)
{
    int result = SSL_do_handshake(conn->ssl), kept = errno;

    if (conn->corked) {
        conn->corked = 0;
        conn_cork(conn, 0);
        errno = kept;
    }
    if (result == 1) {
        conn_establish(conn);
        return IO_OK;
    }
    return io_judge(conn, result, call);
}

/* The handshake, and an eye on `beside` (-1: nothing): IO_OK, IO_BESIDE when that has input, IO_TIMEOUT, or why it
 * failed. After IO_BESIDE it can be gone on with. */
static int io_handshake_beside(struct conn *conn, int beside, double deadline, struct io_call *call)
{
    struct pollfd entries[2];
    int kind, ready;

    for (;;) {
        kind = io_run(conn, op_handshake, call, IO_NOWAIT);
        if (kind != IO_WANT_READ && kind != IO_WANT_WRITE)
            return kind;
        entries[0] = (struct pollfd){conn->fd, kind == IO_WANT_READ ? POLLIN : POLLOUT, 0};
        entries[1] = (struct pollfd){beside, POLLIN, 0};
        ready = poll(entries, 2, io_milliseconds(deadline));
        if (ready == 0)
            return IO_TIMEOUT;
        if (ready < 0) {
            call->error = errno;
            return errno == EINTR ? IO_INTERRUPTED : IO_SYSCALL;
        }
        if (entries[1].revents)
            return IO_BESIDE;
    }
}

/* Data has come, which ends a row of key updates. Where OpenSSL reads ahead it has perhaps gone through the whole row
 * in the same call: one that was too long stays so, for `io_misbehaved` to see. */
static void io_data_came(struct conn *conn)
{
    if (conn->key_updates_in_row <= KEY_UPDATES_IN_ROW)
        conn->key_updates_in_row = 0;
}

/* What a read meant that brought nothing. OpenSSL 3.5 does not call a TLS 1.3 stream ended whose close_notify follows
 * user_canceled, as Java sends it: SSL_get_error says SSL_ERROR_SYSCALL then. */
static int io_judge_read(struct conn *conn, int result, struct io_call *call)
{
    if (conn->notify_received && (SSL_get_shutdown(conn->ssl) & SSL_RECEIVED_SHUTDOWN))
        return IO_CLOSED;
    return io_judge(conn, result, call);
}

static int op_read(struct conn *conn, struct io_call *call)
{
    int result = SSL_read_ex(conn->ssl, call->data, call->size, &call->done);

    if (result == 1) {
        io_data_came(conn);
        return IO_OK;
    }
    call->done = 0;
    return io_judge_read(conn, result, call);
}

/* Reads one record, and nothing that comes after it. */
static int io_read_record(struct conn *conn, struct io_call *call)
{
    int kind;

    if (conn->broken)
        return IO_PROTOCOL;
    SSL_set_read_ahead(conn->ssl, 0);
    kind = io_once(conn, op_read, call);
    SSL_set_read_ahead(conn->ssl, conn->data_role);
    return kind;
}

static int write_all(struct conn *conn, struct io_call *call)
{
    size_t written;
    int result;

    while (call->size > 0) {
        result = SSL_write_ex(conn->ssl, call->data, call->size, &written);
        if (result != 1)
            return io_judge(conn, result, call);
        call->data = (char *)call->data + written;
        call->size -= written;
        call->done += written;
    }
    return IO_OK;
}

/* Advances `data`, `size` and `done` by what was written; IO_OK when nothing is left. A ticket that goes along shares
 * the segment, and wakes the peer once. */
static int op_write(struct conn *conn, struct io_call *call)
{
    int kind, accompanied = conn->established && SSL_in_init(conn->ssl);

    if (accompanied)
        conn_cork(conn, 1);
    kind = write_all(conn, call);
    if (accompanied)
        conn_cork(conn, 0);
    return kind;
}

/* Tickets, key updates and a renegotiation's first message wait for the state machine to be run. */
static int op_flush(struct conn *conn, struct io_call *call)
{
    int result;

    if (!SSL_in_init(conn->ssl))
        return IO_OK;
    result = SSL_do_handshake(conn->ssl);
    return result == 1 ? IO_OK : io_judge(conn, result, call);
}

static int op_close(struct conn *conn, struct io_call *call)
{
    int result;

    if (SSL_get_shutdown(conn->ssl) & SSL_SENT_SHUTDOWN) {
        result = SSL_want_write(conn->ssl) ? SSL_shutdown(conn->ssl) : 1;
    } else {
        result = op_flush(conn, call);
        if (result != IO_OK)
            return result;
        conn->notify_sent = 1;
        result = SSL_shutdown(conn->ssl);
    }
    return result >= 0 ? IO_OK : io_judge(conn, result, call);
}

/* Throws away what comes before the peer's close_notify; IO_CLOSED is the good end. */
static int op_drain(struct conn *conn, struct io_call *call)
{
    unsigned char scratch[4096];
    size_t size;
    int result;

    for (;;) {
        result = SSL_read_ex(conn->ssl, scratch, sizeof scratch, &size);
        if (result != 1)
            return io_judge_read(conn, result, call);
        io_data_came(conn);
        call->done += size;
        if (call->done > DRAIN_MAX)
            return IO_TIMEOUT;
    }
}

/* Whether the peer has ended, without waiting and with no more than `most` bytes thrown away (counted in `done`):
 * IO_CLOSED, IO_EOF, IO_WANT_READ when it has not, IO_OK when there is more to throw away. */
static int io_peer_end(struct conn *conn, size_t most, struct io_call *call)
{
    unsigned char scratch[4096];        /* of the stack of a thread that may idle for hours */
    size_t before = call->done;
    int kind;

    do {
        struct io_call one = {scratch, sizeof scratch, 0, 0};

        kind = io_run(conn, op_read, &one, IO_NOWAIT);
        call->done += one.done;
        call->error = one.error;
    } while (kind == IO_OK && call->done - before < most);
    return kind;
}

/* IO_OK close_notify is out, IO_CLOSED the peer's has come too. */
static int io_shutdown(struct conn *conn, int wait_peer, double deadline, struct io_call *call)
{
    int kind;

    if (!conn->established || conn->broken)
        return IO_EOF;
    kind = io_run(conn, op_close, call, deadline);
    if (kind != IO_OK)
        return kind;
    if (wait_peer && !conn->notify_received) {
        call->done = 0;
        kind = io_run(conn, op_drain, call, deadline);
        if (kind != IO_CLOSED)
            return kind;
    }
    return conn->notify_received ? IO_CLOSED : IO_OK;
}

#endif
