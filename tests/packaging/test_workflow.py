"""What .github/workflows/ asks for exists, as far as that can be told without running it."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.packaging.checkout import ROOT, Files
from tests.report.browser import SCREENSHOTS

WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
COPIED = sorted((ROOT / "examples" / "kernel" / "template").rglob("*.yml"))  # to authors
LOCAL = {"./", "./.pynat"}  # action.yml, from where it is checked out
ACTION = re.compile(r"actions/[a-z-]+@v\d+")  # nobody else's, and of one major version
JOB = re.compile(r"[A-Za-z_][\w-]*")
TARGET = re.compile(r"^([a-z][a-z-]*):", re.MULTILINE)
MAKE = re.compile(r"^\s*make\b(.*)$", re.MULTILINE)
OURS = re.compile(r"(?<![\w./~-])((?:\.ci|scripts|tests|docs|examples|benchmarks)\b[\w./-]*)")
HASHED = re.compile(r"hashFiles\(([^)]*)\)")
MATRIX = re.compile(r"\$\{\{ matrix\.([\w-]+) \}\}")


def jobs() -> dict[str, Any]:
    """Of all workflows, by name."""
    paths = [*WORKFLOWS, *COPIED]
    return {name: job for path in paths for name, job in parsed(path)["jobs"].items()}


def steps() -> list[dict[str, Any]]:
    """Of the workflows and of the action."""
    action = parsed(ROOT / "action.yml")["runs"]["steps"]
    return [*action, *(step for job in jobs().values() for step in job["steps"])]


def parsed(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


def commands() -> list[str]:
    return [step["run"] for step in steps() if "run" in step]


@pytest.mark.parametrize("path", [*WORKFLOWS, *COPIED], ids=lambda path: path.stem)
def test_it_runs_for_each_push_and_pull_request(path: Path) -> None:
    workflow = parsed(path)
    assert set(workflow[True]) == {"push", "pull_request"}  # YAML takes `on` for a truth value
    assert workflow["permissions"] == {"contents": "read"}


def test_it_takes_no_actions_of_others() -> None:
    used = {step["uses"] for step in steps() if "uses" in step}
    assert used > LOCAL
    assert [action for action in used - LOCAL if not ACTION.fullmatch(action)] == []


def test_it_makes_what_the_makefile_has() -> None:
    made = [
        word for command in commands() for words in MAKE.findall(command) for word in words.split()
    ]
    targets = {word for word in made if "=" not in word}
    assert targets == {"build", "check", "dist", "docs", "test", "test-mistakes"}
    assert targets <= set(TARGET.findall((ROOT / "Makefile").read_text()))


def test_it_keeps_the_pictures_of_the_report_also_where_all_is_well() -> None:
    (kept,) = [step for step in steps() if "screenshots" in step.get("with", {}).get("name", "")]
    assert kept["if"] == "always()"
    assert ROOT / kept["with"]["path"] == SCREENSHOTS


@pytest.mark.parametrize("command", commands())
def test_its_commands_are_shell_and_name_what_exists(command: str) -> None:
    subprocess.run(["bash", "-n"], input=command, text=True, check=True)
    assert [name for name in OURS.findall(command) if not (ROOT / name).exists()] == []


def test_its_cache_is_keyed_by_files_that_are_there(tracked: Files) -> None:
    text = "".join(path.read_text() for path in WORKFLOWS)
    patterns = [word.strip(" '") for group in HASHED.findall(text) for word in group.split(",")]
    assert patterns
    assert [pattern for pattern in patterns if not any(ROOT.glob(matching(pattern)))] == []


def matching(pattern: str) -> str:
    """pathlib's `**` stands for folders alone."""
    return pattern + "/*" if pattern.endswith("**") else pattern


@pytest.mark.parametrize("name", jobs())
def test_each_job_is_one_that_can_be_started(name: str) -> None:
    job = jobs()[name]
    assert JOB.fullmatch(name)
    assert job["timeout-minutes"] <= 90
    assert set(MATRIX.findall(yaml.safe_dump(job))) == set(
        job.get("strategy", {}).get("matrix", {})
    )
