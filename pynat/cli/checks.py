"""What `pynat doctor` looks at. Each check yields lines: how it stands, and what to do."""

from __future__ import annotations

import ctypes
import errno
import importlib.metadata
import os
import socket
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import pynat
from pynat.bochs.cards import MAC_IS_WANTED
from pynat.bochs.elf import Elf, NotElf, read_elf
from pynat.bochs.find import (
    PLUGIN_FILE,
    WINDOW_REMEDY,
    WINDOWS,
    Bochs,
    our_plugin_dir,
    rom_files,
)
from pynat.cli.documents import DISTRIBUTION, SAMPLE, documents

NIC_MODELS = ("e1000", "ne2k", "pcipnic")

_RESOLV_CONF = Path("/etc/resolv.conf")
_PING_GROUPS = Path("/proc/sys/net/ipv4/ping_group_range")


class State(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    state: State
    about: str
    text: str
    remedy: str = ""

    def __str__(self) -> str:
        line = f"{self.state:<5} {self.about:<12} {self.text}"
        return f"{line}\n{'':18} -> {self.remedy}" if self.remedy else line


def check_python() -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    text = f"{version} at {sys.executable}"
    if sysconfig.get_config_var("Py_ENABLE_SHARED"):
        yield Finding(State.OK, "python", text)
    else:
        yield Finding(
            State.FAIL,
            "python",
            f"{text} has no shared libpython, which Bochs has to load",
            "use the distribution's python3, or build Python with --enable-shared",
        )


def check_distribution() -> Iterator[Finding]:
    home = Path(pynat.__file__).parent
    if _is_installed("pynat"):
        yield Finding(
            State.FAIL,
            "pynat",
            "the distribution `pynat` is installed, a different project with the same module name",
            f"pip uninstall pynat, then install {DISTRIBUTION} again",
        )
    elif _is_installed(DISTRIBUTION):
        yield Finding(State.OK, "pynat", f"{pynat.__version__} in {home}")
    else:
        yield Finding(
            State.WARN,
            "pynat",
            f"{pynat.__version__} in {home}, not installed",
            "make build, or pip install",
        )


def check_documents() -> Iterator[Finding]:
    if folder := documents():
        yield Finding(State.OK, "documents", f"README.md, docs, examples, {SAMPLE} in {folder}")


def check_bochs(bochs: Bochs) -> Iterator[Finding]:
    yield Finding(State.OK, "bochs", str(bochs))
    models = [name for name in NIC_MODELS if (bochs.plugin_dir / f"libbx_{name}.so").exists()]
    if models:
        wants_mac = bochs.version >= MAC_IS_WANTED
        remedy = "name mac= in each card's line of a bochsrc" if wants_mac else ""
        yield Finding(State.OK, "NIC models", ", ".join(models), remedy)
    else:
        yield Finding(
            State.FAIL,
            "NIC models",
            f"none in {bochs.plugin_dir}: this Bochs was built without network cards",
            "install a Bochs configured with --enable-e1000 --enable-ne2000",
        )
    yield from _check_displays(bochs)


def _check_displays(bochs: Bochs) -> Iterator[Finding]:
    names = ", ".join(sorted(bochs.displays))
    windows = bochs.displays & WINDOWS
    unseen = bochs.displays & {"nogui", "term", "sdl2"}
    if windows and unseen:
        yield Finding(State.OK, "displays", names)
    if not windows:
        what = f"{names or 'none'}: no window on a desktop"
        if "rfb" in bochs.displays:
            what += "; a guest without --headless is shown by VNC, open on all addresses"
        yield Finding(State.WARN, "displays", what, WINDOW_REMEDY)
    if not unseen:
        yield Finding(
            State.WARN,
            "displays",
            "none that works without a screen; pynat run --headless will fail",
            "install one (Debian: apt-get install bochs-term)",
        )


def check_roms(bochs: Bochs) -> Iterator[Finding]:
    roms = rom_files(bochs)
    if roms is None:
        yield Finding(
            State.WARN,
            "BIOS",
            "no BIOS-bochs-latest and VGABIOS-lgpl-latest in share/bochs",
            "install them (Debian: apt-get install bochsbios vgabios)"
            " or name your own in romimage: and vgaromimage:",
        )
    elif bochs.version >= (3, 0) and not roms[1].suffix:
        yield Finding(
            State.OK,
            "BIOS",
            f"{roms[0]}; this Bochs does not find its VGA BIOS by itself",
            f"write vgaromimage: file={roms[1]} into each bochsrc",
        )
    else:
        yield Finding(State.OK, "BIOS", f"{roms[0]}, {roms[1].name}")


def check_plugin(bochs: Bochs) -> Iterator[Finding]:
    plugin = our_plugin_dir() / PLUGIN_FILE
    if not plugin.is_file():
        yield Finding(State.FAIL, "plugin", f"not built: no {plugin}", "make build, or pip install")
        return
    try:
        elf = read_elf(plugin)
    except NotElf as error:
        yield Finding(State.WARN, "plugin", f"not looked into: {error}")
        return
    libraries = {name: _load(name, elf) for name in elf.needed}
    for name, library in libraries.items():
        if library is None:
            yield Finding(
                State.FAIL,
                "plugin",
                f"{plugin} needs {name}, which is not found",
                "build it again with the Python that is in use: make build",
            )
    loaded = [library for library in libraries.values() if library is not None]
    if len(loaded) == len(libraries):
        yield Finding(State.OK, "plugin", str(plugin))
        yield from _check_symbols(elf, loaded, bochs)


def _check_symbols(elf: Elf, libraries: list[ctypes.CDLL], bochs: Bochs) -> Iterator[Finding]:
    wanted = {
        name for name in elf.undefined if not any(hasattr(library, name) for library in libraries)
    }
    program = _program(bochs.executable)
    if program is None:
        yield Finding(State.WARN, "symbols", f"{bochs.executable} is a script; not compared")
        return
    missing = sorted(wanted - program.defined)
    if missing:
        yield Finding(
            State.FAIL,
            "symbols",
            f"the plugin wants {', '.join(missing)}, which this Bochs does not have",
            "build it again for this machine: make build; if that does not help, report it",
        )
    else:
        yield Finding(State.OK, "symbols", f"Bochs has all {len(wanted)} that the plugin wants")


def check_ping() -> Iterator[Finding]:
    for kind, name in ((socket.SOCK_DGRAM, "ping sockets"), (socket.SOCK_RAW, "raw sockets")):
        try:
            socket.socket(socket.AF_INET, kind, socket.IPPROTO_ICMP).close()
        except OSError as error:
            if error.errno not in {errno.EACCES, errno.EPERM, errno.EPROTONOSUPPORT}:
                raise
        else:
            yield Finding(State.OK, "ping", f"by {name}")
            return
    yield Finding(
        State.WARN,
        "ping",
        f"not allowed for group {os.getgid()}; the guest cannot ping the world"
        f" (net.ipv4.ping_group_range is {_ping_groups()})",
        "sudo sysctl net.ipv4.ping_group_range='0 2147483647'",
    )


def check_resolvers() -> Iterator[Finding]:
    try:
        lines = _RESOLV_CONF.read_text(errors="replace").splitlines()
    except OSError as error:
        lines = []
        why = error.strerror or str(error)
    else:
        why = "it names none"
    words = [line.split() for line in lines]
    servers = [line[1] for line in words if len(line) > 1 and line[0] == "nameserver"]
    if servers:
        yield Finding(State.OK, "resolvers", ", ".join(servers))
    else:
        yield Finding(
            State.WARN,
            "resolvers",
            f"{_RESOLV_CONF}: {why}; the guest can look up no names of the Internet",
            f"write a `nameserver` line into {_RESOLV_CONF}",
        )


def _is_installed(distribution: str) -> bool:
    try:
        importlib.metadata.distribution(distribution)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _load(name: str, elf: Elf) -> ctypes.CDLL | None:
    for place in [*(str(Path(path) / name) for path in elf.run_path), name]:
        try:
            return ctypes.CDLL(place)
        except OSError:
            continue
    return None


def _program(executable: Path) -> Elf | None:
    """Debian's bochs is a script that starts bochs-bin."""
    for path in (executable, executable.with_name(f"{executable.name}-bin")):
        try:
            return read_elf(path)
        except (NotElf, OSError):
            continue
    return None


def _ping_groups() -> str:
    try:
        return " ".join(_PING_GROUPS.read_text().split())
    except OSError:
        return "unknown"
