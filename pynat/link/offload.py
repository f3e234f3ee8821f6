"""A link around a TAP device with offloads: each frame has a header of virtio before it.

Whoever looks at frames gets those of a wire, by `receive`: here they are cut, and their checksums
completed. Where nobody does, `receive_runs` leaves a run of segments one long segment, as Linux
sent it.

A guest may ask for very many pieces. So a long frame is cut when it is its turn: what waits is the
pieces of one, and long frames as they came, no more than were once asked for. One that asks for
more than Linux ever makes is dropped, counted, and the first time told of.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from pynat.link.link import Received, Wrapper
from pynat.link.tap import TapLink
from pynat.log.notices import Level
from pynat.wire import virtio
from pynat.wire.frame_run import Sendable
from pynat.wire.virtio import MAX_DATAGRAMS, MIN_SEGMENT, Offload

MAX_LONG = 128  # frames at once that may have 64 KiB each
_CUTS = (
    "tap.offload: all is cut into the frames of a wire, because the linter, a capture, a bad wire"
    " or a script looks at each; it is faster without"
)
_CUTS_NO_MORE = "tap.offload: nobody looks at each frame any more, so runs of segments stay whole"
_TOO_MUCH = (
    "tap.offload: a frame of {} bytes is dropped that is to be cut into pieces of {}: Linux sends"
    f" {MIN_SEGMENT} bytes at least in a segment, {MAX_DATAGRAMS} datagrams at most in a frame;"
    " further ones are only counted"
)


class OffloadLink(Wrapper):
    def __init__(self, inner: TapLink) -> None:
        super().__init__(inner)
        self._tap = inner
        self.done = inner.done
        self._pieces: Iterator[tuple[float, bytes]] = iter(())  # more than were asked for
        self._cuts = False
        self._refused = False  # one at least

    def receive(self, limit: int) -> Received:
        self._say(_CUTS, cuts=True)
        frames = list(islice(self._pieces, limit))
        if len(frames) < limit:
            self._pieces = self._cut(limit)
            frames += islice(self._pieces, limit - len(frames))
        return frames

    def receive_runs(self, limit: int) -> list[bytes]:
        self._say(_CUTS_NO_MORE, cuts=False)
        frames = [frame for _, frame in islice(self._pieces, limit)]
        if len(frames) < limit:
            frames += [
                frame
                for _, offload, data in self._split(min(limit, MAX_LONG))
                for frame in virtio.uncut(offload, data)
            ]
        return frames

    def send(self, frames: list[bytes]) -> int:
        return self._inner.send([virtio.NOTHING + frame for frame in frames])

    def send_runs(self, items: Sequence[Sendable], _busy: bytes = b"") -> int:
        """All at once: there are few frames, with much in each."""
        assert self._inner.send_runs is not None
        return self._inner.send_runs(
            [
                virtio.NOTHING + item if isinstance(item, bytes) else virtio.long_frames(item)
                for item in items
            ],
            b"",
        )

    def _say(self, text: str, *, cuts: bool) -> None:
        if cuts is not self._cuts:
            self._cuts = cuts
            self.log(Level.INFO, text)

    def _cut(self, limit: int) -> Iterator[tuple[float, bytes]]:
        for when, offload, data in self._split(limit):
            for frame in virtio.cut(offload, data):
                yield when, frame

    def _split(self, limit: int) -> Iterator[tuple[float, Offload, memoryview]]:
        for when, data in self._inner.receive(limit):
            offload, frame = virtio.split(data)
            if virtio.asks_too_much(offload, frame):
                self._refuse(offload, frame)
            else:
                yield when, offload, frame

    def _refuse(self, offload: Offload, frame: memoryview) -> None:
        self._tap.refuse()
        if not self._refused:
            self._refused = True
            self.log(Level.ERROR, _TOO_MUCH.format(len(frame), offload.size))

    def count_rest(self) -> None:
        """Nobody takes them any more."""
        self._tap.count_rest(sum(1 for _ in self._pieces))
