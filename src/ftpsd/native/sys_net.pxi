cdef extern from "sys_net.h" nogil:
    enum:
        NET_TEXT
    struct net_option:
        int level, name, value
    int net_listen(const char *address, uint16_t low, uint16_t high, const net_option *options, size_t count,
                   int backlog, uint16_t *bound)
    int net_accept(int listener, char *text)
    int net_wait(int first, short first_events, int second, short second_events, double deadline)
    double net_now()

cdef enum: OPTIONS_MOST = 16


def listen(str address, uint16_t low, uint16_t high, tuple options, int backlog):
    cdef net_option wanted[OPTIONS_MOST]
    cdef bytes text = address.encode()
    cdef Py_ssize_t count = len(options)
    cdef uint16_t bound = 0
    cdef Py_ssize_t i
    cdef int fd
    if count > OPTIONS_MOST:
        raise ValueError("too many options")
    if low > high:
        raise ValueError("no ports")
    for i in range(count):
        wanted[i].level, wanted[i].name, wanted[i].value = options[i]
    fd = net_listen(text, low, high, wanted, count, backlog, &bound)
    if fd < 0:
        raise _failure()
    return (fd, bound)


def accept(int listener):
    cdef char text[NET_TEXT]
    cdef int fd = net_accept(listener, text)
    if fd < 0:
        raise _failure()
    return (fd, (<bytes>text).decode("ascii"))


def wait_for(int first, short first_events, int second, short second_events, double deadline):
    cdef int ready
    while True:
        with nogil:
            ready = net_wait(first, first_events, second, second_events, deadline)
        if ready >= 0:
            return ready
        if errno != EINTR:
            raise _failure()
        PyErr_CheckSignals()
