"""The contract of every tagger: real ones and the fake pass the same tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from enogu.tagging.entities import Tagger
from enogu.tagging.fake import FakeTagger
from enogu.tagging.wd14 import Wd14Tagger
from tests.hostile_pictures import photo
from tests.unit.tagging.wd14_folders import write_tagger

TAGGERS: dict[str, Callable[[Path], Tagger]] = {
    "wd14, any batch": lambda folder: Wd14Tagger(write_tagger(folder), num_threads=1),
    "wd14, batch of one": lambda folder: Wd14Tagger(write_tagger(folder, batch=1), num_threads=1),
    "wd14, batch of four": lambda folder: Wd14Tagger(write_tagger(folder, batch=4), num_threads=1),
    "fake": lambda _: FakeTagger(),
    "fake with an answer": lambda _: FakeTagger(answer={"smile": 0.9}),
}


@pytest.fixture(params=TAGGERS)
def tagger(request: pytest.FixtureRequest, tmp_path: Path) -> Tagger:
    return TAGGERS[request.param](tmp_path / "tagger")


def test_no_pictures_give_no_tags(tagger: Tagger) -> None:
    assert tagger.tag([]) == []


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "LA", "P", "1", "CMYK"])
@pytest.mark.parametrize("size", [(1, 1), (16, 16), (40, 7), (7, 40)])
def test_pictures_of_every_mode_and_size_are_tagged(tagger: Tagger, mode: str, size: tuple[int, int]) -> None:
    (tags,) = tagger.tag([Image.new(mode, size)])
    assert {tag.name for tag in tags} == set(tagger.vocabulary)


def test_every_tag_comes_once_with_a_probability_most_probable_first(tagger: Tagger) -> None:
    for tags in tagger.tag([photo(seed=seed) for seed in range(6)]):
        assert sorted(tag.name for tag in tags) == sorted(tagger.vocabulary)
        found = [tag.probability for tag in tags]
        assert found == sorted(found, reverse=True)
        assert min(found) >= 0 and max(found) <= 1


def test_ties_keep_the_order_of_the_vocabulary(tagger: Tagger) -> None:
    (tags,) = tagger.tag([photo()])
    places = [(-tag.probability, tagger.vocabulary.index(tag.name)) for tag in tags]
    assert places == sorted(places)


def test_the_same_picture_gets_the_same_tags(tagger: Tagger) -> None:
    assert tagger.tag([photo()]) == tagger.tag([photo()])


def test_pictures_are_not_altered(tagger: Tagger) -> None:
    image = photo()
    before = image.tobytes()
    tagger.tag([image])
    assert (image.tobytes(), image.mode) == (before, "RGB")


def test_there_is_a_rating_and_a_threshold(tagger: Tagger) -> None:
    assert any(tag.category == "rating" for tag in tagger.tag([photo()])[0])
    assert 0 < tagger.recommended_threshold < 1
