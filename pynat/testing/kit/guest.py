"""A machine in Bochs under test: what it says, what it is told, its wire, how it ended.

A `timeout` is in seconds of wall time, without those in which a busy machine had no processor for
Bochs. Guest time would not do: it stands still where the guest does, and jumps where it idles.
"""

from __future__ import annotations

import contextlib
import re
import socket
from collections.abc import Callable
from http.client import HTTPConnection
from pathlib import Path
from typing import NamedTuple, Self, TypeVar

from pynat.bochs import Bochs, Outcome, find_bochs
from pynat.bochs.find import built_plugin
from pynat.bochs.folder import own_folder
from pynat.bochs.outcome import plugin_errors
from pynat.bochs.serial import GrowingText, verdict
from pynat.config.toml_text import Tables
from pynat.control.client import ask, connect, wait_for
from pynat.control.protocol import Refused
from pynat.harmless import harmless
from pynat.testing.guests.boot import Boot, GuestSilent
from pynat.testing.kit.awaited import Awaited
from pynat.testing.kit.observed import CAPTURE, FINDINGS, TIMEOUT, Observed
from pynat.testing.kit.options import BootOptions
from pynat.testing.kit.serial_port import SerialPort
from pynat.testing.kit.stream import Stream
from pynat.testing.kit.verdicts import found_in

_BY_ITSELF = 5.0  # seconds in which most guests have sent something with their address
_LOOK = 1.0  # seconds of guest time in which a guest may answer a SYN
START = 60.0  # seconds until the network has to be there
_READY = re.compile(
    r"\] (?:\d+\.\d+ +)?network (?P<net>\S+), .*, seed (?P<seed>\d+)$", re.MULTILINE
)
T = TypeVar("T")


class Page(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


class BootFailed(Exception):  # noqa: N818 - what a test says of it
    """Bochs or its network did not start; the text is what its log says of that."""


class Guest(Observed):
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
            self._control = stack.enter_context(own_folder()) / "control.sock"  # a short name
            bochs = self._bochs or find_bochs()
            built_plugin()
            order = self.options.order(self.folder, bochs, self._own_tables())
            self.script = order.script
            self._port = SerialPort(self.folder / "serial.txt")
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
            "control": str(self._control),
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
        """Pull the plug, as it were: the guest is not asked."""
        self._stack.close()
        if self._boot is not None:
            self._look()

    def reset(self) -> None:
        """Off and on again, with the network: all begins anew, and what was is in `before-N/`."""
        self.power_off()
        self._boots += 1
        before = self.folder / f"before-{self._boots}"
        before.mkdir()
        for name in (CAPTURE, FINDINGS, "serial.txt", "bochs.log", "bochs.out"):
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

    @property
    def aio(self) -> Awaited:
        """The same methods for `await`: `await guest.aio.expect("ready")`."""
        return Awaited(self)

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
        pattern = re.compile(regex)

        def look() -> re.Match[str] | None:
            places = (self.serial, self.e9)
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
            self._look()
            found.extend(one for one in [look()] if one is not None)
            return bool(found)

        self.boot.wait_until(is_there, what, timeout)
        return found[0]

    def wait_end(self, timeout: float = TIMEOUT) -> Outcome:
        """How Bochs ended, as soon as it has: the guest powers itself off, or panics."""
        __tracebackhide__ = True
        return self.wait(lambda: self.outcome, "still running", timeout)

    # ------------------------------------------------------------------ from outside
    def ping(self, count: int = 4, size: int = 56, timeout: float = 10.0) -> list[float]:
        """Send echo requests to the guest: the round trip of each that it answers, in seconds.

        timeout: seconds of guest time, as the round trips are.
        """
        words = {"count": count, "size": size, "timeout": timeout}
        return [one["seconds"] for one in wait_for(self._control, "ping", **words)["replies"]]

    def wait_listen(self, port: int, timeout: float = TIMEOUT) -> None:
        """Until the guest takes connections at this port: it has answered a SYN with SYN-ACK.

        One that has not said yet which address it uses is asked only after some seconds.
        """
        __tracebackhide__ = True
        with contextlib.suppress(GuestSilent):  # whoever asks earlier finds that nobody answers ARP
            self.wait(self.uses_an_address, "", min(timeout, _BY_ITSELF))
        self.wait(lambda: self._listens(port), f"nobody listens at port {port}", timeout)

    def _listens(self, port: int) -> bool | None:
        what = {"for": f"listen:{port}", "timeout": _LOOK}
        try:
            wait_for(self._control, "wait", **what)
        except Refused as refused:
            if not str(refused).startswith("timeout"):
                raise
            return None
        return True

    def connect(self, port: int, timeout: float = 10.0) -> socket.socket:
        """A connection to the guest, without a port of the host; for a `with` block.

        timeout: seconds of guest time until the guest has to take it up; what is read from it is
        waited for in seconds of ours. Raises Refused where it does not.
        """
        connection = connect(self._control, port, timeout=timeout)
        connection.settimeout(TIMEOUT)
        return connection

    def http(self, path: str = "/", port: int = 80) -> Page:
        """What the guest's web server answers."""
        web = HTTPConnection("guest")
        with self.connect(port) as web.sock:
            web.request("GET", path)
            answer = web.getresponse()
            return Page(answer.status, dict(answer.getheaders()), answer.read())

    # ------------------------------------------------------------------ its network
    def impair(self, rule: str) -> int:
        """From now on, as `impair` in TOML; the number is for `unimpair`."""
        return int(ask(self._control, "impair add", rule=rule)["rules"][0]["number"])

    def unimpair(self, number: int | None = None) -> None:
        """Take a rule of a bad wire back, or all of them."""
        if number is None:
            ask(self._control, "impair clear")
        else:
            ask(self._control, "impair remove", number=number)

    def link_down(self) -> None:
        """Pull the network cable: nothing passes until `link_up`."""
        self._cable = self.impair("drop")

    def link_up(self) -> None:
        """Plug the network cable in again."""
        self.unimpair(self._cable)

    def fault(self, fault: str) -> int:
        """From now on, as `faults` in TOML; the number is for `unfault`."""
        return int(ask(self._control, "fault set", fault=fault)["faults"][0]["number"])

    def unfault(self, number: int | None = None) -> None:
        """Take a fault back, or all of them."""
        more = {} if number is None else {"number": number}
        ask(self._control, "fault clear", **more)
