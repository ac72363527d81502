"""Commands that cannot be carried out, and how sessions end."""

from __future__ import annotations

from ftpsd.reasons.codes import Code
from ftpsd.reasons.reason import Reason

REASONS = (
    Reason(
        Code.COMMAND_UNKNOWN,
        "The server does not know the command.",
        causes=("An extension that this server does not have; clients try such and go on.", "A typing error."),
        confirm=("HELP and FEAT list what there is.",),
        shown=("500 XYZZ not understood",),
    ),
    Reason(
        Code.SYNTAX,
        "The command is known, but not with these arguments.",
        causes=("A fault of the client, or of who typed the command.",),
        confirm=("`HELP COMMAND` shows how it is written.",),
        shown=("501 Invalid number of parameters",),
    ),
    Reason(
        Code.PARAMETER_UNSUPPORTED,
        "The client asked for a transfer type, mode or structure that is not supported.",
        causes=("Types A and I, mode S and structure F are all there is; EBCDIC, records and blocks are history.",),
        client=("Set the transfer type to binary.",),
        shown=("504 TYPE not implemented for 'E' parameter",),
    ),
    Reason(
        Code.RENAME_WITHOUT_SOURCE,
        "RNTO must come directly after a successful RNFR.",
        causes=("RNFR was refused, and the client went on.", "The client sent another command in between."),
        shown=("503 Bad sequence of commands",),
    ),
    Reason(
        Code.ENCODING_OFF,
        "The client wants to choose the character set of file names, and the configuration does not allow that.",
        causes=("`UseEncoding off`", "UseEncoding or LangOptions fix the client's character set."),
        server=("`UseEncoding on`",),
        shown=("451 Unable to accept OPTS UTF8",),
    ),
    Reason(
        Code.NAME_NOT_VALID,
        "The client sent a name that is not valid in its character set, and the configuration asks for valid names.",
        causes=("The client does not speak the character set that UseEncoding says.",
                "The file was named by a program with another character set."),
        client=("Choose UTF-8 in the client's settings.",),
        server=("Say in `UseEncoding` what the clients speak.", "Ask for less in `LangOptions`."),
        shown=("550 x: Illegal character sequence in filename",),
    ),
    Reason(
        Code.HOST_TOO_LATE,
        "HOST chooses the virtual host, which must be done before the login and before TLS.",
        causes=("The client sends HOST too late.",),
        client=("Send the name in the TLS handshake (SNI), as clients do by themselves.",),
        shown=("503 Bad sequence of commands",),
    ),
    Reason(
        Code.HOST_UNKNOWN,
        "No virtual host has the name that the client gave with HOST, or in the handshake it gave another one.",
        causes=("ServerAlias does not have the name.",),
        confirm=("`ftpsd check --explain ServerAlias`",),
        server=("`ServerAlias NAME` in the right <VirtualHost>.",),
        shown=("504 x: Unknown hostname provided",),
    ),
    Reason(
        Code.FOREIGN_PROTOCOL,
        "The client speaks another protocol than FTP: that of web pages (HTTP) or of mail (SMTP). It was cut off.",
        causes=("A scanner.", "A web page that makes a browser attack FTP servers.", "A wrong port number."),
        confirm=("The system log has the word that gave it away.",),
        client=("Use an FTP client.",),
        shown=("System log: client sent HTTP command 'GET', disconnecting",),
    ),
    Reason(
        Code.PROXY_HEADER_MISSING,
        "A connection from an address of ProxyProtocolTrust did not begin with a header of the PROXY protocol, so that "
        "nobody knows whose it is. It was closed.",
        causes=(
            "The proxy or load balancer is not set to send the header (HAProxy: `send-proxy-v2`; AWS: "
            "`proxy_protocol_v2.enabled` of the target group).",
            "Somebody connects from the proxy's machine past the proxy.",
            "ProxyProtocolTrust names networks from which clients connect directly.",
        ),
        confirm=("`tcpdump -X port 21` on the server shows the first bytes of a connection.",),
        server=(
            "Switch the header on at the proxy, for this port, too.",
            "Name nothing but the proxies in ProxyProtocolTrust.",
        ),
        shown=("System log: no PROXY header from 10.0.0.5 within 3 seconds (ProxyProtocolTimeout)",),
    ),
    Reason(
        Code.PROXY_HEADER_WRONG,
        "What came from an address of ProxyProtocolTrust is no header of the PROXY protocol, or one that cannot be. "
        "The connection was closed.",
        causes=(
            "The proxy is not set to send the header: what came is the client's TLS handshake, or its first command.",
            "The proxy sends another version than the one that ProxyProtocolVersion says.",
            "The proxy's network changes what it sends.",
        ),
        confirm=("The log says what is wrong with it.",),
        server=(
            "Switch the header on at the proxy.",
            "Take ProxyProtocolVersion out: both versions are understood then.",
        ),
        shown=("System log: no PROXY header from 10.0.0.5: a TLS handshake came in its place",),
    ),
    Reason(
        Code.PROXY_HEADER_UNEXPECTED,
        "A header of the PROXY protocol came from an address that is not trusted, or a second one. It was not "
        "believed, and the connection was closed.",
        causes=(
            "A new proxy, whose address ProxyProtocolTrust does not name.",
            "ProxyProtocolEngine is off for this port.",
            "Two proxies one behind the other both send a header: the second has to take the first one's "
            "(HAProxy: `accept-proxy`).",
            "Somebody wants to pass for somebody else.",
        ),
        confirm=("The log has the address that it came from.",),
        server=("`ProxyProtocolEngine on`, and the proxy's address in ProxyProtocolTrust.",),
        shown=("System log: client sent a PROXY header (PROXY) where none is believed",),
    ),
    Reason(
        Code.INTERNAL_ERROR,
        "A defect of the server. The session went on, or was ended to be safe.",
        causes=("A programming error.",),
        confirm=("The system log has a traceback.",),
        server=("Please report it with the traceback.",),
        shown=("451 LIST: internal error, see the server's log [internal-error]",),
    ),
    Reason(
        Code.CLIENT_DISCONNECTED,
        "The client closed the connection without QUIT, or its network went away.",
        causes=("The usual end with many clients.", "The client gave up after an error: see the reply before.",),
        confirm=("The last reply before it, in the log of debug level 5.",),
        shown=("System log: session ended [client-disconnected]",),
    ),
    Reason(
        Code.SERVER_STOPPING,
        "The server was stopped or restarted.",
        causes=("An administrator, or the system.",),
        server=("A reload (SIGHUP) lets sessions end by themselves.",),
        client=("Connect again.",),
        shown=("421 Service shutting down, closing control connection",),
    ),
    Reason(
        Code.KICKED,
        "An administrator ended the session (`ftpsd ctl kick`).",
        causes=("The administrator had a reason.",),
        confirm=("The log of the control socket says who it was.",),
        client=("Ask the administrator.",),
        shown=("421 Disconnected by the administrator",),
    ),
    Reason(
        Code.RESOURCE_LIMIT,
        "The session has used more processor time than RLimitCPU allows.",
        causes=("Very much was transferred or listed in one session.",),
        server=("RLimitCPU is in seconds of processor time; transfers over TLS need about one for each GB.",),
        client=("Connect again.",),
        shown=("421 RLimitCPU reached, closing control connection",),
    ),
    Reason(
        Code.SERVER_EXHAUSTED,
        "The server had no more of what every connection and every open file needs: descriptors or memory.",
        causes=(
            "The limit of open files of a worker process, or of the machine, is too low for the number of clients.",
            "RLimitOpenFiles or RLimitMemory is set too low.",
            "The machine has no memory left.",
        ),
        confirm=(
            "\"Too many open files\": `grep files /proc/PID/limits` and `ls /proc/PID/fd | wc -l` for each worker.",
            "\"Too many open files in system\": /proc/sys/fs/file-nr.",
            "Other words: `free`, `dmesg`.",
        ),
        server=(
            "Raise the limit of open files (LimitNOFILE= in systemd's unit, `ulimit -n` elsewhere), or lower "
            "MaxInstances.",
        ),
        client=("Try again later.",),
        shown=(
            "425 Unable to build data connection: Too many open files [server-exhausted]",
            "451 x: Too many open files [server-exhausted]",
        ),
    ),
    Reason(
        Code.SHUTDOWN_ANNOUNCED,
        "An administrator has announced that the server goes down (`ftpsd shut`), and its sessions end now.",
        causes=("Maintenance, as a rule; the message says when.",),
        confirm=("The file of ShutMessageFile (/etc/shutmsg) is there.",),
        server=("`ftpsd shut -R` calls it off.",),
        client=("Try again later.",),
        shown=("421 FTP server shutting down - going down at Sat Nov 21 13:50:53 2026",),
    ),
    Reason(
        Code.TIMEOUT_IDLE,
        "The client sent no command for the time that TimeoutIdle allows.",
        causes=("Nobody sat there.",),
        server=("TimeoutIdle (seconds), 600 by default.",),
        client=("Switch on keep-alive (NOOP).",),
        shown=("421 Idle timeout (600 seconds): closing control connection",),
    ),
    Reason(
        Code.TIMEOUT_LOGIN,
        "The client did not log in within the time that TimeoutLogin allows.",
        causes=("A scanner.", "A user who looks for the password.", "A health check that opens connections."),
        server=("TimeoutLogin (seconds), 300 by default.",),
        shown=("421 Login timeout (300 seconds): closing control connection",),
    ),
    Reason(
        Code.TIMEOUT_NO_TRANSFER,
        "There was no transfer for the time that TimeoutNoTransfer allows; commands alone do not count.",
        causes=("A client that keeps the session open with NOOP (\"I am still here\").",),
        server=("TimeoutNoTransfer (seconds), 300 by default; 0 switches it off.",),
        shown=("421 No transfer timeout (300 seconds): closing control connection",),
    ),
    Reason(
        Code.TIMEOUT_SESSION,
        "The session lasted longer than TimeoutSession allows, whatever it did.",
        causes=("TimeoutSession is set, and too short for long transfers.",),
        server=("Raise TimeoutSession (seconds), or remove it.",),
        client=("Connect again, resume the transfer.",),
        shown=("421 Session Timeout (3600 seconds): closing control connection",),
    ),
    Reason(
        Code.TIMEOUT_STALLED,
        "A transfer stood still for the time that TimeoutStalled allows, and the session was ended.",
        causes=("The client's network went away.",),
        server=("TimeoutStalled (seconds), 3600 by default.",),
        client=("Connect again, resume the transfer.",),
        shown=("421 Data transfer stall timeout: 3600 seconds",),
    ),
)
