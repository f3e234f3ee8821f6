"""`pynat run --json`: one object on stdout, whatever the run comes to."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pynat.cli.main import main
from pynat.testing.guests import compiled_kernel
from tests.bochs.machines import HANG, POWER_OFF, bochsrc
from tests.cli.test_run_options import E1000, floppy, serial

KERNEL = Path(__file__).parents[2] / "examples" / "kernel"
PADDING = 2  # the mistake to pad frames with something else than zero
SECOND = "ne2k: card=0, enabled=1, type=pci, mac=52:54:00:12:34:57, ethmod=pynat"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def told(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    code = main(["run", "--headless", "--json", *words])
    answer = json.loads(capsys.readouterr().out)
    assert answer["exit_code"] == code
    return answer


def test_it_says_how_it_ended_and_what_there_is_to_look_at(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = floppy(tmp_path, serial("hello") + POWER_OFF)
    words = ["--floppy", str(image), "--serial", "com1.txt", "--capture", "net.pcapng"]
    answer = told(capsys, *words, "--set", "lint.json=lint.jsonl")
    assert answer["outcome"] == "power off"
    assert answer["wall_seconds"] > 0
    assert answer["guest_seconds"] > 0
    assert [answer[key] for key in ("findings", "drops", "leases", "flows")] == [{}, {}, [], []]
    assert {one["what"]: one["path"] for one in answer["artifacts"]} == {
        "log": str(tmp_path / "bochs.log"),
        "serial": str(tmp_path / "com1.txt"),
        "capture": str(tmp_path / "net.pcapng"),
        "findings": str(tmp_path / "lint.jsonl"),
    }


def test_the_guests_words_go_to_stderr(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = floppy(tmp_path, serial("hello\nPYNAT-EXIT 3") + HANG)
    assert main(["run", "--headless", "--json", "--floppy", str(image), "--timeout", "60"]) == 3
    out, err = capsys.readouterr()
    assert "hello" in err
    answer = json.loads(out)
    assert answer["outcome"] == "end by the guest's word"
    assert answer["message"] == "the guest said PYNAT-EXIT 3"
    assert answer["guest_seconds"] > 0  # the network had time to say


def test_several_cards_are_joined(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = bochsrc(tmp_path, POWER_OFF, E1000, SECOND)
    answer = told(capsys, "-f", str(path))
    assert (answer["outcome"], answer["flows"]) == ("power off", [])


def test_a_run_without_a_network_has_none_of_its_time(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = told(capsys, "-f", str(bochsrc(tmp_path, POWER_OFF)))
    assert (answer["outcome"], answer["guest_seconds"]) == ("power off", None)


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("--bochs", "/none"), 1, "is not a program"),
        (("-f", "none"), 1, "none is not there"),
        (("-f", "bochsrc", "--set", "nonesuch=1"), 2, "nonesuch"),
        (("-f", "bochsrc", "--nic", "e1000,script=none.toml"), 4, "none.toml"),
    ],
)
def test_what_never_started_is_told_too(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    code: int,
    message: str,
) -> None:
    bochsrc(tmp_path, POWER_OFF, E1000)
    answer = told(capsys, *words)
    assert (answer["outcome"], answer["exit_code"]) == ("not started", code)
    assert message in answer["message"]


def test_a_signal_ends_the_run_with_its_object(tmp_path: Path) -> None:
    image = floppy(tmp_path, serial("hello") + HANG)
    command = [sys.executable, "-m", "pynat", "run", "--headless", "--json", "--floppy", str(image)]
    run = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert run.stderr is not None
    assert run.stdout is not None
    with run, run.stdout, run.stderr:
        assert run.stderr.readline() == "hello\n"
        os.kill(run.pid, signal.SIGTERM)
        answer = json.loads(run.stdout.read())
        run.stderr.read()
    assert answer["exit_code"] == run.returncode == 128 + signal.SIGTERM
    assert answer["outcome"] == "killed"
    assert answer["message"] == "SIGTERM"


@pytest.mark.boots
def test_it_has_what_a_kernel_did(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kernel = compiled_kernel(KERNEL, tmp_path / "kernel", mistake=PADDING)
    words = ["--kernel", str(kernel), "--append", "get=http://web.test/ poweroff"]
    answer = told(capsys, *words, "--script", str(KERNEL / "tests" / "web.py"), "--timeout", "60")
    assert answer["outcome"] == "power off"
    (lease,) = answer["leases"]
    assert (lease["address"], lease["state"]) == ("192.168.16.2", "bound")
    (flow,) = answer["flows"]
    assert (flow["protocol"], flow["remote"].rpartition(":")[2]) == ("tcp", "80")
    assert flow["bytes_from_host"] > flow["bytes_from_guest"] > 0
    assert answer["findings"].keys() == {"ETH021"}
    assert answer["findings"]["ETH021"] > 1


@pytest.mark.parametrize(
    ("words", "told_of"),
    [
        (("--kernel", "none.elf"), "none.elf: no such file"),
        (("--memroy", "3"), "--memroy"),
        (("--floppy", "floppy.img", "--seed", "-1"), "--seed: seed = -1: must be"),
    ],
)
def test_a_wrong_command_line_is_an_object_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], told_of: str
) -> None:
    floppy(tmp_path, HANG)
    with contextlib.suppress(SystemExit):
        main(["run", "--json", "--headless", *words])
    answer = json.loads(capsys.readouterr().out)
    assert (answer["outcome"], answer["exit_code"]) == ("not started", 2)
    assert told_of in answer["message"]


def test_what_was_expected_in_vain_is_the_message(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = floppy(tmp_path, serial("hello") + POWER_OFF)
    answer = told(capsys, "--floppy", str(image), "--expect", "lease")
    assert (answer["outcome"], answer["exit_code"]) == ("power off", 5)
    assert answer["message"] == "no line fits --expect 'lease'"
