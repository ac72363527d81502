"""Transfers that break, and files that cannot be had."""

from __future__ import annotations

from ftpsd.reasons.codes import Code
from ftpsd.reasons.reason import Reason

_RESUME = "Resume the transfer: what has arrived is kept, unless DeleteAbortedStores or HiddenStores is on."
_RIGHTS = "`sudo -u USER ls -ld PATH` shows what the system lets that user do."

REASONS = (
    Reason(
        Code.TRANSFER_ABORTED,
        "The client ended the transfer with ABOR.",
        causes=("Its user cancelled.",),
        shown=("System log: notice: user alice: aborting transfer: transfer-aborted",),
    ),
    Reason(
        Code.CONTROL_CONNECTION_LOST,
        "The control connection broke while a file was under way.",
        causes=(
            "The client ended, crashed or lost its network.",
            "A router or firewall forgot the control connection, which is silent during a long transfer.",
        ),
        confirm=("It happens after the same time again and again: a router's time-out.",),
        server=("`SocketOptions keepalive 300:9:60` keeps routers from forgetting.",),
        client=("Switch on keep-alive. " + _RESUME,),
        shown=("System log: notice: user alice: aborting transfer: control-connection-lost",),
    ),
    Reason(
        Code.DATA_RESET,
        "The data connection was torn down before the end of the file.",
        causes=(
            "The client ended or lost its network.",
            "A firewall cut the connection.",
            "The client closed with data unread: a fault of the client.",
        ),
        confirm=("The number of bytes in the TransferLog: always the same number points to a firewall.",),
        client=(_RESUME,),
        shown=("426 Transfer aborted. Data connection closed [data-reset]",),
    ),
    Reason(
        Code.DATA_TRUNCATED,
        "The client ended its upload without saying that it was complete (TLS close_notify). A broken line looks just "
        "the same, so the file is not taken for whole.",
        causes=(
            "The connection broke.",
            "A client that never says so; it is recognised by its earlier data connections, unless `UploadEnd "
            "strict` is set.",
        ),
        confirm=("Compare the file's size with the original's: the same size means a client that never says so.",),
        server=("`UploadEnd lenient`, for such clients only: in an <IfUser> or <IfClass>.",),
        client=("Update the client. " + _RESUME,),
        shown=("426 Transfer aborted. Data connection closed without TLS close_notify [data-truncated]",),
    ),
    Reason(
        Code.DATA_STALLED,
        "No byte moved on the data connection for the time that TimeoutStalled allows.",
        causes=("The line is gone and nobody noticed.", "The client's user suspended his machine.", "A firewall."),
        server=("Raise TimeoutStalled (seconds).",),
        client=(_RESUME,),
        shown=("426 Transfer aborted. Data connection stalled [data-stalled]",),
    ),
    Reason(
        Code.DATA_TLS_ERROR,
        "TLS broke on the data connection in the middle of the file.",
        causes=(
            "Bytes were changed on the way.",
            "New keys were asked for (TLSRenegotiate), and the client did not answer.",
            "The client began a renegotiation, which is not allowed.",
        ),
        confirm=("The TLSLog has the details.",),
        server=("`TLSRenegotiate none`.",),
        client=(_RESUME, "Use TLS 1.3."),
        shown=("426 Transfer aborted. TLS error on the data connection [data-tls-error]",),
    ),
    Reason(
        Code.TRANSFER_CUT,
        "The server ended the transfer: it is being stopped, or the session's time (TimeoutSession) was up.",
        causes=("The server was stopped or restarted.", "TimeoutSession is shorter than the transfer."),
        server=(
            "Use a reload (SIGHUP) instead of a restart: it lets sessions end by themselves.",
            "Raise TimeoutSession.",
        ),
        client=(_RESUME,),
        shown=("426 Transfer aborted. Data connection closed [transfer-cut]",),
    ),
    Reason(
        Code.DISK_FULL,
        "The file system of the server is full.",
        causes=("No space is left.", "No inodes are left: very many small files."),
        confirm=("`df -h PATH` and `df -i PATH`",),
        server=("Make room.",),
        client=(_RESUME,),
        shown=("452 Transfer aborted. No space left on device",),
    ),
    Reason(
        Code.QUOTA_EXCEEDED,
        "The user's quota is used up, or the file is larger than files may be.",
        causes=("The file system's quota.", "A limit on the size of files."),
        confirm=("`quota -u USER`, `ulimit -f`",),
        server=("Raise the quota.",),
        client=("Delete what is not needed any more.",),
        shown=("552 Transfer aborted. Disk quota exceeded",),
    ),
    Reason(
        Code.FILE_NOT_FOUND,
        "There is no file or directory of that name.",
        causes=(
            "A slip of the pen; capital and small letters are different.",
            "The login sees another directory as its root than you think (DefaultRoot).",
            "A link that leads nowhere, or out of the login's root.",
        ),
        confirm=("PWD shows where the client is; `ftpsd check --explain DefaultRoot` shows the root.",),
        shown=("550 x: No such file or directory",),
    ),
    Reason(
        Code.FILE_PERMISSION,
        "The operating system does not allow this user to do that with the file.",
        causes=(
            "Owner or mode of the file, or of one of the directories above it.",
            "The user is another one than you think: AuthUserFile gives it a uid and gid of its own.",
            "SELinux, AppArmor or an ACL.",
        ),
        confirm=(_RIGHTS, "The log says who logged in; `id USER` or the AuthUserFile says its uid."),
        server=("chown or chmod the file or directory.",),
        shown=("550 x: Permission denied",),
    ),
    Reason(
        Code.FILE_EXISTS,
        "There is something of that name already.",
        causes=("MKD or RNTO with a name that is taken.",),
        client=("Choose another name, or delete what is there.",),
        shown=("550 x: File exists",),
    ),
    Reason(
        Code.FILE_SYSTEM_READ_ONLY,
        "The file system can only be read.",
        causes=(
            "It is mounted that way, perhaps by the system after an error of the disk.",
            "systemd's ProtectSystem or ReadWritePaths in the service's unit.",
        ),
        confirm=("`findmnt -T PATH`, `dmesg`, `systemctl cat ftpsd`",),
        server=("Mount it for writing, or add the directory to ReadWritePaths.",),
        shown=("550 x: Read-only file system",),
    ),
    Reason(
        Code.FILE_ERROR,
        "The operating system refused, for the reason in the reply.",
        causes=("See the words of the reply.",),
        confirm=(_RIGHTS, "`dmesg`, for errors of the disk."),
        shown=("550 x: …", "451 Transfer aborted. …"),
    ),
    Reason(
        Code.NOT_A_DIRECTORY,
        "A directory was asked for, and the name is that of a file.",
        causes=("MLSD of a file; MLST tells about files.",),
        shown=("550 'x' is not a directory",),
    ),
    Reason(
        Code.NOT_A_REGULAR_FILE,
        "Only plain files have a size and a content; the name is that of a directory or device.",
        causes=("SIZE, MDTM or RETR of a directory: some clients try that to see what it is.",),
        shown=("550 x: not a regular file",),
    ),
    Reason(
        Code.OVERWRITE_DENIED,
        "The file exists, and it may not be replaced (AllowOverwrite off).",
        causes=("AllowOverwrite is off by default.",),
        confirm=("`ftpsd check --explain AllowOverwrite`",),
        server=("`AllowOverwrite on`, perhaps in a <Directory>.",),
        client=("Choose another name, or delete the file first.",),
        shown=("550 x: Overwrite permission denied",),
    ),
    Reason(
        Code.RESTART_DENIED,
        "The client wants to go on with a part of a file, and the configuration does not allow that.",
        causes=(
            "AllowStoreRestart or AllowRetrieveRestart is off.",
            "REST before STOU, which always makes a new file.",
        ),
        confirm=("`ftpsd check --explain AllowStoreRestart`",),
        server=("`AllowStoreRestart on`.",),
        client=("Switch resuming off, transfer the whole file.",),
        shown=("451 x: Append/Restart not permitted, try again",),
    ),
    Reason(
        Code.RESTART_BEYOND_END,
        "The client wants to go on behind the end of the file.",
        causes=("The file on the server has become shorter, or is another one, than when the transfer began.",),
        client=("Transfer the whole file again.",),
        shown=("554 REST: invalid x argument",),
    ),
    Reason(
        Code.REST_IN_ASCII,
        "Transfers cannot be resumed in ASCII mode, where both sides count bytes differently.",
        causes=("The client's transfer type is ASCII.",),
        client=("Set the transfer type to binary.",),
        shown=("501 REST: Resuming transfers not allowed in ASCII mode",),
    ),
    Reason(
        Code.SIZE_IN_ASCII,
        "In ASCII mode the size of a file is not known before it is sent.",
        causes=("The client asks for SIZE before it has chosen TYPE I; most cope.",),
        client=("Set the transfer type to binary.",),
        shown=("550 SIZE not allowed in ASCII mode",),
    ),
    Reason(
        Code.PATH_INVALID,
        "The name holds a NUL byte, which no file name can have.",
        causes=("An attack.", "A fault of the client's character set."),
        shown=("550 x: Invalid argument",),
    ),
    Reason(
        Code.PATH_TOO_LONG,
        "The path is longer than 4096 bytes.",
        causes=("An attack, or directories that a program has nested without end.",),
        shown=("550 x...: File name too long",),
    ),
    Reason(
        Code.ARGUMENT_FORBIDDEN,
        "The name matches DenyFilter.",
        causes=("A character in the name that the configuration forbids.",),
        confirm=("`ftpsd check --explain DenyFilter`",),
        server=("Change DenyFilter.",),
        client=("Choose another name.",),
        shown=("550 x: Forbidden command argument [argument-forbidden]",),
    ),
    Reason(
        Code.PATH_FORBIDDEN,
        "The path matches PathDenyFilter, or does not match PathAllowFilter.",
        causes=("A name that the configuration forbids, as names of programs, or .ftpaccess.",),
        confirm=("`ftpsd check --explain PathDenyFilter`",),
        server=("Change PathDenyFilter or PathAllowFilter; they may differ by <Directory>.",),
        client=("Choose another name.",),
        shown=("550 a.exe: Forbidden filename [path-forbidden]",),
    ),
    Reason(
        Code.LIMIT_DENIED,
        "A <Limit> section, or DenyAll, does not let this user use the command there.",
        causes=(
            "A <Limit> names the command, its group (READ, WRITE, DIRS, SITE) or ALL, in the configuration or in an"
            " .ftpaccess file on the way to the path.",
            "What names the command comes before what names its group, and that before ALL; then an inner <Directory>"
            " before an outer one.",
        ),
        confirm=("`ftpsd help Limit` has the rules; the system log names the command.",),
        server=("Allow the command in a <Limit> of that <Directory>, with AllowUser, AllowGroup or AllowAll.",),
        client=("Ask the administrator.",),
        shown=("550 x: Operation not permitted [limit-denied]",),
    ),
    Reason(
        Code.LIMIT_HIDDEN,
        "A <Limit> section refuses the command, and the client is told that there is nothing at that path.",
        causes=(
            "IgnoreHidden, and HideFiles, HideUser, HideGroup or HideNoAccess hide the path.",
            "CWD and NLST are answered so wherever a <Limit> refuses them.",
        ),
        confirm=("The system log names the code.",),
        server=("Allow the command in a <Limit> of that <Directory>, or take IgnoreHidden out.",),
        shown=("550 x: No such file or directory",),
    ),
)
