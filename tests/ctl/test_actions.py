"""The actions: words and effects. The words are those that a real ProFTPD 1.3.8 answered, where it has the action."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ftpsd.ctl.actions import ACTIONS
from ftpsd.errors import ConfigError
from ftpsd.ftp.phase import Phase
from ftpsd.server.crew import StartError
from ftpsd.server.orders import DebugLevel, Dismiss, ForgetNames
from ftpsd.settings.controls import ADMIN_ACTIONS, CORE_ACTIONS
from tests.ctl.desk import ME, Desk, desk

VHOST = """
<VirtualHost 127.0.0.2>
  ServerName second
  Port 2122
</VirtualHost>
<Class local>
  From 127.0.0.0/8
</Class>"""


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Desk]:
    with desk(tmp_path, 'ServerName "main server"', more=VHOST) as made:
        yield made


def sit(here: Desk, user: str = "", peer: str = "192.0.2.7", **more: Any) -> int:
    """Put a session on the scoreboard; its number there."""
    slot = here.supervisor.board.acquire((peer, 4711), ("127.0.0.1", 2121))
    assert slot is not None
    if user:
        slot.update(user=user, phase=Phase.IDLE)
    slot.describe(**more)
    return slot.index


def kicked(here: Desk) -> list[int]:
    """Numbers of the sessions that were told to end."""
    orders = [order for order in here.supervisor.orders if isinstance(order, Dismiss)]
    return [index for order in orders for index, _ in order.places]


def test_every_action_is_one_that_an_acl_can_name() -> None:
    by_acl = {acl: {name for name, action in ACTIONS.items() if action.acl == acl} for acl in ("core", "admin")}
    assert by_acl["core"] | {"help"} == set(CORE_ACTIONS)
    assert by_acl["admin"] == set(ADMIN_ACTIONS)


@pytest.mark.parametrize(("asked", "status", "answer"), [
    ("nonsense", -1, "unsupported action requested"),
    ("insctrl", -1, "wrong number of parameters"),
    ("rmctrl a b", -1, "wrong number of parameters"),
    ("rmctrl nope", 0, "no such control: 'nope'"),
    ("insctrl nope", 0, "no such control: 'nope'"),
    ("insctrl kick", 0, "'kick' control enabled"),
    ("rmctrl insctrl", -1, "'insctrl' control cannot be disabled: nothing could enable it again"),
    ("lsctrl x", -1, "wrong number of parameters"),
    ("kick", -1, "missing required parameters"),
    ("kick user", -1, "kick user: missing required user name(s)"),
    ("kick host", -1, "kick host: missing required host(s)"),
    ("kick class", -1, "kick class: missing required class name(s)"),
    ("kick bogus x", -1, "unknown kick type requested: 'bogus'"),
    ("kick -n 1 user x", -1, "unknown kick type requested: '-n'"),
    ("kick user x", 0, "user 'x' not connected"),
    ("kick user -n 1 x", 0, "user 'x' not connected"),
    ("kick user -n x fred", -1, "bad number: x"),
    ("kick user -n", -1, "bad number: "),
    ("kick host 1.2.3.4", 0, "host '1.2.3.4' not connected"),
    ("kick class nope", 0, "class 'nope' not connected"),
    ("debug", -1, "debug: missing required parameters"),
    ("debug level", 0, "debug level set to 0"),
    ("debug level 5", 0, "debug level set to 5"),
    ("debug level x", -1, "debug: 'x' is not a level from 0 to 10"),
    ("debug level 11", -1, "debug: '11' is not a level from 0 to 10"),
    ("debug level 5 6", -1, "debug: wrong number of parameters"),
    ("debug x 1", -1, "unknown debug action: 'x'"),
    ("config", -1, "config: missing required parameters"),
    ("config x", -1, "config: unknown config action: 'x'"),
    ("config set", -1, "config set: missing required parameters"),
    ("config set x", -1, "config set: missing required parameters"),
    ("config set main MaxInstances 3", -1, "config: no such server: main"),
    ("config set 127.0.0.1:2121 Umask", -1, "config set: missing required parameters"),
    ("config set 127.0.0.1:2121 Umaskk 022", 0, "config set: unknown configuration directive 'Umaskk'"),
    ("config set 127.0.0.1:2121 TimeoutIdle x", -1, "config set: TimeoutIdle: error parsing timeout value 'x'"),
    ("config set 127.0.0.2:2122 MaxInstances 3", -1, "config set: MaxInstances cannot be set here"),
    ("config set 127.0.0.2:2122 LoadModule x.c", -1, "config set: LoadModule cannot be set here"),
    ("config remove", -1, "config remove: missing required parameters"),
    ("config remove 127.0.0.1:2121", -1, "config remove: missing required parameters"),
    ("config remove 127.0.0.1:2121 TimeoutIdle", 0, "config remove: TimeoutIdle not found in configuration"),
    ("get", -1, "get: missing required parameters"),
    ("get x", -1, "unknown get type requested: 'x'"),
    ("get config", -1, "config: missing parameters"),
    ("get config Umask", 0, "Umask: directive not found"),
    ("get config Umaskk", 0, "Umaskk: directive not found"),
    ("get directives x", -1, "directives: wrong number of parameters"),
    ("status", -1, "status: missing required parameters"),
    ("status x", 0, "status: no such server: x#21"),
    ("status 10.0.0.1", 0, "status: no server associated with 10.0.0.1#21"),
    ("status 127.0.0.1", 0, "status: no server associated with 127.0.0.1#21"),
    ("status 127.0.0.2#2122", 0, "status: 127.0.0.2#2122 UP"),
    ("down", -1, "down: missing required parameters"),
    ("down x", 0, "down: no such server: x#21"),
    ("up", -1, "up: missing required parameters"),
    ("up x", -1, "up: unable to resolve address for 'x'"),
    ("up 127.0.0.2#2122", 0, "up: 127.0.0.2#2122 already enabled"),
    ("restart x", -1, "unsupported parameter 'x'"),
    ("restart", 0, "restarted server"),
    ("scoreboard", -1, "wrong number of parameters"),
    ("scoreboard x", -1, "unknown scoreboard action 'x'"),
    ("scoreboard clean", 0, "scrubbed scoreboard"),
    ("scoreboard scrub", 0, "scrubbed scoreboard"),
    ("dns", -1, "dns: missing required parameters"),
    ("dns on", 0, "dns: UseReverseDNS set to 'on'"),
    ("dns x", -1, "dns: error: expected Boolean parameter: 'x'"),
    ("dns cache", -1, "dns: error: expected Boolean parameter: 'cache'"),
    ("dns cache clear", 0, "dns: netaddr cache cleared"),
    ("trace", -1, "trace: missing required parameters"),
    ("trace info", 0, "trace: no info available"),
    ("trace tls:x", -1, "trace: badly formatted parameter: 'tls:x'"),
    ("trace tls:20", -1, "trace: there is no TraceLog to write to"),
])
def test_words(here: Desk, asked: str, status: int, answer: str) -> None:
    assert here.ask(*asked.split(" ")) == (status, [answer])


def test_an_action_that_was_removed_is_unknown_until_it_is_back(here: Desk) -> None:
    assert here.ask("rmctrl", "kick") == (0, ["'kick' control disabled"])
    assert here.ask("kick", "user", "x") == (-1, ["unsupported action requested"])
    assert "kick (mod_ctrls_admin.c)" not in here.ask("lsctrl")[1]
    here.ask("insctrl", "kick")
    assert here.ask("kick", "user", "x")[0] == 0
    assert "kick (mod_ctrls_admin.c)" in here.ask("lsctrl")[1]


@pytest.mark.parametrize(("words", "status_works", "kick_works"), [
    ("on", True, True), ("off", False, False), ("kick", True, False), ("status,kick", False, False),
])
def test_admin_controls_engine(tmp_path: Path, words: str, status_works: bool, kick_works: bool) -> None:
    with desk(tmp_path, f"AdminControlsEngine {words}") as here:
        assert (here.ask("status", "all")[0] == 0) is status_works
        assert (here.ask("kick", "user", "x")[0] == 0) is kick_works
        assert here.ask("lsctrl")[0] == 0


@pytest.mark.parametrize("directive", ["ControlsACLs", "AdminControlsACLs"])
def test_what_no_acl_allows_is_denied(tmp_path: Path, directive: str) -> None:
    action = {"ControlsACLs": "lsctrl", "AdminControlsACLs": "status"}[directive]
    with desk(tmp_path, f"{directive} all allow user daemon,{ME}x") as here:
        assert here.ask(action, *["all"] * (action == "status")) == (-1, ["access denied"])
        assert here.ask("help")[0] == 0
        assert not here.supervisor.journal.said or "there is no user" in here.supervisor.journal.said[0]


def test_kick_finds_users_hosts_classes_and_sessions(here: Desk) -> None:
    alice = sit(here, "alice", peer_name="Client.example.org", client_class="local,office")
    again = sit(here, "alice", peer="192.0.2.9", session="0123456789ab")
    bob = sit(here, "bob", peer="2001:db8::1")
    newcomer = sit(here)
    for asked, found in {
        "user alice": [alice, again], "user bob nobody": [bob], "host 192.0.2.7": [alice, newcomer],
        "host 192.0.2.0/24": [alice, again, newcomer], "host client.example.org": [alice],
        "host 2001:DB8:0::1": [bob], "class office": [alice], "class loc": [], "session 0123456789ab": [again],
        "user -n 1 alice": [alice],
    }.items():
        here.supervisor.orders.clear()
        assert here.ask("kick", *asked.split())[0] == 0
        assert kicked(here) == found, asked
    assert here.ask("kick", "user", "alice", "nobody") == (0, ["kicked user 'alice'", "user 'nobody' not connected"])
    assert here.ask("kick", "host", "-n", "1", "192.0.2.7") == (0, ["kicked host '192.0.2.7' (1 clients)"])


def test_who_has_only_said_a_name_is_not_that_user(here: Desk) -> None:
    slot = here.supervisor.board.acquire()
    assert slot is not None
    slot.update(user="alice")
    assert here.ask("kick", "user", "alice") == (0, ["user 'alice' not connected"])


def test_debug_and_dns_reach_the_workers(here: Desk) -> None:
    here.ask("debug", "level", "7")
    here.ask("dns", "cache", "clear")
    assert here.supervisor.orders == [DebugLevel(7), ForgetNames()]
    assert here.ask("debug", "level") == (0, ["debug level set to 7"])


def test_down_and_up(here: Desk) -> None:
    both = ["status: 127.0.0.2#2122 UP", "status: 127.0.0.1#2121 UP"]
    assert here.ask("status", "all") == (0, both)
    assert here.ask("down", "127.0.0.2#2122") == (0, ["down: 127.0.0.2#2122 disabled"])
    assert here.supervisor.configuration.host_for("127.0.0.2", 2122) is None
    assert here.ask("down", "127.0.0.2#2122") == (0, ["down: 127.0.0.2#2122 already disabled"])
    assert here.ask("status", "all") == (0, ["status: 127.0.0.2#2122 DOWN", both[1]])
    assert here.ask("up", "127.0.0.2#2122") == (0, ["up: 127.0.0.2#2122 enabled"])
    assert here.supervisor.configuration.host_for("127.0.0.2", 2122) is not None
    assert here.ask("down", "all") == (0, ["down: all servers disabled"])
    assert here.ask("status", "all") == (0, [line.replace("UP", "DOWN") for line in both])
    assert here.ask("get", "config", "Port")[1][0] == "Port: 0 [main server] (a control action)"
    assert here.ask("up", "all") == (0, ["up: all servers enabled"])
    assert here.ask("status", "all") == (0, both)
    assert here.ask("get", "config", "Port")[1][0] == "Port: 2121 [main server] (line 2 of '/etc/main.conf')"


def test_a_default_server_that_is_down_serves_nobody(tmp_path: Path) -> None:
    with desk(tmp_path, "DefaultServer on", more=VHOST) as here:
        assert here.supervisor.configuration.host_for("127.0.0.9", 2121) is not None
        here.ask("down", "127.0.0.1#2121")
        assert here.supervisor.configuration.host_for("127.0.0.9", 2121) is None
        here.ask("up", "127.0.0.1#2121")
        assert here.supervisor.configuration.host_for("127.0.0.9", 2121) is not None


def test_config_set_and_remove(here: Desk) -> None:
    set_it = ("config", "set", "127.0.0.2:2122", "TimeoutIdle", "99")
    assert here.ask(*set_it) == (0, ["config set: TimeoutIdle configured"])
    first, second = here.supervisor.configuration.hosts
    assert (first.settings.limits.timeout_idle, second.settings.limits.timeout_idle) == (600, 99)
    assert here.ask("get", "config", "TimeoutIdle") == (0, ["TimeoutIdle: 99 [second] (a control action)"])
    assert here.ask("config", "remove", "127.0.0.2:2122", "timeoutidle") == (
        0, ["config remove: TimeoutIdle removed"])
    assert here.supervisor.configuration.hosts[1].settings.limits.timeout_idle == 600
    here.ask(*set_it)
    here.ask("restart")
    assert here.supervisor.configuration.hosts[1].settings.limits.timeout_idle == 600


def test_config_set_reaches_the_clients_of_classes_and_anonymous_ones(tmp_path: Path) -> None:
    sections = (f"{VHOST}\n<IfClass local>\nServerIdent off\n</IfClass>\n"
                "<Anonymous /srv>\nUser ftp\n</Anonymous>\n")
    with desk(tmp_path, 'ServerName "main server"', more=sections) as here:
        before = here.supervisor.configuration.every_host
        place = ("127.0.0.1:2121", "MaxLoginAttempts")
        for verb, words, attempts in (("set", ("1",), 1), ("remove", (), 3)):
            assert here.ask("config", verb, *place, *words)[0] == 0
            after = here.supervisor.configuration
            assert [host.id for host in after.every_host] == [host.id for host in before] == [0, 1, 2]
            for classes in ((), ("local",)):
                host = after.hosts[0].for_classes(classes)
                assert host.settings.core.server_ident.enabled is not bool(classes)
                assert host.settings.auth.max_login_attempts == attempts
                assert host.anonymous[0].settings.auth.max_login_attempts == attempts
        here.ask("dns", "on")
        assert all(host.settings.core.use_reverse_dns for host in here.supervisor.configuration.every_host)


def test_config_set_keeps_the_rules(here: Desk) -> None:
    words = ("config", "set", "127.0.0.1:2121", "TLSOptions", "AllowPerUser")
    here.ask("config", "set", "127.0.0.1:2121", "TLSRequired", "on")
    status, lines = here.ask(*words)
    assert status == -1
    assert "cannot enforce both 'TLSRequired auth' and 'TLSOptions AllowPerUser'" in lines[0]


def test_get_config_says_value_and_place(here: Desk) -> None:
    assert here.ask("get", "config", "ServerName", "port") == (0, [
        "ServerName: main server [main server] (line 7 of '/etc/main.conf')",
        "ServerName: second [second] (line 10 of '/etc/main.conf')",
        "Port: 2121 [main server] (line 2 of '/etc/main.conf')",
        "Port: 2122 [second] (line 11 of '/etc/main.conf')",
    ])
    status, lines = here.ask("get", "directives")
    assert status == 0
    assert "TLSEngine (mod_tls.c)" in lines
    assert lines == sorted(lines, key=lambda line: line.partition(" ")[0])


@pytest.mark.parametrize(("words", "shown"), [
    ("Umask 027 022", "027 022"), ("TLSRequired ctrl+!data", "control required, data forbidden, login required"),
])
def test_get_config_shows_values_as_people_read_them(here: Desk, words: str, shown: str) -> None:
    here.ask("config", "set", "127.0.0.1:2121", *words.split())
    name = words.partition(" ")[0]
    assert here.ask("get", "config", name)[1] == [f"{name}: {shown} [main server] (a control action)"]


def test_get_config_shows_no_secret(here: Desk) -> None:
    here.ask("config", "set", "127.0.0.1:2121", "TLSPreSharedKey", "name", "hex:/etc/psk")
    (line,) = here.ask("get", "config", "TLSPreSharedKey")[1]
    assert line.startswith("TLSPreSharedKey: not shown ")


def test_logs_do_not_have_what_is_set_for_a_secret_directive(tmp_path: Path) -> None:
    log = tmp_path / "controls.log"
    with desk(tmp_path, f"ControlsLog {log}") as here:
        place = here.ask("status", "all")[1][0].split()[1].replace("#", ":")
        for name in ("SQLConnectInfo", "sqlconnectinfo", "SQLConectInfo"):
            here.ask("config", "set", place, name, "ftp@localhost", "ftpd", "hunter2")
        here.ask("config", "set", place, "SQLConnectInfo", "ftp@localhost", "ftpd", "pass", "hunter2")
        here.ask("config", "set", place, "TimeoutIdle", "99")
        said = "\n".join([*here.supervisor.journal.said, log.read_text()])
    assert "hunter2" not in said
    assert said.count(f"'config set {place} SQLConnectInfo (hidden)'") == 4
    assert said.count(f"'config set {place} TimeoutIdle 99'") == 2


def test_restart_count(here: Desk) -> None:
    assert here.ask("restart", "count")[1][0].startswith("server restarted 0 times since 20")
    here.ask("restart")
    assert here.ask("restart", "count")[1][0].startswith("server restarted 1 time since 20")


@pytest.mark.parametrize("error", [ConfigError("unknown configuration directive 'Foo'"), StartError("no worker")])
@pytest.mark.parametrize("asked", ["restart", "down all", "config set 127.0.0.1:2121 Umask 077"])
def test_a_configuration_that_cannot_be_served_changes_nothing(here: Desk, error: Exception, asked: str) -> None:
    here.supervisor.fails = error
    status, lines = here.ask(*asked.split())
    assert status == -1
    assert lines[-1] == "nothing has changed: the present configuration serves on"
    assert str(error) in lines[0]


@pytest.mark.parametrize(("asked", "seconds"), [
    ("shutdown", 0.0), ("shutdown now", 0.0), ("shutdown graceful", None), ("shutdown graceful 5", 5.0),
])
def test_shutdown_answers_first(here: Desk, asked: str, seconds: float | None) -> None:
    assert here.ask(*asked.split()) == (0, ["shutting down"])
    assert here.supervisor.shut == [seconds]


@pytest.mark.parametrize(("asked", "wrong"), [
    ("x", "x"), ("+5", "+5"), ("2300", "2300"), ("Graceful", "Graceful"), ("now now", "now"), ("now 5", "5"),
    ("graceful x", "x"), ("graceful -1", "-1"), ("graceful 5s", "5s"), ("graceful \u0665", "\u0665"),
    ("graceful 9999999999", "9999999999"), ("graceful 5 6", "6"),
])
def test_a_shutdown_that_is_not_understood_ends_nothing(here: Desk, asked: str, wrong: str) -> None:
    status, lines = here.ask("shutdown", *asked.split())
    assert (status, lines[0]) == (-1, f"shutdown: unsupported parameter '{wrong}'; the server stays")
    assert "shutdown graceful [seconds]" in lines[1]
    assert here.supervisor.shut == []


def test_trace_sets_what_the_directive_does(tmp_path: Path) -> None:
    with desk(tmp_path, "TraceLog /var/log/trace") as here:
        assert here.ask("trace", "tls:20", "DEFAULT:1-3") == (0, [
            "trace: set channel 'tls' to levels 1-20", "trace: set channel 'DEFAULT' to levels 1-3"])
        rules = here.supervisor.configuration.hosts[0].settings.logging.trace
        assert [rule.channel for rule in rules] == ["tls", "DEFAULT"]
        assert here.ask("trace", "info") == (0, ["trace: tls 1-20", "trace: DEFAULT 1-3"])


def test_what_changes_something_is_in_the_servers_log(here: Desk) -> None:
    for asked in ("kick user x", "debug level 1", "shutdown graceful", "restart", "rmctrl kick"):
        here.ask(*asked.split())
        assert here.supervisor.journal.said[-1].startswith(f"control socket: {ME}/")
        assert here.supervisor.journal.said[-1].endswith(f"client asks for '{asked}'")
    before = len(here.supervisor.journal.said)
    for asked in ("help", "lsctrl", "status all", "get directives"):
        here.ask(*asked.split())
    assert len(here.supervisor.journal.said) == before


def test_scoreboard_scrub_frees_the_places_of_the_dead(here: Desk) -> None:
    child = os.fork()
    if child == 0:
        here.supervisor.board.acquire()
        os._exit(0)
    os.waitpid(child, 0)
    mine = sit(here, "alice")
    assert len(here.supervisor.board.entries()) == 2
    here.ask("scoreboard", "scrub")
    assert [entry.index for entry in here.supervisor.board.entries()] == [mine]


def test_dns_is_for_all_hosts(here: Desk) -> None:
    here.ask("dns", "on")
    assert all(host.settings.core.use_reverse_dns for host in here.supervisor.configuration.hosts)
