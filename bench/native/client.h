/* An FTPS client: a session with PROT P whose data connections resume as good clients do it.
 *
 * TLS 1.2: the control connection's newest session, by id or ticket. TLS 1.3: the newest ticket, each used
 * once; when none is left, the last one once more, which is counted. A `bare` target has no FTP at all: every
 * transfer is a TLS connection of its own that names a file. All calls end the program when the server fails. */
#ifndef BENCH_CLIENT_H
#define BENCH_CLIENT_H

#include <openssl/ssl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { TICKETS = 16, LINE = 8192, PACED = 1 << 18 /* bytes between two looks at the clock */ };

typedef struct {
    const char *user, *password;
    int port;
    int sources; /* how many addresses from 127.0.0.1 on sessions come from, in turns */
    bool bare;
    long pace;   /* bytes per second that a download takes at most; 0: as many as come */
    SSL_CTX *context;
} target;

typedef struct {
    const target *to;
    int source;  /* which of the addresses */
    int control; /* -1: not connected */
    SSL *tls;
    SSL_SESSION *tickets[TICKETS]; /* newest last; under TLS 1.2 only the first */
    int ticket_count;
    SSL_SESSION *last; /* the one that was used last */
    char buffer[LINE];
    size_t start, end; /* what is received and not yet read of `buffer` */
} session;

/* Over all sessions: TLS connections that could have resumed, those that did, and tickets used again. */
typedef struct {
    atomic_long connections, resumed, reused;
} counters;
extern counters counted;

/* The context for one TLS version ("1.2" or "1.3"); AES-256-GCM for all, so that all encrypt alike. */
SSL_CTX *client_context(const char *version);

/* An empty session; `number` chooses the source address. */
void session_init(session *one, const target *to, int number);

/* Connect, AUTH TLS, handshake (offering the newest ticket when `resume`), log in, PBSZ 0, PROT P. */
void session_open(session *one, bool resume);

/* Send a command and demand a reply that starts with `code`; the reply's last line. */
const char *command(session *one, const char *code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* A transfer from the server. `stop`, if any, ends it early once set, `begun` counts up at its first bytes. */
size_t fetch(session *one, const char *line, atomic_bool *stop, atomic_int *begun);

/* A transfer of `size` bytes to the server. */
void store(session *one, const char *line, size_t size);

/* QUIT and close. The tickets stay, for a login that resumes. */
void session_quit(session *one);

/* Close without a word. */
void session_drop(session *one);

/* Forget the tickets. */
void session_forget(session *one);

#endif
