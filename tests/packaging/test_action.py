"""The workflow that `pynat new` writes, step by step in a fresh folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from pynat.cli.main import main
from tests.packaging import checkout
from tests.packaging.builds import Offline
from tests.packaging.github import Runner, Values

URL = "https://github.test/artifact/1"
REPOSITORY = "someone/pynat"


@pytest.mark.boots
@pytest.mark.timeout(900)
def test_an_authors_repository_is_tested_by_its_own_workflow(
    tmp_path: Path, tracked: checkout.Files, offline: Offline
) -> None:
    workspace, temporary = tmp_path / "work", tmp_path / "temporary"
    temporary.mkdir()
    main(["new", str(workspace)])
    with (workspace / "pytest.ini").open("a") as settings:
        settings.write("addopts = -k address\n")  # the rest: tests/live/test_example_suite.py
    kept: list[Values] = []

    def github(action: str, given: Values) -> Values:
        match action.partition("@")[0], given:
            case "actions/checkout", {"repository": repository, "path": path}:
                assert repository == REPOSITORY
                checkout.copy(tracked, workspace / path)
            case "actions/upload-artifact", _:
                kept.append(given)
                return {"artifact-url": URL}
        return {}

    variables = {"vars.PYNAT_REPOSITORY": REPOSITORY}
    runner = Runner(workspace, temporary, offline.environment(), github, variables)
    runner.job(workspace / ".github" / "workflows" / "test.yml")
    summary = runner.file("GITHUB_STEP_SUMMARY").read_text()
    assert " tests, 0 failed\n" in summary
    assert "tests/test_network.py::test_it_gets_an_address | passed |" in summary
    assert summary.endswith(f"are in [pynat]({URL}).\n")
    (artifacts,) = kept
    names = {path.name for path in Path(artifacts["path"]).iterdir()}
    assert {"report.html", "summary.md", "junit-pytest.xml"} <= names


def test_a_command_without_tests_of_guests_is_summed_up_too(
    tmp_path: Path, offline: Offline
) -> None:
    said = offline.run(checkout.ROOT / "action" / "summarize", tmp_path / "none", folder=tmp_path)
    assert said == "No test had a guest of pynat's pytest plugin.\n"
