"""Captions to hidden states as sd-scripts does it for SD1.5 (library/strategy_sd.py)."""

from __future__ import annotations

from collections.abc import Sequence

from enogu.engine.families import Conditions, LoadedBase, TextRules
from enogu.engine.families.clip import batch_of_windows, check_clip_skip, join_windows, weighted_states


def encode_captions(base: LoadedBase, texts: Sequence[str], rules: TextRules) -> Conditions:
    """Hidden states [B, 77 | 152 | 227, C].

    Clip skip 1 is the last layer; n takes ``hidden_states[-n]``; the final layer norm is applied to either. Longer
    captions are cut in windows of 75 tokens, each between BOS and EOS, encoded apart and joined as BOS + 75 n + EOS.
    No mask: padding tokens are attended to, as when the base was trained.
    """
    text_encoder = base.network("text_encoder")
    check_clip_skip(text_encoder, rules.clip_skip)
    ids_BNT = batch_of_windows(base.tokenizers["text_encoder"], texts, rules)
    ids = ids_BNT.flatten(0, 1).to(base.compute.device)
    if rules.clip_skip == 1:
        states = text_encoder(ids).last_hidden_state
    else:
        inner = getattr(text_encoder, "text_model", text_encoder)
        states = text_encoder(ids, output_hidden_states=True).hidden_states[-rules.clip_skip]
        states = inner.final_layer_norm(states)
    states_BTC = join_windows(states, ids_BNT.shape[1])
    return Conditions(weighted_states(states_BTC, base.tokenizers["text_encoder"], texts, rules))
