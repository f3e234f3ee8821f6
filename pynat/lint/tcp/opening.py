"""What a SYN of the guest's offers, and what its connections have in common."""

from __future__ import annotations

from collections import deque

from pynat.lint.tally import Tally
from pynat.lint.tcp.form import walk
from pynat.lint.tcp.side import DEFAULT_MSS, Side, Tell, signed, swapped
from pynat.rules import tcp_acking
from pynat.rules import tcp_opening as rules
from pynat.rules.occasions import Occasion
from pynat.wire.tcp import (
    ACK,
    HEADER_SIZE,
    MAX_OPTIONS,
    MAX_WINDOW_SHIFT,
    Segment,
    decode_options,
)

_TINY = 256  # bytes of a window; in the wrong order a multiple of 256 is less
_SCALED = (2048, 8192)  # bytes: a SYN's window below, and with the scale above
_MIN_MSS = 64  # bytes; Linux takes 48 for anything below
_HEADERS = 40  # bytes of IPv4 and TCP
_PLAIN = 5  # words of a header without options
_SHIFT = 3  # the option's kind
_STEPS = 3  # equal ones between initial numbers are no accident
_WANTED = "; expected one that cannot be guessed"
_SAME = 3  # connections in a row


def look_at_offer(
    syn: Segment, header: memoryview, other: Side | None, mtu: int, tell: Tell
) -> None:
    """`other`: the end whose SYN this one answers."""
    if syn.payload and (found := _options_in(syn, header)):
        tell(rules.OPTIONS_OUTSIDE, found)
        return
    _mss(syn.options.mss, mtu, tell)
    _window(syn, tell)
    if syn.payload:
        tell(rules.SYN_DATA, f"{len(syn.payload)} bytes of data with SYN")
    options = header[20 : (header[12] >> 4) * 4]
    for kind, body in walk(options):
        if kind == _SHIFT and len(body) == 1 and body[0] > MAX_WINDOW_SHIFT:
            tell(rules.LARGE_SHIFT, f"window scale {body[0]}, at most {MAX_WINDOW_SHIFT}")
    if other is not None and syn.flags & ACK:
        _answer(syn, other, tell)


def _options_in(syn: Segment, header: memoryview) -> str:
    """Those in the data, if all behind the first 20 bytes are options."""
    words = header[12] >> 4
    block = bytes(header[HEADER_SIZE : words * 4]) + bytes(syn.payload)
    found = decode_options(memoryview(block))
    if len(block) > MAX_OPTIONS or found.malformed or found == syn.options:
        return ""
    expected = _PLAIN + (len(block) + 3) // 4
    return f"{found} in the data of the SYN, data offset {words}, expected {expected}"


def _window(syn: Segment, tell: Tell) -> None:
    """Who takes large segments has room for one. With a scale the next segment says more."""
    mss, meant = syn.options.mss, swapped(syn.window, 2)
    is_small = syn.window < (DEFAULT_MSS if mss is not None else _TINY)
    least = DEFAULT_MSS if mss is None else mss
    if is_small and meant >= least >= DEFAULT_MSS and not syn.options.window_shift:
        text = f"window {syn.window}, less than one segment; with its bytes swapped it is {meant}"
        tell(tcp_acking.WINDOW_ORDER, text)


def look_at_first_window(field: int, guest: Side, tell: Tell) -> None:
    """field: of the segment behind the SYN, whose own window is never scaled."""
    syn, scaled = guest.syn_window, guest.syn_window << guest.shift
    meant, as_syn = swapped(field, 2) << guest.shift, swapped(syn, 2)
    if field == syn < _SCALED[0] and scaled >= _SCALED[1]:
        text = f"window {syn} in the SYN and in the next segment, where it means {scaled}"
        tell(rules.SCALED_SYN, text)
    elif guest.shift and syn < DEFAULT_MSS <= as_syn and as_syn >> guest.shift == swapped(field, 2):
        text = f"window {syn} in the SYN and {field << guest.shift} now; with their bytes swapped"
        tell(tcp_acking.WINDOW_ORDER, f"{text} they are {as_syn} and {meant}")


def _mss(mss: int | None, mtu: int, tell: Tell) -> None:
    most = mtu - _HEADERS
    if mss is None:
        tell(rules.NO_MSS, f"no MSS option, the other end must take {DEFAULT_MSS} for it")
        return
    meant = swapped(mss, 2)
    hint = f"; with its bytes swapped it is {meant}" if DEFAULT_MSS <= meant <= most else ""
    if mss > most:
        tell(rules.LARGE_MSS, f"MSS {mss}, the MTU {mtu} leaves {most}{hint}")
    elif mss < _MIN_MSS:
        tell(rules.SMALL_MSS, f"MSS {mss}, expected {most}{hint}")


def _answer(syn_ack: Segment, other: Side, tell: Tell) -> None:
    ours, theirs = syn_ack.options, other.offered
    for name, sent, asked in (
        ("window scale", ours.window_shift is not None, theirs.window_shift is not None),
        ("timestamps", ours.timestamps is not None, theirs.timestamps is not None),
        ("SACK-permitted", ours.sack_permitted, theirs.sack_permitted),
    ):
        if sent and not asked:
            tell(rules.NOT_OFFERED, f"{name} in the SYN-ACK, the SYN had none")


class Habits:
    """Initial numbers and ports, from connection to connection; told once for each series."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._numbers: deque[int] = deque(maxlen=_STEPS + 1)
        self._ends: deque[bytes] = deque(maxlen=_SAME)

    def number(self, isn: int, tell: Tell) -> None:
        numbers = self._numbers
        numbers.append(isn)
        steps = [
            signed(later - one) for one, later in zip(numbers, list(numbers)[1:], strict=False)
        ]
        if len(steps) < _STEPS - 1:
            return
        self._tally[Occasion.THIRD_NUMBER] += 1
        if len(set(steps[1 - _STEPS :])) > 1:
            return
        if steps[-1] == 0:
            tell(rules.ISN, f"initial number {isn} for the third connection in a row{_WANTED}")
        elif len(steps) == _STEPS and len(set(steps)) == 1:
            text = f"initial number {isn}, {steps[0]:+} from the connection before"
            tell(rules.ISN, f"{text}, for the {_STEPS}rd time in a row{_WANTED}")
        else:
            return
        numbers.clear()

    @property
    def changes_ports(self) -> bool:
        """Each connection of the last ones has ends of its own."""
        return 1 < len(self._ends) == len(set(self._ends))

    def ends(self, key: bytes, port: int, tell: Tell) -> None:
        """Of a connection that the guest opens."""
        self._ends.append(key)
        self._tally[Occasion.THIRD_OPENING] += len(self._ends) == _SAME
        if len(self._ends) == _SAME and len(set(self._ends)) == 1:
            tell(rules.SAME_PORT, f"source port {port} for the third connection in a row")
            self._ends.clear()
