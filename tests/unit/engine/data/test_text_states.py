"""Text states: encoded once a caption while the text encoder is frozen, each step while it learns."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import pytest
import torch

from enogu.engine.data import text_states
from enogu.engine.data.text_states import TextStates
from enogu.engine.families import Conditions, LoadedBase, TextRules


def _counting(base: LoadedBase) -> tuple[LoadedBase, list[str]]:
    """The base with an encoder that notes what it was asked."""
    asked: list[str] = []

    def encode(given: LoadedBase, texts: Sequence[str], rules: TextRules) -> Conditions:
        asked.extend(texts)
        return base.family.encode_captions(given, texts, rules)

    return dataclasses.replace(base, family=dataclasses.replace(base.family, encode_captions=encode)), asked


def test_a_frozen_text_encoder_is_asked_once_a_caption(tiny_base: LoadedBase) -> None:
    base, asked = _counting(tiny_base)
    states = TextStates(base, TextRules(), trained=False)
    first = states.of(["a", "b", "a"]).states_BTC
    states.of(["b", "a"])
    assert sorted(asked) == ["a", "b"]
    assert torch.equal(first[0], first[2])
    wanted = tiny_base.family.encode_captions(tiny_base, ["a", "b", "a"], TextRules()).states_BTC
    torch.testing.assert_close(first, wanted)
    assert not first.requires_grad


def test_a_trained_text_encoder_is_asked_each_time(tiny_base: LoadedBase) -> None:
    base, asked = _counting(tiny_base)
    states = TextStates(base, TextRules(), trained=True)
    states.of(["a"])
    states.of(["a"])
    assert asked == ["a", "a"]


def test_shuffled_captions_without_end_do_not_fill_the_memory(
    tiny_base: LoadedBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_states, "MAX_ENTRIES", 3)
    base, asked = _counting(tiny_base)
    states = TextStates(base, TextRules(), trained=False)
    for texts in (["a", "b"], ["c"], ["d", "a"]):
        assert states.of(texts).states_BTC.shape == (len(texts), 77, 32)
    assert asked == ["a", "b", "c", "d", "a"]
