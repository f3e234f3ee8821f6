"""docs/tutorial.md is a session that can be held: its changes apply, its commands say that.

In a ```console block a line that begins with "$ " is a command and what follows is its output, in
which "..." stands for any lines. A ```diff block changes the file that it names.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
TUTORIAL = ROOT / "docs" / "tutorial.md"
EXAMPLE = "examples/first_tcp"
BLOCK = re.compile(r'^```(console|diff title="(\S+)")\n(.*?)^```$', re.MULTILINE | re.DOTALL)


def test_the_tutorial(tmp_path: Path) -> None:
    shutil.copytree(ROOT / EXAMPLE, tmp_path / EXAMPLE)
    folder = tmp_path
    for kind, file, text in BLOCK.findall(TUTORIAL.read_text()):
        if file:
            apply(folder / file, text)
            continue
        for command, wanted in commands(text):
            if command.startswith("cd "):
                folder /= command[3:]
            else:
                assert_matches(command, wanted, run(command, folder))
        assert kind == "console"


def commands(block: str) -> list[tuple[str, str]]:
    parts = re.split(r"^\$ ", block, flags=re.MULTILINE)
    assert parts[0] == "", f"output without a command: {parts[0]!r}"
    return [(part.split("\n", 1)[0], part.split("\n", 1)[1]) for part in parts[1:]]


def apply(path: Path, diff: str) -> None:
    old, new = (
        "".join(line[1:] + "\n" for line in diff.splitlines() if line[0] in signs)
        for signs in ("- ", "+ ")
    )
    text = path.read_text()
    assert text.count(old) == 1, f"{path.name} has these lines {text.count(old)} times:\n{old}"
    path.write_text(text.replace(old, new))


def run(command: str, folder: Path) -> str:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    done = subprocess.run(
        ["sh", "-c", command],
        cwd=folder,
        env={**os.environ, "PATH": path, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


def assert_matches(command: str, wanted: str, said: str) -> None:
    pattern = re.escape(wanted).replace(re.escape("...\n"), r"(?:.*\n)*?")
    if re.fullmatch(pattern, said) is None:
        pytest.fail(f"$ {command}\n{said}--- the tutorial has\n{wanted}")
