"""LANG and its directives, UseEncoding with other character sets than UTF-8."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest

from ftpsd.testing.client import ScriptedClient
from ftpsd.testing.plugin import ServerFactory
from ftpsd.testing.server import RunningServer, ServerFault
from tests.session.talk import converse, furnish

NAME = "\u043f\u0440\u0438\u0432\u0435\u0442"
ON_WIRE = NAME.encode("koi8-r").decode("utf-8", "surrogateescape")


def begin(start: ServerFactory, *directives: str, login: bool = True) -> tuple[RunningServer, ScriptedClient]:
    server = start(tls=["TLSRequired off"], directives=directives)
    furnish(server)
    client = server.client(tls=False)
    client.connect()
    if login:
        client.login()
    return server, client


def features(client: ScriptedClient) -> list[str]:
    return [line.strip() for line in client.expect(211, "FEAT").lines]


def write_catalog(path: Path, texts: dict[str, str]) -> None:
    """A .mo file (GNU gettext manual, section 10.3)."""
    texts = {"": "Content-Type: text/plain; charset=UTF-8\n", **texts}
    keys = sorted(texts)
    head, blobs = 28 + 16 * len(keys), [key.encode() for key in keys] + [texts[key].encode() for key in keys]
    places, data = [], b""
    for blob in blobs:
        places.append(struct.pack("<II", len(blob), head + len(data)))
        data += blob + b"\0"
    path.parent.mkdir(parents=True)
    table = struct.pack("<7I", 0x950412DE, 0, len(keys), 28, 28 + 8 * len(keys), 0, head)
    path.write_bytes(table + b"".join(places) + data)


@pytest.fixture
def languages(tmp_path: Path) -> Path:
    write_catalog(tmp_path / "fr_FR/LC_MESSAGES/proftpd.mo", {
        "Goodbye.": "Au revoir.", "Password required for %s": "Mot de passe requis pour %s"})
    write_catalog(tmp_path / "de_DE.UTF-8/LC_MESSAGES/ftpsd.mo", {"Goodbye.": "Auf Wiedersehen."})
    (tmp_path / "empty").mkdir()
    return tmp_path


def test_languages(ftps_server: ServerFactory, languages: Path) -> None:
    _, client = begin(ftps_server, f"LangPath {languages}", "LangDefault de_DE", login=False)
    assert "LANG de-DE*;en-US;fr-FR" in features(client)
    converse(client, """
        LANG => 200 Using default language de-DE
        LANG xx => 504 Language xx not supported
        LANG x y => 501 Invalid number of parameters
        LANG en => 200 Using language en-US
        USER alice => 331 Password required for alice
        LANG FR => 200 Using language fr-FR
        USER alice => 331 Mot de passe requis pour alice
        PASS secret => 230 User alice logged in
        LANG fr-fr => 200 Using language fr-FR
    """)
    assert "LANG de-DE;en-US;fr-FR*" in features(client)
    converse(client, "LANG => 200 Using default language de-DE\nQUIT => 221 Auf Wiedersehen.")


def test_without_languages(ftps_server: ServerFactory) -> None:
    _, client = begin(ftps_server)
    assert "LANG en-US*" in features(client)
    converse(client, "LANG => 200 Using default language en-US\nLANG fr => 504 Language fr not supported")


def test_without_the_engine(ftps_server: ServerFactory) -> None:
    server, client = begin(ftps_server, "LangEngine off", "UseEncoding utf-8 koi8-r")
    shown = features(client)
    assert "UTF8" not in shown
    assert not [line for line in shown if line.startswith("LANG")]
    server.give(NAME)
    converse(client, "LANG => 500 LANG not understood\nOPTS UTF8 ON => 200 UTF8 set to on")
    assert NAME in client.retrieve("NLST").decode().splitlines()


@pytest.mark.parametrize("content", [None, b"no catalog"])
def test_a_path_without_catalogs_is_said_at_start(
    ftps_server: ServerFactory, tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "languages"
    if content is not None:
        (path / "xx/LC_MESSAGES").mkdir(parents=True)
        (path / "xx/LC_MESSAGES/ftpsd.mo").write_bytes(content)
    with pytest.raises(ServerFault, match="LangPath"):
        begin(ftps_server, f"LangPath {path}")


def test_another_character_set(ftps_server: ServerFactory) -> None:
    server, client = begin(ftps_server, "UseEncoding UTF-8 KOI8-R")
    server.give(f"sub/{NAME}", b"123")
    raw = os.fsencode(server.home())
    Path(os.fsdecode(raw + b"/sub/caf\xe9")).write_bytes(b"")
    client.expect(200, "TYPE I")
    for command in ("NLST -1 sub", "LIST sub", "MLSD sub"):
        names = [line.rpartition(b" ")[2] for line in client.retrieve(command).splitlines()]
        assert NAME.encode("koi8-r") in names
        assert b"caf\xe9" in names, "what cannot be converted passes as it is"
    converse(client, f"""
        SIZE sub/{ON_WIRE} => 213 3
        MKD {ON_WIRE} => 257 "/{ON_WIRE}" - Directory successfully created
        CWD {ON_WIRE} => 250 CWD command successful
        PWD => 257 "/{ON_WIRE}" is the current directory
        OPTS UTF8 ON => 200 UTF8 set to on
        PWD => 257 "/{NAME}" is the current directory
        OPTS UTF8 OFF => 200 UTF8 set to off
        PWD => 257 "/{ON_WIRE}" is the current directory
    """)
    assert (server.home() / NAME).is_dir()


@pytest.mark.parametrize("encoding", ["UTF-8 CP1251", "CP1251 CP1251"])
def test_a_name_with_the_letter_0xff(ftps_server: ServerFactory, encoding: str) -> None:
    """In CP1251 a byte that Telnet has for itself is among the most frequent letters."""
    server, client = begin(ftps_server, f"UseEncoding {encoding}")
    name = "\u0441\u0442\u0430\u0442\u044c\u044f \u0445\u044f\u0442\u044b\u044f"
    wire = name.encode("cp1251").decode("utf-8", "surrogateescape")
    converse(client, f"""
        MKD {wire} => 257 "/{wire}" - Directory successfully created
        CWD {wire} => 250 CWD command successful
        PWD => 257 "/{wire}" is the current directory
    """)
    disk = encoding.partition(" ")[0]
    assert os.path.isdir(os.path.join(os.fsencode(server.home()), name.encode(disk)))
    client.send(b"\xff\xf4\xff\xf2NOOP\r\n")
    client.expect(200)


@pytest.mark.parametrize("directives", [
    ["UseEncoding utf-8 koi8-r strict"], ["UseEncoding utf-8 koi8-r", "LangOptions PreferServerEncoding"]])
def test_a_character_set_that_stays(ftps_server: ServerFactory, directives: list[str]) -> None:
    _, client = begin(ftps_server, *directives)
    assert "UTF8" not in features(client)
    converse(client, f"""
        OPTS UTF8 ON => 451 Unable to accept OPTS UTF8
        MKD {ON_WIRE} => 257 "/{ON_WIRE}" - Directory successfully created
    """)


def test_valid_names_only(ftps_server: ServerFactory) -> None:
    server, client = begin(ftps_server, "LangOptions RequireValidEncoding")
    converse(client, f"""
        MKD {NAME} => 257 "/{NAME}" - Directory successfully created
        MKD caf\udce9 => 550 caf\udce9: Illegal character sequence in filename
        SITE MKDIR caf\udce9 => 550 MKDIR caf\udce9: Illegal character sequence in filename
        NOOP => 200 NOOP command successful
    """)
    assert not [name for name in os.listdir(server.home()) if name.startswith("caf")]
    _, free = begin(ftps_server)
    converse(free, 'MKD caf\udce9 => 257 "/caf\udce9" - Directory successfully created')


def test_commands_behind_a_change_of_the_character_set(ftps_server: ServerFactory) -> None:
    """They came together with it, and are read as it says."""
    server, client = begin(ftps_server, "UseEncoding UTF-8 KOI8-R")
    client.send(b"OPTS UTF8 ON\r\nMKD %s\r\nOPTS UTF8 OFF\r\nMKD %s-2\r\n" % (NAME.encode(), NAME.encode("koi8-r")))
    assert [client.read_reply().code for _ in range(4)] == [200, 257, 200, 257]
    assert {NAME, f"{NAME}-2"} <= set(os.listdir(server.home()))


def test_languages_where_names_are_in_another_character_set(ftps_server: ServerFactory, tmp_path: Path) -> None:
    """A text that the disk's character set does not have stays English."""
    write_catalog(tmp_path / "fr_FR/LC_MESSAGES/ftpsd.mo", {
        "Goodbye.": "\u00c0 bient\u00f4t.", "Password required for %s": f"{NAME} %s"})
    for encoding, wire in (("ISO-8859-1 UTF-8", "utf-8"), ("ISO-8859-1 ISO-8859-1", "iso8859-1"), ("on", "utf-8")):
        _, client = begin(
            ftps_server, f"LangPath {tmp_path}", "LangDefault fr_FR", f"UseEncoding {encoding}", login=False)
        name = "\u00e9".encode(wire).decode("utf-8", "surrogateescape")
        asked = client.command(f"USER {name}").text
        assert asked == (f"{NAME} {name}" if encoding == "on" else f"Password required for {name}")
        said = client.expect(221, "QUIT").text
        assert said.encode("utf-8", "surrogateescape") == "\u00c0 bient\u00f4t.".encode(wire)
