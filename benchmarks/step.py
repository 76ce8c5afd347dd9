"""How much a training step costs: ours, the bare networks, and a plain diffusers + peft loop, side by side.

``python benchmarks/step.py`` for all of it, ``--quick`` to see that it runs. Three questions:

* What does our loop add to a forward and backward pass of the same frozen networks with the same adapters (aim: a
  ratio of 1.02 at most), and how does it compare with a loop written as diffusers' training script shows it, on the
  same layers and with cached latents too (aim: 0.85 at most)? All run in one process in turns, round by round, so that
  a busy machine troubles all of them alike; ratios are medians over rounds, by the clock and by processor time.
* How long from the start of a process to its first step, with cold and with warm caches?
* How much memory does each loop hold at its peak, each in a process of its own?

The plain loop follows diffusers' examples/text_to_image/train_text_to_image_lora.py (option names and order of the
steps), without accelerate and with Kohya's set of layers, so that all three train the same numbers.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

STARTED = time.perf_counter()
ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "starter")]
os.environ["HF_HUB_OFFLINE"] = "1"

import torch  # noqa: E402 - the clock starts before the imports, since they are part of a cold start

from enogu import starter_data  # noqa: E402
from enogu.engine.adapters import kinds, lora  # noqa: E402
from enogu.engine.control import Asked, Between  # noqa: E402
from enogu.engine.data.latent_cache import Latents  # noqa: E402
from enogu.engine.data.loader import TrainSet  # noqa: E402
from enogu.engine.events import Event, Started  # noqa: E402
from enogu.engine.families import Conditions, LoadedBase, load_base_model  # noqa: E402
from enogu.engine.families.lean import make_lean, undo_lean  # noqa: E402
from enogu.engine.families.small_convolutions import multiply_small_ones, stock_ones  # noqa: E402
from enogu.engine.loop import TrainPicture, _Run, train  # noqa: E402
from enogu.engine.memory import choose_compute, peak_memory_mib  # noqa: E402
from enogu.engine.noise import NoiseSchedule, scaled_linear_alpha_bar  # noqa: E402
from enogu.errors import EnoguError, TrainingFailed  # noqa: E402
from enogu.imaging.folder import read_folder  # noqa: E402
from enogu.recipe import AdamW, TrainRecipe, recipe_from_values  # noqa: E402
from machine import machine  # noqa: E402

LOOPS = ("ours", "bare", "peft")
CASES = ("starter", "sd15", "sd15_batch_4")
CAPTION = "mame, 1girl, green hair, bob cut, suspenders, shorts, smile, white background"
UNET_LAYERS = ["to_q", "to_k", "to_v", "to_out.0", "ff.net.0.proj", "ff.net.2", "proj_in", "proj_out"]
TEXT_LAYERS = ["q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2"]


@dataclass(frozen=True)
class Case:
    """What is trained: networks, recipe, and latents that are cached already."""

    name: str
    base: LoadedBase
    recipe: TrainRecipe
    pictures: tuple[TrainPicture, ...]
    latents: dict[tuple[int, bool], Latents]


Step = Callable[[], None]


def main() -> None:
    options = _options()
    warnings.simplefilter("ignore")  # of the libraries compared; what we measure is time
    if options.threads:
        torch.set_num_threads(options.threads)
    if options.child == "memory":
        print(json.dumps(_memory(options)))
        return
    if options.child == "start":
        print(json.dumps(_start(options)))
        return
    rounds, steps = (2, 1) if options.quick else (options.rounds, options.steps)
    report: dict[str, Any] = {"machine": machine(), "quick": options.quick, "rounds": rounds, "steps a round": steps}
    report["steps"] = {}
    for name in options.cases:
        case = make_case(name, options.quick)
        report["steps"][case.name] = compare(case, rounds, steps if name == "starter" else max(1, steps // 5))
        del case
    report["peak memory, MiB"] = {
        name: {loop: _child(options, "memory", name, loop)["peak_mib"] for loop in LOOPS}
        for name in options.cases[: 1 if options.quick else None]
    }
    report["start to first step, seconds"] = _starts(options)
    _print_tables(report)
    print(json.dumps(report))
    if options.out:
        options.out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def compare(case: Case, rounds: int, steps: int) -> dict[str, Any]:
    """Medians and ratios of the three loops; the order within a round moves on, so that none is always first."""
    networks = copy.deepcopy(case.base.networks)  # peft wraps layers in place
    loops = {"ours": our_step(case), "bare": bare_step(case), "peft": peft_step(case, networks)}
    for step in loops.values():
        step()
    wall: dict[str, list[float]] = {name: [] for name in loops}
    processor: dict[str, list[float]] = {name: [] for name in loops}
    for number in range(rounds):
        order = LOOPS[number % 3 :] + LOOPS[: number % 3]
        for name in order:
            clock, work = time.perf_counter(), time.process_time()
            for _ in range(steps):
                loops[name]()
            wall[name].append((time.perf_counter() - clock) / steps)
            processor[name].append((time.process_time() - work) / steps)
    return {
        "median seconds a step": {name: statistics.median(times) for name, times in wall.items()},
        "ours / bare": _ratio(wall, "ours", "bare"),
        "ours / peft": _ratio(wall, "ours", "peft"),
        "ours / bare, processor time": _ratio(processor, "ours", "bare"),
        "ours / peft, processor time": _ratio(processor, "ours", "peft"),
    }


# --- the three loops ------------------------------------------------------------------------------------------------


def our_step(case: Case) -> Step:
    """One step of our loop as ``train`` makes it: draws, captions, forward, backward, clipping, AdamW, report."""
    run = _Run(case.recipe, case.pictures, case.base, Path("unused"), lambda _: None, None)
    run.set = TrainSet(case.latents, run.captions)
    updates = [update for epoch in range(1, 4) for update in run.plan.epoch_updates(epoch)]

    def step() -> None:
        kinds.attach(run.targets, run.parameters)
        run._update(updates[run.step % len(updates)], 1)
        lora.detach(run.targets)

    return step


def bare_step(case: Case) -> Step:
    """Forward and backward of the same networks with the same adapters on a batch that is ready; nothing else."""
    run = _Run(case.recipe, case.pictures, case.base, Path("unused"), lambda _: None, None)
    base, size = case.base, case.recipe.training.batch_size
    shape = (size, *case.latents[0, False].mean_CHW.shape)
    noisy, target = torch.randn(shape), torch.randn(shape)
    timesteps = torch.randint(0, 1000, (size,))
    encoder = base.networks["text_encoder"]
    ids = base.tokenizers["text_encoder"](
        [CAPTION] * size, padding="max_length", max_length=77, truncation=True, return_tensors="pt"
    ).input_ids
    trains_text = case.recipe.adapter.parts != "unet"
    with torch.no_grad():
        frozen = encoder(ids).last_hidden_state

    def step() -> None:
        kinds.attach(run.targets, run.parameters)
        states = encoder(ids).last_hidden_state if trains_text else frozen
        predicted = base.family.predict(base, noisy, timesteps, Conditions(states))
        torch.nn.functional.mse_loss(predicted.float(), target).backward()
        run.parameters.zero_gradients()
        lora.detach(run.targets)

    return step


def peft_step(case: Case, networks: dict[str, Any]) -> Step:
    """The plain loop: peft adapters, torch's AdamW and clipping, diffusers' scheduler and learning-rate schedule."""
    from diffusers import DDPMScheduler
    from diffusers.optimization import get_scheduler
    from peft import LoraConfig

    unet, text_encoder = networks["unet"], networks["text_encoder"]
    stock_ones(unet)
    undo_lean(unet)
    for network in (unet, text_encoder):
        network.to(memory_format=torch.contiguous_format)
    dim, alpha, size = case.recipe.adapter.dim, case.recipe.adapter.alpha, case.recipe.training.batch_size
    trains_text = case.recipe.adapter.parts != "unet"
    num_ours = _num_trained(case)
    unet.requires_grad_(False)
    text_encoder.requires_grad_(False)
    unet.add_adapter(
        LoraConfig(r=dim, lora_alpha=alpha, init_lora_weights="gaussian", target_modules=UNET_LAYERS)  # type: ignore[arg-type]
    )
    if trains_text:
        text_encoder.add_adapter(
            LoraConfig(r=dim, lora_alpha=alpha, init_lora_weights="gaussian", target_modules=TEXT_LAYERS)  # type: ignore[arg-type]
        )
    unet.train()
    parameters = [p for network in (unet, text_encoder) for p in network.parameters() if p.requires_grad]
    num_theirs = sum(p.numel() for p in parameters)
    assert num_ours == num_theirs, f"{num_ours} numbers trained by us, {num_theirs} by peft"
    settings = case.recipe.optimizer
    assert isinstance(settings, AdamW)
    optimizer = torch.optim.AdamW(
        parameters, lr=settings.learning_rate, weight_decay=settings.weight_decay, eps=settings.epsilon
    )
    schedule = get_scheduler("cosine", optimizer=optimizer, num_warmup_steps=0, num_training_steps=100_000)
    noise_scheduler = DDPMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear")
    tokenized = case.base.tokenizers["text_encoder"](
        [CAPTION] * size, padding="max_length", max_length=77, truncation=True, return_tensors="pt"
    ).input_ids
    with torch.no_grad():
        frozen = text_encoder(tokenized)[0]
    cached = torch.stack([case.latents[0, False].mean_CHW] * size)

    def step() -> None:
        noise = torch.randn_like(cached)
        timesteps = torch.randint(0, 1000, (size,)).long()
        noisy = noise_scheduler.add_noise(cached, noise, timesteps)  # type: ignore[arg-type]
        states = text_encoder(tokenized, return_dict=False)[0] if trains_text else frozen
        predicted = unet(noisy, timesteps, states, return_dict=False)[0]
        loss = torch.nn.functional.mse_loss(predicted.float(), noise.float(), reduction="mean")
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        loss.detach().item()  # what the script shows in its progress bar

    return step


def _num_trained(case: Case) -> int:
    wanted = {part for part in ("unet", "text_encoder") if part in case.recipe.adapter.parts}
    targets = [target for target in case.base.family.targets(case.base) if target.part in wanted]
    return sum(case.recipe.adapter.dim * (target.num_in + target.num_out) for target in targets)


# --- what is trained ------------------------------------------------------------------------------------------------


def make_case(name: str, quick: bool) -> Case:
    """``starter``: the shipped base at 128 px, both parts; ``sd15``: a full-width U-Net at 256 px, U-Net only.

    ``sd15_batch_4`` is the latter with four pictures a step.
    """
    if name == "starter":
        base, resolution, batch_size, parts = _starter_base(), 128, 2, "unet_and_text_encoder"
        title = f"{base.name}, 128 px, batch 2, U-Net and text encoder"
    else:
        base, resolution, batch_size, parts = _sd15_base(80 if quick else 320), 256, 1, "unet"
        batch_size = 4 if name == "sd15_batch_4" else 1
        title = f"{base.name}, 256 px, batch {batch_size}, U-Net"
    recipe = _recipe(resolution, batch_size, parts)
    pictures = tuple(TrainPicture(Path(f"{n}.png"), CAPTION, 10, 512, 512, "10_mame") for n in range(7))
    side = resolution // 8
    latents = {(n, False): Latents(torch.randn(4, side, side), torch.full((4, side, side), 0.1)) for n in range(7)}
    return Case(title, base, recipe, pictures, latents)


def _recipe(resolution: int, batch_size: int, parts: str) -> TrainRecipe:
    return recipe_from_values(
        {
            "pictures": {"resolution": resolution},
            "adapter": {"dim": 16, "parts": parts},
            "training": {"batch_size": batch_size, "mixed_precision": "none", "clip_skip": 1},
        }
    )


def _starter_base() -> LoadedBase:
    """The shipped base model, or random networks of its shapes as long as it is not there."""
    compute = choose_compute("none", "cpu")
    shipped = _shipped_base()
    if shipped is not None:
        return replace(load_base_model(shipped, compute), name="starter")
    with tempfile.TemporaryDirectory() as place:
        return replace(load_base_model(_write_starter_shapes(Path(place) / "starter"), compute), name="starter shapes")


def _shipped_base() -> Path | None:
    try:
        return starter_data.path("base_model")
    except EnoguError:
        return None


def _write_starter_shapes(folder: Path) -> Path:
    """A diffusers folder of the starter's shapes with random weights."""
    from starter_layout import build_text_encoder, build_unet  # pyright: ignore[reportMissingImports] (of starter/)
    from tests.tiny_base import write_tiny_base

    write_tiny_base(folder)
    build_unet().save_pretrained(folder / "unet")
    build_text_encoder().save_pretrained(folder / "text_encoder")
    return folder


def _sd15_base(width: int) -> LoadedBase:
    """SD1.5's U-Net with random weights, and a text encoder of its width that is only asked once."""
    from diffusers import UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    from enogu.engine.families.sd15.family import SD15

    torch.manual_seed(0)
    unet: Any = UNet2DConditionModel(
        sample_size=64,
        block_out_channels=(width, 2 * width, 4 * width, 4 * width),
        layers_per_block=2,
        down_block_types=("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",),
        up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
        cross_attention_dim=768,
        attention_head_dim=8,
        norm_num_groups=16 if width % 32 else 32,
    )
    text_encoder = CLIPTextModel(CLIPTextConfig(hidden_size=768, num_hidden_layers=2, num_attention_heads=12))
    compute = choose_compute("none", "cpu")
    for network in (unet, text_encoder):
        network.requires_grad_(False)
        network.eval()
    unet.to(memory_format=compute.memory_format)
    make_lean(unet)
    multiply_small_ones(unet)
    name = "SD1.5 (random weights)" if width == 320 else f"SD1.5 at width {width} (random weights)"
    return LoadedBase(
        family=SD15,
        path=Path("none"),
        name=name,
        hash="random",
        networks={"unet": unet, "text_encoder": text_encoder},
        tokenizers={"text_encoder": _tokenizer()},
        schedule=NoiseSchedule(scaled_linear_alpha_bar()),
        compute=compute,
        scaling_factor=0.18215,
    )


def _tokenizer() -> Any:
    from transformers import CLIPTokenizer

    from tests.tiny_base import write_tiny_base

    with tempfile.TemporaryDirectory() as place:
        return CLIPTokenizer.from_pretrained(write_tiny_base(Path(place)) / "tokenizer", local_files_only=True)


# --- in processes of their own --------------------------------------------------------------------------------------


def _memory(options: argparse.Namespace) -> dict[str, float]:
    """Three steps of one loop; the peak of the whole process, imports and weights included."""
    case = make_case(options.case, options.quick)
    if options.loop == "peft":
        step = peft_step(case, case.base.networks)
    else:
        step = our_step(case) if options.loop == "ours" else bare_step(case)
    for _ in range(1 if options.quick else 3):
        step()
    return {"peak_mib": round(peak_memory_mib(torch.device("cpu")))}


def _starts(options: argparse.Namespace) -> dict[str, dict[str, float]]:
    """Cold (no latents yet) and warm, each in a new process; the weights' files are in the system's cache in both."""
    with tempfile.TemporaryDirectory() as place:
        shapes = Path(place) / "starter"
        if _shipped_base() is None:
            _write_starter_shapes(shapes)
        extra = ["--place", place]
        return {name: _child(options, "start", "starter", "ours", extra) for name in ("cold", "warm")}


def _start(options: argparse.Namespace) -> dict[str, float]:
    """Seconds from the first line of this file to the end of the first step, and on the way."""
    marks = {"imports": time.perf_counter() - STARTED}
    base = load_base_model(_shipped_base() or options.place / "starter", choose_compute("none", "cpu"))
    marks["base model"] = time.perf_counter() - STARTED
    found = read_folder(starter_data.path("pictures/mame"))
    pictures = [TrainPicture(p.path, p.caption, p.repeats, p.info.width, p.info.height, "mame") for p in found.pictures]

    def emit(event: Event) -> None:
        if isinstance(event, Started):
            marks["latents"] = time.perf_counter() - STARTED

    def stop(_: Between) -> Asked:
        if "latents" not in marks:
            return Asked()  # pictures are still encoded
        marks.setdefault("first step", time.perf_counter() - STARTED)
        return Asked(stop=True)

    with contextlib.suppress(TrainingFailed):  # stopped after its first step, as asked
        train(
            _recipe(128, 2, "unet_and_text_encoder"),
            pictures,
            base,
            options.place / f"out-{os.getpid()}",
            emit,
            cache=options.place / "cache",
            between_steps=stop,
        )
    return {name: round(seconds, 2) for name, seconds in marks.items()}


def _child(options: argparse.Namespace, child: str, case: str, loop: str, extra: list[str] | None = None) -> Any:
    command = [sys.executable, __file__, "--child", child, "--case", case, "--loop", loop, *(extra or [])]
    command += ["--quick"] * options.quick + ["--threads", str(torch.get_num_threads())]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603 - this very file
    return json.loads(done.stdout.splitlines()[-1])


# --- what is printed ------------------------------------------------------------------------------------------------


def _ratio(times: dict[str, list[float]], over: str, under: str) -> float:
    return statistics.median(a / b for a, b in zip(times[over], times[under], strict=True))


def _print_tables(report: dict[str, Any]) -> None:
    print("\n".join(f"{key}: {value}" for key, value in report["machine"].items()))
    print(f"\n| {'step':<58} | ours s | bare s | peft s | ours/bare | ours/peft | by processor time |")
    print("|" + "-" * 60 + "|-------:|-------:|-------:|----------:|----------:|------------------:|")
    for name, found in report["steps"].items():
        seconds = found["median seconds a step"]
        print(
            f"| {name:<58} | {seconds['ours']:6.3f} | {seconds['bare']:6.3f} | {seconds['peft']:6.3f} "
            f"| {found['ours / bare']:9.3f} | {found['ours / peft']:9.3f} "
            f"| {found['ours / bare, processor time']:8.3f} {found['ours / peft, processor time']:8.3f} |"
        )
    print("\n| peak memory, MiB | ours | bare | peft |\n|---|---:|---:|---:|")
    for name, found in report["peak memory, MiB"].items():
        print(f"| {name} | {found['ours']:.0f} | {found['bare']:.0f} | {found['peft']:.0f} |")
    print("\n| start to first step, s | imports | base model | latents | first step |\n|---|---:|---:|---:|---:|")
    for name, found in report["start to first step, seconds"].items():
        print(f"| {name} | " + " | ".join(f"{seconds:.2f}" for seconds in found.values()) + " |")
    print()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="two rounds, a narrow U-Net: only to see that it runs")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--steps", type=int, default=10, help="steps a round on the starter; a fifth on SD1.5")
    parser.add_argument("--threads", type=int, default=0, help="of torch; 0 leaves its own choice")
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--out", type=Path, help="also write the JSON report to this file")
    parser.add_argument("--child", choices=("memory", "start"), help=argparse.SUPPRESS)
    parser.add_argument("--case", choices=CASES, default="starter", help=argparse.SUPPRESS)
    parser.add_argument("--loop", choices=LOOPS, default="ours", help=argparse.SUPPRESS)
    parser.add_argument("--place", type=Path, default=Path(), help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
