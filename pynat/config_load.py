"""What stands on Bochs's NIC line (`script=`, `ethdev=`) into one Config."""

from __future__ import annotations

import codecs
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pynat.config import Config
from pynat.config_slirp import FIRST_LINE, is_almost_slirp, is_slirp, read_slirp
from pynat.config_toml import read_toml
from pynat.errors import ConfigError

if TYPE_CHECKING:
    from pynat.net.net import Net

NO_SCRIPT = ("", "none")
NO_DIRECTORY = ("", "none", "xl0", "/dev/null")  # "xl0" is what Bochs has where nothing is set
LONGEST = 1 << 20  # bytes; a longer file is no configuration file


def load(script: str, ethdev: str) -> Config:
    """Relative paths, of the file and in it, start at Bochs's current directory."""
    config = Config() if script in NO_SCRIPT else _read(script)
    if ethdev in NO_DIRECTORY:
        return config
    root = Path(ethdev)
    if not root.is_dir():
        if "/" not in ethdev or ethdev.startswith("/dev/"):
            return config  # the name of an interface, left from another ethmod
        warning = f"ethdev={ethdev}: no such folder; without it nothing is served by TFTP"
        return replace(config, warnings=(*config.warnings, warning))
    if config.tftp.root is not None:
        return config  # the file is nearer to the network than the card's line
    return replace(config, tftp=replace(config.tftp, root=root.absolute()))


def _read(script: str) -> Config:
    if script.endswith(".py"):
        return _program(Path(script)).configured()
    written = _text(Path(script))
    if is_slirp(written):
        return read_slirp(written, script)
    try:
        config = read_toml(written, script)
    except ConfigError:
        if is_almost_slirp(written):
            first = f'the first line of a file for Bochs\'s slirp must be exactly "{FIRST_LINE}"'
            raise ConfigError(f"{script}:1: {first}; without it the file is read as TOML") from None
        raise
    if config.script is None:
        return config
    return _program(config.script).configured(tomllib.loads(written), script)


def _program(path: Path) -> Net:
    """A network written in Python, and the module that has it: a new one each time."""
    from pynat.net.script import run

    return run(path, _text(path))


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(LONGEST + 1)
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
    if len(data) > LONGEST:
        raise ConfigError(f"{path}: longer than {LONGEST} bytes, so no configuration file")
    try:
        if b"\0" in data and not data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
            raise ConfigError(f"{path}: not a text file; script= names a TOML or Python file")
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if is_slirp(written := data.decode("latin-1")):
            return written  # old files have old encodings in their comments
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}:{line}: not UTF-8 text; save the file as UTF-8") from None
