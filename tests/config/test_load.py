"""`script=` and `ethdev=` of the NIC line."""

from __future__ import annotations

from pathlib import Path

import pytest

from pynat.config import Config, Tftp
from pynat.config_load import load
from pynat.errors import ConfigError


def mistake(script: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(script, "")
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("script", ["", "none"])
@pytest.mark.parametrize(
    "ethdev", ["", "none", "xl0", "/dev/null", "eth0", "/dev/net/tun:tap0", "a\0b"]
)
def test_nothing_set(script: str, ethdev: str) -> None:
    assert load(script, ethdev) == Config()


def test_ethdev_is_the_tftp_root_unless_the_file_names_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert load("", str(tmp_path)).tftp == Tftp(tmp_path)
    other = tmp_path / "other"
    other.mkdir()
    monkeypatch.chdir(tmp_path)
    assert load("", "other").tftp.root == other
    file = tmp_path / "net.toml"
    file.write_text('[tftp]\nroot = "other"\nwrite = true')
    assert load(str(file), str(tmp_path)).tftp == Tftp(other, write=True)
    file.write_text("[tftp]\nwrite = true")
    assert load(str(file), str(tmp_path)).tftp == Tftp(tmp_path, write=True)


def test_toml_and_slirp_are_told_apart(tmp_path: Path) -> None:
    file = tmp_path / "net"
    file.write_text("seed = 3")
    assert load(str(file), "").seed == 3
    file.write_bytes(b"\xef\xbb\xbfseed = 4\r\n")
    assert load(str(file), "").seed == 4
    file.write_bytes(b"# slirp config\n# caf\xe9\nnet = 10.5.0.0\n")
    assert str(load(str(file), "").network.net) == "10.5.0.0/24"


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    assert "no such file" in mistake(str(tmp_path / "missing.toml"))
    assert "cannot be read: Is a directory" in mistake(str(tmp_path))
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
        assert load(str(file), "") == Config()


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    config = load("none", str(tmp_path / "tftpp"))
    assert config.tftp.root is None
    (warning,) = config.warnings
    assert warning.startswith(f"ethdev={tmp_path}/tftpp: no such folder")
