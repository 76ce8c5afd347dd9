"""The shapes of the starter base model, in one place: the SD1.5 architecture at small width."""

from __future__ import annotations

import gzip
from pathlib import Path

import torch
from diffusers import DDIMScheduler, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

TEXT_WIDTH = 128


def build_unet() -> UNet2DConditionModel:
    """Latents [B, 4, 16, 16], text [B, 77, 128]; attention at 16x16 and 8x8."""
    return UNet2DConditionModel(
        sample_size=16,
        block_out_channels=(96, 160, 192),
        layers_per_block=1,
        down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=TEXT_WIDTH,
        attention_head_dim=4,
        norm_num_groups=32,
    )


def build_text_encoder() -> CLIPTextModel:
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=49_408,
            hidden_size=TEXT_WIDTH,
            intermediate_size=4 * TEXT_WIDTH,
            num_hidden_layers=4,
            num_attention_heads=4,
            max_position_embeddings=77,
            hidden_act="quick_gelu",
            bos_token_id=49_406,
            eos_token_id=49_407,
            pad_token_id=49_407,
        )
    )


def text_states(text_encoder: torch.nn.Module, ids: torch.Tensor, skip: int) -> torch.Tensor:
    """Hidden states [B, 77, C] at clip skip ``skip``; the final layer norm is applied to either (as SD1.5 does)."""
    out = text_encoder(ids, output_hidden_states=True)
    if skip == 1:
        return out.last_hidden_state
    return text_encoder.final_layer_norm(out.hidden_states[-skip])


def build_scheduler() -> DDIMScheduler:
    """Stable Diffusion's own noise: scaled linear beta 0.00085 .. 0.012 over 1000 steps, epsilon prediction."""
    return DDIMScheduler(
        num_train_timesteps=1000,
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
        prediction_type="epsilon",
    )


def build_tokenizer(bpe_file: Path) -> CLIPTokenizer:
    """CLIP's tokenizer from ``bpe_simple_vocab_16e6.txt.gz`` of the open_clip_torch wheel (MIT).

    The vocabulary is CLIP's own: 256 byte signs, the same with an end-of-word mark, one entry a merge, two specials.
    """
    lines = gzip.decompress(bpe_file.read_bytes()).decode("utf-8").split("\n")
    merges = [tuple(line.split()) for line in lines[1 : 49_152 - 256 - 2 + 1]]
    signs = list(_byte_signs().values())
    entries = [*signs, *(sign + "</w>" for sign in signs), *("".join(merge) for merge in merges)]
    entries += ["<|startoftext|>", "<|endoftext|>"]
    vocabulary = {entry: number for number, entry in enumerate(entries)}
    return CLIPTokenizer(vocab=vocabulary, merges=merges, pad_token="<|endoftext|>", model_max_length=77)


def _byte_signs() -> dict[int, str]:
    """Byte-level BPE's printable sign for each byte (GPT-2's table): printable bytes stand for themselves."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    signs = {byte: chr(byte) for byte in printable}
    others = (byte for byte in range(256) if byte not in signs)
    signs |= {byte: chr(256 + number) for number, byte in enumerate(others)}
    return signs
