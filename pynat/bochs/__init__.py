"""The Bochs program: find it, start it, say how it ended."""

from pynat.bochs.find import Bochs, BochsError, find_bochs, our_plugin_dir, rom_files
from pynat.bochs.outcome import Ending, Outcome
from pynat.bochs.run import BochsRun

__all__ = [
    "Bochs",
    "BochsError",
    "BochsRun",
    "Ending",
    "Outcome",
    "find_bochs",
    "our_plugin_dir",
    "rom_files",
]
