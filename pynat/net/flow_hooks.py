"""Flows as a script sees them: asked where each one leads, told of its end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pynat.config import IpAddress
from pynat.inprocess.hosts import FlowPolicy, TcpService, UdpService, Verdict
from pynat.net.flows import REFUSE, Flow
from pynat.net.frame_hooks import DROP
from pynat.net.report import placed
from pynat.net.stream import endpoint
from pynat.net.tasks import Tasks
from pynat.wire.addresses import FourTuple

MAX_FLOWS = 20_000  # flows whose ends a script is told of
Names = dict[str, tuple[IpAddress, ...]]
Hooks = list[Callable[[Flow], object]]


class FlowHooks(FlowPolicy):
    def __init__(self, tasks: Tasks, names: Names, opened: Hooks, ended: Hooks) -> None:
        self._tasks = tasks
        self._opened = opened
        self._ended = ended
        # by the engine's number: one of UDP is a port of the guest's, with one or more of hosts
        self._flows: dict[int, list[Flow]] = {}
        self._count = 0
        self._names = {one[0].packed: name for name, one in reversed(names.items()) if one}

    # ------------------------------------------------------------------ asked
    def tcp(self, number: int, four_tuple: FourTuple, now: float) -> Verdict | TcpService | None:
        flow = self._flow("tcp", number, four_tuple, now)
        name = str(flow)
        found = self._answer(flow, now)
        if found is None or isinstance(found, Verdict):
            return found
        return self._tasks.tcp_service(found, name)

    def udp(self, number: int, four_tuple: FourTuple, now: float) -> Verdict | UdpService | None:
        flow = self._flow("udp", number, four_tuple, now)
        name = str(flow)
        found = self._answer(flow, now)
        if found is None or isinstance(found, Verdict):
            return found
        return self._tasks.udp_service(found, name)

    def _flow(self, protocol: str, number: int, four_tuple: FourTuple, now: float) -> Flow:
        name = self._names.get(four_tuple.remote[0], "")
        guest, host = endpoint(four_tuple.guest), endpoint(four_tuple.remote)
        flow = Flow(protocol, guest, host, name, now)
        if self._ended and self._count < MAX_FLOWS:
            self._count += 1
            self._flows.setdefault(number, []).append(flow)
        return flow

    def _answer(self, flow: Flow, now: float) -> Verdict | Callable[..., Any] | None:
        """A hook that fails leaves the flow as it is."""
        for hook in self._opened:
            what = f"on_flow {placed(hook)}; the flow goes where it would"
            with self._tasks.guarded(what, now):
                answer = hook(flow)
                if answer is REFUSE:
                    return Verdict.REFUSE
                if answer is DROP:
                    return Verdict.DROP
                if callable(answer):
                    return answer
                if answer is not None:
                    raise TypeError(
                        f"on_flow returned {answer!r}; it may return None, REFUSE, DROP or a"
                        " function for the stream or datagram"
                    )
        return None

    # ------------------------------------------------------------------ told
    def ended(self, number: int, why: str, now: float) -> None:
        for flow in self._flows.pop(number, ()):
            self._tell(flow, why, now)

    def _tell(self, flow: Flow, why: str, now: float) -> None:
        self._count -= 1
        flow.why = why
        for hook in self._ended:
            what = f"on_end {placed(hook)}"
            with self._tasks.guarded(what, now):
                hook(flow)
