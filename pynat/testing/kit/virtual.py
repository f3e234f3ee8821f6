"""A guest in Python, or a program, on an engine in virtual time, seen as any other guest is."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self, TypeVar

from pynat.config.toml_text import Tables
from pynat.control.client import read_answer
from pynat.control.conversation import Conversation
from pynat.control.protocol import Answer, encode
from pynat.control.reach import MAX_TIMEOUT
from pynat.serve.joined import join, joined
from pynat.serve.load import load
from pynat.testing.guests.boot import GuestSilent
from pynat.testing.kit.observed import FINDINGS, TIMEOUT
from pynat.testing.kit.virtual_stream import VirtualClient, VirtualStream
from pynat.testing.kit.without_machine import WithoutMachine
from pynat.testing.program import ProgramStack
from pynat.testing.virtual import Guest, VirtualNetwork, virtual

_STEP = 0.01  # seconds of virtual time between two looks
T = TypeVar("T")


class VirtualGuest(WithoutMachine):
    """stack: a sans-IO guest (`pynat.testing.virtual.Guest`), or the words of a command that runs
    one (`pynat.testing.program`). Time goes on in `run` and in waits.

    A `timeout` is in seconds of virtual time, and costs none of ours.
    """

    def __init__(self, stack: Guest | Sequence[str], folder: Path, tables: Tables) -> None:
        super().__init__(folder)
        self.stack = ProgramStack(stack) if isinstance(stack, Sequence) else stack
        self._tables: Tables = {"hermetic": True, "lint": {"json": str(folder / FINDINGS)}}
        join(self._tables, {**tables, "capture": str(self.capture)})
        self._ending = contextlib.ExitStack()
        self._started = False

    def __enter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        loaded = load(str(joined("", self._tables, self.folder, who="the test's keywords")), "")
        with contextlib.ExitStack() as ending:
            if isinstance(self.stack, ProgramStack):
                ending.enter_context(self.stack)
            self.network: VirtualNetwork = ending.enter_context(
                virtual(loaded.config, loaded.program)
            )
            self._ending = ending.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self.power_off()

    def power_off(self) -> None:
        """The network ends: what the linter says only then is in `lint`."""
        self._ending.close()

    @property
    def log(self) -> str:
        return self.network.log

    def run(self, seconds: float) -> None:
        """Until nothing more is going to happen, or so much virtual time has passed."""
        (self.network.go_on if self._started else self.network.run)(self.stack, seconds)
        self._started = True

    def wait(self, look: Callable[[], T | None], what: str, timeout: float = TIMEOUT) -> T:
        __tracebackhide__ = True
        end = self.network.card.time + timeout
        while (found := look()) is None:
            if self.network.card.time >= end:
                raise GuestSilent(f"{what}: not within {timeout:g} s\n{self.network.log}")
            self.run(min(_STEP, end - self.network.card.time))
        return found

    def _ask(self, command: str, **words: object) -> Answer:
        return self._asked(command, words)[0]

    def _stream(self, command: str, **words: object) -> tuple[Answer, Any]:
        answer, talk, client = self._asked(command, words)
        assert isinstance(talk, Conversation)
        stream = VirtualStream(self, lambda: self.run(0), talk, client)
        stream.settimeout(TIMEOUT)
        self._ending.callback(stream.close)  # before the network ends
        return answer, stream

    def _asked(
        self, command: str, words: Answer
    ) -> tuple[Answer, bytes | Conversation, VirtualClient]:
        """What a conversation waits for comes, or its own time is over."""
        talk = self.network.commands.reply(encode({"command": command, **words}))
        client = VirtualClient()
        line = talk if isinstance(talk, bytes) else self._held(talk, client)
        return read_answer(line), talk, client

    def _held(self, talk: Conversation, client: VirtualClient) -> bytes:
        self.network.engine.soon(lambda now: talk.begin(client, now))
        return self.wait(lambda: client.line, "no answer", MAX_TIMEOUT)
