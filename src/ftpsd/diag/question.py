"""The question of `ftpsd check --policy`: `user alice from 10.1.2.3 tls=no STOR /in/x`."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from ftpsd.errors import FtpsdError
from ftpsd.settings.addresses import is_ip

SYNTAX = "user NAME [from ADDRESS] [name=HOSTNAME] [tls=yes|no] [data=yes|no] [host=NAME|ADDRESS[:PORT]] [in DIR] "
"[COMMAND …]"
_SWITCHES = {"yes": True, "on": True, "no": False, "off": False}
_WORDS = frozenset({"user", "from", "in"})
_PORT = 21


class BadQuestion(FtpsdError):
    """The question cannot be understood; `str()` says why."""


@dataclass(frozen=True, slots=True)
class Question:
    """Who asks from where, how the connection is protected, and for what. `data` None: as `tls` says."""

    user: str
    address: str = "127.0.0.1"
    name: str | None = None
    tls: bool = True
    private: bool | None = None
    host: str | None = None
    directory: str | None = None
    command: str = ""

    @property
    def data(self) -> bool:
        """Whether the client asks for protected data connections."""
        return self.tls if self.private is None else self.private

    @property
    def endpoint(self) -> tuple[str, int]:
        """`host` as address and port; ("", 0) when it is neither."""
        text = self.host or ""
        address, _, port = text.rpartition(":") if text.count(":") == 1 or "]" in text else (text, "", "")
        try:
            found = str(ipaddress.ip_address((address or text).strip("[]")))
        except ValueError:
            return "", 0
        return found, int(port) if port.isdigit() else _PORT


def understand(text: str) -> Question:
    """The question that `text` asks; raises `BadQuestion`."""
    words, fields = text.split(), dict[str, object]()
    while words:
        word = words[0]
        key, equals, value = word.partition("=")
        if word.lower() in _WORDS and len(words) > 1:
            fields[{"user": "user", "from": "address", "in": "directory"}[word.lower()]] = words[1]
            words = words[2:]
        elif equals and key.lower() in ("tls", "data", "name", "host"):
            fields.update(_setting(key.lower(), value))
            words = words[1:]
        else:
            break
    if "user" not in fields:
        raise BadQuestion(f"who asks? {SYNTAX}")
    fields["command"] = text[_start(text, len(text.split()) - len(words)):] if words else ""
    _check_address(str(fields.get("address", "127.0.0.1")))
    return Question(**fields)  # type: ignore[arg-type]


def _setting(key: str, value: str) -> dict[str, object]:
    if key in ("name", "host"):
        return {key: value}
    if value.lower() not in _SWITCHES:
        raise BadQuestion(f"{key}={value}: write {key}=yes or {key}=no")
    return {"private" if key == "data" else key: _SWITCHES[value.lower()]}


def _start(text: str, words: int) -> int:
    """Where the word number `words` begins: the blanks in a command's argument are its own."""
    at = 0
    for _ in range(words):
        at += len(text[at:]) - len(text[at:].lstrip())
        at += len(text[at:].split(maxsplit=1)[0])
    return at + len(text[at:]) - len(text[at:].lstrip())


def _check_address(text: str) -> None:
    if not is_ip(text):
        raise BadQuestion(f"from {text}: that is no IP address (a name goes into name=HOSTNAME)")
