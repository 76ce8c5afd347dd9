"""Python's garbage collector in a process that trains or draws. Imports no torch, since it is called before that."""

from __future__ import annotations

import gc

YOUNG_OBJECTS = 50_000


def collect_seldom() -> None:
    """Look for cycles after every 50,000 new objects and not after 700; call it before torch is imported.

    torch, diffusers and transformers make very many lasting objects at import, which the collector looks through again
    and again: an eighth of the start of a run (docs/log.md, 2026-11-26). Tensors are freed by their count of
    references, not by the collector.
    """
    gc.set_threshold(YOUNG_OBJECTS, *gc.get_threshold()[1:])
