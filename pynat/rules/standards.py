"""What lists of others ask of a TCP, and which rules say it: RFC 2525, RFC 9293 Appendix B."""

from __future__ import annotations

from typing import NamedTuple

from pynat.rules import (
    ipv4,
    tcp,
    tcp_acking,
    tcp_congestion,
    tcp_ending,
    tcp_form,
    tcp_opening,
    tcp_resending,
    tcp_sending,
)
from pynat.rules.rule import Rule


class Demand(NamedTuple):
    name: str  # as the list has it: a section, or an identifier
    text: str
    rules: tuple[Rule, ...]


PROBLEMS = (  # RFC 2525
    Demand("2.1", "No initial slow start", (tcp_congestion.NO_SLOW_START,)),
    Demand(
        "2.2",
        "No slow start after retransmission timeout",
        (tcp_congestion.NO_SLOW_START_AGAIN,),
    ),
    Demand("2.3", "Uninitialized CWND", (tcp_congestion.UNINITIALIZED,)),
    Demand("2.4", "Inconsistent retransmission", (tcp_resending.OTHER_BYTES,)),
    Demand("2.5", "Failure to retain above-sequence data", (tcp_acking.NOT_KEPT,)),
    Demand("2.6", "Extra additive constant in congestion avoidance", (tcp_congestion.ADDITIVE,)),
    Demand("2.7", "Initial RTO too low", (tcp_resending.LOW_RTO, tcp_resending.EARLY)),
    Demand(
        "2.8", "Failure of window deflation after loss recovery", (tcp_congestion.NOT_DEFLATED,)
    ),
    Demand(
        "2.9",
        "Excessively short keepalive connection timeout",
        (tcp_resending.SHORT_KEEP_ALIVE,),
    ),
    Demand("2.10", "Failure to back off retransmission timeout", (tcp_resending.NO_BACK_OFF,)),
    Demand("2.11", "Insufficient interval between keepalives", (tcp_resending.KEEP_ALIVE,)),
    Demand("2.12", "Window probe deadlock", (tcp_sending.NEVER_PROBES,)),
    Demand("2.13", "Stretch ACK violation", (tcp_acking.RARE,)),
    Demand("2.14", "Retransmission sends multiple packets", (tcp_resending.SEVERAL,)),
    Demand("2.15", "Failure to send FIN notification promptly", (tcp_ending.LATE_FIN,)),
    Demand("2.16", "Failure to send a RST after half duplex close", (tcp_ending.HALF_CLOSE,)),
    Demand("2.17", "Failure to RST on close with data pending", (tcp_ending.DATA_PENDING,)),
    Demand("2.18", "Options missing from TCP MSS calculation", (tcp_sending.BEYOND_MSS,)),
)

MUSTS = (  # RFC 9293 Appendix B: those that can be seen without a stimulus
    Demand("MUST-2", "Sender compute checksum", (tcp.CHECKSUM,)),
    Demand("MUST-8", "Clock-driven initial numbers", (tcp_opening.ISN,)),
    Demand("MUST-10", "Simultaneous open", (tcp_opening.NOT_BOTH,)),
    Demand("MUST-14", "Send the MSS option", (tcp_opening.NO_MSS,)),
    Demand("MUST-26", "Keep-alives only if idle for an interval", (tcp_resending.KEEP_ALIVE,)),
    Demand("MUST-39", "Silly window avoidance of the receiver", (tcp_acking.SILLY,)),
    Demand("MUST-40", "Acknowledgements delayed less than 0.5 s", (tcp_acking.LATE,)),
    Demand("MUST-44, 45", "Source address of the interface", (ipv4.NOT_ITS_ADDRESS,)),
    Demand("MUST-58", "Aggregate acknowledgements", (tcp_acking.PIECEMEAL, tcp_acking.ACKS_ACKS)),
    Demand("MUST-59", "Process all queued segments before the ACK", (tcp_acking.PIECEMEAL,)),
    Demand("MUST-61", "PSH in the last segment", (tcp_sending.NO_PUSH,)),
    Demand("MUST-65", "MSS not on segments without SYN", (tcp_opening.SYN_OPTION,)),
    Demand("MUST-67", "MSS based on what can be received", (tcp_opening.LARGE_MSS,)),
    Demand("MUST-68", "Length for all options but two", (tcp_form.OPTION_MALFORMED,)),
    Demand("MUST-69", "Pad the header with zero", (tcp_form.PADDING,)),
)
