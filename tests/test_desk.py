"""What a contributor is told and given: CONTRIBUTING.md, the changelog's form, checks, fuzzing."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from random import Random

import compile_commands
import yaml

from bochs_shim import build_flags
from tests import fuzzing
from tests.proving import ROOT

MAKEFILE = (ROOT / "Makefile").read_text()
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
KINDS = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"]


def test_the_changelog_is_sorted_by_kind_of_change() -> None:
    """As https://keepachangelog.com has it."""
    first, *versions = re.split(r"^## ", (ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE)
    assert first.startswith("# Changelog\n")
    assert versions[0].startswith("[Unreleased]\n")
    for version in versions:
        heading, *parts = version.split("\n### ")
        assert re.fullmatch(r"\[(Unreleased\]|\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d)\s*", heading)
        kinds = [part.partition("\n")[0] for part in parts]
        assert kinds == sorted(set(kinds), key=KINDS.index)
        entries = [line for part in parts for line in part.splitlines()[1:] if line]
        assert [line for line in entries if not line.startswith(("- ", "  "))] == []


def test_what_contributors_are_told_exists() -> None:
    paths = re.findall(r"\b(?:pynat|tests|docs|scripts)/[\w./-]+\w", CONTRIBUTING)
    written = [path for path in paths if not re.search("[A-Z]{4}", path)]  # tests/test_NAME.py
    assert len(written) > 20
    assert [path for path in written if not (ROOT / path).exists()] == []
    verbs = set(re.findall(r"\bmake ([a-z-]+)", CONTRIBUTING))
    assert verbs >= {"check", "test", "test-fast", "fuzz"}
    assert [verb for verb in verbs if not re.search(rf"^{verb}:", MAKEFILE, re.MULTILINE)] == []


def test_the_recipes_name_commits_of_the_history() -> None:
    named = re.findall(r"Done by: [^.]*(?:\.\w[^.]*)* in ([0-9a-f]{7})\.", CONTRIBUTING)
    assert len(named) == CONTRIBUTING.count("\n### A ")
    if has_history():
        for commit in named:
            command = ("git", "merge-base", "--is-ancestor", commit, "HEAD")
            subprocess.run(command, cwd=ROOT, check=True)


def has_history() -> bool:
    """Not so in an unpacked archive, nor in a clone of the last commit alone."""
    command = ("git", "rev-parse", "--is-shallow-repository")
    return (ROOT / ".git").exists() and subprocess.check_output(command, cwd=ROOT) == b"false\n"


def test_a_commit_is_checked_as_make_check_does() -> None:
    (repository,) = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert repository["repo"] == "local"
    check = re.search(r"^check: ([a-z -]*[a-z])", MAKEFILE, re.MULTILINE)
    assert check is not None
    assert [hook["entry"] for hook in repository["hooks"]] == [
        f"make {one}" for one in check[1].split()
    ]


def test_clang_tidy_has_the_flags_of_each_source() -> None:
    found = {Path(str(one["file"])).name: one["arguments"] for one in compile_commands.entries()}
    compiled = [*build_flags.CORE_SOURCES, *build_flags.PYTHON_SOURCES, *build_flags.BOCHS_SOURCES]
    assert {*compiled, "_fast.c"} <= found.keys()
    assert [
        name
        for name in compiled
        if ("-fno-rtti" in found[name]) != (name in build_flags.BOCHS_SOURCES)
    ] == []


def test_what_make_fuzz_finds_can_be_repeated() -> None:
    """Each seed draws otherwise, none draws as ever, and the command names the seed."""
    assert fuzzing.seeded(1, "").random() == Random(1).random()
    assert len({fuzzing.seeded(1, fuzz).random() for fuzz in ("", "1", "2")}) == 3
    assert not {*fuzzing.seeds(100, "")} & {*fuzzing.seeds(100, "1")}
    name, value, *command = re.split(r"[= ]", fuzzing.again("tests/x.py::test_x", "7"))
    assert (name, value) == ("PYNAT_FUZZ_SEED", "7")
    assert command[-1] == "'tests/x.py::test_x'"


def test_make_fuzz_ends_with_the_first_failure_or_its_time(tmp_path: Path) -> None:
    pytest_ = tmp_path / "pytest"
    pytest_.write_text(
        f'#!/bin/sh\necho "$PYNAT_FUZZ_SEED $*" >>{tmp_path}/log\n[ "$PYNAT_FUZZ_SEED" != 9 ]\n'
    )
    pytest_.chmod(0o755)
    fuzz = ROOT / "scripts" / "fuzz"
    assert subprocess.run((fuzz, "60", "7", "--", pytest_), check=False).returncode == 1
    assert subprocess.run((fuzz, "0", "3", "--", pytest_), check=False).returncode == 0
    rounds = (tmp_path / "log").read_text().splitlines()
    assert [one.split()[0] for one in rounds] == ["7", "8", "9", "3"]
    assert all("--hypothesis-seed" in one and "tests/router/test_fuzz.py" in one for one in rounds)
