"""The compiled loops of `_fast.c`."""

from collections.abc import Sequence
from socket import socket

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

def tcp_one(
    frame: bytes, /
) -> tuple[int, int, int, int, int, int, int, bytes, tuple[()] | tuple[int, int]] | None:
    """Bytes of padding, ports, seq, ack, flags, window, data, timestamps.

    None unless the frame carries a segment as for `tcp_run`, but for MAC address and TTL, with no
    reserved bit and no urgent pointer, and nothing behind it but zeros up to 60 bytes.
    """

def tcp_segment(
    source: bytes,
    destination: bytes,
    source_port: int,
    destination_port: int,
    seq: int,
    ack: int,
    flags: int,
    window: int,
    urgent: int,
    options: bytes,
    data: bytes | memoryview,
    /,
) -> bytes:
    """The segment with its checksum, to be carried between these addresses.

    Raises ValueError for options that are no whole words, or too many.
    """

def udp_one(frame: bytes, /) -> tuple[int, int, int] | None:
    """Bytes of padding, ports.

    None unless the frame carries a whole datagram, in IPv4 without options, with correct checksums
    and lengths, and nothing behind it but zeros up to 60 bytes.
    """

def echo_reply(frame: bytes, mac: bytes, ident: int, /) -> bytes | None:
    """The frame that goes back to who has sent this one, with the identification `ident`.

    None unless the frame is to `mac` and carries an unfragmented echo request (RFC 792) without
    options of IP, with correct checksums.
    """

def read_frames(descriptor: int, limit: int, /) -> tuple[list[bytes], int]:
    """At most `limit` frames that wait, one read(2) each, and errno where fewer were there."""

def write_frames(
    descriptor: int, items: Sequence[bytes | Run], busy: bytes = b"", came: list[bytes] = ..., /
) -> tuple[int, int, int, int, int]:
    """Write each frame, and each of a run, with one system call.

    How many were taken, how many bytes they had; how many were refused, and errno of the last one
    of these, or 0; how many are left. Raises TypeError for what is neither, and what `tcp_frames`
    raises: then nothing is written.

    busy: of flows, the 12 bytes at which plain frames have addresses and ports. With some, what
    waits at the descriptor is read after each 64 frames, at most 64 of it, and put into `came`; as
    soon as there is a frame of another flow, the rest is left.
    """

def udp_run(frames: list[bytes], at: int, mac: bytes, /) -> tuple[int, bool, list[bytes]] | None:
    """Time to live, DF, and the data of each.

    Of the frame `at` and of those right behind it that have the same ends, time to live and DF.
    None unless that frame is to `mac` and carries an unfragmented UDP datagram without options of
    IP, with a TTL of 2 at least and correct checksums and lengths; the same holds for the others.
    """

def udp_frames(header: bytes, ident: int, datagrams: list[bytes], /) -> list[bytes]:
    """A frame for each: Ethernet's, IPv4's and UDP's header (42 bytes), with its own lengths and
    sums, and an identification that is one more each time.

    In `header` the fields that are each frame's own are 0. Raises ValueError for what cannot be.
    """

def send_datagrams(
    sock: socket, address: bytes, port: int, datagrams: list[bytes], joined: bool, /
) -> tuple[int, int]:
    """How many of them the kernel has taken, in their order, and errno where not all.

    address: packed. Raises ValueError for what is none. joined: those in a row of one size, and a
    shorter one behind them, go as one message that Linux takes apart again; 64 at most.
    """

def receive_datagrams(
    sock: socket, limit: int, /
) -> tuple[list[tuple[tuple[bytes, int], bytes]], int]:
    """At most `limit` datagrams that wait, and 64 at most; each with who has sent it. And errno
    where there are none."""
