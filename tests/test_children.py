"""What a script starts ends with Bochs. Each test plays Bochs with a process of its own."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.bochs.processes import Watch

PR_SET_NAME = 15
# A process that is the engine's, whose script starts something. That tells its number and stays;
# the engine ends when it is told to.
BOCHS = """
import ctypes, multiprocessing, os, signal, subprocess, sys, threading, time
from pynat.children import none_left

def stay():
    os.write(1, b"%d\\n" % os.getpid())
    time.sleep(1000)

def stubborn():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    stay()

STAY = "import os, time; os.write(1, b'%d ' % os.getpid() + bytes([10])); time.sleep(1000)"
SELF = [sys.executable, "-c", STAY]

def with_an_odd_name():
    ctypes.CDLL(None).prctl({PR_SET_NAME}, b"\\xff) Z\\n(", 0, 0, 0)
    stay()

def daemon(body=stay):
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            body()
        os._exit(0)

def engine():
    signal.pthread_sigmask(signal.SIG_SETMASK, signal.valid_signals())  # as under Bochs
    with none_left():
        {script}
        sys.stdin.readline()

thread = threading.Thread(target=engine, daemon=True)
thread.start()
thread.join()
"""
SCRIPTS = {
    "subprocess": "subprocess.Popen(SELF)",
    "own session": "subprocess.Popen(SELF, start_new_session=True)",
    "own preexec": "subprocess.Popen(SELF, preexec_fn=lambda: None)",
    "fork": "os.fork() or stay()",
    "stubborn": "os.fork() or stubborn()",
    "multiprocessing": "multiprocessing.get_context('fork').Process(target=stay).start()",
    "spawned": "subprocess.Popen(SELF, close_fds=False, env=dict(os.environ))",
}
GRANDCHILDREN = {
    "shell": "subprocess.run(['sh', '-c', '\"$@\" &', 'sh', *SELF])",
    "system": "os.system('sleep 1000 & echo $!')",
    "daemon": "daemon()",
    "odd name": "daemon(with_an_odd_name)",
}


def started(script: str) -> tuple[subprocess.Popen[bytes], int]:
    code = BOCHS.format(script=script, PR_SET_NAME=PR_SET_NAME)
    pipe = subprocess.PIPE
    process = subprocess.Popen([sys.executable, "-c", code], stdin=pipe, stdout=pipe)
    assert process.stdout is not None
    return process, int(process.stdout.readline())


def ended(process: subprocess.Popen[bytes]) -> int:
    """Its exit code, once it was told to end."""
    process.communicate(b"\n", timeout=20)
    return process.returncode


def wait_for_end(pid: int) -> None:
    try:
        watch = Watch(pid)
    except ProcessLookupError:
        return
    assert watch.ended_within(20), f"process {pid} lives on"


@pytest.mark.parametrize("name", [*SCRIPTS, *GRANDCHILDREN])
def test_what_a_script_starts_ends_with_its_network(name: str) -> None:
    process, child = started((SCRIPTS | GRANDCHILDREN)[name])
    assert ended(process) == 0
    wait_for_end(child)


@pytest.mark.parametrize("name", SCRIPTS)
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV])
def test_it_ends_if_bochs_is_killed(name: str, number: signal.Signals) -> None:
    process, child = started(SCRIPTS[name])
    process.send_signal(number)
    assert ended(process) == -number
    wait_for_end(child)


def test_a_child_has_no_signals_blocked() -> None:
    process, child = started(SCRIPTS["subprocess"])
    status = Path(f"/proc/{child}/status").read_text()
    assert "SigBlk:\t0000000000000000" in status
    assert ended(process) == 0


def test_what_was_there_before_is_left_alone() -> None:
    code = (
        "import subprocess\nfrom pynat.children import none_left\n"
        "other = subprocess.Popen(['sleep', '1000'])\n"
        "with none_left():\n    ours = subprocess.Popen(['sleep', '1000'])\n"
        "print(other.poll(), ours.wait(10))\nother.kill()\n"
    )
    began = time.monotonic()
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout == "None -15\n"
    assert time.monotonic() - began < 10


_FORKED = """
import multiprocessing, subprocess, threading
from pynat.children import none_left

def engine():
    with none_left():
        print(subprocess.run(["echo", "hello"], capture_output=True).stdout, flush=True)

def worker():
    process = multiprocessing.get_context("fork").Process(target=engine)
    process.start()
    process.join(20)

{before}
worker()
"""


@pytest.mark.parametrize(
    "before",
    [
        "engine()",
        "running = none_left(); threading.Thread(target=running.__enter__).start()",
    ],
)
def test_an_engine_in_a_forked_worker_starts_programs(before: str) -> None:
    code = _FORKED.format(before=before)
    said = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert said.stdout.splitlines()[-1:] == ["b'hello\\n'"], said.stderr
