"""The driver: joins one link, one router and one host side in one event loop.

A turn takes what waits from the guest and from the host, lets the router deal with it, carries
out what it wants of the host until nothing more comes of it, hands the frames to the guest, and
tells the link how long guest time is to be held and when to wake us. Turns are started by the
link's doorbell and by host events, which are gathered so that one turn serves them all.

Within a turn, who has little to carry does not wait for who has much. Where the guest runs on
meanwhile, also who comes while much is handed over is answered; frames of those that carry much
wait for the next turn.

In step with the simulator (docs/hermetic.md) turns are its alone to ask for, and it stands still
until `done`: nothing else may start one, for it would run beside the guest.

A fault in our own code costs the frame or event that met it: it is reported with its place, and
the engine goes on. Whatever happens, a turn ends with `done`: in step the guest stands still until
then. Only Ctrl-C goes through (`pynat.interrupts`).
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any

from pynat import rules
from pynat.config import LINGER, Config, Forward, Network, TimePolicy
from pynat.config.check import check_forward
from pynat.errors import ConfigError
from pynat.host.hermetic import HermeticHost
from pynat.host.host import Host
from pynat.interrupts import is_interrupt
from pynat.link.link import Link
from pynat.log.notices import Level, Notices
from pynat.loops import IS_PURE
from pynat.nat.host_backend import HostBackend, settle
from pynat.router.assembly import NO_PROGRAM, assemble
from pynat.wire.frame_run import Sendable, count, frames_of, key_of, last
from pynat.wire.plain import KEY_AT, KEY_SIZE

if TYPE_CHECKING:
    from pynat.net.net import Net
    from pynat.net.program import Script
    from pynat.net.runtime import ImpairableWire

# What one turn takes, so that an answer to whoever comes next leaves within a millisecond: the
# windows of two flows, which wait before it in any case.
MAX_FRAMES = 512
# The same while every frame is looked at (linter, capture), which takes some ten times as long.
MAX_WATCHED_FRAMES = 32
MANY = 64  # frames for the guest; while they are written, others may come and are answered
NO_LIMIT = 1 << 30  # in step; the shim's ring bounds it
LAST = 0.5  # seconds (wall) of turns at the end, for what the guest has sent before


def say(link: Link, level: Level, text: str) -> None:
    """One line in the log; errors carry our name, because a reader may not know the card's."""
    link.log(int(level), f"pynat: {text}" if level is Level.ERROR else text)


@dataclass(slots=True)
class Carried:
    frames: int = 0
    octets: int = 0

    def count_frames(self, frames: Sequence[bytes]) -> None:
        self.frames += len(frames)
        self.octets += sum(map(len, frames))

    def count(self, items: Sequence[Sendable]) -> None:
        for item in items:
            if isinstance(item, bytes):
                self.frames += 1
                self.octets += len(item)
            else:
                self.frames += item.frame_count
                self.octets += item.octets


class Engine:
    def __init__(
        self,
        config: Config,
        link: Link,
        loop: asyncio.AbstractEventLoop,
        notices: Notices | None = None,
        *,
        in_step: bool = False,
        wall: Callable[[], float] | None = None,
        program: Net | None = None,
        wire: ImpairableWire | None = None,
        adopt: Sequence[Callable[[Network], None]] = (),
        end: Sequence[Callable[[float], None]] = (),
    ) -> None:
        """notices: shared with the wrappers around `link`, if there are any.

        wall: another clock than the loop's, for networks in virtual time.

        in_step: the link stands still until `done` (docs/shim.md); for hermetic networks.

        program: a network in Python that `config` was made with. wire: what it may impair.

        adopt: who else is to know of another net. end: and that no frame comes any more.
        """
        self._link = link
        self._loop = loop
        self._scheduled: asyncio.Handle | None = None  # a turn, beside those of the doorbell
        self._ended = loop.create_future()
        self._last_forward = -1
        self._tell_end = end
        self._speed = 0  # of the guest's card
        self.resets = link.resets  # of the guest's machine, as far as the link can say
        self._sent_before = 0  # frames, by the guest until the last reset
        self._lookers: dict[Callable[[float], None], None] = {}
        self._callers: list[Callable[[float], None]] = []
        self._wanted = False  # a turn, of the simulator
        self._settling = False  # what the host says now, this turn takes
        self.from_guest = Carried()
        self.to_guest = Carried()
        self.notices = notices or Notices(lambda level, text: say(link, level, text))
        seed = config.seed if config.seed is not None else Random().getrandbits(64)
        self._in_step = in_step
        script = _script(program, config, self.notices, self.wake) if program else None
        said = script.program if script else NO_PROGRAM
        self.router = assemble(config, self.notices, Random(seed), said, adopt)
        self.host: Host | HermeticHost
        if config.hermetic:
            self.host = HermeticHost(config, self._host_speaks, self._report_bug)
        else:
            self.host = host = Host(config, loop, self._host_speaks, self._report_bug)
            self.router.tcp.send_by(host.send_now)
        self._sides: tuple[HostBackend, ...] = (self.router.in_process, self.host)
        self._wall = None if config.hermetic else wall or loop.time
        self._is_watched = False
        self._is_awaited = config.hermetic or config.time is not TimePolicy.NEVER  # by the guest
        self._most = NO_LIMIT  # frames to be written without a look who else has come
        self._looks_aside = False
        self._kept: list[bytes] = []  # frames that wait until what was before them is written
        self._watch(watched=False)
        self._end_by = 0.0
        self._program = script.run(self.router, seed, loop, wire) if script else None
        self._introduce(config, seed)
        for forward in config.forwards:
            self._open_configured(forward)

    async def run(self) -> None:
        """Until the link closes."""
        self._loop.add_reader(self._link.doorbell, self.turn)
        self._loop.set_exception_handler(self._beside)
        try:
            self._schedule()  # not here: within a task there can be no other loop's step
            await self._ended
            self._loop.remove_reader(self._link.doorbell)
            await self._deliver_rest()
        finally:
            self._loop.remove_reader(self._link.doorbell)
            self.end()

    async def _deliver_rest(self) -> None:
        """What the guest holds acknowledged outlives it."""
        self.host.leave()
        connections, octets = self.host.undelivered
        if connections:
            text = f"{connections} connections of the guest's have {octets} bytes under way"
            self.notices.say(Level.INFO, f"{text}; the network ends in {LINGER:g} s at most")
        await self.host.finish(LINGER)
        connections, octets = self.host.undelivered
        if connections:
            text = f"{connections} connections have {octets} bytes under way still"
            self.notices.say(Level.ERROR, f"{text}: the host's kernel delivers them, if it can")

    def end(self) -> None:
        """After the last turn."""
        if self._program is not None:
            self._guard(self._program.close, self._link.now())
        self._guard(self.router.end, self._link.now())
        for tell in self._tell_end:
            self._guard(tell, self._link.now())
        self.host.close()
        self._report()

    def turn(self) -> None:
        if self._scheduled is not None:
            self._scheduled.cancel()
            self._scheduled = None
        if self._ended.done():
            return
        link = self._link
        is_closing = link.closing
        batch, came, hold, timer = self._batch, 0, 0.0, None
        try:
            came = self._work(batch)
        except BaseException as error:
            self._survive(error)
        try:
            hold = self._hold_until(link.now())
            timer = self._next_timer()
        except BaseException as error:
            self._survive(error)
        self._guard(link.done, hold, timer)
        if is_closing and self._is_last(came):
            self._ended.set_result(None)
        elif is_closing or came >= batch or self._kept:
            self._schedule()

    def _is_last(self, came: int) -> bool:
        """What the guest has sent before its end is sent; one that sends on and on is left."""
        now = self._loop.time()
        self._end_by = self._end_by or now + LAST
        return self._in_step or not came or now >= self._end_by

    def _work(self, batch: int) -> int:
        """How many frames came."""
        router, link = self.router, self._link
        if link.speed != self._speed:
            self._speed = link.speed
            router.link_speed(self._speed)
        if self._wall is not None:
            router.wall_time(self._wall())
        frames = self._receive(batch)
        if self._kept:
            frames, self._kept = self._kept + frames, []
        now = link.now()
        if frames:
            self._from_link(frames, now)
        self._deliver(now)
        if self._callers:
            self._call(now)
        if router.is_due(now):
            self._guard(router.on_timer, now)
        if not self._in_step and router.set_bulk_aside():
            self._answer(now)
            router.take_bulk_up()
        self._answer(now)
        if self._lookers:
            self._look_on(now)
        return len(frames) + len(self._kept)

    def _receive(self, batch: int) -> list[bytes]:
        receive_runs = self._link.receive_runs
        if receive_runs is not None:
            return receive_runs(batch)
        frames = [frame for _, frame in self._link.receive(batch)]
        if self._link.resets != self.resets:
            self._guard(self._begin_anew, self._link.now())
        return frames

    def _begin_anew(self, now: float) -> None:
        """The guest's machine was reset before what has come now."""
        self.resets = self._link.resets
        self._sent_before = self.from_guest.frames
        self._kept.clear()
        self.notices.say(Level.INFO, "guest reset")
        self.router.reset_guest(now)

    def _answer(self, now: float) -> None:
        if self._is_host_asked:
            self._ask_host(now)
        self._answer_guest(now)

    @property
    def _is_host_asked(self) -> bool:
        """Whether anybody wants anything of it, or it has something to say."""
        router = self.router
        busy = router.asks or router.in_process.stirs or self.host.stirs
        return busy or self._program is not None

    def _call(self, now: float) -> None:
        callers, self._callers = self._callers, []
        for call in callers:
            self._guard(call, now)

    def _from_link(self, frames: list[bytes], now: float) -> None:
        take, deal_with, at = self.router.run_from_guest, self.notices.comments.deal_with, 0
        while at < len(frames):
            try:
                deal_with(frames[at])
                at += take(frames, at, now)
            except BaseException as error:
                self._survive(error)
                at += 1
        deal_with(None)
        if ready := self.router.ready():
            self._guard(self._hand_over, ready)
        self.from_guest.count_frames(frames)

    def _ask_host(self, now: float) -> None:
        self._settling = True
        try:
            if self._program is None:
                self._settle(now)
            else:
                self._program.run(now, lambda: self._settle(now))
        except BaseException as error:
            self.wake()  # for what the host has said and nobody has heard
            self._survive(error)
        finally:
            self._settling = False

    def _settle(self, now: float) -> None:
        settle(self.router, self._sides, now, self._guard)

    def _next_timer(self) -> float | None:
        mine = self.router.next_timer()
        if self._program is None:
            return mine
        other = self._program.next_timer()
        return min((when for when in (mine, other) if when is not None), default=None)

    def _hold_until(self, now: float) -> float:
        until = self.router.hold_until(now)
        return max(until, self._program.hold_until(now)) if self._program else until

    def _look_on(self, now: float) -> None:
        for look in list(self._lookers):
            self._guard(look, now)

    def _answer_guest(self, now: float) -> None:
        """What is left to be done for few frames does not delay them."""
        many: list[Sendable] = []
        try:
            items = self.router.answers(now)
            if count(items) > self._most and not self._looks_aside:
                many = items
            else:
                self._hand_over(items)
        except BaseException as error:
            self._survive(error)
        self._guard(self.router.rest, now)
        if many:
            self._guard(self._hand_over_by_and_by, many)

    def _hand_over_by_and_by(self, items: list[Sendable]) -> None:
        """Who comes meanwhile, and has no part in them, is answered."""
        keys = dict.fromkeys(map(key_of, items))
        busy = {key: None for key in keys if len(key) == KEY_SIZE}
        self.to_guest.count(items)
        if self._is_watched:
            items = [*frames_of(items)]
        resets = self.resets
        while items and self.resets == resets:
            items = last(items, self._send(items, b"".join(busy)))
            self._look_aside(busy)

    def _look_aside(self, busy: dict[bytes, None]) -> None:
        """busy: flows whose frames wait; others that carry much are soon among them."""
        others: list[bytes] = []
        for frame in self._receive(self._batch):
            key = frame[KEY_AT]
            if key in busy or self.router.is_bulk(key):
                busy[key] = None
                self._kept.append(frame)
            else:
                others.append(frame)
        if not others:
            return
        now, self._looks_aside = self._link.now(), True
        self._from_link(others, now)
        self._answer(now)
        self._looks_aside = False

    def _hand_over(self, items: list[Sendable]) -> None:
        if items:
            self._send(items)
            self.to_guest.count(items)

    def _send(self, items: list[Sendable], busy: bytes = b"") -> int:
        """busy: keys of flows; as soon as anybody else has come, or may have, the rest waits: so
        many frames."""
        send_runs = self._link.send_runs
        if self._is_watched is not (send_runs is None):
            self._watch(watched=send_runs is None)
        if send_runs is not None:
            return send_runs(items, busy)
        frames = frames_of(items)
        now = frames[: self._most] if busy else frames
        self._link.send(now)
        return len(frames) - len(now)

    def _watch(self, *, watched: bool) -> None:
        """Whether every frame is looked at, from now on."""
        self._is_watched = watched
        self._batch = MAX_WATCHED_FRAMES if watched else MAX_FRAMES
        self._most = MAX_WATCHED_FRAMES if watched else MANY
        if self._in_step:
            self._batch = NO_LIMIT
        if self._is_awaited:
            self._most = NO_LIMIT

    # ------------------------------------------------------------------ host events
    def _schedule(self) -> None:
        if self._scheduled is None:
            self._scheduled = self._loop.call_soon(self.turn)

    def _deliver(self, now: float) -> None:
        for event in self.host.events():
            self._guard(self.router.from_host, event, now)

    def _host_speaks(self) -> None:
        if not self._settling:
            self.wake()

    def wake(self) -> None:
        """A turn is wanted. In step the simulator begins it, at its next tick."""
        if not self._in_step:
            self._schedule()
        elif not self._wanted:
            self._wanted = True
            self._loop.call_soon(self._claim)  # not within a turn, whose end names a deadline too

    def _claim(self) -> None:
        """By a deadline that is over."""
        self._wanted = False
        self._link.done(0.0, self._link.now())

    def soon(self, call: Callable[[float], None]) -> None:
        """Call it with the time in a turn that is begun for it. In step `now` is that of the last
        turn, which may be long over."""
        self._callers.append(call)
        self.wake()

    def look_on(self, look: Callable[[float], None]) -> Callable[[], None]:
        """Call `look` with the time at the end of each turn; what comes back ends that."""
        self._lookers[look] = None
        return lambda: self._lookers.pop(look, None)

    def now(self) -> float:
        """Guest time in seconds."""
        return self._link.now()

    def is_card_ready(self) -> bool:
        """The guest has sent something since it was started, and its card takes frames, as far as
        that is known."""
        return self.from_guest.frames > self._sent_before and self._link.refuses_since is None

    # ------------------------------------------------------------------ forwards
    def open_forward(self, forward: Forward) -> int:
        """The number of the new forward. Raises ConfigError, with a remedy."""
        check_forward(forward, self.router.net.network)
        number = self._last_forward + 1
        opened = self.host.forwards.open(number, forward)
        self.router.incoming.open(number, opened)
        self._last_forward = number
        open_to_all = "; reachable from other machines" if forward.is_open else ""
        self.notices.say(Level.INFO, f"forward {number}: {opened}{open_to_all}")
        return number

    def shut_forward(self, number: int) -> None:
        """Nothing new comes in; connections that are open stay so."""
        self.host.forwards.shut(number)
        forward = self.router.incoming.forget(number)
        self.notices.say(Level.INFO, f"forward {number}: {forward}: removed")

    def _open_configured(self, forward: Forward) -> None:
        """One that does not work is said, and costs the guest nothing else."""
        try:
            self.open_forward(forward)
        except ConfigError as error:
            self.notices.say(Level.ERROR, f"{error}; the network goes on without this forward")

    # ------------------------------------------------------------------ faults, words
    def _guard(self, call: Callable[..., None], *arguments: object) -> None:
        try:
            call(*arguments)
        except BaseException as error:
            self._survive(error)

    def _survive(self, error: BaseException) -> None:
        """It is being dealt with."""
        if is_interrupt(error):
            raise error
        self._report_bug(self._link.now())

    def _report_bug(self, now: float) -> None:
        """Within an exception: whatever it is, Bochs and the other flows go on."""
        self.notices.drops[rules.net.ENGINE_BUG] += 1
        self.notices.limited(rules.net.ENGINE_BUG.name, _told, now, Level.ERROR, lines=True)

    def _beside(self, _: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """What nobody has caught in the loop: of a script's task, or of ours beside the turns."""
        error = context.get("exception")
        lines = traceback.format_exception(error) if error else []
        text = f"{''.join(lines)}in the host's loop: {context.get('message')}"
        self.notices.limited("loop fault", text, self._link.now(), Level.ERROR, lines=True)

    def _introduce(self, config: Config, seed: int) -> None:
        network = config.network
        tell = self.notices.say
        pace = "hermetic" if config.hermetic else f"time {config.time}"
        tell(
            Level.INFO,
            f"network {network.net}, router {network.router}, guest {network.guest},"
            f" DNS {network.dns}, {pace}, seed {seed}",
        )
        if IS_PURE:
            tell(Level.INFO, "note: the loops over bytes are not compiled, so all is slower")
        for warning in config.warnings:
            tell(Level.INFO, f"note: {warning}")

    def _report(self) -> None:
        if dropped := self.notices.dropped:
            counted = ", ".join(f"{name} {count}" for name, count in dropped.items())
            self.notices.say(Level.INFO, f"not forwarded: {counted}")
        if findings := self.notices.findings:
            counted = ", ".join(f"{code} {count}" for code, count in findings.most_common())
            self.notices.say(Level.INFO, f"lint: {counted}; `pynat explain` has a page for each")


def _script(net: Net, config: Config, notices: Notices, wake: Callable[[], None]) -> Script:
    """What it needs is read where there is one."""
    from pynat.net.program import Script

    return Script(net, config, notices, wake)


def _told() -> str:
    """Of the exception that is being dealt with."""
    what = "a fault in pynat itself cost one packet; please report it with the lines above"
    return f"{traceback.format_exc()}{what}"
