"""Groups, DH parameters, pre-shared keys, security levels: on the wire, and what stops a start."""

from __future__ import annotations

import re
import socket
import subprocess
from pathlib import Path

import pytest

from ftpsd.errors import ConfigError
from ftpsd.native._openssl import Connection, Context
from ftpsd.settings.tls import TLSSettings
from ftpsd.settings.tls_keys import PreSharedKey
from ftpsd.settings.values import CipherSuite
from ftpsd.tls import contexts
from tests.native.openssl_support import shake
from tests.native.test_openssl_devices import accept
from tests.tls.rig import TIMEOUT, VERSIONS, Files, Pair, build, client_context, host_of
from tests.tls.test_contexts import handshake_fails

every_version = pytest.mark.parametrize("version", VERSIONS)
FLAGS = {"TLSv1.2": "-tls1_2", "TLSv1.3": "-tls1_3"}
KEY = "00112233445566778899aabbccddeeff"


def start_error(settings: TLSSettings) -> str:
    with pytest.raises(ConfigError) as caught:
        contexts.build(host_of(settings))
    return str(caught.value)


# --- groups -------------------------------------------------------------------------------------------------


def key_exchange(context: Context, version: str, *arguments: str) -> str:
    """What OpenSSL's client says of the key exchange: `ECDH, prime256v1, 256 bits`; of hybrids only the name."""
    tls, said = accept(context, FLAGS[version], *arguments)
    assert tls is not None, said
    found = re.search(r"(?:(?:Server|Peer) Temp Key|Negotiated TLS1\.3 group): (.*)", said)
    assert found is not None, said
    return found[1]


@every_version
@pytest.mark.parametrize(
    ("curves", "options", "used"),
    [
        ("P-384", frozenset(), "ECDH, secp384r1, 384 bits"), ("P-521:P-256", frozenset(), "ECDH, secp521r1, 521 bits"),
        ("X448", frozenset(), "X448, 448 bits"), (None, frozenset({"NoAutoECDH"}), "ECDH, prime256v1, 256 bits"),
        ("X25519", frozenset({"NoAutoECDH"}), "X25519, 253 bits"),
    ],
)
def test_groups(files: Files, version: str, curves: str | None, options: frozenset[str], used: str) -> None:
    host = build(files, ecdh_curve=curves, options=options)
    offered = "X25519:P-256:P-384:P-521:X448"
    if curves is not None:
        offered = ":".join(sorted(offered.split(":"), key=curves.split(":")[0].__ne__))
    assert used in key_exchange(host.context, version, "-groups", offered).replace("P-256", "prime256v1")


def newest_group() -> str:
    """The newest group of this OpenSSL that no earlier one has."""
    for name in ("X25519MLKEM768", "X448"):
        try:
            Context().set_groups(name)
        except Exception:
            continue
        return name
    raise AssertionError("an OpenSSL 3 without X448")


def test_the_newest_group_of_this_library(files: Files) -> None:
    group = newest_group()
    host = build(files, ecdh_curve=f"{group}:P-256")
    assert group.lower() in key_exchange(host.context, "TLSv1.3", "-groups", group).lower()


@every_version
def test_a_group_that_the_client_lacks(files: Files, version: str) -> None:
    client = client_context(version)
    client.set_groups("P-256")
    handshake_fails(Pair(build(files, ecdh_curve="P-521")), client)


def test_an_unknown_group_stops_the_start(files: Files) -> None:
    error = start_error(TLSSettings(ec_certificate_file=files.certificate, ecdh_curve="P-256:nope"))
    assert error.startswith("fatal: TLSECDHCurve: unable to use ECDH curves 'P-256:nope': ")
    assert "on line 7" in error
    assert "X25519" in error


# --- DH -----------------------------------------------------------------------------------------------------

FFDHE2048 = b"""-----BEGIN DH PARAMETERS-----
MIIBCAKCAQEA//////////+t+FRYortKmq/cViAnPTzx2LnFg84tNpWp4TZBFGQz
+8yTnc4kmz75fS/jY2MMddj2gbICrsRhetPfHtXV/WVhJDP1H18GbtCFY2VVPe0a
87VXE15/V8k1mE8McODmi3fipona8+/och3xWKE2rec1MKzKT0g6eXq8CrGCsyT7
YdEIqUuyyOP7uWrat2DX9GgdT0Kj3jlN9K5W7edjcrsZCwenyO4KbXCeAvzhzffi
7MA0BM0oNC9hkXL+nOmFg/+OTxIy7vKBg8P+OxtMb61zO7X8vC7CIAXFjvGDfRaD
ssbzSibBsu/6iGtCOGEoXJf//////////wIBAg==
-----END DH PARAMETERS-----
"""
DHE = (CipherSuite(False, "DHE-RSA-AES128-GCM-SHA256"),)


def weak_parameters(files: Files) -> str:
    """1024 bits: a safe prime of RFC 2409 (Oakley group 2)."""
    prime = int(
        "FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DD"
        "EF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7ED"
        "EE386BFB5A899FA5AE9F24117C4B1FE649286651ECE65381FFFFFFFFFFFFFFFF", 16)
    body = _der_integer(prime) + _der_integer(2)
    der = b"\x30" + _der_length(len(body)) + body
    done = subprocess.run(
        ["openssl", "dhparam", "-inform", "DER"], input=der, capture_output=True, timeout=60, check=True)
    return files.write("weak.pem", done.stdout)


def _der_integer(number: int) -> bytes:
    data = number.to_bytes(number.bit_length() // 8 + 1, "big")
    return b"\x02" + _der_length(len(data)) + data


def _der_length(size: int) -> bytes:
    return bytes([size]) if size < 128 else b"\x81" + bytes([size]) if size < 256 else b"\x82" + size.to_bytes(2, "big")


def test_dh_parameters_are_used(files: Files) -> None:
    host = build(
        files, rsa_certificate_file=files.rsa_certificate, cipher_suites=DHE,
        dh_param_file=files.write("dh.pem", b"# text before\n" + FFDHE2048),
    )
    assert key_exchange(host.context, "TLSv1.2") == "DH, 2048 bits"


def test_weak_dh_parameters_want_an_option(files: Files) -> None:
    path = weak_parameters(files)
    settings = TLSSettings(rsa_certificate_file=files.rsa_certificate, cipher_suites=DHE, dh_param_file=path)
    error = start_error(settings)
    assert error.startswith(
        f"fatal: TLSDHParamFile: unable to use '{path}': 1024 bits are less than 2048 bits (see AllowWeakDH TLSOption) "
        "on line 7"
    )
    host = build(
        files, rsa_certificate_file=files.rsa_certificate, cipher_suites=DHE, dh_param_file=path,
        options=frozenset({"AllowWeakDH"}),
    )
    assert any("1024 bits are weak" in notice for notice in host.notices)
    assert key_exchange(host.context, "TLSv1.2", "-cipher", "DHE:@SECLEVEL=0") == "DH, 1024 bits"


@pytest.mark.parametrize(
    "content",
    [b"", b"hello", FFDHE2048[:200], FFDHE2048.replace(b"MIIB", b"AAAA"),
     b"-----BEGIN DH PARAMETERS-----\nAAAA\n-----END DH PARAMETERS-----\n"],
)
def test_bad_dh_files_stop_the_start(files: Files, content: bytes) -> None:
    path = files.write("dh.pem", content)
    error = start_error(TLSSettings(ec_certificate_file=files.certificate, dh_param_file=path))
    assert error.startswith(f"fatal: TLSDHParamFile: unable to use '{path}': ")
    assert "openssl dhparam" in error


def test_no_dh_file() -> None:
    assert start_error(TLSSettings(dh_param_file="/nonexistent")).startswith(
        "fatal: TLSDHParamFile: '/nonexistent' does not exist on line 7"
    )


# --- pre-shared keys ----------------------------------------------------------------------------------------


def shared(files: Files, text: str = KEY + "\n", name: str = "camera") -> tuple[PreSharedKey, ...]:
    return (PreSharedKey(name, files.write(f"{name}.psk", text.encode())),)


@every_version
@pytest.mark.parametrize("text", [KEY, KEY.upper() + "\r\n", f"  {KEY}\nsecond line\n"])
def test_a_shared_key(files: Files, version: str, text: str) -> None:
    host = build(files, pre_shared_keys=shared(files, text))
    cipher = ["-cipher", "PSK"] if version == "TLSv1.2" else []
    tls, said = accept(host.context, FLAGS[version], *cipher, "-psk_identity", "camera", "-psk", KEY)
    assert tls is not None, said
    assert tls.psk_identity == "camera"
    assert not tls.resumed


@every_version
def test_certificates_are_there_beside_shared_keys(files: Files, version: str) -> None:
    host = build(files, pre_shared_keys=(*shared(files), *shared(files, "ab" * 32, "printer")))
    with Pair(host) as pair:
        report = pair.start_tls(client_context(version))
        assert report.version == version
        assert pair.tls.peer_certificate is not None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("0011223344556677889\n", "19 digits are too few: a key has at least 20"), ("", "0 digits are too few"),
        ("x" * 32, "not written in hexadecimal digits"), ("0" * 33, "not written in hexadecimal digits"),
        ("00" * 513, "longer than 512 bytes"), ("00 11 22 33 44 55 66 77", "not written in hexadecimal"),
    ],
)
def test_bad_shared_keys_stop_the_start(files: Files, text: str, why: str) -> None:
    keys = shared(files, text)
    error = start_error(TLSSettings(ec_certificate_file=files.certificate, pre_shared_keys=keys))
    assert error.startswith(f"fatal: TLSPreSharedKey: unable to use '{keys[0].file}': ")
    assert why in error
    if text:
        assert text.strip() not in error


def test_a_missing_shared_key_and_one_too_many(files: Files) -> None:
    settings = TLSSettings(pre_shared_keys=(PreSharedKey("camera", "/nonexistent"),))
    assert "unable to use '/nonexistent': No such file or directory" in start_error(settings)
    assert "identity 'camera' has a key already" in start_error(TLSSettings(pre_shared_keys=shared(files) * 2))


@pytest.mark.parametrize("mode", [0o604, 0o602, 0o666])
def test_a_shared_key_that_is_not_secret_is_not_used(files: Files, mode: int) -> None:
    keys = shared(files)
    Path(keys[0].file).chmod(mode)
    host = build(files, pre_shared_keys=keys)
    assert [notice for notice in host.notices if "is open to others" in notice and "the key is not used" in notice]
    tls, _ = accept(host.context, "-tls1_2", "-cipher", "PSK", "-psk_identity", "camera", "-psk", KEY)
    assert tls is None


# --- options ------------------------------------------------------------------------------------------------


@every_version
def test_weak_security_lets_weak_certificates_in(files: Files, version: str, tmp_path: Path) -> None:
    """A certificate with an RSA key of 1024 bits, which level 2 refuses."""
    certificate, key = tmp_path / "weak.pem", tmp_path / "weak.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:1024", "-nodes", "-subj", "/CN=weak", "-days", "2", "-keyout", key,
         "-out", certificate], capture_output=True, timeout=60, check=True,
    )
    settings = TLSSettings(rsa_certificate_file=str(certificate), rsa_certificate_key_file=str(key))
    assert "ee key too small" in start_error(settings)
    host = contexts.build(host_of(TLSSettings(
        rsa_certificate_file=str(certificate), rsa_certificate_key_file=str(key),
        options=frozenset({"AllowWeakSecurity"}),
    )))
    assert any("AllowWeakSecurity" in notice for notice in host.notices)
    tls, said = accept(host.context, FLAGS[version], "-cipher", "DEFAULT:@SECLEVEL=0")
    assert tls is not None, said


@pytest.mark.parametrize(("options", "records"), [(frozenset(), 2), (frozenset({"NoEmptyFragments"}), 1)])
def test_empty_fragments_precede_the_data_of_tls_1_0(files: Files, options: frozenset[str], records: int) -> None:
    host = build(
        files, protocol=frozenset({"TLSv1"}), options=options, cipher_suites=(CipherSuite(False, "AES128-SHA:kECDHE"),))
    near, far = socket.socketpair()
    with near, far:
        near.setblocking(False)
        far.setblocking(False)
        client = client_context("TLSv1")
        client.set_ciphers("AES128-SHA:ECDHE-ECDSA-AES128-SHA")
        server, peer = Connection(host.context, far.fileno()), Connection(client, near.fileno(), server=False)
        assert shake(server, peer) == (None, None)
        while peer.read_available(100):
            pass
        server.write(b"220 ready\r\n", TIMEOUT)
        raw = near.recv(4096)
    count = 0
    while raw:
        assert raw[0] == 23, "application data"
        raw = raw[5 + int.from_bytes(raw[3:5], "big"):]
        count += 1
    assert count == records


@every_version
def test_cipher_lists_by_version(files: Files, version: str) -> None:
    suites = (CipherSuite(False, "ECDHE-ECDSA-AES128-GCM-SHA256"), CipherSuite(True, "TLS_CHACHA20_POLY1305_SHA256"))
    with Pair(build(files, cipher_suites=suites)) as pair:
        pair.start_tls(client_context(version))
        assert pair.tls.cipher == suites[version == "TLSv1.3"].suites
