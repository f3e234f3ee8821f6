"""docs/configuration.md's table of keys and docs/config.schema.json, out of the declarations."""

from __future__ import annotations

from pynat.config.documentation import schema_text, table
from tests.proving import ROOT

PAGE = ROOT / "docs" / "configuration.md"
SCHEMA = ROOT / "docs" / "config.schema.json"
BEGIN = "<!-- made by scripts/make-config-pages -->\n"
END = "<!-- end of what is made -->\n"


def page(text: str) -> str:
    """With the table of today."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


def main() -> None:
    PAGE.write_text(page(PAGE.read_text()))
    SCHEMA.write_text(schema_text())


if __name__ == "__main__":
    main()
