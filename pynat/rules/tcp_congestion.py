"""Rules of TCP about how much the guest has under way (RFC 5681, RFC 6928)."""

from __future__ import annotations

from pynat.rules.occasions import Occasion
from pynat.rules.rule import Rule, Severity

NO_SLOW_START = Rule(
    "TCP110",
    "tcp no initial slow start",
    Severity.WARNING,
    "The guest sends more than the initial window before anything of it is acknowledged.",
    "RFC 2525 2.1, RFC 6928 2",
    "On a narrow path most of it is lost, and every connection begins with a loss.",
    "Begin with a congestion window of four segments (RFC 5681), ten at most (RFC 6928), and let"
    " it grow by what is acknowledged.",
    exercised=Occasion.FIRST_FLIGHT,
)

UNINITIALIZED = Rule(
    "TCP111",
    "tcp uninitialized cwnd",
    Severity.WARNING,
    "The other end has announced no MSS, and the guest fills the whole window at once.",
    "RFC 2525 2.3, RFC 5681 3.1",
    "On a narrow path most of it is lost, and every such connection begins with a loss.",
    "Set the congestion window when the connection opens, also where the other end's SYN has no"
    " MSS option: the default of 536 goes for both.",
    exercised=Occasion.FIRST_FLIGHT,
)

NO_SLOW_START_AGAIN = Rule(
    "TCP112",
    "tcp no slow start after retransmission timeout",
    Severity.WARNING,
    "After a time-out the guest sends more than twice what is acknowledged.",
    "RFC 2525 2.2, RFC 5681 3.1",
    "The network lost segments because it was full, and is filled again at once.",
    "At a time-out set the congestion window to one segment and the threshold to half of what was"
    " under way, and let the window grow by what is acknowledged.",
    exercised=Occasion.TIMED_OUT,
)

ADDITIVE = Rule(
    "TCP113",
    "tcp extra additive constant in congestion avoidance",
    Severity.NOTE,
    "After a loss, what the guest has under way grows by an eighth and more each round trip.",
    "RFC 2525 2.6, RFC 5681 3.1",
    "It takes its share from other connections, and loses more than it gains.",
    "Above the threshold let the window grow by MSS * MSS / window for each acknowledgement, with"
    " nothing added to it.",
    exercised=Occasion.RECOVERED,
)

NOT_DEFLATED = Rule(
    "TCP114",
    "tcp failure of window deflation after loss recovery",
    Severity.WARNING,
    "When a recovery ends, the guest has more under way than when the loss was seen.",
    "RFC 2525 2.8, RFC 5681 3.2",
    "The network lost a segment because it was full, and gets a burst instead of half as much.",
    "When the acknowledgement that ends the recovery comes, set the congestion window to the"
    " threshold; look whether a fast path for expected segments leaves that out.",
    exercised=Occasion.RECOVERED,
)

ALONE = Rule(
    "TCP139",
    "tcp one segment at a time",
    Severity.WARNING,
    "Each segment waits until the one before is acknowledged, though there are more, and the window"
    " has room for them.",
    "RFC 5681 3.1",
    "A transfer takes a round trip for each segment, and a delayed acknowledgement with it. It is"
    " right where there is room for one only.",
    "Let the congestion window grow by a segment for each acknowledgement of something new, and"
    " send as much as both windows allow.",
    exercised=Occasion.FIRST_FLIGHT,
)

BY_BYTES = Rule(
    "TCP143",
    "tcp congestion window of a few bytes",
    Severity.WARNING,
    "The guest begins with a segment of a few bytes; each next one, when that is acknowledged, is"
    " larger by a few, though the window is large and more data wait.",
    "RFC 5681 3.1, RFC 6928 2",
    "A transfer takes hundreds of round trips before its segments are full.",
    "Keep the congestion window in bytes: begin with some segments' MSS, add up to one MSS for each"
    " acknowledgement. Or compare it with what is under way in segments.",
    exercised=Occasion.FIRST_FLIGHT,
)

UNSHIFTED = Rule(
    "TCP140",
    "tcp window of the other end not shifted",
    Severity.WARNING,
    "The guest fills the window's field and no more, though the SYNs have agreed on a scale.",
    "RFC 7323 2.3",
    "The larger part of the window stays unused; on a long path all is slower by as much.",
    "Shift the window field of each segment without SYN to the left by the scale in the other end's"
    " SYN. A send buffer that is as small looks alike.",
    exercised=Occasion.FIRST_FLIGHT,
)
