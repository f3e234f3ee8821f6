"""What `make` does before anything of pynat runs: packages, Python, .venv, and its end."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SCRIPTS = ROOT / "scripts"
VERBS = {"build", "demo", "test", "bench", "kernel"}


def run(
    *command: str | Path, path: Path | None = None, cwd: Path = ROOT, status: int = 0
) -> subprocess.CompletedProcess[str]:
    """path: a folder of programs that stand before the system's."""
    environment = dict(os.environ)
    if path is not None:
        environment["PATH"] = f"{path}:{environment['PATH']}"
    done = subprocess.run(
        list(map(str, command)),
        capture_output=True,
        text=True,
        check=False,
        env=environment,
        cwd=cwd,
    )
    assert done.returncode == status, done.stdout + done.stderr
    return done


def script(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    folder = tmp_path / "programs"
    folder.mkdir()
    return folder


# Debian packages


def wanted_packages(*verbs: str) -> set[str]:
    rows = (SCRIPTS / "debian-packages.txt").read_text().splitlines()
    fields = [row.split() for row in rows if row and not row.startswith("#")]
    return {name.split("!")[0] for name, *words in fields if set(verbs) & set(words[:4])}


@pytest.fixture
def debian(programs: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Debian with Python and Bochs and nothing else; what apt-get is told is in apt.log."""
    script(programs / "dpkg-query", 'echo "python3 installed"; echo "bochs installed"; exit 1')
    script(programs / "apt-get", f'echo "$@" >>"{programs}/apt.log"')
    script(programs / "id", "echo 0")
    (programs / "os-release").write_text("ID=debian\n")
    monkeypatch.setenv("SYSTEMD_OS_RELEASE", str(programs / "os-release"))
    return programs


def test_running_a_guest_needs_no_package_of_the_tests(debian: Path) -> None:
    run(SCRIPTS / "install-debian-packages", "build", path=debian)
    update, install = (debian / "apt.log").read_text().splitlines()
    assert update.endswith("update")
    assert set(install.split("--no-install-recommends ")[1].split()) == wanted_packages("build") - {
        "python3",
        "bochs",
    }
    assert not {"iperf3", "slirp4netns", "tshark", "ipxe"} & set(install.split())


def test_tests_want_what_running_wants_too(debian: Path) -> None:
    said = run(SCRIPTS / "install-debian-packages", "build", "test", path=debian).stdout
    installed = set((debian / "apt.log").read_text().split())
    assert wanted_packages("build", "test") - {"python3", "bochs"} <= installed
    assert "slirp4netns" not in installed
    assert "Wanted for make build test: python3-venv" in said


def test_what_ubuntu_has_as_a_snap_alone_is_not_asked_of_its_apt(debian: Path) -> None:
    (debian / "os-release").write_text("ID=ubuntu\n")
    run(SCRIPTS / "install-debian-packages", "build", "test", path=debian)
    installed = set((debian / "apt.log").read_text().split())
    missing = wanted_packages("build", "test") - {"python3", "bochs"} - installed
    assert missing == {"chromium", "chromium-driver"}


def test_nothing_is_asked_of_apt_where_all_is_there(debian: Path) -> None:
    names = wanted_packages(*VERBS)
    script(debian / "dpkg-query", "\n".join(f"echo '{name} installed'" for name in names))
    run(SCRIPTS / "install-debian-packages", *VERBS, path=debian)
    assert not (debian / "apt.log").exists()


def test_a_package_that_was_removed_is_missing(debian: Path) -> None:
    names = wanted_packages("build") - {"g++"}
    rows = [f"echo '{name} installed'" for name in names]
    script(debian / "dpkg-query", "\n".join([*rows, "echo 'g++ config-files'"]))
    run(SCRIPTS / "install-debian-packages", "build", path=debian)
    assert (debian / "apt.log").read_text().endswith(" g++\n")


def test_without_root_and_sudo_the_command_for_root_is_told(debian: Path) -> None:
    script(debian / "id", "echo 1000")
    for name in ("sh", "awk", "sed", "dirname", "grep"):
        (debian / name).symlink_to(subprocess.check_output(["which", name], text=True).strip())
    environment = {**os.environ, "PATH": str(debian)}
    done = subprocess.run(
        [SCRIPTS / "install-debian-packages", "build"],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    assert done.returncode == 1
    told = "As root:\n  apt-get update && apt-get install --no-install-recommends python3-venv"
    assert told in done.stderr


def test_sudo_that_asks_for_no_password_is_not_made_to(debian: Path) -> None:
    """`sudo -v` asks whom any of his rules asks, as those of a cloud's image do by his group."""
    script(debian / "id", "echo 1000")
    script(debian / "sudo", 'case $1 in -v) exit 1 ;; -n) shift ;; esac; exec "$@"')
    run(SCRIPTS / "install-debian-packages", "build", path=debian)
    assert " g++ " in (debian / "apt.log").read_text()


def test_a_password_that_sudo_does_not_get_is_the_end(debian: Path) -> None:
    script(debian / "id", "echo 1000")
    script(debian / "sudo", "exit 1")
    run(SCRIPTS / "install-debian-packages", "build", path=debian, status=1)
    assert not (debian / "apt.log").exists()


def test_each_package_is_wanted_by_somebody() -> None:
    rows = (SCRIPTS / "debian-packages.txt").read_text().splitlines()
    packages = [row.split() for row in rows if row and not row.startswith("#")]
    assert len(packages) > 20
    assert [row for row in packages if row[1] not in VERBS] == []


# Progress


def test_progress_shows_a_text_and_no_output() -> None:
    done = run(SCRIPTS / "with-progress", "Working", "sh", "-c", "echo noise")
    assert done.stdout.startswith("Working ...\n  done in ")
    assert "noise" not in done.stdout + done.stderr


def test_a_build_with_nothing_to_do_says_so() -> None:
    *_, last = run("make", "--no-print-directory", "--dry-run", "build").stdout.splitlines()
    assert last == 'echo "pynat is built; run it as .venv/bin/pynat"'


def test_progress_shows_the_end_of_what_failed() -> None:
    done = run(*(SCRIPTS / "with-progress", "Working", "sh", "-c", "seq 100; exit 3"), status=3)
    assert done.stderr.startswith("81\n")
    assert done.stderr.splitlines()[-1].startswith("Working failed (3): sh -c")


# Python and .venv


def test_a_python_that_does_not_fit_is_named_with_the_reason(programs: Path) -> None:
    script(programs / "old", "echo 'is Python 3.9, too old' >&2; exit 1")
    done = run(SCRIPTS / "choose-python", programs / "old", "/nowhere/python", status=1)
    assert f"{programs}/old: is Python 3.9, too old" in done.stderr
    assert "/nowhere/python: " in done.stderr
    assert run(SCRIPTS / "choose-python", programs / "old", sys.executable).stdout == (
        f"{sys.executable}\n"
    )


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("pyenv: python3.12: command not found\n\nNote: of both\nat the same time.", "pyenv: "),
        ("Traceback (most recent call last):\n  File x\nImportError: no venv", "ImportError: no"),
        ("", ""),
    ],
)
def test_the_reason_is_what_the_python_says_first_or_why_it_fell(
    programs: Path, said: str, reason: str
) -> None:
    script(programs / "odd", f"cat >&2 <<'END'\n{said}\nEND\nexit 1")
    done = run(SCRIPTS / "choose-python", programs / "odd", status=1)
    assert done.stderr.splitlines()[-1].startswith(f"  {programs}/odd: {reason}")
    assert len(done.stderr.splitlines()) == 2


def test_a_venv_is_left_alone_where_the_python_does_not_fit(made: Path, programs: Path) -> None:
    script(programs / "old", "exit 1")
    done = run(SCRIPTS / "make-venv", ".venv", programs / "old", cwd=made, status=1)
    assert "made anew" not in done.stdout
    assert stale(made) == ""


def stale(folder: Path, python: str = "") -> str:
    return run(SCRIPTS / "make-venv", "--stale", ".venv", python, cwd=folder).stdout.strip()


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A folder whose .venv looks as if it had been made there of /usr/bin/true."""
    folder = tmp_path / "clone"
    (folder / ".venv" / "bin").mkdir(parents=True)
    (folder / ".venv" / "bin" / "python").symlink_to("/usr/bin/true")
    (folder / ".venv" / ".made").write_text(f"{folder}\n/usr/bin/true\n")
    return folder


def test_a_venv_that_is_whole_is_kept(made: Path) -> None:
    assert stale(made) == ""
    assert stale(made, "/usr/bin/true") == ""


def test_another_python_makes_it_anew(made: Path) -> None:
    assert stale(made, "/usr/bin/false") == "it is of /usr/bin/true"


def test_a_clone_that_was_moved_makes_it_anew(made: Path) -> None:
    moved = made.rename(made.with_name("moved"))
    assert stale(moved) == f"this folder was {made} when it was made"


def test_a_venv_whose_python_is_gone_is_made_anew(made: Path) -> None:
    (made / ".venv" / "bin" / "python").unlink()
    assert stale(made) == "its Python is gone"


def test_a_venv_that_was_not_finished_is_made_anew(made: Path) -> None:
    (made / ".venv" / ".made").unlink()
    assert stale(made) == "it was not finished"


def test_there_is_none(tmp_path: Path) -> None:
    assert stale(tmp_path) == "there is none"


# The end

MADE = (
    *(".venv/bin/python", "build/lib/x", "dist/pynat.whl", "bochs_pynat.egg-info/PKG-INFO"),
    *("pynat/plugin/libbx_eth_pynat.so", "pynat/_fast.cpython-311-x86_64-linux-gnu.so"),
    *("pynat/__pycache__/x.pyc", ".mypy_cache/x", ".ruff_cache/x", ".pytest_cache/x"),
    *(".hypothesis/x", "tests/wire/__pycache__/x.pyc", ".coverage"),
)


def test_clean_removes_all_that_was_made(tmp_path: Path) -> None:
    """What git ignores is what is made."""
    clone = tmp_path / "clone"
    clone.mkdir()
    for name in ("Makefile", ".gitignore"):
        (clone / name).write_text((ROOT / name).read_text())
    (clone / "scripts").symlink_to(SCRIPTS)
    (clone / "pynat").mkdir()
    (clone / "pynat" / "__init__.py").touch()
    run("git", "init", "--quiet", cwd=clone)
    before = run("git", "status", "--porcelain", "--ignored", cwd=clone).stdout
    for name in MADE:
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        (clone / name).touch()
    assert run("git", "status", "--porcelain", "--ignored", cwd=clone).stdout != before
    run("make", "clean", cwd=clone)
    assert run("git", "status", "--porcelain", "--ignored", cwd=clone).stdout == before
