"""Pictures to latents and back, captions to hidden states, as sd-scripts does it for SD1.5 (library/strategy_sd.py)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from enogu.engine.families import LoadedBase, TextRules
from enogu.errors import WrongUse


def encode_pictures(base: LoadedBase, pixels_B3HW: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and standard deviation of the VAE's posterior, unscaled, fp32, [B, 4, H/8, W/8]; pixels in -1..1."""
    vae = base.networks["vae"]
    pixels = pixels_B3HW.to(base.compute.device, torch.float32).to(memory_format=base.compute.memory_format)
    with torch.inference_mode():
        posterior = vae.encode(pixels).latent_dist
        return posterior.mean.float().contiguous().cpu(), posterior.std.float().contiguous().cpu()


def decode_latents(base: LoadedBase, latents_BCHW: torch.Tensor) -> torch.Tensor:
    """Pixels in -1..1, fp32 [B, 3, H, W], from latents as the U-Net sees them (scaled)."""
    vae = base.networks["vae"]
    latents = (latents_BCHW.float() / base.scaling_factor).to(memory_format=base.compute.memory_format)
    with torch.inference_mode():
        return vae.decode(latents).sample.clamp(-1, 1)


def encode_captions(base: LoadedBase, texts: Sequence[str], rules: TextRules) -> torch.Tensor:
    """Hidden states [B, 77 | 152 | 227, C].

    Clip skip 1 is the last layer; n takes ``hidden_states[-n]``; the final layer norm is applied to either. Longer
    captions are cut in windows of 75 tokens, each between BOS and EOS, encoded apart and joined as BOS + 75 n + EOS.
    No mask: padding tokens are attended to, as when the base was trained.
    """
    text_encoder = base.networks["text_encoder"]
    _check_clip_skip(text_encoder, rules.clip_skip)
    ids_BNT = torch.stack(
        [token_windows(base.tokenizers["text_encoder"], text, rules.max_token_length) for text in texts]
    )
    batch, windows, length = ids_BNT.shape
    ids = ids_BNT.view(batch * windows, length).to(base.compute.device)
    if rules.clip_skip == 1:
        states = text_encoder(ids).last_hidden_state
    else:
        inner = getattr(text_encoder, "text_model", text_encoder)
        states = text_encoder(ids, output_hidden_states=True).hidden_states[-rules.clip_skip]
        states = inner.final_layer_norm(states)
    if windows == 1:
        return states
    states = states.view(batch, windows, length, -1)
    middle = states[:, :, 1:-1].reshape(batch, windows * (length - 2), -1)
    return torch.cat([states[:, 0, :1], middle, states[:, -1, -1:]], dim=1)


def _check_clip_skip(text_encoder: Any, clip_skip: int) -> None:
    """Refuse to read deeper than there are layers, where only the bare embeddings are left."""
    num_layers = text_encoder.config.num_hidden_layers
    if clip_skip > num_layers:
        raise WrongUse(
            f"The base model's text encoder has {num_layers} layers, so clip skip {clip_skip} leaves none of them.",
            f"Set training.clip_skip (when drawing: clip skip) to {num_layers} or less; 1 and 2 are usual.",
        )


def token_windows(tokenizer: object, text: str, max_token_length: int) -> torch.Tensor:
    """Token ids [windows, 77]: the caption cut to ``max_token_length`` tokens and padded with EOS (75, 150 or 225)."""
    bos, eos = tokenizer.bos_token_id, tokenizer.eos_token_id  # type: ignore[attr-defined]
    ids = tokenizer(text, add_special_tokens=False, truncation=False, verbose=False).input_ids  # type: ignore[operator]
    ids = ids[:max_token_length]
    windows: list[list[int]] = []
    for start in range(0, max_token_length, 75):
        window = ids[start : start + 75]
        windows.append([bos, *window, *([eos] * (76 - len(window)))])
    return torch.tensor(windows)
