"""A capture as a whole: read once to find out whose it is, and then to look at it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from pynat.capture import pcap
from pynat.capture.reading import About, Captured, read
from pynat.errors import ConfigError
from pynat.lint.summary import Summary
from pynat.log.notices import JournalEntry
from pynat.replay.network import Replay
from pynat.replay.wire import Asked, Survey, find_out

NOTHING = Asked()


class Capture:
    def __init__(self, file: Path, asked: Asked = NOTHING, *, from_start: bool = False) -> None:
        """from_start: it begins with the network, also if it does not say so.

        Raises ConfigError where it cannot be read, or has no guest that is asked for.
        """
        if file.exists() and not file.is_file():
            raise ConfigError(f"{file}: expected a file, which is read twice")
        self._file = file
        self.survey, self.about = Survey(), About()
        for one in read(file, self.about):
            self.survey.look(one)
        self.wire = find_out(self.survey, self.about, asked)
        self._begins = from_start or pcap.BEGINS in self.about.comments
        self.from_guest = 0
        self.left_out = 0  # frames between others, or of which too little is there

    def frames(self, tell: Callable[[JournalEntry], None]) -> Iterator[tuple[Captured, bool]]:
        """Each with whether it is the guest's, once all that is found of it is told."""
        cut = self.survey.cut > 0
        replay = Replay(self.wire, self.about, tell, begins=self._begins, cut=cut)
        for one in read(self._file):
            from_guest = replay.take(one)
            self.left_out += from_guest is None
            self.from_guest += bool(from_guest)
            yield one, bool(from_guest)
        replay.end(self.about.end)
        self._summary = replay.summary

    def summary(self) -> Summary:
        """Of all `frames`."""
        return self._summary()
