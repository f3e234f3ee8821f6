"""`pynat run` without a bochsrc, with a network by words, and with the guest's verdict."""

from __future__ import annotations

import socket
import struct
import tomllib
from pathlib import Path

import pytest

from pynat.cli.main import main
from pynat.config.toml_text import as_toml
from pynat.errors import ConfigError
from pynat.serve.joined import joined
from tests.bochs.machines import HANG, POWER_OFF, bochsrc, disk

SERIAL, E9 = 0x3F8, 0xE9
E1000 = "e1000: enabled=1, mac=52:54:00:12:34:56, ethmod=pynat"


def said(port: int, text: str) -> bytes:
    """Machine code that writes `text` to a port, with a line's end."""
    if port == SERIAL:
        return serial(text)
    head = b"\xba" + port.to_bytes(2, "little")
    return head + b"".join(bytes([0xB0, byte, 0xEE]) for byte in (text + "\n").encode())


def serial(text: str, end: str = "\n") -> bytes:
    """The same to com1, which must have room for each byte; it returns when all are out."""
    code = bytes.fromhex("bafb03 b003 ee")  # 8 bits
    for byte in (text + end).encode():
        code += _until(0x20) + bytes.fromhex("baf803") + bytes([0xB0, byte, 0xEE])
    return code + _until(0x40)


def _until(bit: int) -> bytes:
    """of the line status: mov dx, 0x3fd; in al, dx; test al, bit; jz back"""
    return bytes.fromhex("bafd03 ec a8") + bytes([bit]) + bytes.fromhex("74fb")


def floppy(folder: Path, code: bytes) -> Path:
    bochsrc(folder, code)
    return folder / "floppy.img"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


# ---------------------------------------------------------------- a machine of its own
def test_an_image_boots_without_a_bochsrc(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = floppy(tmp_path, serial("hello") + POWER_OFF)
    assert main(["run", "--headless", "--floppy", str(image), "--timeout", "60"]) == 0
    out, err = capsys.readouterr()
    assert out == "hello\n"
    assert err.startswith("pynat: power off after")
    assert "192.168.16.1" in (tmp_path / "bochs.log").read_text()  # it has a card of ours


@pytest.mark.parametrize(
    ("bus", "log"), [("pci", "NE2000 PCI NIC #0 present"), ("isa", "port 0x300")]
)
def test_a_card_of_either_bus_has_the_name_that_fixtures_have(
    tmp_path: Path, bus: str, log: str
) -> None:
    image = str(floppy(tmp_path, POWER_OFF))
    nic = f"ne2k-{bus},mac=52:54:00:aa:bb:cc"
    assert main(["run", "--headless", "--floppy", image, "--nic", nic, "--timeout", "20"]) == 0
    assert log in (tmp_path / "bochs.log").read_text()


def test_a_hard_disk_boots(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    image = disk(tmp_path / "disk.img", serial("hello") + POWER_OFF)
    assert main(["run", "--headless", "--disk", str(image), "--timeout", "60"]) == 0
    assert capsys.readouterr().out == "hello\n"


def test_an_image_and_a_bochsrc_are_two_machines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = floppy(tmp_path, HANG)
    assert main(["run", "--floppy", str(image), "-f", "bochsrc"]) == 1
    assert "-f bochsrc names a machine, and so does the image" in capsys.readouterr().err
    assert main(["run", "--floppy", str(image), "--append", "quiet"]) == 1
    assert "--append 'quiet' is for --kernel" in capsys.readouterr().err


def test_what_is_no_kernel_does_not_boot_in_vain(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "notes.txt").write_text("no kernel" * 2000)
    assert main(["run", "--headless", "--kernel", "notes.txt"]) == 1
    assert "--kernel notes.txt: no Multiboot header in its first 8192" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ((0, 0xE85250D6, 0, 0), "a Multiboot 2 header, and the loader wants one of Multiboot 1; "),
        ((0, 0x1BADB002, 0, 5), "its Multiboot header's sum is not 0: magic, flags and checksum"),
        ((*[0] * 2048, 0x1BADB002, 0, 0xE4524FFE), "its Multiboot header is at byte 8192, "),
        ((0, 0, 0), "no Multiboot header in its first 8192 bytes; "),
    ],
)
def test_a_kernel_that_the_loader_does_not_take_is_told_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], header: tuple[int, ...], said: str
) -> None:
    kernel = tmp_path / "kernel.elf"
    kernel.write_bytes(struct.pack(f"<{len(header)}I", *header))
    assert main(["run", "--headless", "--kernel", str(kernel)]) == 1
    assert f"--kernel {kernel}: {said}" in capsys.readouterr().err


def test_an_image_of_a_size_that_no_floppy_has_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = tmp_path / "floppy.img"
    image.write_bytes(bytes(1000))
    assert main(["run", "--headless", "--floppy", str(image)]) == 4
    said = capsys.readouterr().err
    assert f"--floppy {image}: floppya image size doesn't match" in said
    assert "/bochsrc:" not in said
    image.write_bytes(bytes(1_474_560))
    assert main(["run", "--headless", "--floppy", str(image)]) == 3
    assert f"pynat: nothing boots: look at --floppy {image}\n" in capsys.readouterr().err


def test_memory_for_the_loader_alone_is_too_little(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "k.elf").write_bytes(struct.pack("<3I", 0x1BADB002, 0, 0xE4524FFE))
    assert main(["run", "--headless", "--kernel", "k.elf", "--memory", "3"]) == 1
    assert "--memory 3: syslinux needs 4 MB to load a kernel" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--kernel", "none.elf"), "none.elf: no such file"),
        (("--kernel", "."), ".: not a file"),
        (("--memory", "0"), "'0' is not a number of megabytes from 1 to 2048"),
        (("--expect", "("), "'(' is no regular expression"),
    ],
)
def test_a_wrong_word_is_told(
    words: tuple[str, str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["run", *words])
    assert exit_.value.code == 2
    assert told in capsys.readouterr().err


# ---------------------------------------------------------------- what the guest says
@pytest.mark.parametrize(("port", "code"), [(SERIAL, 7), (E9, 0), (SERIAL, 255)])
def test_a_guest_gives_its_verdict_by_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], port: int, code: int
) -> None:
    line = f"PYNAT-EXIT {code}"
    image = floppy(tmp_path, said(port, line) + HANG)
    assert main(["run", "--headless", "--floppy", str(image), "--timeout", "60"]) == code
    assert f"the guest said {line}" in capsys.readouterr().err


def test_a_verdict_counts_that_comes_just_before_the_end(tmp_path: Path) -> None:
    image = floppy(tmp_path, serial("PYNAT-EXIT 9") + POWER_OFF)
    assert main(["run", "--headless", "--floppy", str(image)]) == 9


def test_no_verdict_is_read_into_other_words(tmp_path: Path) -> None:
    text = "x PYNAT-EXIT 3\nPYNAT-EXIT 256"
    image = floppy(tmp_path, serial(text) + POWER_OFF)
    assert main(["run", "--headless", "--floppy", str(image)]) == 0


def test_what_is_expected_ends_the_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = bochsrc(tmp_path, serial("lease 10.6") + HANG)
    words = ["--headless", "--serial", "serial.txt", "--expect", "^lease .*6$", "--timeout", "60"]
    assert main(["run", "-f", str(path), *words]) == 0
    assert "as expected, the guest said lease 10.6" in capsys.readouterr().err
    assert (tmp_path / "serial.txt").read_text() == "lease 10.6\n"


def test_what_never_comes_is_a_failure_of_its_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = floppy(tmp_path, serial("hello") + POWER_OFF)
    assert main(["run", "--headless", "--floppy", str(image), "--expect", "lease"]) == 5
    assert "no line fits --expect 'lease'" in capsys.readouterr().err


def test_the_file_of_the_bochsrc_is_read_too(tmp_path: Path) -> None:
    com1 = f"com1: enabled=1, mode=file, dev={tmp_path / 'com1.txt'}"
    path = bochsrc(tmp_path, serial("PYNAT-EXIT 4") + HANG, com1)
    assert main(["run", "--headless", "-f", str(path), "--timeout", "60"]) == 4


def test_a_guests_words_cannot_steer_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    image = floppy(tmp_path, serial("a\x1b[2Jb") + POWER_OFF)
    main(["run", "--headless", "--floppy", str(image)])
    assert "\x1b" not in capsys.readouterr().out


# ---------------------------------------------------------------- the network by words
def network(folder: Path, *words: str, card: str = E1000) -> int:
    return main(["run", "--headless", "-f", str(bochsrc(folder, POWER_OFF, card)), *words])


def test_options_stand_above_the_file_and_lists_go_on(tmp_path: Path) -> None:
    (tmp_path / "net.toml").write_text(
        'seed = 1\nforwards = ["tcp:127.0.0.1:0-:22"]\n[tcp]\nidle = 60\n'
    )
    tables = {"seed": 2, "forwards": ["tcp:127.0.0.1:0-:23"], "tcp": {"window": 32768}}
    both = tomllib.loads(joined("net.toml", tables, tmp_path / "..", who="x").read_text())
    assert both == {
        "seed": 2,
        "forwards": ["tcp:127.0.0.1:0-:22", "tcp:127.0.0.1:0-:23"],
        "tcp": {"idle": 60, "window": 32768},
    }


def test_the_network_has_what_the_command_line_says(tmp_path: Path) -> None:
    words = ("--seed", "77", "--capture", "net.pcapng", "--set", "network.net=10.9.0.0/24")
    assert network(tmp_path, *words) == 0
    log = (tmp_path / "bochs.log").read_text()
    assert "network 10.9.0.0/24" in log
    assert "seed 77" in log
    assert (tmp_path / "net.pcapng").is_file()


def test_a_script_in_python_is_joined_with_options(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text("from pynat.net import Net\nnet = Net(seed=5)\n")
    assert network(tmp_path, "--script", "net.py", "--hermetic") == 0
    log = (tmp_path / "bochs.log").read_text()
    assert "hermetic, seed 5" in log


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--forward", "tcp:80"), 'pynat: --forward: forwards[0] = "tcp:80": must be'),
        (("--seed", "-1", "--tftp", "."), "pynat: --seed, --tftp: seed = -1: must be"),
        (("--capture", "."), 'pynat: --capture: capture = ".": must be a file; . is a folder'),
        (("--impair", "lose 3%"), "'lose' is no word of a rule; did you mean 'loss'"),
        (("--set", "tcp.idel=3"), "tcp.idel: unknown key; did you mean"),
        (("--set", "hermetic"), "--set hermetic: expected KEY=VALUE"),
    ],
)
def test_a_mistake_is_told_before_bochs_starts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, str], told: str
) -> None:
    assert network(tmp_path, *words) == 2
    assert told in capsys.readouterr().err
    assert not (tmp_path / "bochs.log").exists()


def test_a_mistake_in_the_file_has_its_own_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "net.toml").write_text("seed = 1\ncaputre = 2\n")
    assert network(tmp_path, "--seed", "2", card=f"{E1000}, script=net.toml") == 4
    assert "net.toml:2: caputre: unknown key" in capsys.readouterr().err


def test_options_need_a_card_that_has_the_network(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert network(tmp_path, "--seed", "2", card="e1000: enabled=1, ethmod=null") == 2
    assert "no card of" in capsys.readouterr().err


def test_values_are_written_as_toml_reads_them() -> None:
    tables = {"a": [1, "x\n\"'", True], "t": {"k": 1.5, "in.ner": {"z": [{"q": 1}]}}}
    assert tomllib.loads(as_toml(tables)) == tables


def test_a_slirp_file_takes_no_options(tmp_path: Path) -> None:
    (tmp_path / "slirp.conf").write_text("# slirp config\nnet = 10.0.2.0\n")
    with pytest.raises(ConfigError, match="options need a TOML file"):
        joined("slirp.conf", {"seed": 1}, tmp_path, who="x")


def test_what_the_network_complains_of_later_names_the_option_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        rule = f"tcp:127.0.0.1:{taken.getsockname()[1]}-:80"
        assert network(tmp_path, "--forward", rule, "--seed", "1") == 0
    error = capsys.readouterr().err
    assert f"--forward, --seed: forwards[0]: {rule}: cannot listen on 127.0.0.1" in error
