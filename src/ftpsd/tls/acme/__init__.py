"""Certificates from an ACME server (RFC 8555): asked for, proved, written where the configuration names them.

Theory
------
The server itself never talks to an ACME server: that takes minutes, and needs port 80 or 443. `ftpsd acme` does, a
program of its own, which the supervisor starts now and then (`server/renewing.py`) and an administrator may start by
hand. It reads the configuration, does what is due (`plan`, pure), and writes certificate and key into the files that
the configuration names; that they are served is the business of `tls.live`, as with any other files that change.

`client` speaks the protocol by the library `acme`, `answering` proves that the names are ours: HTTP-01 (RFC 8555
section 8.3) or TLS-ALPN-01 (RFC 8737). `storage` has the account's key, what failed when (so that no server is asked
too often), and the writing of files.
"""
