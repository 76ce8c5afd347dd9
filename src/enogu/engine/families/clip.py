"""Captions and CLIP: its tokenizer, and windows of 75 tokens as sd-scripts cuts and joins them (strategy_base.py).

The vocabulary of CLIP-L and of OpenCLIP's bigG is the same: it follows from the 48,894 merges beside this module (from
OpenAI's CLIP by way of ``open_clip_torch``, both MIT). The two differ in what fills a short caption up.
"""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import torch

from enogu.errors import WrongUse

VOCABULARY_SIZE = 49_408
WINDOW = 75
"""Tokens between the begin and the end of what CLIP reads at once."""
MERGES = Path(__file__).parent / "clip_merges.txt.gz"
END = "<|endoftext|>"


def clip_tokenizer(pad_token: str = END) -> Any:
    """CLIP's tokenizer with the vocabulary of 49,408 tokens; the ids are those of every SD1.5, SDXL and Flux.

    ``pad_token`` is "!" for SDXL's second text encoder, whose files say so.
    """
    from transformers import CLIPTokenizer

    merges = [tuple(line.split()) for line in gzip.decompress(MERGES.read_bytes()).decode().splitlines()]
    signs = _byte_signs()
    tokens = [*signs, *(sign + "</w>" for sign in signs), *("".join(pair) for pair in merges)]
    tokens += ["<|startoftext|>", END]
    return CLIPTokenizer(
        vocab={token: number for number, token in enumerate(tokens)},
        merges=merges,  # pyright: ignore[reportArgumentType] (a list of pairs is what transformers 5 takes)
        pad_token=pad_token,
        model_max_length=WINDOW + 2,
    )


def token_windows(tokenizer: Any, text: str, max_token_length: int, pad_id: int | None = None) -> torch.Tensor:
    """Token ids [windows, 77]: the caption cut to ``max_token_length`` tokens (75, 150 or 225) and filled up.

    Each window stands between begin and end. It is filled with the end, or with ``pad_id`` after one end; a window of
    nothing but filling begins with an end, since the encoder's summary is read there.
    """
    bos, eos = tokenizer.bos_token_id, tokenizer.eos_token_id
    pad = eos if pad_id is None else pad_id
    ids = list(tokenizer(text, add_special_tokens=False, truncation=False, verbose=False).input_ids)[:max_token_length]
    whole = [*ids, eos, *([pad] * (max_token_length - len(ids)))]
    windows: list[list[int]] = []
    for start in range(0, max_token_length, WINDOW):
        body = whole[start : start + WINDOW]
        last = whole[max_token_length] if body[-1] in (eos, pad) else eos
        windows.append([bos, eos if body[0] == pad else body[0], *body[1:], last])
    return torch.tensor(windows)


def batch_of_windows(
    tokenizer: Any, texts: list[str] | tuple[str, ...], max_token_length: int, pad_id: int | None = None
) -> torch.Tensor:
    """``token_windows`` of every caption, [B, windows, 77]."""
    return torch.stack([token_windows(tokenizer, text, max_token_length, pad_id) for text in texts])


def join_windows(states: torch.Tensor, num_windows: int) -> torch.Tensor:
    """[B * windows, 77, C] to [B, 77 | 152 | 227, C]: the first begin, 75 of every window, the last end."""
    if num_windows == 1:
        return states
    length, channels = states.shape[1:]
    states = states.view(-1, num_windows, length, channels)
    middle = states[:, :, 1:-1].reshape(len(states), num_windows * (length - 2), channels)
    return torch.cat([states[:, 0, :1], middle, states[:, -1, -1:]], dim=1)


def check_clip_skip(text_encoder: Any, clip_skip: int) -> None:
    """Refuse to read deeper than there are layers, where only the bare embeddings are left."""
    num_layers = text_encoder.config.num_hidden_layers
    if clip_skip > num_layers:
        raise WrongUse(
            f"The base model's text encoder has {num_layers} layers, so clip skip {clip_skip} leaves none of them.",
            f"Set training.clip_skip (when drawing: clip skip) to {num_layers} or less; 1 and 2 are usual.",
        )


def _byte_signs() -> list[str]:
    """A printable sign for each of the 256 bytes, in CLIP's order."""
    own = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in own]
    return [*map(chr, own), *(chr(256 + number) for number in range(len(others)))]
