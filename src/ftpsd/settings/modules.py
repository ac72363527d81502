"""ProFTPD's modules: which of them ftpsd has, and which others LoadModule may name."""

from __future__ import annotations

ALWAYS = (
    "mod_site", "mod_facts", "mod_tls_fscache", "mod_tls_memcache", "mod_tls_redis", "mod_tls_shmcache",
    "mod_quotatab_file", "mod_quotatab_sql", "mod_wrap2_file", "mod_wrap2_sql",
    "mod_sql_mysql", "mod_sql_postgres", "mod_sql_sqlite",
)
"""Modules that ftpsd has though they have no directive that it knows with an effect."""

OWN = "mod_ftpsd"
"""Module of directives that ProFTPD does not have."""

OTHERS = frozenset({
    "mod_auth_gss", "mod_autohost", "mod_caps", "mod_case", "mod_clamav", "mod_codeconv", "mod_counter",
    "mod_diskuse", "mod_dnsbl", "mod_dynmasq", "mod_exec", "mod_facl", "mod_fsync", "mod_geoip", "mod_geoip2",
    "mod_gss", "mod_ifversion", "mod_load", "mod_log_forensic", "mod_msg", "mod_procfs", "mod_prometheus",
    "mod_proxy", "mod_qos", "mod_quotatab_ldap", "mod_quotatab_radius", "mod_radius",
    "mod_ratio", "mod_readme", "mod_rewrite", "mod_rlimit", "mod_sftp", "mod_sftp_pam", "mod_sftp_sql", "mod_shaper",
    "mod_snmp", "mod_sql_odbc", "mod_statcache", "mod_statsd", "mod_systemd", "mod_tar", "mod_unique_id", "mod_wrap",
    "mod_wrap2_redis",
})
"""Modules that ProFTPD, its packages or well-known third parties have and ftpsd does not."""

_PREFIXES = {
    "case": "mod_case", "clam": "mod_clamav", "counter": "mod_counter",
    "dnsbl": "mod_dnsbl", "dynmasq": "mod_dynmasq",
    "exec": "mod_exec", "facl": "mod_facl", "forensic": "mod_log_forensic", "fsync": "mod_fsync", "geoip": "mod_geoip",
    "<ifversion": "mod_ifversion",
    "msg": "mod_msg", "proxy": "mod_proxy", "qos": "mod_qos",
    "radius": "mod_radius", "rewrite": "mod_rewrite",
    "sftp": "mod_sftp", "shaper": "mod_shaper", "snmp": "mod_snmp",
    "statsd": "mod_statsd", "tar": "mod_tar",
    "uniqueid": "mod_unique_id",
    "anonratio": "mod_ratio", "byteratio": "mod_ratio", "cwdratio": "mod_ratio", "fileratio": "mod_ratio",
    "groupratio": "mod_ratio", "hostratio": "mod_ratio", "leechratio": "mod_ratio", "ratio": "mod_ratio",
    "saveratio": "mod_ratio", "userratio": "mod_ratio",
}
"""What the names of another module's directives, and sections (`<x>`), begin with, in lower case."""


def of_directive(name: str) -> str | None:
    """The module of `OTHERS` to which a directive belongs, by its name; None: not to be told from it."""
    return next((module for prefix, module in _PREFIXES.items() if name.lower().startswith(prefix)), None)
