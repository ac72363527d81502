"""The command table, parsing, and what is printed from the table."""

from __future__ import annotations

import re
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftpsd.ftp import facts, parsing, reference
from ftpsd.ftp.commands import COMMANDS, SITE_COMMANDS, Argument, CommandSpec, Engine, PathArgument
from ftpsd.ftp.help import feat_reply, features, help_reply, site_help
from ftpsd.ftp.parsing import argument_error, parse, parse_site

ISSUE = [
    "USER", "PASS", "ACCT", "REIN", "QUIT", "AUTH", "PBSZ", "PROT", "CCC", "FEAT", "OPTS", "HELP",
    "SYST", "STAT", "NOOP", "TYPE", "MODE", "STRU", "PASV", "EPSV", "PORT", "EPRT", "ALLO", "REST",
    "RETR", "STOR", "STOU", "APPE", "ABOR", "PWD", "CWD", "CDUP", "XPWD", "XCWD", "XCUP", "MKD", "RMD",
    "XMKD", "XRMD", "DELE", "RNFR", "RNTO", "SIZE", "MDTM", "MFMT", "LIST", "NLST", "MLSD", "MLST",
    "SITE", "CLNT", "ADAT", "MIC", "CONF", "ENC",
]


def with_property(name: str) -> set[str]:
    return {spec.name for spec in COMMANDS.values() if getattr(spec, name)}


def test_every_command_of_the_issue_is_there() -> None:
    assert set(ISSUE) <= set(COMMANDS)
    assert list(SITE_COMMANDS) == [
        "CPFR", "CPTO", "COPY", "UTIME", "SYMLINK", "RMDIR", "MKDIR", "QUOTA", "WHO", "HELP", "CHGRP", "CHMOD"]


@pytest.mark.parametrize(("name", "expected"), [
    ("tls_exempt", "SYST AUTH FEAT HOST CLNT QUIT"),
    ("authenticates", "USER PASS ACCT"),
    ("needs_tls", "PBSZ PROT CCC SSCN"),
    ("opens_data_address", "PASV EPSV PORT EPRT"),
    ("data", "APPE LIST MLSD NLST RETR STOR STOU"),
    ("listing", "LIST NLST MLSD"),
    ("during_transfer", "ABOR STAT NOOP"),
    ("aborts_transfer", "ABOR"),
    ("secret", "PASS ACCT ADAT MIC CONF ENC"),
])
def test_properties_that_rules_ask_for(name: str, expected: str) -> None:
    assert with_property(name) == set(expected.split())


def test_epsv_all_leaves_only_epsv() -> None:
    openers = [spec for spec in COMMANDS.values() if spec.opens_data_address]
    assert [spec.name for spec in openers if spec.after_epsv_all] == ["EPSV"]
    assert all(spec.after_epsv_all for spec in COMMANDS.values() if not spec.opens_data_address)


def test_what_works_before_login() -> None:
    assert {name for name, spec in COMMANDS.items() if not spec.needs_login} == {
        "QUIT", "SYST", "HELP", "NOOP", "FEAT", "OPTS", "HOST", "CLNT", "AUTH", "ADAT", "CONF", "ENC", "MIC",
        "PBSZ", "PROT", "TYPE", "USER", "PASS", "ACCT", "REIN", "LANG",
    }


@pytest.mark.parametrize("spec", COMMANDS.values(), ids=lambda spec: spec.name)
def test_every_row_is_sound(spec: CommandSpec) -> None:
    assert re.fullmatch(r"[A-Z]{3,4}|MD5|XMD5|XSHA[0-9]+", spec.name)
    assert re.fullmatch(r"[a-z]+\.[a-z_]+", spec.handler)
    assert all((spec.help, spec.syntax, spec.rfc, spec.log_classes))
    assert spec.log_classes <= {"AUTH", "INFO", "DIRS", "READ", "WRITE", "MISC", "SEC"}
    assert spec.limit_groups <= {"LOGIN", "DIRS", "READ", "WRITE"}
    if spec.argument is Argument.NONE:
        assert spec.path is PathArgument.NONE
    if spec.data is not None:
        assert all((spec.needs_login, spec.limit_groups))
    if spec.listing:
        assert spec.data == "send"


@pytest.mark.parametrize(("line", "name", "argument"), [
    ("NOOP", "NOOP", ""),
    ("noop", "NOOP", ""),
    ("NoOp ", "NOOP", ""),
    ("USER  joe", "USER", "joe"),
    ("USER joe ", "USER", "joe "),
    ("RETR a b  c ", "RETR", "a b  c "),
    ("CWD  sp", "CWD", " sp"),
    ("CWD   ", "CWD", ""),
    ("PASS ", "PASS", ""),
    ("PASS  x ", "PASS", " x "),
    ("PASS   ", "PASS", "  "),
    ("MFMT 20200101000000  a b", "MFMT", "20200101000000  a b"),
    ("LIST  -a x", "LIST", " -a x"),
    ("TYPE\tA", "TYPE", "A"),
    ("auth  tls", "AUTH", "tls"),
    ("no op", "NO", "op"),
])
def test_parse(line: str, name: str, argument: str) -> None:
    command = parse(line)
    assert (command.name, command.argument, command.text) == (name, argument, line)
    assert command.spec is COMMANDS.get(name)


@pytest.mark.parametrize("line", ["", " NOOP", "  "])
def test_a_line_without_verb(line: str) -> None:
    command = parse(line)
    assert command.name == ""
    assert command.spec is None


def test_turkish_and_other_letters_are_no_verbs() -> None:
    assert parse("l\u0131st").spec is None
    assert parse("\ufb01le").name == "\ufb01le"


@pytest.mark.parametrize(("line", "shown"), [
    ("PASS secret", "PASS (hidden)"), ("pass secret", "PASS (hidden)"), ("ADAT abc", "ADAT (hidden)"),
    ("ACCT x", "ACCT (hidden)"), ("USER joe", "USER joe"), ("PASS\tsecret", "PASS (hidden)"),
    ("PASSsecret", "PASSsecret"),
])
def test_secrets_are_not_logged(line: str, shown: str) -> None:
    assert parse(line).loggable == shown


# Texts that ProFTPD 1.3.8 gave.
@pytest.mark.parametrize(("line", "code", "text"), [
    ("RETR", 500, "'RETR' not understood"),
    ("STOR", 500, "'STOR' not understood"),
    ("APPE ", 500, "'APPE' not understood"),
    ("TYPE", 500, "'TYPE' not understood"),
    ("TYPE A N X", 500, "'TYPE A N X' not understood"),
    ("REST", 500, "'REST' not understood"),
    ("REST 1 2", 500, "'REST 1 2' not understood"),
    ("MODE", 501, "'MODE' not understood"),
    ("MODE S S", 501, "'MODE S S' not understood"),
    ("STRU", 501, "'STRU' not understood"),
    ("ALLO", 504, "'ALLO' not understood"),
    ("USER", 500, "USER: command requires a parameter"),
    ("SITE", 500, "'SITE' requires parameters"),
    ("CWD", 501, "Invalid number of parameters"),
    ("PWD x", 501, "Invalid number of parameters"),
    ("PASV x", 501, "Invalid number of parameters"),
    ("PORT", 501, "Invalid number of parameters"),
    ("EPRT", 501, "Invalid number of parameters"),
    ("SIZE", 501, "Invalid number of parameters"),
    ("MDTM", 501, "Invalid number of parameters"),
    ("MKD", 501, "Invalid number of parameters"),
    ("DELE", 501, "Invalid number of parameters"),
    ("RNFR", 501, "Invalid number of parameters"),
    ("RNTO", 501, "Invalid number of parameters"),
    ("MFMT", 501, "Invalid number of parameters"),
    ("MFMT 20200101000000", 501, "Invalid number of parameters"),
    ("OPTS", 501, "Invalid number of parameters"),
    ("FEAT x", 501, "Invalid number of parameters"),
    ("PBSZ", 501, "Invalid number of parameters"),
    ("PBSZ 0 0", 501, "Invalid number of parameters"),
    ("PROT", 501, "Invalid number of parameters"),
])
def test_wrong_number_of_arguments(line: str, code: int, text: str) -> None:
    reply = argument_error(parse(line))
    assert reply is not None
    assert (reply.code, reply.lines) == (code, (text,))


@pytest.mark.parametrize("line", [
    "RETR a b", "NOOP x", "QUIT x", "STOU x", "STOU", "LIST", "LIST -a x y", "EPSV 1 2", "ALLO 1 R 2",
    "TYPE A N", "PASS", "AUTH", "PWD", "CDUP", "USER a b", "MFMT 20200101000000 a b", "UNKNOWN x", "CCC",
    "HELP SITE CHMOD", "STAT", "FEAT",
])
def test_right_number_of_arguments(line: str) -> None:
    assert argument_error(parse(line)) is None


def test_word_and_path() -> None:
    assert parse("MFMT 2020  a b ").word_and_path == ("2020", " a b ")
    spec, command = parse_site("chmod  644 a b")
    assert spec is SITE_COMMANDS["CHMOD"]
    assert command.word_and_path == ("644", "a b")
    assert parse_site("FOO x") == (None, parse_site("FOO x")[1])
    assert parse_site("FOO x")[1].name == "FOO"


def test_help_layout() -> None:
    lines = help_reply("", "me@x").encode().decode().split("\r\n")
    assert lines[0] == "214-The following commands are recognized (* =>'s unimplemented):"
    assert lines[1] == " CWD     XCWD    CDUP    XCUP    SMNT*   QUIT    PORT    PASV    "
    assert lines[-2:] == ["214 Direct comments to me@x", ""]
    listed = " ".join(lines[1:-2]).replace("*", "").split()
    assert listed == list(COMMANDS)


@pytest.mark.parametrize(("argument", "code", "lines"), [
    ("retr", 214, ("Syntax: RETR <sp> pathname",)),
    ("ACCT", 214, ("Syntax: ACCT is not implemented",)),
    ("foo", 502, ("Unknown command 'FOO'",)),
])
def test_help_for_one_command(argument: str, code: int, lines: tuple[str, ...]) -> None:
    reply = help_reply(argument)
    assert (reply.code, reply.lines) == (code, lines)


def test_site_help() -> None:
    assert site_help("").lines == (
        "The following SITE commands are recognized (* =>'s unimplemented)",
        "CPFR <sp> pathname", "CPTO <sp> pathname", "COPY <sp> source <sp> destination",
        "UTIME <sp> YYYYMMDDhhmm[ss] <sp> path", "SYMLINK <sp> source <sp> destination", "RMDIR <sp> path",
        "MKDIR <sp> path", "QUOTA", "WHO", "HELP", "CHGRP", "CHMOD", "Direct comments to root@localhost",
    )
    assert site_help("", engines={Engine.ALWAYS}).lines[1:-1] == ("HELP", "CHGRP", "CHMOD")
    assert help_reply("site", engines={Engine.ALWAYS}).lines == ("HELP", "CHGRP", "CHMOD")
    assert site_help("cpfr", engines={Engine.ALWAYS}).code == 502
    assert site_help("chmod").lines[1] == "Syntax: SITE CHMOD <sp> mode <sp> pathname"
    assert site_help("foo").code == 502


def test_feat() -> None:
    everything = features(tls=True, facts=facts.feat_line())
    assert everything == sorted(everything)
    assert [line.partition(" ")[0] for line in everything] == [
        "AUTH", "AVBL", "CCC", "CLNT", "COMB", "CSID", "EPRT", "EPSV", "HOST", "MDTM", "MFF", "MFMT", "MLST",
        "PBSZ", "PROT", "RANG", "REST", "SITE", "SITE", "SITE", "SITE", "SITE", "SIZE", "SSCN", "TVFS", "UTF8",
    ]
    bare = features(tls=True, facts=facts.feat_line(), engines={Engine.ALWAYS}, without=["EPRT"])
    assert set(everything) - set(bare) == {
        "EPRT", "SITE COPY", "SITE MKDIR", "SITE RMDIR", "SITE SYMLINK", "SITE UTIME"}
    plain = features(tls=False, facts=facts.feat_line())
    assert set(everything) - set(plain) == {"AUTH TLS", "CCC", "PBSZ", "PROT", "SSCN"}
    reply = feat_reply(tls=False, facts=facts.feat_line([]))
    assert reply.lines[0] == "Features:"
    assert reply.lines[-1] == "End"
    assert facts.feat_line([]) in reply.lines


def test_reference_page_is_current() -> None:
    page = Path(__file__).parents[2] / "docs" / "reference" / "commands.md"
    current = page.read_text(encoding="utf-8") == reference.page()
    assert current, f"run python -m ftpsd.ftp.reference {page}"
    for name in COMMANDS:
        assert f"`{name} " in reference.page()


def test_reference_writes_where_it_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    reference.main([str(tmp_path / "x.md")])
    reference.main([])
    assert (tmp_path / "x.md").read_text(encoding="utf-8") == capsys.readouterr().out == reference.page()


@given(st.text(max_size=60))
def test_parse_takes_anything(text: str) -> None:
    command = parse(text)
    argument_error(command)
    assert command.text == text
    assert command.spec is None or command.name in COMMANDS


@pytest.mark.parametrize("line", parsing._FREQUENT)
def test_a_line_that_is_taken_apart_once_is_like_any_other(line: str) -> None:
    assert parse(line) == parsing._parse(line)
    with mock.patch.object(parsing, "_FREQUENT", {}):
        assert argument_error(parse(line)) is None
