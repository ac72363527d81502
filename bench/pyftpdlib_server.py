"""A pyftpdlib server with TLS: `pyftpdlib_server.py CERTIFICATE_AND_KEY HOME`; prints its port."""

import logging
import sys
import warnings

warnings.simplefilter("ignore")

from pyftpdlib.authorizers import DummyAuthorizer  # noqa: E402
from pyftpdlib.handlers import TLS_FTPHandler  # noqa: E402
from pyftpdlib.servers import FTPServer  # noqa: E402


def main() -> None:
    """Serve until SIGTERM."""
    certificate, home = sys.argv[1:]
    logging.basicConfig(level=logging.WARNING)
    authorizer = DummyAuthorizer()
    authorizer.add_user("alice", "secret", home, perm="elradfmwMT")

    class Handler(TLS_FTPHandler):  # type: ignore[misc]
        certfile = certificate
        tls_control_required = True
        tls_data_required = True

    Handler.authorizer = authorizer
    server = FTPServer(("127.0.0.1", 0), Handler)
    server.max_cons = 4096
    server.max_cons_per_ip = 4096
    print(server.address[1], flush=True)
    server.serve_forever(handle_exit=True)


if __name__ == "__main__":
    main()
