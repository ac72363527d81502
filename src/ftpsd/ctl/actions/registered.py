"""mod_ctrls: which actions there are, and switching them off and on."""

from __future__ import annotations

from ftpsd.ctl.actions.base import CORE, Action, Answer, Failed, Office, Request


def _help(office: Office, request: Request) -> Answer:
    return Answer.of(*(f"{action.name}: {action.description}" for action in office.present()))


def _lsctrl(office: Office, request: Request) -> Answer:
    if request.words:
        raise Failed("wrong number of parameters")
    return Answer.of(*(f"{action.name} ({action.module})" for action in office.present()))


def _insctrl(office: Office, request: Request) -> Answer:
    name = _the_one(request)
    if name not in office.actions:
        return Answer.of(f"no such control: '{name}'")
    office.disabled.discard(name)
    return Answer.of(f"'{name}' control enabled")


def _rmctrl(office: Office, request: Request) -> Answer:
    name = _the_one(request)
    if name not in office.actions:
        return Answer.of(f"no such control: '{name}'")
    if name == "insctrl":
        raise Failed("'insctrl' control cannot be disabled: nothing could enable it again")
    office.disabled.add(name)
    return Answer.of(f"'{name}' control disabled")


def _the_one(request: Request) -> str:
    if len(request.words) != 1:
        raise Failed("wrong number of parameters")
    return request.words[0]


ACTIONS = (
    Action("help", CORE, "describe all registered controls", _help, None),
    Action("insctrl", CORE, "enable a disabled control", _insctrl, "core", changes=True),
    Action("lsctrl", CORE, "list all registered controls", _lsctrl, "core"),
    Action("rmctrl", CORE, "disable a registered control", _rmctrl, "core", changes=True),
)
