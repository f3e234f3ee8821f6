"""A right stack with drawn habits: DHCP, ARP, pings, DNS, UDP, each in one of many right ways.

Everything is drawn from one seed: which options are there and in what order, how long it waits
(RFC 2131 4.1, RFC 5227 1.1), whether it probes, announces, reboots, renews, rebinds, releases, how
it numbers packets, pings, and questions, and what it sends.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count
from random import Random
from struct import pack, unpack_from

from tests.lint.naive import ALL, EVERYBODY, ICMP, MAC, NAME, UDP, ZERO, Stack

MTU = 1500
DISCOVER, REQUEST, DECLINE, RELEASE = 1, 3, 4, 7
OFFER, ACK, NAK = b"\2", b"\5", b"\6"
NAMES = (NAME, "a.test", "nowhere.test", "x" * 63 + ".example.test")
TYPES = (1, 1, 1, 28, 15, 12, 16, 33, 255)
SIZES = (0, 1, 2, 17, 18, 19, 56, 548, 1472, 1473, 3000, 9000)


class Habits(Stack):
    def __init__(self, seed: int, number: int = 0) -> None:
        super().__init__()
        self.dice = dice = Random(f"{seed} {number}")
        self.now = 0.0
        self.mac = MAC[:5] + bytes((MAC[5] + number,))
        self._order = count()
        self._timers: list[tuple[float, int, int, Callable[[], None]]] = []
        self._life = 0  # timers of another one are void
        # addresses and numbers
        self.ttl = dice.choice((32, 64, 128, 255))
        self._ids = dice.choice(("count", "draw", "zero"))
        self.flags = 0x4000 if self._ids == "zero" else dice.choice((0, 0x4000))
        self._sums = dice.random() < 0.9
        # DHCP
        self._broadcast = dice.random() < 0.5
        self._same_xid = dice.random() < 0.5
        self._spares = dice.choice((300, 300, 548, 1024))
        self._always = self._options_of_all()
        self._wishes = dice.random() < 0.3
        self._boots_again = dice.random() < 0.5
        self._ends = dice.choice((None, "release", "release", "reboot"))
        self.xid = 0
        self.began = 0.0  # of the attempt
        self.state = ""
        self._secs_of_discover = 0
        self._renewals = 0  # a timer of the lease before is void
        self.dhcp_server = ZERO
        self._lease = (0.0, 0.0, 0.0)  # T1, T2, end
        # ARP
        self._probes = dice.choice((True, True, False))
        self._announces = dice.choice((0, 1, 2))
        self._announcement = dice.choice((1, 1, 2))
        self._pieces: dict[bytes, dict[int, bytes]] = {}
        self._last: dict[bytes, int] = {}
        # pings and questions
        self._ping_id = dice.randrange(65536)
        self._ping_number = dice.choice((0, 1))
        self._edns = dice.random() < 0.4
        self._new_id = dice.random() < 0.5
        self._mixes_case = dice.random() < 0.2
        self._questions: dict[int, tuple[int, str]] = {}  # by id: port and name

    # ------------------------------------------------------------------ time
    def after(self, seconds: float, do: Callable[[], None]) -> None:
        entry = (self.now + seconds, next(self._order), self._life, do)
        heapq.heappush(self._timers, entry)

    def next_timer(self) -> float | None:
        return self._timers[0][0] if self._timers else None

    def on_timer(self, now: float) -> None:
        self.now = now
        while self._timers and self._timers[0][0] <= now:
            _, _, life, do = heapq.heappop(self._timers)
            if life == self._life:
                do()

    def until_answered(self, what: str, send: Callable[[], None]) -> None:
        """Waits are doubled."""
        self.waiting[what] = send
        first = self.dice.uniform(1.0, 3.0)

        def again(wait: float, tries: int) -> None:
            if self.waiting.get(what) is send:
                send()
                if tries < 8:
                    self.after(wait, lambda: again(min(2 * wait, 60.0), tries + 1))

        again(first, 0)

    # ------------------------------------------------------------------ packets
    def send(self, to: bytes, protocol: int, payload: bytes, source: bytes | None = None) -> None:
        if self._ids == "draw":
            self.ident = self.dice.randrange(65536)
        else:
            self.ident = (self.ident + 1) & 0xFFFF
        own = self.address if source is None else source
        mac = ALL if to == EVERYBODY else self.macs.get(self.router)
        if mac is None:
            return  # nobody has told it
        if 20 + len(payload) <= MTU:
            self.frame(mac, 0x0800, self.header(own, to, protocol, len(payload)) + payload)
            return
        flags, step = self.flags, 1480
        for at in range(0, len(payload), step):
            piece = payload[at : at + step]
            self.flags = at // 8 | (0x2000 if at + step < len(payload) else 0)
            self.frame(mac, 0x0800, self.header(own, to, protocol, len(piece)) + piece)
        self.flags = flags

    def header(self, source: bytes, to: bytes, protocol: int, length: int) -> bytes:
        ident = 0 if self._ids == "zero" and self.flags == 0x4000 else self.ident
        words = pack("!BBHHH", 0x45, 0, 20 + length, ident, self.flags)
        start, ends = words + pack("!BB", self.ttl, protocol), source + to
        return start + pack("!H", self.header_sum(start, ends)) + ends

    def udp_sum(self, ends: bytes, start: bytes, data: bytes) -> int:
        return super().udp_sum(ends, start, data) if self._sums else 0

    def joined(self, packet: bytes, fragment: int, payload: bytes) -> bytes | None:
        """In any order, each once."""
        if not fragment & 0x3FFF:
            return payload
        key = packet[4:6] + packet[9:10] + packet[12:16]
        pieces = self._pieces.setdefault(key, {})
        pieces[fragment & 0x1FFF] = payload
        if not fragment & 0x2000:
            self._last[key] = fragment & 0x1FFF
        whole = b"".join(pieces[at] for at in sorted(pieces))
        last = self._last.get(key)
        if last is None or len(whole) != last * 8 + len(pieces.get(last, b"")):
            return None
        del self._pieces[key], self._last[key]
        return whole

    # ------------------------------------------------------------------ DHCP
    def start(self, now: float) -> None:
        self.now = now
        self.after(self.dice.uniform(0.0, 10.0), self.discover)

    def _options_of_all(self) -> list[bytes]:
        """Of DISCOVER and REQUEST alike."""
        dice = self.dice
        wanted = [
            1,
            3,
            *dice.sample((6, 12, 15, 28, 42, 51, 58, 59, 119, 121), dice.randrange(8)),
            6,
        ]
        dice.shuffle(wanted)
        wanted = list(dict.fromkeys(wanted))
        identifiers = (b"\1" + self.mac, b"\0box", b"\xff" + bytes(4) + b"\0\3\0\1" + self.mac)
        self._identifier = [option(61, dice.choice(identifiers))] if dice.random() < 0.6 else []
        others = (
            option(12, b"box"),
            option(57, pack("!H", dice.choice((576, 590, 1500)))),
            option(60, b"a vendor"),
            option(77, b"\4user"),
            option(80, b""),
            option(93, b"\0\0"),
            option(81, b"\0\0\0box"),
            option(145, b"\1"),
        )
        chosen = dice.sample(others, dice.randrange(len(others)))
        return [option(55, bytes(wanted)), *chosen]

    def say_dhcp(self, kind: int, *own: bytes, to: bytes = EVERYBODY, always: bool = True) -> None:
        dice = self.dice
        ciaddr = self.address if self.state in ("renew", "rebind", "release") else ZERO
        options = [*own, *self._identifier, *(self._always if always else ())]
        Random(kind * 7 + len(self._always)).shuffle(options)
        options.insert(dice.choice((0, 0, 0, len(options))), option(53, bytes((kind,))))
        secs = int(self.now - self.began)
        if self.state == "requesting":
            secs = self._secs_of_discover
        elif kind == DISCOVER:
            self._secs_of_discover = secs
        flags = 0x8000 if self._broadcast and ciaddr == ZERO and kind in (1, 3) else 0
        fixed = pack("!BBBBIHH", 1, 1, 6, 0, self.xid, min(secs, 65535), flags)
        addresses = ciaddr + bytes(12) + self.mac.ljust(16, b"\0") + bytes(192)
        told = fixed + addresses + b"\x63\x82\x53\x63" + b"".join(options) + b"\xff"
        self._datagram_from(ciaddr, to, (68, 67), told.ljust(self._spares, b"\0"))

    def _datagram_from(self, source: bytes, to: bytes, ports: tuple[int, int], data: bytes) -> None:
        start = self.ports(*ports) + pack("!H", 8 + len(data))
        check = self.udp_sum(source + to, start, data)
        self.send(to, UDP, start + pack("!H", check) + data, source)

    def retry(self, state: str, do: Callable[[], None], tries: int = 0) -> None:
        """RFC 2131 4.1: 4, 8, 16, 32, 64 seconds, each a second more or less."""
        wait = min(4 * 2**tries, 64) + self.dice.uniform(-1.0, 1.0)

        def again() -> None:
            if self.state != state:
                return
            if tries >= 4 and state != "selecting":
                self.discover()
                return
            do()
            self.retry(state, do, tries + 1)

        self.after(wait, again)

    def discover(self) -> None:
        self._life += 1
        self.waiting.clear()
        self.state, self.began, self.xid = "selecting", self.now, self.dice.randrange(2**32)
        wish, self.address = self.address, ZERO
        own = [option(50, wish)] if self._wishes and wish != ZERO else []
        self.say_dhcp(DISCOVER, *own)

        def again() -> None:
            if not self._same_xid:
                self.xid = self.dice.randrange(2**32)
            self.say_dhcp(DISCOVER, *own)

        self.retry("selecting", again)

    def reboot(self) -> None:
        """It remembers its address."""
        self._life += 1
        self.waiting.clear()
        self.state, self.began, self.xid = "reboot", self.now, self.dice.randrange(2**32)
        address, self.address = self.address, ZERO
        self.say_dhcp(REQUEST, option(50, address))
        self.retry("reboot", lambda: self.say_dhcp(REQUEST, option(50, address)))

    def leased(self, message: bytes) -> None:
        if unpack_from("!I", message, 4)[0] != self.xid or message[28:34] != self.mac:
            return
        options = dict(self.options(message[240:]))
        overload = options.get(52, b"\0")[0]
        for bit, area in ((1, message[108:236]), (2, message[44:108])):  # file, sname
            options |= dict(self.options(area)) if overload & bit else {}
        kind = options.get(53)
        if kind == OFFER and self.state == "selecting":
            self.state = "requesting"
            own = (option(50, message[16:20]), option(54, options[54]))
            self.say_dhcp(REQUEST, *own)
            self.retry("requesting", lambda: self.say_dhcp(REQUEST, *own))
        elif kind == ACK and self.state in ("requesting", "reboot", "renew", "rebind"):
            self._is_bound(message[16:20], options)
        elif kind == NAK and self.state in ("requesting", "reboot", "renew", "rebind"):
            self.address = ZERO
            self._life += 1
            self.state = "waits"
            self.after(self.dice.uniform(1.0, 5.0), self.discover)

    def _is_bound(self, address: bytes, options: dict[int, bytes]) -> None:
        was, self.state = self.state, "bound"
        self.router, self.server, self.dhcp_server = options[3], options[6][:4], options[54]
        seconds = unpack_from("!I", options[51])[0]
        t1 = unpack_from("!I", options[58])[0] if 58 in options else seconds // 2
        t2 = unpack_from("!I", options[59])[0] if 59 in options else seconds * 7 // 8
        self._lease = self.now + t1, self.now + t2, self.now + seconds
        self._renewals += 1
        self.keep(t1 + self.dice.uniform(0.0, 1.0), self.renew)
        if was in ("renew", "rebind"):
            return
        self._coming = address
        lives = self.dice.uniform(20.0, 100.0)
        is_due = t1 / 2 < lives < 1.5 * t1  # who leaves then seems not to renew
        self.after(t1 / 3 if is_due else lives, self.leave)
        if self._probes:
            self.after(self.dice.uniform(0.0, 1.0), lambda: self.probe(1))
        else:
            self.take()

    def keep(self, seconds: float, do: Callable[[], None]) -> None:
        renewals = self._renewals
        self.after(seconds, lambda: do() if renewals == self._renewals else None)

    def renew(self) -> None:
        if self.state not in ("bound", "renew"):
            return
        if self.state == "bound":
            self.began, self.xid = self.now, self.dice.randrange(2**32)
        self.state = "renew"
        _, t2, _ = self._lease
        if self.now >= t2 - 0.5:
            self.rebind()
            return
        self.say_dhcp(REQUEST, to=self.dhcp_server)
        self.keep(min(max((t2 - self.now) / 2, 60.0), t2 - self.now), self.renew)

    def rebind(self) -> None:
        if self.state not in ("renew", "rebind"):
            return
        self.state = "rebind"
        end = self._lease[2]
        if self.now >= end - 0.5:
            self.discover()
            return
        self.say_dhcp(REQUEST)
        self.keep(min(max((end - self.now) / 2, 60.0), end - self.now - 0.1), self.rebind)

    def leave(self) -> None:
        if self.state != "bound" or self.address == ZERO or self._ends is None:
            return
        if self._ends == "release":
            self.state, self.xid = "release", self.dice.randrange(2**32)
            self.say_dhcp(RELEASE, option(54, self.dhcp_server), to=self.dhcp_server, always=False)
            self._life += 1
            self.state, self.address = "", ZERO
            self.after(self.dice.uniform(1.0, 20.0), self.discover)
        else:
            self._life += 1
            self.macs.clear()
            address, self.address, self.state = self.address, ZERO, ""

            def begin() -> None:
                self.address = address
                (self.reboot if self._boots_again else self.discover)()

            self.after(self.dice.uniform(1.0, 5.0), begin)

    # ------------------------------------------------------------------ ARP
    def probe(self, number: int) -> None:
        """RFC 5227 2.1.1."""
        fixed = pack("!HHBBH", 1, 0x0800, 6, 4, 1)
        self.frame(ALL, 0x0806, fixed + self.mac + ZERO + bytes(6) + self._coming)
        if number < 3:
            self.after(self.dice.uniform(1.0, 2.0), lambda: self.probe(number + 1))
        else:
            self.after(2.0, self.take)

    def take(self) -> None:
        self.address = self._coming
        if self._announces:
            self.announce()
        if self._announces == 2:
            self.after(2.0, self.announce)
        self.until_answered("arp", lambda: self.arp_packet(1, ALL, bytes(6), self.router))

    def announce(self) -> None:
        target = self.mac if self._announcement == 2 and self.dice.random() < 0.5 else bytes(6)
        self.arp_packet(self._announcement, ALL, target, self.address)

    # ------------------------------------------------------------------ what it is there for
    def begin(self) -> None:
        for _ in range(self.dice.randrange(1, 12)):
            do = self.dice.choice((self.ping_one, self.ask_one, self.ask_one, self.say_one))
            self.after(self.dice.uniform(0.0, 60.0), do)

    def ping_one(self) -> None:
        if self.address == ZERO:
            return
        data = self.dice.randbytes(self.dice.choice(SIZES))
        to = self.dice.choice((self.router, self.router, bytes((192, 0, 2, 7)), self.server))
        times = self.dice.randrange(1, 6)
        wait = self.dice.choice((0.01, 0.2, 1.0))

        def ping(number: int) -> None:
            if self.address == ZERO:
                return
            ends = pack("!HH", self._ping_id, self._ping_number & 0xFFFF)
            self._ping_number += 1
            self.send(to, ICMP, self.message(pack("!BB", 8, 0), ends + data))
            if number < times:
                self.after(wait, lambda: ping(number + 1))

        ping(1)

    def ask_one(self) -> None:
        name, kind = self.dice.choice(NAMES), self.dice.choice(TYPES)
        if self._mixes_case:
            name = "".join(self.dice.choice((one, one.upper())) for one in name)
        port, ident = self.dice.randrange(1024, 65536), self.dice.randrange(65536)
        wait = self.dice.uniform(1.0, 5.0)

        def ask(number: int, port: int, ident: int) -> None:
            if self.address == ZERO or (number > 1 and before[0] not in self._questions):
                return
            self._questions.pop(before[0], None)
            before[0] = ident
            self._questions[ident] = port, name
            query = pack("!HHHHHH", ident, 0x0100, 1, 0, 0, int(self._edns))
            opt = b"\0\0\x29\x04\xd0\0\0\0\0\0\0" if self._edns else b""
            question = query + self.labels(name) + pack("!HH", kind, 1) + opt
            self.datagram(self.server, (port, 53), question)
            if number < 4:
                again = self.dice.randrange(65536) if self._new_id else ident
                self.after(wait * min(number, 2), lambda: ask(number + 1, port, again))

        before = [ident]
        ask(1, port, ident)

    def udp(self, source: bytes, to: bytes, packet: bytes, payload: bytes) -> None:
        sport, port = unpack_from("!HH", payload)
        is_answer = sport == 53 and len(payload) >= 10
        ident = unpack_from("!H", payload, 8)[0] if is_answer else -1
        if is_answer and self._questions.get(ident, (0, ""))[0] == port:
            self._questions.pop(ident)
            if self.is_an_address(payload[8:]) and unpack_from("!H", payload, 14)[0]:
                self.use(payload[-4:])
            return
        self.sport = -1 if not is_answer else port  # late answers are left alone
        super().udp(source, to, packet, payload)

    def use(self, address: bytes) -> None:
        if address == bytes((192, 0, 2, 7)) and self.address != ZERO:
            self.datagram(address, (self.dice.randrange(1024, 65536), 9), b"done")

    def say_one(self) -> None:
        if self.address == ZERO:
            return
        data = self.dice.randbytes(self.dice.choice(SIZES))
        ports = self.dice.randrange(1024, 65536), self.dice.choice((9, 7, 123, 40_000))
        self.datagram(bytes((192, 0, 2, 7)), ports, data)


class Several:
    """Guests on one wire."""

    def __init__(self, guests: list[Habits]) -> None:
        self.guests = guests

    def start(self, now: float) -> None:
        for one in self.guests:
            one.start(now)

    def from_wire(self, frame: bytes, now: float) -> None:
        for one in self.guests:
            one.from_wire(frame, now)

    def to_wire(self) -> list[bytes]:
        return [frame for one in self.guests for frame in one.to_wire()]

    def next_timer(self) -> float | None:
        due = [when for one in self.guests if (when := one.next_timer()) is not None]
        return min(due, default=None)

    def on_timer(self, now: float) -> None:
        for one in self.guests:
            when = one.next_timer()
            if when is not None and when <= now:
                one.on_timer(now)


def option(code: int, value: bytes) -> bytes:
    return bytes((code, len(value))) + value
