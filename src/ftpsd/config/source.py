"""Where configuration text comes from: the file system, or a mapping for tests and generated
configurations."""

from __future__ import annotations

import abc
import fnmatch
import glob
import itertools
import os
import posixpath
import stat
from collections.abc import Mapping

LARGEST_FILE = 16 * 1024 * 1024
"""Bytes of one configuration file; a larger one is refused."""

MAGIC = frozenset("*?[")


class Source(abc.ABC):
    """Reads files by absolute path. Every method raises `OSError`."""

    @abc.abstractmethod
    def read(self, path: str) -> str:
        """Text of a regular file, UTF-8 with surrogate escapes."""

    @abc.abstractmethod
    def expand(self, pattern: str) -> tuple[str, ...]:
        """Files that an Include names, sorted: a file, all files of a directory, or what a glob matches.

        Names with a leading dot are only found when the pattern has one. A name without wildcards that does
        not exist raises `FileNotFoundError`; a pattern that nothing matches gives ().
        """

    @abc.abstractmethod
    def identity(self, path: str) -> object:
        """A value that is equal for equal files (links resolved)."""


class FileSource(Source):
    """The file system."""

    def read(self, path: str) -> str:
        with open(path, "rb") as stream:
            status = os.fstat(stream.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise OSError(f"'{path}' is not a regular file")
            data = stream.read(LARGEST_FILE + 1)
        if len(data) > LARGEST_FILE:
            raise OSError(f"'{path}' is larger than {LARGEST_FILE} bytes")
        return data.decode("utf-8", "surrogateescape")

    def expand(self, pattern: str) -> tuple[str, ...]:
        if not MAGIC & set(pattern):
            if not os.path.isdir(pattern):
                os.stat(pattern)
                return (pattern,)
            return self._inside(pattern)
        self._readable(pattern)
        found: list[str] = []
        for path in sorted(glob.glob(pattern)):
            found.extend(self._inside(path) if os.path.isdir(path) else (path,))
        return tuple(found)

    @staticmethod
    def _readable(pattern: str) -> None:
        """Raise if the directory that is searched may not be read: glob would find nothing there, in
        silence."""
        plain = itertools.takewhile(lambda part: not MAGIC & set(part), pattern.split("/"))
        directory = "/".join(plain) or "/"
        if os.path.isdir(directory):
            os.scandir(directory).close()

    def _inside(self, directory: str) -> tuple[str, ...]:
        names = sorted(name for name in os.listdir(directory) if not name.startswith("."))
        paths = (os.path.join(directory, name) for name in names)
        return tuple(path for path in paths if os.path.isfile(path))

    def identity(self, path: str) -> object:
        return os.path.realpath(path)


class TextSource(Source):
    """Texts by absolute path, without a file system."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = dict(texts)

    def read(self, path: str) -> str:
        if path not in self._texts:
            raise FileNotFoundError(2, "No such file or directory", path)
        return self._texts[path]

    def expand(self, pattern: str) -> tuple[str, ...]:
        pattern = directory = posixpath.normpath(pattern)
        if pattern in self._texts:
            return (pattern,)
        inside = [path for path in sorted(self._texts) if posixpath.dirname(path) == directory]
        if not MAGIC & set(pattern) and not inside:
            raise FileNotFoundError(2, "No such file or directory", pattern)
        return tuple(inside) or tuple(path for path in sorted(self._texts) if self._matches(path, pattern))

    @staticmethod
    def _matches(path: str, pattern: str) -> bool:
        parts, wanted = path.split("/"), pattern.split("/")
        return len(parts) == len(wanted) and all(map(fnmatch.fnmatchcase, parts, wanted))

    def identity(self, path: str) -> object:
        return path
