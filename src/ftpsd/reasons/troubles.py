"""The questions about failures, with what ftpsd says to each.

docs/troubleshooting.md is printed from this table (`reasons.troubleshooting`),
`ftpsd explain` finds what other programs
say in it, and tests/trouble makes every one of them happen and compares.
"""

from __future__ import annotations

from ftpsd.reasons.codes import Code
from ftpsd.reasons.trouble import Place, Sight, Trouble

_BOTH, _OLD, _NEW = (2009, 2016), (2009,), (2016,)
_FAILED = "TLS/TLS-C negotiation failed on control channel"
_UNABLE = "unable to accept TLS connection"
_VERIFY = "client certificate failed verification"
_NO_DATA = "425 Unable to build data connection"
_SILENT = ("Clients that look at it after the handshake (lftp, wget) leave in silence: the log then has nothing but "
           "the connection accepted.")
_FXP_NEEDS = ("Both servers then need `TLSOptions NoSessionReuseRequired` (neither has the other's session), the "
              "authority of the other one in TLSCACertificateFile, and AllowForeignAddress.")


def _tls(*texts: str) -> tuple[Sight, ...]:
    return _seen("TLSLog", *texts)


def _seen(place: Place, *texts: str) -> tuple[Sight, ...]:
    return tuple(Sight(place, text) for text in texts)


CONNECTING = (
    Trouble(
        "plain-client", "The login fails before the password is asked for (lftp, ftp, Windows Explorer)", _NEW,
        ("ftp:ssl-allow", "Access denied: 550", "The server refuses login"),
        (*_seen("reply", "550 SSL/TLS required on the control channel [tls-required-control]"),
         *_tls("SSL/TLS required but absent for authentication, denying USER command [tls-required-control]")),
        (Code.TLS_REQUIRED_CONTROL,),
        "The client is set to plain FTP, and the server wants encryption. Choose \"explicit FTP over TLS\" in the "
        "client; "
        "in lftp: `set ftp:ssl-force yes`."),
    Trouble(
        "implicit-client", "FileZilla or lftp with ftps://: An unexpected TLS packet was received", _NEW,
        ("An unexpected TLS packet was received", "SSL23_GET_SERVER_HELLO:unknown protocol", "wrong version number",
         "packet length too long", "first record does not look like a TLS handshake"),
        _seen("system log", "client began TLS without AUTH, as for implicit TLS; this port is for explicit TLS, "
              "disconnecting [implicit-at-explicit]"),
        (Code.IMPLICIT_AT_EXPLICIT,),
        "ftps:// encrypts at once (implicit TLS); port 21 starts in clear and switches (explicit TLS). Use ftpes:// in "
        "FileZilla, ftp:// with `set ftp:ssl-force yes` in lftp, `--ssl-reqd ftp://` in curl; or offer implicit TLS "
        "on a "
        "host of its own: `Port 990` and `TLSOptions UseImplicitSSL`."),
    Trouble(
        "explicit-client-at-990", "On port 990 the client connects, and then nothing happens", _BOTH,
        ("Could not connect to server", "Timeout waiting for the greeting", "FTP response timeout"),
        (*_tls(f"{_UNABLE}: no TLS hello came: perhaps the client is set to plain or explicit FTP and waits for a "
               "greeting, but this port is for implicit TLS (UseImplicitSSL)",
               "implicit SSL/TLS negotiation failed on control channel [handshake-timeout]"),
         *_seen("reply", "421 TLS handshake failed [handshake-timeout]")),
        (Code.HANDSHAKE_TIMEOUT,),
        "Port 990 is for implicit TLS: client and server wait for each other. Choose \"implicit\" in the client, or "
        "connect to port 21."),
    Trouble(
        "disabled-version", "unknown protocol, wrong version number: the client cannot connect at all", _NEW,
        ("SSL23_GET_CLIENT_HELLO:unknown protocol", "unsupported protocol", "tlsv1 alert protocol version", "wrong "
        "version number",
         "version too low", "A TLS fatal alert has been received", "tls: protocol version not supported"),
        _tls(f"{_UNABLE}: perhaps client requested disabled TLS protocol version: …",
             f"{_FAILED} [protocol-disabled]"),
        (Code.PROTOCOL_DISABLED,),
        "The client's version of TLS is not among those of TLSProtocol. Update the client, or add the version; "
        "`ftpsd check` says what it costs."),
    Trouble(
        "sslv2", "TLSProtocol SSLv2: why is it not supported?", _BOTH, (),
        (*_seen("start", "unknown protocol: 'SSLv2'"), *_seen("check", "[config-error] unknown protocol: 'SSLv2'")),
        (Code.CONFIG_ERROR,),
        "SSLv2 is broken, and no OpenSSL has it any more. Take the word out, or write `TLSProtocol TLSv1.2 TLSv1.3`."),
    Trouble(
        "no-shared-cipher", "no shared cipher; at the client: sslv3 alert handshake failure", _BOTH,
        ("no shared cipher", "alert handshake failure", "ssl_error_no_cypher_overlap",
         "Could not negotiate a supported cipher suite", "A TLS fatal alert has been received",
         "tls: handshake failure", "Received TLS alert from the server: Handshake failed"),
        _tls(f"{_UNABLE}: client does not support any cipher from 'TLSCipherSuite …'",
             f"{_FAILED} [no-shared-cipher]"),
        (Code.NO_SHARED_CIPHER,),
        "Client and server know no cipher (method of encryption) in common. Remove TLSCipherSuite, or update the "
        "client. A client of TLS 1.2 gets the same alert when it lacks a certificate of its own: the log tells."),
    Trouble(
        "no-certificate", "TLS works on one host, but not on the <VirtualHost> beside it", _BOTH,
        ("Necessary security resource unavailable", "Requested SSL level failed"),
        (*_seen("reply", "431 Necessary security resource unavailable [no-certificate]"),
         *_tls("Unable to accept AUTH TLS due to lack of certificates [no-certificate]"),
         *_seen("check", "[no-certificate] TLSEngine is on, but no certificate is configured: AUTH is answered with "
         "431")),
        (Code.NO_CERTIFICATE,),
        "What stands outside of every section does not hold for a <VirtualHost>. Move the TLS directives into "
        "<Global>."),
    Trouble(
        "bad-certificate-file", "The server does not start: the certificate file is badly formatted", _NEW, (),
        (*_seen("start", "'…' does not exist or does not contain a certificate"),
         *_seen("check", "[cert-unreadable] '…' holds no certificate")),
        (Code.CERT_UNREADABLE,),
        "The file must be in PEM form, which begins with -----BEGIN CERTIFICATE-----. "
        "`openssl x509 -inform DER -in FILE -out NEW` converts it."),
    Trouble(
        "eof", "received EOF that violates protocol: the connection breaks in the middle of the handshake", _BOTH,
        ("received EOF that violates protocol", "SSL_ERROR_SYSCALL", "unexpected eof while reading",
         "SSLEOFError", "EOF occurred in violation of protocol", "TLS connection was non-properly terminated"),
        _tls(f"{_UNABLE}: usually this indicates an FTP-aware router, NAT, or firewall interfering with the TLS "
             "handshake", f"{_FAILED} [handshake-eof]"),
        (Code.HANDSHAKE_EOF,),
        "Try from another network. If it works there, a firewall or router that reads FTP is to blame: switch its "
        "\"FTP "
        "helper\" or \"FTP ALG\" off."),
    Trouble(
        "asked-for-certificate", "An old client (Transmit, Fetch, SmartFTP, CuteFTP) breaks off when TLS begins", _BOTH,
        ("SSL Error -9844", "error:00000000:lib(0):func(0):reason(0)"),
        _tls(f"{_UNABLE}: the client was asked for a certificate, which some cannot bear; see TLSOptions NoCertRequest",
             f"{_FAILED} [handshake-eof]"),
        (Code.HANDSHAKE_EOF,),
        "If no client needs a certificate of its own: `TLSOptions NoCertRequest`."),
    Trouble(
        "gnutls-8-9", "FileZilla: GnuTLS error -8 (illegal version) or -9 (unexpected length)", _NEW,
        ("GnuTLS error -8", "GnuTLS error -9", "A record packet with illegal version was received",
         "A TLS packet with unexpected length was received"),
        _seen("system log", "USER homeless (Login failed): unable to enter '…': No such file or directory "
        "[login-no-home]"),
        (Code.LOGIN_NO_HOME,),
        "With other servers this hides an error that has nothing to do with TLS: its text comes in clear into the "
        "encrypted connection. ftpsd answers under TLS, and the log has the true reason: here a home that is missing."),
    Trouble(
        "silent-client", "Sessions hang after AUTH TLS until they are cut off", (), ("TLS negotiation timed out",),
        (*_tls(f"{_UNABLE}: the client asked for TLS and sent no TLS hello", f"{_FAILED} [handshake-timeout]"),),
        (Code.HANDSHAKE_TIMEOUT,),
        "Somebody asked for TLS and then did nothing: a scanner, or a firewall that swallows what follows. "
        "TLSTimeoutHandshake bounds the time (seconds)."),
)

SERVER_CERTIFICATES = (
    Trouble(
        "untrusted", "verify error:num=20: unable to get local issuer certificate", _BOTH,
        ("unable to get local issuer certificate", "verify error:num=20", "self-signed certificate",
         "signed by unknown authority", "tlsv1 alert unknown ca", "SSL certificate problem",
         "certificate is not trusted", "The certificate issuer is unknown",
         "Certificate verification: Not trusted"),
        (*_tls(f"{_UNABLE}: client does not trust the issuer of this server's certificate",
               f"{_FAILED} [server-cert-untrusted]"),
         *_seen("check", "[chain-incomplete] the chain of '…' is incomplete: clients get no certificate of '…'")),
        (Code.SERVER_CERT_UNTRUSTED, Code.CHAIN_INCOMPLETE),
        "The client does not know the authority that signed the server's certificate. Name the authority's "
        "intermediate "
        "certificates with TLSCertificateChainFile. With an authority of your own, give its certificate to the "
        "client. " + _SILENT),
    Trouble(
        "expired", "certificate has expired", (),
        ("sslv3 alert certificate expired", "certificate has expired", "The certificate is NOT trusted. The "
         "certificate chain uses expired certificate", "certificate is not yet valid", "The certificate is NOT "
         "trusted. The certificate chain uses not yet valid certificate"),
        (*_tls(f"{_UNABLE}: client rejected this server's certificate as expired", f"{_FAILED} [server-cert-expired]"),
         *_seen("check", "[cert-expired] the certificate '…' expired on …: clients refuse it")),
        (Code.SERVER_CERT_EXPIRED, Code.CERT_EXPIRED),
        "Renew the certificate; the server takes the new files by itself. `ftpsd check` warns from 30 days before "
        "(with a third of its time left, where that is less). Where it is not yet valid, a clock is wrong. " + _SILENT),
    Trouble(
        "wrong-name", "certificate unknown, bad certificate: the client says that the name does not match", (),
        ("sslv3 alert certificate unknown", "sslv3 alert bad certificate", "Hostname mismatch", "does not match "
         "host", "doesn't match requested host name", "x509: certificate is valid for"),
        (*_tls(f"{_UNABLE}: client rejected this server's certificate", f"{_FAILED} [server-cert-rejected]"),
         *_seen("check", "[cert-names] '…' does not bear the name …")),
        (Code.SERVER_CERT_REJECTED, Code.CERT_NAMES),
        "Connect by a name that the certificate bears, or request one that bears all names. The same happens when the "
        "client's user answers that the certificate is not to be trusted. Clients that look at the name after the "
        "handshake (curl, lftp, wget) leave in silence: the log then has nothing but the connection accepted."),
    Trouble(
        "wrong-key", "The server does not start: key values mismatch", (),
        ("key values mismatch", "X509_check_private_key"),
        (*_seen("start", "key values mismatch"),
         *_seen("check", "[cert-key-mismatch] the key '…' does not belong to the certificate '…'")),
        (Code.CERT_KEY_MISMATCH,),
        "Certificate and key were not made for each other; often only one of them was replaced. Name the key that the "
        "certificate was requested with."),
    Trouble(
        "passphrase", "When proftpd starts up, I am prompted to enter the passphrases", _BOTH, (),
        (*_seen("start", "unable to use RSA certificate key in '…', exiting"),
         *_seen("check", "[cert-key-encrypted] the key '…' is encrypted: its passphrase is asked for at start, and a "
                "start without a terminal fails")),
        (Code.CERT_KEY_ENCRYPTED,),
        "`openssl pkey -in KEY -out NEW` and `chmod 600 NEW` make a key without a passphrase; or name a program that "
        "prints it: TLSPassPhraseProvider."),
    Trouble(
        "weak-key", "The server does not start: ee key too small, ca md too weak", (),
        ("ee key too small", "ca md too weak", "EE certificate key too weak", "dh key too small"),
        (*_seen("start", "key too small"),
         *_seen("check", "[cert-weak-key] the key of '…' (RSA 1024) is too short: OpenSSL and clients refuse it")),
        (Code.CERT_WEAK_KEY,),
        "Today's OpenSSL refuses keys and signatures that are easily broken. Make a key of 2048 bits (RSA) or 256 bits "
        "(EC), and a certificate for it."),
)

CLIENT_CERTIFICATES = (
    Trouble(
        "client-certificate-missing", "peer did not return a certificate", _BOTH,
        ("peer did not return a certificate", "SSL3_GET_CLIENT_CERTIFICATE", "alert certificate required",
         "alert handshake failure", "A TLS fatal alert has been received", "tls: certificate required",
         "tls: handshake failure"),
        _tls(f"{_UNABLE}: client did not provide certificate, but one is required via 'TLSVerifyClient on'",
             f"{_FAILED} [client-cert-missing]"),
        (Code.CLIENT_CERT_MISSING,),
        "Give the client its certificate and key; or write `TLSVerifyClient optional`, if it may do without."),
    Trouble(
        "chain-too-long", "certificate chain too long", _NEW,
        ("certificate chain too long", "unable to verify certificate at depth"),
        (*_tls("client certificate failed verification: certificate chain too long",
               f"{_FAILED} [client-cert-chain-too-long]"),
         *_seen("check", "[verify-depth-zero] TLSVerifyDepth 0: every client's certificate chain is too long")),
        (Code.CLIENT_CERT_CHAIN_TOO_LONG, Code.VERIFY_DEPTH_ZERO),
        "Take TLSVerifyDepth out of the configuration: its default, 10, is enough."),
    Trouble(
        "client-ca-unknown", "A client's certificate is refused, although its authority's is in "
        "TLSCertificateChainFile",
        _BOTH, ("tlsv1 alert unknown ca", "tls: unknown certificate authority",
                f"{_VERIFY}: unable to get local issuer certificate", f"{_VERIFY}: self-signed certificate"),
        _tls("client certificate failed verification: unable to get local issuer certificate",
             f"{_FAILED} [client-cert-unknown-ca]"),
        (Code.CLIENT_CERT_UNKNOWN_CA,),
        "TLSCertificateChainFile is what the server sends about itself. Authorities whose clients are to be trusted "
        "stand in TLSCACertificateFile."),
    Trouble(
        "crl-expired", "Suddenly all clients with certificates are refused: CRL has expired", (),
        ("CRL has expired", "sslv3 alert certificate expired"),
        (*_tls("client certificate failed verification: CRL has expired", f"{_FAILED} [client-cert-crl-unusable]"),
         *_seen("check", "[crl-expired] the list of '…' in '…' expired on …: no client of that authority is let in")),
        (Code.CLIENT_CERT_CRL_UNUSABLE, Code.CRL_EXPIRED),
        "The list of revoked certificates (CRL, TLSCARevocationFile) is out of date. Have a job fetch the authority's "
        "present list; the server notices the new file."),
    Trouble(
        "client-certificate-revoked", "One client's certificate is refused: certificate revoked", (),
        ("alert certificate revoked", "certificate revoked", "tls: revoked certificate"),
        _tls("client certificate failed verification: certificate revoked", f"{_FAILED} [client-cert-revoked]"),
        (Code.CLIENT_CERT_REVOKED,),
        "Its authority has withdrawn it. The client needs a new one."),
    Trouble(
        "client-certificate-expired", "One client's certificate is refused: it has expired", (),
        ("sslv3 alert certificate expired", "tls: expired certificate", f"{_VERIFY}: certificate has expired"),
        _tls("client certificate failed verification: certificate has expired", f"{_FAILED} [client-cert-expired]"),
        (Code.CLIENT_CERT_EXPIRED,),
        "The client needs a new certificate. If all are refused, look at the server's clock (`date -u`)."),
    Trouble(
        "client-certificate-purpose", "One client's certificate is refused: unsuitable certificate purpose", (),
        ("unsuitable certificate purpose", "unsupported certificate purpose", "alert unsupported certificate",
         "tls: unsupported certificate"),
        _tls("client certificate failed verification: uns…ble certificate purpose",
             f"{_FAILED} [client-cert-wrong-purpose]"),
        (Code.CLIENT_CERT_WRONG_PURPOSE,),
        "The certificate was issued for a server. The client needs one for clients (extended key usage clientAuth)."),
)

DATA = (
    Trouble(
        "not-resumed", "I can log in, but not list, upload or download: 425 Unable to build data connection: "
        "Operation not "
        "permitted", _BOTH,
        ("Unable to build data connection: Operation not permitted", "client did not reuse SSL session",
         "session reuse required", "TLS session of data connection", "450 TLS session"),
        (*_seen("reply", f"{_NO_DATA}: TLS session of the control connection was not reused [data-not-resumed]"),
         *_tls("client did not reuse SSL session, rejecting data connection (see the NoSessionReuseRequired TLSOptions "
               "parameter)", "unable to open data connection: TLS negotiation failed [data-not-resumed]")),
        (Code.DATA_NOT_RESUMED,),
        "A file travels over a connection of its own, which must continue the TLS session of the login. Use a "
        "client that "
        "does so. For one that cannot: `TLSOptions NoSessionReuseRequired`, best in an <IfUser> or <IfClass> for it "
        "alone."),
    Trouble(
        "tickets-run-dry", "The first two files work, the third fails", (), (),
        _seen("probe", "[tickets-run-dry]"),
        (Code.TICKETS_RUN_DRY,),
        "Not with ftpsd: it sends a new ticket for every transfer. `ftpsd probe HOST --user NAME` finds it in other "
        "servers; there, limit the client to TLS 1.2."),
    Trouble(
        "after-a-large-file", "After uploading a very large file, my next directory listing fails", _NEW, (),
        _seen("check", "[session-cache-short] sessions are kept 1800 seconds, and new keys come every 3600: ProFTPD "
        "would "
              "refuse data connections in between, ftpsd never does for a session's age"),
        (Code.SESSION_CACHE_SHORT,),
        "Not with ftpsd, which never refuses a data connection for the age of its session. The lines about it in an "
        "old "
        "configuration do no harm."),
    Trouble(
        "prot-clear", "I can log in, but I cannot see any directories: the client asks for PROT C", _BOTH,
        ("unwilling to accept security parameter (C), declining", "534 Unwilling to accept security parameters"),
        (*_seen("reply", "534 Unwilling to accept security parameters [prot-refused]"),
         *_tls("PROT: unwilling to accept security parameter (C), declining [prot-refused]")),
        (Code.PROT_REFUSED,),
        "The client wants files in clear, and TLSRequired demands TLS for them, too. Switch the encryption of data "
        "connections on in the client (lftp: `set ftp:ssl-protect-data yes` and `set ftp:ssl-protect-list yes`)."),
    Trouble(
        "no-prot", "522 at LIST: the client never asks for encrypted data", _BOTH,
        ("SSL/TLS required on the data channel",),
        (*_seen("reply", "522 SSL/TLS required on the data channel [tls-required-data]"),
         *_tls("SSL/TLS required but absent on data channel, denying LIST command [tls-required-data]")),
        (Code.TLS_REQUIRED_DATA,),
        "The client sends no PROT P. Switch the encryption of data connections on in it."),
    Trouble(
        "hang-on-list", "The client hangs on LIST, waiting for data", _BOTH,
        ("MLSD hangs", "Failed to retrieve directory listing", "TLS negotiation timed out"),
        (*_tls(f"{_UNABLE}: no TLS hello came: perhaps the client believes that data connections are not encrypted",
               "unable to open data connection: TLS negotiation failed [handshake-timeout]"),
         *_seen("reply", f"{_NO_DATA}: TLS handshake failed [handshake-timeout]")),
        (Code.HANDSHAKE_TIMEOUT,),
        "The client agreed to encrypted data (PROT P, or AUTH SSL, which implies it) and then waits for data in clear. "
        "Update it; of curl, write `--ssl-reqd` instead of `--ftp-ssl-control`. ftpsd ends the wait after "
        "TLSTimeoutHandshake (seconds; 300 where it is not written)."),
    Trouble(
        "plain-data", "An upload fails at once: the client sends the file in clear", _BOTH, (),
        (*_tls(f"{_UNABLE}: what the client sent is not TLS",
               "unable to open data connection: TLS negotiation failed [not-tls]"),
         *_seen("reply", f"{_NO_DATA}: TLS handshake failed [not-tls]")),
        (Code.NOT_TLS,),
        "The client agreed to encrypted data (PROT P) and sends it in clear. Update it; nothing of the file was "
        "stored."),
    Trouble(
        "firewall", "Using mod_tls, FTP sessions through my firewall no longer work", _BOTH,
        ("Failed to retrieve directory listing", "Connection timed out", "ETIMEDOUT", "EHOSTUNREACH"),
        (*_seen("reply", f"{_NO_DATA}: Connection timed out [data-not-connected]"),
         *_seen("system log", "no data connection came from … to … port …: Connection timed out [data-not-connected]")),
        (Code.DATA_NOT_CONNECTED,),
        "With TLS a firewall cannot read which port the next file uses, and so does not open it. Choose a range, "
        "`PassivePorts 30000 30999`, and open it in the firewall."),
    Trouble(
        "ccc", "My firewall needs CCC to read along, and the server refuses it", _BOTH, (),
        (*_seen("reply", "534 Unwilling to accept security parameters [ccc-refused]"),
         *_tls("CCC: unwilling to accept security parameters: TLSRequired setting does not allow for unprotected "
         "control "
               "channel [ccc-refused]")),
        (Code.CCC_REFUSED,),
        "`TLSRequired auth+data` allows CCC (back to clear commands after the login). PassivePorts make it needless."),
    Trouble(
        "nat", "Behind NAT, in Docker or a cloud: the client is told a private address", _BOTH,
        ("Server sent passive reply with unroutable address", "Bad PASV host", "unroutable address"),
        (*_seen("reply", f"{_NO_DATA}: Connection timed out [nat-private-address]"),
         *_seen("system log", "no data connection came from … to 10.0.0.5 port …: … [nat-private-address]"),
         *_seen("check", "[masquerade-private] 'inside.example.org' is 10.0.0.5, an address that clients outside of "
         "this "
                "network cannot reach"),
         *_seen("probe", "[nat-private-address]")),
        (Code.NAT_PRIVATE_ADDRESS, Code.MASQUERADE_PRIVATE),
        "`MasqueradeAddress` with the public name or address, `PassivePorts` with a range, and that range forwarded "
        "to the "
        "server."),
    Trouble(
        "active-behind-nat", "500 Illegal PORT command", (),
        ("Illegal PORT command", "Illegal EPRT command"),
        (*_seen("reply", "500 Illegal PORT command [address-mismatch]"),
         *_seen("system log", "Refused PORT … (address mismatch) [address-mismatch]")),
        (Code.ADDRESS_MISMATCH,),
        "In active mode the client told its inner address, which is not where it comes from. Use passive mode. The "
        "same happens in transfers between two servers (FXP): name a <Class> of those servers in "
        "AllowForeignAddress."),
    Trouble(
        "active-refused", "425 in active mode: Connection refused", (), ("Can't open data connection",),
        (*_seen("reply", f"{_NO_DATA}: Connection refused [active-refused]"),
         *_seen("system log", "unable to connect to the client's … port …: … [active-refused]")),
        (Code.ACTIVE_REFUSED,),
        "The server called the client back, and the client's side refused. Use passive mode."),
    Trouble(
        "ports-exhausted", "With many users: 425, no passive port is free", (), ("Address already in use",),
        _seen("reply", f"{_NO_DATA}: no passive port is free [passive-ports-exhausted]"),
        (Code.PASSIVE_PORTS_EXHAUSTED,),
        "For five seconds every port was taken. Make PassivePorts a larger range; sessions that ask for a port and do "
        "not use it keep it until TimeoutNoTransfer or TimeoutIdle."),
    Trouble(
        "foreign-peer", "425 Security: Bad IP connecting (load balancer, several addresses)", (),
        ("Bad IP connecting",),
        _seen("system log", "data connection from 127.0.0.2 refused: the control connection is from 127.0.0.1 "
              "[data-foreign-peer]"),
        (Code.DATA_FOREIGN_PEER,),
        "Commands and files come from different addresses. Send both the same way; otherwise put the addresses "
        "into a <Class> and name it in AllowForeignAddress."),
    Trouble(
        "fxp-demanded", "Why does mod_tls break FXP transfers (from server to server)? 522", _BOTH, (),
        _seen("reply", "522 SSL/TLS required on the data channel [tls-required-data]"),
        (Code.TLS_REQUIRED_DATA,),
        "The program that drives both servers asks for files in clear, and TLSRequired demands TLS for them. Use "
        "one that "
        "knows SSCN, as lftp: `set ftp:ssl-protect-fxp yes`. " + _FXP_NEEDS),
    Trouble(
        "fxp-without-sscn", "Why does mod_tls break FXP transfers? Both servers wait", _BOTH, (),
        (*_tls("unable to open data connection: TLS negotiation failed [handshake-timeout]"),
         *_seen("reply", f"{_NO_DATA}: TLS handshake failed [handshake-timeout]")),
        (Code.HANDSHAKE_TIMEOUT,),
        "Between two servers one must play the client, which it is told by the command SSCN. Use a program that "
        "knows it "
        "(lftp: `set ftp:ssl-protect-fxp yes`). " + _FXP_NEEDS),
    Trouble(
        "fxp-unverified", "Secure FXP fails: unable to verify server certificate", _NEW, (),
        _tls("unable to verify '…' server certificate: …", "[data-server-not-verified]"),
        (Code.DATA_SERVER_NOT_VERIFIED,),
        "Name the other server's authority in TLSCACertificateFile; its certificate must bear its name or address. "
        "TLSVerifyServer says how strict that is."),
    Trouble(
        "renegotiation", "My FTPS client times out after uploading or downloading more than 1 GB", _BOTH,
        ("unexpected message", "no renegotiation"),
        (*_tls("requested TLS renegotiation timed out on data channel"),
         *_seen("reply", "426 … [data-tls-error]"),
         *_seen("check", "[renegotiation-risky] TLSRenegotiate required on: clients of TLSv1.2 that cannot renegotiate "
                "(most) are cut off after a while, in the middle of large files")),
        (Code.DATA_TLS_ERROR, Code.RENEGOTIATION_RISKY),
        "The server asks for new keys in the middle (TLSRenegotiate), and the client does not understand. Write "
        "`TLSRenegotiate none`: TLS 1.3 needs none of it."),
    Trouble(
        "truncated", "Uploads are cut or empty", (), (),
        _seen("reply", "426 Transfer aborted. Data connection closed without TLS close_notify [data-truncated]"),
        (Code.DATA_TRUNCATED,),
        "The connection ended without the client saying that the file was complete. A client that never says so needs "
        "`UploadEnd lenient`, in an <IfUser> or <IfClass> of its own."),
    Trouble(
        "close-notify", "GnuTLS error -110: The TLS connection was non-properly terminated", (),
        ("GnuTLS error -110", "non-properly terminated", "TLS connection was non-properly terminated",
         "server did not properly shut down TLS connection"),
        _seen("probe", "[close-notify-missing]"),
        (Code.CLOSE_NOTIFY_MISSING,),
        "Not with ftpsd, which ends every data connection as TLS wants it. `ftpsd probe HOST --user NAME` finds the "
        "fault "
        "in other servers."),
)

POLICY = (
    Trouble(
        "cannot-enforce-both", "cannot enforce both 'TLSRequired auth' and 'TLSOptions AllowPerUser' at the same time",
        _NEW, (),
        (*_seen("start", "cannot enforce both 'TLSRequired auth' and 'TLSOptions AllowPerUser' at the same time"),
         *_seen("check", "[config-error] mod_tls/…: Server …: cannot enforce both")),
        (Code.CONFIG_ERROR,),
        "AllowPerUser waits for the login, `TLSRequired on` does not. Take AllowPerUser out, or set TLSRequired off "
        "for "
        "those who may do without, in an <Anonymous>, <IfUser>, <IfGroup> or <IfClass> section."),
    Trouble(
        "per-user", "TLS per user (AllowPerUser): the password is right, and the login fails", _BOTH, (),
        (*_seen("system log", "USER alice (Login failed): TLS is required for this user [tls-required-login]"),
         *_tls("SSL/TLS required but absent on control channel, disconnecting"),
         *_seen("reply", "530 Login incorrect")),
        (Code.TLS_REQUIRED_LOGIN,),
        "This user needs TLS, and the client logged in without. Choose explicit TLS in the client, and change the "
        "password: it was sent in clear."),
    Trouble(
        "auth-too-late", "The client logs in first and asks for TLS afterwards", _BOTH, (),
        _tls("Unwilling to accept AUTH after USER/PASS authentication for this session unless AllowPerUser "
        "TLSOption is "
             "used [auth-after-login]"),
        (Code.AUTH_AFTER_LOGIN,),
        "Choose \"require explicit FTP over TLS\" in the client; then it asks for TLS first."),
    Trouble(
        "ftps-not-allowed", "The password is right, but Protocols does not allow plain FTP", (), (),
        (*_seen("system log", "USER alice (Login failed): ftp protocol denied by Protocols config [protocol-denied]"),
         *_tls("ftp protocol denied by Protocols config")),
        (Code.PROTOCOL_DENIED,),
        "Choose explicit TLS in the client, or add `ftp` to Protocols."),
)

STARTING = (
    Trouble(
        "fips", "How can I use OpenSSL in FIPS mode? unable to use FIPS mode", _BOTH, ("unable to use FIPS mode",),
        (*_seen("start", "unable to use FIPS mode: …"), *_seen("start", "openssl fipsinstall")),
        (),
        "OpenSSL needs its FIPS provider, the file fips.so: `openssl fipsinstall -module …/fips.so -out "
        "…/fipsmodule.cnf` tests it, openssl.cnf has to include what that writes (`man fips_config`), and "
        "`ftpsd -D TLS_USE_FIPS` starts with it."),
    Trouble(
        "header-mismatch", "compiled using OpenSSL version … headers, but linked to OpenSSL version … library", _BOTH,
        ("but linked to OpenSSL version",),
        _seen("system log", "mod_tls/…: compiled using OpenSSL version '…' headers, but linked to OpenSSL version '…' "
        "library"),
        (),
        "A warning: the OpenSSL that is loaded is older than the one that ftpsd was built with. Update OpenSSL "
        "(`apt-get install libssl3`), or build ftpsd again. `ftpsd -V` names the one that is loaded."),
)

ACCOUNTS = (
    Trouble(
        "wrong-password", "530 Login incorrect", (),
        ("530 Login incorrect", "530 Login authentication failed", "Access denied: 530"),
        (*_seen("reply", "530 Login incorrect"),
         *_seen("system log", "USER alice (Login failed): Incorrect password [login-wrong-password]",
                "USER nobody-here: no such user found … [login-unknown-user]")),
        (Code.LOGIN_WRONG_PASSWORD, Code.LOGIN_UNKNOWN_USER),
        "The client always hears the same; the log has the reason. `ftpsd passwd --file FILE NAME "
        "--change-password` sets "
        "a new password."),
    Trouble(
        "shell", "The password is right, but the user's shell is /bin/false", (), (),
        (*_seen("system log", "USER alice (Login failed): Invalid shell: '/bin/nonsense' [login-invalid-shell]"),
         *_seen("check", "[auth-file-shell] 'shell' cannot log in: the shell '/bin/nonsense' is not in /etc/shells")),
        (Code.LOGIN_INVALID_SHELL, Code.AUTH_FILE_SHELL),
        "`RequireValidShell off` lets users in whose shell is not in /etc/shells."),
    Trouble(
        "too-many", "530 Sorry, the maximum number of clients from your host are already connected", (),
        ("maximum number of clients", "Too many connections"),
        (*_seen("reply", "530 Sorry, the maximum number of clients (1) from your host are already connected."),
         *_seen("system log", "[limit-clients-per-host]")),
        (Code.LIMIT_CLIENTS_PER_HOST,),
        "Allow the client fewer simultaneous connections, or raise MaxClientsPerHost. `ftpsd who` shows who is on."),
    Trouble(
        "permission", "550 Permission denied, 553 Could not create file", (),
        ("553 Could not create file", "Permission denied", "Failed FTP upload: 55"),
        (*_seen("reply", "550 closed/up: Permission denied"), *_seen("EventLog", '"event": "command-denied", … '
        '"reason": "file-permission"')),
        (Code.FILE_PERMISSION,),
        "The user who logged in has no right to that directory. `namei -l DIRECTORY` shows whose it and all above it "
        "are; `chown` or `chmod` gives it."),
)

THEMES: tuple[tuple[str, tuple[Trouble, ...]], ...] = (
    ("Connecting", CONNECTING), ("The server's certificate", SERVER_CERTIFICATES),
    ("Certificates of clients", CLIENT_CERTIFICATES), ("Listings, uploads and downloads", DATA),
    ("Who needs TLS", POLICY), ("Building and starting", STARTING), ("Accounts and files", ACCOUNTS),
)
"""Heading and questions, in the order of the page."""

TROUBLES: tuple[Trouble, ...] = tuple(trouble for _, troubles in THEMES for trouble in troubles)
