"""The tests that an author copies with the example kernel pass, in a folder of their own."""

from __future__ import annotations

import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from pynat.cli.main import main
from pynat.report.merge import write_merged
from tests.live.network import ETHMOD, HANGS

pytestmark = [
    pytest.mark.boots,
    pytest.mark.timeout(HANGS),
    pytest.mark.skipif(ETHMOD != "pynat", reason="the plugin is pynat's"),
]


def test_the_suite_of_the_example_kernel_passes(tmp_path: Path) -> None:
    folder = tmp_path / "mykernel"
    assert main(["new", str(folder)]) == 0
    options = ["--pynat-artifacts=out", "--junit-xml=out/junit.xml", "-p", "no:cacheprovider"]
    command = [sys.executable, "-m", "pytest", "-q", "tests", *options]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    results = write_merged([folder / "out"], folder / "out" / "all.html")
    cases = list(ET.parse(folder / "out" / "junit.xml").getroot().iter("testcase"))
    assert len(results) == len(cases) >= 20
    assert not any(result.is_bad or result.seed is None for result in results)
