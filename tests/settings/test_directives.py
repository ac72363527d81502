"""Every directive: declaration complete, default usable, examples behave."""

from __future__ import annotations

import dataclasses
import typing

import pytest

from ftpsd.config import Directive, TextSource, parse
from ftpsd.errors import ConfigError
from ftpsd.settings import DIRECTIVES, MODULES, Settings, undone
from ftpsd.settings.declaration import METADATA_KEY, Context, Declaration, Status
from ftpsd.settings.model import NOT_GROUPS
from tests.settings.support import configuration, failure

ALL = list(DIRECTIVES.values())
VALUED = [entry for entry in ALL if entry.field]
PARSED = [entry for entry in ALL if entry.status in (Status.SUPPORTED, Status.NO_EFFECT)]
STOPPING = [entry for entry in ALL if entry not in PARSED]

_AROUND = {
    Context.SERVER: ("", ""),
    Context.VHOST: ("<VirtualHost 127.0.0.1>\n", "\n</VirtualHost>"),
    Context.GLOBAL: ("<Global>\n", "\n</Global>"),
    Context.ANONYMOUS: ("<Anonymous ~ftp>\n", "\n</Anonymous>"),
    Context.DIRECTORY: ("<Directory /srv>\n", "\n</Directory>"),
    Context.CONDITIONAL: ("<IfUser bob>\n", "\n</IfUser>"),
    Context.CLASS: ("<Class c>\n", "\n</Class>"),
    Context.LIMIT: ("<Limit ALL>\n", "\n</Limit>"),
}


def names(entries: list[Declaration]) -> list[str]:
    return [entry.name for entry in entries]


def in_context(line: str, context: Context) -> str:
    before, after = _AROUND[context]
    return before + line + after


def line_of(context: Context) -> int:
    return 1 + _AROUND[context][0].count("\n")


def beside(entry: Declaration) -> str:
    """What the directive needs in the same host."""
    needed = {"SQLConnectInfo": ("SQLBackend", "SQLAuthTypes")}.get(entry.name, entry.needs)
    return "".join(f"{name} {DIRECTIVES[name.lower()].good[0]}\n" for name in needed)


def elsewhere(entry: Declaration) -> str:
    """What it needs in server config."""
    if entry.group != "redis_logs":
        return ""
    at = 0 if entry.field == "extras" else 1
    named = {word for text in entry.good for word in text.split()[at:at + 1]}
    formats = "".join(f'LogFormat {name} "%m"\n' for name in sorted(named))
    return f"\nRedisEngine on\nRedisServer 127.0.0.1\n{formats}"


@pytest.mark.parametrize("entry", PARSED, ids=names(PARSED))
def test_declarations_are_complete(entry: Declaration) -> None:
    assert entry.doc.endswith("."), "documentation is a sentence"
    assert entry.good
    assert entry.bad
    assert entry.argument.syntax or "" in entry.good
    assert entry.contexts
    assert bool(entry.reason) is (entry.status is Status.NO_EFFECT)


@pytest.mark.parametrize("entry", STOPPING, ids=names(STOPPING))
def test_what_cannot_be_done_stops_the_start(entry: Declaration) -> None:
    message = failure(f"\n{entry.name} some words")
    assert message.startswith(f"fatal: {entry.name}: {entry.status.value} on line 2 of '/etc/main.conf'\n  ")
    if entry.status is Status.RENAMED:
        assert f"Write {entry.reason} instead" in message
        assert entry.reason.lower() in DIRECTIVES


@pytest.mark.parametrize("entry", PARSED, ids=names(PARSED))
def test_good_examples_parse_in_every_context(entry: Declaration) -> None:
    contexts = [context for context in _AROUND if context in entry.contexts]
    assert contexts
    for example in entry.good:
        for context in contexts:
            configuration(in_context(f"{beside(entry)}{entry.name.upper()} {example}", context) + elsewhere(entry))


@pytest.mark.parametrize("entry", PARSED, ids=names(PARSED))
def test_bad_examples_fail_with_their_place(entry: Declaration) -> None:
    context = next(context for context in _AROUND if context in entry.contexts)
    for example in entry.bad:
        message = failure(in_context(f"{entry.name} {example}", context))
        assert message.startswith(f"fatal: {entry.name}: "), example
        assert f" on line {line_of(context)} of '/etc/main.conf'" in message


@pytest.mark.parametrize("entry", PARSED, ids=names(PARSED))
def test_other_contexts_are_refused(entry: Declaration) -> None:
    for context in _AROUND:
        if context in entry.contexts or (context is Context.CONDITIONAL and Context.BY_CLASS in entry.contexts):
            continue  # in <IfUser> it is without effect, see test_by_class
        message = failure(in_context(f"{entry.name} {entry.good[0]}", context))
        assert f"fatal: {entry.name}: directive not allowed in " in message
        assert f"context on line {line_of(context)} of" in message


@pytest.mark.parametrize("entry", VALUED, ids=names(VALUED))
def test_values_have_the_type_of_their_field(entry: Declaration) -> None:
    group = getattr(Settings(), entry.group)
    hint = typing.get_type_hints(type(group))[entry.field]
    assert getattr(group, entry.field) == entry.default
    for example in entry.good:
        words = _words(f"{entry.name} {example}")
        assert _fits(entry.argument.parse(words), hint), (example, hint)
    assert _fits(entry.default, hint)


def _words(line: str) -> tuple[str, ...]:
    tree = parse("/x", TextSource({"/x": line}), environment={}, has_module=lambda name: False)
    node = tree.nodes[0]
    assert isinstance(node, Directive)
    return node.words


def _fits(value: object, hint: object) -> bool:
    arguments = typing.get_args(hint)
    origin = typing.get_origin(hint)
    if origin is typing.Literal:
        return value in arguments
    if origin is tuple and isinstance(value, tuple) and len(arguments) == 2 and arguments[1] is Ellipsis:
        return all(_fits(item, arguments[0]) for item in value)
    if origin is frozenset and isinstance(value, frozenset):
        return all(_fits(item, arguments[0]) for item in value)
    if arguments and origin not in (tuple, frozenset):
        if isinstance(origin, type) and origin.__module__ == "re":
            return isinstance(value, origin)
        return any(_fits(value, argument) for argument in arguments)
    return isinstance(hint, type) and type(value) is hint


def test_every_field_is_a_directive_and_every_section_is_frozen() -> None:
    for group in dataclasses.fields(Settings):
        value = getattr(Settings(), group.name)
        if group.name in NOT_GROUPS:
            continue
        assert not hasattr(value, "__dict__")
        for field in dataclasses.fields(value):
            entry = field.metadata[METADATA_KEY]
            assert DIRECTIVES[entry.key].field == field.name
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(value, dataclasses.fields(value)[0].name, None)


def test_all_of_mod_tls_is_known() -> None:
    known = {entry.name for entry in ALL if entry.module == "mod_tls"}
    assert len(known) >= 44
    assert {
        "TLSEngine",
        "TLSStaplingCache",
        "TLSVerifyServer",
        "TLSPreSharedKey",
        "TLSServerInfoFile",
    } <= known


def test_names_are_unique_in_any_case() -> None:
    assert len({entry.key for entry in undone.DECLARATIONS}) == len(undone.DECLARATIONS)
    assert all(module.startswith("mod_") and module.endswith(".c") for module in MODULES)
    assert {"mod_core.c", "mod_tls.c", "mod_ifsession.c", "mod_dso.c"} <= set(MODULES)
    assert "mod_ftpsd.c" not in MODULES


@pytest.mark.parametrize(
    ("text", "message", "remedy"),
    [
        (
            "ServerNam x",
            "fatal: unknown configuration directive 'ServerNam' on line 1",
            "Did you mean ServerName?",
        ),
        (
            "MultilineRFC2228on",
            "unknown configuration directive 'MultilineRFC2228on'",
            "Did you mean MultilineRFC2228?",
        ),
        ("<Foo>\n</Foo>", "unknown configuration directive '<Foo>' on line 1", ""),
        ("<VirtualHots a>\n</VirtualHots>", "directive '<VirtualHots>'", "Did you mean <VirtualHost>?"),
        ("<Limit>\nDenyAll\n</Limit>", "fatal: <Limit>: wrong number of parameters on line 1", ""),
        ("<Limit ,>\nDenyAll\n</Limit>", "fatal: <Limit>: directive requires one or more commands on line 1", ""),
        ("<Limit ALL>\n<Limit ALL>\n</Limit>\n</Limit>", "<Limit>: directive not allowed in <Limit> context", ""),
        ("<Limit ALL>\nUmask 022\n</Limit>", "Umask: directive not allowed in <Limit> context on line 2", ""),
        ("<IfVersion x>\n</IfVersion>", "unknown configuration directive '<IfVersion>'", "belongs to mod_ifversion,"),
        ("ShaperEngine on", "unknown configuration directive 'ShaperEngine'", "belongs to mod_shaper,"),
        ("GeoIPEngine on", "unknown configuration directive 'GeoIPEngine'", "<IfModule mod_geoip.c>"),
        ("RadiusLog /x", "unknown configuration directive 'RadiusLog'", "belongs to mod_radius,"),
        ("RadiusEngine on", "unknown configuration directive 'RadiusEngine'", "belongs to mod_radius,"),
        ("Ratios on", "unknown configuration directive 'Ratios'", "belongs to mod_ratio,"),
        ("Port abc", "fatal: Port: 'abc' is not a valid number", "Its form is: Port port"),
        ("PassivePorts 50000", "fatal: PassivePorts: missing parameters", "Its form is: PassivePorts low high"),
        ("<Limit>\n</Limit>", "fatal: <Limit>: wrong number of parameters", "`ftpsd help Limit` shows its form."),
        ("SQLHomedirOnDemand on", "unknown configuration directive", "Take the line out; `ftpsd help` lists"),
        ("RewriteHom on", "unknown configuration directive 'RewriteHom'", "Did you mean RewriteHome?"),
    ],
)
def test_unknown_words(text: str, message: str, remedy: str) -> None:
    found = failure(text)
    assert message in found
    assert remedy in found


def test_config_error_has_its_parts() -> None:
    with pytest.raises(ConfigError) as caught:
        configuration("\n\nTLSRequired mayhap\n")
    error = caught.value
    assert (error.directive, error.text) == ("TLSRequired", "bad parameter")
    assert str(error).splitlines()[0] == "fatal: TLSRequired: bad parameter on line 3 of '/etc/main.conf'"
    assert error.remedy is not None
