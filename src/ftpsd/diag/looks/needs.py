"""What directives need beside them: tables of bans, quotas and codes, catalogs, a program for passphrases."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from ftpsd.auth import directory, otp
from ftpsd.diag.looks.caches import look_at_shared_bans
from ftpsd.diag.machine import is_forbidden
from ftpsd.diag.subject import Subject
from ftpsd.errors import ConfigError
from ftpsd.guard import bantable
from ftpsd.guard.opening import check_bans, check_wrap_tables
from ftpsd.guard.quotafile import LimitFile, TallyFile
from ftpsd.guard.quotas import tables_of
from ftpsd.reasons.codes import Code
from ftpsd.session import counting, languages
from ftpsd.settings.quotas import QuotaTable
from ftpsd.sql.queries import NamedQueries
from ftpsd.sql.setup import open_host
from ftpsd.sql.wanted import check_queries
from ftpsd.tls import asking
from ftpsd.tls.acme import setup

_PROVIDER, _CODES, _BANS = "TLSPassPhraseProvider", "AuthOTPTable", "BanTable"


def look(subject: Subject) -> None:
    checks: list[Callable[[Subject], object]] = [
        _quotas, _codes, _access_tables, _directory, lambda subject: languages.load(subject.host)]
    if subject.host.id == 0:
        checks += [_bans, _provider, lambda subject: setup.check_library(subject.configuration), _metrics]
    for check in checks:
        try:
            check(subject)
        except ConfigError as error:
            subject.config_error(Code.CONFIG_ERROR, error)


def _metrics(subject: Subject) -> None:
    if subject.configuration.server.metrics_address is not None:
        counting.check_library()


def _directory(subject: Subject) -> None:
    if subject.settings.ldap.users is not None:
        directory.library()


def _bans(subject: Subject) -> None:
    table = check_bans(subject.configuration)
    if table is None:
        return
    look_at_shared_bans(subject)
    if is_forbidden(table):
        subject.cannot_look(table, of=_BANS)
    else:
        bantable.check(table)


def _access_tables(subject: Subject) -> None:
    check_wrap_tables(
        dataclasses.replace(subject.configuration, hosts=(subject.host,)), lambda host: _queries(subject))


def _queries(subject: Subject) -> NamedQueries | None:
    return open_host(subject.host, subject.configuration.loaded)


def _provider(subject: Subject) -> None:
    asking.check_provider(subject.settings.tls.pass_phrase_provider, lambda _: subject.where(_PROVIDER))


def _quotas(subject: Subject) -> None:
    settings = subject.settings.quotas
    if settings.engine:
        tally = tables_of(subject.host)
        _table(subject, LimitFile, settings.limit_table, "QuotaLimitTable")
        _table(subject, TallyFile, tally, "QuotaTallyTable")


def _codes(subject: Subject) -> None:
    settings = subject.settings.otp
    if not settings.engine or settings.table is None:
        return
    if settings.table.queries:
        check_queries(settings.table.queries, _queries(subject), _CODES)
        return
    path = settings.table.path
    if is_forbidden(path):
        subject.cannot_look(path, of=_CODES)
        return
    for text in otp.Table(path, settings.algorithm).prepare():
        subject.warn(Code.CONFIG_NOTICE, text, of=_CODES)


def _table(
    subject: Subject, kind: type[LimitFile] | type[TallyFile], table: QuotaTable | None, directive: str,
) -> None:
    """Opens it as the server will. Raises `ConfigError`."""
    if table is None:
        return
    if table.source != "file":
        check_queries(table.queries, _queries(subject), directive)
    elif is_forbidden(table.info):
        subject.cannot_look(table.info, of=directive)
    else:
        kind(table.info, directive=directive).close()
