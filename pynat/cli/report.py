"""`pynat report`: a capture, or findings, as a page to look at, a picture or a trace.

And many runs as one page.
"""

from __future__ import annotations

import argparse
import json
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING

from pynat.cli.parsing import Subparsers, add_command
from pynat.errors import ConfigError

if TYPE_CHECKING:
    from pynat.report import Recording

PAGE = Path("report.html")
_FILE = "pcapng or pcap; or findings as JSON, of `pynat lint --json` or `pynat run --json`"
_EPILOG = """\
examples:
  pynat report net.pcapng                       report.html: findings, flows, plots, exchanges
  pynat report net.pcapng --serial serial.txt --open
  pynat report findings.json                    of `pynat lint --json`, its capture if it is there
  pynat report net.pcapng --png 3 -o flow.png   the plots of TCP flow #3
  pynat report net.pcapng --trace -o net.json   for ui.perfetto.dev
  pynat report --merge shard-1 shard-2          what the shards of a test suite have left
"""


def add(subparsers: Subparsers) -> None:
    parser = add_command(subparsers, "report", "show a capture as a page to look at", _EPILOG)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help=_FILE)
    parser.add_argument("-o", "--output", type=Path, metavar="FILE", help=f"default: {PAGE}")
    parser.add_argument("--serial", type=Path, metavar="FILE", help="the guest's serial log")
    parser.add_argument(
        "--markdown", type=Path, metavar="FILE", help="with --merge, tables of the same there"
    )
    parser.add_argument("--open", action="store_true", help="show it in a browser")
    kinds = parser.add_mutually_exclusive_group()
    kinds.add_argument(
        "--png", type=int, metavar="FLOW", help="the plots of one flow, as a picture"
    )
    kinds.add_argument("--trace", action="store_true", help="JSON in the Trace Event Format")
    kinds.add_argument("--merge", action="store_true", help="FILEs are folders of test artefacts")
    parser.set_defaults(command=_report)


def _report(arguments: argparse.Namespace) -> int:
    output = arguments.output or _default(arguments)
    for option, file in ("-o", output), ("--markdown", arguments.markdown):
        if file is not None and not file.parent.is_dir():
            raise ConfigError(f"{option} {file}: there is no folder {file.parent}")
    if arguments.markdown and not arguments.merge:
        raise ConfigError("--markdown is for --merge; a capture has a page, a picture or a trace")
    if arguments.merge:
        from pynat.report.markdown import summary
        from pynat.report.merge import write_merged

        results = write_merged(arguments.files, output)
        if arguments.markdown:
            arguments.markdown.write_text(summary(results))
        print(f"{output}: {len(results)} tests, {sum(one.is_bad for one in results)} failed")
    else:
        _show_capture(arguments, output)
    if arguments.open:
        webbrowser.open(output.resolve().as_uri())
    return 0


def _default(arguments: argparse.Namespace) -> Path:
    if arguments.png is not None:
        return Path(f"flow-{arguments.png}.png")
    return Path("trace.json") if arguments.trace else PAGE


def _show_capture(arguments: argparse.Namespace, output: Path) -> None:
    from pynat.report import Sources, recorded, write_report

    if len(arguments.files) > 1:
        raise ConfigError(
            f"{len(arguments.files)} files, expected one capture; --merge takes folders"
        )
    sources = Sources(arguments.files[0], arguments.serial)
    if arguments.png is not None:
        from pynat.report.picture import chosen, write_png

        write_png(chosen(recorded(sources).flows, arguments.png), output)
        print(output)
    elif arguments.trace:
        from pynat.report.trace_events import trace_events

        output.write_text(json.dumps(trace_events(recorded(sources))))
        print(output)
    else:
        print(f"{output}: {_summed_up(write_report(sources, output))}")


def _summed_up(recording: Recording) -> str:
    found = ", ".join(f"{name}s {count}" for name, count in recording.severities.items())
    if recording.summary is None:
        return found or "clean"
    return f"frames {recording.frames}, TCP flows {len(recording.flows)}, {found or 'clean'}"
