"""The control socket: what an administrator asks of a running server."""
