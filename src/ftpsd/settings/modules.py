"""ProFTPD's modules: which of them ftpsd has, and which others LoadModule may name."""

from __future__ import annotations

ALWAYS = ("mod_site", "mod_facts")
"""Modules that ftpsd has though they have no directive that it knows with an effect."""

OWN = "mod_ftpsd"
"""Module of directives that ProFTPD does not have."""

OTHERS = frozenset({
    "mod_auth_otp", "mod_autohost", "mod_ban", "mod_caps", "mod_clamav", "mod_codeconv", "mod_copy",
    "mod_ctrls",
    "mod_ctrls_admin", "mod_deflate", "mod_digest", "mod_dnsbl", "mod_dynmasq", "mod_exec", "mod_facl",
    "mod_geoip",
    "mod_geoip2", "mod_ifversion", "mod_ldap", "mod_load", "mod_log_forensic", "mod_memcache",
    "mod_proxy", "mod_prometheus", "mod_qos", "mod_quotatab", "mod_quotatab_file", "mod_quotatab_ldap",
    "mod_quotatab_radius", "mod_quotatab_sql", "mod_radius", "mod_ratio", "mod_readme", "mod_redis",
    "mod_rewrite",
    "mod_rlimit", "mod_sftp", "mod_sftp_pam", "mod_sftp_sql", "mod_shaper", "mod_site_misc", "mod_snmp",
    "mod_sql",
    "mod_sql_mysql", "mod_sql_odbc", "mod_sql_passwd", "mod_sql_postgres", "mod_sql_sqlite", "mod_statcache",
    "mod_tls_fscache", "mod_tls_memcache", "mod_tls_redis", "mod_tls_shmcache", "mod_unique_id", "mod_vroot",
    "mod_wrap", "mod_wrap2", "mod_wrap2_file", "mod_wrap2_redis", "mod_wrap2_sql",
})
"""Modules that ProFTPD, its packages or well-known third parties have and ftpsd does not."""
