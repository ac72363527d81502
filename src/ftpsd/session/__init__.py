"""One FTP session: state, loop, gate and handlers."""
