"""The namespaces that guests on TAP have."""

from __future__ import annotations

import os
import select

from pynat.testing.namespace import Namespace


def test_what_is_left_in_it_ends_with_it() -> None:
    """As dhcpcd's privileged proxy, which heeds no SIGTERM."""
    with Namespace() as guest:
        left = "trap '' TERM; setsid sleep 1000 >/dev/null 2>&1 & echo $!"
        process = os.pidfd_open(int(guest.run("sh", "-c", left).stdout))
        assert select.select([process], [], [], 0)[0] == []
    assert select.select([process], [], [], 30)[0] == [process]
    os.close(process)
