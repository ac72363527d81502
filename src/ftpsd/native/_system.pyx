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
from cpython.pycapsule cimport PyCapsule_New
from cpython.ref cimport Py_DECREF, PyObject
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
    int sys_create_regular(int parent, const char *name, uint64_t flags, mode_t mode, dev_t proc, stat *status)


RESOLVE_NO_XDEV = SYS_RESOLVE_NO_XDEV
RESOLVE_NO_MAGICLINKS = SYS_RESOLVE_NO_MAGICLINKS
RESOLVE_NO_SYMLINKS = SYS_RESOLVE_NO_SYMLINKS
RESOLVE_BENEATH = SYS_RESOLVE_BENEATH
RESOLVE_IN_ROOT = SYS_RESOLVE_IN_ROOT

ThreadCredentials = namedtuple("ThreadCredentials", "ruid euid suid rgid egid sgid groups")


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


cdef object _regular(int fd, const stat *status, bytes name):
    """What has been opened as `fd`; None: it is no regular file."""
    if fd == SYS_NOT_REGULAR:
        return None
    if fd < 0:
        raise _failure("", name)
    return (fd, status.st_size, status.st_dev, status.st_ino)


def open_regular(int dirfd, bytes path, flags, proc):
    cdef const char *text = _name(path)
    cdef uint64_t open_flags = flags
    cdef dev_t device = proc
    cdef stat status
    cdef int fd
    with nogil:
        fd = sys_open_regular(dirfd, text, open_flags, device, &status)
    return _regular(fd, &status, path)


def create_regular(int parent, bytes name, flags, unsigned mode, proc):
    cdef const char *text = _name(name)
    cdef uint64_t open_flags = flags
    cdef dev_t device = proc
    cdef stat status
    cdef int fd
    with nogil:
        fd = sys_create_regular(parent, text, open_flags, mode, device, &status)
    return _regular(fd, &status, name)


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


cdef extern from "sys_frames.h":
    void frames_keep()


def keep_frames():
    frames_keep()


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
    cdef list found = []
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
        for i in range(count):
            found.append(groups[i])
        return ThreadCredentials(ruid, euid, suid, rgid, egid, sgid, tuple(found))
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


include "sys_listing.pxi"
