"""Rules of TCP about what a guest sends again, and when."""

from __future__ import annotations

from pynat.rules.occasions import Occasion
from pynat.rules.rule import Rule, Severity

OTHER_BYTES = Rule(
    "TCP070",
    "tcp retransmission with other bytes",
    Severity.ERROR,
    "A segment that is sent again has other data than the first time.",
    "RFC 9293 3.8.1",
    "The other end may have taken either: the stream is corrupt, and no checksum shows it.",
    "Keep what was sent until it is acknowledged; look whether the buffer was reused or the"
    " acknowledged bytes were removed twice.",
    exercised=Occasion.RESENT,
)

EARLY = Rule(
    "TCP071",
    "tcp retransmits too early",
    Severity.WARNING,
    "A segment is sent again before an acknowledgement can have been expected, without duplicate"
    " acknowledgements.",
    "RFC 6298 2.4",
    "On a longer path everything is sent twice, which makes a full network fuller.",
    "Compute the time-out from measured round trips (RFC 6298), at least 200 ms, better 1 s; begin"
    " with 1 s.",
    exercised=Occasion.RESENT,
)

NO_BACK_OFF = Rule(
    "TCP072",
    "tcp retransmission never backs off",
    Severity.WARNING,
    "A segment is sent again and again at the same interval.",
    "RFC 6298 5.5",
    "A network that is full stays full; a host that is down is flooded when it comes back.",
    "Double the time-out with each retransmission, up to a minute or more.",
    exercised=Occasion.RESENT,
)

GIVES_UP = Rule(
    "TCP073",
    "tcp gives up at once",
    Severity.NOTE,
    "The guest resets a connection after few retransmissions that nobody answered.",
    "RFC 9293 3.8.3",
    "One burst of losses ends the connection. It is right if the program asked for it.",
    "Go on for at least 100 s, with the time-out doubled each time.",
    exercised=Occasion.RESENT,
)

NO_FAST = Rule(
    "TCP074",
    "tcp waits in spite of duplicate acknowledgements",
    Severity.NOTE,
    "Three and more duplicate acknowledgements came, and the guest sent the lost segment again only"
    " much later.",
    "RFC 5681 3.2",
    "Each loss costs a whole time-out, in which nothing is sent.",
    "At the third duplicate acknowledgement in a row send the segment at the acknowledged number"
    " again.",
    exercised=Occasion.THIRD_DUPLICATE,
)
