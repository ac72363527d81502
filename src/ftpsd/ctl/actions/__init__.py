"""Every action of the control socket, by name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ftpsd.ctl.actions import bans, directives, life, registered, sessions, tls
from ftpsd.ctl.actions.base import Action

ACTIONS: Mapping[str, Action] = MappingProxyType({
    action.name: action
    for module in (bans, directives, life, registered, sessions, tls) for action in module.ACTIONS
})
