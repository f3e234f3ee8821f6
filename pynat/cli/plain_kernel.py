"""The files of examples/kernel without MISTAKE(n): it is false, and what it guards is gone.

It stands in few forms there; tests/cli/test_new.py says when there is another one.
"""

from __future__ import annotations

import re

_MISTAKE = r"MISTAKE\(\d+\)"
_WRONG = rf"{_MISTAKE}[^?;]*?\s\?\s[^?;]*?\s:\s"  # up to what is right
_GONE = (
    r"^#define (?:MISTAKE|swap\d+)\b.*\n",
    r"^MISTAKE := 0\n(?s:.*?)^endif\n",  # of the Makefile
    r" -DMADE=\$\(MISTAKE\)| wrong-\*/",
    r"^`MISTAKE\(n\)`(?s:.*?)\n\n",  # a paragraph of README.md
    rf"^ *if \({_MISTAKE}\) .*;\n",
    rf"if \(!{_MISTAKE}\) ",
    rf" && !{_MISTAKE}",
    rf" \|\| {_MISTAKE}",
    rf"{_MISTAKE} \|\| ",
)


def plain(text: str) -> str:
    for pattern in _GONE:
        text = re.sub(pattern, "", text, flags=re.MULTILINE)
    text = re.sub(rf"(?<!\w)\({_WRONG}(\w+)\)", r"\1", text)  # needs no parentheses any more
    return re.sub(_WRONG, "", text)
