"""The docs promise nothing that no test shows; what is named in the documentation exists.

That each test asserts something is what test_tests.py looks at.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from pynat.rules import BY_CODE, RULES
from tests.proving import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
ROW = re.compile(r"^\| .* \| .* \| (.*) \|$", re.MULTILINE)
TEST = re.compile(r"\btests/[\w/]+\.py\b(?:::\w+)?")
HEADINGS = {"test", "---"}
NAMED = sorted({named for page in PAGES for named in TEST.findall(page.read_text())})


def not_run(named: list[str], root: Path = ROOT) -> list[str]:
    """Those that pytest does not collect there, or always skips, or expects to fail."""
    files = sorted({one.partition("::")[0] for one in named})
    command = (sys.executable, "-m", "tests.collecting", f"--rootdir={root}", *files)
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=root, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, bool] = json.loads(done.stdout)
    return [one for one in named if not found.get(one)]


def rows() -> list[str]:
    text = (ROOT / "docs/guest.md").read_text()
    return [cell for cell in ROW.findall(text) if cell not in HEADINGS]


def test_each_promise_to_a_guest_names_its_tests_and_nothing_else() -> None:
    assert len(rows()) > 100
    assert [
        cell for cell in rows() if not re.fullmatch(rf"{TEST.pattern}(, {TEST.pattern})*", cell)
    ] == []


def test_every_file_that_is_named_is_there() -> None:
    assert [one for one in NAMED if not (ROOT / one.partition("::")[0]).is_file()] == []


def test_every_test_that_is_named_is_run() -> None:
    assert not_run([one for one in NAMED if "::" in one]) == []


SOURCE = """
import pytest
def test_is_run(): assert f()
@pytest.mark.parametrize("x", [1, 2])
@pytest.mark.skipif("sys.platform == 'x'", reason="x")
def test_is_run_somewhere(x): assert x
@pytest.mark.skip(reason="x")
def test_skipped(): assert f()
@pytest.mark.skipif(True, reason="x")
def test_skipped_always(): assert f()
@pytest.mark.xfail
def test_may_fail(): assert f()
def outer():
    def test_inner(): assert f()
def helper(): assert f()
if False:
    def test_never(): assert f()
"""


def test_what_is_not_run_is_found(tmp_path: Path) -> None:
    (tmp_path / "test_x.py").write_text(SOURCE)
    names = [f"test_x.py::{name}" for name in re.findall(r"def (\w+)", SOURCE)]
    assert set(names) - set(not_run(names, tmp_path)) == {
        "test_x.py::test_is_run",
        "test_x.py::test_is_run_somewhere",
    }


def test_every_rule_named_in_the_documentation_and_the_help_exists() -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md"), *(ROOT / "pynat").rglob("*.py")]
    protocols = "|".join(sorted({rule.protocol for rule in RULES}))
    codes = re.compile(rf"\b(?:{protocols})\d{{3}}\b")
    named = {(page.name, code) for page in pages for code in codes.findall(page.read_text())}
    assert len(named) > len(RULES)
    assert [each for each in sorted(named) if each[1] not in BY_CODE] == []
