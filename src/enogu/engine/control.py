"""What may be asked of a run between two steps, and who asks. Nothing here changes a bit of what is learnt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from enogu.engine.adapters.lora import Target


@dataclass(frozen=True)
class Asked:
    """What is wanted now: end with the state saved, a LoRA file of this step, previews of this step."""

    stop: bool = False
    save: bool = False
    sample: bool = False


@dataclass(frozen=True)
class Between:
    """The moment between two steps. ``targets`` are every layer an adapter can hang at: whoever draws with the base
    model now hands them to ``draw``, which puts the run's adapter aside and back.
    """

    step: int
    targets: Sequence[Target]
    only_stop: bool = False
    """Pictures are being encoded or previews drawn: a stop is heard now, save and sample wait for the next step."""


BetweenSteps = Callable[[Between], Asked]
"""Called after every step, and often while pictures are encoded and previews drawn (then with ``only_stop``).

It may take its time: drawing with the loaded base model is done in here.
"""


def ask_nothing(_: Between) -> Asked:
    """For runs that nobody steers."""
    return Asked()
