/* Raw Linux system calls for _system.pyx: openat2, credentials of one thread, Landlock.
 *
 * glibc's setresuid() and friends change every thread of the process (nptl's setxid broadcast); the raw calls
 * change the calling thread alone, which is what one session per thread needs. All functions return 0 (or a
 * descriptor, a number) or -1 with errno. Numbers and structures that old headers lack are given here; they are
 * the kernel's ABI. */
#ifndef FTPSD_SYS_CALLS_H
#define FTPSD_SYS_CALLS_H

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

/* ---- opening inside a root ---------------------------------------------------------------------------- */

#ifndef SYS_openat2
#define SYS_openat2 437
#endif
#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif
#ifndef AT_EMPTY_PATH
#define AT_EMPTY_PATH 0x1000
#endif

#define SYS_RESOLVE_NO_XDEV 0x01
#define SYS_RESOLVE_NO_MAGICLINKS 0x02
#define SYS_RESOLVE_NO_SYMLINKS 0x04
#define SYS_RESOLVE_BENEATH 0x08
#define SYS_RESOLVE_IN_ROOT 0x10

/* The kernel says EAGAIN when a rename or mount anywhere raced with a `..`; attempts before we pass that on. */
#define SYS_OPEN_ATTEMPTS 128

struct sys_open_how {
    uint64_t flags;
    uint64_t mode;
    uint64_t resolve;
};

static int sys_openat2(int dirfd, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve)
{
    struct sys_open_how how = {.flags = flags | O_CLOEXEC, .mode = mode & 07777, .resolve = resolve};
    if (!(flags & O_CREAT)) /* open(2) ignores the mode then, openat2 refuses it */
        how.mode = 0;
    for (int attempt = 0; attempt < SYS_OPEN_ATTEMPTS; attempt++) {
        long fd = syscall(SYS_openat2, dirfd, path, &how, sizeof how);
        if (fd >= 0 || errno != EAGAIN)
            return (int)fd;
    }
    return -1;
}

/* 1 when `path` leads to something without passing a symbolic link; 0 when it does, or does not lead anywhere. */
static int sys_leads_straight(int dirfd, const char *path)
{
    int fd = sys_openat2(dirfd, path, O_PATH, 0, SYS_RESOLVE_IN_ROOT | SYS_RESOLVE_NO_SYMLINKS);

    if (fd < 0)
        return 0;
    close(fd);
    return 1;
}

/* The same for an absolute path of the machine. */
static int sys_stands_straight(const char *path)
{
    int fd = sys_openat2(AT_FDCWD, path, O_PATH, 0, SYS_RESOLVE_NO_SYMLINKS);

    if (fd < 0)
        return 0;
    close(fd);
    return 1;
}

/* 1 when the directory is "/", 0 when not, -1 with errno. */
static int sys_is_machine_root(int fd)
{
    struct stat here, root;

    if (fstat(fd, &here) != 0 || stat("/", &root) != 0)
        return -1;
    return here.st_dev == root.st_dev && here.st_ino == root.st_ino;
}

/* 1 when nothing is at `path`, but a directory where it would lie, and no link on the way. */
static int sys_is_to_come(int dirfd, const char *path)
{
    const char *last = strrchr(path, '/');
    char above[PATH_MAX];
    struct stat status;
    int fd, absent;

    if (last == NULL || last[1] == '\0' || (size_t)(last - path) >= sizeof above)
        return 0;
    memcpy(above, path, (size_t)(last - path));
    above[last - path] = '\0';
    fd = sys_openat2(dirfd, last == path ? "/" : above, O_PATH | O_DIRECTORY, 0,
                     SYS_RESOLVE_IN_ROOT | SYS_RESOLVE_NO_SYMLINKS);
    if (fd < 0)
        return 0;
    absent = fstatat(fd, last + 1, &status, AT_SYMLINK_NOFOLLOW) != 0 && errno == ENOENT;
    close(fd);
    return absent;
}

/* As sys_leads_straight; 1 also for what may be still to come: when nothing is there, and no link on the way. */
static int sys_lies_straight(int dirfd, const char *path)
{
    return sys_leads_straight(dirfd, path) || (errno == ENOENT && sys_is_to_come(dirfd, path));
}

/* 1 when `path` leads to a directory without passing a symbolic link, 0 when there is certainly none (and no link on
 * the way to what is there instead), -1 when that is not known. */
static int sys_straight_directory(int dirfd, const char *path)
{
    int fd = sys_openat2(dirfd, path, O_PATH | O_DIRECTORY, 0, SYS_RESOLVE_IN_ROOT | SYS_RESOLVE_NO_SYMLINKS);

    if (fd >= 0) {
        close(fd);
        return 1;
    }
    return errno == ENOTDIR || (errno == ENOENT && sys_is_to_come(dirfd, path)) ? 0 : -1;
}

#define SYS_NOT_REGULAR (-2)

/* A file just opened with `flags`, which blocks from now on; closed where it is no regular one or lies on `proc`. */
static int sys_settle(int fd, uint64_t flags, dev_t proc, struct stat *status)
{
    int result = fstat(fd, status), saved;

    if (result == 0 && S_ISREG(status->st_mode) && status->st_dev != proc
        && fcntl(fd, F_SETFL, (int)flags & (O_ACCMODE | O_APPEND)) == 0)
        return fd;
    saved = errno;
    close(fd);
    errno = saved;
    return result == 0 && (!S_ISREG(status->st_mode) || status->st_dev == proc) ? SYS_NOT_REGULAR : -1;
}

/* A regular file: looked at before it is opened (a FIFO would block, a device take notice) and after, in case it was
 * swapped. Nothing of `proc` (a device, see jail.py). SYS_NOT_REGULAR: something else is there. */
static int sys_open_regular(int root, const char *path, uint64_t flags, dev_t proc, struct stat *status)
{
    const uint64_t resolve = SYS_RESOLVE_IN_ROOT | SYS_RESOLVE_NO_MAGICLINKS;
    int fd = sys_openat2(root, path, O_PATH, 0, resolve), result;

    if (fd < 0)
        return -1;
    result = fstat(fd, status);
    close(fd);
    if (result != 0)
        return -1;
    if (!S_ISREG(status->st_mode))
        return SYS_NOT_REGULAR;
    fd = sys_openat2(root, path, flags | O_NONBLOCK | O_NOCTTY, 0, resolve);
    return fd < 0 ? -1 : sys_settle(fd, flags, proc, status);
}

/* A new regular file in the open directory `parent`; fails where the name is taken, be it by a link. */
static int sys_create_regular(int parent, const char *name, uint64_t flags, mode_t mode, dev_t proc, struct stat *status)
{
    int fd = openat(parent, name, (int)flags | O_CREAT | O_EXCL | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, mode);

    return fd < 0 ? -1 : sys_settle(fd, flags, proc, status);
}

/* fchmodat2 is Linux 6.6; before it the way to an O_PATH descriptor's inode leads through /proc. */
static int sys_chmod_fd(int fd, unsigned mode)
{
    char path[40];
    if (syscall(SYS_fchmodat2, fd, "", mode, AT_EMPTY_PATH) == 0)
        return 0;
    if (errno != ENOSYS && errno != EINVAL && errno != EPERM) /* EPERM: perhaps a sandbox of older days */
        return -1;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return chmod(path, mode);
}

/* AT_EMPTY_PATH came to utimensat with Linux 5.8. */
static int sys_utime_fd(int fd, const struct timespec times[2])
{
    char path[40];
    if (utimensat(fd, "", times, AT_EMPTY_PATH) == 0)
        return 0;
    if (errno != EINVAL && errno != ENOENT)
        return -1;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return utimensat(AT_FDCWD, path, times, 0);
}

static int sys_renameat2(int olddir, const char *old, int newdir, const char *new_name, unsigned flags)
{
#ifdef SYS_renameat2
    return (int)syscall(SYS_renameat2, olddir, old, newdir, new_name, flags);
#else
    errno = ENOSYS;
    return -1;
#endif
}

/* ---- credentials of the calling thread ---------------------------------------------------------------- */

/* On 32-bit machines the plain numbers are the calls with 16-bit ids. */
#ifdef SYS_setresuid32
#define SYS_NR_setresuid SYS_setresuid32
#define SYS_NR_setresgid SYS_setresgid32
#define SYS_NR_setgroups SYS_setgroups32
#define SYS_NR_getgroups SYS_getgroups32
#else
#define SYS_NR_setresuid SYS_setresuid
#define SYS_NR_setresgid SYS_setresgid
#define SYS_NR_setgroups SYS_setgroups
#define SYS_NR_getgroups SYS_getgroups
#endif

#define SYS_KEEP ((uid_t)-1)

static int sys_setresuid(uid_t real, uid_t effective, uid_t saved)
{
    return (int)syscall(SYS_NR_setresuid, real, effective, saved);
}

static int sys_setresgid(gid_t real, gid_t effective, gid_t saved)
{
    return (int)syscall(SYS_NR_setresgid, real, effective, saved);
}

static int sys_setgroups(size_t count, const gid_t *groups)
{
    return (int)syscall(SYS_NR_setgroups, count, groups);
}

static int sys_getgroups(int size, gid_t *groups)
{
    return (int)syscall(SYS_NR_getgroups, size, groups);
}

static int sys_compare_gid(const void *a, const void *b)
{
    gid_t left = *(const gid_t *)a, right = *(const gid_t *)b;
    return (left > right) - (left < right);
}

/* 1 when the thread has exactly these supplementary groups (the kernel sorts them), 0 when not, -1 on error.
 * `groups` is sorted in place. */
static int sys_groups_are(size_t count, gid_t *groups)
{
    gid_t few[64], *now = few;
    int had, same;
    if (count == 0)
        return sys_getgroups(0, NULL) == 0;
    if (count > sizeof few / sizeof *few && (now = malloc(count * sizeof *now)) == NULL)
        return -1;
    had = sys_getgroups((int)count, now); /* more of them are EINVAL */
    same = had >= 0 && (size_t)had == count;
    if (same) {
        qsort(now, count, sizeof *now, sys_compare_gid);
        qsort(groups, count, sizeof *groups, sys_compare_gid);
        same = memcmp(now, groups, count * sizeof *now) == 0;
    }
    if (now != few)
        free(now);
    return same;
}

/* 1 when the thread has no capability left in its effective, permitted and inheritable sets. */
static int sys_no_capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    struct __user_cap_data_struct data[2];
    memset(data, 0, sizeof data);
    if (syscall(SYS_capget, &header, data) != 0)
        return -1;
    return (data[0].effective | data[0].permitted | data[0].inheritable | data[1].effective | data[1].permitted |
            data[1].inheritable) == 0;
}

static int sys_drop_capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    struct __user_cap_data_struct data[2];
    memset(data, 0, sizeof data);
#ifdef PR_CAP_AMBIENT
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0 && errno != EINVAL)
        return -1;
#endif
    return (int)syscall(SYS_capset, &header, data);
}

/* No core, no debugger of a user. A change of ids sets what fs.suid_dumpable says, so that it is to be said after each. */
static int sys_not_dumpable(void) { return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); }

/* Becomes (shield, uid, shield) / (gid, gid, gid) with these groups; see set_thread_credentials in the .pyi.
 * Returns NULL, or what went wrong, with errno. */
static const char *sys_become(uid_t uid, gid_t gid, size_t count, gid_t *groups, uid_t shield)
{
    uid_t ruid, euid, suid;
    gid_t rgid, egid, sgid;
    if (sys_setresuid(SYS_KEEP, 0, SYS_KEEP) != 0)
        return "cannot regain the rights to change credentials";
    if (sys_setgroups(count, groups) != 0)
        return "cannot set the supplementary groups";
    if (sys_setresgid(gid, gid, gid) != 0)
        return "cannot set the group";
    if (sys_setresuid(shield, uid, shield) != 0)
        return "cannot set the user";
    if (uid != 0 && sys_drop_capabilities() != 0)
        return "cannot drop the capabilities";
    if (sys_not_dumpable() != 0)
        return "cannot make the process undumpable";
    if (getresuid(&ruid, &euid, &suid) != 0 || ruid != shield || euid != uid || suid != shield ||
        getresgid(&rgid, &egid, &sgid) != 0 || rgid != gid || egid != gid || sgid != gid ||
        sys_groups_are(count, groups) != 1 || (uid != 0 && sys_no_capabilities() != 1)) {
        errno = EPERM;
        return "the change of credentials did not take";
    }
    if (uid == 0)
        return NULL;
    if (sys_setresuid(SYS_KEEP, 0, SYS_KEEP) == 0 || sys_setresuid(0, 0, 0) == 0 || sys_setgroups(0, NULL) == 0 ||
        (gid != 0 && sys_setresgid(SYS_KEEP, 0, SYS_KEEP) == 0)) {
        errno = EPERM;
        return "the change of credentials could be undone";
    }
    return NULL;
}

/* Effective ids for a while; real and saved stay 0, so that the way back is open. */
static const char *sys_borrow(uid_t uid, gid_t gid, size_t count, gid_t *groups)
{
    if (sys_setresuid(SYS_KEEP, 0, SYS_KEEP) != 0)
        return "cannot regain the rights to change credentials";
    if (sys_setgroups(count, groups) != 0)
        return "cannot set the supplementary groups";
    if (sys_setresgid(SYS_KEEP, gid, SYS_KEEP) != 0)
        return "cannot set the effective group";
    if (sys_setresuid(SYS_KEEP, uid, SYS_KEEP) != 0)
        return "cannot set the effective user";
    if (geteuid() != uid || getegid() != gid || sys_groups_are(count, groups) != 1) {
        errno = EPERM;
        return "the change of credentials did not take";
    }
    return sys_not_dumpable() == 0 ? NULL : "cannot make the process undumpable";
}

/* Effective ids 0 again; `groups` NULL leaves the supplementary groups. */
static const char *sys_give_back(size_t count, gid_t *groups)
{
    if (sys_setresuid(SYS_KEEP, 0, SYS_KEEP) != 0)
        return "cannot regain the effective user";
    if (sys_setresgid(SYS_KEEP, 0, SYS_KEEP) != 0)
        return "cannot regain the effective group";
    if (groups != NULL && sys_setgroups(count, groups) != 0)
        return "cannot set the supplementary groups";
    if (geteuid() != 0 || getegid() != 0 || (groups != NULL && sys_groups_are(count, groups) != 1)) {
        errno = EPERM;
        return "the change of credentials did not take";
    }
    return sys_not_dumpable() == 0 ? NULL : "cannot make the process undumpable";
}

/* ---- Landlock ------------------------------------------------------------------------------------------ */

#ifndef SYS_landlock_create_ruleset
#define SYS_landlock_create_ruleset 444
#define SYS_landlock_add_rule 445
#define SYS_landlock_restrict_self 446
#endif

#define SYS_LL_EXECUTE (1ULL << 0)
#define SYS_LL_WRITE_FILE (1ULL << 1)
#define SYS_LL_READ_FILE (1ULL << 2)
#define SYS_LL_READ_DIR (1ULL << 3)
#define SYS_LL_REMOVE_DIR (1ULL << 4)
#define SYS_LL_REMOVE_FILE (1ULL << 5)
#define SYS_LL_MAKE_CHAR (1ULL << 6)
#define SYS_LL_MAKE_DIR (1ULL << 7)
#define SYS_LL_MAKE_REG (1ULL << 8)
#define SYS_LL_MAKE_SOCK (1ULL << 9)
#define SYS_LL_MAKE_FIFO (1ULL << 10)
#define SYS_LL_MAKE_BLOCK (1ULL << 11)
#define SYS_LL_MAKE_SYM (1ULL << 12)
#define SYS_LL_REFER (1ULL << 13)     /* ABI 2: rename and link between directories */
#define SYS_LL_TRUNCATE (1ULL << 14)  /* ABI 3 */
#define SYS_LL_IOCTL_DEV (1ULL << 15) /* ABI 5 */

#define SYS_LL_READ (SYS_LL_READ_FILE | SYS_LL_READ_DIR)
#define SYS_LL_WRITE                                                                                               \
    (SYS_LL_READ | SYS_LL_WRITE_FILE | SYS_LL_REMOVE_DIR | SYS_LL_REMOVE_FILE | SYS_LL_MAKE_DIR |                  \
     SYS_LL_MAKE_REG | SYS_LL_MAKE_SYM | SYS_LL_REFER | SYS_LL_TRUNCATE)
#define SYS_LL_OF_FILES (SYS_LL_WRITE_FILE | SYS_LL_READ_FILE | SYS_LL_TRUNCATE)

struct sys_ruleset_attr {
    uint64_t handled_access_fs;
};

struct sys_path_beneath {
    uint64_t allowed_access;
    int32_t parent_fd;
} __attribute__((packed));

static int sys_landlock_abi(void)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, 1U /* LANDLOCK_CREATE_RULESET_VERSION */);
    return abi < 0 ? 0 : (int)abi;
}

static uint64_t sys_landlock_handled(int abi)
{
    uint64_t handled = (1ULL << 13) - 1;
    if (abi >= 2)
        handled |= SYS_LL_REFER;
    if (abi >= 3)
        handled |= SYS_LL_TRUNCATE;
    if (abi >= 5)
        handled |= SYS_LL_IOCTL_DEV;
    return handled;
}

/* What `fd` may be used for in a domain that handles `handled`. 0, or -1 with errno. */
static int sys_landlock_rule(int fd, int writable, uint64_t handled, struct sys_path_beneath *rule)
{
    struct stat status;
    if (fstat(fd, &status) != 0)
        return -1;
    rule->parent_fd = fd;
    rule->allowed_access = (writable ? SYS_LL_WRITE : SYS_LL_READ) & handled;
    if (!S_ISDIR(status.st_mode))
        rule->allowed_access &= SYS_LL_OF_FILES;
    return 0;
}

/* Returns NULL, or what went wrong, with errno. */
static const char *sys_landlock_confine(uint64_t handled, size_t count, const struct sys_path_beneath *rules)
{
    struct sys_ruleset_attr attr = {.handled_access_fs = handled};
    const char *failed = NULL;
    int kept;
    int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof attr, 0);
    if (ruleset < 0)
        return "cannot make a Landlock ruleset";
    for (size_t i = 0; i < count && failed == NULL; i++)
        if (syscall(SYS_landlock_add_rule, ruleset, 1 /* LANDLOCK_RULE_PATH_BENEATH */, rules + i, 0) != 0)
            failed = "cannot add a Landlock rule";
    if (failed == NULL && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        failed = "cannot set no_new_privs";
    if (failed == NULL && syscall(SYS_landlock_restrict_self, ruleset, 0) != 0)
        failed = "cannot enter the Landlock domain";
    kept = errno;
    close(ruleset);
    errno = kept;
    return failed;
}

#endif
