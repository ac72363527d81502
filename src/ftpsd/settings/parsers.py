"""Grammars that only one directive has: functions from words to a value of `values.py`."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Sequence

from ftpsd.settings.arguments import (
    NONE_WORDS,
    ArgumentError,
    Boolean,
    Integer,
    NotSupported,
    boolean,
    want,
)
from ftpsd.settings.regexes import Regex
from ftpsd.settings.values import (
    DisplayChdir,
    EnvironmentVariable,
    ForeignAddresses,
    HiddenStores,
    HostPort,
    ListOptions,
    PortRange,
    RootedPath,
    ServerIdent,
    SocketOptions,
    TraceChannel,
    Umask,
    UserAlias,
)


def server_ident(words: Sequence[str]) -> ServerIdent:
    """`off`, `on` or `on "text"`."""
    want(words, 1, 2)
    enabled = boolean(words[0])
    if enabled is None:
        raise ArgumentError("expected Boolean parameter", remedy='Write ServerIdent on "your text".')
    return ServerIdent(enabled, words[1] if enabled and len(words) == 2 else None)


def display_chdir(words: Sequence[str]) -> DisplayChdir:
    """`file [on|off]`: with `on`, not shown again before it has changed."""
    want(words, 1, 2)
    once = boolean(words[1]) if len(words) == 2 else False
    if once is None:
        raise ArgumentError("expected Boolean parameter")
    return DisplayChdir(words[0], once)


def store_unique_prefix(words: Sequence[str]) -> str:
    """What names begin with that STOU chooses."""
    want(words, 1, 1)
    if "/" in words[0]:
        raise ArgumentError(f"no slashes allowed in prefix: '{words[0]}'")
    return words[0]


_TRANSFER_OPTIONS = ("IgnoreASCII", "AllowSymlinkUpload")


def transfer_options(words: Sequence[str]) -> frozenset[str]:
    """TransferOptions' words, in any case."""
    return keywords(words, _TRANSFER_OPTIONS, "TransferOption")


def keywords(words: Sequence[str], known: Sequence[str], what: str) -> frozenset[str]:
    """Some of the words in `known`, in any case; `what` is one of them called in a message."""
    want(words, 1)
    table = {word.lower(): word for word in known}
    for word in words:
        if word.lower() not in table:
            raise ArgumentError(f"unknown {what} '{word}'", remedy=f"It is one of {', '.join(known)}.")
    return frozenset(table[word.lower()] for word in words)


def user_alias(words: Sequence[str]) -> tuple[UserAlias, ...]:
    """`alias user`."""
    want(words, 2, 2)
    return (UserAlias(words[0], words[1]),)


def auth_order(words: Sequence[str]) -> tuple[str, ...]:
    """Module names, one with `*` behind it is authoritative. `mod_auth_file` is made `mod_auth_file.c`."""
    want(words, 1)
    order = []
    for word in words:
        match = re.fullmatch(r"(mod_[a-z0-9_]+?)(?:\.c)?(\*?)", word.lower())
        if match is None:
            raise ArgumentError(
                f"'{word}' is not the name of a module", remedy="Write for example mod_auth_file.c."
            )
        name = f"{match[1]}.c"
        if name not in AUTH_MODULES:
            raise NotSupported(
                f"authentication by {name}",
                remedy=f"It can be one or more of {', '.join(sorted(AUTH_MODULES))}.",
            )
        order.append(name + match[2])
    return tuple(order)


AUTH_MODULES = frozenset({
    "mod_auth_file.c", "mod_auth_pam.c", "mod_auth_otp.c", "mod_auth_unix.c", "mod_ldap.c", "mod_sql.c",
})


def rooted_path(words: Sequence[str]) -> tuple[RootedPath, ...]:
    """`path [group-expression …]`: path absolute or with `~`; groups by commas or blanks, all must hold, `!` denies."""
    want(words, 1)
    path = words[0]
    if not path.startswith(("/", "~")):
        raise ArgumentError("parameter must be an absolute path or start with '~'")
    groups = tuple(name.strip() for word in words[1:] for name in word.split(","))
    if any(name in ("", "!") for name in groups):
        raise ArgumentError(
            f"badly formatted group expression '{' '.join(words[1:])}'", remedy="Write group1,!group2."
        )
    return (RootedPath(path, groups),)


def chdir_path(words: Sequence[str]) -> tuple[RootedPath, ...]:
    """As `rooted_path`; a path without `/` or `~` is taken from the home directory."""
    want(words, 1)
    first = words[0] if words[0].startswith(("/", "~")) else f"~/{words[0]}"
    return rooted_path([first, *words[1:]])


def command_filter(words: Sequence[str]) -> Regex | None:
    """A regular expression (`none`: no filter), optionally followed by `[NC]`: case does not matter."""
    want(words, 1, 2)
    if len(words) == 1 and words[0].lower() == "none":
        return None
    flags = words[1].upper() if len(words) == 2 else ""
    if flags not in ("", "[NC]", "[NOCASE]"):
        raise ArgumentError(f"unknown flag '{words[1]}'", remedy="The only flag is [NC].")
    return Regex(words[0], ignore_case=bool(flags))


def _octal(word: str) -> int:
    """As umask(2) takes it: the bits of set-user-ID, set-group-ID and the sticky one mean nothing."""
    if not re.fullmatch("0*[0-7]{1,4}", word):
        raise ArgumentError(f"'{word}' is not a valid umask", remedy="Write octal digits, for example 022.")
    return int(word, 8) & 0o777


def umask(words: Sequence[str]) -> Umask:
    """`files [directories]`, octal; without the second number only files are spoken of."""
    want(words, 1, 2)
    return Umask(_octal(words[0]), _octal(words[1]) if len(words) == 2 else None)


def port_range(words: Sequence[str]) -> PortRange:
    """`low high`, 1024 to 65535."""
    want(words, 2, 2)
    for word, which in zip(words, ("min", "max"), strict=True):
        if not re.fullmatch("[0-9]{1,5}", word) or not 0 < int(word) <= 65535:
            raise ArgumentError(f"{which} port must be allowable port number", remedy="Ports are 1024 to"
            " 65535.")
    low, high = int(words[0]), int(words[1])
    if low < 1024 or high < 1024:
        raise ArgumentError("port numbers must be above 1023", remedy="Low ports belong to the system.")
    if low > high:
        raise ArgumentError("min port must be less than max port")
    return PortRange(low, high)


def allow_foreign_address(words: Sequence[str]) -> ForeignAddresses:
    """`on`, `off`, or the name of a class."""
    want(words, 1, 1)
    value = boolean(words[0])
    if value is not None:
        return ForeignAddresses(value)
    if not words[0]:
        raise ArgumentError("the name of the class is missing", remedy="Write on, off or the name of a <Class>.")
    return ForeignAddresses(True, words[0])


def hidden_stores(words: Sequence[str]) -> HiddenStores | None:
    """`on`, `off`, or `prefix [suffix]`."""
    want(words, 1, 2)
    value = boolean(words[0])
    if value is not None:
        want(words, 1, 1)
        return HiddenStores() if value else None
    for word in words:
        if "/" in word or len(word) > 64:
            raise ArgumentError(f"'{word}' cannot be part of a file name")
    return HiddenStores(words[0], words[1] if len(words) == 2 else ".")


_LIST_FLAGS = {
    "strict": ("strict", True),
    "listonly": ("list_only", True),
    "nlstonly": ("nlst_only", True),
    "noerrorifabsent": ("error_if_absent", False),
}
# Targets of links are shown as they are written, and every listing is sorted: nothing to switch.
_LIST_WITHOUT_EFFECT = frozenset({"noadjustedsymlinks", "sortednlst"})
_LIST_BOUNDS = {"maxfiles": "max_files", "maxdirs": "max_dirs", "maxdepth": "max_depth"}
_UNITS = {"b": 1, "kb": 2**10, "mb": 2**20, "gb": 2**30, "tb": 2**40}


def size(words: Sequence[str]) -> int | None:
    """`number [B|KB|MB|GB|TB]`, in bytes; 0 is None."""
    want(words, 1, 2)
    unit = _UNITS.get(words[1].lower()) if len(words) == 2 else 1
    if unit is None:
        raise ArgumentError(f"badly formatted size value: {words[0]}{words[1]}", remedy="A number and B, KB, MB or GB.")
    return Integer(0, 2**40).parse(words[:1]) * unit or None


def command_buffer(words: Sequence[str]) -> int:
    """As `size`, from 64 bytes to 64 KiB."""
    number = size(words) or 0
    if not 64 <= number <= 65536:
        raise ArgumentError("value must be between 64 and 65536 bytes")
    return number


def wtmp_log(words: Sequence[str]) -> bool:
    """`on`, `off`; `none` is off."""
    return [word.lower() for word in words] != ["none"] and Boolean("on|off|none").parse(words)


def use_sendfile(words: Sequence[str]) -> bool:
    """`on`, `off`, or how much at once, which counts as on unless it is nothing: `512 KB`, `50%`."""
    if len(words) == 2:
        return size(words) is not None
    percentage = re.fullmatch(r"([0-9]{1,18})%", " ".join(words))
    if percentage is None:
        return Boolean().parse(words)
    if int(percentage[1]) > 100:
        raise ArgumentError(f"'{words[0]}' is more than all", remedy="Write on.")
    return int(percentage[1]) > 0


def list_options(words: Sequence[str]) -> ListOptions:
    """`"-options" [strict] [maxfiles N] [maxdirs N] [maxdepth N] [LISTOnly] [NLSTOnly] …`."""
    want(words, 1)
    changes: dict[str, bool | int] = {}
    rest = list(words[1:])
    while rest:
        word = rest.pop(0)
        key = word.lower()
        if key in _LIST_FLAGS:
            name, value = _LIST_FLAGS[key]
            changes[name] = value
        elif key in _LIST_BOUNDS:
            if not rest:
                raise ArgumentError(f"{word}: missing number")
            changes[_LIST_BOUNDS[key]] = Integer(0, 2**31 - 1).parse([rest.pop(0)])
        elif key not in _LIST_WITHOUT_EFFECT:
            raise ArgumentError(f"unknown keyword: '{word}'")
    options = "" if words[0].lower() == "none" else words[0]
    if options and not re.fullmatch(r"[-+][-+ A-Za-z0-9]*", options):
        raise ArgumentError(f"bad options '{options}'", remedy='Write for example ListOptions "-a".')
    return ListOptions(options=options, **changes)  # type: ignore[arg-type]


_SOCKET_NUMBERS = {"rcvbuf": "receive_buffer", "sndbuf": "send_buffer", "maxseg": "max_segment"}


def _keep_alive(value: str) -> dict[str, bool | int]:
    switch = boolean(value)
    if switch is not None:
        return {"keep_alive": switch}
    parts = value.split(":")
    if len(parts) != 3:
        raise ArgumentError(
            f"badly formatted TCP keepalive '{value}'", remedy="Write on, off or idle:count:interval."
        )
    names = ("keep_alive_idle", "keep_alive_count", "keep_alive_interval")
    return {"keep_alive": True} | {
        name: Integer(1, 32767).parse([part]) for name, part in zip(names, parts, strict=True)
    }


def socket_options(words: Sequence[str]) -> SocketOptions:
    """`rcvbuf N`, `sndbuf N`, `maxseg N`, `keepalive on|off|idle:count:interval`, `reuseport on|off`, in any order."""
    want(words, 2)
    if len(words) % 2:
        raise ArgumentError("wrong number of parameters", remedy="Every keyword has one value.")
    changes: dict[str, bool | int] = {}
    for keyword, value in zip(words[::2], words[1::2], strict=True):
        if keyword.lower() in _SOCKET_NUMBERS:
            changes[_SOCKET_NUMBERS[keyword.lower()]] = Integer(1, 2**30).parse([value])
        elif keyword.lower() == "keepalive":
            changes |= _keep_alive(value)
        elif keyword.lower() == "reuseport":
            switch = boolean(value)
            if switch is None:
                raise ArgumentError("reuseport must have Boolean parameter", remedy="Write reuseport on or off.")
            changes["reuse_port"] = switch
        else:
            raise ArgumentError(f"unknown keyword: '{keyword}'")
    return SocketOptions(**changes)  # type: ignore[arg-type]


def trace(words: Sequence[str]) -> tuple[TraceChannel, ...]:
    """`channel:level` or `channel:low-high` words, `session` before them; level 0 is no message of the channel."""
    if words and words[0].lower() == "session":
        words = words[1:]
    want(words, 1)
    channels = []
    for word in words:
        match = re.fullmatch(r"([A-Za-z0-9_.]+):([0-9]{1,2})(?:-([0-9]{1,2}))?", word)
        if match is None:
            raise ArgumentError(
                f"badly formatted parameter: '{word}'", remedy="Write channel:level, e.g. tls:20."
            )
        low, high = (int(match[2]), int(match[3])) if match[3] else (min(1, int(match[2])), int(match[2]))
        if low > high:
            raise ArgumentError(f"badly formatted level: '{word}'")
        name = match[1].upper() if match[1].upper() == "DEFAULT" else match[1].lower()
        channels.append(TraceChannel(name, low, high))
    return tuple(channels)


def switches(
    what: str, options: tuple[str, ...], default: Sequence[str],
) -> Callable[[Sequence[str]], frozenset[str]]:
    """A grammar of `+option` and `-option` words that change the `default` ones."""
    known = {option.lower(): option for option in options}

    def parse(words: Sequence[str]) -> frozenset[str]:
        want(words, 1)
        chosen = set(default)
        for word in words:
            option = known.get(word.lstrip("+-").lower())
            if option is None:
                raise ArgumentError(f"unknown {what} '{word}'", remedy=f"It is one of {', '.join(options)}.")
            if word.startswith("-"):
                chosen.discard(option)
            else:
                chosen.add(option)
        return frozenset(chosen)

    return parse


def metrics_address(words: Sequence[str]) -> HostPort | None:
    """`address:port` (IPv6 in brackets), or `none`."""
    want(words, 1, 1)
    if words[0].lower() in NONE_WORDS:
        return None
    host, colon, port = words[0].rpartition(":")
    bare = host[1:-1] if host.startswith("[") and host.endswith("]") else host
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        address = None
    if not colon or address is None or (address.version == 6) is (bare == host):
        raise ArgumentError(
            f"'{words[0]}' is not an address and a port", remedy="Write 127.0.0.1:9810 or [::1]:9810.")
    return HostPort(str(address), Integer(1, 65535).parse([port]))


def set_env(words: Sequence[str]) -> tuple[EnvironmentVariable, ...]:
    """`name value`."""
    want(words, 2, 2)
    return (EnvironmentVariable(environment_name(words[0]), words[1]),)


def unset_env(words: Sequence[str]) -> tuple[str, ...]:
    """`name`."""
    want(words, 1, 1)
    return (environment_name(words[0]),)


def environment_name(word: str) -> str:
    """`word` when an environment variable can have that name."""
    if not word or "=" in word or "\0" in word:
        raise ArgumentError(f"'{word}' is not the name of an environment variable")
    return word


def workers(words: Sequence[str]) -> int:
    """`auto` (0: one for each CPU core) or a number."""
    want(words, 1, 1)
    return 0 if words[0].lower() == "auto" else Integer(1, 1024).parse(words)
