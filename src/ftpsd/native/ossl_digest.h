/* The digest of a part of a file (HASH, XCRC and their kin): one loop of pread() and OpenSSL's or zlib's arithmetic.
 *
 * It runs without the GIL and stops for a reason (`enum digest_stop`); after DIGEST_CONTROL and DIGEST_PAUSED it can
 * be entered again. Every DIGEST_SLICE it looks at the control connection and the clock, so that what fits into one
 * slice, which most files do, costs neither. What does not is batch work, like a pump's (pump_processor.h). The file's
 * own offset is not touched.
 */
#ifndef FTPSD_OSSL_DIGEST_H
#define FTPSD_OSSL_DIGEST_H

#include <poll.h>
#include <stdlib.h>
#include <unistd.h>
#include <openssl/evp.h>
#include <zlib.h>
#include "ossl_io.h"
#include "pump_processor.h"

#define DIGEST_BUFFER (256 * 1024)
#define DIGEST_SLICE (4 * 1024 * 1024)

enum digest_stop {
    DIGEST_GO, DIGEST_DONE, DIGEST_CONTROL, DIGEST_PAUSED,
    DIGEST_SHORT,                       /* the file ends before `end` */
    DIGEST_FILE, DIGEST_FAILED          /* the file's error; OpenSSL's */
};

struct digest {
    EVP_MD_CTX *context;                /* NULL: CRC-32 */
    uLong crc;
    int64_t position;
    int error;
    int batch;                          /* the thread is scheduled as batch work, and gives way to commands */
    unsigned waited_in_row, gave_way;
};

/* NULL stands for CRC-32. 0: OpenSSL does not have it (in FIPS mode it may not). */
static int digest_begin(struct digest *digest, const char *name)
{
    EVP_MD *method;
    int begun;

    digest->crc = crc32_z(0, NULL, 0);
    if (name == NULL)
        return 1;
    method = EVP_MD_fetch(NULL, name, NULL);
    digest->context = method != NULL ? EVP_MD_CTX_new() : NULL;
    begun = digest->context != NULL && EVP_DigestInit_ex2(digest->context, method, NULL) == 1;
    EVP_MD_free(method);
    return begun;
}

static int digest_update(struct digest *digest, const unsigned char *data, size_t size)
{
    digest->position += (int64_t)size;
    if (digest->context != NULL)
        return EVP_DigestUpdate(digest->context, data, size) == 1 ? DIGEST_GO : DIGEST_FAILED;
    digest->crc = crc32_z(digest->crc, data, size);
    return DIGEST_GO;
}

/* What follows up to `end`, at most a slice of it. */
static int digest_slice(struct digest *digest, int file, int64_t end, unsigned char *buffer)
{
    int64_t stop_at = end - digest->position < DIGEST_SLICE ? end : digest->position + DIGEST_SLICE;
    ssize_t n;
    int stop = DIGEST_GO;

    while (stop == DIGEST_GO && digest->position < stop_at) {
        n = stop_at - digest->position < DIGEST_BUFFER ? (ssize_t)(stop_at - digest->position) : DIGEST_BUFFER;
        n = pread(file, buffer, (size_t)n, digest->position);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            digest->error = errno;
        if (n <= 0)
            return n < 0 ? DIGEST_FILE : DIGEST_SHORT;
        stop = digest_update(digest, buffer, (size_t)n);
        if (digest->batch)
            digest->gave_way += (unsigned)processor_give_way(&digest->waited_in_row);
    }
    return stop;
}

/* `control`: a descriptor that is looked at (-1: none); `until`: of io_now(), 0: for as long as it takes. */
static int digest_run(struct digest *digest, int file, int64_t end, int control, double until)
{
    struct pollfd watched = {control, POLLIN, 0};
    unsigned char *buffer = malloc(DIGEST_BUFFER);
    int stop = DIGEST_GO;

    digest->error = ENOMEM;
    if (buffer == NULL)
        return DIGEST_FILE;
    while (stop == DIGEST_GO) {
        stop = digest_slice(digest, file, end, buffer);
        if (stop != DIGEST_GO)
            break;
        if (digest->position >= end)
            stop = DIGEST_DONE;
        else if (control >= 0 && poll(&watched, 1, 0) > 0)
            stop = DIGEST_CONTROL;
        else if (until > 0 && io_now() >= until)
            stop = DIGEST_PAUSED;
        else if (!digest->batch)
            processor_batch(digest->batch = 1);
    }
    if (digest->batch)
        processor_batch(digest->batch = 0);
    free(buffer);
    return stop;
}

/* The digest's bytes in `out` (EVP_MAX_MD_SIZE); how many, 0: failed. */
static unsigned int digest_end(struct digest *digest, unsigned char *out)
{
    unsigned int size = 0;
    int i;

    if (digest->context != NULL)
        return EVP_DigestFinal_ex(digest->context, out, &size) == 1 ? size : 0;
    for (i = 0; i < 4; i++)
        out[i] = (unsigned char)(digest->crc >> (24 - 8 * i));
    return 4;
}

static void digest_free(struct digest *digest)
{
    EVP_MD_CTX_free(digest->context);
    digest->context = NULL;
}

#endif
