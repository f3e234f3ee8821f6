"""The linter in an engine that runs: log, capture, JSON lines and `pynat ctl lint` agree."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path

import pytest
from scapy.layers.inet import ICMP
from scapy.utils import RawPcapNgReader

from pynat.config import Config, Lint
from pynat.control.commands import Commands
from pynat.engine import Engine, say
from pynat.link.memory import MemoryLink
from pynat.log.notices import Notices
from pynat.serve.stack import stacked
from tests.engine.running import Guest, scenario
from tests.frames import ROUTER, ping, udp

WRONG = [udp(ROUTER, 53, b"x", ttl=0, id=1), udp("192.0.2.7", 9, b"x", chksum=7, id=2)]


async def told(config: Config) -> tuple[list[str], dict[str, int]]:
    """The lines of the log and what ctl counts, of a guest that does two things wrong."""
    loop = asyncio.get_running_loop()
    memory = MemoryLink(loop)
    notices = Notices(lambda level, text: say(memory, level, text), config.lint.silence)
    with stacked(memory, config, notices, lint=True) as stack:
        engine = Engine(config, stack.link, loop, notices)
        task = asyncio.create_task(engine.run())
        guest = Guest(memory, engine)
        guest.introduce()
        for frame in [*WRONG, ping(ROUTER, id=3)]:
            memory.put(frame)
        await guest.expect(ICMP)
        commands = Commands(
            engine, config, "card", stack.capture, stack.impair, summary=stack.summary
        )
        answer = json.loads(commands.answer(b'{"command": "lint"}'))
        summary = json.loads(commands.answer(b'{"command": "lint summary"}'))
        assert summary["ok"] is (config.lint.enabled is not False)
        assert "page" in summary or "lint.enabled = true" in summary["error"]
        memory.close()
        await task
    memory.dispose()
    return [text for _, text in memory.lines], {r["code"]: r["count"] for r in answer["rules"]}


def config_for(folder: Path, lint: Lint) -> Config:
    return Config(seed=1, capture=folder / "x.pcapng", lint=replace(lint, json=folder / "x.jsonl"))


def frames_of(path: Path) -> list[bytes]:
    with RawPcapNgReader(str(path)) as reader:
        return [frame for frame, _ in reader]


def codes_in_capture(path: Path) -> list[bytes]:
    with RawPcapNgReader(str(path)) as reader:
        comments = [b"\n".join(meta.comments or []) for _, meta in reader]
    return [word for text in comments for word in text.split() if word in (b"IP031", b"IP005")]


def test_all_of_them_say_the_same(tmp_path: Path) -> None:
    async def run() -> None:
        log, counts = await told(config_for(tmp_path, Lint()))
        assert counts["IP031"] == counts["IP005"] == 1
        assert any("lint: IP031 error: udp 192.168.16.2:5000 > " in line for line in log)
        assert any("dropped: IP005 ipv4 checksum: udp 192.168.16.2:5000 > " in line for line in log)
        assert any(
            "lint: " in line and "`pynat explain` has a page for each" in line for line in log
        )
        assert any(line.startswith("summary: works: link, ARP") for line in log)
        assert any(line.startswith("summary: to mend, 1: IP031 error: ") for line in log)

    scenario(run)
    said = [json.loads(line) for line in (tmp_path / "x.jsonl").read_text().splitlines()]
    kinds = {one["code"]: (one["kind"], one["from"], one["frame"]) for one in said}
    numbers = {frame: number for number, frame in enumerate(frames_of(tmp_path / "x.pcapng"), 1)}
    assert kinds["IP031"] == ("finding", "guest", numbers[WRONG[0]])
    assert kinds["IP005"] == ("drop", "guest", numbers[WRONG[1]])
    assert codes_in_capture(tmp_path / "x.pcapng") == [b"IP031", b"IP005"]


@pytest.mark.one_way("only its configuration says what is silenced")
def test_what_is_silenced_is_only_counted(tmp_path: Path) -> None:
    async def run() -> None:
        silence = frozenset({"IP031", "IP005"})
        log, counts = await told(config_for(tmp_path, Lint(silence=silence)))
        assert counts["IP031"] == counts["IP005"] == 1
        assert not any("IP031 error" in line or "IP005 ipv4" in line for line in log)

    scenario(run)
    assert "IP0" not in (tmp_path / "x.jsonl").read_text()
    assert codes_in_capture(tmp_path / "x.pcapng") == []


@pytest.mark.parametrize("enabled", [True, False])
def test_switched_off_it_finds_nothing_and_drops_are_still_told(
    tmp_path: Path, enabled: bool
) -> None:
    async def run() -> None:
        _, counts = await told(config_for(tmp_path, Lint(enabled=enabled)))
        assert counts["IP005"] == 1
        assert ("IP031" in counts) is enabled

    scenario(run)
