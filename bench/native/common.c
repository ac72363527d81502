#include "common.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>

_Noreturn void die(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    flockfile(stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    ERR_print_errors_fp(stderr);
    fflush(stderr);
    va_end(arguments);
    _Exit(1);
}

double wall_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

void sleep_until(double moment) {
    const struct timespec until = {.tv_sec = (time_t)moment, .tv_nsec = (long)((moment - (double)(time_t)moment) * 1e9)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR) continue;
}

double cpu_seconds(void) {
    struct timespec used;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return (double)used.tv_sec + (double)used.tv_nsec * 1e-9;
}

long raise_descriptors(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit)) die("RLIMIT_NOFILE cannot be read");
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit)) die("RLIMIT_NOFILE cannot be raised");
    return (long)limit.rlim_cur;
}

void tune(int socket) {
    const int on = 1;
    const struct timeval timeout = {.tv_sec = TIMEOUT};
    if (setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on)
        || setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout)
        || setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout))
        die("socket options cannot be set");
}

void tune_data(SSL *tls) {
    SSL_set_read_ahead(tls, 1);
    SSL_set_default_read_buffer_len(tls, CHUNK);
}

void finish(SSL *tls) {
    char rest[4096];
    ERR_clear_error();
    /* A peer that has gone already took nothing from us: what was sent is confirmed by its reply. */
    if (SSL_shutdown(tls) == 0)
        while (SSL_read(tls, rest, sizeof rest) > 0) {}
    ERR_clear_error();
}
