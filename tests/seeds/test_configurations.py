"""The configurations of the seeds and of Debian's package start and serve; only paths are changed.

What ProFTPD's administrators have beside the TLS block (users, logs) comes from `support.BASE`.
"""

from __future__ import annotations

import re
import ssl
from pathlib import Path

import pytest

from ftpsd.testing.ca import Files
from ftpsd.testing.client import client_context
from ftpsd.testing.configs import ServerFiles
from ftpsd.testing.plugin import Certificates
from tests.seeds.support import old_client, serving

FIRST = """
<IfModule mod_dso.c>
  # If mod_tls was built as a shared/DSO module, load it
  LoadModule mod_tls.c
</IfModule>
<IfModule mod_tls.c>
  TLSEngine on
  TLSLog /var/ftpd/tls.log
  # Support TLSv1, TLSv1.1, and TLSv1.2
  TLSProtocol TLSv1 TLSv1.1 TLSv1.2
  # Are clients required to use FTP over TLS when talking to this server?
  TLSRequired off
  # Server's RSA certificate
  TLSRSACertificateFile /etc/ftpd/server-rsa.cert.pem
  TLSRSACertificateKeyFile /etc/ftpd/server-rsa.key.pem
  # Server's EC certificate
  TLSECCertificateFile /etc/ftpd/server-ec.cert.pem
  TLSECCertificateKeyFile /etc/ftpd/server-ec.key.pem
  # CA the server trusts
  TLSCACertificateFile /etc/ftpd/root.cert.pem
  # Authenticate clients that want to use FTP over TLS?
  TLSVerifyClient off
  TLSRenegotiate none
</IfModule>
"""

SECOND = """
<IfModule mod_tls.c>
  TLSEngine on
  TLSLog /var/ftpd/tls.log
  # Support both SSLv3 and TLSv1
  TLSProtocol SSLv3 TLSv1
  # Are clients required to use FTP over TLS when talking to this server?
  TLSRequired off
  # Server's certificate
  TLSRSACertificateFile /etc/ftpd/server.cert.pem
  TLSRSACertificateKeyFile /etc/ftpd/server.key.pem
  # CA the server trusts
  TLSCACertificateFile /etc/ftpd/root.cert.pem
  # Authenticate clients that want to use FTP over TLS?
  TLSVerifyClient off
  TLSRenegotiate required off
</IfModule>
"""

STOCK = Path("/etc/proftpd")


def with_paths(text: str, files: ServerFiles, certificates: Certificates) -> str:
    """The seed's text with its paths changed and nothing else."""
    intermediate = certificates.authority.intermediate()
    leaves = {
        "rsa": intermediate.leaf("localhost", kind="rsa").write(files.directory, "rsa"),
        "ec": intermediate.leaf("localhost", kind="p256").write(files.directory, "ec"),
    }
    paths = {
        "/var/ftpd/tls.log": files.tls_log,
        "/etc/ftpd/server-rsa.cert.pem": leaves["rsa"].certificate,
        "/etc/ftpd/server-rsa.key.pem": leaves["rsa"].key,
        "/etc/ftpd/server-ec.cert.pem": leaves["ec"].certificate,
        "/etc/ftpd/server-ec.key.pem": leaves["ec"].key,
        "/etc/ftpd/server.cert.pem": leaves["rsa"].certificate,
        "/etc/ftpd/server.key.pem": leaves["rsa"].key,
        "/etc/ftpd/root.cert.pem": files.directory / "ca.pem",
    }
    bundle = intermediate.pem + certificates.authority.pem
    (files.directory / "ca.pem").write_bytes(bundle)
    for old, new in paths.items():
        text = text.replace(old, str(new))
    return text


@pytest.mark.parametrize(("text", "versions"), [
    (FIRST, ["TLSv1", "TLSv1_1", "TLSv1_2"]), (SECOND, ["TLSv1"]),
], ids=["seed-a", "seed-b"])
def test_the_seeds_example_serves_every_version_that_it_names(
    directory: ServerFiles, ftps_certificates: Certificates, text: str, versions: list[str]
) -> None:
    body = with_paths(text, directory, ftps_certificates)
    with serving(body, directory, ftps_certificates) as server:
        server.give("hello.txt", b"hello")
        for name in versions:
            version = ssl.TLSVersion[name]
            context = (
                client_context(server.authority, version="TLSv1.2") if name == "TLSv1_2"
                else old_client(server.authority, version))
            with server.client(context=context).begin() as client:
                assert client.retrieve("RETR hello.txt") == b"hello"
                client.store(f"STOR up-{name}.txt", b"up")
        with server.client(tls=False).begin() as client:
            assert client.retrieve("RETR hello.txt") == b"hello"


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
def test_debians_stock_layout_with_its_tls_conf_serves(
    directory: ServerFiles, ftps_certificates: Certificates, version: str
) -> None:
    if not (STOCK / "proftpd.conf").exists():
        pytest.skip("package proftpd-core is not installed")
    body = stock_configuration(directory, ftps_certificates)
    with serving(body, directory, ftps_certificates) as server:
        server.give("hello.txt", b"hello")
        with server.client(version).begin() as client:
            assert client.retrieve("RETR hello.txt") == b"hello"
            assert b"hello.txt" in client.retrieve("LIST")
            client.store("STOR hello.txt", b"again")
            client.quit()
        server.wait_for_log("[stat]: SSL/TLS sessions attempted: 4")


def stock_configuration(files: ServerFiles, certificates: Certificates) -> str:
    """The package's own files in a directory of the test, TLS switched on as its comments show."""
    own = files.directory / "proftpd"
    leaf = certificates.authority.leaf("localhost", kind="rsa").write(files.directory, "stock")
    (own / "conf.d").mkdir(parents=True)
    for name in ("modules.conf", "tls.conf"):
        (own / name).write_text(relocated((STOCK / name).read_text(), files, leaf))
    tls = (own / "tls.conf").read_text()
    wanted = (
        "TLSEngine", "TLSLog", "TLSProtocol", "TLSRSACertificateFile", "TLSRSACertificateKeyFile",
        "TLSVerifyClient", "TLSRequired", "TLSRenegotiate", "TLSOptions")
    for word in wanted:
        tls = re.sub(rf"^#({word}\s)", r"\1", tls, flags=re.MULTILINE)
    (own / "tls.conf").write_text(tls)
    text = relocated((STOCK / "proftpd.conf").read_text(), files, leaf)
    text = re.sub(r"^#\s*(Include \S*tls\.conf)", r"\1", text, flags=re.MULTILINE)
    assert "\nInclude" in text.split("tls.conf")[0]
    return re.sub(r"^(User|Group|Port)\s.*$", "", text, flags=re.MULTILINE)


def relocated(text: str, files: ServerFiles, leaf: Files) -> str:
    """The text with the machine's paths changed to the test's."""
    paths = {
        "/var/log/proftpd/tls.log": str(files.tls_log),
        "/var/log/proftpd/proftpd.log": str(files.system_log),
        "/var/log/proftpd": str(files.directory),
        "/var/run/proftpd": str(files.directory),
        "/run/proftpd/": f"{files.directory}/",
        "/etc/ssl/certs/proftpd.crt": str(leaf.certificate),
        "/etc/ssl/private/proftpd.key": str(leaf.key),
        "/etc/proftpd": str(files.directory / "proftpd"),
    }
    for old, new in paths.items():
        text = text.replace(old, new)
    return text
