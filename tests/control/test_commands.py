"""No line makes the control socket raise, whatever is in it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pynat.config import Config
from pynat.control.commands import Commands
from pynat.engine import Engine
from pynat.link.capture import CaptureLink
from pynat.link.impair import ImpairLink
from pynat.link.memory import MemoryLink

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=5,
)
COMMANDS = st.sampled_from(
    [
        "info",
        "forward add",
        "forward list",
        "forward remove",
        "flows",
        "stats",
        "lint",
        "leases",
        "neighbors",
        "capture start",
        "capture stop",
        "impair add",
        "impair list",
        "impair remove",
        "impair clear",
        "peer set",
        "peer list",
        "peer remove",
        "fault set",
        "fault list",
        "fault clear",
        "help",
    ]
)
ARGUMENTS = st.dictionaries(
    st.sampled_from(["rule", "source", "number", "file", "host", "does", "fault", "x"]), VALUES
)


@pytest.fixture
def commands() -> Iterator[Commands]:
    loop = asyncio.new_event_loop()
    memory = MemoryLink(loop)
    link = CaptureLink(memory)
    engine = Engine(Config(), link, loop)
    impair = ImpairLink(link, 1, engine.notices)
    yield Commands(engine, Config(), "card", link, impair)
    assert engine.notices.drops == {}
    link.stop()
    engine.host.close()
    memory.dispose()
    loop.close()


def _is_answered(commands: Commands, line: bytes) -> None:
    answer = commands.answer(line)
    assert answer.endswith(b"\n")
    assert b"\n" not in answer[:-1]
    told = json.loads(answer)
    assert told["ok"] or "a fault in pynat" not in told["error"], line


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    max_examples=200,
)
@given(command=COMMANDS, arguments=ARGUMENTS)
def test_any_arguments(commands: Commands, command: str, arguments: dict[str, object]) -> None:
    if isinstance(arguments.get("file"), str):
        arguments["file"] = None  # no files with such names
    _is_answered(commands, json.dumps({"command": command} | arguments).encode())


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    max_examples=200,
)
@given(line=st.binary(max_size=60))
def test_any_bytes(commands: Commands, line: bytes) -> None:
    _is_answered(commands, line.replace(b"\n", b""))
