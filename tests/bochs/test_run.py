from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pynat.bochs import Bochs, BochsError, BochsRun, Ending
from pynat.bochs.bochsrc import log_of
from pynat.bochs.outcome import tail
from tests import limits
from tests.bochs.machines import (
    HANG,
    HELLO_E9,
    MAGIC_BREAK,
    POWER_OFF,
    TRIPLE_FAULT,
    Greeter,
    bochsrc,
    fake,
    greeter,
    shutdown_port,
)
from tests.bochs.processes import Watch, listening_sockets

_SECONDS = 30.0  # far more than any of these guests needs


def _run(bochs: Bochs, guest: Greeter) -> BochsRun:
    return BochsRun(bochs, guest.bochsrc, log=guest.bochsrc.parent / "bochs.log")


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (POWER_OFF, "ACPI control: soft power off"),
        (shutdown_port(), "Shutdown port: shutdown requested"),
    ],
)
def test_power_off(bochs: Bochs, tmp_path: Path, code: bytes, message: str) -> None:
    with BochsRun(bochs, bochsrc(tmp_path, code), log=tmp_path / "bochs.log") as run:
        outcome = run.wait(_SECONDS)
    assert (outcome.ending, outcome.message) == (Ending.POWER_OFF, message)
    assert outcome.log == tmp_path / "bochs.log"
    assert "soft power off" in outcome.log.read_text() or "shutdown" in outcome.log.read_text()


def test_panic(bochs: Bochs, tmp_path: Path) -> None:
    unbootable = bochsrc(tmp_path, POWER_OFF, signature=b"\0\0")
    with BochsRun(bochs, unbootable, log=tmp_path / "bochs.log") as run:
        outcome = run.wait(_SECONDS)
    assert (outcome.ending, outcome.message) == (Ending.PANIC, "[BIOS] No bootable device.")


def test_triple_fault(bochs: Bochs, tmp_path: Path) -> None:
    path = bochsrc(tmp_path, TRIPLE_FAULT, "cpu: reset_on_triple_fault=0")
    log, fault = tmp_path / "bochs.log", "3rd (13) exception with no resolution"
    goes_on = bochs.version >= (3, 1)
    with BochsRun(bochs, path, log=log) as run:
        while goes_on and fault not in (tail(log) or ""):
            run.pause(0.02)
        outcome = run.wait(0 if goes_on else _SECONDS)
    assert outcome.ending is (Ending.TIMEOUT if goes_on else Ending.PANIC)
    assert fault in outcome.message


def test_timeout(bochs: Bochs, tmp_path: Path) -> None:
    with BochsRun(bochs, bochsrc(tmp_path, HANG), log=tmp_path / "bochs.log") as run:
        outcome = run.wait(0.5)
        assert outcome.ending is Ending.TIMEOUT
        with pytest.raises(ProcessLookupError):
            os.killpg(run.pid, 0)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("megz: 32", "directive 'megz' not understood"),
        ("romimage: file=/nowhere/bios", "couldn't open ROM image file '/nowhere/bios'"),
        (
            "e1000: enabled=1, mac=52:54:00:12:34:56, ethmod=nosuch",
            "ethernet module 'nosuch' not available",
        ),
    ],
)
def test_mistake_in_the_bochsrc(bochs: Bochs, tmp_path: Path, line: str, message: str) -> None:
    wrong = bochsrc(tmp_path, POWER_OFF, line)
    with BochsRun(bochs, wrong, log=tmp_path / "bochs.log") as run:
        outcome = run.wait(_SECONDS)
    assert outcome.ending is Ending.CONFIG
    assert message in outcome.message


def test_no_such_bochsrc(bochs: Bochs, tmp_path: Path) -> None:
    with BochsRun(bochs, tmp_path / "none", log=tmp_path / "bochs.log") as run:
        outcome = run.wait(_SECONDS)
    assert outcome.ending is Ending.CONFIG
    assert str(tmp_path / "none") in outcome.message


def test_a_log_named_behind_the_bochsrc(
    bochs: Bochs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = bochsrc(tmp_path, shutdown_port(), "log: first.txt")
    with BochsRun(bochs, path, extra=["log: second.txt"]) as run:
        outcome = run.wait(_SECONDS)
    assert outcome.log == tmp_path / "second.txt"
    assert "Shutdown" in outcome.log.read_text()
    assert not (tmp_path / "first.txt").exists()


@pytest.mark.parametrize("speaker", ["", "speaker: enabled=1"])
def test_the_speaker_that_nobody_hears_says_nothing(
    bochs: Bochs, tmp_path: Path, speaker: str
) -> None:
    path = bochsrc(tmp_path, shutdown_port(), speaker)
    with BochsRun(bochs, path, log=tmp_path / "bochs.log") as run:
        log = run.wait(_SECONDS).log.read_text()
    assert ("PC speaker output disabled" in log) == (not speaker)


def test_an_old_log_does_not_tell_how_this_run_ended(bochs: Bochs, tmp_path: Path) -> None:
    log = tmp_path / "bochs.log"
    log.write_text("00012936050p[ACPI  ] >>PANIC<< ACPI control: soft power off\n")
    with BochsRun(bochs, tmp_path / "none", log=log) as run:
        assert run.wait(_SECONDS).ending is Ending.CONFIG


def test_headless_opens_no_port_whatever_the_bochsrc_says(bochs: Bochs, tmp_path: Path) -> None:
    with greeter(tmp_path, "display_library: rfb") as guest, _run(bochs, guest) as run:
        guest.await_hello()
        assert listening_sockets(run.pid) == set()


@pytest.mark.parametrize(
    ("line", "driver"),
    [("", "sounddummy"), ("sound: waveoutdrv=file, waveout=/dev/null", "soundfile")],
)
def test_headless_needs_no_sound_card(bochs: Bochs, tmp_path: Path, line: str, driver: str) -> None:
    quiet = bochsrc(tmp_path, POWER_OFF, line)
    with BochsRun(bochs, quiet, log=tmp_path / "bochs.log") as run:
        log = run.wait(_SECONDS).log.read_text()
    assert f"loaded plugin libbx_{driver}.so" in log
    assert "libbx_soundalsa.so" not in log


def test_interrupt_is_a_clean_exit(bochs: Bochs, tmp_path: Path) -> None:
    with greeter(tmp_path) as guest, _run(bochs, guest) as run:
        guest.await_hello()
        assert run.poll() is None
        outcome = run.interrupt()
    assert outcome.ending is Ending.QUIT
    assert "quit_sim called" in outcome.log.read_text()
    assert run.terminate() == outcome


def test_killed_by_somebody_else(bochs: Bochs, tmp_path: Path) -> None:
    with greeter(tmp_path) as guest, _run(bochs, guest) as run:
        guest.await_hello()
        os.killpg(run.pid, signal.SIGKILL)
        outcome = run.wait(_SECONDS)
    assert (outcome.ending, outcome.exit_code) == (Ending.KILLED, -signal.SIGKILL)


def test_leaving_by_an_exception_ends_bochs(bochs: Bochs, tmp_path: Path) -> None:
    with contextlib.suppress(KeyError), greeter(tmp_path) as guest, _run(bochs, guest) as run:
        guest.await_hello()
        watch = Watch(run.pid)
        raise KeyError
    assert watch.ended_within(0)


def test_bochs_dies_with_the_process_that_started_it(tmp_path: Path) -> None:
    script = (
        "import pathlib, signal, sys\n"
        "from pynat.bochs import BochsRun, find_bochs\n"
        "path, log = map(pathlib.Path, sys.argv[1:])\n"
        "with BochsRun(find_bochs(), path, log=log) as run:\n"
        "    print(run.pid, flush=True)\n"
        "    signal.pause()\n"
    )
    with greeter(tmp_path) as guest:
        words = [sys.executable, "-c", script, str(guest.bochsrc), str(tmp_path / "bochs.log")]
        environment = {**os.environ, "TMPDIR": str(tmp_path)}  # it has no time to tidy up
        with subprocess.Popen(words, stdout=subprocess.PIPE, env=environment) as starter:
            assert starter.stdout is not None
            try:
                watch = Watch(int(starter.stdout.readline()))
                guest.await_hello()
            finally:
                starter.kill()
        assert watch.ended_within(_SECONDS)


def test_stdout_and_extra_options(bochs: Bochs, tmp_path: Path) -> None:
    path = bochsrc(tmp_path, HELLO_E9 + POWER_OFF)
    output = tmp_path / "output"
    extra = ["-unlock", "port_e9_hack: enabled=1"]
    with BochsRun(bochs, path, log=tmp_path / "bochs.log", extra=extra, stdout=output) as run:
        assert run.wait(_SECONDS).ending is Ending.POWER_OFF
    assert b"H" in output.read_bytes()


def test_no_display_without_a_port_is_an_error(tmp_path: Path) -> None:
    only_rfb = fake(displays=frozenset({"rfb", "wx"}))
    with pytest.raises(BochsError, match="install"):
        BochsRun(only_rfb, tmp_path / "bochsrc", log=tmp_path / "bochs.log").start()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("log: out/$WHERE.txt", Path("out/here.txt")),
        (' log : "my log.txt"', Path("my log.txt")),
        ("log: first.txt\nlog: second.txt", Path("second.txt")),
        ("log: /dev/stdout", None),
        ("log: -", None),
        ("logprefix: %t%e%d", None),
        ("# log: off.txt", None),
    ],
)
def test_log_named_by_the_bochsrc(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, expected: Path | None
) -> None:
    monkeypatch.setenv("WHERE", "here")
    path = tmp_path / "bochsrc"
    path.write_text(f"megs: 32\n{line}\n")
    assert log_of(path) == expected


def test_using_a_run_that_was_not_started(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not been started"):
        BochsRun(fake(), tmp_path / "bochsrc").wait()


# ---------------------------------------------------------------- what cannot be used as it is
@pytest.mark.parametrize("display", ["sdl", "x", "wx", "win32", 'nosuch, options="gui_debug"'])
def test_headless_whatever_display_the_bochsrc_names(
    bochs: Bochs, tmp_path: Path, display: str
) -> None:
    path = bochsrc(tmp_path, POWER_OFF, f"  display_library: {display}")
    with BochsRun(bochs, path, log=tmp_path / "bochs.log") as run:
        outcome = run.wait(_SECONDS)
    assert outcome.ending is Ending.POWER_OFF, str(outcome)


def test_headless_whatever_an_included_file_names(bochs: Bochs, tmp_path: Path) -> None:
    inner, innermost = tmp_path / "inner", tmp_path / "innermost"
    inner.write_text(f"#include {innermost}\n")
    innermost.write_text("display_library: nosuch\n")
    path = bochsrc(tmp_path, POWER_OFF, f"#include {inner}")
    with BochsRun(bochs, path, log=tmp_path / "bochs.log") as run:
        outcome = run.wait(_SECONDS)
    assert outcome.ending is Ending.POWER_OFF, str(outcome)


def test_a_mistake_is_told_with_the_users_own_file(bochs: Bochs, tmp_path: Path) -> None:
    path = bochsrc(tmp_path, POWER_OFF, "display_library: nosuch", "megz: 3")
    lines = len(path.read_text().splitlines())
    with BochsRun(bochs, path, log=tmp_path / "bochs.log") as run:
        outcome = run.wait(_SECONDS)
    assert outcome.message == f"{path}:{lines}: directive 'megz' not understood"


def test_two_runs_do_not_take_each_others_log(
    bochs: Bochs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with greeter(tmp_path) as guest, BochsRun(bochs, guest.bochsrc) as first:
        guest.await_hello()
        before = first.log.read_bytes()
        with BochsRun(bochs, guest.bochsrc) as second:
            guest.await_hello()
            assert (first.log, second.log) == (tmp_path / "bochs.log", tmp_path / "bochs-2.log")
            second.interrupt()
        with pytest.raises(BochsError, match=r"another run writes its log to .*bochs\.log"):
            BochsRun(bochs, guest.bochsrc, log=first.log).start()
        assert first.log.read_bytes().startswith(before)
        assert "quit_sim" in second.log.read_text()
    with BochsRun(bochs, tmp_path / "none") as third:
        assert third.wait(_SECONDS).ending is Ending.CONFIG
    assert third.log == first.log
    assert not third.log.exists()  # Bochs did not get so far


def test_a_magic_break_without_a_terminal_is_told(bochs: Bochs, tmp_path: Path) -> None:
    limits.DEBUGGER.skip()
    path = bochsrc(tmp_path, MAGIC_BREAK + POWER_OFF, "magic_break: enabled=1")
    with BochsRun(bochs, path, log=tmp_path / "bochs.log") as run:
        outcome = run.wait(_SECONDS)
    assert outcome.ending is Ending.PANIC
    assert "a magic break, and no terminal to debug in" in outcome.message
