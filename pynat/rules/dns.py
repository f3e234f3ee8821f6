"""Rules of DNS (RFC 1035). 001 to 019: why a message is dropped; from 020: the linter's."""

from __future__ import annotations

from pynat.rules.occasions import Occasion
from pynat.rules.rule import Rule, Severity

LENGTH = Rule(
    "DNS001",
    "dns length",
    Severity.ERROR,
    "A question ends before all that its header announces.",
    "RFC 1035 4.1",
    "It is answered with a format error.",
    "Let the four counts in the header say how many records really follow, and send all of them.",
    exercised=Occasion.DNS,
    leads_to=("DNS022",),
)

QUESTION = Rule(
    "DNS002",
    "dns question",
    Severity.ERROR,
    "A query has not exactly one question.",
    "RFC 1035 4.1.2",
    "It is answered with a format error; no server answers two questions at once (RFC 9619).",
    "Store 1 in QDCOUNT, the higher byte first, and ask each question in a message of its own.",
    exercised=Occasion.DNS,
    leads_to=("DNS022",),
)

NAME = Rule(
    "DNS003",
    "dns name",
    Severity.ERROR,
    "The name in a question is not well formed.",
    "RFC 1035 3.1",
    "It is answered with a format error.",
    "Write each label as its length and its bytes, without dots, and end with a zero byte.",
    exercised=Occasion.DNS,
    leads_to=("DNS022",),
)

NO_QUERY = Rule(
    "DNS004",
    "dns message is no query",
    Severity.ERROR,
    "What came to the name server is an answer, or too short to be a query.",
    "RFC 1035 4.1.1",
    "It is thrown away: to answer an answer could go on for ever.",
    "Clear the QR bit, the highest of byte 2, in a query.",
    exercised=Occasion.DNS,
    leads_to=("DNS022",),
)

OPT = Rule(
    "DNS005",
    "dns opt",
    Severity.ERROR,
    "A query has more than one OPT record.",
    "RFC 6891 6.1.1",
    "It is answered with a format error.",
    "Add one OPT record, behind everything else.",
    exercised=Occasion.DNS,
)

# ---------------------------------------------------------------- of the linter
SAME_ID = Rule(
    "DNS020",
    "dns id always the same",
    Severity.NOTE,
    "Questions for different names have the same id.",
    "RFC 5452 9.1",
    "Who guesses the id can answer in the server's place; late answers to earlier questions fit.",
    "Draw a random id for each question.",
    exercised=Occasion.DNS_NAMES,
)

SAME_PORT = Rule(
    "DNS021",
    "dns port always the same",
    Severity.NOTE,
    "Questions for many different names come from the same port.",
    "RFC 5452 9.2",
    "With a port that is known only 16 bits are left to guess.",
    "Take a new random port for each question.",
    exercised=Occasion.DNS_LONG,
)

TOO_FAST = Rule(
    "DNS022",
    "dns too fast",
    Severity.WARNING,
    "The guest repeats a question without waiting for the answer.",
    "RFC 1035 4.2.1",
    "It loads servers and wire; answers that take longer than usual are asked for many times.",
    "Wait two to five seconds before the second time, and longer each time.",
    exercised=Occasion.DNS,
)

NOT_A_SERVER = Rule(
    "DNS023",
    "dns wrong server",
    Severity.ERROR,
    "The guest asks a host of its own net that DHCP did not name.",
    "RFC 2132 3.8",
    "Nobody serves there; the router need not be the name server.",
    "Ask the servers of option 6.",
    exercised=Occasion.DNS_LEASED,
    leads_to=("DNS022",),
)

NO_RECURSION = Rule(
    "DNS024",
    "dns no recursion",
    Severity.WARNING,
    "The guest does not ask the server to find the answer for it.",
    "RFC 1035 4.1.1",
    "Many servers answer only what they know themselves, or refuse.",
    "Set the bit RD, 0x01 in byte 2 of the message.",
    exercised=Occasion.DNS,
)

NOT_TAKEN = Rule(
    "DNS025",
    "dns answer not taken",
    Severity.ERROR,
    "The guest goes on asking a question that has been answered.",
    "RFC 1035 7.3",
    "It waits for an answer that it has thrown away, and gives up.",
    "Take an answer with the question's id and port from the server that was asked; if its bit TC"
    " is set, ask again by TCP (RFC 7766 5). One without a record is an answer, too (RFC 2308).",
    exercised=Occasion.DNS_ANSWER,
)

CLASS = Rule(
    "DNS027",
    "dns type or class",
    Severity.ERROR,
    "A question has a type or a class that there is not.",
    "RFC 1035 3.2.4",
    "No server knows anything of that kind; the name seems not to exist.",
    "Behind the name stand two words, the higher byte first: the type (1 for A, 28 for AAAA), then"
    " the class, 1. Look at their order, and whether each is converted with `htons`.",
    exercised=Occasion.DNS,
    leads_to=("DNS022",),
)

OPCODE = Rule(
    "DNS028",
    "dns opcode",
    Severity.ERROR,
    "A question has an opcode that servers do not know, or do not answer to clients.",
    "RFC 1035 4.1.1",
    "The server refuses it as not implemented.",
    "Clear the opcode, bits 3 to 6 of byte 2: the flags of a question are 0x0100, and bytes 2 and 3"
    " of the message are 01 00.",
    exercised=Occasion.DNS,
)

DOT_IN_LABEL = Rule(
    "DNS026",
    "dns dot in a label",
    Severity.ERROR,
    "A label of the name has a dot or the end of a string in it.",
    "RFC 1035 3.1",
    "It is another name than the one that is meant, and there is none such.",
    "Cut the name at its dots: each part is its length and its bytes (3 www 7 example 3 com 0)."
    " Look at where the length byte is written, and whether it is moved on behind each dot.",
    exercised=Occasion.DNS,
)

WRONG_TAKEN = Rule(
    "DNS029",
    "dns wrong answer taken",
    Severity.WARNING,
    "The guest uses an address that came in an answer with another id or name than it asked with,"
    " or from another server than it asked.",
    "RFC 5452 9.1",
    "Whoever sends it any answer leads it to a host of his choice.",
    "Take an answer only if its id, its question and the address and ports that it comes from and"
    " goes to are those of a question that waits. Throw all else away and wait on.",
    exercised=Occasion.DNS_WRONG,
    leads_to=("DNS030",),
)

ONCE = Rule(
    "DNS030",
    "dns asked once",
    Severity.WARNING,
    "The guest asks for a name once, gets no answer, and does not ask again.",
    "RFC 1035 4.2.1",
    "One lost datagram, and the name is not found.",
    "Ask again after 2 to 5 s, the next server if there is one, some times before you give up."
    " Look at whether the wait for the answer has an end. A program that was told to try once"
    " (`dig +tries=1`) is right.",
    exercised=Occasion.DNS_UNANSWERED,
)

MISREAD = Rule(
    "DNS031",
    "dns answer misread",
    Severity.ERROR,
    "The guest uses an address that no answer tells: it is made of bytes beside an address, or of a"
    " name.",
    "RFC 1035 4.1.3, 4.1.4",
    "Nobody is there, or a stranger.",
    "Behind the question each record is a name, type, class, a time to live of four bytes, the"
    " length of its data, and the data. A name ends with a zero byte or with a pointer: two bytes,"
    " the first 0xc0 or more. Skip by its length a record that is not of type 1, such as a CNAME.",
    exercised=Occasion.DNS_ANSWER,
    leads_to=("IP008",),
)

TRUNCATED_TAKEN = Rule(
    "DNS035",
    "dns truncated answer taken",
    Severity.WARNING,
    "An answer is cut short and has no address, and the guest does not ask again.",
    "RFC 7766 5",
    "Names with much behind them, of mail or of services in many places, are not found.",
    "Look at TC, the bit 0x02 of byte 2, before the answer is read: if it is set, send the same"
    " question by TCP, with its length in two bytes in front; or with room for more by EDNS.",
    exercised=Occasion.DNS_TRUNCATED,
)

GIVES_UP = Rule(
    "DNS036",
    "dns given up at once",
    Severity.WARNING,
    "Answers come within a second, and the guest has closed the port that it asked from.",
    "RFC 1035 4.2.1",
    "No name is found whose server is some way off, or has to ask others itself; each question"
    " more is work for it.",
    "Wait 2 to 5 s for the answer before you ask again, and leave the question before open"
    " meanwhile (its port, its id). Look at the unit of the timer.",
    exercised=Occasion.DNS_REFUSED,
)
