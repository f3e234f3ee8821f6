"""`script=` and `ethdev=` of the NIC line."""

from __future__ import annotations

import os
import socket
import time
from dataclasses import replace
from pathlib import Path

import pytest

from pynat.config import Config, Tftp
from pynat.config.tables import MAX_CARD_MTU
from pynat.errors import ConfigError
from pynat.serve.load import load, load_for_card


def mistake(script: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(script, "", strict=True)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("script", ["", "none"])
@pytest.mark.parametrize(
    "ethdev", ["", "none", "xl0", "/dev/null", "eth0", "/dev/net/tun:tap0", "40000"]
)
def test_nothing_set(script: str, ethdev: str) -> None:
    assert load(script, ethdev).config == Config()


def test_ethdev_is_the_tftp_root_unless_the_file_names_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert load("", str(tmp_path)).config.tftp == Tftp(tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    monkeypatch.chdir(tmp_path)
    assert load("", "other").config.tftp.root == other
    file = tmp_path / "net.toml"
    file.write_text('[tftp]\nroot = "other"\nwrite = true')
    assert load(str(file), str(tmp_path)).config.tftp == Tftp(other, write=True)
    file.write_text("[tftp]\nwrite = true")
    assert load(str(file), str(tmp_path)).config.tftp == Tftp(tmp_path, write=True)


def test_toml_and_slirp_are_told_apart(tmp_path: Path) -> None:
    file = tmp_path / "net"
    file.write_text("seed = 3")
    assert load(str(file), "").config.seed == 3
    file.write_bytes(b"\xef\xbb\xbfseed = 4\r\n")
    assert load(str(file), "").config.seed == 4
    file.write_bytes(b"# slirp config\n# caf\xe9\nnet = 10.5.0.0\n")
    assert str(load(str(file), "").config.network.net) == "10.5.0.0/24"


def test_a_card_has_a_limit_that_a_tap_device_has_not(tmp_path: Path) -> None:
    file = tmp_path / "net.toml"
    file.write_text(f"[network]\nmtu = {MAX_CARD_MTU}")
    assert load_for_card(str(file), "") == load(str(file), "")
    file.write_text("[network]\nmtu = 65520")
    assert load(str(file), "").config.network.mtu == 65520
    with pytest.raises(ConfigError, match=r"net.toml: network.mtu = 65520: must be at most 4082"):
        load_for_card(str(file), "")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    assert "no such file" in mistake(str(tmp_path / "missing.toml"))
    assert "a folder; script= names a TOML" in mistake(str(tmp_path))
    assert "cannot be read" in mistake("a\0b")
    assert "no such file" in mistake("net.py")
    file = tmp_path / "net.toml"
    file.write_bytes(b"seed = 1\n# caf\xe9\n")
    assert f"{file}:2: not UTF-8 text" in mistake(str(file))
    file.write_bytes("seed = 1".encode("utf-16"))
    assert f"{file}:1: not UTF-8 text; save the file as UTF-8" in mistake(str(file))
    file.write_bytes(b"\x7fELF\2\1\1\0\0")
    assert f"{file}: not a text file" in mistake(str(file))
    file.write_bytes(b"#" * (2 << 20))
    assert "no configuration file" in mistake(str(file))


@pytest.mark.parametrize(
    "written",
    [
        "#slirp config\nnet = 10.5.0.0\n",
        " # Slirp Config\r\nrestricted = 1\r\n",
        "# of our lab\n#  slirp  config\nhostnam = x\n",
        "NET = 10.5.0.0\n# a comment\nhostfwd = tcp::80-:80\n",
        "restricted = 1",
    ],
)
def test_slirp_without_its_first_line(tmp_path: Path, written: str) -> None:
    file = tmp_path / "net"
    file.write_text(written)
    said = f"{file}:1: the first line of a file for Bochs's slirp must be exactly"
    assert mistake(str(file)).startswith(f'{said} "# slirp config"')


@pytest.mark.parametrize(
    "written",
    ["hostname = 'box'", "[dhcp]\nhostname = box", "hostname = box\nseed = 1", "", "seed = x"],
)
def test_toml_is_not_taken_for_slirp(tmp_path: Path, written: str) -> None:
    file = tmp_path / "net"
    file.write_text(written)
    if written:
        assert "slirp" not in mistake(str(file))
    else:
        assert load(str(file), "").config == Config()


@pytest.mark.parametrize(
    "ethdev",
    [
        "/dev/net/tun",
        "tap0",
        "enp0s25",
        "wlp0s20f3",
        "nge0",
        "br-lan0.5",
        "host:40000",
        "hub1:40000",
    ],
)
def test_ethdev_of_another_back_end_is_no_trouble(ethdev: str) -> None:
    assert load("", ethdev).config == Config()


def test_a_folder_that_is_not_there_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    Path("vde.ctl").mkdir()
    with socket.socket(socket.AF_UNIX) as switch:
        switch.bind("vde.ctl/ctl")
    said = {
        str(tmp_path / "tftpp"): "no such folder",
        "./temp": "no such folder",
        "tftpboot": "no such folder",
        "c:/temp": "no such folder",
        "a\0b": "no such folder",
        "file": "is no folder",
        "vde.ctl": "is a switch of VDE",
    }
    for ethdev, why in said.items():
        config = load("none", ethdev).config
        (warning,) = config.warnings
        assert warning.startswith(f"ethdev={ethdev}: {why}")
        assert replace(config, warnings=()) == Config()


TUNCONFIG = b"#!/bin/bash\n/sbin/ifconfig ${1##/dev/net/} 192.168.1.1\niptables -t nat -F\n"


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (TUNCONFIG, "a shell script (#!/bin/bash)"),
        (b"#! /usr/bin/env sh\nnet=10.0.2.0\n", "a shell script (#!/usr/bin/env sh)"),
        (b"#!/usr/bin/python3\nimport os\n", "a script (#!/usr/bin/python3)"),
        (b"#!\nx\n", "a script (#!)"),
        (b"# caf\xe9\nifconfig $1 192.168.1.1 up\n", "a shell script"),
        (b"mac=52:54:00:12:34:56\nsudo ip link set tap0 up\n", "a shell script"),
        (b"\x7fELF\2\1\1\0\0", "a program"),
        (b"MZ\0\0", "a binary file"),
        (b"#" * (2 << 20), "a file of more than 1 MiB"),
        (b"megs: 32\nboot: cdrom\n", "neither TOML"),
        (b'IF="tap7"\nADDRESS="10.0.0.1"\n', "neither TOML"),
        (b'{"qemu": [1, 2]}', "neither TOML"),
    ],
)
def test_a_script_of_another_back_end_is_a_warning(
    tmp_path: Path, content: bytes, what: str
) -> None:
    file = tmp_path / "tunconfig"
    file.write_bytes(content)
    _left_over(str(file), what)
    mistake(str(file))  # where it is named as pynat's


def test_words_of_a_shell_within_toml_make_it_no_script(tmp_path: Path) -> None:
    file = tmp_path / "net"
    file.write_text(
        'guestfwd = ["""tcp:192.168.16.9:7-cmd:sh -c \'\necho hello\n\'"""]\nseed = 3\n'
    )
    assert load(str(file), "").config.seed == 3


def _left_over(script: str, what: str) -> None:
    config = load(script, "/dev/net/tun").config
    (warning,) = config.warnings
    assert warning.startswith(f"script={script}: {what}")
    assert "the network has its defaults" in warning
    assert replace(config, warnings=()) == Config()


@pytest.mark.parametrize(
    "written",
    ["\n" * 20_000 + "!", "\n" * 20_000 + "a = 1\n", "if\n" + " \n" * 20_000 + "x", " " * 20_000],
    ids=["blank", "a key", "a command", "spaces"],
)
def test_blanks_of_a_left_over_file_take_no_time(tmp_path: Path, written: str) -> None:
    script = tmp_path / "net.conf"
    script.write_text(written)
    began = time.thread_time()
    load(str(script), "")
    assert time.thread_time() - began < 2  # seconds; each blank by each other one would be 30


def test_the_name_of_an_interface_takes_no_time() -> None:
    began = time.thread_time()
    load("", "a" + "1" * 40_000 + "!")
    assert time.thread_time() - began < 2


def test_what_is_no_file_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkfifo("fifo")
    for script in ("/usr/bin/slirpp", "./tunconfig", "/path/tunconfig", "slirp.conf", "a/b"):
        _left_over(script, f"no such file (looked in {tmp_path})")
    _left_over(str(tmp_path), "a folder")
    _left_over("fifo", "no file but a device or socket")
    _left_over("/dev/zero", "no file but a device or socket")
    _left_over("x" * 300, "cannot be read (File name too long)")
    assert load("/dev/null", "").config == Config()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("net.toml", TUNCONFIG),
        ("net.py", b"\x7fELF"),
        ("net", b"[network]\nnet = 10.0.2.0/24\n"),
        ("net", b"[network\n"),
        ("net", b"caputre = 'x.pcap'\n"),
        ("net", b"forwards = [\n"),
        ("net", b"hostname = box\nseed = 1\n"),
        ("net", b"# slirp config\nhostnam = x\n"),
        ("net", b"# vnet config\nhostnam = x\n"),
        ("net", "seed = 1".encode("utf-16")),
        ("net", b"seed = 1 # caf\xe9\n"),
    ],
)
def test_a_file_of_ours_that_is_wrong_stays_a_mistake(
    tmp_path: Path, name: str, content: bytes
) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    with pytest.raises(ConfigError):
        load(str(file), "")


@pytest.mark.parametrize("script", ["missing.toml", "missing.py"])
def test_a_missing_file_of_ours_is_a_mistake(script: str) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        load(script, "")
