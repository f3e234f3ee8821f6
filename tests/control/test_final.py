"""What a network had come to, in a file that it leaves at its end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pynat.config import Config
from pynat.control.final import FINAL_VARIABLE, MOST_ENDED
from tests.control.test_server import at
from tests.engine.running import Guest, Peer, controlled_running, scenario
from tests.frames import GUEST, ROUTER


def ended(config: Config, *work: Any) -> None:
    async def run() -> None:
        async with controlled_running(config) as guest:
            for one in work:
                await one(guest)

    scenario(run)


def left(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in sorted(folder.iterdir())]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(FINAL_VARIABLE, str(tmp_path / "final"))
    (tmp_path / "final").mkdir()
    return tmp_path / "final"


async def refused(guest: Guest) -> None:
    """A connection to a port of the host where nobody listens."""
    Peer(guest, 9).send("S")
    answer = await guest.link.take()
    assert answer


def test_it_tells_of_flows_that_are_over_too(folder: Path, tmp_path: Path) -> None:
    capture = tmp_path / "net.pcapng"
    ended(at(tmp_path / "ctl", capture=capture), refused)
    (told,) = left(folder)
    assert told["card"] == "card"
    assert told["time"] >= 0
    assert told["from_guest"]["frames"] > 0
    assert (told["findings"], told["leases"]) == ({}, [])
    assert told["files"] == {"capture": str(capture)}
    (flow,) = told["flows"]
    assert (flow["protocol"], flow["guest"], flow["remote"]) == (
        "tcp",
        f"{GUEST}:40000",
        f"{ROUTER}:9",
    )
    assert "refused" in flow["ended"]
    assert flow["timer"] is None


def test_two_networks_of_one_name_leave_two_files(folder: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        ended(at(tmp_path / name))
    assert len(left(folder)) == 2


def test_nothing_is_kept_where_nobody_asked(tmp_path: Path) -> None:
    kept: list[object] = []

    async def look(guest: Guest) -> None:
        kept.append(guest.engine.router.numbers.kept)

    ended(at(tmp_path / "ctl"), look)
    assert kept == [None]


def test_what_is_kept_of_ended_flows_has_a_bound(folder: Path, tmp_path: Path) -> None:
    async def look(guest: Guest) -> None:
        kept = guest.engine.router.numbers.kept
        assert kept is not None
        assert kept.maxlen == MOST_ENDED

    ended(at(tmp_path / "ctl"), look)


def test_a_folder_that_is_not_there_is_said_and_costs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FINAL_VARIABLE, str(tmp_path / "none"))
    logged: list[str] = []

    async def look(guest: Guest) -> None:
        guest.engine.notices.say = lambda level, text: logged.append(text)  # type: ignore[method-assign]

    ended(at(tmp_path / "ctl"), look)
    assert any(f"{FINAL_VARIABLE}: {tmp_path}/none" in text for text in logged)
