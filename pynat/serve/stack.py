"""The wrappers around a link, in their order: what the guest's card sees is captured and linted.

card <-> capture <-> lint <-> what the card refuses <-> impair <-> hooks of a script <-> engine
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from random import Random
from typing import TYPE_CHECKING, NamedTuple

from pynat.config import Config, Network
from pynat.link.capture import CaptureLink, captured
from pynat.link.card import Card, CardLink
from pynat.link.impair import ImpairLink, impaired
from pynat.link.link import Link
from pynat.link.lint import LintLink
from pynat.lint.linter import Linter
from pynat.lint.summary import SUMMARY, Summary, summary
from pynat.log.journal import journaled
from pynat.log.notices import Level, Notices

if TYPE_CHECKING:
    from pynat.net.net import Net


class Stack(NamedTuple):
    capture: CaptureLink  # to start and stop it
    impair: ImpairLink  # to change its rules
    link: Link  # for the engine
    summary: Callable[[], Summary] | None  # what the linter can tell; None where it is off
    adopt: list[Callable[[Network], None]]  # who is to know of another net
    end: list[Callable[[float], None]]  # who is to know that no frame comes any more


def seeded(config: Config) -> Config:
    """With one seed for all that is thrown: what the log says repeats the whole run."""
    if config.seed is not None:
        return config
    return replace(config, seed=Random().getrandbits(64))


@contextlib.contextmanager
def stacked(
    card: Link,
    config: Config,
    notices: Notices,
    *,
    lint: bool,
    program: Net | None = None,
    awake: Callable[[], float] | None = None,
    epoch: float = 0.0,
) -> Iterator[Stack]:
    """`config` is seeded. Raises ConfigError.

    lint: whether to, where the configuration does not say. awake: as for LintLink.
    program: a network in Python, whose hooks are innermost.
    """
    wanted = lint if config.lint.enabled is None else config.lint.enabled
    notices.comments.look(linted=wanted)
    with (
        captured(card, config, notices.comments, epoch=epoch) as capture,
        journaled(config.lint.json, notices),
    ):
        linter = Linter(config)
        lint_link = LintLink(capture, linter, notices, awake) if wanted else None
        linted: Link = lint_link or capture
        if lint_link is not None and isinstance(card, Card):
            linted = CardLink(lint_link, card, capture, notices, linter.begin_anew)
        assert config.seed is not None
        with impaired(linted, config, notices, config.seed, capture) as impair:
            hooked = _hooked(impair, program, notices)
            asked: Callable[[], Summary] | None = None
            on_end: list[Callable[[float], None]] = []
            if lint_link is not None:
                asked = partial(_summary, linter, lint_link, notices, impair)
                on_end.append(lint_link.end)
            yield Stack(capture, impair, hooked, asked, [linter.adopt, capture.adopt], on_end)
        if asked is not None:
            _sum_up(asked(), notices)


def _summary(linter: Linter, link: LintLink, notices: Notices, wire: ImpairLink) -> Summary:
    link.tell_overdue()
    verdict, silenced = notices.verdict, notices.silenced
    changed, eaten = wire.has_changed, notices.eaten
    return summary(linter, verdict, silenced, bad_wire=changed, eaten=eaten)


def _sum_up(found: Summary, notices: Notices) -> None:
    for line in found.short():
        notices.say(Level.INFO, f"{SUMMARY}{line}")


def _hooked(impair: ImpairLink, program: Net | None, notices: Notices) -> Link:
    if program is None:
        return impair
    from pynat.link.hooks import HookLink

    return HookLink(impair, program.frames, notices)
