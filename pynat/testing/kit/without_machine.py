"""Guests that are no machine in Bochs: what their network says, and what they cannot have."""

from __future__ import annotations

import re
from typing import NoReturn

from pynat.bochs.outcome import summed_up
from pynat.testing.kit.reached import Reached

_MORE = "\n  | "  # before a line that goes on with the one above it
_ERROR = re.compile(rf"^(?: *\d+\.\d+  )?pynat: (.*(?:{re.escape(_MORE)}.*)*)$", re.MULTILINE)
_SEED = re.compile(r"\bnetwork \S+, .*, seed (\d+)$", re.MULTILINE)


class _Missing:
    """Of `Guest`, and not of this one: whoever asks is told why."""

    def __init__(self, what: str) -> None:
        self._what = what

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, guest: object, owner: type) -> NoReturn:
        told = f"{owner.__name__} has no {self._what}; only a guest in Bochs has one"
        raise AttributeError(f"guest.{self._name}: {told}")


class WithoutMachine(Reached):
    boot = _Missing("machine")
    e9 = _Missing("port 0xE9")
    exit_code = _Missing("verdict")
    expect = _Missing("serial port")
    lines = _Missing("serial port")
    outcome = _Missing("machine")
    reset = _Missing("machine")
    send = _Missing("serial port")
    serial = _Missing("serial port")
    wait_end = _Missing("machine")
    wait_exit = _Missing("verdict")

    @property
    def log(self) -> str:
        """What the network has said so far."""
        raise NotImplementedError

    @property
    def errors(self) -> list[str]:
        """What the network complains of, exceptions of its script among it."""
        return [summed_up(*said.split(_MORE)) for said in _ERROR.findall(self.log)]

    @property
    def seed(self) -> int | None:
        """Of all that is drawn by lot in the network; None before that is there."""
        found = _SEED.search(self.log)
        return int(found[1]) if found else None
