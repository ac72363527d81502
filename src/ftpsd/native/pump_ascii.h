/* ASCII type: LF in the file, CRLF on the wire. Both directions keep what they must remember between buffers. */
#ifndef FTPSD_PUMP_ASCII_H
#define FTPSD_PUMP_ASCII_H

#include <string.h>

/* File to wire: a CR goes before each LF that has none (a CRLF in the file is not doubled). `out` has room for twice
 * `size`; `last` is the last byte of the previous call, 0 at first. Returns the bytes in `out`. */
static size_t ascii_to_wire(const unsigned char *in, size_t size, unsigned char *out, unsigned char *last)
{
    const unsigned char *end = in + size, *line;
    unsigned char *start = out, before = *last;
    size_t length;

    while (in < end && (line = memchr(in, '\n', (size_t)(end - in))) != NULL) {
        length = (size_t)(line - in);
        memcpy(out, in, length);
        out += length;
        if ((length > 0 ? line[-1] : before) != '\r')
            *out++ = '\r';
        *out++ = '\n';
        before = '\n';
        in = line + 1;
    }
    length = (size_t)(end - in);
    memcpy(out, in, length);
    if (length > 0)
        before = end[-1];
    *last = before;
    return (size_t)(out - start) + length;
}

/* Wire to file: CRLF becomes LF, a CR elsewhere stays. A CR at the end waits in `*held_cr` for the next call. `out` has
 * room for `size` + 1 and may start one byte before `in`. Returns the bytes in `out`. */
static size_t ascii_to_file(const unsigned char *in, size_t size, unsigned char *out, int *held_cr)
{
    const unsigned char *end = in + size, *cr;
    unsigned char *start = out;
    size_t length;

    if (size > 0 && *held_cr) {
        if (*in != '\n')
            *out++ = '\r';
        *held_cr = 0;
    }
    while (in < end && (cr = memchr(in, '\r', (size_t)(end - in))) != NULL) {
        length = (size_t)(cr - in);
        memmove(out, in, length);
        out += length;
        in = cr + 1;
        if (in == end)
            *held_cr = 1;
        else if (*in != '\n')
            *out++ = '\r';
    }
    length = (size_t)(end - in);
    memmove(out, in, length);
    return (size_t)(out - start) + length;
}

#endif
