"""Right stacks in a hermetic network: what they are asked on purpose they answer as they should.

TapNetwork holds what the linter says against docs/lint.md.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.linting import never_asked
from tests.netns.network import HANGS, ROUTER, TapNetwork
from tests.netns.stacks import ADDRESSES, STACKS, ZOO, Stack

pytestmark = pytest.mark.timeout(HANGS)

HERMETIC = "hermetic = true\n"


@pytest.mark.parametrize("wire", ["", 'impair = ["loss 5% duplicate 5%"]\nseed = 1\n'])
def test_linux(tmp_path: Path, wire: str) -> None:
    with TapNetwork(tmp_path, HERMETIC + wire, captured=True) as network:
        network.guest.run("ping", "-c", "12", ROUTER)
    assert wire or never_asked(network.capture) == set()


@pytest.mark.parametrize("stack", STACKS)
def test_other_stacks(tmp_path: Path, stack: Stack) -> None:
    words = [f"ping {ROUTER}", *[f"get {ADDRESSES['closed']}", f"get {ADDRESSES['late']}"] * 2]
    with stack.network(tmp_path, f"hermetic = true\n{ZOO}") as network:
        network.guest.run(*stack.command(words))
    assert never_asked(network.capture) == set()
