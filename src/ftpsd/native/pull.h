/* What a pump sends when it is neither a file nor bytes: something that writes its next bytes when asked, as a listing
 * does. It belongs to a Python object, which hands it out in a capsule of this name; the pump keeps that object. Called
 * without the GIL, by the thread that runs the pump. */
#ifndef FTPSD_PULL_H
#define FTPSD_PULL_H

#include <stddef.h>
#include <sys/types.h>

#define PULL_CAPSULE "ftpsd.pull"

struct pull {
    ssize_t (*call)(void *self, unsigned char *into, size_t room);  /* bytes written; -1 with errno */
    void *self;
    int ended;                          /* the last call has written the last bytes */
};

#endif
