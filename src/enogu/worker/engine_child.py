"""The process in which the engine runs for a worker: commands come in, events go out, one JSON object a line.

The only module beside the command line that imports the engine. The base model stays in memory from job to job; a few
LoRA files do, too. Start: ``python -m enogu.worker.engine_child --device cuda:0 --threads 4 --parent 123``.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from enogu.recipe import recipe_from_values
from enogu.recipe.samplers import Sampler, ScheduleType
from enogu.worker.child_loop import Say, Steering, run_child, seconds_since, unforeseen
from enogu.worker.engine_messages import DrawJob, PlacedBaseModel, PlacedLora, TrainJob

if TYPE_CHECKING:
    from enogu.engine.adapters.lora import Target
    from enogu.engine.control import Asked, Between
    from enogu.engine.events import Event
    from enogu.engine.families import LoadedBase
    from enogu.engine.lora_file import LoraFile
    from enogu.recipe.training import TrainingRules

LORA_CACHE_BYTES = 512 * 2**20


class RealEngine:
    """The engine on one device. Making one imports torch, which takes seconds."""

    def __init__(self, device: str, threads: int) -> None:
        from enogu.engine.collector import collect_seldom

        collect_seldom()
        from enogu.engine import loop  # noqa: F401 - imported now, so that Ready means ready
        from enogu.engine.memory import use_threads

        use_threads(threads)
        self._device = None if device == "auto" else device
        self._base: LoadedBase | None = None
        self._key: tuple[str, str, str] | None = None
        self._training_folder = ""
        self._between: Between | None = None
        self._loras = LoraCache()

    def train(self, job: TrainJob, say: Say, steering: Steering) -> None:
        """See child_loop.Engine."""
        from enogu.engine.control import Asked
        from enogu.engine.events import event_to_dict
        from enogu.engine.loop import TrainingStopped, TrainPicture, train
        from enogu.engine.lora_file import load_lora
        from enogu.engine.memory import free_unused

        recipe = recipe_from_values(job.recipe)
        base = self._load(job.base_model, recipe.training, say)
        pictures = [
            TrainPicture(
                Path(p.path), p.caption, p.repeats, p.width, p.height, p.folder,
                p.is_regularisation, None if p.mask is None else Path(p.mask), p.mask_cut,
            )
            for p in job.pictures
        ]  # fmt: skip

        def emit(event: Event) -> None:
            say(event_to_dict(event))

        def between_steps(between: Between) -> Asked:
            self._between = between
            return Asked(**asdict(steering.between_steps(only_stop=between.only_stop)))

        self._training_folder = job.base_model.folder
        try:
            with suppress(TrainingStopped):  # it was said
                train(
                    recipe,
                    pictures,
                    base,
                    job.out,
                    emit,
                    cache=job.cache,
                    resume=job.resume,
                    start=None if job.start_from is None else load_lora(job.start_from),
                    between_steps=between_steps,
                )
        finally:
            self._training_folder, self._between = "", None
            base = None  # so that unload frees it
            free_unused()

    def can_draw_now(self, job: DrawJob) -> bool:
        """See child_loop.Engine."""
        return bool(self._training_folder) and _same_folder(job.base_model.folder, self._training_folder)

    def draw(self, job: DrawJob, say: Say, check: Callable[[], None]) -> None:
        """One picture after the other, so that each is seen as soon as it is there and none depends on the others.

        Beside a training the base model is used in the number format of the training.
        """
        from enogu.engine.infotext_of import drawing_parameters
        from enogu.engine.sample import DrawRequest, check_request, draw
        from enogu.imaging.infotext import save_png

        targets: Sequence[Target] | None = None
        if self._between is not None and self._base is not None:
            base, targets = self._base, self._between.targets
        else:
            base = self._load(job.base_model, None, say)
        request = DrawRequest(
            prompt=job.prompt,
            negative_prompt=job.negative_prompt,
            width=job.width,
            height=job.height,
            steps=job.steps,
            cfg=job.cfg,
            sampler=cast("Sampler", job.sampler),
            schedule_type=cast("ScheduleType", job.schedule_type),
            seed=job.seed,
            count=job.count,
            clip_skip=job.clip_skip,
        )
        check_request(base, request)
        loras = [(self._loras.get(lora), lora.weight) for lora in job.loras]
        for number in range(job.count):
            check()

            def on_step(done: int, total: int, number: int = number) -> None:
                say({"event": "DrawStepped", "done": number * total + done, "total": job.count * total})
                check()

            one = replace(request, seed=job.seed + number, count=1)
            (drawing,) = draw(base, one, loras, on_step=on_step, targets=targets)
            path = job.out / f"{number:02d}.png"
            parameters = drawing_parameters(base, one, loras, drawing.seed)
            save_png(drawing.image, path, parameters)
            say({"event": "Drew", "number": number, "seed": drawing.seed, "path": str(path), "parameters": parameters})
        say({"event": "DrawFinished"})

    def failure(self, error: BaseException) -> dict[str, Any]:
        """See child_loop.Engine."""
        from enogu.engine.events import event_to_dict
        from enogu.engine.failures import failed_event, in_words
        from enogu.engine.memory import free_unused

        worded = in_words(error)
        free_unused()
        return unforeseen(error) if worded is None else event_to_dict(failed_event(0, worded, None))

    def unload(self) -> None:
        """See child_loop.Engine."""
        from enogu.engine.memory import free_unused

        self._base = self._key = None
        self._loras.clear()
        free_unused()

    def _load(self, base_model: PlacedBaseModel, training: TrainingRules | None, say: Say) -> LoadedBase:
        """The base model, kept from the last job if that was on the same one in the same number formats. ``training``
        is None when it is drawn with.
        """
        from enogu.engine.families import load_base_model
        from enogu.engine.memory import choose_compute, compute_for, free_unused

        began = time.monotonic()
        compute = compute_for(training, self._device) if training else choose_compute("fp16", self._device)
        kept = f"{compute.dtype} {compute.fp8_base} {compute.blocks_to_swap}"
        key = (str(Path(base_model.folder).resolve()), str(compute.device), kept)
        was_warm = self._base is not None and key == self._key
        if not was_warm:
            self._base = self._key = None
            free_unused()
            self._base = load_base_model(Path(base_model.folder), compute)
            self._key = key
        base = self._base
        assert base is not None  # noqa: S101 - loaded above
        base.name = base_model.name
        base.compute = compute  # its notes are about what was asked this time
        say(
            {
                "event": "Loaded",
                "base_model": base_model.name,
                "seconds": seconds_since(began),
                "was_warm": was_warm,
            }
        )
        return base


class LoraCache:
    """LoRA files in memory, the last used ones up to LORA_CACHE_BYTES; a file that changed is read again."""

    def __init__(self) -> None:
        self._files: OrderedDict[tuple[str, int, int], LoraFile] = OrderedDict()

    def get(self, placed: PlacedLora) -> LoraFile:
        """The file under the name that people gave it. Raises AdapterRefused."""
        from enogu.engine.lora_file import load_lora

        path = Path(placed.path)
        try:
            found = path.stat()
            key = (str(path), found.st_mtime_ns, found.st_size)
        except OSError:
            key = (str(path), 0, 0)  # load_lora says it in words
        file = self._files.pop(key, None) or load_lora(path)
        self._files[key] = file
        while len(self._files) > 1 and sum(size for _, _, size in self._files) > LORA_CACHE_BYTES:
            self._files.popitem(last=False)
        return replace(file, path=Path(f"{placed.name}.safetensors"))

    def clear(self) -> None:
        """Forget all."""
        self._files.clear()


def _same_folder(one: str, other: str) -> bool:
    return Path(one).resolve() == Path(other).resolve()


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve one worker until it says quit or is gone."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--parent", type=int, default=0)
    options = parser.parse_args(arguments)
    return run_child(lambda: RealEngine(options.device, options.threads), "real", options.parent)


if __name__ == "__main__":
    sys.exit(main())
