"""Directives that set nothing: accepted without effect, renamed or refused.

A directive that a later version gives an effect moves from here to a field of a settings class.
"""

from __future__ import annotations

from ftpsd.settings import sql_parsers as grammar
from ftpsd.settings.arguments import Boolean, Integer, OneOf, OptionalPath, Path, Special, Words
from ftpsd.settings.declaration import HOST, PROCESS, ROOT, Context, Declaration, Status, without_value
from ftpsd.settings.idle import IDLE

_ANY = Words("…", least=0)

NO_EFFECT = (
    without_value(
        "LoadModule", Status.NO_EFFECT, "every module that ftpsd has is always there", module="mod_dso",
        contexts=ROOT, argument=Words("mod_name.c"), good=("mod_tls.c",), bad=("",), doc="Loads a module.",
    ),
    without_value(
        "LoadFile", Status.NO_EFFECT, "ftpsd loads no foreign code", module="mod_dso",
        contexts=ROOT, argument=Path(), good=("/usr/lib/libfoo.so",), bad=("libfoo.so",),
        doc="Loads a library.",
    ),
    without_value(
        "ModulePath", Status.NO_EFFECT, "ftpsd's modules are part of it", module="mod_dso",
        contexts=ROOT, argument=Path(), good=("/usr/lib/proftpd",), bad=("lib",), doc="Directory of modules.",
    ),
    without_value(
        "ModuleOrder", Status.NO_EFFECT, "the order of ftpsd's modules is fixed", module="mod_dso",
        contexts=ROOT, argument=Words("mod_name.c …"), good=("mod_core.c mod_tls.c",), bad=("",),
        doc="Order in which modules are asked.",
    ),
    without_value(
        "ModuleControlsACLs", Status.NO_EFFECT, "modules cannot be loaded into a running ftpsd",
        module="mod_dso",
        contexts=ROOT, argument=Words("actions allow|deny user|group list", least=4),
        good=("lsmod allow user *",), bad=("lsmod",), doc="Who may load modules with ftpdctl.",
    ),
    without_value(
        "ControlsInterval", Status.NO_EFFECT, "a request is answered when it comes", module="mod_ctrls",
        contexts=ROOT, argument=Integer(1, 2**31 - 1), good=("5",), bad=("0", "x"),
        doc="Seconds between two looks at the control socket.",
    ),
    without_value(
        "ControlsAuthFreshness", Status.NO_EFFECT,
        "the kernel says who is at the other end of the control socket, no file's age has to prove it",
        module="mod_ctrls", contexts=ROOT, argument=Integer(1, 2**31 - 1), good=("10",), bad=("0", "x"),
        doc="Seconds that a client's proof of who it is stays good.",
    ),
    without_value(
        "DelayControlsACLs", Status.NO_EFFECT, "there is nothing to be looked at or reset, see DelayEngine",
        module="mod_delay", contexts=ROOT, argument=Words("actions allow|deny user|group list", least=4),
        good=("all allow user root",), bad=("info",), doc="Who may look at and reset DelayTable with ftpdctl.",
    ),
    without_value(
        "DelayEngine", Status.NO_EFFECT,
        "checking a password takes the same time for known and unknown users",
        module="mod_delay", argument=Boolean(), good=("on", "off"), bad=("slow",),
        doc="Delays answers so that their timing does not tell which users exist.",
    ),
    without_value(
        "DelayTable", Status.NO_EFFECT, "there is nothing to be kept, see DelayEngine",
        module="mod_delay", contexts=ROOT, argument=Words("/path|none"), good=("/run/delay",), bad=("",),
        doc="File for DelayEngine.",
    ),
    without_value(
        "DigestOptions", Status.NO_EFFECT,
        "a digest is computed when somebody asks for it, never while a file is being transferred",
        module="mod_digest", contexts=HOST | Context.ANONYMOUS, argument=OneOf(("NoTransferCache",)),
        good=("NoTransferCache",), bad=("TransferCache",),
        doc="NoTransferCache: no digest is computed during a transfer.",
    ),
    without_value(
        "CapabilitiesEngine", Status.NO_EFFECT, "a session gives up all other rights after login anyway",
        module="mod_cap", argument=Boolean(), good=("on",), bad=("all",), doc="Drops root's capabilities.",
    ),
    without_value(
        "CapabilitiesSet", Status.NO_EFFECT, "see CapabilitiesEngine",
        module="mod_cap", argument=Words("±CAP_NAME …"), good=("-CAP_CHOWN",), bad=("",),
        doc="Which capabilities stay.",
    ),
    without_value(
        "ScoreboardMutex", Status.NO_EFFECT, "the scoreboard needs no lock file",
        contexts=ROOT, argument=Path(), good=("/run/board.lock",), bad=("lock",),
        doc="Lock of the scoreboard.",
    ),
    without_value(
        "ScoreboardOptions", Status.NO_EFFECT, "every session has its entry in the scoreboard",
        contexts=HOST, argument=Words("AllowMissingEntry"), good=("AllowMissingEntry",), bad=("",),
        doc="AllowMissingEntry: sessions without an entry in the scoreboard.",
    ),
    without_value(
        "ScoreboardScrub", Status.NO_EFFECT, "ended sessions leave the scoreboard by themselves",
        contexts=ROOT, argument=Words("on|off|seconds"), good=("on", "60"), bad=("",),
        doc="Removes ended sessions from the scoreboard.",
    ),
    without_value(
        "ProcessTitles", Status.NO_EFFECT, "a session is not a process",
        contexts=ROOT, argument=OneOf(("verbose", "terse")), good=("terse",), bad=("long",),
        doc="What ps shows of a session.",
    ),
    *(
        without_value(
            name, Status.NO_EFFECT, "what becomes of a cache goes to the system log", module=module,
            contexts=HOST, argument=OptionalPath(), good=("/var/log/cache.log", "none"), bad=("cache.log",),
            doc="File for messages about the servers.",
        )
        for name, module in (("RedisLog", "mod_redis"), ("MemcacheLog", "mod_memcache"))
    ),
    *(
        without_value(
            name, Status.NO_EFFECT, "only mod_ratio asks for it, which ftpsd does not have", module="mod_sql",
            argument=Special(f"on|off|{columns}", grammar.ratios), contexts=PROCESS, good=("off", "on", columns),
            bad=("", "maybe", "a b"), doc="Columns for the ratios of uploads to downloads (mod_ratio).",
        )
        for name, columns in (("SQLRatios", "frate fcred brate bcred"), ("SQLRatioStats", "fstor fretr bstor bretr"))
    ),
    without_value(
        "RedisOptions", Status.NO_EFFECT, "a server that failed is asked again after a pause in any case",
        module="mod_redis", contexts=HOST, argument=OneOf(("NoReconnect",)), good=("NoReconnect",), bad=("Reconnect",),
        doc="NoReconnect: no new connection when the first one breaks.",
    ),
    without_value(
        "MemcacheOptions", Status.NO_EFFECT, "memcached is always spoken to in its text protocol",
        module="mod_memcache", contexts=HOST, argument=OneOf(("NoBinaryProtocol",)), good=("NoBinaryProtocol",),
        bad=("Binary",), doc="NoBinaryProtocol: the text protocol.",
    ),
    without_value(
        "MemcacheReplicas", Status.NO_EFFECT, "an entry that is lost costs one full handshake",
        module="mod_memcache", contexts=HOST, argument=Integer(0, 1000), good=("2",), bad=("many",),
        doc="How many servers have a copy of each entry.",
    ),
    without_value(
        "MemcacheConnectFailures", Status.NO_EFFECT, "a server that fails once is left alone for a second",
        module="mod_memcache", contexts=HOST, argument=Integer(0, 2**31 - 1), good=("3",), bad=("x",),
        doc="After how many failures a server is left alone.",
    ),
    without_value(
        "FSCachePolicy", Status.NO_EFFECT, "ftpsd keeps no results of stat(2)",
        argument=Words("on|off|keyword value …"), good=("off", "size 8 maxAge 10"), bad=("",),
        doc="Cache of file attributes.",
    ),
)

RENAMED = tuple(
    without_value(old, Status.RENAMED, new, argument=_ANY, doc=f"The former name of {new}.")
    for old, new in {
        "HiddenStor": "HiddenStores", "LsDefaultOptions": "ListOptions", "DisplayFirstChdir": "DisplayChdir",
        "DefaultChDir": "DefaultChdir", "RateReadBPS": "TransferRate", "RateReadFreeBytes": "TransferRate",
        "RateReadHardBPS": "TransferRate", "RateWriteBPS": "TransferRate",
        "RateWriteFreeBytes": "TransferRate",
        "RateWriteHardBPS": "TransferRate", "TCPReceiveWindow": "SocketOptions",
        "TCPSendWindow": "SocketOptions",
        "Bind": "DefaultAddress", "AuthPAMAuthoritative": "AuthOrder", "LogFile": "SystemLog",
    }.items()
    if old.lower() != new.lower()
)

REFUSED = (
    without_value(
        "DisplayGoAway", Status.REFUSED, "ProFTPD has no such directive any more", argument=_ANY,
        doc="File shown to a client that is turned away.",
    ),
)

OF_CLASSES = (
    without_value(
        "From", Status.SUPPORTED, contexts=Context.CLASS, argument=Words("[!]address|block|name …"),
        good=("127.0.0.1", "10.0.0.0/8,!10.1.0.0/16 .example.org"), bad=("",),
        doc="Who belongs to the class: addresses, blocks (/8 or /255.0.0.0), names with wildcards, `all`, `none`; `!`"
        " excludes.",
    ),
    without_value(
        "Satisfy", Status.SUPPORTED, contexts=Context.CLASS, argument=OneOf(("any", "all")),
        good=("all", "ANY"), bad=("some",), doc="Whether one word of the From lines is enough, or all"
        " must fit.",
    ),
)

DECLARATIONS: tuple[Declaration, ...] = (*NO_EFFECT, *IDLE, *RENAMED, *REFUSED, *OF_CLASSES)
