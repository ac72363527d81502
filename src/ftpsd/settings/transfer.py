"""Files on the way: data connections, names and modes of files, listings, speed."""

# ruff: noqa: RUF009 (`directive` makes a dataclass field)

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ftpsd.settings import bound_parsers, parsers
from ftpsd.settings.arguments import Addresses, Boolean, OneOf, Special
from ftpsd.settings.declaration import ANYWHERE, CONNECTION, HOST, LOGIN, PLACES, Combine, directive
from ftpsd.settings.values import (
    ForeignAddresses,
    HiddenStores,
    ListOptions,
    PortRange,
    SocketOptions,
    TransferRate,
    Umask,
)

UploadEnd = Literal["strict", "observed", "lenient"]


@dataclass(frozen=True, slots=True)
class TransferSettings:
    """Data connections, stored files, listings."""

    umask: Umask = directive(
        "Umask", Special("files [directories]", parsers.umask), Umask(0o022), contexts=ANYWHERE,
        combine=Combine.PARTS, good=("022", "077 027", "0002", "00022"), bad=("", "8", "rwx", "17777"),
        default_text="022",
        doc="Permission bits taken from new files and, with a second number, from new directories (octal). Without one"
        " that of an outer section holds for directories, and where there is none the first.",
    )
    allow_overwrite: bool = directive(
        "AllowOverwrite", Boolean(), False, module="mod_xfer", contexts=ANYWHERE, good=("on",), bad=("ask",),
        doc="A file that exists may be replaced by an upload or a rename.",
    )
    allow_store_restart: bool = directive(
        "AllowStoreRestart", Boolean(), False, module="mod_xfer", contexts=ANYWHERE, good=("on",),
        bad=("REST",),
        doc="An upload may be resumed: REST before STOR, and APPE to a file that exists.",
    )
    allow_retrieve_restart: bool = directive(
        "AllowRetrieveRestart", Boolean(), True, module="mod_xfer", contexts=ANYWHERE, good=("off",),
        bad=("REST",),
        doc="A download may be resumed: REST before RETR.",
    )
    hidden_stores: HiddenStores | None = directive(
        "HiddenStores", Special("on|off|prefix [suffix]", parsers.hidden_stores), None, module="mod_xfer",
        contexts=PLACES, good=("on", "off", ".up. .part", ".in.%P."),
        bad=("", "a/b", "on off"), default_text="off",
        doc="Uploads have a hidden name until they are complete. APPE and resumed uploads are not hidden.",
    )
    delete_aborted_stores: bool | None = directive(
        "DeleteAbortedStores", Boolean(), None, module="mod_xfer", contexts=ANYWHERE, good=("on", "off"),
        bad=("old",),
        default_text="on where HiddenStores is on, else off",
        doc="An upload that does not end well is deleted.",
    )
    default_transfer_mode: str = directive(
        "DefaultTransferMode", OneOf(("ascii", "binary")), "ascii", module="mod_xfer", contexts=CONNECTION,
        good=("binary",), bad=("ebcdic",),
        doc="TYPE of a session that has not sent TYPE yet.",
    )
    store_unique_prefix: str = directive(
        "StoreUniquePrefix", Special("prefix", parsers.store_unique_prefix), "ftp", module="mod_xfer",
        contexts=ANYWHERE, good=("up-",), bad=("", "a/b", "two words"),
        doc="What the names begin with that STOU chooses.",
    )
    transfer_options: frozenset[str] = directive(
        "TransferOptions", Special("option …", parsers.transfer_options), frozenset(), module="mod_xfer",
        contexts=LOGIN, combine=Combine.LAST, good=("IgnoreASCII", "AllowSymlinkUpload ignoreascii"), bad=("", "Fast"),
        default_text="none",
        doc="IgnoreASCII: files are transferred as they are under TYPE A, too. AllowSymlinkUpload: an upload to a link"
        " that leads nowhere makes the file that it names (inside the root); without it that is refused.",
    )
    use_non_compliant_active_transfer: bool = directive(
        "UseNonCompliantActiveTransfer", Boolean(), True, module="mod_xfer", contexts=LOGIN, good=("off",),
        bad=("20",),
        doc="Data connections of PORT and EPRT come from any port. `off`: from the port below the control"
        " connection's (RFC 959 section 3.2), where the user may have that: below 1024 only root may.",
        differs="on by default, as a session keeps no right to port 20",
    )
    passive_ports: PortRange | None = directive(
        "PassivePorts", Special("low high", parsers.port_range), None, contexts=CONNECTION, good=("49152 65534",),
        bad=("49152", "2000 1500", "80 90", "1024 70000"), default_text="any port that the kernel gives",
        doc="Ports of PASV and EPSV. Where all are taken, these wait up to five seconds for one before they refuse.",
    )
    masquerade_address: str | None = directive(
        "MasqueradeAddress", Special("address|name", lambda words: Addresses(most=1).parse(words)[0]), None,
        contexts=CONNECTION, good=("192.0.2.1", "ftp.example.org"), bad=("", "a b", "1.2.3.4.5"),
        doc="Address (a name, or a network interface) that the reply to PASV tells, for a server behind NAT; in an"
        " <IfClass> for the clients of a class, those inside for example.",
    )
    allow_foreign_address: ForeignAddresses = directive(
        "AllowForeignAddress", Special("on|off|class", parsers.allow_foreign_address), ForeignAddresses(),
        contexts=LOGIN, good=("on", "off", "mirrors"), bad=("", '""', "a b"), default_text="off",
        doc="Data connections may go to and come from an address other than the client's (FXP): any, or those of a"
        " <Class>.",
        differs="off, a private address in PORT is foreign, too; ProFTPD takes it for the client's own. Without it,"
        " and with a class that there is not, ProFTPD lets in passive data connections from anywhere",
    )
    transfer_rate: tuple[TransferRate, ...] = directive(
        "TransferRate",
        Special("commands KiB/s[:free-bytes] [user|group|class expression]", bound_parsers.transfer_rate), (),
        module="mod_xfer", contexts=ANYWHERE, combine=Combine.APPEND,
        good=("RETR 100", "STOR,APPE,STOU 2.5:4096", "RETR 10 user fred"),
        bad=("RETR", "LIST 10", "RETR 0", "RETR fast", "RETR 10 user", "RETR 10 host fred"),
        doc="Speed of a transfer. The first line with the command counts that is for the user, for his groups, for his"
        " class or for all.",
    )
    use_sendfile: bool = directive(
        "UseSendfile", Special("on|off|length B|KB|MB|GB|TB|percentage%", parsers.use_sendfile), True,
        module="mod_xfer", contexts=ANYWHERE, good=("off", "50%", "512 KB"),
        bad=("", "x", "101%", "512", "5KB", "5 miles", "on KB"),
        doc="The kernel sends files itself (sendfile) where it can. A length or a percentage above 0 counts as on.",
    )
    list_options: ListOptions = directive(
        "ListOptions", Special('"-options" [keyword …]', parsers.list_options), ListOptions(),
        module="mod_ls",
        contexts=ANYWHERE, good=('"-l"', '"-a" strict', '"" maxdepth 3'), bad=("", "all", '"-l" maxfiles'),
        default_text="none",
        doc="Options of LIST and NLST beside the client's; `strict`: instead of them. Keywords: maxfiles,"
        " maxdirs, maxdepth (bounds of a recursive listing), LISTOnly, NLSTOnly, NoErrorIfAbsent (what is"
        " missing is an empty listing). NoAdjustedSymlinks and SortedNLST have no effect: targets of links"
        " are shown as they are written, and every listing is sorted.",
    )
    list_style: str = directive(
        "ListStyle", OneOf(("Unix", "Windows"), "unknown ListStyle: '{}'"), "Unix", module="mod_ls",
        contexts=LOGIN, good=("Windows", "unix"), bad=("", "VMS"),
        doc="What the lines of LIST look like: those of `ls -l`, or those of a Windows server.",
    )
    use_globbing: bool = directive(
        "UseGlobbing", Boolean(), True, module="mod_ls", contexts=LOGIN, good=("off",), bad=("*",),
        doc="`*`, `?` and `[…]` in LIST, NLST and STAT are patterns; `off`: characters like others.",
    )
    show_symlinks: bool = directive(
        "ShowSymlinks", Boolean(), True, module="mod_ls", contexts=ANYWHERE, good=("off",), bad=("target",),
        doc="Listings show symbolic links as such; `off`: as what they point to.",
    )
    tcp_no_delay: bool = directive(
        "TCPNoDelay", Boolean(), True, contexts=HOST, good=("off",), bad=("nagle",),
        doc="TCP_NODELAY: small packets go at once. Downloads and listings of more than 64 KiB fill their packets "
            "either way (not under TransferRate or in MODE Z); the end of each goes at once.",
    )
    socket_options: SocketOptions = directive(
        "SocketOptions", Special("keyword value …", parsers.socket_options), SocketOptions(), contexts=HOST,
        good=("rcvbuf 65536 sndbuf 65536", "keepalive 100:30:10", "maxseg 1400", "reuseport on"),
        bad=("", "rcvbuf", "speed 9", "reuseport maybe"),
        default_text="as the kernel has them, keepalive on",
        combine=Combine.LAST,
        doc="Options of control and data sockets: rcvbuf, sndbuf, maxseg in bytes, keepalive"
        " on|off|idle:count:interval; reuseport on: another server of the same user may listen on the same port.",
    )
    upload_end: UploadEnd = directive(
        "UploadEnd", OneOf(("strict", "observed", "lenient")), "observed", module="mod_ftpsd", contexts=LOGIN,
        good=("strict", "Lenient"), bad=("", "fin"),
        doc="A TLS upload that ends with a FIN and no close_notify: `strict` never takes it for complete,"
        " `lenient`"
        " always, `observed` from clients that closed all their earlier data connections so. An attacker on the"
        " network path can train `observed`: he cuts every close_notify off, then an upload; against one the setting"
        " is `strict`. ftpsd's own.",
    )
