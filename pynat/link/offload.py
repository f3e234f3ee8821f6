"""A link around a TAP device with offloads: each frame has a header of virtio before it.

Whoever looks at frames gets those of a wire, by `receive`: here they are cut, and their checksums
completed. Where nobody does, `receive_runs` leaves a run of segments one long segment, as Linux
sent it.

A guest may ask for pieces of one byte. So a long frame is cut when it is its turn: what waits is
the pieces of one, and long frames as they came, no more than were once asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from pynat.link.link import Link, Received, Wrapper
from pynat.log.notices import Level
from pynat.wire import virtio
from pynat.wire.frame_run import Sendable

MAX_LONG = 128  # frames at once that may have 64 KiB each
_CUTS = (
    "tap.offload: all is cut into the frames of a wire, because the linter, a capture, a bad wire"
    " or a script looks at each; it is faster without"
)
_CUTS_NO_MORE = "tap.offload: nobody looks at each frame any more, so runs of segments stay whole"


class OffloadLink(Wrapper):
    def __init__(self, inner: Link) -> None:
        super().__init__(inner)
        self.done = inner.done
        self._pieces: Iterator[tuple[float, bytes]] = iter(())  # more than were asked for
        self._cuts = False

    def receive(self, limit: int) -> Received:
        self._say(_CUTS, cuts=True)
        frames = list(islice(self._pieces, limit))
        if len(frames) < limit:
            self._pieces = _cut(self._inner.receive(limit))
            frames += islice(self._pieces, limit - len(frames))
        return frames

    def receive_runs(self, limit: int) -> list[bytes]:
        assert self._inner.receive_runs is not None
        self._say(_CUTS_NO_MORE, cuts=False)
        frames = [frame for _, frame in islice(self._pieces, limit)]
        if len(frames) < limit:
            frames += [
                frame
                for data in self._inner.receive_runs(min(limit, MAX_LONG))
                for frame in virtio.uncut(*virtio.split(data))
            ]
        return frames

    def send(self, frames: list[bytes]) -> int:
        return self._inner.send([virtio.NOTHING + frame for frame in frames])

    def send_runs(self, items: Sequence[Sendable]) -> int:
        assert self._inner.send_runs is not None
        return self._inner.send_runs(
            [
                virtio.NOTHING + item if isinstance(item, bytes) else virtio.long_frames(item)
                for item in items
            ]
        )

    def _say(self, text: str, *, cuts: bool) -> None:
        if cuts is not self._cuts:
            self._cuts = cuts
            self.log(Level.INFO, text)


def _cut(received: Received) -> Iterator[tuple[float, bytes]]:
    for when, data in received:
        for frame in virtio.cut(*virtio.split(data)):
            yield when, frame
