"""Rules of the linter for DHCP clients (RFC 2131)."""

from __future__ import annotations

from pynat.rules.occasions import Occasion
from pynat.rules.rule import Rule, Severity

# ---------------------------------------------------------------- one message
SHORT = Rule(
    "DHCP020",
    "dhcp short message",
    Severity.NOTE,
    "A message is shorter than 300 bytes.",
    "RFC 1542 2.1",
    "Old relays and servers take nothing shorter than BOOTP's message.",
    "Fill it with zeros behind the end of the options, up to 300 bytes.",
    exercised=Occasion.DHCP,
)

NO_END = Rule(
    "DHCP021",
    "dhcp no end",
    Severity.WARNING,
    "The options do not end with 255.",
    "RFC 2131 4.1",
    "A server that looks for the end throws the message away, or reads what is behind it.",
    "Store 255 behind the last option.",
    exercised=Occasion.DHCP,
)

SMALL_MAXIMUM = Rule(
    "DHCP022",
    "dhcp maximum size",
    Severity.WARNING,
    "Option 57 says that the guest takes less than 576 bytes.",
    "RFC 2132 9.10",
    "Every client must take 576; servers ignore the option or send less than the guest needs.",
    "Store at least 576, the higher byte first, or leave the option out.",
    exercised=Occasion.DHCP,
)

HAS_SOURCE = Rule(
    "DHCP023",
    "dhcp source address",
    Severity.WARNING,
    "The guest asks for its first address from an address.",
    "RFC 2131 4.1",
    "Servers and relays may answer to that address, which the guest does not have.",
    "Send from 0.0.0.0 until the guest has a lease.",
    exercised=Occasion.DHCP,
)

CHADDR = Rule(
    "DHCP024",
    "dhcp chaddr differs",
    Severity.ERROR,
    "The hardware address in a message is not the one that its frame came from.",
    "RFC 2131 2",
    "The server answers to the address in the message: the guest's card does not take the answer.",
    "Copy the card's six bytes into chaddr, in the order of the wire, from byte 28 of the message"
    " on, and the same into each frame's source; look at whether they are copied as a number, or"
    " before the card was read.",
    exercised=Occasion.DHCP,
)

FLAGS_SWAPPED = Rule(
    "DHCP025",
    "dhcp flags swapped",
    Severity.ERROR,
    "The broadcast flag is stored in the wrong byte order.",
    "RFC 2131 2",
    "The server does not see it and answers to an address that the guest does not have yet.",
    "Store 0x80 in byte 10 and 0 in byte 11: `htons(0x8000)`.",
    exercised=Occasion.DHCP,
)

FLAGS_RESERVED = Rule(
    "DHCP026",
    "dhcp reserved flags",
    Severity.WARNING,
    "Bits of the flags are set that must be zero.",
    "RFC 2131 2",
    "Servers may ignore the message.",
    "Store 0x8000 or 0; look at whether the field is initialised, and at its offset, byte 10.",
    exercised=Occasion.DHCP,
)

INFORM = Rule(
    "DHCP027",
    "dhcp inform without an address",
    Severity.WARNING,
    "An INFORM does not say which address the guest has.",
    "RFC 2131 4.4.3",
    "The server does not know where to send the answer.",
    "Put the guest's address into ciaddr. A guest without one sends DISCOVER.",
    exercised=Occasion.DHCP,
)

CLIENT_ID = Rule(
    "DHCP028",
    "dhcp client identifier changes",
    Severity.WARNING,
    "Messages of one lease have different client identifiers.",
    "RFC 2131 2",
    "Servers keep leases by option 61: they take the guest for somebody else and refuse it.",
    "Send option 61 in all messages or in none, always the same: in each DISCOVER, in the REQUEST"
    " after a restart, in RELEASE and DECLINE.",
    exercised=Occasion.DHCP,
)

PARAMETERS = Rule(
    "DHCP029",
    "dhcp parameter list changes",
    Severity.WARNING,
    "A REQUEST asks for other parameters than the DISCOVER did.",
    "RFC 2131 3.5",
    "The ACK may lack what the OFFER had: netmask, router or name server.",
    "Send the same option 55 in DISCOVER and in every REQUEST, also in one that renews.",
    exercised=Occasion.DHCP_REQUEST,
)

NO_KIND = Rule(
    "DHCP062",
    "dhcp message type missing",
    Severity.ERROR,
    "A message has options of DHCP, and does not say which message it is.",
    "RFC 2132 9.6",
    "Servers take it for one of BOOTP: they stay silent, or answer without a message type and give"
    " the address for ever.",
    "Put option 53 into every message, best as the first one: 1 DISCOVER, 3 REQUEST, 4 DECLINE,"
    " 7 RELEASE, 8 INFORM.",
    exercised=Occasion.DHCP,
    leads_to=("DHCP036", "DHCP037", "DHCP044", "DHCP057"),
)

# ---------------------------------------------------------------- from DISCOVER to ACK
XID_CHANGED = Rule(
    "DHCP030",
    "dhcp xid changed",
    Severity.WARNING,
    "The REQUEST has another transaction id than the OFFER that it takes.",
    "RFC 2131 4.4.1",
    "A server that keeps offers by transaction id does not find the one that is meant.",
    "Send the REQUEST with the xid of the OFFER.",
    exercised=Occasion.DHCP_SELECTS,
)

XID_SAME = Rule(
    "DHCP031",
    "dhcp xid always the same",
    Severity.WARNING,
    "A further attempt to get an address has the transaction id of an earlier one.",
    "RFC 2131 4.1",
    "Two such guests on one wire take each other's answers, and late ones of an earlier attempt.",
    "Draw a random xid for each attempt.",
    exercised=Occasion.DHCP_ANEW,
)

TOOK_ANOTHERS = Rule(
    "DHCP032",
    "dhcp offer of another",
    Severity.ERROR,
    "The guest takes an OFFER that has not the transaction id of its DISCOVER, or not its chaddr.",
    "RFC 2131 4.4.1",
    "On a wire with several clients it takes what was offered to others.",
    "Throw away answers whose xid or chaddr is not that of the question.",
    exercised=Occasion.DHCP_SELECTS,
    leads_to=("DHCP012", "DHCP044"),
)

SELECTING = Rule(
    "DHCP033",
    "dhcp selecting",
    Severity.ERROR,
    "The REQUEST after an OFFER does not say which OFFER it takes.",
    "RFC 2131 4.3.2",
    "Servers take it for something else, and stay silent or refuse.",
    "Put the OFFER's yiaddr into option 50 and its server into option 54, and leave ciaddr zero.",
    exercised=Occasion.DHCP_SELECTS,
    leads_to=("DHCP010", "DHCP012", "DHCP036", "DHCP037", "DHCP044", "DHCP055"),
)

RENEWING = Rule(
    "DHCP034",
    "dhcp renewing",
    Severity.ERROR,
    "The REQUEST that is to renew a lease has options or an address that it must not have.",
    "RFC 2131 4.3.6",
    "Servers take it for one after an OFFER, and refuse or ignore it.",
    "Put the guest's address into ciaddr, and leave options 50 and 54 out.",
    exercised=Occasion.DHCP_RENEWS,
    leads_to=("DHCP040",),
)

NO_BROADCAST = Rule(
    "DHCP035",
    "dhcp broadcast flag",
    Severity.ERROR,
    "The guest asks again and again although an OFFER came to its MAC address each time.",
    "RFC 2131 4.1",
    "A stack that takes no packets to an address which it does not have yet never sees the OFFER.",
    "Set the highest bit of the flags, 0x8000, in DISCOVER and REQUEST; or take unicast frames.",
    exercised=Occasion.DHCP_OFFER_UNICAST,
    leads_to=("DHCP036", "DHCP037", "DHCP044"),
)

TOO_FAST = Rule(
    "DHCP036",
    "dhcp too fast",
    Severity.WARNING,
    "The guest repeats a message without waiting longer each time, or begins anew at once after"
    " each NAK.",
    "RFC 2131 4.1",
    "A server that is down is flooded by all its clients when it comes back.",
    "Wait 4 s before the second, then 8, 16, 32 and 64 s, each a random second more or less. A"
    " REQUEST that renews waits for half of the time left to T2, then to the lease's end, and 60 s"
    " at least. Wait before the DISCOVER that follows a NAK, too, and longer each time.",
    exercised=Occasion.DHCP_AGAIN,
)

SECONDS = Rule(
    "DHCP037",
    "dhcp secs",
    Severity.WARNING,
    "The field secs does not grow as time does while the guest repeats its message.",
    "RFC 2131 2",
    "Relays and second servers that help only who waits long never help this one.",
    "Store the seconds since the first message, the higher byte first. A REQUEST that takes an"
    " OFFER keeps those of its DISCOVER, also when it is sent again.",
    exercised=Occasion.DHCP_AGAIN,
)

DECLINED = Rule(
    "DHCP038",
    "dhcp decline",
    Severity.WARNING,
    "The guest declines an address that nobody else has claimed.",
    "RFC 2131 3.1",
    "The server keeps the address from everybody for a while.",
    "Decline only where a host with another MAC address has answered the probe.",
    exercised=Occasion.DHCP_DECLINE,
)

IGNORES_BROADCAST = Rule(
    "DHCP039",
    "dhcp broadcast not taken",
    Severity.ERROR,
    "The guest asks again and again although an OFFER came by broadcast each time.",
    "RFC 2131 4.1",
    "It gets no address.",
    "Look at the card first: does it take frames to ff:ff:ff:ff:ff:ff (e1000: RCTL.BAM; NE2000: AB"
    " in RCR)? Then at IPv4: does it take 255.255.255.255 before it has an address? Then at what"
    " DHCP compares: xid, option 53, the cookie.",
    exercised=Occasion.DHCP_OFFER_TO_ALL,
    leads_to=("DHCP036",),
)

NOT_TO_ALL = Rule(
    "DHCP050",
    "dhcp request not to all",
    Severity.WARNING,
    "The REQUEST that takes an OFFER goes to one host.",
    "RFC 2131 4.4.1",
    "Other servers do not learn that their offer was not taken, and keep the address.",
    "Send it from 0.0.0.0 to 255.255.255.255, as the DISCOVER.",
    exercised=Occasion.DHCP_SELECTS,
)

OTHER_SECONDS = Rule(
    "DHCP051",
    "dhcp request with other secs",
    Severity.NOTE,
    "The REQUEST has not the secs of its DISCOVER.",
    "RFC 2131 4.4.1",
    "Relays that go by secs may send the two messages to different servers.",
    "Copy the field from the DISCOVER.",
    exercised=Occasion.DHCP_SELECTS,
)

INIT_REBOOT = Rule(
    "DHCP052",
    "dhcp init-reboot",
    Severity.WARNING,
    "A REQUEST for a former address names a server, has ciaddr, or goes to one host.",
    "RFC 2131 4.3.2",
    "Servers take it for an answer to an OFFER that they have not made, and stay silent; on another"
    " net the one that knows better is not asked.",
    "After a restart send option 50 with the address to 255.255.255.255; leave option 54 out and"
    " ciaddr zero.",
    exercised=Occasion.DHCP_REQUEST,
    leads_to=("DHCP012",),
)

# ---------------------------------------------------------------- with a lease
EXPIRED = Rule(
    "DHCP040",
    "dhcp lease expired",
    Severity.ERROR,
    "The guest uses an address whose lease is over.",
    "RFC 2131 4.4.5",
    "Another host may have it by now.",
    "Stop using the address when the lease ends, and begin with DISCOVER. Where an ACK has another"
    " address in yiaddr, use that one from then on. Where no REQUEST has come"
    " before, look at how the times of the ACK are read: options 51, 58 and 59 are seconds in 32"
    " bits, the highest byte first.",
    exercised=Occasion.LEASE_DUE,
    leads_to=("IP007", "IP034"),
)

NOT_RENEWED = Rule(
    "DHCP041",
    "dhcp not renewed",
    Severity.WARNING,
    "The guest has not tried to renew its lease by T2.",
    "RFC 2131 4.4.5",
    "When the lease ends, every connection dies.",
    "Send a REQUEST to the server at T1 (option 58, or half the lease), and to all at T2"
    " (option 59, or 7/8 of it).",
    exercised=Occasion.LEASE_DUE,
    leads_to=("DHCP040",),
)

RENEWS_ALWAYS = Rule(
    "DHCP042",
    "dhcp renewed too early",
    Severity.WARNING,
    "The guest renews its lease again and again long before T1.",
    "RFC 2131 4.4.5",
    "It loads the server for nothing.",
    "Renew at T1; mind that options 51, 58 and 59 are seconds, the higher byte first.",
    exercised=Occasion.DHCP_RENEWS,
)

AFTER_NAK = Rule(
    "DHCP043",
    "dhcp address refused",
    Severity.ERROR,
    "The guest uses an address that the server has refused it.",
    "RFC 2131 3.1",
    "The address is another host's, or of another net.",
    "After a NAK stop using the address at once, and begin with DISCOVER.",
    exercised=Occasion.DHCP_NAK,
    leads_to=("IP007", "IP034"),
)

NOT_LEASED = Rule(
    "DHCP044",
    "dhcp address not leased",
    Severity.ERROR,
    "The guest uses an address that was offered to it and never acknowledged.",
    "RFC 2131 4.4.1",
    "The server forgets the offer soon, and gives the address to another host.",
    "Answer the OFFER with a REQUEST, and when the ACK has come use the address in its yiaddr,"
    " which may be another one.",
    exercised=Occasion.DHCP_OFFER,
    leads_to=("DHCP035", "IP007", "IP034"),
)

NEVER_GIVEN = Rule(
    "DHCP063",
    "dhcp address never given",
    Severity.WARNING,
    "The guest has a lease, has probed for its address, and uses another one.",
    "RFC 2131 3.1",
    "The server gives that one to another host: then two have it. Nothing comes to the lease's.",
    "Look at what becomes of yiaddr between the probe and the interface: its bytes are copied as"
    " they are, and nothing is counted up.",
    exercised=Occasion.LEASE_USED,
    leads_to=("DHCP011", "DHCP034", "DHCP041", "DHCP049", "IP007", "IP034"),
)

RELEASED = Rule(
    "DHCP045",
    "dhcp address released",
    Severity.ERROR,
    "The guest uses an address that it has given back.",
    "RFC 2131 4.4.6",
    "The server may give it to another host at once.",
    "Send the RELEASE as the last packet from that address.",
    exercised=Occasion.DHCP_RELEASE,
    leads_to=("IP007", "IP034"),
)

GIVES_BACK = Rule(
    "DHCP046",
    "dhcp release or decline",
    Severity.WARNING,
    "A RELEASE or DECLINE does not name the server that gave the address, or goes the wrong way.",
    "RFC 2131 4.4.4",
    "The server ignores it, and the address stays taken.",
    "Put option 54 of the ACK into it. RELEASE goes to the server, with ciaddr; DECLINE goes to"
    " all, with option 50.",
    exercised=Occasion.DHCP_RETURNS,
    leads_to=("DHCP011",),
)

NOT_DECLINED = Rule(
    "DHCP047",
    "dhcp not declined",
    Severity.WARNING,
    "The guest begins anew because another host has its address, and has not declined it.",
    "RFC 2131 3.1",
    "The server offers the same address again, and so for ever.",
    "Send DECLINE with options 50 and 54 as soon as the probe is answered.",
    exercised=Occasion.PROBE_ANSWERED,
)

AGAIN_TOO_SOON = Rule(
    "DHCP048",
    "dhcp again too soon",
    Severity.WARNING,
    "The guest sends DISCOVER less than 10 s after its DECLINE.",
    "RFC 2131 3.1",
    "Where the conflict lasts, guest and server flood the wire.",
    "Wait ten seconds before the next DISCOVER.",
    exercised=Occasion.DHCP_DECLINE,
)

RENEWS_WRONG_WAY = Rule(
    "DHCP049",
    "dhcp renews the wrong way",
    Severity.WARNING,
    "A REQUEST that renews goes to all before T2, or to the server alone after it; or none goes to"
    " all before the lease ends.",
    "RFC 2131 4.4.5",
    "Before T2 other servers refuse it; after T2 the server has been silent for long already.",
    "From T1 on ask the server that gave the lease, from T2 on 255.255.255.255.",
    exercised=Occasion.DHCP_RENEWS,
)

SOURCE_PORT = Rule(
    "DHCP053",
    "dhcp source port",
    Severity.WARNING,
    "A client's message comes from another port than 68.",
    "RFC 2131 4.1",
    "Answers go to port 68 whatever it is, and relays and firewalls let only that through.",
    "Send from port 68, 00 44 on the wire, and take answers there.",
    exercised=Occasion.DHCP,
)

HOPS = Rule(
    "DHCP054",
    "dhcp hops",
    Severity.WARNING,
    "A client's message has passed relays, as its field hops says, and names none.",
    "RFC 2131 2",
    "Nothing comes of it here; relays throw a message away that has passed too many.",
    "Leave hops at 0: only relays count there.",
    exercised=Occasion.DHCP,
)

NAK_IGNORED = Rule(
    "DHCP055",
    "dhcp nak ignored",
    Severity.ERROR,
    "The guest asks again for the address that the server has just refused it.",
    "RFC 2131 3.1",
    "The server refuses it each time; the guest never gets an address.",
    "Look for message type 6 (option 53) in the answer to a REQUEST: forget the address, and begin"
    " with DISCOVER.",
    exercised=Occasion.DHCP_NAK,
)

OVERLOAD_UNREAD = Rule(
    "DHCP056",
    "dhcp overload not read",
    Severity.WARNING,
    "The guest takes no OFFER that has options in the fields file and sname.",
    "RFC 2132 9.3",
    "Servers do so where they have much to say, and may put any option there.",
    "Where option 52 is 1, 2 or 3, go on reading options in file (128 bytes at 108), sname (64"
    " bytes at 44), or both, up to option 255 in each.",
    exercised=Occasion.DHCP_OVERLOADED,
)

SHUFFLED_UNREAD = Rule(
    "DHCP061",
    "dhcp options in another order not read",
    Severity.WARNING,
    "The guest takes no OFFER whose options do not begin with the message type.",
    "RFC 2132 2",
    "Servers write options in any order, with zeros between them, and some that the guest has not"
    " asked for.",
    "Walk through the options: 0 is one byte of padding, 255 the end, and any other code has a"
    " length behind it, by which those that are not known are passed over. Look at the message type"
    " only when all are read.",
    exercised=Occasion.DHCP_SHUFFLED,
)

ONCE = Rule(
    "DHCP057",
    "dhcp asked once",
    Severity.WARNING,
    "The guest sends a DISCOVER or REQUEST once, gets no answer, and does not try again.",
    "RFC 2131 4.1",
    "One lost datagram, or a server that is slow to start, and the guest has no address.",
    "Send the message again after 4 s, then after 8, 16 and 32 s, each up to a second"
    " more or less. Look at whether a timer runs while the client waits.",
    exercised=Occasion.DHCP_UNANSWERED,
)

RENEWS_ANEW = Rule(
    "DHCP058",
    "dhcp begins anew instead of renewing",
    Severity.WARNING,
    "When a lease is to be renewed the guest sends DISCOVER, though it has an address.",
    "RFC 2131 4.4.5",
    "The server may offer another address: then all connections of the guest are lost. Other"
    " servers are asked, too.",
    "At T1 send a REQUEST with the address in ciaddr to the server alone, at T2 to all, and begin"
    " anew only when the lease is over. The address stays in use meanwhile.",
    exercised=Occasion.LEASE_DUE,
)

RENEWS_LATE = Rule(
    "DHCP060",
    "dhcp renews not before t2",
    Severity.WARNING,
    "The guest asks nobody at T1: its first REQUEST for a lease comes at T2.",
    "RFC 2131 4.4.5",
    "Where the server is down for an eighth of the lease the address is lost, and with it all"
    " connections; every renewal goes to all hosts on the wire.",
    "Set a timer for T1 (half of the lease, unless option 58 says otherwise) and ask the server"
    " alone then; ask all at T2 (seven eighths, option 59) if it has not answered. Look at whether"
    " the two are exchanged.",
    exercised=Occasion.DHCP_RENEWS,
)
