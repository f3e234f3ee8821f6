"""What a boot ROM does, packet by packet: DHCP names a file and a server, TFTP has it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scapy.layers.dhcp import BOOTP, DHCP
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether

from pynat.config_load import load
from pynat.testing.lab import GUEST_MAC, Lab
from pynat.testing.script import pattern
from pynat.testing.tftp import TftpClient
from tests.frames import udp

TOML = '[dhcp]\nbootfile = "boot/x"\nserver_name = "boot"\n'
SLIRP = "# slirp config\nbootfile = boot/x\ntftp_srvname = boot\n"


def discover(lab: Lab) -> Any:
    options = [("message-type", "discover"), ("param_req_list", [1, 3, 6, 66, 67]), "end"]
    question = BOOTP(op=1, chaddr=GUEST_MAC) / DHCP(options=options)
    ends = IP(src="0.0.0.0", dst="255.255.255.255") / UDP(sport=68, dport=67)
    lab.from_guest(bytes(Ether(src=GUEST_MAC.hex(":"), dst="ff:ff:ff:ff:ff:ff") / ends / question))
    (frame,) = lab.to_guest()
    return Ether(frame)


@pytest.mark.parametrize(
    ("written", "router", "guest"),
    [(TOML, "192.168.16.1", "192.168.16.2"), (SLIRP, "10.0.2.2", "10.0.2.15")],
)
def test_file_server_and_folder_fit_together(
    tmp_path: Path, written: str, router: str, guest: str
) -> None:
    (tmp_path / "root" / "boot").mkdir(parents=True)
    (tmp_path / "root" / "boot" / "x").write_bytes(pattern(5000))
    script = tmp_path / "net"
    script.write_text(written)
    config = load(str(script), str(tmp_path / "root"))
    assert config.warnings == ()
    lab = Lab(config)
    offer = discover(lab)
    assert (offer[BOOTP].yiaddr, offer[BOOTP].siaddr) == (guest, router)
    assert offer[BOOTP].file.rstrip(b"\0") == b"boot/x"
    assert offer[BOOTP].sname.rstrip(b"\0") == b"boot"
    options: dict[str, bytes] = dict(
        item[:2] for item in offer[DHCP].options if isinstance(item, tuple)
    )
    assert (options["tftp_server_name"], options["boot-file-name"]) == (b"boot", b"boot/x")
    client = TftpClient(lab)
    assert str(lab.config.network.router) == offer[BOOTP].siaddr
    name = offer[BOOTP].file.rstrip(b"\0").decode()
    assert client.fetch(name, blksize="1432", tsize="0") == pattern(5000)
    assert lab.drops == {}


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], deadline=None
)
@given(st.sampled_from([67, 69, 61_000]), st.binary(max_size=300))
def test_no_datagram_to_a_service_raises(port: int, data: bytes) -> None:
    lab = Lab()
    lab.from_guest(udp("192.168.16.1", port, data))
    lab.wait(1)
