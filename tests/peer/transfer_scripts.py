"""Sessions about MODE Z and digests: ftpsd answers as ProFTPD 1.3.8's mod_deflate and mod_digest do."""

from __future__ import annotations

from tests.peer.compare import Difference, Script

DEFLATE = ("LoadModule mod_deflate.c", "DeflateEngine on")
ASKED = Difference(
    "OPTS MODE Z", "500 OPTS MODE not understood", "200 MODE Z ENGINE ZLIB LEVEL .", "the draft: it asks what is set")
LEVELS = Difference(
    r"OPTS MODE Z LEVEL( x| -1| 10)?", r"(200 OPTS.MODE (Z )?OK|501 OPTS_MODE: bad.*)", "501 OPTS MODE Z: .*",
    "what is no level is not taken for one")
ENGINE = Difference(
    "OPTS MODE Z ENGINE zlib", "501 OPTS_MODE: unsupported MODE Z option: ENGINE", "200 OPTS MODE Z OK",
    "the draft's one engine may be named")
UNKNOWN = Difference(
    "OPTS MODE Z (METHOD 9|FOO 1|BLOCKSIZE 9)", "501 OPTS_MODE: un(known|supported) MODE Z option: .*",
    "501 OPTS MODE Z: (unknown option: .*|bad option value: .*)", "the option is named in the client's words")
STATUS = Difference("STAT", "211 Status.*", "211 Status.*Mode: Deflate.*", "STAT knows the mode")
MODE_HELP = Difference("HELP MODE", ".*not implemented.*", r"214 Syntax: MODE <sp> mode-code \(S, Z\)", "it is")

TRANSFER_SCRIPTS = [
    Script("MODE Z", [
        "MODE Z", "MODE z", "MODE S", "MODE", "MODE Z X", "MODE B", "MODE Q", "OPTS MODE", "OPTS MODE S LEVEL 5",
        "OPTS MODE Z", "OPTS MODE Z LEVEL 5", "OPTS MODE Z level 0", "OPTS mode z LEVEL 9", "OPTS MODE Z LEVEL",
        "OPTS MODE Z LEVEL x", "OPTS MODE Z LEVEL -1", "OPTS MODE Z LEVEL 10", "OPTS MODE Z ENGINE zlib",
        "OPTS MODE Z METHOD 9", "OPTS MODE Z FOO 1", "OPTS MODE Z BLOCKSIZE 9", "MODE Z", "STAT", "HELP MODE",
    ], directives=DEFLATE, differences=(ASKED, LEVELS, ENGINE, UNKNOWN, STATUS, MODE_HELP)),
    Script("MODE Z that is off", [
        "MODE Z", "OPTS MODE Z LEVEL 5", "MODE S",
    ], directives=("LoadModule mod_deflate.c", "DeflateEngine off")),
]
