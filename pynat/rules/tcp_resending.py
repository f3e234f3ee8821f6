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

PROBES_AT_ONE_PACE = Rule(
    "TCP120",
    "tcp probes of a window at one pace",
    Severity.NOTE,
    "The guest probes a closed window again and again at the same interval.",
    "RFC 9293 3.8.6.1",
    "A window may be closed for hours: each probe costs a segment and its answer.",
    "Double the time between two probes, up to a minute.",
    exercised=Occasion.WINDOW_CLOSED,
)

LATE = Rule(
    "TCP121",
    "tcp retransmits late",
    Severity.WARNING,
    "A lost segment is sent again for the first time after many seconds, though the round trip is"
    " short.",
    "RFC 6298 2.2, 2.3",
    "Each frame that is lost stops the connection for so long.",
    "Make the time-out the smoothed round trip and four times its variance, at least one second."
    " Look at the unit of your clock.",
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
    Severity.WARNING,
    "Three and more duplicate acknowledgements came, and the guest sent the lost segment again only"
    " much later.",
    "RFC 5681 3.2",
    "Each loss costs a whole time-out, in which nothing is sent.",
    "At the third duplicate acknowledgement in a row send the segment at the acknowledged number"
    " again.",
    exercised=Occasion.THIRD_DUPLICATE,
)

NEVER_AGAIN = Rule(
    "TCP075",
    "tcp never retransmits",
    Severity.ERROR,
    "A segment, or a SYN-ACK, was not acknowledged for half a minute and was never sent again.",
    "RFC 9293 3.8.1, RFC 6298 5",
    "One lost frame ends the connection: the other end waits for the segment for ever.",
    "Start a timer when anything that takes a number is sent (data, SYN, FIN); when it expires,"
    " send the oldest of it that is not acknowledged again.",
    exercised=Occasion.UNACKNOWLEDGED,
    leads_to=("TCP066", "TCP074"),
)

FALLS_SILENT = Rule(
    "TCP119",
    "tcp guest falls silent",
    Severity.ERROR,
    "Something of the guest's was not acknowledged for half a minute, in which nothing at all came"
    " from it, though it was asked for its MAC address, or data came.",
    "RFC 9293 3.8.1",
    "Nobody hears of the guest any more, and what was lost is lost. It is no mistake where somebody"
    " has switched it off.",
    "Look whether the machine still runs: a panic, a loop with interrupts off, a card that nobody"
    " tells to send. If it does, there is no timer that sends the segment again.",
    exercised=Occasion.UNACKNOWLEDGED,
    leads_to=("TCP066", "TCP074", "TCP075"),
)

LOW_RTO = Rule(
    "TCP076",
    "tcp initial rto too low",
    Severity.NOTE,
    "A SYN was sent again before a second was over: no round trip can have been measured yet.",
    "RFC 6298 2.1, RFC 2525 2.7",
    "Where the way is long every connection begins with needless copies.",
    "Begin with a time-out of one second, and measure from the first acknowledgement on.",
    exercised=Occasion.SYN_AGAIN,
)

SEVERAL = Rule(
    "TCP077",
    "tcp retransmission sends multiple packets",
    Severity.WARNING,
    "At one time-out the guest sends several segments again.",
    "RFC 2525 2.14, RFC 5681 3.1",
    "The network lost them because it was full, and gets all of them once more at once.",
    "At a time-out set the congestion window to one segment and send the oldest one again; what"
    " follows goes when that is acknowledged.",
    exercised=Occasion.TIMED_OUT,
)

KEEP_ALIVE = Rule(
    "TCP078",
    "tcp insufficient interval between keepalives",
    Severity.NOTE,
    "The guest probes whether an idle connection lives, and it was idle for less than two hours.",
    "RFC 9293 3.8.4, RFC 2525 2.11",
    "Many idle connections make much traffic for nothing. It is right where the program asked for"
    " it (TCP_KEEPIDLE).",
    "Send keep-alives only if the program wants them, and not before the connection has been idle"
    " for two hours, unless it says otherwise.",
    exercised=Occasion.KEEP_ALIVE,
)

SHORT_KEEP_ALIVE = Rule(
    "TCP079",
    "tcp excessively short keepalive connection timeout",
    Severity.NOTE,
    "The guest resets a connection after one or two keep-alives that nobody answered.",
    "RFC 9293 3.8.4, RFC 2525 2.9",
    "A frame or two that were lost end a connection that lives. It is right where the program"
    " asked for it (TCP_KEEPCNT).",
    "Probe several times, a minute apart, before you take the other end for dead.",
    exercised=Occasion.KEEP_ALIVE,
)

TOO_FAST = Rule(
    "TCP131",
    "tcp retransmits at the first duplicate",
    Severity.WARNING,
    "A segment is sent again at the first or second duplicate acknowledgement.",
    "RFC 5681 3.2",
    "Where segments overtake each other they are taken for lost: each is sent twice, and the"
    " congestion window is halved for nothing.",
    "Wait for the third duplicate acknowledgement in a row; or measure reordering, as RFC 8985"
    " does.",
    exercised=Occasion.RESENT,
)

EACH_DUPLICATE = Rule(
    "TCP144",
    "tcp retransmits at each duplicate",
    Severity.WARNING,
    "One segment is sent again at duplicate acknowledgement after duplicate acknowledgement.",
    "RFC 5681 3.2",
    "For each segment behind a lost one a copy goes over a path that has just lost something; the"
    " copies make duplicates of their own.",
    "Send the segment again at the third duplicate alone. Those that follow let new data out, a"
    " segment each, until all that was under way is acknowledged.",
    exercised=Occasion.THIRD_DUPLICATE,
    leads_to=("TCP005",),
)

KEEPS_BACK_OFF = Rule(
    "TCP132",
    "tcp keeps a time-out that has grown",
    Severity.WARNING,
    "The time-out had doubled while nothing came back; new segments were acknowledged in time"
    " since, and the next loss waited for as long.",
    "RFC 6298 5.3, 5.7",
    "After one bad moment each loss stops the connection for many seconds, for the rest of its"
    " life.",
    "Compute the time-out anew from the smoothed round trip when something is acknowledged that was"
    " sent once; that ends the back-off.",
    exercised=Occasion.TIMED_OUT,
)

NO_RESTART = Rule(
    "TCP133",
    "tcp retransmission timer not restarted",
    Severity.WARNING,
    "A segment is sent again by the timer, though something new was acknowledged just before and"
    " new segments go out.",
    "RFC 6298 5.3",
    "The timer runs out in the middle of a transfer that goes well: much is sent twice, and slow"
    " start begins anew.",
    "When an acknowledgement of new data comes, start the timer anew, with a whole time-out; stop"
    " it when nothing is under way.",
    exercised=Occasion.RESENT,
    leads_to=("TCP005", "TCP071", "TCP077", "TCP115"),
)

ASKS_NOTHING = Rule(
    "TCP130",
    "tcp keep-alive that asks nothing",
    Severity.WARNING,
    "On an idle connection the guest repeats an empty segment with the next number; a keep-alive"
    " has the number before it.",
    "RFC 9293 3.8.4",
    "Nobody answers an acknowledgement without data: a connection that lives is taken for dead, or"
    " one that is dead for alive.",
    "Give a keep-alive the number before the next one, SND.NXT-1: it is not acceptable, so the"
    " other end answers it.",
    exercised=Occasion.SEGMENT,
    leads_to=("TCP079",),
)

ACKED_AGAIN = Rule(
    "TCP115",
    "tcp sends again what is acknowledged",
    Severity.WARNING,
    "The guest sends again what was acknowledged long ago, and goes on so.",
    "RFC 9293 3.8.1, RFC 6298 5",
    "Everything goes over the wire twice or more, and the connection never comes to rest.",
    "When an acknowledgement comes, drop what it covers from the queue, and stop the timer if"
    " nothing is left. Compare numbers modulo 2^32: by the sign of their difference.",
    exercised=Occasion.RESENT,
    leads_to=("TCP004", "TCP005"),
)

OLD_CHECKSUM = Rule(
    "TCP122",
    "tcp retransmission with a wrong checksum",
    Severity.ERROR,
    "Segments that are sent again have a wrong checksum, and had the right one the first time.",
    "RFC 9293 3.1",
    "They are thrown away: what was lost once is lost for good, and the connection fails.",
    "Compute the checksum anew, with a field of zero, each time that a kept segment goes out: the"
    " acknowledgement, the window and the timestamps in it have changed since.",
    exercised=Occasion.RESENT,
    leads_to=("TCP001", "TCP075"),
)
