"""A guest under test: booted, talked to, looked at on its wire, and told about when it failed.

    with Guest(BootOptions(kernel="kernel.elf"), folder) as guest:
        guest.wait_lease()
        guest.expect("ready")
        guest.lint.assert_clean()

`pynat/pytest_plugin/` makes fixtures of it. `Guest` is a machine in Bochs; `VirtualGuest` and
`TapGuest` are other guests with the same view of the wire, which is `Observed`, and the same ways
in, which are `Reached`.
"""

from pynat.control.protocol import Refused
from pynat.testing.guests.boot import GuestSilent
from pynat.testing.kit.guest import BootFailed, Guest
from pynat.testing.kit.observed import GuestFrame, Observed
from pynat.testing.kit.options import BootOptions
from pynat.testing.kit.reached import Page
from pynat.testing.kit.tap import TapGuest
from pynat.testing.kit.verdicts import Found, Verdicts
from pynat.testing.kit.virtual import VirtualGuest

__all__ = [
    "BootFailed",
    "BootOptions",
    "Found",
    "Guest",
    "GuestFrame",
    "GuestSilent",
    "Observed",
    "Page",
    "Refused",
    "TapGuest",
    "Verdicts",
    "VirtualGuest",
]
