"""The compiled loops of `_fast.c`."""

from collections.abc import Sequence

Run = tuple[bytes, bytes, bytes, int, int, int, int, list[bytes | memoryview], bool]  # a FrameRun

def ones_sum(data: bytes | memoryview, /) -> int:
    """The ones'-complement sum of 16-bit words (RFC 1071); zero only if all of `data` is zero."""

def tcp_frames(run: Run, /) -> list[bytes]:
    """The frames of a FrameRun.

    Raises ValueError for headers that are too long or short, TypeError or BufferError for what is
    no text.
    """

def tcp_run(
    frames: list[bytes], at: int, mac: bytes, /
) -> tuple[int, int, int, int, int, int, int, int, bytes, tuple[()] | tuple[int, int]] | None:
    """Count, bytes before the last one, ports, seq, ack, flags, window, data, timestamps.

    Of the frame `at` and of those right behind it that only go on with what it says: more data in
    order with nothing else changed, or further acknowledgements without data. None unless that
    frame is to `mac` and carries an unfragmented TCP segment with ACK or ACK and PSH, no options
    but timestamps, a TTL of 2 at least and correct checksums; the same holds for the others.
    """

def read_frames(descriptor: int, limit: int, /) -> tuple[list[bytes], int]:
    """At most `limit` frames that wait, one read(2) each, and errno where fewer were there."""

def write_frames(descriptor: int, items: Sequence[bytes | Run], /) -> tuple[int, int, int, int]:
    """Write each frame, and each of a run, with one system call.

    How many were taken, how many bytes they had; how many were refused, and errno of the last one
    of these, or 0. Raises TypeError for what is neither, and what `tcp_frames` raises: then nothing
    is written.
    """
