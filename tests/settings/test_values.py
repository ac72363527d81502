"""What the words of a directive become: tables for the grammars that carry meaning."""

from __future__ import annotations

import contextlib
import resource
import threading
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftpsd.diag.values import shown
from ftpsd.settings import DIRECTIVES
from ftpsd.settings.arguments import ArgumentError, duration
from ftpsd.settings.declaration import Declaration
from ftpsd.settings.lang import Encoding
from ftpsd.settings.regexes import OFTEN, Regex
from ftpsd.settings.values import (
    CipherSuite,
    DisplayChdir,
    ForeignAddresses,
    HiddenStores,
    ListOptions,
    PortRange,
    Renegotiate,
    RootedPath,
    ServerIdent,
    SessionCache,
    SocketOptions,
    TicketKeyRules,
    TicketPool,
    TLSRequirement,
    TraceChannel,
    TransferRate,
    Umask,
    UserAlias,
)
from tests.settings.support import failure, main_host


def value(line: str, around: str = "{}") -> object:
    entry = DIRECTIVES[line.split()[0].lower()]
    servers = "MemcacheEngine on\nMemcacheServers 127.0.0.1\nRedisEngine on\nRedisServer 127.0.0.1\n"
    text = (servers if "Cache" in entry.name else "") + around.format(line)
    return getattr(getattr(main_host(text).settings, entry.group), entry.field)


@pytest.mark.parametrize(
    ("words", "ctrl", "data", "auth"),
    [
        ("off", 0, 0, 0),
        ("no", 0, 0, 0),
        ("FALSE", 0, 0, 0),
        ("0", 0, 0, 0),
        ("on", 1, 1, 1),
        ("Yes", 1, 1, 1),
        ("true", 1, 1, 1),
        ("1", 1, 1, 1),
        ("both", 1, 1, 1),
        ("ctrl+data", 1, 1, 1),
        ("ctrl", 1, 0, 1),
        ("control", 1, 0, 1),
        ("CTRL", 1, 0, 1),
        ("ctrl+!data", 1, -1, 1),
        ("data", 0, 1, 0),
        ("!data", 0, -1, 0),
        ("auth", 0, 0, 1),
        ("auth+data", 0, 1, 1),
        ("auth+!data", 0, -1, 1),
        ('on # or "TLSRequired auth", or "TLSRequired auth+data"', 1, 1, 1),
    ],
)
def test_tls_required_as_three_numbers(words: str, ctrl: int, data: int, auth: int) -> None:
    assert value(f"TLSRequired {words}") == TLSRequirement(ctrl, data, auth)


ALL_TLS = frozenset({"TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"})


@pytest.mark.parametrize(
    ("words", "versions"),
    [
        ("TLSv1.2", {"TLSv1.2"}),
        ("tlsv1 TLSV1.1 TLSv1.2", {"TLSv1", "TLSv1.1", "TLSv1.2"}),
        ("SSLv3 TLSv1", {"SSLv3", "TLSv1"}),
        ("SSLv23", ALL_TLS),
        ("ALL", ALL_TLS),
        ("ALL -TLSv1 -TLSv1.1 -SSLv3", {"TLSv1.2", "TLSv1.3"}),
        ("all -TLSv1 +TLSv1", ALL_TLS),
    ],
)
def test_tls_protocol(words: str, versions: set[str]) -> None:
    assert value(f"TLSProtocol {words}") == versions


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("TLSRequired mayhap", "TLSRequired: bad parameter on line 1"),
        ("TLSRequired", "TLSRequired: missing parameters on line 1"),
        ("TLSOptions NoCertReq", "TLSOptions: unknown TLSOption 'NoCertReq' on line 1"),
        ("TLSOptions NoCertReq", "Did you mean NoCertRequest?"),
        ("TLSOptions", "TLSOptions: wrong number of parameters on line 1"),
        ("TLSProtocol TLSv4", "TLSProtocol: unknown protocol: 'TLSv4' on line 1"),
        ("TLSProtocol ALL x", "TLSProtocol: missing required +/- prefix: x on line 1"),
        ("TLSProtocol ALL +x", "TLSProtocol: unknown protocol: '+x' on line 1"),
        ("TLSProtocol SSLv2", "unknown protocol: 'SSLv2'"),
        ("TLSProtocol SSLv3", "TLSProtocol: no protocol is left on line 1"),
        ("TLSProtocol ALL -TLSv1 -TLSv1.1 -TLSv1.2 -TLSv1.3", "no protocol is left"),
        (
            "TLSRSACertificateFile cert.pem",
            "TLSRSACertificateFile: parameter must be an absolute path on line 1",
        ),
        ("TLSLog tls.log", "TLSLog: parameter must be an absolute path"),
        (
            "TLSRSACertificateKeyFile /k",
            "TLSRSACertificateKeyFile: needs TLSRSACertificateFile beside it on line 1",
        ),
        ("TLSRenegotiate ctrl", "TLSRenegotiate: wrong number of parameters"),
        ("TLSRenegotiate ctrl -1", "'-1' is not a valid ctrl value"),
        ("TLSRenegotiate every 1", "TLSRenegotiate: unknown TLSRenegotiate argument 'every'"),
        ("TLSRenegotiate required x", "TLSRenegotiate: required must be a Boolean value: 'x'"),
        ("TLSVerifyClient perhaps", "TLSVerifyClient: expected Boolean parameter"),
        ("TLSSessionCache internal", "TLSSessionCache: badly formatted parameter"),
        ("TLSSessionCache dbm:/file=/x", "session cache type 'dbm' not available"),
        ("TLSSessionCache fs:/path=/x", "session cache type 'fs' not available"),
        ("TLSSessionCache internal: soon", "'soon' is not a valid timeout value"),
        ("TLSSessionCache internal: 0", "timeout must be greater than 0"),
        ("TLSSessionCache internal:1 2", "TLSSessionCache: wrong number of parameters"),
        ("TLSSessionCache shm:/file=x", "TLSSessionCache: parameter must be an absolute path"),
        ("TLSSessionCache shm:/file=/x&colour=red", "badly formatted parameter: 'colour=red'"),
        ("TLSSessionTicketKeys count 0", "TLSSessionTicketKeys: count must be at least 1"),
        ("TLSSessionTicketKeys age 30", "TLSSessionTicketKeys: age must be at least 60 seconds"),
        (
            "TLSCipherSuite TLS_AES_128_GCM_SHA256",
            "For TLS 1.3 write TLSCipherSuite TLSv1.3 TLS_AES_128_GCM_SHA256.",
        ),
        ("TLSVerifyOrder ldap", "unsupported verification mechanism 'ldap' requested on line 1"),
        ("TLSVerifyOrder crl crl", "verification mechanism 'crl' requested twice"),
        ("TLSUserName 1.2.x", "badly formatted OID parameter"),
        ("PassivePorts 2000 1500", "PassivePorts: min port must be less than max port on line 1"),
        ("PassivePorts 80 90", "PassivePorts: port numbers must be above 1023"),
        ("PassivePorts a 2000", "PassivePorts: min port must be allowable port number"),
        ("PassivePorts 2000 70000", "PassivePorts: max port must be allowable port number"),
        ("Port 70000", "Port: value must be between 0 and 65535"),
        ("MaxInstances 0", "MaxInstances: parameter must be 'none' or a number greater than 0"),
        ("DefaultRoot foo", "DefaultRoot: parameter must be an absolute path or start with '~'"),
        ("AuthOrder mod_radius.c", "authentication by mod_radius.c is not supported"),
        ("TimeoutIdle foo", "TimeoutIdle: error parsing timeout value 'foo'"),
        ("Trace tls", "Trace: badly formatted parameter: 'tls'"),
        ("DenyFilter (", "DenyFilter: unable to compile regex '('"),
        ("ServerName a b", "Put a value with blanks into quotes."),
        ("TimeoutSession 5 host bob", "TimeoutSession: unknown classifier used: 'host'"),
        ("TransferRate RETR 5 user", "TransferRate: missing parameters"),
    ],
)
def test_errors_have_the_words_that_people_look_for(line: str, message: str) -> None:
    assert message in failure(line)


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("TLSRenegotiate none", Renegotiate(refused=True)),
        ("TLSRenegotiate required off", Renegotiate(required=False)),
        ("TLSRenegotiate ctrl 1500 timeout 300", Renegotiate(ctrl=1500, timeout=300)),
        ("TLSRenegotiate CTRL 1 DATA 0", Renegotiate(ctrl=1)),
        ("TLSRenegotiate data 1024 required on", Renegotiate(data=1024, insists=True)),
        ("TLSSessionCache internal: 1800", SessionCache("internal", 1800)),
        ("TLSSessionCache internal:", SessionCache("internal", 1800)),
        ("TLSSessionCache internal:77", SessionCache("internal", 77)),
        ("TLSSessionCache shm:/file=/run/x", SessionCache("shm", 1800, "/run/x")),
        ("TLSSessionCache SHM:/file=/run/x&size=99999 5m", SessionCache("shm", 300, "/run/x", 99999)),
        ("TLSSessionCache memcache: 60", SessionCache("memcache", 60)),
        ("TLSSessionCache redis:/json", SessionCache("redis", 1800, json=True)),
        ("TLSSessionCache redis:/JSON&prefix=a.b 5", SessionCache("redis", 5, json=True, prefix="a.b")),
        ("TLSSessionTicketPool redis:/prefix=x /s", TicketPool(SessionCache("redis", prefix="x"), "/s")),
        ("TLSSessionTicketKeys count 1", TicketKeyRules(12 * 3600, 1)),
        ("TLSSessionTicketKeys age 5m count 3", TicketKeyRules(300, 3)),
        ("TLSSessionCache off", SessionCache("off", 0)),
        ("TLSVerifyClient optional", "optional"),
        ("TLSVerifyClient yes", "on"),
        ("TLSOptions nocertrequest AllowPerUser", frozenset({"NoCertRequest", "AllowPerUser"})),
        ("TLSCipherSuite HIGH:!aNULL", (CipherSuite(False, "HIGH:!aNULL"),)),
        ("TLSCipherSuite PROFILE=SYSTEM_x", (CipherSuite(False, "PROFILE=SYSTEM_x"),)),
        ("TLSLog none", None),
        ("TLSLog NONE", None),
        ("SystemLog none", None),
        ("ServerIdent on", ServerIdent(True, None)),
        ('ServerIdent off "x"', ServerIdent(False, None)),
        ('ServerIdent on "a b"', ServerIdent(True, "a b")),
        ("DisplayChdir .message true", DisplayChdir(".message", True)),
        ("UseEncoding utf8 UTF-8 strict", Encoding(strict=True)),
        ("UserAlias anonymous ftp", (UserAlias("anonymous", "ftp"),)),
        ("AuthOrder mod_auth_pam.c* MOD_AUTH_UNIX", ("mod_auth_pam.c*", "mod_auth_unix.c")),
        ("DefaultRoot ~ users,!staff", (RootedPath("~", ("users", "!staff")),)),
        ("DefaultChdir public", (RootedPath("~/public"),)),
        ("Umask 022", Umask(0o022)),
        ("CommandBufferSize 1 KB", 1024),
        ("CommandBufferSize 128", 128),
        ("WtmpLog NONE", False),
        ("Trace DEFAULT:0 tls:5", (TraceChannel("DEFAULT", 0, 0), TraceChannel("tls", 1, 5))),
        ("DefaultRoot ~ users !staff", (RootedPath("~", ("users", "!staff")),)),
        ("DefaultChdir in users,all !staff", (RootedPath("~/in", ("users", "all", "!staff")),)),
        ("Umask 00022 1002", Umask(0o022, 0o002)),
        ("Umask 0077 27", Umask(0o077, 0o027)),
        ("PassivePorts 49152 65534", PortRange(49152, 65534)),
        ("HiddenStores on", HiddenStores()),
        ("HiddenStores off", None),
        ("HiddenStores .up. .part", HiddenStores(".up.", ".part")),
        ("HiddenStores .up.", HiddenStores(".up.", ".")),
        ("TransferRate STOR,appe 1.5:4096", (TransferRate(frozenset({"STOR", "APPE"}), 1536.0, 4096),)),
        ('ListOptions "-l"', ListOptions("-l")),
        (
            'ListOptions "+R -a" strict maxdepth 3 LISTOnly',
            ListOptions("+R -a", strict=True, max_depth=3, list_only=True),
        ),
        (
            "SocketOptions rcvbuf 8192 keepalive 100:3:10",
            SocketOptions(
                receive_buffer=8192, keep_alive_idle=100, keep_alive_count=3, keep_alive_interval=10
            ),
        ),
        ("SocketOptions keepalive off", SocketOptions(keep_alive=False)),
        ("Trace default:10 tls:5-7", (TraceChannel("DEFAULT", 1, 10), TraceChannel("tls", 5, 7))),
        ("MaxLoginAttempts none", 0),
        ("MaxInstances none", None),
        ("TimeoutIdle 20m", 1200),
        ("SyslogLevel WARN", "warn"),
        ("SyslogFacility local3", "LOCAL3"),
        ("Workers auto", 0),
        ("UploadEnd Strict", "strict"),
        ("DefaultAddress [::1] FTP.example.org", ("::1", "FTP.example.org")),
        ("MasqueradeAddress 192.0.2.1", "192.0.2.1"),
    ],
)
def test_values(line: str, expected: object) -> None:
    assert value(line) == expected


def test_cipher_lists_by_version() -> None:
    tls = main_host("TLSCipherSuite TLSv1.3 A_B\nTLSCipherSuite HIGH\n").settings.tls
    assert (tls.cipher_suite, tls.tls13_cipher_suite) == ("HIGH", "A_B")
    empty = main_host("").settings.tls
    assert (empty.cipher_suite, empty.tls13_cipher_suite) == (None, None)


@pytest.mark.parametrize(
    ("groups", "member_of", "applies"),
    [
        ((), set(), True),
        (("a",), {"a", "b"}, True),
        (("a", "b"), {"a"}, False),
        (("!a",), {"b"}, True),
        (("a", "!b"), {"a", "b"}, False),
        (("!a",), {"a"}, False),
    ],
)
def test_group_expressions(groups: tuple[str, ...], member_of: set[str], applies: bool) -> None:
    assert RootedPath("~", groups).applies_to(frozenset(member_of)) is applies


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("90", 90),
        ("90s", 90),
        ("5sec", 5),
        ("5m", 300),
        ("5MIN", 300),
        ("2h", 7200),
        ("2hr", 7200),
        ("00:10:00", 600),
        ("01:30:05", 5405),
    ],
)
def test_durations(text: str, seconds: int) -> None:
    assert duration(text) == seconds


@pytest.mark.parametrize("text", ["", "-5", "5x", "m", "1:2", "99999999999", "999999:00:00", "٣"])
def test_bad_durations(text: str) -> None:
    with pytest.raises(ArgumentError):
        duration(text)


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        (r"\*.*/", "*a/", True),
        (r"\*.*/", "a/", False),
        ("^[[:alnum:]_]+$", "a_1", True),
        ("^[[:upper:]]", "a", False),
        ("[]x]", "]", True),
        ("[^]x]", "]", False),
        (r"[\n]", "\\", False),
        (r"[\n]", "\n", True),
        (r"^[\w.-]+$", "a_1.txt", True),
        (r"[^\s]", " ", False),
        (r"^[\x00-\x1f]", "A", False),
        (r"^(.)\1$", "aa", True),
        (r"^\x41\x{42}$", "AB", True),
        (r"^a(?=b)b$", "ab", True),
        (r"^\<abc\>$", "abc", False),
        (r"^\Qa.b\E$", "a.b", True),
        (r"^\Qa.b\E$", "axb", False),
        (r"^(?i)ABC$", "abc", True),
        (r"^a++b$", "aab", True),
        ("^a{,2}$", "aa", False),
        ("^a{,2}$", "a{,2}", True),
        ("^(?:abc){e}$", "abx", False),
        (r"^\p{L}+$", "abc", True),
        ("^[[:alpha:]]$", "\u00e4", False),
        ("^.$", "\u00e4", False),
        ("^..$", "\u00e4", True),
        ("[\u00e4]", "\u00e4", True),
        (r"[\x80-\xff]", "\u0444\u0430", True),
        (r"[\x80-\xff]", "\udcff", True),
        (r"^[\x{41}\e]$", "\x1b", True),
        (r"^\x4\cA$", "\x04\x01", True),
        (r"^(.)\g1\g{1}$", "aaa", True),
        (r"^(?<n>.)\k<n>\k{n}$", "aaa", True),
        ("[[a]", "[", True),
        ("(^|/)[.]", "x/.y", True),
        ("a{2}", "aa", True),
        ("[[:blank:][:digit:]]", "7", True),
        ("[&&~~]", "&", True),
        (r"^\(?R$", "R", True),
        ("^[(?R)]$", "?", True),
        ("^(?-i)(?P<n>a)(?P=n)(?(1)b|c)$", "aab", True),
    ],
)
def test_regular_expressions(pattern: str, text: str, matches: bool) -> None:
    assert Regex(pattern).fits(text, in_doubt=not matches) is matches


@contextlib.contextmanager
def beside(work: Callable[[threading.Event], None]) -> Iterator[None]:
    """Another thread does `work` until its event is set: when the block is left."""
    over = threading.Event()
    thread = threading.Thread(target=work, args=(over,))
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@pytest.mark.parametrize("in_doubt", [True, False])
def test_an_expression_that_would_take_for_ever_is_given_up(in_doubt: bool) -> None:
    """Others go on meanwhile, and one that does that often gets less time."""
    costly = Regex("^(a|aa)+$")
    turns = 0

    def others(over: threading.Event) -> None:
        nonlocal turns
        while not over.wait(0.001):
            turns += 1

    with beside(others):
        assert all(costly.fits("a" * 60 + "!", in_doubt=in_doubt) is in_doubt for _ in range(OFTEN + 2))
    assert turns > OFTEN
    assert costly.fits("aa", in_doubt=False)


def test_short_texts_are_no_matter_of_turns() -> None:
    """To let go of the interpreter for each name of a listing would cost a turn of another thread each time."""

    def busy(over: threading.Event) -> None:
        while not over.is_set():
            pass

    with beside(busy):
        cheap = Regex(r"\.bak$")
        cheap.fits("", in_doubt=True)
        before = resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw
        assert not any(cheap.fits(f"file{number}.txt", in_doubt=True) for number in range(2000))
        waited = resource.getrusage(resource.RUSAGE_THREAD).ru_nvcsw - before
    assert waited < 200


def test_expressions_are_equal_by_what_they_say() -> None:
    assert Regex("a") == Regex("a")
    assert len({Regex("a"), Regex("a"), Regex("a", ignore_case=True), Regex("b")}) == 3


@pytest.mark.parametrize("pattern", [
    "(", "[a", "[[:nope:]]", "*", "a{99999999999999}", r"\q", "(" * 9999, r"(a)\g{-1}", "[" * 4000, "a{1000000}",
    "(?:(?:a?){1000}){1000}", "((a{1000}){1000}){1000}", "a" * 5000,
    "(?R)", "(?0)a", "(a|(?1))", "(a)(?-1)", "(?+1)(a)", "(?<n>a)(?&n)", "(?<n>a)(?P>n)", r"(a)\g<1>", r"(a)\g'1'",
])
def test_bad_expressions(pattern: str) -> None:
    with pytest.raises(ArgumentError):
        Regex(pattern)


def test_case_of_filters() -> None:
    for flag, matches in (("", False), (" [NC]", True)):
        found = value(f'DenyFilter "secret"{flag}')
        assert found.fits("SECRET", in_doubt=not matches) is matches  # type: ignore[attr-defined]


WORD = st.text(st.characters(exclude_characters="\0\n"), max_size=12) | st.sampled_from(
    [
        "on",
        "off",
        "none",
        "internal:",
        "ctrl",
        "1",
        "-1",
        "ALL",
        "+TLSv1",
        "TLSv1.3",
        "~",
        "/x",
        "RETR",
        "1:2",
        "a,b",
    ]
)


@given(st.sampled_from([entry for entry in DIRECTIVES.values() if entry.field]), st.lists(WORD, max_size=4))
def test_grammars_raise_nothing_but_argument_error(entry: Declaration, words: list[str]) -> None:

    try:
        result = entry.argument.parse(words)
    except ArgumentError as error:
        result = error.text
    hash(result)


@pytest.mark.parametrize(("word", "expected", "text"), [
    ("on", ForeignAddresses(True), "on"),
    ("Yes", ForeignAddresses(True), "on"),
    ("off", ForeignAddresses(), "off"),
    ("0", ForeignAddresses(), "off"),
    ("mirrors", ForeignAddresses(True, "mirrors"), "mirrors"),
    ("a,b", ForeignAddresses(True, "a,b"), "a,b"),  # no list: ProFTPD looks for a class of that name, too
    ("!a", ForeignAddresses(True, "!a"), "!a"),
])
def test_foreign_addresses(word: str, expected: ForeignAddresses, text: str) -> None:
    assert value(f"AllowForeignAddress {word}") == expected
    assert str(expected) == shown(expected) == text
