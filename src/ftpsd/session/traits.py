"""What the settings of a session make it look at, worked out once and not for every command."""

from __future__ import annotations

from typing import NamedTuple

from ftpsd.session.places import Places


class Traits(NamedTuple):
    """Whether something is set for a login or touched by one of its <Directory> sections.

    `restricted`: a <Limit>, DenyAll or a filter of paths; `filtered`: a filter of commands; `picky`: something that
    hides files; `overridable`: AllowOverride.
    """

    restricted: bool
    filtered: bool
    picky: bool
    overridable: bool


def traits_of(places: Places) -> Traits:
    """The traits of these settings."""
    return Traits(
        places.restricted or places.anywhere("access", "path_allow_filter", "path_deny_filter"),
        places.anywhere("access", "allow_filter", "deny_filter"),
        places.restricted or places.anywhere("access", "hide_files", "hide_users", "hide_groups", "hide_no_access"),
        places.anywhere("access", "allow_override"),
    )
