"""`pynat top`: a running network at a glance, drawn again and again (docs/control.md).

rich draws (`pynat.cli.top_screen`): textual is built on it, for what can be clicked, and there is
nothing here. It is an extra all the same, for 14 MB come with it that no guest needs.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from pynat.cli.ctl import add_which, found_network
from pynat.cli.parsing import Subparsers, add_command, seconds
from pynat.control.client import ask
from pynat.control.protocol import Refused
from pynat.errors import ConfigError
from pynat.harmless import harmless

if TYPE_CHECKING:
    from pynat.cli.top_screen import Moment

INTERVAL = 1.0  # seconds (wall)
_EPILOG = """\
Ctrl-C leaves it; so does the network's end. The busiest flows stand first.

examples:
  pynat top
  pynat top --once >state.txt         what it would show, also without a terminal
"""
_WANTED = (
    "`pynat top` draws by rich, which is not installed: pip install 'bochs-pynat[top]';"
    " `pynat ctl flows` needs nothing"
)


def add(subparsers: Subparsers) -> None:
    parser = add_command(
        subparsers, "top", "show flows, counters and findings of a running network", _EPILOG
    )
    add_which(parser)
    parser.add_argument(
        "--interval",
        type=seconds,
        default=INTERVAL,
        metavar="S",
        help=f"between two looks, on the wall's clock (default: {INTERVAL:g})",
    )
    parser.add_argument("--once", action="store_true", help="draw it once, and end")
    parser.set_defaults(command=_top)


def _top(arguments: argparse.Namespace) -> int:
    try:
        from pynat.cli import top_screen
    except ImportError:
        raise ConfigError(_WANTED) from None
    path = found_network(arguments)
    try:
        first = look(path)
    except Refused as error:
        raise ConfigError(harmless(str(error))) from None
    if arguments.once:
        top_screen.show(first)
        return 0
    with contextlib.suppress(KeyboardInterrupt):
        _follow(path, first, arguments.interval)
    return 0


def _follow(path: Path, before: Moment, interval: float) -> None:
    from pynat.cli.top_screen import following

    with following(before) as draw:
        while True:
            time.sleep(interval)
            try:
                now = look(path)
            except (Refused, OSError):
                break
            draw(now, before)
            before = now
    print("pynat: the network has ended", file=sys.stderr)


def look(path: Path) -> Moment:
    """Raises Refused and OSError."""
    from pynat.cli.top_screen import Moment

    return Moment(
        wall=time.monotonic(),
        info=ask(path, "info"),
        stats=ask(path, "stats"),
        flows=ask(path, "flows")["flows"],
        rules=ask(path, "lint")["rules"],
        leases=ask(path, "leases")["leases"],
    )
