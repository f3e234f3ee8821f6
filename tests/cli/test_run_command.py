from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from pynat.bochs import find
from pynat.bochs.outcome import Ending, Outcome
from pynat.cli import run
from pynat.cli.main import main
from pynat.cli.run import exit_code
from tests.bochs.machines import (
    HANG,
    HELLO_E9,
    POWER_OFF,
    bochsrc,
    fake,
    greeter,
    resets,
)
from tests.bochs.processes import Watch


def _run(path: Path, *more: str) -> int:
    log = str(path.parent / "bochs.log")
    return main(["run", "-f", str(path), "--headless", "--log", log, *more])


def test_power_off(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(bochsrc(tmp_path, POWER_OFF)) == 0
    said = capsys.readouterr()
    assert "pynat: power off after" in said.err
    assert f"log: {tmp_path / 'bochs.log'}" in said.err
    assert said.out == ""


def test_quiet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(bochsrc(tmp_path, POWER_OFF), "--quiet") == 0
    assert capsys.readouterr().err == ""


def test_panic(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(bochsrc(tmp_path, POWER_OFF, signature=b"\0\0")) == 3
    said = capsys.readouterr().err.splitlines()
    assert "pynat: panic after" in said[0]
    assert "No bootable device." in said[0]
    assert ">>PANIC<< No bootable device." in said[-1]


def test_a_mistake_in_a_configuration_is_told_before_anything_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "net.toml").write_text('caputre = "net.pcapng"\n')
    card = f'e1000: enabled=1, ethmod=pynat, script="{tmp_path / "net.toml"}"'
    path = bochsrc(tmp_path, HANG, card)
    assert _run(path) == 4
    place = f"{path}:{len(path.read_text().splitlines())}: e1000: {tmp_path / 'net.toml'}:1: "
    assert capsys.readouterr().err.startswith(f"pynat: {place}caputre: unknown key")
    assert _run(bochsrc(tmp_path, POWER_OFF, card.replace("enabled=1", "enabled=0"))) == 0


def test_what_a_network_complains_of_later(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Bochs goes on without that part, so this is not in how it ended."""
    options = f"enabled=1, ethmod=pynat, script={tmp_path / 'net.toml'}"
    cards = [f"e1000: card={n}, mac=52:54:00:12:34:5{n}, {options}" for n in (0, 1)]
    with socket.create_server(("127.0.0.1", 0)) as busy:
        rule = f"tcp:127.0.0.1:{busy.getsockname()[1]}-:22"
        (tmp_path / "net.toml").write_text(f'forwards = ["{rule}"]\n')
        assert _run(bochsrc(tmp_path, POWER_OFF, *cards)) == 0
        ended, network = capsys.readouterr().err.splitlines()
        assert "power off" in ended
        assert "[E1000A] " in network
        assert "Address already in use" in network
        assert network.endswith(" (and 1 more in the log)")
        assert _run(tmp_path / "bochsrc", "--quiet") == 0
        assert capsys.readouterr().err == f"{network}\n"


def test_mistake_in_the_bochsrc(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(bochsrc(tmp_path, POWER_OFF, "megz: 3")) == 4
    assert "directive 'megz' not understood" in capsys.readouterr().err


def test_timeout(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(bochsrc(tmp_path, HANG), "--timeout", "0.5") == 124
    assert "pynat: timeout after" in capsys.readouterr().err


def test_options_for_bochs_and_its_output(tmp_path: Path) -> None:
    output = tmp_path / "output"
    code = _run(
        bochsrc(tmp_path, HELLO_E9 + POWER_OFF),
        "--output",
        str(output),
        "--",
        "port_e9_hack: enabled=1",
    )
    assert code == 0
    assert b"H" in output.read_bytes()


def test_a_guest_that_resets_again_and_again_has_one_network(tmp_path: Path) -> None:
    """The CPU is one without VMX, which Bochs's BIOS locks for good."""
    card = "e1000: enabled=1, ethmod=pynat"
    cpu = "cpu: model=athlon64_clawhammer"
    assert _run(bochsrc(tmp_path, resets(20) + POWER_OFF, card, cpu), "--timeout", "50") == 0
    log = (tmp_path / "bochs.log").read_text()
    assert log.count("bx_pc_system_c::Reset") == 21  # one is the start
    assert log.count("network 192.168.16.0/24") == 1


@pytest.mark.parametrize(
    ("number", "code", "told"),
    [
        (signal.SIGINT, 130, b"pynat: quit after "),
        (signal.SIGTERM, 143, b"pynat: killed after "),
        (signal.SIGHUP, 129, b"pynat: killed after "),
    ],
)
def test_a_signal_to_us_ends_bochs(
    tmp_path: Path, number: signal.Signals, code: int, told: bytes
) -> None:
    log = tmp_path / "bochs.log"
    with greeter(tmp_path) as guest:
        ours = [sys.executable, "-m", "pynat", "run", "--headless", "-f", str(guest.bochsrc)]
        command = ["env", "--default-signal", *ours]  # who runs the tests may have ignored some
        with subprocess.Popen([*command, "--log", str(log)], stderr=subprocess.PIPE) as process:
            try:
                guest.await_hello()
                process.send_signal(number)
                _, said = process.communicate(timeout=30)
            finally:
                process.kill()
    assert process.returncode == code
    assert said.startswith(told)
    assert said.count(b"\n") == 1
    assert "quit_sim called" in log.read_text()  # Bochs went in good order


SCRIPT = """
import subprocess
from pynat.net import Net

net = Net()

@net.at(0)
def begin():
    subprocess.Popen(["sh", "-c", "sleep 1000 & echo $$ $! >{told}; wait"])
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_what_a_script_starts_ends_with_bochs(tmp_path: Path, number: signal.Signals) -> None:
    """Whoever ends Bochs: we, asked to, or somebody else by force."""
    told = tmp_path / "told"
    os.mkfifo(told)
    (tmp_path / "net.py").write_text(SCRIPT.format(told=told))
    card = f"e1000: enabled=1, ethmod=pynat, script={tmp_path / 'net.py'}"
    with greeter(tmp_path, card) as guest:
        command = [sys.executable, "-m", "pynat", "run", "--headless", "-f", str(guest.bochsrc)]
        log = ["--log", str(tmp_path / "bochs.log")]
        with subprocess.Popen([*command, *log], stderr=subprocess.PIPE) as process:
            try:
                started = [Watch(int(pid)) for pid in told.read_text().split()]
                if number == signal.SIGKILL:
                    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
                    os.kill(int(children.split()[0]), number)
                else:
                    process.send_signal(number)
                process.communicate(timeout=30)
            finally:
                process.kill()
    assert process.returncode == 128 + number
    assert len(started) == 2
    assert all(watch.ended_within(10) for watch in started)


@pytest.mark.parametrize(
    ("ending", "bochs_code", "code"),
    [
        (Ending.QUIT, 0, 0),
        (Ending.QUIT, 1, 130),
        (Ending.KILLED, -9, 137),
        (Ending.KILLED, 143, 143),
        (Ending.CRASH, -11, 139),
    ],
)
def test_exit_codes(ending: Ending, bochs_code: int, code: int) -> None:
    assert exit_code(Outcome(ending, "", bochs_code, 1.0, Path("/x"))) == code


def test_the_usual_bochsrc_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["run", "--headless"]) == 1
    assert "name the bochsrc with -f" in capsys.readouterr().err
    bochsrc(tmp_path, POWER_OFF)
    assert main(["run", "--headless"]) == 0
    assert (tmp_path / "bochs.log").exists()


def test_no_such_bochs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "-f", "x", "--bochs", str(tmp_path / "bochs")]) == 1
    assert capsys.readouterr().err.startswith(f"pynat: {tmp_path / 'bochs'} is not a program")


@pytest.mark.parametrize("name", ["", "none"])
def test_the_bochsrc_has_to_be_a_file(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["run", "-f", str(tmp_path / name)]) == 1
    assert "name the bochsrc with -f" in capsys.readouterr().err


def test_plugin_not_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(find, "our_plugin_dir", lambda: tmp_path)
    assert _run(bochsrc(tmp_path, POWER_OFF)) == 1
    assert "make build" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["", "file/bochs.log"])
def test_a_log_that_cannot_be_written(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert _run(bochsrc(tmp_path, POWER_OFF), "--log", str(tmp_path / name)) == 1
    said = capsys.readouterr().err
    assert said.startswith("pynat: Bochs cannot write its log")
    assert "--log" in said


def test_the_log_does_not_go_to_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["run", "--log", "-"])
    assert left.value.code == 2
    assert "tail -F" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("displays", "line", "told"),
    [
        ({"rfb", "term"}, "", "VNC viewer on port 5900"),
        ({"term"}, "", "draws in this terminal"),
        ({"rfb", "term"}, "display_library: rfb", ""),
        ({"rfb", "x"}, "", ""),
    ],
)
def test_a_bochs_without_a_window(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    displays: set[str],
    line: str,
    told: str,
) -> None:
    """Its Bochs is /bin/true, which shows nothing at all."""
    bochs = fake(Path("/bin/true"), displays=frozenset(displays))
    monkeypatch.setattr(run, "find_bochs", lambda _: bochs)
    path = tmp_path / "bochsrc"
    path.write_text(f"{line}\nlog: {tmp_path / 'bochs.log'}\n")
    assert main(["run", "-f", str(path)]) == 4
    *warning, ended = capsys.readouterr().err.splitlines()
    assert "log:" not in ended  # there is none
    assert [told in line for line in warning] == ([True] if told else [])


@pytest.mark.parametrize("seconds", ["0", "-1", "soon", "nan"])
def test_timeout_must_be_a_time(seconds: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["run", f"--timeout={seconds}"])
    assert left.value.code == 2
    assert f"--timeout: '{seconds}' is not a number of seconds" in capsys.readouterr().err
