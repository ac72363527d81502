"""Users and groups in a directory (mod_ldap): `Backend` over `directory.Directory`.

What a client sends becomes part of a filter only escaped (`ldap_filters`), and never part of a name (DN): the names
that binds are made with come from the directory. A user who is found twice is nobody.
"""

from __future__ import annotations

import pwd
import secrets
from collections.abc import Mapping

from ftpsd.auth import ldap_filters, ldap_passwords
from ftpsd.auth.account import Account
from ftpsd.auth.backend import Backend, Note, Unavailable
from ftpsd.auth.directory import Directory, Entry
from ftpsd.auth.files import MAX_ID
from ftpsd.settings.ldap import LDAPSettings
from ftpsd.settings.ldap_values import ATTRIBUTES, AUTO

MOST_GROUPS = 1000
"""Groups of one user; what is beyond them is not seen."""
Values = Mapping[str, tuple[bytes, ...]]


class LDAPBackend(Backend):
    """mod_ldap.c for one host. `note` takes lines for the log."""

    module = "mod_ldap.c"
    source = "ldap"

    def __init__(self, settings: LDAPSettings, note: Note, directory: Directory | None = None) -> None:
        self._settings = settings
        self._note = note
        self.directory = directory if directory is not None else Directory(settings, note)
        self._attribute = {name.lower(): name for name in ATTRIBUTES}
        self._attribute |= {entry.key: entry.name for entry in settings.attributes}
        self.hashes = not settings.auth_binds
        users, groups = settings.users, settings.groups
        self._user_filters = (
            (users.by_name if users else "") or self._usual("uid", "posixAccount"),
            (users.by_number if users else "") or self._usual("uidnumber", "posixAccount"),
        )
        self._compared = ldap_filters.compared(self._user_filters[0])
        self._group_filters = (
            (groups.by_number if groups else "") or self._usual("gidnumber", "posixGroup"),
            (groups.by_member if groups else "") or self._usual("memberuid", "posixGroup"),
        )

    def _usual(self, attribute: str, object_class: str) -> str:
        return ldap_filters.equals(self._attribute[attribute], object_class)

    def prepare(self) -> tuple[str, ...]:
        self.directory.prepare()
        if all(server.tls or server.path for server in self._settings.servers) or self._settings.use_tls:
            return ()
        remote = [str(server) for server in self._settings.servers if not server.tls and not _is_local(server.host)]
        return (f"notice: passwords go to {', '.join(remote)} in clear: set LDAPUseTLS on",) if remote else ()

    def close(self) -> None:
        self.directory.close()

    # ---- accounts ------------------------------------------------------------------------------------

    def lookup(self, user: str) -> Account | None:
        found = self._entry(user)
        if found is not None:
            return self._account(user, found)
        if user:  # as much is asked for users whom nobody knows
            self._groups_of(user)
            self._group(MAX_ID)
        return None

    def matches(self, account: Account | None, password: str) -> bool:
        if self._settings.auth_binds:
            return self._binds(account, password)
        found = self._entry(account.name if account is not None else secrets.token_hex(8))
        known = account is not None and found is not None
        stored = self._first(found[1], "userpassword") if known and found is not None else None
        return ldap_passwords.matches(password, stored, self._settings.default_scheme)

    def _binds(self, account: Account | None, password: str) -> bool:
        """For a user who does not exist a bind, too, as somebody whom the directory does not have either."""
        found = self._entry(account.name if account is not None else secrets.token_hex(8))
        if found is not None and account is not None:
            return self.directory.proves(found[0], password)
        if self._settings.users is not None:
            nobody = f"{self._attribute['uid']}={secrets.token_hex(8)},{self._settings.users.base}"
            self.directory.proves(nobody, password)
        return False

    def _entry(self, user: str) -> Entry | None:
        users = self._settings.users
        if users is None or not user:
            return None
        wanted = [self._attribute[name] for name in ("uid", "uidnumber", "gidnumber", "homedirectory", "loginshell")]
        if not self._settings.auth_binds:
            wanted.append(self._attribute["userpassword"])
        wanted += sorted({one.attribute for one in self._compared} - {name.lower() for name in wanted})
        found = self.directory.search(
            users.base, ldap_filters.fill(self._user_filters[0], user), wanted, most=1)
        if len(found) > 1:
            self._note(f"LDAP: more than one entry for user {user!r}: he is taken for unknown")
        return found[0] if len(found) == 1 else None

    def _first(self, values: Values, attribute: str) -> str | None:
        found = values.get(self._attribute[attribute].lower(), ())
        return found[0].decode("utf-8", "surrogateescape") if found else None

    def _name(self, user: str, entry: Entry) -> str | None:
        """The directory's own spelling of the name, so that rules, bans and codes for a user cannot be got round with
        another: a directory cares for neither case, blanks at the ends nor forms of Unicode (RFC 4518).

        It is a value of the attribute `uid`, where that is a name that the filter finds, else of another that the
        filter compares (each of several values is a name). Where there are none to be read, what was sent in small
        letters, if that finds the same entry, else as it was sent. None: no spelling can be told from the others.
        """
        for known in self._known(entry[1]):
            if user in known:
                return user
            alike = ldap_filters.folded(user)
            same = next((name for name in known if ldap_filters.folded(name) == alike), None)
            if same is None and known and self._finds(known[0], entry):
                same = known[0]
            if same is not None:
                return same
        simple = (ldap_filters.plain(user).lower(), ldap_filters.plain(user))
        return next((name for name in simple if name == user or self._finds(name, entry)), None)

    def _known(self, values: Values) -> tuple[list[str], list[str]]:
        """Spellings of the name: in the attribute `uid`, and in others that the filter compares."""
        own = self._attribute["uid"].lower()
        found: tuple[list[str], list[str]] = ([], [])
        for attribute, pattern in self._compared:
            texts = [value.decode("utf-8", "surrogateescape") for value in values.get(attribute, ())]
            found[attribute != own].extend(match[1] for text in texts if (match := pattern.fullmatch(text)))
        if all(one.attribute != own for one in self._compared):
            found[0].extend(value.decode("utf-8", "surrogateescape") for value in values.get(own, ()))
        return found

    def _finds(self, name: str, entry: Entry) -> bool:
        again = self._entry(name)
        return again is not None and again[0] == entry[0]

    def _account(self, user: str, entry: Entry) -> Account | None:
        settings, values = self._settings, entry[1]
        name = self._name(user, entry)
        if name is None:
            self._note(f"LDAP: it cannot be told how user {user!r} is really spelled: he is taken for unknown")
            return None
        uid = self._number(name, values, "uidnumber", settings.default_uid, forced=settings.force_default_uid)
        gid = self._number(name, values, "gidnumber", settings.default_gid, forced=settings.force_default_gid)
        if uid is None or gid is None:
            self._note(f"LDAP: user {name!r} has no usable {'uid' if uid is None else 'gid'} (LDAPDefaultUID,"
                       " LDAPDefaultGID): he is taken for unknown")
            return None
        groups = self._groups_of(name)
        own = self._group(gid)
        ids = dict.fromkeys([gid, *(number for _, number in groups)])
        names = dict.fromkeys([*((own,) if own is not None else ()), *(group for group, _ in groups)])
        return Account(
            name, uid, gid, tuple(ids), tuple(names), self._home(name, values),
            self._first(values, "loginshell") or "", "ldap")

    def _number(self, name: str, values: Values, attribute: str, default: int | None, *, forced: bool) -> int | None:
        text = None if forced else self._first(values, attribute)
        if text is not None:
            number = int(text) if text.isascii() and text.isdecimal() and len(text) <= 10 else -1
            return number if 0 <= number <= MAX_ID else None
        if default != AUTO:
            return default
        try:
            entry = pwd.getpwnam(name)
        except (KeyError, ValueError):
            return None
        return entry.pw_uid if attribute == "uidnumber" else entry.pw_gid

    def _home(self, name: str, values: Values) -> str:
        """"": there is none, and so no login."""
        settings = self._settings
        home = self._first(values, "homedirectory")
        if home is not None and not (settings.generate_home and settings.force_home):
            return home
        if not settings.generate_home or settings.home_prefix is None:
            return ""
        if settings.home_without_name:
            return settings.home_prefix
        if "/" in name or name in (".", "..") or "\0" in name:
            return ""
        return f"{settings.home_prefix.rstrip('/')}/{name}"

    # ---- groups, names -------------------------------------------------------------------------------

    def _found_groups(
        self, template: str, value: str, most: int, *, for_names: bool = False,
    ) -> list[tuple[str, int]]:
        groups = self._settings.groups
        if groups is None:
            return []
        wanted = [self._attribute["cn"], self._attribute["gidnumber"]]
        found = []
        text = ldap_filters.fill(template, value)
        for _, values in self.directory.search(groups.base, text, wanted, most=most, for_names=for_names):
            name, number = self._first(values, "cn"), self._first(values, "gidnumber")
            if name and number and number.isascii() and number.isdecimal() and int(number) <= MAX_ID:
                found.append((name, int(number)))
        return found

    def _groups_of(self, name: str) -> list[tuple[str, int]]:
        found = self._found_groups(self._group_filters[1], name, MOST_GROUPS)
        return sorted(found, key=lambda entry: (entry[1], entry[0]))  # a directory has no order of its own

    def _group(self, gid: int, *, for_names: bool = False) -> str | None:
        found = self._found_groups(self._group_filters[0], str(gid), 1, for_names=for_names)
        return found[0][0] if found else None

    def group_name(self, gid: int) -> str | None:
        try:
            return self._group(gid, for_names=True)
        except Unavailable:
            return None

    def user_name(self, uid: int) -> str | None:
        users = self._settings.users
        if users is None:
            return None
        try:
            found = self.directory.search(
                users.base, ldap_filters.fill(self._user_filters[1], str(uid)), [self._attribute["uid"]], most=1,
                for_names=True)
        except Unavailable:
            return None
        return self._first(found[0][1], "uid") if found else None


def _is_local(host: str) -> bool:
    return host in ("", "localhost", "::1") or host.startswith("127.")
