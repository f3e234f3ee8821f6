"""Frames of a scripted guest, made and read with scapy."""

from __future__ import annotations

from typing import Any

from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.l2 import Ether

from pynat.testing.lab import GUEST_MAC, Lab
from pynat.wire import ipv4
from pynat.wire.checksum import finish, ones_sum, pseudo_header

GUEST = "192.168.16.2"
ROUTER = "192.168.16.1"
ROUTER_MAC = "52:55:00:a8:10:01"
CHECKSUM_AT = {1: 2, 6: 16, 17: 6}  # within the payload, by protocol


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


def mended(frame: bytes) -> bytes:
    """With right checksums, where there is something to sum."""
    data = bytearray(frame)
    header = (data[14] & 15) * 4 if len(data) > 14 else 0
    if data[12:14] != b"\x08\x00" or not 20 <= header <= len(data) - 14:
        return frame
    data[24:26] = b"\0\0"
    data[24:26] = finish(ones_sum(bytes(data[14 : 14 + header]))).to_bytes(2, "big")
    total = int.from_bytes(data[16:18], "big")
    payload = data[14 + header : 14 + total]
    at = CHECKSUM_AT.get(data[23])
    if at is None or len(payload) < at + 2 or data[20] & 0x3F or data[21]:
        return bytes(data)
    payload[at : at + 2] = b"\0\0"
    length = len(payload)
    addresses = bytes(data[26:30]), bytes(data[30:34])
    pseudo = pseudo_header(*addresses, data[23], length) if data[23] != ipv4.ICMP else 0
    payload[at : at + 2] = finish(pseudo + ones_sum(bytes(payload))).to_bytes(2, "big")
    data[14 + header : 14 + total] = payload
    return bytes(data)
