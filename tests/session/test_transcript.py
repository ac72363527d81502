"""Every command, argument by argument, is answered as ProFTPD 1.3.8 with mod_tls answers it.

The tables hold what a real one said on loopback; `Other` lists what we say otherwise, and why. (Where
ProFTPD is installed, tests/peer asks it again.) A reason code stands behind ProFTPD's words.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from ftpsd.testing.client import ScriptedClient
from ftpsd.testing.plugin import Certificates
from ftpsd.testing.server import RunningServer
from tests.session.talk import Other, check_others, converse, furnish_forbidden, refurnish, talkative

ROOT = os.getuid() == 0
LOGIN_FIRST = "530 Please login with USER and PASS"
LOGIN_NEEDED = (
    "STAT", "MODE", "STRU", "PASV", "EPSV", "PORT", "EPRT", "ALLO", "REST", "RETR", "STOR", "STOU", "APPE",
    "ABOR", "PWD", "XPWD", "CWD", "XCWD", "CDUP", "XCUP", "MKD", "XMKD", "RMD", "XRMD", "DELE", "RNFR",
    "RNTO", "SIZE", "MDTM", "MFMT", "MFF", "RANG", "CSID", "LIST", "NLST", "MLSD", "MLST", "SMNT", "CCC",
)


@pytest.fixture(params=["clear", "TLSv1.3"])
def protection(request: pytest.FixtureRequest) -> str:
    """Whether the conversation is held in clear or under TLS."""
    return str(request.param)


def connect(server: RunningServer, protection: str, *, login: bool = True) -> ScriptedClient:
    if protection == "clear":
        client = server.client(tls=False)
        client.connect()
    else:
        client = server.client(protection)
        client.connect()
        client.auth()
    if login:
        client.login()
        if protection != "clear":
            client.protect()
    return client


@pytest.fixture(scope="module")
def running(ftps_certificates: Certificates) -> Iterator[RunningServer]:
    with talkative(ftps_certificates) as server:
        yield server


@pytest.fixture
def server(running: RunningServer) -> RunningServer:
    """The server, with alice's files as they are at the beginning of every conversation."""
    refurnish(running)
    return running


BEFORE_LOGIN = """
    PASS x => 503 Login with USER first
    PASS x y z => 503 Login with USER first
    USER => 500 USER: command requires a parameter
    USER x => 331 Password required for x
    PASS => 530 Login incorrect.
    PASS x => 503 Login with USER first
    ACCT => 502 ACCT command not implemented
    ACCT x => 502 ACCT command not implemented
    ACCT x y z => 502 ACCT command not implemented
    REIN => 502 REIN command not implemented
    REIN x => 502 REIN command not implemented
    OPTS => 501 Invalid number of parameters
    OPTS x => 500 OPTS X not understood
    OPTS x y z => 500 OPTS X not understood
    FEAT x => 501 Invalid number of parameters
    FEAT x y z => 501 Invalid number of parameters
    HELP x => 502 Unknown command 'X'
    HELP x y z => 502 Unknown command 'X'
    SYST => 215 UNIX Type: L8
    SYST x => 215 UNIX Type: L8
    SYST x y z => 215 UNIX Type: L8
    NOOP => 200 NOOP command successful
    NOOP x => 200 NOOP command successful
    NOOP x y z => 200 NOOP command successful
    TYPE => 500 'TYPE' not understood
    TYPE x => 504 TYPE not implemented for 'x' parameter
    TYPE x y z => 500 'TYPE x y z' not understood
    CLNT => 200 OK
    CLNT x => 200 OK
    CLNT x y z => 200 OK
    XFOO x => 500 XFOO not understood
    XXXX => 500 XXXX not understood
    XXXX x => 500 XXXX not understood
    XXXX x y z => 500 XXXX not understood
"""
BEFORE_LOGIN_IN_CLEAR = """
    AUTH => 504 AUTH requires at least one argument
    PBSZ => 500 PBSZ not understood
    PBSZ x => 500 PBSZ not understood
    PROT => 500 PROT not understood
    PROT P => 500 PROT not understood
"""
UNDER_TLS = """
    AUTH => 503 Unwilling to accept second AUTH [auth-twice]
    AUTH x => 503 Unwilling to accept second AUTH [auth-twice]
    AUTH TLS => 503 Unwilling to accept second AUTH [auth-twice]
    PBSZ => 501 Invalid number of parameters
    PBSZ x => 200 PBSZ=0 successful
    PBSZ 0 => 200 PBSZ 0 successful
    PBSZ 1 => 200 PBSZ=0 successful
    PBSZ 4294967296 => 200 PBSZ=0 successful
    PBSZ 0 0 => 501 Invalid number of parameters
    PROT => 501 Invalid number of parameters
    PROT x y z => 501 Invalid number of parameters
    PROT S => 536 PROT S unsupported [prot-level-unsupported]
    PROT E => 536 PROT E unsupported [prot-level-unsupported]
    PROT X => 504 PROT X unsupported [prot-level-unsupported]
    PROT C => 200 Protection set to Clear
    PROT P => 200 Protection set to Private
"""
_UNKNOWN_MECHANISM = "RFC 2228 section 3 has 504 for a mechanism that the server does not know"
_NO_EXCHANGE = "RFC 2228 section 3 names the replies of commands for which TLS has no use"
OTHERS_BEFORE_LOGIN = [
    Other("USER x y z", "331 Password required for x y z", "331 Password required for x",
          "a login name may hold blanks"),
    Other("SITE", LOGIN_FIRST, "500 'SITE' requires parameters (and then 530)", "one command, one reply"),
    Other("SITE x", LOGIN_FIRST, "500 'SITE X' not understood (and then 530)", "one command, one reply"),
    Other("LANG", "200 Using default language en-US", "200 Using default language C.UTF-8", "replies are English"),
]
OTHERS_IN_CLEAR = [
    Other("PASS", "503 Login with USER first", "530 Login incorrect.",
          "there is no name whose password is wrong"),
    Other("AUTH x", "504 AUTH X unsupported [auth-unknown-mechanism]", "500 AUTH not understood", _UNKNOWN_MECHANISM),
    Other("AUTH GSSAPI", "504 AUTH GSSAPI unsupported [auth-unknown-mechanism]", "500 AUTH not understood",
          _UNKNOWN_MECHANISM),
    Other("ADAT x", "503 ADAT not expected: no security data exchange is in progress",
          "500 ADAT not understood", _NO_EXCHANGE),
    *(Other(f"{name} x", f"503 {name} not allowed before a security data exchange",
            f"500 {name} not understood", _NO_EXCHANGE) for name in ("MIC", "CONF", "ENC")),
]
OTHERS_UNDER_TLS = [
    Other("PROT p", "200 Protection set to Private", "504 PROT p unsupported",
          "semantics.md section 1: lower case is accepted"),
    Other("ADAT x", "503 ADAT not expected: no security data exchange is in progress",
          "500 ADAT not understood", _NO_EXCHANGE),
    *(Other(f"{name} x", f"537 {name} protection level not supported by security mechanism",
            f"500 {name} not understood", _NO_EXCHANGE) for name in ("MIC", "CONF", "ENC")),
]


def test_before_login(server: RunningServer, protection: str) -> None:
    lines = [f"{name}{words} => {LOGIN_FIRST}" for name in LOGIN_NEEDED for words in ("", " x", " x y z")]
    with connect(server, protection, login=False) as client:
        check_others(client, OTHERS_IN_CLEAR if protection == "clear" else OTHERS_UNDER_TLS)
        converse(client, BEFORE_LOGIN_IN_CLEAR if protection == "clear" else UNDER_TLS)
        converse(client, BEFORE_LOGIN)
        check_others(client, OTHERS_BEFORE_LOGIN)
        converse(client, "\n".join(lines))
        client.quit()


AFTER_LOGIN = """
    USER => 500 USER: command requires a parameter
    USER x => 501 Reauthentication not supported
    USER x y z => 501 Reauthentication not supported
    USER alice => 230 User alice logged in
    PASS => 503 You are already logged in
    PASS x => 503 You are already logged in
    ACCT x => 502 ACCT command not implemented
    REIN => 502 REIN command not implemented
    REIN x => 502 REIN command not implemented
    SMNT => 502 SMNT command not implemented
    SMNT / => 502 SMNT command not implemented
    FEAT x => 501 Invalid number of parameters
    PWD x => 501 Invalid number of parameters
    XPWD x y z => 501 Invalid number of parameters
    XPWD => 257 "/" is the current directory
    CWD => 501 Invalid number of parameters
    CWD x => 550 x: No such file or directory
    CWD x y z => 550 x y z: No such file or directory
    XCWD x => 550 x: No such file or directory
    CDUP => 250 CDUP command successful
    CDUP x => 501 Invalid number of parameters
    XCUP => 250 XCUP command successful
    XCUP x => 501 Invalid number of parameters
    MKD => 501 Invalid number of parameters
    XMKD => 501 Invalid number of parameters
    RMD => 501 Invalid number of parameters
    RMD x => 550 x: No such file or directory
    XRMD x y z => 550 x y z: No such file or directory
    DELE => 501 Invalid number of parameters
    RNFR => 501 Invalid number of parameters
    RNFR x y z => 550 x y z: No such file or directory
    RNTO => 501 Invalid number of parameters
    RNTO x => 503 Bad sequence of commands
    SIZE => 501 Invalid number of parameters
    SIZE x => 550 SIZE not allowed in ASCII mode
    MDTM => 501 Invalid number of parameters
    MDTM x => 550 x: No such file or directory
    MFF x => 501 Invalid number of parameters
    RANG x => 500 'RANG x' not understood
    MFMT => 501 Invalid number of parameters
    MFMT x => 501 Invalid number of parameters
    MFMT x y z => 501 x: Invalid argument
    STAT x => 450 x: No such file or directory
    STAT x y z => 450 x y z: No such file or directory
    RETR => 500 'RETR' not understood
    RETR x => 550 x: No such file or directory
    RETR x y z => 550 x y z: No such file or directory
    STOR => 500 'STOR' not understood
    APPE => 500 'APPE' not understood
    NLST x => 450 x: No such file or directory
    MLSD x => 550 x: No such file or directory
    MLST x => 550 'x' cannot be listed
    MLST x y z => 550 'x y z' cannot be listed
    SITE => 500 'SITE' requires parameters
    SITE x => 500 'SITE X' not understood
    SITE x y z => 500 'SITE X' not understood
    ABOR => 226 Abort successful
    XXXX x => 500 XXXX not understood
"""
AUTH_AFTER_LOGIN = """
    AUTH => 504 AUTH requires at least one argument
    AUTH TLS => 534 Unwilling to accept security parameters [auth-after-login]
    AUTH x => 534 Unwilling to accept security parameters [auth-after-login]
    PBSZ 0 => 500 PBSZ not understood
    PROT P => 500 PROT not understood
    CCC => 500 CCC not understood
"""
_NO_DATA = "425 Unable to build data connection: no PASV, EPSV, PORT or EPRT command came before"
OTHERS_AFTER_LOGIN = [
    *(Other(command, _NO_DATA, "425 Unable to build data connection: Connection refused",
            "the default data port of RFC 959 is not tried: nobody listens there")
      for command in ("LIST", "LIST x", "NLST", "MLSD", "RETR file.txt", "STOR x", "STOU", "APPE x")),
    Other("STOU x y z", _NO_DATA, "500 'STOU x y z' not understood", "the name is only a proposal"),
    Other("ABOR x", "226 Abort successful", "500 'ABOR x' not understood",
          "who wants to abort is not told off for his spelling"),
    Other("LANG x", "504 Language x not supported", "500 Unable to handle command", "RFC 2640: at any time"),
]


def test_after_login(server: RunningServer, protection: str) -> None:
    with connect(server, protection) as client:
        converse(client, AFTER_LOGIN)
        converse(client, AUTH_AFTER_LOGIN if protection == "clear" else UNDER_TLS)
        check_others(client, OTHERS_AFTER_LOGIN)
        assert sorted(os.listdir(server.home())) == ["big.bin", "broken", "file.txt", "full", "link", "sub"]
        client.quit()


PARAMETERS = """
    TYPE A => 200 Type set to A
    TYPE I => 200 Type set to I
    TYPE L => 504 TYPE not implemented for 'L' parameter
    TYPE L 8 => 200 Type set to L
    TYPE L8 => 504 TYPE not implemented for 'L8' parameter
    TYPE L 7 => 200 Type set to L
    TYPE A N => 200 Type set to A
    TYPE A T => 200 Type set to A
    TYPE A C => 200 Type set to A
    TYPE E => 504 TYPE not implemented for 'E' parameter
    TYPE i => 200 Type set to i
    TYPE A X Y => 500 'TYPE A X Y' not understood
    MODE => 501 'MODE' not understood
    MODE S => 200 Mode set to S
    MODE s => 200 Mode set to S
    MODE B => 504 'MODE B' unsupported transfer mode
    MODE C => 504 'MODE C' unsupported transfer mode
    MODE Z => 501 'MODE Z' unrecognized transfer mode
    MODE x y z => 501 'MODE x y z' not understood
    STRU => 501 'STRU' not understood
    STRU F => 200 Structure set to F
    STRU f => 200 Structure set to F
    STRU R => 504 'STRU R' unsupported structure type
    STRU P => 504 'STRU P' unsupported structure type
    STRU X => 501 'STRU X' unrecognized structure type
    STRU x y z => 501 'STRU x y z' not understood
    ALLO => 504 'ALLO' not understood
    ALLO 0 => 202 No storage allocation necessary
    ALLO 10 => 202 No storage allocation necessary
    ALLO x => 504 x: Invalid ALLO argument
    ALLO x y z => 504 x y z: Invalid ALLO argument
    ALLO 10 R 5 => 202 No storage allocation necessary
    ALLO 99999999999999 => 202 No storage allocation necessary
    TYPE A => 200 Type set to A
    REST => 500 'REST' not understood
    REST 0 => 350 Restarting at 0. Send STORE or RETRIEVE to initiate transfer
    REST 5 => 501 REST: Resuming transfers not allowed in ASCII mode
    REST 99999999999 => 501 REST: Resuming transfers not allowed in ASCII mode
    REST x => 501 REST requires a value greater than or equal to 0
    REST -1 => 501 REST requires a value greater than or equal to 0
    REST 5 5 => 500 'REST 5 5' not understood
    TYPE I => 200 Type set to I
    REST 5 => 350 Restarting at 5. Send STORE or RETRIEVE to initiate transfer
"""
ADDRESSES = """
    PASV => 227 Entering Passive Mode (127,0,0,1,PORT).
    PASV x => 501 Invalid number of parameters
    EPSV => 229 Entering Extended Passive Mode (|||PORT|)
    EPSV 1 => 229 Entering Extended Passive Mode (|||PORT|)
    EPSV x => 501 EPSV: unknown network protocol
    PORT => 501 Invalid number of parameters
    PORT x => 501 Illegal PORT command
    PORT x y z => 501 Invalid number of parameters
    PORT 1,2,3 => 501 Illegal PORT command
    PORT 127,0,0,1,200,200 => 200 PORT command successful
    PORT 127,0,0,1,0,20 => 500 Illegal PORT command [port-below-1024]
    PORT 127,0,0,1,3,255 => 500 Illegal PORT command [port-below-1024]
    PORT 127,0,0,2,200,200 => 500 Illegal PORT command [address-mismatch]
    PORT 256,0,0,1,1,1 => 501 Illegal PORT command
    PORT 127,0,0,1,256,1 => 501 Illegal PORT command
    EPRT => 501 Invalid number of parameters
    EPRT x y z => 501 Invalid number of parameters
    EPRT |1|127.0.0.1|51400| => 200 EPRT command successful
    EPRT |1|127.0.0.1|80| => 500 Illegal EPRT command [port-below-1024]
    EPRT |1|127.0.0.2|51400| => 500 Illegal EPRT command [address-mismatch]
    EPRT |2|::1|51400| => 500 Illegal EPRT command [address-mismatch]
    EPRT |2|::ffff:127.0.0.1|51400| => 200 EPRT command successful
    EPRT |3|127.0.0.1|51400| => 522 Network protocol not supported, use (1,2)
    EPRT !1!127.0.0.1!51400! => 200 EPRT command successful
    EPRT |1|127.0.0.1|51400 => 501 Illegal EPRT command
    EPRT |1|localhost|51400| => 501 Illegal EPRT command
"""
_UNSPECIFIED = "clients.md 6: the unspecified address means the control connection's peer"
OTHER_ADDRESSES = [
    Other("EPSV 2", "522 Network protocol not supported, use (1)", "229 …",
          "RFC 2428 section 3: the connection has no IPv6 address that could be meant"),
    Other("EPSV 3", "522 Network protocol not supported, use (1)",
          "522 Network protocol not supported, use (1,2)", "the protocols that this connection can have"),
    Other("EPSV x y z", "501 EPSV: unknown network protocol", "229 …", "what is no protocol is bad syntax"),
    Other("PORT 10,0,0,1,200,200", "500 Illegal PORT command [address-mismatch]", "200 PORT command successful",
          "ProFTPD takes a private address for the peer's; a foreign address is refused"),
    Other("PORT 0,0,0,0,200,200", "200 PORT command successful", "501 Illegal PORT command", _UNSPECIFIED),
    Other("PORT 127,0,0,1,0,0", "500 Illegal PORT command [port-below-1024]", "501 Illegal PORT command",
          "as other low ports"),
    Other("EPRT |2|::|51400|", "200 EPRT command successful", "500 Illegal EPRT command", _UNSPECIFIED),
    Other("EPRT |1|0.0.0.0|51400|", "200 EPRT command successful", "500 Illegal EPRT command", _UNSPECIFIED),
    Other("EPRT |1|127.0.0.1|99999|", "501 Illegal EPRT command", "200 EPRT command successful", "no port"),
    Other("EPRT |1|127.0.0.1|0|", "501 Illegal EPRT command", "500 Illegal EPRT command", "no port"),
    Other("EPRT x", "501 Illegal EPRT command", "522 Network protocol not supported, use (1,2)",
          "what is no address is a syntax error"),
]
EPSV_ALL = """
    EPSV all => 200 EPSV ALL command successful
    PASV => 500 Illegal PASV command, EPSV ALL in effect
    PORT 127,0,0,1,200,200 => 500 Illegal PORT command, EPSV ALL in effect
    EPRT |1|127.0.0.1|51400| => 500 Illegal EPRT command, EPSV ALL in effect
    EPSV => 229 Entering Extended Passive Mode (|||PORT|)
"""


def test_parameters_and_addresses(server: RunningServer, protection: str) -> None:
    with connect(server, protection) as client:
        converse(client, PARAMETERS)
        converse(client, ADDRESSES)
        check_others(client, OTHER_ADDRESSES)
        converse(client, EPSV_ALL)


SIZES_AND_TIMES = """
    SIZE file.txt => 550 SIZE not allowed in ASCII mode
    TYPE I => 200 Type set to I
    SIZE file.txt => 213 12
    SIZE /file.txt => 213 12
    SIZE sub => 550 sub: not a regular file
    SIZE nothere => 550 nothere: No such file or directory
    SIZE link => 213 12
    SIZE broken => 550 broken: No such file or directory
    MDTM file.txt => 213 20200102030405
    MDTM sub => 550 sub: not a plain file
    MDTM nothere => 550 nothere: No such file or directory
    MDTM link => 213 20200102030405
    MDTM broken => 550 broken: No such file or directory
    MDTM 20200102030405 file.txt => 550 20200102030405 file.txt: No such file or directory
    MFMT 20200102030405 => 501 Invalid number of parameters
    MFMT 2020 file.txt => 501 2020: Invalid argument
    MFMT 20200102030405 nothere => 550 nothere: No such file or directory
    MFMT 20190102030405 file.txt => 213 Modify=20190102030405; file.txt
    MDTM file.txt => 213 20190102030405
"""
DIRECTORIES = """
    PWD => 257 "/" is the current directory
    CWD sub => 250 CWD command successful
    PWD => 257 "/sub" is the current directory
    XCWD sub => 550 sub: No such file or directory
    CDUP => 250 CDUP command successful
    CDUP => 250 CDUP command successful
    PWD => 257 "/" is the current directory
    CWD nothere => 550 nothere: No such file or directory
    CWD file.txt => 550 file.txt: Not a directory
    CWD ~alice => 550 ~alice: No such file or directory
    CWD .. => 250 CWD command successful
    CWD "sub" => 550 "sub": No such file or directory
    CWD /sub => 250 CWD command successful
    CWD / => 250 CWD command successful
    MKD new => 257 "/new" - Directory successfully created
    MKD new => 550 new: File exists
    MKD new/ => 550 new/: File exists
    MKD new/x/y => 550 new/x/y: No such file or directory
    MKD /new2 => 257 "/new2" - Directory successfully created
    MKD a"b => 257 "/a""b" - Directory successfully created
    CWD a"b => 250 CWD command successful
    PWD => 257 "/a""b" is the current directory
    CWD / => 250 CWD command successful
    MKD file.txt => 550 file.txt: File exists
    MKD new dir => 257 "/new dir" - Directory successfully created
    RMD new => 250 RMD command successful
    RMD new => 550 new: No such file or directory
    RMD new2/ => 250 RMD command successful
    RMD full => 550 full: Directory not empty
    RMD file.txt => 550 file.txt: Not a directory
    RMD new dir => 250 RMD command successful
    RMD / => 550 /: Device or resource busy
    RMD . => 550 .: Device or resource busy
    XMKD xx => 257 "/xx" - Directory successfully created
    XRMD xx => 250 XRMD command successful
    MKD übung => 257 "/übung" - Directory successfully created
    CWD übung => 250 CWD command successful
    PWD => 257 "/übung" is the current directory
    CDUP => 250 CDUP command successful
    RMD übung => 250 RMD command successful
"""
NAMES = """
    DELE nothere => 550 nothere: No such file or directory
    DELE sub => 550 sub: Is a directory
    DELE link => 250 DELE command successful
    DELE broken => 250 DELE command successful
    RNTO x => 503 Bad sequence of commands
    RNFR nothere => 550 nothere: No such file or directory
    RNFR file.txt => 350 File or directory exists, ready for destination name
    RNTO => 501 Invalid number of parameters
    RNTO file2.txt => 503 Bad sequence of commands
    RNFR big.bin => 350 File or directory exists, ready for destination name
    RNTO file.txt => 250 Rename successful
    RNFR sub => 350 File or directory exists, ready for destination name
    RNTO sub3 => 250 Rename successful
    RNFR sub3 => 350 File or directory exists, ready for destination name
    RNTO sub => 250 Rename successful
    RNFR sub => 350 File or directory exists, ready for destination name
    RNTO sub/inside => 550 sub/inside: Invalid argument
    RNFR full => 350 File or directory exists, ready for destination name
    RNTO sub => 550 sub: Directory not empty
    RNTO zz => 503 Bad sequence of commands
    RNFR file.txt => 350 File or directory exists, ready for destination name
    RNTO nothere/x => 550 nothere/x: No such file or directory
"""
_AT_ONCE = "RFC 959 section 4.1.3: RNFR must be immediately followed by RNTO"
OTHER_NAMES = [
    Other("CWD ~", "250 CWD command successful", "550 ~: No such file or directory",
          "the home is there within a jail, too"),
    Other("MFMT 20201302030405 file.txt", "501 20201302030405: Invalid argument",
          "501 file.txt: Invalid argument", "the time is what is wrong"),
    Other("RNFR file.txt", "350 File or directory exists, ready for destination name", "350 …", ""),
    Other("PWD", '257 "/" is the current directory', "501 Bad sequence of commands", _AT_ONCE),
    Other("RNTO zz", "503 Bad sequence of commands", "250 Rename successful", _AT_ONCE),
]


def test_files_and_directories(server: RunningServer, protection: str) -> None:
    with connect(server, protection) as client:
        converse(client, SIZES_AND_TIMES)
        converse(client, DIRECTORIES)
        check_others(client, OTHER_NAMES)
        converse(client, NAMES)


HELP = """
    HELP USER => 214 Syntax: USER <sp> username
    HELP user => 214 Syntax: USER <sp> username
    HELP XYZ => 502 Unknown command 'XYZ'
    HELP MLST => 214 Syntax: MLST [<sp> pathname]
    STAT nothere => 450 nothere: No such file or directory
    CLNT test => 200 OK
    SITE HELP CHMOD => 214 The following SITE commands are recognized (* =>'s unimplemented) \
/ Syntax: SITE CHMOD <sp> mode <sp> pathname / Direct comments to admin@example.org
    SITE CHMOD 600 file.txt => 200 SITE CHMOD command successful
    SITE CHMOD 0644 file.txt => 200 SITE CHMOD command successful
    SITE CHMOD u+x file.txt => 200 SITE CHMOD command successful
    SITE CHMOD 999 file.txt => 550 '999': invalid mode
    SITE CHMOD 644 nothere => 550 nothere: No such file or directory
    SITE chmod 644 file.txt => 200 SITE CHMOD command successful
    SITE UTIME 20200101 file.txt => 500 UTIME 20200101 file.txt: Invalid argument
    SITE IDLE => 500 'SITE IDLE' not understood
    SITE UMASK 022 => 500 'SITE UMASK' not understood
    OPTS MLST => 200 MLST OPTS
    OPTS MLST type;size; => 200 MLST OPTS size;type;
    OPTS MLST foo;bar; => 200 MLST OPTS
    OPTS UTF8 => 501 'OPTS UTF8' not understood
    OPTS UTF8 ON => 200 UTF8 set to on
    OPTS UTF8 OFF => 200 UTF8 set to off
    OPTS utf8 x => 501 'OPTS UTF8' not understood
    OPTS HASH => 200 SHA-1
    OPTS PASV x => 500 OPTS PASV not understood
"""
OTHER_HELP = [
    Other("HELP AUTH", "214 Syntax: AUTH <sp> TLS", "214 Syntax: AUTH <sp> base64-data",
          "what one can really write there"),
    Other("SITE CHMOD", "500 'SITE CHMOD' not understood",
          "500 'SITE CHMOD' not understood / SITE not understood", "one fault, one line"),
    Other("SITE CHMOD 644", "500 'SITE CHMOD 644' not understood",
          "500 'SITE CHMOD 644' not understood / SITE not understood", "one fault, one line"),
]


def test_help_site_and_options(server: RunningServer) -> None:
    with connect(server, "clear") as client:
        converse(client, HELP)
        check_others(client, OTHER_HELP)
        status = client.expect(211, "STAT").lines
        assert [line.strip() for line in status] == [
            "Status of 'Test Server'", "Connected from 127.0.0.1 (127.0.0.1)", "Logged in as alice",
            "TYPE: ASCII, STRUcture: File, Mode: Stream",
            "Control connection: clear, data connections: clear",  # a line more than ProFTPD has
            "No data connection", "End of status",
        ]
        assert (server.home() / "file.txt").stat().st_mode & 0o777 == 0o644


def test_features(server: RunningServer) -> None:
    with connect(server, "clear", login=False) as client:
        assert [line.strip() for line in client.expect(211, "FEAT").lines] == [
            "Features:", "AUTH TLS", "AVBL", "CCC", "CLNT", "COMB", "CSID", "EPRT", "EPSV",
            "HASH CRC32;MD5;SHA-1*;SHA-256;SHA-512;", "HOST", "LANG en-US*", "MD5", "MDTM",
            "MFF modify;UNIX.group;UNIX.mode;", "MFMT",
            "MLST modify*;perm*;size*;type*;unique*;UNIX.group*;UNIX.groupname*;UNIX.mode*;UNIX.owner*;"
            "UNIX.ownername*;",
            "PBSZ", "PROT", "RANG STREAM", "REST STREAM", "SITE COPY", "SITE MKDIR", "SITE RMDIR", "SITE SYMLINK",
            "SITE UTIME", "SIZE", "SSCN", "TVFS", "UTF8", "XCRC", "XMD5", "XSHA", "XSHA1", "XSHA256", "XSHA512", "End",
        ]
        help_lines = client.expect(214, "HELP").lines
        assert help_lines[0] == "The following commands are recognized (* =>'s unimplemented):"
        assert help_lines[-1] == "Direct comments to admin@example.org"
        assert {"CWD", "PASV", "SMNT*", "ACCT*", "REIN*", "MLSD"} <= set(" ".join(help_lines).split())


def test_facts_of_one_path(server: RunningServer) -> None:
    """MLST names the path as it was asked for, and its facts with its whole path."""
    with connect(server, "clear") as client:
        first, facts, last = client.expect(250, "MLST file.txt").lines
        assert (first, last) == ("Start of list for file.txt", "End of list")
        assert facts.startswith(" modify=20200102030405;perm=adfrw;size=12;type=file;unique=")
        assert facts.endswith("; /file.txt")
        assert "UNIX.mode=0644;" in facts
        assert client.expect(250, "MLST sub").lines[1].endswith("; /sub")
        assert client.expect(250, "MLST").lines[0] == "Start of list for /"
        client.expect(200, "OPTS MLST type;size;")
        assert client.expect(250, "MLST file.txt").lines[1] == " size=12;type=file; /file.txt"
        client.expect(200, "OPTS MLST")
        assert client.expect(250, "MLST file.txt").lines[1] == "  /file.txt"
        assert "MLST modify;perm;size;type;unique;" in str(client.command("FEAT"))


ODDITIES = """
    NOOP <blank> => 200 NOOP command successful
    noop => 200 NOOP command successful
    NoOp => 200 NOOP command successful
    NOOP\tx => 200 NOOP command successful
    USERalice => 500 USERALICE not understood
    XXXXNOOP => 500 XXXXNOOP not understood
    é => 500 é not understood
"""


def test_odd_lines(server: RunningServer) -> None:
    invalid = "500 Invalid command: try being more creative"
    with connect(server, "clear") as client:
        converse(client, ODDITIES)
        for line in ("", "   ", " NOOP"):
            assert str(client.command(line)) == invalid
        name = "A" * 300
        assert client.command(name).text == f"{name} not understood"
        client.send(b"PWD\r\nNOOP\r\nSYST\r\n")
        assert [client.read_reply().code for _ in range(3)] == [257, 200, 215]
        client.send(b"\xff\xf4\xff\xf2ABOR\r\n")
        assert client.expect(226).text == "Abort successful"
        client.send(b"NOOP\n")
        client.expect(200)


TRANSFERS = """
    < LIST => 150 ASCII: file list; 226 Transfer complete
    < LIST nothere => 150 ASCII: file list; 450 nothere: No such file or directory
    < LIST *.nothere => 150 ASCII: file list; 450 *.nothere: No such file or directory
    < LIST *.txt => 150 ASCII: file list; 226 Transfer complete
    < NLST nothere => 450 nothere: No such file or directory
    < NLST full noperm => 450 full noperm: No such file or directory
    < NLST file.txt => 150 ASCII: file list; 226 Transfer complete
    < MLSD => 150 ASCII: MLSD; 226 Transfer complete
    < MLSD nothere => 550 nothere: No such file or directory
    < MLSD file.txt => 550 'file.txt' is not a directory
    < RETR file.txt => 150 ASCII: file.txt (12 bytes); 226 Transfer complete
    < RETR nothere => 550 nothere: No such file or directory
    < RETR sub => 550 sub: Not a regular file
    < RETR link => 150 ASCII: link (12 bytes); 226 Transfer complete
    TYPE I => 200 Type set to I
    REST 6 => 350 Restarting at 6. Send STORE or RETRIEVE to initiate transfer
    < LIST => 150 BINARY: file list; 226 Transfer complete
    PWD => 257 "/" is the current directory
    < RETR file.txt => 150 BINARY: file.txt (6 bytes); 226 Transfer complete
    < RETR file.txt => 150 BINARY: file.txt (12 bytes); 226 Transfer complete
    REST 500 => 350 Restarting at 500. Send STORE or RETRIEVE to initiate transfer
    < RETR file.txt => 554 REST: invalid file.txt argument
    REST 12 => 350 Restarting at 12. Send STORE or RETRIEVE to initiate transfer
    < RETR file.txt => 150 BINARY: file.txt; 226 Transfer complete
    > STOR up.txt => 150 BINARY: up.txt; 226 Transfer complete
    SIZE up.txt => 213 14
    REST 13 => 350 Restarting at 13. Send STORE or RETRIEVE to initiate transfer
    > STOR up.txt => 150 BINARY: up.txt; 226 Transfer complete
    SIZE up.txt => 213 27
    REST 100 => 350 Restarting at 100. Send STORE or RETRIEVE to initiate transfer
    > STOR up.txt => 554 REST: invalid up.txt argument
    REST 5 => 350 Restarting at 5. Send STORE or RETRIEVE to initiate transfer
    > STOR newrest.txt => 554 REST: invalid newrest.txt argument
    > APPE up.txt => 150 BINARY: up.txt; 226 Transfer complete
    SIZE up.txt => 213 41
    > STOU => 150 FILE: UNIQUE; 226 Transfer complete
    > STOU name => 150 FILE: UNIQUE; 226 Transfer complete
    > STOR sub => 550 sub: Not a regular file
    > APPE sub => 550 sub: Not a regular file
    > STOR nodir/x => 550 nodir/x: No such file or directory
    > STOR /up2.txt => 150 BINARY: /up2.txt; 226 Transfer complete
    TYPE A => 200 Type set to A
    > STOR asc.txt => 150 ASCII: asc.txt; 226 Transfer complete
    TYPE I => 200 Type set to I
    SIZE asc.txt => 213 12
"""
OTHER_TRANSFERS = [
    Other("< RETR broken", "550 broken: No such file or directory", "550 broken: Not a regular file",
          "the link's target is what is missing"),
]


@pytest.mark.parametrize("secured", ["clear", "TLSv1.2", "TLSv1.3"])
def test_transfers(server: RunningServer, secured: str) -> None:
    with connect(server, secured) as client:
        converse(client, TRANSFERS)
        check_others(client, OTHER_TRANSFERS)
        assert client.retrieve("RETR asc.txt") == b"hello\nworld\n"
        client.expect(200, "TYPE A")
        assert client.retrieve("RETR asc.txt") == b"hello\r\nworld\r\n"
        assert client.retrieve("NLST sub") == b"sub/inner.txt\r\n"
        assert client.retrieve("NLST *.bin") == b"big.bin\r\n"
        assert client.retrieve("NLST -l full") == b"full/x\r\n"
        assert client.retrieve("LIST sub").endswith(b" inner.txt\r\n")
        assert client.retrieve("LIST -a sub").count(b"\r\n") == 3


FORBIDDEN = """
    TYPE I => 200 Type set to I
    CWD noperm => 550 noperm: Permission denied
    MKD noperm/x => 550 noperm/x: Permission denied
    RMD noperm => 550 noperm: Directory not empty
    SIZE secret => 213 1
    SIZE noperm/x => 550 noperm/x: Permission denied
    MFMT 20200102030405 secret => 501 secret: Operation not permitted
    DELE noperm/x => 550 noperm/x: Permission denied
    SITE CHMOD 644 secret => 550 CHMOD 644 secret: Operation not permitted
    < MLSD noperm => 550 noperm: Permission denied
    < RETR secret => 550 secret: Permission denied
    > STOR secret => 550 secret: Permission denied
    > STOR noperm/x => 550 noperm/x: Permission denied
    RNFR secret => 350 File or directory exists, ready for destination name
    RNTO noperm/secret => 550 noperm/secret: Permission denied
    DELE secret => 250 DELE command successful
"""
OTHER_FORBIDDEN = [
    Other("< LIST noperm", "150 ASCII: file list; 450 noperm: Permission denied",
          "150 …; 226 Transfer complete", "a directory that may not be read is not an empty one"),
]


@pytest.mark.root
@pytest.mark.skipif(not ROOT, reason="needs root: two users")
def test_what_belongs_to_others(server: RunningServer) -> None:
    furnish_forbidden(server)
    with connect(server, "clear") as client:
        check_others(client, OTHER_FORBIDDEN)
        converse(client, FORBIDDEN)
