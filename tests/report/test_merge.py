"""The shards of a suite as one page."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from pynat.cli.main import main
from pynat.errors import ConfigError
from pynat.report.markdown import MOST_ROWS, summary
from pynat.report.merge import Result, write_merged

SUITE = '<testsuites><testsuite tests="2" failures="{}" errors="0" skipped="0"/></testsuites>'


def shard(folder: Path, outcome: str, findings: dict[str, int], failures: int) -> Path:
    test = folder / "test_lease"
    test.mkdir(parents=True)
    told = {"test": f"{folder.name}::test_lease", "outcome": outcome, "reason": "no <lease>"}
    (test / "result.json").write_text(json.dumps(told | {"seed": 7, "findings": findings}))
    (test / "report.html").write_text("")
    (folder / "junit-here.xml").write_text(SUITE.format(failures))
    return folder


def test_all_shards_are_on_one_page_and_the_bad_ones_first(tmp_path: Path) -> None:
    shards = [
        shard(tmp_path / "one", "passed", {"TCP001": 1}, 0),
        shard(tmp_path / "two", "failed", {"TCP001": 2, "ARP020": 1}, 1),
    ]
    results = write_merged(shards, tmp_path / "all.html")
    text = (tmp_path / "all.html").read_text()
    assert [one.outcome for one in results] == ["failed", "passed"]
    assert "2 tests, 1 failed" in text
    assert "no &lt;lease&gt;" in text
    assert 'href="two/test_lease/report.html"' in text
    assert '<span class="count">3</span>' in text
    joined = ET.parse(tmp_path / "junit.xml").getroot()
    assert (joined.get("tests"), joined.get("failures")) == ("4", "1")


def test_the_same_as_tables_for_the_summary_of_a_step(tmp_path: Path) -> None:
    shards = [
        shard(tmp_path / "one", "passed", {}, 0),
        shard(tmp_path / "two", "failed", {"TCP001": 2}, 1),
    ]
    target = tmp_path / "summary.md"
    words = ["report", "--merge", *map(str, shards), "-o", str(tmp_path / "all.html")]
    assert main([*words, "--markdown", str(target)]) == 0
    lines = target.read_text().splitlines()
    assert lines[0] == "## 2 tests, 1 failed"
    bad = "| two::test_lease<br>no &#60;lease&#62; | failed | 7 |  | TCP001 2 |"
    assert lines[4:6] == [bad, "| one::test_lease<br>no &#60;lease&#62; | passed | 7 |  |  |"]
    assert lines[-1].startswith("| TCP001 | error | ")


def test_tables_stay_short_and_a_clean_suite_says_so() -> None:
    results = [Result(f"t{n}|x", "passed") for n in range(MOST_ROWS + 3)]
    text = summary(results)
    assert text.count("passed") == MOST_ROWS
    assert "and 3 more in report.html" in text
    assert "t0&#124;x" in text
    assert text.endswith("The linter has nothing to say.\n")


def test_tables_are_for_many_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "net.pcapng", "--markdown", str(tmp_path / "x.md")]) == 1
    assert "--markdown is for --merge" in capsys.readouterr().err


def test_merging_twice_counts_once(tmp_path: Path) -> None:
    one = shard(tmp_path / "one", "passed", {}, 0)
    for _ in range(2):
        write_merged([one], one / "all.html")
    assert ET.parse(one / "junit.xml").getroot().get("tests") == "2"


def test_what_is_wrong_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="nowhere: expected a folder"):
        write_merged([tmp_path / "nowhere"], tmp_path / "all.html")
    with pytest.raises(ConfigError, match=r"no result\.json below"):
        write_merged([tmp_path], tmp_path / "all.html")
    (tmp_path / "result.json").write_text("{}")
    with pytest.raises(ConfigError, match=r"result\.json: no result of a test"):
        write_merged([tmp_path], tmp_path / "all.html")


@pytest.mark.parametrize(
    "told",
    [
        '{"test": "t", "outcome": "failed", "findings": {"TCP001": Infinity}}',
        '{"test": "t", "outcome": "failed", "findings": {}, "guest_seconds": "x"}',
        '{"test": "t", "outcome": "failed", "findings": {}, "seed": "<b>"}',
        '{"a":' * 100_000,
    ],
)
def test_a_spoilt_result_is_named(tmp_path: Path, told: str) -> None:
    (tmp_path / "result.json").write_text(told)
    with pytest.raises(ConfigError, match=r"result\.json: no result of a test"):
        write_merged([tmp_path], tmp_path / "all.html")


@pytest.mark.parametrize(
    "text",
    [
        '<testsuite tests="abc"/>',
        '<?xml version="1.0" encoding="x-foo"?><testsuite/>',
        "<testsuite>" * 5000 + "</testsuite>" * 5000,
    ],
)
def test_a_spoilt_junit_file_is_named(tmp_path: Path, text: str) -> None:
    one = shard(tmp_path / "one", "passed", {}, 0)
    (one / "junit-here.xml").write_text(text)
    with pytest.raises(ConfigError, match=r"junit-here\.xml: no JUnit file"):
        write_merged([one], tmp_path / "all.html")


def test_a_suite_within_another_counts_once(tmp_path: Path) -> None:
    one = shard(tmp_path / "one", "passed", {}, 0)
    (one / "junit-here.xml").write_text('<testsuite tests="3"><testsuite tests="2"/></testsuite>')
    write_merged([one], tmp_path / "all.html")
    assert ET.parse(tmp_path / "junit.xml").getroot().get("tests") == "3"


def test_markdown_is_nobodys_but_ours(tmp_path: Path) -> None:
    one = shard(tmp_path / "one", "failed |\n\n# <img src=x>", {"[a](b)": 1}, 0)
    text = summary(write_merged([one], tmp_path / "all.html"))
    assert "<img" not in text
    assert "[a](b)" not in text
    assert "\n# " not in text
