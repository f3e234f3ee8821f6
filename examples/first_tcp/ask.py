"""python ask.py SERVER [BYTES]: FirstTcp against a server of net.toml.

It asks for a page, or sends so many BYTES and closes. All of it happens in virtual time, so that a
minute takes none and each run is the same. docs/tutorial.md tells the story.
"""

from __future__ import annotations

import sys
from pathlib import Path
from socket import inet_aton

from first_tcp import FirstTcp

from pynat.serve.load import load
from pynat.testing.virtual import virtual

SECONDS = 30


def main(server: str, size: int = 0) -> None:
    loaded = load(str(Path(__file__).with_name("net.toml")), "")
    request = bytes(size) or b"GET / HTTP/1.0\r\n\r\n"
    guest = FirstTcp(inet_aton(server), 9 if size else 80, request, is_upload=size > 0)
    with virtual(loaded.config, loaded.program) as network:
        network.run(guest, SECONDS)
    print(network.log)
    body = guest.received.partition(b"\r\n\r\n")[2]
    print(f"{guest.state}, {len(body)} bytes of a page")


if __name__ == "__main__":
    if len(sys.argv) not in (2, 3):
        sys.exit("usage: python ask.py SERVER [BYTES]; net.toml has the servers")
    main(sys.argv[1], *map(int, sys.argv[2:]))
