"""Captions to hidden states and pictures to latents, against examples written out (facts/trainers.md 2e; F19, F24)."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from enogu.engine.families import LoadedBase, TextRules
from enogu.engine.families.clip import token_windows
from enogu.engine.families.sd15.encode import encode_captions
from enogu.engine.families.unet import decode_latents, encode_pictures
from enogu.errors import WrongUse

BOS, EOS = 512, 513
LETTERS = "abcdefghij"
A = 256 + 64
"""The id of "a" at the end of a word in the tiny vocabulary: 256 signs, then the same with an end-of-word mark."""


def _caption(count: int) -> str:
    """``count`` words of one letter, one token each."""
    return " ".join(LETTERS[number % 10] for number in range(count))


def _ids(count: int) -> list[int]:
    return [A + number % 10 for number in range(count)]


def test_a_short_caption_fills_one_window_with_end_tokens(tiny_base: LoadedBase) -> None:
    windows = token_windows(tiny_base.tokenizers["text_encoder"], _caption(3), 75)
    assert windows.tolist() == [[BOS, A, A + 1, A + 2, EOS, *[EOS] * 72]]


def test_a_caption_of_more_than_75_tokens_is_cut_at_75(tiny_base: LoadedBase) -> None:
    windows = token_windows(tiny_base.tokenizers["text_encoder"], _caption(80), 75)
    assert windows.tolist() == [[BOS, *_ids(80)[:75], EOS]]


def test_150_tokens_are_two_windows_each_between_begin_and_end(tiny_base: LoadedBase) -> None:
    """80 tokens: BOS + 75 + EOS, then BOS + the 5 left + padding with EOS up to 77."""
    windows = token_windows(tiny_base.tokenizers["text_encoder"], _caption(80), 150)
    assert windows.tolist() == [[BOS, *_ids(80)[:75], EOS], [BOS, *_ids(80)[75:], *[EOS] * 71]]


def test_225_tokens_are_three_windows_and_what_is_over_is_cut(tiny_base: LoadedBase) -> None:
    ids = _ids(230)
    windows = token_windows(tiny_base.tokenizers["text_encoder"], _caption(230), 225)
    assert windows.tolist() == [[BOS, *ids[start : start + 75], EOS] for start in (0, 75, 150)]


@pytest.mark.parametrize(("max_token_length", "vectors"), [(75, 77), (150, 152), (225, 227)])
def test_windows_are_joined_as_begin_75_n_end(tiny_base: LoadedBase, max_token_length: int, vectors: int) -> None:
    """Each window is encoded by itself; of the inner begins and ends nothing is left (152 and 227 vectors)."""
    windows = token_windows(tiny_base.tokenizers["text_encoder"], _caption(100), max_token_length)
    encoder = tiny_base.networks["text_encoder"]
    encoded = [encoder(window[None]).last_hidden_state[0] for window in windows]
    wanted = torch.cat([encoded[0][:1], *[states[1:76] for states in encoded], encoded[-1][76:]])
    ours = encode_captions(tiny_base, [_caption(100), ""], TextRules(1, max_token_length)).states_BTC
    assert ours.shape == (2, vectors, 32)
    torch.testing.assert_close(ours[0], wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("clip_skip", [1, 2])
def test_clip_skip_reads_the_nth_layer_from_the_end_through_the_final_norm(
    tiny_base: LoadedBase, clip_skip: int
) -> None:
    """1 is the last layer, 2 the one before it: as the layers themselves give it out, caught on the way."""
    encoder = tiny_base.networks["text_encoder"]
    caught: list[torch.Tensor] = []

    def catch(_module: nn.Module, _arguments: object, output: torch.Tensor | tuple[torch.Tensor, ...]) -> None:
        caught.append(output if isinstance(output, torch.Tensor) else output[0])

    handles = [layer.register_forward_hook(catch) for layer in encoder.encoder.layers]  # type: ignore[union-attr]
    try:
        ours = encode_captions(tiny_base, ["1girl, bean"], TextRules(clip_skip, 75)).states_BTC
    finally:
        for handle in handles:
            handle.remove()
    assert len(caught) == 2
    wanted = encoder.final_layer_norm(caught[-clip_skip])  # type: ignore[operator]
    torch.testing.assert_close(ours, wanted)


def test_a_clip_skip_deeper_than_the_text_encoder_is_refused_in_words(tiny_base: LoadedBase) -> None:
    """F24: the recipe allows 12, this text encoder has 2 layers."""
    with pytest.raises(WrongUse, match="2 layers") as refused:
        encode_captions(tiny_base, ["a"], TextRules(3, 75))
    assert "clip_skip" in refused.value.cure


def test_captions_in_one_batch_do_not_influence_each_other(tiny_base: LoadedBase) -> None:
    alone = encode_captions(tiny_base, ["1girl"], TextRules()).states_BTC
    together = encode_captions(tiny_base, ["a dog", "1girl"], TextRules()).states_BTC
    torch.testing.assert_close(together[1:], alone)


def test_pictures_become_the_posterior_of_the_autoencoder_and_back(tiny_base: LoadedBase) -> None:
    pixels_B3HW = torch.rand(2, 3, 32, 64, generator=torch.Generator().manual_seed(1)) * 2 - 1
    vae = tiny_base.networks["vae"]
    with torch.no_grad():
        posterior = vae.encode(pixels_B3HW).latent_dist  # type: ignore[operator]
        decoded = vae.decode(posterior.mean).sample  # type: ignore[operator]
    mean_BCHW, std_BCHW = encode_pictures(tiny_base, pixels_B3HW)
    assert mean_BCHW.shape == std_BCHW.shape == (2, 4, 4, 8)
    torch.testing.assert_close(mean_BCHW, posterior.mean)
    torch.testing.assert_close(std_BCHW, posterior.std)
    ours = decode_latents(tiny_base, mean_BCHW * tiny_base.scaling_factor)
    torch.testing.assert_close(ours, decoded.clamp(-1, 1), rtol=1e-4, atol=1e-4)
