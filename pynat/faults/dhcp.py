"""A DHCP server that does wrong what `faults` says (RFC 2131 for what would be right).

It stands before the real server, which grants addresses as ever: a message is kept from it or
changed on the way there, and its answer is changed on the way back.

    silent                   neither
    nak                      NAK instead of what the server would say to a REQUEST
    moved, ack-other         the REQUEST asks for another free address than the guest does
    lease, t1, t2, without,
    wrong-xid, wrong-server,
    wrong-chaddr             a field of the OFFER or ACK
    minimal, shuffled,
    overload, oversized      how it is written
    slow                     when it comes
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from pynat.config import Fault
from pynat.faults.active import ActiveFaults, LateReply
from pynat.nat.guest_output import GuestOutput
from pynat.services.dhcp import HEADERS, DhcpServer, Reply, send
from pynat.wire import dhcp
from pynat.wire.dhcp import Message
from pynat.wire.ipv4 import dotted

_FILLER = 224  # the first option for use on the spot (RFC 3942); the next ones as well
# An option whose value looks like others.
_UNKNOWN = bytes((254, 5, dhcp.END, dhcp.KIND, 1, dhcp.NAK, dhcp.PAD))
_CODES = {
    "mask": dhcp.MASK,
    "router": dhcp.ROUTER,
    "dns": dhcp.DNS,
    "server": dhcp.SERVER,
    "lease": dhcp.LEASE,
    "t1": dhcp.T1,
    "t2": dhcp.T2,
}
_REQUIRED = (dhcp.KIND, dhcp.SERVER, dhcp.LEASE)  # RFC 2131 table 3
_HEADER = dhcp.HEADER.size + len(dhcp.COOKIE)


class FaultyDhcp:
    def __init__(self, server: DhcpServer, faults: ActiveFaults, output: GuestOutput) -> None:
        self._server = server
        self._faults = faults
        self._output = output

    def from_guest(self, data: bytes, now: float) -> None:
        ordinary = not self._faults.dhcp
        reply = self._server.from_guest(data, now) if ordinary else self._spoilt(data, now)
        if reply is not None:
            send(self._output, reply)

    def _spoilt(self, data: bytes, now: float) -> Reply | None:
        """What of the answer goes at once."""
        message = dhcp.decode(data)
        if self._is_lost(message, now):
            return None
        told: list[str] = []
        reply = self._refused(message, told, now)
        if reply is None:
            asked = self._moved(message, told, now)
            reply = self._server.answer(asked, len(data), now)
        if reply is None:
            return None
        return self._late(message, self._changed(reply, told, now), told, now)

    def _is_lost(self, message: Message, now: float) -> bool:
        kind = dhcp.KINDS[message.kind].lower()
        one = self._faults.find(self._faults.dhcp, "silent", lambda f: f.word in ("", kind))
        if one is not None:
            self._faults.tell(one, f"{message} not answered", now, lost=True)
        return one is not None

    # ------------------------------------------------------------ what the server is asked
    def _refused(self, message: Message, told: list[str], now: float) -> Reply | None:
        if message.kind != dhcp.ASK or not self._happens("nak", f"{message} refused", told, now):
            return None
        return self._server.nak(message, "by a fault that was asked for")

    def _moved(self, message: Message, told: list[str], now: float) -> Message:
        if message.kind != dhcp.ASK:
            return message
        kind = "moved" if message.ciaddr != dhcp.ZERO else "ack-other"
        if self._faults.find(self._faults.dhcp, kind) is None:
            return message
        asked = message.options.get(dhcp.WANTED, message.ciaddr)
        other = self._server.guests.next_free(message.mac, now, but=asked)
        if other is None:
            return message
        self._happens(kind, f"{message} gets {dotted(other)}", told, now)
        return replace(message, options=message.options | {dhcp.WANTED: other})

    # ------------------------------------------------------------ what it answers
    def _changed(self, reply: Reply, told: list[str], now: float) -> Reply:
        answer = dhcp.decode(reply.payload)
        if answer.kind not in (dhcp.OFFER, dhcp.ACK):
            return reply
        new = self._fields(answer, told, now)
        payload = reply.payload if new is answer else dhcp.encode(new, len(reply.payload))[0]
        return replace(reply, payload=self._form(new, payload, told, now))

    def _fields(self, answer: Message, told: list[str], now: float) -> Message:
        name = dhcp.KINDS[answer.kind]
        for one in list(self._faults.dhcp):
            if one.spent or (change := _CHANGES.get(one.fault.kind)) is None:
                continue
            new, what = change(answer, one.fault)
            told.append(self._faults.tell(one, f"{name} with {what}", now))
            if one.fault.kind == "lease" and new.kind == dhcp.ACK:
                self._shorten(new, now + one.fault.number)
            answer = new
        return answer

    def _shorten(self, answer: Message, until: float) -> None:
        """The table of leases has it as the guest knows it."""
        lease = self._server.guests.table.get(answer.yiaddr)
        if lease is not None:
            self._server.guests.end(lease, until)

    def _form(self, answer: Message, payload: bytes, told: list[str], now: float) -> bytes:
        name = dhcp.KINDS[answer.kind]
        if self._happens("minimal", f"{name} with {_REQUIRED} only, not padded", told, now):
            options = {c: answer.options[c] for c in _REQUIRED if c in answer.options}
            return dhcp.encode(replace(answer, options=options))[0].rstrip(b"\0")
        if self._happens("overload", f"{name} with options in file and sname", told, now):
            first = replace(answer, sname=b"", file=b"")
            return dhcp.encode(first, _HEADER + 3 + 3 + 1)[0]  # the kind and option 52
        if self._happens("shuffled", f"{name} with options in another order", told, now):
            payload = _shuffled(payload)
        one = self._faults.find(self._faults.dhcp, "oversized")
        if one is None:
            return payload
        length = int(one.fault.number) - HEADERS
        told.append(self._faults.tell(one, f"{name} of {length + HEADERS} bytes", now))
        return _filled(payload, length)

    def _happens(self, kind: str, what: str, told: list[str], now: float) -> bool:
        one = self._faults.find(self._faults.dhcp, kind)
        if one is not None:
            told.append(self._faults.tell(one, what, now))
        return one is not None

    # ------------------------------------------------------------ when it comes
    def _late(self, message: Message, reply: Reply, told: list[str], now: float) -> Reply | None:
        """What of it goes at once."""
        one = self._faults.find(self._faults.dhcp, "slow")
        if one is None:
            return replace(reply, comments=tuple(told))
        seconds = one.fault.number
        told.append(self._faults.tell(one, f"{message} answered in {seconds:g} s", now))
        late = LateReply(lambda _: send(self._output, replace(reply, comments=tuple(told))))
        self._output.timers.set(late, now + seconds)
        return None


# ---------------------------------------------------------------- a field of the answer
def _with_time(answer: Message, fault: Fault) -> tuple[Message, str]:
    seconds = int(fault.number)
    code = _CODES[fault.kind]
    times = {code: seconds}
    if fault.kind == "lease":
        times |= {dhcp.T1: seconds // 2, dhcp.T2: seconds * 7 // 8}
    options = answer.options | {code: time.to_bytes(4, "big") for code, time in times.items()}
    return replace(answer, options=options), f"{fault.kind} {seconds} s"


def _without(answer: Message, fault: Fault) -> tuple[Message, str]:
    code = _CODES[fault.word]
    options = {other: value for other, value in answer.options.items() if other != code}
    return replace(answer, options=options), f"no option {code} ({fault.word})"


def _with_xid(answer: Message, fault: Fault) -> tuple[Message, str]:  # noqa: ARG001
    wrong = answer.xid ^ 1
    return replace(answer, xid=wrong), f"xid {wrong:#010x} instead of {answer.xid:#010x}"


def _with_chaddr(answer: Message, fault: Fault) -> tuple[Message, str]:  # noqa: ARG001
    wrong = answer.mac[:5] + bytes((answer.mac[5] ^ 0xFF,))
    return replace(answer, mac=wrong), f"chaddr {wrong.hex(':')} instead of {answer.mac.hex(':')}"


def _with_server(answer: Message, fault: Fault) -> tuple[Message, str]:  # noqa: ARG001
    ours = answer.options.get(dhcp.SERVER, dhcp.ZERO)
    wrong = ours[:3] + bytes((ours[3] ^ 0xFE,))
    options = answer.options | {dhcp.SERVER: wrong}
    return replace(answer, options=options), f"server {dotted(wrong)} instead of {dotted(ours)}"


_CHANGES: dict[str, Callable[[Message, Fault], tuple[Message, str]]] = {
    "lease": _with_time,
    "t1": _with_time,
    "t2": _with_time,
    "without": _without,
    "wrong-chaddr": _with_chaddr,
    "wrong-xid": _with_xid,
    "wrong-server": _with_server,
}


def _shuffled(payload: bytes) -> bytes:
    """Legal all the same (RFC 2131 3, RFC 2132 2)."""
    options: dict[int, bytes] = {}  # pieces of one stay together (RFC 3396)
    at = _HEADER
    while payload[at] != dhcp.END:
        size = 2 + payload[at + 1]
        options[payload[at]] = options.get(payload[at], b"") + payload[at : at + size]
        at += size
    area = bytes((dhcp.PAD,)).join((_UNKNOWN, *reversed(options.values())))
    return (payload[:_HEADER] + area + bytes((dhcp.END,))).ljust(len(payload), b"\0")


def _filled(payload: bytes, length: int) -> bytes:
    """Options of no meaning up to that length, and the end behind them."""
    payload = payload.rstrip(b"\0")[:-1]  # without the end
    code = _FILLER
    while (room := length - len(payload) - 1) >= 2:
        size = min(255, room - 2)
        payload += bytes((code, size)) + bytes(size)
        code += 1
    return (payload + bytes((dhcp.END,))).ljust(length, b"\0")
