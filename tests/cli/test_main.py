from __future__ import annotations

import subprocess
import sys

import pytest

from pynat import __version__
from pynat.cli.main import main


def test_version() -> None:
    command = [sys.executable, "-m", "pynat", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == f"pynat {__version__}\n"


@pytest.mark.parametrize("command", ["run", "doctor", "install-plugin", "uninstall-plugin"])
def test_each_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main([command, "--help"])
    assert left.value.code == 0
    assert f"usage: pynat {command}" in capsys.readouterr().out


def test_no_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main([])
    assert left.value.code == 2
    assert "COMMAND" in capsys.readouterr().err


def test_demo_gets_all_its_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def demo(argv: list[str]) -> int:
        seen.extend(argv)
        return 7

    monkeypatch.setattr("pynat.testing.demo.main", demo)
    assert main(["demo", "--help", "-x", "y"]) == 7
    assert seen == ["--help", "-x", "y"]
