"""Where things are in a plain frame: untagged, with a whole IPv4 packet that has no options.

Almost all frames are such, and the loops (`pynat.loops`) find which. A frame that is shorter has
less than all of these, and an IPv6 frame has something else there.
"""

from __future__ import annotations

SENDER_AT = slice(6, 12)  # Ethernet's
PROTOCOL_AT = slice(23, 24)
ENDS_AT = slice(26, 34)  # IPv4's addresses
KEY_AT = slice(26, 38)  # and ports: the flow's `FourTuple.key`, if the guest has sent it
KEY_SIZE = 12  # bytes; a frame that is shorter has less
SOURCE_AT, DESTINATION_AT = slice(26, 30), slice(30, 34)  # and each by itself
_PORT_AT, _OTHER_PORT_AT = slice(34, 36), slice(36, 38)


def key_to_guest(frame: bytes) -> bytes:
    """The flow's key, of a frame to the guest."""
    ends = frame[DESTINATION_AT] + frame[SOURCE_AT]
    return ends + frame[_OTHER_PORT_AT] + frame[_PORT_AT]
