"""The shipped tagger is in the WD14 format to the letter (issue 2, the starter) and finds the mascot's parts."""

import csv
import json

import numpy as np
import onnxruntime
import pytest
from PIL import Image

from enogu.starter_data import path


@pytest.fixture(scope="module")
def session() -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(path("tagger", "model.onnx"), options, providers=["CPUExecutionProvider"])


@pytest.fixture(scope="module")
def rows() -> list[dict[str, str]]:
    with path("tagger", "selected_tags.csv").open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        assert reader.fieldnames == ["tag_id", "name", "category", "count"]
        return list(reader)


def test_the_input_is_nhwc_floats_with_a_free_batch_size(session: onnxruntime.InferenceSession) -> None:
    (only,) = session.get_inputs()
    assert only.type == "tensor(float)"
    assert isinstance(only.shape[0], str)
    assert only.shape[1:] == [128, 128, 3]


def test_the_output_is_one_probability_for_each_row_of_the_csv(
    session: onnxruntime.InferenceSession, rows: list[dict[str, str]]
) -> None:
    for batch in (1, 3):
        pixels = np.random.default_rng(1).uniform(0, 255, (batch, 128, 128, 3)).astype(np.float32)
        (found,) = session.run(None, {session.get_inputs()[0].name: pixels})
        assert found.shape == (batch, len(rows))
        assert found.min() >= 0
        assert found.max() <= 1


def test_the_csv_begins_with_four_ratings_and_names_have_no_spaces(rows: list[dict[str, str]]) -> None:
    assert [row["name"] for row in rows[:4]] == ["general", "sensitive", "questionable", "explicit"]
    assert {row["category"] for row in rows[:4]} == {"9"}
    assert {row["category"] for row in rows[4:]} <= {"0", "4"}
    assert not [row["name"] for row in rows if " " in row["name"]]
    assert len({row["tag_id"] for row in rows}) == len({row["name"] for row in rows}) == len(rows)
    assert all(int(row["count"]) >= 0 for row in rows)


def test_the_recommended_threshold_is_a_probability() -> None:
    assert 0.1 < json.loads(path("tagger", "tagger.json").read_text("utf-8"))["recommended_threshold"] < 0.9


def test_the_tagger_stays_under_ten_megabytes() -> None:
    assert sum(file.stat().st_size for file in path("tagger").iterdir()) < 10_000_000


def test_mame_is_recognised_by_her_parts_although_the_tagger_has_never_seen_her(
    session: onnxruntime.InferenceSession, rows: list[dict[str, str]]
) -> None:
    threshold = json.loads(path("tagger", "tagger.json").read_text("utf-8"))["recommended_threshold"]
    names = [row["name"] for row in rows]
    pixels = np.stack([_bgr(number) for number in range(1, 8)])
    (found,) = session.run(None, {session.get_inputs()[0].name: pixels})
    for part in ("green_hair", "bob_cut", "bean_pod_ears", "suspenders"):
        assert (found[:, names.index(part)] >= threshold).sum() >= 6, part
    assert (found[:6, names.index("shorts")] >= threshold).sum() >= 5
    assert (found[:, :4].argmax(axis=1) == 0).all()


def _bgr(number: int) -> np.ndarray:
    with Image.open(path("pictures", "mame", f"mame_{number:02d}.png")) as image:
        small = image.convert("RGB").resize((128, 128), Image.Resampling.BICUBIC)
    return np.asarray(small, np.float32)[..., ::-1]
