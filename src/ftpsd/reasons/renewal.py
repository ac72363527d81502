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
    Reason(
        Code.ACME_UNREACHABLE, "The ACME server could not be asked for a certificate. The present one is served on, "
        "and it is tried again.",
        ("No connection to the network, or a firewall.", "ACMEServer is not its address.",
         "The server's own certificate comes from an authority that this system does not know."),
        ("`curl -v ADDRESS` with the address of ACMEServer.", "`ftpsd acme -c CONFIGURATION` tries it at once."),
        ("For an authority of your own name its certificate with ACMECACertificateFile.",),
        shown=("SystemLog: ACME: 'https://…' cannot be reached: … [acme-unreachable]",)),
    Reason(
        Code.ACME_REFUSED, "The ACME server does not want to issue the certificate.",
        ("Too many certificates were asked for lately (rate limit).", "Nobody has agreed to its terms of service.",
         "It does not issue certificates for such names, or not by this kind of challenge."),
        ("Its answer is in the log line.", "`ftpsd acme -c CONFIGURATION` tries it at once."),
        ("`ACMEAgreeToTerms on`, another ACMEChallenge, other ACMENames; after a rate limit only time helps.",
         "Try with `ACMEServer letsencrypt-staging` first: its limits are wide."),
        shown=("SystemLog: ACME: the ACME server refuses: … [acme-refused]",)),
    Reason(
        Code.ACME_VALIDATION, "The ACME server could not verify that a name is this machine's.",
        ("DNS does not lead to this machine, or has an IPv6 address that does not.",
         "A firewall, or NAT, does not let it through to port 80 (tls-alpn-01: 443).",
         "A web server answers there, and does not pass the questions on."),
        ("`curl -v http://NAME/.well-known/acme-challenge/x` from outside must reach this machine.",),
        ("Open the port, correct DNS, or let the web server pass /.well-known/acme-challenge/ on to the port that"
         " ACMEChallenge names.",),
        shown=("SystemLog: ACME: the ACME server could not verify a name: … [acme-validation]",)),
    Reason(
        Code.ACME_PORT, "The questions of the ACME server cannot be answered: the port is not free, or not allowed.",
        ("A web server has port 80 (tls-alpn-01: 443).", "ftpsd does not run as root."),
        ("`ss -ltnp` shows who listens on the port.",),
        ("Let the web server pass /.well-known/acme-challenge/ on, and write for example"
         " `ACMEChallenge http-01 127.0.0.1:8402`.",),
        shown=("SystemLog: ACME: unable to listen on all addresses, port 80: … [acme-port]",)),
    Reason(
        Code.ACME_UNWRITABLE, "A certificate, its key or the account's key cannot be written.",
        ("The directory does not exist, or belongs to somebody else.", "The unit of systemd forbids it.",
         "The file system is read-only or full."),
        ("`ftpsd acme -c CONFIGURATION` tries it at once.",),
        ("Make the directory, or name other files: TLSECCertificateFile, TLSECCertificateKeyFile,"
         " ACMEAccountKeyFile. In a unit: ReadWritePaths=.",),
        shown=("SystemLog: ACME: unable to write '…': Permission denied [acme-unwritable]",)),
)
