"""The loops over bytes and segments: compiled (`_fast.c`), or in Python (`_pure.py`) where that
could not be built or PYNAT_PURE is set. Both give the same results (tests/wire/test_loops.py)."""

from __future__ import annotations

import os

try:
    if os.environ.get("PYNAT_PURE"):
        raise ImportError
    from pynat._fast import (
        echo_reply,
        ones_sum,
        read_frames,
        receive_datagrams,
        send_datagrams,
        tcp_frames,
        tcp_one,
        tcp_run,
        tcp_segment,
        udp_frames,
        udp_one,
        udp_run,
        write_frames,
    )

    IS_PURE = False
except ImportError:
    from pynat._pure import (
        echo_reply,
        ones_sum,
        read_frames,
        receive_datagrams,
        send_datagrams,
        tcp_frames,
        tcp_one,
        tcp_run,
        tcp_segment,
        udp_frames,
        udp_one,
        udp_run,
        write_frames,
    )

    IS_PURE = True

__all__ = [
    "IS_PURE",
    "echo_reply",
    "ones_sum",
    "read_frames",
    "receive_datagrams",
    "send_datagrams",
    "tcp_frames",
    "tcp_one",
    "tcp_run",
    "tcp_segment",
    "udp_frames",
    "udp_one",
    "udp_run",
    "write_frames",
]
