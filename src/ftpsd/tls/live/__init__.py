"""Certificates as live objects: files that are named by the configuration change while the server runs.

Theory
------
What is served now is known by its facts (`facts.Served`). Which files it came from, and whether they have changed,
says `files`: their states decide (looked at seldom), the kernel's word that a directory has changed (`wakeup`) only
says when to look. Programs that renew certificates write one file after the other, and some write slowly, so what does
not fit together at first is looked at again before it counts as a fault.

A changed pair must first be as good as the one it replaces: it belongs together (OpenSSL's word), clients can follow
its chain, it is in force, bears the names of the old one and lasts at least as long (`judge`, pure). Then the
supervisor makes a new generation of the same configuration: new sessions get the new certificate from new workers,
those that are on keep their workers, their certificate and their sessions. What is refused is said once, and the old
pair is served on; SIGHUP takes what `judge` objects to, as whoever reloads knows what he does.

`expiry` says when to warn. The attendant that joins all of this to the supervisor is `server/certificates.py`.
"""
