"""Runs a program with a socket as its file CARD, from which it reads the frames that come to a
network device, and to which it writes those of its own.

    python -m tests.netns.on_card DEVICE COMMAND ...
"""

from __future__ import annotations

import os
import select
import socket
import sys

CARD = 3  # the number of the file
_EVERYTHING = 3  # ETH_P_ALL
_SOL_PACKET, _IGNORE_OUTGOING = 263, 23
_ROOM = 2048  # bytes


def main(device: str, *command: str) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    if os.fork() == 0:
        theirs.close()
        carry(packet_socket(device), ours)
        os._exit(0)
    os.dup2(theirs.fileno(), CARD)
    os.set_inheritable(CARD, True)  # it may be the same one
    os.execvp(command[0], command)


def packet_socket(device: str) -> socket.socket:
    card = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(_EVERYTHING))
    card.setsockopt(_SOL_PACKET, _IGNORE_OUTGOING, 1)
    card.bind((device, _EVERYTHING))
    return card


def carry(card: socket.socket, program: socket.socket) -> None:
    """Until the program has ended."""
    other = {card: program, program: card}
    while True:
        for one in select.select(list(other), (), ())[0]:
            if not (frame := one.recv(_ROOM)):
                return
            other[one].send(frame)


if __name__ == "__main__":
    main(*sys.argv[1:])
