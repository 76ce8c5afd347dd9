"""Previews: drawn from the saved file, named, described, and never a reason to stop (F27)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from safetensors.torch import save_file

from enogu.engine import previews
from enogu.engine.events import Event, Sampled, SampleFailed
from enogu.engine.families import LoadedBase
from enogu.engine.lora_file import load_lora
from enogu.engine.previews import draw_previews, preview_requests
from enogu.engine.sample import DrawRequest, draw
from enogu.imaging.infotext import read_png_parameters
from tests.unit.engine.tiny_run import random_lora, tiny_recipe

PROMPTS = 'previews.prompts=["mame, smile", "a dog"]'


def test_one_picture_a_prompt_and_seed_is_drawn_from_the_file_and_says_so(
    tiny_base: LoadedBase, tmp_path: Path
) -> None:
    recipe = tiny_recipe(PROMPTS, "previews.count=2", "previews.weight=0.8", "previews.seed=4")
    events, lora = _previews(tiny_base, tmp_path, recipe_settings=(PROMPTS, "previews.count=2", "previews.weight=0.8"))
    names = [f"tiny_e000003_{prompt:02d}_{seed}.png" for prompt in (0, 1) for seed in (1, 2)]
    assert sorted(path.name for path in (tmp_path / "sample").iterdir()) == names
    assert [(e.epoch, e.step, e.prompt_index, e.prompt, e.seed) for e in events if isinstance(e, Sampled)] == [
        (3, 12, 0, "mame, smile", 1),
        (3, 12, 0, "mame, smile", 2),
        (3, 12, 1, "a dog", 1),
        (3, 12, 1, "a dog", 2),
    ]
    request = DrawRequest("a dog", width=64, height=64, steps=2, cfg=2.0, seed=2)
    (wanted,) = draw(tiny_base, request, [(load_lora(lora), 0.8)])
    with Image.open(tmp_path / "sample" / names[3]) as drawn:
        rounding = np.asarray(drawn, dtype=int) - np.asarray(wanted.image, dtype=int)
        assert np.abs(rounding).max() <= 1  # drawn two at a time there, alone here
    text = read_png_parameters(tmp_path / "sample" / names[3])
    assert text is not None
    assert text.startswith("a dog <lora:tiny-000003:0.8>")
    assert "Seed: 2" in text
    assert preview_requests(recipe, 32)[0].seed == 4


@pytest.mark.parametrize(
    ("setting", "asked"),
    [
        ("previews.negative_prompt=hat", {"negative_prompt": "hat"}),
        ("previews.sampler=euler", {"sampler": "euler"}),
        ("previews.steps=3", {"steps": 3}),
        ("previews.cfg=5", {"cfg": 5.0}),
        ("previews.width=96", {"width": 96}),
        ("previews.height=96", {"height": 96}),
        ("previews.seed=9", {"seed": 9}),
        ("training.clip_skip=2", {"clip_skip": 2}),
    ],
)
def test_each_field_is_what_is_asked_for_when_a_picture_is_drawn(
    tiny_base: LoadedBase, tmp_path: Path, setting: str, asked: dict[str, Any]
) -> None:
    """F27: the picture of the request written by hand, which diffusers' pipeline is compared with elsewhere."""
    prompt = 'previews.prompts=["mame, smile"]'
    _, lora = _previews(tiny_base, tmp_path, recipe_settings=(prompt, setting))
    plain: dict[str, Any] = {"width": 64, "height": 64, "steps": 2, "cfg": 2.0, "seed": 1}
    wanted, other = (
        np.asarray(draw(tiny_base, DrawRequest("mame, smile", **those), [(load_lora(lora), 1.0)])[0].image, dtype=int)
        for those in ({**plain, **asked}, plain)
    )
    (path,) = (tmp_path / "sample").iterdir()
    with Image.open(path) as drawn:
        pixels = np.asarray(drawn, dtype=int)
    assert np.abs(pixels - wanted).max() <= 1
    assert pixels.shape != other.shape or np.abs(pixels - other).max() > 1


def test_sizes_are_rounded_down_to_what_the_networks_draw() -> None:
    recipe = tiny_recipe(PROMPTS, "previews.width=200", "previews.height=72")
    assert [(r.width, r.height) for r in preview_requests(recipe, 32)] == [(192, 64), (192, 64)]
    assert [(r.width, r.height) for r in preview_requests(tiny_recipe(PROMPTS), 32)] == [(64, 64), (64, 64)]


def test_previews_read_the_text_encoder_as_training_does() -> None:
    assert preview_requests(tiny_recipe(PROMPTS, "training.clip_skip=2"), 32)[0].clip_skip == 2


@pytest.mark.parametrize("error", [RuntimeError("no memory"), ValueError("odd"), KeyError(), MemoryError()])
def test_whatever_goes_wrong_is_told_and_goes_no_further(
    tiny_base: LoadedBase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def failing(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(previews, "draw_each", failing)
    events, _ = _previews(tiny_base, tmp_path, recipe_settings=(PROMPTS,))
    (failed,) = events
    assert isinstance(failed, SampleFailed)
    assert (failed.epoch, failed.step) == (3, 12)
    assert failed.reason


def test_without_prompts_nothing_is_drawn(tiny_base: LoadedBase, tmp_path: Path) -> None:
    events, _ = _previews(tiny_base, tmp_path, recipe_settings=())
    assert events == []
    assert not (tmp_path / "sample").exists()


def _previews(base: LoadedBase, folder: Path, recipe_settings: tuple[str, ...]) -> tuple[list[Event], Path]:
    lora = folder / "tiny-000003.safetensors"
    save_file(random_lora(base, 4, seed=3), lora)
    events: list[Event] = []
    draw_previews(tiny_recipe(*recipe_settings), base, base.family.targets(base), lora, 3, 12, events.append)
    return events, lora
