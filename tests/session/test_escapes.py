"""No command leads out of the login's root, whichever way its path is written (security.md, path traversal)."""

from __future__ import annotations

import contextlib

from ftpsd.testing.client import ScriptedClient
from ftpsd.testing.configs import User
from ftpsd.testing.plugin import ServerFactory
from ftpsd.testing.server import RunningServer

PATHS = (
    "../outside/NAME", "/../outside/NAME", "//..//outside/NAME", "sub/../../outside/NAME", "up/NAME", "absolute/NAME",
    "sub/up/NAME", "link", "..\\outside\\NAME", "%2e%2e/outside/NAME", "\u2024\u2024/outside/NAME",
    "\uff0e\uff0e/outside/NAME", "~/../outside/NAME", "~bob/NAME", "*/../../outside/NAME", "[.][.]/outside/NAME",
    "{..,x}/outside/NAME", "..\0/outside/NAME", "\udcff../outside/NAME",
)
TRANSFERS = ("RETR", "STOR", "APPE", "MLSD", "LIST", "LIST -R", "NLST")
OTHERS = (
    "DELE", "MKD", "RMD", "CWD", "MLST", "STAT", "SIZE", "MDTM", "MFMT 20200101010101", "MFF modify=20200101010101;",
    "HASH", "XCRC", "MD5", "COMB new", "SITE CHMOD 777", "SITE MKDIR", "SITE RMDIR", "SITE UTIME 202001010101",
    "SITE SYMLINK made", "SITE COPY hello.txt", "SITE CPFR", "SITE CPTO", "RNFR", "RNTO",
)
PRELUDES = {"SITE CPTO": "SITE CPFR hello.txt", "RNTO": "RNFR hello.txt"}
SECRET, HIDDEN = "what nobody is to read", "name-that-nobody-is-to-see"


def seen_outside(server: RunningServer) -> list[object]:
    """All that there is outside of the home."""
    found: list[object] = []
    for path in (*(outside := server.home().parent / "outside").rglob("*"), outside, *server.home("bob").rglob("*")):
        about = path.lstat()
        data = path.read_bytes() if path.is_file() else b""
        found.append((str(path), about.st_mode, about.st_uid, data, about.st_mtime if path.is_file() else 0))
    return sorted(found, key=str)


def surroundings(server: RunningServer) -> None:
    """Places outside that the user may write to."""
    owner, outside = User(), server.home().parent / "outside"
    outside.mkdir()
    for place in (outside, server.home("bob")):
        place.chmod(0o777)
        owner.own(place)
        for name, text in (("secret", SECRET), (HIDDEN, "")):
            (place / name).write_text(text)
            (place / name).chmod(0o666)
            owner.own(place / name)


def ways_out(server: RunningServer) -> None:
    """Links inside that lead there, where the commands before have left none."""
    home = server.home()
    server.give("hello.txt", b"hello")
    if not (home / "sub").exists():
        server.give_directory("sub")
    for link, target in (
        ("up", "../outside"), ("absolute", str(home.parent / "outside")), ("link", "../outside/secret"),
        ("sub/up", "../../outside"),
    ):
        with contextlib.suppress(FileExistsError):
            (home / link).symlink_to(target)


def transferred(client: ScriptedClient, line: str) -> bytes:
    """What comes of a transfer command, whether it is refused or not."""
    connection = client.data()
    first = client.command(line)
    if first.code != 150:
        connection.close("fin")
        return str(first).encode("utf-8", "replace")
    data = b""
    with contextlib.suppress(OSError):
        if line.startswith(("STOR", "APPE")):
            connection.establish().write(b"planted")
        else:
            data = connection.establish().read_all()
    connection.close("fin")
    return data + str(client.read_reply()).encode("utf-8", "replace")


def told(client: ScriptedClient, command: str, target: str) -> str:
    """What the client hears."""
    if command in TRANSFERS:
        return transferred(client, f"{command} {target}").decode("utf-8", "replace")
    if command in PRELUDES:
        client.command(PRELUDES[command])
    heard = str(client.command(f"{command} {target}"))
    client.command("CWD /")
    return heard


def test_nothing_outside_is_read_or_changed(ftps_server: ServerFactory) -> None:
    server = ftps_server(tls=["TLSRequired off"], users=(User(), User("bob")), directives=[
        "AllowOverwrite on", "AllowStoreRestart on", "TransferOptions AllowSymlinkUpload"])
    surroundings(server)
    before = seen_outside(server)
    with server.client(tls=False).begin() as client:
        for path in PATHS:
            ways_out(server)
            for command in (*TRANSFERS, *OTHERS):
                for name in ("secret", "new"):
                    heard = told(client, command, path.replace("NAME", name))
                    assert SECRET not in heard, (command, path)
                    assert HIDDEN not in heard, (command, path)
                    assert seen_outside(server) == before, (command, path)
