# cython: language_level=3, embedsignature=True
"""Linux system calls that Python lacks: openat2, credentials of one thread, Landlock, listings in C.

The calls themselves are in sys_calls.h and sys_net.h, the listing in sys_listing.h and sys_format.h; here they meet Python.
Docstrings and types are in _system.pyi. Every call that may wait or reach for a disk releases the GIL.
"""

import errno as _errno
import os as _os
from collections import namedtuple

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.exc cimport PyErr_CheckSignals
from libc.errno cimport EINTR, errno
from libc.stddef cimport size_t
from libc.stdint cimport uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memset, strlen
from posix.time cimport timespec
from posix.types cimport dev_t, gid_t, ino_t, mode_t, nlink_t, off_t, time_t, uid_t


cdef extern from "sys_calls.h" nogil:
    int O_PATH
    long UTIME_OMIT
    enum:
        SYS_RESOLVE_NO_XDEV
        SYS_RESOLVE_NO_MAGICLINKS
        SYS_RESOLVE_NO_SYMLINKS
        SYS_RESOLVE_BENEATH
        SYS_RESOLVE_IN_ROOT
    int c_openat2 "sys_openat2"(int dirfd, const char *path, uint64_t flags, uint64_t mode, uint64_t resolve)
    int sys_leads_straight(int dirfd, const char *path)
    int sys_lies_straight(int dirfd, const char *path)
    int sys_straight_directory(int dirfd, const char *path)
    int sys_stands_straight(const char *path)
    int sys_is_machine_root(int fd)
    int sys_chmod_fd(int fd, unsigned mode)
    int sys_utime_fd(int fd, const timespec *times)
    int sys_renameat2(int olddir, const char *old, int newdir, const char *new_name, unsigned flags)
    int sys_getgroups(int size, gid_t *groups)
    int getresuid(uid_t *real, uid_t *effective, uid_t *saved)
    int getresgid(gid_t *real, gid_t *effective, gid_t *saved)
    const char *sys_become(uid_t uid, gid_t gid, size_t count, gid_t *groups, uid_t shield)
    const char *sys_borrow(uid_t uid, gid_t gid, size_t count, gid_t *groups)
    const char *sys_give_back(size_t count, gid_t *groups)
    int sys_not_dumpable()
    int sys_landlock_abi()
    uint64_t sys_landlock_handled(int abi)
    struct sys_path_beneath:
        pass
    int sys_landlock_rule(int fd, int writable, uint64_t handled, sys_path_beneath *rule)
    const char *sys_landlock_confine(uint64_t handled, size_t count, const sys_path_beneath *rules)
    int close(int fd)


cdef extern from "sys_format.h" nogil:
    struct stat:
        mode_t st_mode
        nlink_t st_nlink
        uid_t st_uid
        gid_t st_gid
        off_t st_size
        dev_t st_dev
        ino_t st_ino
        timespec st_mtim
        timespec st_atim
        timespec st_ctim
    enum:
        SYS_NOT_REGULAR
    int sys_open_regular(int root, const char *path, uint64_t flags, dev_t proc, stat *status)
    enum:
        LS_LIST
        LS_NLST
        LS_MLSD
    struct ls_options:
        int form, sort, time, all, self, follow, show_links, slink, classify, reverse, gmt, human, dos
        int want_directories
        int fake_mode
        long long fake_uid, fake_gid
        unsigned facts
        time_t now
        size_t max_entries, max_bytes, limit
        int rootfd, parentfd
        const char *path
    struct ls_entry:
        uint32_t name, name_length
        uint16_t mode, target_mode
        uint8_t follow, dropped
    struct ls_name:
        unsigned id
        const char *text
        size_t length
    struct ls_list:
        ls_entry *entries
        size_t count
        char *arena
        char *body
        size_t length, printed
        ls_name *owners
        ls_name *groups
        size_t owner_count, group_count
        int error
    void ls_free(ls_list *)
    void ls_forget_entries(ls_list *)
    int ls_whoami(ls_list *, int dirfd)
    int ls_scan(ls_list *, const ls_options *, int dirfd)
    int ls_add(ls_list *, const ls_options *, int dirfd, const char *name, const char *shown, unsigned char kind)
    void ls_followed(ls_entry *, const ls_options *, const stat *)
    int ls_distinct(ls_list *, int groups)
    void ls_sort(ls_list *, const ls_options *)
    int ls_format(ls_list *, const ls_options *, const char *prefix, size_t prefix_length, int scanned)
    void tzset()


RESOLVE_NO_XDEV = SYS_RESOLVE_NO_XDEV
RESOLVE_NO_MAGICLINKS = SYS_RESOLVE_NO_MAGICLINKS
RESOLVE_NO_SYMLINKS = SYS_RESOLVE_NO_SYMLINKS
RESOLVE_BENEATH = SYS_RESOLVE_BENEATH
RESOLVE_IN_ROOT = SYS_RESOLVE_IN_ROOT

ThreadCredentials = namedtuple("ThreadCredentials", "ruid euid suid rgid egid sgid groups")
Listing = namedtuple("Listing", "body entries directories")


class CredentialsError(OSError):
    """A change of credentials did not take, or could be undone. The thread must do nothing more."""


cdef object _failure(str what = "", object name = None):
    """The OSError of the errno that stands now."""
    cdef int code = errno
    text = _os.strerror(code)
    return OSError(code, f"{what}: {text}" if what else text, name)


cdef const char *_name(bytes name) except NULL:
    """The C string of a file name; a name with NUL in it names nothing."""
    if b"\0" in name:
        raise OSError(_errno.EINVAL, "Name contains a NUL byte", name)
    return name


# ---- files ------------------------------------------------------------------------------------------------

cdef bint _has_openat2 = False
cdef bint _asked_openat2 = False


def has_openat2():
    """Whether this kernel (and sandbox) has openat2; asked once."""
    global _has_openat2, _asked_openat2
    cdef int fd
    if not _asked_openat2:
        with nogil:
            fd = c_openat2(-100, b"/", O_PATH, 0, SYS_RESOLVE_NO_MAGICLINKS)
            if fd >= 0:
                close(fd)
        _has_openat2 = fd >= 0
        _asked_openat2 = True
    return _has_openat2


def openat2(int dirfd, bytes path, flags, mode=0, *, bint in_root=True, bint straight=False):
    cdef const char *text = _name(path)
    cdef uint64_t open_flags = flags
    cdef uint64_t open_mode = mode
    cdef uint64_t resolve = SYS_RESOLVE_NO_MAGICLINKS | (SYS_RESOLVE_IN_ROOT if in_root else 0)
    cdef int fd
    if straight:
        resolve |= SYS_RESOLVE_NO_SYMLINKS
    with nogil:
        fd = c_openat2(dirfd, text, open_flags, open_mode, resolve)
    if fd < 0:
        raise _failure("", path)
    return fd


def leads_straight(int dirfd, bytes path):
    cdef const char *text = _name(path)
    cdef bint straight
    with nogil:
        straight = sys_leads_straight(dirfd, text)
    return straight


def stands_straight(bytes path):
    cdef const char *text = _name(path)
    cdef bint straight
    with nogil:
        straight = text[0] == b"/" and sys_stands_straight(text)
    return straight


def is_machine_root(int fd):
    cdef int same
    with nogil:
        same = sys_is_machine_root(fd)
    if same < 0:
        raise _failure()
    return same == 1


def lies_straight(int dirfd, bytes path):
    cdef const char *text = _name(path)
    cdef bint straight
    with nogil:
        straight = sys_lies_straight(dirfd, text)
    return straight


def straight_directory(int dirfd, bytes path):
    cdef const char *text = _name(path)
    cdef int found
    with nogil:
        found = sys_straight_directory(dirfd, text)
    return None if found < 0 else found == 1


def open_regular(int dirfd, bytes path, flags, proc):
    cdef const char *text = _name(path)
    cdef uint64_t open_flags = flags
    cdef dev_t device = proc
    cdef stat status
    cdef int fd
    with nogil:
        fd = sys_open_regular(dirfd, text, open_flags, device, &status)
    if fd == SYS_NOT_REGULAR:
        return None
    if fd < 0:
        raise _failure("", path)
    return (fd, status.st_size, status.st_dev, status.st_ino)


def chmod_fd(int fd, unsigned mode):
    cdef int result
    with nogil:
        result = sys_chmod_fd(fd, mode)
    if result != 0:
        raise _failure()


def utime_fd(int fd, accessed_ns, modified_ns):
    cdef timespec times[2]
    cdef int result
    cdef int i
    for i, value in enumerate((accessed_ns, modified_ns)):
        if value is None:
            times[i].tv_sec, times[i].tv_nsec = 0, UTIME_OMIT
        else:
            times[i].tv_sec, times[i].tv_nsec = divmod(value, 1_000_000_000)
    with nogil:
        result = sys_utime_fd(fd, times)
    if result != 0:
        raise _failure()


def rename_at(int olddir, bytes old, int newdir, bytes new, *, bint replace=True):
    cdef const char *old_name = _name(old)
    cdef const char *new_name = _name(new)
    cdef unsigned flags = 0 if replace else 1  # RENAME_NOREPLACE
    cdef int result
    with nogil:
        result = sys_renameat2(olddir, old_name, newdir, new_name, flags)
    if result != 0:
        raise _failure("", new)


include "sys_net.pxi"


# ---- memory -----------------------------------------------------------------------------------------------

cdef extern from "sys_memory.h" nogil:
    int memory_release_stack()
    int memory_tune(int arenas, int large)


def release_stack():
    if memory_release_stack() != 0:
        raise _failure()


def tune_allocator(int arenas, int large):
    return bool(memory_tune(arenas, large))


# ---- changes of files -------------------------------------------------------------------------------------

cdef extern from "<sys/inotify.h>" nogil:
    enum:
        IN_ATTRIB
        IN_CLOEXEC
        IN_CLOSE_WRITE
        IN_CREATE
        IN_DELETE
        IN_DELETE_SELF
        IN_MOVE
        IN_MOVE_SELF
        IN_NONBLOCK
        IN_ONLYDIR
    int inotify_init1(int flags)
    int inotify_add_watch(int fd, const char *path, uint32_t mask)


def open_watch():
    cdef int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK)
    if fd < 0:
        raise _failure()
    return fd


def watch_directory(int fd, path):
    cdef bytes encoded = _os.fsencode(path)
    cdef const char *name = _name(encoded)
    cdef int result
    cdef uint32_t mask = (
        IN_ATTRIB | IN_CLOSE_WRITE | IN_CREATE | IN_DELETE | IN_DELETE_SELF | IN_MOVE | IN_MOVE_SELF | IN_ONLYDIR)
    with nogil:
        result = inotify_add_watch(fd, name, mask)
    if result < 0:
        raise _failure("", path)


# ---- credentials ------------------------------------------------------------------------------------------
#
# None of these calls waits: whoever took the GIL meanwhile would hand it back late.

def thread_uids():
    cdef uid_t ruid = 0, euid = 0, suid = 0
    getresuid(&ruid, &euid, &suid)
    return (ruid, euid, suid)


def thread_credentials():
    cdef uid_t ruid = 0, euid = 0, suid = 0
    cdef gid_t rgid = 0, egid = 0, sgid = 0
    cdef gid_t *groups = NULL
    cdef int count, i
    getresuid(&ruid, &euid, &suid)
    getresgid(&rgid, &egid, &sgid)
    count = sys_getgroups(0, NULL)
    if count < 0:
        raise _failure("cannot read the groups")
    groups = <gid_t *>malloc((count + 1) * sizeof(gid_t))
    if groups == NULL:
        raise MemoryError
    try:
        count = sys_getgroups(count, groups) if count else 0
        if count < 0:
            raise _failure("cannot read the groups")
        return ThreadCredentials(ruid, euid, suid, rgid, egid, sgid, tuple([groups[i] for i in range(count)]))
    finally:
        free(groups)


cdef unsigned _id(object value) except? 0xFFFFFFFF:
    """A uid or gid. The kernel reads 2**32 - 1 as "leave it as it is": never let that through."""
    if not 0 <= value < 0xFFFFFFFF:
        raise ValueError(f"not a user or group number: {value}")
    return value


cdef gid_t *_group_array(list groups) except NULL:
    cdef gid_t *array = <gid_t *>malloc((len(groups) + 1) * sizeof(gid_t))
    cdef Py_ssize_t i
    if array == NULL:
        raise MemoryError
    try:
        for i in range(len(groups)):
            array[i] = _id(groups[i])
    except BaseException:
        free(array)
        raise
    return array


cdef int _credentials_failed(const char *failed) except -1:
    cdef int code = errno
    raise CredentialsError(code, f"{failed.decode()}: {_os.strerror(code)}")


def set_thread_credentials(uid, gid, groups, *, shield=None):
    cdef uid_t to_uid = _id(uid)
    cdef gid_t to_gid = _id(gid)
    cdef uid_t keeper = to_uid if shield is None else <uid_t>_id(shield)
    cdef list wanted = list(groups)
    cdef size_t count = len(wanted)
    cdef gid_t *array
    cdef const char *failed
    if (keeper == 0) != (to_uid == 0):
        raise ValueError("root neither shields nor is shielded")
    array = _group_array(wanted)
    try:
        failed = sys_become(to_uid, to_gid, count, array, keeper)
        if failed != NULL:
            _credentials_failed(failed)
    finally:
        free(array)


def set_thread_effective(uid, gid, groups):
    cdef uid_t to_uid = _id(uid)
    cdef gid_t to_gid = _id(gid)
    cdef list wanted = list(groups)
    cdef size_t count = len(wanted)
    cdef gid_t *array = _group_array(wanted)
    cdef const char *failed
    try:
        failed = sys_borrow(to_uid, to_gid, count, array)
        if failed != NULL:
            _credentials_failed(failed)
    finally:
        free(array)


def restore_thread_root(groups=None):
    cdef list wanted = [] if groups is None else list(groups)
    cdef size_t count = len(wanted)
    cdef gid_t *array = NULL if groups is None else _group_array(wanted)
    cdef const char *failed
    try:
        failed = sys_give_back(count, array)
        if failed != NULL:
            _credentials_failed(failed)
    finally:
        free(array)


def forbid_dumps():
    if sys_not_dumpable() != 0:
        raise _failure("cannot make the process undumpable")


# ---- Landlock ---------------------------------------------------------------------------------------------

cdef int _landlock_abi = -1


def landlock_abi():
    global _landlock_abi
    if _landlock_abi < 0:
        _landlock_abi = sys_landlock_abi()
    return _landlock_abi


def landlock_rules(paths):
    cdef list wanted = list(paths)
    cdef uint64_t handled = sys_landlock_handled(landlock_abi())
    cdef bytes rules = PyBytes_FromStringAndSize(NULL, len(wanted) * sizeof(sys_path_beneath))
    cdef sys_path_beneath *rule = <sys_path_beneath *>PyBytes_AS_STRING(rules)
    cdef Py_ssize_t i
    for i in range(len(wanted)):
        if sys_landlock_rule(wanted[i][0], 1 if wanted[i][1] else 0, handled, rule + i) != 0:
            raise _failure("cannot look at what a Landlock rule is for")
    return rules


def landlock_restrict(bytes rules not None):
    cdef int abi = landlock_abi()
    cdef uint64_t handled = sys_landlock_handled(abi)
    cdef size_t count = <size_t>len(rules) // sizeof(sys_path_beneath)
    cdef const sys_path_beneath *array = <const sys_path_beneath *>PyBytes_AS_STRING(rules)
    cdef const char *failed
    if abi == 0:
        raise OSError(_errno.ENOSYS, "the kernel has no Landlock")
    failed = sys_landlock_confine(handled, count, array)
    if failed != NULL:
        raise _failure(failed.decode())
    return abi


# ---- listings ---------------------------------------------------------------------------------------------

_FORMS = {"list": LS_LIST, "nlst": LS_NLST, "mlsd": LS_MLSD}
_SORTS = {"name": 0, "time": 1, "size": 2, "none": 3}
_TIMES = {"modify": 0, "access": 1, "change": 2}
_FACTS = {
    "modify": 1, "perm": 2, "size": 4, "type": 8, "unique": 16, "UNIX.group": 32, "UNIX.groupname": 64,
    "UNIX.mode": 128, "UNIX.owner": 256, "UNIX.ownername": 512,
}
FACT_NAMES = tuple(_FACTS)

# In a name of an owner or group: what would end a column, a fact or the line.
_PLAIN = bytes(0x5F if byte <= 0x20 or byte in (0x3B, 0x7F) else byte for byte in range(256))


cdef list _fill(ls_name *names, size_t count, object ask):
    """Names for the distinct numbers; the list keeps the memory that `names` points into."""
    cdef list kept = []
    cdef bytes text
    cdef size_t i
    for i in range(count):
        answer = str(names[i].id) if ask is None else ask(names[i].id)
        text = answer.encode("utf-8", "surrogateescape").translate(_PLAIN)
        kept.append(text)
        names[i].text = text
        names[i].length = len(text)
    return kept


cdef int _ask_links(ls_list *found, ls_options *options, object follow) except -1:
    """Links that C could not resolve (no openat2): `follow` says where each leads."""
    cdef size_t i
    cdef ls_entry *entry
    cdef stat status
    for i in range(found.count):
        entry = &found.entries[i]
        if not entry.follow:
            continue
        answer = None if follow is None else follow(found.arena[entry.name:entry.name + entry.name_length])
        if answer is None:
            ls_followed(entry, options, NULL)
            continue
        memset(&status, 0, sizeof(stat))
        status.st_mode, status.st_nlink, status.st_uid = answer.st_mode, answer.st_nlink, answer.st_uid
        status.st_gid, status.st_size = answer.st_gid, answer.st_size
        status.st_dev, status.st_ino = answer.st_dev, answer.st_ino
        status.st_mtim.tv_sec, status.st_mtim.tv_nsec = divmod(answer.st_mtime_ns, 1_000_000_000)
        status.st_atim.tv_sec, status.st_atim.tv_nsec = divmod(answer.st_atime_ns, 1_000_000_000)
        status.st_ctim.tv_sec, status.st_ctim.tv_nsec = divmod(answer.st_ctime_ns, 1_000_000_000)
        ls_followed(entry, options, &status)
    return 0


cdef list _directories(ls_list *found):
    cdef list names = []
    cdef ls_entry *entry
    cdef size_t i
    for i in range(found.count):
        entry = &found.entries[i]
        if not entry.dropped and (entry.mode & 0o170000) == 0o040000:
            name = found.arena[entry.name:entry.name + entry.name_length]
            if name != b"." and name != b"..":
                names.append(name)
    return names


cdef int _check(ls_list *found) except -1:
    if found.error:
        raise OSError(found.error, _os.strerror(found.error))
    return 0


cdef int _add_names(ls_list *found, ls_options *options, int dirfd, names, shown) except -1:
    cdef const char *c_name
    cdef const char *c_shown
    displays = names if shown is None else shown
    for name, display in zip(names, displays, strict=True):
        c_name = _name(name)
        c_shown = _name(display)
        with nogil:
            ls_add(found, options, dirfd, c_name, c_shown, 0)
    return 0


cdef int _keep(ls_list *found, keep) except -1:
    """Drops the entries that `keep` (name, whether it is a symbolic link) does not want."""
    cdef ls_entry *entry
    cdef size_t i
    for i in range(found.count):
        entry = &found.entries[i]
        if entry.dropped:
            continue
        name = found.arena[entry.name:entry.name + entry.name_length]
        link = (entry.mode & 0o170000) == 0o120000 or entry.target_mode != 0
        if not keep(name, link):
            entry.dropped = 1
    return 0


def list_directory(
    int dirfd, *, str form="list", names=None, shown=None, bytes prefix=b"", bint all=False, bint almost_all=False,
    bint classify=False, bint dereference=False, bint show_symlinks=True, bint slink=False, bint reverse=False,
    bint human=False, str sort="name", str time="modify", bint gmt=True, now=0, facts=(), bint numeric=False,
    owner=None, group=None, int rootfd=-1, int parentfd=-1, bytes path=b"/", follow=None,
    bint want_directories=False, limit=0, max_entries=200_000, max_bytes=33_554_432, keep=None, int fake_mode=-1,
    long long fake_uid=-1, long long fake_gid=-1, bint dos=False,
):
    cdef ls_options options
    cdef ls_list found
    cdef const char *c_prefix = prefix
    cdef size_t prefix_length = len(prefix)
    cdef bint scanned = names is None
    memset(&options, 0, sizeof(ls_options))
    memset(&found, 0, sizeof(ls_list))
    options.form, options.sort, options.time = _FORMS[form], _SORTS[sort], _TIMES[time]
    options.all, options.self = all or almost_all, all
    if form == "mlsd" and scanned:
        options.all = options.self = 1
    options.follow = dereference or not show_symlinks
    options.show_links, options.slink = show_symlinks and not dereference, slink and show_symlinks
    options.classify, options.reverse, options.gmt, options.human = classify, reverse, gmt, human
    options.want_directories, options.dos = want_directories, dos
    options.fake_mode, options.fake_uid, options.fake_gid = fake_mode, fake_uid, fake_gid
    for fact in facts:
        options.facts |= _FACTS[fact]
    options.now = now
    options.limit, options.max_entries, options.max_bytes = limit, max_entries, max_bytes
    options.rootfd, options.parentfd, options.path = rootfd, parentfd, _name(path)
    try:
        with nogil:
            ls_whoami(&found, dirfd)
            if scanned and not found.error:
                ls_scan(&found, &options, dirfd)
        if not scanned:
            _add_names(&found, &options, dirfd, names, shown)
        _check(&found)
        if keep is not None:
            _keep(&found, keep)
        _ask_links(&found, &options, follow)
        with nogil:
            ls_sort(&found, &options)
            if options.form != LS_NLST:
                ls_distinct(&found, 0)
                ls_distinct(&found, 1)
        _check(&found)
        kept = _fill(found.owners, found.owner_count, None if numeric else owner)
        kept += _fill(found.groups, found.group_count, None if numeric else group)
        with nogil:
            ls_format(&found, &options, c_prefix, prefix_length, scanned)
        _check(&found)
        directories = _directories(&found) if want_directories else []
        ls_forget_entries(&found)
        body = found.body[:found.length] if found.length else b""
        return Listing(body, found.printed, directories)
    finally:
        ls_free(&found)


tzset()
