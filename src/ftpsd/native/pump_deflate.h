/* MODE Z (draft-preston-ftpext-deflate): what travels is one zlib stream (RFC 1950).
 *
 * A stage between a loop's buffers and the wire. Sending: `send_fill` gives what it would send (TYPE A converted
 * already), `deflate_fill` compresses it into a buffer of its own, and that becomes `out`. Receiving: `inflate_flush`
 * takes what has gathered in the loop's buffer and stores what comes out of it, piece by piece, through the conversion
 * of TYPE A.
 *
 * A stream says itself where it ends and carries a checksum: an upload that ends before its stream does is cut, one
 * whose bytes make no sense, or that goes on behind its end, is broken. What a stream swells to is bounded by `limit`
 * (file bytes), as the file of any upload is; small buffers make sure that a loop which swells a thousandfold still
 * looks at the control connection.
 */
#ifndef FTPSD_PUMP_DEFLATE_H
#define FTPSD_PUMP_DEFLATE_H

#include <stddef.h>
#include <zlib.h>
#include "pump_core.h"

#define DEFLATE_ROOM (64 * 1024)
#define DEFLATE_MEMORY 8                /* zlib's usual: 256 KiB for a sender */
#define INFLATE_ANY (MAX_WBITS + 32)    /* gzip's header will do, too */

struct pump_z {
    z_stream stream;
    int sending, input_ended, ended;
    const char *fault;                  /* zlib's words, or ours */
    unsigned char buffer[1 + DEFLATE_ROOM];     /* the first byte is room for a CR held back */
};

/* NULL: no memory, or no such level (0 to 9, -1 for zlib's usual one). */
static struct pump_z *pump_z_new(int sending, int level)
{
    struct pump_z *z = malloc(sizeof *z);
    int status;

    if (z == NULL)
        return NULL;
    memset(z, 0, offsetof(struct pump_z, buffer));
    z->sending = sending;
    status = sending
        ? deflateInit2(&z->stream, level, Z_DEFLATED, MAX_WBITS, DEFLATE_MEMORY, Z_DEFAULT_STRATEGY)
        : inflateInit2(&z->stream, INFLATE_ANY);
    if (status == Z_OK)
        return z;
    free(z);
    return NULL;
}

static void pump_z_free(struct pump_z *z)
{
    if (z == NULL)
        return;
    if (z->sending)
        (void)deflateEnd(&z->stream);
    else
        (void)inflateEnd(&z->stream);
    free(z);
}

static size_t send_left(const struct pump *pump);
static int send_fill(struct pump *pump);

/* Gives the compressor what the next filled buffer has. */
static int deflate_feed(struct pump *pump, struct pump_z *z)
{
    uint64_t before = pump->file_bytes;
    int stop = send_fill(pump);

    if (stop != PUMP_GO)
        return stop;
    z->stream.next_in = (Bytef *)pump->out;
    z->stream.avail_in = (uInt)pump->out_size;
    z->input_ended = pump->source_ended || send_left(pump) == 0;
    pump_worked(pump, (size_t)(pump->file_bytes - before));
    return PUMP_GO;
}

/* Like send_fill: makes `out` ready; an empty one means the end only with `source_ended`. */
static int deflate_fill(struct pump *pump)
{
    struct pump_z *z = pump->z;
    int stop = PUMP_GO;

    if (z->stream.avail_in == 0 && !z->input_ended)
        stop = deflate_feed(pump, z);
    pump->out_size = 0;
    pump->source_ended = 0;
    if (stop != PUMP_GO)
        return stop;
    z->stream.next_out = z->buffer;
    z->stream.avail_out = DEFLATE_ROOM;
    if (!z->ended && deflate(&z->stream, z->input_ended ? Z_FINISH : Z_NO_FLUSH) == Z_STREAM_END)
        z->ended = 1;
    pump->out = z->buffer;
    pump->out_size = DEFLATE_ROOM - z->stream.avail_out;
    pump->source_ended = z->ended && pump->out_size == 0;
    return PUMP_GO;
}

static int receive_store_limited(struct pump *pump, const unsigned char *data, size_t size);

static int inflate_store(struct pump *pump, struct pump_z *z, size_t size)
{
    unsigned char *data = z->buffer + 1;

    pump_worked(pump, size);
    pump_give_way(pump);
    if (pump->ascii && size > 0) {
        size = ascii_to_file(data, size, z->buffer, &pump->held_cr);
        data = z->buffer;
    }
    return receive_store_limited(pump, data, size);
}

static int inflate_fault(struct pump *pump, struct pump_z *z, const char *fault)
{
    z->fault = fault != NULL ? fault : "invalid data";
    return pump_fail(pump, PUMP_INFLATE, 0);
}

static int inflate_step(struct pump *pump, struct pump_z *z)
{
    int status, stop;

    z->stream.next_out = z->buffer + 1;
    z->stream.avail_out = DEFLATE_ROOM;
    status = inflate(&z->stream, Z_NO_FLUSH);
    if (status == Z_MEM_ERROR)
        return pump_fail(pump, PUMP_FILE, ENOMEM);
    stop = inflate_store(pump, z, DEFLATE_ROOM - z->stream.avail_out);
    if (stop != PUMP_GO)
        return stop;
    if (status == Z_NEED_DICT)
        return inflate_fault(pump, z, "a dictionary is needed");
    if (status == Z_DATA_ERROR || status == Z_STREAM_ERROR)
        return inflate_fault(pump, z, z->stream.msg);
    z->ended = status == Z_STREAM_END;
    return PUMP_GO;
}

/* Stores what `size` bytes from the wire are. */
static int inflate_flush(struct pump *pump, unsigned char *data, size_t size)
{
    struct pump_z *z = pump->z;
    int stop = PUMP_GO;

    z->stream.next_in = data;
    z->stream.avail_in = (uInt)size;
    if (z->fault != NULL)
        return PUMP_INFLATE;
    while (stop == PUMP_GO && !z->ended && (z->stream.avail_in > 0 || z->stream.avail_out == 0))
        stop = inflate_step(pump, z);
    if (stop == PUMP_GO && z->stream.avail_in > 0)
        return inflate_fault(pump, z, "data behind the end of the compressed stream");
    return stop;
}

#endif
