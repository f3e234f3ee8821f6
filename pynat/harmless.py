"""Text that others have a hand in - the guest, a script, another process - made fit to be shown.

Everything that is said passes here: lines of the log, comments of a capture, findings as JSON, what
is printed at a terminal. What steers a terminal or hides what is written is shown as its number:
control characters, marks that turn the direction of writing, halves of surrogates. A line feed
within a line would begin a line that nobody has said, so it is shown too; where lines are wanted,
every further one is marked.
"""

from __future__ import annotations

MAX_LINE = 2_000  # characters of a line
MAX_LINES = 20_000  # of a text with lines, a traceback
MARK = "  | "  # before each further line


def harmless(text: str, *, longest: int = MAX_LINE) -> str:
    """One line."""
    text = _cut(text, longest)
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else _number(char) for char in text)


def harmless_lines(text: str) -> str:
    """Line feeds and tabs stay, and what is behind a line feed is marked."""
    first, *others = _cut(text, MAX_LINES).split("\n")
    lines = [first, *(MARK + line for line in others)]
    return "\n".join("\t".join(map(harmless, line.split("\t"))) for line in lines)


def _cut(text: str, longest: int) -> str:
    over = len(text) - longest
    return text if over <= 0 else f"{text[:longest]}... ({over} more characters)"


def _number(char: str) -> str:
    return char.encode("unicode_escape").decode()
