cdef extern from "pull.h" nogil:
    const char *PULL_CAPSULE
    struct pull:
        pass


cdef extern from "sys_format.h" nogil:
    enum:
        LS_LIST
        LS_NLST
        LS_MLSD
    struct ls_options:
        int form, sort, time, all, self, follow, bare, show_links, slink, classify, reverse, gmt, human, dos
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
        size_t length
        ls_name *owners
        ls_name *groups
        size_t owner_count, group_count
        int error
    void ls_free(ls_list *)
    int ls_whoami(ls_list *, int dirfd)
    int ls_scan(ls_list *, const ls_options *, int dirfd)
    int ls_add(ls_list *, const ls_options *, int dirfd, const char *name, const char *shown, unsigned char kind)
    void ls_followed(ls_entry *, const ls_options *, const stat *)
    int ls_distinct(ls_list *, int groups)
    ls_entry *ls_at(const ls_list *, size_t place)
    size_t ls_body_bound(const ls_list *, const ls_options *, size_t prefix_length)
    int ls_sort(ls_list *, const ls_options *)
    struct ls_source:
        ls_list *list
        const ls_options *options
        const char *prefix
        size_t prefix_length
        int scanned
    pull *ls_begin(ls_source *)
    int ls_whole(ls_source *, char *body, size_t room)
    void tzset()


cdef extern from "Python.h":
    PyObject *new_bytes "PyBytes_FromStringAndSize"(const char *, Py_ssize_t size) except NULL
    char *bytes_of "PyBytes_AS_STRING"(PyObject *) nogil
    int _PyBytes_Resize(PyObject **, Py_ssize_t size) except -1


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
        entry = ls_at(found, i)
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


cdef class Listing:
    cdef ls_list found
    cdef ls_options options
    cdef ls_source source
    cdef bytes prefix
    cdef list kept  # what the names of owners and groups point into

    def __cinit__(
        self, int dirfd, *, str form="list", names=None, shown=None, bytes prefix=b"", bint all=False,
        bint almost_all=False, bint classify=False, bint dereference=False, bint show_symlinks=True, bint slink=False,
        bint reverse=False, bint human=False, str sort="name", str time="modify", bint gmt=True, now=0, facts=(),
        bint numeric=False, owner=None, group=None, int rootfd=-1, int parentfd=-1, bytes path=b"/", follow=None,
        bint want_directories=False, limit=0, max_entries=200_000, max_bytes=33_554_432, keep=None, int fake_mode=-1,
        long long fake_uid=-1, long long fake_gid=-1, bint dos=False, bint bare=False,
    ):
        cdef ls_options *options = &self.options
        cdef bint scanned = names is None
        options.form, options.sort, options.time = _FORMS[form], _SORTS[sort], _TIMES[time]
        options.all, options.self = all or almost_all, all
        if form == "mlsd" and scanned:
            options.all = options.self = 1
        options.follow = dereference or not show_symlinks
        options.show_links, options.slink = show_symlinks and not dereference, slink and show_symlinks
        options.classify, options.reverse, options.gmt, options.human = classify, reverse, gmt, human
        options.want_directories, options.dos, options.bare = want_directories, dos, bare
        options.fake_mode, options.fake_uid, options.fake_gid = fake_mode, fake_uid, fake_gid
        for fact in facts:
            options.facts |= _FACTS[fact]
        options.now = now
        options.limit, options.max_entries, options.max_bytes = limit, max_entries, max_bytes
        options.rootfd, options.parentfd, options.path = rootfd, parentfd, _name(path)
        self.prefix = prefix
        self.source.list, self.source.options, self.source.scanned = &self.found, options, scanned
        self.source.prefix, self.source.prefix_length = prefix, len(prefix)
        self.scan(dirfd, names, shown, keep, follow)
        options.path = NULL
        self.kept = _fill(self.found.owners, self.found.owner_count, None if numeric else owner)
        self.kept += _fill(self.found.groups, self.found.group_count, None if numeric else group)

    cdef int scan(self, int dirfd, names, shown, keep, follow) except -1:
        cdef ls_list *found = &self.found
        cdef ls_options *options = &self.options
        with nogil:
            ls_whoami(found, dirfd)
            if self.source.scanned and not found.error:
                ls_scan(found, options, dirfd)
        if not self.source.scanned:
            _add_names(found, options, dirfd, names, shown)
        _check(found)
        if keep is not None:
            _keep(found, keep)
        _ask_links(found, options, follow)
        with nogil:
            ls_sort(found, options)
            if options.form != LS_NLST:
                ls_distinct(found, 0)
                ls_distinct(found, 1)
        return _check(found)

    def __dealloc__(self):
        ls_free(&self.found)

    @property
    def body(self):
        # Written where they stay: bytes that nobody has seen yet may be written and shortened.
        cdef ls_list *found = &self.found
        cdef size_t room = ls_body_bound(found, &self.options, len(self.prefix))
        cdef PyObject *body = new_bytes(NULL, room)
        cdef bint whole
        cdef char *into = bytes_of(body)
        with nogil:
            whole = ls_whole(&self.source, into, room)
        _PyBytes_Resize(&body, found.length)
        made = <bytes>body
        Py_DECREF(made)
        if not whole or found.length > self.options.max_bytes:
            raise OSError(_errno.EFBIG, _os.strerror(_errno.EFBIG))
        return made

    @property
    def pull(self):
        return PyCapsule_New(ls_begin(&self.source), PULL_CAPSULE, NULL)

    @property
    def entries(self):
        cdef size_t i, kept = 0
        for i in range(self.found.count):
            kept += not self.found.entries[i].dropped
        return min(kept, self.options.limit) if self.options.limit else kept

    @property
    def directories(self):
        return _directories(&self.found) if self.options.want_directories else []


tzset()
