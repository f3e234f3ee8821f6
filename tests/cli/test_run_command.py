from __future__ import annotations

import contextlib
import os
import pty
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from pynat.bochs import Bochs, find, find_bochs
from pynat.bochs.cards import MAC_IS_WANTED
from pynat.bochs.find import MIN_VERSION
from pynat.bochs.outcome import Ending, Outcome
from pynat.cli import run
from pynat.cli.main import main
from pynat.cli.run import exit_code
from tests import limits
from tests.bochs.machines import (
    HANG,
    HELLO_E9,
    MAGIC_BREAK,
    POWER_OFF,
    bochsrc,
    fake,
    greeter,
    resets,
)
from tests.bochs.processes import Watch

E1000 = "e1000: enabled=1, mac=52:54:00:12:34:56, ethmod="


@pytest.fixture
def bochs() -> Bochs:
    return find_bochs()


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
    assert _run(bochsrc(tmp_path, POWER_OFF, signature=b"\0\0"), "--quiet") == 3
    said = capsys.readouterr().err.splitlines()
    assert "pynat: panic after" in said[0]
    assert "No bootable device." in said[0]
    assert ">>PANIC<< No bootable device." in said[-1]


def test_a_mistake_in_a_configuration_is_told_before_anything_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "net.toml").write_text('caputre = "net.pcapng"\n')
    card = f'{E1000}pynat, script="{tmp_path / "net.toml"}"'
    path = bochsrc(tmp_path, HANG, card)
    assert _run(path) == 4
    place = f"{path}:{len(path.read_text().splitlines())}: e1000: {tmp_path / 'net.toml'}:1: "
    assert capsys.readouterr().err.startswith(f"pynat: {place}caputre: unknown key")
    assert _run(bochsrc(tmp_path, POWER_OFF, card.replace("enabled=1", "enabled=0"))) == 0


def test_what_a_network_complains_of_later(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Bochs goes on without that part, so this is not in how it ended."""
    options = f"ethmod=pynat, script={tmp_path / 'net.toml'}"
    cards = [f"e1000: card={n}, enabled=1, mac=52:54:00:12:34:5{n}, {options}" for n in (0, 1)]
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


def test_a_bochsrc_without_a_card_of_ours(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # ethmod=null writes its log there
    path = bochsrc(tmp_path, POWER_OFF)
    assert _run(path) == 0
    none, _ = capsys.readouterr().err.splitlines()
    assert none == (
        f"pynat: this network is not there: no network card of {path} has ethmod=pynat;"
        " try --nic e1000"
    )
    path = bochsrc(tmp_path, POWER_OFF, f"{E1000}null")
    place = f"{path}:{len(path.read_text().splitlines())}"
    assert _run(path) == 0
    assert f"write ethmod=pynat there ({place}: e1000 has ethmod=null)" in capsys.readouterr().err
    assert _run(bochsrc(tmp_path, POWER_OFF, f"{E1000}pynat")) == 0
    assert "ethmod" not in capsys.readouterr().err


@pytest.mark.parametrize("nic", ["e1000", "ne2k", "pcipnic", "e1000,mac=52:54:00:00:00:01"])
def test_a_card_without_a_change_of_the_bochsrc(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], nic: str
) -> None:
    assert _run(bochsrc(tmp_path, POWER_OFF), "--nic", nic) == 0
    assert "ethmod" not in capsys.readouterr().err
    log = (tmp_path / "bochs.log").read_text()
    assert "network 192.168.16.0/24, router 192.168.16.1" in log


def test_a_file_alone_is_told_where_it_belongs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Not to Bochs, which says that an option needs a parameter."""
    kernel = tmp_path / "kernel.elf"
    kernel.write_bytes(b"")
    assert _run(bochsrc(tmp_path, POWER_OFF), str(kernel)) == 2
    said = f"{kernel}: name a bochsrc with -f, a kernel with --kernel, an image with --cdrom"
    assert said in capsys.readouterr().err


def test_the_card_of_the_bochsrc_gets_this_network(tmp_path: Path) -> None:
    (tmp_path / "my net.toml").write_text('network.net = "10.77.0.0/16"\n')
    line = f"{E1000}null, script=./tunconfig"
    nic = f"e1000,script={tmp_path / 'my net.toml'}"
    assert _run(bochsrc(tmp_path, POWER_OFF, line), "--nic", nic) == 0
    assert "network 10.77.0.0/16, router 10.77.0.1" in (tmp_path / "bochs.log").read_text()


NE2K = "ne2k: ioaddr=0x300, irq=10, mac=52:54:00:12:34:56, ethmod="


@pytest.mark.parametrize(
    ("line", "nic"),
    [
        (f"{NE2K}slirp", ""),
        (f"{NE2K}fbsd, ethdev=nge0", ""),
        ('ne2k: type=pci, ethmod = "win32"', ""),
        (f"{NE2K}pynat, script=none", ",mac=52:54:00:00:00:01"),
        (f"{NE2K}null", ",irq=5"),
        (f"{NE2K}null", ",type=pci"),
        ("ne2k: type=pci, ethmod=null", ""),
        ("ne2k: mac=52:54:00:12:34:56, ethmod=null", ""),
        ("ne2k: enabled=0", ""),
        (f"{NE2K}pynat, enabled=0", ""),
        ("ne2k: enabled=0, ioaddr=0x240, irq=3, ethmod=pynat", ""),
    ],
)
def test_an_ne2k_of_any_kind_gets_this_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str, nic: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert _run(bochsrc(tmp_path, POWER_OFF, line), "--nic", f"ne2k{nic}") == 0
    assert "[NE2K0 ] 0.000000 network 192.168.16.0/24" in (tmp_path / "bochs.log").read_text()


def test_a_back_end_that_bochs_lacks_is_refused_on_other_cards(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = bochsrc(tmp_path, POWER_OFF, f"{E1000}fbsd", f"{NE2K}null")
    assert _run(path, "--nic", "ne2k") == 4
    assert "refuses this; write ethmod=pynat" in capsys.readouterr().err
    assert _run(path, "--nic", "e1000,card=1") == 4


@pytest.mark.parametrize("model", ["e1000", "ne2k"])
@pytest.mark.parametrize("nic", ["card=1", "mac=52:54:00:00:00:01,card=1"])
def test_the_second_card_gets_this_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: str, nic: str
) -> None:
    monkeypatch.chdir(tmp_path)
    first = {"e1000": f"{E1000}null", "ne2k": f"{NE2K}null"}[model]
    assert _run(bochsrc(tmp_path, POWER_OFF, first), "--nic", f"{model},{nic}") == 0
    log = (tmp_path / "bochs.log").read_text()
    assert "null network driver" in log
    name = {"e1000": "E1000B", "ne2k": "NE2K1 "}[model]
    assert f"[{name}] 0.000000 network 192.168.16.0/24" in log


def test_a_card_whose_line_does_not_do_is_told_why(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    lines = ("e1000: enabled=0, ethmod=pynat", "ne2k: type=isa, ethmod=pynat")
    path = bochsrc(tmp_path, POWER_OFF, *lines)
    last = len(path.read_text().splitlines())
    assert _run(path) == 0
    said = capsys.readouterr().err.splitlines()
    assert said[0] == (
        f"pynat: this network is not there: {path}:{last - 1}: e1000: enabled=0;"
        f" {path}:{last}: ne2k: Bochs leaves it out"
    )
    assert said[1].startswith(f"pynat: {path}:{last}: ne2k: without ioaddr and irq Bochs leaves")


def test_a_card_of_another_module_that_is_left_out_is_named(
    tmp_path: Path,
    bochs: Bochs,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    isa = "" if bochs.version == MIN_VERSION else ", ioaddr=0x300, irq=10"  # later ones have it on
    path = bochsrc(tmp_path, POWER_OFF, f"ne2k: mac=52:54:00:12:34:56, ethmod=vnet{isa}")
    place = f"{path}:{len(path.read_text().splitlines())}: ne2k"
    assert _run(path) == 0
    said = capsys.readouterr().err.splitlines()
    assert f"write ethmod=pynat there ({place} has ethmod=vnet" in said[0]
    if bochs.version == MIN_VERSION:
        assert said[0].endswith(", and Bochs leaves it out; add ioaddr=0x300, irq=10)")
    assert _run(path, "--seed", "7") == 2
    told = capsys.readouterr().err
    assert "its options lead nowhere; write ethmod=pynat there" in told
    assert f"({place} has ethmod=vnet" in told


def test_what_2_7_does_not_take_of_a_card_that_is_off_is_told(
    tmp_path: Path,
    bochs: Bochs,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    path = bochsrc(tmp_path, POWER_OFF, "e1000: card=1, ethmod=pynat, mac=52:54:00:12:34:56")
    place = f"{path}:{len(path.read_text().splitlines())}: e1000 card=1"
    assert _run(path) == 0
    told = (
        f"pynat: this network is not there: {place}: Bochs does not take its ethmod=pynat",
        f"pynat: {place}: ethmod, mac: ignored, since",
    )
    said = capsys.readouterr().err
    assert [text in said for text in told] == [bochs.version == MIN_VERSION] * len(told)


@pytest.mark.parametrize(
    ("nic", "said"),
    [
        ("e1000,scirpt=net.toml", "unknown key scirpt; did you mean script?"),
        ("e1000,irq=3", "unknown key irq; e1000 has card, enabled"),
        ("pcipnic,card=0", "unknown key card; pcipnic has enabled"),
    ],
)
def test_a_key_that_there_is_not(nic: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["run", f"--nic={nic}"])
    assert left.value.code == 2
    assert f"'{nic}': {said}" in capsys.readouterr().err


@pytest.mark.parametrize("nic", ["rtl8139", "e1000,mac", "e1000,=x", "", "e1000,mac="])
def test_a_card_that_there_is_not(nic: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["run", f"--nic={nic}"])
    assert left.value.code == 2
    assert "MODEL one of e1000, ne2k, pcipnic, ne2k-pci, ne2k-isa" in capsys.readouterr().err


def test_two_cards_with_one_mac(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = bochsrc(tmp_path, POWER_OFF, f"{E1000}pynat", f"{NE2K}pynat")
    assert _run(path) == 0
    same, _ = capsys.readouterr().err.splitlines()
    last = len(path.read_text().splitlines())
    names = f"{path}:{last - 1}: e1000 and {path}:{last}: ne2k"
    assert same.startswith(f"pynat: {names} have the same mac=52:54:00:12:34:56: each works")
    log = (tmp_path / "bochs.log").read_text()
    assert log.count("network 192.168.16.0/24") == 2
    assert log.count("control socket") == 2
    assert "no control socket" not in log


def test_old_lines_are_named_before_anything_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = bochsrc(tmp_path, POWER_OFF, "ips: 1000000", "keyboard_mapping: enabled=0")
    at = len(path.read_text().splitlines())
    assert _run(path, "--", "i440fxsupport: enabled=1") == 4
    first, second, third = capsys.readouterr().err.splitlines()
    assert first.startswith(f"pynat: {path}:{at - 1}: ips: 1000000: Bochs ")
    assert first.endswith(" refuses this; write cpu: ips=1000000")
    assert second.endswith("leave it out")
    assert third.startswith("pynat: command line: i440fxsupport: enabled=1: ")
    assert not (tmp_path / "bochs.log").exists()


def test_a_card_without_a_mac_address_is_told_where_bochs_wants_one(
    tmp_path: Path, bochs: Bochs, capsys: pytest.CaptureFixture[str]
) -> None:
    path = bochsrc(tmp_path, POWER_OFF, "e1000: enabled=1, ethmod=pynat")
    place = f"{path}:{len(path.read_text().splitlines())}"
    is_wanted = bochs.version >= MAC_IS_WANTED
    assert _run(path) == (4 if is_wanted else 0)
    told = f"pynat: {place}: e1000: {bochs.name} wants its mac=; add mac=52:54:00:12:34:56"
    assert (told in capsys.readouterr().err) == is_wanted


def test_left_overs_are_no_mistake_and_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = f"{E1000}pynat, ethdev=/dev/net/tun, script=/path/tunconfig"
    path = bochsrc(tmp_path, POWER_OFF, line)
    assert _run(path) == 0
    told, ended = capsys.readouterr().err.splitlines()
    place = f"{path}:{len(path.read_text().splitlines())}: e1000"
    assert told.startswith(f"pynat: {place}: script=/path/tunconfig: no such file")
    assert "power off" in ended
    assert "network 192.168.16.0/24" in (tmp_path / "bochs.log").read_text()
    assert _run(path, "--quiet") == 0
    assert capsys.readouterr().err == ""


def test_notes_on_a_file_hide_no_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "slirp.conf"
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        file.write_text(f"# slirp config\nhostfwd = tcp::{port}-:22\nsmb_export = /srv\n")
        assert _run(bochsrc(tmp_path, POWER_OFF, f"{E1000}pynat, script={file}")) == 0
    forwards, smb, ended, error = capsys.readouterr().err.splitlines()
    assert f"{file}:2: " in forwards
    assert f"{file}:3: smb_export" in smb
    assert "power off" in ended
    assert error.startswith("pynat: the network's error: [E1000A] ")
    assert "Address already in use" in error
    assert "more in the log" not in error


def test_a_capture_that_cannot_be_had_costs_the_capture_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "net.toml").write_text('capture = "/proc/net.pcapng"\n')
    line = f"{E1000}pynat, script={tmp_path / 'net.toml'}"
    assert _run(bochsrc(tmp_path, POWER_OFF, line)) == 0
    assert "the network goes on without a capture" in capsys.readouterr().err
    assert "network 192.168.16.0/24" in (tmp_path / "bochs.log").read_text()


# ---------------------------------------------------------------- Bochs's debugger
class Terminal:
    """A terminal with `pynat run` in it."""

    def __init__(self, *words: str) -> None:
        self.text = ""
        self._pid, self._terminal = pty.fork()
        if not self._pid:
            os.execv(sys.executable, [sys.executable, "-m", "pynat", "run", *words])

    def await_text(self, text: str) -> None:
        while text not in self.text:
            self.text += os.read(self._terminal, 4096).decode(errors="replace")
        self.text = self.text.partition(text)[2]

    def type(self, keys: str) -> None:
        os.write(self._terminal, keys.encode())

    def end(self) -> int:
        os.kill(self._pid, signal.SIGTERM)
        return self.code()

    def code(self) -> int:
        with contextlib.suppress(OSError):  # the end of a terminal is one
            while data := os.read(self._terminal, 4096):
                self.text += data.decode(errors="replace")
        return os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])


def debugged(folder: Path, code: bytes) -> Terminal:
    lines = ["magic_break: enabled=1", "display_library: term", "port_e9_hack: enabled=1"]
    path = bochsrc(folder, code, *lines)
    options = ["--quiet", "-f", str(path), "--log", str(folder / "bochs.log")]
    return Terminal(*options, "--", "panic: action=fatal")


@pytest.mark.timeout(60)
def test_a_magic_break_stops_in_the_debugger(
    bochs: Bochs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits.DEBUGGER.skip()
    monkeypatch.setenv("TERM", "xterm")
    terminal = debugged(tmp_path, MAGIC_BREAK + POWER_OFF)
    terminal.await_text("Magic breakpoint")
    terminal.await_text("<bochs:1>")
    terminal.type("r\n")
    terminal.await_text("00007c02")
    terminal.await_text("<bochs:2>")
    terminal.type("c\n")
    assert terminal.code() == 0
    assert "soft power off" in (tmp_path / "bochs.log").read_text()


@pytest.mark.timeout(60)
def test_ctrl_c_is_the_debuggers_where_one_debugs(
    bochs: Bochs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limits.DEBUGGER.skip()
    monkeypatch.setenv("TERM", "xterm")
    # Not HANG: Bochs writes of its hlt to the log, and a Ctrl-C in that moment stops it for good.
    terminal = debugged(tmp_path, MAGIC_BREAK + HELLO_E9 + bytes.fromhex("ebfe"))  # jump to here
    terminal.await_text("<bochs:1>")
    terminal.type("c\n")
    terminal.await_text("H")  # the guest runs
    terminal.type("\x03")
    terminal.await_text("<bochs:2>")
    terminal.type("r\n")
    terminal.await_text("rip: ")
    assert terminal.end() == 143  # not by q: at its prompt Debian's 2.7 now and then crashes then


def test_mistake_in_the_bochsrc(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(bochsrc(tmp_path, POWER_OFF, "megz: 3")) == 4
    assert "directive 'megz' not understood" in capsys.readouterr().err


def test_timeout(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _run(bochsrc(tmp_path, HANG), "--timeout", "0.5") == 124
    assert "pynat: timeout after" in capsys.readouterr().err


def test_a_log_for_which_there_is_no_room_is_not_whole(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=0))
    assert _run(bochsrc(tmp_path, POWER_OFF)) == 0
    wanted = f"pynat: {tmp_path}/bochs.log: no space is left on its disk, so its end may be missing"
    assert wanted in capsys.readouterr().err.splitlines()


def test_a_bios_that_finds_nothing_to_boot_is_told_where_to_look(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = bochsrc(tmp_path, POWER_OFF, signature=b"no")
    assert _run(path) == 3
    assert f"pynat: nothing boots: look at the image, and at boot: in {path}\n" in (
        capsys.readouterr().err
    )


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
    card = f"{E1000}pynat"
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
        ours += ["--quiet", "--log", str(log)]
        command = ["env", "--default-signal", *ours]  # who runs the tests may have ignored some
        with subprocess.Popen(command, stderr=subprocess.PIPE) as process:
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
    card = f"{E1000}pynat, script={tmp_path / 'net.py'}"
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
    assert "name the bochsrc with -f, or a kernel with --kernel" in capsys.readouterr().err
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
    assert main(["run", "--quiet", "-f", str(path)]) == 4
    *warning, ended = capsys.readouterr().err.splitlines()
    assert "log:" not in ended  # there is none
    assert [told in line for line in warning] == ([True] if told else [])


@pytest.mark.parametrize("seconds", ["0", "-1", "soon", "nan"])
def test_timeout_must_be_a_time(seconds: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["run", f"--timeout={seconds}"])
    assert left.value.code == 2
    assert f"--timeout: '{seconds}' is not a number of seconds" in capsys.readouterr().err


def test_what_the_guests_stack_did_is_said_at_the_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "bochs.log"
    log.write_text("00000000000i[E1000 ] 1.500000 summary: works: link, ARP\n")
    outcome = Outcome(Ending.POWER_OFF, "", 1, 1.0, log)
    run._report(outcome, False)
    assert "pynat: [E1000] works: link, ARP" in capsys.readouterr().err.splitlines()
    run._report(outcome, True)
    assert capsys.readouterr().err == ""


def test_a_guest_that_has_sent_nothing_is_told_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "bochs.log"
    log.write_text("00157022111i[E1000A] pynat: from guest 0 frames, 0 bytes; to guest 0 frames\n")
    told = "pynat: [E1000A] no frame came from the guest; does its driver find the card, and send?"
    for ending in Ending.TIMEOUT, Ending.POWER_OFF:
        run._report(Outcome(ending, "", 1, 1.0, log), False)
        said = capsys.readouterr().err.splitlines()
        assert (told in said) == (ending is Ending.TIMEOUT)
