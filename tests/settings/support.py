"""Configurations from text, without files and without a resolver."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pytest

from ftpsd.config import TextSource
from ftpsd.errors import ConfigError
from ftpsd.session.places import places_of
from ftpsd.settings import Configuration, Host, load
from ftpsd.settings.model import Settings

MAIN = "/etc/main.conf"
HOSTS = {"ftp.example.org": ("192.0.2.7", "2001:db8::7"), "localhost": ("127.0.0.1",)}


def configuration(
    text: str,
    *,
    defines: Iterable[str] = (),
    env: Mapping[str, str] | None = None,
    listen: str | None = None,
    files: Mapping[str, str] | None = None,
) -> Configuration:
    """What `text` says; names resolve as in `HOSTS`."""
    source = TextSource({MAIN: text, **(files or {})})
    return load(
        MAIN,
        defines=set(defines),
        env=env or {},
        listen=listen,
        source=source,
        resolve=lambda name: HOSTS.get(name.lower(), ()),
    )


def in_directory(settings: Settings, path: str, *, home: str = "/", root: str = "/") -> Settings:
    """What is in force at the real path `path` for a login with `settings`; no link is on the way."""
    return places_of(
        settings, home=home, root=root, user="", home_of=lambda name: None, real_path=lambda path: path).at(path)


def main_host(text: str) -> Host:
    return configuration(text).hosts[0]


def failure(text: str) -> str:
    """The error that `text` stops the start with."""
    with pytest.raises(ConfigError) as caught:
        configuration(text)
    return str(caught.value)
