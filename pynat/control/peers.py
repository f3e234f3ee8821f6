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
        known = list(self._router.peers)
        try:
            peer = peer_at(str(host), does, known)
        except Wrong as wrong:
            raise Refused(f"{wrong.value if wrong.at else does!r}: must be {wrong.right}") from None
        if why := why_no_peer(peer, self._router.net.network):
            raise Refused(why)
        self._router.peers.set(peer)
        return {"peers": [_row(peer)]}

    def list(self) -> Answer:
        return {"peers": [_row(peer) for peer in self._router.peers]}

    def remove(self, host: object) -> Answer:
        for peer in list(self._router.peers):
            if str(peer) == str(host).lower():
                self._router.peers.remove(peer)
                return {"peers": [_row(peer)]}
        raise Refused(f"no peer {host!r}; peer list tells those that there are")


def _row(peer: FaultyHost) -> Answer:
    return {"host": str(peer), "address": str(peer.address), "does": peer.behaviour.text}
