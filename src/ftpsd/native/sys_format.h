/* The lines of LIST, NLST and MLSD: the last step of sys_listing.h.
 *
 * Names are bytes. What could end a line (CR, LF) is printed as `?` in every form, so that a name can neither forge a
 * line nor break one; LIST, made for the eye, replaces the other control characters too. */
#ifndef FTPSD_SYS_FORMAT_H
#define FTPSD_SYS_FORMAT_H

#include "pull.h"
#include "sys_listing.h"
#include "sys_text.h"

/* ---- rights (the `perm` fact) ------------------------------------------------------------------------- */

static int ls_in_group(const struct ls_list *list, gid_t gid)
{
    if (gid == list->egid)
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
    list->egid = getegid();
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

/* Bytes beside names and names' owners that a line never exceeds: numbers of twenty digits each, dates of any year. */
#define LS_LINE_ROOM 192
#define LS_FACTS_ROOM 384

static size_t ls_longest(const struct ls_name *names, size_t count)
{
    size_t longest = 0;
    for (size_t i = 0; i < count; i++)
        longest = names[i].length > longest ? names[i].length : longest;
    return longest;
}

/* What a body of these entries takes at most, no more than is allowed and the line with which that shows. */
static size_t ls_body_bound(const struct ls_list *list, const struct ls_options *options, size_t prefix_length)
{
    size_t each = prefix_length + (options->form == LS_MLSD ? LS_FACTS_ROOM : LS_LINE_ROOM) +
                  ls_longest(list->owners, list->owner_count) + ls_longest(list->groups, list->group_count);
    size_t bound = 0, widest = 0;
    for (size_t i = 0; i < list->count; i++) {
        const struct ls_entry *entry = &list->entries[i];
        size_t line = each + entry->shown_length +
                      (entry->target != LS_NONE ? strlen(list->arena + entry->target) : 0);
        bound += line;
        widest = line > widest ? line : widest;
    }
    return bound < options->max_bytes + widest ? bound : options->max_bytes + widest;
}

/* Where the next line begins, if there is room for it. */
static char *ls_room(struct ls_list *list, size_t more)
{
    return list->length + more <= list->body_room ? list->body + list->length : NULL;
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

static char *ls_put_mode(char *out, mode_t mode)
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
    return out + 10;
}

static char *ls_put_size(char *at, const struct ls_options *options, off_t size)
{
    static const char units[] = "kMGTPE";
    char text[32];
    double value = (double)size;
    int unit = -1;
    if (!options->human || size < 1024)
        return put_right(at, text, (size_t)(put_signed(text, size) - text), 8);
    while (value >= 1024 && unit < 5) {
        value /= 1024;
        unit++;
    }
    return at + sprintf(at, "%7.1f%c", value, units[unit]);
}

static char *ls_put_time(char *at, struct ls_list *list, const struct ls_options *options, time_t when)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    const struct tm *parts = options->gmt ? text_utc(&list->clock, when) : text_local(&list->clock, when);
    at = (char *)memcpy(at, months + 3 * parts->tm_mon, 3) + 3;
    *at++ = ' ';
    at = put_two(at, parts->tm_mday, ' ');
    *at++ = ' ';
    if (when <= options->now - LS_RECENT) {
        *at++ = ' ';
        return put_year(at, parts->tm_year + 1900);
    }
    at = put_two(at, parts->tm_hour, '0');
    *at++ = ':';
    return put_two(at, parts->tm_min, '0');
}

static const char *ls_mark(const struct ls_options *options, mode_t mode)
{
    if (!options->classify)
        return "";
    if (S_ISDIR(mode))
        return "/";
    if (S_ISLNK(mode))
        return "@";
    return S_ISREG(mode) && (mode & 0111) ? "*" : "";
}

static char *ls_padded(char *at, const struct ls_name *name)
{
    memcpy(at, name->text, name->length);
    at += name->length;
    for (size_t width = name->length; width < 8; width++)
        *at++ = ' ';
    return at;
}

static char *ls_end_line(char *at, const struct ls_options *options, mode_t mode)
{
    const char *mark = ls_mark(options, mode);
    if (*mark)
        *at++ = *mark;
    return put_literal(at, "\r\n");
}

/* DirFakeMode: a directory that can be read can be searched, too. */
static mode_t ls_shown_mode(const struct ls_options *options, mode_t mode)
{
    mode_t fake = (mode_t)options->fake_mode & 07777;
    if (options->fake_mode < 0)
        return mode;
    return (mode & S_IFMT) | fake | (S_ISDIR(mode) ? (fake & 0444) >> 2 : 0);
}

/* What is printed of mode, links, owner and group, once more if it is what was printed for the entry before. NULL: it
 * is not. */
static char *ls_repeat(char *at, const struct ls_list *list, const struct ls_entry *entry)
{
    const struct ls_repeated *last = &list->repeated;
    if (last->entry == NULL || last->entry->mode != entry->mode || last->entry->nlink != entry->nlink ||
        last->entry->uid != entry->uid || last->entry->gid != entry->gid)
        return NULL;
    return (char *)memcpy(at, list->body + last->at, last->length) + last->length;
}

static char *ls_repeatable(char *at, struct ls_list *list, const struct ls_entry *entry, const char *start)
{
    list->repeated = (struct ls_repeated){entry, (size_t)(start - list->body), (size_t)(at - start)};
    return at;
}

static char *ls_put_head(char *at, struct ls_list *list, const struct ls_options *options,
                         const struct ls_entry *entry, const struct ls_name *owner, const struct ls_name *group)
{
    char links[TEXT_NUMBER], *start = at, *repeated = ls_repeat(at, list, entry);
    if (repeated != NULL)
        return repeated;
    at = ls_put_mode(at, ls_shown_mode(options, entry->mode));
    *at++ = ' ';
    at = put_right(at, links, (size_t)(put_number(links, entry->nlink, 10) - links), 3);
    *at++ = ' ';
    at = ls_padded(at, owner);
    *at++ = ' ';
    at = ls_padded(at, group);
    *at++ = ' ';
    return ls_repeatable(at, list, entry, start);
}

static int ls_list_line(struct ls_list *list, const struct ls_options *options, const struct ls_entry *entry)
{
    const struct ls_name *owner = ls_find(list->owners, list->owner_count, entry->uid);
    const struct ls_name *group = ls_find(list->groups, list->group_count, entry->gid);
    const char *target = entry->target != LS_NONE ? list->arena + entry->target : NULL;
    size_t target_length = target != NULL ? strlen(target) : 0;
    char *at = ls_room(list, entry->shown_length + target_length + owner->length + group->length + LS_LINE_ROOM);
    if (at == NULL)
        return -1;
    at = ls_put_head(at, list, options, entry, owner, group);
    at = ls_put_size(at, options, entry->size);
    *at++ = ' ';
    at = ls_put_time(at, list, options, entry->seconds);
    *at++ = ' ';
    at = ls_put_name(at, options, list->arena + entry->shown, entry->shown_length);
    if (target != NULL) {
        memcpy(at, " -> ", 4);
        at = ls_put_name(at + 4, options, target, target_length);
    }
    at = ls_end_line(at, options, S_ISLNK(entry->mode) ? entry->target_mode : entry->mode);
    list->length = (size_t)(at - list->body);
    return 0;
}

/* `01-31-24  03:04PM               12 name`, as IIS prints it: no mode, no owner, a link like what it stands in. */
static int ls_dos_line(struct ls_list *list, const struct ls_options *options, const struct ls_entry *entry)
{
    const struct tm *parts = options->gmt ? text_utc(&list->clock, entry->seconds)
                                          : text_local(&list->clock, entry->seconds);
    char size[TEXT_NUMBER];
    char *at = ls_room(list, entry->shown_length + LS_LINE_ROOM);
    if (at == NULL)
        return -1;
    at = put_two(at, parts->tm_mon + 1, '0');
    *at++ = '-';
    at = put_two(at, parts->tm_mday, '0');
    *at++ = '-';
    at = put_literal(put_two(at, parts->tm_year % 100, '0'), "  ");
    at = put_two(at, parts->tm_hour % 12 == 0 ? 12 : parts->tm_hour % 12, '0');
    *at++ = ':';
    at = put_two(at, parts->tm_min, '0');
    at = parts->tm_hour < 12 ? put_literal(at, "AM") : put_literal(at, "PM");
    if (S_ISDIR(entry->mode)) {
        at = put_literal(at, "       <DIR>          ");
    } else {
        at = put_right(at, size, (size_t)(put_signed(size, entry->size) - size), 21);
        *at++ = ' ';
    }
    at = ls_put_name(at, options, list->arena + entry->shown, entry->shown_length);
    at = ls_end_line(at, options, S_ISLNK(entry->mode) ? entry->target_mode : entry->mode);
    list->length = (size_t)(at - list->body);
    return 0;
}

static int ls_name_line(struct ls_list *list, const struct ls_options *options, const struct ls_entry *entry,
                        const char *prefix, size_t prefix_length)
{
    char *at = ls_room(list, prefix_length + entry->shown_length + LS_LINE_ROOM);
    if (at == NULL)
        return -1;
    at = ls_put_name(at, options, prefix, prefix_length);
    at = ls_put_name(at, options, list->arena + entry->shown, entry->shown_length);
    at = ls_end_line(at, options, entry->mode);
    list->length = (size_t)(at - list->body);
    return 0;
}

static char *ls_put_type(char *at, const struct ls_list *list, const struct ls_options *options,
                         const struct ls_entry *entry, int scanned)
{
    const char *name = list->arena + entry->name;
    if (entry->target_mode != 0 && options->slink && entry->target != LS_NONE) {
        const char *target = list->arena + entry->target;
        at = put_literal(at, "type=OS.unix=slink:");
        for (; *target; target++) /* a `;` or blank would end the fact */
            *at++ = (unsigned char)*target <= 0x20 || *target == ';' || *target == 0x7f ? '?' : *target;
        *at++ = ';';
        return at;
    }
    if (entry->target_mode != 0 && options->show_links)
        return put_literal(at, "type=OS.unix=symlink;");
    if (!S_ISDIR(entry->mode))
        return put_literal(at, "type=file;");
    if (scanned && ls_is_self(name))
        return name[1] == '.' ? put_literal(at, "type=pdir;") : put_literal(at, "type=cdir;");
    return put_literal(at, "type=dir;");
}

static char *ls_put_modify(char *at, struct ls_list *list, time_t when)
{
    const struct tm *parts = text_utc(&list->clock, when);
    at = put_year(put_literal(at, "modify="), parts->tm_year + 1900);
    at = put_two(put_two(at, parts->tm_mon + 1, '0'), parts->tm_mday, '0');
    at = put_two(put_two(put_two(at, parts->tm_hour, '0'), parts->tm_min, '0'), parts->tm_sec, '0');
    *at++ = ';';
    return at;
}

static char *ls_put_perm(char *at, const struct ls_list *list, const struct ls_entry *entry)
{
    at = put_literal(at, "perm=");
    at += ls_perm(list, entry, at);
    *at++ = ';';
    return at;
}

static char *ls_put_named(char *at, const struct ls_name *name)
{
    at = (char *)memcpy(at, name->text, name->length) + name->length;
    *at++ = ';';
    return at;
}

static inline char *ls_put_fact(char *at, unsigned long long value, unsigned base)
{
    at = put_number(at, value, base);
    *at++ = ';';
    return at;
}

static char *ls_put_unique(char *at, const struct ls_entry *entry)
{
    at = put_number(put_literal(at, "unique="), entry->dev, 16);
    return ls_put_fact(put_literal(at, "U"), entry->ino, 16);
}

/* The facts of mode, owner and group. */
static char *ls_put_unix(char *at, struct ls_list *list, const struct ls_options *options, const struct ls_entry *entry)
{
    unsigned facts = options->facts;
    char *start = at, *repeated = ls_repeat(at, list, entry);
    if (repeated != NULL)
        return repeated;
    if (facts & LS_FACT_GROUP)
        at = ls_put_fact(put_literal(at, "UNIX.group="),
                         (unsigned)(options->fake_gid >= 0 ? options->fake_gid : entry->gid), 10);
    if (facts & LS_FACT_GROUPNAME)
        at = ls_put_named(put_literal(at, "UNIX.groupname="), ls_find(list->groups, list->group_count, entry->gid));
    if (facts & LS_FACT_MODE)
        at = ls_put_fact(put_literal(at, "UNIX.mode=0"),
                         (unsigned)(options->fake_mode >= 0 ? options->fake_mode : entry->mode & 07777), 8);
    if (facts & LS_FACT_OWNER)
        at = ls_put_fact(put_literal(at, "UNIX.owner="),
                         (unsigned)(options->fake_uid >= 0 ? options->fake_uid : entry->uid), 10);
    if (facts & LS_FACT_OWNERNAME)
        at = ls_put_named(put_literal(at, "UNIX.ownername="), ls_find(list->owners, list->owner_count, entry->uid));
    return ls_repeatable(at, list, entry, start);
}

static int ls_facts_line(struct ls_list *list, const struct ls_options *options, const struct ls_entry *entry,
                         const char *prefix, size_t prefix_length, int scanned)
{
    const struct ls_name *owner = ls_find(list->owners, list->owner_count, entry->uid);
    const struct ls_name *group = ls_find(list->groups, list->group_count, entry->gid);
    unsigned facts = options->facts;
    size_t target = entry->target != LS_NONE ? strlen(list->arena + entry->target) : 0;
    char *at = ls_room(list, prefix_length + entry->shown_length + target + owner->length + group->length + LS_FACTS_ROOM);
    if (at == NULL)
        return -1;
    if (facts & LS_FACT_MODIFY)
        at = ls_put_modify(at, list, entry->modified);
    if (facts & LS_FACT_PERM)
        at = ls_put_perm(at, list, entry);
    if ((facts & LS_FACT_SIZE) && !S_ISDIR(entry->mode))
        at = ls_put_fact(put_literal(at, "size="), (unsigned long long)entry->size, 10);
    if (facts & LS_FACT_TYPE)
        at = ls_put_type(at, list, options, entry, scanned);
    if (facts & LS_FACT_UNIQUE)
        at = ls_put_unique(at, entry);
    at = ls_put_unix(at, list, options, entry);
    *at++ = ' ';
    at = ls_put_name(at, options, prefix, prefix_length);
    at = ls_put_name(at, options, list->arena + entry->shown, entry->shown_length);
    at = put_literal(at, "\r\n");
    list->length = (size_t)(at - list->body);
    return 0;
}

/* One line behind the others. -1: there is no room for it. */
static int ls_line(struct ls_list *list, const struct ls_options *options, const struct ls_entry *entry,
                   const char *prefix, size_t prefix_length, int scanned)
{
    if (options->form == LS_LIST && options->dos)
        return ls_dos_line(list, options, entry);
    if (options->form == LS_LIST)
        return ls_list_line(list, options, entry);
    if (options->form == LS_NLST)
        return ls_name_line(list, options, entry, prefix, prefix_length);
    return ls_facts_line(list, options, entry, prefix, prefix_length, scanned);
}

/* The lines from `next` on, as many as `body` has room for. Returns whether they were the last ones. */
static int ls_format(struct ls_list *list, const struct ls_options *options, const char *prefix,
                     size_t prefix_length, int scanned)
{
    list->length = 0;
    list->repeated.entry = NULL;        /* it stood in a body that may be another's now */
    for (; list->next < list->count; list->next++) {
        const struct ls_entry *entry = ls_at(list, list->next);
        if (entry->dropped)
            continue;
        if (options->limit != 0 && list->printed >= options->limit)
            return 1;
        if (ls_line(list, options, entry, prefix, prefix_length, scanned) != 0)
            return 0;
        list->printed++;
    }
    return 1;
}

/* A listing that a pump sends: what ls_format needs. */
struct ls_source {
    struct pull pull;
    struct ls_list *list;
    const struct ls_options *options;
    const char *prefix;
    size_t prefix_length;
    int scanned;
};

static ssize_t ls_pull(void *self, unsigned char *into, size_t room)
{
    struct ls_source *source = self;
    struct ls_list *list = source->list;
    list->body = (char *)into;
    list->body_room = room;
    source->pull.ended = ls_format(list, source->options, source->prefix, source->prefix_length, source->scanned);
    list->body = NULL;
    if (list->length == 0 && !source->pull.ended) {
        errno = EFBIG;                  /* one line is longer than the buffer */
        return -1;
    }
    return (ssize_t)list->length;
}

/* For a pump, from the first line on. */
static struct pull *ls_begin(struct ls_source *source)
{
    source->list->next = source->list->printed = 0;
    source->pull = (struct pull){ls_pull, source, 0};
    return &source->pull;
}

/* All lines at once. Returns whether there was room for them; the list's `length` says how many bytes they are. */
static int ls_whole(struct ls_source *source, char *body, size_t room)
{
    struct pull *pull = ls_begin(source);
    return pull->call(pull->self, (unsigned char *)body, room) >= 0 && pull->ended;
}

#endif
