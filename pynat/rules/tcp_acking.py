"""Rules of TCP about how a guest takes what comes: acknowledgements, windows, SACK, timestamps."""

from __future__ import annotations

from pynat.rules.occasions import Occasion
from pynat.rules.rule import Rule, Severity

ACKS_UNSENT = Rule(
    "TCP080",
    "tcp acknowledges the unsent",
    Severity.ERROR,
    "The guest acknowledges bytes that the other end has never sent.",
    "RFC 9293 3.10.7.4",
    "The other end throws the segment away, data and all, and says what it has sent.",
    "Acknowledge the number behind the last byte received in order: sequence number plus data, plus"
    " one for SYN and for FIN. Ethernet's padding is no data.",
    exercised=Occasion.SEGMENT,
    leads_to=("TCP008",),
)

ACK_BACK = Rule(
    "TCP081",
    "tcp acknowledgement goes back",
    Severity.WARNING,
    "The guest acknowledges less than it did before.",
    "RFC 9293 3.10.7.4",
    "It is ignored as old; what it says of the window may be believed. Numbers are mixed up, or an"
    " old segment comes out of a queue late.",
    "Put RCV.NXT into each segment when it is sent; it never goes back.",
    exercised=Occasion.LATER,
    leads_to=("TCP005",),
)

FIN_NOT_ACKED = Rule(
    "TCP082",
    "tcp fin not counted in the acknowledgement",
    Severity.ERROR,
    "The guest acknowledges all data and never the FIN behind them: a FIN takes one number.",
    "RFC 9293 3.4",
    "The other end sends its FIN until it gives up, and the connection never ends.",
    "Acknowledge the FIN's number plus one, also when it comes again.",
    exercised=Occasion.FIN_CAME,
    leads_to=("TCP065", "TCP066", "TCP072", "TCP104"),
)

SHRUNK = Rule(
    "TCP083",
    "tcp window shrunk",
    Severity.WARNING,
    "The guest takes back window that it had announced.",
    "RFC 9293 3.8.6",
    "What the other end sent in good faith is thrown away and comes again.",
    "When data come, make the window smaller by what they take and no more.",
    exercised=Occasion.LATER,
)

NOT_SHIFTED = Rule(
    "TCP141",
    "tcp window not shifted",
    Severity.WARNING,
    "The SYNs agreed on a window scale, and the guest puts its window into the field as it is.",
    "RFC 7323 2.3",
    "The other end takes the window for many times as large as it is: what it sends in good faith"
    " is thrown away and comes again.",
    "Shift the window to the right by your own scale in every segment but SYNs: 65,535 bytes with a"
    " scale of 3 are 8191.",
    exercised=Occasion.LATER,
    leads_to=("TCP083", "TCP084", "TCP096", "TCP099"),
)

SILLY = Rule(
    "TCP084",
    "tcp silly window",
    Severity.WARNING,
    "The guest opens a small window by a few bytes at a time, or says of each few bytes that they"
    " are read.",
    "RFC 9293 3.8.6.2.2, RFC 1122 4.2.3.3",
    "The other end sends segments of a few bytes, each with forty bytes of headers.",
    "Keep the window as it is until it can grow by a full segment or by half the buffer.",
    exercised=Occasion.SMALL_WINDOW,
)

LATE = Rule(
    "TCP085",
    "tcp late acknowledgement",
    Severity.WARNING,
    "Data or a FIN were acknowledged later than half a second after they came, or when they had"
    " come again, several times.",
    "RFC 9293 3.8.6.3",
    "The other end takes them for lost and sends them again.",
    "Delay an acknowledgement by at most 500 ms (200 ms is usual), and not past the second full"
    " segment.",
    exercised=Occasion.DATA_CAME,
)

RARE = Rule(
    "TCP086",
    "tcp acknowledges too rarely",
    Severity.WARNING,
    "Two full segments and more waited for their acknowledgement, again and again: long, or until"
    " there were so many.",
    "RFC 9293 3.8.6.3, RFC 5681 4.2",
    "The other end waits with a full window; a transfer takes many times as long.",
    "Acknowledge at least every second full segment at once.",
    exercised=Occasion.DATA_CAME,
)

NO_DUPLICATE = Rule(
    "TCP087",
    "tcp no duplicate acknowledgement",
    Severity.WARNING,
    "Segments that came out of order were not answered at once, several times.",
    "RFC 5681 4.2",
    "The other end learns of a loss only by its time-out, in which nothing is sent.",
    "Answer each segment out of order with an acknowledgement of what you expect, at once.",
    exercised=Occasion.OUT_OF_ORDER,
)

ACKS_ACKS = Rule(
    "TCP088",
    "tcp acknowledges acknowledgements",
    Severity.WARNING,
    "The guest answers acknowledgements without data with acknowledgements without news.",
    "RFC 9293 3.10.7.4",
    "Two such ends answer each other for ever, as fast as the network goes.",
    "Acknowledge segments that take sequence numbers (data, SYN, FIN) or are not acceptable, and"
    " nothing else.",
    exercised=Occasion.ACK_CAME,
)

SACK_NOT_AGREED = Rule(
    "TCP089",
    "tcp sack without agreement",
    Severity.NOTE,
    "The guest sends SACK blocks, which the SYNs did not agree on.",
    "RFC 2018 2",
    "The other end does not read them.",
    "Send SACK blocks only if the other end's SYN had SACK-permitted.",
    exercised=Occasion.OUT_OF_ORDER,
)

SACK_NONSENSE = Rule(
    "TCP090",
    "tcp sack block of nonsense",
    Severity.WARNING,
    "A SACK block is empty or reversed, or names bytes never sent or acknowledged already.",
    "RFC 2018 3, RFC 2883 4",
    "The other end ignores it, or takes bytes for received that were not.",
    "A block is the first number received and the number behind the last, both above the"
    " acknowledgement; only the first block may name what came twice.",
    exercised=Occasion.SACK,
)

STAMPS_NOT_AGREED = Rule(
    "TCP091",
    "tcp timestamps without agreement",
    Severity.NOTE,
    "The guest sends timestamps, which the SYNs did not agree on.",
    "RFC 7323 3.2",
    "The other end does not read them; twelve bytes of each segment are wasted.",
    "Send timestamps only if both SYNs had them.",
    exercised=Occasion.UNSTAMPED,
)

NO_STAMP = Rule(
    "TCP092",
    "tcp timestamp missing",
    Severity.WARNING,
    "A segment has no timestamp, though the SYNs agreed on them.",
    "RFC 7323 3.2",
    "A host that holds to the standard throws the segment away.",
    "Put timestamps into every segment but RST once they are agreed on, or do not offer them.",
    exercised=Occasion.STAMPED,
)

STAMP_BACK = Rule(
    "TCP093",
    "tcp timestamp goes back",
    Severity.WARNING,
    "A timestamp is less than the one before.",
    "RFC 7323 4.1, 5.3",
    "The other end takes the segment for an old one from before the numbers wrapped and throws it"
    " away.",
    "Take timestamps from one clock that never goes back, in network byte order.",
    exercised=Occasion.STAMPED,
    leads_to=("TCP010",),
)

STAMP_STANDS = Rule(
    "TCP116",
    "tcp timestamp stands still",
    Severity.WARNING,
    "The guest's timestamp is the same for more than three seconds.",
    "RFC 7323 5.4",
    "The other end cannot tell an old segment from a new one once the numbers have wrapped, and"
    " measures the same round trip for what was sent once and what came again.",
    "Take timestamps from a clock that ticks once a second at least, once a millisecond at most.",
    exercised=Occasion.STAMPED,
)

STRANGE_ECHO = Rule(
    "TCP094",
    "tcp timestamp echo",
    Severity.WARNING,
    "The echoed timestamp is none that the other end has sent.",
    "RFC 7323 3.2",
    "The other end computes a nonsensical round trip, or throws the segment away.",
    "Echo the last timestamp that came in order, unchanged; zero in a SYN without ACK.",
    exercised=Occasion.STAMPED,
    leads_to=("TCP136", "TCP142"),
)

ACKS_GAP = Rule(
    "TCP095",
    "tcp acknowledges a gap",
    Severity.ERROR,
    "The guest acknowledges bytes that never came to it: a segment before them was lost.",
    "RFC 9293 3.4",
    "The other end does not send them again, so they are missing in the stream for ever, and nobody"
    " is told.",
    "Acknowledge the number of the first byte that is missing; take or keep what is behind it, but"
    " do not count it. If the segment did come, it was with a wrong checksum: throw it away.",
    exercised=Occasion.OUT_OF_ORDER,
)

CLOSED_ON_DATA = Rule(
    "TCP096",
    "tcp window closed on data",
    Severity.NOTE,
    "Data came for which there was window; the guest has not taken them and says window 0.",
    "RFC 9293 3.8.6",
    "They come again after a time-out. It is how a stack without memory saves itself, and it has"
    " promised more than it had.",
    "Announce no more than there is memory for, with what a segment takes beside its data. Memory"
    " that is gone in spite of that is a good reason.",
    exercised=Occasion.DATA_CAME,
)

WINDOW_ORDER = Rule(
    "TCP097",
    "tcp window in the wrong byte order",
    Severity.WARNING,
    "The window makes sense with its two bytes exchanged, and none as it is.",
    "RFC 9293 3.1",
    "The other end sends a few bytes at a time, or nothing at all.",
    "Store the window in network byte order, the higher byte first, in every segment: htons().",
    exercised=Occasion.SEGMENT,
    leads_to=("TCP083", "TCP084", "TCP096", "TCP099"),
)

OLD_ECHO = Rule(
    "TCP142",
    "tcp old timestamp echo",
    Severity.WARNING,
    "The guest echoes the same old timestamp on and on, though newer ones came with data that it"
    " acknowledges.",
    "RFC 7323 4.3",
    "The other end takes the age of that timestamp for the round trip: its time-out grows with the"
    " age of the connection, and each loss stops everything for as long.",
    "When a segment begins at or before your last acknowledgement and its timestamp is not older"
    " than the one kept, keep its timestamp; echo the kept one in each segment.",
    exercised=Occasion.STAMPED,
)

NO_UPDATE = Rule(
    "TCP098",
    "tcp no window update",
    Severity.WARNING,
    "The guest had closed its window, and that it is open again is said only in answers to probes.",
    "RFC 9293 3.8.6.2.2",
    "The other end waits for its next probe, a second to a minute, each time that the window has"
    " been closed.",
    "When the program has read, and the window can grow from zero by a full segment or half the"
    " buffer, send an acknowledgement with the new window at once.",
    exercised=Occasion.CLOSED_ITS_WINDOW,
)

REFUSES = Rule(
    "TCP099",
    "tcp refuses data within its window",
    Severity.ERROR,
    "The bytes that the guest asks for came again and again, within its window, and it has answered"
    " without taking them.",
    "RFC 9293 3.8.6, 3.10.7.4",
    "The connection stands still until the other end gives up.",
    "Compute the window from the room that is left, in each segment: 0 when nothing can be taken."
    " If there was room, look at the check that throws the segment away: sequence number, length,"
    " checksum.",
    exercised=Occasion.DATA_CAME,
    leads_to=("TCP085", "TCP086"),
)

SHORT = Rule(
    "TCP100",
    "tcp acknowledgement short by one",
    Severity.ERROR,
    "Each acknowledgement leaves out the last byte of what has come.",
    "RFC 9293 3.4",
    "The other end sends the last byte again and again, and the connection never ends.",
    "Acknowledge the number of the next byte expected, which is that of the last byte plus one:"
    " sequence number plus length.",
    exercised=Occasion.DATA_CAME,
    leads_to=("TCP099",),
)

SEGMENT_BEHIND = Rule(
    "TCP124",
    "tcp acknowledgement a segment behind",
    Severity.ERROR,
    "Each acknowledgement leaves out the segment that it answers: it has the number before it.",
    "RFC 9293 3.4",
    "The other end sends the last segment again and again, and the connection never ends.",
    "Count a segment's data, and its FIN, into RCV.NXT before the acknowledgement is built:"
    " sequence number plus length.",
    exercised=Occasion.DATA_CAME,
    leads_to=("TCP083", "TCP085", "TCP086", "TCP099"),
)

SACK_SHORT = Rule(
    "TCP134",
    "tcp sack block short by one",
    Severity.WARNING,
    "SACK blocks leave out the last byte of what they report.",
    "RFC 2018 3",
    "The other end takes the last segment of each block for lost, and sends it again.",
    "Make the right edge of a block the number behind its last byte: sequence number plus length.",
    exercised=Occasion.SACK,
)

SACK_ORDER = Rule(
    "TCP135",
    "tcp sack blocks in another order",
    Severity.WARNING,
    "The first SACK block is not that of the segment which came last.",
    "RFC 2018 4",
    "Where acknowledgements are lost the other end never hears of some blocks, and sends again what"
    " has come.",
    "Put the block with the segment that has just come first, and behind it those reported most"
    " recently.",
    exercised=Occasion.SACK,
)

ECHOES_EARLY = Rule(
    "TCP136",
    "tcp timestamp echo of a segment out of order",
    Severity.WARNING,
    "While a hole is there, the guest echoes the timestamps of segments behind it.",
    "RFC 7323 4.3",
    "The other end measures round trips that are too short just when segments are lost or late, and"
    " its time-out comes too early.",
    "Keep a timestamp for the echo only if its segment does not begin behind the last"
    " acknowledgement that you sent.",
    exercised=Occasion.OUT_OF_ORDER,
)

WRAPS = Rule(
    "TCP137",
    "tcp numbers compared without their wrap",
    Severity.ERROR,
    "The guest takes nothing any more where the numbers of its window pass 2^32, or 2^31.",
    "RFC 9293 3.4",
    "One connection in some ten thousand stands still, more the larger the window is; nobody can"
    " tell why.",
    "Sequence numbers are arithmetic modulo 2^32: a is before b if (int32_t)(a - b) < 0. Look at"
    " each < and > of the check whether a segment is acceptable, at the window's right edge first.",
    exercised=Occasion.DATA_CAME,
    leads_to=("TCP082", "TCP085", "TCP088", "TCP099", "TCP101", "TCP104", "TCP115"),
)

MIXED = Rule(
    "TCP138",
    "tcp connections mixed up",
    Severity.ERROR,
    "The guest echoes the timestamp of another connection.",
    "RFC 9293 3.3.1",
    "What comes for one connection is given to another one: both stand still, or get bytes that are"
    " not theirs.",
    "Look a connection up by both addresses and both ports; the remote port is the one that is"
    " often left out.",
    exercised=Occasion.STAMPED,
    leads_to=("TCP080", "TCP094", "TCP099", "TCP101", "TCP104", "TCP130"),
)

WAR = Rule(
    "TCP101",
    "tcp acknowledgement war",
    Severity.WARNING,
    "The guest and the other end answer each other's acknowledgements as fast as the network goes.",
    "RFC 5961 7, RFC 9293 3.10.7.4",
    "The processors and the network have nothing else to do any more.",
    "Answer nothing that is acceptable and has no data; limit how many segments that are not"
    " acceptable you answer in a second (RFC 5961 7). Look whether your own number counts a"
    " window probe that nobody took.",
    exercised=Occasion.ACK_CAME,
)

PIECEMEAL = Rule(
    "TCP102",
    "tcp acknowledges piece by piece",
    Severity.NOTE,
    "Several segments had come long before, and the guest acknowledges one after the other.",
    "RFC 9293 3.8.6.3, 3.10.7.4",
    "Each acknowledgement but the last one is needless work for both ends.",
    "Take all segments that wait from the card, then send one acknowledgement for all of them.",
    exercised=Occasion.DATA_CAME,
)

NOT_KEPT = Rule(
    "TCP103",
    "tcp failure to retain above-sequence data",
    Severity.WARNING,
    "When a hole is filled, the guest acknowledges nothing of what had come behind it.",
    "RFC 2525 2.5, RFC 9293 3.10.7.4",
    "All that was sent behind one lost segment has to be sent again.",
    "Keep segments within the window that come out of order, and take them when the hole is"
    " filled.",
    exercised=Occasion.HOLE_FILLED,
)

NEVER_ACKS = Rule(
    "TCP104",
    "tcp never acknowledges",
    Severity.ERROR,
    "What the guest waits for, or has acknowledged before, came again and again, and the guest,"
    " which is alive, has said nothing more in this connection.",
    "RFC 9293 3.10.7.4",
    "The other end sends the same segment until it gives up.",
    "Send an acknowledgement for each segment that takes sequence numbers (data, FIN), also for one"
    " that comes twice, and for an empty one with an old number, a keep-alive. If that is done,"
    " look where the segment is lost: checksum, length of the header, comparison of numbers.",
    exercised=Occasion.COPY_CAME,
    leads_to=("TCP065", "TCP066", "TCP085", "TCP086"),
)

NEVER_OPENED = Rule(
    "TCP105",
    "tcp window never opened",
    Severity.ERROR,
    "The guest's window is 0 from its SYN on.",
    "RFC 9293 3.8.6",
    "Nobody can send it a byte.",
    "Put the room of the receive buffer into the window field of every segment, the SYN too,"
    " shifted by the scale in all but SYNs; look whether the buffer is there before the SYN is"
    " sent.",
    exercised=Occasion.CLOSED_ITS_WINDOW,
    leads_to=("TCP066", "TCP068", "TCP069"),
)

STAYS_CLOSED = Rule(
    "TCP106",
    "tcp window closed to the end",
    Severity.NOTE,
    "The guest closed its window, and had not opened it when the network ended.",
    "RFC 9293 3.8.6",
    "The other end waits. It is right if the program does not read; if it does, the room that it"
    " made is not counted.",
    "Compute the window anew when the program reads, and tell the other end.",
    exercised=Occasion.CLOSED_ITS_WINDOW,
    leads_to=("TCP066",),
)
