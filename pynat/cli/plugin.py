"""`pynat install-plugin`: a link in Bochs's own plugin directory, so that a plain `bochs`
finds ethmod=pynat; and links for shells and man."""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

from pynat.bochs.find import PLUGIN_FILE, BochsError, built_plugin, find_bochs
from pynat.cli import shared
from pynat.cli.parsing import Subparsers, add_bochs, add_command

_OURS = Path("pynat", "plugin", PLUGIN_FILE).parts


def add(subparsers: Subparsers) -> None:
    install = add_command(
        subparsers,
        "install-plugin",
        "link the plugin into Bochs's plugin directory, so that a plain `bochs` finds it",
        "Completion for bash, zsh and fish and the manual pages are linked too. None of it is\n"
        "needed for `pynat run`. The links point into this installation of pynat.",
    )
    install.set_defaults(command=_install)
    uninstall = add_command(subparsers, "uninstall-plugin", "remove those links")
    uninstall.set_defaults(command=_uninstall)
    for parser in (install, uninstall):
        parser.add_argument(
            "--dir", type=Path, metavar="DIR", help="another directory than Bochs's own"
        )
        parser.add_argument(
            "--share",
            type=Path,
            metavar="DIR",
            help="where completion and manual pages go (default: /usr/local/share for root, else"
            " ~/.local/share)",
        )
        add_bochs(parser)


def _install(arguments: argparse.Namespace) -> int:
    plugin = built_plugin()
    link = _link(arguments)
    _refuse_foreign(link)
    with _Permission(link, "install-plugin"):
        _link_to(link, plugin)
    for one in _shared(arguments):
        if _is_free(one):
            one.place.parent.mkdir(parents=True, exist_ok=True)
            _link_to(one.place, one.target)
    return 0


def _link_to(link: Path, target: Path) -> None:
    if link.is_symlink() and link.readlink() == target:
        print(f"{link} is already there")
        return
    fresh = link.with_name(f".{link.name}.{os.getpid()}")
    fresh.symlink_to(target)
    fresh.replace(link)
    print(f"{link} -> {target}")


def _uninstall(arguments: argparse.Namespace) -> int:
    link = _link(arguments)
    _refuse_foreign(link)
    with _Permission(link, "uninstall-plugin"):
        _remove(link)
    for one in _shared(arguments):
        if _is_free(one):
            _remove(one.place)
    return 0


def _remove(link: Path) -> None:
    if not os.path.lexists(link):
        print(f"{link} is not there")
        return
    link.unlink()
    print(f"{link} removed")


def _shared(arguments: argparse.Namespace) -> Iterator[shared.Link]:
    return shared.links(arguments.share or shared.usual_folder())


def _is_free(link: shared.Link) -> bool:
    """Completion and manual pages are no reason to stop."""
    free = link.is_ours or not os.path.lexists(link.place)
    if not free:
        print(f"pynat: {link.place} is not a link that pynat made; it stays", file=sys.stderr)
    return free


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
            directory = str(self._link.parent)
            us = ["sudo", sys.executable, "-m", "pynat", self._verb, "--dir", directory]
            raise BochsError(
                f"no permission to write in {directory}; try: {shlex.join(us)}"
            ) from error
