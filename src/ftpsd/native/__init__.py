"""The thin native floor: OpenSSL and Linux system calls."""
