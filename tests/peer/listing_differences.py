"""Where ftpsd lists, refuses and copies otherwise than ProFTPD 1.3.8 on purpose; OF says which script shows which."""

from __future__ import annotations

from tests.peer import differences as but
from tests.peer.compare import Difference

_ANY = r"(?s:.*)"
_SHOWN = r"150 (?s:.*)"
_EMPTY = r"150 [^\n]*\n226 Transfer complete"

LINKS = Difference(
    "ML(SD|ST).*",
    rf"{_ANY}size=\d+;type=(OS.unix=s[^;]*|file);{_ANY}UNIX.mode=0777;{_ANY}",
    rf"{_ANY}size=12;type=(OS.unix=s[^;]*|file);{_ANY}",
    "a link has the size and the mode of what a download brings",
)
NAMES = Difference("NLST .*", _SHOWN, _SHOWN, "what stands before the names is what the client wrote")
ABSENT = Difference(
    r"LIST .*[*\[].*",
    _EMPTY,
    r"150 .*\n450 .*: No such file or directory",
    "a pattern that nothing matches is missing",
)
NOTHING_FOUND = Difference(
    "NLST .*", "450 No files found", "450 .*: No such file or directory", "the same words for both"
)
DOTS = Difference(
    r"LIST .*/\..*",
    _EMPTY,
    _SHOWN,
    "what is asked for by its name is listed, with a dot or without",
)
ALL_MATCHED = Difference(r"(LIST|NLST) .*\*", _SHOWN, _SHOWN, "-a makes patterns match names with dots")
PATTERN_DOTS = Difference(r"NLST .*/\.\*", _SHOWN, _SHOWN, "a pattern matches neither . nor ..")
NO_DEPTH = Difference(r"LIST (-R )?.*\*", _SHOWN, _SHOWN, "-R stops at what a pattern matches")
CLOSED = Difference(
    "(LIST|NLST) noperm/?",
    _EMPTY,
    "(150 .*\n)?450 .*: Permission denied",
    "a directory that may not be read is not an empty one",
)
HOME = Difference(
    "(LIST|NLST) ~.*", "(150 .*\n)?450 .*", _ANY, "the home is there in a jail, too; others' homes are not"
)
RELATIVE = Difference(
    r"(LIST|NLST) \.\./full",
    "(150 .*\n)?450 .*",
    _SHOWN,
    "a path goes up from where the session is",
)
LONE_MINUS = Difference("LIST (-l )?-", _SHOWN, "150 .*\n450 -: .*", "a minus alone is a name")
STAT_OPTIONS = Difference(
    r"STAT (-\w tree|\.)", "212 .*", "212 .*", "STAT takes the options of LIST, and ListOptions' too"
)
PLAIN_FILE = Difference("MLSD file.txt/x", "550 .*: Not a directory", "550 .* is not a directory", "other words")
SLASH = Difference("LIST dirlink/", _EMPTY, _SHOWN, "with a slash behind it a link is the directory")
LINK_TEXT = Difference(
    "LIST -d dirlink", _SHOWN, _SHOWN, "SITE SYMLINK makes relative links, which are good outside, too"
)
ACCESS_TIME = Difference("LIST -u file.txt", _SHOWN, _SHOWN, "MFMT sets the time of modification alone")
RIGHTS = Difference("MLST file.txt", "250 .*", "250 .*", "perm tells what the user may do, by all the bits of the mode")
UNDONE = Difference(
    "(LIST -a|NLST -a|STAT .)",
    "(150|212) .*",
    "(150|212) .*",
    "`+a` in ListOptions takes back nothing that a client asks for",
)
DEEPER = Difference(
    "(LIST.*|STAT .)", "(150|212) .*", "(150|212) .*", "maxdepth 1 is the directory itself, without the name of another"
)
COUNTED = Difference("(LIST .*|NLST.*)", _SHOWN, _SHOWN, "the first names in order are those within maxfiles")
MARKED = Difference("(NLST -a|LIST -F)", _SHOWN, _SHOWN, "-F marks directories wherever it is asked for")
TWICE = Difference("NLST nothere", rf"{_EMPTY}\n226 Transfer complete", _EMPTY, "one reply")
WINDOWS = Difference(
    "LIST.*",
    _SHOWN,
    r"150 [^\n]*\n226 [^\n]*(\n\| (\d\d-\d\d-\d\d  \d\d:\d\d[AP]M [^\n]*|[\w.]+))*",
    "AM or PM stands behind the hour, as in IIS, and -1 has bare names",
)
HEADS = Difference("STAT .", "212 .*", "212 .*", "directories are named from what was asked for")
SEVEN = Difference("PORT 127,0,0,1,1,1,1", "500 .*", "501 .*", "what is no address is a syntax error")
BAR = Difference(r"EPRT \|", "522 .*", "501 .*", "what is no address is a syntax error")
LOGIN = Difference("PASS secret", "530 .*", "230 .*", "blanks before a user's name are not part of it")
MOMENT = Difference(
    r"MF(MT|F) .*",
    "501 .*: Invalid argument",
    "501 .*: Invalid argument",
    "the reply names what is wrong, not the file",
)
ALLO = Difference("ALLO .*", "(202|504) .*", "504 .*", "ALLO n [R m] are numbers (RFC 959)")
REST = Difference("REST 9{20}", "501 REST: .*", "501 REST requires .*", "a number too large is none")
SPELLING = Difference("retr", "500 'RETR' .*", "500 'retr' .*", "the line is quoted as it came")
STOU_NAME = Difference("STOU .+", "500 .*", "425 .*", "the name is only a proposal")
APPENDED = Difference(
    "RETR file.txt", r"150 .*he!l.*", r"150 .*!.*", "APPE appends, whatever REST said (RFC 959 section 4.1.3)"
)
ONE_BYTE = Difference(
    "RETR file.txt", r"150 .*\(1 byte\).*", r"150 .*\(1 bytes\).*", "the number is what clients look for"
)
RANGE_SIZE = Difference(
    "STOR file.txt", r"150 .* \(3 bytes\)\n.*", "150 .*\n226 .*", "an upload's size is the client's business"
)
SERVER = Difference("CSID.*", "200 name=ProFTPD;.*", "200 name=ftpsd;.*", "the server says what it is")
LANGUAGE = Difference("LANG", "(200|500) .*", "200 .*", "RFC 2640: at any time; replies are English")
HELPED = Difference("HELP LANG", "502 .*", "214 .*", "HELP explains all commands")
SITE_HELP = Difference(
    "SITE HELP.*|SITE help", "(214|502) .*", "(214|502) .*", "SITE HELP has COPY, too, and explains one command alone"
)
ONE_LINE = Difference("SITE CH(MOD|GRP).*", "500 .*\n500 SITE not understood", "500 .*", "one fault, one line")
MODES = Difference("SITE CHMOD go-rwx,u=rw file.txt", "550 .*", "200 .*", "modes as chmod(1) has them")
GROUP = Difference("SITE CHGRP nosuchgroup .*", "550 file.txt: .*", "550 nosuchgroup: .*", "the group is what is wrong")
NO_DIRECTORY = Difference(
    "SITE RMDIR (file.txt|link)", "550 .*: Invalid argument", "550 .*: Not a directory", "the reason"
)
NOT_READ = Difference("SITE CPTO np", "550 .*: No such file or directory", "550 .*: Permission denied", "the reason")
STOU_DENIED = Difference("STOU", "550 UNIQUE: .*", "550 STOU: .*", "no name has been chosen yet")
READ_COPY = Difference(
    "SITE (CPFR|COPY) .*",
    r"(550 \(null\):|200) .*",
    "550 .*: Operation not permitted.*",
    "who may not read a file may not copy it (CVE-2019-12815)",
)
TIMES = Difference("SITE UTIME .*", "200 .*", "550 .*", "a <Limit> on MFMT covers SITE UTIME")
FILE_EXISTS = Difference("SITE MKDIR x", "200 .*", "550 .*: Not a directory", "a file is no directory")

FACT_SIZE = Difference(
    "ML(SD|ST).*",
    rf"{_ANY}size=8;type=(OS.unix=symlink|file);{_ANY}",
    rf"{_ANY}size=12;type=(OS.unix=symlink|file);{_ANY}",
    "a link has the size of what a download brings",
)
ORDER = Difference("LIST -.*", _SHOWN, _SHOWN, "what a client asks for counts more than ListOptions")
FEWER = Difference("FEAT", "211 .*RANG.*211 End", "211 .*RANG.*211 End", "FEAT lists the extensions that there are")

_LISTINGS = {
    "LIST -- and lone minus": (LONE_MINUS,),
    "STAT and options": (STAT_OPTIONS,),
    "NLST and paths": (NAMES,),
    "MLSD and paths": (LINKS,),
    "after CWD": (RELATIVE,),
    "what is missing": (PLAIN_FILE,),
    "what is empty": (ABSENT, NOTHING_FOUND),
    "what may not be read": (CLOSED,),
    "patterns of LIST": (ABSENT,),
    "patterns of NLST": (NOTHING_FOUND,),
    "patterns and dots": (DOTS, ALL_MATCHED, PATTERN_DOTS),
    "patterns and options": (NO_DEPTH,),
    "braces and tildes": (HOME,),
    "names with dots": (DOTS,),
    "links": (LINKS,),
    "links to directories": (SLASH, LINK_TEXT),
    "times": (ACCESS_TIME,),
    "modes": (RIGHTS,),
    "OPTS MLST": (but.FACTS_ORDER, but.FEATURES),
    'ListOptions "-a"': (ALL_MATCHED,),
    'ListOptions "-a" strict': (ALL_MATCHED,),
    'ListOptions "-a" LISTOnly': (ALL_MATCHED,),
    'ListOptions "-R"': (NO_DEPTH, HEADS),
    'ListOptions "-R" maxdepth 1': (DEEPER,),
    'ListOptions "-R" maxfiles 3': (NO_DEPTH, COUNTED),
    'ListOptions "-R" maxdirs 1': (NO_DEPTH,),
    'ListOptions "" NoErrorIfAbsent': (TWICE,),
    'ListOptions "-F"': (MARKED,),
    'ListOptions "-r"': (STAT_OPTIONS,),
    'ListOptions "+a -l"': (UNDONE,),
    'ListOptions "-A" maxfiles 2': (COUNTED,),
    "ListStyle Windows": (WINDOWS, LINKS, but.FEATURES),
    "UseGlobbing off": (ABSENT, LINKS, but.FEATURES),
    "FactsDefault type size": (but.FEATURES, FACT_SIZE),
    "FactsAdvertise off": (FEWER, LINKS),
    "odd names beside blanks": (NAMES,),
    'ListOptions "-1"': (ORDER,),
    'ListOptions "-r" SortedNLST': (STAT_OPTIONS,),
    'ListOptions "-la"': (ORDER, LINKS, but.FEATURES),
    **dict.fromkeys(
        (
            "ShowSymlinks off",
            "TimesGMT off",
            "FactsOptions NoNames",
            "FactsOptions UseSlink",
        ),
        (LINKS, but.FEATURES),
    ),
}
_OTHERS = {
    "errors: logins": (LOGIN,),
    "errors: parameters before login": (but.HELP, but.FEATURES),
    "errors: files": (but.STAT,),
    "errors: times": (MOMENT,),
    "errors: parameters": (ALLO, REST),
    "errors: small talk": (but.ABOR_ARGUMENT, but.HELP),
    "errors: downloads": (but.BROKEN_LINK,),
    "errors: without a data connection": (but.NO_ADDRESS,),
    "errors: addresses": (but.EPSV_SYNTAX, but.EPSV_FAMILIES, SEVEN, BAR),
    "errors: letters": (SPELLING,),
    "errors: many arguments": (STOU_NAME, but.ABOR_ARGUMENT),
    "errors: restarts": (APPENDED,),
    "errors: anonymous and writing": (STOU_DENIED,),
    "errors: anonymous and reading": (SITE_HELP,),
    "extensions: RANG": (ONE_BYTE,),
    "extensions: RANG and uploads": (RANGE_SIZE,),
    "extensions: MFF": (MOMENT,),
    "extensions: FEAT, CSID, CLNT, LANG": (but.FEATURES, SERVER, LANGUAGE, HELPED),
    "extensions: LANG before login": (LANGUAGE,),
    "site: HELP": (SITE_HELP,),
    "site: without arguments": (ONE_LINE,),
    "site: CHMOD": (ONE_LINE, MODES),
    "site: CHGRP": (ONE_LINE, GROUP),
    "site: RMDIR": (NO_DIRECTORY,),
    "site: SYMLINK": (LINKS,),
    "site: copies of directories and links": (NOT_READ,),
    "site: engines that are off": (but.FEATURES,),
    "limits: extensions under <Limit WRITE>": (SERVER, but.FEATURES),
    "limits: extensions under <Limit READ>": (READ_COPY, SERVER, but.FEATURES),
    "limits: extensions under <Limit MFF MFMT RANG>": (TIMES, FILE_EXISTS, SERVER, but.FEATURES),
    "limits: extensions under <Limit SITE_CPTO SITE_COPY SITE_MKDIR SITE_RMDIR SITE_UTIME SITE_CHGRP>": (
        SERVER,
        but.FEATURES,
    ),
    **dict.fromkeys(
        (f"limits: extensions under <Limit {name}>" for name in ("EPRT", "EPSV")), (FILE_EXISTS, SERVER, but.FEATURES)
    ),
}
OF = {f"listing: {name}": found for name, found in _LISTINGS.items()} | _OTHERS
"""The differences of each script, by its name."""
