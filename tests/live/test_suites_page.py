"""docs/suites.md: its suite runs over three kinds of guest, its workflow asks for what there is."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
import yaml

from tests.live.network import ETHMOD, HANGS
from tests.live.test_pytest_page import hold_session
from tests.packaging.test_workflow import ACTION, LOCAL, parsed
from tests.proving import ROOT

PAGE = ROOT / "docs/suites.md"


@pytest.mark.boots
@pytest.mark.netns
@pytest.mark.timeout(HANGS)
@pytest.mark.skipif(ETHMOD != "pynat", reason="the plugin is pynat's")
def test_one_suite_runs_over_three_kinds_of_guest(tmp_path: Path) -> None:
    shutil.copy(ROOT / "examples/stack/echo.c", tmp_path)
    hold_session(PAGE, tmp_path)
    assert (tmp_path / "echo").is_file()


def test_the_matrix_is_a_workflow_whose_parts_are_a_whole() -> None:
    (text,) = re.findall(r"^```yaml\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    workflow = yaml.safe_load(text)
    part, whole = (workflow["jobs"][name] for name in ("part", "whole"))
    groups = part["strategy"]["matrix"]["group"]
    *_, tests = part["steps"]
    assert f"--splits {len(groups)} --group ${{{{ matrix.group }}}}" in tests["with"]["run"]
    assert groups == list(range(1, len(groups) + 1))
    assert whole["needs"] == "part"
    steps = [*part["steps"], *whole["steps"]]
    used = {step["uses"] for step in steps if "uses" in step}
    assert [one for one in used - LOCAL if not ACTION.fullmatch(one)] == []
    inputs = parsed(ROOT / "action.yml")["inputs"]
    given = {name for step in steps if step.get("uses") in LOCAL for name in step["with"]}
    assert given <= set(inputs)
