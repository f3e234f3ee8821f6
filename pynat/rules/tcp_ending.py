"""Rules of TCP about how a connection ends, or does not."""

from __future__ import annotations

from pynat.rules.occasions import Occasion
from pynat.rules.rule import Rule, Severity

NEVER_CLOSES = Rule(
    "TCP065",
    "tcp never sends fin",
    Severity.WARNING,
    "The other end has closed its side long ago, the guest has acknowledged that, and never closed"
    " its own.",
    "RFC 9293 3.6",
    "The other end keeps the connection for ever, or until it gives up; so does the guest.",
    "Tell the program of the end (a read of 0 bytes), and send FIN when it closes.",
    exercised=Occasion.FIN_CAME,
    leads_to=("TCP066",),
)

ANSWERS_RESET = Rule(
    "TCP145",
    "tcp answers a reset",
    Severity.WARNING,
    "In several connections an RST from the other end, at the number expected next, was answered by"
    " RST.",
    "RFC 9293 3.10.7.1",
    "Two stacks that do so send RSTs to and fro for ever.",
    "Look at RST before anything else: forget the connection, and answer nothing. What comes to no"
    " connection is answered by RST only where it has none itself.",
    exercised=Occasion.RESET_CAME,
)

OPEN_AT_END = Rule(
    "TCP066",
    "tcp connections open at the end",
    Severity.NOTE,
    "When the network ended there were connections that nobody had closed.",
    "RFC 9293 3.6",
    "Programs at the other end wait for more, and never learn that there is none.",
    "Close connections before the machine stops. It is no mistake where the run was cut off.",
    exercised=Occasion.OPEN,
)

LATE_FIN = Rule(
    "TCP067",
    "tcp failure to send fin notification promptly",
    Severity.NOTE,
    "In several connections the FIN waited until all data were acknowledged.",
    "RFC 2525 2.15, RFC 9293 3.6",
    "Each connection lasts a round trip, or a delayed acknowledgement, longer than needed.",
    "Send FIN when the program closes, with the last data if these still wait, as far as the"
    " windows allow.",
    exercised=Occasion.FIN,
)

HALF_CLOSE = Rule(
    "TCP068",
    "tcp failure to send a rst after half duplex close",
    Severity.NOTE,
    "The guest has closed, takes what comes afterwards until its window is full, and stays silent.",
    "RFC 2525 2.16, RFC 9293 3.6.1",
    "Nobody reads it, so the other end waits for a window that never opens. It is right if only the"
    " sending side was closed, and the program reads later.",
    "When the program has closed both directions, answer data with RST.",
    exercised=Occasion.CLOSED_ITS_WINDOW,
)

DATA_PENDING = Rule(
    "TCP069",
    "tcp failure to rst on close with data pending",
    Severity.NOTE,
    "The guest sends FIN while its window is full of data that nobody reads afterwards.",
    "RFC 2525 2.17, RFC 9293 3.6.1",
    "The other end takes its data for read, and they are lost. It is right if only the sending side"
    " was closed, and the program reads later.",
    "When the program closes with data unread, send RST instead of FIN.",
    exercised=Occasion.CLOSED_ITS_WINDOW,
)

ENDS_BY_RESET = Rule(
    "TCP118",
    "tcp resets instead of closing",
    Severity.NOTE,
    "The guest ends one connection after the other by RST and none by FIN, though both ends have"
    " acknowledged everything.",
    "RFC 9293 3.6, 3.10.4",
    "What the other end's program has not read yet may be thrown away, and it is told of an error."
    " It is right where the program asked for it (SO_LINGER of 0), or closed with data unread (RFC"
    " 2525 2.17).",
    "When the program closes, send FIN, and keep the connection until both ends have acknowledged"
    " the other's; RST is for what goes wrong.",
    exercised=Occasion.RESET,
)

NO_TIME_WAIT = Rule(
    "TCP109",
    "tcp time-wait not kept",
    Severity.WARNING,
    "The guest closed first; when the other end's FIN came again, it did not acknowledge that.",
    "RFC 9293 3.6.1, 3.10.7.8",
    "Its last acknowledgement was lost: the other end is told that the connection was reset, or"
    " sends its FIN until it gives up.",
    "Keep a connection that you closed first in TIME-WAIT (at least a minute), and acknowledge each"
    " FIN that comes again.",
    exercised=Occasion.FIN_AGAIN,
    leads_to=("TCP004",),
)
