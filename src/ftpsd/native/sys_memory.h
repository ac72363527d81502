/* What a session that idles gives back, and how the C library's allocator is to behave with thousands of threads.
 *
 * A thread's stack keeps every page that it has ever touched: a TLS handshake and a password hash go deep once, and
 * then the session waits for hours on the first page. What lies below the stack pointer is dead and may go.
 *
 * By default the allocator gives eight arenas per processor to the threads, and frees are spread over all of them; in
 * few arenas the holes that one session leaves are filled by the next.
 */
#ifndef FTPSD_SYS_MEMORY_H
#define FTPSD_SYS_MEMORY_H

#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>

#define MEMORY_MARGIN 4096              /* for the calls from here on */

/* 0, or -1 with errno. */
static int memory_release_stack(void)
{
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    pthread_attr_t attributes;
    uintptr_t low, end;
    void *start;
    size_t size;
    int failed = pthread_getattr_np(pthread_self(), &attributes);

    if (failed == 0) {
        failed = pthread_attr_getstack(&attributes, &start, &size);
        pthread_attr_destroy(&attributes);
    }
    if (failed != 0) {
        errno = failed;
        return -1;
    }
    low = ((uintptr_t)start + page - 1) & ~(page - 1);
    end = ((uintptr_t)__builtin_frame_address(0) - MEMORY_MARGIN) & ~(page - 1);
    return end > low ? madvise((void *)low, end - low, MADV_DONTNEED) : 0;
}

/* Whether the allocator took it. Large blocks, as buffers of transfers are, go back to the system when they are freed. */
static int memory_tune(int arenas, int large)
{
#ifdef __GLIBC__
    return mallopt(M_ARENA_MAX, arenas) == 1 && mallopt(M_MMAP_THRESHOLD, large) == 1
        && mallopt(M_TRIM_THRESHOLD, 8 * large) == 1;     /* less would fault the same pages in again and again */
#else
    return 0;
#endif
}

#endif
