"""Draw pictures with a base model and any number of LoRA files. Previews and the drawing page both come here.

The denoising steps are diffusers' schedulers; the loop around them is ours, so that each picture of a batch has its
own seed and its own noise, and a picture does not depend on what is drawn beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from enogu.engine.adapters.lora import Target, attached
from enogu.engine.families import Conditions, LoadedBase, TextRules, joined, picture_sizes
from enogu.engine.families.clip import tokens_of
from enogu.engine.flow import FlowSchedule, drawing_sigmas
from enogu.engine.lora_file import LoraFile, load_lora, refuse_another_family
from enogu.engine.numpy_protocol import teach_tensors_to_copy
from enogu.errors import AdapterRefused, WrongUse
from enogu.recipe.samplers import Sampler, ScheduleType, why_not_drawn

MOST_PIXELS = 1024 * 1024
"""Of pictures that are drawn at once: one of SDXL's, four of SD1.5's."""
_ADDING_NOISE = frozenset({"euler_a", "dpmpp_2m_sde", "lcm"})
"""Samplers that add new noise on their way, which must come from each picture's own seed."""
_SCHEDULE_SETTINGS: dict[ScheduleType, dict[str, Any]] = {
    "automatic": {},
    "karras": {"use_karras_sigmas": True, "timestep_spacing": "linspace"},
    "exponential": {"use_exponential_sigmas": True, "timestep_spacing": "linspace"},
    "sgm_uniform": {"timestep_spacing": "trailing"},
}
"""What diffusers' schedulers call each schedule type. Without its spacing, Karras' would begin where the base model's
own spacing does (at ten steps with a noise of 8.4), and not at the strongest noise (14.6) as in A1111.
"""


@dataclass(frozen=True)
class DrawRequest:
    """One prompt at ``count`` seeds: seed, seed + 1, … as A1111 counts them; ``(hat:1.2)`` and ``[hat]`` weigh words.

    SD1.5 and SDXL read brackets so, with ``\\(`` for a bracket itself; Flux reads them as they are.
    """

    prompt: str
    negative_prompt: str = ""
    width: int = 512
    height: int = 512
    steps: int = 20
    cfg: float = 7.0
    sampler: Sampler = "ddim"
    schedule_type: ScheduleType = "automatic"
    seed: int = 1
    count: int = 1
    clip_skip: int = 1


@dataclass(frozen=True)
class Drawing:
    """A finished picture with the seed that draws it again."""

    image: Image.Image
    seed: int


def draw(
    base: LoadedBase,
    request: DrawRequest,
    loras: Sequence[tuple[LoraFile, float]] = (),
    *,
    on_step: Callable[[int, int], None] | None = None,
    targets: Sequence[Target] | None = None,
) -> list[Drawing]:
    """Draw ``request.count`` pictures with each LoRA at its weight.

    ``targets`` may be handed in by a caller that has adapters attached already (previews during training); they are
    put aside and restored. Raises WrongUse or AdapterRefused before anything is drawn.
    """
    return [drawing for _, drawing in draw_each(base, [request], loras, on_step=on_step, targets=targets)]


def draw_each(
    base: LoadedBase,
    requests: Sequence[DrawRequest],
    loras: Sequence[tuple[LoraFile, float]] = (),
    *,
    on_step: Callable[[int, int], None] | None = None,
    targets: Sequence[Target] | None = None,
) -> Iterator[tuple[int, Drawing]]:
    """``draw`` for several requests with the same LoRAs, each picture with the index of its request, in order.

    Requests that differ in nothing but prompt and seed go through the networks together, up to MOST_PIXELS of them.
    ``on_step`` counts the steps of those that are together. Raises as ``draw`` when the first picture is asked for.
    """
    for request in requests:
        check_request(base, request)
    places = base.family.all_targets(base) if targets is None else targets
    weighted = [(lora.tensors, weight) for lora, weight in loras]
    begun = 0
    for group in _together(base, requests):
        try:
            for part in base.text_parts:
                base.network(part)  # before adapters are attached, since they go where their layers are
            with torch.inference_mode(), attached(places, weighted):
                latents = _denoise(base, group, on_step)
                pixels = [base.family.decode_latents(base, latents[i : i + 1])[0] for i in range(len(latents))]
        except AdapterRefused as error:
            for lora, _ in loras:
                refuse_another_family(lora, base.name, base.family.name)
            names = ", ".join(lora.path.name for lora, _ in loras)
            raise AdapterRefused(f"{names}: {error.message}", error.cure) from error
        finally:
            base.settle()
        seeds = [(begun + index, seed) for index, request in enumerate(group) for seed in _seeds(request)]
        begun += len(group)
        for (index, seed), pixels_3HW in zip(seeds, pixels, strict=True):
            yield index, Drawing(_to_image(pixels_3HW), seed)


def _together(base: LoadedBase, requests: Sequence[DrawRequest]) -> Iterator[list[DrawRequest]]:
    """Neighbours that can be one batch: everything but prompt, seed and count alike, and prompts of as many windows."""
    group: list[DrawRequest] = []
    before: tuple[DrawRequest, int] | None = None
    pixels = 0
    for request in requests:
        alike = replace(request, prompt="", negative_prompt="", seed=0, count=1), _token_length(base, request)
        own = request.width * request.height * request.count
        if group and (alike != before or pixels + own > MOST_PIXELS):
            yield group
            group, pixels = [], 0
        group.append(request)
        before, pixels = alike, pixels + own
    if group:
        yield group


def _seeds(request: DrawRequest) -> range:
    return range(request.seed, request.seed + request.count)


def draw_with_files(
    base: LoadedBase, request: DrawRequest, files: Sequence[tuple[Path, float]], **options: Any
) -> list[Drawing]:
    """``draw`` with LoRA files by path."""
    return draw(base, request, [(load_lora(path), weight) for path, weight in files], **options)


def check_request(base: LoadedBase, request: DrawRequest) -> None:
    """Raise WrongUse for sizes the networks cannot draw, and for samplers and schedules we do not have."""
    step = base.family.pixel_step
    for name, side in (("width", request.width), ("height", request.height)):
        if side % step or not step <= side <= 4096:
            nearest = min(4096, max(step, round(side / step) * step))
            raise WrongUse(f"The {name} {side} is no multiple of {step}.", f"Use {nearest}.")
    if why_not := why_not_drawn(request.sampler, request.schedule_type, base.family.name, base.family.title):
        raise WrongUse(*why_not)
    if not 1 <= request.count <= 64 or not 1 <= request.steps <= 200:
        raise WrongUse("Count goes from 1 to 64 and steps from 1 to 200.")


def make_scheduler(base: LoadedBase, sampler: Sampler, schedule_type: ScheduleType = "automatic") -> Any:
    """diffusers' scheduler for one of our sampler names, with the base model's own schedule of training."""
    from diffusers.schedulers.scheduling_ddim import DDIMScheduler
    from diffusers.schedulers.scheduling_dpmsolver_multistep import DPMSolverMultistepScheduler
    from diffusers.schedulers.scheduling_euler_ancestral_discrete import EulerAncestralDiscreteScheduler
    from diffusers.schedulers.scheduling_euler_discrete import EulerDiscreteScheduler
    from diffusers.schedulers.scheduling_heun_discrete import HeunDiscreteScheduler
    from diffusers.schedulers.scheduling_lcm import LCMScheduler
    from diffusers.schedulers.scheduling_unipc_multistep import UniPCMultistepScheduler

    classes: dict[Sampler, Any] = {
        "ddim": DDIMScheduler,
        "euler": EulerDiscreteScheduler,
        "euler_a": EulerAncestralDiscreteScheduler,
        "heun": HeunDiscreteScheduler,
        "dpmpp_2m": DPMSolverMultistepScheduler,
        "dpmpp_2m_sde": DPMSolverMultistepScheduler,
        "unipc": UniPCMultistepScheduler,
        "lcm": LCMScheduler,
    }
    teach_tensors_to_copy()
    kind = {"algorithm_type": "sde-dpmsolver++"} if sampler == "dpmpp_2m_sde" else {}
    return classes[sampler].from_config(base.scheduler_config, **kind, **_SCHEDULE_SETTINGS[schedule_type])


def _denoise(
    base: LoadedBase, requests: Sequence[DrawRequest], on_step: Callable[[int, int], None] | None
) -> torch.Tensor:
    """Finished latents [pictures, C, H/8, W/8], scaled, fp32, of requests that are alike but for prompt and seed."""
    family, device = base.family, base.compute.device
    scale, request = family.pixels_per_latent, requests[0]
    shape = (1, family.latent_channels, request.height // scale, request.width // scale)
    generators = [torch.Generator().manual_seed(seed) for one in requests for seed in _seeds(one)]
    noise = torch.cat([torch.randn(shape, generator=generator) for generator in generators]).to(device)
    if isinstance(base.schedule, FlowSchedule):
        return _follow(base, base.schedule, requests, noise, on_step)
    scheduler = make_scheduler(base, request.sampler, request.schedule_type)
    scheduler.set_timesteps(request.steps, device=device)
    rules = TextRules(request.clip_skip, _token_length(base, request), weighted=True)
    negative, positive = _conditions(base, requests, rules)
    both = joined([negative, positive])
    guided = request.cfg != 1.0
    latents = noise * scheduler.init_noise_sigma
    extra = {"generator": generators} if request.sampler in _ADDING_NOISE else {}
    for number, timestep in enumerate(scheduler.timesteps):
        model_input = scheduler.scale_model_input(latents, timestep)
        if guided:
            doubled = torch.cat([model_input, model_input])
            predicted = family.predict(base, doubled, timestep.expand(len(doubled)), both).float()
            without, with_prompt = predicted.chunk(2)
            predicted = without + request.cfg * (with_prompt - without)
        else:
            predicted = family.predict(base, model_input, timestep.expand(len(latents)), positive).float()
        latents = scheduler.step(predicted, timestep, latents, return_dict=False, **extra)[0]
        if on_step is not None:
            on_step(number + 1, len(scheduler.timesteps))
    return latents


def _follow(
    base: LoadedBase,
    schedule: FlowSchedule,
    requests: Sequence[DrawRequest],
    noise_BCHW: torch.Tensor,
    on_step: Callable[[int, int], None] | None,
) -> torch.Tensor:
    """Finished latents of rectified flow: Euler's method along the line from noise to picture."""
    _, positive = _conditions(base, requests, TextRules())
    told, steps = replace(positive, guidance=requests[0].cfg), requests[0].steps
    latents = noise_BCHW
    patches = noise_BCHW.shape[2] * noise_BCHW.shape[3] // 4
    sigmas = drawing_sigmas(schedule, steps, patches)
    for number, (now, then) in enumerate(pairwise(sigmas)):
        timesteps = torch.full((len(latents),), now * schedule.num_timesteps)
        latents = latents + (then - now) * base.family.predict(base, latents, timesteps, told).float()
        if on_step is not None:
            on_step(number + 1, steps)
    return latents


def _conditions(base: LoadedBase, requests: Sequence[DrawRequest], rules: TextRules) -> tuple[Conditions, Conditions]:
    """Of the negative prompts and of the prompts, once a picture; each picture is told to be whole."""
    negatives: list[Conditions] = []
    positives: list[Conditions] = []
    for request in requests:
        texts = base.family.encode_captions(base, [request.negative_prompt, request.prompt], rules)
        sizes = picture_sizes(request.height, request.width, request.height, request.width)
        told = replace(texts, sizes_B6=torch.tensor([sizes, sizes]))
        negatives.append(told[:1].repeated(request.count))
        positives.append(told[1:].repeated(request.count))
    return joined(negatives), joined(positives)


def _token_length(base: LoadedBase, request: DrawRequest) -> int:
    """75, 150, …: as many windows as the longer of the two prompts needs, since both must have the same length."""
    longest = 1
    for tokenizer in base.tokenizers.values():
        for text in (request.prompt, request.negative_prompt):
            longest = max(longest, len(tokens_of(tokenizer, text, weighted=True)))
    return -(-longest // 75) * 75


def _to_image(pixels_3HW: torch.Tensor) -> Image.Image:
    pixels = ((pixels_3HW.float().cpu().permute(1, 2, 0) + 1) * 127.5).round().clamp(0, 255)
    return Image.fromarray(pixels.numpy().astype(np.uint8))
