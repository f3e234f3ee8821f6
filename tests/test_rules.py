"""The catalogue of rules and the source agree."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path
from types import ModuleType

import pytest

from pynat import rules
from pynat.rules import RULES, Rule, Severity

PACKAGE = Path(__file__).parent.parent / "pynat"


def imported(tree: ast.AST) -> dict[str, str]:
    """The files of rules by the names under which the source knows them: `rules.tcp`, `tcp`."""
    known: dict[str, str] = {}
    for node in ast.walk(tree):
        match node:
            case ast.ImportFrom(module="pynat", names=names):
                for one in names:
                    if one.name == "rules":
                        known |= {f"{one.asname or 'rules'}.{file}": file for file in FILES}
            case ast.ImportFrom(module="pynat.rules", names=names):
                known |= {one.asname or one.name: one.name for one in names}
    return known


def used_in(folder: Path) -> set[str]:
    """The codes of the rules that stand in the source."""
    found = set()
    for path in folder.rglob("*.py"):
        tree = ast.parse(path.read_text())
        known = imported(tree)
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) in known:
                rule = getattr(FILES.get(known[ast.unparse(node.value)]), node.attr, None)
                found |= {rule.code} if isinstance(rule, Rule) else set()
    return found


FILES = {name: one for name, one in vars(rules).items() if isinstance(one, ModuleType)}
OF_THE_LINTER = used_in(PACKAGE / "lint")


def test_every_rule_is_used() -> None:
    assert {rule.code for rule in RULES} - used_in(PACKAGE) == set()


@pytest.mark.parametrize("field", ["code", "name"])
def test_none_is_given_twice(field: str) -> None:
    counted = Counter(getattr(rule, field) for rule in RULES)
    assert [value for value, count in counted.items() if count > 1] == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_a_rule_is_written_in_whole_sentences(rule: Rule) -> None:
    assert rule.code[-3:].isdecimal()
    assert rule.code[:-3].isalpha()
    assert rule.code[:-3].isupper()
    assert not rule.rfc or rule.rfc.startswith(("RFC ", "IEEE "))
    for text in (rule.summary, rule.why, rule.remedy):
        assert text.endswith((".", ")"))
        assert text[0].isupper() or text[0].isdecimal() or "." in text.split()[0]


# ---------------------------------------------------------------- severity by consequence
DROPPED_WITHOUT_HARM = {  # docs/lint.md has the rule
    "ETH003": "no mistake: a protocol that is not spoken here",
    "ARP005": "no mistake: a neighbor that is not there",
    "IP011": "no mistake: a service that is not here",
    "IP016": "the first one was taken",
    "IP020": "no mistake: a group in which nobody is",
    "ICMP003": "no mistake: a kind that is not carried",
    "ICMP004": "no mistake: of this no error may be sent",
    "TCP004": "what a restart or a late segment looks like",
    "TCP005": "was taken before",
    "TCP014": "comes again",
    "TCP015": "that is what a probe is for",
    "DHCP005": "the rest of the message is taken",
    "DHCP006": "the rest of the message is taken",
    "DHCP011": "only the address stays taken for a while",
}
LOST = ("never opens", "gets no address", "reaches nothing", "nobody can answer")
COSTLY = (
    *("times as long", "a whole time-out", "all that was sent behind", "a round trip for each"),
    *("slower by as much", "many servers", "may lack"),
)
ELSEWHERE = (
    *("many routers throw", "refuse the new one", "take each other's answers"),
    *("halved for nothing", "never help this one", "throw a message away", "some hosts hand"),
    "drops the error",
)
HARMLESS = ("it works", "it is legal", "does no harm", "without harm")


def test_what_is_dropped_is_an_error_but_for_these() -> None:
    dropped = {rule.code: rule for rule in RULES if rule.code not in OF_THE_LINTER}
    lenient = {
        code
        for code, rule in dropped.items()
        if rule.severity is not Severity.ERROR and rule.protocol != "NET"
    }
    assert lenient == DROPPED_WITHOUT_HARM.keys()


def test_what_the_network_does_is_no_mistake_of_the_guests() -> None:
    severe = {rule.code for rule in RULES if rule.protocol == "NET" and rule.severity != "note"}
    assert severe == {"NET021"}  # a fault of ours


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_the_severity_fits_what_is_said_to_come_of_it(rule: Rule) -> None:
    why = rule.why.lower()
    if any(words in why for words in LOST) and " if " not in why:
        assert rule.severity is Severity.ERROR
    if any(words in why for words in COSTLY + ELSEWHERE):
        assert rule.severity is not Severity.NOTE
    if any(words in why for words in HARMLESS):
        assert rule.severity is not Severity.ERROR


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.code)
def test_a_rule_of_the_guests_says_what_to_look_at(rule: Rule) -> None:
    """Nothing may be to change, but the page of an error or a warning says where to look."""
    if rule.severity is not Severity.NOTE:
        assert not rule.remedy.startswith("Nothing")
        assert len(rule.remedy.split()) >= 4
