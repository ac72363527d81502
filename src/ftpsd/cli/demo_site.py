"""What `ftpsd demo` serves: certificates, a user, files and the configuration that joins them."""

from __future__ import annotations

import datetime
import ipaddress
import os
import pwd
import secrets
import socket
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ftpsd.auth.passwords import hash_password
from ftpsd.errors import ConfigError

USER = "demo"
DAYS = 30
PORTS_TRIED = 100
_LOOPBACKS = ("127.0.0.1", "::1")

_CONFIGURATION = """\
# Written by `ftpsd demo`. `ftpsd -n -c {config}` serves it too.
ServerName       "ftpsd demonstration"
Port             {port}
DefaultAddress   {addresses}
SocketBindTight  on
PidFile          {base}/ftpsd.pid
ScoreboardFile   none
SystemLog        {base}/ftpsd.log
WtmpLog          off
UseReverseDNS    off

AuthOrder        mod_auth_file.c
AuthUserFile     {base}/users
RequireValidShell off
DefaultRoot      ~
AllowOverwrite   on
AllowStoreRestart on
AllowRetrieveRestart on

<IfModule mod_tls.c>
  TLSEngine                 on
  TLSLog                    {base}/tls.log
  TLSProtocol               TLSv1.2 TLSv1.3
  TLSRequired               on
  TLSECCertificateFile      {base}/server.pem
  TLSECCertificateKeyFile   {base}/server.key
  TLSCertificateChainFile   {base}/ca.pem
</IfModule>
"""

_INSTRUCTIONS = """
ftpsd serves {home}
on port {port} of this machine until Ctrl-C. User {user}, password {password}

curl:       curl --cacert {base}/ca.pem --ssl-reqd -u {user}:{password} ftp://localhost:{port}/
  upload:   curl --cacert {base}/ca.pem --ssl-reqd -u {user}:{password} -T FILE ftp://localhost:{port}/
  download: curl --cacert {base}/ca.pem --ssl-reqd -u {user}:{password} -O ftp://localhost:{port}/welcome.txt
lftp:       lftp -u {user},{password} -p {port} -e 'set ssl:ca-file {base}/ca.pem; set ftp:ssl-force yes' localhost
FileZilla:  Host ftpes://localhost  Username {user}  Password {password}  Port {port}
            The certificate that it shows must have the SHA-256 fingerprint
            {fingerprint}

Configuration: {config}   Logs: {base}/ftpsd.log, {base}/tls.log
"""


@dataclass(frozen=True, slots=True)
class Site:
    """A demonstration: its directory, configuration file, port, user's home and password."""

    base: str
    config: str
    port: int
    home: str
    password: str
    fingerprint: str


def make(base: str, port: int) -> Site:
    """Write everything into `base` and return what clients need to know. Raises `ConfigError`, `OSError`."""
    directory = Path(base)
    fingerprint = _write_certificates(directory)
    password = secrets.token_urlsafe(9)
    home = directory / "files"
    uid, gid = _account()
    home.mkdir(mode=0o755, exist_ok=True)
    os.chown(home, uid, gid)
    welcome = home / "welcome.txt"
    welcome.write_text("This came over TLS.\n")
    os.chown(welcome, uid, gid)
    line = f"{USER}:{hash_password(password)}:{uid}:{gid}:ftpsd demo:{home}:/bin/sh\n"
    _write(directory / "users", line.encode(), 0o600)
    config = directory / "ftpsd.conf"
    addresses = " ".join(address for address in _LOOPBACKS if _can_bind(address, 0))
    text = _CONFIGURATION.format(config=config, port=port, base=base, addresses=addresses)
    _write(config, text.encode(), 0o644)
    return Site(base, str(config), port, str(home), password, fingerprint)


def how_to_connect(site: Site) -> str:
    """The lines to paste."""
    return _INSTRUCTIONS.format(
        base=site.base, config=site.config, port=site.port, home=site.home, user=USER,
        password=site.password, fingerprint=site.fingerprint,
    )


def free_port(first: int) -> int:
    """The first port from `first` on that is free on every loopback address. Raises `ConfigError`."""
    for port in range(first, first + PORTS_TRIED):
        usable = [address for address in _LOOPBACKS if _can_bind(address, 0)]
        if all(_can_bind(address, port) for address in usable):
            return port
    raise ConfigError(
        f"no free port from {first} to {first + PORTS_TRIED - 1}", remedy="name one with --port PORT"
    )


def _can_bind(address: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind((address, port))
            return True
    except OSError:
        return False


def _account() -> tuple[int, int]:
    """Whose files they are: ours; as root those of the user behind sudo, or of nobody."""
    if os.getuid() != 0:
        return os.getuid(), os.getgid()
    if "SUDO_UID" in os.environ and "SUDO_GID" in os.environ:
        return int(os.environ["SUDO_UID"]), int(os.environ["SUDO_GID"])
    try:
        nobody = pwd.getpwnam("nobody")
        return nobody.pw_uid, nobody.pw_gid
    except KeyError:
        return 65534, 65534


def _write(path: Path, data: bytes, mode: int) -> None:
    """Write `data` to a new file; never with more rights than `mode`, not even for a moment."""
    path.unlink(missing_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        os.fchmod(file.fileno(), mode)
        file.write(data)


def _write_certificates(directory: Path) -> str:
    """A CA and a server certificate for this machine's loopback names; the certificate's fingerprint."""
    ca_key, server_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca_name = _name("ftpsd demonstration CA")
    ca = (
        _certificate(ca_name, ca_name, ca_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(ca=True), critical=True)
        .sign(ca_key, hashes.SHA256())
    )
    names = [x509.DNSName("localhost"), *(x509.IPAddress(ipaddress.ip_address(each)) for each in _LOOPBACKS)]
    server = (
        _certificate(_name("localhost"), ca_name, server_key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(ca=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False
        )
        .sign(ca_key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    key = server_key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    _write(directory / "ca.pem", ca.public_bytes(pem), 0o644)
    _write(directory / "server.pem", server.public_bytes(pem), 0o644)
    _write(directory / "server.key", key, 0o600)
    return server.fingerprint(hashes.SHA256()).hex(":").upper()


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject).issuer_name(issuer).public_key(key).serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=DAYS))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _key_usage(*, ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not ca, key_cert_sign=ca, crl_sign=ca, content_commitment=False,
        key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False,
        decipher_only=False,
    )
