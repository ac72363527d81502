"""Debian's slapd with a few users, in a directory of the test's."""

from __future__ import annotations

import base64
import hashlib
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from ftpsd.testing import daemons
from ftpsd.testing.ca import Authority
from ftpsd.testing.configs import hash_password
from ftpsd.testing.ports import free_port

BASE = "dc=example,dc=org"
READER, READER_PASSWORD = f"cn=reader,{BASE}", "reads"
SCHEMAS = Path("/etc/ldap/schema")
MODULES = Path("/usr/lib/ldap")

_CONFIGURATION = """
include {schemas}/core.schema
include {schemas}/cosine.schema
include {schemas}/nis.schema
include {schemas}/inetorgperson.schema
modulepath {modules}
moduleload back_mdb
pidfile {directory}/slapd.pid
argsfile {directory}/slapd.args
TLSCACertificateFile {directory}/ca.pem
TLSCertificateFile {directory}/ldap.pem
TLSCertificateKeyFile {directory}/ldap.key
TLSVerifyClient never
access to attrs=userPassword by dn.base="{reader}" read by anonymous auth by * none
access to * by dn.base="{reader}" read by anonymous read by * none
database mdb
maxsize 10485760
suffix "{base}"
directory {directory}/db
index uid,uidNumber,gidNumber,memberUid,cn eq
"""


def ssha(password: str) -> str:
    """A salted SHA-1, as slapd makes it."""
    return "{SSHA}" + base64.b64encode(hashlib.sha1(password.encode() + b"salt").digest() + b"salt").decode()


def person(name: str, number: int, password: str, home: str, *, group: int = 5000, place: str = "ou=people") -> str:
    """An entry; `name` may hold anything that is not special in a DN or an LDIF line."""
    return (
        f"dn: uid={name},{place},{BASE}\nobjectClass: inetOrgPerson\nobjectClass: posixAccount\n"
        f"cn: {name}\nsn: {name}\n"
        f"uid: {name}\nuidNumber: {number}\ngidNumber: {group}\nhomeDirectory: {home}\nloginShell: /bin/sh\n"
        f"userPassword: {password}\n\n")


def group(name: str, number: int, *members: str) -> str:
    """An entry of a group."""
    lines = "".join(f"memberUid: {member}\n" for member in members)
    return f"dn: cn={name},ou=groups,{BASE}\nobjectClass: posixGroup\ncn: {name}\ngidNumber: {number}\n{lines}\n"


def basis() -> str:
    """The entries above the others, and the reader's."""
    units = "".join(f"dn: ou={name},{BASE}\nobjectClass: organizationalUnit\nou: {name}\n\n" for name in (
        "people", "groups", "elsewhere"))
    top = f"dn: {BASE}\nobjectClass: dcObject\nobjectClass: organization\no: example\ndc: example\n\n"
    reader = f"dn: {READER}\nobjectClass: person\ncn: reader\nsn: reader\nuserPassword: {READER_PASSWORD}\n\n"
    return top + units + reader


class Slapd:
    """A server, with `entries` (LDIF); `address` is its host and port, `secure` that for ldaps, `socket` its path."""

    def __init__(self, directory: Path, entries: Sequence[str]) -> None:
        program = daemons.need("slapd")
        if not (MODULES / "back_mdb.so").exists() or not (SCHEMAS / "nis.schema").exists():
            pytest.skip("this slapd has no mdb or no schema of Debian's")
        (directory / "db").mkdir(mode=0o700)
        authority = Authority.create()
        authority.write(directory / "ca.pem")
        files = authority.leaf("localhost").write(directory, "server")
        (directory / "ldap.pem").write_bytes(files.certificate.read_bytes())
        (directory / "ldap.key").write_bytes(files.key.read_bytes())
        configuration = directory / "slapd.conf"
        configuration.write_text(_CONFIGURATION.format(
            directory=directory, schemas=SCHEMAS, modules=MODULES, reader=READER, base=BASE))
        (directory / "data.ldif").write_text(basis() + "".join(entries))
        self.authority = directory / "ca.pem"
        self.socket = directory / "ldapi"
        done = subprocess.run(
            [program, "-T", "add", "-q", "-f", str(configuration), "-l", str(directory / "data.ldif")],
            capture_output=True, text=True, timeout=60)
        if done.returncode:
            pytest.fail(f"slapadd: {done.stderr}")
        secure = free_port()
        urls = f"ldap://127.0.0.1:{{port}}/ ldaps://127.0.0.1:{secure}/ ldapi://{str(self.socket).replace('/', '%2F')}/"
        self.daemon = daemons.Daemon(("slapd", "-d", "0", "-f", str(configuration), "-h", urls), directory)
        self.address, self.secure = f"localhost:{self.daemon.port}", f"localhost:{secure}"

    def stop(self) -> None:
        """At once."""
        self.daemon.stop()


CRYPT = "{CRYPT}" + hash_password("secret")
