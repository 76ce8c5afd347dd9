"""Drawing: each picture is a function of its request and its own seed (I2, I3)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from enogu.engine import sample
from enogu.engine.adapters import lora as adapters_lora
from enogu.engine.families import LoadedBase
from enogu.engine.lora_file import LoraFile, load_lora
from enogu.engine.numpy_protocol import teach_tensors_to_copy
from enogu.engine.sample import Drawing, DrawRequest, draw, draw_each, draw_with_files, make_scheduler
from enogu.errors import AdapterRefused, WrongUse
from enogu.recipe.samplers import SAMPLER_TITLES, Sampler, schedules_of
from tests.unit.engine.tiny_run import random_lora

REQUEST = DrawRequest("1girl, bean", width=64, height=64, steps=3, cfg=2.0, seed=5)


def _request(**changes: Any) -> DrawRequest:
    return DrawRequest(**{**REQUEST.__dict__, **changes})


def _difference(left: Drawing, right: Drawing) -> int:
    """The largest difference of a channel, of 255."""
    return int(np.abs(np.asarray(left.image, dtype=int) - np.asarray(right.image, dtype=int)).max())


@pytest.mark.parametrize("sampler", SAMPLER_TITLES)
def test_every_sampler_draws_the_same_picture_again(tiny_base: LoadedBase, sampler: str) -> None:
    request = _request(sampler=sampler, width=96)
    (first,), (again,) = draw(tiny_base, request), draw(tiny_base, request)
    assert first.image.size == (96, 64)
    assert first.image.tobytes() == again.image.tobytes()
    assert _difference(first, draw(tiny_base, _request(sampler=sampler, width=96, seed=6))[0]) > 2


@pytest.mark.parametrize("copy", [None, True, False])
@pytest.mark.parametrize("dtype", [None, "float32", "float64"])
def test_numpy_reads_a_tensor_by_its_protocol(dtype: str | None, copy: bool | None) -> None:
    """As NumPy 2 says of __array__: a copy where one is asked for, none where none is wanted, else as needed."""
    teach_tensors_to_copy()
    tensor = torch.arange(3.0)
    if dtype == "float64" and copy is False:
        with pytest.raises(ValueError, match="copy"):
            np.array(tensor, dtype=dtype, copy=copy)
        return
    read = np.array(tensor, dtype=dtype, copy=copy)
    tensor[0] = 7
    assert read.dtype == (dtype or "float32")
    assert bool(read[0] == 7) is (copy is not True and dtype != "float64")


@pytest.mark.parametrize("sampler", ["ddim", "euler_a", "dpmpp_2m_sde", "lcm"])
def test_a_picture_of_several_equals_the_one_drawn_alone(tiny_base: LoadedBase, sampler: str) -> None:
    """Seeds count up from the first, as in A1111; a batch may round differently, by 1 of 255 at most."""
    drawings = draw(tiny_base, _request(sampler=sampler, count=3))
    assert [drawing.seed for drawing in drawings] == [5, 6, 7]
    for drawing in drawings:
        assert _difference(drawing, draw(tiny_base, _request(sampler=sampler, seed=drawing.seed))[0]) <= 1


@pytest.mark.parametrize("sampler", [sampler for sampler in SAMPLER_TITLES if len(schedules_of(sampler, "sd15")) > 1])
def test_each_schedule_draws_another_picture(tiny_base: LoadedBase, sampler: Sampler) -> None:
    """I3."""
    drawn = {
        draw(tiny_base, _request(sampler=sampler, schedule_type=schedule))[0].image.tobytes()
        for schedule in schedules_of(sampler, "sd15")
    }
    assert len(drawn) == len(schedules_of(sampler, "sd15"))


def test_karras_stops_at_the_strengths_of_the_paper(tiny_base: LoadedBase) -> None:
    """Equation 5 of Karras et al. 2022 with rho 7, between the weakest and the strongest noise of the training."""
    scheduler = make_scheduler(tiny_base, "euler", "karras")
    betas = np.linspace(0.00085**0.5, 0.012**0.5, 1000) ** 2
    alpha_bar = np.cumprod(1 - betas)
    strengths = np.sqrt((1 - alpha_bar) / alpha_bar)
    scheduler.set_timesteps(10)
    low, high = scheduler.sigmas[-2].item(), scheduler.sigmas[0].item()
    assert (low, high) == (pytest.approx(strengths[0], rel=1e-3), pytest.approx(strengths[-1], rel=1e-3))
    expected = (high ** (1 / 7) + np.linspace(0, 1, 10) * (low ** (1 / 7) - high ** (1 / 7))) ** 7
    assert scheduler.sigmas[:-1].numpy() == pytest.approx(expected, rel=1e-4)


def test_brackets_in_a_prompt_say_how_much_a_word_counts(tiny_base: LoadedBase) -> None:
    """I3, as A1111 reads them; a bracket behind a backslash is a bracket."""
    plain, weighted, halved, escaped = (
        draw(tiny_base, _request(prompt=f"1girl, {hat}"))[0]
        for hat in ("hat", "(hat:1.6)", "(hat:0.5)", "hat \\(red\\)")
    )
    assert len({one.image.tobytes() for one in (plain, weighted, halved, escaped)}) == 4
    assert draw(tiny_base, _request(prompt="1girl, (hat:1.0)"))[0].image.tobytes() == plain.image.tobytes()


def test_prompt_negative_prompt_cfg_and_clip_skip_each_change_the_picture(tiny_base: LoadedBase) -> None:
    (drawn,) = draw(tiny_base, REQUEST)
    for changes in ({"prompt": "a dog"}, {"negative_prompt": "hat"}, {"cfg": 6.0}, {"clip_skip": 2}):
        assert _difference(drawn, draw(tiny_base, _request(**changes))[0]) > 0, changes


def test_without_guidance_the_negative_prompt_does_nothing(tiny_base: LoadedBase) -> None:
    (plain,), (with_negative,) = (draw(tiny_base, _request(cfg=1.0, negative_prompt=text)) for text in ("", "hat"))
    assert plain.image.tobytes() == with_negative.image.tobytes()


def test_a_prompt_longer_than_one_window_is_read_to_its_end(tiny_base: LoadedBase) -> None:
    long = " ".join("a" for _ in range(80))
    (one,), (other,) = (draw(tiny_base, _request(prompt=long + end)) for end in (" b", " c"))
    assert one.image.tobytes() != other.image.tobytes()


def test_a_lora_is_drawn_at_its_weight_and_leaves_no_trace(tiny_base: LoadedBase, tmp_path: Path) -> None:
    file = _file(tiny_base, tmp_path)
    (plain,) = draw(tiny_base, REQUEST)
    (half,), (full,) = (draw(tiny_base, REQUEST, [(file, weight)]) for weight in (0.5, 1.0))
    assert _difference(plain, full) > 5
    assert _difference(half, full) > 2
    assert draw(tiny_base, REQUEST, [(file, 0.0)])[0].image.tobytes() == plain.image.tobytes()
    assert draw(tiny_base, REQUEST)[0].image.tobytes() == plain.image.tobytes()
    (by_path,) = draw_with_files(tiny_base, REQUEST, [(file.path, 0.5)])
    assert by_path.image.tobytes() == half.image.tobytes()
    (in_halves,) = draw(tiny_base, REQUEST, [(file, 0.5), (file, 0.5)])
    assert _difference(in_halves, full) <= 1


def test_a_lora_of_another_family_is_refused_by_its_files_name(tiny_base: LoadedBase, tmp_path: Path) -> None:
    path = tmp_path / "of_sdxl.safetensors"
    key = "lora_te2_text_model_encoder_layers_0_mlp_fc1"
    save_file({f"{key}.lora_down.weight": torch.ones(1, 8), f"{key}.lora_up.weight": torch.ones(8, 1)}, path)
    with pytest.raises(AdapterRefused, match=r"'of_sdxl' is for SDXL, and the base model .* is SD1\.5"):
        draw_with_files(tiny_base, REQUEST, [(path, 1.0)])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"width": 100}, "width 100 is no multiple of 32"),
        ({"height": 0}, "height 0"),
        ({"width": 8192}, "width 8192"),
        ({"sampler": "lms"}, "no sampler 'lms'"),
        ({"schedule_type": "beta"}, "no schedule type 'beta'"),
        ({"sampler": "euler_a", "schedule_type": "karras"}, "Euler a cannot be drawn along the schedule Karras"),
        ({"steps": 0}, "steps from 1"),
        ({"count": 65}, "Count goes from 1 to 64"),
    ],
)
def test_a_request_that_cannot_be_drawn_is_refused(tiny_base: LoadedBase, changes: dict[str, Any], words: str) -> None:
    with pytest.raises(WrongUse, match=words):
        draw(tiny_base, _request(**changes))


def test_requests_that_differ_in_prompt_and_seed_alone_are_drawn_together_in_their_order(tiny_base: LoadedBase) -> None:
    requests = [
        _request(prompt="a hat", seed=3, count=2),
        _request(prompt="a dog", seed=3),
        _request(prompt="a dog", steps=2),
        _request(prompt="a dog, " * 30, steps=2),
    ]
    steps: list[tuple[int, int]] = []
    drawn = list(draw_each(tiny_base, requests, on_step=lambda done, total: steps.append((done, total))))
    assert steps == [(1, 3), (2, 3), (3, 3), (1, 2), (2, 2), (1, 2), (2, 2)]
    alone = [(index, one) for index, request in enumerate(requests) for one in draw(tiny_base, request)]
    assert [(index, drawing.seed) for index, drawing in drawn] == [(index, one.seed) for index, one in alone]
    for (_, together), (_, apart) in zip(drawn, alone, strict=True):
        assert _difference(together, apart) <= 1


def test_no_more_pixels_than_allowed_are_drawn_together(tiny_base: LoadedBase, monkeypatch: pytest.MonkeyPatch) -> None:
    request = _request(prompt="a hat", steps=1)
    monkeypatch.setattr(sample, "MOST_PIXELS", 2 * request.width * request.height)
    steps: list[int] = []
    list(draw_each(tiny_base, [request] * 5, on_step=lambda done, _: steps.append(done)))
    assert len(steps) == 3


def test_a_lora_is_drawn_alike_merged_and_beside_the_weights(
    tiny_base: LoadedBase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lora = _file(tiny_base, tmp_path)
    (merged,) = draw(tiny_base, REQUEST, [(lora, 0.7), (lora, 0.2)])
    monkeypatch.setattr(adapters_lora, "MOST_MERGED_BYTES", 0)
    (beside,) = draw(tiny_base, REQUEST, [(lora, 0.7), (lora, 0.2)])
    assert _difference(merged, beside) <= 1
    assert _difference(merged, draw(tiny_base, REQUEST)[0]) > 1


def test_each_step_is_told(tiny_base: LoadedBase) -> None:
    told: list[tuple[int, int]] = []
    draw(tiny_base, REQUEST, on_step=lambda done, total: told.append((done, total)))
    assert told == [(1, 3), (2, 3), (3, 3)]


def _file(base: LoadedBase, folder: Path) -> LoraFile:
    path = folder / "random.safetensors"
    save_file(random_lora(base, 4, seed=3), path)
    return load_lora(path)
