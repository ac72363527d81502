"""What `ftpsd init` writes: a configuration that explains itself, a certificate, a file of users."""

from __future__ import annotations

import grp
import os
import pwd
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path

from ftpsd.auth.editing import NewUser
from ftpsd.auth.passwords import hash_password
from ftpsd.cli import fresh
from ftpsd.errors import ConfigError
from ftpsd.settings.certificates import KNOWN_SERVERS

DAYS = 825
"""Of the self-signed certificate: the most that all clients take."""

PASSIVE = ((30000, 30999), (31000, 31999))
"""Passive ports, below those that Linux gives to outgoing connections; the second ones where the first hold Port."""

_CONFIGURATION = """\
# {config}: written by `ftpsd init`.
#
{commands}
#
# The language is ProFTPD's.

ServerName          "{name}"
Port                {port}
{rights}
# ---- Who may log in: the users in this file, and nobody else.
# A new one: ftpsd passwd --file {base}/users --uid {uid} --gid {gid} --home {base}/files/NAME NAME
AuthOrder           mod_auth_file.c
AuthUserFile        {base}/users
RequireValidShell   off
# Nobody sees anything above his home.
DefaultRoot         ~

# ---- Files
Umask               022
AllowOverwrite      on
AllowStoreRestart   on
AllowRetrieveRestart on

# ---- Data connections: open these ports in the firewall, too.
PassivePorts        {passive}
# Behind NAT, clients must be told the address that they reach:
# MasqueradeAddress ftp.example.org

# ---- TLS: nothing goes over the network in clear.
<IfModule mod_tls.c>
  TLSEngine                 on
  TLSRequired               on
  TLSProtocol               TLSv1.2 TLSv1.3
  # New files here are served at once, without a reload.
  TLSECCertificateFile      {base}/server.pem
  TLSECCertificateKeyFile   {base}/server.key
  TLSLog                    {base}/log/tls.log
</IfModule>
{acme}
# ---- Limits
MaxInstances        200
MaxLoginAttempts    3
TimeoutIdle         600

# ---- Where things are
SystemLog           {base}/log/ftpsd.log
TransferLog         {base}/log/transfers.log
WtmpLog             off
UseReverseDNS       off
PidFile             {base}/run/ftpsd.pid
ScoreboardFile      {base}/run/scoreboard
ControlsSocket      {base}/run/controls
# What `ftpsd shut -c {config} +30` writes, and clients are told:
ShutMessageFile     {base}/run/shutmsg
# Who may say `ftpsctl -s {base}/run/controls kick user alice`:
AdminControlsACLs   all allow user {admin}
BanControlsACLs     all allow user {admin}
TLSControlsACLs     all allow user {admin}
# What happens as JSON, for programs:
# EventLog          {base}/log/events.json
# For Prometheus:
# MetricsAddress    127.0.0.1:9810
"""

_COMMANDS = (
    ("ftpsd check {config}", "says what is wrong with it, and what it means"),
    ("ftpsd -n -c {config}", "serves it (-n: in the foreground)"),
    ("ftpsd who -c {config}", "shows who is on; count, top and shut take -c, too"),
    ("ftpsd help DIRECTIVE", "explains a line; docs/reference/directives.md has them all"),
)

_ACME = """
# ---- The certificate comes from an ACME server, and is renewed by itself. Until then a self-signed one is served.
{agreed}ACMEAgreeToTerms    on
ACMEServer          {server}
ACMENames           {names}
{contact}
ACMEAccountKeyFile  {base}/acme/account.key
# It asks port 80 of each name. Where a web server has that, see `ftpsd help ACMEChallenge`.
# ACMEChallenge     http-01 127.0.0.1:8402
"""


@dataclass(frozen=True, slots=True)
class Acme:
    """ACMEServer (a word or an address), ACMEContact, ACMEAgreeToTerms."""

    server: str = "letsencrypt"
    contact: str | None = None
    agreed: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What is wanted. `names`: how clients call the server, the first one is its name; `user`: a first one."""

    base: str
    names: tuple[str, ...]
    port: int
    user: str | None = None
    password: str | None = None
    acme: Acme | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """What was written. `password` is the user's where it was made here."""

    config: str
    fingerprint: str
    password: str | None


def make(plan: Plan) -> Made:
    """Writes everything into a directory that is not there yet, or is empty. Raises `ConfigError`, `OSError`."""
    base = Path(plan.base)
    _check(base)
    was_there = base.exists()
    base.mkdir(mode=0o755, parents=True, exist_ok=True)
    try:
        return _fill(base, plan)
    except BaseException:
        _empty(base)  # the next attempt finds it as this one did
        if not was_there:
            base.rmdir()
        raise


def _empty(base: Path) -> None:
    for path in base.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


def _fill(base: Path, plan: Plan) -> Made:
    for name, mode in (("log", 0o750), ("run", 0o755), ("files", 0o755), ("acme", 0o700)):
        if name != "acme" or plan.acme is not None:
            (base / name).mkdir(mode=mode)
    pair = fresh.server((*plan.names, "localhost", "127.0.0.1", "::1"), DAYS)
    fresh.write(base / "server.pem", pair.certificate, fresh.CERTIFICATE_MODE)
    fresh.write(base / "server.key", pair.key, fresh.SECRET_MODE)
    password = plan.password
    if password is None and plan.user is not None:
        password = secrets.token_urlsafe(12)
    users = b"" if plan.user is None or password is None else _user(base, plan.user, password)
    fresh.write(base / "users", users, fresh.SECRET_MODE)
    config = base / "ftpsd.conf"
    fresh.write(config, text(plan).encode(), 0o644)
    return Made(str(config), pair.fingerprint, None if plan.password is not None else password)


def _check(base: Path) -> None:
    if base.exists() and (not base.is_dir() or any(base.iterdir())):
        raise ConfigError(
            f"'{base}' is there already, and not empty: nothing was written",
            remedy="Name a directory that does not exist yet.")
    if any(char in str(base) for char in ' "\\#%\n'):
        raise ConfigError(
            f"'{base}' cannot stand in a configuration", remedy="Name a directory without blanks and quotes.")


def _user(base: Path, name: str, password: str) -> bytes:
    uid, gid = fresh.account()
    home = base / "files" / name
    entry = NewUser(name, hash_password(password), uid, gid, str(home), "/bin/sh")
    home.mkdir(mode=0o755)
    os.chown(home, uid, gid)
    return entry.line + b"\n"


def text(plan: Plan) -> str:
    """The configuration."""
    uid, gid = fresh.account()
    config = f"{plan.base}/ftpsd.conf"
    return _CONFIGURATION.format(
        base=plan.base, config=config, commands=_commands(config), name=plan.names[0], port=plan.port, uid=uid, gid=gid,
        rights=_rights(), passive="{} {}".format(*passive_ports(plan.port)), acme=_acme(plan), admin=_own_name())


def passive_ports(port: int) -> tuple[int, int]:
    """The first and the last of them, for a server that listens on `port`."""
    return next((low, high) for low, high in PASSIVE if not low <= port <= high)


def _commands(config: str) -> str:
    lines = [(command.format(config=config), what) for command, what in _COMMANDS]
    width = max(len(command) for command, _ in lines)
    return "\n".join(f"#   {command:{width}}  {what}" for command, what in lines)


def _rights() -> str:
    """Whose rights sessions have before login; only root can choose."""
    if os.getuid() != 0:
        return ""
    lines = (
        "# The account of sessions before anybody has logged in.", "User                nobody",
        f"Group               {_group_of_nobody()}", "")
    return "\n".join(lines)


def _group_of_nobody() -> str:
    try:
        return grp.getgrgid(pwd.getpwnam("nobody").pw_gid).gr_name
    except KeyError:
        return "nogroup"


def _own_name() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return "root"


def _acme(plan: Plan) -> str:
    if plan.acme is None:
        return ""
    contact = "# ACMEContact       admin@example.org"
    if plan.acme.contact is not None:
        contact = f"ACMEContact         {plan.acme.contact}"
    return _ACME.format(
        agreed="" if plan.acme.agreed else "# ", server=plan.acme.server, names=" ".join(plan.names), contact=contact,
        base=plan.base)


def left_to_do(plan: Plan) -> list[str]:
    """What the program cannot do itself."""
    base = plan.base
    uid, gid = fresh.account()
    found = []
    if plan.user is None:
        found.append(
            f"Make a user: ftpsd passwd --file {base}/users --uid {uid} --gid {gid} --home {base}/files/NAME NAME, and"
            f" his home: install -d -o {uid} -g {gid} {base}/files/NAME")
    if plan.acme is None:
        found.append(
            "Get a certificate that clients trust, and put it (with its chain) and its key into server.pem and"
            " server.key: it is served at once. Until then clients ask about a self-signed one; ftpsd init --acme gets"
            " one by itself.")
    else:
        if not plan.acme.agreed:
            known = KNOWN_SERVERS.get(plan.acme.server, plan.acme.server)
            found.append(f"Read the terms of {known}, and take the # away before ACMEAgreeToTerms.")
        found.append(f"Let DNS lead {', '.join(plan.names)} here, and port 80 of this machine be reached from outside.")
    low, high = passive_ports(plan.port)
    found.append(f"Open the ports {plan.port} and {low} to {high} (TCP) in the firewall.")
    found.append("Behind NAT, set MasqueradeAddress.")
    return found
