"""Certificates that are renewed while the server runs."""

from __future__ import annotations

from ftpsd.reasons.codes import Code
from ftpsd.reasons.reason import Reason

REASONS = (
    Reason(
        Code.CERT_NAMES_LOST, "A new certificate was put into the files, and lacks a name that the present one has: "
        "the present one is served on.",
        ("It was requested for fewer names.", "It is another host's."),
        ("`openssl x509 -noout -ext subjectAltName -in CERT`",),
        ("Request one with all names; or, if that is meant, reload the server (SIGHUP), which takes it.",),
        shown=("SystemLog: certificate '…' no longer bears …; the old certificate is served on",)),
    Reason(
        Code.CERT_EXPIRES_EARLIER, "A new certificate was put into the files that expires earlier than the present "
        "one: the present one is served on.",
        ("An old file was put back.", "The authority issues certificates for a shorter time now."),
        ("`openssl x509 -noout -dates -in CERT`",),
        ("Put the right file there; or, if that is meant, reload the server (SIGHUP), which takes it.",),
        shown=("SystemLog: certificate '…' expires on …, earlier than the one that is served",)),
    Reason(
        Code.CERT_KEPT, "New certificates are there, but no workers could be started that serve them: the old ones are "
        "served on, and it is tried again every minute.",
        ("Sessions of several earlier configurations are still on.", "The machine is short of memory or processes."),
        ("`ftpsd who` shows who is on; the SystemLog says what failed.",),
        ("`ftpsctl kick` ends old sessions.",),
        shown=("SystemLog: new certificates have to wait: …",)),
)
