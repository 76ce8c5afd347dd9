"""Train a LoRA: read this file top to bottom.

One loop for all families. It knows the recipe, the pictures and a base model; it says what happens through ``emit``
and asks ``between_steps`` what is wanted. Nothing random has a state (see ``noise.py``), so going on from a checkpoint
gives the same bytes as never having stopped.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from enogu.engine.adapters import kinds, lora
from enogu.engine.adapters.blocks import num_blocks_of
from enogu.engine.adapters.starting import begin_with
from enogu.engine.averaging import Average
from enogu.engine.checkpoint import RunState, fingerprint_of, has_state, restore, save_checkpoint, state_path
from enogu.engine.control import Between, BetweenSteps, ask_nothing
from enogu.engine.data.latent_cache import Latents, PlacedPicture, latents_of, picture_sha256
from enogu.engine.data.loader import TrainBatch, TrainSet, held_out_batch, make_batch
from enogu.engine.data.masks import MaskedPicture, masks_of
from enogu.engine.data.random_crops import RandomCrops
from enogu.engine.data.text_states import MAX_ENTRIES, TextStates
from enogu.engine.events import (
    Cached,
    Checkpointed,
    Event,
    Finished,
    Saved,
    SparedMemory,
    Started,
    Stepped,
    Stopped,
    Validated,
    WentBack,
)
from enogu.engine.export import PictureForMetadata, kohya_hashes, lora_metadata, save_lora
from enogu.engine.failures import NotANumber, failed_event, in_words, is_out_of_memory, likely_cause
from enogu.engine.families import LoadedBase, TextRules
from enogu.engine.flow import FlowSchedule
from enogu.engine.lora_file import LoraFile
from enogu.engine.losses import errors, loss_weight
from enogu.engine.memory import forget_peak_memory, free_unused, gradient_checkpointing, peak_memory_mib
from enogu.engine.noise import schedule_of
from enogu.engine.optim import block_factor, clip_gradients, make_optimizer, rates_of, set_rates
from enogu.engine.pace import Pace
from enogu.engine.previews import PreviewsStopped, draw_previews, draw_previews_now
from enogu.engine.stored import fetched_again
from enogu.engine.team import ALONE, Team
from enogu.errors import TrainingFailed, WrongUse
from enogu.recipe import TrainRecipe, finds_its_rate
from enogu.recipe.captions import CaptionRules, captions_vary, final_caption
from enogu.recipe.draws import random_for
from enogu.recipe.plan import Batch, PictureSize, SavedFile, TrainPlan, plan_training
from enogu.recipe.schedules import learning_rate_factor
from enogu.whole_file import make_folder

REPORT_EVERY_SECONDS = 0.5
VALIDATION_NOISES = 4
"""Strengths of noise at which a picture that is held out is measured: timesteps 200, 400, 600 and 800."""
MOST_OVERFLOWS = 32
"""With a scaled loss: after so many steps left out one after another there is no scale that would do."""
SAVE_DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}


@dataclass(frozen=True)
class TrainPicture:
    """One picture of the training set; ``folder`` names its folder in the metadata."""

    path: Path
    caption: str
    repeats: int
    width: int
    height: int
    folder: str
    is_regularisation: bool = False
    """It keeps what the base model knows of a class, and is not what is to be learnt."""
    mask: Path | None = None
    """A picture of the same size that is white, or opaque, where this one is to be learnt."""
    mask_cut: tuple[int, ...] | None = None
    """When this is a crop and the mask is the whole picture's: left, top, width, height; width, height of the crop."""


@dataclass(frozen=True)
class TrainResult:
    """What a finished run left."""

    files: tuple[Path, ...]
    num_steps: int


def train(
    recipe: TrainRecipe,
    pictures: Sequence[TrainPicture],
    base: LoadedBase,
    out: Path,
    emit: Callable[[Event], None],
    *,
    cache: Path | None = None,
    resume: bool = False,
    start: LoraFile | None = None,
    between_steps: BetweenSteps = ask_nothing,
    team: Team = ALONE,
) -> TrainResult:
    """Train as ``recipe`` says and leave one LoRA file an epoch in ``out``. Emits Failed before it raises.

    ``resume`` goes on from the checkpoint in ``out`` if there is one; it alone is enough, as when another machine takes
    over. ``start`` is the LoRA to train further where the recipe says so. ``between_steps`` says what is asked
    (control.py); on a stop the state is saved, Stopped emitted and TrainingStopped raised. ``cache`` is the folder of
    shared latents. In a ``team`` (team.py) every member calls this with the same; only the first writes and emits.
    """
    run: _Run | None = None
    emit = emit if team.leads else _say_nothing
    try:
        run = _Run(recipe, pictures, base, out, emit, cache, team)
        run.begin_with(start)
        with run.checkpointing:
            if recipe.training.gradient_checkpointing:
                run.spare_memory()
            return run.go(resume, between_steps)
    except TrainingStopped as stopped:
        emit(Stopped(stopped.step))
        raise
    except Exception as error:
        failure = in_words(error)
        if failure is None:
            raise
        emit(failed_event(run.step if run else 0, failure, recipe))
        if failure is error:
            raise
        raise failure from error
    finally:
        if run is not None:
            lora.detach(run.targets)


def _say_nothing(_: Event) -> None:
    """Members of a team that do not lead."""


class TrainingStopped(TrainingFailed):
    """Somebody asked for the end; the state of ``step`` is there to go on from."""

    def __init__(self, step: int) -> None:
        super().__init__(f"Stopped at step {step}.", "Start again with --resume to go on.")
        self.step = step


class _Run:
    """One run: what is made once, and the steps."""

    def __init__(
        self,
        recipe: TrainRecipe,
        pictures: Sequence[TrainPicture],
        base: LoadedBase,
        out: Path,
        emit: Callable[[Event], None],
        cache: Path | None,
        team: Team = ALONE,
    ) -> None:
        self.team = team
        self.recipe, self.pictures, self.out, self.emit, self.cache = recipe, pictures, out, emit, cache
        self.base = base = _as_the_recipe_says(base, recipe)
        self.captions = [picture.caption for picture in pictures]
        self.step = 0
        self.checkpointing = ExitStack()
        self.spares_memory = False
        self.between_steps: BetweenSteps = ask_nothing
        self.fingerprint = ""
        self.has_begun = not recipe.start_from
        self.previews_due = False
        self.losses: list[float] = []
        self.overflows = 0
        self.saved: list[str] = []
        self.started_at = _now()
        sizes = [PictureSize(str(p.path), p.width, p.height, p.repeats, p.is_regularisation) for p in pictures]
        self.plan: TrainPlan = plan_training(recipe, sizes)
        trains_text = any(part != "unet" for part in recipe.trained_parts)
        self.all_targets = base.family.all_targets(base)
        self.targets = kinds.chosen_targets(
            base.family.targets(base), base.family.conv_targets(base), recipe.adapter, recipe.trained_parts
        )
        num_blocks = num_blocks_of(target.key for target in self.targets)
        self.targets = [target for target in self.targets if block_factor(recipe, target.key, num_blocks) > 0]
        self.parameters = kinds.new_adapter(self.targets, recipe.adapter, recipe.seed, base.compute.device)
        self.optimizer = make_optimizer(recipe, self.parameters)
        decay = recipe.training.ema_decay
        self.average = None if decay is None else Average(self.parameters.flat, decay)
        self.scaler = torch.amp.GradScaler(base.compute.device.type, enabled=base.compute.needs_loss_scaling)
        rules = TextRules(recipe.training.clip_skip, recipe.captions.max_token_length, recipe.captions.weighted)
        self.text = TextStates(base, rules, trained=trains_text)
        self.checkpoint = state_path(out, recipe.output_name)

    def begin_with(self, start: LoraFile | None) -> None:
        """Before the first step: what is trained further. A state to go on from comes after it and holds all."""
        if start is None:
            if self.recipe.start_from and not has_state(self.checkpoint):
                raise WrongUse(
                    f"The LoRA to start from, {self.recipe.start_from}, was not given.", "Leave start_from out."
                )
            return
        self.has_begun = True
        begin_with(self.parameters, start.tensors)
        if self.average is not None:
            self.average.begin()

    def go(self, resume: bool, between_steps: BetweenSteps) -> TrainResult:
        make_folder(self.out)
        forget_peak_memory(self.base.compute.device)
        self.between_steps = between_steps
        hashes = [picture_sha256(picture.path) for picture in self.pictures]
        self.fingerprint = self._fingerprint(hashes)
        if resume:
            self.team.first_the_leader(self._restore)
        latents = self.team.first_the_leader(lambda: self._latents(hashes))
        crops = None
        if self.recipe.pictures.random_crop:
            masked = self._masked() if self.recipe.pictures.masked_loss else []
            crops = RandomCrops(self.base, self._placed(hashes), masked, self.recipe.seed)
        self.set = TrainSet(latents, self.captions, self._masks(), frozenset(self.plan.regularisation), crops)
        self._rest()
        kinds.attach(self.targets, self.parameters)
        self._announce()
        began = time.monotonic()
        report = _Report(self)
        saved_files = {file.step: file for file in self.plan.saved_files}
        if self.previews_due and self.step in saved_files and self.team.leads:
            file = saved_files[self.step]
            self._preview(file, self._file_of_now(file.epoch, file.filename))
        for epoch in range(self.step // self.plan.steps_per_epoch + 1, self.plan.num_epochs + 1):
            updates = self.plan.epoch_updates(epoch)
            first = self.step - (epoch - 1) * self.plan.steps_per_epoch
            for batches in updates[first:]:
                report.add(self._update(batches, epoch))
                if self.step == epoch * self.plan.steps_per_epoch and self._is_validated(epoch):
                    report.flush(epoch)
                    self._validate(epoch)
                    report.restart_clock()
                if self.step in saved_files:
                    report.flush(epoch)
                    saving_began = time.monotonic()
                    self._save(saved_files[self.step])
                    report.pace.saved(self.step, time.monotonic() - saving_began)
                    report.restart_clock()
                if self.step % self.recipe.saving.checkpoint_every_n_steps == 0 or self.step in saved_files:
                    report.flush(epoch)
                    self._keep_state()
                report.flush_if_due(epoch)
                self._answer(report, epoch)
        self._save_last_if_missing()
        paths = [self.out / file.filename for file in self.plan.saved_files]
        files = tuple(path for path in paths if path.exists())
        self.emit(Finished(self.plan.num_steps, time.monotonic() - began, tuple(str(file) for file in files)))
        return TrainResult(files, self.plan.num_steps)

    def _rest(self) -> None:
        """What has done its part leaves the device: the VAE, and text encoders that no caption will ask again."""
        if not self.recipe.pictures.random_crop:
            self.base.rest("vae")
        rules = self.recipe.captions
        if not self.text.trained and not captions_vary(rules) and len(self.captions) <= MAX_ENTRIES:
            unchanged = [
                final_caption(
                    caption,
                    rules,
                    trigger="" if index in self.plan.regularisation else self.recipe.trigger,
                    rng=random_for(0, "none of these rules draws"),
                    epoch=1,
                )
                for index, caption in enumerate(self.captions)
            ]
            self.text.keep_all(unchanged)

    def _answer(self, report: _Report, epoch: int) -> None:
        """Do what is asked between two steps. After the last one all is done anyway."""
        with report.clock_paused():
            asked = self.team.agreed(lambda: self.between_steps(Between(self.step, self.all_targets)))
        if self.step == self.plan.num_steps or not (asked.stop or asked.save or asked.sample):
            return
        report.flush(epoch)
        if asked.save:
            self._save_now(epoch)
        if asked.sample:
            self._sample_now(epoch)
        if asked.save or asked.stop:
            self._keep_state()
        if asked.stop:
            raise TrainingStopped(self.step)
        report.restart_clock()

    def _update(self, batches: Sequence[Batch], epoch: int) -> torch.Tensor:
        """One step: each batch forward and backward, then one change of the weights.

        Loss and size of the gradient, [2]: they stay on the device.
        """
        recipe = self.recipe
        factor = learning_rate_factor(recipe.schedule, self.step, self.plan.num_steps, recipe.optimizer.learning_rate)
        set_rates(self.optimizer, factor)
        total = self._gradients_in_what_there_is(batches, epoch)
        self.team.add_up(self.parameters.flat, total)
        self.scaler.unscale_(self.optimizer)
        gradient_norm = clip_gradients(self.parameters, recipe.optimizer.max_grad_norm)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.parameters.zero_gradients()
        self.step += 1
        if recipe.training.scale_weight_norms is not None:
            kinds.scale_weight_norms(self.parameters, recipe.training.scale_weight_norms)
        if self.average is not None:
            self.average.follow(self.step)
        return torch.stack([total, gradient_norm])

    def spare_memory(self) -> None:
        """Gradient checkpointing from now on, to the end of the run."""
        self.checkpointing.enter_context(gradient_checkpointing(self.base.networks, on=True))
        self.spares_memory = True

    def _gradients_in_what_there_is(self, batches: Sequence[Batch], epoch: int) -> torch.Tensor:
        """``_gradients``; once more with gradient checkpointing where memory ran out, if the recipe allows it.

        No weight has changed by then and no draw depends on what was drawn before, so the step is the same to the bit.
        """
        try:
            return self._gradients(batches, epoch)
        except Exception as error:
            may_retry = self.recipe.training.retry_with_checkpointing and not self.spares_memory
            if not may_retry or not is_out_of_memory(error):
                raise
        # Out of the handler, since the error holds the frames of the pass and with them everything it had computed.
        self.parameters.zero_gradients()
        free_unused()
        self.spare_memory()
        self.emit(SparedMemory(self.step))
        return self._gradients(batches, epoch)

    def _gradients(self, batches: Sequence[Batch], epoch: int) -> torch.Tensor:
        """Each batch forward and backward; the mean of their losses, on the device."""
        base, chance, team = self.base, self.parameters.chance, self.team
        total = torch.zeros((), device=base.compute.device)
        for micro_step, batch in enumerate(batches):
            if chance is not None:
                chance.at(self.step, micro_step * team.size + team.rank)
            whole = make_batch(self.recipe, base.schedule, self.set, batch, self.step, micro_step, epoch=epoch)
            b, part = team.share_of(whole)
            if b is None:
                self.scaler.scale(total)  # it makes its state at its first use, which must not be the step's end
                continue
            with fetched_again() if base.compute.stores else nullcontext():
                loss = self._loss_of(b) / (len(batches) / part)
                self.scaler.scale(loss).backward()
            total += loss.detach()
        if chance is not None:
            chance.rest()
        return total

    def _loss_of(self, b: TrainBatch) -> torch.Tensor:
        """The mean loss of a batch: errors by place, then by sample, each as much as it counts."""
        recipe, base, schedule = self.recipe, self.base, self.base.schedule
        conditions = replace(self.text.of(b.captions), sizes_B6=b.sizes_B6, guidance=recipe.flow.guidance)
        predicted = base.family.predict(base, b.noisy_BCHW, b.timesteps_B, conditions)
        wanted = b.target_BCHW.to(base.compute.device)
        error = errors(recipe.loss, schedule, predicted.float(), wanted, b.timesteps_B)
        if b.masks_B1HW is not None:
            error = error * b.masks_B1HW.to(base.compute.device)
        weight = loss_weight(recipe.noise, schedule, b.timesteps_B) * b.weights_B
        return (error.mean(dim=(1, 2, 3)) * weight.to(base.compute.device)).mean()

    def _is_validated(self, epoch: int) -> bool:
        every = self.recipe.training.validate_every_n_epochs
        return bool(self.plan.held_out) and (epoch % every == 0 or epoch == self.plan.num_epochs)

    def _validate(self, epoch: int) -> None:
        """The mean loss on the pictures that are held out, with what a file of this step would hold."""
        if not self.team.leads:
            return
        plan, schedule = self.plan, self.base.schedule
        with torch.no_grad(), self.average.in_place() if self.average else nullcontext():
            batches = (
                held_out_batch(self.recipe, schedule, self.set, plan.placements[index].bucket, index, VALIDATION_NOISES)
                for index in plan.held_out
            )
            loss = float(torch.stack([self._loss_of(batch) for batch in batches]).mean())
        if not math.isfinite(loss):
            raise self._no_number(f"The loss on the pictures that are held out became {loss} after step {self.step}")
        self.emit(Validated(epoch, self.step, loss, len(plan.held_out)))

    def _save(self, file: SavedFile) -> None:
        """The LoRA of an epoch, loaded back before it is called saved, and its previews, drawn from that file."""
        if not self.team.leads:
            return
        path = self._write(file)
        if file.epoch % self.recipe.previews.every_n_epochs == 0 or file.epoch == self.plan.num_epochs:
            self._preview(file, path)

    def _preview(self, file: SavedFile, drawn_from: Path | LoraFile) -> None:
        """When it is stopped, the state remembers that these previews are due."""
        recipe, targets, stop = self.recipe, self.all_targets, self._wants_stop
        try:
            draw_previews(recipe, self.base, targets, drawn_from, file.epoch, file.step, self.emit, stop)
            self.previews_due = False
        except PreviewsStopped:
            self.previews_due = True
            self._keep_state()
            raise TrainingStopped(self.step) from None

    def _save_now(self, epoch: int) -> None:
        """A file of this step beside those of the plan, under the name sd-scripts gives to files of steps."""
        if not self.team.leads:
            return
        self._write(SavedFile(epoch, self.step, self._step_name()))

    def _sample_now(self, epoch: int) -> None:
        """Previews of this step from memory. When it is stopped, so is the run."""
        if not self.team.leads:
            return
        self._check_weights()
        file, targets, stop = self._file_of_now(epoch, self._step_name()), self.all_targets, self._wants_stop
        try:
            draw_previews_now(self.recipe, self.base, targets, file, epoch, self.step, self.emit, stop)
        except PreviewsStopped:
            self._keep_state()
            raise TrainingStopped(self.step) from None

    def _wants_stop(self) -> bool:
        return self.between_steps(Between(self.step, self.all_targets, only_stop=True)).stop

    def _save_last_if_missing(self) -> None:
        """A run taken over from another machine after its last step may have its state alone."""
        last = self.plan.saved_files[-1]
        if self.team.leads and not (self.out / last.filename).exists():
            self._save(last)

    def _step_name(self) -> str:
        return f"{self.recipe.output_name}-step{self.step:08d}.safetensors"

    def _write(self, file: SavedFile) -> Path:
        self._check_weights()
        path = self.out / file.filename
        sha256 = save_lora(path, self._tensors(), self._metadata(file.epoch, file.step))
        self.saved.append(file.filename)
        self.emit(Saved(file.epoch, file.step, str(path), sha256))
        return path

    def _file_of_now(self, epoch: int, filename: str) -> LoraFile:
        """The LoRA of this step as it would be read from a file of that name, without one."""
        tensors, metadata = self._tensors(), self._metadata(epoch, self.step)
        digest = kohya_hashes(tensors, metadata)["sshs_model_hash"]
        return LoraFile(self.out / filename, tensors, metadata, digest)

    def _tensors(self) -> dict[str, torch.Tensor]:
        with self.average.in_place() if self.average else nullcontext():
            return kinds.to_file(self.targets, self.parameters, SAVE_DTYPES[self.recipe.saving.precision])

    def _metadata(self, epoch: int, step: int) -> dict[str, str]:
        described = [
            PictureForMetadata(
                p.folder,
                unchanged_caption(p.caption, "" if p.is_regularisation else self.recipe.trigger),
                repeats,
                p.is_regularisation,
            )
            for index, (p, repeats) in enumerate(zip(self.pictures, self.plan.repeats, strict=True))
            if index not in self.plan.held_out
        ]
        return lora_metadata(
            self.recipe,
            self.plan,
            described,
            self.base,
            epoch=epoch,
            step=step,
            started_at=self.started_at,
            finished_at=_now(),
            gradient_checkpointing=self.spares_memory,
        )

    def _placed(self, hashes: Sequence[str]) -> list[PlacedPicture]:
        background = self.recipe.pictures.background
        return [
            PlacedPicture(p.path, sha256, placement, background, p.width, p.height)
            for p, sha256, placement in zip(self.pictures, hashes, self.plan.placements, strict=True)
        ]

    def _latents(self, hashes: Sequence[str]) -> dict[tuple[int, bool], Latents]:
        """With random crops too: held-out pictures have theirs in the middle, and what cannot be read is said now."""
        rules = self.recipe.pictures

        def progress(done: int, total: int, reused: int) -> None:
            self.emit(Cached(done, total, reused))
            if self._wants_stop():
                raise TrainingStopped(self.step)

        return latents_of(
            self.base,
            self._placed(hashes),
            flips=(False, True) if rules.flip and not rules.random_crop else (False,),
            folder=self.cache,
            progress=progress,
        )

    def _masks(self) -> dict[tuple[int, bool], torch.Tensor]:
        rules = self.recipe.pictures
        if not rules.masked_loss:
            return {}
        flips = (False, True) if rules.flip else (False,)
        return masks_of(self._masked(), flips=flips, pixels_per_latent=self.base.family.pixels_per_latent)

    def _masked(self) -> list[MaskedPicture]:
        return [
            MaskedPicture(p.path, p.mask, placement, p.width, p.height, p.mask_cut)
            for p, placement in zip(self.pictures, self.plan.placements, strict=True)
        ]

    def _announce(self) -> None:
        compute = self.base.compute
        numbers = {part: flat.numel() for part, flat in self.parameters.flat.items()}
        dtype = str(compute.dtype).removeprefix("torch.")
        self.emit(
            Started(
                self.step, self.plan.num_steps, self.plan.num_epochs, numbers, str(compute.device), dtype, compute.notes
            )
        )

    def check_steps(self, losses: Sequence[float], gradient_norms: Sequence[float]) -> None:
        """Stop on a loss or gradient that is no number. They are those just read, the last of the current step.

        With a scaled loss (fp16) single gradients overflow by design: that step is left out and the scale lowered.
        """
        for number, (loss, norm) in enumerate(zip(losses, gradient_norms, strict=True), self.step - len(losses) + 1):
            if not math.isfinite(loss):
                raise self._no_number(f"The loss became {loss} at step {number}", losses[: number - self.step - 1])
            self.overflows = 0 if math.isfinite(norm) else self.overflows + 1
            if self.overflows > (MOST_OVERFLOWS if self.scaler.is_enabled() else 0):
                raise self._no_number(f"The gradient became {norm} at step {number}", losses)

    def _check_weights(self) -> None:
        """Stop before weights that are no numbers reach a file or replace a good state."""
        if not all(bool(torch.isfinite(flat).all()) for flat in self.parameters.flat.values()):
            raise self._no_number(f"Weights became NaN or infinite by step {self.step}")

    def _no_number(self, what: str, unseen: Sequence[float] = ()) -> NotANumber:
        """With the likely cause: the number format, losses that rose before, or else the rate."""
        last = self.saved[-1] if self.saved else "none yet"
        cause, cure = likely_cause(
            [*self.losses, *unseen],
            half=self.base.compute.dtype == torch.float16,
            finds_rate=finds_its_rate(self.recipe.optimizer),
        )
        return NotANumber(f"{what}: {cause}. The last good file is {last}.", cure)

    def _fingerprint(self, hashes: Sequence[str]) -> str:
        described = [
            (sha256, p.caption, p.repeats, p.is_regularisation, str(p.mask or ""))
            for sha256, p in zip(hashes, self.pictures, strict=True)
        ]
        return fingerprint_of(self.recipe, described, self.base.hash)

    def _keep_state(self) -> None:
        if not self.team.leads:
            return
        self._check_weights()
        state = RunState(
            self.step,
            self.started_at,
            tuple(self.losses),
            tuple(self.saved),
            self.previews_due,
            self.spares_memory and not self.recipe.training.gradient_checkpointing,
        )
        averages = self.average.tensors if self.average else None
        save_checkpoint(
            self.checkpoint, state, self.parameters, self.optimizer, self.scaler, self.fingerprint, averages
        )
        self.emit(Checkpointed(self.step, str(self.checkpoint)))

    def _restore(self) -> None:
        """From the newest state that is whole, if there is any."""
        averages = self.average.tensors if self.average else None
        restored = restore(self.checkpoint, self.parameters, self.optimizer, self.scaler, self.fingerprint, averages)
        state = restored.state
        if state is not None:
            self.step, self.started_at = state.step, state.started_at
            self.losses, self.saved = list(state.losses), list(state.saved)
            self.previews_due = state.previews_due
            if state.spares_memory and not self.spares_memory:
                self.spare_memory()
        elif restored.damage and not self.has_begun:
            raise WrongUse(
                f"The state in {self.checkpoint.parent} is damaged, and so is the one before it.",
                "Start again without --resume, which needs the LoRA that is trained further.",
            )
        if restored.damage:
            self.emit(WentBack(self.step, restored.damage))


class _Report:
    """Collects losses on the device and reads them once an interval, so that no step waits for the host."""

    def __init__(self, run: _Run) -> None:
        self._run = run
        self.pace = Pace(run.plan, run.recipe)
        self._pending: list[torch.Tensor] = []
        self._since = time.monotonic()

    def add(self, loss: torch.Tensor) -> None:
        self._pending.append(loss)

    def flush_if_due(self, epoch: int) -> None:
        if time.monotonic() - self._since >= REPORT_EVERY_SECONDS:
            self.flush(epoch)

    def flush(self, epoch: int) -> None:
        run = self._run
        if not self._pending:
            return
        losses, norms = torch.stack(self._pending, dim=1).tolist()
        run.check_steps(losses, norms)
        run.losses += losses
        window = run.losses[-run.plan.steps_per_epoch :]
        seconds = max(time.monotonic() - self._since, 1e-9)
        self.pace.stepped(len(losses), seconds)
        run.emit(
            Stepped(
                step=run.step,
                num_steps=run.plan.num_steps,
                epoch=epoch,
                losses=tuple(losses),
                average_loss=sum(window) / len(window),
                learning_rates=rates_of(run.optimizer),
                steps_per_second=len(losses) / seconds,
                seconds_left=self.pace.seconds_left(run.step),
                memory_mib=round(peak_memory_mib(run.base.compute.device)),
            )
        )
        self._pending.clear()
        self.restart_clock()

    def restart_clock(self) -> None:
        """Leave out what was no step (saving, previews) from the speed that is told."""
        self._since = time.monotonic()

    @contextmanager
    def clock_paused(self) -> Iterator[None]:
        """Leave out what somebody else does between two steps, such as drawing."""
        paused = time.monotonic()
        yield
        self._since += time.monotonic() - paused


def unchanged_caption(text: str, trigger: str) -> str:
    """The caption as it is trained where nothing is shuffled or dropped: its first line, the trigger in front."""
    return final_caption(text, CaptionRules(), trigger=trigger, rng=random_for(0, "none of these rules draws"), epoch=1)


def _as_the_recipe_says(base: LoadedBase, recipe: TrainRecipe) -> LoadedBase:
    """The base with the noise schedule that the recipe wants, for training and previews; networks are shared."""
    rules = recipe.noise
    if isinstance(base.schedule, FlowSchedule):
        return replace(base, schedule=replace(base.schedule, rules=recipe.flow))
    schedule = schedule_of(rules, base.schedule)
    if schedule is base.schedule:
        return base
    config = {**base.scheduler_config, "prediction_type": schedule.prediction_type}
    if rules.zero_terminal_snr:
        config |= {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}
    return replace(base, schedule=schedule, scheduler_config=config)


def _now() -> float:
    """Unix time; SOURCE_DATE_EPOCH (reproducible-builds.org) fixes it, so that equal runs give equal files whole."""
    fixed = os.environ.get("SOURCE_DATE_EPOCH")
    return float(fixed) if fixed else time.time()
