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

def tcp_common(
    frame: bytes, mac: bytes, /
) -> tuple[int, int, int, int, int, int, int, int, tuple[()] | tuple[int, int]] | None:
    """Source and destination port, seq, ack, flags, window, where data begins and ends, timestamps.

    None unless the frame is to `mac` and carries an unfragmented TCP segment with ACK or ACK and
    PSH, no options but timestamps, a TTL of 2 at least and correct checksums.
    """
