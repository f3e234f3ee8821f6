"""A test run is sealed once, whichever of its directories wants it (pynat.testing.sealed)."""

from __future__ import annotations

import functools
import os

import pytest

from pynat.testing.sealed import Unsealable, seal

seal_once = functools.cache(seal)


def seal_for(items: list[pytest.Item], why: str) -> None:
    """Skip `items` where the run cannot be sealed, and end the run where nothing may be skipped."""
    try:
        seal_once()
    except Unsealable as error:
        if os.environ.get("CI") == "true":
            pytest.exit(f"{why}: {error}", returncode=1)
        for item in items:
            item.add_marker(pytest.mark.skip(reason=f"{why}: {error}"))
