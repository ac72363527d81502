"""vsftpd and Pure-FTPd, from Debian's packages, unpacked into a cache and never installed. Both need root."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from bench.programs import Unavailable, libraries, package_version, unpacked
from bench.servers import OWNER, SALT, Server, Setting, Starter, bare, end, ftpsd, proftpd, pyftpdlib
from ftpsd.testing.configs import ServerFiles, User, hash_password

VSFTPD = """\
listen=YES
listen_address=127.0.0.1
listen_port={port}
background=NO
anonymous_enable=NO
local_enable=YES
write_enable=YES
local_umask=022
chroot_local_user=YES
allow_writeable_chroot=YES
secure_chroot_dir={empty}
pam_service_name=vsftpd
xferlog_enable=NO
max_clients=0
max_per_ip=0
idle_session_timeout=3600
data_connection_timeout=3600
ssl_enable=YES
ssl_sslv2=NO
ssl_sslv3=NO
ssl_tlsv1=YES
force_local_logins_ssl=YES
force_local_data_ssl=YES
ssl_ciphers=HIGH
rsa_cert_file={certificate}
rsa_private_key_file={key}
"""
PAM = "auth required pam_unix.so\naccount required pam_unix.so\nsession required pam_permit.so\n"
# In a mount namespace of its own vsftpd finds our user, password and PAM service where it looks for them.
PRIVATE = """\
set -e
directory=$1; shift
for name in passwd shadow group pam.d; do mount --bind "$directory/etc/$name" "/etc/$name"; done
exec "$@"
"""
PURE_FTPD = (
    "--tls=3", "--noanonymous", "--chrooteveryone", "--dontresolve", "--maxclientsnumber=100000", "--maxidletime=60",
    "--limitrecursion=1000000:9", "--minuid=1", "--syslogfacility=none", "--umask=133:022",
)
START_SECONDS = 10.0


def vsftpd(chosen: Setting) -> Server:
    """vsftpd: it has no user file of its own, so it asks PAM, which finds our shadow file."""
    if os.getuid() != 0:
        raise Unavailable("it needs root")
    root = unpacked("vsftpd", "libwrap0")
    files = chosen.files()
    home = chosen.home(files)
    accounts(files, home, OWNER)
    empty = files.directory / "empty"
    empty.mkdir()
    port = _free_port()
    files.configuration.write_text(VSFTPD.format(
        port=port, empty=empty, certificate=chosen.certificate.certificate, key=chosen.certificate.key,
    ))
    server = [str(root / "usr/sbin/vsftpd"), str(files.configuration)]
    command = ["unshare", "--mount", "--propagation=private", "sh", "-c", PRIVATE, "sh", str(files.directory), *server]
    return _listening("vsftpd", command, root, port, chosen, files)


def accounts(files: ServerFiles, home: Path, owner: User) -> None:
    """/etc/passwd, shadow and group with our user added, and the PAM service."""
    etc = files.directory / "etc"
    (etc / "pam.d").mkdir(parents=True)
    (etc / "pam.d" / "vsftpd").write_text(PAM)
    hashed = hash_password(owner.password, SALT)
    own = {
        "passwd": f"{owner.name}:x:{owner.uid}:{owner.gid}::{home}:/bin/sh\n",
        "shadow": f"{owner.name}:{hashed}:19000:0:99999:7:::\n", "group": "",
    }
    for name, line in own.items():
        shutil.copy(f"/etc/{name}", etc / name)
        with (etc / name).open("a") as file:
            file.write(line)


def pureftpd(chosen: Setting) -> Server:
    """Pure-FTPd with a PureDB of our user."""
    if os.getuid() != 0:
        raise Unavailable("it needs root")
    root = unpacked("pure-ftpd", "libsodium23")
    files = chosen.files()
    home = chosen.home(files)
    users, database = files.directory / "passwd", files.directory / "puredb"
    hashed = hash_password(OWNER.password, SALT)
    users.write_text(f"{OWNER.name}:{hashed}:{OWNER.uid}:{OWNER.gid}::{home}/./::::::::::::\n")
    made = subprocess.run(
        [str(root / "usr/bin/pure-pw"), "mkdb", str(database), "-f", str(users)], env=_environment(root),
        capture_output=True, text=True, check=False,
    )
    if made.returncode:
        raise Unavailable(f"pure-pw: {made.stderr.strip()}")
    port = _free_port()
    command = [
        str(root / "usr/sbin/pure-ftpd"), f"--bind=127.0.0.1,{port}", f"--certfile={chosen.combined(files)}",
        f"--login=puredb:{database}", f"--pidfile={files.pid_file}", *PURE_FTPD,
    ]
    return _listening("pure-ftpd", command, root, port, chosen, files)


def _environment(root: Path) -> dict[str, str]:
    return {**os.environ, "LD_LIBRARY_PATH": libraries(root)}


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def _listening(
    name: str, command: list[str], root: Path, port: int, chosen: Setting, files: ServerFiles,
) -> Server:
    """Start a server that opens its port itself, and wait until it accepts. Raises `Unavailable`."""
    group = ExitStack()
    chosen.stack.push(group)
    with files.stderr.open("wb") as errors:
        process = subprocess.Popen(
            # vsftpd says on descriptor 0 what is wrong.
            command, env=_environment(root), stdin=errors, stdout=errors, stderr=errors, cwd="/",
            start_new_session=True,
        )
    chosen.stack.callback(end, process)
    deadline = time.monotonic() + START_SECONDS
    while not _accepts(port):
        if process.poll() is not None or time.monotonic() > deadline:
            raise Unavailable(f"it did not start: {files.stderr.read_text('utf-8', 'replace').strip()}")
        time.sleep(0.02)
    home = files.home(OWNER.name)
    server = replace(chosen, stack=group).started(name, package_version(name), port, process.pid, home)
    server.meter.settle(1, timeout=2)
    return server


def _accepts(port: int) -> bool:
    with contextlib.suppress(OSError):
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    return False


STARTERS: dict[str, Starter] = {
    "ftpsd": ftpsd, "proftpd": proftpd, "vsftpd": vsftpd, "pure-ftpd": pureftpd, "pyftpdlib": pyftpdlib, "bare": bare,
}
