"""The compiled loops of `_fast.c`."""

def ones_sum(data: bytes | memoryview, /) -> int:
    """The ones'-complement sum of 16-bit words (RFC 1071); zero only if all of `data` is zero."""

def tcp_headers(
    template: bytes, base: int, seq: int, last_flags: int, payloads: list[bytes | memoryview], /
) -> list[bytes]:
    """TCP headers of consecutive segments.

    template: header with options, sequence number and checksum 0. base: the sum (16 bits) of
    everything that the segments share, their flags left out. The last one has `last_flags`.
    Raises ValueError for what is no header, BufferError or TypeError for what is no payload.
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

def udp_one(frame: bytes, /) -> tuple[int, int, int] | None:
    """Bytes of padding, ports.

    None unless the frame carries a whole datagram, in IPv4 without options, with correct checksums
    and lengths, and nothing behind it but zeros up to 60 bytes.
    """

def read_frames(descriptor: int, limit: int, /) -> tuple[list[bytes], int]:
    """At most `limit` frames that wait, one read(2) each, and errno where fewer were there."""

def write_frames(descriptor: int, frames: list[bytes], start: int, /) -> tuple[int, int]:
    """Write the frames from `start` on, one write(2) each, until one is refused.

    The index of that one, or how many frames there are, and errno, or 0. Raises TypeError for
    what is no frame.
    """
