cdef dict STOPS = {
    PUMP_DONE: "done", PUMP_CONTROL: "control", PUMP_STALLED: "stalled", PUMP_RESET: "reset", PUMP_EOF: "eof",
    PUMP_TLS: "tls", PUMP_FILE: "file", PUMP_ABORTED: "aborted", PUMP_LIMIT: "limit",
    PUMP_PAUSED: "paused", PUMP_INFLATE: "inflate", PUMP_CUT: "cut", PUMP_SECURED: "secured",
    PUMP_HANDSHAKE: "handshake", PUMP_LATE: "late",
}


cdef class Pump:
    """One transfer between a file (or a buffer, or a listing) and a socket, in one C loop without the GIL."""

    cdef pump state
    cdef Connection tls, proves
    cdef object source
    cdef object failure
    cdef object ended
    cdef str broken
    cdef bint running
    cdef bint begun_well  # the arguments were good: until then `wake` is 0, somebody else's descriptor
    cdef Py_buffer shown

    def __cinit__(
        self, *, str direction, source, int sock, Connection tls=None, int control=-1, offset=None,
        int64_t limit=-1, bint ascii=False, double rate=0.0, size_t burst=0,
        double stall=0.0, bint sendfile=True, bint finish=False,
        progress=None, size_t expected=0, deflate=None, double secure=0.0, Connection proves=None,
    ):
        self.state.wake = -1
        self.begun_well = True
        if direction not in ("send", "receive"):
            raise ValueError(f"unknown direction {direction!r}")
        if tls is None or tls.state.fd != sock:  # a Connection has looked already
            require_nonblocking(sock)
        self.source = source
        self.tls = tls
        self.state.sending = direction == "send"
        self.state.buffered = not sendfile
        self.state.finish = finish
        self.state.expected = expected
        self.state.position = -1 if offset is None else offset
        self.take_source(source)
        self.state.sock = sock
        self.state.control = control
        self.state.tls = tls.state if tls is not None else NULL
        self.state.limit = limit
        self.state.ascii = ascii
        self.state.rate = rate
        self.state.burst = burst
        self.state.stall = stall
        self.state.securing = secure > 0 and tls is not None
        self.state.secure_until = secure
        if proves is not None:
            self.proves = proves
            self.state.proves = proves.state
        if progress is not None:
            self.show(progress)
        if deflate is not None:
            self.compress(deflate)

    cdef int take_source(self, source) except -1:
        cdef Py_ssize_t skipped
        if isinstance(source, int):
            self.state.file = source
            return 0
        if not self.state.sending:
            raise ValueError("only a file can be received into")
        if not isinstance(source, bytes):
            self.state.file = -1
            self.state.position = -1
            self.state.pull = <pull *>PyCapsule_GetPointer(source.pull, PULL_CAPSULE)
            return 0
        skipped = max(0, min(self.state.position, <Py_ssize_t>len(source)))
        self.state.file = -1
        self.state.memory = <const unsigned char *>PyBytes_AS_STRING(source) + skipped
        self.state.memory_left = len(source) - skipped
        return 0

    cdef int show(self, progress) except -1:
        PyObject_GetBuffer(progress, &self.shown, PyBUF_WRITABLE)
        if self.shown.len != 8 or <size_t>self.shown.buf % 8:
            PyBuffer_Release(&self.shown)
            raise ValueError("progress is 8 aligned bytes")
        self.state.progress = <uint64_t *>self.shown.buf
        return 0

    cdef int compress(self, int level) except -1:
        if not -1 <= level <= 9:
            raise ValueError(f"no level of compression: {level}")
        self.state.buffered = 1
        self.state.z = pump_z_new(self.state.sending, level)
        if self.state.z == NULL:
            raise MemoryError

    def __dealloc__(self):
        if self.state.progress != NULL:
            PyBuffer_Release(&self.shown)
        pump_release(&self.state)
        if self.begun_well and self.state.wake >= 0:
            c_close(self.state.wake)

    def run(self):
        cdef int stop
        if self.ended is not None:
            return self.ended
        if self.running:
            raise RuntimeError("the pump is running")
        self.running = True
        try:
            while True:
                with nogil:
                    stop = pump_run(&self.state)
                if stop != PUMP_INTERRUPTED:
                    return self.stopped(stop)
                PyErr_CheckSignals()
        finally:
            self.running = False

    cdef object stopped(self, int stop):
        cdef str reason = STOPS[stop]
        if self.tls is not None and self.tls.raised is not None:
            raised, self.tls.raised = self.tls.raised, None
            raise raised
        if stop == PUMP_PAUSED:
            self.state.pause_at = 0
            self.state.pause_time = 0
        if stop == PUMP_CONTROL or stop == PUMP_PAUSED or stop == PUMP_SECURED:
            return reason
        self.ended = reason
        if stop == PUMP_HANDSHAKE:
            self.failure = tls_error("handshake", self.state.io_kind, self.state.error)
        if self.tls is not None and (stop == PUMP_TLS or stop == PUMP_EOF or stop == PUMP_RESET):
            self.failure = tls_error("transfer", self.state.io_kind, self.state.error)
        if stop == PUMP_INFLATE:
            self.broken = self.state.z.fault.decode("ascii", "replace")
        ERR_clear_error()
        pump_release(&self.state)
        return reason

    def abort(self):
        pump_abort(&self.state)

    def pause(self, *, uint64_t at=0, double time=0):
        self.state.pause_at = at
        self.state.pause_time = time

    @property
    def control(self):
        return self.state.control

    @control.setter
    def control(self, int descriptor):
        self.state.control = descriptor

    @property
    def securing(self):
        return bool(self.state.securing)

    @property
    def begun(self):
        return self.state.begun_at

    @property
    def finished(self):
        return bool(self.state.finished)

    @property
    def bytes(self):
        return pump_counted(&self.state.wire_bytes)

    @property
    def file_bytes(self):
        return pump_counted(&self.state.file_bytes)

    @property
    def gave_way(self):
        return self.state.gave_way

    @property
    def error(self):
        return self.failure

    @property
    def fault(self):
        return self.broken or ""

    @property
    def errno(self):
        return self.state.error if self.ended in ("file", "reset") else 0


def wait_readable(fds, double timeout):
    cdef Py_ssize_t count = len(fds)
    cdef double deadline = io_deadline(timeout)
    cdef int ready = 0
    cdef list found = []
    cdef Py_ssize_t i
    cdef pollfd *entries = <pollfd *>calloc(count + 1, sizeof(pollfd))
    if entries == NULL:
        raise MemoryError
    try:
        for i in range(count):
            entries[i].fd = fds[i]
            entries[i].events = POLLIN
        while True:
            with nogil:
                ready = poll(entries, count, io_milliseconds(deadline))
            if ready >= 0:
                for i in range(count):
                    if entries[i].revents:
                        found.append(i)
                return found
            if errno != EINTR:
                raise OSError(errno, os.strerror(errno))
            PyErr_CheckSignals()
    finally:
        free(entries)


def keep_to_processor(int number):
    if processor_confine(number) != 0:
        raise OSError(errno, os.strerror(errno))


def answer_promptly():
    processor_prompt()


def give_way_to(int commands):
    global processor_commands
    processor_commands = commands
