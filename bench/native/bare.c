/* What the machine can do: a server that does the TLS and the file work and nothing else.
 *
 * `bare CERTIFICATE KEY DIRECTORY THREADS` listens on a free port of 127.0.0.1, prints it, and serves until it is
 * killed. A client connects, shakes hands and sends "RETR NAME\n" or "STOR NAME\n", or closes, which makes a bare
 * handshake. It authenticates nobody: loopback and a directory of its own only. */
#include "common.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { REQUEST = 256, GATHER = 4 * CHUNK, MAX_THREADS = 1024 };

static SSL_CTX *context;
static int listener, directory;

static SSL_CTX *server_context(const char *certificate, const char *key) {
    SSL_CTX *made = SSL_CTX_new(TLS_server_method());
    if (!made || SSL_CTX_use_certificate_chain_file(made, certificate) != 1
        || SSL_CTX_use_PrivateKey_file(made, key, SSL_FILETYPE_PEM) != 1
        || SSL_CTX_set_min_proto_version(made, TLS1_2_VERSION) != 1)
        die("no TLS context with %s and %s", certificate, key);
    SSL_CTX_set_session_cache_mode(made, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_options(made, SSL_OP_IGNORE_UNEXPECTED_EOF);
    return made;
}

/* The request's verb and name: false when the client only shook hands. */
static bool requested(SSL *tls, char *verb, char *name) {
    char request[REQUEST];
    int got = SSL_read(tls, request, sizeof request - 1);
    if (got <= 0) return false;
    request[got] = 0;
    char *space = strchr(request, ' '), *end = strchr(request, '\n');
    if (!space || space - request != 4 || !end || end < space || memchr(space, '/', (size_t)(end - space)))
        die("what is this request?");
    *end = 0;
    memcpy(verb, request, 4);
    verb[4] = 0;
    memcpy(name, space + 1, (size_t)(end - space));
    return true;
}

static void send_file(SSL *tls, const char *name, char *buffer) {
    int file = openat(directory, name, O_RDONLY | O_CLOEXEC);
    ssize_t got;
    if (file < 0) die("%s: %s", name, strerror(errno));
    while ((got = read(file, buffer, CHUNK)) > 0)
        if (SSL_write(tls, buffer, (int)got) != got) break;
    close(file);
}

static void receive_file(SSL *tls, const char *name, char *buffer) {
    int file = openat(directory, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644), got;
    size_t held = 0;
    if (file < 0) die("%s: %s", name, strerror(errno));
    do {
        got = SSL_read(tls, buffer + held, (int)(GATHER - held));
        held += got > 0 ? (size_t)got : 0;
        if (held == GATHER || (got <= 0 && held)) {
            if (write(file, buffer, held) != (ssize_t)held) die("%s: %s", name, strerror(errno));
            held = 0;
        }
    } while (got > 0);
    close(file);
}

static void serve(int connection, char *buffer) {
    char verb[5], name[REQUEST];
    SSL *tls = SSL_new(context);
    if (!tls || !SSL_set_fd(tls, connection)) die("no TLS connection object");
    tune(connection);
    tune_data(tls);
    if (SSL_accept(tls) == 1) {
        if (requested(tls, verb, name)) {
            if (!strcmp(verb, "RETR")) send_file(tls, name, buffer);
            else receive_file(tls, name, buffer);
        }
        finish(tls);
    }
    ERR_clear_error();
    SSL_free(tls);
    close(connection);
}

static void *worker(void *unused) {
    char *buffer = malloc(GATHER);
    if (!buffer) die("no memory");
    for (;;) {
        int connection = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
        if (connection >= 0) serve(connection, buffer);
    }
    return unused;
}

static int listening(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int made = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (made < 0 || bind(made, (struct sockaddr *)&address, length) || listen(made, 4096)
        || getsockname(made, (struct sockaddr *)&address, &length))
        die("cannot listen: %s", strerror(errno));
    printf("%d\n", ntohs(address.sin_port));
    fflush(stdout);
    return made;
}

int main(int count, char **arguments) {
    int threads = count == 5 ? atoi(arguments[4]) : 0;
    if (threads < 1 || threads > MAX_THREADS) die("usage: bare CERTIFICATE KEY DIRECTORY THREADS");
    signal(SIGPIPE, SIG_IGN);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    context = server_context(arguments[1], arguments[2]);
    directory = open(arguments[3], O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0) die("%s: %s", arguments[3], strerror(errno));
    listener = listening();
    for (int i = 1; i < threads; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, worker, NULL)) die("no thread %d", i);
    }
    worker(NULL);
}
