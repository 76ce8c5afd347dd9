"""Captions to token ids, once for each text; with now and then a word in them that means nothing."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from transformers import CLIPTokenizer

STRANGE_WORD_SHARE = 0.15
"""Of the captions. So the networks learn that a word they don't know changes nothing: a LoRA's trigger, later."""


class Captions:
    def __init__(self, tokenizer: CLIPTokenizer) -> None:
        self._tokenizer = tokenizer
        self._ids: dict[str, torch.Tensor] = {}

    def ids(self, texts: Iterable[str], rng: np.random.Generator | None = None) -> torch.Tensor:
        """int64 [B, 77]. With ``rng``, some captions get one or two tokens of the whole vocabulary in front."""
        return torch.stack([self._one(text, rng) for text in texts])

    def _one(self, text: str, rng: np.random.Generator | None) -> torch.Tensor:
        if len(self._ids) > 50_000:
            self._ids.clear()
        if text not in self._ids:
            encoded = self._tokenizer(text, padding="max_length", truncation=True, return_tensors="pt")
            self._ids[text] = encoded.input_ids[0]
        ids = self._ids[text]
        if rng is None or rng.random() >= STRANGE_WORD_SHARE:
            return ids
        strange = torch.from_numpy(rng.integers(0, 49_406, int(rng.integers(1, 3))))
        comma = ids.new_tensor([self._tokenizer.convert_tokens_to_ids(",</w>")])
        with_strange = torch.cat([ids[:1], strange, comma, ids[1:]])[: len(ids)]
        with_strange[-1] = ids[-1]  # a text that was cut still ends
        return with_strange
