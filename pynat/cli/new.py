"""`pynat new`: examples/kernel as the beginning of an author's own repository.

What lies in `template/` there is about that repository; README.md and the like are about ours.
"""

from __future__ import annotations

import argparse
import importlib.util
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from pynat.cli.documents import documents
from pynat.cli.parsing import Subparsers, add_command
from pynat.cli.plain_kernel import plain
from pynat.errors import ConfigError

_SOURCES = ("*.[chS]", "kernel.ld", "Makefile", "bochsrc", "tests/*.py")  # nothing that make made
_TEMPLATE = "template"
_NAME = "NAME"  # of the author's kernel, in README.md of the template
_EPILOG = """\
examples:
  pynat new mykernel
  cd mykernel && make test
  pynat new mykernel --plain
"""


def add(subparsers: Subparsers) -> None:
    text = "write out a kernel with tests and a workflow, to make it yours"
    parser = add_command(subparsers, "new", text, _EPILOG)
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="a new one, or an empty one")
    parser.add_argument(
        "--plain",
        action="store_true",
        help="without MISTAKE(n), the mistakes that can be compiled in",
    )
    parser.set_defaults(command=_new)


def _new(arguments: argparse.Namespace) -> int:
    folder: Path = arguments.folder
    source = _source()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(f"{folder} is there and not an empty folder; name another one")
    for path, name in _files(source):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if arguments.plain:
            target.write_text(plain(path.read_text()))
        else:
            shutil.copyfile(path, target)
    readme = folder / "README.md"
    readme.write_text(readme.read_text().replace(_NAME, folder.absolute().name, 1))
    print(f"{folder}: a kernel, its tests and a workflow; go on with README.md, or `make test`")
    if importlib.util.find_spec("pytest") is None:
        print(f"pytest is not there yet: {sys.executable} -m pip install pytest")
    return 0


def _source() -> Path:
    beside = documents()
    if beside is None or not (beside / "examples" / "kernel" / _TEMPLATE).is_dir():
        raise ConfigError("this installation of pynat has no examples/kernel; install it anew")
    return beside / "examples" / "kernel"


def _files(source: Path) -> Iterator[tuple[Path, Path]]:
    """Each with its name in the new folder."""
    for pattern in _SOURCES:
        yield from ((path, path.relative_to(source)) for path in sorted(source.glob(pattern)))
    template = source / _TEMPLATE
    for path in sorted(template.rglob("*")):
        if path.is_file():
            yield path, path.relative_to(template)
