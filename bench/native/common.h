/* What the load generator and the bare server share: failing loudly, clocks, raising the limit of descriptors. */
#ifndef BENCH_COMMON_H
#define BENCH_COMMON_H

#include <openssl/ssl.h>
#include <stddef.h>

enum { CHUNK = 1 << 16, TIMEOUT = 60 };

/* Print the message, and OpenSSL's errors if there are any, to standard error and end with status 1. */
_Noreturn void die(const char *format, ...) __attribute__((format(printf, 1, 2)));

double wall_seconds(void);

/* Waits until `wall_seconds` are `moment`. */
void sleep_until(double moment);

/* User and system time of this process. */
double cpu_seconds(void);

/* Use as many descriptors as the hard limit allows; the limit that holds. */
long raise_descriptors(void);

/* Nagle off, and 60 s for every send and receive. */
void tune(int socket);

/* Large reads, few system calls: for connections that carry files. */
void tune_data(SSL *tls);

/* Our close_notify, then read (tickets, the peer's close_notify) until the end. */
void finish(SSL *tls);

#endif
