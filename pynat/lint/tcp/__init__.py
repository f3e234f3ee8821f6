"""What a guest's TCP does wrong though it is legal, or though nobody refuses it.

    checker.py    which segment belongs to which connection; the findings' text
    connection.py one connection: SYNs, what each side says, resets
    side.py       what one end has shown of itself
    common.py     what is known of the guest beside its connection
    often.py      what is told once of a connection, and what when it happens again and again
    form.py       a segment by itself
    ports.py      ports in the wrong byte order
    opening.py    what a SYN offers; initial numbers and ports from connection to connection
    sending.py    what the guest sends: window, size, order, end
    resending.py  what it sends again, and when
    congestion.py how much it has under way
    keepalive.py  its probes of idle connections
    acking.py     how it takes what comes: acknowledgements, SACK, timestamps
    arrivals.py   what has come, and since when it waits
    strides.py    acknowledgements by count
    unheard.py    what comes again and again, and has no answer
    window.py     the window that the guest announces
    war.py        acknowledgements that answer each other
    ending.py     what is left at the end

Both directions are followed from the SYN on; a connection whose beginning was not seen is looked
at segment by segment only. All numbers but those on the wire count from the SYN of their end and
never wrap. The linter stands at the guest's card: the guest's frames are all there, in order, and
frames to it are those that arrive; even so a card may drop some for want of room, and a frame of
the guest may have been sent before one that is seen earlier came to it. So a rule waits for proof:
what one lost frame would explain is no finding.
"""
