"""What processes share: the ring of ticket keys, and the cache of sessions."""

cdef int64_t micros(double seconds) noexcept nogil:
    return <int64_t>(seconds * 1e6)


cdef class TicketKeys:
    """The ring of session-ticket keys, in memory shared with processes forked later."""

    cdef key_ring *ring

    def __cinit__(self, int64_t age=43200, unsigned keep=25, *, bint empty=False):
        if age < 1 or keep < 1 or keep > TICKET_KEYS_MAX:
            raise ValueError(f"an age of at least 1 second and 1 to {TICKET_KEYS_MAX} keys are needed")
        self.ring = keys_new(age * 1000000, keep)
        if self.ring == NULL:
            raise MemoryError
        if not empty:
            self.maintain(micros_now() / 1e6, age)

    def __dealloc__(self):
        keys_free(self.ring)

    def configure(self, int64_t age, unsigned keep):
        if age < 1 or keep < 1 or keep > TICKET_KEYS_MAX:
            raise ValueError(f"an age of at least 1 second and 1 to {TICKET_KEYS_MAX} keys are needed")
        self.ring.age = age * 1000000
        self.ring.keep = keep

    def maintain(self, double now, double period, double lead=0):
        cdef int made
        with nogil:
            made = keys_maintain(self.ring, micros(now), micros(period), micros(lead))
        if made < 0:
            raise OpenSSLError("no ticket key could be made")
        return bool(made)

    def facts(self):
        cdef list found = []
        cdef unsigned i
        cdef key_table *work = keys_begin(self.ring)
        if work == NULL:
            raise OpenSSLError("the ticket keys are locked by another process")
        try:
            for i in range(work.count):
                found.append(TicketKeyFacts(
                    (<const char *>work.keys[i].name)[:TICKET_NAME_SIZE], work.keys[i].created / 1e6,
                    work.keys[i].active / 1e6,
                ))
        finally:
            keys_commit(self.ring, work, 0)
        return found

    def set_secret(self, const unsigned char[::1] secret not None):
        if len(secret) == 0:
            raise ValueError("a secret cannot be empty")
        ERR_clear_error()
        if not seal_set_secret(self.ring, &secret[0], len(secret)):
            raise openssl_error("cannot derive a key from the secret")

    def sealed(self):
        cdef bytearray out = bytearray(SEAL_MOST)
        cdef size_t size
        cdef unsigned char *start = out
        ERR_clear_error()
        with nogil:
            size = seal_ring(self.ring, start)
        if size == 0:
            raise openssl_error("cannot seal the ticket keys")
        return bytes(out[:size])

    def merge(self, bytes sealed not None, double now):
        cdef const unsigned char *start = <const unsigned char *>PyBytes_AS_STRING(sealed)
        cdef size_t size = len(sealed)
        cdef int outcome
        ERR_clear_error()
        with nogil:
            outcome = seal_open(self.ring, start, size, micros(now))
        ERR_clear_error()
        if outcome == -2:
            raise ValueError("the keys were not sealed with this secret")
        if outcome < 0:
            raise OpenSSLError("the ticket keys are locked by another process")
        return bool(outcome & 1), bool(outcome & 2)

    def adopt(self, TicketKeys other not None, double now):
        if not keys_adopt(self.ring, other.ring, micros(now)):
            raise OpenSSLError("the ticket keys are locked by another process")

    def claim(self, double now, double interval):
        return bool(keys_claim(self.ring, micros(now), micros(interval)))

    def seal(self, bytes name not None, bytes data not None):
        cdef bytes out = PyBytes_FromStringAndSize(NULL, len(data) + SEAL_EXTRA)
        ERR_clear_error()
        if not self.ring.sealing or not seal_encrypt(
            self.ring.seal, PyBytes_AS_STRING(name), len(name), <const unsigned char *>PyBytes_AS_STRING(data),
            len(data), <unsigned char *>PyBytes_AS_STRING(out),
        ):
            raise openssl_error("cannot seal an entry")
        return out

    def unseal(self, bytes name not None, bytes data not None):
        cdef bytes out
        cdef bint ok
        if not self.ring.sealing or len(data) < SEAL_EXTRA:
            raise ValueError("not sealed with this secret")
        out = PyBytes_FromStringAndSize(NULL, len(data) - SEAL_EXTRA)
        ok = seal_decrypt(
            self.ring.seal, PyBytes_AS_STRING(name), len(name), <const unsigned char *>PyBytes_AS_STRING(data),
            len(data), <unsigned char *>PyBytes_AS_STRING(out),
        )
        ERR_clear_error()
        if not ok:
            raise ValueError("not sealed with this secret")
        return out

    def wipe(self):
        keys_wipe(self.ring)

    @property
    def sealing(self):
        return bool(self.ring.sealing)

    @property
    def pool(self):
        return (<const char *>self.ring.pool)[:sizeof(self.ring.pool)]

    @property
    def locked(self):
        return bool(self.ring.locked)

    @property
    def age(self):
        return self.ring.age // 1000000

    @property
    def keep(self):
        return self.ring.keep


TicketKeyFacts = namedtuple("TicketKeyFacts", "name created active", module=__name__)
CacheFacts = namedtuple("CacheFacts", "entries size created locked attached removed counters", module=__name__)
CACHE_SMALLEST_SIZE = CACHE_SMALLEST


cdef class SharedCache:
    """Entries in memory that processes share; see ossl_cache.h."""

    cdef cache state

    def __cinit__(self, size_t size=0, *, bint segment=False, int join=-1, bytes nonce=b""):
        cdef bytes mark = nonce or random_bytes(CACHE_NONCE)
        cdef const unsigned char *start = <const unsigned char *>PyBytes_AS_STRING(mark)
        cdef bint ok
        if len(mark) != CACHE_NONCE:
            raise ValueError(f"a nonce has {CACHE_NONCE} bytes")
        if join < 0 and size < CACHE_SMALLEST:
            raise ValueError(f"a cache has at least {CACHE_SMALLEST} bytes")
        if join >= 0:
            ok = cache_join_segment(&self.state, join, start)
        elif segment:
            ok = cache_in_segment(&self.state, size, start, micros_now())
        else:
            ok = cache_in_memory(&self.state, size, start, micros_now())
        if not ok:
            if join >= 0:
                raise FileNotFoundError(errno, "there is no such segment")
            raise OSError(errno, f"no shared memory of {size} bytes: {os.strerror(errno)}")

    def __dealloc__(self):
        cache_leave(&self.state)

    cdef int check(self, int outcome) except -1:
        if outcome == CACHE_BUSY:
            raise TimeoutError(110, "another process holds the cache's lock")
        if outcome == CACHE_NO_MEMORY:
            raise MemoryError
        return outcome == CACHE_YES

    def store(self, bytes key not None, bytes value not None, double expires, double now, double timeout):
        cdef const char *key_at = PyBytes_AS_STRING(key)
        cdef const char *value_at = PyBytes_AS_STRING(value)
        cdef size_t key_size = len(key), value_size = len(value)
        cdef int outcome
        with nogil:
            outcome = cache_store(
                &self.state, key_at, key_size, value_at, value_size, micros(expires), micros(now), timeout)
        return bool(self.check(outcome))

    def fetch(self, bytes key not None, double now, double timeout):
        cdef const char *key_at = PyBytes_AS_STRING(key)
        cdef size_t key_size = len(key), size = 0
        cdef unsigned char *value = NULL
        cdef int outcome
        with nogil:
            outcome = cache_fetch(&self.state, key_at, key_size, micros(now), timeout, &value, &size)
        if not self.check(outcome):
            return None
        try:
            return (<const char *>value)[:size]
        finally:
            OPENSSL_cleanse(value, size)
            free(value)

    def delete(self, bytes key not None, double timeout):
        cdef const char *key_at = PyBytes_AS_STRING(key)
        cdef size_t key_size = len(key)
        cdef int outcome
        with nogil:
            outcome = cache_delete(&self.state, key_at, key_size, timeout)
        return bool(self.check(outcome))

    def sweep(self, double now, double timeout, *, bint all=False):
        cdef int64_t count
        with nogil:
            count = cache_sweep(&self.state, micros(now), all, timeout)
        if count < 0:
            self.check(CACHE_BUSY)
        return count

    def entries(self, double timeout):
        cdef unsigned char *copy
        cdef uint64_t position = 0, head = 0
        cdef cache_record record
        cdef const unsigned char *data = NULL
        cdef list found = []
        with nogil:
            copy = cache_snapshot(&self.state, &position, &head, timeout)
        if copy == NULL:
            self.check(CACHE_BUSY)
        try:
            while cache_next(&self.state, copy, &position, head, &record, &data):
                both = (<const char *>data)[:record.key_size + record.value_size]
                found.append((both[:record.key_size], both[record.key_size:], record.expires / 1e6))
        finally:
            OPENSSL_cleanse(copy, self.state.log_size)
            free(copy)
        return found

    def remove(self, double timeout):
        cdef int outcome
        with nogil:
            outcome = cache_remove(&self.state, timeout)
        self.check(outcome)

    def count(self, int counter, uint64_t number=1):
        if not 0 <= counter < CACHE_COUNTERS:
            raise ValueError("no such counter")
        cache_count(&self.state, counter, number)

    def facts(self):
        cdef list counters = []
        cdef int i
        for i in range(CACHE_COUNTERS):
            counters.append(self.state.shared.counters[i])
        return CacheFacts(
            self.state.shared.entries, self.state.size, self.state.shared.created / 1e6, bool(self.state.locked),
            cache_attached(&self.state), bool(cache_gone(&self.state)), tuple(counters),
        )

    def memory(self):
        return PyMemoryView_FromMemory(<char *>self.state.shared, <Py_ssize_t>self.state.size, PyBUF_WRITE)

    @property
    def segment(self):
        return self.state.segment

    @property
    def entry_max(self):
        return self.state.entry_max
