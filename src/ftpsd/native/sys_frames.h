/* The interpreter's frames of a thread, kept for the next one.
 *
 * CPython gives each thread a piece of memory for its frames, which it maps when the thread begins and unmaps at its
 * end. Threads that live as long as a login pay for that with two system calls, a flush of the processor's address
 * cache and two page faults. So the few pieces that ended last are kept; what else the interpreter maps (its arenas,
 * which are larger) goes where it went before. */
#ifndef FTPSD_SYS_FRAMES_H
#define FTPSD_SYS_FRAMES_H

#include <Python.h>
#include <pthread.h>

#define FRAMES_SIZE (16 * 1024)         /* DATA_STACK_CHUNK_SIZE */
#define FRAMES_KEPT 16

static struct {
    PyObjectArenaAllocator below;
    pthread_mutex_t lock;
    unsigned count;
    void *kept[FRAMES_KEPT];
} frames = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void *frames_allocate(void *context, size_t size)
{
    void *found = NULL;

    if (size == FRAMES_SIZE) {
        pthread_mutex_lock(&frames.lock);
        if (frames.count > 0)
            found = frames.kept[--frames.count];
        pthread_mutex_unlock(&frames.lock);
    }
    return found != NULL ? found : frames.below.alloc(frames.below.ctx, size);
}

static void frames_free(void *context, void *at, size_t size)
{
    int keep = 0;

    if (size == FRAMES_SIZE) {
        pthread_mutex_lock(&frames.lock);
        keep = frames.count < FRAMES_KEPT;
        if (keep)
            frames.kept[frames.count++] = at;
        pthread_mutex_unlock(&frames.lock);
    }
    if (!keep)
        frames.below.free(frames.below.ctx, at, size);
}

/* Once in a process is enough; more calls do nothing. */
static void frames_keep(void)
{
    PyObjectArenaAllocator ours = {NULL, frames_allocate, frames_free};

    if (frames.below.alloc != NULL)
        return;
    PyObject_GetArenaAllocator(&frames.below);
    PyObject_SetArenaAllocator(&ours);
}

#endif
