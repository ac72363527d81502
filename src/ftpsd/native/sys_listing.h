/* The body of LIST, NLST and MLSD for one directory, for _system.pyx. Runs without the GIL.
 *
 * Four steps: scan (getdents64 and fstatat, into one array of entries and one arena of strings), distinct owners
 * and groups (so that Python is asked for a name once per number, not once per file), sort, format (into one
 * growing buffer). An entry that vanishes between getdents64 and fstatat is left out.
 *
 * Memory: an entry takes about what its line does. Entries and arena are given back before the body is copied for
 * Python, so that a listing costs about twice its body while it is made.
 *
 * A symbolic link is followed below the session's root only: by openat2 from the root's descriptor, or, where the
 * kernel has none, by the caller (entries with `follow` set after the scan).
 *
 * The formatting is in sys_format.h. */
#ifndef FTPSD_SYS_LISTING_H
#define FTPSD_SYS_LISTING_H

#include <dirent.h>
#include <stddef.h>
#include <time.h>

#include "sys_calls.h"
#include "sys_text.h"

enum { LS_LIST, LS_NLST, LS_MLSD };
enum { LS_BY_NAME, LS_BY_TIME, LS_BY_SIZE, LS_UNSORTED };
enum { LS_MODIFY, LS_ACCESS, LS_CHANGE };
enum {
    LS_FACT_MODIFY = 1, LS_FACT_PERM = 2, LS_FACT_SIZE = 4, LS_FACT_TYPE = 8, LS_FACT_UNIQUE = 16, LS_FACT_GROUP = 32,
    LS_FACT_GROUPNAME = 64, LS_FACT_MODE = 128, LS_FACT_OWNER = 256, LS_FACT_OWNERNAME = 512
};

#define LS_RECENT (180L * 24 * 3600) /* seconds; younger entries show the time of day instead of the year */
#define LS_NONE UINT32_MAX
#define LS_MOST_BYTES (LS_NONE / 2) /* of the arena: its offsets have 32 bits */

struct ls_options {
    int form, sort, time;
    int all, self;        /* names with a leading dot; "." and ".." */
    int follow;           /* LIST: show what a link leads to */
    int show_links;       /* MLSD: type=OS.unix=symlink */
    int slink;            /* MLSD: type=OS.unix=slink:TARGET */
    int classify, reverse, gmt, human;
    int dos;              /* LIST: lines as a Windows server has them (ListStyle) */
    int want_directories;
    int fake_mode;        /* permission bits to show; -1: those of the file */
    long long fake_uid, fake_gid; /* MLSD: the numbers to show; -1: those of the file */
    unsigned facts;
    time_t now;
    size_t max_entries, max_bytes, limit;
    int rootfd;           /* -1: links are followed by the caller */
    int parentfd;         /* for ".."; -1: the directory is the root */
    const char *path;     /* the directory's path below rootfd */
};

struct ls_entry {
    off_t size;
    time_t seconds, modified;
    dev_t dev;
    ino_t ino;
    uint32_t name, shown, target; /* offsets in the arena; LS_NONE: no link target */
    uint32_t name_length, shown_length;
    uint32_t nanoseconds, nlink;
    uid_t uid;
    gid_t gid;
    uint16_t mode, target_mode;
    uint8_t follow;       /* a link that the caller is to resolve */
    uint8_t dropped;
};

struct ls_name {
    unsigned id;
    const char *text;
    size_t length;
};

struct ls_list {
    struct ls_entry *entries;
    size_t count, room;
    char *arena;
    size_t used, arena_room;
    char *body;
    size_t length, body_room;
    size_t printed;
    struct ls_name *owners, *groups;
    size_t owner_count, group_count;
    unsigned *ids;        /* scratch: distinct numbers */
    int may_write;        /* the thread may add and remove names in the directory */
    int sticky_foreign;   /* … but only its own */
    uid_t euid;
    gid_t *my_groups;
    int my_group_count;
    struct text_clock clock;
    int error;            /* errno; EFBIG: a bound was reached */
};

/* ---- memory -------------------------------------------------------------------------------------------- */

static void ls_free(struct ls_list *list)
{
    free(list->entries);
    free(list->arena);
    free(list->body);
    free(list->owners);
    free(list->groups);
    free(list->ids);
    free(list->my_groups);
    memset(list, 0, sizeof *list);
}

/* What the body was made of; the body stays. */
static void ls_forget_entries(struct ls_list *list)
{
    free(list->entries);
    free(list->arena);
    free(list->ids);
    list->entries = NULL;
    list->arena = NULL;
    list->ids = NULL;
    list->count = list->room = list->used = list->arena_room = 0;
}

static int ls_fail(struct ls_list *list, int error)
{
    if (list->error == 0)
        list->error = error;
    return -1;
}

static uint32_t ls_keep(struct ls_list *list, const struct ls_options *options, const char *text, size_t length)
{
    uint32_t at = (uint32_t)list->used;
    if (list->used + length + 1 > options->max_bytes || list->used + length + 1 > LS_MOST_BYTES) {
        ls_fail(list, EFBIG);
        return LS_NONE;
    }
    if (list->used + length + 1 > list->arena_room) {
        size_t room = (list->arena_room + length + 4096) * 2;
        char *more = realloc(list->arena, room);
        if (more == NULL) {
            ls_fail(list, ENOMEM);
            return LS_NONE;
        }
        list->arena = more;
        list->arena_room = room;
    }
    memcpy(list->arena + at, text, length);
    list->arena[at + length] = '\0';
    list->used += length + 1;
    return at;
}

static struct ls_entry *ls_new_entry(struct ls_list *list, const struct ls_options *options)
{
    if (list->count >= options->max_entries) {
        ls_fail(list, EFBIG);
        return NULL;
    }
    if (list->count == list->room) {
        size_t room = list->room ? list->room * 2 : 256;
        struct ls_entry *more = realloc(list->entries, room * sizeof *more);
        if (more == NULL) {
            ls_fail(list, ENOMEM);
            return NULL;
        }
        list->entries = more;
        list->room = room;
    }
    memset(&list->entries[list->count], 0, sizeof *list->entries);
    return &list->entries[list->count++];
}

/* ---- scan ---------------------------------------------------------------------------------------------- */

static void ls_take(struct ls_entry *entry, const struct ls_options *options, const struct stat *status)
{
    const struct timespec *when = options->time == LS_ACCESS   ? &status->st_atim
                                  : options->time == LS_CHANGE ? &status->st_ctim
                                                               : &status->st_mtim;
    entry->mode = (uint16_t)status->st_mode;
    entry->nlink = status->st_nlink > UINT32_MAX ? UINT32_MAX : (uint32_t)status->st_nlink;
    entry->uid = status->st_uid;
    entry->gid = status->st_gid;
    entry->size = status->st_size;
    entry->seconds = when->tv_sec;
    entry->nanoseconds = (uint32_t)when->tv_nsec;
    entry->modified = status->st_mtim.tv_sec;
    entry->dev = status->st_dev;
    entry->ino = status->st_ino;
}

/* What a link in this directory leads to, below the root: its status, or -1. */
static int ls_resolve(const struct ls_options *options, const char *name, struct stat *status)
{
    char path[PATH_MAX];
    int fd, result;
    if (snprintf(path, sizeof path, "%s/%s", options->path, name) >= (int)sizeof path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    fd = sys_openat2(options->rootfd, path, O_PATH, 0, SYS_RESOLVE_IN_ROOT | SYS_RESOLVE_NO_MAGICLINKS);
    if (fd < 0)
        return -1;
    result = fstat(fd, status);
    close(fd);
    return result;
}

/* Puts what the link leads to in the entry, as the form wants it; a link that leads nowhere is dropped, except from
 * a LIST that shows links. */
static void ls_followed(struct ls_entry *entry, const struct ls_options *options, const struct stat *status)
{
    entry->follow = 0;
    if (options->form == LS_LIST && !options->follow) {
        entry->target_mode = status != NULL ? (uint16_t)status->st_mode : 0;
    } else if (status == NULL) {
        entry->dropped = 1;
    } else {
        ls_take(entry, options, status);
        entry->target_mode = (uint16_t)status->st_mode;
    }
}

static int ls_read_link(struct ls_list *list, const struct ls_options *options, int dirfd, struct ls_entry *entry)
{
    char target[PATH_MAX];
    uint32_t at;
    ssize_t length = readlinkat(dirfd, list->arena + entry->name, target, sizeof target);
    if (length < 0)
        return 0;
    if ((at = ls_keep(list, options, target, strnlen(target, (size_t)length))) == LS_NONE)
        return -1;
    entry->target = at;
    return 0;
}

static int ls_link(struct ls_list *list, const struct ls_options *options, int dirfd, struct ls_entry *entry)
{
    struct stat status;
    int reads = options->form == LS_LIST ? !options->follow : options->form == LS_MLSD && options->slink;
    if (reads && ls_read_link(list, options, dirfd, entry) != 0)
        return -1;
    if (options->form == LS_LIST && !options->follow && !options->classify)
        return 0;
    if (options->rootfd < 0)
        entry->follow = 1;
    else if (ls_resolve(options, list->arena + entry->name, &status) == 0)
        ls_followed(entry, options, &status);
    else
        ls_followed(entry, options, NULL);
    return 0;
}

/* Names alone need no status, unless they are links (a dangling one is no name that can be fetched). */
static int ls_needs_status(const struct ls_options *options, unsigned char kind)
{
    return options->form != LS_NLST || options->classify || options->sort == LS_BY_TIME ||
           options->sort == LS_BY_SIZE || options->want_directories || kind == DT_UNKNOWN || kind == DT_LNK;
}

static int ls_status(const struct ls_options *options, int dirfd, const char *name, struct stat *status)
{
    if (strcmp(name, "..") == 0)
        return fstat(options->parentfd >= 0 ? options->parentfd : dirfd, status);
    return fstatat(dirfd, name, status, AT_SYMLINK_NOFOLLOW);
}

static int ls_add(struct ls_list *list, const struct ls_options *options, int dirfd, const char *name,
                  const char *shown, unsigned char kind)
{
    struct stat status;
    struct ls_entry *entry;
    int needed = ls_needs_status(options, kind);
    if (needed && ls_status(options, dirfd, name, &status) != 0)
        return 0;
    if ((entry = ls_new_entry(list, options)) == NULL)
        return -1;
    entry->target = LS_NONE;
    entry->name_length = (uint32_t)strlen(name);
    if ((entry->name = ls_keep(list, options, name, entry->name_length)) == LS_NONE)
        return -1;
    entry->shown = entry->name;
    entry->shown_length = entry->name_length;
    if (shown != NULL) {
        entry->shown_length = (uint32_t)strlen(shown);
        if ((entry->shown = ls_keep(list, options, shown, entry->shown_length)) == LS_NONE)
            return -1;
    }
    if (!needed)
        return 0;
    ls_take(entry, options, &status);
    return S_ISLNK(status.st_mode) ? ls_link(list, options, dirfd, entry) : 0;
}

struct ls_dirent64 {
    uint64_t d_ino;
    int64_t d_off;
    unsigned short d_reclen;
    unsigned char d_type;
    char d_name[];
};

static int ls_hidden(const struct ls_options *options, const char *name)
{
    if (name[0] != '.')
        return 0;
    if (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'))
        return !options->self;
    return !options->all;
}

static int ls_scan(struct ls_list *list, const struct ls_options *options, int dirfd)
{
    const size_t size = 65536;
    char *buffer = malloc(size);
    if (buffer == NULL)
        return ls_fail(list, ENOMEM);
    if (lseek(dirfd, 0, SEEK_SET) != 0)
        ls_fail(list, errno);
    while (list->error == 0) {
        long got = syscall(SYS_getdents64, dirfd, buffer, size);
        if (got < 0)
            ls_fail(list, errno);
        if (got <= 0)
            break;
        for (long at = 0; at < got && list->error == 0;) {
            struct ls_dirent64 *item = (struct ls_dirent64 *)(buffer + at);
            at += item->d_reclen;
            if (!ls_hidden(options, item->d_name))
                ls_add(list, options, dirfd, item->d_name, NULL, item->d_type);
        }
    }
    free(buffer);
    return list->error ? -1 : 0;
}

/* ---- distinct owners and groups, sort ------------------------------------------------------------------ */

static int ls_compare_id(const void *a, const void *b)
{
    unsigned left = *(const unsigned *)a, right = *(const unsigned *)b;
    return (left > right) - (left < right);
}

/* The distinct uids (or gids) of the entries, ascending, each as an ls_name without text. */
static int ls_distinct(struct ls_list *list, int groups)
{
    size_t kept = 0;
    struct ls_name *names;
    unsigned *ids = realloc(list->ids, (list->count + 1) * sizeof *ids);
    if (ids == NULL)
        return ls_fail(list, ENOMEM);
    list->ids = ids;
    for (size_t i = 0; i < list->count; i++)
        if (!list->entries[i].dropped)
            ids[kept++] = groups ? list->entries[i].gid : list->entries[i].uid;
    qsort(ids, kept, sizeof *ids, ls_compare_id);
    size_t count = 0;
    for (size_t i = 0; i < kept; i++)
        if (i == 0 || ids[i] != ids[i - 1])
            ids[count++] = ids[i];
    if ((names = calloc(count + 1, sizeof *names)) == NULL)
        return ls_fail(list, ENOMEM);
    for (size_t i = 0; i < count; i++)
        names[i].id = ids[i];
    if (groups) {
        list->groups = names;
        list->group_count = count;
    } else {
        list->owners = names;
        list->owner_count = count;
    }
    return 0;
}

struct ls_order {
    const struct ls_options *options;
    const char *arena;
};

static int ls_compare(const void *a, const void *b, void *context)
{
    const struct ls_order *order = context;
    const struct ls_entry *left = a, *right = b;
    int result = 0;
    if (order->options->sort == LS_BY_TIME) {
        result = (left->seconds < right->seconds) - (left->seconds > right->seconds);
        if (result == 0)
            result = (left->nanoseconds < right->nanoseconds) - (left->nanoseconds > right->nanoseconds);
    } else if (order->options->sort == LS_BY_SIZE) {
        result = (left->size < right->size) - (left->size > right->size);
    }
    if (result == 0)
        result = strcmp(order->arena + left->name, order->arena + right->name);
    return order->options->reverse ? -result : result;
}

static void ls_sort(struct ls_list *list, const struct ls_options *options)
{
    struct ls_order order = {options, list->arena};
    if (list->count == 0)
        return;
    if (options->sort != LS_UNSORTED) {
        qsort_r(list->entries, list->count, sizeof *list->entries, ls_compare, &order);
    } else if (options->reverse) {
        for (size_t i = 0, j = list->count; i + 1 < j; i++) {
            struct ls_entry swap = list->entries[i];
            list->entries[i] = list->entries[--j];
            list->entries[j] = swap;
        }
    }
}

#endif
