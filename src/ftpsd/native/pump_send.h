/* Sending: a file, memory, or what a source writes for us, to a plain or TLS socket.
 *
 * Plain sockets get sendfile(2), TLS with kernel encryption SSL_sendfile, everything else goes through the buffer.
 * The peer should be silent, but what it does is noticed while we wait for it: TLS messages (a key update) are
 * processed, data is thrown away up to a bound, its FIN or close_notify is no reason to stop (it may have closed its
 * sending half), RST is. What makes OpenSSL write a handshake message must wait until the record that is half written is
 * out, as it cannot put one in between: a TLS <= 1.2 handshake message (the peer's answer to our request for a
 * renegotiation), and whatever comes after a key update that asks for ours. Therefore one record at a time is read then.
 */
#ifndef FTPSD_PUMP_SEND_H
#define FTPSD_PUMP_SEND_H

#include <sys/stat.h>
#include "pump_core.h"
#include "pump_deflate.h"

static void send_choose(struct pump *pump)
{
    struct stat status;

    pump->mode = SEND_BUFFERED;
    if (pump->buffered || pump->memory != NULL || pump->pull != NULL || pump->ascii)
        return;
    if (pump->tls != NULL && !BIO_get_ktls_send(SSL_get_wbio(pump->tls->ssl)))
        return;
    if (fstat(pump->file, &status) != 0 || !S_ISREG(status.st_mode))
        return;
    pump->mode = pump->tls == NULL ? SEND_FILE : SEND_KERNEL_TLS;
    pump_cork(pump);
}

/* File bytes that may still be taken; SIZE_MAX: no limit. */
static size_t send_left(const struct pump *pump)
{
    return pump->limit < 0 ? SIZE_MAX : (size_t)pump->limit - (size_t)pump->file_bytes;
}

static int send_read(struct pump *pump, size_t size, size_t *got)
{
    ssize_t n;

    do {
        if (pump->pull != NULL)
            n = pump->pull->call(pump->pull->self, pump->buffer, size);
        else if (pump->position >= 0)
            n = pread(pump->file, pump->buffer, size, pump->position);
        else
            n = read(pump->file, pump->buffer, size);
    } while (n < 0 && errno == EINTR);
    if (n < 0)
        return pump_fail(pump, PUMP_FILE, errno);
    if (pump->position >= 0)
        pump->position += n;
    *got = (size_t)n;
    return PUMP_GO;
}

static int send_buffers(struct pump *pump)
{
    size_t room = pump->expected > 0 && pump->expected < SMALL_BUFFER ? SMALL_BUFFER : SEND_BUFFER;

    if (pump->memory == NULL && !pump_buffers(pump, room))
        return pump_fail(pump, PUMP_FILE, ENOMEM);
    if (pump->memory != NULL)
        pump->room = BUFFER_SIZE;
    if (pump->ascii && pump->converted == NULL)
        pump->converted = malloc(2 * pump->room);
    if (pump->ascii && pump->converted == NULL)
        return pump_fail(pump, PUMP_FILE, ENOMEM);
    return PUMP_GO;
}

/* Whether what was read is no less than the file had. A short read means its end then; on its own it does not: some
 * network file systems give less than there is. */
static int send_has_all(const struct pump *pump)
{
    if (pump->pull != NULL)
        return pump->pull->ended;
    return pump->memory == NULL && pump->position >= 0 && pump->expected > 0 && pump->file_bytes >= pump->expected;
}

/* Most likely another buffer follows this one. With TcpNoDelay the rest of each TLS record, which is no multiple of a
 * segment, would go in a segment of its own; instead the kernel fills segments up. The last of all goes with the end
 * (`pump_cork`). A rate sends less than a segment at a time, and at once. */
static void send_coalesce(struct pump *pump)
{
    int off = 0;

    if (pump->coalesces || !pump->finish || pump->rate > 0)
        return;
    pump->coalesces = 1;
    (void)setsockopt(pump->sock, IPPROTO_TCP, TCP_NODELAY, &off, sizeof off);   /* it may be no TCP socket */
}

/* Makes `out` ready; an empty one means the end of the source. */
static int send_fill(struct pump *pump)
{
    const unsigned char *raw = pump->memory;
    size_t size, wanted;
    int stop = send_buffers(pump);

    if (stop != PUMP_GO)
        return stop;
    wanted = size = send_left(pump) < pump->room ? send_left(pump) : pump->room;
    if (pump->memory != NULL) {
        if (size > pump->memory_left)
            size = pump->memory_left;
        pump->memory += size;
        pump->memory_left -= size;
        if (pump->memory_left == 0)
            pump_cork(pump);
        else
            send_coalesce(pump);
    } else {
        stop = send_read(pump, size, &size);
        if (stop != PUMP_GO)
            return stop;
        raw = pump->buffer;
        if (pump->pull != NULL ? pump->pull->ended : size < wanted)     /* a short read is most likely the end */
            pump_cork(pump);
        else
            send_coalesce(pump);
    }
    pump_count(&pump->file_bytes, size);
    pump->out = raw;
    pump->out_size = size;
    if (pump->ascii) {
        pump->out_size = ascii_to_wire(raw, size, pump->converted, &pump->last);
        pump->out = pump->converted;
    }
    pump->source_ended = size == 0 || (size < wanted && send_has_all(pump));
    return PUMP_GO;
}

/* One SSL_write of at most `size` bytes. A write to be retried is retried with the same size. */
static int send_tls(struct pump *pump, size_t size, size_t *sent)
{
    struct io_call call = {0};
    int kind = IO_OK;

    if (pump->tls->broken)
        return IO_PROTOCOL;
    if (pump->retry_size > 0)
        size = pump->retry_size;
    ERR_clear_error();
    errno = 0;
    if (SSL_write_ex(pump->tls->ssl, pump->out, size, sent) != 1) {
        *sent = 0;
        kind = io_judge(pump->tls, 0, &call);
        pump->error = call.error;
    }
    pump->retry_size = kind == IO_WANT_WRITE || kind == IO_WANT_READ ? size : 0;
    return kind;
}

static int send_plain(struct pump *pump, size_t size, size_t *sent)
{
    ssize_t n = send(pump->sock, pump->out, size, MSG_NOSIGNAL | MSG_DONTWAIT);

    *sent = n > 0 ? (size_t)n : 0;
    if (n >= 0)
        return IO_OK;
    pump->error = errno;
    if (errno == EAGAIN || errno == EINTR)
        return IO_WANT_WRITE;
    return io_is_reset(errno) ? IO_RESET : IO_SYSCALL;
}

static int send_buffered(struct pump *pump, size_t size, size_t *sent)
{
    int kind;

    if (size > pump->out_size)
        size = pump->out_size;
    kind = pump->tls != NULL ? send_tls(pump, size, sent) : send_plain(pump, size, sent);
    pump->out += *sent;
    pump->out_size -= *sent;
    return kind;
}

static void send_taken(struct pump *pump, size_t size)
{
    pump_count(&pump->file_bytes, size);
    if (pump->position >= 0)
        pump->position += (int64_t)size;
    if (size == 0)
        pump->source_ended = 1;
}

/* sendfile does not say which side failed. Unless it must have been the socket, go on through the buffer: either the
 * file system merely cannot do it, or the read to come tells the file's error. */
static int send_fall_back(struct pump *pump, int error)
{
    if (io_is_reset(error) || error == ETIMEDOUT || error == EHOSTUNREACH || error == ENETUNREACH)
        return 0;
    pump->mode = SEND_BUFFERED;
    return 1;
}

static int send_file(struct pump *pump, size_t size, size_t *sent)
{
    off_t position = pump->position;
    ssize_t n = sendfile(pump->sock, pump->file, pump->position >= 0 ? &position : NULL, size);

    *sent = n > 0 ? (size_t)n : 0;
    if (n >= 0) {
        send_taken(pump, *sent);
        return IO_OK;
    }
    pump->error = errno;
    if (errno == EAGAIN || errno == EINTR)
        return IO_WANT_WRITE;
    if (send_fall_back(pump, errno))
        return IO_OK;
    return io_is_reset(errno) ? IO_RESET : IO_SYSCALL;
}

static int send_kernel_tls(struct pump *pump, size_t size, size_t *sent)
{
    struct io_call call = {0};
    off_t position = pump->position >= 0 ? (off_t)pump->position : lseek(pump->file, 0, SEEK_CUR);
    ossl_ssize_t n;
    int kind;

    if (pump->tls->broken)
        return IO_PROTOCOL;
    ERR_clear_error();
    errno = 0;
    n = SSL_sendfile(pump->tls->ssl, pump->file, position, size, 0);
    *sent = n > 0 ? (size_t)n : 0;
    if (n < 0 && SSL_get_error(pump->tls->ssl, (int)n) == SSL_ERROR_SYSCALL && errno != 0
        && send_fall_back(pump, errno))
        return IO_OK;
    if (n < 0) {
        kind = io_judge(pump->tls, (int)n, &call);
        pump->error = call.error;
        return kind;
    }
    if (pump->position < 0)
        (void)lseek(pump->file, position + n, SEEK_SET);
    send_taken(pump, *sent);
    return IO_OK;
}

static int send_half_written(const struct pump *pump)
{
    return pump->retry_size > 0 && !SSL_in_init(pump->tls->ssl);
}

/* The peer said something: PUMP_GO when it does not end the transfer. */
static int send_hear(struct pump *pump)
{
    unsigned char scratch[4096];
    struct io_call call = {scratch, sizeof scratch, 0, 0};
    ssize_t n = recv(pump->sock, scratch, 1, MSG_PEEK | MSG_DONTWAIT);
    int kind, half_written = send_half_written(pump);

    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? PUMP_GO : pump_socket_verdict(pump, errno);
    if (n == 0) {
        pump->peer_ended = 1;
        return PUMP_GO;
    }
    pump->deferred = half_written && (scratch[0] == SSL3_RT_HANDSHAKE
                                      || SSL_get_key_update_type(pump->tls->ssl) != SSL_KEY_UPDATE_NONE);
    if (pump->deferred)
        return PUMP_GO;
    if (pump->heard_at != pump->wire_bytes)
        pump->tls->key_updates_in_row = 0;      /* as who sends data may */
    pump->heard_at = pump->wire_bytes;
    kind = half_written ? io_read_record(pump->tls, &call) : io_run(pump->tls, op_read, &call, IO_NOWAIT);
    pump->discarded += call.done;
    if (kind == IO_CLOSED || kind == IO_EOF || pump->discarded > DISCARD_MAX)
        pump->peer_ended = 1;
    if (kind == IO_OK || kind == IO_CLOSED || kind == IO_EOF || kind == IO_WANT_READ || kind == IO_WANT_WRITE)
        return PUMP_GO;
    return pump_verdict(pump, kind, call.error);
}

static int send_wait(struct pump *pump, int kind)
{
    int listens = pump->tls != NULL && !pump->peer_ended && !pump->deferred;
    short seen;
    int stop = pump_wait(pump, kind == IO_WANT_WRITE ? POLLOUT | (listens ? POLLIN : 0) : POLLIN, &seen);

    if (stop == PUMP_GO && listens && (seen & POLLIN))
        return send_hear(pump);
    return stop;
}

static int send_once(struct pump *pump, size_t size, size_t *sent)
{
    switch (pump->mode) {
    case SEND_FILE:
        return send_file(pump, size, sent);
    case SEND_KERNEL_TLS:
        return send_kernel_tls(pump, size, sent);
    default:
        return send_buffered(pump, size, sent);
    }
}

static int send_step(struct pump *pump)
{
    size_t allowed, sent = 0, wanted = send_left(pump) < BUFFER_SIZE ? send_left(pump) : BUFFER_SIZE;
    int kind, stop = PUMP_GO;

    if (pump->deferred && pump->retry_size == 0)
        stop = send_hear(pump);
    if (stop != PUMP_GO)
        return stop;
    if (pump->mode == SEND_BUFFERED) {
        if (pump->out_size == 0)
            stop = pump->z == NULL ? send_fill(pump) : deflate_fill(pump);
        if (stop != PUMP_GO || pump->out_size == 0)
            return stop;
        wanted = pump->out_size;
    }
    stop = pump_allow(pump, wanted, &allowed);
    if (stop != PUMP_GO)
        return stop;
    kind = send_once(pump, allowed, &sent);
    if (sent > 0)
        pump_moved(pump, sent);
    if (kind == IO_OK)
        return PUMP_GO;
    if (kind == IO_WANT_WRITE || kind == IO_WANT_READ)
        return send_wait(pump, kind);
    stop = pump_verdict(pump, kind, pump->error);
    return stop == PUMP_DONE ? PUMP_EOF : stop;
}

static int pump_send(struct pump *pump)
{
    int stop = pump_begin(pump);

    if (pump->mode == SEND_UNDECIDED)
        send_choose(pump);
    while (stop == PUMP_GO) {
        if (pump->out_size == 0 && pump->source_ended)
            return PUMP_DONE;
        if (pump->out_size == 0 && send_left(pump) == 0 && pump->z == NULL)
            return PUMP_LIMIT;
        stop = pump_glance(pump);
        if (stop == PUMP_GO && pump->tls != NULL && pump->tls->renegotiating && !pump->peer_ended)
            stop = send_hear(pump);     /* a socket that always has room would never let us listen */
        if (stop == PUMP_GO)
            stop = send_step(pump);
    }
    return stop;
}

#endif
