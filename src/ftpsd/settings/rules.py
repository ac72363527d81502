"""Rules over a whole configuration that need no look at the machine."""

from __future__ import annotations

from collections.abc import Iterable

from ftpsd.errors import ConfigError
from ftpsd.settings import logformat, redis_rules, sql_rules
from ftpsd.settings.addresses import canonical, described, goes_by
from ftpsd.settings.event_names import BANNED_FOR, LOGGED, is_a_name
from ftpsd.settings.model import Change, Configuration, DirectorySection, Host
from ftpsd.settings.registry import DIRECTIVES
from ftpsd.settings.server import INETD
from ftpsd.settings.tls import MODULE_VERSION
from ftpsd.settings.values import ForeignAddresses


def check(configuration: Configuration) -> tuple[str, ...]:
    """Notices about `configuration`; raises `ConfigError` for what cannot be."""
    notices: list[str] = []
    for host in configuration.every_host:
        _needs(host)
        _per_user(host)
        _links(host)
        _formats(host)
        notices.extend(_unheard(host))
        notices.extend(_locked_out(host))
        notices.extend(_too_late(host))
        if configuration.server.server_type == INETD:
            notices.extend(_unlocked(host))
    notices.extend(sql_rules.check(configuration))
    notices.extend(redis_rules.check(configuration))
    notices.extend(_shared_addresses(configuration.hosts))
    notices.extend(_unknown_classes(configuration))
    return tuple(dict.fromkeys(notices))


def _needs(host: Host) -> None:
    for declaration in DIRECTIVES.values():
        if not declaration.needs or _absent(getattr(getattr(host.settings, declaration.group), declaration.field)):
            continue
        for needed in declaration.needs:
            other = DIRECTIVES[needed.lower()]
            if _absent(getattr(getattr(host.settings, other.group), other.field)):
                raise ConfigError(
                    f"needs {needed} beside it",
                    location=host.origin(declaration.group, declaration.field),
                    directive=declaration.name,
                    remedy=f"Give {needed}, or take {declaration.name} out.",
                )


def _absent(value: object) -> bool:
    """Whether a directive is not there, or says no."""
    return value is None or value is False or value == ()


def _unlocked(host: Host) -> Iterable[str]:
    """ServerType inetd: the lock of a table in a database has to be a file, as one in memory is each process's own."""
    otp, quotas = host.settings.otp, host.settings.quotas
    if otp.engine and otp.table is not None and otp.table.queries and otp.table_lock is None:
        raise ConfigError(
            "needs AuthOTPTableLock with ServerType inetd: a code would be good in two connections at once",
            location=host.origin("otp", "table"), directive="AuthOTPTable",
            remedy="Write AuthOTPTableLock with the path of a file in an existing directory.",
        )
    if quotas.engine and quotas.tally_table is not None and quotas.tally_table.source == "sql" and quotas.lock is None:
        yield (
            "ServerType inetd without QuotaLock: uploads of several connections at once may exceed what"
            f" QuotaTallyTable on {host.origin('quotas', 'tally_table')} counts; write QuotaLock")


def _links(host: Host) -> None:
    """Files that say so want links to lead out of the root, which they never do here."""
    engines = [host.settings.folders.vroot_engine, *(
        change.value for change in host.changes_for_some("folders", "vroot_engine"))]
    if host.settings.folders.vroot_options and any(engines):
        raise ConfigError(
            "a symbolic link never leads out of the root of a session", directive="VRootOptions",
            location=host.origin("folders", "vroot_options"),
            remedy="Show what is meant with VRootAlias, and take the line out.")


def _unheard(host: Host) -> Iterable[str]:
    """Events that ProFTPD's modules have and ftpsd has not."""
    for change in host.every_change():
        if (change.group, change.field) == ("bans", "rules"):
            names = [rule.event for rule in change.value if is_a_name(rule.event) and rule.event not in BANNED_FOR]
            yield from (f"BanOnEvent {name} on {change.location}: that never happens here, nobody is banned for it"
                        for name in names)
        if (change.group, change.field) == ("sql", "event_logs"):
            names = [log.event for log in change.value if log.event not in LOGGED]
            yield from (f"SQLLogOnEvent {name} on {change.location}: that never happens here, nothing is"
                        " logged" for name in names)


def _locked_out(host: Host) -> Iterable[str]:
    """TLSUserLogin where there is no TLS; `tls.verification` says so where there is."""
    tls = host.settings.tls
    if not tls.engine and any(one.login != "either" for one in tls.user_logins):
        yield (f"TLSUserLogin on {host.origin('tls', 'user_logins')} lets nobody in for whom it wants a certificate at"
               f" {described(host)}, which has no TLSEngine")


def _formats(host: Host) -> None:
    """Every ExtendedLog names a LogFormat that there is."""
    for change in host.every_change():
        if (change.group, change.field) != ("logging", "extended_logs"):
            continue
        for log in change.value:
            name = logformat.DEFAULT.name if log.format is None else log.format.removeprefix(f"{logformat.JSON}:")
            remedy = logformat.remedy(name, host.settings.logging.log_formats)
            if remedy is not None:
                raise ConfigError(
                    f"unknown LogFormat '{log.format}'", location=change.location, directive="ExtendedLog",
                    remedy=remedy,
                )


def _per_user(host: Host) -> None:
    """AllowPerUser with a TLSRequired that no section lifts can never be satisfied: semantics 2.12."""
    tls = host.settings.tls
    if "AllowPerUser" not in tls.options or tls.required.auth != 1 or _lifted(host):
        return
    raise ConfigError(
        f"{MODULE_VERSION}: Server {host.settings.core.server_name}: cannot enforce both 'TLSRequired"
        " auth' and "
        "'TLSOptions AllowPerUser' at the same time",
        location=host.origin("tls", "required") or host.location,
        remedy="Say TLSRequired off in an <Anonymous>, <Directory>, <IfUser>, <IfGroup> or <IfClass>"
        " section, or"
        " take AllowPerUser out.",
    )


def _too_late(host: Host) -> list[str]:
    """A section of a login demands TLS on the control connection, and nobody looks at it after the login.

    As in mod_tls, only AllowPerUser has TLSRequired decided again then (semantics 2.2).
    """
    if not host.settings.tls.engine or "AllowPerUser" in host.settings.tls.options:
        return []
    own = host.settings.tls.required
    in_time = {"class"} | ({"user", "group"} if host.settings.auth.if_session_options else set())
    conditionals = [section for section in host.conditionals if section.kind not in in_time]
    notices = []
    for changes, location in (
        *((section.changes, section.location) for section in host.anonymous),
        *((section.changes, section.location) for section in conditionals),
    ):
        settings = host.settings.changed(changes)
        demanded = settings.tls.required
        more = 1 in (demanded.ctrl, demanded.auth) and 1 not in (own.ctrl, own.auth)
        if more and "AllowPerUser" not in settings.tls.options:
            notices.append(
                f"{MODULE_VERSION}: TLSRequired of the section on {location} asks for TLS on the control"
                " connection after logins in clear: write TLSOptions AllowPerUser to have them refused"
            )
    return notices


def _lifted(host: Host) -> bool:
    def lifts(changes: Iterable[Change], directories: Iterable[DirectorySection] = ()) -> bool:
        own = any(
            change.group == "tls" and change.field == "required" and change.value.auth != 1
            for change in changes
        )
        return own or any(lifts(directory.changes) for directory in directories)

    return (
        lifts((), host.settings.directories)
        or any(lifts(section.changes, section.directories) for section in host.anonymous)
        or any(lifts(section.changes, section.directories) for section in host.conditionals)
    )


def _shared_addresses(hosts: tuple[Host, ...]) -> list[str]:
    """Hosts that can never be reached because another one has their address, port and no name tells them
    apart."""
    notices, taken = [], dict[tuple[str, int], list[Host]]()
    for host in hosts:
        port = host.settings.core.port
        for address in host.resolved or host.addresses:
            before = taken.setdefault((canonical(address), port), [])
            others = [owner for owner in before if owner is not host]
            before.append(host)
            if others and port and not _told_apart(host, others):
                notices.append(
                    f'"{host.settings.core.server_name}" address/port ({address}:{port}) already in use by'
                    f' "{others[0].settings.core.server_name}": nobody reaches the one on {host.location}; give it'
                    " another address or Port, or a ServerAlias"
                )
    return notices


def _told_apart(host: Host, others: list[Host]) -> bool:
    """Whether a name leads to `host` that leads to none of `others` before."""
    return any(set("*?[") & set(name) or not any(goes_by(other, name) for other in others) for name in host.names)


def _unknown_classes(configuration: Configuration) -> list[str]:
    known = {section.name for section in configuration.classes}
    named = [
        ("<IfClass>", section.location, name)
        for host in configuration.hosts for section in host.conditionals
        if section.kind == "class" and section.expression is not None
        for name in (word.removeprefix("!") for word in section.expression.names)
    ]
    named += [
        ("AllowForeignAddress", change.location, change.value.of_class)
        for host in configuration.hosts for change in host.every_change()
        if isinstance(change.value, ForeignAddresses) and change.value.of_class is not None
    ]
    return [
        f"{what} on {location}: there is no <Class {name}>"
        for what, location, name in dict.fromkeys(named) if name not in known
    ]
