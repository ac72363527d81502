"""<Limit> as decisions: which section wins, who is meant, what it says of logging in."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftpsd.access import limits
from ftpsd.access.limits import Answer, Client
from ftpsd.ftp.commands import COMMANDS, SITE_COMMANDS
from ftpsd.settings.model import Host
from ftpsd.settings.restrictions import Restrictions
from tests.settings.support import configuration, in_directory, main_host

ALICE = Client("192.0.2.7", "pc.example.org", "alice", ("alice", "staff"), frozenset({"local"}))
NOBODY = Client("192.0.2.7")


def limit(commands: str, *lines: str) -> str:
    return "\n".join((f"<Limit {commands}>", *lines, "</Limit>", ""))


def restrictions(text: str, path: str = "/srv") -> tuple[Restrictions, ...]:
    """What a configuration says at a path."""
    host = main_host(text)
    return in_directory(host.for_login(user="alice"), path, home="/home/alice").restrictions


def ask(text: str, command: str = "STOR", path: str = "/srv", client: Client = ALICE, argument: str = "x") -> Answer:
    spec = COMMANDS[command]
    return limits.decide(restrictions(text, path), limits.words_for(spec), client, argument)


ALLOW, DENY = ("AllowAll",), ("DenyAll",)


@pytest.mark.parametrize(("text", "allowed"), [
    ("", True),
    (limit("STOR", *DENY), False),
    (limit("stor", *DENY), False),
    (limit("RETR,STOR", *DENY), False),
    (limit("RETR", *DENY), True),
    (limit("WRITE", *DENY), False),
    (limit("ALL", *DENY), False),
    (limit("READ DIRS", *DENY), True),
    # What names the command comes before its group, and that before ALL, wherever they stand.
    (limit("ALL", *DENY) + limit("WRITE", *ALLOW), True),
    (limit("WRITE", *ALLOW) + limit("ALL", *DENY), True),
    (limit("STOR", *DENY) + limit("WRITE", *ALLOW), False),
    (limit("STOR", *ALLOW) + f"<Directory /srv>\n{limit('WRITE', *DENY)}</Directory>", True),
    (limit("WRITE", *ALLOW) + f"<Directory /srv>\n{limit('ALL', *DENY)}</Directory>", True),
    # The inner place comes first, and the outer one where it says nothing.
    (limit("WRITE", *DENY) + f"<Directory /srv>\n{limit('WRITE', *ALLOW)}</Directory>", True),
    (limit("WRITE", *DENY) + f"<Directory /srv>\n{limit('WRITE', 'AllowUser bob')}</Directory>", False),
    (limit("WRITE", *DENY) + f"<Directory /other>\n{limit('WRITE', *ALLOW)}</Directory>", False),
    (f"<Directory />\n{limit('WRITE', *DENY)}</Directory>\n"
     f"<Directory /srv>\n{limit('STOU', *DENY)}</Directory>", False),
    # In one place the last one written.
    (limit("WRITE", *DENY) + limit("WRITE", *ALLOW), True),
    (limit("WRITE", *ALLOW) + limit("WRITE", *DENY), False),
    # <IfUser> comes before its host, and there the first one written.
    (f"<IfUser alice>\n{limit('WRITE', *ALLOW)}</IfUser>\n" + limit("WRITE", *DENY), True),
    (f"<IfUser alice>\n{limit('WRITE', *DENY)}{limit('WRITE', *ALLOW)}</IfUser>", False),
    (f"<IfUser bob>\n{limit('WRITE', *DENY)}</IfUser>", True),
    (f"<IfAuthenticated>\n{limit('WRITE', *ALLOW)}</IfAuthenticated>\n"
     f"<IfUser alice>\n{limit('WRITE', *DENY)}</IfUser>", False),
    # <Global> comes behind the host.
    (f"<Global>\n{limit('WRITE', *DENY)}</Global>\n" + limit("WRITE", *ALLOW), True),
    (f"<Global>\n{limit('WRITE', *DENY)}</Global>\n", False),
    # Order.
    (limit("WRITE", "Order allow,deny", "AllowUser alice", "DenyAll"), True),
    (limit("WRITE", "Order deny,allow", "AllowUser alice", "DenyAll"), False),
    (limit("WRITE", "Order deny,allow", "AllowUser alice"), True),
    (limit("WRITE", "Order deny,allow", "AllowUser bob"), False),
    (limit("WRITE", "Order deny, allow"), False),
    (limit("WRITE", "Order allow, deny"), True),
])
def test_which_section_wins(text: str, allowed: bool) -> None:
    assert ask(text) is (Answer.ALLOWED if allowed else Answer.REFUSED)


@pytest.mark.parametrize(("line", "fits"), [
    ("AllowUser alice", True), ("AllowUser bob", False), ("AllowUser bob,alice", True), ("AllowUser bob, alice", True),
    ("AllowUser AND bob,alice", False), ("AllowUser !bob", True), ("AllowUser !alice", False),
    ("AllowUser regex ^al", True), ("AllowUser regex ^x", False), ("AllowUser *", False), ("AllowUser Alice", False),
    ("AllowGroup staff", True), ("AllowGroup staff,alice", True), ("AllowGroup staff,wheel", False),
    ("AllowGroup OR staff,wheel", True), ("AllowGroup staff,!wheel", True), ("AllowGroup regex ^st", True),
    ("AllowClass local", True), ("AllowClass remote", False), ("AllowClass !remote", True),
    ("AllowClass remote,local", True), ("AllowClass regex ^lo", True),
    ("Allow from 192.0.2.7", True), ("Allow 192.0.2.0/24", True), ("Allow from 192.0.2.", True),
    ("Allow from 198.51.100.1,192.0.2.*", True), ("Allow from all", True), ("Allow from none", False),
    ("Allow from pc.example.org", True), ("Allow from .example.org", True), ("Allow from .example.com", False),
    ("Allow from !192.0.2.9 192.0.2.0/24", True), ("Allow from !192.0.2.7 192.0.2.0/24", False),
    ("Allow from !192.0.2.9", False), ("Allow from 2001:db8::/32", False),
    ("AllowFilter ^x$", True), ("AllowFilter ^y", False), ("AllowFilter ^X [NC]", True),
    ("AllowAll", True),
])
def test_who_is_meant(line: str, fits: bool) -> None:
    assert (ask(limit("STOR", "Order deny,allow", line)) is Answer.ALLOWED) is fits
    turned = "Deny" + line.removeprefix("Allow")
    assert (ask(limit("STOR", turned)) is Answer.REFUSED) is fits


@pytest.mark.parametrize("line", ["AllowUser alice", "AllowUser bob", "AllowGroup staff"])
def test_before_a_login_names_let_everybody_through(line: str) -> None:
    text = limit("STOR", line, "DenyAll")
    assert ask(text, client=NOBODY) is Answer.ALLOWED
    assert ask(limit("STOR", "DenyUser alice", "DenyGroup staff"), client=NOBODY) is Answer.ALLOWED


@pytest.mark.parametrize("text", [
    limit("LOGIN", "AllowClass local", "DenyAll"), limit("LOGIN", "DenyClass !local"),
])
def test_who_is_in_no_class(text: str) -> None:
    """DenyClass !local means clients of other classes, not those of none, as in ProFTPD."""
    allowed, _ = limits.may_log_in(main_host(text).settings.restrictions[0].limits, replace(ALICE, classes=frozenset()))
    assert allowed is ("DenyClass" in text)


def test_only_what_proftpd_looks_at_is_covered_by_all() -> None:
    everything = limit("ALL", *DENY)
    free = {name for name in COMMANDS if ask(everything, name) is Answer.ALLOWED}
    expected = (
        "SMNT QUIT PORT PASV EPRT EPSV ALLO SYST OPTS CLNT AUTH ADAT CONF ENC MIC PBSZ PROT TYPE STRU MODE REST ABOR"
        " USER PASS ACCT REIN SITE CSID LANG MFCT"
    )
    assert free == set(expected.split())
    for name in free:
        assert ask(limit(name, *DENY), name) is Answer.REFUSED


GROUPS = {
    "READ": "HASH MD5 RETR SIZE XCRC XMD5 XSHA XSHA1 XSHA256 XSHA512",
    "WRITE": "APPE COMB DELE MFCT MFF MFMT MKD RMD RNFR RNTO STOR STOU XMKD XRMD",
    "DIRS": "AVBL CDUP CWD LIST MDTM MLSD MLST NLST PWD STAT XCUP XCWD XPWD",
}


@pytest.mark.parametrize("group", GROUPS)
def test_groups(group: str) -> None:
    covered = {name for name in COMMANDS if ask(limit(group, *DENY), name) is Answer.REFUSED}
    assert covered == set(GROUPS[group].split())


@pytest.mark.parametrize("name", sorted(spec.name for spec in COMMANDS.values() if spec.twin))
def test_a_command_and_its_twin_are_one(name: str) -> None:
    twin = COMMANDS[name].twin
    assert COMMANDS[twin].twin == name
    assert COMMANDS[twin].handler == COMMANDS[name].handler
    assert ask(limit(name, *DENY), twin) is Answer.REFUSED


@pytest.mark.parametrize(("word", "refused"), [
    ("SITE_CHMOD", True), ("SITE", True), ("WRITE", True), ("ALL", True), ("SITE_HELP", False), ("READ", False),
])
def test_site_commands(word: str, refused: bool) -> None:
    words = limits.words_for_site(SITE_COMMANDS["CHMOD"])
    answer = limits.decide(restrictions(limit(word, *DENY)), words, ALICE)
    assert (answer is Answer.REFUSED) is refused


@pytest.mark.parametrize(("word", "refused"), [("OPTS", True), ("OPTS_MLST", True), ("opts_utf8", False)])
def test_options(word: str, refused: bool) -> None:
    words = limits.words_for(COMMANDS["OPTS"], "mlst")
    assert (limits.decide(restrictions(limit(word, *DENY)), words, ALICE) is Answer.REFUSED) is refused


@pytest.mark.parametrize(("text", "path", "exists", "answer"), [
    ("<Directory /srv>\nDenyAll\n</Directory>", "/srv/x", True, Answer.CLOSED),
    ("<Directory /srv>\nDenyAll\n</Directory>", "/srv/x", False, Answer.ALLOWED),
    ("<Directory /srv>\nDenyAll\nAllowAll\n</Directory>", "/srv/x", True, Answer.ALLOWED),
    ("<Directory /srv>\nDenyAll\n</Directory>\n<Directory /srv/a>\nUmask 022\n</Directory>", "/srv/a", True,
     Answer.ALLOWED),
    (f"<Directory /srv>\nDenyAll\n{limit('ALL', *ALLOW)}</Directory>", "/srv/x", True, Answer.CLOSED),
])
def test_deny_all_outside_of_limit(text: str, path: str, exists: bool, answer: Answer) -> None:
    """It closes what exists, and no <Directory> further in inherits it."""
    words = limits.words_for(COMMANDS["STOR"])
    assert limits.decide(restrictions(text, path), words, ALICE, exists=exists) is answer


@pytest.mark.parametrize(("text", "answer"), [
    (limit("READ", "IgnoreHidden on"), Answer.HIDDEN),
    (limit("READ", "IgnoreHidden off", "DenyAll"), Answer.REFUSED),
    (limit("READ", "DenyAll"), Answer.REFUSED),
    (limit("WRITE", "IgnoreHidden on"), Answer.ALLOWED),
    (limit("READ", "IgnoreHidden on") + limit("READ", "IgnoreHidden off"), Answer.ALLOWED),
    (limit("READ", "IgnoreHidden on") + limit("RETR", "AllowAll"), Answer.ALLOWED),
])
def test_ignore_hidden(text: str, answer: Answer) -> None:
    words = limits.words_for(COMMANDS["RETR"])
    assert limits.decide(restrictions(text), words, ALICE, hidden=True) is answer
    assert limits.decide(restrictions(text), words, ALICE) is not Answer.HIDDEN


ANONYMOUS = "<Anonymous /srv>\nUser ftp\n{}</Anonymous>\n"


@pytest.mark.parametrize(("text", "user", "anonymous"), [
    ("", True, True),
    (limit("LOGIN", *DENY), False, False),
    (limit("LOGIN", "DenyUser alice"), False, False),
    (limit("LOGIN", "AllowUser alice", "DenyAll"), True, True),
    (limit("LOGIN", *ALLOW) + limit("LOGIN", "DenyUser alice"), False, False),
    (limit("LOGIN", "DenyUser alice") + limit("LOGIN", *ALLOW), False, False),
    (limit("LOGIN", *DENY) + ANONYMOUS.format(limit("LOGIN", *ALLOW)), False, True),
    (ANONYMOUS.format(limit("LOGIN", *DENY)), True, False),
    (limit("LOGIN", *ALLOW) + ANONYMOUS.format(limit("LOGIN", *DENY)), True, False),
    (limit("ALL", *DENY), True, True),
])
def test_logging_in(text: str, user: bool, anonymous: bool) -> None:
    host = main_host(text + ("" if "<Anonymous" in text else ANONYMOUS.format("")))
    own = host.settings.restrictions
    assert limits.login_refused(own, None, ALICE) is not user
    assert limits.login_refused(own, host.anonymous[0].restrictions, ALICE) is not anonymous


@pytest.mark.parametrize(("text", "welcome"), [
    ("", True),
    (limit("LOGIN", *DENY), False),
    (limit("LOGIN", "AllowUser alice", "DenyAll"), True),
    (limit("LOGIN", "DenyUser alice"), True),
    (limit("LOGIN", "Deny from 192.0.2.0/24"), False),
    (limit("LOGIN", "Order deny,allow", "Allow from 192.0.2.0/24"), True),
    (limit("LOGIN", *DENY) + ANONYMOUS.format(limit("LOGIN", *ALLOW)), True),
    (limit("LOGIN", *DENY) + ANONYMOUS.format(limit("LOGIN", *DENY)), False),
    (ANONYMOUS.format(limit("LOGIN", *DENY)), True),
])
def test_who_is_greeted(text: str, welcome: bool) -> None:
    host: Host = main_host(text)
    own = host.settings.restrictions[0].limits if host.settings.restrictions else ()
    assert limits.may_connect(own, [one.restrictions for one in host.anonymous], NOBODY) is welcome


def test_in_an_anonymous_login_its_section_comes_before_the_host() -> None:
    host = main_host(limit("WRITE", *DENY) + ANONYMOUS.format(
        limit("STOR", *ALLOW) + f"<Directory in>\n{limit('MKD', *ALLOW)}</Directory>\n"))
    settings = host.for_login(user="ftp", anonymous=host.anonymous[0])

    def allowed(command: str, path: str) -> bool:
        place = in_directory(settings, path, root="/srv").restrictions
        return limits.decide(place, limits.words_for(COMMANDS[command]), ALICE) is Answer.ALLOWED

    assert [allowed("STOR", "/srv/x"), allowed("DELE", "/srv/x"), allowed("MKD", "/srv/x")] == [True, False, False]
    assert [allowed("MKD", "/srv/in/x"), allowed("STOR", "/srv/in/x"), allowed("DELE", "/srv/in/x")] == [
        True, True, False]


def test_words_that_mean_nothing_are_reported() -> None:
    found = limits.unknown_words(configuration(
        limit("WIRTE STOR", *DENY) + limit("LOGIN ALL DIRS SITE_XYZ OPTS_FOO", *DENY)
        + f"<IfUser a>\n<Directory /x>\n{limit('READS', *DENY)}</Directory>\n</IfUser>"))
    assert found == (
        "<Limit> on line 1 of '/etc/main.conf': there is no command WIRTE, it has no effect",
        "<Limit> on line 9 of '/etc/main.conf': there is no command READS, it has no effect",
    )


SECTION = st.tuples(
    st.sampled_from(["STOR", "WRITE", "ALL"]), st.sampled_from([None, "allow", "deny"]),
)


@given(st.lists(st.lists(SECTION, max_size=3), max_size=3))
def test_the_first_that_decides_wins(places: list[list[tuple[str, str | None]]]) -> None:
    """Against a plain reading of the rule: by kind of word, then from the inside out, then the last one written."""
    lines = {None: "AllowUser nobody", "allow": "AllowAll", "deny": "DenyAll"}
    text = ""
    for depth, sections in enumerate(places):
        path = "/srv" + "/d" * depth
        inner = "".join(limit(word, lines[answer]) for word, answer in sections)
        text += f"<Directory {path}>\n{inner}</Directory>\n"
    expected = next(
        (answer for kind in ("STOR", "WRITE", "ALL") for sections in reversed(places)
         for word, answer in reversed(sections) if word == kind and answer is not None), "allow")
    answer = ask(text, path="/srv/d/d/d/file")
    assert answer is (Answer.ALLOWED if expected == "allow" else Answer.REFUSED)
