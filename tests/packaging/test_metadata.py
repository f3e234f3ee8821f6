"""What an index shows of pynat, and whether it would take it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from packaging.metadata import Metadata
from trove_classifiers import classifiers

import pynat
from tests.packaging import checkout
from tests.packaging.builds import Archives, Offline

LINK = re.compile(r"\]\(([^)]*)\)")
SOURCE = "https://git.test/pynat"


@pytest.fixture(scope="session")
def metadata(archives: Archives) -> Metadata:
    """Checked as an index checks it."""
    return Metadata.from_email(archives.metadata(), validate=True)


def test_it_says_what_pynat_is(metadata: Metadata) -> None:
    assert (metadata.name, str(metadata.version)) == ("bochs-pynat", pynat.__version__)
    assert metadata.summary
    assert metadata.author == "The pynat developers"
    assert metadata.license_expression == "LGPL-2.1-or-later"
    assert metadata.license_files == ["LICENSE"]
    assert str(metadata.requires_python) == ">=3.11"
    assert "bochs" in (metadata.keywords or [])
    assert "Bochs" in (metadata.project_urls or {})


def test_the_classifiers_exist(metadata: Metadata) -> None:
    ours = set(metadata.classifiers or [])
    assert ours <= classifiers
    assert {f"Programming Language :: Python :: 3.{minor}" for minor in (11, 12, 13)} <= ours
    assert {"Operating System :: POSIX :: Linux", "Typing :: Typed"} <= ours


def test_what_is_needed_to_run_is_little(metadata: Metadata) -> None:
    wanted = {each.name for each in metadata.requires_dist or [] if each.marker is None}
    assert wanted == {"h11", "jinja2"}


def test_the_description_is_the_readme_without_links_into_the_clone(metadata: Metadata) -> None:
    assert metadata.description_content_type == "text/markdown"
    links = LINK.findall(metadata.description or "")
    assert links
    assert [link for link in links if not link.startswith("https://")] == []
    readme = (checkout.ROOT / "README.md").read_text()
    assert words(metadata.description or "") == words(readme)


def test_with_a_repository_the_links_lead_there(
    tracked: checkout.Files, offline: Offline, tmp_path: Path
) -> None:
    folder = tmp_path / "pynat"
    checkout.copy(tracked, folder)
    project = folder / "pyproject.toml"
    text = project.read_text()
    project.write_text(text.replace("[project.urls]\n", f'[project.urls]\nSource = "{SOURCE}"\n'))
    offline.run("python", "-m", "build", "--sdist", folder, folder=tmp_path)
    (sdist,) = (folder / "dist").iterdir()
    written = Metadata.from_email(Archives(sdist, sdist).sdist_metadata(), validate=True)
    links = LINK.findall(written.description or "")
    assert f"{SOURCE}/blob/HEAD/docs/time.md" in links
    assert [link for link in links if not link.startswith("https://")] == []


def words(markdown: str) -> list[str]:
    """What a reader sees of it."""
    return re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", markdown).split()
