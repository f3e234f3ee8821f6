"""What a boot ROM does, packet by packet: DHCP names a file and a server, TFTP has it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from scapy.layers.dhcp import BOOTP, DHCP
from scapy.layers.dns import DNS, DNSQR
from scapy.layers.inet import IP, UDP
from scapy.layers.l2 import Ether

from pynat.config import Config, Tftp
from pynat.serve.load import load
from pynat.testing.lab import GUEST_MAC, Lab
from pynat.testing.script import pattern
from pynat.testing.tftp import TftpClient
from pynat.wire import ethernet, ipv4, udp
from tests.frames import GUEST, mended
from tests.services.dhcp_net import question
from tests.spoiling import samples, spoilt

TOML = '[dhcp]\nbootfile = "boot/x"\nserver_name = "boot"\n'
SLIRP = "# slirp config\nbootfile = boot/x\ntftp_srvname = boot\n"


def discover(lab: Lab) -> Any:
    options = [("message-type", "discover"), ("param_req_list", [1, 3, 6, 66, 67]), "end"]
    asked = BOOTP(op=1, chaddr=GUEST_MAC) / DHCP(options=options)
    ends = IP(src="0.0.0.0", dst="255.255.255.255") / UDP(sport=68, dport=67)
    lab.from_guest(bytes(Ether(src=GUEST_MAC.hex(":"), dst="ff:ff:ff:ff:ff:ff") / ends / asked))
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
    config = load(str(script), str(tmp_path / "root")).config
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


@dataclass(frozen=True)
class Sent:
    port: int  # 0 is that of the transfer
    data: bytes


SENT = [
    Sent(67, question(GUEST_MAC.hex(":"), "discover", param_req_list=[1, 3, 6, 66, 67])),
    Sent(67, question(GUEST_MAC.hex(":"), "request", requested_addr=GUEST)),
    Sent(69, b"\0\1boot/x\0octet\0"),
    Sent(69, b"\0\1boot/x\0netascii\0blksize\0001432\0tsize\0000\0windowsize\0002\0"),
    Sent(0, b"\0\4\0\0"),
    Sent(0, b"\0\4\0\1"),
    Sent(0, b"\0\5\0\0text\0"),
    Sent(53, bytes(DNS(rd=1, qd=DNSQR(qname="gateway.internal")))),
    Sent(53, bytes(DNS(rd=1, qd=DNSQR(qname="1.16.168.192.in-addr.arpa", qtype="PTR")))),
]


def spoilt_datagram(sent: Sent, dice: Random) -> Sent:
    return replace(sent, data=spoilt(sent.data, dice)) if dice.randrange(4) else sent


def test_no_spoilt_datagram_to_a_service_raises(tmp_path: Path) -> None:
    (tmp_path / "boot").mkdir()
    (tmp_path / "boot" / "x").write_bytes(pattern(50_000))
    lab = Lab(Config(tftp=Tftp(tmp_path)))
    client = TftpClient(lab)
    answers, drops = Counter[int](), Counter[int]()
    for sent in samples(SENT, spoilt_datagram, 5000):
        before = sum(lab.drops.values())
        client.send_bytes(sent.data, sent.port or client.port or 69)
        frames = lab.to_guest()
        for frame in frames:
            assert mended(frame) == frame
            answers[sent.port] += 1
            datagram = udp.decode(ipv4.decode(memoryview(frame)[ethernet.HEADER.size :]))
            client.port = datagram.source if sent.port == 69 else client.port
        lab.wait(0.1)
        lab.to_guest()
        drops[sent.port] += sum(lab.drops.values()) - before
    lab.wait(3600)
    lab.files.close_all()
    assert len(lab.router.tftp) == 0
    for each in {sent.port for sent in SENT}:
        assert answers[each] > 100, each
        assert drops[each] > 100, each
