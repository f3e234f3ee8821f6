"""A rule as a page of Markdown: docs/rules/CODE.md, and what `pynat explain` shows."""

from __future__ import annotations

from pynat.rules.occasions import Occasion
from pynat.rules.rule import Rule
from pynat.rules.standards import PROBLEMS

SEVERITIES = {
    "error": "the guest does not work, or other hosts refuse what it sends",
    "warning": "it works here and now, and fails or is slow elsewhere",
    "note": "worth knowing; not the guest's mistake, or a habit that harms nobody",
}


def page(rule: Rule, example: str = "") -> str:
    """example: Markdown too."""
    parts = [
        f"# {rule.code}: {rule.name}",
        f"{rule.severity.capitalize()}: {SEVERITIES[rule.severity]}.",
        f"{rule.summary} {f'({rule.rfc})' if rule.rfc else ''}".rstrip(),
        " ".join(
            f"RFC 2525 {one.name} calls it *{one.text}*." for one in PROBLEMS if rule in one.rules
        ),
        f"## Why it matters\n\n{rule.why}",
        f"## What to look at in your code\n\n{rule.remedy}",
        f"## What follows from it\n\n{_links(rule)}" if rule.leads_to else "",
        f"## Its chance\n\nOnly {rule.exercised} can show it: a run without any proves nothing."
        if rule.exercised is not Occasion.NONE
        else "",
        f"## Example\n\n{example}" if example else "",
        "## Not to be told of it\n\n"
        f'```toml\n[lint]\nsilence = ["{rule.code}"]\n```\n\n'
        "It is still counted, in `pynat ctl lint` and at the end of the log.",
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def _links(rule: Rule) -> str:
    """To rules that a guest breaks because of this one, and that do not count then."""
    return ", ".join(f"[{code}]({code}.md)" for code in rule.leads_to)
