"""Which files are watched, whether they have changed, and whether they belong together."""

from __future__ import annotations

import os
import select
from pathlib import Path

import pytest

from ftpsd.reasons.codes import Code
from ftpsd.settings import Configuration
from ftpsd.testing.ca import Authority, Identity
from ftpsd.tls import certificates
from ftpsd.tls.live import files
from ftpsd.tls.live.wakeup import Wakeup
from tests.settings.support import configuration
from tests.tls import pki

AUTHORITY = Authority.create()


@pytest.fixture
def leaf() -> Identity:
    return AUTHORITY.leaf("localhost", kind="p256")


def configured(directory: Path, *more: str, engine: str = "on") -> Configuration:
    lines = [
        f"TLSEngine {engine}", f"TLSECCertificateFile {directory}/cert.pem",
        f"TLSECCertificateKeyFile {directory}/key.pem", *more]
    return configuration("\n".join(lines))


def write(directory: Path, leaf: Identity, *, password: bytes | None = None) -> None:
    (directory / "cert.pem").write_bytes(leaf.certificate_pem)
    (directory / "key.pem").write_bytes(leaf.key_pem(password))


def test_what_is_watched(tmp_path: Path) -> None:
    more = (
        f"TLSCACertificateFile {tmp_path}/ca.pem", f"TLSCARevocationPath {tmp_path}/crl",
        f"TLSCertificateChainFile {tmp_path}/chain.pem", "TLSRSACertificateFile /rsa.pem",
        "TLSRSACertificateKeyFile pkcs11:object=x", f"TLSPKCS12File {tmp_path}/p12/x",
        "<VirtualHost 127.0.0.1>", "TLSRSACertificateFile /not/watched.pem", "</VirtualHost>")
    found = files.watched(configured(tmp_path, *more))
    names = {os.path.relpath(path, tmp_path) if path.startswith(str(tmp_path)) else path for path in found.pairs}
    assert names == {"cert.pem", "key.pem", "ca.pem", "chain.pem", "p12/x", "/rsa.pem"}
    assert found.lists == (f"{tmp_path}/crl",)
    assert set(found.directories) == {str(tmp_path), f"{tmp_path}/p12", "/"}


def test_links_are_watched_where_they_stand(tmp_path: Path) -> None:
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / "cert.pem").touch()
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "data").symlink_to("../1")
    (tmp_path / "live").symlink_to("links/data")
    (tmp_path / "loop").symlink_to("loop")
    found = files.Watched((f"{tmp_path}/live/cert.pem", f"{tmp_path}/loop"), ())
    assert {str(tmp_path), f"{tmp_path}/links", f"{tmp_path}/1"} <= set(found.directories)


def test_states_and_contents_follow_the_files(tmp_path: Path) -> None:
    path, directory = tmp_path / "file", tmp_path / "directory"
    directory.mkdir()
    paths = (str(path), str(directory))
    seen = [(files.state(paths), files.contents(paths))]
    for change in (
        lambda: path.write_text("a"), lambda: path.write_text("b"), lambda: (directory / "new").write_text("c"),
        lambda: path.unlink(),
    ):
        change()
        seen.append((files.state(paths), files.contents(paths)))
        assert seen[-1][0] != seen[-2][0]
        assert seen[-1][1] != seen[-2][1]
    before = files.contents(paths)
    (directory / "new").touch()
    assert files.contents(paths) == before


def spoil_key(place: Path, how: str) -> None:
    path = place / "cert.pem"
    found, = certificates.certificates_in(path.read_bytes())
    path.write_bytes(certificates.pem([pki.spoil_key(found, how)]))


@pytest.mark.parametrize(("spoil", "code"), [
    (lambda place: None, None),
    (lambda place: (place / "key.pem").unlink(), Code.CERT_UNREADABLE),
    (lambda place: (place / "cert.pem").unlink(), Code.CERT_UNREADABLE),
    (lambda place: (place / "cert.pem").write_bytes((place / "cert.pem").read_bytes()[:300]), Code.CERT_UNREADABLE),
    (lambda place: (place / "key.pem").write_bytes((place / "key.pem").read_bytes()[:100]), Code.CERT_UNREADABLE),
    (lambda place: (place / "key.pem").write_bytes(b""), Code.CERT_UNREADABLE),
    (lambda place: (place / "key.pem").write_bytes(AUTHORITY.leaf("other", kind="p256").key_pem()),
     Code.CERT_KEY_MISMATCH),
    (lambda place: (place / "key.pem").write_bytes(AUTHORITY.leaf("other").key_pem(b"secret")), None),
    (lambda place: spoil_key(place, pki.DAMAGED), Code.CERT_UNREADABLE),
    (lambda place: spoil_key(place, pki.UNKNOWN), None),
])
def test_what_is_wrong_with_them(tmp_path: Path, leaf: Identity, spoil: object, code: Code | None) -> None:
    write(tmp_path, leaf)
    assert callable(spoil)
    spoil(tmp_path)
    found = files.objection(configured(tmp_path))
    assert (found and found.code) == code


def test_leaves(tmp_path: Path, leaf: Identity) -> None:
    write(tmp_path, leaf)
    (one,) = files.leaves(configured(tmp_path))
    assert (one.host, one.path) == (0, f"{tmp_path}/cert.pem")
    (tmp_path / "cert.pem").unlink()
    assert list(files.leaves(configured(tmp_path))) == []


def test_where_only_a_class_has_tls(tmp_path: Path, leaf: Identity) -> None:
    write(tmp_path, leaf)
    more = (f"TLSCARevocationFile {tmp_path}/crl", "<Class a>", "From 10.0.0.0/8", "</Class>")
    off = configured(tmp_path, *more, engine="off")
    on = configured(tmp_path, *more, "<IfClass a>", "TLSEngine on", "</IfClass>", engine="off")
    assert (files.watched(off), files.objection(off), list(files.leaves(off))) == (files.Watched((), ()), None, [])
    assert files.watched(on) == files.Watched((f"{tmp_path}/cert.pem", f"{tmp_path}/key.pem"), (f"{tmp_path}/crl",))
    assert [(one.host, one.path) for one in files.leaves(on)] == [(1, f"{tmp_path}/cert.pem")]
    assert files.objection(on) is None
    (tmp_path / "key.pem").unlink()
    found = files.objection(on)
    assert found is not None
    assert found.code is Code.CERT_UNREADABLE


def readable(wakeup: Wakeup) -> bool:
    assert wakeup.fd is not None
    return bool(select.select([wakeup.fd], [], [], 0)[0])


def test_the_kernel_says_when_something_has_changed(tmp_path: Path) -> None:
    wakeup = Wakeup([str(tmp_path)])
    try:
        assert wakeup.complete
        assert not readable(wakeup)
        for change in (
            lambda: (tmp_path / "a").write_text("x"), lambda: (tmp_path / "a").rename(tmp_path / "b"),
            lambda: (tmp_path / "b").chmod(0o600), lambda: (tmp_path / "b").unlink(),
        ):
            change()
            assert readable(wakeup)
            wakeup.clear()
            assert not readable(wakeup)
    finally:
        wakeup.close()
        wakeup.close()


def test_where_it_cannot_be_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wakeup = Wakeup([str(tmp_path), f"{tmp_path}/missing"])
    assert not wakeup.complete
    wakeup.close()

    def none_left() -> int:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr("ftpsd.tls.live.wakeup.open_watch", none_left)
    assert Wakeup([str(tmp_path)]).fd is None
