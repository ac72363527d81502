"""What to do about a finding, in the words of the program that the server is. Pure.

The explanation of the code (`ftpsd explain`) has the same for everybody; here it is what one would tell a friend first.
"""

from __future__ import annotations

from collections.abc import Mapping

from ftpsd.reasons.codes import Code
from ftpsd.reasons.table import TABLE

_PROFTPD, _VSFTPD, _PURE = "ProFTPD", "vsFTPd", "Pure-FTPd"
_RENEW = "Renew the certificate, and reload the server."
_CHAIN = "Put the authority's intermediate certificates behind the server's own (the “fullchain” file)."

_SERVER: Mapping[Code, Mapping[str, str]] = {
    Code.CERT_EXPIRED: {"": _RENEW},
    Code.CERT_EXPIRES_SOON: {"": _RENEW},
    Code.CERT_NOT_YET_VALID: {"": "Wait, or set the clock of the machine that made it."},
    Code.CERT_NAMES: {"": "Request a certificate with the name by which clients connect."},
    Code.CERT_WITHOUT_SAN: {"": "Request a certificate with the host's name as subjectAltName."},
    Code.CERT_SELF_SIGNED: {"": "Use a certificate of a public authority (Let's Encrypt is free)."},
    Code.SERVER_CERT_UNTRUSTED: {"": "Use a certificate of a public authority, or give clients yours."},
    Code.CHAIN_INCOMPLETE: {
        "": _CHAIN, _PROFTPD: "Name the authority's intermediate certificates with TLSCertificateChainFile."},
    Code.CHAIN_DISORDERED: {"": "Sort them: the server's own first, then each behind the one that it signed."},
    Code.CHAIN_UNRELATED: {"": "Take it out of the chain file."},
    Code.CERT_WEAK_KEY: {"": "Make a key of 2048 bits (RSA) or 256 bits (EC), and a certificate for it."},
    Code.CERT_WEAK_SIGNATURE: {"": "Have the certificate signed with SHA-256."},
    Code.CERT_NOT_FOR_SERVERS: {"": "Request a certificate for TLS servers (serverAuth)."},
    Code.PROTOCOL_OBSOLETE: {
        "": "Allow TLS 1.2 and 1.3 only.", _PROFTPD: "TLSProtocol TLSv1.2 TLSv1.3",
        _VSFTPD: "MinProtocol = TLSv1.2 in the system's openssl.cnf.",
        _PURE: "MinProtocol = TLSv1.2 in the system's openssl.cnf."},
    Code.TLS13_MISSING: {"": "Allow TLS 1.3, or update the server.", _PROFTPD: "TLSProtocol TLSv1.2 TLSv1.3"},
    Code.CIPHER_WEAK: {
        "": "Take them out of the list of ciphers (HIGH:!aNULL:!eNULL).",
        _PROFTPD: "TLSCipherSuite HIGH:!aNULL:!eNULL", _VSFTPD: "ssl_ciphers=HIGH:!aNULL:!eNULL"},
    Code.NO_FORWARD_SECRECY: {
        "": "Take them out of the list of ciphers (:!kRSA).", _PROFTPD: "TLSCipherSuite HIGH:!aNULL:!eNULL:!kRSA",
        _VSFTPD: "ssl_ciphers=HIGH:!aNULL:!eNULL:!kRSA"},
    Code.TLS_OPTIONAL: {
        "": "Demand TLS before the login.", _PROFTPD: "TLSRequired on", _VSFTPD: "force_local_logins_ssl=YES",
        _PURE: "--tls=2 or --tls=3"},
    Code.DATA_IN_CLEAR: {
        "": "Demand TLS for data connections.", _PROFTPD: "TLSRequired on", _VSFTPD: "force_local_data_ssl=YES",
        _PURE: "--tls=3"},
    Code.NAT_PRIVATE_ADDRESS: {
        "": "Tell the server its public address for passive mode.", _PROFTPD: "MasqueradeAddress PUBLIC-NAME",
        _VSFTPD: "pasv_address=PUBLIC-ADDRESS", _PURE: "--forcepassiveip=PUBLIC-ADDRESS"},
    Code.PASV_OTHER_HOST: {
        "": "Tell the server its public address for passive mode.", _PROFTPD: "MasqueradeAddress PUBLIC-NAME",
        _VSFTPD: "pasv_address=PUBLIC-ADDRESS", _PURE: "--forcepassiveip=PUBLIC-ADDRESS"},
    Code.DATA_NOT_CONNECTED: {
        "": "Choose a range of passive ports, and open it in the firewall.",
        _PROFTPD: "PassivePorts 30000 30999, and open them in the firewall.",
        _VSFTPD: "pasv_min_port=30000, pasv_max_port=30999, and open them in the firewall.",
        _PURE: "--passiveportrange=30000:30999, and open them in the firewall."},
    Code.ACTIVE_UNREACHABLE: {"": "Nothing, unless this is the only mode that clients have."},
    Code.ACTIVE_REFUSED: {"": "Nothing: passive mode is what clients use."},
    Code.REUSE_SWITCHED_OFF: {
        "": "Demand it, if the server can, once all clients can.",
        _PROFTPD: "Remove TLSOptions NoSessionReuseRequired.", _VSFTPD: "require_ssl_reuse=YES",
        _PURE: "Nothing: this server cannot demand it."},
    Code.RESUMPTION_REQUIRED: {
        "": "Nothing, as long as your clients work.",
        _PROFTPD: "Nothing; TLSOptions NoSessionReuseRequired relaxes it.",
        _VSFTPD: "Nothing; require_ssl_reuse=NO relaxes it."},
    Code.TICKETS_RUN_DRY: {
        "": "Limit it to TLS 1.2, do not demand resumption, or use a server that sends one for each transfer (ftpsd).",
        _PROFTPD: "TLSProtocol TLSv1.2, or TLSOptions NoSessionReuseRequired; ftpsd sends a ticket for each transfer.",
        _VSFTPD: "require_ssl_reuse=NO; ftpsd sends a ticket for each transfer."},
    Code.CLIENT_CERT_WANTED: {
        "": "Do not ask, if no client has one.", _PROFTPD: "TLSOptions NoCertRequest, if no client has one.",
        _VSFTPD: "ssl_request_cert=NO, if no client has one."},
    Code.RENEGOTIATION_OPEN: {
        "": "Forbid it, or allow TLS 1.3 only.", _PROFTPD: "Remove TLSOptions AllowClientRenegotiations."},
    Code.CCC_ALLOWED: {"": "Forbid CCC, if no client needs it.", _PROFTPD: "<Limit CCC> DenyAll </Limit>"},
    Code.SNI_UNKNOWN: {"": "Give the server every name that clients use.", _PROFTPD: "ServerAlias NAME"},
    Code.IMPLICIT_PORT: {"": "Explicit TLS belongs on port 21, implicit TLS on port 990."},
    Code.PROT_REFUSED: {"": "Let the server encrypt data connections (PROT P)."},
    Code.CLIENT_CERT_MISSING: {"": "Ask for certificates only where users have them."},
    Code.HANDSHAKE_ERROR: {"": "The server's own log says why."},
    Code.DATA_TLS_ERROR: {"": "The server's own log says why."},
    Code.CCC_SHUTDOWN_FAILED: {"": "Forbid CCC."},
}
_CLIENT: Mapping[Code, str] = {
    Code.CERT_SELF_SIGNED: "Compare its fingerprint (--details) with the administrator's before you accept it.",
    Code.SERVER_CERT_UNTRUSTED: "Give the client the authority's certificate (--ca FILE here).",
    Code.NAT_PRIVATE_ADDRESS: "Use EPSV, or “use the server's address for passive mode”.",
    Code.DATA_NOT_CONNECTED: "Try another network, to see whose firewall it is.",
    Code.TICKETS_RUN_DRY: "Limit the client to TLS 1.2.",
    Code.CERT_NAMES: "Connect by a name that the certificate has.",
}
_SAME = {"ftpsd": _PROFTPD}
"""Whose configuration language a program shares."""


def advice(code: Code, software: str) -> tuple[str, str]:
    """(for the server's administrator, for the client's user); "" where there is nothing to do."""
    reason = TABLE[code]
    known = _SERVER.get(code)
    if known is None:
        server = reason.server[0] if reason.server else ""
    else:
        server = known.get(_SAME.get(software, software), known[""])
    return server, _CLIENT.get(code, reason.client[0] if reason.client and known is None else "")
