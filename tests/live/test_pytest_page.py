"""docs/pytest.md: its session can be held, and its reference is that of today's docstrings."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tests.live.network import ETHMOD, HANGS
from tests.live.test_example_kernel import SOURCE
from tests.pytest_plugin.pages import PAGE, page
from tests.test_tutorial import assert_matches, commands, run

BLOCK = re.compile(r'^```(console|python title="(\S+)")\n(.*?)^```$', re.MULTILINE | re.DOTALL)


def hold_session(page: Path, folder: Path) -> None:
    """What a page writes and runs, in a folder that has the kernel."""
    shutil.copytree(SOURCE, folder / "mykernel")
    for _, file, text in BLOCK.findall(page.read_text()):
        if file:
            (folder / file).write_text(text)
            continue
        for command, wanted in commands(text):
            assert_matches(command, wanted, run(command, folder))


@pytest.mark.boots
@pytest.mark.timeout(HANGS)
@pytest.mark.skipif(ETHMOD != "pynat", reason="the plugin is pynat's")
def test_the_session_of_the_page(tmp_path: Path) -> None:
    hold_session(PAGE, tmp_path)
    assert len(list((tmp_path / "out").iterdir())) == 6


def test_the_reference_is_that_of_the_docstrings() -> None:
    assert page(PAGE.read_text()) == PAGE.read_text(), "run scripts/make-fixture-pages"
