"""The file of `script=` joined with what is said elsewhere: on a command line, by a test.

What is said stands above what the file says; lists (forwards, impair, faults) go on. Both are
written as one TOML file for the run, after it has been read once: so a mistake is told before
Bochs starts.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

from pynat.config.slirp import is_slirp
from pynat.config.toml import WRITTEN_FOR
from pynat.config.toml_text import Tables, as_toml
from pynat.config.vnet import is_vnet
from pynat.errors import ConfigError
from pynat.serve.load import NO_SCRIPT, load


class WordsError(ConfigError):
    """What is wrong does not stand in a file."""


def joined(script: str, tables: Tables, folder: Path, *, who: str) -> Path:
    """A file in `folder` that says both. Raises ConfigError.

    who: whose words `tables` are, for complaints, now and while the network runs.
    """
    both = _tables_of(script)
    join(both, tables)
    path = folder / "net.toml"
    source = who if script in NO_SCRIPT else f"{who}, {script}"
    path.write_text(f"{WRITTEN_FOR}{source}\n{as_toml(both)}")
    try:
        load(str(path), "")
    except ConfigError as error:
        if script not in NO_SCRIPT:
            load(script, "")  # where the file is to blame, its own line is named
        raise WordsError(str(error)) from None
    return path


def _tables_of(script: str) -> Tables:
    if script in NO_SCRIPT:
        return {}
    path = Path(script).expanduser()
    if path.suffix == ".py":
        return {"script": str(path.absolute())}
    load(script, "", strict=True)
    written = path.read_text("utf-8-sig")
    if is_slirp(written) or is_vnet(written):
        text = "a file of Bochs's own back ends says all that there is; options need a TOML file"
        raise ConfigError(f"{script}: {text}")
    return tomllib.loads(written)


def join(tables: Tables, more: Tables) -> None:
    """What `more` says stands above `tables`, but lists go on."""
    for key, value in more.items():
        known = tables.get(key)
        if isinstance(known, dict) and isinstance(value, dict):
            join(known, value)
        elif isinstance(known, list) and isinstance(value, list):
            tables[key] = known + value
        else:
            tables[key] = value
