"""Users in a directory: against Debian's slapd, and against servers that are away or say nothing."""

from __future__ import annotations

import contextlib
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftpsd.auth import directory, ldap_filters, ldap_passwords, passwords
from ftpsd.auth.account import Account, AccountsUnavailable
from ftpsd.auth.backend import Unavailable
from ftpsd.auth.chain import Authenticator
from ftpsd.auth.ldap import LDAPBackend
from ftpsd.auth.passwords import hash_password
from ftpsd.errors import ConfigError
from ftpsd.reasons.codes import Code
from ftpsd.settings import ldap_values as values
from ftpsd.settings.account_files import AccountFile
from ftpsd.settings.auth import AuthSettings
from ftpsd.settings.ldap import LDAPSettings
from ftpsd.settings.ldap_values import LDAPBind
from tests.auth.slapd import BASE, CRYPT, READER, READER_PASSWORD, Slapd, group, person, ssha
from tests.auth.support import CHEAP, ImaginarySystem, user_line, write

PEER = "client.example [192.0.2.7] to 127.0.0.1:21"
ODD = "o*d)d(\\"
ENTRIES = (
    person("alice", 4100, ssha("secret"), "/home/alice"), person("bob", 4101, CRYPT, "/home/bob"),
    person("carol", 4102, "plain", "/home/carol"), person("twice", 4103, ssha("secret"), "/home/one"),
    person("twice", 4104, ssha("secret"), "/home/two", place="ou=elsewhere"),
    f"dn: uid=homeless,ou=people,{BASE}\nobjectClass: inetOrgPerson\nuid: homeless\ncn: x\nsn: x\n"
    f"mail: home@example.org\nuserPassword: {ssha('secret')}\n\n",
    person("dora", 4110, ssha("secret"), "/home/dora").rstrip()
    + "\ncn: xDora\nmail: Dora@Example.org\nmail: dd@example.org\n\n",
    f"dn: cn=odd,ou=people,{BASE}\nobjectClass: inetOrgPerson\nuid: {ODD}\ncn: odd\nsn: x\n"
    f"userPassword: {ssha('secret')}\n\n",
    group("staff", 5000), group("extra", 5001, "alice", "bob"), group("more", 5002, "alice"),
)


@pytest.fixture(scope="module")
def slapd() -> Iterator[Slapd]:
    """One server for all."""
    with tempfile.TemporaryDirectory(prefix="ftpsd-ldap-") as place:
        server = Slapd(Path(place), ENTRIES)
        yield server
        server.stop()


@pytest.fixture
def notes() -> list[str]:
    return []


@pytest.fixture
def make(slapd: Slapd, notes: list[str]) -> Iterator[Any]:
    made: list[LDAPBackend] = []

    def backend(server: str = "", **changes: Any) -> LDAPBackend:
        fields: dict[str, Any] = {
            "servers": values.servers((server or slapd.address).split()),
            "users": values.users([f"ou=people,{BASE}"]), "groups": values.groups([f"ou=groups,{BASE}"]), **changes}
        made.append(LDAPBackend(LDAPSettings(**fields), notes.append))
        made[-1].prepare()
        return made[-1]

    yield backend
    for one in made:
        one.close()


def test_an_account(make: Any) -> None:
    assert make().lookup("alice") == Account(
        "alice", 4100, 5000, (5000, 5001, 5002), ("staff", "extra", "more"), "/home/alice", "/bin/sh", "ldap")
    assert make(groups=None).lookup("alice").group_names == ()
    for spelling in ("ALICE", "alice ", " Alice", "\uff41lice", "al\u00adice"):  # all the same to RFC 4518
        found = make().lookup(spelling)
        assert found is None or found.name == "alice", spelling
    assert make().lookup("alice ").name == "alice"
    assert make().user_name(4101) == "bob"
    assert make().user_name(1) is None
    assert make().group_name(5001) == "extra"
    assert make().group_name(1) is None


@pytest.mark.parametrize("name", [
    "", "nobody", "*", "ali*", "alice)(uid=*", "*)(objectclass=*", "\\2a", "alice\0", "a\nb", "ä\udcff", ODD + "x",
    "'\"",
])
def test_names_that_nobody_has(make: Any, notes: list[str], name: str) -> None:
    backend = make()
    assert backend.lookup(name) is None
    assert backend.user_name(4100) == "alice"
    assert notes == []


def test_an_odd_name_is_found(make: Any) -> None:
    found = make(default_uid=1, default_gid=2, users=values.users([f"ou=people,{BASE}", "(uid=%v)"])).lookup(ODD)
    assert (found.name, found.uid, found.gid, found.home) == (ODD, 1, 2, "")


@settings(deadline=None)
@given(st.text(max_size=40) | st.sampled_from(["*", "()", "\\", "\0", ")(uid=*", "%v", "%u"]))
def test_a_value_stays_a_value(value: str) -> None:
    """ldap3's own parser finds one comparison with exactly the bytes that were sent."""
    from ldap3.operation.search import MATCH_EQUAL, parse_filter

    text = ldap_filters.fill("(uid=%v)", value)
    parsed = parse_filter(text, None, True, False, None, False).elements[0]
    assert parsed.tag == MATCH_EQUAL
    assert text.isascii()
    raw = ldap_filters.escape(value)
    decoded = b"".join(
        bytes([int(piece[:2], 16)]) + piece[2:].encode() if index else piece.encode()
        for index, piece in enumerate(raw.split("\\")))
    assert decoded == value.encode("utf-8", "surrogateescape")


def test_templates() -> None:
    assert ldap_filters.fill("(&(uid=%v)(mail=%u))", "a*") == "(&(uid=a\\2a)(mail=a\\2a))"
    assert ldap_filters.equals("uid", "posixAccount") == "(&(uid=%v)(objectclass=posixAccount))"


@pytest.mark.parametrize("binds", [True, False])
def test_passwords(make: Any, binds: bool) -> None:
    reader = {} if binds else {"bind_dn": LDAPBind(READER, READER_PASSWORD), "default_scheme": "clear"}
    backend = make(auth_binds=binds, **reader)
    for name, password in (("alice", "secret"), ("bob", "secret"), ("carol", "plain")):
        account = backend.lookup(name)
        assert backend.matches(account, password), name
        assert not backend.matches(account, password + "x")
        assert not backend.matches(account, "")
    assert not backend.matches(None, "secret")


@pytest.mark.parametrize("binds", [True, False])
@pytest.mark.parametrize("password", ["\udcff", "secret\udce9", "\0", "secret\0x", "x" * 5000])
def test_no_password_makes_a_server_one_that_is_away(
    make: Any, notes: list[str], binds: bool, password: str
) -> None:
    """Whoever logs in chooses it: others would be refused for a while."""
    backend = make(auth_binds=binds)
    assert not backend.matches(backend.lookup("alice"), password)
    assert not backend.matches(None, password)
    assert notes == []
    assert backend.lookup("alice") is not None


def test_a_password_that_may_not_be_read_matches_nothing(make: Any) -> None:
    backend = make(auth_binds=False)
    assert not backend.matches(backend.lookup("alice"), "secret")


@pytest.mark.parametrize(("stored", "password", "default", "right"), [
    (ssha("x"), "x", "crypt", True), (ssha("x"), "y", "crypt", False),
    ("{SHA}Ea10ZGmAvGCDBHDVcrLJlgpJN4A=", "x", "crypt", False),
    ("{SHA}EfatjsUqKYSrqkjTSauP4LtTzRQ=", "x", "crypt", False), ("{CRYPT}" + CHEAP, "geheim", "clear", True),
    (CHEAP, "geheim", "crypt", True), (CHEAP, "geheim", "clear", False), ("plain", "plain", "clear", True),
    ("{CLEARTEXT}plain", "plain", "crypt", True), ("{SSHA}!!!", "x", "crypt", False), ("{SSHA}", "x", "crypt", False),
    ("{ROT13}cynva", "plain", "clear", False), ("", "", "clear", False), (None, "", "clear", False),
    ("{MD5}nd1oTEVZn0ZpPwyZ+bYgqA==", "x", "crypt", False), ("{SSHA}EfatjsUqKYSrqkjTSauP4LtTzRQ=", "x", "crypt", False),
])
def test_stored_passwords(stored: str | None, password: str, default: str, right: bool) -> None:
    assert ldap_passwords.matches(password, stored, default) is right


def test_all_schemes() -> None:
    import base64
    import hashlib

    for scheme in ("SHA", "MD5", "SHA256", "SHA384", "SHA512"):
        function = scheme.replace("SHA", "SHA1") if scheme == "SHA" else scheme
        digest = hashlib.new(function, b"x").digest()
        assert ldap_passwords.matches("x", f"{{{scheme}}}{base64.b64encode(digest).decode()}", "crypt"), scheme
        salted = hashlib.new(function, b"xsalt").digest() + b"salt"
        name = "SMD5" if scheme == "MD5" else f"S{scheme}"
        assert ldap_passwords.matches("x", f"{{{name}}}{base64.b64encode(salted).decode()}", "crypt"), name


def test_one_hash_in_every_case(monkeypatch: pytest.MonkeyPatch) -> None:
    passwords.stand_in()
    counted: list[bytes] = []
    real = passwords.crypt

    def crypt(secret: bytes, setting: bytes) -> bytes | None:
        hashed = real(secret, setting)
        if hashed is not None:
            counted.append(setting)
        return hashed

    monkeypatch.setattr(passwords, "crypt", crypt)
    for stored in (None, "", CHEAP, "{CRYPT}" + CHEAP, ssha("x"), "{NO}x", "plain"):
        counted.clear()
        ldap_passwords.matches("x", stored, "crypt")
        assert len(counted) == 1, stored


def test_who_is_found_twice_is_nobody(slapd: Slapd, make: Any, notes: list[str]) -> None:
    assert make(users=values.users([BASE])).lookup("twice") is None
    assert notes == ["LDAP: more than one entry for user 'twice': he is taken for unknown"]
    assert make().lookup("twice").home == "/home/one"
    assert make(users=values.users([BASE]), search_scope="onelevel").lookup("alice") is None
    assert make(f"ldap://{slapd.address}/??base").lookup("alice") is None


def test_attributes_and_defaults(make: Any, notes: list[str]) -> None:
    anybody = values.users([f"ou=people,{BASE}", "(uid=%v)"])
    assert make(users=anybody).lookup("homeless") is None
    assert "has no usable uid" in notes[0]
    found = make(users=anybody, default_uid=7, default_gid=8).lookup("homeless")
    assert (found.uid, found.gid, found.home, found.shell) == (7, 8, "", "")
    found = make(default_uid=7, default_gid=8, force_default_uid=True, force_default_gid=True).lookup("alice")
    assert (found.uid, found.gid) == (7, 8)
    mail = values.attribute(["uid", "mail"])
    users = values.users([f"ou=people,{BASE}", "(mail=%v)"])
    by_mail = make(users=users, attributes=mail, default_uid=1, default_gid=1)
    assert by_mail.lookup("home@example.org").name == "home@example.org"
    assert by_mail.lookup("HOME@example.ORG ").name == "home@example.org"
    root = make(users=values.users([f"ou=people,{BASE}", "(uid=%v)"]), default_uid=values.AUTO, default_gid=values.AUTO)
    assert root.lookup("homeless") is None


SPELLINGS = ("Dora@Example.org", "dora@example.org", "DORA@EXAMPLE.ORG", " dora@example.org", "\uff24ora@example.org",
             "do\u00adra@example.org")


@pytest.mark.parametrize(("template", "sent", "name"), [
    ("(mail=%v)", SPELLINGS, "Dora@Example.org"),
    ("(&(mail=%u)(objectClass=posixAccount))", SPELLINGS, "Dora@Example.org"),
    ("(mail=%v@example.org)", ("Dora", "dora", "DORA", "do\u00adra"), "dora"),
    ("(mail=%v@*)", ("Dora", "dora", "DORA"), "dora"),
    ("(cn=x%v)", ("DORA", "dora"), "dora"),
    ("(mail=%v)", ("dd@example.org", "DD@Example.Org"), "dd@example.org"),
    ("(|(mail=%v)(uid=%v))", (*SPELLINGS, "DD@example.org", "dora", "DORA "), "dora"),
    ("(|(uid=%v)(mail=%v))", (*SPELLINGS, "dd@example.org", "Dora"), "dora"),
    ("(mail:caseIgnoreIA5Match:=%v)", SPELLINGS, "Dora@Example.org"),
    ("(&(|(cn=%v)(mail=%v))(!(sn=nobody)))", ("DD@example.org", "DORA"), "dora"),
])
def test_one_entry_has_one_name(make: Any, template: str, sent: Sequence[str], name: str) -> None:
    """Whatever the filter asks for: codes, bans, quotas and rules that go by name are not got round by spelling."""
    backend = make(users=values.users([f"ou=people,{BASE}", template]))
    found = {spelling: backend.lookup(spelling) for spelling in sent}
    known = {spelling: account for spelling, account in found.items() if account is not None}
    assert sum(spelling.isascii() for spelling in known) == sum(spelling.isascii() for spelling in sent)
    assert {account.name for account in known.values()} == {name}
    assert all(backend.matches(account, "secret") for account in known.values())
    assert not any(backend.matches(account, "wrong") for account in known.values())


def test_a_name_that_may_not_be_read_is_written_small(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    backend = make(users=values.users([f"ou=people,{BASE}", "(mail=%v)"]))
    search = backend.directory.search

    def hiding(*words: Any, **more: Any) -> list[directory.Entry]:
        return [(place, {key: value for key, value in attributes.items() if key not in ("mail", "uid")})
                for place, attributes in search(*words, **more)]

    monkeypatch.setattr(backend.directory, "search", hiding)
    assert {backend.lookup(spelling).name for spelling in SPELLINGS[:4]} == {"dora@example.org"}
    assert backend.matches(backend.lookup("DORA@example.org"), "secret")
    monkeypatch.setattr(backend, "_finds", lambda name, entry: name == "Dora@Example.org")
    assert backend.lookup("Dora@Example.org ").name == "Dora@Example.org", "where case counts"
    monkeypatch.setattr(backend, "_finds", lambda name, entry: False)
    assert backend.lookup("Dora@Example.org ") is None


def test_what_a_filter_compares() -> None:
    def found(template: str) -> list[str]:
        return [one.attribute for one in ldap_filters.compared(template)]

    assert found("(&(|(uid=%v)(Mail=x-%u))(objectclass=posixAccount)(cn=*))") == ["uid", "mail"]
    assert found("(cn:dn:2.5.13.2:=%v)") == ["cn"]
    assert found("(:dn:2.5.13.2:=%v)") == []
    (one,) = ldap_filters.compared("(cn=\\28a\\29 %v*b)")
    assert [match and match[1] for match in map(one.value.fullmatch, ("(A) Joe-b", "(a) b", "a joe b"))] == [
        "Joe-", None, None]
    assert ldap_filters.folded(" JOSE\u0301  stra\u00dfe ") == ldap_filters.folded("jos\u00e9 STRASSE")
    assert ldap_filters.folded("jose") != ldap_filters.folded("jos\u00e9")


@pytest.mark.parametrize(("changes", "home"), [
    ({}, "/home/alice"),
    ({"generate_home": True, "home_prefix": "/srv/ftp"}, "/home/alice"),
    ({"generate_home": True, "home_prefix": "/srv/ftp/", "force_home": True}, "/srv/ftp/alice"),
    ({"generate_home": True, "home_prefix": "/srv", "force_home": True, "home_without_name": True}, "/srv"),
    ({"home_prefix": "/srv", "force_home": True}, "/home/alice"),
])
def test_homes(make: Any, changes: dict[str, Any], home: str) -> None:
    assert make(**changes).lookup("alice").home == home


def test_a_generated_home_stays_below_its_prefix(make: Any) -> None:
    backend = make(generate_home=True, home_prefix="/srv")
    assert backend._home("bob", {}) == "/srv/bob"
    assert [backend._home(name, {}) for name in ("..", ".", "a/b", "a\0")] == [""] * 4


@pytest.mark.parametrize("how", ["starttls", "ldaps", "ldapi"])
def test_ways_to_the_server(slapd: Slapd, make: Any, how: str) -> None:
    place = {
        "starttls": f"{slapd.address} ssl-ca:{slapd.authority}",
        "ldaps": f"ldaps://{slapd.secure} ssl-ca:{slapd.authority}",
        "ldapi": f"ldapi://{str(slapd.socket).replace('/', '%2F')}/",
    }[how]
    backend = make(place, use_tls=how == "starttls")
    account = backend.lookup("alice")
    assert account.uid == 4100
    assert backend.matches(account, "secret")
    assert not backend.matches(account, "wrong")


@pytest.mark.parametrize("how", ["starttls", "ldaps"])
def test_a_server_that_cannot_prove_who_it_is(slapd: Slapd, make: Any, notes: list[str], how: str) -> None:
    place = slapd.address if how == "starttls" else f"ldaps://{slapd.secure}"
    with pytest.raises(Unavailable):
        make(place, use_tls=how == "starttls").lookup("alice")
    assert "certificate verify failed" in notes[0]
    assert make(f"{place} ssl-verify:off", use_tls=how == "starttls").lookup("alice").uid == 4100


def test_passwords_in_clear_are_reported(slapd: Slapd) -> None:
    backend = LDAPBackend(LDAPSettings(servers=values.servers(["ldap.example.org"])), lambda text: None)
    (said,) = backend.prepare()
    assert "in clear" in said
    tls = LDAPBackend(LDAPSettings(servers=values.servers(["ldap.example.org"]), use_tls=True), lambda text: None)
    assert tls.prepare() == ()


@pytest.mark.parametrize("binds", [True, False])
def test_unknown_users_cost_as_much(make: Any, monkeypatch: pytest.MonkeyPatch, binds: bool) -> None:
    backend = make(auth_binds=binds)
    asked: list[str] = []
    hashed: list[str] = []
    passwords.stand_in()        # made once in a process, with a hash of its own
    for name in ("search", "proves"):
        monkeypatch.setattr(backend.directory, name, Counting(asked, name, getattr(backend.directory, name)))
    monkeypatch.setattr(passwords, "crypt", Counting(hashed, "crypt", passwords.crypt))
    chain = Authenticator(
        AuthSettings(auth_order=("mod_ldap.c",), auth_pam=False), system=ImaginarySystem(), backends=[backend])
    counts = []
    for user in ("bob", "nobody"):
        asked.clear()
        hashed.clear()
        assert not chain.check(chain.lookup(user), "wrong", PEER, user=user).ok
        counts.append((sorted(asked), len(hashed)))
    assert counts[0] == counts[1]
    assert counts[0][1] == 1


class Counting:
    """A function that writes down each call, whatever is given to it."""

    def __init__(self, calls: list[str], name: str, function: Any) -> None:
        self._calls = calls
        self._name = name
        self._function = function

    def __call__(self, *words: Any, **more: Any) -> Any:
        self._calls.append(self._name)
        return self._function(*words, **more)


def test_a_reader_with_a_wrong_password(make: Any, notes: list[str]) -> None:
    with pytest.raises(Unavailable):
        make(bind_dn=LDAPBind(READER, "wrong")).lookup("alice")
    assert "it refuses LDAPBindDN cn=reader" in notes[0]
    assert "wrong" not in notes[0]


def test_connections_are_kept_and_replaced(slapd: Slapd, make: Any, notes: list[str]) -> None:
    backend = make()
    opened: list[str] = []
    backend.directory._open = Noting(opened, "open", backend.directory._open)
    for _ in range(3):
        assert backend.lookup("alice") is not None
    assert len(opened) == 1
    for idle in backend.directory._idle:
        idle.connection.socket.shutdown(socket.SHUT_RDWR)
    assert backend.lookup("alice") is not None
    assert len(opened) == 2
    with ThreadsAtOnce(8, lambda: backend.lookup("bob")) as answers:
        assert {answer.uid for answer in answers} == {4101}
    assert len(backend.directory._idle) <= directory.MOST_IDLE
    backend.close()
    assert backend.directory._idle == []
    assert notes == []


class Noting:
    """A function that writes down each call."""

    def __init__(self, calls: list[str], name: str, function: Any) -> None:
        self._calls = calls
        self._name = name
        self._function = function

    def __call__(self, *words: Any) -> Any:
        self._calls.append(self._name)
        return self._function(*words)


class ThreadsAtOnce:
    """The answers of a function that many threads call."""

    def __init__(self, count: int, function: Any) -> None:
        self._answers: list[Any] = []
        self._threads = [
            threading.Thread(target=lambda: self._answers.append(function())) for _ in range(count)]

    def __enter__(self) -> list[Any]:
        for thread in self._threads:
            thread.start()
        for thread in self._threads:
            thread.join(20)
        return self._answers

    def __exit__(self, *_: object) -> None:
        return None


@pytest.fixture
def deaf() -> Iterator[str]:
    """A server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield f"127.0.0.1:{listener.getsockname()[1]}"


@contextlib.contextmanager
def _answering(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """The place of a server whose only connection `answer` serves, until it returns or the client has gone."""
    def serve(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection, contextlib.suppress(OSError):
            answer(connection)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        thread.join(10)
        assert not thread.is_alive()


@pytest.mark.parametrize("kind", ["ldap://", "ldaps://", "tls"])
def test_a_server_that_says_nothing_costs_a_bounded_time(make: Any, notes: list[str], deaf: str, kind: str) -> None:
    backend = make(("" if kind == "tls" else kind) + deaf, connect_timeout=1, query_timeout=1, use_tls=kind == "tls")
    began = time.monotonic()
    with pytest.raises(Unavailable):
        backend.lookup("alice")
    assert time.monotonic() - began < 4
    with pytest.raises(Unavailable):
        backend.lookup("alice")
    assert time.monotonic() - began < 4
    assert len(notes) == 1


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("piece", [b"\x02", b"\x02" * 65536])
def test_an_answer_that_never_ends(
    make: Any, notes: list[str], monkeypatch: pytest.MonkeyPatch, piece: bytes, tls: bool,
) -> None:
    """To a bind or StartTLS. It drips, or is endless: the login has its answer in time, and the memory is bounded."""
    monkeypatch.setattr(directory, "LARGEST_ANSWER", 1024 * 1024)

    def answer(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(b"\x30\x84\x7f\xff\xff\xff")
        while True:
            connection.sendall(piece)
            if len(piece) == 1:
                time.sleep(0.2)

    with _answering(answer) as place:
        backend = make(place, connect_timeout=1, query_timeout=1, use_tls=tls)
        began = time.monotonic()
        with pytest.raises(Unavailable):
            backend.lookup("alice")
        assert time.monotonic() - began < 4
    assert len(notes) == 1
    assert ("timed out" if len(piece) == 1 else "longer than") in notes[0]


@pytest.mark.parametrize("answer", [
    "300c02020178070a01000400040000", "3003020100", "30020200", "300702010178020a01", "04050102030405",
])
@pytest.mark.parametrize("tls", [False, True])
def test_an_answer_that_is_no_ldap(make: Any, notes: list[str], answer: str, tls: bool) -> None:
    """To a bind or StartTLS: the server cannot be asked, and the login goes on without it."""
    def garble(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(bytes.fromhex(answer))

    with _answering(garble) as place:
        backend = make(place, connect_timeout=1, query_timeout=1, use_tls=tls)
        with pytest.raises(Unavailable):
            backend.lookup("alice")
    assert len(notes) == 1
    assert "does not answer" in notes[0]


def test_a_handshake_that_drips(make: Any, notes: list[str]) -> None:
    """StartTLS is answered just in time, and then TLS comes byte by byte: all of it has one deadline."""
    def answer(connection: socket.socket) -> None:
        asked = connection.recv(4096)
        time.sleep(1.2)
        number = asked[2:4 + asked[3]]  # of the message, as long as it is
        granted = number + bytes.fromhex("78070a010004000400")
        connection.sendall(bytes([0x30, len(granted)]) + granted)
        connection.recv(4096)
        for byte in b"\x16\x03\x03\x40\x00" + bytes(500):
            connection.sendall(bytes([byte]))
            time.sleep(0.2)

    with _answering(answer) as place:
        backend = make(place, connect_timeout=1, query_timeout=1, use_tls=True)
        began = time.monotonic()
        with pytest.raises(Unavailable):
            backend.lookup("alice")
        assert 1.9 < time.monotonic() - began < 10, "not as long as all the bytes take"
    assert "does not answer" in notes[0]


def test_a_server_that_is_away(slapd: Slapd, make: Any, notes: list[str]) -> None:
    """It is left alone, for longer and longer; that is said once, and once that it is back."""
    now = [100.0]
    backend = make("127.0.0.1:1")
    backend.directory._clock = lambda: now[0]
    state = backend.directory._states[0]
    pauses = []
    for _ in range(8):
        with pytest.raises(Unavailable):
            backend.lookup("alice")
        pauses.append(state.until - now[0])
        with pytest.raises(Unavailable):
            backend.lookup("alice")
        now[0] = state.until
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60]
    assert len(notes) == 1
    assert "127.0.0.1:1 does not answer" in notes[0]
    state.settings = values.servers([slapd.address])[0]
    assert backend.lookup("alice") is not None
    assert notes[1].endswith("answers again")
    assert state.pause == 1


def test_names_for_listings_are_no_reason_to_leave_a_server_alone(make: Any, notes: list[str]) -> None:
    backend = make("127.0.0.1:1")
    opened: list[str] = []
    backend.directory._open = Noting(opened, "open", backend.directory._open)
    assert [backend.user_name(4100), backend.group_name(5000), backend.user_name(4101)] == [None] * 3
    assert opened == ["open"]
    assert notes == []
    assert backend.directory._states[0].until == 0.0


def test_the_next_server_is_asked(slapd: Slapd, make: Any, notes: list[str]) -> None:
    backend = make(f"127.0.0.1:1 {slapd.address}")
    account = backend.lookup("alice")
    assert account.uid == 4100
    assert backend.matches(account, "secret")
    assert len(notes) == 1


def test_without_ldap3_there_is_no_start(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise ImportError("No module named 'ldap3'")

    monkeypatch.setattr("importlib.import_module", missing)
    with pytest.raises(ConfigError, match=r"need the Python package ldap3"):
        LDAPBackend(LDAPSettings(), lambda text: None).prepare()


# ---- in the chain ------------------------------------------------------------------------------------


def authenticator(tmp_path: Path, backend: LDAPBackend, **changes: Any) -> Authenticator:
    fields: dict[str, Any] = {
        "auth_user_file": AccountFile(write(tmp_path / "users", user_line("alice"), user_line("filed"))),
        "auth_pam": False,
        "require_valid_shell": False, "use_ftp_users": False, **changes}
    chain = Authenticator(AuthSettings(**fields), system=ImaginarySystem(), backends=(backend,))
    chain.prepare()
    return chain


def log_in(chain: Authenticator, user: str, password: str) -> Any:
    return chain.check(chain.lookup(user), password, PEER, user=user)


def test_the_order_of_sources(tmp_path: Path, make: Any) -> None:
    first = authenticator(tmp_path, make())
    assert first.lookup("alice").source == "file"  # type: ignore[union-attr]
    assert first.lookup("bob").source == "ldap"  # type: ignore[union-attr]
    second = authenticator(tmp_path, make(), auth_order=("mod_ldap.c", "mod_auth_file.c"))
    assert second.lookup("alice").source == "ldap"  # type: ignore[union-attr]
    assert second.lookup("filed").source == "file"  # type: ignore[union-attr]
    final = authenticator(tmp_path, make(), auth_order=("mod_ldap.c*", "mod_auth_file.c"))
    assert final.lookup("filed") is None
    without = authenticator(tmp_path, make(), auth_order=("mod_auth_file.c",))
    assert without.lookup("bob") is None
    assert first.names.owner(4101) == "bob"
    assert first.names.group(5001) == "extra"


def test_logins(tmp_path: Path, make: Any) -> None:
    chain = authenticator(tmp_path, make())
    result = log_in(chain, "bob", "secret")
    assert (result.ok, result.method) == (True, "mod_ldap.c")
    assert log_in(chain, "bob", "wrong").reason == Code.LOGIN_WRONG_PASSWORD
    assert log_in(chain, "bob", "").reason == Code.LOGIN_EMPTY_PASSWORD
    assert log_in(chain, "nobody-there", "x").reason == Code.LOGIN_UNKNOWN_USER
    assert log_in(chain, "filed", "geheim").ok


def test_unknown_users_cost_what_known_ones_do(tmp_path: Path, make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    passwords.stand_in()
    backend = make()
    chain = authenticator(tmp_path, backend, auth_user_file=None)
    work: list[str] = []
    crypt, proves = passwords.crypt, backend.directory.proves
    monkeypatch.setattr(passwords, "crypt", Noting(work, "hash", crypt))
    backend.directory.proves = Noting(work, "bind", proves)
    for user in ("bob", "nobody-there"):
        work.clear()
        log_in(chain, user, "wrong")
        assert sorted(work) == ["bind", "hash"], user


def test_a_directory_that_is_away_leaves_the_others(tmp_path: Path, make: Any, notes: list[str]) -> None:
    chain = authenticator(tmp_path, make("127.0.0.1:1"), auth_order=("mod_ldap.c", "mod_auth_file.c"))
    assert log_in(chain, "filed", "geheim").ok
    assert log_in(chain, "filed", "wrong").reason == Code.LOGIN_WRONG_PASSWORD
    with pytest.raises(AccountsUnavailable) as caught:
        chain.lookup("bob")
    assert (caught.value.code, caught.value.reason, caught.value.others) == (530, Code.DIRECTORY_UNREACHABLE, True)
    assert chain.home_of("bob") is None
    assert len(notes) == 1
    final = authenticator(tmp_path, make("127.0.0.1:1"), auth_order=("mod_ldap.c*", "mod_auth_file.c"))
    with pytest.raises(AccountsUnavailable):
        final.lookup("filed")


@pytest.mark.parametrize("binds", [True, False])
def test_a_directory_that_goes_away_before_the_password_is_checked(
    tmp_path: Path, make: Any, monkeypatch: pytest.MonkeyPatch, binds: bool
) -> None:
    """That is no wrong password; and names that nobody has cost a hash then, too."""
    chain = authenticator(tmp_path, backend := make(auth_binds=binds))
    bob = chain.lookup("bob")

    def away(*_: object) -> bool:
        raise Unavailable

    monkeypatch.setattr(backend, "matches", away)
    result = chain.check(bob, "secret", PEER)
    assert (result.ok, result.reason) == (False, Code.DIRECTORY_UNREACHABLE)
    hashed: list[str] = []
    monkeypatch.setattr(passwords, "crypt", Noting(hashed, "hash", passwords.crypt))
    assert chain.check(None, "secret", PEER, user="nobody-there").reason == Code.LOGIN_UNKNOWN_USER
    assert hashed == ["hash"]


@settings(max_examples=25, deadline=None)
@given(name=st.text(min_size=1, max_size=30), password=st.text(max_size=30))
def test_nobody_gets_in_by_chance(slapd: Slapd, name: str, password: str) -> None:
    backend = LDAPBackend(LDAPSettings(
        servers=values.servers([slapd.address]), users=values.users([f"ou=people,{BASE}"])), lambda text: None)
    backend.prepare()
    try:
        assert backend.lookup(name) is None or name.strip().lower() in ("alice", "bob", "carol", "twice")
        assert not backend.matches(None, password)
    finally:
        backend.close()


def test_hashes_of_modern_schemes(tmp_path: Path) -> None:
    for scheme in ("yescrypt", "bcrypt", "scrypt", "sha512"):
        cost = {"yescrypt": 1, "bcrypt": 4, "scrypt": 6, "sha512": 1000}[scheme]
        hashed = hash_password("geheim", scheme, cost=cost)
        assert ldap_passwords.matches("geheim", "{CRYPT}" + hashed, "clear"), scheme
