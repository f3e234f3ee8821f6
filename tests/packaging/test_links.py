"""No link in the documentation leads nowhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.packaging import checkout
from tests.packaging.links import anchors, broken, links

PAGES = sorted(checkout.ROOT.glob("*.md"))
PAGES += sorted((checkout.ROOT / "docs").rglob("*.md"))


def test_links() -> None:
    assert [each for page in PAGES for each in broken(page)] == []


def test_they_lead_to_what_git_tracks(tracked: checkout.Files) -> None:
    """Not to a file that lies here alone."""
    local = [
        (page, link) for page in PAGES for link in links(page) if not re.match(r"#|\w+://", link)
    ]
    targets = {(page.parent / link.partition("#")[0]).resolve() for page, link in local}
    assert {str(path.relative_to(checkout.ROOT)) for path in targets} <= set(tracked)


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("[a](other.md) [b](other.md#two-words) [c](#here-1) [d](https://nowhere.test/)", []),
        ("[a](gone.md)", ["gone.md: no such file"]),
        ("[a\nb](gone.md)", ["gone.md: no such file"]),
        ('[a](gone.md "title")', ["gone.md: no such file"]),
        ("[a]: gone.md", ["gone.md: no such file"]),
        ("[a](other.md#words)", ["other.md#words: no such heading"]),
        ("[a](#gone)", ["#gone: no such heading"]),
        ("`[a](gone.md)`\n```\n[a](gone.md)\n# gone\n```\n", []),
    ],
)
def test_what_is_broken(tmp_path: Path, text: str, wrong: list[str]) -> None:
    (tmp_path / "other.md").write_text("# Other\n\n## Two `words`!\n")
    page = tmp_path / "page.md"
    page.write_text(f"# Here\n\n{text}\n\n## Here\n")
    anchors.cache_clear()
    assert list(broken(page)) == [f"{page}: {each}" for each in wrong]
