"""A rule as a page of Markdown: docs/rules/CODE.md, and what `pynat explain` shows."""

from __future__ import annotations

from pynat.rules.rule import Rule

SEVERITIES = {
    "error": "the frame did not get where it was to go, or another host would refuse it",
    "warning": "it works here and now, and fails or is slow elsewhere",
    "note": "worth knowing; not the guest's mistake, or one without consequences",
}


def page(rule: Rule, example: str = "") -> str:
    """example: Markdown too."""
    parts = [
        f"# {rule.code}: {rule.name}",
        f"{rule.severity.capitalize()}: {SEVERITIES[rule.severity]}.",
        f"{rule.summary} {f'({rule.rfc})' if rule.rfc else ''}".rstrip(),
        f"## Why it matters\n\n{rule.why}",
        f"## What to change\n\n{rule.remedy}",
        f"## Example\n\n{example}" if example else "",
        "## Not to be told of it\n\n"
        f'```toml\n[lint]\nsilence = ["{rule.code}"]\n```\n\n'
        "It is still counted, in `pynat ctl lint` and at the end of the log.",
    ]
    return "\n\n".join(filter(None, parts)) + "\n"
