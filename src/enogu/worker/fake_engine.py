"""An engine that learns nothing: the same protocol, events and files as ``engine_child``, within milliseconds.

For tests of everything around a training. Files are whole and deterministic: a LoRA of two layers in Kohya's layout
whose numbers come of the recipe, the pictures and every step before, so that a resume that lost something shows. How
fast it is and what goes wrong is said on its command line, never in a prompt.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from enogu.errors import BaseModelRefused, EnoguError, PictureRefused, RecipeRefused, TrainingFailed, WrongUse
from enogu.recipe import TrainRecipe, recipe_from_values
from enogu.recipe.draws import random_for
from enogu.recipe.plan import PictureSize, SavedFile, TrainPlan, plan_training
from enogu.recipe.samplers import SAMPLER_TITLES, SCHEDULE_TITLES, why_not_drawn
from enogu.recipe.schedules import learning_rate_factor
from enogu.whole_file import write_whole_bytes
from enogu.worker.child_loop import Say, Steering, run_child, seconds_since, unforeseen
from enogu.worker.engine_messages import DrawJob, PictureToTrain, PlacedBaseModel, TrainJob

if TYPE_CHECKING:
    from enogu.recipe.samplers import Sampler, ScheduleType

REPORT_EVERY_SECONDS = 0.1
_AGAIN = "Try it again; the worker's log holds the details."
FAILURES = {
    "NotANumber": (
        "The loss became nan at step {step}: most likely the learning rate is too high for this base model. "
        "The last good file is none yet.",
        "Lower the learning rate, or set training.mixed_precision to bf16 or none.",
        "optimizer.learning_rate",
    ),
    "OutOfMemory": (
        "The graphics card ran out of memory.",
        "Set training.gradient_checkpointing = true, lower training.batch_size, pictures.resolution or adapter.dim, "
        "or set training.mixed_precision to fp16.",
        "training.batch_size",
    ),
    "DiskFull": ("Could not write lora.safetensors: No space left on device.", _AGAIN, ""),
    "TrainingFailed": (
        "The engine met something that nobody thought of (RuntimeError: the fake engine was told to fail).",
        _AGAIN,
        "",
    ),
}
"""By kind: message, cure and field, in the real engine's words, so that they have their Japanese."""
_LAYERS = {
    "unet": ("lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k", 768, 320),
    "text_encoder": ("lora_te_text_model_encoder_layers_0_self_attn_q_proj", 768, 768),
}
_DTYPES = {"fp16": ("F16", 2), "bf16": ("BF16", 2), "fp32": ("F32", 4)}
_SMALL = bytes(0x24 | (value & 0x81) for value in range(256))
"""The high byte of a number, so that it is small and finite in each of the three formats."""


@dataclass(frozen=True)
class FakeRules:
    """What the command line says."""

    seconds_per_step: float = 0.0
    seconds_to_load: float = 0.0
    fail_at: int = 0
    fail_kind: str = "NotANumber"
    die_at: int = 0


class FakeEngine:
    """See child_loop.Engine."""

    def __init__(self, rules: FakeRules) -> None:
        self._rules = rules
        self._folder = ""
        self._training_folder = ""

    def train(self, job: TrainJob, say: Say, steering: Steering) -> None:
        """Say and write what the real engine would."""
        recipe = recipe_from_values(job.recipe)
        self._load(job.base_model, say)
        self._training_folder = _resolved(job.base_model)
        try:
            _FakeRun(job, recipe, self._rules, say, steering).go()
        finally:
            self._training_folder = ""

    def can_draw_now(self, job: DrawJob) -> bool:
        """On the same base model."""
        return self._training_folder == _resolved(job.base_model)

    def draw(self, job: DrawJob, say: Say, check: Callable[[], None]) -> None:
        """Rectangles by the seed, the prompt and the LoRAs."""
        if not self._training_folder:
            self._load(job.base_model, say)
        if why_not := why_not_drawn(job.sampler, job.schedule_type, "sd15", "SD1.5"):
            raise WrongUse(*why_not)
        for side in (job.width, job.height):
            if side % 8 or not 8 <= side <= 4096:
                raise WrongUse(f"The side {side} is no multiple of 8.", f"Use {max(8, side // 8 * 8)}.")
        loras = {lora.name: _lora_digest(Path(lora.path)) for lora in job.loras}
        tags = "".join(f" <lora:{lora.name}:{lora.weight:g}>" for lora in job.loras if lora.weight)
        for number in range(job.count):
            for step in range(job.steps):
                check()
                time.sleep(self._rules.seconds_per_step)
                done = number * job.steps + step + 1
                say({"event": "DrawStepped", "done": done, "total": job.count * job.steps})
            check()
            seed, path = job.seed + number, job.out / f"{number:02d}.png"
            look = [job.prompt, job.negative_prompt, seed, sorted(loras.items()), [lora.weight for lora in job.loras]]
            settings = {
                "Steps": job.steps,
                "Sampler": SAMPLER_TITLES[cast("Sampler", job.sampler)],
                "Schedule type": SCHEDULE_TITLES[cast("ScheduleType", job.schedule_type)],
                "CFG scale": job.cfg,
                "Clip skip": job.clip_skip if job.clip_skip > 1 else None,
            }
            parameters = _draw_picture(
                path,
                (job.width, job.height),
                look,
                job.prompt + tags,
                job.negative_prompt,
                seed,
                settings,
                job.base_model,
                loras,
            )
            say({"event": "Drew", "number": number, "seed": seed, "path": str(path), "parameters": parameters})
        say({"event": "DrawFinished"})

    def failure(self, error: BaseException) -> dict[str, Any]:
        """As the real engine words it."""
        if not isinstance(error, EnoguError):
            return unforeseen(error)
        where = error.problems[0].path if isinstance(error, RecipeRefused) and error.problems else ""
        return _failed(0, type(error).__name__, error.message, error.cure, where, None)

    def unload(self) -> None:
        """Forget which base model is there."""
        self._folder = ""

    def _load(self, base_model: PlacedBaseModel, say: Say) -> None:
        began = time.monotonic()
        folder = _resolved(base_model)
        was_warm = folder == self._folder
        if not was_warm:
            if not Path(folder).is_dir():
                raise BaseModelRefused(f"{base_model.name} is not there: {folder}.", "Choose another base model.")
            time.sleep(self._rules.seconds_to_load)
            self._folder = folder
        say(
            {
                "event": "Loaded",
                "base_model": base_model.name,
                "seconds": seconds_since(began),
                "was_warm": was_warm,
            }
        )


class _Stopped(Exception):
    """Somebody asked for the end."""


class _FakeRun:
    """One run: a chain of hashes in place of weights."""

    def __init__(self, job: TrainJob, recipe: TrainRecipe, rules: FakeRules, say: Say, steering: Steering) -> None:
        self._job, self._recipe, self._rules, self._say, self._steering = job, recipe, rules, say, steering
        sizes = [PictureSize(p.path, p.width, p.height, p.repeats, p.is_regularisation) for p in job.pictures]
        self._plan: TrainPlan = plan_training(recipe, sizes)
        self._state_path = job.out / f"{recipe.output_name}-state" / "state.safetensors"
        self._step = 0
        self._losses: list[float] = []
        self._told = 0
        self._told_at = 0.0
        self._started_at = _now()
        self._fingerprint = self._chain = ""

    def go(self) -> None:
        """To the last event."""
        try:
            self._prepare()
            self._run()
        except _Stopped:
            self._say({"event": "Stopped", "step": self._step})

    def _prepare(self) -> None:
        settings = self._recipe.model_dump(mode="json")
        settings.pop("previews")
        settings["saving"].pop("checkpoint_every_n_steps")
        pictures: list[Any] = []
        for done, picture in enumerate(self._job.pictures, 1):
            pictures.append([_picture_sha256(picture), picture.caption, picture.repeats])
            self._say({"event": "Cached", "done": done, "total": len(self._job.pictures), "reused": 0})
            if self._steering.between_steps(only_stop=True).stop:
                raise _Stopped
        self._fingerprint = self._chain = _digest([settings, pictures, self._job.base_model.name])
        if self._job.resume and self._state_path.exists():
            self._restore()

    def _run(self) -> None:
        plan, recipe = self._plan, self._recipe
        began = self._told_at = time.monotonic()
        self._told = self._step
        self._say(
            {
                "event": "Started",
                "step": self._step,
                "num_steps": plan.num_steps,
                "num_epochs": plan.num_epochs,
                "num_adapter_parameters": {part: recipe.adapter.dim * 1088 for part in self._parts()},
                "device": "fake",
                "dtype": "float32",
                "notes": [],
            }
        )
        saved_files = {file.step: file for file in plan.saved_files}
        while self._step < plan.num_steps:
            self._one_step()
            epoch = (self._step - 1) // plan.steps_per_epoch + 1
            if file := saved_files.get(self._step):
                self._report(epoch)
                self._save(file)
                if file.epoch % recipe.previews.every_n_epochs == 0 or file.epoch == plan.num_epochs:
                    self._preview(epoch, f"e{epoch:06d}")
            if self._step % recipe.saving.checkpoint_every_n_steps == 0 or self._step in saved_files:
                self._report(epoch)
                self._keep_state()
            if self._step == self._rules.die_at:
                os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
            if time.monotonic() - self._told_at >= REPORT_EVERY_SECONDS:
                self._report(epoch)
            self._answer(epoch)
        last = plan.saved_files[-1]
        if not (self._job.out / last.filename).exists():
            self._save(last)
        paths = [self._job.out / file.filename for file in plan.saved_files]
        files = [str(path) for path in paths if path.exists()]
        self._say(
            {"event": "Finished", "num_steps": plan.num_steps, "seconds": time.monotonic() - began, "files": files}
        )

    def _one_step(self) -> None:
        time.sleep(self._rules.seconds_per_step)
        step = self._step + 1
        if step == self._rules.fail_at:
            words, cure, where = FAILURES[self._rules.fail_kind]
            suggested = {
                "optimizer.learning_rate": self._recipe.optimizer.learning_rate / 2,
                "training.batch_size": 1,
            }.get(where)
            self._say(_failed(self._step, self._rules.fail_kind, words.format(step=step), cure, where, suggested))
            raise TrainingFailed(words.format(step=step))
        self._chain = _digest([self._chain, step])
        noise = random_for(self._recipe.seed, "fake loss", step).gauss(0, 0.008)
        self._losses.append(0.09 + 0.08 * math.exp(-4 * step / self._plan.num_steps) + noise)
        self._step = step

    def _answer(self, epoch: int) -> None:
        wishes = self._steering.between_steps()
        if self._step == self._plan.num_steps:
            return
        if wishes.stop or wishes.save or wishes.sample:
            self._report(epoch)
        if wishes.save:
            name = f"{self._recipe.output_name}-step{self._step:08d}.safetensors"
            self._save(SavedFile(epoch, self._step, name))
        if wishes.sample:
            self._preview(epoch, f"{self._step:06d}")
            if not self._recipe.previews.prompts:
                reason = "This run has no preview prompts (previews.prompts)."
                self._say({"event": "SampleFailed", "epoch": epoch, "step": self._step, "reason": reason})
        if wishes.save or wishes.stop:
            self._keep_state()
        if wishes.stop:
            raise _Stopped

    def _report(self, epoch: int) -> None:
        losses = self._losses[self._told :]
        if not losses:
            return
        recipe, plan = self._recipe, self._plan
        seconds = max(time.monotonic() - self._told_at, 1e-9)
        window = self._losses[-plan.steps_per_epoch :]
        factor = learning_rate_factor(recipe.schedule, self._step - 1, plan.num_steps, recipe.optimizer.learning_rate)
        rates = {"unet": recipe.optimizer.unet_rate, "text_encoder": recipe.optimizer.text_encoder_rate}
        self._say(
            {
                "event": "Stepped",
                "step": self._step,
                "num_steps": plan.num_steps,
                "epoch": epoch,
                "losses": losses,
                "average_loss": sum(window) / len(window),
                "learning_rates": {part: rates[part] * factor for part in self._parts()},
                "steps_per_second": len(losses) / seconds,
                "seconds_left": seconds / len(losses) * (plan.num_steps - self._step),
                "memory_mib": 64,
            }
        )
        self._told, self._told_at = self._step, time.monotonic()

    def _parts(self) -> list[str]:
        wanted = self._recipe.adapter.parts
        return [part for part in _LAYERS if wanted in (part, "unet_and_text_encoder")]

    def _save(self, file: SavedFile) -> None:
        path = self._job.out / file.filename
        tensors = self._tensors()
        hashed = hashlib.sha256(b"".join(data for _, _, data in tensors.values())).hexdigest()
        metadata = {**self._metadata(file), "sshs_model_hash": hashed, "sshs_legacy_hash": hashed[:8]}
        content = tensor_file(tensors, metadata)
        write_whole_bytes(path, content)
        sha256 = hashlib.sha256(content).hexdigest()
        self._say({"event": "Saved", "epoch": file.epoch, "step": file.step, "path": str(path), "sha256": sha256})

    def _tensors(self) -> dict[str, tuple[str, list[int], bytes]]:
        """By name in the order of the file: (dtype, shape, bytes)."""
        dtype, width = _DTYPES[self._recipe.saving.precision]
        dim = self._recipe.adapter.dim
        tensors: dict[str, tuple[str, list[int], bytes]] = {}
        for part in self._parts():
            key, num_in, num_out = _LAYERS[part]
            tensors[f"{key}.alpha"] = (dtype, [], _number(self._recipe.adapter.alpha, dtype))
            for name, shape in (("lora_down", [dim, num_in]), ("lora_up", [num_out, dim])):
                count = shape[0] * shape[1]
                numbers = bytearray(hashlib.shake_256(f"{self._chain} {key} {name}".encode()).digest(count * width))
                numbers[width - 1 :: width] = numbers[width - 1 :: width].translate(_SMALL)
                tensors[f"{key}.{name}.weight"] = (dtype, shape, bytes(numbers))
        return tensors

    def _metadata(self, file: SavedFile) -> dict[str, str]:
        recipe, plan = self._recipe, self._plan
        frequency: dict[str, dict[str, int]] = {}
        for picture in self._job.pictures:
            counts = frequency.setdefault(picture.folder, {})
            for tag in [recipe.trigger, *picture.caption.split(",")]:
                if tag := tag.strip().lower():
                    counts[tag] = counts.get(tag, 0) + 1
        values: dict[str, object] = {
            "ss_v2": False,
            "ss_base_model_version": "sd_v1",
            "ss_output_name": recipe.output_name,
            "ss_sd_model_name": self._job.base_model.name,
            "ss_network_module": "networks.lora",
            "ss_network_dim": recipe.adapter.dim,
            "ss_network_alpha": recipe.adapter.alpha,
            "ss_learning_rate": recipe.optimizer.learning_rate,
            "ss_num_epochs": plan.num_epochs,
            "ss_max_train_steps": plan.num_steps,
            "ss_num_train_images": sum(plan.repeats),
            "ss_batch_size_per_device": plan.batch_size,
            "ss_resolution": f"({recipe.pictures.resolution}, {recipe.pictures.resolution})",
            "ss_clip_skip": recipe.training.clip_skip,
            "ss_seed": recipe.seed,
            "ss_steps": file.step,
            "ss_epoch": file.epoch,
            "ss_tag_frequency": json.dumps(frequency),
            "ss_training_started_at": self._started_at,
            "ss_training_finished_at": _now(),
            "modelspec.sai_model_spec": "1.0.1",
            "modelspec.architecture": "stable-diffusion-v1/lora",
            "modelspec.title": recipe.output_name,
            "modelspec.trigger_phrase": recipe.trigger,
            "enogu_trigger": recipe.trigger,
        }
        return {key: str(value) for key, value in values.items()}

    def _preview(self, epoch: int, moment: str) -> None:
        rules = self._recipe.previews
        size = (rules.width or self._recipe.pictures.resolution, rules.height or self._recipe.pictures.resolution)
        settings = {"Steps": rules.steps, "Sampler": SAMPLER_TITLES[rules.sampler], "CFG scale": rules.cfg}
        for index, prompt in enumerate(rules.prompts):
            for seed in range(rules.seed, rules.seed + rules.count):
                name = f"{self._recipe.output_name}_{moment}_{index:02d}_{seed}.png"
                path = self._job.out / "sample" / name
                look = [prompt, seed, self._chain]
                _draw_picture(path, size, look, prompt, rules.negative_prompt, seed, settings, self._job.base_model, {})
                self._say(
                    {
                        "event": "Sampled",
                        "epoch": epoch,
                        "step": self._step,
                        "prompt_index": index,
                        "prompt": prompt,
                        "seed": seed,
                        "path": str(path),
                    }
                )

    def _keep_state(self) -> None:
        metadata = {
            "fingerprint": self._fingerprint,
            "chain": self._chain,
            "step": str(self._step),
            "started_at": repr(self._started_at),
            "losses": json.dumps(self._losses),
        }
        write_whole_bytes(self._state_path, tensor_file({"state": ("U8", [1], b"\0")}, metadata))
        self._say({"event": "Checkpointed", "step": self._step, "path": str(self._state_path)})

    def _restore(self) -> None:
        metadata = _header(self._state_path).get("__metadata__", {})
        if metadata.get("fingerprint") != self._fingerprint:
            raise WrongUse(
                f"{self._state_path.parent.name} is the state of a run with another recipe, other pictures or another "
                "base model.",
                "Start without --resume, or choose another --out folder.",
            )
        self._chain, self._step = metadata["chain"], int(metadata["step"])
        self._started_at, self._losses = float(metadata["started_at"]), json.loads(metadata["losses"])


def tensor_file(tensors: Mapping[str, tuple[str, list[int], bytes]], metadata: Mapping[str, str]) -> bytes:
    """A safetensors file of (dtype, shape, bytes) by name."""
    header: dict[str, Any] = {"__metadata__": dict(sorted(metadata.items()))}
    at = 0
    for name, (dtype, shape, data) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + len(data)]}
        at += len(data)
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + b"".join(data for _, _, data in tensors.values())


def _draw_picture(
    path: Path,
    size: tuple[int, int],
    look: Sequence[Any],
    prompt: str,
    negative_prompt: str,
    seed: int,
    settings: Mapping[str, Any],
    base_model: PlacedBaseModel,
    loras: Mapping[str, str],
) -> str:
    """A picture by ``look``, with the text in it; the text. Pillow is imported with the first one."""
    from PIL import Image, ImageDraw

    from enogu.imaging.infotext import save_png, write_infotext, write_lora_hashes

    chance = random_for(int(_digest(look)[:12], 16), "fake picture")
    width, height = size
    image = Image.new("RGB", size, tuple(chance.randrange(256) for _ in range(3)))
    pen = ImageDraw.Draw(image)
    for _ in range(5):
        left, top = chance.randrange(width), chance.randrange(height)
        box = (left, top, left + chance.randrange(1, width), top + chance.randrange(1, height))
        pen.rectangle(box, fill=tuple(chance.randrange(256) for _ in range(3)))
    parameters = write_infotext(
        prompt,
        negative_prompt,
        {
            **settings,
            "Seed": seed,
            "Size": f"{width}x{height}",
            "Model hash": _digest([base_model.name])[:10],
            "Model": base_model.name,
            "Lora hashes": write_lora_hashes({name: digest[:12] for name, digest in loras.items()}),
            "Version": "Enogu",
        },
    )
    save_png(image, path, parameters)
    return parameters


def _lora_digest(path: Path) -> str:
    """sha256 of the tensor bytes. Raises AdapterRefused for what is no safetensors file."""
    from enogu.errors import AdapterRefused

    header = _header(path)
    if not any(name.endswith(".lora_down.weight") for name in header):
        raise AdapterRefused(f"{path.name} is no LoRA that can be used.", "Choose a LoRA file.")
    data = path.read_bytes()
    return hashlib.sha256(data[8 + int.from_bytes(data[:8], "little") :]).hexdigest()


def _header(path: Path) -> dict[str, Any]:
    """The header of a safetensors file; empty for anything else."""
    try:
        with path.open("rb") as file:
            return dict(json.loads(file.read(min(int.from_bytes(file.read(8), "little"), 1 << 26))))
    except (OSError, ValueError, TypeError):
        return {}


def _picture_sha256(picture: PictureToTrain) -> str:
    path = Path(picture.path)
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        reason = error.strerror or str(error)
        raise PictureRefused(f"{path.name} cannot be read ({reason}).", "Check that it is still there.") from error


def _number(value: float, dtype: str) -> bytes:
    import struct

    if dtype == "F16":
        return struct.pack("<e", value)
    whole = struct.pack("<f", value)
    return whole if dtype == "F32" else whole[2:]


def _digest(values: object) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def _resolved(base_model: PlacedBaseModel) -> str:
    return str(Path(base_model.folder).resolve())


def _failed(step: int, kind: str, message: str, cure: str, where: str, suggested: object) -> dict[str, Any]:
    return {
        "event": "Failed",
        "step": step,
        "kind": kind,
        "message": message,
        "cure": cure,
        "field": where,
        "suggested": suggested,
    }


def _now() -> float:
    """As the real engine: SOURCE_DATE_EPOCH fixes it."""
    fixed = os.environ.get("SOURCE_DATE_EPOCH")
    return float(fixed) if fixed else time.time()


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve one worker until it says quit or is gone."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--parent", type=int, default=0)
    parser.add_argument("--seconds-per-step", type=float, default=0.0)
    parser.add_argument("--seconds-to-load", type=float, default=0.0)
    parser.add_argument("--fail-at", type=int, default=0, help="this step fails")
    parser.add_argument("--fail-kind", choices=sorted(FAILURES), default="NotANumber")
    parser.add_argument("--die-at", type=int, default=0, help="SIGKILL itself behind this step")
    options = parser.parse_args(arguments)
    rules = FakeRules(
        options.seconds_per_step, options.seconds_to_load, options.fail_at, options.fail_kind, options.die_at
    )
    return run_child(lambda: FakeEngine(rules), "fake", options.parent)


if __name__ == "__main__":
    sys.exit(main())
