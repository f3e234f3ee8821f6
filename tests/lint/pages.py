"""Writes docs/rules/ out of the catalogue and of what each rule's first example shows."""

from __future__ import annotations

import inspect
from pathlib import Path

from pynat.rules import RULES, Rule
from pynat.rules.page import page
from pynat.rules.standards import MUSTS, PROBLEMS, Demand
from pynat.testing.linted import LintedLab
from tests.lint.examples import EXAMPLES, collect

PAGES = Path(__file__).parents[2] / "docs/rules"
LINT = PAGES.parent / "lint.md"
BEGIN = "<!-- made by scripts/make-rule-pages -->\n"
END = "<!-- end of what is made -->\n"
PROTOCOLS = {
    "ETH": "Ethernet",
    "ARP": "ARP",
    "IP": "IPv4",
    "ICMP": "ICMP",
    "UDP": "UDP",
    "TCP": "TCP",
    "DHCP": "DHCP",
    "DNS": "DNS",
    "TFTP": "TFTP",
    "NET": "Limits and settings of the network, and trouble of the host",
}
MOST = 30  # lines of a trace
HEAD = """\
# What pynat says of a guest's network stack

Every line of the log that begins with `dropped:` or `lint:` has a code. Here is what each one
means, why it matters and what to change. `pynat explain TCP001` shows the same. A capture in pcapng
format has these lines as comments of the very frames.

In the examples `>` is what the guest sends and `<` what comes to it; TCP's numbers count from each
side's first one. Below a frame stands what was said of it.

*error*: the guest does not work, or other hosts refuse what it sends. *warning*: it works here and
now, and fails or is slow elsewhere. *note*: worth knowing; not the guest's mistake, or a habit that
harms nobody.

[lint.md](../lint.md) says where else they are shown, and what real stacks do. These pages are made
by `scripts/make-rule-pages`.
"""


def pages() -> dict[str, str]:
    """By file name."""
    collect()
    firsts = {one.code: one for one in reversed(EXAMPLES)}
    found = {"README.md": contents()}
    for rule in RULES:
        one = firsts.get(rule.code)
        shown = shown_by(inspect.getdoc(one.guest) or "", one.run(), rule) if one else ""
        found[f"{rule.code}.md"] = page(rule, shown)
    return found


def shown_by(caption: str, lab: LintedLab, rule: Rule) -> str:
    said = [line.partition(" ")[2] for line in lab.log if f" {rule.code} " in line]
    is_about_idents = rule.protocol in {"ETH", "IP"} and " ident" in "".join(said)
    parts = [
        caption,
        fenced(shortened(concerning(rule, lab.trace(idents=is_about_idents)))),
        "In the log:",
        fenced("\n".join(said)),
    ]
    return "\n\n".join(filter(None, parts))


def concerning(rule: Rule, trace: str) -> str:
    """Without what other rules note of it: these guests are short, and do not begin with ARP."""
    lines = trace.splitlines()
    return "\n".join(one for one in lines if " note: " not in one or rule.code in one)


def shortened(trace: str) -> str:
    lines = trace.splitlines()
    if len(lines) <= MOST:
        return trace
    return "\n".join([*lines[: MOST // 2], "...", *lines[-MOST // 2 :]])


def fenced(text: str) -> str:
    return f"```\n{text}\n```"


def contents() -> str:
    parts = [HEAD]
    for letters, name in PROTOCOLS.items():
        rows = [row(rule) for rule in RULES if rule.code[:-3] == letters]
        parts.append(f"## {name}\n\n| code | severity | what |\n|---|---|---|\n" + "".join(rows))
    return "\n".join(parts)


def row(rule: Rule) -> str:
    return f"| [{rule.code}]({rule.code}.md) | {rule.severity} | {rule.name}: {rule.summary} |\n"


def lint_page(text: str) -> str:
    """docs/lint.md with the tables of today."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    made = f"{table('RFC 2525', 'problem', PROBLEMS)}\n{table('RFC 9293', 'demand', MUSTS)}"
    return f"{before}{BEGIN}\n{made}\n{END}{after}"


def table(standard: str, what: str, demands: tuple[Demand, ...]) -> str:
    rows = [f"| {standard} | {what} | rule |", "|---|---|---|"]
    for one in demands:
        links = ", ".join(f"[{rule.code}](rules/{rule.code}.md)" for rule in one.rules)
        rows.append(f"| {one.name} | {one.text} | {links} |")
    return "\n".join(rows) + "\n"


def main() -> None:
    LINT.write_text(lint_page(LINT.read_text()))
    PAGES.mkdir(exist_ok=True)
    wanted = pages()
    for path in PAGES.glob("*.md"):
        if path.name not in wanted:
            path.unlink()
    for name, text in wanted.items():
        (PAGES / name).write_text(text)


if __name__ == "__main__":
    main()
