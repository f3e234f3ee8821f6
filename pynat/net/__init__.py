"""Networks written in Python (docs/python.md)."""

from pynat.net.datagram import Datagram
from pynat.net.flows import REFUSE, Flow
from pynat.net.frame_hooks import DROP, Frame
from pynat.net.http import Request, Response
from pynat.net.net import Net
from pynat.net.stream import Endpoint, Reset, Stream

__all__ = [
    "DROP",
    "REFUSE",
    "Datagram",
    "Endpoint",
    "Flow",
    "Frame",
    "Net",
    "Request",
    "Reset",
    "Response",
    "Stream",
]
