"""Files of Bochs's vnet back end, unchanged, and its addresses."""

from __future__ import annotations

from ipaddress import IPv4Address
from pathlib import Path

import pytest

from pynat.config import Config, Layout
from pynat.config.toml import read_toml
from pynat.config.vnet import KEYS, read_vnet
from pynat.errors import ConfigError
from pynat.serve.load import load
from tests.config.test_slirp import DOCS, addresses

VNETS = ["192.168.10.0/24", "192.168.10.1", "192.168.10.2", "192.168.10.15"]


def vnet(body: str) -> Config:
    return read_vnet("# vnet config\n" + body, "vnet.conf")


def test_vnets_own_defaults() -> None:
    config = vnet("# a comment\n")
    assert addresses(config.network) == VNETS
    assert (config.layout, config.dhcp.bootfile) == (Layout.VNET, "pxelinux.0")
    assert config.dns.names == {
        "vnet": (IPv4Address("192.168.10.1"),),
        "vnet-dns": (IPv4Address("192.168.10.2"),),
    }
    assert config.warnings == ()


def test_the_layout_alone() -> None:
    config = read_toml('layout = "vnet"', "net.toml")
    assert addresses(config.network) == VNETS
    assert config.dhcp.bootfile == ""
    other = read_toml('layout = "vnet"\nnetwork.net = "10.1.0.0/16"', "net.toml")
    assert addresses(other.network) == ["10.1.0.0/16", "10.1.0.1", "10.1.0.2", "10.1.0.15"]


def test_a_file_with_everything() -> None:
    config = vnet(
        "NET = 10.7.7.0\nhost=10.7.7.9\r\ndhcpstart = 10.7.7.20\ndns = 10.7.7.8\n"
        "ftp = 10.7.7.7\nhostname = box\nbootfile = kernel\npktlog = vnet.txt\n"
    )
    assert addresses(config.network) == ["10.7.7.0/24", "10.7.7.9", "10.7.7.8", "10.7.7.20"]
    assert (config.dhcp.hostname, config.dhcp.bootfile) == ("box", "kernel")
    assert config.capture == Path("vnet.txt")
    (warning,) = config.warnings
    assert warning.startswith("vnet.conf:6: ftp = 10.7.7.7 has no effect: there is no FTP server")


def test_values_of_no_use_are_warnings() -> None:
    config = vnet("pktlog = no/x\nhostname = my box\n")
    assert [warning.partition(" = ")[0] for warning in config.warnings] == [
        "vnet.conf:2: pktlog",
        "vnet.conf:3: hostname",
    ]
    assert config.capture is None


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("mask = 255.255.255.0", "vnet.conf:2: mask: unknown key; "),
        (
            "host = 10.0.2.2",
            'vnet.conf:2: host = "10.0.2.2": must be an address in 192.168.10.0/24',
        ),
        ("dns = 0.0.0.0", "vnet.conf:2: dns"),
        ("dhcpstart = 192.168.10.1", "vnet.conf:2: dhcpstart"),
        ("net = here", "vnet.conf:2: net"),
    ],
)
def test_mistakes(body: str, message: str) -> None:
    """vnet reports these too."""
    with pytest.raises(ConfigError) as caught:
        vnet(body)
    assert str(caught.value).startswith(message)


def test_the_first_line_decides(tmp_path: Path) -> None:
    file = tmp_path / "vnet.conf"
    file.write_bytes(b"# vnet config\r\n# caf\xe9\r\nhostname = box\r\n")
    assert load(str(file), str(tmp_path)).config.dhcp.hostname == "box"
    assert load(str(file), str(tmp_path)).config.tftp.root == tmp_path


def test_docs_name_every_key() -> None:
    text = DOCS.read_text()
    table = text[text.index("## vnet files") :]
    for key in KEYS:
        assert f"`{key}`" in table
