"""Sessions that come up against a limit in size: ftpsd answers as ProFTPD 1.3.8 does."""

from __future__ import annotations

from tests.peer import differences as but
from tests.peer.compare import Script, Transfer

BOUND_SCRIPTS = [
    Script("MaxRetrieveFileSize", [
        "TYPE I", Transfer("RETR file.txt"), Transfer("RETR big.bin"), "REST 99990", Transfer("RETR big.bin"),
        Transfer("RETR nothere"), "NOOP",
    ], directives=("MaxRetrieveFileSize 50 Kb",)),
    Script("MaxRetrieveFileSize of a user", [
        "TYPE I", Transfer("RETR big.bin"),
    ], directives=("MaxRetrieveFileSize 50 Kb user bob", "MaxRetrieveFileSize 10 Mb")),
    Script("MaxStoreFileSize", [
        "TYPE I", Transfer("STOR up", b"x" * 1024), "SIZE up", Transfer("STOR up", b"x" * 1025), "DELE up",
        Transfer("APPE up", b"x" * 600), Transfer("APPE up", b"x" * 600), "NOOP", "ALLO 5000",
        Transfer("STOU", b"x" * 2000),
    ], directives=("MaxStoreFileSize 1 Kb", "AllowOverwrite on", "AllowStoreRestart on")),
    Script("MaxStoreFileSize of another user", [
        "TYPE I", Transfer("STOR up", b"x" * 4000), "SIZE up",
    ], directives=("MaxStoreFileSize 1 Kb user bob", "AllowOverwrite on")),
    Script("MaxPasswordSize", [
        "USER alice", "PASS secret", "PASS x",
    ], start="connected", directives=("MaxPasswordSize 5",), differences=(but.GREETING,)),
    Script("MaxClients in the first session", [
        "PWD", "NOOP",
    ], directives=("MaxClients 1", "MaxClientsPerUser 1", "MaxClientsPerHost 1", "MaxHostsPerUser 1")),
]
