"""The three ways in which something outside our own code can be wrong.

Our own misuse of our own code is loud (ValueError, assert) and has no class here.
"""

from __future__ import annotations

from pynat.rules import Rule


class Malformed(Exception):  # noqa: N818 - a name the whole engine reads as a word
    """A peer sent bytes that are not what they claim to be.

    Raised by decoders only, caught once in the router's demux and counted under `rule`.

    detail: one sentence with the value seen, the value expected and the RFC section.
    """

    def __init__(self, rule: Rule, detail: str) -> None:
        super().__init__(f"{rule.name}: {detail}")
        self.rule = rule
        self.detail = detail


class ConfigError(Exception):
    """A config file, or something it names, is wrong.

    text: one line: file (and line where known), key, value and what would be right. What of it a
        user wrote may be anything, and is shown escaped.
    below: what a script has raised.
    """

    def __init__(self, text: str, below: str = "") -> None:
        line = "".join(one if one.isprintable() else ascii(one)[1:-1] for one in text)
        super().__init__(f"{line}\n{below}" if below else line)
