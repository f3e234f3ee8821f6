"""`pynat report`, as it is typed."""

from __future__ import annotations

import json
import webbrowser
from pathlib import Path

import pytest
from PIL import Image

from pynat.cli.main import main
from tests.report.making import transfer


@pytest.fixture
def capture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return transfer(tmp_path / "net.pcapng", 20_000, 20_000, loss=0.03)


def test_a_page_is_made_and_summed_up(capture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(capture)]) == 0
    assert capsys.readouterr().out.startswith("report.html: frames ")
    assert Path("report.html").read_text().startswith("<!doctype html>")


def test_the_page_is_opened_in_a_browser(capture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    monkeypatch.setattr(webbrowser, "open", shown.append)
    assert main(["report", str(capture), "--open"]) == 0
    assert shown == [(capture.parent / "report.html").as_uri()]


def test_a_picture_of_one_flow(capture: Path) -> None:
    assert main(["report", str(capture), "--png", "1"]) == 0
    with Image.open("flow-1.png") as picture:
        data = picture.convert("RGB").tobytes()
        colors = list(zip(data[::3], data[1::3], data[2::3], strict=True))
        assert picture.width == 960
    assert any(blue > 100 + red for red, _, blue in colors), "data"
    assert any(red > 100 + blue for red, _, blue in colors), "sent again"


def test_a_flow_that_is_not_there(capture: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(capture), "--png", "9"]) == 1
    assert "TCP flow #9 is not in the capture, which has only #1\n" in capsys.readouterr().err


@pytest.mark.parametrize("words", [("-o", "no/x.html"), ("--merge", ".", "--markdown", "no/x.md")])
def test_a_folder_that_is_not_there(
    capture: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...]
) -> None:
    files = () if "--merge" in words else (str(capture),)
    assert main(["report", *files, *words]) == 1
    told = f"pynat: {words[-2]} {words[-1]}: there is no folder no\n"
    assert capsys.readouterr().err == told


def test_a_trace(capture: Path) -> None:
    assert main(["report", str(capture), "--trace", "-o", "t.json"]) == 0
    assert json.loads(Path("t.json").read_text())["traceEvents"]


def test_what_cannot_be_read_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(tmp_path / "none.pcapng")]) == 1
    assert "none.pcapng: No such file" in capsys.readouterr().err
    assert main(["report", "a", "b"]) == 1
    assert "2 files, expected one capture; --merge takes folders" in capsys.readouterr().err
