"""`script=` and `ethdev=` of the NIC line."""

from __future__ import annotations

from pathlib import Path

import pytest

from pynat.config import Config
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


def test_ethdev_is_the_tftp_root_which_is_not_served_yet(tmp_path: Path) -> None:
    config = load("", str(tmp_path))
    assert config.tftp_root == tmp_path
    assert config.warnings == (f"TFTP is not served yet; ethdev={tmp_path} has no effect",)


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
    assert "Python scripts are not supported yet" in mistake("net.py")
    file = tmp_path / "net.toml"
    file.write_bytes(b"seed = 1\n# caf\xe9\n")
    assert f"{file}:2: not UTF-8 text" in mistake(str(file))
    file.write_bytes(b"#" * (2 << 20))
    assert "no configuration file" in mistake(str(file))
