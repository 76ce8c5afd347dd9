"""How long a whole job takes: from the start of a process to its last file, ours and a plain diffusers + peft script.

``python benchmarks/job.py`` for all of it, ``--quick`` to see that it runs. The job is the ``mame`` set on the starter:
ten epochs, a file and previews after each. The plain script is written as diffusers' own documentation shows it
(examples/text_to_image/train_text_to_image_lora.py): peft adapters on the same layers, torch's AdamW, latents encoded
once at its start, a pipeline put together for the previews of each epoch, ``save_lora_weights``. Same number of steps,
of previews, of steps of a preview, the same size, sampler and guidance: what differs is the craft.

Both run in processes of their own, in turns, round by round; ratios are medians over rounds. Aims: time at most 0.6,
peak memory at most 0.85. A third figure is the second run of a warm worker on the same pictures: from the order to the
end of its first step (aim: within a second).
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from machine import machine

STARTED = time.perf_counter()
ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT)]
os.environ["HF_HUB_OFFLINE"] = "1"

EPOCHS, REPEATS, BATCH, DIM, RATE = 10, 10, 2, 16, 1e-3
SIDE, PREVIEW_STEPS, GUIDANCE = 128, 20, 7.0
PROMPTS = ("mame, 1girl, smile", "mame, 1girl, sleeping, closed eyes")
NEGATIVE = "lowres"
UNET_LAYERS = ["to_q", "to_k", "to_v", "to_out.0", "ff.net.0.proj", "ff.net.2", "proj_in", "proj_out"]
TEXT_LAYERS = ["q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2"]


def main() -> None:
    options = _options()
    if options.child:
        {"ours": ours, "plain": plain, "warm": warm}[options.child](options.place, options.epochs)
        usage = resource.getrusage(resource.RUSAGE_SELF)
        print(json.dumps({"peak_mib": _peak_mib(), "processor": usage.ru_utime + usage.ru_stime}))
        return
    rounds, epochs = (1, 2) if options.quick else (options.rounds, EPOCHS)
    found: dict[str, list[dict[str, float]]] = {"ours": [], "plain": []}
    for number in range(rounds):
        for job in ("ours", "plain") if number % 2 == 0 else ("plain", "ours"):
            found[job].append(_run(job, epochs, options.threads))
            print(f"round {number + 1}: {job} {found[job][-1]}", flush=True)
    report: dict[str, Any] = {
        "machine": machine() | {"torch threads": options.threads},
        "rounds": rounds,
        "epochs": epochs,
        "median": {
            job: {key: round(statistics.median(one[key] for one in runs), 2) for key in runs[0]}
            for job, runs in found.items()
        },
    }
    for key, aim in (("seconds", 0.6), ("processor", 0.6), ("peak_mib", 0.85)):
        pairs = zip(found["ours"], found["plain"], strict=True)
        report[f"ours / plain, {key}"] = round(statistics.median(a[key] / b[key] for a, b in pairs), 3)
        print(f"ours / plain, {key}: {report[f'ours / plain, {key}']} (aim: {aim})")
    report["second run of a warm worker, seconds to its first step"] = _run("warm", 1, options.threads)["first_step"]
    print(f"second run, first step: {report['second run of a warm worker, seconds to its first step']} s (aim: 1)")
    print(json.dumps(report))
    if options.out:
        options.out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def ours(place: Path, epochs: int) -> None:
    """As ``enogu train`` does it, where Enogu alone is installed: diffusers loads what it finds of these two."""
    for comparison_only in ("peft", "accelerate"):  # the extra "bench" of pyproject.toml
        sys.modules[comparison_only] = None  # type: ignore[assignment]
    from enogu.engine.families import load_base_model
    from enogu.engine.loop import train
    from enogu.engine.memory import choose_compute

    base = load_base_model(_starter(), choose_compute("none", "cpu"))
    train(_recipe(epochs), _pictures(), base, place / "out", lambda _: None, cache=place / "cache")


def warm(place: Path, epochs: int) -> None:
    """Two runs in one process, as a worker's engine does it; tells how long the second takes to its first step."""
    from enogu.engine.control import Asked, Between
    from enogu.engine.families import load_base_model
    from enogu.engine.loop import TrainingStopped, train
    from enogu.engine.memory import choose_compute

    base = load_base_model(_starter(), choose_compute("none", "cpu"))
    train(_recipe(epochs), _pictures(), base, place / "first", lambda _: None, cache=place / "cache")
    began = time.perf_counter()

    def stop(between: Between) -> Asked:
        return Asked(stop=between.step >= 1)

    try:
        train(
            _recipe(epochs), _pictures(), base, place / "second", lambda _: None, cache=place / "cache",
            between_steps=stop,
        )  # fmt: skip
    except TrainingStopped:
        print(json.dumps({"first_step": round(time.perf_counter() - began, 2)}))


def plain(place: Path, epochs: int) -> None:
    """As diffusers' documentation shows it."""
    import numpy as np
    import torch
    from diffusers import AutoencoderKL, DDIMScheduler, DDPMScheduler, StableDiffusionPipeline, UNet2DConditionModel
    from diffusers.optimization import get_scheduler
    from diffusers.utils import convert_state_dict_to_diffusers
    from peft import LoraConfig
    from peft.utils import get_peft_model_state_dict
    from PIL import Image
    from transformers import CLIPTextModel, CLIPTokenizer

    torch.manual_seed(42)
    folder = _starter()
    tokenizer = CLIPTokenizer.from_pretrained(folder, subfolder="tokenizer")
    text_encoder = CLIPTextModel.from_pretrained(folder, subfolder="text_encoder", dtype=torch.float32)
    vae: Any = AutoencoderKL.from_pretrained(folder, subfolder="vae", torch_dtype=torch.float32)
    unet = UNet2DConditionModel.from_pretrained(folder, subfolder="unet", torch_dtype=torch.float32)
    noise_scheduler: Any = DDPMScheduler.from_pretrained(folder, subfolder="scheduler")
    for network in (text_encoder, vae, unet):
        network.requires_grad_(False)
    unet.add_adapter(LoraConfig(r=DIM, lora_alpha=DIM, init_lora_weights="gaussian", target_modules=UNET_LAYERS))
    text_encoder.add_adapter(
        LoraConfig(r=DIM, lora_alpha=DIM, init_lora_weights="gaussian", target_modules=TEXT_LAYERS)
    )
    parameters = [one for network in (unet, text_encoder) for one in network.parameters() if one.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=RATE, weight_decay=0.01)

    samples: list[tuple[torch.Tensor, torch.Tensor]] = []
    with torch.no_grad():
        for picture in _pictures():
            image = Image.open(picture.path).convert("RGB").resize((SIDE, SIDE), Image.Resampling.BILINEAR)
            pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float() / 127.5 - 1
            latents = vae.encode(pixels).latent_dist.sample() * vae.config.scaling_factor
            ids = tokenizer(
                picture.caption, max_length=77, padding="max_length", truncation=True, return_tensors="pt"
            ).input_ids
            samples += [(latents[0], ids[0])] * REPEATS
    loader = torch.utils.data.DataLoader(samples, batch_size=BATCH, shuffle=True)  # type: ignore[arg-type]
    schedule = get_scheduler("cosine", optimizer=optimizer, num_warmup_steps=0, num_training_steps=epochs * len(loader))
    for epoch in range(epochs):
        unet.train()
        text_encoder.train()
        for latents, ids in loader:
            noise = torch.randn_like(latents)
            timesteps = torch.randint(0, noise_scheduler.config.num_train_timesteps, (len(latents),)).long()
            noisy = noise_scheduler.add_noise(latents, noise, timesteps)
            states = text_encoder(ids, return_dict=False)[0]
            predicted = unet(noisy, timesteps, states, return_dict=False)[0]
            loss = torch.nn.functional.mse_loss(predicted.float(), noise.float(), reduction="mean")
            loss.backward()
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
            loss.detach().item()
        StableDiffusionPipeline.save_lora_weights(
            save_directory=place / f"out-{epoch}",
            unet_lora_layers=convert_state_dict_to_diffusers(get_peft_model_state_dict(unet)),
            text_encoder_lora_layers=convert_state_dict_to_diffusers(get_peft_model_state_dict(text_encoder)),
            safe_serialization=True,
        )
        pipeline: Any = StableDiffusionPipeline.from_pretrained(
            folder, unet=unet, text_encoder=text_encoder, vae=vae, tokenizer=tokenizer, safety_checker=None,
        )  # fmt: skip
        pipeline.scheduler = DDIMScheduler.from_config(pipeline.scheduler.config)
        pipeline.set_progress_bar_config(disable=True)
        unet.eval()
        text_encoder.eval()
        for number, prompt in enumerate(PROMPTS):
            picture = pipeline(
                prompt, negative_prompt=NEGATIVE, num_inference_steps=PREVIEW_STEPS, guidance_scale=GUIDANCE,
                width=SIDE, height=SIDE, generator=torch.Generator().manual_seed(42),
            ).images[0]  # fmt: skip
            picture.save(place / f"out-{epoch}" / f"{number}.png")


def _peak_mib() -> int:
    """Of this process: what getrusage tells of a child is at least what its parent held."""
    (line,) = (one for one in Path("/proc/self/status").read_text().splitlines() if one.startswith("VmHWM"))
    return round(int(line.split()[1]) / 1024)


def _starter() -> Path:
    from enogu import starter_data

    return starter_data.path("base_model")


def _pictures() -> list[Any]:
    from enogu import starter_data
    from enogu.engine.loop import TrainPicture
    from enogu.imaging.folder import read_folder

    found = read_folder(starter_data.path("pictures/mame"))
    return [TrainPicture(p.path, p.caption, REPEATS, p.info.width, p.info.height, "mame") for p in found.pictures]


def _recipe(epochs: int) -> Any:
    from enogu.recipe import recipe_from_values

    return recipe_from_values(
        {
            "output_name": "mame",
            "pictures": {"resolution": SIDE},
            "adapter": {"dim": DIM},
            "optimizer": {"learning_rate": RATE},
            "schedule": {"kind": "cosine"},
            "training": {"batch_size": BATCH, "epochs": epochs, "mixed_precision": "none", "clip_skip": 1},
            "previews": {
                "prompts": list(PROMPTS), "negative_prompt": NEGATIVE, "steps": PREVIEW_STEPS, "width": SIDE,
                "height": SIDE, "cfg": GUIDANCE,
            },
        }
    )  # fmt: skip


def _run(job: str, epochs: int, threads: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as place:
        command = [sys.executable, "-W", "ignore", __file__, "--child", job, "--epochs", str(epochs), "--place", place]
        began = time.perf_counter()
        environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)  # noqa: S603
        found: dict[str, float] = {"seconds": round(time.perf_counter() - began, 2)}
        for line in done.stdout.splitlines():
            if line.startswith("{"):
                found |= json.loads(line)
        return found


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="How long a whole job takes, beside a plain script.")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--child", choices=("ours", "plain", "warm"))
    parser.add_argument("--place", type=Path)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
