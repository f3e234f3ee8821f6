"""Windows of congestion control, by the numbers of its RFCs."""

from __future__ import annotations

from pynat.nat.tcp.congestion import Congestion

MSS = 1000


def recovering() -> Congestion:
    """Ten segments from 0 on are on their way, and three duplicates have come."""
    congestion = Congestion()
    congestion.open(MSS)
    begins = [
        congestion.on_duplicate(0, 10 * MSS, MSS, lost=False, selective=False) for _ in range(3)
    ]
    assert begins == [False, False, True]
    assert (congestion.threshold, congestion.window) == (5 * MSS, 8 * MSS)
    return congestion


def test_each_further_duplicate_opens_the_window_by_a_segment() -> None:
    congestion = recovering()
    congestion.on_duplicate(0, 10 * MSS, MSS, lost=False, selective=False)
    assert congestion.window == 9 * MSS


def test_a_partial_acknowledgement_deflates_it() -> None:
    """By what is acknowledged, less one segment (RFC 6582 3.2)."""
    congestion = recovering()
    assert congestion.on_progress(3 * MSS, 3 * MSS, MSS, flight=10 * MSS, selective=False)
    assert (congestion.window, congestion.recovering) == (6 * MSS, True)


def test_a_recovery_ends_with_what_was_on_its_way() -> None:
    congestion = recovering()
    assert not congestion.on_progress(10 * MSS, 10 * MSS, MSS, flight=10 * MSS, selective=False)
    assert (congestion.window, congestion.recovering) == (5 * MSS, False)
