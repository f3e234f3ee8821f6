"""`--pynat-live`: what guests say and what the linter finds, at the terminal while a test runs."""

from __future__ import annotations

from collections.abc import Callable

import pytest


def teller(config: pytest.Config, name: str) -> Callable[[str], None] | None:
    """What prints a line; None where nobody wants it."""
    if not config.getoption("pynat_live"):
        return None
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    capture = config.pluginmanager.get_plugin("capturemanager")
    if reporter is None or capture is None:
        return None

    def tell(line: str) -> None:
        with capture.global_and_fixture_disabled():
            reporter.ensure_newline()
            reporter.write_line(f"{name}: {line}")

    return tell
