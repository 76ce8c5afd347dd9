"""Captions to hidden states as sd-scripts does it for SDXL (library/strategy_sdxl.py)."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from enogu.engine.families import Conditions, LoadedBase, TextRules
from enogu.engine.families.clip import batch_of_windows, join_windows, weighted_states


def encode_captions(base: LoadedBase, texts: Sequence[str], rules: TextRules) -> Conditions:
    """States [B, 77 | 152 | 227, 768 + 1280] of both text encoders side by side, and the second's summary [B, 1280].

    Always the layer before the last, without the final norm: that is what SDXL was trained with, so ``rules.clip_skip``
    changes nothing. The summary is that of the first window. Windows as for SD1.5; the second tokenizer fills with its
    own padding.
    """
    states: list[torch.Tensor] = []
    pooled: torch.Tensor | None = None
    for part in ("text_encoder", "text_encoder_2"):
        tokenizer, text_encoder = base.tokenizers[part], base.network(part)
        pad_id = tokenizer.eos_token_id if tokenizer.pad_token_id is None else tokenizer.pad_token_id
        ids_BNT = batch_of_windows(tokenizer, texts, rules, pad_id)
        batch, windows = ids_BNT.shape[:2]
        said = text_encoder(ids_BNT.flatten(0, 1).to(base.compute.device), output_hidden_states=True)
        states.append(weighted_states(join_windows(said.hidden_states[-2], windows), tokenizer, texts, rules))
        if part == "text_encoder_2":
            pooled = said.text_embeds.view(batch, windows, -1)[:, 0]
    return Conditions(torch.cat(states, dim=-1), pooled)
