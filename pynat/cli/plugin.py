"""`pynat install-plugin`: a link in Bochs's own plugin directory, so that a plain `bochs`
finds ethmod=pynat."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from pynat.bochs.find import PLUGIN_FILE, BochsError, find_bochs, our_plugin_dir
from pynat.cli.parsing import Subparsers, add_bochs, add_command

_OURS = Path("pynat", "plugin", PLUGIN_FILE).parts


def add(subparsers: Subparsers) -> None:
    install = add_command(
        subparsers,
        "install-plugin",
        "link the plugin into Bochs's plugin directory, so that a plain `bochs` finds it",
        "Not needed for `pynat run`. The link points into this installation of pynat.",
    )
    install.set_defaults(command=_install)
    uninstall = add_command(subparsers, "uninstall-plugin", "remove that link")
    uninstall.set_defaults(command=_uninstall)
    for parser in (install, uninstall):
        parser.add_argument(
            "--dir", type=Path, metavar="DIR", help="another directory than Bochs's own"
        )
        add_bochs(parser)


def _install(arguments: argparse.Namespace) -> int:
    plugin = our_plugin_dir() / PLUGIN_FILE
    if not plugin.is_file():
        raise BochsError(f"the plugin is not built: no {plugin}; run `make build` or pip install")
    link = _link(arguments)
    if link.is_symlink() and link.readlink() == plugin:
        print(f"{link} is already there")
        return 0
    _refuse_foreign(link)
    with _Permission(link, "install-plugin"):
        fresh = link.with_name(f".{link.name}.{os.getpid()}")
        fresh.symlink_to(plugin)
        fresh.replace(link)
    print(f"{link} -> {plugin}")
    return 0


def _uninstall(arguments: argparse.Namespace) -> int:
    link = _link(arguments)
    if not os.path.lexists(link):
        print(f"{link} is not there")
        return 0
    _refuse_foreign(link)
    with _Permission(link, "uninstall-plugin"):
        link.unlink()
    print(f"{link} removed")
    return 0


def is_our_link(link: Path) -> bool:
    """Whether this or another installation of pynat, maybe one that is gone, made the link."""
    return link.is_symlink() and link.readlink().parts[-len(_OURS) :] == _OURS


def _link(arguments: argparse.Namespace) -> Path:
    directory: Path = arguments.dir or find_bochs(arguments.bochs).plugin_dir
    if not directory.is_dir():
        raise BochsError(f"{directory} is not a directory; name Bochs's plugin directory")
    return directory.absolute() / PLUGIN_FILE


def _refuse_foreign(link: Path) -> None:
    if os.path.lexists(link) and not is_our_link(link):
        raise BochsError(f"{link} is not a link that pynat made; move it away yourself")


class _Permission:
    """Turns a refused write into the command that would be allowed to do it."""

    def __init__(self, link: Path, verb: str) -> None:
        self._link = link
        self._verb = verb

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, PermissionError):
            us = f"{sys.executable} -m pynat"
            directory = self._link.parent
            raise BochsError(
                f"no permission to write in {directory};"
                f" try: sudo {us} {self._verb} --dir {directory}"
            ) from error
