"""Which files a guest can reach, and that none lies outside the folder."""

from __future__ import annotations

import errno
import os
import resource
import threading
from pathlib import Path

import pytest

from pynat.host.descriptors import RESERVE
from pynat.host.files import Files, open_beneath
from pynat.nat.messages import (
    Event,
    FileData,
    FileFailed,
    FileOpen,
    FileOpened,
    FileRead,
    FileWrite,
    FileWritten,
)


class Host:
    def __init__(self, root: Path | None) -> None:
        self.events: list[Event] = []
        self.files = Files(root, self.events.append)

    def do(self, action: FileOpen | FileRead | FileWrite) -> Event:
        self.files.perform(action)
        return self.events.pop()

    def open(self, name: str, *, write: bool = False) -> Event:
        return self.do(FileOpen(1, tuple(name.encode().split(b"/")), write))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with a secret beside it."""
    (tmp_path / "secret").write_text("secret")
    root = tmp_path / "root"
    (root / "boot").mkdir(parents=True)
    (root / "boot" / "x").write_bytes(b"0123456789")
    return root


@pytest.fixture
def host(root: Path) -> Host:
    return Host(root)


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_read(host: Host) -> None:
    before = descriptors()
    assert host.open("boot/x") == FileOpened(1, 10)
    assert host.do(FileRead(1, 2, 3)) == FileData(1, b"234")
    assert host.do(FileRead(1, 8, 100)) == FileData(1, b"89")
    assert host.do(FileRead(1, 10, 100)) == FileData(1, b"")
    host.files.close(1)
    assert descriptors() == before


def test_write_a_new_file_and_over_an_old_one(host: Host, root: Path) -> None:
    for name in ("new", "boot/x"):
        assert host.open(name, write=True) == FileOpened(1, 0)
        assert host.do(FileWrite(1, 0, b"ab")) == FileWritten(1)
        assert host.do(FileWrite(1, 2, b"c")) == FileWritten(1)
        host.files.close(1)
        assert (root / name).read_bytes() == b"abc"


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("no/x", errno.ENOENT),
        ("boot", errno.EISDIR),
        ("boot/x/y", errno.ENOTDIR),
        ("x" * 300, errno.ENAMETOOLONG),
        ("out", errno.EXDEV),
        ("out_by_root", errno.EXDEV),
        ("folder/secret", errno.EXDEV),
        ("in/../../secret", errno.EXDEV),
        ("loop", errno.ELOOP),
        ("fifo", errno.ENODEV),
        ("pipe", errno.ENODEV),
    ],
)
@pytest.mark.parametrize("write", [False, True])
def test_what_cannot_be_opened(host: Host, root: Path, name: str, number: int, write: bool) -> None:
    (root / "out").symlink_to("../secret")
    (root / "out_by_root").symlink_to(root.parent / "secret")
    (root / "folder").symlink_to("..")
    (root / "in").symlink_to("boot")
    (root / "loop").symlink_to("loop")
    os.mkfifo(root / "fifo")
    (root / "pipe").symlink_to("fifo")
    before = descriptors()
    assert host.open(name, write=write) == FileFailed(1, number)
    assert (root.parent / "secret").read_text() == "secret"
    assert descriptors() == before


@pytest.mark.parametrize("write", [False, True])
def test_a_device_cannot_be_opened(write: bool) -> None:
    assert Host(Path("/dev")).open("null", write=write) == FileFailed(1, errno.ENODEV)


def test_links_that_stay_inside_are_followed(host: Host, root: Path) -> None:
    (root / "deep").mkdir()
    (root / "deep" / "link").symlink_to("../boot/./x")
    (root / "folder").symlink_to("boot/")
    (root / "chain").symlink_to("folder/x")
    for name in ("deep/link", "folder/x", "chain"):
        assert host.open(name) == FileOpened(1, 10)
        host.files.close(1)


def test_a_file_that_is_not_there(host: Host) -> None:
    assert host.open("no") == FileFailed(1, errno.ENOENT)


def test_no_root() -> None:
    assert Host(None).open("x") == FileFailed(1, errno.ENOENT)


def test_the_root_has_gone(host: Host, root: Path) -> None:
    (root / "boot" / "x").unlink()
    (root / "boot").rmdir()
    root.rmdir()
    assert host.open("x") == FileFailed(1, errno.ENOENT)


def test_a_failed_read_closes_the_file(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> bytes:
        raise OSError(errno.EIO, "broken")

    before = descriptors()
    host.open("boot/x")
    monkeypatch.setattr(os, "pread", broken)
    assert host.do(FileRead(1, 0, 5)) == FileFailed(1, errno.EIO)
    assert descriptors() == before


def test_a_full_disk(host: Host, root: Path) -> None:
    (root / "full").symlink_to("x")
    host.files._open[1] = os.open("/dev/full", os.O_WRONLY)
    assert host.do(FileWrite(1, 0, b"x")) == FileFailed(1, errno.ENOSPC)


def test_the_last_descriptors_are_not_ours(host: Host) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    before = descriptors()
    resource.setrlimit(resource.RLIMIT_NOFILE, (RESERVE, hard))
    try:
        assert host.open("boot/x") == FileFailed(1, errno.EMFILE)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert descriptors() == before


def test_a_race_never_leads_out(root: Path) -> None:
    """Somebody swaps a folder for a link that leads out, all the time."""
    (root / "swap").mkdir()
    (root / "swap" / "secret").write_text("public")
    (root / "link").symlink_to("..")
    stop = threading.Event()

    def swap() -> None:
        while not stop.is_set():
            (root / "swap").rename(root / "away")
            (root / "link").rename(root / "swap")
            (root / "swap").rename(root / "link")
            (root / "away").rename(root / "swap")

    thread = threading.Thread(target=swap)
    thread.start()
    found: set[str | int | None] = set()
    tries = 0
    try:
        while (
            tries < 3000 or "public" not in found
        ):  # which of the two runs when, is not ours to say
            tries += 1
            try:
                descriptor = open_beneath(root, (b"swap", b"secret"), write=False)
            except OSError as error:
                found.add(error.errno)
                continue
            with os.fdopen(descriptor) as file:
                found.add(file.read())
    finally:
        stop.set()
        thread.join()
    assert "secret" not in found


def test_a_write_behind_one_that_failed_is_passed_over(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Several blocks of a window are written in one turn; the disk is full at the first."""

    def full(descriptor: int, data: bytes, offset: int) -> int:
        raise OSError(errno.ENOSPC, "full")

    host = Host(root)
    host.open("new", write=True)
    monkeypatch.setattr(os, "pwrite", full)
    host.files.perform(FileWrite(1, 0, b"x"))
    host.files.perform(FileWrite(1, 1, b"x"))
    assert host.events == [FileFailed(1, errno.ENOSPC)]
