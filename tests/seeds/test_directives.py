"""Every directive of mod_tls and every word of TLSOptions is in the reference page, as supported.

The names are facts about ProFTPD 1.3.8's mod_tls; where it is installed, its module file is asked, too.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ftpsd.settings import DIRECTIVES
from ftpsd.settings.declaration import Status
from ftpsd.settings.tls_parsers import SUPPORTED_OPTIONS

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "directives.md"
MODULE = Path("/usr/lib/proftpd/mod_tls.so")


def words(text: str) -> frozenset[str]:
    """A list of names."""
    return frozenset(text.split())


NAMES = words("""
    TLSCACertificateFile TLSCACertificatePath TLSCARevocationFile TLSCARevocationPath TLSCertificateChainFile
    TLSCipherSuite TLSControlsACLs TLSCryptoDevice TLSDHParamFile TLSDSACertificateFile
    TLSDSACertificateKeyFile TLSECCertificateFile TLSECCertificateKeyFile TLSECDHCurve TLSEngine TLSLog
    TLSMasqueradeAddress TLSNextProtocol TLSOptions TLSPassPhraseProvider TLSPKCS12File TLSPreSharedKey
    TLSProtocol TLSRandomSeed TLSRenegotiate TLSRequired TLSRSACertificateFile TLSRSACertificateKeyFile
    TLSServerCipherPreference TLSServerInfoFile TLSSessionCache TLSSessionTicketKeys TLSSessionTickets
    TLSStapling TLSStaplingCache TLSStaplingOptions TLSStaplingResponder TLSStaplingTimeout
    TLSTimeoutHandshake TLSUserName TLSVerifyClient TLSVerifyDepth TLSVerifyOrder TLSVerifyServer
""")
OPTIONS = words("""
    AllowClientRenegotiations AllowDotLogin AllowPerUser AllowWeakDH AllowWeakSecurity CommonNameRequired
    EnableDiags ExportCertData IgnoreSNI NoAutoECDH NoEmptyFragments NoSessionReuseRequired StdEnvVars
    UseImplicitSSL dNSNameRequired iPAddressRequired
""")
SEEDS_OPTION = "NoCertRequest"  # gone from ProFTPD since; the seeds' clients need it


def test_there_are_44_directives() -> None:
    assert len(NAMES) == 44


@pytest.mark.skipif(not MODULE.exists(), reason="package proftpd-mod-crypto is not installed")
def test_proftpds_own_module_has_these_directives_and_options() -> None:
    words = set(re.findall(rb"(?<![\x21-\x7e])[A-Za-z]+(?:12)?[A-Za-z]*\x00", MODULE.read_bytes()))
    texts = {word[:-1].decode() for word in words}
    assert texts >= OPTIONS
    found = {text for text in texts if re.fullmatch(r"TLS[A-Z][A-Za-z0-9]+", text)}
    assert found >= NAMES, NAMES - found


@pytest.mark.parametrize("name", sorted(NAMES))
def test_the_reference_page_has_the_directive_as_supported(name: str) -> None:
    """A section of its own, and no line among those that stop the start."""
    page = PAGE.read_text(encoding="utf-8")
    assert DIRECTIVES[name.lower()].status is Status.SUPPORTED
    assert f"\n### {name}\n" in page
    assert f"- {name} (mod_tls)" not in page


@pytest.mark.parametrize("name", sorted({*OPTIONS, SEEDS_OPTION}))
def test_the_reference_page_has_the_option_as_supported(name: str) -> None:
    page = PAGE.read_text(encoding="utf-8")
    section = page.partition("\n### TLSOptions\n")[2].partition("\n### ")[0]
    assert name in SUPPORTED_OPTIONS
    assert re.search(rf"\b{name}\b", section)


def test_nothing_is_listed_that_mod_tls_does_not_have() -> None:
    ours = {entry.name for entry in DIRECTIVES.values() if entry.module == "mod_tls"}
    assert ours - NAMES <= {"TLSUploadEnd"}
    assert {*SUPPORTED_OPTIONS} == {*OPTIONS, SEEDS_OPTION}
