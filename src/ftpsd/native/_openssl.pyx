# cython: language_level=3, freethreading_compatible=True
"""A thin binding to the system's OpenSSL (3.0 or later), and the pump.

`_openssl.pyi` is the reference of what is here. The parts:

    ossl_errors.pxi      the error queue and the exceptions
    ossl_cache.pxi       TicketKeys, SharedCache: what processes share
    ossl_context.pxi     Context: certificates, protocols, verification, session and ticket policy
    ossl_devices.pxi     engines, providers, memory for secrets
    ossl_session.pxi     Session: what a client keeps
    ossl_connection.pxi  Connection: handshake, read, write, shutdown, and what was negotiated
    ossl_digest.pxi      Digest: of a part of a file
    pump.pxi             Pump and wait_readable

What runs without the GIL is C: `ossl_hooks.h` (OpenSSL's callbacks and the theory of resumption), `ossl_io.h`
(deadlines), `ossl_keys.h`, `ossl_seal.h`, `ossl_held.h` (the ticket keys), `ossl_cache.h` (sessions by id), `ossl_psk.h`,
`ossl_staples.h` (OCSP responses), `ossl_devices.h`, `ossl_digest.h`, `pump_*.h` (the transfer loops). A callback of OpenSSL never enters Python, save those that are asked
for: SNI, info, message, revocation, sessions in a cache that is not ours.
"""

cimport cython
from cpython.buffer cimport PyBUF_SIMPLE, PyBUF_WRITABLE, PyBUF_WRITE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.exc cimport PyErr_CheckSignals
from cpython.memoryview cimport PyMemoryView_FromMemory
from cpython.pycapsule cimport PyCapsule_GetPointer
from libc.errno cimport EINTR, errno
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memset
from libc.stdint cimport int64_t, uint32_t, uint64_t
from libc.time cimport time as c_time
from posix.fcntl cimport F_GETFL, O_NONBLOCK, fcntl
from posix.unistd cimport close as c_close
from posix.unistd cimport getpid

from ftpsd.native.ossl cimport *

import os
from collections import namedtuple
from typing import Literal

VerifyMode = Literal["none", "request", "require"]
ErrorKind = Literal["timeout", "closed", "eof", "reset", "syscall", "protocol", "renegotiation"]
Stapled = Literal["", "response", "try-later", "nothing"]
Stop = Literal[
    "done", "control", "stalled", "reset", "eof", "tls", "file", "aborted", "limit", "paused", "inflate", "cut",
    "secured", "handshake", "late",
]

include "ossl_errors.pxi"
include "ossl_cache.pxi"
include "ossl_context.pxi"
include "ossl_session.pxi"
include "ossl_connection.pxi"
include "ossl_devices.pxi"
include "ossl_digest.pxi"
include "pump.pxi"


def random_bytes(int size):
    cdef bytes out = PyBytes_FromStringAndSize(NULL, size)
    if size > 0 and RAND_bytes(<unsigned char *>PyBytes_AS_STRING(out), size) != 1:
        raise openssl_error("cannot make random bytes")
    return out


def rest_thread():
    OPENSSL_thread_stop()


def library_version():
    return OpenSSL_version(0).decode()


def header_version():
    return OPENSSL_VERSION_TEXT.decode()


def supports(str protocol):
    cdef SSL_CTX *ctx
    cdef int version = protocol_number(protocol)
    cdef bint known
    ctx = SSL_CTX_new(TLS_server_method())
    if ctx == NULL:
        raise openssl_error("cannot make a context")
    known = SSL_CTX_set_min_proto_version(ctx, version) == 1 and SSL_CTX_set_max_proto_version(ctx, version) == 1
    SSL_CTX_free(ctx)
    ERR_clear_error()
    return known


def load_fips():
    cdef OSSL_PROVIDER *fips
    cdef OSSL_PROVIDER *base
    ERR_clear_error()
    fips = OSSL_PROVIDER_load(NULL, b"fips")
    if fips == NULL:
        raise openssl_error("cannot load the FIPS provider")
    base = OSSL_PROVIDER_load(NULL, b"base")
    if base == NULL or EVP_default_properties_enable_fips(NULL, 1) != 1:
        error = openssl_error("cannot make the FIPS provider the default")
        if base != NULL:
            OSSL_PROVIDER_unload(base)
        OSSL_PROVIDER_unload(fips)
        raise error


py_name = on_name
py_info = on_info
py_message = on_message
py_verify = on_verify
py_resume = on_resume
py_session_new = on_session_new
py_session_get = on_session_get
py_session_remove = on_session_remove
