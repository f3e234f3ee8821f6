from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pynat import __version__
from pynat.cli.leaving import SIGNALLED
from pynat.cli.main import main, the_parser
from tests.cli.shell_pages import all_parsers

_COMMANDS = ["run", "check", "doctor", "install-plugin", "uninstall-plugin", "demo", "new", "tap"]
_COMMANDS += ["ctl", "top", "lint", "report", "explain"]


def test_version() -> None:
    command = [sys.executable, "-m", "pynat", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == f"pynat {__version__}\n"


@pytest.mark.parametrize("command", _COMMANDS)
def test_each_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main([command, "--help"])
    assert left.value.code == 0
    assert f"usage: pynat {command}" in capsys.readouterr().out


def test_there_are_no_others(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    listed = re.findall(r"^    ([a-z-]+)(?:  |$)", capsys.readouterr().out, re.MULTILINE)
    assert listed == _COMMANDS


@pytest.mark.parametrize("words", ["explain", "explain TCP051", "--help", "ctl --json networks"])
def test_a_reader_that_leaves_is_no_error(words: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    command = [sys.executable, "-m", "pynat", *words.split()]
    with os.fdopen(writer, "wb") as nobody:
        done = subprocess.run(command, stdout=nobody, stderr=subprocess.PIPE, check=False)
        assert done.stderr == b""
        assert done.returncode in (0, SIGNALLED + signal.SIGPIPE)
        done = subprocess.run(command, stdout=nobody, stderr=nobody, check=False)
        assert done.returncode in (0, SIGNALLED + signal.SIGPIPE)


def test_an_output_that_is_full_or_closed() -> None:
    command = [sys.executable, "-m", "pynat", "explain"]
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.stderr == b"pynat: No space left on device\n"
    assert done.returncode == 1
    shell = ["sh", "-c", '"$@" >&-', "sh", *command]
    assert subprocess.run(shell, capture_output=True, check=True).stderr == b""


def test_no_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main([])
    assert left.value.code == 2
    assert "COMMAND" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "meant"),
    [("rnu", "run"), ("exlpain TCP051", "explain"), ("ctl stat", "stats"), ("fly", "")],
)
def test_a_command_that_there_is_not(
    words: str, meant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(words.split())
    told = capsys.readouterr().err.splitlines()[-1].replace("'", "")  # Python 3.12.8 quotes none
    assert told.endswith(f"; did you mean {meant}?" if meant else "report, explain)")


def test_demo_gets_its_folder_and_its_bochs(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[tuple[Path | None, Path | None]] = []

    def demo(folder: Path | None, named: Path | None) -> int:
        given.append((folder, named))
        return 7

    monkeypatch.setattr("pynat.testing.demo.main", demo)
    assert main(["demo", "here", "--bochs", "/x/bochs"]) == 7
    assert main(["demo"]) == 7
    assert given == [(Path("here"), Path("/x/bochs")), (None, None)]


def test_demo_without_a_bochs_makes_no_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["demo", str(tmp_path / "new"), "--bochs", str(tmp_path / "bochs")]) == 1
    assert "is not a program" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_nothing_that_only_tests_have_is_wanted() -> None:
    program = (
        "import sys, pynat.cli.main, pynat.testing.demo\n"
        "pynat.cli.main.the_parser()\n"
        "print(sorted({'dns', 'scapy'} & sys.modules.keys()))\n"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_each_command_has_its_own_parser() -> None:
    for one in all_parsers(the_parser()):
        name = one.prog.split()[1:2]
        alone = {other.prog: other.format_help() for other in all_parsers(the_parser(*name))}
        assert alone[one.prog] == one.format_help()


def test_running_bochs_imports_no_engine() -> None:
    program = (
        "import sys, pynat.cli.main\n"
        "pynat.cli.main.the_parser('run')\n"
        "print(sorted({'asyncio', 'pynat.engine', 'pynat.lint.linter'} & sys.modules.keys()))\n"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    ("words", "usage", "said"),
    [
        ("demo --log x", "demo [-h]", "unrecognized arguments: --log"),
        ("run -f b extra --nonesuch", "run [options]", "unrecognized arguments: --nonesuch"),
        ("ctl flows x", "ctl flows", "unrecognized arguments: x"),
        (
            "ctl impair add to-guest tcp loss 1%",
            "ctl impair add",
            "unrecognized arguments: tcp loss 1%; in quotes it is one: 'to-guest tcp loss 1%'",
        ),
        ("ctl fault set dhcp silent", "ctl fault set", "in quotes it is one: 'dhcp silent'"),
        ("ctl peer set a accept after", "ctl peer set", "in quotes it is one: 'accept after'"),
    ],
)
def test_words_too_many_get_the_usage_of_their_command(
    words: str, usage: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        main(words.split())
    assert left.value.code == 2
    text = capsys.readouterr().err
    assert text.startswith(f"usage: pynat {usage}")
    assert said in text


@pytest.mark.parametrize(
    ("program", "said"),
    [
        (
            "import pynat.testing.script",
            "pynat.testing.script needs scapy (extra bochs-pynat[dev]): pip install scapy",
        ),
        (
            "from pynat.net.frame_hooks import Frame; Frame(bytes(60), True, 0.0).packet",
            "frame.packet needs scapy: pip install scapy",
        ),
    ],
)
def test_where_scapy_is_not_installed_what_needs_it_says_so(program: str, said: str) -> None:
    without = f"import sys; sys.modules['scapy'] = None; {program}"
    command = [sys.executable, "-c", without]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1] == f"ModuleNotFoundError: {said}"
