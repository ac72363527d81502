"""A SoftHSM token with a key, for tests of PKCS#11 URIs."""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from ftpsd.testing.ca import Identity

MODULES = ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/softhsm/libsofthsm.so", "/usr/lib64/pkcs11/libsofthsm2.so")
PIN = "123456"


@dataclass(frozen=True)
class Token:
    """A token in a directory; `environment` is what a process needs to see it."""

    directory: Path
    module: str

    @property
    def environment(self) -> dict[str, str]:
        return {"SOFTHSM2_CONF": str(self.directory / "softhsm2.conf"), "PKCS11_MODULE_PATH": self.module}

    @property
    def uri(self) -> str:
        """The key, without a PIN."""
        return "pkcs11:token=ftpsd;object=server;type=private"

    @property
    def uri_with_pin(self) -> str:
        return f"{self.uri}?pin-value={PIN}"


def make_token(directory: Path, identity: Identity) -> Token:
    """A token that holds `identity`'s key. Skips the test where SoftHSM or OpenSSL's way to it is missing."""
    module = next((path for path in MODULES if os.path.exists(path)), None)
    if module is None or shutil.which("softhsm2-util") is None:
        pytest.skip("SoftHSM is not installed (package softhsm2)")
    if not _openssl_reaches_tokens():
        pytest.skip("OpenSSL has neither provider nor engine for PKCS#11 (package libengine-pkcs11-openssl)")
    tokens = directory / "tokens"
    tokens.mkdir(parents=True)
    token = Token(directory, module)
    (directory / "softhsm2.conf").write_text(f"directories.tokendir = {tokens}\nobjectstore.backend = file\n")
    key = directory / "import.pem"
    key.write_bytes(identity.key_pem())
    _util(token, "--init-token", "--free", "--label", "ftpsd", "--pin", PIN, "--so-pin", PIN)
    _util(
        token, "--import", str(key), "--token", "ftpsd", "--label", "server", "--id", "01", "--pin", PIN,
    )
    key.unlink()
    return token


def _util(token: Token, *arguments: str) -> None:
    done = subprocess.run(
        ["softhsm2-util", *arguments], env={**os.environ, **token.environment}, capture_output=True, text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr


def _openssl_reaches_tokens() -> bool:
    for command in (["openssl", "engine", "pkcs11"], ["openssl", "list", "-providers", "-provider", "pkcs11"]):
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
        if done.returncode == 0 and "pkcs11" in done.stdout.lower():
            return True
    return False
