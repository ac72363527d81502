"""mod_ldap: accounts in a directory."""

# ruff: noqa: RUF009 (`directive` makes a dataclass field)

from __future__ import annotations

from dataclasses import dataclass

from ftpsd.settings import ldap_values as values
from ftpsd.settings.arguments import Boolean, Duration, OneOf, OptionalPath, Path, Special, Words
from ftpsd.settings.declaration import HOST, Combine, Status, directive, without_value
from ftpsd.settings.ldap_values import LDAPAttribute, LDAPBind, LDAPSearch, LDAPServer, Scope


@dataclass(frozen=True, slots=True)
class LDAPSettings:
    """Where the directory is, and where in it users and groups are."""

    servers: tuple[LDAPServer, ...] = directive(
        "LDAPServer", Special("url|host[:port] … [ssl-ca:/path] [ssl-cert:/path] [ssl-key:/path] [ssl-ciphers:list]"
                              " [ssl-verify:on|off]", values.servers), (), module="mod_ldap",
        combine=Combine.APPEND,
        good=("ldap.example.org", "10.0.0.1:389 [::1]:1389", "ldap://a.example.org/??sub ldaps://b.example.org",
              "ldapi://%2Frun%2Fslapd%2Fldapi", "ldaps://c.example.org ssl-ca:/etc/ssl/ca.pem ssl-verify:on"),
        bad=("", "ldap://", "http://x", "x:99999", "x ssl-ca:ca.pem", "x ssl-verify:perhaps", "ssl-verify:on"),
        doc="Servers, asked in turn: the next one when one does not answer. `ldaps`: TLS from the first byte.",
        differs="a server's certificate is verified for `ldap` with LDAPUseTLS and for `ldaps` unless ssl-verify:off",
    )
    use_tls: bool = directive(
        "LDAPUseTLS", Boolean(), False, module="mod_ldap", good=("on",), bad=("", "maybe"),
        doc="StartTLS before anything is asked (RFC 4513), or the server counts as away.",
    )
    bind_dn: LDAPBind = directive(
        "LDAPBindDN", Special("dn password", values.bind), LDAPBind(), module="mod_ldap", secret=True,
        good=('"cn=reader,dc=example,dc=org" secret', '"" ""'), bad=("", "cn=reader", "a b c"),
        default_text="an anonymous bind", doc="As whom the server asks.",
    )
    auth_binds: bool = directive(
        "LDAPAuthBinds", Boolean(), True, module="mod_ldap", good=("off",), bad=("", "maybe"),
        doc="Whether a password is right the directory says, by a bind in the user's name. off: userPassword is read"
        " and compared.",
    )
    users: LDAPSearch | None = directive(
        "LDAPUsers", Special("base-dn [name-filter [uid-filter]]", values.users), None, module="mod_ldap",
        needs=("LDAPServer",),
        good=("ou=people,dc=example,dc=org", '"dc=x" (&(mail=%v)(objectclass=posixAccount)) (uidNumber=%v)',
              "dc=x uid=%v"),
        bad=("", "dc=x (uid=*)", "dc=x ((uid=%v)", "a b%v c%v d%v"),
        doc="Where users are, and filters for a name and for a number; %v is its place. Without it no user comes from"
        " the directory.",
    )
    groups: LDAPSearch | None = directive(
        "LDAPGroups", Special("base-dn [cn-filter [gid-filter [member-filter]]]", values.groups), None,
        module="mod_ldap", good=("ou=groups,dc=example,dc=org", "dc=x (cn=%v) (gidNumber=%v) (member=uid=%v,dc=x)"),
        bad=("", "dc=x (cn=*)"), doc="Where groups are: their names, and who is a member (memberUid).",
    )
    attributes: tuple[LDAPAttribute, ...] = directive(
        "LDAPAttr", Special("usual-name name-here", values.attribute), (), module="mod_ldap", combine=Combine.BY_KEY,
        good=("uid sAMAccountName", "homeDirectory ftpHome"), bad=("", "uid", "mail x", "uid a)(b"),
        doc="What an attribute is called in this directory.",
    )
    default_uid: int | None = directive(
        "LDAPDefaultUID", Special("uid|Auto", values.number), None, module="mod_ldap", good=("1000", "Auto"),
        bad=("", "alice", "99999999999"),
        doc="The uid of users who have no uidNumber; Auto: that which the system knows for the name.",
    )
    default_gid: int | None = directive(
        "LDAPDefaultGID", Special("gid|Auto", values.number), None, module="mod_ldap", good=("1000", "auto"),
        bad=("", "staff"), doc="The same for the primary group.",
    )
    force_default_uid: bool = directive(
        "LDAPForceDefaultUID", Boolean(), False, module="mod_ldap", needs=("LDAPDefaultUID",), good=("on",),
        bad=("", "maybe"), doc="All users have LDAPDefaultUID, whatever the directory says.",
    )
    force_default_gid: bool = directive(
        "LDAPForceDefaultGID", Boolean(), False, module="mod_ldap", needs=("LDAPDefaultGID",), good=("on",),
        bad=("", "maybe"), doc="All users have LDAPDefaultGID, whatever the directory says.",
    )
    generate_home: bool = directive(
        "LDAPGenerateHomedir", Boolean(), False, module="mod_ldap", needs=("LDAPGenerateHomedirPrefix",), good=("on",),
        bad=("", "maybe"), doc="Users without homeDirectory have the prefix and their name as their home.",
    )
    home_prefix: str | None = directive(
        "LDAPGenerateHomedirPrefix", Path(), None, module="mod_ldap", good=("/srv/ftp",), bad=("", "srv"),
        doc="What stands before the name in a generated home.",
    )
    home_without_name: bool = directive(
        "LDAPGenerateHomedirPrefixNoUsername", Boolean(), False, module="mod_ldap", good=("on",), bad=("", "maybe"),
        doc="The prefix is the home of everybody.",
    )
    force_home: bool = directive(
        "LDAPForceGeneratedHomedir", Boolean(), False, module="mod_ldap",
        needs=("LDAPGenerateHomedir", "LDAPGenerateHomedirPrefix"), good=("on",),
        bad=("", "maybe"), doc="The generated home takes the place of homeDirectory.",
    )
    search_scope: Scope = directive(
        "LDAPSearchScope", Special("base|onelevel|subtree", values.scope), "subtree", module="mod_ldap",
        good=("onelevel", "Base"), bad=("", "all"), doc="How deep below the base is looked.",
        differs="it also holds for servers written as a URL without a scope, for which ProFTPD looks at the base alone",
    )
    protocol_version: str = directive(
        "LDAPProtocolVersion", OneOf(("2", "3")), "3", module="mod_ldap", good=("3", "2"), bad=("", "4"),
        doc="Version of the protocol.",
    )
    dereference: str = directive(
        "LDAPAliasDereference", OneOf(("never", "always", "search", "find")), "never", module="mod_ldap",
        good=("never", "Always"), bad=("", "sometimes"), doc="When alias entries are followed.",
    )
    default_scheme: str = directive(
        "LDAPDefaultAuthScheme", OneOf(("crypt", "clear")), "crypt", module="mod_ldap", good=("clear",),
        bad=("", "rot13"), doc="With LDAPAuthBinds off: what a userPassword without {scheme} is.",
    )
    connect_timeout: int = directive(
        "LDAPConnectTimeout", Duration(1, 60), 5, module="mod_ldap", good=("3",), bad=("", "0", "90"),
        doc="Seconds until a server that does not answer a connection counts as away.",
    )
    query_timeout: int = directive(
        "LDAPQueryTimeout", Duration(1, 60), 5, module="mod_ldap", good=("10",), bad=("", "0", "90"),
        doc="The same for an answer. A new connection has both together to be there, with StartTLS and bound.",
    )


DECLARATIONS = (
    without_value(
        "LDAPLog", Status.NO_EFFECT, "what becomes of the servers goes to the system log", module="mod_ldap",
        contexts=HOST, argument=OptionalPath(), good=("/var/log/ldap.log", "none"), bad=("ldap.log",),
        doc="File for messages of mod_ldap.",
    ),
    without_value(
        "LDAPDefaultQuota", Status.NO_EFFECT, "quotas are not kept in the directory, see QuotaLimitTable",
        module="mod_ldap", contexts=HOST, argument=Words("quota"), good=("false,hard,1048576,0,0,0,0,0",), bad=("",),
        doc="The quota of users without ftpQuota.",
    ),
    without_value(
        "LDAPUseSASL", Status.REFUSED, "binds are simple ones, which TLS protects (LDAPUseTLS, ldaps)",
        module="mod_ldap", argument=Words("mechanism …"), doc="SASL mechanisms of LDAPBindDN.",
    ),
)
