"""Captions to hidden states and pictures to latents, against examples written out (facts/trainers.md 2e; F19, F24)."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from enogu.engine.families import LoadedBase, TextRules
from enogu.engine.families.clip import batch_of_windows, token_windows, weighted_parts, weights_of
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


def test_brackets_of_a_caption_multiply_the_states_of_their_tokens(tiny_base: LoadedBase) -> None:
    """F18: the hidden state of each token by its weight, begin, end and filling by 1; no mean is put back."""
    tokenizer = tiny_base.tokenizers["text_encoder"]
    plain = encode_captions(tiny_base, ["hat, red beans, smile"], TextRules(1, 75)).states_BTC
    weighted = encode_captions(
        tiny_base, ["(hat:1.3), [(red) beans], smile"], TextRules(1, 75, weighted=True)
    ).states_BTC
    wanted = torch.ones(77)
    place = 1
    for words, weight in (("hat", 1.3), (", ", 1), ("red", 1), (" beans", 1 / 1.1), (", smile", 1)):
        count = len(tokenizer(words, add_special_tokens=False).input_ids)
        wanted[place : place + count] = weight
        place += count
    torch.testing.assert_close(weighted[0], plain[0] * wanted[:, None])
    assert (wanted != 1).sum() >= 2


def test_without_weighting_brackets_are_text(tiny_base: LoadedBase) -> None:
    """As sd-scripts without --weighted_captions."""
    rules = TextRules(1, 75, weighted=True)
    escaped = encode_captions(tiny_base, [r"saber \(fate\)"], rules).states_BTC
    torch.testing.assert_close(escaped, encode_captions(tiny_base, ["saber (fate)"], TextRules(1, 75)).states_BTC)


def test_a_caption_read_without_weighting_is_read_anew_with_it(tiny_base: LoadedBase) -> None:
    """What was read lately is kept, but brackets are tokens in the one and none in the other."""
    tokenizer = tiny_base.tokenizers["text_encoder"]
    text = "a (hat:1.2) read in two ways"
    plain, weighted = (batch_of_windows(tokenizer, [text], TextRules(1, 75, weighted=on)) for on in (False, True))
    assert torch.equal(plain[0], token_windows(tokenizer, text, 75))
    assert torch.equal(weighted[0], token_windows(tokenizer, text, 75, weighted=True))
    assert not torch.equal(plain, weighted)


def test_weights_stand_at_their_tokens_in_long_captions(tiny_base: LoadedBase) -> None:
    """One row of weights for begin, 150 tokens and end; what is cut off has none."""
    tokenizer = tiny_base.tokenizers["text_encoder"]
    weights = weights_of(tokenizer, [_caption(80) + " (hat:2)", "(" + _caption(300)], TextRules(1, 150, weighted=True))
    assert weights is not None
    assert weights.shape == (2, 152)
    count = len(tokenizer(_caption(80) + " ", add_special_tokens=False).input_ids)
    hat = len(tokenizer("hat", add_special_tokens=False).input_ids)
    assert weights[0].tolist() == [1.0] * (1 + count) + [2.0] * hat + [1.0] * (151 - count - hat)
    assert weights[1].tolist() == pytest.approx([1.0, *([1.1] * 150), 1.0])


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("plain", [("plain", 1.0)]),
        ("an (important) word", [("an ", 1.0), ("important", 1.1), (" word", 1.0)]),
        ("(unbalanced", [("unbalanced", 1.1)]),
        ("closed) twice]", [("closed) twice]", 1.0)]),
        (r"\(literal\] \\", [("(literal] \\", 1.0)]),
        ("((two))", [("two", 1.1 * 1.1)]),
        ("[less]", [("less", 1 / 1.1)]),
        ("((a:1.5) b:2)", [("a", 3.0), (" b", 2.0)]),
        ("a:b", [("a:b", 1.0)]),
        ("", []),
    ],
)
def test_brackets_are_read_as_a1111_reads_them(text: str, parts: list[tuple[str, float]]) -> None:
    found = weighted_parts(text)
    assert [words for words, _ in found] == [words for words, _ in parts]
    assert [weight for _, weight in found] == pytest.approx([weight for _, weight in parts])


@pytest.mark.parametrize(("text", "weight"), [("a [b c", 1 / 1.1), ("a (b c", 1.1), ("a [[b c", 1 / 1.1**2)])
def test_a_bracket_that_is_never_closed_holds_to_the_end(text: str, weight: float) -> None:
    """F18, facts 2f."""
    assert weighted_parts(text) == [("a ", 1.0), ("b c", pytest.approx(weight))]
