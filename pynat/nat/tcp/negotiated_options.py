"""What the two SYNs of a connection agree on (RFC 9293 3.7.1, RFC 7323, RFC 2018).

An option is in force only if both sides sent it; the configuration says what we send. As the side
that answers a SYN we leave out what the guest did not offer.
"""

from __future__ import annotations

from pynat.config import Tcp
from pynat.nat.tcp.timestamps import Timestamps
from pynat.wire.tcp import Options

MIN_MSS = 48  # bytes; less would be all headers
TIMESTAMPS_SIZE = 12  # bytes that timestamps take of each segment


class NegotiatedOptions:
    __slots__ = (
        "_answers",
        "_clock_offset",
        "_settings",
        "mss",
        "our_mss",
        "selective",
        "shift_from_guest",
        "shift_to_guest",
        "timestamps",
        "window",
    )

    def __init__(self, settings: Tcp, mss: int, clock_offset: int) -> None:
        self._settings = settings
        self.our_mss = mss  # that is announced
        self._clock_offset = clock_offset
        self._answers = False
        self.window = settings.window
        self.mss = mss  # bytes of payload in our segments
        self.shift_to_guest = 0  # how the guest scales its window
        self.shift_from_guest = 0  # how we scale ours
        self.selective = False
        self.timestamps: Timestamps | None = None

    def offer(self, now: float) -> Options:
        """The options of our SYN."""
        settings = self._settings
        if self._answers:
            stamps = self.timestamps.option(now) if self.timestamps else None
            return Options(self.our_mss, self.shift_from_guest or None, self.selective, (), stamps)
        return Options(
            self.our_mss,
            _shift_for(settings.window) if settings.window_scale else None,
            settings.sack,
            (),
            Timestamps(self._clock_offset).option(now) if settings.timestamps else None,
        )

    def settle(self, guest: Options, now: float) -> None:
        """The guest's SYN is here."""
        settings = self._settings
        self._answers = True
        if settings.timestamps and guest.timestamps is not None:
            self.timestamps = Timestamps(self._clock_offset, guest.timestamps[0], now)
        if settings.window_scale and guest.window_shift is not None:
            self.shift_to_guest = guest.window_shift
            self.shift_from_guest = _shift_for(settings.window)
        self.selective = settings.sack and guest.sack_permitted
        announced = 536 if guest.mss is None else guest.mss
        mss = max(MIN_MSS, min(announced, self.our_mss))
        self.mss = mss - TIMESTAMPS_SIZE if self.timestamps else mss  # RFC 6691 2


def _shift_for(window: int) -> int:
    """The least scale with which the window fits 16 bits; at least 1, as 0 means none agreed on."""
    return max(1, (window >> 16).bit_length())
