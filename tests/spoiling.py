"""Valid input, spoilt: what passes a parser's first check and is wrong behind it.

    inputs = samples([valid, another], spoilt)
    sift(inputs, decode, Malformed, least=0.2, said=["every", "reason"])

Random bytes alone would be refused by the first check, all of them; so a test says how many of its
inputs must be taken, and which refusals must be seen. All is drawn from a seed, and is the same
each time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from random import Random
from typing import TypeVar

from tests.fuzzing import SEED, seeded

TWO = "\N{ARABIC-INDIC DIGIT TWO}"
NO_UTF_8 = "\udc80"
ODD_BYTES = (0, 1, 0x7F, 0x80, 0xC0, 0xFF)
ODD_NUMBERS = ("0", "1", "007", "24", "33", "255", "256", "65535", "65536", "1" * 20)
ODD_WORDS = ("x", ":", "-", ".", "..", "[", "]", "'", "/", "\0", "\n", r"\n", "\xe9", TWO, NO_UTF_8)

T = TypeVar("T")


def samples(valid: Sequence[T], spoil: Callable[[T, Random], T], count: int = 2000) -> list[T]:
    dice = seeded(1)
    return [spoil(dice.choice(valid), dice) for _ in range(count)]


def sift(
    inputs: Iterable[T],
    take: Callable[[T], object],
    refusal: type[Exception],
    *,
    least: float,
    said: Iterable[str],
) -> list[str]:
    """The texts of the refusals.

    take: raises `refusal` for what it refuses, and nothing else. The share `least` of the inputs
    is taken, and as much is refused; each of `said` is in the text of a refusal.
    """
    taken, refusals = 0, []
    for one in inputs:
        try:
            take(one)
        except refusal as error:
            refusals.append(str(error))
        except Exception as error:
            error.add_note(f"input: {one!r}")
            raise
        else:
            taken += 1
    if SEED:  # what it meets is luck
        return refusals
    share = taken / (taken + len(refusals))
    assert least <= share <= 1 - least, f"{share:.0%} are taken"
    text = "\n".join(refusals)
    unsaid = [part for part in said if part not in text]
    assert not unsaid, f"no refusal says {unsaid}"
    return refusals


# ---------------------------------------------------------------- bytes
def spoilt(data: bytes, dice: Random) -> bytes:
    """With one to three changes, each of a byte or of a piece of up to four."""
    changed = bytearray(data)
    for _ in range(dice.randint(1, 3)):
        at = dice.randrange(len(changed) + 1)
        end = min(at + dice.randint(1, 4), len(changed))
        piece = bytes(changed[at:end])
        match dice.randrange(8):
            case 0:
                changed[at : at + 1] = bytes(byte ^ 1 << dice.randrange(8) for byte in piece[:1])
            case 1 | 2:
                changed[at : at + 1] = bytes((dice.choice(ODD_BYTES),))
            case 3:
                changed[at : at + 1] = dice.randbytes(1)
            case 4:
                changed[at:end] = b""
            case 5:
                changed[at:at] = piece
            case 6:
                changed[at:end] = piece[::-1]
            case 7:
                del changed[at:]
    return bytes(changed)


# ---------------------------------------------------------------- text
def respelt(text: str, dice: Random, words: Sequence[str] = ()) -> str:
    """With one or two tokens left out, doubled, exchanged, or made another: mostly a like one."""
    found = re.findall(r"(\d+|[^\W\d]+|[^\w\s])(\s*)", text)
    tokens = [list(one) for one in found]  # each with the space behind it
    own = [token for token, _ in found]
    for _ in range(dice.randint(1, 2)):
        at, other = dice.randrange(len(tokens)), dice.randrange(len(tokens))
        match dice.randrange(8):
            case 0:
                tokens[at][0] = dice.choice(ODD_WORDS)
            case 1:
                tokens[at] = ["", ""]
            case 2:
                tokens[at].append(tokens[at][0])
            case 3:
                tokens[at], tokens[other] = tokens[other], tokens[at]
            case _:
                tokens[at][0] = dice.choice(_like(tokens[at][0], [*own, *words]))
    return "".join(part for token in tokens for part in token)


def _like(token: str, others: list[str]) -> list[str]:
    """Other numbers, other words, or other signs."""
    if token.isdecimal():
        return [*ODD_NUMBERS, *filter(str.isdecimal, others)]
    like = [one for one in others if one.isalpha() == token.isalpha() and not one.isdecimal()]
    return like or [*ODD_WORDS]
