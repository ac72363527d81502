"""Where ftpsd's logs say something else than those of ProFTPD 1.3.8, and why."""

from __future__ import annotations

from tests.peer.log_compare import FieldDifference

NAMED = FieldDifference(
    "(RETR|STOR|APPE|RNFR|STAT|SIZE) .*", "f|F|basename", "-", ".*",
    "the file that a command names is told whether the command succeeded or not",
)
OFFERED = FieldDifference("(LIST|NLST)", "basename", "", "/", "the root is a directory like others")
BEFORE_LOGIN = (
    FieldDifference("(PWD|CWD|LIST|MKD).*", "f|basename|d|D|F", ".*", ".*", "before the login there are no paths"),
    FieldDifference("(LIST|RETR).*", "data-port", "SHAPE", "-", "there is no data connection"),
    FieldDifference("(LIST|RETR).*", "type", "binary", "ASCII", "RFC 959: TYPE is ASCII until something else is set"),
)
OPTIONS = FieldDifference(
    "LIST -la sub", "d|D|f|basename", ".*-la sub", ".*sub", "options are no part of the path")
UNKNOWN = FieldDifference("BOGUS.*", "line", "", "500", "what a client sends is logged, understood or not")
SSCN = FieldDifference("SSCN", "line", "", "200", "the command is in the class SEC, as the other security commands")
LOGIN_NAME = FieldDifference("QUIT|EXIT", "U", "-", "alice", "a further USER or PASS does not change who logged in")
NOT_DELETED = FieldDifference("DELE .*", "b", r"\d+", "-", "nothing was deleted")
RENAMED = FieldDifference("(RNFR|RNTO) .*", "b", "0", "-", "a rename moves no bytes")
NO_ADDRESS = (
    FieldDifference(
        "RETR file.txt", "S|failure", ".*Connection refused", ".*no PASV.*", "the reply says what is missing"),
    FieldDifference("RETR file.txt", "data-port", "SHAPE", "-", "the default data port of RFC 959 is not tried"),
)
NOT_MOVED = FieldDifference(
    "RETR file.txt", "b|F|offset", ".*", "-", "without a data connection there was no transfer")
NOT_RESUMED = FieldDifference(
    "RETR file.txt", "S|failure", ".*Operation not permitted", ".*was not reused", "the reason, not a riddle")
MODIFIED = FieldDifference("APPE secret", "modified", "true", "false", "nothing was modified")
NOTHING_LISTED = (
    FieldDifference("LIST nothere", "s|S|failure|status", ".*", ".*", "LIST of nothing is an error"),
    FieldDifference("LIST", "d|basename", "", "sub", "the current directory has a name"),
)
FACTS = FieldDifference("MLSD sub", "b", r"\d+", r"\d+", "the facts of some files differ (see the scripts of replies)")
MISSING_DIRECTORY = FieldDifference(
    "CWD nothere", "D|f|basename", ".*alice", ".*nothere", "the directory that was asked for, not the one left")
MFMT = FieldDifference("MFMT .*", "F", "-", "/file.txt", "MFMT changes its file")
OPTS = FieldDifference("OPTS MLST .*", "s|S", "-", "200|MLST .*", "the reply that was sent")
ACCOUNT = FieldDifference("ACCT .*", "r|J", "(ACCT )?x", r"(ACCT )?\(hidden\)", "RFC 959: the argument may be secret")
BLANKS = FieldDifference("(RNTO|DELE)  d", "r|J|f|F|basename", ".*d", ".* d", "a name may begin with a blank")
CONTROLS = FieldDifference(
    ".*", "r|J|f|F|basename", ".*a\x1bb", r".*a\\x1bb", "what a client sends commands no terminal")
HALF_CLEARED = FieldDifference(
    "EXIT", "E", "Read EOF from client", "ccc-shutdown-failed", "the client left between CCC and the end of TLS")
