"""Captions and CLIP: its tokenizer, and windows of 75 tokens as sd-scripts cuts and joins them (strategy_base.py).

The vocabulary of CLIP-L and of OpenCLIP's bigG is the same: it follows from the 48,894 merges beside this module (from
OpenAI's CLIP by way of ``open_clip_torch``, both MIT). The two differ in what fills a short caption up.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import torch

from enogu.engine.families import TextRules
from enogu.errors import WrongUse

VOCABULARY_SIZE = 49_408
WINDOW = 75
"""Tokens between the begin and the end of what CLIP reads at once."""
MERGES = Path(__file__).parent / "clip_merges.txt.gz"
END = "<|endoftext|>"
MOST_KEPT = 20_000
"""Captions whose tokens are kept for each tokenizer, 600 bytes each."""
_read_lately: WeakKeyDictionary[Any, dict[tuple[Any, ...], torch.Tensor]] = WeakKeyDictionary()
IN_BRACKETS = 1.1
_BRACKETS = re.compile(r"\\[()\[\]\\]|:\s*(?P<weight>[+-]?[.\d]+)\s*\)|[()\[\]]|[^\\()\[\]:]+|[\\:]")


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


def weighted_parts(text: str) -> list[tuple[str, float]]:
    """The text in parts with how much each counts, as A1111 and sd-scripts read brackets.

    ``(x)`` counts 1.1 times, ``[x]`` 1/1.1, ``(x:1.3)`` 1.3, one inside another multiply; ``\\(`` is a bracket itself.
    A bracket that is never closed holds to the end.
    """
    parts: list[tuple[str, float]] = []
    round_starts: list[int] = []
    square_starts: list[int] = []

    def multiply(start: int, factor: float) -> None:
        parts[start:] = [(words, weight * factor) for words, weight in parts[start:]]

    for found in _BRACKETS.finditer(text):
        sign = found.group()
        if sign == "(":
            round_starts.append(len(parts))
        elif sign == "[":
            square_starts.append(len(parts))
        elif found["weight"] is not None and round_starts:
            multiply(round_starts.pop(), _number(found["weight"]))
        elif sign == ")" and round_starts:
            multiply(round_starts.pop(), IN_BRACKETS)
        elif sign == "]" and square_starts:
            multiply(square_starts.pop(), 1 / IN_BRACKETS)
        else:
            parts.append((sign[1:] if len(sign) == 2 and sign[0] == "\\" else sign, 1.0))
    for start in round_starts:
        multiply(start, IN_BRACKETS)
    for start in square_starts:
        multiply(start, 1 / IN_BRACKETS)
    return _merged(parts)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:  # such as 1.2.3
        return 1.0


def _merged(parts: list[tuple[str, float]]) -> list[tuple[str, float]]:
    """Neighbours that count alike are one part, so that they are read as one text."""
    merged: list[tuple[str, float]] = []
    for words, weight in parts:
        if merged and merged[-1][1] == weight:
            merged[-1] = (merged[-1][0] + words, weight)
        else:
            merged.append((words, weight))
    return merged


def tokens_of(tokenizer: Any, text: str, *, weighted: bool) -> list[tuple[int, float]]:
    """Every token of a caption with how much it counts: 1 unless ``weighted`` finds brackets."""
    parts = weighted_parts(text) if weighted else [(text, 1.0)]
    return [
        (token, weight)
        for words, weight in parts
        for token in tokenizer(words, add_special_tokens=False, truncation=False, verbose=False).input_ids
    ]


def weights_of(tokenizer: Any, texts: Sequence[str], rules: TextRules) -> torch.Tensor | None:
    """How much each of the joined states counts, [B, 77 | 152 | 227]; begin, end and filling count 1. None: all do."""
    if not rules.weighted:
        return None
    rows: list[list[float]] = []
    for text in texts:
        weights = [weight for _, weight in tokens_of(tokenizer, text, weighted=True)][: rules.max_token_length]
        rows.append([1.0, *weights, *([1.0] * (rules.max_token_length - len(weights))), 1.0])
    return torch.tensor(rows)


def weighted_states(states_BTC: torch.Tensor, tokenizer: Any, texts: Sequence[str], rules: TextRules) -> torch.Tensor:
    """Each token's state times how much it counts, not made up for afterwards (sd-scripts 0.10)."""
    weights_BT = weights_of(tokenizer, texts, rules)
    return states_BTC if weights_BT is None else states_BTC * weights_BT[:, :, None].to(states_BTC)


def token_windows(
    tokenizer: Any, text: str, max_token_length: int, pad_id: int | None = None, *, weighted: bool = False
) -> torch.Tensor:
    """Token ids [windows, 77]: the caption cut to ``max_token_length`` tokens (75, 150 or 225) and filled up.

    Each window stands between begin and end. It is filled with the end, or with ``pad_id`` after one end; a window of
    nothing but filling begins with an end, since the encoder's summary is read there.
    """
    bos, eos = tokenizer.bos_token_id, tokenizer.eos_token_id
    pad = eos if pad_id is None else pad_id
    ids = [token for token, _ in tokens_of(tokenizer, text, weighted=weighted)][:max_token_length]
    whole = [*ids, eos, *([pad] * (max_token_length - len(ids)))]
    windows: list[list[int]] = []
    for start in range(0, max_token_length, WINDOW):
        body = whole[start : start + WINDOW]
        last = whole[max_token_length] if body[-1] in (eos, pad) else eos
        windows.append([bos, eos if body[0] == pad else body[0], *body[1:], last])
    return torch.tensor(windows)


def batch_of_windows(tokenizer: Any, texts: Sequence[str], rules: TextRules, pad_id: int | None = None) -> torch.Tensor:
    """``token_windows`` of every caption, [B, windows, 77]; those read lately are kept."""
    kept = _read_lately.setdefault(tokenizer, {})
    rows: list[torch.Tensor] = []
    for text in texts:
        key = (text, rules.max_token_length, pad_id, rules.weighted)
        if key not in kept:
            if len(kept) >= MOST_KEPT:
                kept.clear()
            kept[key] = token_windows(tokenizer, text, rules.max_token_length, pad_id, weighted=rules.weighted)
        rows.append(kept[key])
    return torch.stack(rows)


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
