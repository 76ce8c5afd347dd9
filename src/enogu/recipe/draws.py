"""Every random draw of a run, as a pure function of (run seed, name of the stream, numbers).

Why not one generator that is read from start to end: its state would have to be saved and restored to resume a run,
and any draw added anywhere would move all the later ones. A keyed hash needs no state, gives the same number on every
machine and Python, and keeps the streams apart by name.
"""

from __future__ import annotations

import hashlib
import random

_SIXTY_THREE_BITS = (1 << 63) - 1


def seed_of(run_seed: int, stream: str, *numbers: int) -> int:
    """A seed in 0 … 2**63−1 for the draw ``numbers`` (step, micro-step, sample …) of one ``stream`` of a run.

    63 bits, so that it fits a signed 64-bit integer (``torch.Generator.manual_seed``, SQLite). BLAKE2b over a text
    that no other key has: different keys give unrelated seeds, equal keys give equal seeds on every machine.
    """
    key = ",".join(str(number) for number in (run_seed, *numbers)) + ":" + stream
    digest = hashlib.blake2b(key.encode("utf-8"), digest_size=8, person=b"enogu draws").digest()
    return int.from_bytes(digest, "big") & _SIXTY_THREE_BITS


def random_for(run_seed: int, stream: str, *numbers: int) -> random.Random:
    """A generator of its own for one draw, for what Python decides itself (orders, dropped tags)."""
    return random.Random(seed_of(run_seed, stream, *numbers))  # noqa: S311 — training noise, not a secret
