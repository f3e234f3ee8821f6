"""Which frame is the first of its flow, and what that flow is called in a capture.

"tcp 192.168.16.2:40000 > 192.0.2.7:80 #3": as in the log, and the number of the flow in the
capture. Both directions of a conversation are one flow; a SYN without ACK begins a new one of the
same addresses and ports. Only TCP and UDP have names, and of a fragmented packet only
the first fragment.
"""

from __future__ import annotations

from pynat.wire import ethernet, ip, versions

_SYN, _ACK = 0x02, 0x10
_KINDS = {ip.TCP: b"t", ip.UDP: b"u"}
_MOST = 65_536  # flows remembered; then all are forgotten, and named again when they go on


class FlowNames:
    def __init__(self) -> None:
        self._known: set[bytes] = set()
        self._count = 0

    def of_first(self, frame: bytes, *, from_guest: bool) -> str:
        """The name of the flow that `frame` begins, or "" where it begins none."""
        frame = ethernet.untagged(frame)
        found = versions.in_frame(frame)
        if found is None or found.protocol not in _KINDS or len(frame) < found.body + 8:
            return ""
        protocol, source, destination, at, _, is_later = found
        ports = frame[at : at + 4]
        if from_guest:
            key = _KINDS[protocol] + source + destination + ports
        else:
            key = _KINDS[protocol] + destination + source + ports[2:] + ports[:2]
        if key in self._known and not (protocol == ip.TCP and _is_syn(frame, at)):
            return ""
        if is_later:
            return ""  # what stands there are no ports
        return self._remember(key, ip.named(found, frame))

    def _remember(self, key: bytes, text: str) -> str:
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known.add(key)
        self._count += 1
        return f"{text} #{self._count}"


def _is_syn(frame: bytes, at: int) -> bool:
    return len(frame) > at + 13 and frame[at + 13] & (_SYN | _ACK) == _SYN
