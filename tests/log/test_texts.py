"""The words of the logs, which log watchers match on."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftpsd.log import events, stamps, texts, xferlog
from ftpsd.log.escape import escape, escape_rows, one_word, shorten
from ftpsd.log.events import Event, Level, Origin
from ftpsd.reasons.codes import Code, Good
from tests.log.support import CLIENT, NOON, STAMP


def system(event: Event, origin: Origin = CLIENT) -> list[str]:
    return [text for _, text in texts.system_lines(event, origin)]


@pytest.mark.parametrize(
    ("event", "lines"),
    [
        (events.SessionOpened(), ["FTP session opened."]),
        (events.SessionClosed(Good.QUIT), ["FTP session closed."]),
        (
            events.SessionClosed(Code.TIMEOUT_IDLE),
            ["Client session idle timeout, disconnected [timeout-idle]", "FTP session closed."],
        ),
        (
            events.SessionClosed(Code.TIMEOUT_LOGIN),
            ["Login timeout exceeded, disconnected [timeout-login]", "FTP session closed."],
        ),
        (
            events.SessionClosed(Code.TIMEOUT_NO_TRANSFER),
            ["FTP no transfer timeout, disconnected [timeout-no-transfer]", "FTP session closed."],
        ),
        (
            events.SessionClosed(Code.TIMEOUT_SESSION),
            ["FTP session timed out, disconnected [timeout-session]", "FTP session closed."],
        ),
        (
            events.SessionClosed(Code.CONTROL_TLS_ERROR),
            ["FTP session ended by an error [control-tls-error]", "FTP session closed."],
        ),
        (events.TimedOut("TimeoutIdle", 600), ["Client session idle timeout, disconnected"]),
        (events.TimedOut("TimeoutFoo", 600), ["TimeoutFoo exceeded, disconnected"]),
        (events.LoginSucceeded("joe"), ["USER joe: Login successful."]),
        (events.LoginSucceeded("ftp", anonymous=True), ["ANON ftp: Login successful."]),
        (
            events.LoginFailed(
                "joe", Code.LOGIN_WRONG_PASSWORD, 1, "USER joe (Login failed): Incorrect password"
            ),
            ["USER joe (Login failed): Incorrect password [login-wrong-password]"],
        ),
        (
            events.LoginFailed("joe", Code.LOGIN_NO_HOME, 1, "no such directory"),
            ["USER joe (Login failed): no such directory [login-no-home]"],
        ),
        (events.LoginFailed("root", Code.LOGIN_ROOT_DENIED, detail="SECURITY VIOLATION: Root login attempted"),
         ["SECURITY VIOLATION: Root login attempted [login-root-denied]"]),
        (events.LoginFailed("ftp", Code.LOGIN_LIMITED, detail="ANON ftp (Login failed): Limit access denies login"),
         ["ANON ftp (Login failed): Limit access denies login [login-limited]"]),
        (events.LoginFailed("joe", Code.LOGIN_OVERLOAD), ["USER joe (Login failed): login-overload [login-overload]"]),
        (
            events.LoginAttemptsExceeded(3),
            ["Maximum login attempts (3) exceeded, connection refused [login-attempts-exceeded]"],
        ),
        (events.HostileInput("HTTP", "GET"), ["client sent HTTP command 'GET', disconnecting [foreign-protocol]"]),
        (events.HostileInput("TLS", "ClientHello", Code.IMPLICIT_AT_EXPLICIT), [
            "client began TLS without AUTH, as for implicit TLS; this port is for explicit TLS, disconnecting "
            "[implicit-at-explicit]"]),
        (events.Notice("x"), ["x"]),
        (
            events.DataConnectionRefused(Code.PORT_BELOW_1024, ("Refused PORT x (bounce)",)),
            ["Refused PORT x (bounce) [port-below-1024]"],
        ),
        (events.DataConnectionRefused(Code.DATA_NOT_RESUMED, ("x",)), []),
        (events.CommandDenied("RETR", 550, "x", Code.FILE_NOT_FOUND, ("why",), tls=False), ["why [file-not-found]"]),
        (events.CommandDenied("PORT", 500, "x", Code.PORT_BELOW_1024, ("why",), tls=False), []),
        (events.CommandDenied("PROT", 534, "x", Code.PROT_REFUSED, ("why",)), []),
        (events.TransferEnded("RETR", "/a", "out", 1, 1.0, True), []),
        (
            events.TransferEnded("STOR", "/a", "in", 1, 1.0, False, Code.DATA_RESET),
            ["notice: user joe: aborting transfer [data-reset]"],
        ),
        (
            events.HandshakeFailed("data", Code.HANDSHAKE_TIMEOUT),
            ["TLS handshake failed on the data connection [handshake-timeout]"],
        ),
        (events.CommandReceived("RETR", "RETR x"), []),
        (events.Debug(1, "x"), []),
    ],
)
def test_system_log(event: Event, lines: list[str]) -> None:
    assert system(event) == lines


FAIL2BAN = (
    r"^USER (?:\S+|.*?)(?: \(Login failed\))?: (?:[uU]ser not authorized for login|[nN]o such user found|"
    r"[iI]ncorrect password|[pP]assword expired|[aA]ccount disabled|[iI]nvalid shell: '\S+'|[uU]ser in \S+)"
    r"|^SECURITY VIOLATION: (?:\S+|.*?) login attempted"
)


@pytest.mark.parametrize("detail", [
    "USER joe: no such user found from c [192.0.2.7] to 192.0.2.1:21",
    "USER joe (Login failed): Incorrect password",
    "USER joe (Login failed): User in /etc/ftpusers",
    "SECURITY VIOLATION: Root login attempted",
])
def test_failed_logins_match_fail2ban(detail: str) -> None:
    (line,) = system(events.LoginFailed("joe", Code.LOGIN_WRONG_PASSWORD, 1, detail))
    assert re.search(FAIL2BAN, line)


@pytest.mark.parametrize(("event", "lines"), [
    (events.TLSNote("a", "b\n  (1) error:x\n  (2) error:y"), ("a", "b\n  (1) error:x\n  (2) error:y")),
    (events.TLSNegotiation("control", ("x",)), ("x",)),
    (events.HandshakeSucceeded("control", "TLSv1.3", "C", 256, False, ("x",)), ("x",)),
    (events.HandshakeFailed("control", Code.HANDSHAKE_ERROR, ("w", "x")), ("w", "x [handshake-error]")),
    (events.CommandDenied("PROT", 534, "x", Code.PROT_REFUSED, ("x",)), ("x [prot-refused]",)),
    (events.CommandDenied("RETR", 550, "x", Code.HANDSHAKE_ERROR, ("x",), tls=False), ()),
    (events.DataConnectionRefused(Code.DATA_NOT_RESUMED, ("x",)), ("x [data-not-resumed]",)),
    (events.DataConnectionRefused(Code.DATA_FOREIGN_PEER, ("x",)), ()),
    (events.Notice("x"), ()),
])
def test_tls_log(event: Event, lines: tuple[str, ...]) -> None:
    assert texts.tls_lines(event) == lines


@pytest.mark.parametrize(("event", "lines"), [
    (events.Trace("data", 7, "x\ny"), [("data", 7, "x\\ny")]),
    (events.CommandReceived("PASS", "PASS (hidden)"),
     [("command", 7, "dispatching CMD command 'PASS (hidden)'")]),
    (events.ReplySent(200, "OK"), [("response", 1, "200 OK")]),
    (events.TLSNote("x"), [("tls", 5, "x")]),
    (events.Debug(3, "x"), [("debug", 3, "x")]),
    (events.SessionOpened(), []),
])
def test_trace(event: Event, lines: list[tuple[str, int, str]]) -> None:
    assert texts.trace_lines(event) == lines


@pytest.mark.parametrize(("event", "level"), [
    (events.Debug(7, "x"), 7), (events.CommandReceived("A", "A"), 4), (events.ReplySent(200, "x"), 5),
    (events.CommandDenied("A", 500, "x", Code.HANDSHAKE_ERROR), 3),
    (events.DataConnectionRefused(Code.HANDSHAKE_ERROR), 3),
    (events.SessionClosed(Good.QUIT), 2),
])
def test_debug(event: Event, level: int) -> None:
    assert [found for found, _ in texts.debug_lines(event)] == [level]
    assert texts.debug_lines(events.SessionOpened()) == []


def test_levels() -> None:
    assert texts.system_lines(events.Notice("x", Level.ERR), CLIENT) == [(Level.ERR, "x")]
    assert texts.system_lines(events.of_server("x", None), CLIENT) == [(Level.NOTICE, "x")]
    found = texts.system_lines(events.of_server("x", Code.SQL_UNAVAILABLE), CLIENT)
    assert found == [(Level.ERR, "x [sql-unavailable]")], "for `ftpsd explain`"
    assert texts.is_login(events.LoginSucceeded("x"))
    assert not texts.is_login(events.SessionOpened())


def test_reasons() -> None:
    assert events.reason_of(events.SessionOpened()) == "session-opened"
    assert events.reason_of(events.SessionClosed(Good.QUIT)) == "quit"


def test_every_event_has_its_own_kind() -> None:
    classes = [each for each in vars(events).values() if isinstance(each, type) and issubclass(each, Event)]
    kinds = [each.kind for each in classes]
    assert len(set(kinds)) == len(kinds)
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", kind) for kind in kinds)


@pytest.mark.parametrize(("text", "shown"), [
    ("a\r\nb", "a\\r\\nb"), ("\x1b[31m", "\\x1b[31m"), ("\udce4", "\\xe4"), ("Grüße 🎉", "Grüße 🎉"),
    ("\x85\u2028", "\\x85\\u2028"),
    ("\u202e", "\\u202e"), ("a\tb", "a\\tb"), ("\0\x7f", "\\x00\\x7f"), ("\ud800", "\\ud800"),
    ("C:\\x", "C:\\x"),
])
def test_escape(text: str, shown: str) -> None:
    assert escape(text) == shown


@given(st.text(st.characters(), max_size=80))
def test_escaped_text_is_one_harmless_line(text: str) -> None:
    shown = escape(text)
    assert shown.splitlines() in ([shown], [])
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]", shown)
    shown.encode()


def test_rows() -> None:
    assert escape_rows("a\n  (1) b\nc\n  d\x1b") == "a\n  (1) b\\nc\\n  d\\x1b"


def test_rows_of_a_decoded_tls_message() -> None:
    assert escape_rows("[msg] \nClientHello:\n  random:\x1b") == "[msg] \nClientHello:\n  random:\\x1b"
    assert escape_rows("Client: CN = [msg] \nClientHello:") == "Client: CN = [msg] \\nClientHello:"


@given(st.text(st.characters(), max_size=60))
def test_a_field_is_one_word(text: str) -> None:
    assert len(one_word(text).split()) == 1
    assert len(shorten(text, 10)) <= max(10, 40)


def test_stamps() -> None:
    assert stamps.milliseconds(NOON) == STAMP
    assert stamps.xferlog(NOON) == "Sun Nov 01 12:00:05 2026"


# As ProFTPD 1.3.8 wrote them, but for the time and the host.
@pytest.mark.parametrize(("event", "origin", "line"), [
    (events.TransferEnded("STOR", "/srv/new file.txt", "in", 1000, 0.2, True), {},
     "0 client.example 1000 /srv/new_file.txt b _ i r joe ftp 0 * c"),
    (events.TransferEnded("RETR", "/srv/a.txt", "out", 4, 2.6, True, ascii=True), {},
     "3 client.example 4 /srv/a.txt a _ o r joe ftp 0 * c"),
    (events.TransferEnded("STOR", "/srv/cut", "in", 3, 0.0, False), {"secure": True},
     "0 client.example 3 /srv/cut b _ i r joe ftps 0 * i"),
    (events.TransferEnded("RETR", "/a", "out", 6, 0.0, True), {"anonymous": True, "email": "me@x y\x1bz"},
     "0 client.example 6 /a b _ o a me@x_y_z ftp 0 * c"),
    (events.FileDeleted("/srv/x y\x1bz\x7fé.bin", 10), {},
     "0 client.example 10 /srv/x_y_z_é.bin b _ d r joe ftp 0 * c"),
])
def test_xferlog(event: Event, origin: dict[str, object], line: str) -> None:
    changed = CLIENT._replace(**origin)  # type: ignore[arg-type]
    assert xferlog.line(event, changed, NOON) == f"Sun Nov 01 12:00:05 2026 {line}"


def test_xferlog_without_a_name() -> None:
    origin = Origin(peer="192.0.2.7")
    line = xferlog.line(events.TransferEnded("RETR", "", "out", 0, 0.0, True), origin, NOON)
    assert line is not None
    assert line.split()[6:] == ["192.0.2.7", "0", "_", "b", "_", "o", "r", "_", "ftp", "0", "*", "c"]
    assert xferlog.line(events.SessionOpened(), origin, NOON) is None


LINES = ("something happened",)
EVERY_KIND: list[Event] = [
    events.SessionOpened(), events.SessionClosed(Code.TIMEOUT_IDLE), events.CommandReceived("NOOP", "NOOP"),
    events.ReplySent(200, "Okay"), events.CommandDenied("STOR", 550, "No", Code.OVERWRITE_DENIED, lines=LINES),
    events.CommandDenied("STOR", 550, "No", Code.OVERWRITE_DENIED, tls=False, lines=LINES),
    events.TLSNegotiation("control", lines=LINES),
    events.HandshakeSucceeded("control", "TLSv1.3", "X", 256, False, lines=LINES),
    events.ClientCertificate("CN=x", True), events.HandshakeFailed("control", Code.HANDSHAKE_EOF, lines=LINES),
    events.DataConnectionRefused(Code.DATA_NOT_RESUMED, lines=LINES),
    events.DataConnectionRefused(Code.DATA_FOREIGN_PEER, lines=LINES), events.LoginSucceeded("joe"),
    events.LoginFailed("joe", Code.LOGIN_WRONG_PASSWORD), events.LoginAttemptsExceeded(3),
    events.TransferEnded("STOR", "/x", "in", 1, 1.0, False), events.HostileInput("HTTP", "GET"),
    events.TimedOut("TimeoutIdle", 5), events.Notice("x"), events.TLSNote("x"), events.FileDeleted("/x"),
    events.Debug(1, "x"), events.Trace("tls", 1, "x"), events.TLSMessages(("x",)), events.Deflated("send", 10, 5),
    events.ModuleNote("ban", "x"), events.Happened("core.max-command-rate"),
]


@pytest.mark.parametrize(("event", "line"), [
    (events.Deflated("send", 1000, 250), "deflated 1000 bytes to 250 bytes (75.00% compression)"),
    (events.Deflated("receive", 1000, 250), "inflated 250 bytes to 1000 bytes (75.00% compression)"),
    (events.Deflated("receive", 0, 9, "bad"), "inflated 9 bytes to 0 bytes (0.00% compression), then: bad"),
    (events.Debug(1, "x"), None),
])
def test_deflate_log(event: Event, line: str | None) -> None:
    assert texts.deflate_line(event) == line


KINDS = [kind for kind in vars(events).values() if isinstance(kind, type) and issubclass(kind, Event)]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind is not Event], ids=lambda kind: kind.kind)
def test_what_a_log_has_words_for_it_hears(kind: type[Event]) -> None:
    samples = [event for event in EVERY_KIND if type(event) is kind]
    assert samples
    assert any(texts.system_lines(event, CLIENT) for event in samples) == (kind in texts.IN_SYSTEM_LOG)
    assert any(texts.debug_lines(event) for event in samples) == (kind in texts.IN_DEBUG_LOG)
    assert any(texts.tls_lines(event) for event in samples) == (kind in texts.IN_TLS_LOG)
