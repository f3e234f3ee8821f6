"""What a test run needs from the network, fetched before the run is sealed off from it.

`python -m tests.preparing [MARKER ...]` fetches all of it, or what these tests want, and says so;
`make test` does that first, and in CI ends where something cannot be had. A run that was started
otherwise fetches what its own tests need (tests/conftest.py). A new need is one more row of NEEDS.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable

from pynat.testing.guests import GuestUnavailable, fetch_kernel
from pynat.testing.guests.debian import Tell, silent
from tests.netns.gvisor import build as gvisor
from tests.netns.lwip import build as lwip
from tests.packaging.wheelhouse import WheelsUnavailable, wheelhouse

# The marker of the tests that want it, and what fetches or makes it unless it is there.
NEEDS: dict[str, Callable[[Tell], object]] = {
    "linux": fetch_kernel,
    "lwip": lwip.guest_program,
    "gvisor": gvisor.guest_program,
    "packaging": wheelhouse,
}


def prepare(markers: Iterable[str], tell: Tell = silent) -> dict[str, str]:
    """What cannot be had, by marker: one line each that says why."""
    missing = {}
    for marker in markers:
        try:
            NEEDS[marker](tell)
        except (GuestUnavailable, WheelsUnavailable) as error:
            missing[marker] = str(error)
    return missing


def main(markers: list[str]) -> int:
    missing = prepare(markers or NEEDS, lambda text: print(f"{text} ...", flush=True))
    for marker, why in missing.items():
        print(f"skipped tests, those marked {marker}: {why}", file=sys.stderr)
    return 1 if missing and os.environ.get("CI") == "true" else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
