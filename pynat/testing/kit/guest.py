"""A machine in Bochs under test: what it says, what it is told, its wire, how it ended.

A `timeout` is in seconds of wall time, without those in which a busy machine had no processor for
Bochs. Guest time would not do: it stands still where the guest does, and jumps where it idles.
"""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Self, TypeVar

from pynat.bochs import Bochs, Outcome, find_bochs
from pynat.bochs.find import built_plugin
from pynat.bochs.folder import own_folder
from pynat.bochs.outcome import plugin_errors
from pynat.bochs.serial import GrowingText, verdict
from pynat.config.toml_text import Tables
from pynat.harmless import harmless
from pynat.testing.guests.boot import Boot, GuestSilent
from pynat.testing.kit.awaited import check_still_awaited
from pynat.testing.kit.observed import CAPTURE, FINDINGS, SERIAL, STAMPED, TIMEOUT, compiled
from pynat.testing.kit.options import BootOptions
from pynat.testing.kit.reached import Reached
from pynat.testing.kit.serial_port import GuestClock, SerialPort
from pynat.testing.kit.stream import Stream
from pynat.testing.kit.verdicts import found_in

START = 60.0  # seconds until the network has to be there
_READY = re.compile(  # the control socket is the last that is made
    r"\] (?:\d+\.\d+ +)?network (?P<net>\S+), .*, seed (?P<seed>\d+)$"
    r"(?s:.*?)\] (?:\d+\.\d+ +)?control socket ",
    re.MULTILINE,
)
T = TypeVar("T")


class BootFailed(Exception):  # noqa: N818 - what a test says of it
    """Bochs or its network did not start; the text is what its log says of that."""


class Guest(Reached):
    """A context manager: leaving it ends Bochs.

    folder: for all that the run writes. tell: gets each line of the serial port and each
    finding, as it is seen.
    """

    def __init__(
        self,
        options: BootOptions,
        folder: Path,
        *,
        bochs: Bochs | None = None,
        tell: Callable[[str], None] | None = None,
    ) -> None:
        super().__init__(folder.absolute())
        self.options = options
        self._bochs = bochs
        self._tell = tell or (lambda _: None)
        self._stack = contextlib.ExitStack()
        self._boots = 0
        self._looking = threading.RLock()  # several threads may wait at once, by `aio`
        self._boot: Boot | None = None

    def __enter__(self) -> Self:
        __tracebackhide__ = True
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self.power_off()

    # ------------------------------------------------------------------ on and off
    def _start(self) -> None:
        __tracebackhide__ = True
        self.folder.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as stack:
            self.control = stack.enter_context(own_folder()) / "control.sock"  # a short name
            bochs = self._bochs or find_bochs()
            built_plugin()
            order = self.options.order(self.folder, bochs, self._own_tables())
            self.script = order.script
            stamped, clock = self.folder / STAMPED, GuestClock(self.control)
            self._port = SerialPort(self.folder / SERIAL, stamped, clock)
            stack.callback(self._port.finish)
            extra = [*order.extra, "port_e9_hack: enabled=1", self._port.option]
            self._boot = Boot(order.machine, self.folder, bochs, extra)
            self.serial = Stream(self._boot.serial)
            self.e9 = Stream(self.folder / "bochs.out")
            self._found = GrowingText(self.folder / FINDINGS)
            stack.enter_context(self._boot)
            self._await_network()
            self._stack = stack.pop_all()

    def _own_tables(self) -> Tables:
        return {
            "capture": str(self.folder / CAPTURE),
            "control": str(self.control),
            "lint": {"json": str(self.folder / FINDINGS)},
        }

    def _await_network(self) -> None:
        __tracebackhide__ = True
        try:
            self.wait(lambda: self._ready() or self.errors or None, "no network", START)
        except GuestSilent as silent:
            outcome = self.outcome
            said = outcome.message or outcome if outcome else silent
            raise BootFailed(f"Bochs did not start the guest: {said}") from None
        if not self._ready():
            raise BootFailed(f"the guest has no network: {self.errors[0]}")

    def _ready(self) -> re.Match[str] | None:
        return _READY.search(self.log)

    @property
    def boot(self) -> Boot:
        """The run of Bochs."""
        if self._boot is None:
            raise ValueError("this guest has not been started")
        return self._boot

    def power_off(self) -> None:
        """Pull the plug, as it were: the guest is not asked, and `outcome` is "killed", if it was
        running. What it has said and sent is there as before."""
        self._stack.close()
        if self._boot is not None:
            self._look()

    def reset(self) -> None:
        """Off and on again, with the network: all begins anew, and what was is in `before-N/`.

        Bochs has no button for less. A guest that resets itself keeps its network and its capture.
        """
        self.power_off()
        self._boots += 1
        before = self.folder / f"before-{self._boots}"
        before.mkdir()
        for name in (CAPTURE, FINDINGS, SERIAL, STAMPED, "bochs.log", "bochs.out"):
            with contextlib.suppress(FileNotFoundError):
                (self.folder / name).rename(before / name)
        self._start()

    @property
    def outcome(self) -> Outcome | None:
        """How Bochs ended, None while it runs."""
        return self.boot.poll()

    @property
    def log(self) -> str:
        """Bochs's log so far."""
        path = self.folder / "bochs.log"
        return path.read_text(errors="replace") if path.is_file() else ""

    @property
    def errors(self) -> list[str]:
        """What the network complains of, exceptions of its script among it."""
        return plugin_errors(self.folder / "bochs.log")

    @property
    def seed(self) -> int | None:
        """Of all that is drawn by lot in the network; None before that is there."""
        ready = self._ready()
        return int(ready["seed"]) if ready else None

    # ------------------------------------------------------------------ what it says
    @property
    def lines(self) -> list[str]:
        """What came on the serial port so far."""
        self._look()
        return self.serial.lines

    def expect(
        self, regex: str, timeout: float = TIMEOUT, *, prompt: bool = False
    ) -> re.Match[str]:
        """The next line, on the serial port or port 0xE9, in which the regex is found.

        Lines up to that one have been expected then. prompt: a line without an end will do.
        A guest that ends or gives a bad verdict meanwhile is not waited for.
        """
        __tracebackhide__ = True
        pattern = compiled(regex)

        def look() -> re.Match[str] | None:
            places = (self.serial, self.e9)
            with self._looking:
                taken = (place.take(pattern, prompt=prompt) for place in places)
                found = next(filter(None, taken), None)
            if found is None and self.exit_code:
                told = f"the guest said PYNAT-EXIT {self.exit_code}"
                raise GuestSilent(f"no line {regex!r}: {told}\n{self.boot.last_lines()}")
            return found

        return self.wait(look, f"no line {regex!r}", timeout)

    def send(self, text: str | bytes) -> None:
        """To the guest's serial port."""
        data = text.encode() if isinstance(text, str) else text
        self._port.send(data, START)

    @property
    def exit_code(self) -> int | None:
        """The guest's verdict: n of its line `PYNAT-EXIT n`, None before that."""
        self._look()
        lines = [*self.serial.lines, *self.e9.lines]
        return next((code for line in lines if (code := verdict(line)) is not None), None)

    def wait_exit(self, timeout: float = TIMEOUT) -> int:
        """The guest's verdict, as soon as it has given it."""
        __tracebackhide__ = True
        return self.wait(self._verdict, "no line PYNAT-EXIT", timeout)[0]

    def _verdict(self) -> tuple[int] | None:
        code = self.exit_code
        return None if code is None else (code,)

    def _look(self) -> None:
        with self._looking:
            last = self.outcome is not None
            if last:
                self._port.finish()
            said = self.serial.look(last=last)
            self.e9.look(last=last)
            found = filter(None, map(found_in, self._found.new()))
            for line in [*map(harmless, said), *map(str, found)]:
                self._tell(line)

    def wait(self, look: Callable[[], T | None], what: str, timeout: float = TIMEOUT) -> T:
        """What `look` gives, as soon as that is something. Raises GuestSilent with `what`."""
        __tracebackhide__ = True
        found: list[T] = []

        def is_there() -> bool:
            check_still_awaited()
            self._look()
            found.extend(one for one in [look()] if one is not None)
            return bool(found)

        self.boot.wait_until(is_there, what, timeout)
        return found[0]

    def wait_end(self, timeout: float = TIMEOUT) -> Outcome:
        """How Bochs ended, as soon as it has: the guest powers itself off, or panics."""
        __tracebackhide__ = True
        return self.wait(lambda: self.outcome, "still running", timeout)
