"""The seeds of random tests: the same in each run, but for those of `make fuzz`.

PYNAT_FUZZ_SEED=N draws all of them anew, and the same again for the same N.
"""

from __future__ import annotations

import os
from random import Random

SEED = os.environ.get("PYNAT_FUZZ_SEED", "")


def seeded(seed: int | str, fuzz: str = SEED) -> Random:
    return Random(f"{fuzz} {seed}" if fuzz else seed)


def seeds(count: int, fuzz: str = SEED) -> range:
    """So many, others for each seed of `make fuzz`."""
    first = int(fuzz or 0) * 2**20
    return range(first, first + count)


def again(test: str, fuzz: str = SEED) -> str:
    """The command that repeats a test of `make fuzz`."""
    return f"PYNAT_FUZZ_SEED={fuzz} .venv/bin/python -m pytest --hypothesis-seed={fuzz} '{test}'"
