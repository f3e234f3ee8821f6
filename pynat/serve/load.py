"""What stands on Bochs's NIC line (`script=`, `ethdev=`): a Config, and the script it has."""

from __future__ import annotations

import os
import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pynat.config import Config, foreign
from pynat.config.foreign import MAX_FILE_SIZE, UTF_16
from pynat.config.slirp import FIRST_LINE, is_almost_slirp, is_slirp, read_slirp
from pynat.config.tables import MAX_CARD_MTU
from pynat.config.toml import read_toml
from pynat.config.vnet import is_vnet, read_vnet
from pynat.errors import ConfigError

if TYPE_CHECKING:
    from pynat.net.net import Net

NO_SCRIPT = ("", "none", "/dev/null")
NO_DIRECTORY = ("", "none", "xl0")  # "xl0" is what Bochs has where nothing is set
LEFT_OVER = "; if it is left over from another ethmod, leave script= out"


@dataclass(frozen=True, slots=True)
class Loaded:
    config: Config
    program: Net | None = None  # a network written in Python, whose services `config` knows


def load(script: str, ethdev: str, *, strict: bool = False) -> Loaded:
    """Relative paths, of the file and in it, start at Bochs's current directory.

    strict: a file that is none of ours is an error too; else it is left over from another back end,
    and the network has its defaults.
    """
    script, ethdev = (os.path.expanduser(path) for path in (script, ethdev))  # noqa: PTH111
    loaded = _of_script(script, strict)
    return replace(loaded, config=_with_folder(loaded.config, ethdev))


def load_for_card(script: str, ethdev: str) -> Loaded:
    """Of a card of Bochs, whose frames have a limit of their own."""
    loaded = load(script, ethdev)
    mtu = loaded.config.network.mtu
    if mtu > MAX_CARD_MTU:
        right = f"at most {MAX_CARD_MTU}, which all cards of Bochs take"
        raise ConfigError(f"{script}: network.mtu = {mtu}: must be {right}")
    return loaded


def _with_folder(config: Config, ethdev: str) -> Config:
    if ethdev in NO_DIRECTORY:
        return config
    if why_not := foreign.ethdev(ethdev):
        warning = f"ethdev={ethdev}: {why_not}; without a folder nothing is served by TFTP"
        return replace(config, warnings=(*config.warnings, warning))
    if config.tftp.root is not None or not foreign.is_folder(Path(ethdev)):
        return config  # the file is nearer to the network than the card's line
    return replace(config, tftp=replace(config.tftp, root=Path(ethdev).absolute()))


def _of_script(script: str, strict: bool) -> Loaded:
    if script in NO_SCRIPT:
        return Loaded(Config())
    what = foreign.script(Path(script))
    if what and strict:
        return _read_foreign(script, what)
    if what:
        default = "the network has its defaults"
        return Loaded(Config(warnings=(f"script={script}: {what}: {default}{LEFT_OVER}",)))
    return _read(script)


def _read_foreign(script: str, what: str) -> Loaded:
    """Of a file that looks like none of ours: what it is says more than a mistake in its TOML."""
    try:
        return _read(script)
    except ConfigError as error:
        if not os.path.exists(script):  # noqa: PTH110
            raise
        as_toml = str(error).removeprefix(f"{script}:").removeprefix(" ")
        where = f"; as TOML: {as_toml}" if what.startswith("neither") else ""
        meant = "script= names a TOML or Python file, or one for Bochs's slirp or vnet"
        raise ConfigError(f"{script}: {what}{where}; {meant}") from None


def _read(script: str) -> Loaded:
    if script.endswith(".py"):
        program = _program(Path(script))
        return Loaded(program.configured(), program)
    written = _text(Path(script))
    if is_slirp(written):
        return Loaded(read_slirp(written, script))
    if is_vnet(written):
        return Loaded(read_vnet(written, script))
    try:
        config = read_toml(written, script)
    except ConfigError:
        if is_almost_slirp(written):
            first = f'the first line of a file for Bochs\'s slirp must be exactly "{FIRST_LINE}"'
            raise ConfigError(f"{script}:1: {first}; without it the file is read as TOML") from None
        raise
    if config.script is None:
        return Loaded(config)
    program = _program(config.script)
    return Loaded(program.configured(tomllib.loads(written), script), program)


def _program(path: Path) -> Net:
    """A network written in Python, and the module that has it: a new one each time."""
    from pynat.net.script import run

    return run(path, _text(path))


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_SIZE + 1)
    except FileNotFoundError:
        raise ConfigError(
            f"{path}: no such file (looked in {Path.cwd()}); script= names a TOML or Python"
            ' file, or "none" for the defaults'
        ) from None
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        why = getattr(error, "strerror", None) or error
        raise ConfigError(
            f"{path}: cannot be read: {why}; script= names a TOML or Python file"
        ) from None
    if len(data) > MAX_FILE_SIZE:
        raise ConfigError(f"{path}: longer than {MAX_FILE_SIZE} bytes, so no configuration file")
    try:
        if b"\0" in data and not data.startswith(UTF_16):
            raise ConfigError(f"{path}: not a text file; script= names a TOML or Python file")
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        written = data.decode("latin-1")
        if is_slirp(written) or is_vnet(written):
            return written  # old files have old encodings in their comments
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}:{line}: not UTF-8 text; save the file as UTF-8") from None
