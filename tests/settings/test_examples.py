"""Configurations that people really have: those of mod_tls's documentation and Debian's package."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from ftpsd.settings import Settings, load
from ftpsd.settings.values import ListOptions, Renegotiate, RootedPath, TLSRequirement
from tests.settings.support import configuration, main_host

DOCUMENTED = """
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

OLDER = """
<IfModule mod_tls.c>
  TLSEngine on
  TLSLog /var/ftpd/tls.log
  # Support both SSLv3 and TLSv1
  TLSProtocol SSLv3 TLSv1
  TLSRequired off
  TLSRSACertificateFile /etc/ftpd/server.cert.pem
  TLSRSACertificateKeyFile /etc/ftpd/server.key.pem
  TLSCACertificateFile /etc/ftpd/root.cert.pem
  TLSVerifyClient off
  TLSRenegotiate required off
</IfModule>
"""

PER_USER = """
  <IfModule mod_tls.c>
    TLSEngine on
    TLSRSACertificateFile /etc/ftpd/server.pem
    TLSCACertificateFile /etc/ftpd/root.pem
    TLSOptions AllowPerUser
    TLSRequired on

    <Anonymous ~ftp>
      User ftp
      Group ftp
      UserAlias anonymous ftp
      RequireValidShell off

      # Note how TLSRequired is set to off here in the <Anonymous> context
      TLSRequired off
    </Anonymous>
    <IfGroup trusted>
      TLSRequired off
    </IfGroup>
  </IfModule>
"""

LOCAL_AND_REMOTE = """
  <Class local>
    From 127.0.0.0/8
  </Class>

  <IfModule mod_tls.c>
    TLSEngine on
    <IfClass local>
      # Don't require FTPS from local clients
      TLSRequired off
    </IfClass>

    <IfClass !local>
      # Require FTPS from remote/non-local clients
      TLSRequired on
    </IfClass>
  </IfModule>
"""


def test_the_documented_example() -> None:
    tls = main_host(DOCUMENTED).settings.tls
    assert tls.engine
    assert tls.protocol == {"TLSv1", "TLSv1.1", "TLSv1.2"}
    assert tls.required == TLSRequirement()
    assert tls.log == "/var/ftpd/tls.log"
    assert tls.ec_certificate_key_file == "/etc/ftpd/server-ec.key.pem"
    assert tls.renegotiate == Renegotiate(refused=True)
    assert configuration(DOCUMENTED).notices == ()


def test_the_older_example() -> None:
    tls = main_host(OLDER).settings.tls
    assert tls.protocol == {"SSLv3", "TLSv1"}
    assert tls.renegotiate == Renegotiate(required=False)


def test_per_user_requirements() -> None:
    host = main_host(PER_USER)
    assert host.settings.tls.required == TLSRequirement(1, 1, 1)
    anonymous = host.anonymous_for("anonymous")
    assert anonymous is not None
    assert host.for_login(user="ftp", anonymous=anonymous).tls.required == TLSRequirement()
    assert not anonymous.settings.auth.require_valid_shell
    assert host.for_login(user="bob", groups={"users"}).tls.required == TLSRequirement(1, 1, 1)
    assert host.for_login(user="eve", groups={"trusted"}).tls.required == TLSRequirement()


def test_local_and_remote_clients() -> None:
    host = main_host(LOCAL_AND_REMOTE)
    assert host.for_connection(classes={"local"}).tls.required == TLSRequirement()
    assert host.for_connection(classes=()).tls.required == TLSRequirement(1, 1, 1)


@pytest.mark.parametrize(
    "text",
    [
        "<Global>\n# Only allow TLSv1.2 for any of our FTPS vhosts\nTLSProtocol TLSv1.2\n</Global>",
        "TLSRenegotiate ctrl 1500 timeout 300\nTLSSessionCache internal: 1800",
        "TLSRequired auth\nTLSRequired !data",
        "TLSOptions NoSessionReuseRequired",
        'TLSRequired on # or "TLSRequired auth", or "TLSRequired auth+data"',
    ],
)
def test_advice_of_the_documentation_loads(text: str) -> None:
    assert configuration(text).hosts[0].id == 0


DEBIAN = "/etc/proftpd/proftpd.conf"
installed = pytest.mark.skipif(
    not os.access(DEBIAN, os.R_OK), reason="Debian's proftpd package is not installed"
)


@installed
def test_debians_stock_configuration() -> None:
    found = load(DEBIAN)
    settings = found.hosts[0].settings
    assert (found.server.user, found.server.group) == ("proftpd", "nogroup")
    assert settings.core.server_name == "Debian"
    assert settings.limits.max_instances == 30
    assert (settings.limits.timeout_idle, settings.limits.timeout_stalled) == (1200, 600)
    assert settings.transfer.list_options == ListOptions("-l")
    assert settings.transfer.allow_overwrite
    assert settings.access.deny_filter is not None
    assert settings.access.deny_filter.fits("*/x/", in_doubt=False)
    assert not settings.core.ident_lookups
    assert f"{os.path.dirname(DEBIAN)}/modules.conf" in found.files


@installed
def test_debians_layout_with_tls(tmp_path: Path) -> None:
    """proftpd.conf with its comments taken off tls.conf's lines, DefaultRoot, PassivePorts and Masquerade."""
    stock = Path(DEBIAN)
    tls = (stock.parent / "tls.conf").read_text()
    for wanted in (
        "TLSEngine",
        "TLSLog",
        "TLSProtocol",
        "TLSRSACertificateFile",
        "TLSRSACertificateKeyFile",
        "TLSVerifyClient",
        "TLSRequired",
        "TLSRenegotiate",
    ):
        tls, count = re.subn(rf"^#({wanted}\s)", r"\1", tls, count=1, flags=re.MULTILINE)
        assert count == 1, wanted
    (tmp_path / "tls.conf").write_text(tls)
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d" / "site.conf").write_text("AllowStoreRestart on\n")
    text = stock.read_text().replace("#Include /etc/proftpd/tls.conf", "Include /etc/proftpd/tls.conf")
    for commented in (
        "DefaultRoot ~",
        "PassivePorts 49152 65534",
        "MasqueradeAddress 1.2.3.4",
        "RequireValidShell off",
    ):
        text, count = re.subn(rf"^# ({re.escape(commented)})", r"\1", text, flags=re.MULTILINE)
        assert count == 1, commented
    text = text.replace("/etc/proftpd/tls.conf", "tls.conf").replace("/etc/proftpd/conf.d/", "conf.d/")
    main = tmp_path / "proftpd.conf"
    main.write_text(text)
    settings = load(str(main)).hosts[0].settings
    assert settings.tls.engine
    assert settings.tls.required == TLSRequirement(1, 1, 1)
    assert settings.tls.protocol == {"TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"}
    assert settings.tls.renegotiate == Renegotiate(required=False)
    assert settings.access.default_root == (RootedPath("~"),)
    assert settings.transfer.allow_store_restart
    assert settings.transfer.masquerade_address == "1.2.3.4"


@installed
@pytest.mark.parametrize(
    "name", ["ldap.conf", "sql.conf", "virtuals.conf", "sftp.conf", "geoip.conf", "snmp.conf"]
)
def test_debians_other_files_are_skipped_as_a_whole(name: str) -> None:
    path = os.path.join(os.path.dirname(DEBIAN), name)
    if not os.path.exists(path):
        pytest.skip(f"{name} is not part of this package version")
    assert load(path).hosts[0].settings == Settings()
