"""The wrappers around a link, in their order: what the guest's card sees is captured and linted.

card <-> capture <-> lint <-> impair <-> engine
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from pynat.config import Config
from pynat.link.capture import CaptureLink, captured
from pynat.link.impair import impaired
from pynat.link.link import Link
from pynat.link.lint import LintLink
from pynat.lint.linter import Linter
from pynat.notices import Notices


@contextlib.contextmanager
def stacked(
    card: Link, config: Config, notices: Notices, *, lint: bool, epoch: float = 0.0
) -> Iterator[tuple[CaptureLink, Link]]:
    """The capture, to start and stop it, and the link for the engine. Raises ConfigError.

    lint: whether to, where the configuration does not say.
    """
    with captured(card, config, notices.remarks, epoch=epoch) as capture:
        wanted = lint if config.lint.enabled is None else config.lint.enabled
        linted = LintLink(capture, Linter(config), notices) if wanted else capture
        with impaired(linted, config) as link:
            yield capture, link
