"""`peer set`, `peer list`, `peer remove`: peers that misbehave, while the network runs."""

from __future__ import annotations

from pynat.config.check import why_no_peer
from pynat.config.peers import peer_at
from pynat.config.values import Wrong
from pynat.control.protocol import Answer, Refused
from pynat.faulty_host import FaultyHost
from pynat.router.router import Router


class PeerCommands:
    def __init__(self, router: Router) -> None:
        self._router = router

    def set(self, host: object, does: object) -> Answer:
        """In the place of what the host did; connections that are open go on as they were."""
        known = list(self._router.faulty_hosts)
        try:
            faulty_host = peer_at(str(host), does, known)
        except Wrong as wrong:
            raise Refused(f"{wrong.value if wrong.at else does!r}: must be {wrong.right}") from None
        if why := why_no_peer(faulty_host, self._router.net.network):
            raise Refused(why)
        self._router.faulty_hosts.set(faulty_host)
        return {"peers": [_row(faulty_host)]}

    def list(self) -> Answer:
        return {"peers": [_row(faulty_host) for faulty_host in self._router.faulty_hosts]}

    def remove(self, host: object) -> Answer:
        for faulty_host in list(self._router.faulty_hosts):
            if str(faulty_host) == str(host).lower():
                self._router.faulty_hosts.remove(faulty_host)
                return {"peers": [_row(faulty_host)]}
        raise Refused(f"no peer {host!r}; peer list tells those that there are")


def _row(faulty_host: FaultyHost) -> Answer:
    return {
        "host": str(faulty_host),
        "address": str(faulty_host.address),
        "does": faulty_host.misbehavior.text,
    }
