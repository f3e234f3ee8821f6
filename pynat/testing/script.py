"""TCP tests that read like packet traces: segments in packetdrill's form with relative numbers.

    flow = established(Lab())
    flow.guest("P. 1:6(5) ack 1")
    assert flow.to_guest() == [". 1:1(0) ack 6"]

Flags are S F R P U and `.` for ACK; numbers count from each side's SYN, which is 0. Segments are
built and read with scapy, so that our own codec is never its own judge. Options are packetdrill's:
`<mss 1460,sackOK,TS val 100 ecr 0,wscale 7>`, `<sack 1461:2921 4381:5841>`; `urg 5` is the urgent
pointer. `win` and options but SACK are shown by `to_guest(detail=True)` only.
"""

from __future__ import annotations

import re
from typing import Any

try:
    from scapy.layers.inet import IP, TCP
    from scapy.layers.l2 import ARP, Ether
except ImportError:
    wanted = "pynat.testing.script needs scapy (extra bochs-pynat[dev]): pip install scapy"
    raise ModuleNotFoundError(wanted, name="scapy") from None

from pynat.nat.messages import Action, Event, TcpConnect, TcpConnected, TcpReceived
from pynat.testing.lab import GUEST_MAC, Lab, arp_request
from pynat.testing.lab import introduce as introduce  # noqa: PLC0414 - its users look here

_SEGMENT = re.compile(
    r"(?P<flags>[SFRPU.]+) (?P<seq>-?\d+):(?P<end>-?\d+)\((?P<length>\d+)\)"
    r"(?: ack (?P<ack>\d+))?(?: win (?P<win>\d+))?(?: urg (?P<urg>\d+))?"
    r"(?: <(?P<options>[^>]*)>)?"
)
GUEST_ISN = 1_000_000


def pattern(length: int, start: int = 0) -> bytes:
    """Bytes that tell their own place: position `start + i` modulo 251."""
    return bytes((start + i) % 251 for i in range(length))


class TcpScript:
    """One connection of a scripted guest, in a lab."""

    def __init__(
        self,
        lab: Lab,
        *,
        guest_port: int = 40_000,
        remote: str = "192.0.2.7",
        remote_port: int = 80,
        isn: int = GUEST_ISN,
    ) -> None:
        self.lab = lab
        self.address = str(lab.config.network.guest)
        self.remote = remote
        self.guest_port = guest_port
        self.remote_port = remote_port
        self.isn = isn
        self.ttl = 64
        self.our_isn: int | None = None
        self.number = 0
        self.sent = 0  # bytes, for those who count them
        self.errors: list[Any] = []  # scapy packets that came and were not TCP
        introduce(lab)

    def guest(self, text: str, data: bytes | None = None) -> None:
        """Send a segment; `data` overrides the pattern payload."""
        self.lab.from_guest(self.frame(text, data))

    def frame(self, text: str, data: bytes | None = None) -> bytes:
        return bytes(self._frame(text, data))

    def host(self, event: Event) -> None:
        self.lab.from_host(event)

    def to_host(self) -> list[Action]:
        actions = self.lab.to_host()
        for action in actions:
            if isinstance(action, TcpConnect):
                self.number = action.flow
        return actions

    def host_says(self, data: bytes) -> None:
        self.host(TcpReceived(self.number, data))

    def to_guest(self, *, detail: bool = False) -> list[str]:
        return [self._show(packet, detail) for packet in self.packets()]

    def packets(self) -> list[Any]:
        """The TCP packets of this flow for the guest, as scapy sees them."""
        found = []
        frames = self.lab.to_guest()
        for frame in frames:  # grows when an ARP answer lets packets go
            packet = Ether(frame)
            if ARP in packet and packet[ARP].op == 1 and packet[ARP].pdst == self.address:
                frames += self._answer_arp()
            elif TCP in packet and packet[TCP].dport == self.guest_port and packet.type == 0x0800:
                if packet[TCP].flags.S and self.our_isn is None:
                    self.our_isn = packet[TCP].seq
                found.append(packet)
            else:
                self.errors.append(packet)
        return found

    def payload(self) -> bytes:
        return b"".join(payload_of(packet) for packet in self.packets())

    def _answer_arp(self) -> list[bytes]:
        self.lab.from_guest(arp_request(self.lab, self.address, GUEST_MAC))
        return [frame for frame in self.lab.to_guest() if ARP not in Ether(frame)]

    def _frame(self, text: str, data: bytes | None) -> Any:
        match = _SEGMENT.fullmatch(text)
        if match is None:
            raise ValueError(f"not a segment: {text!r}; expected like 'P. 1:6(5) ack 1 win 100'")
        flags = match["flags"].replace(".", "A")
        length = int(match["length"])
        seq = int(match["seq"])
        body = pattern(length, max(0, seq - 1)) if data is None else data
        tcp = TCP(
            sport=self.guest_port,
            dport=self.remote_port,
            flags=flags,
            seq=(self.isn + seq) % 2**32,
            ack=((self.our_isn or 0) + int(match["ack"])) % 2**32 if match["ack"] else 0,
            window=int(match["win"] or 65_535),
            urgptr=int(match["urg"] or 0),
            options=self._options(match["options"] or ""),
        )
        ether = Ether(src=GUEST_MAC.hex(":"), dst=self.lab.config.network.mac.hex(":"))
        packet = IP(src=self.address, dst=self.remote, ttl=self.ttl, flags="DF")
        return ether / packet / tcp / body

    def _options(self, text: str) -> list[tuple[str, Any]]:
        found: list[tuple[str, Any]] = []
        for part in filter(None, text.split(",")):
            match part.split():
                case ["mss", number]:
                    found.append(("MSS", int(number)))
                case ["wscale", number]:
                    found.append(("WScale", int(number)))
                case ["sackOK"]:
                    found.append(("SAckOK", b""))
                case ["TS", "val", value, "ecr", echo]:
                    found.append(("Timestamp", (int(value), int(echo))))
                case ["sack", *blocks]:
                    edges = [int(edge) for block in blocks for edge in block.split(":")]
                    ours = self.our_isn or 0
                    found.append(("SAck", tuple((ours + edge) % 2**32 for edge in edges)))
                case _:
                    raise ValueError(f"not an option: {part!r}")
        return found

    def _show(self, packet: Any, detail: bool) -> str:
        tcp = packet[TCP]
        flags = "".join(letter for letter in "SFRPU" if letter in str(tcp.flags))
        flags += "." if tcp.flags.A else ""
        length = len(payload_of(packet))
        seq = relative(tcp.seq, self.our_isn or 0)
        end = seq + length + bool(tcp.flags.S) + bool(tcp.flags.F)
        words = f"{flags} {seq}:{end}({length})"
        if tcp.flags.A:
            words += f" ack {relative(tcp.ack, self.isn)}"
        if tcp.flags.U:
            words += f" urg {tcp.urgptr}"
        for name, value in tcp.options:
            if name == "SAck":
                edges = [relative(edge, self.isn) for edge in value]
                pairs = zip(edges[::2], edges[1::2], strict=True)
                words += " <sack " + " ".join(f"{a}:{b}" for a, b in pairs) + ">"
        if detail:
            words += f" win {tcp.window}"
            words += "".join(f" <{name} {value}>" for name, value in tcp.options if value)
        return words


def relative(number: int, isn: int) -> int:
    distance = (number - isn) % 2**32
    return distance if distance < 2**31 else distance - 2**32


def payload_of(packet: Any) -> bytes:
    """The TCP payload without Ethernet's padding."""
    ip = packet[IP]
    return bytes(packet[TCP].payload)[: ip.len - ip.ihl * 4 - packet[TCP].dataofs * 4]


def syn_received(lab: Lab, syn: str = "S 0:0(0) <mss 1460>", **ends: Any) -> TcpScript:
    """The host's connect has succeeded and our SYN-ACK is out."""
    flow = TcpScript(lab, **ends)
    flow.guest(syn)
    flow.to_host()
    flow.host(TcpConnected(flow.number))
    assert flow.to_guest() == ["S. 0:1(0) ack 1"]
    return flow


def established(lab: Lab, syn: str = "S 0:0(0) <mss 1460>", **ends: Any) -> TcpScript:
    flow = syn_received(lab, syn, **ends)
    flow.guest(". 1:1(0) ack 1")
    assert flow.to_guest() == []
    flow.to_host()
    return flow
