"""The shards of a suite as one page."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from pynat.errors import ConfigError
from pynat.report.merge import write_merged

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
