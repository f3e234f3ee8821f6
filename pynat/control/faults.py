"""`fault set`, `fault list`, `fault clear`: what services do wrong, while the network runs."""

from __future__ import annotations

from pynat.control.protocol import Answer, Refused
from pynat.engine import Engine


class FaultCommands:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._faults = engine.router.faults

    def set(self, fault: object) -> Answer:
        number = self._faults.add(str(fault), self._engine.now())
        return {"faults": [row for row in self._faults.rows() if row["number"] == number]}

    def list(self) -> Answer:
        return {"faults": self._faults.rows()}

    def clear(self, number: object = None) -> Answer:
        rows = [row for row in self._faults.rows() if number in (None, row["number"])]
        if number is not None and (isinstance(number, bool) or not rows):
            raise Refused(f"no fault {number!r}; fault list tells those that there are")
        for row in rows:
            self._faults.clear(int(row["number"]))  # type: ignore[call-overload]
        return {"faults": rows}
