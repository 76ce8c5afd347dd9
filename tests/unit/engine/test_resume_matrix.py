"""Whatever is combined, a run that goes on from a state ends with the bytes and losses of one that never stopped (G6).

Not every combination, but every two settings meet in some row. One run leaves the state of each step; from one of them
another run goes on in another folder, as on another machine.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from enogu.engine.control import Asked, Between
from enogu.engine.events import Finished, Started
from enogu.engine.families import LoadedBase
from enogu.engine.loop import TrainPicture
from enogu.recipe import recipe_fields
from tests.unit.engine.pairs import covering_rows
from tests.unit.engine.tiny_run import Run, tiny_recipe, tiny_train

RATED = ("optimizer.learning_rate=0.002",)
COLUMNS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "optimizer": {
        "adamw": RATED,
        "adafactor": ("optimizer.kind=adafactor", *RATED),
        "lion": ("optimizer.kind=lion", "optimizer.learning_rate=0.0005"),
        "dadaptation": ("optimizer.kind=dadaptation",),
        "dadapt_adam": ("optimizer.kind=dadapt_adam",),
        "prodigy": ("optimizer.kind=prodigy",),
    },
    "adapter": {
        "lora": (),
        "locon": ("adapter.kind=locon", "adapter.conv_dim=2"),
        "loha": ("adapter.kind=loha", "adapter.dim=2", "adapter.conv_dim=1"),
        "lokr": ("adapter.kind=lokr", "adapter.dim=2", "adapter.conv_dim=1"),
        "dora": ("adapter.kind=dora", "adapter.dim=2", "adapter.conv_dim=1"),
    },
    "schedule": {
        "constant": (),
        "warm-up": ("schedule.kind=constant_with_warmup",),
        "linear": ("schedule.kind=linear",),
        "cosine": ("schedule.kind=cosine",),
        "restarts": ("schedule.kind=cosine_with_restarts", "schedule.cycles=2"),
        "polynomial": ("schedule.kind=polynomial",),
    },
    "left out": {
        "nothing": (),
        "numbers": ("adapter.network_dropout=0.2",),
        "ranks": ("adapter.rank_dropout=0.3",),
        "modules": ("adapter.module_dropout=0.2",),
    },
    "captions": {
        "as they are": (),
        "shuffled": ("captions.shuffle=true", "pictures.flip=true"),
        "tags left out": ("captions.tag_dropout_rate=0.3",),
        "left out": ("captions.dropout_rate=0.3", "captions.shuffle=true"),
    },
    "average": {"none": (), "ema": ("training.ema_decay=0.8",)},
    "norms": {"free": (), "bound": ("training.scale_weight_norms=0.05",)},
    "batches": {"one": (), "two a step": ("training.gradient_accumulation=2", "training.epochs=3")},
    "masks": {"none": (), "given": ("pictures.masked_loss=true", "noise.offset=0.1")},
    "crops": {"middle": (), "random": ("pictures.random_crop=true", "pictures.buckets=false")},
}
ROWS = covering_rows({name: tuple(values) for name, values in COLUMNS.items()})
NO_NUMBERS_LEFT_OUT = ("loha", "lokr")
"""Kinds whose inner values have no dropout: their ranks are left out instead."""


@pytest.fixture(scope="module")
def few_pictures(
    tiny_pictures: tuple[TrainPicture, ...], tmp_path_factory: pytest.TempPathFactory
) -> list[TrainPicture]:
    """Three of them in two buckets, with masks."""
    folder = tmp_path_factory.mktemp("masks")
    masked: list[TrainPicture] = []
    for picture in tiny_pictures[:3]:
        mask = Image.new("L", (picture.width, picture.height), 0)
        mask.paste(255, (0, 0, picture.width // 2, picture.height))
        mask.save(folder / picture.path.name)
        masked.append(replace(picture, mask=folder / picture.path.name))
    return masked


@pytest.mark.parametrize("number", range(len(ROWS)), ids=["-".join(row.values()) for row in ROWS])
def test_a_run_that_goes_on_from_a_state_is_the_run_that_never_stopped(
    tiny_base: LoadedBase, few_pictures: list[TrainPicture], tmp_path: Path, number: int
) -> None:
    recipe = tiny_recipe("saving.checkpoint_every_n_steps=1", *_settings(ROWS[number]))
    states: dict[int, bytes] = {}

    def keep(between: Between) -> Asked:
        if between.step and not between.only_stop:
            states[between.step] = (straight.out / STATE).read_bytes()
        return Asked()

    straight = Run(tmp_path / "straight")
    tiny_train(recipe, few_pictures, tiny_base, straight.out, run=straight, between_steps=keep, cache=tmp_path / "c")
    at = 1 + number % (len(states) - 1)
    out = tmp_path / "resumed"
    (out / STATE).parent.mkdir(parents=True)
    (out / STATE).write_bytes(states[at])
    resumed = tiny_train(recipe, few_pictures, tiny_base, out, resume=True, cache=tmp_path / "c")
    assert resumed.said(Started)[0].step == at
    assert resumed.losses == straight.losses[at:]
    assert all(loss > 0 for loss in straight.losses)
    assert len(set(straight.losses)) == len(straight.losses)
    assert resumed.said(Finished)[0].num_steps == len(states)
    assert resumed.file_bytes().items() <= straight.file_bytes().items()
    assert "tiny.safetensors" in resumed.file_bytes()
    assert (out / STATE).read_bytes() == states[len(states)], "optimizer, average, scale and losses too"


def test_the_table_has_every_optimizer_kind_of_adapter_and_schedule() -> None:
    """AdamW8bit steps on CUDA only, and says so elsewhere."""
    found: dict[str, set[str]] = {"optimizer": set(), "adapter": set(), "schedule": set()}
    for row in ROWS:
        recipe = tiny_recipe(*_settings(row)).model_dump(mode="json")
        for section, kinds in found.items():
            kinds.add(recipe[section]["kind"])
    known = {field.path.split(".")[0]: set[str]() for field in recipe_fields()}
    for field in recipe_fields():
        if field.kind:
            known[field.path.split(".")[0]].add(field.kind)
    assert found["optimizer"] == known["optimizer"] - {"adamw8bit"}
    assert found["adapter"] == known["adapter"]
    assert found["schedule"] | {"constant"} == known["schedule"] | {"constant"}


STATE = Path("tiny-state") / "state.safetensors"


def _settings(row: Mapping[str, str]) -> list[str]:
    chosen = dict(row)
    if chosen["left out"] == "numbers" and chosen["adapter"] in NO_NUMBERS_LEFT_OUT:
        chosen["left out"] = "ranks"
    return [setting for name, value in chosen.items() for setting in COLUMNS[name][value]]
