"""What a network has come to when it ends, as a file of its own (docs/control.md).

`$PYNAT_FINAL` names a folder, as `pynat run --json` does. Whoever asks has no socket to ask at any
more by then, and several cards of one Bochs must not write one file, so each leaves a new one.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING

from pynat.log.notices import Level

if TYPE_CHECKING:  # who only reads such a file has no engine
    from pynat.control.commands import Commands
    from pynat.engine import Engine

FINAL_VARIABLE = "PYNAT_FINAL"
MOST_ENDED = 1000  # flows that are over, the last ones


class Final:
    def __init__(self, engine: Engine, commands: Commands) -> None:
        self._engine = engine
        self._commands = commands
        self._folder = os.environ.get(FINAL_VARIABLE)
        if self._folder:
            engine.router.numbers.kept = deque(maxlen=MOST_ENDED)

    def write(self) -> None:
        """After the last turn. A file that cannot be written costs nothing but itself."""
        if not self._folder:
            return
        try:
            with tempfile.NamedTemporaryFile("w", dir=self._folder, delete=False) as file:
                json.dump(self._commands.summary(), file)
            Path(file.name).rename(f"{file.name}.json")  # whole, or not there
        except OSError as error:
            text = f"{FINAL_VARIABLE}: {self._folder}: {error.strerror}"
            self._engine.notices.say(Level.ERROR, text)
