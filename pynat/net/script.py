"""A user's file, run as a module, and the one Net that it makes."""

from __future__ import annotations

import linecache
import sys
from itertools import count
from pathlib import Path
from types import ModuleType

from pynat.errors import ConfigError
from pynat.interrupts import is_interrupt, told_apart
from pynat.net.net import Net
from pynat.net.report import place, summary, told

REMEDY = "a script makes one network: net = Net()"
_numbers = count(1)


def run(path: Path, source: str) -> Net:
    """A new module each time, so that two network cards have two networks. Raises ConfigError."""
    folder = str(path.absolute().parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)  # for what it imports from beside it
    module = ModuleType(f"pynat_script_{next(_numbers)}_{path.stem}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module  # dataclasses look there
    linecache.checkcache(str(path))
    with told_apart():
        _executed(source, path, module)
    return _only_net(path, module)


def _executed(source: str, path: Path, module: ModuleType) -> None:
    try:
        exec(compile(source, str(path), "exec", dont_inherit=True), module.__dict__)
    except SyntaxError as error:
        where = f"{error.filename or path}:{error.lineno or 1}"
        raise ConfigError(f"{where}: not valid Python: {error.msg}") from None
    except ConfigError:
        raise
    except BaseException as error:
        if is_interrupt(error):
            raise
        raise ConfigError(
            f"{place(error) or path}: {summary(error)}; the script has to run to its end",
            told(error),
        ) from None


def _only_net(path: Path, module: ModuleType) -> Net:
    nets = {id(one): (name, one) for name, one in vars(module).items() if isinstance(one, Net)}
    if not nets:
        raise ConfigError(f"{path}: there is no network in it; {REMEDY}")
    if len(nets) > 1:
        found = " and ".join(f"{name} ({net.where})" for name, net in nets.values())
        raise ConfigError(f"{path}: there are {len(nets)} networks in it, {found}; {REMEDY}")
    return next(iter(nets.values()))[1]
