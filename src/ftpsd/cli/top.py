"""`ftpsd top`, also called ftptop: the sessions of a running server, again and again."""

from __future__ import annotations

import curses
import sys
import time
from dataclasses import dataclass

import click

import ftpsd
from ftpsd.cli import board
from ftpsd.ctl.who import STATES, top

LONGEST_DELAY = 15
BATCH_WIDTH = 200


@dataclass(slots=True)
class _View:
    board: board.Board
    server: str | None
    states: frozenset[str]
    rates: bool = False

    def lines(self, width: int) -> list[str]:
        report, now = self.board.read().of_server(self.server), time.time()
        return top(report, now, clock=time.ctime(now), rates=self.rates, states=self.states, width=width)


def _states(only: str, without: str) -> frozenset[str]:
    """Letters of states; `only` "" means all."""
    return frozenset(only or STATES.values()) - frozenset(without)


@click.command("top", short_help="Show who is on, continuously")
@board.options
@click.option("-A", "only_authenticating", is_flag=True, help="Only sessions that have not logged in yet.")
@click.option("-a", "no_authenticating", is_flag=True, help="No sessions that have not logged in yet.")
@click.option("-D", "only_downloading", is_flag=True, help="Only sessions that are downloading.")
@click.option("-U", "only_uploading", is_flag=True, help="Only sessions that are uploading.")
@click.option("-I", "only_idle", is_flag=True, help="Only idle sessions.")
@click.option("-i", "no_idle", is_flag=True, help="No idle sessions.")
@click.option("-b", "batch", is_flag=True, help="Print plain text and read no keys.")
@click.option("-d", "delay", type=click.IntRange(0, LONGEST_DELAY), default=2, help="Seconds between refreshes.")
@click.option("-n", "times", type=click.IntRange(min=1), help="Number of refreshes.")
@click.version_option(ftpsd.__version__, "-V", prog_name="ftptop", message="%(prog)s/%(version)s")
def command(
    server: str | None, file: str | None, config: str | None, batch: bool, delay: int, times: int | None,
    **chosen: bool,
) -> int:
    """Show who is on, continuously. The key t switches to speeds and back, q ends it."""
    letters = {"authenticating": "A", "downloading": "D", "uploading": "U", "idle": "I"}
    only = "".join(letter for name, letter in letters.items() if chosen.get(f"only_{name}"))
    without = "".join(letter for name, letter in letters.items() if chosen.get(f"no_{name}"))
    view = _View(board.Board(file, config), server, _states(only, without))
    view.lines(0)
    if batch or not sys.stdout.isatty():
        _print(view, delay, times if times is not None or batch else 1)
    else:
        curses.wrapper(_show, view, delay, times)
    return 0


def _print(view: _View, delay: int, times: int | None) -> None:
    done = 0
    while times is None or done < times:
        if done:
            time.sleep(delay)
        print("\n".join(view.lines(BATCH_WIDTH)), flush=True)
        done += 1


def _show(screen: curses.window, view: _View, delay: int, times: int | None) -> None:
    curses.use_default_colors()
    screen.timeout(max(100, delay * 1000))
    done = 0
    while times is None or done < times:
        height, width = screen.getmaxyx()
        screen.erase()
        for number, line in enumerate(view.lines(width - 1)[: height - 1]):
            screen.addnstr(number, 0, line, width - 1, curses.A_REVERSE if number == 3 else curses.A_NORMAL)
        screen.refresh()
        done += 1
        key = screen.getch()
        if key in (ord("q"), ord("Q")):
            return
        if key == ord("t"):
            view.rates = not view.rates
