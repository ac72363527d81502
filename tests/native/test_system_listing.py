"""Listings made in C: the exact lines, facts, order, what links become, bounds, hostile names."""

from __future__ import annotations

import errno
import os
import re
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ftpsd.native import _system

NOW = 1_700_000_000  # Tue Nov 14 22:13:20 UTC 2023
DAY = 86_400


@pytest.fixture
def place(tmp_path: Path) -> Iterator[tuple[Path, int]]:
    fd = os.open(tmp_path, os.O_RDONLY)
    yield tmp_path, fd
    os.close(fd)


def make(path: Path, size: int = 0, mode: int = 0o644, when: float = NOW) -> None:
    path.write_bytes(b"x" * size)
    path.chmod(mode)
    os.utime(path, (when, when))


def lines(body: bytes) -> list[bytes]:
    assert body == b"" or body.endswith(b"\r\n")
    return body.split(b"\r\n")[:-1]


def names(body: bytes) -> list[bytes]:
    return [line.split(b" ")[-1] for line in lines(body)]


def scan(fd: int, **options: object) -> _system.Listing:
    return _system.Listing(fd, **options)  # type: ignore[arg-type]


def list_it(fd: int, **options: object) -> bytes:
    return scan(fd, **{"now": NOW, "owner": lambda uid: "joe", "group": lambda gid: "staff", **options}).body


# ---- ls -l -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("size", "mode", "when", "line"), [
    (6, 0o644, NOW, b"-rw-r--r--   1 joe      staff           6 Nov 14 22:13 f"),
    (0, 0o000, NOW - 179 * DAY, b"----------   1 joe      staff           0 May 19 22:13 f"),
    (123456, 0o755, NOW - 181 * DAY, b"-rwxr-xr-x   1 joe      staff      123456 May 17  2023 f"),
    (1, 0o4755, 981_173_100, b"-rwsr-xr-x   1 joe      staff           1 Feb  3  2001 f"),
    (1, 0o6644, NOW + 9999 * DAY, b"-rwSr-Sr--   1 joe      staff           1 Mar 31 22:13 f"),
    (1, 0o1777, 0, b"-rwxrwxrwt   1 joe      staff           1 Jan  1  1970 f"),
    (1, 0o1666, -1, b"-rw-rw-rwT   1 joe      staff           1 Dec 31  1969 f"),
])
def test_lines(place: tuple[Path, int], size: int, mode: int, when: int, line: bytes) -> None:
    path, fd = place
    make(path / "f", size, mode, when)
    assert list_it(fd) == line + b"\r\n"


def test_columns_grow_with_their_contents(place: tuple[Path, int]) -> None:
    path, fd = place
    with open(path / "huge", "wb") as file:
        os.truncate(file.fileno(), 12_345_678_901)
    os.utime(path / "huge", (NOW, NOW))
    (path / "huge").chmod(0o600)
    for number in range(1200):
        os.link(path / "huge", path / f"link{number}")
    body = list_it(fd, owner=lambda uid: "a-long-name", group=lambda gid: "agroup12")
    assert lines(body)[0] == b"-rw------- 1201 a-long-name agroup12 12345678901 Nov 14 22:13 huge"


@pytest.mark.parametrize(("size", "text"), [
    (1023, b"    1023"), (1024, b"    1.0k"), (4096, b"    4.0k"), (1_600_000, b"    1.5M"),
    (3 << 30, b"    3.0G"),
])
def test_human_sizes(place: tuple[Path, int], size: int, text: bytes) -> None:
    path, fd = place
    (path / "f").touch()
    os.truncate(path / "f", size)
    assert b" staff    " + text + b" " in list_it(fd, human=True)


def test_kinds_of_files(place: tuple[Path, int]) -> None:
    path, fd = place
    (path / "d").mkdir()
    os.mkfifo(path / "p")
    (path / "l").symlink_to("d")
    (path / "f").touch()
    kinds = {line[-1:]: line[:1] for line in lines(list_it(fd)) if b" -> " not in line}
    assert kinds == {b"d": b"d", b"p": b"p", b"f": b"-"}
    assert b"l -> d\r\n" in list_it(fd)
    assert lines(list_it(fd, classify=True))[0].endswith(b" d/")


def test_like_the_systems_own_ls(place: tuple[Path, int]) -> None:
    """Field by field as `ls -l` (widths and the form of old dates are FTP's own)."""
    path, fd = place
    for at in range(20):
        make(path / f"file{at}", at * 1111, 0o600 + at, time.time() - at * 17 * DAY)
    (path / "dir").mkdir()
    (path / "link").symlink_to("file1")
    ran = subprocess.run(
        ["/bin/ls", "-lnA", str(path)], check=True, capture_output=True, timeout=30,
        env={"LC_ALL": "C", "TZ": "UTC", "PATH": "/bin"})
    theirs = [line.split() for line in ran.stdout.splitlines()[1:]]
    ours = [line.split() for line in lines(list_it(fd, numeric=True, almost_all=True, now=int(time.time())))]
    border = time.time() - 179 * DAY
    young = {os.fsencode(item.name) for item in path.iterdir() if item.lstat().st_mtime > border}
    assert {row[8] for row in ours} == {row[8] for row in theirs}
    for mine in ours:
        other = next(row for row in theirs if row[8] == mine[8])
        assert mine[:7] == other[:7]
        if mine[8] in young:
            assert mine == other


def test_local_time(place: tuple[Path, int]) -> None:
    path, fd = place
    make(path / "f")
    expected = time.strftime("%H:%M", time.localtime(NOW)).encode()
    assert expected in list_it(fd, gmt=False)
    assert b"22:13" in list_it(fd, gmt=True)


# ---- which names, in which order ---------------------------------------------------------------------


def test_dot_files(place: tuple[Path, int]) -> None:
    path, fd = place
    for name in ("a", ".b", "..c"):
        (path / name).touch()
    assert names(list_it(fd)) == [b"a"]
    assert names(list_it(fd, almost_all=True)) == [b"..c", b".b", b"a"]
    assert names(list_it(fd, all=True)) == [b".", b"..", b"..c", b".b", b"a"]
    assert names(list_it(fd, form="nlst")) == [b"a"]
    assert sorted(names(list_it(fd, form="mlsd"))) == [b".", b"..", b"..c", b".b", b"a"]


ORDERS: list[tuple[dict[str, object], str]] = [
    ({}, "Bac"), ({"reverse": True}, "caB"), ({"sort": "time"}, "caB"),
    ({"sort": "time", "reverse": True}, "Bac"),
    ({"sort": "size"}, "acB"), ({"sort": "size", "reverse": True}, "Bca"),
    ({"sort": "time", "time": "access"}, "Bac"),
]


@pytest.mark.parametrize(("options", "order"), ORDERS)
@pytest.mark.parametrize("form", ["list", "nlst", "mlsd"])
def test_orders(place: tuple[Path, int], options: dict[str, object], order: str, form: str) -> None:
    path, fd = place
    files = (("a", 3, NOW, NOW), ("B", 1, NOW - 1, NOW + 1), ("c", 2, NOW + 1, NOW - 1))
    for name, size, modified, accessed in files:
        make(path / name, size)
        os.utime(path / name, (accessed, modified))
    got = [name for name in names(list_it(fd, form=form, **options)) if name not in (b".", b"..")]
    assert b"".join(got).decode() == order


NAMES = st.lists(
    st.binary(min_size=1, max_size=12).filter(lambda name: not set(name) & set(b"\0/ \r\n.")), max_size=40, unique=True)


@settings(max_examples=60)
@given(NAMES, st.sampled_from([b"", b"v", b"report-2024-"]), st.booleans())
def test_names_come_in_the_order_of_their_bytes(some: list[bytes], beginning: bytes, reverse: bool) -> None:
    """Whatever they begin with in common, however short the rest is."""
    texts = [beginning + name for name in some]
    with tempfile.TemporaryDirectory() as place:
        fd = os.open(place, os.O_RDONLY)
        for text in texts:
            os.close(os.open(text, os.O_CREAT | os.O_WRONLY, dir_fd=fd))
        try:
            got = list_it(fd, form="nlst", reverse=reverse)
        finally:
            os.close(fd)
    assert names(got) == sorted(texts, reverse=reverse)


@given(st.lists(st.tuples(st.integers(-3, 3) | st.integers(-(2**33), 2**33), st.sampled_from("abcdef")), max_size=12),
       st.booleans())
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_times_come_in_order_before_and_after_1970(
    place: tuple[Path, int], files: list[tuple[int, str]], reverse: bool
) -> None:
    """The latest first, files of one moment by name."""
    path, fd = place
    moments = {f"{name}{index}": moment for index, (moment, name) in enumerate(files)}
    for name, moment in moments.items():
        make(path / name, when=moment)
    wanted = sorted(moments, key=lambda name: (-int(os.stat(path / name).st_mtime), name), reverse=reverse)
    try:
        assert names(list_it(fd, form="nlst", sort="time", reverse=reverse)) == [os.fsencode(name) for name in wanted]
    finally:
        for name in moments:
            (path / name).unlink()


def test_large_directories_in_every_order(tmp_path: Path) -> None:
    """More than the sort takes as they come: sizes shuffled, many alike."""
    sizes = {f"f{at:04}": at * 7919 % 97 for at in range(3000)}
    for name, size in sizes.items():
        (tmp_path / name).write_bytes(b"x" * size)
    fd = os.open(tmp_path, os.O_RDONLY)
    try:
        by_name, by_size = scan(fd, form="nlst"), scan(fd, form="nlst", sort="size")
    finally:
        os.close(fd)
    assert names(by_name.body) == [os.fsencode(name) for name in sorted(sizes)]
    assert names(by_size.body) == [os.fsencode(name) for name in sorted(sizes, key=lambda name: (-sizes[name], name))]


def test_modes_that_differ_from_line_to_line(place: tuple[Path, int]) -> None:
    """What is alike in two lines is written once: never the mode of another file."""
    path, fd = place
    modes = [0o644, 0o644, 0o600, 0o644, 0o755, 0o755, 0o600]
    for at, mode in enumerate(modes):
        make(path / str(at), mode=mode)
    assert [line[:10] for line in lines(list_it(fd))] == [stat.filemode(stat.S_IFREG | mode).encode() for mode in modes]
    facts = list_it(fd, form="mlsd", sort="name", facts=["UNIX.mode"])
    shown = [re.match(rb"UNIX.mode=0(\d+); (\d)$", line) for line in lines(facts)]
    assert [(int(one[2]), int(one[1], 8)) for one in shown if one] == list(enumerate(modes))


def test_listings_at_the_same_time(tmp_path: Path) -> None:
    """They share the memory of listings before them, one at a time."""
    wanted, wrong = {}, []
    for count in (10, 300, 2000):
        directory = tmp_path / str(count)
        directory.mkdir()
        for at in range(count):
            (directory / f"{count}-{at:05}").touch()
        wanted[count] = [f"{count}-{at:05}".encode() for at in range(count)]

    def listing(count: int) -> None:
        fd = os.open(tmp_path / str(count), os.O_RDONLY)
        for _ in range(30):
            if names(list_it(fd)) != wanted[count]:
                wrong.append(count)
        os.close(fd)

    threads = [threading.Thread(target=listing, args=(count,)) for count in (*wanted, *wanted)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.parametrize("form", ["list", "mlsd", "nlst"])
def test_the_longest_lines_fit(place: tuple[Path, int], form: str) -> None:
    """Owners, names and targets of links at their longest, numbers of many digits, dates far away."""
    path, fd = place
    (path / ("n" * 255)).symlink_to("t" * 4000)
    with (path / ("m" * 255)).open("wb") as file:
        file.truncate(2**40)
    os.utime(path / ("m" * 255), (2**33, 2**33))
    facts = _system.FACT_NAMES
    body = list_it(fd, form=form, facts=facts, owner=lambda uid: "o" * 500, group=lambda gid: "g" * 500, slink=True,
                   prefix=b"p" * 3000, follow=lambda name: None)
    assert len(lines(body)) >= 1
    with pytest.raises(OSError, match=os.strerror(errno.EFBIG)):
        list_it(fd, form=form, facts=facts, owner=lambda uid: "o" * 500, max_bytes=100)


def test_unsorted_is_the_order_of_the_directory(place: tuple[Path, int]) -> None:
    path, fd = place
    for at in range(50):
        (path / f"{at * 7919 % 50}").touch()
    raw = [os.fsencode(name) for name in os.listdir(fd)]
    assert names(list_it(fd, sort="none")) == raw
    assert names(list_it(fd, sort="none", reverse=True)) == raw[::-1]


def test_given_names_with_other_texts(place: tuple[Path, int]) -> None:
    path, fd = place
    make(path / "a", 1)
    make(path / "b", 2)
    got = _system.Listing(fd, names=[b"b", b"missing", b"a"], shown=[b"x/b", b"x/m", b"x/a"], now=NOW)
    assert names(got.body) == [b"x/a", b"x/b"]
    assert got.entries == 2
    with pytest.raises(ValueError, match="zip"):
        _system.Listing(fd, names=[b"a"], shown=[])


def test_prefix(place: tuple[Path, int]) -> None:
    path, fd = place
    (path / "a").touch()
    assert list_it(fd, form="nlst", prefix=b"sub/") == b"sub/a\r\n"


def test_directories_for_a_recursion(place: tuple[Path, int]) -> None:
    path, fd = place
    for name in ("d2", "d1", ".hidden"):
        (path / name).mkdir()
    (path / "link").symlink_to("d1")
    (path / "f").touch()
    assert scan(fd, want_directories=True).directories == [b"d1", b"d2"]
    assert scan(fd, want_directories=True, all=True).directories == [b".hidden", b"d1", b"d2"]
    assert _system.Listing(fd).directories == []


# ---- links -------------------------------------------------------------------------------------------


@pytest.fixture
def linked(place: tuple[Path, int]) -> tuple[Path, int]:
    path, _ = place
    make(path / "f", 5, 0o755)
    (path / "d").mkdir()
    for name, target in {"lf": "f", "ld": "d", "no": "nowhere", "out": "/etc/passwd"}.items():
        (path / name).symlink_to(target)
    return place


def by_caller(path: Path) -> dict[str, object]:
    """The options of a kernel without openat2."""
    def follow(name: bytes) -> os.stat_result | None:
        target = path / os.fsdecode(name)
        return target.stat() if name in (b"lf", b"ld") else None

    return {"follow": follow}


@pytest.mark.parametrize("kernel", [
    pytest.param(True, marks=pytest.mark.skipif(not _system.has_openat2(), reason="no openat2")), False])
def test_links(linked: tuple[Path, int], kernel: bool) -> None:
    path, fd = linked
    how = {"rootfd": fd, "path": b"/"} if kernel else by_caller(path)
    marked = lines(list_it(fd, now=NOW + DAY, classify=True, **how))
    shown = [line.rpartition(b":")[2][3:] for line in marked]
    assert shown == [b"d/", b"f*", b"ld -> d/", b"lf -> f*", b"no -> nowhere", b"out -> /etc/passwd"]
    for options in ({"dereference": True}, {"show_symlinks": False}):
        got = lines(list_it(fd, **options, **how))
        assert [line.split()[-1] for line in got] == [b"d", b"f", b"ld", b"lf"]
        assert got[2][:10] == got[0][:10]
        assert got[3][:10] == got[1][:10] == b"-rwxr-xr-x"
    assert names(list_it(fd, form="nlst", **how)) == [b"d", b"f", b"ld", b"lf"]
    told = lines(list_it(fd, form="mlsd", facts=["type", "size"], **how))
    facts = {name: said for said, _, name in (line.partition(b" ") for line in told)}
    assert facts == {
        b".": b"type=cdir;", b"..": b"type=pdir;", b"d": b"type=dir;", b"f": b"size=5;type=file;",
        b"ld": b"type=OS.unix=symlink;", b"lf": b"size=5;type=OS.unix=symlink;",
    }
    slinks = list_it(fd, form="mlsd", facts=["type"], slink=True, **how)
    assert b"type=OS.unix=slink:f; lf\r\n" in slinks
    hidden = list_it(fd, form="mlsd", facts=["type"], show_symlinks=False, **how)
    assert b"type=file; lf\r\n" in hidden
    assert b"type=dir; ld\r\n" in hidden


# ---- facts -------------------------------------------------------------------------------------------


def test_all_facts(place: tuple[Path, int]) -> None:
    path, fd = place
    make(path / "f", 7, 0o640, 981_173_100)
    status = (path / "f").stat()
    unique = f"{status.st_dev:X}U{status.st_ino:X}"
    body = list_it(fd, form="mlsd", facts=reversed(_system.FACT_NAMES))
    assert lines(body)[-1].decode() == (
        f"modify=20010203040500;perm=adfrw;size=7;type=file;unique={unique};UNIX.group={status.st_gid};"
        f"UNIX.groupname=staff;UNIX.mode=0640;UNIX.owner={status.st_uid};UNIX.ownername=joe; f")
    assert lines(list_it(fd, form="mlsd", facts=[]))[-1] == b" f"
    with pytest.raises(KeyError):
        list_it(fd, form="mlsd", facts=["nonsense"])


@pytest.mark.skipif(os.geteuid() != 0, reason="needs files of others")
@pytest.mark.root
def test_perm_is_what_the_thread_may_do(tmp_path: Path) -> None:
    me, mine, other = 61001, 61002, 61009
    owned = {
        "own": (me, other, 0o600), "group": (other, mine, 0o060), "others": (other, other, 0o004),
        "extra": (other, 61003, 0o040), "nothing": (other, other, 0o660), "both": (me, mine, 0o070),
    }
    for name, (uid, gid, mode) in owned.items():
        (tmp_path / name).touch(mode)
        os.chown(tmp_path / name, uid, gid)
        (tmp_path / name).chmod(mode)
    for name, mode in (("dir", 0o750), ("look", 0o550), ("closed", 0o700)):
        (tmp_path / name).mkdir()
        os.chown(tmp_path / name, other, mine)
        (tmp_path / name).chmod(mode)
    fd = os.open(tmp_path, os.O_RDONLY)
    got: list[dict[bytes, bytes]] = []

    def work() -> None:
        _system.set_thread_credentials(me, mine, [61003])
        body = _system.Listing(fd, form="mlsd", facts=["perm"]).body
        got.append({line.partition(b" ")[2]: line.partition(b";")[0][5:] for line in lines(body)})

    for mode, uid in ((0o777, 0), (0o1777, 0), (0o755, 0)):
        tmp_path.chmod(mode)
        os.chown(tmp_path, uid, 0)
        thread = threading.Thread(target=work)
        thread.start()
        thread.join(30)
    os.close(fd)
    everybodys, sticky, closed = got
    assert everybodys == {
        b".": b"lcmpe", b"..": b"lcmpe", b"own": b"adfrw", b"group": b"adfrw", b"others": b"dfr",
        b"extra": b"dfr",
        b"nothing": b"df", b"both": b"df", b"dir": b"flde", b"look": b"flde", b"closed": b"fd",
    }
    assert sticky[b"own"] == b"adfrw"
    assert (sticky[b"group"], sticky[b"dir"]) == (b"arw", b"le")
    assert (closed[b"own"], closed[b"."]) == (b"arw", b"le")


def test_parent_is_what_it_is_given(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d").chmod(0o700)
    tmp_path.chmod(0o711)
    fd, parent = os.open(tmp_path / "d", os.O_RDONLY), os.open(tmp_path, os.O_PATH)
    try:
        assert lines(list_it(fd, all=True))[1].startswith(b"drwx------ ")
        assert lines(list_it(fd, all=True, parentfd=parent))[1].startswith(b"drwx--x--x ")
    finally:
        os.close(fd)
        os.close(parent)


# ---- hostile names, vanishing entries, bounds --------------------------------------------------------


def test_names_cannot_forge_or_break_lines(place: tuple[Path, int]) -> None:
    path, fd = place
    hostile = [
        b"a\r\n-rw-r--r--   1 root     root   666 Jan  1 00:00 forged", b"b\nnext", b"c\rback", b"d\x1b[2J",
        b"e", b"f\x7f", b"\xff\xfe", "ü".encode(), b"g h",
    ]
    for name in hostile:
        os.close(os.open(os.path.join(os.fsencode(path), name), os.O_CREAT, 0o644))
    os.symlink(b"x\r\ny", os.path.join(os.fsencode(path), b"link"))
    for form in ("list", "nlst", "mlsd"):
        body = list_it(fd, form=form, facts=["type"], slink=True)
        assert len(re.findall(rb"[\r\n]", body)) == 2 * body.count(b"\r\n")
        count = {"list": 10, "nlst": 9, "mlsd": 11}[form]
        assert len(lines(body)) == count
        assert b"\xff\xfe" in body
    shown = list_it(fd)
    assert b" a??-rw-r--r--   1 root     root   666 Jan  1 00:00 forged\r\n" in shown
    assert b" d?[2J\r\n" in shown
    assert b" link -> x??y\r\n" in shown
    assert b"d\x1b[2J\r\n" in list_it(fd, form="nlst")


def test_owner_names_cannot_break_columns_or_facts(place: tuple[Path, int]) -> None:
    path, fd = place
    (path / "f").touch()
    names = {"owner": lambda uid: "domain user;\r\n", "group": lambda gid: "gr\udcffü"}
    assert b" domain_user___ gr\xff\xc3\xbc   " in list_it(fd, **names)
    assert b"UNIX.ownername=domain_user___; f" in list_it(fd, form="mlsd", facts=["UNIX.ownername"], **names)


def test_the_names_of_owners_are_asked_once_per_number(tmp_path: Path) -> None:
    for at in range(10_000):
        os.close(os.open(tmp_path / f"file{at:05}", os.O_CREAT, 0o644))
    asked: list[int] = []

    def name(number: int) -> str:
        asked.append(number)
        return f"n{number}"

    fd = os.open(tmp_path, os.O_RDONLY)
    try:
        for form, calls in (("list", 2), ("mlsd", 2), ("nlst", 0)):
            asked.clear()
            got = _system.Listing(fd, form=form, owner=name, group=name, facts=_system.FACT_NAMES)
            assert got.entries == 10_000 + (2 if form == "mlsd" else 0)
            assert len(asked) == calls
        asked.clear()
        _system.Listing(fd, owner=name, group=name, numeric=True)
        assert asked == []
        for bound in ({"max_entries": 9_999}, {"max_bytes": 20_000}):
            with pytest.raises(OSError) as caught:
                scan(fd, **bound)
            assert caught.value.errno == errno.EFBIG
        assert _system.Listing(fd, limit=3).entries == 3
    finally:
        os.close(fd)


@pytest.mark.parametrize(("form", "most"), [("list", 2.7), ("mlsd", 2.2)])
def test_a_hundred_thousand_entries_cost_about_twice_their_body(tmp_path: Path, form: str, most: float) -> None:
    """In a process of its own, whose peak of memory is its own; one file stands for all."""
    (tmp_path / "f").touch()
    program = f"""
import os
from ftpsd.native import _system

def peak():
    with open("/proc/self/status") as lines:
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))

fd = os.open({str(tmp_path)!r}, os.O_RDONLY)
options = dict(form={form!r}, facts=_system.FACT_NAMES)
_system.Listing(fd, **options)
names, shown = [b"f"] * 100_000, [b"a name of thirty-two characters."] * 100_000
before = peak()
got = _system.Listing(fd, names=names, shown=shown, **options)
assert got.entries == 100_000, got.entries
print((peak() - before) / len(got.body))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, env={
            **os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))})
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < most


def test_a_callback_that_fails_is_heard(place: tuple[Path, int]) -> None:
    path, fd = place
    (path / "f").touch()

    def fail(number: int) -> str:
        raise LookupError(number)

    with pytest.raises(LookupError):
        list_it(fd, owner=fail)
    assert b"joe" in list_it(fd)


def test_entries_that_vanish_are_left_out(place: tuple[Path, int]) -> None:
    path, fd = place
    stop = threading.Event()

    def churn() -> None:
        while not stop.is_set():
            for at in range(20):
                (path / f"gone{at}").touch()
            for at in range(20):
                (path / f"gone{at}").unlink()

    (path / "stays").touch()
    thread = threading.Thread(target=churn)
    thread.start()
    try:
        for _ in range(300):
            assert b"stays" in names(list_it(fd))
    finally:
        stop.set()
        thread.join(30)


def test_what_is_no_directory_or_not_open(tmp_path: Path) -> None:
    (tmp_path / "f").touch()
    fd = os.open(tmp_path / "f", os.O_RDONLY)
    with pytest.raises(NotADirectoryError):
        _system.Listing(fd)
    os.close(fd)
    with pytest.raises(OSError) as caught:
        _system.Listing(fd)
    assert caught.value.errno == errno.EBADF
    fd = os.open(tmp_path, os.O_PATH)
    with pytest.raises(OSError):
        _system.Listing(fd)
    os.close(fd)


def test_an_empty_directory_and_a_deleted_one(place: tuple[Path, int]) -> None:
    path, fd = place
    assert list_it(fd) == b""
    assert stat.S_ISDIR(os.fstat(fd).st_mode)
    path.rmdir()
    with pytest.raises(FileNotFoundError):
        list_it(fd)
    path.mkdir()


def test_what_keep_does_not_want_is_left_out(tmp_path: Path) -> None:
    """In every form, of names as well; it is told what is a link, followed or not."""
    for name in ("a", "b", "c"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "l").symlink_to("a")
    (tmp_path / "d").mkdir()
    fd = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for form in ("list", "nlst", "mlsd"):
            asked: dict[bytes, bool] = {}

            def keep(name: bytes, link: bool, asked: dict[bytes, bool] = asked) -> bool:
                asked[name] = link
                return name not in (b"b", b"d", b"l")

            got = _system.Listing(fd, form=form, keep=keep, want_directories=True, rootfd=fd, path=b"/")
            assert {name: link for name, link in asked.items() if not name.startswith(b".")} == {
                b"a": False, b"b": False, b"c": False, b"d": False, b"l": True}
            shown = {line.split()[-1] for line in got.body.splitlines()} - {b".", b".."}
            assert shown == {b"a", b"c"}
            assert got.directories == []
        named = _system.Listing(fd, form="nlst", names=[b"a", b"b"], keep=lambda name, link: name == b"b")
        assert named.body == b"b\r\n"
    finally:
        os.close(fd)


def test_errors_of_keep_are_told(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"")
    fd = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)

    def keep(name: bytes, link: bool) -> bool:
        raise ValueError(name)

    try:
        with pytest.raises(ValueError):
            _system.Listing(fd, keep=keep)
    finally:
        os.close(fd)


@pytest.mark.parametrize(("mode", "file", "directory"), [
    (-1, "-rw-r-----", "drwx------"), (0o444, "-r--r--r--", "dr-xr-xr-x"), (0o640, "-rw-r-----", "drwxr-x---"),
    (0, "----------", "d---------"),
])
def test_modes_and_numbers_may_be_fakes(tmp_path: Path, mode: int, file: str, directory: str) -> None:
    (tmp_path / "f").write_bytes(b"")
    (tmp_path / "f").chmod(0o640)
    (tmp_path / "d").mkdir(mode=0o700)
    fd = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        lines = _system.Listing(fd, fake_mode=mode, fake_uid=12345).body.decode().splitlines()
        assert [line.split()[0] for line in lines] == [directory, file]
        facts = _system.Listing(
            fd, form="mlsd", names=[b"f"], fake_mode=mode, fake_uid=12345, fake_gid=0,
            facts=("UNIX.mode", "UNIX.owner", "UNIX.group")).body
        shown = 0o640 if mode < 0 else mode
        assert facts == f"UNIX.group=0;UNIX.mode=0{shown:o};UNIX.owner=12345; f\r\n".encode()
    finally:
        os.close(fd)
