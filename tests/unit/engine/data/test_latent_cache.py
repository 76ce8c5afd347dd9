"""Latents by content: nothing can be stale, nothing damaged is used (facts/trainers.md 2m; trap 9)."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from enogu.engine.data import latent_cache
from enogu.engine.data.latent_cache import Latents, PlacedPicture, latents_key, latents_of, picture_sha256
from enogu.engine.families import LoadedBase
from enogu.errors import PictureRefused
from enogu.imaging.decoding import DecodedPicture
from enogu.recipe.buckets import Bucket, Placement
from tests.unit.engine.tiny_run import write_rectangles

PLACEMENT = Placement(Bucket(64, 32), 64, 48, 0, 8)


@pytest.fixture
def picture(tmp_path: Path) -> PlacedPicture:
    path = tmp_path / "a.png"
    write_rectangles(path, 80, 60, seed=1)
    return PlacedPicture(path, picture_sha256(path), PLACEMENT, "#ffffff")


class _Cache:
    """Calls ``latents_of`` on one folder and counts pictures decoded and reused."""

    def __init__(self, base: LoadedBase, folder: Path | None, monkeypatch: pytest.MonkeyPatch) -> None:
        self.base, self.folder = base, folder
        self.decoded: list[str] = []
        self.told: list[tuple[int, int, int]] = []
        original = latent_cache.open_picture

        def counting(path: Path, background: str = "#ffffff") -> DecodedPicture:
            self.decoded.append(path.name)
            return original(path, background)

        monkeypatch.setattr(latent_cache, "open_picture", counting)

    def of(self, *pictures: PlacedPicture, flips: tuple[bool, ...] = (False,)) -> dict[tuple[int, bool], Latents]:
        self.decoded.clear()
        self.told.clear()
        return latents_of(
            self.base, pictures, flips=flips, folder=self.folder, progress=lambda *told: self.told.append(told)
        )


@pytest.fixture
def cache(tiny_base: LoadedBase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> _Cache:
    return _Cache(tiny_base, tmp_path / "cache", monkeypatch)


def test_a_second_start_reuses_the_latents_and_decodes_no_picture(cache: _Cache, picture: PlacedPicture) -> None:
    first = cache.of(picture, flips=(False, True))
    assert (cache.decoded, cache.told) == (["a.png"], [(1, 1, 0)])
    second = cache.of(picture, flips=(False, True))
    assert (cache.decoded, cache.told) == ([], [(1, 1, 1)])
    assert first.keys() == second.keys() == {(0, False), (0, True)}
    for key, latents in first.items():
        assert torch.equal(latents.mean_CHW, second[key].mean_CHW)
        assert torch.equal(latents.std_CHW, second[key].std_CHW)


def test_latents_are_the_autoencoders_scaled_ones_of_the_bucket(cache: _Cache, picture: PlacedPicture) -> None:
    latents = cache.of(picture)[0, False]
    assert latents.mean_CHW.shape == latents.std_CHW.shape == (4, 4, 8)
    base = cache.base
    pixels = latent_cache.placed_pixels(latent_cache.open_picture(picture.path).image, PLACEMENT, False)
    mean_BCHW, std_BCHW = base.family.encode_pictures(base, pixels[None])
    torch.testing.assert_close(latents.mean_CHW, mean_BCHW[0] * base.scaling_factor)
    torch.testing.assert_close(latents.std_CHW, std_BCHW[0] * base.scaling_factor)


def test_the_mirrored_picture_has_latents_of_its_own(cache: _Cache, picture: PlacedPicture) -> None:
    found = cache.of(picture, flips=(False, True))
    assert not torch.equal(found[0, False].mean_CHW, found[0, True].mean_CHW)


@pytest.mark.parametrize(
    "change",
    [
        lambda p: dataclasses.replace(p, placement=dataclasses.replace(PLACEMENT, crop_top=0)),
        lambda p: dataclasses.replace(p, placement=dataclasses.replace(PLACEMENT, resized_height=49)),
        lambda p: dataclasses.replace(p, placement=Placement(Bucket(32, 32), 64, 48, 0, 8)),
        lambda p: dataclasses.replace(p, background="#000000"),
    ],
    ids=["crop", "resize", "bucket", "background"],
)
def test_another_place_or_background_is_encoded_anew(
    cache: _Cache, picture: PlacedPicture, change: Callable[[PlacedPicture], PlacedPicture]
) -> None:
    cache.of(picture)
    cache.of(change(picture))
    assert cache.told == [(1, 1, 0)]
    cache.of(picture)
    assert cache.told == [(1, 1, 1)]


def test_an_edited_picture_is_encoded_anew_though_name_and_size_are_the_same(
    cache: _Cache, picture: PlacedPicture
) -> None:
    before = cache.of(picture)[0, False]
    write_rectangles(picture.path, 80, 60, seed=2)
    after = cache.of(dataclasses.replace(picture, sha256=picture_sha256(picture.path)))[0, False]
    assert cache.told == [(1, 1, 0)]
    assert not torch.equal(before.mean_CHW, after.mean_CHW)


def test_another_autoencoder_is_another_key(tiny_base: LoadedBase, picture: PlacedPicture) -> None:
    other = dataclasses.replace(tiny_base, hash="0" * 64)
    assert latents_key(other, picture, False) != latents_key(tiny_base, picture, False)
    assert latents_key(tiny_base, picture, True) != latents_key(tiny_base, picture, False)


def test_a_picture_changed_after_it_was_hashed_is_refused(cache: _Cache, picture: PlacedPicture) -> None:
    """Its latents would else be kept under the hash of other bytes."""
    write_rectangles(picture.path, 80, 60, seed=2)
    with pytest.raises(PictureRefused, match=r"a\.png was changed"):
        cache.of(picture)


def _cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:50])


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _text(path: Path) -> None:
    path.write_text("not a cache entry, but longer than eight bytes")


def _without_std(path: Path) -> None:
    save_file({"mean": load_file(path)["mean"]}, path)


def _of_another_shape(path: Path) -> None:
    save_file({"mean": torch.zeros(4, 2, 2), "std": torch.zeros(4, 2, 2)}, path)


def _nan(path: Path) -> None:
    save_file({name: tensor * float("nan") for name, tensor in load_file(path).items()}, path)


@pytest.mark.parametrize("damage", [_cut_off, _empty, _text, _without_std, _of_another_shape, _nan])
def test_a_damaged_entry_is_made_again(cache: _Cache, picture: PlacedPicture, damage: Callable[[Path], None]) -> None:
    good = cache.of(picture)[0, False]
    assert cache.folder is not None
    (entry,) = cache.folder.rglob("*.safetensors")
    damage(entry)
    again = cache.of(picture)[0, False]
    assert cache.told == [(1, 1, 0)]
    assert torch.equal(again.mean_CHW, good.mean_CHW)
    cache.of(picture)
    assert cache.told == [(1, 1, 1)]


def test_without_a_folder_and_with_one_that_cannot_be_written_latents_are_made_all_the_same(
    tiny_base: LoadedBase, picture: PlacedPicture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = tmp_path / "a file, not a folder"
    blocked.touch()
    wanted = _Cache(tiny_base, None, monkeypatch).of(picture)[0, False]
    ours = _Cache(tiny_base, blocked, monkeypatch).of(picture)[0, False]
    assert torch.equal(wanted.mean_CHW, ours.mean_CHW)


def test_a_missing_picture_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(PictureRefused, match=r"gone\.png"):
        picture_sha256(tmp_path / "gone.png")
