from __future__ import annotations

import pytest

from pynat.bochs import Bochs, find_bochs


@pytest.fixture(scope="session")
def bochs() -> Bochs:
    return find_bochs()
