"""`pynat`: one module per subcommand, each with `add(subparsers)`.

Only the module of the command that is called is imported: what all of them need takes twice as long
to import as what `pynat run` does.
"""

from __future__ import annotations

import argparse
import os
import select
import signal
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from types import ModuleType
from typing import TextIO

from pynat import __version__
from pynat.bochs.find import BochsError
from pynat.cli.leaving import SIGNALLED
from pynat.cli.parsing import Parser
from pynat.cli.run_record import FAILED, code_of
from pynat.errors import ConfigError
from pynat.harmless import harmless

_INTERRUPTED = 130
_COMMANDS: dict[str, Callable[[], ModuleType]] = {
    "run": lambda: import_module("pynat.cli.run"),
    "check": lambda: import_module("pynat.cli.check"),
    "doctor": lambda: import_module("pynat.cli.doctor"),
    "install-plugin": lambda: import_module("pynat.cli.plugin"),
    "uninstall-plugin": lambda: import_module("pynat.cli.plugin"),
    "demo": lambda: import_module("pynat.cli.demo"),
    "new": lambda: import_module("pynat.cli.new"),
    "tap": lambda: import_module("pynat.cli.tap"),
    "ctl": lambda: import_module("pynat.cli.ctl"),
    "top": lambda: import_module("pynat.cli.top"),
    "lint": lambda: import_module("pynat.cli.lint"),
    "report": lambda: import_module("pynat.cli.report"),
    "explain": lambda: import_module("pynat.cli.explain"),
}

_EXAMPLES = """\
examples:
  pynat doctor                          is everything there that pynat needs?
  pynat run -f bochsrc                  run Bochs with ethmod=pynat in reach
  pynat run -f bochsrc --headless --timeout 300
  pynat check net.toml                  is the file that script= names right?
  pynat install-plugin                  let a plain `bochs` find ethmod=pynat
  pynat tap tap0 --netns lab            let Linux's own programs use such a network
  pynat ctl flows                       what a running network is doing
  pynat top                             the same as a table that goes on
  pynat lint net.pcapng                 what a guest's stack does wrong, out of a capture
  pynat report net.pcapng               the same as a page with plots
  pynat explain TCP001                  what a code in the log means
  pynat demo                            boot a guest and let it fetch a page
  pynat new mykernel                    a kernel with tests and a workflow, to make it yours
"""


def main(argv: Sequence[str] | None = None) -> int:
    try:
        return _called(sys.argv[1:] if argv is None else argv)
    except BrokenPipeError:  # whoever read has gone, as `| head` does
        return SIGNALLED + signal.SIGPIPE
    finally:
        _drop_what_nobody_takes()


def _called(words: Sequence[str]) -> int:
    try:
        arguments = the_parser(*words[:1]).parse_args(words)
        command: Callable[[argparse.Namespace], int] = arguments.command
        code = command(arguments)
        for stream in _outputs():
            stream.flush()
        return code
    except (BochsError, ConfigError) as error:
        _complain(str(error))
        return code_of(error)
    except OSError as error:
        if isinstance(error, BrokenPipeError) and any(map(_is_unread, _outputs())):
            raise
        where = f"{error.filename}: " if error.filename else ""
        _complain(f"{where}{error.strerror or error}")
        return FAILED
    except KeyboardInterrupt:
        return _INTERRUPTED


def _outputs() -> list[TextIO]:
    """Those that are not closed."""
    return [stream for stream in (sys.stdout, sys.stderr) if stream]


def _is_unread(stream: TextIO) -> bool:
    """A pipe whose reader has gone; what broke may also have been a socket of the command's."""
    poll = select.poll()
    poll.register(stream.fileno(), 0)
    return bool(poll.poll(0))


def _drop_what_nobody_takes() -> None:
    """Else Python tries once more at its end, and complains."""
    for stream in _outputs():
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _complain(text: str) -> None:
    """Others may have had a hand in it: names of files, what a network has answered."""
    lines = map(harmless, text.split("\n"))
    print("pynat: " + "\n".join(lines), file=sys.stderr)


def the_parser(word: str = "") -> Parser:
    """For the command of that name; for all, where it is none."""
    parser = Parser(
        prog="pynat",
        description="A NAT network for guests of the Bochs emulator (ethmod=pynat).",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"pynat {__version__}")
    subparsers = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    wanted = [_COMMANDS[word]] if word in _COMMANDS else _COMMANDS.values()
    for module in dict.fromkeys(get() for get in wanted):
        module.add(subparsers)
    return parser
