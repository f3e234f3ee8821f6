"""`pynat new`: a kernel, its tests and a workflow in a folder of the author's."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pynat.cli import new
from pynat.cli.main import main
from pynat.cli.plain_kernel import plain
from tests.packaging.links import broken


def names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_it_writes_a_repository_that_builds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "mykernel"
    assert main(["new", str(folder)]) == 0
    assert str(folder) in capsys.readouterr().out
    wanted = {"README.md", "Makefile", "main.c", "kernel.ld", ".gitignore", "tests/conftest.py"}
    assert wanted | {".github/workflows/test.yml", "tests/test_network.py"} <= names(folder)
    subprocess.run(["make", "-s"], cwd=folder, check=True)
    assert (folder / "kernel.elf").exists()


def test_a_plain_one_is_the_same_without_the_switches(tmp_path: Path) -> None:
    """To the byte, when it is built: what MISTAKE(n) guards is not in the other one either."""
    for name in ("switches", "plain"):
        assert main(["new", str(tmp_path / name), *(["--plain"] * (name == "plain"))]) == 0
        done = subprocess.run(
            ["make", "CC=gcc -Werror"],
            cwd=tmp_path / name,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
    assert names(tmp_path / "plain") == names(tmp_path / "switches")
    kernels = {
        name: (tmp_path / name / "kernel.elf").read_bytes() for name in ("switches", "plain")
    }
    assert kernels["plain"] == kernels["switches"]
    for path in (tmp_path / "plain").rglob("*"):
        if path.is_file() and path.suffix not in {".o", ".elf"}:
            text = path.read_text()
            assert not re.search("MISTAKE|MADE|swap\\d|wrong-", text), path


@pytest.mark.parametrize(
    ("written", "left"),
    [
        ("f(MISTAKE(1) ? swap16(type) : type);", "f(type);"),
        ("a = MISTAKE(1) && !(b & C)\n    ? d - 1\n    : d;", "a = d;"),
        ("MISTAKE(1) ? A : MISTAKE(2) ? B : C;", "C;"),
        ("a | (MISTAKE(1) ? 0 : B) | c", "a | B | c"),
        ("a | (MISTAKE(1) ? 0 : 1 << 2)", "a | (1 << 2)"),
        ("a == b || MISTAKE(1) ? 0 : c", "a == b ? 0 : c"),
        ("if (MISTAKE(1) || !a) return;", "if (!a) return;"),
        ("    if (a && !MISTAKE(1)) b();", "    if (a) b();"),
        ("    if (!MISTAKE(1)) b();", "    b();"),
        ("    if (MISTAKE(1)) b(), c = 1;\n    d();", "    d();"),
        ("a ? b : c;", "a ? b : c;"),
    ],
)
def test_what_a_mistake_leaves(written: str, left: str) -> None:
    assert plain(written) == left


def test_make_says_what_is_there_and_a_mistake_has_a_folder(tmp_path: Path) -> None:
    main(["new", str(tmp_path / "k")])
    said = [
        subprocess.run(
            ["make", "--no-print-directory", *words],
            cwd=tmp_path / "k",
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for words in ([], ["build"], ["-s", "MISTAKE=12"])
    ]
    assert said[1:] == ["kernel.elf is there\n", "wrong-12/kernel.elf is there\n"]
    kernels = [
        (tmp_path / "k" / name).read_bytes() for name in ("kernel.elf", "wrong-12/kernel.elf")
    ]
    assert kernels[0] != kernels[1]


def test_who_has_no_pytest_is_told_where_to_put_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    assert main(["new", str(tmp_path / "k")]) == 0
    assert capsys.readouterr().out.endswith(f": {sys.executable} -m pip install pytest\n")
    make = ["make", "test", f"PYTHON={sys.executable} -S"]
    done = subprocess.run(make, cwd=tmp_path / "k", capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert f"pytest beside it: {sys.executable} -S -m pip install pytest\n" in done.stderr


def test_make_test_takes_the_python_that_has_pynat(tmp_path: Path) -> None:
    main(["new", str(tmp_path / "k")])
    (tmp_path / "pynat").symlink_to(Path(sys.executable).with_name("pynat"))
    path = f"{tmp_path}:/usr/bin:/bin"
    done = subprocess.run(
        ["make", "-n", "test"],
        cwd=tmp_path / "k",
        env={"PATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    assert f"\n{Path(sys.executable).with_name('python3')} -m pytest tests\n" in done.stdout


def test_pytest_takes_no_options_from_above_it(tmp_path: Path) -> None:
    """As in a checkout of pynat, whose own want plugins that are not there."""
    (tmp_path / "pyproject.toml").write_text('[tool.pytest.ini_options]\naddopts = "--no-such"\n')
    main(["new", str(tmp_path / "k")])
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"],
        cwd=tmp_path / "k",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "tests/test_network.py::" in done.stdout


def test_its_readme_is_about_it(tmp_path: Path) -> None:
    main(["new", str(tmp_path / "mykernel")])
    readme = tmp_path / "mykernel" / "README.md"
    text = readme.read_text()
    assert text.startswith("# mykernel\n")
    assert list(broken(readme)) == []
    told = set(re.findall(r"`([\w/]+\.\w+)`", text))
    assert told <= names(readme.parent)
    assert {name for name in names(readme.parent) if re.search(r"\.([cS]|ld)$", name)} <= told


def test_what_was_made_beside_the_example_stays_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "documents" / "examples" / "kernel"
    for name in ("main.c", "main.o", "kernel.elf", "template/README.md", "tests/__pycache__/a.py"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).touch()
    monkeypatch.setattr(new, "documents", lambda: tmp_path / "documents")
    assert main(["new", str(tmp_path / "mine")]) == 0
    assert names(tmp_path / "mine") == {"main.c", "README.md"}


def test_an_empty_folder_will_do_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["new", "."]) == 0
    assert (tmp_path / "README.md").read_text().startswith(f"# {tmp_path.name}\n")
    before = names(tmp_path)
    for taken in (".", "README.md"):
        assert main(["new", taken]) == 1
        said = capsys.readouterr().err
        assert said == f"pynat: {taken} is there and not an empty folder; name another one\n"
    assert names(tmp_path) == before


def test_an_installation_without_examples_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(new, "documents", lambda: None)
    assert main(["new", str(tmp_path / "mine")]) == 1
    assert "has no examples/kernel" in capsys.readouterr().err
    assert not (tmp_path / "mine").exists()
