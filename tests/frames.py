"""Frames of a scripted guest, made and read with scapy."""

from __future__ import annotations

from typing import Any

from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.l2 import Ether

from pynat.testing.lab import GUEST_MAC, Lab

GUEST = "192.168.16.2"
ROUTER = "192.168.16.1"
ROUTER_MAC = "52:55:00:a8:10:01"


def ether() -> Any:
    return Ether(src=GUEST_MAC.hex(":"), dst=ROUTER_MAC)


def ip(dst: str, **fields: Any) -> Any:
    return ether() / IP(src=fields.pop("src", GUEST), dst=dst, **fields)


def udp(dst: str, dport: int, data: bytes, *, sport: int = 5000, **fields: Any) -> bytes:
    return bytes(ip(dst, **fields) / UDP(sport=sport, dport=dport) / data)


def ping(dst: str, data: bytes = b"abcdefgh", **fields: Any) -> bytes:
    return bytes(ip(dst, **fields) / ICMP(type=8, id=7, seq=3) / data)


def read(lab: Lab) -> list[Any]:
    """What came for the guest since the last call; every checksum is verified on the way."""
    packets = [Ether(frame) for frame in lab.to_guest()]
    for packet in packets:
        verify(packet)
    return packets


def verify(packet: Any) -> None:
    """scapy, left to compute lengths and checksums, must come to the same bytes."""
    if IP not in packet:
        return
    again = packet.copy()
    layer = again[IP]
    del layer.chksum, layer.len
    whole = not layer.frag and not layer.flags.MF
    for kind in (UDP, ICMP, "TCP") if whole else ():
        if layer.haslayer(kind) and isinstance(layer.payload, type(layer.getlayer(kind))):
            del layer.payload.chksum
            if kind is UDP:
                del layer.payload.len
    length = packet[IP].len
    assert bytes(again[IP])[:length] == bytes(packet[IP])[:length]
