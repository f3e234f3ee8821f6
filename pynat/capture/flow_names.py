"""Which frame is the first of its flow, and what that flow is called in a capture.

"tcp 192.168.16.2:40000 > 192.0.2.7:80 #3": as in the log, and the number of the flow in the
capture. Both directions of a conversation are one flow; a SYN without ACK begins a new one of the
same addresses and ports. Only TCP and UDP have names, and of a fragmented packet only the first
fragment.
"""

from __future__ import annotations

from pynat.wire import ethernet, ip, versions

_SYN, _ACK = 0x02, 0x10
_NAMED = (ip.TCP, ip.UDP)
_MAX_FLOWS = 65_536  # flows remembered; then all are forgotten, and named again when they go on


class FlowNames:
    def __init__(self) -> None:
        self._known: set[bytes] = set()  # keys of what the guest sends
        self._count = 0

    def of_first(self, frame: bytes, *, from_guest: bool) -> str:
        """The name of the flow that `frame` begins, or "" where it begins none."""
        frame = ethernet.untagged(frame)
        key, at = versions.flow_key(frame)
        if not from_guest:
            key = versions.reverse(key)
        if key in self._known and not (key[0] == ip.TCP and _is_syn(frame, at)):
            return ""
        found = versions.in_frame(frame)
        if found is None or found.protocol not in _NAMED or len(frame) < at + 8 or found.is_later:
            return ""
        return self._remember(key, ip.named(found, frame))

    def _remember(self, key: bytes, text: str) -> str:
        if len(self._known) >= _MAX_FLOWS:
            self._known.clear()
        self._known.add(key)
        self._count += 1
        return f"{text} #{self._count}"


def _is_syn(frame: bytes, at: int) -> bool:
    return len(frame) > at + 13 and frame[at + 13] & (_SYN | _ACK) == _SYN
