"""Train the starter's U-Net with its text encoder on cached latents of the corpus.

Both are trained from nothing, together: the captions are tag lists, so a small text encoder learns them quickly and
no foreign weights are needed. Half the batches use the last text layer and half the last but one, so that clip skip 1
and 2 both work on the result, as people expect of an SD1.5 base. EMA weights are what is shipped.
"""

from __future__ import annotations

import argparse
import copy
import json
import time
from pathlib import Path

import numpy as np
import torch

from budget import Budget, load_checkpoint, save_checkpoint
from corpus import caption
from latents import load_chunks
from starter_layout import build_scheduler, build_text_encoder, build_tokenizer, build_unet

EMA_DECAY = 0.9985
MIN_SNR_GAMMA = 5.0


def text_states(text_encoder: torch.nn.Module, ids: torch.Tensor, skip: int) -> torch.Tensor:
    """Hidden states [B, 77, C] at clip skip ``skip``; the final layer norm is applied to either (as SD1.5 does)."""
    out = text_encoder(ids, output_hidden_states=True)
    if skip == 1:
        return out.last_hidden_state
    return text_encoder.final_layer_norm(out.hidden_states[-skip])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--bpe", type=Path, required=True, help="bpe_simple_vocab_16e6.txt.gz")
    parser.add_argument("--minutes", type=float, default=300)
    parser.add_argument("--seed", type=int, default=2)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--learning-rate", type=float, default=6e-4)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(arguments.seed)
    work: Path = arguments.work
    tokenizer = build_tokenizer(arguments.bpe)
    unet = build_unet().to(memory_format=torch.channels_last)
    text_encoder = build_text_encoder()
    networks = torch.nn.ModuleDict({"unet": unet, "text_encoder": text_encoder})
    checkpoint = work / "base.pt"
    state = load_checkpoint(checkpoint)
    parameters = list(networks.parameters())
    optimizer = torch.optim.AdamW(
        parameters, lr=arguments.learning_rate, weight_decay=0.01, betas=(0.9, 0.99), fused=True
    )
    ema = copy.deepcopy(networks)
    step, budget = 0, Budget(arguments.minutes)
    if state is not None:
        networks.load_state_dict(state["networks"])
        ema.load_state_dict(state["ema"])
        optimizer.load_state_dict(state["optimizer"])
        step, budget = state["step"], Budget(arguments.minutes, state["spent_seconds"])
    latents, tags = load_chunks(work)
    scale = float(state["scaling_factor"]) if state else 1.0 / float(latents.std())
    alpha_bar = build_scheduler().alphas_cumprod
    snr = alpha_bar / (1 - alpha_bar)
    weight_of_timestep = snr.clamp(max=MIN_SNR_GAMMA) / snr
    token_ids: dict[str, torch.Tensor] = {}
    losses: list[float] = []
    last_save = last_load = time.monotonic()

    def ids_of(text: str) -> torch.Tensor:
        if len(token_ids) > 50_000:
            token_ids.clear()
        if text not in token_ids:
            token_ids[text] = tokenizer(text, padding="max_length", truncation=True, return_tensors="pt").input_ids[0]
        return token_ids[text]

    def save() -> None:
        save_checkpoint(
            checkpoint,
            {
                "networks": networks.state_dict(),
                "ema": ema.state_dict(),
                "optimizer": optimizer.state_dict(),
                "step": step,
                "scaling_factor": scale,
                "spent_seconds": budget.spent_seconds,
            },
        )

    while budget.progress < 1:
        rng = np.random.default_rng([arguments.seed, step])
        generator = torch.Generator().manual_seed(arguments.seed * 1_000_003 + step)
        chosen = rng.integers(0, len(tags), arguments.batch)
        clean = latents[torch.from_numpy(chosen)] * scale
        ids = torch.stack([ids_of(caption(tags[i], rng)) for i in chosen])
        noise = torch.randn(clean.shape, generator=generator)
        timesteps = torch.randint(0, 1000, (arguments.batch,), generator=generator)
        a = alpha_bar[timesteps].view(-1, 1, 1, 1)
        noisy = (a.sqrt() * clean + (1 - a).sqrt() * noise).contiguous(memory_format=torch.channels_last)
        for group in optimizer.param_groups:
            group["lr"] = budget.learning_rate(arguments.learning_rate)
        states = text_states(text_encoder, ids, skip=1 + step % 2)
        predicted = unet(noisy, timesteps, states).sample
        error = (predicted - noise).pow(2).mean(dim=(1, 2, 3))
        loss = (error * weight_of_timestep[timesteps]).mean()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        step += 1
        losses.append(loss.item())
        with torch.no_grad():
            decay = min(EMA_DECAY, (1 + step) / (10 + step))
            torch._foreach_lerp_(list(ema.parameters()), parameters, 1 - decay)
        if step % 50 == 0:
            mean = sum(losses[-200:]) / len(losses[-200:])
            print(
                json.dumps(
                    {
                        "step": step,
                        "minutes": round(budget.spent_seconds / 60, 2),
                        "loss": round(mean, 5),
                        "pictures": len(tags),
                        "seen": step * arguments.batch,
                    }
                ),
                flush=True,
            )
        if time.monotonic() - last_save > 180:
            save()
            last_save = time.monotonic()
        if time.monotonic() - last_load > 300 and len(list(work.glob("latents-*.npy"))) * 2000 > len(tags):
            latents, tags = load_chunks(work)
            last_load = time.monotonic()
    save()


if __name__ == "__main__":
    main()
