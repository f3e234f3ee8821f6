"""The timer queue against the obvious implementation: a dict that is searched."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pynat.timers import Timers


class Owner:
    def __init__(self, fired: list[Owner]) -> None:
        self._fired = fired

    def on_timer(self, now: float) -> None:
        self._fired.append(self)


@given(
    st.lists(
        st.tuples(st.integers(0, 4), st.one_of(st.none(), st.integers(0, 50)), st.integers(0, 10)),
        max_size=60,
    )
)
def test_it_fires_what_a_search_would_fire(steps: list[tuple[int, int | None, int]]) -> None:
    fired: list[Owner] = []
    owners = [Owner(fired) for _ in range(5)]
    timers = Timers()
    model: dict[Owner, float] = {}
    now = 0.0
    for number, delay, passes in steps:
        owner = owners[number]
        when = None if delay is None else now + delay
        timers.set(owner, when)
        model.pop(owner, None)
        if when is not None:
            model[owner] = when
        now += passes
        assert timers.is_due(now) == any(when <= now for when in model.values())
        assert timers.next() == min(model.values(), default=None)
        timers.run(now)
        due = {owner for owner, when in model.items() if when <= now}
        assert set(fired) == due
        assert len(fired) == len(due)
        for owner in due:
            del model[owner]
        fired.clear()
        assert len(timers) == len(model)
        assert timers.next() == min(model.values(), default=None)


def test_deadlines_fire_in_order() -> None:
    fired: list[Owner] = []
    first, second = Owner(fired), Owner(fired)
    timers = Timers()
    timers.set(second, 2)
    timers.set(first, 1)
    timers.run(3)
    assert fired == [first, second]


def test_a_timer_that_sets_itself_again_fires_once_a_run() -> None:
    class Again(Owner):
        def on_timer(self, now: float) -> None:
            super().on_timer(now)
            timers.set(self, now)

    fired: list[Owner] = []
    timers = Timers()
    timers.set(Again(fired), 1)
    timers.run(5)
    assert len(fired) == 1
    assert timers.next() == 5
