/* Sockets of data connections in one call each, and a wait for two descriptors: what the standard library does in
 * five calls and objects per connection. Numbers and addresses are as getsockname(2) of the control connection gave
 * them; an IPv6 address may have a scope (%eth0 or %2).
 */
#ifndef FTPSD_SYS_NET_H
#define FTPSD_SYS_NET_H

#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define NET_TEXT (INET6_ADDRSTRLEN + 1)
#define NET_ATTEMPTS 64
#define NET_NUMBERS 8

struct net_option {
    int level, name, value;
};

union net_address {
    struct sockaddr any;
    struct sockaddr_in four;
    struct sockaddr_in6 six;
};

/* The length of the address made; 0 with EINVAL when the text is none. */
static socklen_t net_address_of(const char *text, uint16_t port, union net_address *made)
{
    char plain[NET_TEXT];
    const char *scope = strchr(text, '%');
    size_t length = scope == NULL ? strlen(text) : (size_t)(scope - text);

    memset(made, 0, sizeof *made);
    errno = EINVAL;
    if (length >= sizeof plain)
        return 0;
    memcpy(plain, text, length);
    plain[length] = '\0';
    if (strchr(plain, ':') == NULL) {
        made->four.sin_family = AF_INET;
        made->four.sin_port = htons(port);
        return inet_pton(AF_INET, plain, &made->four.sin_addr) == 1 ? sizeof made->four : 0;
    }
    made->six.sin6_family = AF_INET6;
    made->six.sin6_port = htons(port);
    if (scope != NULL && (made->six.sin6_scope_id = if_nametoindex(scope + 1)) == 0)
        made->six.sin6_scope_id = (uint32_t)strtoul(scope + 1, NULL, 10);
    return inet_pton(AF_INET6, plain, &made->six.sin6_addr) == 1 ? sizeof made->six : 0;
}

/* A number from 0 to `below` - 1 that nobody can foretell. A thread asks the kernel for several at a time: none is
 * used twice, and a server never forks where one has been drawn (DESIGN.md 1). */
static int net_random(uint32_t below, uint32_t *chosen)
{
    static __thread uint64_t numbers[NET_NUMBERS];
    static __thread size_t left;

    if (left == 0) {
        if (getrandom(numbers, sizeof numbers, 0) != sizeof numbers)
            return -1;
        left = NET_NUMBERS;
    }
    *chosen = (uint32_t)(numbers[--left] % below);      /* the bias is 2^-48 */
    numbers[left] = 0;
    return 0;
}

static int net_may_be_free_elsewhere(int error)
{
    return error == EADDRINUSE || error == EACCES;
}

/* A listening socket (close-on-exec, non-blocking) and its port; -1 with errno. */
static int net_listen_at(const char *address, uint16_t port, const struct net_option *options, size_t count, int backlog,
                      uint16_t *bound)
{
    union net_address at;
    socklen_t size = net_address_of(address, port, &at);
    int fd, on = 1, saved;
    size_t i;

    if (size == 0)
        return -1;
    fd = socket(at.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0)
        goto failed;
    for (i = 0; i < count; i++)
        if (setsockopt(fd, options[i].level, options[i].name, &options[i].value, sizeof options[i].value) != 0)
            goto failed;
    if (bind(fd, &at.any, size) != 0 || listen(fd, backlog) != 0)
        goto failed;
    if (port == 0 && getsockname(fd, &at.any, &size) != 0)
        goto failed;
    *bound = ntohs(at.any.sa_family == AF_INET ? at.four.sin_port : at.six.sin6_port);
    return fd;
failed:
    saved = errno;
    close(fd);
    errno = saved;
    return -1;
}

/* The same on a port drawn from `low` to `high`. Port 0 would leave the choice to the kernel, which looks through all
 * that it has, and where a server closes first most ports have a connection in TIME_WAIT: it would look for long. */
static int net_listen(const char *address, uint16_t low, uint16_t high, const struct net_option *options, size_t count,
                      int backlog, uint16_t *bound)
{
    uint32_t offset = 0;
    int attempt, fd = -1;

    for (attempt = 0; attempt < (low == high ? 1 : NET_ATTEMPTS); attempt++) {
        if (low != high && net_random((uint32_t)(high - low) + 1, &offset) != 0)
            return -1;
        fd = net_listen_at(address, (uint16_t)(low + offset), options, count, backlog, bound);
        if (fd >= 0 || !net_may_be_free_elsewhere(errno))
            break;
    }
    return fd;
}

/* A waiting connection (close-on-exec, non-blocking) and its peer's address; -1 with errno. */
static int net_accept(int listener, char text[NET_TEXT])
{
    union net_address from;
    socklen_t size = sizeof from;
    int fd = accept4(listener, &from.any, &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    const void *number = &from.four.sin_addr;

    text[0] = '\0';
    if (fd < 0)
        return -1;
    if (from.any.sa_family == AF_INET6)
        number = &from.six.sin6_addr;
    (void)inet_ntop(from.any.sa_family, number, text, NET_TEXT);
    return fd;
}

static double net_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* Polls two descriptors (-1: none) until `deadline` (seconds of the monotonic clock; 0: does not wait): a set of
 * bits, 1 for the first, 2 for the second; -1 with errno. */
static int net_wait(int first, short first_events, int second, short second_events, double deadline)
{
    struct pollfd entries[2] = {{first, first_events, 0}, {second, second_events, 0}};
    double left = deadline > 0 ? ceil((deadline - net_now()) * 1e3) : 0;
    int ready = poll(entries, 2, left <= 0 ? 0 : left > 1e9 ? 1000000000 : (int)left);

    return ready < 0 ? -1 : (entries[0].revents != 0) | (entries[1].revents != 0) << 1;
}

#endif
