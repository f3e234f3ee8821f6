"""`pynat report findings.json`: findings as JSON, with their capture or alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pynat.cli.main import main
from pynat.errors import ConfigError
from pynat.report import Sources, recorded, write_report
from pynat.report.recording import Recording
from tests.report.making import bad_wire, told_of

SCRIPT = "<script>alert(1)</script>"
ROOT = {
    "time": 1.5,
    "kind": "finding",
    "code": "ARP036",
    "name": "n",
    "severity": "warning",
    "frame": 7,
    "from": "guest",
    "packet": None,
    "text": f"asked once {SCRIPT}",
}
FOLLOWS = ROOT | {
    "code": "TCP001",
    "frame": None,
    "packet": "tcp a > b",
    "text": "wrong",
    "count": 3,
    "because_of": {"code": "ARP036", "frame": 7},
}
WIRE = ROOT | {"code": "IP005", "because_of": {"code": "impair rule 1", "frame": 3}}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def written(*lines: object) -> Path:
    path = Path("findings.json")
    path.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    return path


def codes(recording: Recording) -> dict[str, int]:
    return {rule.code: count for rule, count in recording.counts.items()}


def test_findings_alone_are_a_page(folder: Path) -> None:
    recording = write_report(Sources(written(ROOT, FOLLOWS, WIRE)), folder / "report.html")
    assert codes(recording) == {"ARP036": 1, "TCP001": 3, "IP005": 1}
    assert [root.record.rule.code for root in recording.to_mend] == ["ARP036"]
    told = told_of(recording)
    assert told[0].startswith('<b>To mend first:</b> <a href="#ARP036">ARP036</a>, ')
    assert "(once, first in frame 7, at 1.500 s): asked once &lt;script&gt;" in told[0]
    assert told[1:] == [
        "These are findings alone: their capture, whose frames they number, is not here."
    ]
    text = (folder / "report.html").read_text()
    assert "tcp a &gt; b: wrong; because of ARP036" in text
    assert "because of impair rule 1" in text
    assert SCRIPT not in text
    assert 'id="flows"' not in text


@pytest.mark.parametrize("where", [".", "elsewhere"])
def test_what_lint_prints_names_its_capture(
    folder: Path, capsys: pytest.CaptureFixture[str], where: str
) -> None:
    capture = bad_wire(folder)
    assert main(["lint", "--json", capture.name]) == 1
    (folder / where).mkdir(exist_ok=True)
    findings = folder / where / "findings.json"
    findings.write_text(capsys.readouterr().out)
    if where != ".":
        capture = capture.rename(folder / where / capture.name)
    alone, both = recorded(Sources(capture)), recorded(Sources(findings))
    assert both.title == "findings.json"
    assert (both.frames, both.counts, both.fates) == (alone.frames, alone.counts, alone.fates)
    capture.unlink()
    left = recorded(Sources(findings))
    assert (left.frames, left.counts) == (0, alone.counts)
    assert [one.headline for one in left.to_mend] == [one.headline for one in alone.to_mend]


def test_a_clean_capture_leaves_an_empty_file(folder: Path) -> None:
    recording = recorded(Sources(written()))
    assert "Nothing is to be mended." in told_of(recording)


def test_what_run_prints_names_its_files(folder: Path) -> None:
    capture, findings = bad_wire(folder), written(ROOT, {"end": "64 MiB are full"})
    files = [("log", folder / "x"), ("findings", findings), ("capture", capture.absolute())]
    artifacts = [{"what": what, "path": str(path)} for what, path in files]
    run = folder / "run.json"
    run.write_text(json.dumps({"outcome": "x", "artifacts": artifacts}, indent=2))
    assert recorded(Sources(run)).frames > 0
    capture.unlink()
    assert codes(recorded(Sources(run))) == {"ARP036": 1}
    findings.unlink()
    with pytest.raises(ConfigError, match=r"run\.json: neither its capture nor its findings"):
        recorded(Sources(run))


@pytest.mark.parametrize(
    "line",
    [
        "[1]",
        "{}",
        "{",
        json.dumps(ROOT | {"code": "XYZ001"}),
        json.dumps(ROOT | {"code": ["TCP001"]}),
        json.dumps(ROOT | {"time": "soon"}),
        json.dumps(ROOT | {"time": 1e999}),
        json.dumps(ROOT | {"frame": "7"}),
        json.dumps(ROOT | {"count": 1.5}),
        json.dumps(ROOT | {"because_of": "x"}),
    ],
)
def test_what_is_no_finding_is_named_by_its_line(folder: Path, line: str) -> None:
    path = written(ROOT)
    path.write_text(path.read_text() + line)
    with pytest.raises(ConfigError, match=r"findings\.json: line 2: expected (a |findings)"):
        recorded(Sources(path))


@pytest.mark.parametrize("text", ["hello\n", "[1]\n"])
def test_a_file_of_json_that_has_none_is_asked_for_findings(tmp_path: Path, text: str) -> None:
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(ConfigError, match="line 1: expected findings, a JSON object a line"):
        recorded(Sources(tmp_path / "run.json"))


def test_the_command_sums_findings_up(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(written(ROOT, FOLLOWS))]) == 0
    assert capsys.readouterr().out == "report.html: warnings 1, errors 3\n"
