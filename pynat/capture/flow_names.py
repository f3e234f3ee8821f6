"""Which frame is the first of its flow, and what that flow is called in a capture.

"tcp 192.168.16.2:40000 > 192.0.2.7:80 #3": as in the log, and the number of the flow in the
capture. Both directions of a conversation are one flow; a SYN without ACK begins a new one of the
same addresses and ports. Only TCP and UDP over IPv4 have names, and of a fragmented packet only
the first fragment.
"""

from __future__ import annotations

from pynat.wire import ethernet, ipv4

_SYN, _ACK = 0x02, 0x10
_OFFSET = 0x1FFF  # of a fragment; without the three flags
_MOST = 65_536  # flows remembered; then all are forgotten, and named again when they go on


class FlowNames:
    def __init__(self) -> None:
        self._known: set[bytes] = set()
        self._count = 0

    def of_first(self, frame: bytes, *, from_guest: bool) -> str:
        """The name of the flow that `frame` begins, or "" where it begins none."""
        frame = ethernet.untagged(frame)
        if not ethernet.is_ipv4(frame) or len(frame) < 34:
            return ""
        protocol = frame[23]
        at = 14 + (frame[14] & 0x0F) * 4
        if protocol not in (ipv4.TCP, ipv4.UDP) or len(frame) < at + 8:
            return ""
        source, destination, ports = frame[26:30], frame[30:34], frame[at : at + 4]
        if from_guest:
            key = frame[23:24] + source + destination + ports
        else:
            key = frame[23:24] + destination + source + ports[2:] + ports[:2]
        if key in self._known and not (protocol == ipv4.TCP and _is_syn(frame, at)):
            return ""
        if int.from_bytes(frame[20:22], "big") & _OFFSET:
            return ""  # what stands there are no ports
        return self._remember(key, ipv4.named(frame[14:]))

    def _remember(self, key: bytes, text: str) -> str:
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known.add(key)
        self._count += 1
        return f"{text} #{self._count}"


def _is_syn(frame: bytes, at: int) -> bool:
    return len(frame) > at + 13 and frame[at + 13] & (_SYN | _ACK) == _SYN
