"""Hooks on flows: a script says where a flow that the guest opens leads, and is told of its end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from pynat.net.stream import Endpoint


class Refuse:
    """What a hook returns for RST, or port unreachable."""

    def __repr__(self) -> str:
        return "REFUSE"


REFUSE = Refuse()


@dataclass(slots=True, eq=False)
class Flow:
    """A TCP connection, or the datagrams of one port of the guest's to one of a host's."""

    protocol: str  # "tcp" or "udp"
    guest: Endpoint
    host: Endpoint  # as the guest names it
    name: str  # that the DNS knows for the host, or ""
    opened: float  # guest time
    why: str = ""  # it ended
    data: dict[str, Any] = field(default_factory=dict)  # the script's own

    def __str__(self) -> str:
        return f"{self.protocol} {self.guest} > {self.name or self.host.host}:{self.host.port}"
