"""A pyftpdlib server with TLS: `pyftpdlib_server.py CERTIFICATE_AND_KEY HOME PASSWORD_HASH`; prints its port."""

from __future__ import annotations

import ctypes
import logging
import sys
import warnings
from typing import Any

warnings.simplefilter("ignore")

from pyftpdlib.authorizers import AuthenticationFailed, DummyAuthorizer  # noqa: E402
from pyftpdlib.handlers import TLS_FTPHandler  # noqa: E402
from pyftpdlib.servers import FTPServer  # noqa: E402

LIBCRYPT = ctypes.CDLL("libcrypt.so.1")
LIBCRYPT.crypt.restype = ctypes.c_char_p
LIBCRYPT.crypt.argtypes = (ctypes.c_char_p, ctypes.c_char_p)
SESSIONS = 65536


class Authorizer(DummyAuthorizer):  # type: ignore[misc]
    """The user table's passwords are hashes of crypt(3), as the other servers have them."""

    def validate_authentication(self, username: str, password: str, handler: Any) -> None:
        entry = self.user_table.get(username)
        known = entry["pwd"].encode() if entry else b""
        if not entry or LIBCRYPT.crypt(password.encode(), known) != known:
            raise AuthenticationFailed("Authentication failed.")


def main() -> None:
    """Serve until SIGTERM."""
    certificate, home, password = sys.argv[1:]
    logging.basicConfig(level=logging.WARNING)
    authorizer = Authorizer()
    authorizer.add_user("alice", password, home, perm="elradfmwMT")

    class Handler(TLS_FTPHandler):  # type: ignore[misc]
        certfile = certificate
        tls_control_required = True
        tls_data_required = True
        timeout = 3600

    Handler.authorizer = authorizer
    server = FTPServer(("127.0.0.1", 0), Handler, backlog=4096)
    server.max_cons = server.max_cons_per_ip = SESSIONS
    print(server.address[1], flush=True)
    server.serve_forever(handle_exit=True)


if __name__ == "__main__":
    main()
