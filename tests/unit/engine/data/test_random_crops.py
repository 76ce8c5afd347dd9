"""Crops at another place each time: ``pictures.random_crop``, sd-scripts' random_crop (F28; facts 2h)."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import load_file

from enogu.engine.control import Asked, Between
from enogu.engine.data.latent_cache import PlacedPicture, picture_sha256
from enogu.engine.data.masks import MaskedPicture
from enogu.engine.data.random_crops import RandomCrops, place_at_random
from enogu.engine.events import Validated
from enogu.engine.families import LoadedBase
from enogu.engine.loop import TrainingStopped, TrainPicture
from enogu.errors import PictureRefused
from enogu.recipe.buckets import Bucket, place_in_bucket
from tests.unit.engine.tiny_run import Run, header_of, tiny_recipe, tiny_train, write_rectangles

WIDE = place_in_bucket(Bucket(64, 64), 96, 64)
"""32 columns are over, no row is."""
CROP = "pictures.random_crop=true"
NARROW = ("pictures.buckets=false", CROP)
"""Without buckets a wide picture has much that is over."""


@given(st.integers(0, 2**32 - 1), st.integers(0, 10_000), st.integers(1, 300), st.integers(1, 300))
def test_a_crop_lies_inside_the_picture_and_is_the_same_for_the_same_draw(
    seed: int, step: int, width: int, height: int
) -> None:
    place = place_in_bucket(Bucket(64, 32), width, height)
    cut = place_at_random(place, seed, step, 0, 0)
    left, top, right, bottom = cut.crop_box
    assert left >= 0 and top >= 0 and right <= cut.resized_width and bottom <= cut.resized_height
    assert cut == place_at_random(place, seed, step, 0, 0)
    assert replace(cut, crop_left=0, crop_top=0) == replace(place, crop_left=0, crop_top=0)


def test_every_place_is_drawn_as_often_as_any_other() -> None:
    """As sd-scripts' ``random.randint(0, trim_size)``: both ends belong to it."""
    lefts = Counter(place_at_random(WIDE, 7, step, 0, 0).crop_left for step in range(3300))
    assert set(lefts) == set(range(33))
    assert max(abs(count - 100) for count in lefts.values()) < 45  # 4.5 standard deviations
    assert len({place_at_random(WIDE, 7, 1, 0, sample).crop_left for sample in range(20)}) > 5


@pytest.mark.parametrize("flip", [False, True])
def test_latents_and_mask_are_those_of_the_pixels_cut_by_hand(
    tiny_base: LoadedBase, tmp_path: Path, flip: bool
) -> None:
    path, mask_path = tmp_path / "bean.png", tmp_path / "mask.png"
    write_rectangles(path, 96, 64, 3)
    mask_HW = np.random.default_rng(1).integers(0, 256, (64, 96), dtype=np.uint8)
    Image.fromarray(mask_HW).save(mask_path)
    crops = RandomCrops(
        tiny_base, [PlacedPicture(path, picture_sha256(path), WIDE, "#ffffff", 96, 64)],
        [MaskedPicture(path, mask_path, WIDE, 96, 64)], 7,
    )  # fmt: skip
    latents, mask = crops.of(0, flip, (4, 0, 1))
    left = place_at_random(WIDE, 7, 4, 0, 1).crop_left
    with Image.open(path) as image:
        pixels_HWC = np.asarray(image, dtype=np.float32)[:, left : left + 64] / 127.5 - 1
    cut_HW = mask_HW[:, left : left + 64] / 255
    if flip:
        pixels_HWC, cut_HW = pixels_HWC[:, ::-1], cut_HW[:, ::-1]
    pixels = torch.from_numpy(np.ascontiguousarray(pixels_HWC)).permute(2, 0, 1)
    mean, _ = tiny_base.family.encode_pictures(tiny_base, pixels[None])
    torch.testing.assert_close(latents.mean_CHW, mean[0] * tiny_base.scaling_factor, rtol=1e-5, atol=1e-5)
    assert mask is not None
    scale = tiny_base.family.pixels_per_latent
    wanted = cut_HW.reshape(64 // scale, scale, 64 // scale, scale).mean(axis=(1, 3))
    np.testing.assert_allclose(mask[0].numpy(), wanted, atol=1e-5)
    crop_left = 32 - left if flip else left
    assert latents.sizes == (64, 96, 0, crop_left, 64, 64)


def test_a_picture_that_is_exchanged_under_the_run_is_refused_by_name(tiny_base: LoadedBase, tmp_path: Path) -> None:
    path = tmp_path / "bean.png"
    write_rectangles(path, 96, 64, 3)
    crops = RandomCrops(tiny_base, [PlacedPicture(path, "0" * 64, WIDE, "#ffffff", 96, 64)], [], 7)
    with pytest.raises(PictureRefused, match=r"bean\.png was changed"):
        crops.of(0, False, (0, 0, 0))


def test_a_run_learns_other_crops_than_the_middle_and_says_so_in_the_file(
    tiny_base: LoadedBase, tiny_pictures: tuple[TrainPicture, ...], tmp_path: Path
) -> None:
    middle = tiny_train(tiny_recipe("pictures.buckets=false"), tiny_pictures, tiny_base, tmp_path / "middle")
    cut = tiny_train(tiny_recipe(*NARROW), tiny_pictures, tiny_base, tmp_path / "cut")
    assert cut.losses != middle.losses
    assert cut.result is not None and middle.result is not None
    said = [header_of(run.result.files[-1])["__metadata__"] for run in (cut, middle) if run.result is not None]
    assert [(one["ss_random_crop"], one["ss_cache_latents"]) for one in said] == [("True", "False"), ("False", "True")]


def test_where_nothing_is_over_it_is_the_run_without_it(
    tiny_base: LoadedBase, tiny_pictures: tuple[TrainPicture, ...], tmp_path: Path
) -> None:
    """Square pictures in square buckets."""
    squares = [picture for picture in tiny_pictures if picture.width == picture.height]
    runs = [
        tiny_train(tiny_recipe("pictures.flip=true", *more), squares, tiny_base, tmp_path / str(len(more)))
        for more in ((), (CROP,))
    ]
    assert runs[0].losses == runs[1].losses


@pytest.mark.parametrize("more", [(), ("pictures.flip=true", "pictures.masked_loss=true", "captions.shuffle=true")])
def test_a_run_that_goes_on_ends_with_the_same_bytes(
    tiny_base: LoadedBase, tiny_pictures: tuple[TrainPicture, ...], tmp_path: Path, more: tuple[str, ...]
) -> None:
    recipe = tiny_recipe(*NARROW, *more, "saving.checkpoint_every_n_steps=1")
    whole = tiny_train(recipe, tiny_pictures, tiny_base, tmp_path / "whole")

    def stop_at_three(between: Between) -> Asked:
        return Asked(stop=between.step == 3)

    with pytest.raises(TrainingStopped):
        tiny_train(recipe, tiny_pictures, tiny_base, tmp_path / "parts", between_steps=stop_at_three)
    resumed = tiny_train(recipe, tiny_pictures, tiny_base, tmp_path / "parts", resume=True)
    assert resumed.losses == whole.losses[3:]
    assert _tensors(resumed) == _tensors(whole)


def test_held_out_pictures_are_measured_in_the_middle(
    tiny_base: LoadedBase, tiny_pictures: tuple[TrainPicture, ...], tmp_path: Path
) -> None:
    """Before anything is learnt the loss on them is that of a run without random crops."""
    settings = ("pictures.buckets=false", "training.validation_split=0.4", "optimizer.learning_rate=2e-7")
    losses = [
        tiny_train(tiny_recipe(*settings, *more), tiny_pictures, tiny_base, tmp_path / str(len(more))).said(Validated)
        for more in ((), (CROP,))
    ]
    plain, cut = (said[0].loss for said in losses)
    assert cut == pytest.approx(plain, rel=1e-4)


def _tensors(run: Run) -> dict[str, bytes]:
    assert run.result is not None
    return {name: tensor.numpy().tobytes() for name, tensor in load_file(run.result.files[-1]).items()}
