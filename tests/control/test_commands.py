"""No line makes the control socket raise, whatever is in it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from pynat.config import Config
from pynat.control.commands import Commands
from pynat.control.protocol import Refused
from pynat.engine import Engine
from pynat.link.capture import CaptureLink
from pynat.link.impair import ImpairLink
from pynat.link.memory import MemoryLink
from tests.spoiling import NO_UTF_8, respelt, samples, sift, spoilt

Request = dict[str, object]

REQUESTS: list[Request] = [
    {"command": "info"},
    {"command": "forward add", "rule": "tcp:127.0.0.1:0-:80", "source": "peer"},
    {"command": "forward add", "rule": "udp:127.0.0.1:0-192.168.16.9:53"},
    {"command": "forward list"},
    {"command": "forward remove", "number": 1},
    {"command": "forward remove", "rule": "tcp:127.0.0.1:0-:80"},
    {"command": "flows"},
    {"command": "stats"},
    {"command": "lint"},
    {"command": "lint summary"},
    {"command": "log"},
    {"command": "leases"},
    {"command": "neighbors"},
    {"command": "capture start", "file": "/nowhere/net.pcapng"},
    {"command": "capture stop"},
    {"command": "impair add", "rule": "drop to-guest tcp data flow 1 nth 3"},
    {"command": "impair list"},
    {"command": "impair remove", "number": 1},
    {"command": "impair clear"},
    {"command": "peer set", "host": "slow.test", "does": "accept after 3s, window 100"},
    {"command": "peer set", "host": "192.0.2.9:80", "does": "reset"},
    {"command": "peer list"},
    {"command": "peer remove", "host": "slow.test"},
    {"command": "fault set", "fault": "dns delay www.test 0.5 times 3"},
    {"command": "fault list"},
    {"command": "fault clear", "number": 1},
]
VALUES: list[object] = [
    *(None, True, -1, 0, 1, 2**70, 1.5, "", "x", NO_UTF_8, [], ["x"], {}, {"x": None}),
]


def spoilt_request(request: Request, dice: Random) -> Request:
    changed = dict(request)
    key = dice.choice([*changed])
    value = changed[key]
    match dice.randrange(6):
        case 0:
            del changed[key]
        case 1:
            changed[key] = dice.choice(VALUES)
        case 2:
            changed[dice.choice(["x", "rule", "number", "source"])] = dice.choice(VALUES)
        case 3 | 4 if isinstance(value, str) and key != "file":  # which stays here
            changed[key] = respelt(value, dice)
    return changed


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Commands]:
    monkeypatch.chdir(tmp_path)  # a capture may be started
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


def answered(commands: Commands, line: bytes) -> None:
    answer = commands.answer(line)
    assert answer.endswith(b"\n")
    assert b"\n" not in answer[:-1]
    told = json.loads(answer)
    if not told["ok"]:
        assert "a fault in pynat" not in told["error"], line
        raise Refused(told["error"])


def test_a_spoilt_request_is_carried_out_or_refused(commands: Commands) -> None:
    refusals = [
        *("no command", "is an object with a", "needs 'rule'", "takes no 'x'", "no forward"),
        *("must be", "one of router, peer", "no word of a rule", "no rule", "no peer", "no fault"),
        *("no capture", "text in UTF-8", "/nowhere does not exist", "[tcp|udp]:"),
        "the linter is off",
    ]
    sift(
        samples(REQUESTS, spoilt_request, 6000),
        lambda request: answered(commands, json.dumps(request).encode()),
        Refused,
        least=0.15,
        said=refusals,
    )


def test_a_spoilt_line_is_carried_out_or_refused(commands: Commands) -> None:
    lines = [json.dumps(request).encode() for request in REQUESTS if "file" not in request]
    sift(
        [line.replace(b"\n", b"") for line in samples(lines, spoilt, 5000)],
        lambda line: answered(commands, line),
        Refused,
        least=0.01,
        said=["not a JSON object on one line", "no command", "no word of a rule", "needs 'rule'"],
    )


def test_what_nobody_would_send_is_refused(commands: Commands) -> None:
    for line in (b"", b"[" * 50_000, b"1" * 5000, b"null", b'"x"', b"NaN", b"\xff\xfe{\0}\0"):
        with pytest.raises(Refused):
            answered(commands, line)
