"""File names between the session (`str`) and the kernel (bytes): UTF-8 with `surrogateescape`.

Not `os.fsencode`: that follows the locale of whoever started the server.
"""

from __future__ import annotations


def encode(name: str) -> bytes:
    """The bytes of a name or path."""
    return name.encode("utf-8", "surrogateescape")


def decode(name: bytes) -> str:
    """The text of a name or path."""
    return name.decode("utf-8", "surrogateescape")


def split(path: bytes) -> tuple[bytes, bytes]:
    """(directory, last component), slashes at the end ignored. The last component of the root is empty."""
    directory, _, name = path.rstrip(b"/").rpartition(b"/")
    return directory or b"/", name
