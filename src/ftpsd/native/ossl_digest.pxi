cdef dict DIGEST_STOPS = {
    DIGEST_DONE: "done", DIGEST_CONTROL: "control", DIGEST_PAUSED: "paused", DIGEST_SHORT: "short",
    DIGEST_FILE: "file",
}


cdef class Digest:
    """The digest of a part of a file, computed without the GIL."""

    cdef digest state
    cdef bint running, ended

    def __cinit__(self, str algorithm, *, int64_t start=0):
        cdef bytes name = algorithm.encode("ascii")
        cdef const char *chosen = NULL
        if name != b"crc32":
            chosen = PyBytes_AS_STRING(name)
        self.state.position = start
        if not digest_begin(&self.state, chosen):
            raise openssl_error(f"no digest {algorithm}")

    def __dealloc__(self):
        digest_free(&self.state)

    def run(self, int fd, int64_t end, *, int control=-1, double until=0.0):
        cdef int stop
        if self.running or self.ended:
            raise RuntimeError("the digest is running, or has ended")
        self.running = True
        with nogil:
            stop = digest_run(&self.state, fd, end, control, until)
        self.running = False
        if stop == DIGEST_FAILED:
            raise openssl_error("cannot compute a digest")
        return DIGEST_STOPS[stop]

    @property
    def position(self):
        return self.state.position

    @property
    def gave_way(self):
        return self.state.gave_way

    @property
    def errno(self):
        return self.state.error

    def hexdigest(self):
        cdef unsigned char out[64]
        cdef unsigned int size
        if self.running or self.ended:
            raise RuntimeError("the digest is running, or has ended")
        self.ended = True
        size = digest_end(&self.state, out)
        if size == 0:
            raise openssl_error("cannot end a digest")
        return PyBytes_FromStringAndSize(<char *>out, size).hex()
