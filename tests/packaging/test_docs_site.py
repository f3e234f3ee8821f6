"""The documentation as a site: all links lead somewhere, all pages are found, nothing is loaded."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.packaging.checkout import ROOT

LOADED = re.compile(r"<(?:script|link|img)[^>]* (?:src|href)=[\"']?(https?:[^\"' >]*)")


@pytest.mark.timeout(300)
def test_every_link_leads_somewhere(tmp_path: Path) -> None:
    """mkdocs is strict: a link, an anchor or a page of the table that is not there ends it."""
    made = subprocess.run(
        [ROOT / "scripts" / "make-docs", "--site-dir", tmp_path],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (made.returncode, made.stdout + made.stderr) == (0, "")
    page = (tmp_path / "index.html").read_text()
    assert LOADED.findall(page) == []
    fences = [one.name for one in tmp_path.rglob("*.html") if "<p>```" in one.read_text()]
    assert fences == [], "GitHub shows them as code, and the site does not"
    assert 'href="TCP001.html"' in (tmp_path / "docs" / "rules" / "index.html").read_text()


def test_the_table_has_every_page() -> None:
    table = yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]
    named = set(re.findall(r"docs/[\w-]+\.md", str(table)))
    assert named == {f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")}
