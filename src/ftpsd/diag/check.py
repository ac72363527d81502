"""`ftpsd check`: everything that can be told of a configuration without starting a server."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from ftpsd.diag.finding import Finding, Severity
from ftpsd.diag.looks import (
    accounts,
    authorities,
    caches,
    certificates,
    controls,
    databases,
    directives,
    logs,
    needs,
    network,
    requirement,
    sessions,
    stapling,
    starting,
    suites,
)
from ftpsd.diag.machine import Machine
from ftpsd.diag.reading import Reading, read
from ftpsd.diag.subject import Subject
from ftpsd.errors import ConfigError
from ftpsd.reasons.codes import Code
from ftpsd.tls import contexts
from ftpsd.tls.cache.opening import REMOTE_KINDS
from ftpsd.tls.certificates import KEY_KINDS


@dataclass(frozen=True, slots=True)
class HostReport:
    """A virtual host: how things are (lines by theme), and what was found."""

    name: str
    facts: dict[str, list[str]]
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """What a check brought to light. `findings` concern the configuration as a whole."""

    path: str
    findings: tuple[Finding, ...]
    hosts: tuple[HostReport, ...] = field(default=())

    def all(self) -> tuple[Finding, ...]:
        """Every finding, each once."""
        found = (*self.findings, *(each for host in self.hosts for each in host.findings))
        return tuple(dict.fromkeys(found))

    @property
    def status(self) -> int:
        """The exit status: 0 good, 1 warnings, 2 errors."""
        return max((finding.severity for finding in self.all()), default=Severity.NOTE).value


def check(path: str, *, defines: Collection[str] = (), machine: Machine | None = None) -> Report:
    """Reads the configuration file `path` and looks at everything that it names."""
    machine = machine or Machine()
    reading = read(path, defines=defines, resolve=machine.resolve)
    found = _in_order(directives.look(reading))
    if reading.configuration is None:
        return Report(path, found)
    return Report(path, found, tuple(_hosts(reading, machine)))


def _hosts(reading: Reading, machine: Machine) -> list[HostReport]:
    configuration = reading.configuration
    assert configuration is not None
    subjects = [Subject(configuration, host, machine) for host in configuration.every_host]
    for subject in subjects:
        _look(subject)
    own = len(configuration.hosts)
    return [
        HostReport(subject.name if number < own else f"{subject.name}, as <IfClass> makes it", subject.facts,
                   _in_order(found))
        for number, (subject, found) in enumerate(zip(subjects, _once(subjects, own), strict=True))
        if number < own or found
    ]


def _once(subjects: Sequence[Subject], own: int) -> list[list[Finding]]:
    """What was found, each thing with the first host of which it is true: what <Global> says, or what is missing
    everywhere, is not to be said for every host again."""
    same: dict[Finding, list[tuple[int, Finding]]] = {}
    for number, subject in enumerate(subjects):
        for found in subject.found:
            missing = found.location == subject.host.location
            place = None if missing else found.location
            same.setdefault(dataclasses.replace(found, host="", location=place), []).append((number, found))
    every: list[list[Finding]] = [[] for _ in subjects]
    for (number, first), *rest in same.values():
        also = tuple(dict.fromkeys(
            subjects[other].name for other, _ in rest
            if other != number and (other < own or subjects[other].name != subjects[number].name)))
        every[number].append(dataclasses.replace(first, also=also))
    return every


def _look(subject: Subject) -> None:
    requirement.look(subject)
    if subject.settings.tls.engine:
        kinds = certificates.look(subject)
        authorities.look(subject)
        suites.look(subject, kinds)
        sessions.look(subject)
        stapling.look(subject)
        caches.look(subject)
        _rest(subject)
    starting.look(subject)
    controls.look(subject)
    network.look(subject)
    logs.look(subject)
    accounts.look(subject)
    databases.look(subject)
    needs.look(subject)


def _rest(subject: Subject) -> None:
    """What the start itself would say, and no look has said: the last word is the server's own code's. Where it would
    have to ask somebody for a passphrase or PIN, it has its say without certificates."""
    if any(found.code is Code.CANNOT_LOOK or found.severity is Severity.ERROR for found in subject.found):
        return
    cache, settings = subject.configuration.hosts[0].settings.tls.session_cache, subject.settings
    if cache.kind in (*REMOTE_KINDS, "shm"):  # `caches` has looked at those, and at the pool; nothing is made here
        cache = dataclasses.replace(cache, kind="internal")
    tls = dataclasses.replace(settings.tls, ticket_pool=None)
    if _has_secrets(subject):
        tls = dataclasses.replace(
            tls, rsa_certificate_file=None, ec_certificate_file=None, dsa_certificate_file=None, pkcs12_file=None)
    alone = dataclasses.replace(settings, tls=tls)
    try:
        contexts.build(dataclasses.replace(subject.host, settings=alone), cache=cache)
    except ConfigError as error:
        subject.config_error(Code.CONFIG_ERROR, error)


def _has_secrets(subject: Subject) -> bool:
    """Whether somebody would have to be asked for a passphrase or PIN."""
    tls = subject.settings.tls
    paths = [kind.key_file(tls) or kind.certificate_file(tls) for kind in KEY_KINDS]
    return any(path is not None and certificates.is_secret(path) for path in paths)


def _in_order(findings: Collection[Finding]) -> tuple[Finding, ...]:
    """The worst first, then as they stand in the file."""
    return tuple(sorted(findings, key=lambda each: (
        -each.severity, each.location.file if each.location else "", each.location.line if each.location else 0)))
