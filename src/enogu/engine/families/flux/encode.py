"""Captions to what Flux is told: T5's states of every token, and CLIP-L's summary (sd-scripts, strategy_flux.py)."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from enogu.engine.families import Conditions, LoadedBase, TextRules
from enogu.engine.families.clip import batch_of_windows

DEV_TOKENS, SCHNELL_TOKENS = 512, 256


def encode_captions(base: LoadedBase, texts: Sequence[str], rules: TextRules) -> Conditions:
    """T5's states [B, 512 or 256, 4096] and CLIP-L's summary of the first 75 tokens [B, 768].

    Neither clip skip nor the number of CLIP's windows means anything here. T5 attends to padding, as when the base was
    trained.
    """
    clip, t5 = base.network("text_encoder"), base.network("text_encoder_2")
    device = base.compute.device
    ids = batch_of_windows(base.tokenizers["text_encoder"], texts, TextRules())[:, 0]
    pooled = clip(ids.to(device)).pooler_output
    length = DEV_TOKENS if base.guidance == "told" else SCHNELL_TOKENS
    tokenize = base.tokenizers["text_encoder_2"]
    t5_ids = tokenize(list(texts), padding="max_length", max_length=length, truncation=True).input_ids
    return Conditions(t5(torch.tensor(t5_ids, device=device)).last_hidden_state, pooled)
