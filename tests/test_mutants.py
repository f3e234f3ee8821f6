"""scripts/mutants.py: what it changes, and what it says of a package with tests of all kinds."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import mutations
import pytest

SCRIPTS = Path(__file__).resolve().parents[1] / "scripts"


@pytest.mark.parametrize(
    ("source", "changed"),
    [
        ("x = 1", ["x = (2)"]),
        ("x = 0.5", ["x = (1.0)"]),
        ("x = f(True)", ["x = f((False))"]),
        ("x = a < b", ["x = (a <= b)", "x = (a >= b)"]),
        ("x = a - b", ["x = (a + b)"]),
        ("x = a and b", ["x = (a or b)"]),
        ("x = not a", ["x = (a)"]),
        ("x = min(a, b)", ["x = (max(a, b))"]),
        ("x.y = z", ["pass"]),
        ("x += y", ["pass", "x -= y"]),
        ("f(x)", ["pass"]),
        ("if a: b", ["if (not (a)): b"]),
        ("def f() -> int: return x", ["def f() -> int: return None"]),
        ("x = [a for a in b if c]", ["x = [a for a in b if (not (c))]"]),
        ("x: int | str = y", []),
        ("@d(slots=True)\nclass C: pass", []),
        ("assert a < b", []),
        ("assert_never(x)", []),
        ('"a text"', []),
        ("x = f'{a + b}'", []),
    ],
)
def test_what_is_changed(source: str, changed: list[str]) -> None:
    found = [
        one.source(source.encode()).decode() for one in mutations.mutants("m.py", source.encode())
    ]
    assert sorted(found) == sorted(changed)
    assert all(mutations.compiles(text.encode()) for text in changed)


def test_lines_keep_their_numbers() -> None:
    source = b"f(\n    1,\n)\nx.y = 2\n"
    removed = mutations.mutants("m.py", source)[0].source(source)
    assert removed.splitlines().index(b"x.y = 2") == 3


def test_where_a_mutant_is() -> None:
    source = b"A = 1\nclass C:\n    @d\n    def f(self, x=2):\n        return 3 + x\n"
    found = [(one.line, one.function) for one in mutations.mutants("p/q.py", source)]
    assert (1, None) in found
    assert (4, None) in found  # runs at the import
    assert (5, ("f", 3)) in found


MODULE = """
LIMIT = 3


def clipped(x):
    if x > LIMIT:
        return LIMIT
    return x


def count(to):
    done = []
    while len(done) < to:
        done += [1]
    return len(done)


def unused(x):
    return x + 1
"""
TESTS = """
from toy.room.numbers import clipped, count


def test_clipped():
    assert clipped(2) == 2
    assert clipped(9) == 3


def test_count():
    assert count(2) == 2
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name, text in (("toy/room/numbers.py", MODULE), ("tests/room/test_it.py", TESTS)):
        path = tmp_path / "project" / name
        path.parent.mkdir(parents=True)
        path.write_text(text)
    for package in ("toy", "toy/room", "tests", "tests/room"):
        (tmp_path / "project" / package / "__init__.py").touch()
    (tmp_path / "scratch").mkdir()
    return tmp_path / "project"


def start(project: Path, bound: float = 100, grace: int = 5) -> subprocess.Popen[str]:
    script = (
        "import sys, mutants; from pathlib import Path;"
        f"mutants.GRACE = {grace}; order = mutants.Order(Path({str(project)!r}), 'toy', ['room'],"
        f" ['toy/room'], 99, 1, 2, {bound}); sys.exit(mutants.main(order))"
    )
    return subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONPATH": str(SCRIPTS), "TMPDIR": str(project.parent / "scratch")},
    )


def run(project: Path, bound: float = 100) -> tuple[int, list[str]]:
    with start(project, bound) as process:
        said, _ = process.communicate(timeout=50)
    return process.returncode, said.splitlines()


def test_a_pass(project: Path) -> None:
    before = {path: path.read_text() for path in project.rglob("*.py")}
    status, lines = run(project)
    assert status == 0, lines
    place = "toy/room/numbers.py"
    assert f"{place}:6: survived" in lines  # the same result
    assert f"{place}:14: survived" in lines  # what is in the list is never seen
    assert f"{place}:19: not run by a test" in lines
    assert lines[lines.index(f"{place}:6: survived") + 1 :][:2] == [
        "- if x > LIMIT:",
        "+ if (x >= LIMIT):",
    ]
    assert lines[-1] == (  # what a loop without end does is to be late
        "14 of 14 mutants, seed 1: 8 killed, 3 not run by a test, 2 survived, 1 timed out;"
        " 35.7 % live"
    )
    assert before == {path: path.read_text() for path in project.rglob("*.py")}
    assert run(project, bound=10)[0] == 1


def test_tests_that_fail_as_they_are(project: Path) -> None:
    (project / "tests" / "room" / "test_it.py").write_text("def test_it():\n    assert 1 == 2\n")
    status, lines = run(project)
    assert status == 1
    assert lines[-1] == "tests/room: tests fail as they are"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_all_of_it(project: Path, number: signal.Signals) -> None:
    with start(project, grace=60) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.endswith(": survived\n"):
                break
        process.send_signal(number)
        said = process.stdout.read()  # until nobody has that pipe any more
    assert process.returncode == 2
    assert "interrupted; so far:\n" in said
    assert not list((project.parent / "scratch").iterdir())
