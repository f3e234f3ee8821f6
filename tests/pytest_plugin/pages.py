"""The reference in docs/pytest.md, out of the docstrings of fixtures and guests."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

from pynat.pytest_plugin import fixtures, hooks
from pynat.testing.kit import BootOptions, Guest, Verdicts
from tests.proving import ROOT

PAGE = ROOT / "docs" / "pytest.md"
BEGIN = "<!-- made by scripts/make-fixture-pages -->\n"
END = "<!-- end of what is made -->\n"
FIXTURES = (
    *("guest", "module_guest", "session_guest", "boot", "module_boot", "session_boot"),
    *("pynat_options", "pynat_seed", "pynat_tap", "pynat_virtual"),
)


def page(text: str) -> str:
    """With the reference of today."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{reference()}\n{END}{after}"


def reference() -> str:
    made = [f"### Fixture `{name}`\n\n{_doc(getattr(fixtures, name))}\n" for name in FIXTURES]
    made += ["### Keywords of `boot` and of `@pytest.mark.pynat`\n", _doc(BootOptions) + "\n"]
    made += ["### Markers\n", *(f"- `{text.replace(': ', '`: ', 1)}" for text in hooks.MARKERS), ""]
    made += ["### A guest\n", *_members(Guest, "guest"), ""]
    made += ["### `guest.lint`\n", _doc(Verdicts) + "\n", *_members(Verdicts, "guest.lint")]
    return "\n".join(made)


def _members(kind: type, name: str) -> Iterator[str]:
    for member in sorted(dir(kind)):
        found = inspect.getattr_static(kind, member)
        if member.startswith(("_", "pynat")) or not (inspect.getdoc(found) or "").strip():
            continue
        yield f"- `{name}.{member}{_call(found)}`: {_one_line(found)}"


def _call(member: object) -> str:
    if not inspect.isfunction(member):
        return ""
    parameters = list(inspect.signature(member).parameters.values())[1:]
    plain = [one.replace(annotation=inspect.Parameter.empty) for one in parameters]
    return str(inspect.Signature(plain))


def _one_line(member: object) -> str:
    return re.sub(r"\s+", " ", inspect.getdoc(member) or "")


def _doc(documented: object) -> str:
    text = inspect.getdoc(documented) or ""
    return re.sub(r"\.\n(?=[a-z_, ]+: )", ".\\n\\n", text)


def main() -> None:
    PAGE.write_text(page(PAGE.read_text()))


if __name__ == "__main__":
    main()
