from __future__ import annotations

from pathlib import Path

import pytest

from pynat.bochs import BochsError, find_bochs, our_plugin_dir
from pynat.bochs.find import plugin_path, read_help
from tests.bochs.machines import fake

_PROGRAM = Path("/usr/bin/bochs")
_DIRECTORY = "/usr/lib/x86_64-linux-gnu/bochs/plugins"
_HELP = """\
00000000000i[      ] LTDL_LIBRARY_PATH not set. using compile time default '{directory}'
Usage: bochs [flags] [bochsrc options]

  -n               no configuration file
  -f configfile    specify configuration file
  -log filename    specify Bochs log file name
{flags}  --help           display this help and exit

00000000000i[SIM   ] quit_sim called with exit code 0
========================================================================
                        Bochs x86 Emulator {version}
              Built from SVN snapshot on August  1, 2021
========================================================================
"""
_DEBUGGER = """\
  -rc filename     execute debugger commands stored in file
  -dbglog filename specify Bochs internal debugger log file name
"""
_DEBUGGER_ON_DEMAND = _DEBUGGER + "  -debugger        start Bochs internal debugger on startup\n"


def _help(version: str, flags: str = "", directory: str = _DIRECTORY) -> str:
    return _HELP.format(version=version, flags=flags, directory=directory)


@pytest.mark.parametrize(
    ("text", "version", "debugger"),
    [
        (_help("2.7", _DEBUGGER), (2, 7), (True, True)),
        (_help("2.8"), (2, 8), (False, False)),
        (_help("3.0", _DEBUGGER_ON_DEMAND), (3, 0), (True, False)),
        (_help("3.1.devel"), (3, 1), (False, False)),
    ],
)
def test_help_tells_version_and_debugger(
    text: str, version: tuple[int, int], debugger: tuple[bool, bool]
) -> None:
    bochs = read_help(_PROGRAM, text)
    assert bochs.version == version
    assert (bochs.has_debugger, bochs.needs_rc) == debugger
    assert bochs.plugin_dir == Path(_DIRECTORY)


def test_displays_are_the_gui_plugins(tmp_path: Path) -> None:
    for name in ("libbx_term_gui.so", "libbx_rfb_gui.so", "libbx_rfb_gui.so.0", "libbx_ne2k.so"):
        (tmp_path / name).touch()
    bochs = read_help(_PROGRAM, _help("2.7", directory=str(tmp_path)))
    assert bochs.displays == {"term", "rfb"}


@pytest.mark.parametrize(
    ("text", "remedy"),
    [
        (_help("2.6.11"), "install Bochs 2.7 or later"),
        (_help("2.7").split("\n", 1)[1], "--enable-plugins"),
        ("hello\n", "is not Bochs"),
    ],
)
def test_a_useless_bochs_is_one_line_with_a_remedy(text: str, remedy: str) -> None:
    with pytest.raises(BochsError, match=remedy) as caught:
        read_help(_PROGRAM, text)
    assert "\n" not in str(caught.value)


def test_the_installed_bochs() -> None:
    bochs = find_bochs()
    assert bochs.version >= (2, 7)
    assert (bochs.plugin_dir / "libbx_eth_null.so").exists()
    assert "term" in bochs.displays


def test_the_environment_names_a_bochs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYNAT_BOCHS", "/nowhere/bochs")
    with pytest.raises(BochsError, match="/nowhere/bochs is not a program"):
        find_bochs()
    assert find_bochs(Path("bochs")).version >= (2, 7)


def test_no_bochs_at_all(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BochsError, match="install it"):
        find_bochs()


def test_plugin_path_never_lacks_the_plugins_of_bochs() -> None:
    bochs = fake()
    assert plugin_path(bochs, {}) == f"{our_plugin_dir()}:{bochs.plugin_dir}"


def test_plugin_path_keeps_what_the_user_set() -> None:
    bochs = fake()
    set_by_user = {"LTDL_LIBRARY_PATH": "/mine"}
    assert plugin_path(bochs, set_by_user) == f"{our_plugin_dir()}:/mine:{bochs.plugin_dir}"
