"""One virtual host that is looked at, and what was found about it."""

from __future__ import annotations

from typing import Any

from ftpsd.diag.finding import Finding, Severity
from ftpsd.diag.machine import Machine
from ftpsd.errors import ConfigError, Location
from ftpsd.reasons.codes import Code
from ftpsd.settings.addresses import described
from ftpsd.settings.declaration import Declaration
from ftpsd.settings.ldap_values import LDAPServer
from ftpsd.settings.model import Configuration, Host, Settings
from ftpsd.settings.registry import DIRECTIVES
from ftpsd.settings.remote import Address


class Subject:
    """A host of a configuration on a machine. The looks add to `found` and `facts`."""

    def __init__(self, configuration: Configuration, host: Host, machine: Machine) -> None:
        self.configuration = configuration
        self.host = host
        self.machine = machine
        self.found: list[Finding] = []
        self.facts: dict[str, list[str]] = {}
        """Lines about how things are, by theme."""

    @property
    def settings(self) -> Settings:
        return self.host.settings

    @property
    def name(self) -> str:
        return described(self.host)

    def where(self, directive: str) -> Location | None:
        """The line of a directive, or where the host begins."""
        declaration = _declaration(directive)
        return self.host.origin(declaration.group, declaration.field) or self.host.location

    def value(self, directive: str) -> Any:
        """What is in force for this host; None where the directive has no value."""
        declaration = _declaration(directive)
        if not declaration.field:
            return None
        return getattr(getattr(self.settings, declaration.group), declaration.field)

    def says(self, directive: str) -> bool:
        """Whether the configuration has the directive for this host."""
        declaration = _declaration(directive)
        return bool(declaration.field) and self.host.origin(declaration.group, declaration.field) is not None

    def fact(self, theme: str, *lines: str) -> None:
        self.facts.setdefault(theme, []).extend(lines)

    def silence(self, server: Address | LDAPServer, theme: str, said: str) -> str:
        """Why `server` cannot be reached; "": it can. That goes to the facts, behind what is `said` of it."""
        silent = self.machine.unreachable(server.host, server.port, server.path)
        self.fact(theme, f"{said}, {silent}" if silent else said)
        return silent

    def note(self, code: Code, text: str, remedy: str = "", **place: Any) -> None:
        self._add(Severity.NOTE, code, text, remedy, **place)

    def cannot_look(self, path: str, *, of: str) -> None:
        """The file `path`, which the directive names, is not for whoever runs the check."""
        self.note(
            Code.CANNOT_LOOK, f"'{path}' may only be read by others: it was not looked at", "Run the check as root.",
            of=of)

    def warn(self, code: Code, text: str, remedy: str = "", **place: Any) -> None:
        self._add(Severity.WARNING, code, text, remedy, **place)

    def error(self, code: Code, text: str, remedy: str = "", **place: Any) -> None:
        self._add(Severity.ERROR, code, text, remedy, **place)

    def config_error(self, code: Code, error: ConfigError, remedy: str = "") -> None:
        """An error that would stop the start; `remedy` where it has none itself."""
        location = error.location or (self.where(error.directive) if error.directive else self.host.location)
        self._add(
            Severity.ERROR, code, error.text, error.remedy or remedy, of=error.directive or "", at=location)

    def _add(
        self, severity: Severity, code: Code, text: str, remedy: str, *, of: str = "", at: Location | None = None,
    ) -> None:
        """`of` is the directive that it concerns, `at` the line where it is not the directive's."""
        location = at or (self.where(of) if of else self.host.location)
        finding = Finding(severity, code, text, remedy, location, of, self.name)
        if finding not in self.found:
            self.found.append(finding)


def _declaration(directive: str) -> Declaration:
    return DIRECTIVES[directive.lower()]
