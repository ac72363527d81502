"""`ftpsd check --policy` foretells what a real server answers, and `--explain` what is in force."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from ftpsd import settings
from ftpsd.auth.account import Account
from ftpsd.auth.unix import SystemUsers, parse_shadow
from ftpsd.cli.check import command
from ftpsd.diag import whatif
from ftpsd.diag.question import BadQuestion, Question, understand
from ftpsd.reasons.codes import Code
from ftpsd.testing.client import ConnectionEnded, Reply, ScriptedClient, UnexpectedReply
from ftpsd.testing.configs import User
from ftpsd.testing.plugin import Certificates
from tests.session.hosts import Hosts, serving

HOSTS = {
    "on": "TLSRequired on",
    "off": "TLSRequired off\nTLSOptions NoSessionReuseRequired",
    "data": "TLSRequired data",
    "auth": "TLSRequired auth",
    "no-data": "TLSRequired !data",
    "per-user": "TLSRequired off\nTLSOptions AllowPerUser\n<IfUser alice>\nTLSRequired on\n</IfUser>",
    "foreseen": (
        "TLSRequired off\nTLSOptions AllowPerUser\nIfSessionOptions PerUnauthenticatedUser\n"
        "<IfUser alice>\nTLSRequired on\n</IfUser>"),
    "local-off": "TLSRequired on\n<IfClass local>\nTLSRequired off\n</IfClass>",
    "directory": "TLSRequired off\n<Directory ~/in>\nTLSRequired data\n</Directory>",
    "no-tls": "TLSEngine off",
    "ftps-only": "TLSRequired off\nProtocols ftps",
    "limit-read": "TLSRequired off\n<Limit READ>\nDenyAll\n</Limit>",
    "limit-dir": "TLSRequired off\n<Directory ~/in>\n<Limit STOR>\nDenyAll\n</Limit>\n</Directory>",
    "limit-user": "TLSRequired off\n<Limit DIRS>\nDenyUser alice\n</Limit>",
    "limit-login": "TLSRequired off\n<Limit LOGIN>\nDenyUser alice\n</Limit>",
    "limit-address": "TLSRequired off\n<Limit LOGIN>\nDeny from 127.0.0.1\n</Limit>",
    "certificate": "TLSRequired off\nTLSUserName CommonName\nTLSUserLogin both\nTLSUserLogin either bob",
    "filter": "TLSRequired off\nDenyFilter %",
    "shell": "TLSRequired off\nRequireValidShell on",
    "alias": "TLSRequired off\nUserAlias al alice",
    "closed": "TLSEngine off\n<Directory ~/>\nDenyAll\n</Directory>\n<Directory ~/in>\n</Directory>",
    "reopened": "TLSEngine off\n<Directory ~/>\nDenyAll\n</Directory>\n<Directory ~/in>\nUmask 077\n</Directory>",
    "limit-dir-by-name": "TLSRequired off\n<Directory ~alice/in>\n<Limit STOR>\nDenyAll\n</Limit>\n</Directory>",
    "limit-dir-by-user": (
        "TLSRequired off\n<Directory @HOME@/%u/in>\n<Limit STOR>\nDenyAll\n</Limit>\n</Directory>"),
    "no-prot": "TLSRequired off\n<Limit PROT>\nDenyAll\n</Limit>",
    "no-prot-in": "TLSRequired off\n<Directory ~/in>\n<Limit PROT>\nDenyAll\n</Limit>\n</Directory>",
    "no-epsv": "TLSRequired off\n<Limit EPSV>\nDenyAll\n</Limit>",
    "no-way": "TLSRequired off\n<Limit EPSV PASV EPRT PORT>\nDenyAll\n</Limit>",
    "anonymous-group": "TLSRequired off\nAnonymousGroup alice",
    "no-root": (
        "TLSRequired off\nDefaultRoot /\n<Directory ~/in>\n<Limit STOR>\nDenyAll\n</Limit>\n</Directory>"),
}
QUESTIONS = [
    "user alice tls=no LIST", "user alice LIST", "user alice tls=no STOR in/x", "user alice data=no RETR in/x",
    "user alice tls=no in /in NLST", "user alice tls=no RETR file%", "user nobody tls=no PWD", "user al tls=no CWD in",
    "user alice PWD", "user alice XYZZY", "user alice tls=no MKD", "user alice in /in STOR y",
    "user alice tls=no TYPE I", "user alice tls=no REST 0", "user alice tls=no QUIT", "user alice tls=no CWD ~/in",
    "user alice tls=no MDTM in/x", "user alice tls=no STOR ~/in/x", "user alice tls=no in ~/in STOR x",
    "user alice tls=no STOR new", "user alice tls=no in /in MKD new", "user alice tls=no RNFR in/x",
]


@pytest.fixture(scope="module")
def hosts(ftps_certificates: Certificates) -> Iterator[Hosts]:
    classes = "<Class local>\nFrom 127.0.0.0/8\n</Class>\n"
    with serving(
        ftps_certificates, HOSTS, users=(User("alice", shell="/bin/none"),), tls=(), sections=classes,
    ) as running:
        running.server.give("in/x", b"x")
        running.server.give("file%", b"x")  # DenyAll covers only what is there, and a forecast takes it to be
        yield running


def real(client: ScriptedClient, question: Question) -> str:
    """The refusal that a real session meets, "" for none."""
    try:
        return _dialogue(client, question)
    except ConnectionEnded:
        return "the connection is closed"


def _dialogue(client: ScriptedClient, question: Question) -> str:
    client.read_reply()
    steps = ["AUTH TLS"] if question.tls else []
    steps += [f"USER {question.user}", "PASS secret"]
    steps += ["PROT P"] if question.data and question.tls else []
    steps += [f"CWD {question.directory}"] if question.directory else []
    for step in [*steps, question.command]:
        if step == question.command and _has_data(step):
            reply = _transfer(client, step)
        else:
            reply = client.command(step)
        if reply.code >= 400:
            return f"{reply.code} {reply.text}"
        if step == "AUTH TLS":
            client.handshake()
    return ""


def _has_data(step: str) -> bool:
    return step.split()[0] in ("LIST", "NLST", "RETR", "STOR")


def _transfer(client: ScriptedClient, step: str) -> Reply:
    try:
        connection = client.data()
    except UnexpectedReply:  # what clients do then
        try:
            connection = client.data("PASV")
        except UnexpectedReply:
            return client.command("EPSV")
    first = client.command(step)
    connection.close("fin")
    if first.code == 150:
        client.read_reply()
    return first


@pytest.mark.parametrize("name", HOSTS)
def test_what_is_foretold_happens(hosts: Hosts, name: str) -> None:
    configuration = settings.load(str(hosts.server.files.configuration))
    wrong = []
    for text in QUESTIONS:
        question = understand(text)
        asked = understand(f"host={hosts.config.address_of(name)}:{hosts.server.port} {text}")
        steps = whatif.answer(configuration, asked)
        foretold = "" if whatif.allowed(steps) else steps[-1].reply
        with hosts.client(name, "TLSv1.3") as client:
            found = real(client, question)
        _forget_new(hosts)
        if foretold != found and not _of_no_rule(found, foretold):
            wrong.append(f"{text}\n  foretold {foretold}\n  found    {found}")
    assert not wrong, "\n".join(wrong)


def _forget_new(hosts: Hosts) -> None:
    """What a question has made is not there for the next one."""
    for path in (hosts.server.home() / "new", hosts.server.home() / "in" / "new"):
        if path.is_dir():
            path.rmdir()
        path.unlink(missing_ok=True)


def _of_no_rule(found: str, foretold: str) -> bool:
    """Whether nothing was foretold, and what was found is the file system's word."""
    others = ("No such file", "Overwrite permission denied")
    return foretold == "" and any(text in found for text in others)


def configured(tmp_path: Path, text: str) -> str:
    path = tmp_path / "asked.conf"
    path.write_text(text)
    return str(path)


def ask(path: str, *options: str) -> tuple[int, str]:
    result = CliRunner().invoke(command, [path, *options], standalone_mode=False)
    assert result.exception is None, result.exception
    return int(result.return_value), result.output


RULES = """\
Port 2121
AuthOrder mod_auth_unix.c
TLSRequired off
<IfUser joe>
TLSRequired data
</IfUser>
<Anonymous /srv>
User nobody
TLSRequired on
</Anonymous>
<VirtualHost 192.0.2.1>
TLSOptions StdEnvVars
TLSOptions NoCertRequest
</VirtualHost>
"""


def test_which_rule_decides(tmp_path: Path) -> None:
    path = configured(tmp_path, "TLSEngine on\nTLSRequired on\nTLSECCertificateFile /x\n")
    status, output = ask(path, "--policy", "user alice from 10.1.2.3 tls=no STOR /in/x")
    assert status == 1
    joined = " ".join(output.split())
    assert "refused USER alice → 550 SSL/TLS required on the control channel [tls-required-control]" in joined
    assert f"decided by TLSRequired, {path}:2" in joined
    assert "`ftpsd explain tls-required-control` says more" in joined
    _, output = ask(path, "--policy", "user alice from 10.1.2.3 tls=no STOR /in/x", "--json")
    last = json.loads(output)[-1]
    assert (last["allowed"], last["code"], last["line"]) == (False, "tls-required-control", 2)


def test_values_and_their_lines(tmp_path: Path) -> None:
    path = configured(tmp_path, RULES)
    status, output = ask(path, "--explain", "tlsrequired")
    assert status == 0
    lines = [" ".join(line.split()) for line in output.splitlines()]
    assert lines[:5] == [
        "ftpsd (port 2121)", "TLSRequired: control free, data free, login free", f"{path}:3 TLSRequired off",
        f"{path}:5 TLSRequired data, in <IfUser joe> only", f"{path}:9 TLSRequired on, in <Anonymous /srv> only",
    ]
    assert "this is the default: no line says anything else" in lines


def test_values_for_programs(tmp_path: Path) -> None:
    path = configured(tmp_path, RULES)
    first, second = json.loads(ask(path, "--explain", "TLSOptions", "--json")[1])
    assert first["value"] == "none"
    assert second["value"] == "NoCertRequest StdEnvVars"
    assert [line["line"] for line in second["lines"]] == [13]


@pytest.mark.parametrize(("name", "status", "words"), [
    ("NoSuchThing", 2, "there is no directive 'NoSuchThing'"), ("TLSRequird", 2, "Did you mean TLSRequired?"),
    ("DelayEngine", 0, "DelayEngine sets nothing"),
])
def test_directives_that_have_no_value(tmp_path: Path, name: str, status: int, words: str) -> None:
    found, output = ask(configured(tmp_path, RULES), "--explain", name)
    assert found == status
    assert words in output


def test_a_configuration_that_cannot_be_read(tmp_path: Path) -> None:
    path = configured(tmp_path, "Nonsense on\nUmask 077\n")
    status, output = ask(path, "--explain", "Umask")
    assert status == 2
    assert "077 077" in output
    assert "Nonsense" in output
    assert ask(path, "--policy", "user alice")[0] == 2


@pytest.mark.parametrize(("text", "expected"), [
    ("user alice", Question("alice")),
    ("user alice from 10.1.2.3 tls=no STOR /in/a  b", Question("alice", "10.1.2.3", tls=False, command="STOR /in/a  "
    "b")),
    ("from ::1 user bob data=no name=x.example LIST", Question("bob", "::1", "x.example", private=False,
    command="LIST")),
    ("user a host=ftp.example.org in /pub", Question("a", host="ftp.example.org", directory="/pub")),
])
def test_questions(text: str, expected: Question) -> None:
    assert understand(text) == expected


def test_groups_that_nobody_can_read_are_no_groups_to_judge_by(tmp_path: Path) -> None:
    (tmp_path / "config").write_text(
        f"AuthOrder mod_auth_unix.c\nAuthGroupFile {tmp_path}/groups\nTLSRequired off\n")
    steps = whatif.answer(settings.load(str(tmp_path / "config")), understand("user root tls=no PWD"))
    assert steps[-1].code == Code.AUTH_FILE_UNUSABLE
    assert "cannot be read" in steps[-1].why


@pytest.mark.parametrize("text", ["", "LIST", "from 10.0.0.1 LIST", "user a from x.example", "user a tls=perhaps LIST"])
def test_questions_that_are_none(text: str) -> None:
    with pytest.raises(BadQuestion):
        understand(text)


@pytest.mark.parametrize(("host", "endpoint"), [
    ("127.0.0.1", ("127.0.0.1", 21)), ("127.0.0.1:2121", ("127.0.0.1", 2121)), ("::1", ("::1", 21)),
    ("[::1]:990", ("::1", 990)), ("ftp.example.org", ("", 0)),
])
def test_endpoints(host: str, endpoint: tuple[str, int]) -> None:
    assert Question("a", host=host).endpoint == endpoint


def test_an_expired_account_a_magic_root_and_what_deny_all_leaves_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, shadow = tmp_path / "srv" / "files", tmp_path / "shadow"
    home.mkdir(parents=True)
    magic = Account(
        "magic", 4242, 4242, (4242,), ("magic",), f"{tmp_path}/srv/./files", "/bin/sh", "system")
    monkeypatch.setattr(SystemUsers, "lookup", lambda _, name: magic if name == "magic" else None)
    monkeypatch.setattr(SystemUsers, "listed", lambda _, name: next(
        (parse_shadow(line) for line in shadow.read_text().splitlines() if line.startswith(f"{name}:")), None))
    path = configured(tmp_path, f"""
AuthOrder mod_auth_unix.c
AuthUnixOptions MagicTokenChroot
RequireValidShell off
<Directory {tmp_path}/srv/files/in>
DenyAll
</Directory>
""")
    question = "user magic tls=no STOR in/new"
    shadow.write_text("magic:$5$x$y:18000:0:99999:7::99999:\n")
    status, output = ask(path, "--policy", question)
    words = " ".join(output.split())
    assert status == 0
    assert f"root directory {tmp_path}/srv, begins in /files" in words
    assert "unless /files/in/new exists already: DenyAll covers what is there" in words
    for line, code in (
        ("magic:$5$x$y:18000:0:99999:7::18001:", "login-account-expired"),
        ("magic:$5$x$y:18000:0:30:7:1::", "login-password-expired"),
    ):
        shadow.write_text(line + "\n")
        status, output = ask(path, "--policy", question)
        assert status == 1
        assert code in output
