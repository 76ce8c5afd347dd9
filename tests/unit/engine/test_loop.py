"""The loop against a plain training loop, and what a run says, leaves and refuses (issue 2, sections 4 and 7)."""

from __future__ import annotations

import dataclasses
import errno
import json
import math
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import nn

from enogu.engine import loop, previews
from enogu.engine.adapters.lora import Target
from enogu.engine.control import Asked, BetweenSteps
from enogu.engine.data import latent_cache
from enogu.engine.data.latent_cache import PlacedPicture, latents_of, picture_sha256
from enogu.engine.data.loader import TrainSet, held_out_batch, make_batch
from enogu.engine.events import (
    Cached,
    Event,
    Failed,
    Finished,
    Sampled,
    SampleFailed,
    Saved,
    SparedMemory,
    Started,
    Stepped,
    Stopped,
    Validated,
    event_to_dict,
)
from enogu.engine.failures import NotANumber, likely_cause
from enogu.engine.families import LoadedBase, TextRules, load_base_model
from enogu.engine.loop import TrainPicture
from enogu.errors import EnoguError, PictureRefused, StorageFailed, TrainingFailed, WrongUse
from enogu.recipe import TrainRecipe
from enogu.recipe.plan import PictureSize, plan_training
from tests.unit.engine.tiny_run import (
    Run,
    header_of,
    load_tiny_base,
    plain_lora,
    tiny_recipe,
    tiny_train,
    write_rectangles,
)

PROMPTS = 'previews.prompts=["mame"]'
SMOOTH = ("optimizer.epsilon=0.01", "optimizer.learning_rate=0.5")
"""AdamW without the nearly sign-like first steps that would turn rounding into a difference."""


# --- what is learnt -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "settings",
    [
        ("training.batch_size=2",),
        ("training.batch_size=1", "training.gradient_accumulation=2", "noise.min_snr_gamma=5"),
        ("adapter.parts=unet", "captions.shuffle=true", "optimizer.max_grad_norm=0.01"),
        ("adapter.parts=text_encoder", "training.clip_skip=2", "captions.max_token_length=150"),
        ("schedule.kind=linear", "schedule.warmup_percent=20", "optimizer.text_encoder_learning_rate=0.1"),
    ],
    ids=["both parts", "accumulation", "unet", "text encoder", "schedule"],
)
def test_training_equals_a_plain_loop_of_stock_layers(
    tiny_base: LoadedBase, tiny_pictures: tuple[TrainPicture, ...], tmp_path: Path, settings: tuple[str, ...]
) -> None:
    """An accumulated step equals one step on the mean of its batches' mean losses, each batch with its own draws."""
    recipe = tiny_recipe("training.epochs=1", *SMOOTH, *settings)
    run = tiny_train(recipe, tiny_pictures, tiny_base, tmp_path / "out")
    ours = load_file(tmp_path / "out" / "tiny.safetensors")
    wanted, wanted_losses = _plain_training(recipe, tiny_pictures, tiny_base)
    assert run.losses == pytest.approx(wanted_losses, rel=1e-4)
    moved = 0.0
    for key, (down, up) in wanted.items():
        torch.testing.assert_close(ours[f"{key}.lora_down.weight"].flatten(1), down, rtol=1e-3, atol=1e-4)
        torch.testing.assert_close(ours[f"{key}.lora_up.weight"].flatten(1), up, rtol=1e-3, atol=1e-4)
        moved = max(moved, float(up.abs().max()))
    assert moved > 1e-3
    assert len(ours) == 3 * len(wanted)


@pytest.mark.parametrize(
    ("parts", "prefixes"),
    [("unet", {"lora_unet"}), ("text_encoder", {"lora_te"}), ("unet_and_text_encoder", {"lora_unet", "lora_te"})],
)
def test_only_the_asked_parts_are_trained_saved_and_told(
    tiny_base: LoadedBase, tiny_pictures: tuple[TrainPicture, ...], tmp_path: Path, parts: str, prefixes: set[str]
) -> None:
    """F10; "text encoder silently not trained" is among the most felt complaints (facts/trainers.md 3)."""
    run = tiny_train(tiny_recipe(f"adapter.parts={parts}"), tiny_pictures, tiny_base, tmp_path / "out")
    tensors = load_file(tmp_path / "out" / "tiny.safetensors")
    assert {"lora_te" if name.startswith("lora_te_") else name[:9] for name in tensors} == prefixes
    assert all(bool(tensor.any()) for name, tensor in tensors.items() if name.endswith(".lora_up.weight"))
    (started,) = run.said(Started)
    sizes = {"lora_unet": "unet", "lora_te": "text_encoder"}
    assert set(started.num_adapter_parameters) == {sizes[prefix] for prefix in prefixes}
    assert sum(started.num_adapter_parameters.values()) == sum(t.numel() for t in tensors.values() if t.ndim)


def test_the_loss_falls_on_a_set_it_can_learn_by_heart(
    tiny_base: LoadedBase, tiny_pictures: tuple[TrainPicture, ...], tmp_path: Path
) -> None:
    recipe = tiny_recipe("training.epochs=10", "saving.every_n_epochs=10", "adapter.dim=8")
    losses = tiny_train(recipe, tiny_pictures[:2], tiny_base, tmp_path / "out").losses
    assert sum(losses[-10:]) < 0.97 * sum(losses[:10])


# --- what is said and left ------------------------------------------------------------------------------------------


def test_a_run_says_what_it_does_and_leaves_one_file_an_epoch(
    tiny_base: LoadedBase, tiny_pictures: tuple[TrainPicture, ...], tmp_path: Path
) -> None:
    """F2, F25: the true number of steps; epoch files by sd-scripts' names, the last one under the bare name."""
    recipe = tiny_recipe("training.epochs=3", PROMPTS)
    run = tiny_train(recipe, tiny_pictures, tiny_base, tmp_path / "out")
    plan = plan_training(recipe, [PictureSize(str(p.path), p.width, p.height, p.repeats) for p in tiny_pictures])
    assert len(plan.bucket_counts) == 3
    assert [(c.done, c.total, c.reused) for c in run.said(Cached)] == [(n, 5, 0) for n in range(1, 6)]
    (started,), (finished,) = run.said(Started), run.said(Finished)
    assert (started.step, started.num_steps, started.num_epochs) == (0, plan.num_steps, 3)
    assert len(run.losses) == plan.num_steps == finished.num_steps == 3 * plan.steps_per_epoch
    names = ["tiny-000001.safetensors", "tiny-000002.safetensors", "tiny.safetensors"]
    assert [(Path(s.path).name, s.epoch, s.step) for s in run.said(Saved)] == [
        (name, epoch, epoch * plan.steps_per_epoch) for epoch, name in enumerate(names, 1)
    ]
    assert [Path(s.path).name for s in run.said(Sampled)] == [f"tiny_e{epoch:06d}_00_1.png" for epoch in (1, 2, 3)]
    assert run.result is not None
    assert [path.name for path in run.result.files] == names
    assert all(path.exists() for path in run.result.files)
    last = run.said(Stepped)[-1]
    assert last.step == plan.num_steps
    assert last.average_loss == pytest.approx(sum(run.losses[-plan.steps_per_epoch :]) / plan.steps_per_epoch)
    assert last.learning_rates == {"unet": 0.02, "text_encoder": 0.02}
    assert all(json.dumps(event_to_dict(event)) for event in run.events)
    assert [path for path in (tmp_path / "out").rglob("*") if path.name.endswith(".part")] == []


def test_tags_are_counted_as_they_are_trained(
    tiny_base: LoadedBase, tiny_pictures: tuple[TrainPicture, ...], tmp_path: Path
) -> None:
    """D8: the trigger in front, and the first line only: what A1111's card offers as tags."""
    two_lines = dataclasses.replace(tiny_pictures[0], caption="1girl, hat\nnot trained")
    tiny_train(tiny_recipe("training.epochs=1"), [two_lines], tiny_base, tmp_path / "out")
    metadata = header_of(tmp_path / "out" / "tiny.safetensors")["__metadata__"]
    assert json.loads(metadata["ss_tag_frequency"]) == {"2_mame 1girl": {"mame": 1, "1girl": 1, "hat": 1}}


def test_speed_leaves_out_the_time_of_saving_and_previews(
    tiny_base: LoadedBase, tiny_pictures: tuple[TrainPicture, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]

    def now() -> float:
        clock[0] += 0.01
        return clock[0]

    def emit(event: Event) -> None:
        clock[0] += 1000 if isinstance(event, Sampled) else 0

    monkeypatch.setattr(loop.time, "monotonic", now)
    recipe = tiny_recipe("training.epochs=3", PROMPTS, "saving.checkpoint_every_n_steps=1000")
    run = tiny_train(recipe, tiny_pictures, tiny_base, tmp_path / "out", emit=emit)
    assert min(event.steps_per_second for event in run.said(Stepped)) > 10


def test_a_run_leaves_no_trace_in_the_process(
    tiny_base: LoadedBase, tiny_pictures: tuple[TrainPicture, ...], tmp_path: Path
) -> None:
    layers = _layers(tiny_base)
    state, threads = torch.get_rng_state(), torch.get_num_threads()
    weights = {name: p.clone() for name, p in tiny_base.networks["unet"].named_parameters()}
    tiny_train(tiny_recipe(PROMPTS), tiny_pictures, tiny_base, tmp_path / "out")
    assert all(a is b for a, b in zip(_layers(tiny_base), layers, strict=True))
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.get_num_threads() == threads
    assert all(torch.equal(p, weights[name]) for name, p in tiny_base.networks["unet"].named_parameters())
    assert not any(p.grad is not None for network in tiny_base.networks.values() for p in network.parameters())


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(
    tiny_base: LoadedBase, tiny_pictures: tuple[TrainPicture, ...], tmp_path: Path
) -> None:
    """F23"""
    runs = [
        tiny_train(tiny_recipe(PROMPTS, f"seed={seed}"), tiny_pictures, tiny_base, tmp_path / f"{number}")
        for number, seed in enumerate((7, 7, 8))
    ]
    assert runs[0].file_bytes() == runs[1].file_bytes()
    assert all(data != runs[0].file_bytes()[name] for name, data in runs[2].file_bytes().items())


def test_two_trainings_in_one_process_do_not_influence_each_other(
    tiny_base: LoadedBase, tiny_base_folder: Path, tiny_pictures: tuple[TrainPicture, ...], tmp_path: Path
) -> None:
    """One after the other on the same base, and one in the middle of the other on a second copy of it."""
    first, second = tiny_recipe("training.epochs=2"), tiny_recipe("seed=9", "adapter.dim=2", "adapter.parts=unet")
    alone = {
        recipe: tiny_train(recipe, tiny_pictures, load_tiny_base(tiny_base_folder), tmp_path / f"a{recipe.seed}")
        for recipe in (first, second)
    }
    for recipe in (first, second):
        after = tiny_train(recipe, tiny_pictures, tiny_base, tmp_path / f"b{recipe.seed}")
        assert after.file_bytes() == alone[recipe].file_bytes()
    inner: list[Run] = []

    def emit(event: Event) -> None:
        if isinstance(event, Stepped) and not inner:
            other = load_tiny_base(tiny_base_folder)
            inner.append(tiny_train(second, tiny_pictures, other, tmp_path / "inner"))

    outer = tiny_train(first, tiny_pictures, tiny_base, tmp_path / "outer", emit=emit)
    assert outer.file_bytes() == alone[first].file_bytes()
    assert inner[0].file_bytes() == alone[second].file_bytes()


def test_previews_change_nothing_in_what_is_learnt(
    tiny_base: LoadedBase, tiny_pictures: tuple[TrainPicture, ...], tmp_path: Path
) -> None:
    tiny_train(tiny_recipe(), tiny_pictures, tiny_base, tmp_path / "without")
    tiny_train(tiny_recipe(PROMPTS), tiny_pictures, tiny_base, tmp_path / "with")
    without, with_previews = (load_file(tmp_path / name / "tiny.safetensors") for name in ("without", "with"))
    assert all(torch.equal(tensor, with_previews[name]) for name, tensor in without.items())


# --- caches and starts ----------------------------------------------------------------------------------------------


def test_each_picture_is_hashed_once_and_decoded_once_a_start_and_not_at_all_with_a_warm_cache(
    tiny_base: LoadedBase, tiny_pictures: tuple[TrainPicture, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []

    def counting(module: Any, name: str) -> None:
        original = getattr(module, name)
        monkeypatch.setattr(module, name, lambda path, *rest: (done.append(name), original(path, *rest))[1])

    counting(latent_cache, "open_picture")
    counting(loop, "picture_sha256")
    recipe = tiny_recipe("training.epochs=1", "pictures.flip=true")
    cold = tiny_train(recipe, tiny_pictures, tiny_base, tmp_path / "cold", cache=tmp_path / "cache")
    assert (done.count("picture_sha256"), done.count("open_picture")) == (5, 5)
    done.clear()
    warm = tiny_train(recipe, tiny_pictures, tiny_base, tmp_path / "warm", cache=tmp_path / "cache")
    assert (done.count("picture_sha256"), done.count("open_picture")) == (5, 0)
    assert [event.reused for event in warm.said(Cached)] == [1, 2, 3, 4, 5]
    assert warm.file_bytes() == cold.file_bytes()


# --- stop and resume ------------------------------------------------------------------------------------------------


def test_an_interrupted_run_keeps_its_state_and_goes_on_as_if_it_had_not_stopped(
    tiny_base: LoadedBase, tiny_pictures: tuple[TrainPicture, ...], tmp_path: Path
) -> None:
    """G6; captions, flips and multires noise are drawn too, so that every stream is held."""
    recipe = tiny_recipe(
        PROMPTS,
        "captions.shuffle=true",
        "captions.tag_dropout_rate=0.3",
        "pictures.flip=true",
        "noise.multires_iterations=3",
        "saving.checkpoint_every_n_steps=1000",
    )
    straight = tiny_train(recipe, tiny_pictures, tiny_base, tmp_path / "straight")
    for stop_after in (1, 4, 6):
        out = tmp_path / f"stopped after {stop_after}"
        run = Run(out)
        with pytest.raises(TrainingFailed, match=f"Stopped at step {stop_after}") as stopped:
            tiny_train(recipe, tiny_pictures, tiny_base, out, run=run, between_steps=_after(stop_after))
        assert "--resume" in stopped.value.cure
        assert run.events[-1] == Stopped(stop_after)
        assert run.said(Failed) == []
        assert len(run.losses) == stop_after
        resumed = tiny_train(recipe, tiny_pictures, tiny_base, out, resume=True)
        assert resumed.said(Started)[0].step == stop_after
        assert run.losses + resumed.losses == straight.losses
        assert Run(out).file_bytes() == straight.file_bytes()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_learns_the_same_and_resumes_to_the_bit_with_its_loss_scale(
    tiny_base: LoadedBase,
    tiny_base_folder: Path,
    tiny_pictures: tuple[TrainPicture, ...],
    tmp_path: Path,
    dtype: torch.dtype,
) -> None:
    """F4: the frozen networks in half precision, the adapter in fp32; fp16 with a scaled loss, whose scale is kept."""
    base = load_base_model(tiny_base_folder, dataclasses.replace(tiny_base.compute, dtype=dtype))
    assert base.networks["unet"].dtype == dtype
    wanted = tiny_train(tiny_recipe(*SMOOTH), tiny_pictures, tiny_base, tmp_path / "fp32")
    straight = tiny_train(tiny_recipe(*SMOOTH), tiny_pictures, base, tmp_path / "half")
    assert straight.losses == pytest.approx(wanted.losses, rel=0.05)
    tensors = load_file(tmp_path / "half" / "tiny.safetensors")
    assert {tensor.dtype for tensor in tensors.values()} == {torch.float32}
    assert any(bool(tensor.any()) for name, tensor in tensors.items() if name.endswith(".lora_up.weight"))
    with pytest.raises(TrainingFailed):
        tiny_train(tiny_recipe(*SMOOTH), tiny_pictures, base, tmp_path / "stopped", between_steps=_after(3))
    resumed = tiny_train(tiny_recipe(*SMOOTH), tiny_pictures, base, tmp_path / "stopped", resume=True)
    assert resumed.file_bytes() == straight.file_bytes()


def test_a_run_asked_to_stop_after_its_last_step_is_finished(
    tiny_base: LoadedBase, tiny_pictures: tuple[TrainPicture, ...], tmp_path: Path
) -> None:
    num_steps = len(tiny_train(tiny_recipe(), tiny_pictures, tiny_base, tmp_path / "a").losses)
    run = tiny_train(tiny_recipe(), tiny_pictures, tiny_base, tmp_path / "b", between_steps=_after(num_steps))
    assert run.said(Finished)


def test_resuming_a_finished_run_trains_nothing_and_says_finished(
    tiny_base: LoadedBase, tiny_pictures: tuple[TrainPicture, ...], tmp_path: Path
) -> None:
    tiny_train(tiny_recipe(), tiny_pictures, tiny_base, tmp_path / "out")
    before = Run(tmp_path / "out").file_bytes()
    again = tiny_train(tiny_recipe(), tiny_pictures, tiny_base, tmp_path / "out", resume=True)
    assert again.losses == []
    assert again.said(Finished)
    assert again.file_bytes() == before


def test_resume_without_a_state_starts_at_the_first_step(
    tiny_base: LoadedBase, tiny_pictures: tuple[TrainPicture, ...], tmp_path: Path
) -> None:
    run = tiny_train(tiny_recipe("training.epochs=1"), tiny_pictures, tiny_base, tmp_path / "out", resume=True)
    assert run.said(Started)[0].step == 0


@pytest.mark.parametrize("change", ["recipe", "caption", "picture", "one picture less", "base"])
def test_a_resume_with_another_recipe_picture_or_base_is_refused_before_anything_is_done(
    tiny_base: LoadedBase, tiny_pictures: tuple[TrainPicture, ...], tmp_path: Path, change: str
) -> None:
    pictures = _copied(tiny_pictures, tmp_path / "pictures")
    recipe, base, out = tiny_recipe(), tiny_base, tmp_path / "out"
    with pytest.raises(TrainingFailed):
        tiny_train(recipe, pictures, base, out, between_steps=_after(2))
    if change == "recipe":
        recipe = tiny_recipe("optimizer.learning_rate=0.01")
    elif change == "caption":
        pictures = (dataclasses.replace(pictures[0], caption="another"), *pictures[1:])
    elif change == "picture":
        write_rectangles(pictures[0].path, 64, 64, seed=99)
    elif change == "one picture less":
        pictures = pictures[1:]
    else:
        base = dataclasses.replace(tiny_base, hash="0" * 64)
    run = Run(out)
    with pytest.raises(WrongUse, match="another recipe, other pictures or another base model"):
        tiny_train(recipe, pictures, base, out, run=run, resume=True)
    assert [type(event) for event in run.events] == [Failed]


def test_previews_may_change_on_a_resume_and_the_weights_stay_the_same(
    tiny_base: LoadedBase, tiny_pictures: tuple[TrainPicture, ...], tmp_path: Path
) -> None:
    straight = tiny_train(tiny_recipe(), tiny_pictures, tiny_base, tmp_path / "straight")
    with pytest.raises(TrainingFailed):
        tiny_train(tiny_recipe(), tiny_pictures, tiny_base, tmp_path / "out", between_steps=_after(2))
    resumed = tiny_train(tiny_recipe(PROMPTS), tiny_pictures, tiny_base, tmp_path / "out", resume=True)
    assert len(resumed.said(Sampled)) == 2
    ours, wanted = (load_file(run.out / "tiny.safetensors") for run in (resumed, straight))
    assert all(torch.equal(tensor, ours[name]) for name, tensor in wanted.items())


# --- what goes wrong ------------------------------------------------------------------------------------------------


def test_a_run_whose_numbers_explode_stops_with_the_step_and_the_cure_and_leaves_no_file(
    tiny_base: LoadedBase, tiny_pictures: tuple[TrainPicture, ...], tmp_path: Path
) -> None:
    recipe = _with_rate(tiny_recipe(), 1e30)
    run = Run(tmp_path / "out")
    layers = _layers(tiny_base)
    with pytest.raises(TrainingFailed, match=r"at step [123]: |by step [123]: ") as failed:
        tiny_train(recipe, tiny_pictures, tiny_base, tmp_path / "out", run=run)
    assert "Lower the learning rate" in failed.value.cure
    assert [(event.message, event.cure) for event in run.said(Failed)] == [(failed.value.message, failed.value.cure)]
    assert list((tmp_path / "out").rglob("*.safetensors")) == []
    assert all(a is b for a, b in zip(_layers(tiny_base), layers, strict=True))


def test_the_last_good_file_is_named_and_the_last_good_state_is_kept(
    tiny_base: LoadedBase, tiny_pictures: tuple[TrainPicture, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The numbers explode in the middle of the second epoch."""
    monkeypatch.setattr(loop, "learning_rate_factor", lambda _schedule, step, *_: 1.0 if step < 5 else 1e32)
    last_good = r"at step [67]: .* learning rate .*\. The last good file is tiny-000001\.safetensors"
    with pytest.raises(TrainingFailed, match=last_good):
        tiny_train(tiny_recipe("saving.checkpoint_every_n_steps=1"), tiny_pictures, tiny_base, tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").glob("*.safetensors")] == ["tiny-000001.safetensors"]
    state = load_file(tmp_path / "out" / "tiny-state" / "state.safetensors")
    assert all(bool(torch.isfinite(tensor).all()) for tensor in state.values())


def test_a_gradient_that_is_no_number_is_named_with_its_step(
    tiny_base: LoadedBase, tiny_pictures: tuple[TrainPicture, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loss of that step is still a number; the one after is not looked at."""
    clip = loop.clip_gradients
    calls = iter(range(1, 100))

    def spoilt(parameters: Any, most: float) -> torch.Tensor:
        if next(calls) == 3:
            next(iter(parameters.flat.values())).grad[5] = torch.inf
        return clip(parameters, most)

    monkeypatch.setattr(loop, "clip_gradients", spoilt)
    with pytest.raises(NotANumber, match=r"The gradient became (inf|nan) at step 3: most likely") as failed:
        tiny_train(tiny_recipe("saving.checkpoint_every_n_steps=100"), tiny_pictures, tiny_base, tmp_path / "out")
    assert failed.value.message.endswith("The last good file is none yet.")
    assert list((tmp_path / "out").rglob("*.safetensors")) == []


@pytest.mark.parametrize(
    ("losses", "half", "finds", "cause", "cure"),
    [
        ([0.1] * 8 + [0.9] * 2, False, False, "rising", "Lower the learning rate"),
        ([0.1] * 8 + [0.9] * 2, True, True, "rising", "rate_coefficient"),
        ([0.1] * 10, True, False, "fp16", "bf16"),
        ([0.1], False, False, "too high", "Lower the learning rate"),
        ([], False, True, "too high", "growth_rate"),
    ],
)
def test_the_likely_cause_follows_from_what_came_before(
    losses: list[float], half: bool, finds: bool, cause: str, cure: str
) -> None:
    found = likely_cause(losses, half=half, finds_rate=finds)
    assert cause in found[0]
    assert cure in found[1]


def test_a_preview_that_fails_does_not_stop_the_run(
    tiny_base: LoadedBase, tiny_pictures: tuple[TrainPicture, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F27; facts/trainers.md 3: previews must never kill a job."""

    def failing(*_: object, **__: object) -> None:
        raise ValueError("a sampler with a bug")

    monkeypatch.setattr(previews, "draw_each", failing)
    run = tiny_train(tiny_recipe(PROMPTS), tiny_pictures, tiny_base, tmp_path / "out")
    assert [event.reason for event in run.said(SampleFailed)] == ["a sampler with a bug"] * 2
    assert run.said(Finished)


def test_a_graphics_card_without_memory_is_told_with_the_settings_to_lower(
    tiny_base: LoadedBase, tiny_pictures: tuple[TrainPicture, ...], tmp_path: Path
) -> None:
    def failing(*_: object) -> torch.Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory")

    base = dataclasses.replace(tiny_base, family=dataclasses.replace(tiny_base.family, predict=failing))
    run = Run(tmp_path / "out")
    with pytest.raises(TrainingFailed, match="ran out of memory") as failed:
        tiny_train(tiny_recipe(), tiny_pictures, base, tmp_path / "out", run=run)
    assert "training.batch_size" in failed.value.cure
    assert run.said(Failed)[0].kind == "OutOfMemory"


@pytest.mark.parametrize(
    "error",
    [torch.OutOfMemoryError("CUDA out of memory"), RuntimeError("DefaultCPUAllocator: can't allocate memory: you …")],
    ids=["card", "computer"],
)
def test_where_memory_runs_out_the_step_is_made_again_in_less_and_the_run_ends_the_same(
    tiny_base: LoadedBase, tiny_pictures: tuple[TrainPicture, ...], tmp_path: Path, error: Exception
) -> None:
    """Issue 5, section 5. It happens in the second batch of a step, when gradients of the first are there already."""
    recipe = tiny_recipe("training.gradient_accumulation=2", "adapter.network_dropout=0.2")
    wanted = tiny_train(recipe, tiny_pictures, tiny_base, tmp_path / "plain")
    calls = 0

    def once(base: LoadedBase, *given: Any) -> torch.Tensor:
        nonlocal calls
        calls += 1
        if calls == 4:
            raise error
        return tiny_base.family.predict(base, *given)

    base = dataclasses.replace(tiny_base, family=dataclasses.replace(tiny_base.family, predict=once))
    found = tiny_train(recipe, tiny_pictures, base, tmp_path / "short")
    assert [event.step for event in found.said(SparedMemory)] == [1]
    assert found.losses == wanted.losses
    for name in wanted.file_bytes():
        ours, theirs = found.out / name, wanted.out / name
        assert all(torch.equal(tensor, load_file(theirs)[key]) for key, tensor in load_file(ours).items())
        metadata = header_of(theirs)["__metadata__"]
        assert metadata["ss_gradient_checkpointing"] == "False"
        assert header_of(ours)["__metadata__"] == metadata | {"ss_gradient_checkpointing": "True"}
    unet = tiny_base.networks["unet"].modules()
    assert not any(getattr(module, "gradient_checkpointing", False) for module in unet), "it is left as it was"


def test_a_run_that_spared_memory_goes_on_sparing_it_when_it_is_resumed(
    tiny_base: LoadedBase, tiny_pictures: tuple[TrainPicture, ...], tmp_path: Path
) -> None:
    """It would only run out of memory once more; and its files say what was done."""

    def needing_much(base: LoadedBase, *given: Any) -> torch.Tensor:
        if not any(getattr(module, "gradient_checkpointing", False) for module in base.networks["unet"].modules()):
            raise torch.OutOfMemoryError("CUDA out of memory")
        return tiny_base.family.predict(base, *given)

    base = dataclasses.replace(tiny_base, family=dataclasses.replace(tiny_base.family, predict=needing_much))
    straight = tiny_train(tiny_recipe(), tiny_pictures, base, tmp_path / "straight")
    with pytest.raises(TrainingFailed, match="Stopped"):
        tiny_train(tiny_recipe(), tiny_pictures, base, tmp_path / "out", between_steps=_after(3))
    resumed = tiny_train(tiny_recipe(), tiny_pictures, base, tmp_path / "out", resume=True)
    assert len(straight.said(SparedMemory)) == 1
    assert not resumed.said(SparedMemory)
    assert resumed.file_bytes() == straight.file_bytes()
    unet = tiny_base.networks["unet"].modules()
    assert not any(getattr(module, "gradient_checkpointing", False) for module in unet), "it is left as it was"


@pytest.mark.parametrize(
    ("settings", "times"),
    [((), 1), (("training.retry_with_checkpointing=false",), 0), (("training.gradient_checkpointing=true",), 0)],
    ids=["once", "not allowed", "on already"],
)
def test_it_is_tried_again_once_and_only_where_something_can_change(
    tiny_base: LoadedBase,
    tiny_pictures: tuple[TrainPicture, ...],
    tmp_path: Path,
    settings: tuple[str, ...],
    times: int,
) -> None:
    def failing(*_: object) -> torch.Tensor:
        raise torch.OutOfMemoryError("CUDA out of memory")

    base = dataclasses.replace(tiny_base, family=dataclasses.replace(tiny_base.family, predict=failing))
    run = Run(tmp_path / "out")
    with pytest.raises(TrainingFailed, match="ran out of memory"):
        tiny_train(tiny_recipe(*settings), tiny_pictures, base, tmp_path / "out", run=run)
    assert len(run.said(SparedMemory)) == times


def test_a_full_disk_leaves_nothing_half_written(
    tiny_base: LoadedBase, tiny_pictures: tuple[TrainPicture, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: Path) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("enogu.whole_file._flush", full)
    run = Run(tmp_path / "out")
    with pytest.raises(StorageFailed, match="No space left") as failed:
        tiny_train(tiny_recipe(), tiny_pictures, tiny_base, tmp_path / "out", run=run)
    assert "free some space" in failed.value.cure
    assert run.said(Failed)[0].kind == "DiskFull"
    assert [path for path in (tmp_path / "out").rglob("*") if path.is_file()] == []


@pytest.mark.parametrize("missing", ["all pictures", "a picture", "the plan"])
def test_a_run_that_cannot_start_says_failed_too(
    tiny_base: LoadedBase, tiny_pictures: tuple[TrainPicture, ...], tmp_path: Path, missing: str
) -> None:
    pictures = _copied(tiny_pictures, tmp_path / "pictures")
    error: type[EnoguError] = WrongUse
    if missing == "all pictures":
        pictures = ()
    elif missing == "a picture":
        pictures[1].path.unlink()
        error = PictureRefused
    else:
        pictures = tuple(dataclasses.replace(p, repeats=0) for p in pictures)
    run = Run(tmp_path / "out")
    with pytest.raises(error) as failed:
        tiny_train(tiny_recipe(), pictures, tiny_base, tmp_path / "out", run=run)
    assert [(e.step, e.kind, e.message) for e in run.said(Failed)] == [(0, error.__name__, failed.value.message)]


# --- what the tests stand on ----------------------------------------------------------------------------------------


def _after(steps: int) -> BetweenSteps:
    """Asks for a stop once ``steps`` steps were made."""
    return lambda between: Asked(stop=between.step >= steps)


def _with_rate(recipe: TrainRecipe, rate: float) -> TrainRecipe:
    """A learning rate that no recipe may hold."""
    return recipe.model_copy(update={"optimizer": recipe.optimizer.model_copy(update={"learning_rate": rate})})


def _copied(pictures: tuple[TrainPicture, ...], folder: Path) -> tuple[TrainPicture, ...]:
    folder.mkdir()
    return tuple(dataclasses.replace(p, path=Path(shutil.copy(p.path, folder / p.path.name))) for p in pictures)


def _layers(base: LoadedBase) -> list[nn.Module]:
    return [module for network in base.networks.values() for module in network.modules()]


def _plain_training(
    recipe: TrainRecipe, pictures: tuple[TrainPicture, ...], base: LoadedBase
) -> tuple[dict[str, tuple[torch.Tensor, torch.Tensor]], list[float]]:
    """The same run with stock autograd: a hook on each layer, one tensor a matrix, torch's own clipping and AdamW."""
    plan = plan_training(recipe, [PictureSize(str(p.path), p.width, p.height, p.repeats) for p in pictures])
    placed = [
        PlacedPicture(p.path, picture_sha256(p.path), place, recipe.pictures.background)
        for p, place in zip(pictures, plan.placements, strict=True)
    ]
    latents = latents_of(base, placed, flips=(False,), folder=None, progress=lambda *_: None)
    targets = [t for t in base.family.targets(base) if t.part in recipe.trained_parts]
    matrices = _starting_matrices(targets, recipe)
    optimizer, rates = _plain_optimizer(targets, matrices, recipe)
    for matrix in (m for pair in matrices.values() for m in pair):
        matrix.grad = torch.zeros_like(matrix)
    losses: list[float] = []
    with _hooked(targets, matrices, recipe.adapter.alpha / recipe.adapter.dim):
        for updates in (update for epoch in range(plan.num_epochs) for update in plan.epoch_updates(epoch + 1)):
            step = len(losses)
            factor = loop.learning_rate_factor(recipe.schedule, step, plan.num_steps, recipe.optimizer.learning_rate)
            for group, rate in zip(optimizer.param_groups, rates, strict=True):
                group["lr"] = rate * factor
            optimizer.zero_grad(set_to_none=False)  # a layer behind clip skip has a gradient of zero, and decays
            means = []
            for micro_step, batch in enumerate(updates):
                captions = [p.caption for p in pictures]
                b = make_batch(recipe, base.schedule, TrainSet(latents, captions), batch, step, micro_step)
                rules = TextRules(recipe.training.clip_skip, recipe.captions.max_token_length)
                states = base.family.encode_captions(base, b.captions, rules)
                error = base.family.predict(base, b.noisy_BCHW, b.timesteps_B, states) - b.target_BCHW
                snr = base.schedule.snr(b.timesteps_B)
                gamma = recipe.noise.min_snr_gamma
                weight = torch.ones(len(snr)) if gamma is None else snr.clamp(max=gamma) / snr
                means.append((error.square().mean(dim=(1, 2, 3)) * weight).mean())
            mean = torch.stack(means).mean()
            mean.backward()
            torch.nn.utils.clip_grad_norm_(
                [m for pair in matrices.values() for m in pair], recipe.optimizer.max_grad_norm
            )
            optimizer.step()
            losses.append(mean.item())
    return {key: (a.detach(), b.detach()) for key, (a, b) in matrices.items()}, losses


def _starting_matrices(targets: list[Target], recipe: TrainRecipe) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
    started = plain_lora(targets, recipe.adapter.dim, 1.0, recipe.seed)
    return {
        key: (a.detach().clone().requires_grad_(), b.detach().clone().requires_grad_())
        for key, (a, b) in started.matrices.items()
    }


def _plain_optimizer(
    targets: list[Target], matrices: dict[str, tuple[torch.Tensor, torch.Tensor]], recipe: TrainRecipe
) -> tuple[torch.optim.Optimizer, list[float]]:
    settings = recipe.optimizer
    parts = {"unet": settings.unet_rate, "text_encoder": settings.text_encoder_rate}
    groups = [
        {"params": [m for t in targets if t.part == part for m in matrices[t.key]], "lr": rate}
        for part, rate in parts.items()
        if any(t.part == part for t in targets)
    ]
    optimizer = torch.optim.AdamW(groups, eps=settings.epsilon, weight_decay=settings.weight_decay, foreach=False)
    return optimizer, [group["lr"] for group in optimizer.param_groups]


@contextmanager
def _hooked(
    targets: list[Target], matrices: dict[str, tuple[torch.Tensor, torch.Tensor]], scale: float
) -> Iterator[None]:
    def hook_of(target: Target) -> Callable[[nn.Module, tuple[torch.Tensor, ...], torch.Tensor], torch.Tensor]:
        def hook(_layer: nn.Module, given: tuple[torch.Tensor, ...], output: torch.Tensor) -> torch.Tensor:
            a_RI, b_OR = matrices[target.key]
            if target.is_conv:
                inner = nn.functional.conv2d(given[0], a_RI[:, :, None, None])
                return output + scale * nn.functional.conv2d(inner, b_OR[:, :, None, None])
            return output + scale * nn.functional.linear(nn.functional.linear(given[0], a_RI), b_OR)

        return hook

    handles = [target.layer.register_forward_hook(hook_of(target)) for target in targets]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def test_every_option_of_noise_and_loss_trains_and_draws(
    tiny_base: LoadedBase, tiny_pictures: tuple[TrainPicture, ...], tmp_path: Path
) -> None:
    """C3, F12, F20, F28: with v and pure noise at the end, for previews too."""
    options = (
        "noise.prediction=v_prediction",
        "noise.zero_terminal_snr=true",
        "noise.min_snr_gamma=5",
        "noise.scale_v_loss=true",
        "noise.offset=0.1",
        "noise.adaptive_offset=0.1",
        "noise.random_offset=true",
        "noise.input_perturbation=0.1",
        "noise.min_timestep=900",
        "loss.kind=huber",
        'previews.prompts=["mame"]',
    )
    run = tiny_train(tiny_recipe("training.epochs=1", *options), tiny_pictures, tiny_base, tmp_path / "out")
    assert all(math.isfinite(loss) and loss > 0 for loss in run.losses)
    assert len(run.said(Sampled)) == 1
    metadata = header_of(run.out / "tiny.safetensors")["__metadata__"]
    assert metadata["modelspec.prediction_type"] == "v"
    assert (metadata["ss_zero_terminal_snr"], metadata["ss_loss_type"]) == ("True", "huber")
    assert tiny_base.schedule.prediction_type == "epsilon", "the base itself stays as it is"


def test_held_out_pictures_are_measured_each_epoch_and_change_nothing_of_what_is_learnt(
    tiny_base: LoadedBase, tiny_pictures: tuple[TrainPicture, ...], tmp_path: Path, fixed_date: None
) -> None:
    """Never trained on: the run is that of the other pictures alone, to the bit."""
    recipe = tiny_recipe("training.validation_split=0.4", "training.epochs=3", "training.validate_every_n_epochs=2")
    sizes = [PictureSize(str(p.path), p.width, p.height, p.repeats) for p in tiny_pictures]
    held_out = plan_training(recipe, sizes).held_out
    assert len(held_out) == 2
    others = [picture for index, picture in enumerate(tiny_pictures) if index not in held_out]
    run = tiny_train(recipe, tiny_pictures, tiny_base, tmp_path / "out")
    alone = tiny_train(tiny_recipe("training.epochs=3"), others, tiny_base, tmp_path / "alone")
    assert run.losses == alone.losses
    ours, theirs = (load_file(one.out / "tiny.safetensors") for one in (run, alone))
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)
    measured = run.said(Validated)
    assert [(event.epoch, event.num_pictures) for event in measured] == [(2, 2), (3, 2)]
    assert all(math.isfinite(event.loss) and event.loss > 0 for event in measured)
    metadata = header_of(run.out / "tiny.safetensors")["__metadata__"]
    assert (metadata["ss_num_validation_images"], metadata["ss_validation_split"]) == ("2", "0.4")


def test_previews_are_drawn_every_nth_epoch_and_at_the_end(
    tiny_base: LoadedBase, tiny_pictures: tuple[TrainPicture, ...], tmp_path: Path
) -> None:
    """F27: previews.every_n_epochs."""
    rules = ('previews.prompts=["mame"]', "previews.steps=1", "previews.every_n_epochs=2", "training.epochs=5")
    run = tiny_train(tiny_recipe(*rules), tiny_pictures[:1], tiny_base, tmp_path / "out")
    assert [event.epoch for event in run.said(Sampled)] == [2, 4, 5]


def test_no_layers_change_is_larger_than_the_bound_in_any_file(
    tiny_base: LoadedBase, tiny_pictures: tuple[TrainPicture, ...], tmp_path: Path
) -> None:
    """F28: training.scale_weight_norms, after each step; written out as |B A| alpha / dim."""
    largest: dict[str, float] = {}
    for name, settings in (("free", ()), ("bound", ("training.scale_weight_norms=0.02",))):
        run = tiny_train(tiny_recipe(*settings), tiny_pictures, tiny_base, tmp_path / name)
        tensors = load_file(run.out / "tiny.safetensors")
        largest[name] = max(
            float((up.flatten(1) @ tensors[key.replace("lora_up", "lora_down")].flatten(1)).norm()) * 2 / 4
            for key, up in tensors.items()
            if "lora_up" in key
        )
    assert largest["free"] > 0.04
    assert largest["bound"] == pytest.approx(0.02, rel=1e-3)


def test_a_loss_on_held_out_pictures_that_is_no_number_ends_the_run(
    tiny_base: LoadedBase, tiny_pictures: tuple[TrainPicture, ...], tmp_path: Path
) -> None:
    """Issue 5, section 6. An event that says NaN would be no JSON either."""

    def spoilt(base: LoadedBase, *given: Any) -> torch.Tensor:
        predicted = tiny_base.family.predict(base, *given)
        return predicted if torch.is_grad_enabled() else predicted * float("nan")

    base = dataclasses.replace(tiny_base, family=dataclasses.replace(tiny_base.family, predict=spoilt))
    run = Run(tmp_path / "out")
    with pytest.raises(TrainingFailed, match="on the pictures that are held out became nan after step"):
        tiny_train(tiny_recipe("training.validation_split=0.2"), tiny_pictures, base, tmp_path / "out", run=run)
    assert not run.said(Validated)
    assert run.said(Failed)[0].kind == "NotANumber"


def test_the_loss_on_held_out_pictures_is_the_mean_of_plain_passes(
    tiny_base: LoadedBase, tiny_pictures: tuple[TrainPicture, ...], tmp_path: Path
) -> None:
    """With a rate too small to learn, it is the base model's own loss at the four noises."""
    recipe = tiny_recipe("training.validation_split=0.2", "training.epochs=1", "optimizer.learning_rate=2e-7")
    run = tiny_train(recipe, tiny_pictures, tiny_base, tmp_path / "out")
    sizes = [PictureSize(str(p.path), p.width, p.height, p.repeats) for p in tiny_pictures]
    plan = plan_training(recipe, sizes)
    (index,) = plan.held_out
    picture = tiny_pictures[index]
    placed = PlacedPicture(
        picture.path, picture_sha256(picture.path), plan.placements[index], "#ffffff", picture.width, picture.height
    )
    latents = latents_of(tiny_base, [placed], flips=(False,), folder=None, progress=lambda *_: None)
    pictures = TrainSet({(index, False): latents[0, False]}, {index: picture.caption})  # type: ignore[arg-type]
    b = held_out_batch(recipe, tiny_base.schedule, pictures, plan.placements[index].bucket, index, 4)
    states = tiny_base.family.encode_captions(tiny_base, b.captions, TextRules(1, 75))
    with torch.no_grad():
        said = tiny_base.family.predict(tiny_base, b.noisy_BCHW, b.timesteps_B, states)
    wanted = float((said - b.target_BCHW).pow(2).mean())
    assert run.said(Validated)[0].loss == pytest.approx(wanted, rel=1e-3)


def test_regularisation_pictures_are_trained_beside_the_others_and_count_their_weight(
    tiny_base: LoadedBase, tiny_pictures: tuple[TrainPicture, ...], tmp_path: Path
) -> None:
    """F28: with a weight of 0 their samples add nothing; the plan says how many there are."""
    spared = [dataclasses.replace(p, is_regularisation=True) for p in tiny_pictures[3:]]
    pictures = [*tiny_pictures[:3], *spared]
    recipe = tiny_recipe("training.batch_size=1", "training.epochs=1", "pictures.prior_loss_weight=0")
    run = tiny_train(recipe, pictures, tiny_base, tmp_path / "out")
    sizes = [PictureSize(str(p.path), p.width, p.height, p.repeats, p.is_regularisation) for p in pictures]
    plan = plan_training(recipe, sizes)
    order = [batch.picture_indices[0] for batch in plan.epoch_batches(1)]
    assert [loss == 0 for loss in run.losses] == [index >= 3 for index in order]
    assert order.count(3) + order.count(4) == sum(plan.repeats[:3]) == 4
    metadata = header_of(run.out / "tiny.safetensors")["__metadata__"]
    assert (metadata["ss_num_reg_images"], metadata["ss_num_train_images"]) == ("2", "4")
    assert json.loads(metadata["ss_reg_dataset_dirs"])["2_mame 1girl"]["img_count"] == 2


def test_what_a_mask_leaves_out_is_not_learnt(
    tiny_base: LoadedBase, tiny_pictures: tuple[TrainPicture, ...], tmp_path: Path
) -> None:
    """F28: all white is as without, all black leaves no loss, and it is not made up for by what is left."""
    losses: dict[str, list[float]] = {}
    for colour in ("white", "black", "half"):
        masked: list[TrainPicture] = []
        for number, picture in enumerate(tiny_pictures):
            path = tmp_path / f"{colour}{number}.png"
            value = {"white": 255, "black": 0, "half": 128}[colour]
            Image.new("L", (picture.width, picture.height), value).save(path)
            masked.append(dataclasses.replace(picture, mask=path))
        recipe = tiny_recipe("pictures.masked_loss=true", "training.epochs=1", "optimizer.learning_rate=2e-7")
        losses[colour] = tiny_train(recipe, masked, tiny_base, tmp_path / colour).losses
    plain = tiny_recipe("training.epochs=1", "optimizer.learning_rate=2e-7")
    without = tiny_train(plain, tiny_pictures, tiny_base, tmp_path / "plain").losses
    assert losses["white"] == pytest.approx(without, rel=1e-5)
    assert losses["black"] == [0.0] * len(without)
    assert losses["half"] == pytest.approx([loss * 128 / 255 for loss in without], rel=1e-3)
