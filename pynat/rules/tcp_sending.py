"""Rules of TCP about what a guest sends: windows, sizes, order, the end."""

from __future__ import annotations

from pynat.rules.occasions import Occasion
from pynat.rules.rule import Rule, Severity

BEYOND_WINDOW = Rule(
    "TCP050",
    "tcp sends beyond the window",
    Severity.ERROR,
    "The guest sends data beyond the window that the other end has announced.",
    "RFC 9293 3.8.6",
    "The other end throws away what it has no room for; it has to be sent again.",
    "Send up to acknowledgement plus window only; shift the window by the other end's scale, but"
    " not in SYN and SYN-ACK.",
    exercised=Occasion.DATA,
    leads_to=("TCP005", "TCP006"),
)

ZERO_WINDOW = Rule(
    "TCP051",
    "tcp ignores a closed window",
    Severity.ERROR,
    "The guest sends more than a probe of one byte into a window of zero.",
    "RFC 9293 3.8.6.1",
    "The data are thrown away: the other end has no room for them.",
    "Stop at a window of zero, and probe it with one byte, more and more seldom.",
    exercised=Occasion.WINDOW_CLOSED,
    leads_to=("TCP006", "TCP015"),
)

NEVER_PROBES = Rule(
    "TCP052",
    "tcp never probes a closed window",
    Severity.WARNING,
    "The window was closed for long, or had room for less than a segment; data were waiting, and"
    " the guest sent nothing.",
    "RFC 9293 3.8.6.1",
    "If the segment that opens the window is lost, both ends wait for each other for ever.",
    "Start a timer when the window is zero and data wait: send one byte, double the time, repeat.",
    exercised=Occasion.WINDOW_CLOSED,
)

BEYOND_MSS = Rule(
    "TCP053",
    "tcp segment larger than the mss",
    Severity.ERROR,
    "A segment is larger than the other end's MSS allows.",
    "RFC 9293 3.7.1",
    "It may not fit the other end's network or buffers, and is lost each time it is sent.",
    "Cut segments at the MSS that the other end announced (536 if it announced none), less the"
    " length of the options.",
    exercised=Occasion.DATA,
    leads_to=("IP038",),
)

SKIPS = Rule(
    "TCP054",
    "tcp skips numbers",
    Severity.ERROR,
    "The guest went on behind sequence numbers that it never sent.",
    "RFC 9293 3.4",
    "The other end waits for the bytes in between for ever, and acknowledges nothing behind them.",
    "Advance the sequence number by the bytes of data, by one for SYN and by one for FIN, and not"
    " for an acknowledgement.",
    exercised=Occasion.DATA,
    leads_to=("TCP014",),
)

AFTER_FIN = Rule(
    "TCP055",
    "tcp data after fin",
    Severity.ERROR,
    "The guest sends data behind its FIN.",
    "RFC 9293 3.6",
    "The other end has told its program that the data are complete; it throws these away.",
    "Send FIN once everything that the program wrote is sent; refuse writes from then on.",
    exercised=Occasion.FIN,
    leads_to=("TCP013",),
)

FIN_MOVES = Rule(
    "TCP056",
    "tcp fin moves",
    Severity.ERROR,
    "The FIN comes again with another sequence number.",
    "RFC 9293 3.6",
    "The other end cannot tell where the data end.",
    "A retransmitted FIN has the number of the first: the one behind the last byte.",
    exercised=Occasion.FIN,
)

AFTER_RESET = Rule(
    "TCP057",
    "tcp goes on after its own reset",
    Severity.WARNING,
    "The guest sends on in a connection that it has reset.",
    "RFC 9293 3.10.4",
    "For the other end the connection is gone; each segment is answered with RST.",
    "Forget a connection with its RST, its timers too.",
    exercised=Occasion.RESET,
    leads_to=("TCP004",),
)

IGNORES_RESET = Rule(
    "TCP058",
    "tcp goes on after a reset",
    Severity.WARNING,
    "The guest sends on in a connection that the other end has reset, or its SYN that was refused.",
    "RFC 9293 3.10.7.3, 3.10.7.4",
    "For the other end the connection is gone; nothing of it arrives any more.",
    "An RST with exactly the number you expect next ends the connection: forget it, its timers"
    " too.",
    exercised=Occasion.RESET_CAME,
    leads_to=("TCP004",),
)

RESET_DATA = Rule(
    "TCP059",
    "tcp reset with data",
    Severity.NOTE,
    "An RST carries data.",
    "RFC 9293 3.5.3",
    "It is legal (a text that says why), and nobody reads it.",
    "Send RST without data.",
    exercised=Occasion.RESET,
)

RESET_OUTSIDE = Rule(
    "TCP060",
    "tcp reset with a wrong number",
    Severity.WARNING,
    "An RST has a sequence number outside what the other end accepts.",
    "RFC 9293 3.5.3, RFC 5961 3",
    "The other end ignores it and keeps the connection.",
    "Give RST the number that you would send next; as an answer to a segment of no connection, that"
    " segment's acknowledgement number.",
    exercised=Occasion.RESET,
    leads_to=("TCP009",),
)

RESET_CLOSE = Rule(
    "TCP061",
    "tcp reset instead of fin",
    Severity.NOTE,
    "The other end has closed its side and had sent no data, and the guest answers with RST instead"
    " of FIN.",
    "RFC 9293 3.6",
    "Data that the guest has sent and that are still on their way are lost at the other end. Where"
    " the other end had sent data, RST is right if the program closed with some unread (RFC 1122"
    " 4.2.2.13), and nothing is said.",
    "Answer FIN with ACK, and send your own FIN when the program closes.",
    exercised=Occasion.FIN_CAME,
)

TINY = Rule(
    "TCP062",
    "tcp many tiny segments",
    Severity.NOTE,
    "The guest sends one tiny segment after the other without waiting for acknowledgements.",
    "RFC 9293 3.7.4",
    "Forty bytes of headers for each few bytes. It is right where a program asked for it"
    " (TCP_NODELAY).",
    "Collect what the program writes while something is unacknowledged, up to a full segment"
    " (Nagle's algorithm).",
    exercised=Occasion.DATA,
)

NO_PUSH = Rule(
    "TCP063",
    "tcp never pushes",
    Severity.WARNING,
    "The guest waits for answers, and the last segment of what it asked never has PSH.",
    "RFC 9293 3.9.1.2",
    "Some hosts hand data to their program only with PSH, or when a buffer is full.",
    "Set PSH in the last segment of what the program wrote.",
    exercised=Occasion.ANSWERED,
)

FIN_NOT_COUNTED = Rule(
    "TCP064",
    "tcp fin not counted in the sequence number",
    Severity.ERROR,
    "The guest goes on with the number of its own FIN: a FIN takes one number.",
    "RFC 9293 3.4",
    "The other end takes its acknowledgements for old ones, and the connection never ends for it.",
    "Advance the sequence number by one when the FIN is sent.",
    exercised=Occasion.FIN,
    leads_to=("TCP005", "TCP082"),
)
