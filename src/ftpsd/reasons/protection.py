"""TLSRequired and the commands of RFC 2228 and RFC 4217."""

from __future__ import annotations

from ftpsd.reasons.codes import Code
from ftpsd.reasons.reason import Reason

_EXPLICIT = "Set the client to \"require explicit FTP over TLS\" (FTPES)."

REASONS = (
    Reason(
        Code.TLS_REQUIRED_CONTROL,
        "The server demands TLS (TLSRequired), and the client went on without it.",
        causes=(
            "The client is set to plain FTP.",
            "The client tries TLS first, but goes on without it when that fails.",
            "The client went back to plain text with CCC.",
        ),
        confirm=(
            "`ftpsd check --policy 'user NAME from ADDRESS tls=no LIST'` shows the rule that decides.",
            "`ftpsd check --explain TLSRequired` shows where it is set.",
        ),
        server=("`TLSRequired off` or, for some users only, TLSOptions AllowPerUser: passwords then travel in clear.",),
        client=(_EXPLICIT,),
        shown=("550 SSL/TLS required on the control channel [tls-required-control]",),
    ),
    Reason(
        Code.TLS_REQUIRED_DATA,
        "The server demands TLS for data connections (TLSRequired), and the client has not asked for it.",
        causes=(
            "The client sends no PROT P: it protects commands only.",
            "The current directory demands it with a TLSRequired of its own.",
        ),
        confirm=("The client's log shows PBSZ 0 and PROT P after the login, or does not.",),
        server=("`TLSRequired auth` or `ctrl` demand it of commands only; files then travel in clear.",),
        client=("Switch on the encryption of data connections (PROT P).",),
        shown=("522 SSL/TLS required on the data channel [tls-required-data]",),
    ),
    Reason(
        Code.TLS_REQUIRED_LOGIN,
        "The password was right, but this user may log in over TLS only (TLSRequired with TLSOptions AllowPerUser). "
        "The client is told that the login failed.",
        causes=("The client is set to plain FTP.",),
        confirm=("`ftpsd check --policy 'user NAME from ADDRESS tls=no PASS'`",),
        server=("TLSRequired in the <Anonymous>, <IfUser>, <IfGroup> or <IfClass> section that this user belongs to.",),
        client=(_EXPLICIT, "Change the password: it has been sent in clear."),
        shown=("TLSLog: SSL/TLS required but absent on control channel, disconnecting",),
    ),
    Reason(
        Code.NO_CERTIFICATE,
        "The client asked for TLS, but this host has no certificate.",
        causes=(
            "The certificate stands in server config, and the client has come to a <VirtualHost>.",
            "TLSEngine is on, and no certificate file is named.",
        ),
        confirm=("`ftpsd check` shows every host's certificates.",),
        server=("Put the TLS directives into <Global>, or into every <VirtualHost>.",),
        shown=("431 Necessary security resource unavailable [no-certificate]",),
    ),
    Reason(
        Code.AUTH_UNKNOWN_MECHANISM,
        "The client asked with AUTH for another kind of protection than TLS.",
        causes=("It tries GSSAPI (Kerberos) first; most then go on to AUTH TLS.",),
        client=(_EXPLICIT,),
        shown=("504 AUTH GSSAPI unsupported [auth-unknown-mechanism]",),
    ),
    Reason(
        Code.AUTH_TWICE,
        "The client asked for TLS on a connection that has TLS already.",
        causes=(
            "The port is for implicit TLS, and the client does both implicit and explicit.",
            "A fault of the client.",
        ),
        client=("Use `implicit` for port 990, `explicit` for port 21, never both.",),
        shown=("503 Unwilling to accept second AUTH [auth-twice]",),
    ),
    Reason(
        Code.AUTH_AFTER_CCC,
        "The client ended TLS with CCC and asked for it again, which is not possible within a session.",
        causes=("A fault of the client.",),
        client=("Switch CCC (\"clear command channel\") off.",),
        shown=("534 Unwilling to accept security parameters [auth-after-ccc]",),
    ),
    Reason(
        Code.AUTH_AFTER_LOGIN,
        "The client logged in first and asked for TLS then. Its password has already been sent in clear.",
        causes=("The client tries TLS only after the login.",),
        confirm=("The client's log shows USER before AUTH.",),
        server=("TLSOptions AllowPerUser permits it.",),
        client=(_EXPLICIT,),
        shown=(
            "TLSLog: Unwilling to accept AUTH after USER/PASS authentication for this session unless AllowPerUser …",
        ),
    ),
    Reason(
        Code.SECURITY_NOT_NEGOTIATED,
        "A command that only makes sense under TLS came on a connection without TLS.",
        causes=("AUTH TLS failed before, and the client went on.", "TLSEngine is off for this host."),
        confirm=("The reply to AUTH, some lines before in the client's log.",),
        server=("`TLSEngine on` and a certificate for this host; `ftpsd check` shows what is missing.",),
        client=(_EXPLICIT,),
        shown=("500 PBSZ not understood",),
    ),
    Reason(
        Code.CONTROL_NOT_PROTECTED,
        "The command needs a control connection under TLS, which has ended with CCC.",
        causes=("The client sent CCC too early.",),
        client=("Switch CCC (\"clear command channel\") off.",),
        shown=("533 CCC not allowed on insecure control connection [control-not-protected]",),
    ),
    Reason(
        Code.AUTH_LIMITED,
        "A <Limit AUTH> does not let this client begin TLS.",
        causes=("The configuration names AUTH in a <Limit>.",),
        server=("Take AUTH out of the <Limit>, or allow it for the client's addresses.",),
        shown=("534 Unwilling to accept security parameters [auth-limited]",),
    ),
    Reason(
        Code.PROT_REFUSED,
        "The client asked for a protection of data connections that TLSRequired does not allow.",
        causes=(
            "TLSRequired demands TLS for data, and the client asks for clear data (PROT C).",
            "TLSRequired forbids TLS for data (`!data`), and the client asks for it (PROT P).",
            "A <Limit PROT> denies it.",
        ),
        confirm=("`ftpsd check --explain TLSRequired` shows the value and its line.",),
        server=("`TLSRequired auth` or `ctrl` leave data connections to the client.",),
        client=("Switch on (or off) the encryption of data connections.",),
        shown=("534 Unwilling to accept security parameters [prot-refused]",),
    ),
    Reason(
        Code.PROT_LEVEL_UNSUPPORTED,
        "The client asked for a protection level that TLS does not have. There are C (clear) and P (private).",
        causes=("A fault of the client, or of who typed the command.",),
        client=("Use PROT P.",),
        shown=("536 PROT S unsupported [prot-level-unsupported]",),
    ),
    Reason(
        Code.CCC_REFUSED,
        "The client wants to continue its commands in clear (CCC), and TLSRequired does not allow that.",
        causes=(
            "The client is set to \"clear command channel\", so that a firewall can read its commands.",
            "A <Limit CCC> denies it.",
        ),
        confirm=("`ftpsd check --explain TLSRequired`",),
        server=("`TLSRequired auth+data` allows CCC after the login. PassivePorts make it needless.",),
        client=("Switch CCC off.",),
        shown=("534 Unwilling to accept security parameters [ccc-refused]",),
    ),
    Reason(
        Code.CCC_SHUTDOWN_FAILED,
        "After CCC the client did not end TLS as it should, or went away.",
        causes=("A client whose CCC is faulty (lftp among them).",),
        server=("`TLSRequired on` refuses CCC; such clients then stay under TLS.",),
        client=("Switch CCC off.",),
        shown=("System log: session ended [ccc-shutdown-failed]",),
    ),
    Reason(
        Code.SSCN_REFUSED,
        "A <Limit> denies SSCN, which clients use for secure transfers between two servers.",
        causes=("A <Limit SSCN> applies to this user or client.",),
        server=("Allow SSCN in the <Limit> section.",),
        shown=("550 SSCN: Operation not permitted [sscn-refused]",),
    ),
    Reason(
        Code.ADAT_UNEXPECTED,
        "ADAT belongs to mechanisms like Kerberos; with TLS there is nothing that it could carry.",
        causes=("The client believes that it uses Kerberos.",),
        client=(_EXPLICIT,),
        shown=("503 ADAT not expected: no security data exchange is in progress",),
    ),
    Reason(
        Code.PROTECTION_UNSUPPORTED,
        "MIC, CONF and ENC protect single commands; TLS protects the whole connection instead.",
        causes=("The client believes that it uses Kerberos.",),
        client=(_EXPLICIT,),
        shown=("537 MIC protection level not supported by security mechanism",),
    ),
)
