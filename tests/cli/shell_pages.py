"""Completion for shells and manual pages, out of the parsers: share/, as it is installed.

shtab writes the completions. The pages are a few lines here: argparse-manpage makes one page of all
commands, and joins the lines of tables and examples.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import shtab

from pynat import __version__
from pynat.bochs.cards import MODELS
from pynat.cli.main import the_parser
from pynat.rules import BY_CODE
from tests.proving import ROOT

SHARE = ROOT / "share"
COMPLETIONS = {
    "bash": "bash-completion/completions/pynat",
    "zsh": "zsh/site-functions/_pynat",
    "fish": "fish/vendor_completions.d/pynat.fish",
}
_FOLDERS = {"DIR", "FOLDER"}
_FILES = {"FILE", "BOCHSRC", "ELF", "ISO", "IMAGE", "PATH", "stdio|FILE", "TOML"}
_CHOICES = {"CODE": sorted(BY_CODE), "MODEL[,KEY=VALUE...]": sorted(MODELS)}


def pages() -> dict[str, str]:
    """Texts by the names below share/."""
    parser = the_parser()
    for one in all_parsers(parser):
        _tell_what_is_completed(one)
    texts = {name: _completion(parser, shell) for shell, name in COMPLETIONS.items()}
    commands = {one.prog.replace(" ", "-"): one for one in (parser, *_commands(parser).values())}
    texts |= {f"man/man1/{name}.1": manual(one) for name, one in commands.items()}
    return texts


def all_parsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    yield parser
    for inner in _commands(parser).values():
        yield from all_parsers(inner)


def _commands(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    found = [one for one in parser._actions if isinstance(one, argparse._SubParsersAction)]
    return dict(found[0].choices) if found else {}


# ---------------------------------------------------------------- completion
def _completion(parser: argparse.ArgumentParser, shell: str) -> str:
    return shtab.complete(parser, shell).rstrip("\n") + "\n"


def _tell_what_is_completed(parser: argparse.ArgumentParser) -> None:
    for action in parser._actions:
        if action.metavar in _FOLDERS:
            action.complete = shtab.DIRECTORY  # type: ignore[attr-defined]
        elif action.metavar in _FILES:
            action.complete = shtab.FILE  # type: ignore[attr-defined]
        elif isinstance(action.metavar, str) and action.metavar in _CHOICES:
            action.choices = _CHOICES[action.metavar]


# ---------------------------------------------------------------- manual pages
def manual(parser: argparse.ArgumentParser) -> str:
    """In man(7)'s macros. A command's verbs are on its page, but those of pynat have their own."""
    name = parser.prog.replace(" ", "-")
    is_pynat = " " not in parser.prog
    lines = [
        f'.TH {_text(name.upper())} 1 "" "pynat {__version__}" "User Commands"',
        *_section("NAME", f"{_text(name)} \\- {_text(_sentence(parser))}"),
        *_section("SYNOPSIS", *_usage(parser)),
        *_section("DESCRIPTION", _text(parser.description or "")),
        *_options(parser, ".SH"),
        *(_list_of_pages(parser) if is_pynat else _verbs(parser)),
        *(_section("NOTES", *_as_it_is(parser.epilog)) if parser.epilog else []),
        *([] if is_pynat else _section("SEE ALSO", ".BR pynat (1)")),
    ]
    return "\n".join(lines) + "\n"


def _section(title: str, *lines: str) -> list[str]:
    return [f'.SH "{title}"', *lines]


def _sentence(parser: argparse.ArgumentParser) -> str:
    text = (parser.description or "").removesuffix(".")
    return text[:1].lower() + text[1:] if text[1:2].islower() else text


def _usage(parser: argparse.ArgumentParser) -> list[str]:
    """In one line, for it is broken by the width of a terminal."""
    return [_text(" ".join(parser.format_usage().removeprefix("usage: ").split()))]


def _options(parser: argparse.ArgumentParser, heading: str) -> Iterator[str]:
    for group in parser._action_groups:
        actions = [one for one in group._group_actions if _is_told(one)]
        if actions:
            yield f'{heading} "{_text((group.title or "").upper())}"'
            for action in actions:
                yield ".TP"
                yield f"\\fB{_text(_form(action))}\\fR"
                yield _text(_help(parser, action))


def _is_told(action: argparse.Action) -> bool:
    return not isinstance(action, argparse._SubParsersAction) and action.help != argparse.SUPPRESS


def _form(action: argparse.Action) -> str:
    takes = action.metavar or ("" if action.nargs == 0 else action.dest.upper())
    if not action.option_strings:
        return str(takes)
    return f"{', '.join(action.option_strings)} {takes}".rstrip()


def _help(parser: argparse.ArgumentParser, action: argparse.Action) -> str:
    return parser._get_formatter()._expand_help(action) if action.help else ""


def _list_of_pages(parser: argparse.ArgumentParser) -> Iterator[str]:
    yield '.SH "COMMANDS"'
    for name, inner in _commands(parser).items():
        yield from (".TP", f".BR pynat\\-{_text(name)} (1)", _text(inner.description or ""))


def _verbs(parser: argparse.ArgumentParser) -> Iterator[str]:
    inner = [one for one in all_parsers(parser) if one is not parser and not _commands(one)]
    if inner:
        yield '.SH "VERBS"'
    for one in inner:
        yield f'.SS "{_text(one.prog.removeprefix(parser.prog).strip())}"'
        yield from _usage(one)
        yield from _options(one, ".PP\n.I")


def _as_it_is(text: str) -> list[str]:
    return [".nf", *(_text(line) for line in text.rstrip("\n").split("\n")), ".fi"]


def _text(text: str) -> str:
    """Nothing of it is a macro, and `-` can be copied."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{text}" if text[:1] in {".", "'"} else text


def main() -> None:
    for name, text in pages().items():
        (SHARE / name).parent.mkdir(parents=True, exist_ok=True)
        (SHARE / name).write_text(text)


if __name__ == "__main__":
    main()
