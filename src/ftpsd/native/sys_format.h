/* The lines of LIST, NLST and MLSD: the last step of sys_listing.h.
 *
 * Names are bytes. What could end a line (CR, LF) is printed as `?` in every form, so that a name can neither forge a
 * line nor break one; LIST, made for the eye, replaces the other control characters too. */
#ifndef FTPSD_SYS_FORMAT_H
#define FTPSD_SYS_FORMAT_H

#include "sys_listing.h"

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

/* DirFakeMode: a directory that can be read can be searched, too. */
static mode_t ls_shown_mode(const struct ls_options *options, mode_t mode)
{
    mode_t fake = (mode_t)options->fake_mode & 07777;
    if (options->fake_mode < 0)
        return mode;
    return (mode & S_IFMT) | fake | (S_ISDIR(mode) ? (fake & 0444) >> 2 : 0);
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
    ls_mode_text(ls_shown_mode(options, entry->mode), mode);
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
        at += sprintf(at, "UNIX.group=%u;", (unsigned)(options->fake_gid >= 0 ? options->fake_gid : entry->gid));
    if (facts & LS_FACT_GROUPNAME)
        at = ls_put_named(at, "UNIX.groupname", group);
    if (facts & LS_FACT_MODE)
        at += sprintf(at, "UNIX.mode=0%o;",
                      options->fake_mode >= 0 ? (unsigned)options->fake_mode : (unsigned)(entry->mode & 07777));
    if (facts & LS_FACT_OWNER)
        at += sprintf(at, "UNIX.owner=%u;", (unsigned)(options->fake_uid >= 0 ? options->fake_uid : entry->uid));
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
