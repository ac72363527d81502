/* The body of LIST, NLST and MLSD for one directory, for _system.pyx. Runs without the GIL.
 *
 * Four steps: scan (getdents64 and fstatat, into one array of entries and one arena of strings), distinct owners
 * and groups (so that Python is asked for a name once per number, not once per file), sort, format (into one
 * growing buffer). An entry that vanishes between getdents64 and fstatat is left out.
 *
 * A symbolic link is followed below the session's root only: by openat2 from the root's descriptor, or, where the
 * kernel has none, by the caller (entries with `follow` set after the scan).
 *
 * Names are bytes. What could end a line (CR, LF) is printed as `?` in every form, so that a name can neither forge a
 * line nor break one; LIST, made for the eye, replaces the other control characters too. */
#ifndef FTPSD_SYS_LISTING_H
#define FTPSD_SYS_LISTING_H

#include <dirent.h>
#include <stddef.h>
#include <time.h>

#include "sys_calls.h"

enum { LS_LIST, LS_NLST, LS_MLSD };
enum { LS_BY_NAME, LS_BY_TIME, LS_BY_SIZE, LS_UNSORTED };
enum { LS_MODIFY, LS_ACCESS, LS_CHANGE };
enum {
    LS_FACT_MODIFY = 1, LS_FACT_PERM = 2, LS_FACT_SIZE = 4, LS_FACT_TYPE = 8, LS_FACT_UNIQUE = 16, LS_FACT_GROUP = 32,
    LS_FACT_GROUPNAME = 64, LS_FACT_MODE = 128, LS_FACT_OWNER = 256, LS_FACT_OWNERNAME = 512
};

#define LS_RECENT (180L * 24 * 3600) /* seconds; younger entries show the time of day instead of the year */
#define LS_NONE SIZE_MAX

struct ls_options {
    int form, sort, time;
    int all, self;        /* names with a leading dot; "." and ".." */
    int follow;           /* LIST: show what a link leads to */
    int show_links;       /* MLSD: type=OS.unix=symlink */
    int slink;            /* MLSD: type=OS.unix=slink:TARGET */
    int classify, reverse, gmt, human;
    int want_directories;
    unsigned facts;
    time_t now;
    size_t max_entries, max_bytes, limit;
    int rootfd;           /* -1: links are followed by the caller */
    int parentfd;         /* for ".."; -1: the directory is the root */
    const char *path;     /* the directory's path below rootfd */
};

struct ls_entry {
    size_t name, shown, target; /* offsets in the arena; LS_NONE: no link target */
    size_t name_length, shown_length;
    mode_t mode, target_mode;
    nlink_t nlink;
    uid_t uid;
    gid_t gid;
    off_t size;
    time_t seconds, modified;
    long nanoseconds;
    dev_t dev;
    ino_t ino;
    int follow;           /* a link that the caller is to resolve */
    int dropped;
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

static int ls_fail(struct ls_list *list, int error)
{
    if (list->error == 0)
        list->error = error;
    return -1;
}

static size_t ls_keep(struct ls_list *list, const struct ls_options *options, const char *text, size_t length)
{
    size_t at = list->used;
    if (list->used + length + 1 > options->max_bytes) {
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
    entry->mode = status->st_mode;
    entry->nlink = status->st_nlink;
    entry->uid = status->st_uid;
    entry->gid = status->st_gid;
    entry->size = status->st_size;
    entry->seconds = when->tv_sec;
    entry->nanoseconds = when->tv_nsec;
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
        entry->target_mode = status != NULL ? status->st_mode : 0;
    } else if (status == NULL) {
        entry->dropped = 1;
    } else {
        ls_take(entry, options, status);
        entry->target_mode = status->st_mode;
    }
}

static int ls_read_link(struct ls_list *list, const struct ls_options *options, int dirfd, struct ls_entry *entry)
{
    char target[PATH_MAX];
    size_t at;
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
    entry->name_length = strlen(name);
    if ((entry->name = ls_keep(list, options, name, entry->name_length)) == LS_NONE)
        return -1;
    entry->shown = entry->name;
    entry->shown_length = entry->name_length;
    if (shown != NULL) {
        entry->shown_length = strlen(shown);
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

/* ---- rights (the `perm` fact) ------------------------------------------------------------------------- */

static int ls_in_group(const struct ls_list *list, gid_t gid)
{
    if (gid == getegid())
        return 1;
    for (int i = 0; i < list->my_group_count; i++)
        if (list->my_groups[i] == gid)
            return 1;
    return 0;
}

/* The calling thread's rwx bits by mode and ownership (access lists are not asked). */
static unsigned ls_rights(const struct ls_list *list, mode_t mode, uid_t uid, gid_t gid)
{
    if (list->euid == 0)
        return 6 | ((mode & 0111) || S_ISDIR(mode) ? 1 : 0);
    if (list->euid == uid)
        return (mode >> 6) & 7;
    if (ls_in_group(list, gid))
        return (mode >> 3) & 7;
    return mode & 7;
}

static int ls_whoami(struct ls_list *list, int dirfd)
{
    struct stat status;
    int count = sys_getgroups(0, NULL);
    list->euid = geteuid();
    if (count > 0) {
        if ((list->my_groups = malloc((size_t)count * sizeof(gid_t))) == NULL)
            return ls_fail(list, ENOMEM);
        list->my_group_count = sys_getgroups(count, list->my_groups);
        if (list->my_group_count < 0)
            return ls_fail(list, errno);
    }
    if (fstat(dirfd, &status) != 0)
        return ls_fail(list, errno);
    list->may_write = (ls_rights(list, status.st_mode, status.st_uid, status.st_gid) & 3) == 3;
    list->sticky_foreign = (status.st_mode & S_ISVTX) && list->euid != 0 && list->euid != status.st_uid;
    return 0;
}

static int ls_is_self(const char *name)
{
    return name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
}

static size_t ls_perm(const struct ls_list *list, const struct ls_entry *entry, char *out)
{
    unsigned rights = ls_rights(list, entry->mode, entry->uid, entry->gid);
    int removable = list->may_write && (!list->sticky_foreign || entry->uid == list->euid) &&
                    !ls_is_self(list->arena + entry->name);
    char *at = out;
    if (S_ISDIR(entry->mode)) {
        int adds = (rights & 3) == 3;
        if (removable) *at++ = 'f';
        if (rights & 4) *at++ = 'l';
        if (adds) *at++ = 'c';
        if (removable) *at++ = 'd';
        if (adds) *at++ = 'm';
        if (adds) *at++ = 'p';
        if (rights & 1) *at++ = 'e';
    } else {
        if (rights & 2) *at++ = 'a';
        if (removable) *at++ = 'd';
        if (removable) *at++ = 'f';
        if (rights & 4) *at++ = 'r';
        if (rights & 2) *at++ = 'w';
    }
    return (size_t)(at - out);
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

/* ---- format -------------------------------------------------------------------------------------------- */

static char *ls_room(struct ls_list *list, const struct ls_options *options, size_t more)
{
    if (list->length + more > list->body_room) {
        size_t room = (list->body_room + more + 8192) * 2;
        char *bigger = realloc(list->body, room);
        if (bigger == NULL) {
            ls_fail(list, ENOMEM);
            return NULL;
        }
        list->body = bigger;
        list->body_room = room;
    }
    if (list->length + more > options->max_bytes + 8192) {
        ls_fail(list, EFBIG);
        return NULL;
    }
    return list->body + list->length;
}

static char *ls_put_name(char *at, const struct ls_options *options, const char *name, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)name[i];
        int bad = options->form == LS_LIST ? c < 0x20 || c == 0x7f : c == '\r' || c == '\n';
        *at++ = bad ? '?' : (char)c;
    }
    return at;
}

static const struct ls_name *ls_find(const struct ls_name *names, size_t count, unsigned id)
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (names[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return &names[low];
}

static void ls_mode_text(mode_t mode, char *out)
{
    static const char kinds[] = "?pc?d?b?-?l?s???";
    static const char letters[] = "rwxrwxrwx";
    out[0] = kinds[(mode >> 12) & 15];
    for (int i = 0; i < 9; i++)
        out[i + 1] = (mode & (0400 >> i)) ? letters[i] : '-';
    if (mode & S_ISUID)
        out[3] = (mode & S_IXUSR) ? 's' : 'S';
    if (mode & S_ISGID)
        out[6] = (mode & S_IXGRP) ? 's' : 'S';
    if (mode & S_ISVTX)
        out[9] = (mode & S_IXOTH) ? 't' : 'T';
    out[10] = '\0';
}

static void ls_size_text(const struct ls_options *options, off_t size, char *out, size_t room)
{
    static const char units[] = "kMGTPE";
    double value = (double)size;
    int unit = -1;
    if (!options->human || size < 1024) {
        snprintf(out, room, "%lld", (long long)size);
        return;
    }
    while (value >= 1024 && unit < 5) {
        value /= 1024;
        unit++;
    }
    snprintf(out, room, "%.1f%c", value, units[unit]);
}

static void ls_time_text(const struct ls_options *options, time_t when, char *out, size_t room)
{
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    struct tm parts;
    memset(&parts, 0, sizeof parts);
    if ((options->gmt ? gmtime_r(&when, &parts) : localtime_r(&when, &parts)) == NULL)
        parts.tm_year = 70, parts.tm_mday = 1;
    if (when > options->now - LS_RECENT)
        snprintf(out, room, "%s %2d %02d:%02d", months[parts.tm_mon], parts.tm_mday, parts.tm_hour, parts.tm_min);
    else
        snprintf(out, room, "%s %2d %5d", months[parts.tm_mon], parts.tm_mday, parts.tm_year + 1900);
}

static const char *ls_mark(const struct ls_options *options, mode_t mode)
{
    if (!options->classify)
        return "";
    if (S_ISDIR(mode))
        return "/";
    return S_ISREG(mode) && (mode & 0111) ? "*" : "";
}

static size_t ls_padded(char *at, const struct ls_name *name)
{
    memcpy(at, name->text, name->length);
    if (name->length >= 8)
        return name->length;
    memset(at + name->length, ' ', 8 - name->length);
    return 8;
}

static int ls_list_line(struct ls_list *list, const struct ls_options *options, const struct ls_entry *entry)
{
    const struct ls_name *owner = ls_find(list->owners, list->owner_count, entry->uid);
    const struct ls_name *group = ls_find(list->groups, list->group_count, entry->gid);
    const char *target = entry->target != LS_NONE ? list->arena + entry->target : NULL;
    size_t target_length = target != NULL ? strlen(target) : 0;
    char mode[11], size[32], when[48];
    char *at = ls_room(list, options, entry->shown_length + target_length + owner->length + group->length + 192);
    if (at == NULL)
        return -1;
    ls_mode_text(entry->mode, mode);
    ls_size_text(options, entry->size, size, sizeof size);
    ls_time_text(options, entry->seconds, when, sizeof when);
    at += sprintf(at, "%s %3lu ", mode, (unsigned long)entry->nlink);
    at += ls_padded(at, owner);
    *at++ = ' ';
    at += ls_padded(at, group);
    at += sprintf(at, " %8s %s ", size, when);
    at = ls_put_name(at, options, list->arena + entry->shown, entry->shown_length);
    if (target != NULL) {
        memcpy(at, " -> ", 4);
        at = ls_put_name(at + 4, options, target, target_length);
    }
    at += sprintf(at, "%s\r\n", ls_mark(options, S_ISLNK(entry->mode) ? entry->target_mode : entry->mode));
    list->length = (size_t)(at - list->body);
    return 0;
}

static int ls_name_line(struct ls_list *list, const struct ls_options *options, const struct ls_entry *entry,
                        const char *prefix, size_t prefix_length)
{
    char *at = ls_room(list, options, prefix_length + entry->shown_length + 8);
    if (at == NULL)
        return -1;
    at = ls_put_name(at, options, prefix, prefix_length);
    at = ls_put_name(at, options, list->arena + entry->shown, entry->shown_length);
    at += sprintf(at, "%s\r\n", ls_mark(options, entry->mode));
    list->length = (size_t)(at - list->body);
    return 0;
}

static char *ls_put_type(char *at, const struct ls_list *list, const struct ls_options *options,
                         const struct ls_entry *entry, int scanned)
{
    const char *name = list->arena + entry->name;
    if (entry->target_mode != 0 && options->slink && entry->target != LS_NONE) {
        const char *target = list->arena + entry->target;
        at += sprintf(at, "type=OS.unix=slink:");
        for (; *target; target++) /* a `;` or blank would end the fact */
            *at++ = (unsigned char)*target <= 0x20 || *target == ';' || *target == 0x7f ? '?' : *target;
        *at++ = ';';
        return at;
    }
    if (entry->target_mode != 0 && options->show_links)
        return at + sprintf(at, "type=OS.unix=symlink;");
    if (!S_ISDIR(entry->mode))
        return at + sprintf(at, "type=file;");
    if (scanned && ls_is_self(name))
        return at + sprintf(at, name[1] == '.' ? "type=pdir;" : "type=cdir;");
    return at + sprintf(at, "type=dir;");
}

static char *ls_put_modify(char *at, time_t when)
{
    struct tm parts;
    memset(&parts, 0, sizeof parts);
    if (gmtime_r(&when, &parts) == NULL)
        parts.tm_year = 70, parts.tm_mday = 1;
    return at + sprintf(at, "modify=%04d%02d%02d%02d%02d%02d;", parts.tm_year + 1900, parts.tm_mon + 1,
                        parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

static char *ls_put_perm(char *at, const struct ls_list *list, const struct ls_entry *entry)
{
    at += sprintf(at, "perm=");
    at += ls_perm(list, entry, at);
    *at++ = ';';
    return at;
}

static char *ls_put_named(char *at, const char *fact, const struct ls_name *name)
{
    at += sprintf(at, "%s=", fact);
    memcpy(at, name->text, name->length);
    at += name->length;
    *at++ = ';';
    return at;
}

static int ls_facts_line(struct ls_list *list, const struct ls_options *options, const struct ls_entry *entry,
                         const char *prefix, size_t prefix_length, int scanned)
{
    const struct ls_name *owner = ls_find(list->owners, list->owner_count, entry->uid);
    const struct ls_name *group = ls_find(list->groups, list->group_count, entry->gid);
    unsigned facts = options->facts;
    size_t target = entry->target != LS_NONE ? strlen(list->arena + entry->target) : 0;
    char *at = ls_room(list, options,
                       prefix_length + entry->shown_length + target + owner->length + group->length + 512);
    if (at == NULL)
        return -1;
    if (facts & LS_FACT_MODIFY)
        at = ls_put_modify(at, entry->modified);
    if (facts & LS_FACT_PERM)
        at = ls_put_perm(at, list, entry);
    if ((facts & LS_FACT_SIZE) && !S_ISDIR(entry->mode))
        at += sprintf(at, "size=%lld;", (long long)entry->size);
    if (facts & LS_FACT_TYPE)
        at = ls_put_type(at, list, options, entry, scanned);
    if (facts & LS_FACT_UNIQUE)
        at += sprintf(at, "unique=%llXU%llX;", (unsigned long long)entry->dev, (unsigned long long)entry->ino);
    if (facts & LS_FACT_GROUP)
        at += sprintf(at, "UNIX.group=%u;", (unsigned)entry->gid);
    if (facts & LS_FACT_GROUPNAME)
        at = ls_put_named(at, "UNIX.groupname", group);
    if (facts & LS_FACT_MODE)
        at += sprintf(at, "UNIX.mode=0%o;", (unsigned)(entry->mode & 07777));
    if (facts & LS_FACT_OWNER)
        at += sprintf(at, "UNIX.owner=%u;", (unsigned)entry->uid);
    if (facts & LS_FACT_OWNERNAME)
        at = ls_put_named(at, "UNIX.ownername", owner);
    *at++ = ' ';
    at = ls_put_name(at, options, prefix, prefix_length);
    at = ls_put_name(at, options, list->arena + entry->shown, entry->shown_length);
    *at++ = '\r';
    *at++ = '\n';
    list->length = (size_t)(at - list->body);
    return 0;
}

static int ls_format(struct ls_list *list, const struct ls_options *options, const char *prefix,
                     size_t prefix_length, int scanned)
{
    for (size_t i = 0; i < list->count && list->error == 0; i++) {
        const struct ls_entry *entry = &list->entries[i];
        if (entry->dropped)
            continue;
        if (options->limit != 0 && list->printed >= options->limit)
            break;
        if (options->form == LS_LIST)
            ls_list_line(list, options, entry);
        else if (options->form == LS_NLST)
            ls_name_line(list, options, entry, prefix, prefix_length);
        else
            ls_facts_line(list, options, entry, prefix, prefix_length, scanned);
        list->printed++;
        if (list->length > options->max_bytes)
            ls_fail(list, EFBIG);
    }
    return list->error ? -1 : 0;
}

#endif
