"""Boot a machine, read its serial port while it runs, and say how it ended."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from pynat.bochs.find import Bochs, find_bochs
from pynat.bochs.machine import Machine, bochsrc
from pynat.bochs.outcome import Outcome, is_panic
from pynat.bochs.run import BochsRun
from pynat.bochs.serial import GrowingText
from pynat.testing.guests.linux import Check, results

_POLL = 0.01  # seconds; Bochs writes the serial file and tells nobody
_LAST_WORDS = 2.0  # seconds between a panic and the end of Bochs


class GuestSilent(Exception):  # noqa: N818 - what the guest is
    """The guest did not say what was waited for; the text has its last lines."""


class Boot:
    """One boot, a context manager: leaving it ends Bochs.

    machine: what there is to boot, or the bochsrc that says so; then `extra`, options for Bochs's
    command line, has to bring the serial port to `serial`.
    Into `folder` go bochsrc, bochs.log, serial.txt. `seen` holds the serial output's lines
    with the wall time (time.monotonic) at which each was seen. A limit to a wait does not count
    the time in which a busy machine has no processor for Bochs.
    """

    def __init__(
        self,
        machine: Machine | Path,
        folder: Path,
        bochs: Bochs | None = None,
        extra: Sequence[str] = (),
    ) -> None:
        self.folder = folder.absolute()
        self.folder.mkdir(parents=True, exist_ok=True)
        self.serial = self.folder / "serial.txt"
        self.serial.write_bytes(b"")
        self.seen: list[tuple[float, str]] = []
        self.began = 0.0
        self._said = GrowingText(self.serial)
        self._logged = GrowingText(self.folder / "bochs.log")
        self._panicked = 0.0  # when a panic was seen
        self._outcome: Outcome | None = None
        self._polling = threading.RLock()
        bochs = bochs or find_bochs()
        rc = machine if isinstance(machine, Path) else self.folder / "bochsrc"
        if isinstance(machine, Machine):
            rc.write_text(bochsrc(machine, bochs, self.serial))
        self.run = BochsRun(
            bochs,
            rc,
            headless=isinstance(machine, Path) or machine.display is None,
            extra=extra,
            log=self.folder / "bochs.log",
            stdout=self.folder / "bochs.out",
        )

    def __enter__(self) -> Self:
        self.began = time.monotonic()
        self.run.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._outcome is None:
            self._outcome = self.run.terminate()

    def wait_for(self, text: str, timeout: float) -> float:
        """Until a line that starts with `text` is seen; the wall time when it was."""
        found: list[float] = []
        looked_at = 0

        def is_there() -> bool:
            nonlocal looked_at
            new, looked_at = self.seen[looked_at:], len(self.seen)
            found.extend(when for when, line in new if line.startswith(text))
            return bool(found)

        self.wait_until(is_there, f"no line {text!r}", timeout)
        return found[0]

    def wait_until(self, ready: Callable[[], bool], otherwise: str, timeout: float) -> None:
        """Until `ready()` is true, while the serial output is read."""
        __tracebackhide__ = True
        until = time.monotonic() - self.starved() + timeout
        while True:
            ended = self.poll()
            if ready():
                return
            now = time.monotonic()
            if ended is not None or (now > until and now - self.starved() > until):
                why = f"Bochs ended: {ended}" if ended else f"not within {timeout:g} s"
                raise GuestSilent(f"{otherwise}: {why}\n{self.last_lines()}")
            time.sleep(_POLL)

    def starved(self) -> float:
        """Seconds for which threads of Bochs were ready to run and had no processor."""
        waited = 0
        for thread in Path(f"/proc/{self.run.pid}/task").glob("*/schedstat"):
            with contextlib.suppress(OSError):  # it has ended
                waited += int(thread.read_text().split()[1])
        return waited / 1e9

    def poll(self) -> Outcome | None:
        """Read on in the serial output; how Bochs ended, None while it runs.

        Every panic is fatal here (`bochsrc`), but a Bochs with a debugger or a window may stay
        after it: then it is ended.
        """
        with self._polling:
            return self._polled()

    def _polled(self) -> Outcome | None:
        if self._outcome is not None:
            return self._outcome
        outcome = self.run.poll()
        self._look()
        if not self._panicked and any(map(is_panic, self._logged.new())):
            self._panicked = time.monotonic()
        if outcome is None and 0 < self._panicked < time.monotonic() - _LAST_WORDS:
            outcome = self.run.terminate()
        self._outcome = outcome
        return outcome

    def wait(self, timeout: float) -> Outcome:
        """Until Bochs ends; after `timeout` seconds it is ended."""
        self._outcome = self.run.wait(timeout)
        self._look()
        return self._outcome

    @property
    def text(self) -> str:
        return self.serial.read_text(errors="replace").replace("\r", "")

    def results(self) -> dict[str, Check]:
        return results(self.text)

    def last_lines(self, count: int = 15) -> str:
        return "\n".join(self.text.splitlines()[-count:])

    def _look(self) -> None:
        when = time.monotonic()
        self.seen += [(when, line) for line in self._said.new()]
