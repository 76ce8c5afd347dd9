"""Hidden states of captions: computed each step while the text encoder learns, once a caption when it does not."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from enogu.engine.families import Conditions, LoadedBase, TextRules, joined

MAX_ENTRIES = 20_000


class TextStates:
    """``of(captions)`` gives their conditions. With ``trained`` the result carries gradients and nothing is kept.

    Frozen states are kept in memory by the final caption: base, clip skip and token length are fixed for the life of
    this object, and encoding a caption again after a restart costs milliseconds, so there is no file to go stale.
    """

    def __init__(self, base: LoadedBase, rules: TextRules, *, trained: bool) -> None:
        self._base = base
        self._rules = rules
        self.trained = trained
        self._kept: dict[str, Conditions] = {}

    def keep_all(self, captions: Sequence[str]) -> None:
        """Encode all there will be, and let the text encoders rest: nobody asks them before the next preview."""
        for text in dict.fromkeys(captions):
            self.of([text])
        self._base.rest(*self._base.text_parts)

    def of(self, captions: Sequence[str]) -> Conditions:
        """What the network is told of each caption, in order, on the compute device."""
        if self.trained:
            return self._base.family.encode_captions(self._base, captions, self._rules)
        missing = [text for text in dict.fromkeys(captions) if text not in self._kept]
        if len(self._kept) + len(missing) > MAX_ENTRIES:
            self._kept.clear()
            missing = list(dict.fromkeys(captions))
        for text in missing:
            with torch.no_grad():
                self._kept[text] = self._base.family.encode_captions(self._base, [text], self._rules)
        return joined([self._kept[text] for text in captions])
