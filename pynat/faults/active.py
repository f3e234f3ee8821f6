"""The faults that are asked for now, shared by the wrappers that commit them (docs/faults.md).

    dhcp.silent 3     find() ---> not spent? the wrapper does it wrong, and says so by tell()

They come from the configuration, from `pynat ctl fault`, and from tests, at any time. A fault that
has happened as often as it was to is spent, and stays in the list with its count. Numbers are never
given twice. Who has nothing to do but to look whether there is any, sees an empty list.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pynat import rules
from pynat.config import MAX_FAULTS, Fault
from pynat.config.faults import fault
from pynat.config.values import Wrong
from pynat.errors import ConfigError
from pynat.log.notices import Notices
from pynat.nat.rows import Row


@dataclass(slots=True, eq=False)
class ActiveFault:
    number: int
    fault: Fault
    set_at: float
    met: int = 0  # how often it has happened

    @property
    def spent(self) -> bool:
        return self.fault.times is not None and self.met >= self.fault.times

    @property
    def row(self) -> Row:
        return {"number": self.number, "fault": str(self.fault), "met": self.met} | {
            "left": None if self.fault.times is None else self.fault.times - self.met
        }


@dataclass(slots=True, eq=False)
class LateReply:
    """What is sent when its time has come."""

    send: Callable[[float], None]

    def on_timer(self, now: float) -> None:
        self.send(now)


Watching = Callable[[ActiveFault | None], None]  # takes the new one; None: some are gone


def _always(one: Fault) -> bool:  # noqa: ARG001 - every fault of that kind concerns it
    return True


class ActiveFaults:
    def __init__(self, notices: Notices) -> None:
        self.dhcp: list[ActiveFault] = []
        self.dns: list[ActiveFault] = []
        self.arp: list[ActiveFault] = []
        self.icmp: list[ActiveFault] = []
        self._watching: list[Watching] = []
        self._notices = notices
        self._last = 0

    def add(self, wanted: str | Fault, now: float = 0.0) -> int:
        """Its number. Raises ConfigError, with what would be right."""
        if len(self) >= MAX_FAULTS:
            raise ConfigError(f"{MAX_FAULTS} faults are set already; clear some")
        active = ActiveFault(self._last + 1, _parsed(wanted), now)
        self._last = active.number
        self._services[active.fault.service].append(active)
        for tell in self._watching:
            tell(active)
        return active.number

    def watch(self, changed: Watching) -> None:
        """For who acts without being asked, or looks only where there is something to look for."""
        self._watching.append(changed)

    def clear(self, number: int | None = None) -> int:
        """How many there were; None is all of them."""
        before = len(self)
        for service in self._services.values():
            service[:] = [one for one in service if number not in (None, one.number)]
        for tell in self._watching:
            tell(None)
        return before - len(self)

    def __len__(self) -> int:
        return sum(map(len, self._services.values()))

    def __contains__(self, active: ActiveFault) -> bool:
        return active in self._services[active.fault.service]

    def rows(self) -> list[Row]:
        standing = [one for service in self._services.values() for one in service]
        return [one.row for one in sorted(standing, key=lambda one: one.number)]

    @property
    def _services(self) -> dict[str, list[ActiveFault]]:
        return {"dhcp": self.dhcp, "dns": self.dns, "arp": self.arp, "icmp": self.icmp}

    # ------------------------------------------------------------ for the wrappers
    @staticmethod
    def find(
        among: list[ActiveFault], kind: str, concerns: Callable[[Fault], bool] = _always
    ) -> ActiveFault | None:
        """The first one of this kind that is not spent."""
        for one in among:
            if one.fault.kind == kind and not one.spent and concerns(one.fault):
                return one
        return None

    def tell(self, one: ActiveFault, what: str, now: float, *, lost: bool = False) -> str:
        """It happens, to the frame that is being dealt with; lost: which nobody answers now.

        The text is for a comment on what is sent.
        """
        one.met += 1
        times = f" of {one.fault.times}" if one.fault.times else ""
        text = f"fault {one.number}, {one.fault}: {what} ({one.met}{times})"
        if lost:
            self._notices.eaten[one.fault.service] += 1
            self._notices.drop(rules.net.FAULT, text, now)
        else:
            self._notices.comments.add_here(text)
            self._notices.limited("fault", text, now)
        return text


def _parsed(wanted: str | Fault) -> Fault:
    try:
        return wanted if isinstance(wanted, Fault) else fault(wanted)
    except Wrong as wrong:
        raise ConfigError(f"fault {wanted!r}: must be {wrong.right}") from None
