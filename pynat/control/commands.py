"""What can be asked of a running engine. Every answer is a plain object (docs/control.md)."""

from __future__ import annotations

import math
import os
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pynat import __version__
from pynat.config import Config, Forward
from pynat.config.forwards import forward, forward_item
from pynat.config.values import Wrong, new_file
from pynat.control import places
from pynat.control.conversation import Conversation
from pynat.control.faults import FaultCommands
from pynat.control.impair import ImpairCommands
from pynat.control.peers import PeerCommands
from pynat.control.protocol import Answer, Refused, decode, encode, refusal
from pynat.control.reach import ReachCommands
from pynat.engine import Carried, Engine
from pynat.errors import ConfigError
from pynat.link.capture import CaptureLink
from pynat.link.impair import ImpairLink
from pynat.lint.summary import Summary
from pynat.log.notices import Level
from pynat.nat.rows import seconds
from pynat.services.leases import Lease
from pynat.wire.addresses import address_text

Counters = Callable[[], dict[str, int]]


@dataclass(frozen=True, slots=True)
class _Command:
    run: Callable[..., Answer | Conversation]
    needs: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()


class Commands:
    def __init__(
        self,
        engine: Engine,
        config: Config,
        card: str,
        capture: CaptureLink,
        impair: ImpairLink,
        counters: Counters | None = None,
        summary: Callable[[], Summary] | None = None,
    ) -> None:
        """counters: what the card counts by itself. summary: the linter's, where it is on."""
        self._engine = engine
        self._config = config
        self._card = card
        self._capture = capture
        self._summary = summary
        self._forwards = engine.router.incoming.forwards
        self._counters = counters
        self._commands = {
            "info": _Command(self._info),
            "forward add": _Command(self._forward_add, ("rule",), ("source",)),
            "forward list": _Command(self._forward_list),
            "forward remove": _Command(self._forward_remove, (), ("rule", "number")),
            "flows": _Command(self._flows),
            "stats": _Command(self._stats),
            "lint": _Command(self._lint),
            "lint summary": _Command(self._lint_summary),
            "log": _Command(self._log),
            "leases": _Command(self._leases),
            "neighbors": _Command(self._neighbors),
            "capture start": _Command(self._capture_start, ("file",)),
            "capture stop": _Command(self._capture_stop),
        }
        reach = ReachCommands(engine)
        self._commands |= {
            "ping": _Command(reach.ping, (), ("guest", "count", "size", "timeout")),
            "connect": _Command(reach.connect, ("port",), ("guest", "timeout")),
            "udp": _Command(reach.udp, (), ("guest", "own")),
            "wait": _Command(reach.wait, ("for",), ("guest", "timeout")),
            "watch": _Command(reach.watch),
        }
        bad_wire = ImpairCommands(impair)
        self._commands |= {
            "impair add": _Command(bad_wire.add, ("rule",)),
            "impair list": _Command(bad_wire.all),
            "impair remove": _Command(bad_wire.remove, ("number",)),
            "impair clear": _Command(bad_wire.clear),
        }
        peers = PeerCommands(engine.router)
        self._commands |= {
            "peer set": _Command(peers.set, ("host", "does")),
            "peer list": _Command(peers.list),
            "peer remove": _Command(peers.remove, ("host",)),
        }
        faults = FaultCommands(engine)
        self._commands |= {
            "fault set": _Command(faults.set, ("fault",)),
            "fault list": _Command(faults.list),
            "fault clear": _Command(faults.clear, (), ("number",)),
        }

    def soon(self, call: Callable[[float], None]) -> None:
        """With the time, in a turn of the engine."""
        self._engine.soon(call)

    def summary(self) -> Answer:
        """What the network has come to (docs/control.md)."""
        stats, info = self._stats(), self._info()
        kept = ("time", "from_guest", "to_guest", "drops")
        files = {"capture": info["capture"], "findings": self._config.lint.json}
        return {
            **{name: info[name] for name in ("card", "net")},
            **{name: stats[name] for name in kept},
            "findings": dict(self._engine.notices.findings),
            "leases": self._leases()["leases"],
            "flows": [*(self._engine.router.numbers.kept or ()), *self._flows()["flows"]],
            "files": {what: str(Path(path).absolute()) for what, path in files.items() if path},
        }

    def answer(self, line: bytes) -> bytes:
        """Of a command that is answered at once."""
        found = self.reply(line)
        return found if isinstance(found, bytes) else refusal("this takes a connection")

    def reply(self, line: bytes) -> bytes | Conversation:
        """Never raises for what is in the line."""
        try:
            found = self._run(*decode(line))
            return found if isinstance(found, Conversation) else encode({"ok": True} | found)
        except (Refused, ConfigError) as error:
            return refusal(str(error))
        except Exception:  # ours, and no reason to take the network down
            text = f"{traceback.format_exc()}a fault in pynat itself met a control request"
            self._engine.notices.limited("control fault", text, self._engine.now(), Level.ERROR)
            return refusal("a fault in pynat itself; Bochs's log has it")

    def _run(self, name: str, given: dict[str, Any]) -> Answer | Conversation:
        command = self._commands.get(name)
        if command is None:
            raise Refused(f"no command {name!r}; there are: {', '.join(self._commands)}")
        for needed in command.needs:
            if needed not in given:
                raise Refused(f"{name} needs {needed!r}")
        for unknown in given.keys() - {*command.needs, *command.takes}:
            raise Refused(f"{name} takes no {unknown!r}")
        return command.run(**given)

    # ------------------------------------------------------------------ the network
    def _info(self) -> Answer:
        network = self._engine.router.net.network
        return {
            "version": __version__,
            "pid": os.getpid(),
            "card": self._card,
            "net": str(network.net),
            "router": str(network.router),
            "guest": str(network.guest),
            "folder": str(Path.cwd()),
            "bochsrc": places.bochsrc(),
            "time": seconds(self._engine.now()),
            "capture": self._capture.path and str(self._capture.path.absolute()),
        }

    def _flows(self) -> Answer:
        now = self._engine.now()
        return {"time": seconds(now), "flows": self._engine.router.flows(now)}

    def _stats(self) -> Answer:
        engine = self._engine
        protocols = [flow["protocol"] for flow in engine.router.flows(engine.now())]
        return {
            "time": seconds(engine.now()),
            "from_guest": _carried(engine.from_guest),
            "to_guest": _carried(engine.to_guest),
            "flows": {name: protocols.count(name) for name in ("tcp", "udp", "echo")},
            "ports_not_kept": engine.router.incoming.ports_not_kept,
            "drops": engine.notices.dropped,
            "card": self._counters() if self._counters else {},
        }

    def _lint(self) -> Answer:
        """What there is against the guest: findings and drops, by their codes."""
        records = sorted(self._engine.notices.verdict, key=lambda one: -one.total)
        return {
            "time": seconds(self._engine.now()),
            "rules": [
                {
                    "code": one.rule.code,
                    "severity": one.rule.severity.value,
                    "count": one.count,
                    "because": one.because.total(),
                    "name": one.rule.name,
                }
                for one in records
            ],
        }

    def _lint_summary(self) -> Answer:
        if self._summary is None:
            raise Refused("the linter is off: lint.enabled = true in its configuration")
        found = self._summary()
        time = seconds(self._engine.now())
        return {"time": time} | found.as_object() | {"page": list(found.lines())}

    def _log(self) -> Answer:
        """The last lines of the network's own."""
        return {
            "time": seconds(self._engine.now()),
            "lines": [
                {"time": seconds(line.now), "level": line.level.name.lower(), "text": line.text}
                for line in self._engine.notices.last
            ],
        }

    def _leases(self) -> Answer:
        now = self._engine.now()
        return {
            "leases": [
                {
                    "address": address_text(lease.address),
                    "mac": lease.mac.hex(":"),
                    "state": lease.state.value,
                    "left": _left(lease, now),
                }
                for lease in self._engine.router.dhcp.leases.values()
            ]
        }

    def _neighbors(self) -> Answer:
        rows = self._engine.router.output.neighbors.rows(self._engine.now())
        return {"neighbors": rows}

    # ------------------------------------------------------------------ forwards
    def _forward_list(self) -> Answer:
        return {"forwards": [self._row(number) for number in self._forwards]}

    def _forward_add(self, rule: object, source: object = "router") -> Answer:
        """All ports of a range, or none."""
        rules = _parsed(forward_item, {"rule": rule, "source": source})
        added: list[int] = []
        try:
            for one in rules:
                added.append(self._engine.open_forward(one))
        except ConfigError:
            for number in added:
                self._engine.shut_forward(number)
            raise
        self._engine.wake()  # for who watches
        return {"forwards": [self._row(number) for number in added]}

    def _forward_remove(self, rule: object = None, number: object = None) -> Answer:
        if (rule is None) == (number is None):
            raise Refused('forward remove needs a "rule" or a "number"')
        numbers = [self._number(number)] if rule is None else self._numbers_of(rule)
        rows = [self._row(one) for one in numbers]
        for one in numbers:
            self._engine.shut_forward(one)
        self._engine.wake()
        return {"forwards": rows}

    def _numbers_of(self, rule: object) -> list[int]:
        known = {self._key(one): number for number, one in self._forwards.items()}
        wanted = [self._key(one) for one in _parsed(forward, rule)]
        if any(key not in known for key in wanted):
            raise Refused(f"no forward {rule}; forward list tells those that there are")
        return [known[key] for key in wanted]

    def _key(self, rule: Forward) -> tuple[object, ...]:
        guest = rule.guest_address or self._engine.router.net.network.guest
        return rule.protocol, rule.host_address, rule.host_port, guest, rule.guest_port

    def _number(self, given: object) -> int:
        is_number = isinstance(given, int) and not isinstance(given, bool)
        if not is_number or given not in self._forwards:
            raise Refused(f"no forward {given!r}; forward list tells those that there are")
        return given

    def _row(self, number: int) -> Answer:
        rule = self._forwards[number]
        return {
            "number": number,
            "rule": str(rule),
            "source": rule.shown.value,
            "open_to_all": rule.is_open,
        }

    # ------------------------------------------------------------------ captures
    def _capture_start(self, file: object) -> Answer:
        path = _parsed(new_file, file)
        self._capture.start(path)
        return {"file": str(path.absolute())}

    def _capture_stop(self) -> Answer:
        path = self._capture.stop()
        if path is None:
            raise Refused("no capture is being written")
        return {"file": str(path.absolute())}


def _left(lease: Lease, now: float) -> float | None:
    """Seconds; None is for ever."""
    if not lease.live(now):
        return 0.0
    return None if math.isinf(lease.until) else seconds(lease.until - now)


def _carried(count: Carried) -> Answer:
    return {"frames": count.frames, "bytes": count.octets}


def _parsed(parser: Callable[[object], Any], value: object) -> Any:
    try:
        return parser(value)
    except Wrong as wrong:
        shown = wrong.value if wrong.at else value
        raise Refused(f"{shown!r}: must be {wrong.right}") from None
