"""Directives about accounts and processes that cannot have an effect here, and why (see `undone.py`)."""

from __future__ import annotations

from collections.abc import Sequence

from ftpsd.settings.arguments import Boolean, OneOf, Special, Words
from ftpsd.settings.auth_parsers import known, options
from ftpsd.settings.declaration import HOST, ROOT, Context, Status, without_value

_INCLUDE = known("AllowSymlinks", "IgnoreTempFiles", "IgnoreWildcards")


def include_options(words: Sequence[str]) -> frozenset[str]:
    """Words of IncludeOptions, in any case. What they do is done while the text is read (`config/parser.py`)."""
    return options(words, _INCLUDE, "IncludeOption")


IDLE = (
    without_value(
        "RewriteHome", Status.NO_EFFECT, "homes are rewritten by rules of mod_rewrite, which ftpsd does not have",
        module="mod_auth", contexts=HOST, argument=Boolean(), good=("on", "off"), bad=("", "maybe"),
        doc="Whether mod_rewrite may change the home of a user.",
    ),
    without_value(
        "RootRevoke", Status.NO_EFFECT, "a session gives up root for good at login, whatever comes after",
        module="mod_auth", contexts=HOST | Context.ANONYMOUS,
        argument=OneOf(("on", "off", "UseNonCompliantActiveTransfer")), good=("on", "off"), bad=("", "maybe"),
        doc="Whether a session gives up root's rights after login.",
    ),
    without_value(
        "CapabilitiesRootRevoke", Status.NO_EFFECT, "see RootRevoke", module="mod_cap", contexts=HOST,
        argument=Boolean(), good=("on", "off"), bad=("", "maybe"), doc="Whether a session gives up root's rights.",
    ),
    without_value(
        "AuthPAMOptions", Status.NO_EFFECT, "PAM is told of no terminal in any case", module="mod_auth_pam",
        contexts=HOST, argument=OneOf(("NoTTY",)), good=("NoTTY",), bad=("", "TTY"), doc="NoTTY: PAM_TTY is not set.",
    ),
    without_value(
        "RLimitChroot", Status.NO_EFFECT,
        "no process of ftpsd has a session's root as its own or loads anything from it, so that /etc and /lib in it"
        " are directories like others", module="mod_rlimit", contexts=HOST, argument=Boolean(), good=("on", "off"),
        bad=("", "maybe"), doc="Whether /etc and /lib below the root of a session are kept from changes.",
    ),
    without_value(
        "RegexOptions", Status.NO_EFFECT, "regular expressions are always PCRE's, and bounded in time; what they are"
        " matched with is never longer than a command", contexts=HOST,
        argument=Words("Engine|MatchLimit|MatchRecursionLimit value …", least=2),
        good=("MatchLimit 1000 MatchRecursionLimit 100", "Engine POSIX"), bad=("", "Engine"),
        doc="Engine and limits of regular expressions.",
    ),
    without_value(
        "FSOptions", Status.NO_EFFECT, "ftpsd never shows extended attributes", contexts=HOST,
        argument=OneOf(("IgnoreExtendedAttributes",)), good=("IgnoreExtendedAttributes",), bad=("", "x"),
        doc="Options about files.",
    ),
    without_value(
        "AddressCollisionCheck", Status.NO_EFFECT, "hosts of one address and port do not collide: HOST and SNI choose",
        contexts=ROOT, argument=Boolean(), good=("off", "on"), bad=("", "maybe"),
        doc="Whether hosts of the same address and port are reported (ProFTPD 1.2).",
    ),
    without_value(
        "TransferPriority", Status.NO_EFFECT,
        "a thread that lowers its priority could not raise it again without root's rights, which a session gave up",
        module="mod_xfer", contexts=HOST | Context.ANONYMOUS,
        argument=Words("commands low|medium|high|number", least=2), good=("RETR,STOR low",), bad=("", "RETR"),
        doc="Priority of transfers (ProFTPD 1.3.0).",
    ),
    without_value(
        "IncludeOptions", Status.SUPPORTED, contexts=ROOT,
        argument=Special("AllowSymlinks|IgnoreTempFiles|IgnoreWildcards …", include_options),
        good=("IgnoreTempFiles", "AllowSymlinks IgnoreWildcards"), bad=("", "Everything"),
        doc="For the Include lines that follow. IgnoreTempFiles: what editors and package managers leave behind is"
        " skipped. IgnoreWildcards: patterns for directories are refused. AllowSymlinks: links"
        " are followed, as they always are.",
    ),
)
