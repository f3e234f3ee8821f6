"""Looks at every frame on the guest's wire, and says what is legal but wrong.

It only looks on: it knows nothing of the engine, so that a capture made elsewhere can be looked at
as well. One checker for each protocol follows what both sides send.
"""

from __future__ import annotations

from pynat.config import Config
from pynat.lint.frame import Checker, Finding, decode
from pynat.lint.tcp.checker import TcpChecker
from pynat.rules import BY_NAME


class Linter:
    def __init__(self, config: Config, *, with_malformed: bool = False) -> None:
        """with_malformed: also say what is no legal frame, where no router does so."""
        self._with_malformed = with_malformed
        self._checkers: list[Checker] = [TcpChecker(config.network.mtu)]

    def from_guest(self, data: bytes, now: float) -> list[Finding]:
        frame = decode(data, now)
        if frame is None:
            return []
        found = [one for checker in self._checkers for one in checker.from_guest(frame)]
        if frame.malformed and self._with_malformed:
            found.append(Finding(BY_NAME[frame.malformed.reason], frame.malformed.detail))
        return found

    def to_guest(self, data: bytes, now: float) -> list[Finding]:
        frame = decode(data, now)
        if frame is None:
            return []
        return [one for checker in self._checkers for one in checker.to_guest(frame)]
