"""Find the Bochs program and read from its `--help` what it is able to do."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

PLUGIN_FILE = "libbx_eth_pynat.so"
PLUGIN_PATH_VARIABLE = "LTDL_LIBRARY_PATH"
BOCHS_VARIABLE = "PYNAT_BOCHS"
MIN_VERSION = (2, 7)  # 2.6 has its list of ethmods compiled in
WINDOWS = frozenset({"x", "wx", "sdl", "sdl2"})  # displays that are windows on a desktop
WINDOW_REMEDY = "install one (Debian: apt-get install bochs-x or bochs-sdl)"

_VERSION = re.compile(r"Bochs x86 Emulator (\d+)\.(\d+)")
_PLUGIN_DIR = re.compile(r"LTDL_LIBRARY_PATH not set\. using compile time default '([^']+)'")
_HELP_SECONDS = 30.0


class BochsError(Exception):
    """Bochs cannot be used as it is; the text is one line and says what to do."""


@dataclass(frozen=True, slots=True)
class Bochs:
    """One Bochs program.

    has_debugger: it has the debugger compiled in.
    needs_rc: it stops at the debugger's prompt, unless a file of debugger commands starts the
        guest (Debian's 2.7).
    displays: the display libraries it can load, as `display_library:` names them.
    """

    executable: Path
    version: tuple[int, int]
    plugin_dir: Path
    has_debugger: bool
    needs_rc: bool
    displays: frozenset[str]

    @property
    def name(self) -> str:
        major, minor = self.version
        return f"Bochs {major}.{minor}"

    def __str__(self) -> str:
        return f"{self.name} ({self.executable})"


def find_bochs(explicit: Path | None = None) -> Bochs:
    """The Bochs named by `explicit`, else by $PYNAT_BOCHS, else the first one on the PATH."""
    executable = _executable(explicit)
    return read_help(executable, _help_text(executable))


def our_plugin_dir() -> Path:
    return Path(__file__).resolve().parent.parent / "plugin"


def built_plugin() -> Path:
    plugin = our_plugin_dir() / PLUGIN_FILE
    if not plugin.is_file():
        raise BochsError(f"the plugin is not built: no {plugin}; run `make build` or pip install")
    return plugin


def plugin_path(bochs: Bochs, environment: Mapping[str, str] = os.environ) -> str:
    """The value of LTDL_LIBRARY_PATH with which `bochs` finds our plugin.

    The variable replaces the compiled-in directory, and without that one Bochs crashes.
    """
    places = [str(our_plugin_dir()), environment.get(PLUGIN_PATH_VARIABLE, ""), bochs.plugin_dir]
    return ":".join(dict.fromkeys(str(place) for place in places if place))


def rom_files(
    bochs: Bochs, environment: Mapping[str, str] = os.environ
) -> tuple[Path, Path] | None:
    """The system BIOS and the VGA BIOS that came with this Bochs.

    A bochsrc should name them: Debian's 3.0 looks for a VGA BIOS by a name that Debian's
    packages do not have.
    """
    prefixes = (bochs.executable.resolve().parent.parent, Path("/usr"), Path("/usr/local"))
    folders = [prefix / "share" / "bochs" for prefix in prefixes]
    if "BXSHARE" in environment:
        folders.insert(0, Path(environment["BXSHARE"]))
    for folder in folders:
        for name in ("VGABIOS-lgpl-latest.bin", "VGABIOS-lgpl-latest"):  # from 3.0, before
            bios, vga = folder / "BIOS-bochs-latest", folder / name
            if bios.exists() and vga.exists():
                return bios, vga
    return None


def read_help(executable: Path, text: str) -> Bochs:
    """What `bochs --help`, run without LTDL_LIBRARY_PATH, tells about the program."""
    version = _VERSION.search(text)
    if version is None:
        raise BochsError(f"{executable} is not Bochs: its --help names no version of Bochs")
    major, minor = int(version[1]), int(version[2])
    if (major, minor) < MIN_VERSION:
        raise BochsError(
            f"{executable} is Bochs {major}.{minor}, which cannot load network plugins;"
            f" install Bochs {MIN_VERSION[0]}.{MIN_VERSION[1]} or later"
        )
    plugin_dir = _PLUGIN_DIR.search(text)
    if plugin_dir is None:
        raise BochsError(
            f"{executable} was built without plugins; install a Bochs that was configured"
            " with --enable-plugins (Debian's and Ubuntu's are)"
        )
    directory = Path(plugin_dir[1])
    return Bochs(
        executable=executable,
        version=(major, minor),
        plugin_dir=directory,
        has_debugger=_has_flag(text, "-rc"),
        needs_rc=_has_flag(text, "-rc") and not _has_flag(text, "-debugger"),
        displays=_displays(directory),
    )


def _has_flag(text: str, flag: str) -> bool:
    return re.search(rf"^\s+{re.escape(flag)}\b", text, re.MULTILINE) is not None


def _displays(plugin_dir: Path) -> frozenset[str]:
    found = plugin_dir.glob("libbx_*_gui.so")
    return frozenset(path.name.removeprefix("libbx_").removesuffix("_gui.so") for path in found)


def _executable(explicit: Path | None) -> Path:
    named = explicit or os.environ.get(BOCHS_VARIABLE)
    found = shutil.which(str(named or "bochs"))
    if found is not None:
        return Path(found).absolute()
    if named:
        raise BochsError(f"{named} is not a program; name the Bochs executable")
    raise BochsError(
        "no bochs on the PATH; install it (Debian: apt-get install bochs bochs-term)"
        f" or name it with --bochs or ${BOCHS_VARIABLE}"
    )


def _help_text(executable: Path) -> str:
    environment = {k: v for k, v in os.environ.items() if k != PLUGIN_PATH_VARIABLE}
    try:
        done = subprocess.run(
            [executable, "--help"],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_HELP_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BochsError(f"{executable} --help cannot be run: {error}") from error
    return done.stdout.decode(errors="replace")
