"""The languages that a host has: catalogs read at start from LangPath."""

from __future__ import annotations

import gettext
import os
from collections.abc import Mapping
from pathlib import Path

from ftpsd.errors import ConfigError
from ftpsd.ftp.catalog import Catalog, catalog
from ftpsd.settings.model import Host

OWN = "en-US"
"""The language in which replies are written."""
_FILES = ("ftpsd.mo", "proftpd.mo")


def load(host: Host) -> Mapping[str, Catalog]:
    """The catalogs below LangPath by their tags. Raises `ConfigError` where they cannot be read."""
    settings = host.settings.lang
    if settings.path is None or not settings.engine:
        return {}
    try:
        return dict(_catalogs(settings.path, settings.encoding.local))
    except (OSError, ValueError, UnicodeError, KeyError, IndexError) as error:
        raise ConfigError(
            f"unable to use '{settings.path}': {getattr(error, 'strerror', None) or error}",
            location=host.origin("lang", "path"), directive="LangPath",
            remedy="Name a directory of LANGUAGE/LC_MESSAGES/*.mo, as msgfmt makes them.",
        ) from None


def _catalogs(directory: str, charset: str) -> list[tuple[str, Catalog]]:
    found = []
    for name in sorted(os.listdir(directory)):
        file = next((path for last in _FILES if (path := Path(directory, name, "LC_MESSAGES", last)).is_file()), None)
        tag = name.partition(".")[0].replace("_", "-")
        if file is not None and tag.lower() != OWN.lower():
            found.append((tag, _read(tag, file, charset)))
    return found


def _read(tag: str, file: Path, charset: str) -> Catalog:
    with file.open("rb") as opened:
        texts = vars(gettext.GNUTranslations(opened))["_catalog"]
    said = {text: _as_on_disk(found, charset) for text, found in texts.items() if isinstance(text, str)}
    return catalog(tag, {text: found for text, found in said.items() if found is not None})


def _as_on_disk(text: str, charset: str) -> str | None:
    """A session's text is the bytes of the disk, and so is a translation beside its names (UseEncoding).

    None: it cannot be written in that character set, and the reply stays English.
    """
    try:
        return text.encode(charset).decode("utf-8", "surrogateescape")
    except UnicodeError:
        return None


def tag_of(language: Catalog | None) -> str:
    """The name of a session's language."""
    return OWN if language is None else language.tag


def feat_line(language: Catalog | None, catalogs: Mapping[str, Catalog]) -> str:
    """FEAT's line: all languages, a star behind the one in use (RFC 2640 section 4.2)."""
    present = tag_of(language)
    return "LANG " + ";".join(tag + ("*" if tag == present else "") for tag in sorted([OWN, *catalogs]))


def choose(wanted: str | None, catalogs: Mapping[str, Catalog]) -> tuple[bool, Catalog | None]:
    """(whether there is the language with that tag or first part of a tag, such as `fr`; its catalog).

    Our own language has no catalog; it is what None asks for.
    """
    if wanted is None:
        return True, None
    tag = wanted.replace("_", "-").lower()
    if tag in (OWN.lower(), OWN.lower().partition("-")[0]):
        return True, None
    for name, found in catalogs.items():
        if tag in (name.lower(), name.lower().partition("-")[0]):
            return True, found
    return False, None
