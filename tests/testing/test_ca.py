"""The throw-away CA makes chains that OpenSSL accepts, and ones that it must not accept."""

import datetime
import ssl
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from ftpsd.testing.ca import DAY, Authority, Identity, KeyKind, cached_key


def shake_hands(server: Identity, trusted: bytes, directory: Path, name: str = "localhost") -> str | None:
    """A TLS handshake in memory; the client's verdict about the server's chain (None: good)."""
    files = server.write(directory, "server")
    bundle = directory / "bundle.pem"
    bundle.write_bytes(server.certificate_pem + server.chain_pem)
    ours = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ours.load_cert_chain(bundle, files.key)
    theirs = ssl.create_default_context(cadata=trusted.decode())
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = theirs.wrap_bio(to_client, to_server, server_hostname=name)
    peer = ours.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(10):
        try:
            client.do_handshake()
            return None
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLCertVerificationError as error:
            return error.verify_message
        try:
            peer.do_handshake()
        except ssl.SSLWantReadError:
            pass
    raise AssertionError("no end of the handshake")


@pytest.mark.parametrize("kind", ["rsa", "p256", "ed25519"])
@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "::1"])
def test_leaf_verifies_up_to_its_root(kind: KeyKind, name: str, tmp_path: Path) -> None:
    root = Authority.create(kind=kind)
    leaf = root.intermediate("first").intermediate("second").leaf(kind=kind)
    assert len(leaf.chain) == 2
    assert shake_hands(leaf, root.pem, tmp_path, name) is None


def test_another_authority_of_the_same_name_does_not_vouch(tmp_path: Path) -> None:
    verdict = shake_hands(Authority.create().leaf(), Authority.create().pem, tmp_path)
    assert verdict is not None


def test_expired_leaf(tmp_path: Path) -> None:
    root = Authority.create()
    verdict = shake_hands(root.leaf(first=-3 * DAY, last=-datetime.timedelta(seconds=1)), root.pem, tmp_path)
    assert verdict == "certificate has expired"


def test_keys_are_cached_private_and_encrypted(tmp_path: Path) -> None:
    leaf = Authority.create().leaf("cached")
    assert leaf.key is cached_key("rsa", "cached")
    files = leaf.write(tmp_path, "leaf", password=b"word")
    assert files.chain is None
    assert files.key.stat().st_mode & 0o777 == 0o600
    with pytest.raises(TypeError):
        load_pem_private_key(files.key.read_bytes(), None)
    load_pem_private_key(files.key.read_bytes(), b"word")
