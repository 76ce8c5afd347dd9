"""Any WD14 tagger folder (product D6, D7)."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto
from PIL import Image

from enogu.errors import EnoguError, WrongUse
from enogu.tagging.wd14 import Wd14Tagger, prepare, read_labels
from tests.hostile_pictures import photo
from tests.unit.tagging.wd14_folders import CSV, LABELS, expected_probabilities, write_tagger


def probabilities(tagger: Wd14Tagger, image: Image.Image) -> list[float]:
    """In the order of the vocabulary."""
    by_name = {tag.name: tag.probability for tag in tagger.tag([image])[0]}
    return [by_name[name] for name in tagger.vocabulary]


def test_colours_arrive_as_bgr_from_0_to_255(tmp_path: Path) -> None:
    tagger = Wd14Tagger(write_tagger(tmp_path))
    found = probabilities(tagger, Image.new("RGB", (32, 32), (250, 100, 10)))
    assert np.allclose(found, expected_probabilities((10, 100, 250)), atol=1e-5)


def test_a_picture_is_padded_to_a_centred_square_with_white(tmp_path: Path) -> None:
    tagger = Wd14Tagger(write_tagger(tmp_path))
    found = probabilities(tagger, Image.new("RGB", (32, 8), "black"))
    assert np.allclose(found, expected_probabilities((191.25,) * 3), atol=1e-5)
    pixels_HWC = prepare(Image.new("RGB", (32, 8), "black"), 32, 32)
    assert (pixels_HWC[:12] == 255).all() and (pixels_HWC[12:20] == 0).all() and (pixels_HWC[20:] == 255).all()


def test_transparency_is_laid_on_white(tmp_path: Path) -> None:
    tagger = Wd14Tagger(write_tagger(tmp_path))
    found = probabilities(tagger, Image.new("RGBA", (32, 32), (0, 0, 0, 0)))
    assert np.allclose(found, expected_probabilities((255, 255, 255)), atol=1e-5)


@given(st.integers(1, 60), st.integers(1, 60), st.sampled_from(["RGB", "RGBA", "L", "LA", "P", "CMYK", "1"]))
def test_preparing_is_smilingwolfs_own(width: int, height: int, mode: str) -> None:
    """Against the fact sheet's steps written out plainly (facts/products_and_formats.md 3.2)."""
    image = photo(width, height, seed=width).convert(mode)
    rgb = Image.new("RGBA", image.size, (255, 255, 255))
    rgb.alpha_composite(image.convert("RGBA"))
    longest = max(image.size)
    square = Image.new("RGB", (longest, longest), (255, 255, 255))
    square.paste(rgb.convert("RGB"), ((longest - width) // 2, (longest - height) // 2))
    if longest != 48:
        square = square.resize((48, 48), Image.Resampling.BICUBIC)
    expected = np.asarray(square, dtype=np.float32)[:, :, ::-1]
    found = prepare(image, 48, 48)
    assert found.dtype == np.float32
    assert np.array_equal(found, expected)


def test_a_picture_of_the_right_size_is_not_resampled() -> None:
    image = photo(48, 48)
    assert np.array_equal(prepare(image, 48, 48)[:, :, ::-1], np.asarray(image))


@pytest.mark.parametrize("batch", ["N", 1, 4])
def test_the_batch_size_changes_no_tag(tmp_path: Path, batch: int | str) -> None:
    """Dynamic batches (v3) and fixed ones (older v2 exports); seven pictures fill no batch evenly."""
    tagger = Wd14Tagger(write_tagger(tmp_path, batch=batch), batch_size=3, num_threads=1)
    images = [photo(40, 30, seed=seed) for seed in range(7)]
    assert [[t.name for t in tags] for tags in tagger.tag(images)] == [
        [t.name for t in tagger.tag([image])[0]] for image in images
    ]
    together = np.array([t.probability for tags in tagger.tag(images) for t in tags])
    alone = np.array([t.probability for image in images for t in tagger.tag([image])[0]])
    assert np.allclose(together, alone, atol=1e-6)


def test_the_size_is_read_from_the_network(tmp_path: Path) -> None:
    assert Wd14Tagger(write_tagger(tmp_path / "a", side=64)).input_size == (64, 64)
    assert Wd14Tagger(write_tagger(tmp_path / "b", side="S")).input_size == (448, 448)


def test_a_half_precision_network_works(tmp_path: Path) -> None:
    tagger = Wd14Tagger(write_tagger(tmp_path, dtype=TensorProto.FLOAT16))
    found = probabilities(tagger, Image.new("RGB", (32, 32), (250, 100, 10)))
    assert np.allclose(found, expected_probabilities((10, 100, 250)), atol=0.01)


def test_the_file_itself_may_be_named_and_paths_may_be_japanese(tmp_path: Path) -> None:
    folder = write_tagger(tmp_path / "タグ 付け")
    assert Wd14Tagger(folder / "model.onnx").vocabulary == Wd14Tagger(folder).vocabulary


def test_categories_are_read_from_the_csv(tmp_path: Path) -> None:
    tags = Wd14Tagger(write_tagger(tmp_path)).tag([photo()])[0]
    categories = {9: "rating", 0: "general", 4: "character"}
    assert {tag.name: tag.category for tag in tags} == {name: categories[number] for name, number in LABELS}


def test_the_threshold_is_the_taggers_own_when_it_says_one(tmp_path: Path) -> None:
    """D7."""
    folder = write_tagger(tmp_path)
    assert Wd14Tagger(folder).recommended_threshold == 0.35
    (folder / "tagger.json").write_text(json.dumps({"recommended_threshold": 0.2653, "made_by": "x"}))
    assert Wd14Tagger(folder).recommended_threshold == 0.2653


@pytest.mark.parametrize("content", ["{", "[]", '{"recommended_threshold": 3}', '{"recommended_threshold": true}'])
def test_a_tagger_json_that_makes_no_sense_is_refused(tmp_path: Path, content: str) -> None:
    folder = write_tagger(tmp_path)
    (folder / "tagger.json").write_text(content)
    with pytest.raises(WrongUse, match=r"tagger\.json.*Correct or delete it"):
        Wd14Tagger(folder)


def refusal(path: Path) -> WrongUse:
    with pytest.raises(WrongUse) as caught:
        Wd14Tagger(path)
    assert caught.value.cure
    assert "\n" not in str(caught.value)
    return caught.value


def test_a_folder_without_the_files_names_them(tmp_path: Path) -> None:
    assert "lacks model.onnx and selected_tags.csv" in refusal(tmp_path).message
    folder = write_tagger(tmp_path / "half")
    (folder / "selected_tags.csv").unlink()
    assert "lacks selected_tags.csv" in refusal(folder).message
    assert "There is no tagger" in refusal(tmp_path / "nothing").message


@pytest.mark.parametrize("content", [b"", b"not an onnx file", b"PK\x03\x04", bytes(5000)])
def test_a_file_that_is_no_onnx_network_is_refused(tmp_path: Path, content: bytes) -> None:
    folder = write_tagger(tmp_path)
    (folder / "model.onnx").write_bytes(content)
    assert "model.onnx is no ONNX network" in refusal(folder).message


def test_a_csv_with_another_header_is_refused(tmp_path: Path) -> None:
    folder = write_tagger(tmp_path, csv="name,score\n1girl,1\n")
    assert "must begin with tag_id,name,category,count, but begins with name,score" in refusal(folder).message


@pytest.mark.parametrize("row", ["1,a,0", "1,a,x,2", "1,a,77,2", "1,,0,2"])
def test_a_csv_row_that_is_no_tag_is_refused_with_its_line(tmp_path: Path, row: str) -> None:
    assert "line 9" in refusal(write_tagger(tmp_path, csv=CSV + row + "\n")).message


@pytest.mark.parametrize("content", [b"", b"tag_id,name,category,count\n", b"\xff\xfe\x00"])
def test_a_csv_without_tags_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "selected_tags.csv").write_bytes(content)
    with pytest.raises(WrongUse, match=r"selected_tags\.csv"):
        read_labels(tmp_path / "selected_tags.csv")


def test_a_csv_of_another_release_is_refused(tmp_path: Path) -> None:
    assert "selected_tags.csv has 7 tags" in refusal(write_tagger(tmp_path / "a", outputs=5)).message
    tagger = Wd14Tagger(write_tagger(tmp_path / "b", outputs=5, dynamic_outputs=True))
    with pytest.raises(WrongUse, match=r"selected_tags\.csv has 7 tags"):
        tagger.tag([photo()])


def test_names_with_commas_and_a_byte_order_mark_are_read(tmp_path: Path) -> None:
    (tmp_path / "selected_tags.csv").write_text('\ufefftag_id,name,category,count\r\n1,"a,b",0,5\r\n', encoding="utf-8")
    assert read_labels(tmp_path / "selected_tags.csv") == [("a,b", "general")]


def test_a_network_of_another_shape_is_refused(tmp_path: Path) -> None:
    assert "a WD14 tagger takes float" in refusal(write_tagger(tmp_path, channels=4)).message


def test_logits_are_not_taken_for_probabilities(tmp_path: Path) -> None:
    tagger = Wd14Tagger(write_tagger(tmp_path, with_sigmoid=False))
    with pytest.raises(EnoguError, match="sigmoid"):
        tagger.tag([Image.new("RGB", (32, 32), "red")])


def test_onnxruntime_is_imported_only_when_a_tagger_is_opened() -> None:
    modules = "enogu.tagging.wd14, enogu.tagging.fake, enogu.tagging.caption_tags"
    code = f"import sys, {modules}; print('onnxruntime' in sys.modules, 'torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
