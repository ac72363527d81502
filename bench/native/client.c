#include "client.h"

#include "common.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif

counters counted;

/* --- tickets ------------------------------------------------------------------------------------------- */

static int on_ticket(SSL *tls, SSL_SESSION *ticket) {
    session *one = SSL_get_app_data(tls);
    if (SSL_SESSION_get_protocol_version(ticket) < TLS1_3_VERSION || one->ticket_count == TICKETS) {
        int dropped = SSL_SESSION_get_protocol_version(ticket) < TLS1_3_VERSION ? one->ticket_count : 1;
        for (int i = 0; i < dropped; i++) SSL_SESSION_free(one->tickets[i]);
        one->ticket_count -= dropped;
        memmove(one->tickets, one->tickets + dropped, (size_t)one->ticket_count * sizeof *one->tickets);
    }
    one->tickets[one->ticket_count++] = ticket;
    return 1; /* the reference is ours now */
}

/* Offer the newest session on a new connection. OpenSSL makes a ticket of TLS 1.3 unusable once it has been used,
 * so a copy is kept for the case that the server sends no other. */
static void offer(session *one, SSL *tls) {
    SSL_SESSION *ticket;
    if (one->ticket_count > 0) {
        ticket = one->tickets[one->ticket_count - 1];
        if (SSL_SESSION_get_protocol_version(ticket) < TLS1_3_VERSION) {
            if (!SSL_set_session(tls, ticket)) die("a session cannot be offered");
            return;
        }
        one->ticket_count--;
        SSL_SESSION_free(one->last);
        one->last = SSL_SESSION_dup(ticket);
    } else {
        if (!one->last) return;
        ticket = SSL_SESSION_dup(one->last);
        atomic_fetch_add(&counted.reused, 1);
    }
    if (!ticket || !SSL_set_session(tls, ticket)) die("a session cannot be offered");
    SSL_SESSION_free(ticket);
}

/* Under TLS 1.2 OpenSSL calls nobody when a resumed handshake brought a new ticket, and takes the old one for spent. */
static void keep_renewed(SSL *tls) {
    if (SSL_version(tls) < TLS1_3_VERSION && SSL_session_reused(tls)) on_ticket(tls, SSL_get1_session(tls));
}

SSL_CTX *client_context(const char *version) {
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    int number = !strcmp(version, "1.2") ? TLS1_2_VERSION : !strcmp(version, "1.3") ? TLS1_3_VERSION : 0;
    if (!context || !number || !SSL_CTX_set_min_proto_version(context, number)
        || !SSL_CTX_set_max_proto_version(context, number))
        die("no TLS context for version %s", version);
    if (!SSL_CTX_set_cipher_list(context, "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384")
        || !SSL_CTX_set_ciphersuites(context, "TLS_AES_256_GCM_SHA384"))
        die("no AES-256-GCM");
    SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_AUTO_RETRY);
    SSL_CTX_set_options(context, SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context, on_ticket);
    return context;
}

void session_forget(session *one) {
    for (int i = 0; i < one->ticket_count; i++) SSL_SESSION_free(one->tickets[i]);
    one->ticket_count = 0;
    SSL_SESSION_free(one->last);
    one->last = NULL;
}

/* --- connections --------------------------------------------------------------------------------------- */

static int connected(const session *one, int port) {
    const int on = 1;
    struct sockaddr_in from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK + (uint32_t)one->source)};
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                             .sin_port = htons((uint16_t)port)};
    int made = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (made < 0) die("no socket: %s", strerror(errno));
    tune(made);
    if (one->source
        && (setsockopt(made, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on)
            || bind(made, (struct sockaddr *)&from, sizeof from)))
        die("cannot come from 127.0.0.%d: %s", 1 + one->source, strerror(errno));
    if (connect(made, (struct sockaddr *)&to, sizeof to)) die("cannot connect to port %d: %s", port, strerror(errno));
    return made;
}

static SSL *handshake(session *one, int socket, bool resume) {
    SSL *tls = SSL_new(one->to->context);
    if (!tls || !SSL_set_fd(tls, socket)) die("no TLS connection object");
    SSL_set_app_data(tls, one);
    if (resume) offer(one, tls);
    if (SSL_connect(tls) != 1) die("the TLS handshake failed");
    if (resume) {
        atomic_fetch_add(&counted.connections, 1);
        if (SSL_session_reused(tls)) atomic_fetch_add(&counted.resumed, 1);
    }
    return tls;
}

static void closed(SSL *tls, int socket) {
    SSL_free(tls);
    close(socket);
}

/* --- the control connection ---------------------------------------------------------------------------- */

static void receive(session *one) {
    if (one->start) {
        memmove(one->buffer, one->buffer + one->start, one->end - one->start);
        one->end -= one->start;
        one->start = 0;
    }
    size_t room = LINE - one->end;
    if (!room) die("a reply is longer than %d bytes", LINE);
    ssize_t got = one->tls ? SSL_read(one->tls, one->buffer + one->end, (int)room)
                           : recv(one->control, one->buffer + one->end, room, 0);
    if (got <= 0) die("the server closed the control connection");
    one->end += (size_t)got;
}

/* The next line without its end, NUL-terminated, valid until the next call. */
static char *next_line(session *one) {
    for (;;) {
        char *from = one->buffer + one->start, *newline = memchr(from, '\n', one->end - one->start);
        if (newline) {
            one->start = (size_t)(newline + 1 - one->buffer);
            if (newline > from && newline[-1] == '\r') newline--;
            *newline = 0;
            return from;
        }
        receive(one);
    }
}

static const char *expect(session *one, const char *code, const char *sent) {
    for (;;) {
        const char *line = next_line(one);
        bool last = strlen(line) >= 4 && line[0] >= '1' && line[0] <= '6' && line[3] == ' ';
        if (!last) continue;
        if (strncmp(line, code, strlen(code))) die("%s: expected %s, got: %s", sent, code, line);
        return line;
    }
}

const char *command(session *one, const char *code, const char *format, ...) {
    char line[512], shown[512];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof line - 2, format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= sizeof line - 2) die("a command is too long");
    memcpy(shown, line, (size_t)length + 1);
    memcpy(line + length, "\r\n", 2);
    length += 2;
    ssize_t sent = one->tls ? SSL_write(one->tls, line, length) : send(one->control, line, (size_t)length, MSG_NOSIGNAL);
    if (sent != length) die("%s could not be sent", shown);
    return expect(one, code, strncmp(shown, "PASS", 4) ? shown : "PASS");
}

void session_init(session *one, const target *to, int number) {
    memset(one, 0, sizeof *one);
    one->to = to;
    one->source = number % to->sources;
    one->control = -1;
}

void session_open(session *one, bool resume) {
    one->start = one->end = 0;
    one->control = connected(one, one->to->port);
    if (one->to->bare) {
        one->tls = handshake(one, one->control, resume);
        keep_renewed(one->tls);
        return;
    }
    expect(one, "220", "connect");
    command(one, "234", "AUTH TLS");
    one->tls = handshake(one, one->control, resume);
    keep_renewed(one->tls);
    command(one, "331", "USER %s", one->to->user);
    command(one, "230", "PASS %s", one->to->password);
    command(one, "200", "PBSZ 0");
    command(one, "200", "PROT P");
}

void session_drop(session *one) {
    if (one->control < 0) return;
    closed(one->tls, one->control);
    one->tls = NULL;
    one->control = -1;
}

void session_quit(session *one) {
    if (one->control < 0) return;
    if (!one->to->bare) command(one, "221", "QUIT");
    finish(one->tls);
    session_drop(one);
}

/* --- data connections ---------------------------------------------------------------------------------- */

static SSL *data_connection(session *one, const char *line, int *socket) {
    if (one->to->bare) {
        char request[256];
        int length = snprintf(request, sizeof request, "%s\n", line);
        *socket = connected(one, one->to->port);
        SSL *tls = handshake(one, *socket, true);
        tune_data(tls);
        if (SSL_write(tls, request, length) != length) die("%s could not be sent", line);
        return tls;
    }
    const char *reply = command(one, "229", "EPSV"), *port = strstr(reply, "|||");
    if (!port) die("EPSV: no port in: %s", reply);
    *socket = connected(one, atoi(port + 3));
    command(one, "1", "%s", line);
    SSL *tls = handshake(one, *socket, true);
    tune_data(tls);
    return tls;
}

size_t fetch(session *one, const char *line, atomic_bool *stop, atomic_int *begun) {
    static _Thread_local char chunk[CHUNK];
    int socket, got;
    size_t total = 0;
    SSL *tls = data_connection(one, line, &socket);
    double start = wall_seconds();
    while ((got = SSL_read(tls, chunk, sizeof chunk)) > 0) {
        size_t before = total;
        if (!total && begun) atomic_fetch_add(begun, 1);
        total += (size_t)got;
        if (one->to->pace && before / PACED != total / PACED)
            sleep_until(start + (double)total / (double)one->to->pace);
        if (stop && atomic_load_explicit(stop, memory_order_relaxed)) {
            closed(tls, socket);
            return total;
        }
    }
    if (SSL_get_error(tls, got) != SSL_ERROR_ZERO_RETURN) die("%s: the data connection broke off", line);
    finish(tls);
    closed(tls, socket);
    if (!one->to->bare) expect(one, "2", line);
    return total;
}

void store(session *one, const char *line, size_t size) {
    static const char chunk[CHUNK];
    int socket;
    SSL *tls = data_connection(one, line, &socket);
    for (size_t left = size; left;) {
        int wanted = left < sizeof chunk ? (int)left : (int)sizeof chunk, sent = SSL_write(tls, chunk, wanted);
        if (sent <= 0) die("%s: the data connection broke off", line);
        left -= (size_t)sent;
    }
    finish(tls);
    closed(tls, socket);
    if (!one->to->bare) expect(one, "2", line);
}
