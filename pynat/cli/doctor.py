"""`pynat doctor`: everything between Bochs and the network that can be missing."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path

from pynat.bochs import Bochs, BochsError, BochsRun, Ending, find_bochs, rom_files
from pynat.bochs.find import PLUGIN_FILE
from pynat.bochs.outcome import plugin_errors
from pynat.cli import checks
from pynat.cli.checks import NIC_MODELS, Finding, State
from pynat.cli.parsing import Subparsers, add_bochs, add_command
from pynat.cli.plugin import is_our_link

_TRIAL_SECONDS = 30.0
_FLOPPY = 1_474_560  # bytes, 3.5 inches
# mov dx, 0xb004; mov ax, 0x2000; out dx, ax; hlt: ACPI soft power off on the PIIX4
_POWER_OFF = bytes.fromhex("ba04b0 b80020 ef f4")
_NIC = {
    "e1000": "e1000: enabled=1, mac=52:54:00:12:34:56, ethmod=pynat",
    "ne2k": "ne2k: ioaddr=0x300, irq=10, mac=52:54:00:12:34:56, ethmod=pynat",
    "pcipnic": "pcipnic: enabled=1, mac=52:54:00:12:34:56, ethmod=pynat",
}
_EPILOG = "exit code: 0 when nothing failed (warnings allowed), else 1"


def add(subparsers: Subparsers) -> None:
    parser = add_command(
        subparsers, "doctor", "check everything that pynat needs and say what to do", _EPILOG
    )
    add_bochs(parser)
    parser.set_defaults(command=_doctor)


def _doctor(arguments: argparse.Namespace) -> int:
    failed = False
    for finding in examine(arguments.bochs):
        print(finding, flush=True)
        failed |= finding.state is State.FAIL
    return 1 if failed else 0


def examine(named: Path | None) -> Iterator[Finding]:
    yield from checks.check_python()
    yield from checks.check_distribution()
    yield from checks.check_documents()
    try:
        bochs = find_bochs(named)
    except BochsError as error:
        yield Finding(State.FAIL, "bochs", str(error))
    else:
        yield from _examine_bochs(bochs)
    yield from checks.check_ping()
    yield from checks.check_resolvers()


def _examine_bochs(bochs: Bochs) -> Iterator[Finding]:
    sound = True
    for check in (checks.check_bochs, checks.check_roms, checks.check_plugin):
        for finding in check(bochs):
            sound &= finding.state is not State.FAIL
            yield finding
    if sound:
        yield _trial(bochs)
    link = bochs.plugin_dir / PLUGIN_FILE
    if is_our_link(link) and not link.exists():
        gone = f"{link} leads to {link.readlink()}, which is gone"
        yield Finding(State.WARN, "plain bochs", gone, "pynat install-plugin, or uninstall-plugin")
    elif is_our_link(link):
        yield Finding(State.OK, "plain bochs", f"finds ethmod=pynat by {link}")
    else:
        yield Finding(State.OK, "plain bochs", "does not know ethmod=pynat (install-plugin)")


def _trial(bochs: Bochs) -> Finding:
    """Start Bochs with one of our NICs and a guest that powers itself off at once."""
    model = next(name for name in NIC_MODELS if (bochs.plugin_dir / f"libbx_{name}.so").exists())
    with tempfile.TemporaryDirectory(prefix="pynat-doctor-") as name:
        folder = Path(name)
        try:
            with BochsRun(bochs, _bochsrc(bochs, model, folder), log=folder / "bochs.log") as run:
                outcome = run.wait(_TRIAL_SECONDS)
            complaints = plugin_errors(outcome.log)
        except BochsError as error:
            return Finding(State.WARN, "trial", str(error))
    passed = outcome.ending is Ending.POWER_OFF and not complaints
    said = "; ".join([str(outcome), *complaints[:1]])
    state = State.OK if passed else State.FAIL
    return Finding(state, "trial", f"a guest with {model} on pynat: {said}")


def _bochsrc(bochs: Bochs, model: str, folder: Path) -> Path:
    floppy = folder / "floppy.img"
    floppy.write_bytes((_POWER_OFF.ljust(510, b"\0") + b"\x55\xaa").ljust(_FLOPPY, b"\0"))
    lines = ["megs: 32", f"floppya: 1_44={floppy}, status=inserted", "boot: floppy", _NIC[model]]
    if roms := rom_files(bochs):
        lines += [f"romimage: file={roms[0]}", f"vgaromimage: file={roms[1]}"]
    path = folder / "bochsrc"
    path.write_text("\n".join(lines) + "\n")
    return path
