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

DIGEST = ("LoadModule mod_digest.c",)
WHOLE_NAME = (
    Difference("XCRC a b.txt", "501 Invalid number of parameters", ".*250 C4C55DFF", "a name may have blanks"),
    Difference(
        "XMD5 a b.txt 0 5", "550 a b.txt 0 5: No such file or directory", ".*250 5D41402ABC4B2A76B9719D911017C592",
        "a name may have blanks"),
    Difference("XCRC empty", "501 XCRC requires end .*", ".*250 00000000", "what is empty has a digest, too"),
    Difference("X(MD5|CRC) (nothere|sub) 0 5", "550 (nothere|sub)( 0 5)?: .*", "550 (nothere|sub): .*", "the name"),
    Difference(
        'XMD5 "nothere" 0 5', '550 "nothere" 0 5: No such file or directory', "550 nothere: No such file or directory",
        "the name"),
)
NO_NUMBERS = (
    Difference(
        "XMD5 file.txt -1 5", "550 file.txt: Invalid argument", "501 XMD5 requires a start greater than or equal to 0",
        "what is wrong is the number"),
    Difference(
        "XMD5 file.txt x y", "501 XMD5 requires a start .*", "550 file.txt x y: No such file or directory",
        "these may be words of a name"),
    Difference(
        "XMD5 file.txt 0 9{23}", "501 XMD5 requires end .*", "501 XMD5: end exceeds file size", "numbers do not wrap"),
)
NAMES = Difference("OPTS HASH md5", "200 md5", "200 MD5", "the algorithm's name as FEAT has it")
RANGE = Difference(
    "HASH file.txt", ".*213 SHA-1 0-12 58853e.*", ".*213 SHA-1 0-4 aaf4c6.* file.txt",
    "the draft (section 3.3): RANG chooses what HASH looks at")
DIGEST_FILES = (("a b.txt", b"hello\nworld\n"), ("empty", b""))

TRANSFER_SCRIPTS += [
    Script("HASH", [
        "HASH", "HASH file.txt", "HASH a b.txt", "HASH ./file.txt", "HASH nothere", "HASH sub", "HASH secret",
        "HASH empty", "HASH big.bin", "HASH link", "OPTS HASH", "OPTS HASH SHA-256", "HASH file.txt", "OPTS HASH md5",
        "HASH file.txt", "OPTS HASH CRC32", "HASH file.txt", "OPTS HASH SHA-512", "HASH big.bin", "OPTS HASH FOO",
        "OPTS HASH a b", "HELP HASH", "HELP XCRC", "HELP MD5", "REST 3", "HASH file.txt", "TYPE A", "HASH file.txt",
    ], directives=DIGEST, files=DIGEST_FILES, differences=(NAMES,)),
    Script("XCRC and its kin", [
        "XCRC", "XCRC file.txt", 'XCRC "file.txt"', 'XCRC "file.txt', 'XCRC "a b.txt"', "XCRC a b.txt", "XCRC nothere",
        "XCRC sub", "XCRC secret", "XCRC empty", "XCRC big.bin", "XMD5 file.txt", "XSHA file.txt", "XSHA1 file.txt",
        "XSHA256 file.txt", "XSHA512 file.txt", "MD5", "MD5 file.txt", "MD5 a b.txt", "MD5 nothere", "MD5 sub",
        "MD5 empty", "MD5 file.txt 0 5",
    ], directives=DIGEST, files=DIGEST_FILES, differences=WHOLE_NAME[:1] + WHOLE_NAME[2:3]),
    Script("XMD5 of a part", [
        "XMD5 file.txt 0 5", "XMD5 file.txt 1 5", "XMD5 file.txt 5", "XMD5 file.txt 5 5", "XMD5 file.txt 6 5",
        "XMD5 file.txt 0 12", "XMD5 file.txt 0 13", "XMD5 file.txt 12 13", "XMD5 file.txt -1 5", "XMD5 file.txt x y",
        "XMD5 file.txt 0 0", "XMD5 file.txt 00 05", "XMD5 file.txt +0 +5", "XMD5 file.txt 0x0 0x5",
        "XMD5 file.txt 0 5x", f"XMD5 file.txt 0 {'9' * 23}", 'XMD5 "a b.txt" 0 5', "XMD5 a b.txt 0 5",
        'XMD5 "nothere" 0 5', "XMD5 nothere 0 5", "XSHA512 big.bin 100 2000",
    ], directives=DIGEST, files=DIGEST_FILES, differences=(*NO_NUMBERS, *(WHOLE_NAME[index] for index in (1, 3, 4)))),
    Script("HASH and RANG", [
        "TYPE I", "RANG 0 4", "HASH file.txt",
    ], directives=DIGEST, differences=(RANGE,)),
    Script("DigestMaxSize", [
        "HASH file.txt", "HASH big.bin", "XMD5 big.bin", "MD5 big.bin", "XMD5 big.bin 0 51200", "XMD5 big.bin 0 51201",
    ], directives=(*DIGEST, "DigestMaxSize 50 KB")),
    Script("DigestAlgorithms", [
        "HASH file.txt", "XMD5 file.txt", "MD5 file.txt", "XSHA1 file.txt", "XSHA256 file.txt", "XCRC file.txt",
        "OPTS HASH MD5", "OPTS HASH",
    ], directives=(*DIGEST, "DigestAlgorithms sha256 crc32", "DigestDefaultAlgorithm md5")),
    Script("DigestDefaultAlgorithm", [
        "OPTS HASH", "HASH file.txt",
    ], directives=(*DIGEST, "DigestDefaultAlgorithm sha512", "DigestCache off", "DigestOptions NoTransferCache")),
    Script("DigestEngine off", [
        "HASH file.txt", "XMD5 file.txt", "MD5 file.txt", "OPTS HASH MD5",
    ], directives=(*DIGEST, "DigestEngine off")),
    Script("DigestEnable", [
        "HASH sub/inner.txt", "XMD5 sub/inner.txt", "MD5 sub/inner.txt", "HASH file.txt",
    ], directives=(*DIGEST, "DefaultRoot /"),
        sections="<Directory BASE/homes/alice/sub>\nDigestEnable off\n</Directory>\n"),
    Script("access: digests", [
        "HASH file.txt", "XMD5 file.txt", "MD5 file.txt", "XCRC nothere", "HASH nothere", "XCRC sub",
    ], directives=DIGEST, sections="<Limit READ>\nDenyAll\n</Limit>\n"),
    Script("access: one digest", [
        "HASH file.txt", "XMD5 file.txt", "XMD5 file.txt 0 5", "MD5 file.txt", "XCRC file.txt",
    ], directives=DIGEST, sections="<Limit HASH XMD5>\nDenyAll\n</Limit>\n"),
]
