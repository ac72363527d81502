"""The command table: every FTP command, described once.

Everything that depends on a command asks a property of its `CommandSpec`, never its name: the gate asks
`needs_login`, the data layer `data`, HELP and FEAT read the texts, `docs/reference/commands.md` is printed
from here. A rule that lists names has holes as soon as somebody adds a command (EPSV and PORT are the ones
that other servers forgot).

How a wrong number of words is answered differs from command to command in ProFTPD, and clients know those
texts, so `wrong_argument` is part of the table too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from types import MappingProxyType
from typing import Literal

from ftpsd.ftp import deflate, digests, limiting
from ftpsd.ftp.limiting import DENIED, Judged, Limiting, entry, here, leads


class Argument(Enum):
    """How many arguments a command takes."""

    NONE = "none"
    OPTIONAL = "optional"
    REQUIRED = "required"


class PathArgument(Enum):
    """Where the path stands in a command's argument."""

    NONE = "none"
    WHOLE = "whole"
    AFTER_WORD = "after the first word"
    AFTER_OPTIONS = "after options such as -la"
    BEFORE_RANGE = "before a range of bytes, perhaps in quotes"


class FeatNeeds(Enum):
    """What must be on before a command's FEAT line is shown."""

    NOTHING = "nothing"
    TLS = "TLSEngine"
    FACTS = "FactsAdvertise"
    SETTINGS = "settings"


class Engine(Enum):
    """The directive that has to be on for a SITE command to exist."""

    ALWAYS = "always"
    MISC = "SiteMiscEngine"
    COPY = "CopyEngine"
    QUOTA = "QuotaEngine"


DataDirection = Literal["send", "receive"]

PARAMETERS = (501, "Invalid number of parameters")
NOT_UNDERSTOOD = (500, "'{text}' not understood")
_ADDRESS = here(501, "{name}: Operation not permitted", by_all=False)
_DIRS = frozenset({"DIRS"})
_READ = frozenset({"READ"})
_SITE = frozenset({"SITE"})
_WRITE = frozenset({"WRITE"})
_MFMT = replace(leads(limiting.UNABLE, path_filter="argument"), filter_reply=DENIED)
_COMB = Limiting(Judged.HANDLER, limiting.NOT_PERMITTED, by_all=True, filter_reply=(550, "{shown}: Forbidden filename"))
_HASH = leads((552, "{shown}: Operation not permitted"), existing_first=True)
_NLST = leads((450, "{shown}: No such file or directory"), existing_first=True)
_OPTS = Limiting(reply=(550, "{name} {word}: Permission denied"), by_word=True)
_STOU = Limiting(Judged.LEADS, by_all=True, fixed="ftp")
_SITE_ENTRY = Limiting(
    Judged.ENTRY, (550, "{name} {argument}: Operation not permitted"), by_all=True, path_filter="argument",
    filter_reply=(550, "{name} {argument}: Operation not permitted"))
_SITE_TIMES = replace(_SITE_ENTRY, place=Judged.HANDLER)
_SITE_LINK = replace(_SITE_TIMES, reply=limiting.NOT_PERMITTED, path_filter="path")
_SITE_COPY = replace(_SITE_LINK, filter_reply=(550, "{name}: Operation not permitted"))
_SITE_SOURCE = replace(_SITE_LINK, path_filter="argument", filter_reply=(550, "{shown}: Forbidden filename"))
_SITE_CHMOD = Limiting(
    Judged.LEADS, (550, "{name} {argument}: Permission denied"), by_all=True, existing_first=True,
    path_filter="argument", filter_reply=(550, "{name} {argument}: Forbidden filename"))
_SITE_CHGRP = replace(_SITE_CHMOD, reply=DENIED)


@dataclass(frozen=True, slots=True)
class CommandSpec:
    """One FTP command.

    syntax            what HELP shows behind the name
    argument          whether words must, may or must not follow; `most_words` bounds them
    wrong_argument    (code, text) for a wrong number; `{text}` is the whole command, `{name}` its verb
    path              where a path stands in the argument (then its blanks are kept)
    verbatim          the argument is taken as it stands although it is no path (PASS)
    secret            the argument never appears in a log
    needs_login       530 before login
    during_transfer   is answered while a transfer runs; all others wait for its end (RFC 959 has QUIT wait)
    aborts_transfer   ends the transfer that runs
    data              opens a data connection on which the server sends or receives
    listing           what travels there is a listing, not a file (SSCN leaves it alone; LIST NLST MLSD)
    appends           what it receives goes behind what there is
    names_directory   the path that it names is a directory's (LogFormat's %d and %D)
    opens_data_address  chooses the address of the next data connection
    after_epsv_all    still allowed after EPSV ALL (RFC 2428 section 4)
    needs_source      comes right after RNFR, else 503
    tls_exempt        TLSRequired never blocks it
    authenticates     part of the login: blocked by TLSRequired's auth scope
    needs_tls         unknown ("not understood") until AUTH or implicit TLS succeeded
    limit_groups      <Limit> groups that contain it; log_classes: ExtendedLog classes
    limit             how <Limit> and the path filters see it
    twin              the other name of the same command: a <Limit> on one holds for both
    feat              FEAT line (None: not shown), shown under the condition `feat_needs`
    implemented       False: 502, and a star in HELP
    """

    name: str
    handler: str
    syntax: str
    rfc: str
    help: str
    argument: Argument = Argument.NONE
    most_words: int | None = None
    wrong_argument: tuple[int, str] = PARAMETERS
    path: PathArgument = PathArgument.NONE
    verbatim: bool = False
    secret: bool = False
    needs_login: bool = True
    during_transfer: bool = False
    aborts_transfer: bool = False
    data: DataDirection | None = None
    listing: bool = False
    appends: bool = False
    names_directory: bool = False
    opens_data_address: bool = False
    after_epsv_all: bool = True
    needs_source: bool = False
    tls_exempt: bool = False
    authenticates: bool = False
    needs_tls: bool = False
    limit_groups: frozenset[str] = frozenset()
    log_classes: frozenset[str] = frozenset()
    limit: Limiting = limiting.RAW_ONLY
    twin: str = ""
    feat: str | None = None
    feat_needs: FeatNeeds = FeatNeeds.NOTHING
    implemented: bool = True


@dataclass(frozen=True, slots=True)
class Command:
    """A parsed line: `name` in capitals ("" when the line has no verb), `text` the line as it came."""

    name: str
    argument: str
    spec: CommandSpec | None
    text: str

    @property
    def words(self) -> list[str]:
        return self.argument.split()

    @property
    def loggable(self) -> str:
        """The line for logs: the argument of a secret command is `(hidden)`."""
        if self.spec is not None and self.spec.secret:
            return f"{self.name} (hidden)"
        return self.text

    @property
    def word_and_path(self) -> tuple[str, str]:
        """First word and the path behind exactly one blank (MFMT, SITE CHMOD); the path is "" when absent."""
        word, _, path = self.argument.partition(" ")
        return word, path


def _classes(*names: str) -> frozenset[str]:
    return frozenset(names)


def _table() -> Iterable[CommandSpec]:
    """All commands, in the order in which HELP shows them."""
    yield from _navigation()
    yield from _addresses()
    yield from _file_commands()
    yield from _information()
    yield from _security()
    yield from _parameters()
    yield from _transfers()
    yield from _login()
    yield from _listings()
    yield from _digests()
    yield from _space()


def _both(name: str, other: str, rfc: str) -> Iterable[tuple[str, str, str]]:
    """(name, twin, RFC) of a command and of its twin with an X."""
    return (name, other, rfc), (other, name, "775")


def _navigation() -> Iterable[CommandSpec]:
    for name, twin, rfc in _both("CWD", "XCWD", "959 4.1.1"):
        yield CommandSpec(
            name, "navigate.cwd", "<sp> pathname", rfc, "changes the current directory", Argument.REQUIRED,
            path=PathArgument.WHOLE, limit_groups=_DIRS, limit=limiting.CHDIR, twin=twin, log_classes=_classes("DIRS"),
            names_directory=True)
    for name, twin, rfc in _both("CDUP", "XCUP", "959 4.1.1"):
        yield CommandSpec(
            name, "navigate.cdup", "(up one directory)", rfc, "changes to the parent directory",
            limit_groups=_DIRS, limit=replace(limiting.CHDIR, place=Judged.ABOVE), twin=twin,
            log_classes=_classes("DIRS"), names_directory=True)
    yield CommandSpec(
        "SMNT", "info.not_implemented", "is not implemented", "959 4.1.1", "mounts a file system",
        Argument.OPTIONAL, log_classes=_classes("MISC"), implemented=False)
    yield CommandSpec(
        "QUIT", "login.quit_", "(close control connection)", "959 4.1.1", "ends the session",
        Argument.OPTIONAL, needs_login=False, tls_exempt=True,
        log_classes=_classes("INFO"))


def _addresses() -> Iterable[CommandSpec]:
    yield CommandSpec(
        "PORT", "transfer.port", "<sp> h1,h2,h3,h4,p1,p2", "959 4.1.2", "names the client's address for data",
        Argument.REQUIRED, 1, opens_data_address=True, after_epsv_all=False, limit=_ADDRESS,
        log_classes=_classes("MISC"))
    yield CommandSpec(
        "PASV", "transfer.pasv", "(returns address/port)", "959 4.1.2", "asks the server to listen for data",
        opens_data_address=True, after_epsv_all=False, limit=_ADDRESS, log_classes=_classes("MISC"))
    yield CommandSpec(
        "EPRT", "transfer.eprt", "<sp> |proto|addr|port|", "2428 2",
        "names the client's address for data, IPv6 too", Argument.REQUIRED, 1, opens_data_address=True,
        after_epsv_all=False, limit=_ADDRESS, feat="EPRT", log_classes=_classes("MISC"))
    yield CommandSpec(
        "EPSV", "transfer.epsv", "(returns port |||port|)", "2428 3",
        "asks the server to listen for data, IPv6 too", Argument.OPTIONAL, opens_data_address=True,
        limit=_ADDRESS, feat="EPSV", log_classes=_classes("MISC"))
    yield CommandSpec(
        "ALLO", "transfer.allo", "<sp> size", "959 4.1.3", "announces the size of the next upload",
        Argument.REQUIRED, 3, wrong_argument=(504, "'{text}' not understood"), log_classes=_classes("MISC"))


def _file_commands() -> Iterable[CommandSpec]:
    whole = PathArgument.WHOLE
    yield CommandSpec(
        "RNFR", "files.rnfr", "<sp> pathname", "959 4.1.3", "names what is to be renamed", Argument.REQUIRED,
        path=whole, limit_groups=_WRITE, limit=entry(limiting.NOT_PERMITTED), log_classes=_classes("MISC", "WRITE"))
    yield CommandSpec(
        "RNTO", "files.rnto", "<sp> pathname", "959 4.1.3", "gives what RNFR named a new name",
        Argument.REQUIRED, path=whole, limit_groups=_WRITE, limit=entry(limiting.NOT_PERMITTED), needs_source=True,
        log_classes=_classes("MISC", "WRITE"))
    yield CommandSpec(
        "DELE", "files.dele", "<sp> pathname", "959 4.1.3", "deletes a file", Argument.REQUIRED,
        path=whole, limit_groups=_WRITE, limit=entry(limiting.NOT_PERMITTED), log_classes=_classes("WRITE"))
    yield CommandSpec(
        "MDTM", "files.mdtm", "<sp> pathname", "3659 3", "tells when a file was modified (UTC)",
        Argument.REQUIRED, path=whole, limit_groups=_DIRS, limit=leads(existing_first=True),
        log_classes=_classes("INFO", "DIRS"), feat="MDTM")
    yield CommandSpec(
        "MFF", "files.mff", "<sp> fact=value; <sp> pathname", "draft-somers-ftp-mfxx",
        "sets facts of a file (modify, UNIX.group, UNIX.mode)", Argument.REQUIRED, path=PathArgument.AFTER_WORD,
        limit_groups=_WRITE, limit=_MFMT, log_classes=_classes("WRITE"), feat="MFF modify;UNIX.group;UNIX.mode;",
        feat_needs=FeatNeeds.FACTS)
    yield CommandSpec(
        "MFCT", "info.not_implemented", "is not implemented", "draft-somers-ftp-mfxx",
        "sets when a file was created, which no system call can", Argument.OPTIONAL, implemented=False,
        limit_groups=_WRITE, log_classes=_classes("WRITE"))
    yield CommandSpec(
        "MFMT", "files.mfmt", "<sp> YYYYMMDDhhmmss <sp> pathname", "draft-somers-ftp-mfxx",
        "sets when a file was modified", Argument.REQUIRED, path=PathArgument.AFTER_WORD,
        limit_groups=_WRITE, limit=_MFMT, log_classes=_classes("WRITE"), feat="MFMT",
        feat_needs=FeatNeeds.FACTS)
    for name, twin, rfc in _both("RMD", "XRMD", "959 4.1.3"):
        yield CommandSpec(
            name, "files.rmd", "<sp> pathname", rfc, "removes an empty directory", Argument.REQUIRED,
            path=whole, limit_groups=_WRITE, limit=entry(DENIED), twin=twin, log_classes=_classes("DIRS", "WRITE"),
            names_directory=True)
    for name, twin, rfc in _both("MKD", "XMKD", "959 4.1.3"):
        yield CommandSpec(
            name, "files.mkd", "<sp> pathname", rfc, "makes a directory", Argument.REQUIRED,
            path=whole, limit_groups=_WRITE, limit=entry(DENIED), twin=twin, log_classes=_classes("DIRS", "WRITE"),
            names_directory=True)
    for name, twin, rfc in _both("PWD", "XPWD", "959 4.1.3"):
        yield CommandSpec(
            name, "navigate.pwd", "(returns current working directory)", rfc, "tells the current directory",
            limit_groups=_DIRS, limit=here(550, "{name}: Permission denied"), twin=twin,
            log_classes=_classes("INFO", "DIRS"))
    yield CommandSpec(
        "SIZE", "files.size", "<sp> pathname", "3659 4", "tells a file's size in bytes (TYPE I)",
        Argument.REQUIRED, path=whole, limit_groups=_READ, limit=leads(existing_first=True),
        log_classes=_classes("INFO"), feat="SIZE")


def _information() -> Iterable[CommandSpec]:
    yield CommandSpec(
        "SYST", "info.syst", "(returns system type)", "959 4.1.3", "tells the server's kind of system",
        Argument.OPTIONAL, needs_login=False, tls_exempt=True, log_classes=_classes("INFO"))
    yield CommandSpec(
        "HELP", "info.help_", "[<sp> command]", "959 4.1.3", "lists the commands or explains one",
        Argument.OPTIONAL, needs_login=False, limit=here(501, "{name}: Permission denied"),
        log_classes=_classes("INFO"))
    yield CommandSpec(
        "NOOP", "info.noop", "(no operation)", "959 4.1.3", "does nothing", Argument.OPTIONAL,
        needs_login=False, during_transfer=True, limit=here(550, "Operation not permitted"),
        log_classes=_classes("MISC"))
    yield CommandSpec(
        "FEAT", "info.feat", "(returns feature list)", "2389 3", "lists the extensions",
        needs_login=False, tls_exempt=True, limit=here(550, "{name}: Operation not permitted"),
        log_classes=_classes("INFO"))
    yield CommandSpec(
        "OPTS", "info.opts", "<sp> command [<sp> options]", "2389 4", "sets options (UTF8 ON, MLST facts)",
        Argument.REQUIRED, needs_login=False, limit=_OPTS, log_classes=_classes("MISC"))
    yield CommandSpec(
        "HOST", "login.host", "<sp> hostname", "7151", "names the virtual host", Argument.OPTIONAL,
        needs_login=False, tls_exempt=True, limit=limiting.OF_HANDLER, feat="HOST",
        log_classes=_classes("AUTH"))
    yield CommandSpec(
        "CLNT", "info.clnt", "<sp> client-info", "draft-peterson-streamlined-ftp-command-extensions",
        "names the client program", Argument.OPTIONAL, needs_login=False, tls_exempt=True, feat="CLNT",
        log_classes=_classes("INFO"))
    yield CommandSpec(
        "LANG", "info.lang", "[<sp> language]", "2640 4.1", "chooses the language of replies", Argument.OPTIONAL, 1,
        needs_login=False, limit=here(500, "Unable to handle command", by_all=False), log_classes=_classes("INFO"))
    yield CommandSpec(
        "CSID", "info.csid", "<sp> name=value;", "draft-peterson-streamlined-ftp-command-extensions",
        "tells client and server who the other is", Argument.OPTIONAL, feat="CSID", log_classes=_classes("INFO"))


def _space() -> Iterable[CommandSpec]:
    yield CommandSpec(
        "COMB", "joining.comb", "<sp> target <sp> part [<sp> part …]", "no RFC",
        "puts files behind each other into one, and removes them", Argument.REQUIRED, limit_groups=_WRITE, limit=_COMB,
        log_classes=_classes("WRITE"), feat="COMB")
    yield CommandSpec(
        "AVBL", "joining.avbl", "[<sp> pathname]", "draft-peterson-streamlined-ftp-command-extensions",
        "tells how many bytes may still be stored in a directory", Argument.OPTIONAL, path=PathArgument.WHOLE,
        limit_groups=_DIRS, limit=leads(existing_first=True), log_classes=_classes("INFO", "DIRS"), feat="AVBL",
        names_directory=True)


def _digests() -> Iterable[CommandSpec]:
    classes = _classes("INFO", "READ")
    yield CommandSpec(
        "HASH", "digests.hash_", "<sp> pathname", "draft-bryan-ftpext-hash", "tells the digest of a file",
        Argument.REQUIRED, path=PathArgument.WHOLE, limit_groups=_READ, limit=_HASH, log_classes=classes,
        feat="HASH", feat_needs=FeatNeeds.SETTINGS)
    for name, algorithm in digests.COMMANDS.items():
        ranged = name != "MD5"
        yield CommandSpec(
            name, "digests.ranged" if ranged else "digests.whole",
            "<sp> pathname [<sp> start <sp> end]" if ranged else "<sp> pathname",
            "no RFC" if ranged else "draft-twine-ftpmd5",
            f"tells the {digests.ALGORITHMS[algorithm].title} of a file{' or a part of it' if ranged else ''}",
            Argument.REQUIRED, path=PathArgument.BEFORE_RANGE if ranged else PathArgument.WHOLE, limit_groups=_READ,
            limit=leads(existing_first=True), log_classes=classes, feat=name, feat_needs=FeatNeeds.SETTINGS)


def _security() -> Iterable[CommandSpec]:
    sec = _classes("SEC")
    yield CommandSpec(
        "AUTH", "security.auth", "<sp> TLS", "4217 4", "starts TLS on the control connection",
        Argument.OPTIONAL, needs_login=False, tls_exempt=True, limit=limiting.OF_HANDLER_RAW, feat="AUTH TLS",
        feat_needs=FeatNeeds.TLS, log_classes=sec)
    yield CommandSpec(
        "CCC", "security.ccc", "(clears protection level)", "2228 3", "ends TLS on the control connection",
        Argument.OPTIONAL, needs_tls=True, limit=limiting.OF_HANDLER, feat="CCC", feat_needs=FeatNeeds.TLS,
        log_classes=sec)
    yield CommandSpec(
        "SSCN", "security.sscn", "[<sp> ON|OFF]", "draft-ietf-tls-sscn", "makes us the TLS client of data connections",
        Argument.OPTIONAL, needs_tls=True, limit=limiting.OF_HANDLER, feat="SSCN", feat_needs=FeatNeeds.TLS,
        log_classes=sec)
    for name in ("ADAT", "CONF", "ENC", "MIC"):
        yield CommandSpec(
            name, f"security.{name.lower()}", "<sp> base64-data", "2228 3",
            "belongs to security mechanisms other than TLS", Argument.OPTIONAL, needs_login=False,
            secret=True, log_classes=sec, implemented=False)
    yield CommandSpec(
        "PBSZ", "security.pbsz", "<sp> protection buffer size", "4217 8",
        "sets the protection buffer size (0)", Argument.REQUIRED, 1, needs_login=False, needs_tls=True,
        feat="PBSZ", feat_needs=FeatNeeds.TLS, log_classes=sec)
    yield CommandSpec(
        "PROT", "security.prot", "<sp> protection code", "4217 9",
        "sets the protection of data connections (C or P)", Argument.REQUIRED, 1, needs_login=False,
        needs_tls=True, limit=limiting.OF_HANDLER_RAW, feat="PROT", feat_needs=FeatNeeds.TLS, log_classes=sec)


def _parameters() -> Iterable[CommandSpec]:
    misc = _classes("MISC")
    not_understood_501 = (501, "'{text}' not understood")
    yield CommandSpec(
        "TYPE", "transfer.type_", "<sp> type-code (A, I, L 7, L 8)", "959 4.1.2",
        "sets the representation type", Argument.REQUIRED, 2, NOT_UNDERSTOOD, needs_login=False,
        log_classes=misc)
    yield CommandSpec(
        "STRU", "transfer.stru", "is not implemented (always F)", "959 4.1.2", "sets the file structure",
        Argument.REQUIRED, 1, not_understood_501, log_classes=misc)
    yield CommandSpec(
        "MODE", "deflate.mode", "<sp> mode-code (S, Z)", "959 4.1.2", "sets the transfer mode: as it is or compressed",
        Argument.REQUIRED, 1, not_understood_501, log_classes=misc, feat=deflate.FEATURE,
        feat_needs=FeatNeeds.SETTINGS)


def _transfers() -> Iterable[CommandSpec]:
    whole = PathArgument.WHOLE
    yield CommandSpec(
        "RETR", "transfer.retr", "<sp> pathname", "959 4.1.3", "downloads a file", Argument.REQUIRED, None,
        NOT_UNDERSTOOD, path=whole, data="send", limit_groups=_READ, limit=leads(), log_classes=_classes("READ"))
    yield CommandSpec(
        "STOR", "transfer.stor", "<sp> pathname", "959 4.1.3", "uploads a file", Argument.REQUIRED, None,
        NOT_UNDERSTOOD, path=whole, data="receive", limit_groups=_WRITE, limit=leads(path_filter="path"),
        log_classes=_classes("WRITE"))
    yield CommandSpec(
        "STOU", "transfer.stou", "(store unique filename)", "959 4.1.3", "uploads a file under a new name",
        Argument.OPTIONAL, path=whole, data="receive", limit_groups=_WRITE, limit=_STOU, log_classes=_classes("WRITE"))
    yield CommandSpec(
        "APPE", "transfer.appe", "<sp> pathname", "959 4.1.3", "uploads to the end of a file",
        Argument.REQUIRED, None, NOT_UNDERSTOOD, path=whole, data="receive", appends=True, limit_groups=_WRITE,
        limit=leads(path_filter="path"), log_classes=_classes("WRITE"))
    yield CommandSpec(
        "REST", "transfer.rest", "<sp> byte-count", "3659 5", "sets where the next transfer begins",
        Argument.REQUIRED, 1, NOT_UNDERSTOOD, feat="REST STREAM", log_classes=_classes("MISC"))
    yield CommandSpec(
        "RANG", "transfer.rang", "<sp> start-point <sp> end-point", "draft-bryan-ftp-range",
        "sets which bytes the next transfer is about", Argument.REQUIRED, 2, NOT_UNDERSTOOD,
        limit=here(552, "{name}: Operation not permitted"), feat="RANG STREAM", log_classes=_classes("MISC"))
    yield CommandSpec(
        "ABOR", "transfer.abor", "(abort current operation)", "959 4.1.3", "aborts the transfer that runs",
        Argument.OPTIONAL, during_transfer=True, aborts_transfer=True, log_classes=_classes("MISC"))


def _login() -> Iterable[CommandSpec]:
    auth = _classes("AUTH")
    yield CommandSpec(
        "USER", "login.user", "<sp> username", "959 4.1.1", "names the user", Argument.REQUIRED, None,
        (500, "{name}: command requires a parameter"), needs_login=False, authenticates=True,
        limit_groups=_classes("LOGIN"), limit=limiting.OF_HANDLER_RAW, log_classes=auth)
    yield CommandSpec(
        "PASS", "login.pass_", "<sp> password", "959 4.1.1", "gives the user's password", Argument.OPTIONAL,
        verbatim=True, secret=True, needs_login=False, authenticates=True, limit_groups=_classes("LOGIN"),
        limit=limiting.OF_HANDLER_RAW, log_classes=auth)
    yield CommandSpec(
        "ACCT", "info.not_implemented", "is not implemented", "959 4.1.1", "gives accounting information",
        Argument.OPTIONAL, secret=True, needs_login=False, authenticates=True, log_classes=auth,
        implemented=False)
    yield CommandSpec(
        "REIN", "info.not_implemented", "is not implemented", "959 4.1.1", "starts the session over",
        Argument.OPTIONAL, needs_login=False, log_classes=auth, implemented=False)


def _listings() -> Iterable[CommandSpec]:
    dirs = _classes("DIRS")
    options = PathArgument.AFTER_OPTIONS
    yield CommandSpec(
        "LIST", "listing.list_", "[<sp> pathname]", "959 4.1.3", "lists a directory as `ls -l` does",
        Argument.OPTIONAL, path=options, data="send", listing=True, limit_groups=_DIRS, limit=limiting.OF_HANDLER,
        log_classes=dirs, names_directory=True)
    yield CommandSpec(
        "NLST", "listing.nlst", "[<sp> (pathname)]", "959 4.1.3", "lists names", Argument.OPTIONAL,
        path=options, data="send", listing=True, limit_groups=_DIRS, limit=_NLST, log_classes=dirs,
        names_directory=True)
    yield CommandSpec(
        "STAT", "listing.stat", "[<sp> pathname]", "959 4.1.3",
        "tells the session's state or lists a path here", Argument.OPTIONAL, path=options,
        during_transfer=True, limit_groups=_DIRS, limit=limiting.OF_HANDLER, log_classes=_classes("INFO"))
    yield CommandSpec(
        "SITE", "site.site", "<sp> string", "959 4.1.3", "runs a SITE command", Argument.REQUIRED, None,
        (500, "'SITE' requires parameters"), limit=limiting.OF_HANDLER_RAW, log_classes=_classes("MISC"))
    yield CommandSpec(
        "MLSD", "listing.mlsd", "[<sp> pathname]", "3659 7", "lists a directory as facts", Argument.OPTIONAL,
        path=PathArgument.WHOLE, data="send", listing=True, limit_groups=_DIRS, limit=leads(limiting.UNABLE),
        log_classes=dirs, names_directory=True)
    yield CommandSpec(
        "MLST", "listing.mlst", "[<sp> pathname]", "3659 7", "tells the facts of one path",
        Argument.OPTIONAL, path=PathArgument.WHOLE, limit_groups=_DIRS, limit=leads(limiting.UNABLE), log_classes=dirs)


COMMANDS: Mapping[str, CommandSpec] = MappingProxyType({spec.name: spec for spec in _table()})


@dataclass(frozen=True, slots=True)
class SiteSpec:
    """One SITE command: the same idea, for what stands behind SITE.

    words   how many its argument has at least
    engine  the directive without which there is no such command
    feat    whether FEAT names it
    """

    name: str
    handler: str
    syntax: str
    help: str
    path: PathArgument = PathArgument.NONE
    words: int = 0
    limit_groups: frozenset[str] = _SITE
    limit: Limiting = limiting.RAW_ONLY
    engine: Engine = Engine.ALWAYS
    feat: bool = False

    @property
    def shown(self) -> str:
        """Its line in SITE HELP: commands of modules come with their syntax there."""
        return self.name if self.engine is Engine.ALWAYS else f"{self.name} {self.syntax}".rstrip()


def _misc(name: str, syntax: str, help: str, limit: Limiting, words: int) -> SiteSpec:
    path = PathArgument.NONE if limit.place is Judged.HANDLER else PathArgument.WHOLE
    return SiteSpec(
        name, f"site_files.{name.lower()}", syntax, help, path, words, _SITE | _WRITE, limit, Engine.MISC, True)


def _copying(name: str, syntax: str, help: str, limit: Limiting, words: int, *, feat: bool = False) -> SiteSpec:
    groups = _SITE | (_READ if name == "CPFR" else _WRITE)
    return SiteSpec(
        name, f"copying.{name.lower()}", syntax, help, PathArgument.NONE, words, groups, limit, Engine.COPY, feat)


SITE_COMMANDS: Mapping[str, SiteSpec] = MappingProxyType({
    spec.name: spec for spec in (
        _copying("CPFR", "<sp> pathname", "names what is to be copied", _SITE_SOURCE, 1),
        _copying("CPTO", "<sp> pathname", "copies what CPFR named", _SITE_COPY, 1),
        _copying("COPY", "<sp> source <sp> destination", "copies a file or a directory", _SITE_COPY, 2, feat=True),
        _misc("UTIME", "<sp> YYYYMMDDhhmm[ss] <sp> path", "sets when a file was modified (and read)",
              _SITE_TIMES, 2),
        _misc("SYMLINK", "<sp> source <sp> destination", "makes a symbolic link", _SITE_LINK, 2),
        _misc("RMDIR", "<sp> path", "removes a directory and all that is in it", _SITE_ENTRY, 1),
        _misc("MKDIR", "<sp> path", "makes a directory and those above it", _SITE_ENTRY, 1),
        SiteSpec("QUOTA", "quota.quota", "", "tells what is left of the quota", engine=Engine.QUOTA,
                 limit=here(550, "{name}: Permission denied")),
        SiteSpec("WHO", "site.who", "", "tells which sessions of yours there are", engine=Engine.MISC,
                 limit=here(550, "{name}: Permission denied")),
        SiteSpec("HELP", "site.help_", "[<sp> sitecommand]", "lists the SITE commands or explains one",
                 limit=Limiting(reply=(501, "{name}: Permission denied"), of_place=False)),
        SiteSpec("CHGRP", "site.chgrp", "<sp> group <sp> pathname", "gives a path to a group",
                 path=PathArgument.AFTER_WORD, words=2, limit_groups=_SITE | _WRITE, limit=_SITE_CHGRP),
        SiteSpec("CHMOD", "site.chmod", "<sp> mode <sp> pathname", "changes the mode of a path",
                 path=PathArgument.AFTER_WORD, words=2, limit_groups=_SITE | _WRITE, limit=_SITE_CHMOD),
    )
})
