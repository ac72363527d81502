/* The load generator: `load key=value…`, one thread per client, blocking calls.
 *
 * It gets everything ready, prints "ready", waits for a line, works, prints one line of JSON with what was done
 * and what it cost the generator itself, waits for another line and ends. So the caller can take the server's
 * costs exactly around the work, and look at the sessions that `mode=idle` holds.
 *
 *   mode=login   each client: `count` logins with PWD and QUIT; `resume=1`: with the session of the one before
 *   mode=fetch   each client, logged in: `line` (RETR, LIST, MLSD) `count` times, each answer of `size` bytes
 *   mode=store   each client, logged in: `count` times `size` bytes, `line` with numbers appended: a new file each,
 *                as file systems write a file at once that is cut off and written again
 *   mode=noop    client 0: `count` times NOOP while the other clients do `line` over and over; `pace=` bytes per second
 *                each, so that every server has the same work (0: as fast as they go)
 *   mode=idle    the clients open `count` sessions each, which stay
 *   mode=hello   bare only: `count` handshakes each; `resume=1`: resumed ones
 */
#include "client.h"
#include "common.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_CLIENTS = 1024, MAX_OPERATIONS = 10 * 1000 * 1000, STACK = 512 * 1024 };

typedef struct {
    const char *mode, *tls, *line, *warm;
    int clients, resume, deadline;
    long count, size;
    target to;
} plan;

typedef struct {
    const plan *todo;
    int number;
    session *sessions; /* one, or `count` for mode=idle */
    double *times;     /* seconds of each operation */
    size_t bytes;
    long stored;
} worker;

static pthread_barrier_t barrier;
static atomic_bool stop;
static atomic_int begun;

/* --- the arguments ------------------------------------------------------------------------------------- */

static long number(const char *name, const char *text, long least, long most) {
    char *end;
    long value = strtol(text, &end, 10);
    if (*end || end == text || value < least || value > most) die("%s=%s: not in %ld to %ld", name, text, least, most);
    return value;
}

static void option(plan *todo, const char *name, const char *value) {
    if (!strcmp(name, "mode")) todo->mode = value;
    else if (!strcmp(name, "tls")) todo->tls = value;
    else if (!strcmp(name, "line")) todo->line = value;
    else if (!strcmp(name, "warm")) todo->warm = value;
    else if (!strcmp(name, "user")) todo->to.user = value;
    else if (!strcmp(name, "password")) todo->to.password = value;
    else if (!strcmp(name, "port")) todo->to.port = (int)number(name, value, 1, 65535);
    else if (!strcmp(name, "sources")) todo->to.sources = (int)number(name, value, 1, 250);
    else if (!strcmp(name, "bare")) todo->to.bare = number(name, value, 0, 1);
    else if (!strcmp(name, "clients")) todo->clients = (int)number(name, value, 1, MAX_CLIENTS);
    else if (!strcmp(name, "resume")) todo->resume = (int)number(name, value, 0, 1);
    else if (!strcmp(name, "deadline")) todo->deadline = (int)number(name, value, 1, 3600);
    else if (!strcmp(name, "count")) todo->count = number(name, value, 1, MAX_OPERATIONS);
    else if (!strcmp(name, "pace")) todo->to.pace = number(name, value, 0, 1L << 40);
    else if (!strcmp(name, "size")) todo->size = number(name, value, 0, 1L << 40);
    else die("%s: unknown", name);
}

static plan planned(int count, char **arguments) {
    plan todo = {.mode = "login", .tls = "1.3", .line = "RETR small.bin", .clients = 1, .deadline = 600, .count = 1,
                 .to = {.user = "alice", .password = "secret", .sources = 1}};
    for (int i = 1; i < count; i++) {
        char *equals = strchr(arguments[i], '=');
        if (!equals) die("%s: not name=value", arguments[i]);
        *equals = 0;
        option(&todo, arguments[i], equals + 1);
    }
    if (todo.count * todo.clients > MAX_OPERATIONS) die("too many operations");
    return todo;
}

/* --- the modes: what a client does before, and what is measured ---------------------------------------- */

static bool is(const worker *me, const char *mode) { return !strcmp(me->todo->mode, mode); }

/* A session as the measurement begins: logged in; a bare one has only tickets. */
static void begin(session *one, const plan *todo) {
    session_open(one, false);
    if (todo->to.bare) session_quit(one);
    else command(one, "200", "TYPE I");
    if (todo->warm) fetch(one, todo->warm, NULL, NULL);
}

static void prepare(worker *me) {
    const plan *todo = me->todo;
    if (is(me, "login") || is(me, "hello")) {
        if (!todo->resume) return;
        session_open(me->sessions, false);
        session_quit(me->sessions);
    } else if (!is(me, "idle")) {
        begin(me->sessions, todo);
    }
}

static void greet(worker *me) {
    session_open(me->sessions, me->todo->resume);
    if (!me->todo->to.bare) command(me->sessions, "257", "PWD");
    session_quit(me->sessions);
    if (!me->todo->resume) session_forget(me->sessions);
}

static void transfer(worker *me) {
    const plan *todo = me->todo;
    if (is(me, "store")) {
        char line[300];
        snprintf(line, sizeof line, "%.250s%d-%ld", todo->line, me->number, me->stored++);
        store(me->sessions, line, (size_t)todo->size);
        me->bytes += (size_t)todo->size;
        return;
    }
    size_t got = fetch(me->sessions, todo->line, NULL, NULL);
    if (todo->size && got != (size_t)todo->size) die("%s: %zu bytes instead of %ld", todo->line, got, todo->size);
    me->bytes += got;
}

static void background(worker *me) {
    atomic_int *first = &begun;
    while (!atomic_load(&stop)) {
        me->bytes += fetch(me->sessions, me->todo->line, &stop, first);
        first = NULL;
    }
}

/* NOOPs once all transfers move; in real time where that may be, so that the other clients, which share one portion of
 * the processors with it, do not delay its clock. */
static void probe(worker *me) {
    const struct sched_param lowest = {.sched_priority = 1};
    pthread_setschedparam(pthread_self(), SCHED_FIFO, &lowest);
    const struct timespec moment = {.tv_nsec = 1000 * 1000};
    while (atomic_load(&begun) < me->todo->clients - 1) nanosleep(&moment, NULL);
    for (long i = 0; i < me->todo->count; i++) {
        double start = wall_seconds();
        command(me->sessions, "200", "NOOP");
        me->times[i] = wall_seconds() - start;
        nanosleep(&moment, NULL);
    }
    atomic_store(&stop, true);
}

static void work(worker *me) {
    if (is(me, "noop")) {
        if (me->number) background(me);
        else probe(me);
        return;
    }
    for (long i = 0; i < me->todo->count; i++) {
        double start = wall_seconds();
        if (is(me, "idle")) begin(me->sessions + i, me->todo);
        else if (is(me, "login") || is(me, "hello")) greet(me);
        else transfer(me);
        me->times[i] = wall_seconds() - start;
    }
}

static void *client(void *argument) {
    worker *me = argument;
    prepare(me);
    pthread_barrier_wait(&barrier); /* ready */
    pthread_barrier_wait(&barrier); /* go */
    work(me);
    pthread_barrier_wait(&barrier); /* done */
    pthread_barrier_wait(&barrier); /* end */
    if (is(me, "fetch") || is(me, "store")) session_quit(me->sessions);
    else
        for (long i = 0; i < (is(me, "idle") ? me->todo->count : 1); i++) session_drop(me->sessions + i);
    return NULL;
}

/* --- the frame ----------------------------------------------------------------------------------------- */

static void await_line(void) {
    char line[16];
    if (!fgets(line, sizeof line, stdin)) die("the caller is gone");
}

static int by_size(const void *left, const void *right) {
    double a = *(const double *)left, b = *(const double *)right;
    return (a > b) - (a < b);
}

static void report(const plan *todo, const worker *workers, double *times, double wall, double cpu) {
    size_t bytes = 0, count = (size_t)todo->count;
    for (int i = 0; i < todo->clients; i++) bytes += workers[i].bytes;
    if (strcmp(todo->mode, "noop")) count *= (size_t)todo->clients;
    qsort(times, count, sizeof *times, by_size);
    printf("{\"operations\": %zu, \"bytes\": %zu, \"wall\": %.6f, \"cpu\": %.6f, \"connections\": %ld, \"resumed\": %ld,"
           " \"reused_tickets\": %ld, \"p50\": %.6f, \"p99\": %.6f, \"most\": %.6f}\n",
           count, bytes, wall, cpu, atomic_load(&counted.connections), atomic_load(&counted.resumed),
           atomic_load(&counted.reused), times[count / 2], times[count * 99 / 100], times[count - 1]);
    fflush(stdout);
}

static void spread(const plan *todo, worker *workers, double *times) {
    long sessions = strcmp(todo->mode, "idle") ? 1 : todo->count;
    for (int i = 0; i < todo->clients; i++) {
        workers[i] = (worker){.todo = todo, .number = i, .times = times + i * todo->count};
        workers[i].sessions = calloc((size_t)sessions, sizeof(session));
        if (!workers[i].sessions) die("no memory for sessions");
        for (long j = 0; j < sessions; j++) session_init(workers[i].sessions + j, &todo->to, (int)(i * sessions + j));
    }
}

int main(int count, char **arguments) {
    plan todo = planned(count, arguments);
    worker *workers = calloc((size_t)todo.clients, sizeof *workers);
    pthread_t *threads = calloc((size_t)todo.clients, sizeof *threads);
    double *times = calloc((size_t)(todo.clients * todo.count), sizeof *times);
    pthread_attr_t attributes;
    if (!workers || !threads || !times) die("no memory");
    signal(SIGPIPE, SIG_IGN);
    alarm((unsigned)todo.deadline);
    raise_descriptors();
    todo.to.context = client_context(todo.tls);
    spread(&todo, workers, times);
    pthread_barrier_init(&barrier, NULL, (unsigned)todo.clients + 1);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK);
    for (int i = 0; i < todo.clients; i++)
        if (pthread_create(threads + i, &attributes, client, workers + i)) die("no thread %d", i);

    pthread_barrier_wait(&barrier);
    atomic_store(&counted.connections, 0);
    atomic_store(&counted.resumed, 0);
    atomic_store(&counted.reused, 0);
    puts("ready");
    fflush(stdout);
    await_line();
    double wall = wall_seconds(), cpu = cpu_seconds();
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    wall = wall_seconds() - wall;
    report(&todo, workers, times, wall, cpu_seconds() - cpu);
    await_line();
    pthread_barrier_wait(&barrier);
    for (int i = 0; i < todo.clients; i++) pthread_join(threads[i], NULL);
    return 0;
}
