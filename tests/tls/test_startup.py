"""What OpenSSL is told for the whole process: FIPS, engines, providers, seeds. In processes of their own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ftpsd.errors import ConfigError
from ftpsd.native import _openssl
from ftpsd.native._openssl import OpenSSLError, engines_exist
from ftpsd.settings.tls import TLSSettings
from ftpsd.tls import startup
from tests.tls.rig import host_of

PROGRAM = """
import sys
from ftpsd.errors import ConfigError
from ftpsd.settings.tls import TLSSettings
from ftpsd.tls import startup
from tests.tls.rig import host_of
try:
    print({})
except ConfigError as error:
    print(error)
"""


def apart(expression: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(expression)], capture_output=True, text=True, timeout=60, check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environment},
    )
    return done.stdout.strip()


def prepare(**settings: str) -> str:
    return f"startup.prepare([host_of(TLSSettings(**{settings!r}))])"


# --- FIPS ---------------------------------------------------------------------------------------------------


def modules_of_openssl() -> Path:
    done = subprocess.run(["openssl", "version", "-m"], capture_output=True, text=True, timeout=60, check=True)
    return Path(done.stdout.split('"')[1])


def test_fips_that_cannot_be_had_stops_the_start(tmp_path: Path) -> None:
    """No module called fips can be found where OpenSSL is told to look."""
    said = apart("startup.enable_fips({'TLS_USE_FIPS'})", OPENSSL_MODULES=str(tmp_path))
    assert said.startswith("fatal: mod_tls/2.9.2: unable to use FIPS mode: ")
    assert "fips.so" in said
    assert "start without -D TLS_USE_FIPS" in said


def test_a_module_that_is_not_fips_is_found_out(tmp_path: Path) -> None:
    """Another provider under the name has no algorithm with the property fips=yes: nothing works with it."""
    legacy = modules_of_openssl() / "legacy.so"
    if not legacy.exists():
        pytest.skip("this OpenSSL has no legacy provider as a module")
    shutil.copy(legacy, tmp_path / "fips.so")
    said = apart("startup.enable_fips({'TLS_USE_FIPS'})", OPENSSL_MODULES=str(tmp_path))
    assert said.startswith("fatal: mod_tls/2.9.2: unable to use FIPS mode: ")


def test_fips_that_works_is_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or refused, where this OpenSSL has no FIPS provider: the loader's part is then played."""
    done: list[str] = []
    monkeypatch.setattr(_openssl, "load_fips", lambda: done.append("loaded"))
    monkeypatch.setattr(startup, "_in_use", set())
    startup.enable_fips({"OTHER"})
    assert startup.prepare([]) == []
    startup.enable_fips({"TLS_USE_FIPS", "OTHER"})
    startup.enable_fips({"TLS_USE_FIPS"})
    assert done == ["loaded"]
    assert startup.prepare([]) == ["mod_tls/2.9.2: FIPS mode enabled"]


def test_the_fips_module_of_this_openssl() -> None:
    if not (modules_of_openssl() / "fips.so").exists():
        pytest.skip("this OpenSSL has no FIPS provider (Debian ships none)")
    said = apart("(startup.enable_fips({'TLS_USE_FIPS'}), startup.prepare([]))[1]")
    assert said == "['mod_tls/2.9.2: FIPS mode enabled']" or "unable to use FIPS mode" in said


# --- devices and seeds --------------------------------------------------------------------------------------


def test_unknown_devices_stop_the_start() -> None:
    for device, kind in (("nonsense", "engine"), ("provider:nonsense", "provider")):
        said = apart(prepare(crypto_device=device))
        assert said.startswith(f"fatal: TLSCryptoDevice: unable to use {kind} 'nonsense': ")
        assert "on line 7 of '/etc/ftpsd.conf'" in said


def test_devices_are_used_once() -> None:
    assert apart(prepare(crypto_device="provider:legacy")) == "[]"
    if engines_exist():
        assert apart(prepare(crypto_device="ALL") + ", " + prepare(crypto_device="ALL")) == "[] []"


def test_an_openssl_without_engines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_openssl, "engines_exist", lambda: False)
    with pytest.raises(ConfigError, match="has no engines any more"):
        startup.prepare([host_of(TLSSettings(crypto_device="padlock"))])


def test_seeds(tmp_path: Path) -> None:
    seed = tmp_path / "seed"
    seed.write_bytes(b"anything")
    assert startup.prepare([host_of(TLSSettings(random_seed=str(seed)))]) == []
    notices = startup.prepare([host_of(TLSSettings(random_seed="/nonexistent"))])
    assert len(notices) == 1
    assert notices[0].startswith("mod_tls/2.9.2: unable to load PRNG seed data from '/nonexistent': ")


def test_the_generator_of_a_wrong_fips_module_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_bytes(size: int) -> bytes:
        raise OpenSSLError("cannot make random bytes")

    monkeypatch.setattr(_openssl, "load_fips", lambda: None)
    monkeypatch.setattr(_openssl, "random_bytes", no_bytes)
    monkeypatch.setattr(startup, "_in_use", set())
    with pytest.raises(ConfigError, match="unable to use FIPS mode: cannot make random bytes"):
        startup.enable_fips({"TLS_USE_FIPS"})
