"""ftpsd lists, refuses and copies as ProFTPD 1.3.8 does: groups of scripts, each against one pair of servers."""

from __future__ import annotations

import pytest

from tests.peer.compare import Script
from tests.peer.error_scripts import ERROR_GROUPS
from tests.peer.listing_differences import OF
from tests.peer.listing_scripts import LISTING_GROUPS
from tests.peer.shared import Group, Pairs, same_answers

pytestmark = [pytest.mark.peer, pytest.mark.root]

GROUPS = (*LISTING_GROUPS, *ERROR_GROUPS)
ALL = [(group, script) for group in GROUPS for script in group.scripts]


@pytest.mark.parametrize(("group", "script"), ALL, ids=[script.name for _, script in ALL])
def test_same_answers(servers: Pairs, group: Group, script: Script) -> None:
    same_answers(servers.of(group), script)


def test_there_are_enough_scripts() -> None:
    """At least 60 over listings, errors, SITE and extensions; what differs is said of scripts that there are."""
    names = [script.name for _, script in ALL]
    assert len(set(names)) == len(names) >= 60
    assert len({group.name for group in GROUPS}) == len(GROUPS)
    assert set(OF) <= set(names)
