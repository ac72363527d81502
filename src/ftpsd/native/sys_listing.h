/* The body of LIST, NLST and MLSD for one directory, for _system.pyx. Runs without the GIL.
 *
 * Four steps: scan (getdents64 and fstatat, into one array of entries and one arena of strings), sort (the order
 * stands beside the entries), distinct owners and groups (so that Python is asked for a name once per number, not once
 * per file), format. An entry that vanishes between getdents64 and fstatat is left out.
 *
 * Format writes as many lines as there is room for: all of them into the bytes that Python gets, or, while a pump
 * sends, piece by piece into its buffer (pull.h), so that a long listing is nowhere in memory as a whole and a line is
 * still in the processor's cache when it is encrypted.
 *
 * Memory: an entry takes about what its line does. The kernel's own records of the files are what a listing mostly
 * reads, so what it writes beside them is kept small, and used again: entries, arena and sort keys of a listing stay
 * with the process for the next one (`ls_spare`), up to LS_SPARE_MOST bytes each, as fresh pages cost as much as sorting.
 *
 * A symbolic link is followed below the session's root only: by openat2 from the root's descriptor, or, where the
 * kernel has none, by the caller (entries with `follow` set after the scan).
 *
 * The formatting is in sys_format.h. */
#ifndef FTPSD_SYS_LISTING_H
#define FTPSD_SYS_LISTING_H

#include <dirent.h>
#include <endian.h>
#include <pthread.h>
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
#define LS_SPARE_MOST (2 << 20)     /* bytes of entries, and of an arena, that are kept: some 20,000 files */

struct ls_options {
    int form, sort, time;
    int all, self;        /* names with a leading dot; "." and ".." */
    int follow;           /* LIST: show what a link leads to */
    int bare;             /* names alone, but of a LIST: of what leads nowhere, too */
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

/* What an entry is sorted by: smaller keys come first, equal ones are looked at closely. */
struct ls_key {
    uint64_t key;
    uint32_t entry;
};

struct ls_name {
    unsigned id;
    const char *text;
    size_t length;
};

/* Where in the body mode, owner and group stand as they were printed last: most files of a directory are alike. */
struct ls_repeated {
    const struct ls_entry *entry; /* whose; NULL: nobody's */
    size_t at, length;
};

struct ls_list {
    struct ls_entry *entries;
    size_t count, room;
    char *arena;
    size_t used, arena_room;
    uint32_t *order;      /* NULL: as they were found */
    char *body;           /* the caller's */
    size_t length, body_room;
    struct ls_repeated repeated;
    size_t next, printed; /* the place to be written next; how many entries have been written */
    struct ls_name *owners, *groups;
    size_t owner_count, group_count;
    unsigned *ids;        /* scratch: distinct numbers */
    int may_write;        /* the thread may add and remove names in the directory */
    int sticky_foreign;   /* … but only its own */
    uid_t euid;
    gid_t egid;
    gid_t *my_groups;
    int my_group_count;
    struct text_clock clock;
    int error;            /* errno; EFBIG: a bound was reached */
};

/* ---- memory -------------------------------------------------------------------------------------------- */

/* Memory that a listing has left for the next one. Whoever finds it taken allocates. */
static struct ls_spare {
    void *memory;
    size_t room;          /* elements */
} ls_spare_entries, ls_spare_arena, ls_spare_keys;
static pthread_mutex_t ls_spare_lock = PTHREAD_MUTEX_INITIALIZER;

static void *ls_take_spare(struct ls_spare *spare, size_t *room)
{
    void *memory;
    pthread_mutex_lock(&ls_spare_lock);
    memory = spare->memory;
    *room = memory != NULL ? spare->room : 0;
    spare->memory = NULL;
    pthread_mutex_unlock(&ls_spare_lock);
    return memory;
}

/* Keeps the larger of two; frees the other one, and what is too large. */
static void ls_give_spare(struct ls_spare *spare, void *memory, size_t room, size_t size)
{
    pthread_mutex_lock(&ls_spare_lock);
    if (memory != NULL && room * size <= LS_SPARE_MOST && (spare->memory == NULL || spare->room < room)) {
        void *smaller = spare->memory;
        spare->memory = memory;
        spare->room = room;
        memory = smaller;
    }
    pthread_mutex_unlock(&ls_spare_lock);
    free(memory);
}

static void ls_free(struct ls_list *list)
{
    ls_give_spare(&ls_spare_entries, list->entries, list->room, sizeof *list->entries);
    ls_give_spare(&ls_spare_arena, list->arena, list->arena_room, 1);
    free(list->order);
    free(list->owners);
    free(list->groups);
    free(list->ids);
    free(list->my_groups);
    memset(list, 0, sizeof *list);
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
    if (list->arena == NULL)
        list->arena = ls_take_spare(&ls_spare_arena, &list->arena_room);
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
    if (list->entries == NULL)
        list->entries = ls_take_spare(&ls_spare_entries, &list->room);
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

/* Whether it is a LIST that shows links as links: in no need of what they lead to, but for the mark behind
 * `-> target`. */
static int ls_shows_links(const struct ls_options *options)
{
    return (options->form == LS_LIST || options->bare) && !options->follow;
}

/* Puts what the link leads to in the entry, as the form wants it; a link that leads nowhere is dropped, except from
 * a LIST that shows links. */
static void ls_followed(struct ls_entry *entry, const struct ls_options *options, const struct stat *status)
{
    entry->follow = 0;
    if (ls_shows_links(options)) {
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
    if (ls_shows_links(options) && (options->bare || !options->classify))
        return 0;
    if (options->rootfd < 0)
        entry->follow = 1;
    else if (ls_resolve(options, list->arena + entry->name, &status) == 0)
        ls_followed(entry, options, &status);
    else
        ls_followed(entry, options, NULL);
    return 0;
}

/* Names alone need no status, unless they are links (a dangling one is no name that can be fetched, and who hides names
 * wants to know). */
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
        long got;
        do
            got = syscall(SYS_getdents64, dirfd, buffer, size);
        while (got < 0 && errno == EINTR);      /* some network file systems' daemons answer late */
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
    for (size_t i = 0; i < list->count; i++) {
        unsigned id = groups ? list->entries[i].gid : list->entries[i].uid;
        if (!list->entries[i].dropped && (kept == 0 || id != ids[kept - 1]))
            ids[kept++] = id;
    }
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

/* The first of two entries by everything that counts: negative, 0 or positive. */
static int ls_compare(const struct ls_list *list, const struct ls_options *options, uint32_t one, uint32_t other)
{
    const struct ls_entry *left = &list->entries[one], *right = &list->entries[other];
    int result = 0;
    if (options->sort == LS_BY_TIME) {
        result = (left->seconds < right->seconds) - (left->seconds > right->seconds);
        if (result == 0)
            result = (left->nanoseconds < right->nanoseconds) - (left->nanoseconds > right->nanoseconds);
    } else if (options->sort == LS_BY_SIZE) {
        result = (left->size < right->size) - (left->size > right->size);
    }
    if (result == 0)
        result = strcmp(list->arena + left->name, list->arena + right->name);
    return options->reverse ? -result : result;
}

/* How many bytes all names begin with in common. */
static size_t ls_common(const struct ls_list *list)
{
    const char *first = list->arena + list->entries[0].name;
    size_t common = list->entries[0].name_length;
    for (size_t i = 1; i < list->count; i++) {
        const char *name = list->arena + list->entries[i].name;
        size_t same = 0;
        while (same < common && name[same] == first[same])
            same++;
        common = same;
    }
    return common;
}

/* A number that grows as the order wants it: of a name the eight bytes after `common`. */
static uint64_t ls_key_of(const struct ls_list *list, const struct ls_options *options, const struct ls_entry *entry,
                          size_t common)
{
    unsigned char bytes[8] = {0};
    uint64_t key;
    if (options->sort == LS_BY_NAME) {
        size_t left = entry->name_length - common;
        memcpy(bytes, list->arena + entry->name + common, left < sizeof bytes ? left : sizeof bytes);
        memcpy(&key, bytes, sizeof key);
        key = be64toh(key);
    } else { /* the latest, the largest first */
        int64_t value = options->sort == LS_BY_TIME ? (int64_t)entry->seconds : (int64_t)entry->size;
        key = ~((uint64_t)value ^ (UINT64_C(1) << 63));
    }
    return options->reverse ? ~key : key;
}

static int ls_before(const struct ls_list *list, const struct ls_options *options, const struct ls_key *one,
                     const struct ls_key *other)
{
    if (one->key != other->key)
        return one->key < other->key;
    return ls_compare(list, options, one->entry, other->entry) < 0;
}

/* from[low, middle) and from[middle, high), each in order, into to[low, high). */
static void ls_merge(const struct ls_list *list, const struct ls_options *options, const struct ls_key *from,
                     struct ls_key *to, size_t low, size_t middle, size_t high)
{
    size_t left = low, right = middle, at = low;
    if (middle < high && ls_before(list, options, &from[middle], &from[middle - 1])) {
        while (left < middle && right < high)
            to[at++] = ls_before(list, options, &from[right], &from[left]) ? from[right++] : from[left++];
    }
    memcpy(to + at, from + left, (middle - left) * sizeof *to);
    memcpy(to + at + (middle - left), from + right, (high - right) * sizeof *to);
}

/* Many file systems give names backwards. */
static void ls_turn_round(const struct ls_list *list, const struct ls_options *options, struct ls_key *keys)
{
    size_t last = list->count - 1;
    for (size_t i = 0; i < last; i++)
        if (!ls_before(list, options, &keys[i + 1], &keys[i]))
            return;
    for (size_t i = 0; i < last; i++, last--) {
        struct ls_key swap = keys[i];
        keys[i] = keys[last];
        keys[last] = swap;
    }
}

/* Merge sort from below; `keys` has room for twice the entries. Where the result stands. */
static struct ls_key *ls_merge_sort(const struct ls_list *list, const struct ls_options *options, struct ls_key *keys)
{
    size_t count = list->count;
    struct ls_key *from = keys, *to = keys + count;
    ls_turn_round(list, options, from);
    for (size_t width = 1; width < count; width *= 2) {
        struct ls_key *swap = from;
        for (size_t low = 0; low < count; low += 2 * width) {
            size_t middle = low + width < count ? low + width : count;
            size_t high = low + 2 * width < count ? low + 2 * width : count;
            ls_merge(list, options, from, to, low, middle, high);
        }
        from = to;
        to = swap;
    }
    return from;
}

static int ls_sort_by_keys(struct ls_list *list, const struct ls_options *options)
{
    size_t common = options->sort == LS_BY_NAME ? ls_common(list) : 0;
    size_t room;
    struct ls_key *keys = ls_take_spare(&ls_spare_keys, &room), *sorted;
    if (room < 2 * list->count) {
        free(keys);
        room = 2 * list->count;
        if ((keys = malloc(room * sizeof *keys)) == NULL)
            return ls_fail(list, ENOMEM);
    }
    for (size_t i = 0; i < list->count; i++)
        keys[i] = (struct ls_key){ls_key_of(list, options, &list->entries[i], common), (uint32_t)i};
    sorted = ls_merge_sort(list, options, keys);
    for (size_t i = 0; i < list->count; i++)
        list->order[i] = sorted[i].entry;
    ls_give_spare(&ls_spare_keys, keys, room, sizeof *keys);
    return 0;
}

static int ls_sort(struct ls_list *list, const struct ls_options *options)
{
    if (list->count < 2 || list->error != 0 || (options->sort == LS_UNSORTED && !options->reverse))
        return 0;
    if ((list->order = malloc(list->count * sizeof *list->order)) == NULL)
        return ls_fail(list, ENOMEM);
    if (options->sort != LS_UNSORTED)
        return ls_sort_by_keys(list, options);
    for (size_t i = 0; i < list->count; i++)
        list->order[i] = (uint32_t)(list->count - 1 - i);
    return 0;
}

/* The entry that is to be shown as number `place`. */
static struct ls_entry *ls_at(const struct ls_list *list, size_t place)
{
    return &list->entries[list->order != NULL ? list->order[place] : place];
}

#endif
