"""share/: completion for shells and manual pages are those of the commands that there are."""

from __future__ import annotations

import argparse
import re
import subprocess
from pathlib import Path

import pytest

from pynat.cli.main import the_parser
from tests.cli.shell_pages import COMPLETIONS, SHARE, all_parsers, pages

PARSERS = {one.prog: one for one in all_parsers(the_parser())}
GROUPS = tuple(prog for prog in PARSERS if any(other.startswith(f"{prog} ") for other in PARSERS))
SCRIPTS = {shell: SHARE / name for shell, name in COMPLETIONS.items()}


def test_they_are_fresh() -> None:
    there = {str(path.relative_to(SHARE)) for path in SHARE.rglob("*") if path.is_file()}
    made = pages()
    assert there == made.keys()
    stale = [name for name, text in made.items() if (SHARE / name).read_text() != text]
    assert stale == [], "scripts/make-shell-pages writes them"


def options(parser: argparse.ArgumentParser) -> set[str]:
    return {word for action in parser._actions for word in action.option_strings}


@pytest.mark.parametrize("prog", PARSERS)
def test_each_option_and_argument_is_on_a_manual_page(prog: str) -> None:
    page = "-".join(prog.split()[:2])
    text = (SHARE / "man" / "man1" / f"{page}.1").read_text().replace("\\", "")
    assert [word for word in options(PARSERS[prog]) if word not in text] == []
    verb = " ".join(prog.split()[2:])
    assert f'.SS "{verb}"' in text or not verb or prog.endswith(GROUPS)


def test_manual_pages_are_what_groff_takes() -> None:
    for page in sorted((SHARE / "man" / "man1").iterdir()):
        command = ["groff", "-man", "-Tutf8", "-ww", "-z", str(page)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert done.stderr == "", page


def test_a_manual_page_reads_well() -> None:
    command = ["groff", "-man", "-Tutf8", "-P-cbou", str(SHARE / "man/man1/pynat-run.1")]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "pynat-run - run Bochs with ethmod=pynat in reach and say how it ended" in text
    assert re.search(r"^ +124 +--timeout was over$", text, re.MULTILINE)
    assert re.search(r"--impair RULE\n +a bad wire: 'to-guest loss 2%'", text)


# ---------------------------------------------------------------- in the shells
LINES = [
    ("pynat ", {"run", "doctor", "new", "ctl"}),
    ("pynat ru", {"run"}),
    ("pynat run --he", {"--help", "--headless", "--hermetic"}),
    ("pynat run --nic ", {"e1000", "ne2k", "pcipnic"}),
    ("pynat ctl ", {"flows", "forward", "wait", "watch"}),
    ("pynat ctl forward ", {"add", "list", "remove"}),
    ("pynat ctl forward add --source ", {"router", "peer"}),
    ("pynat explain TCP00", {"TCP001", "TCP002"}),
]
BASH = """
source "$1"; line=$2
COMP_WORDS=($line); [[ $line == *' ' ]] && COMP_WORDS+=('')
COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); COMP_LINE=$line; COMP_POINT=${#line}
_shtab_pynat pynat "${COMP_WORDS[-1]}" "${COMP_WORDS[-2]}"
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.mark.parametrize(("line", "wanted"), LINES)
def test_bash_completes(line: str, wanted: set[str], tmp_path: Path) -> None:
    command = ["bash", "--norc", "-c", BASH, "bash", str(SCRIPTS["bash"]), line]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stderr == ""
    assert wanted <= {word.strip() for word in done.stdout.splitlines()}


@pytest.mark.parametrize(("line", "wanted"), LINES)
def test_fish_completes(line: str, wanted: set[str], tmp_path: Path) -> None:
    program = "source $argv[1]; complete -C $argv[2]"
    command = ["fish", "--no-config", "-c", program, str(SCRIPTS["fish"]), line]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert wanted <= {word.partition("\t")[0] for word in done.stdout.splitlines()}


def test_zsh_takes_it_and_it_has_all() -> None:
    script = SCRIPTS["zsh"]
    done = subprocess.run(["zsh", "-n", str(script)], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    text = script.read_text()
    assert text.startswith("#compdef pynat\n")
    wanted = set().union(*map(options, PARSERS.values()), {prog.split()[-1] for prog in PARSERS})
    assert [word for word in sorted(wanted) if word not in text] == []
