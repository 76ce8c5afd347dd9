"""The figures of memory are what the networks hold: measured again, and on real tensors."""

from __future__ import annotations

import gc
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import torch

from enogu.engine.adapters import kinds
from enogu.engine.families import load_base_model
from enogu.engine.memory import choose_compute, gradient_checkpointing
from enogu.engine.optim import make_optimizer
from enogu.recipe import memory, recipe_from_values
from tests.tiny_base import write_tiny_base
from tests.tiny_flux import tiny_transformer
from tests.tiny_sdxl import tiny_unet
from tests.unit.engine.tiny_run import plain_lora

sys.path.append(str(Path(__file__).parents[3] / "tools"))
import measure_memory

SIDE = 16
"""Of the latents that tiny networks are measured at."""


def test_the_starter_measured_again_gives_the_figures_that_are_kept() -> None:
    kept = tomllib.loads(measure_memory.FIGURES.read_text("utf-8"))["starter"]
    assert tomllib.loads(measure_memory.as_toml({"starter": measure_memory.figures_of("starter")}))["starter"] == kept


def test_the_real_networks_have_as_many_numbers_and_places_as_they_are_known_for() -> None:
    kept = tomllib.loads(measure_memory.FIGURES.read_text("utf-8"))
    assert [round(kept[name]["network"]["parameters"] / 1e6) for name in ("sd15", "sdxl", "flux")] == [860, 2567, 11901]
    assert [round(text["parameters"] / 1e6) for text in kept["flux"]["text"]] == [123, 4762]


@pytest.mark.parametrize("checkpointing", [False, True])
def test_fake_tensors_tell_what_real_ones_hold(tmp_path: Path, checkpointing: bool) -> None:
    """The same network with weights: peak of one pass forward and backward, within a hundredth."""
    base = load_base_model(write_tiny_base(tmp_path / "tiny"), choose_compute("none", "cpu"))
    config = dict(base.networks["unet"].config)
    real = measure_memory.unet(config)
    with measure_memory.fake_networks(torch.float32):
        fake_peak = measure_memory.unet(config).training_peak(16, checkpointing)
    gc.collect()
    assert real.training_peak(16, checkpointing) == pytest.approx(fake_peak, rel=0.01)


KINDS = {
    "lora": {"kind": "lora"},
    "locon": {"kind": "locon", "conv_dim": 4},
    "loha": {"kind": "loha", "conv_dim": 0},
    "loha on convolutions": {"kind": "loha", "conv_dim": 4},
    "lokr": {"kind": "lokr", "conv_dim": 0},
    "lokr on convolutions": {"kind": "lokr", "conv_dim": 4},
    "lokr of factor 2": {"kind": "lokr", "conv_dim": 0, "factor": 2},
    "dora": {"kind": "dora", "conv_dim": 0},
    "dora on convolutions": {"kind": "dora", "conv_dim": 4},
}


@pytest.fixture(scope="module")
def tiny_networks(
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, tuple[measure_memory.Denoiser, dict[str, Any]]]:
    """One of each family with figures of its own, measured with a LoRA: a thousandth of a real network."""
    base = load_base_model(write_tiny_base(tmp_path_factory.mktemp("tiny")), choose_compute("none", "cpu"))
    unet_15 = measure_memory.unet(dict(base.networks["unet"].config))
    unet_xl = measure_memory.unet(
        {
            **tiny_unet(256).config,
            "cross_attention_dim": 80,
            "projection_class_embeddings_input_dim": 2816,
            "layers_per_block": 1,
            "transformer_layers_per_block": 1,
        }
    )
    transformer = tiny_transformer().requires_grad_(requires_grad=False).eval()
    flux = measure_memory.Denoiser(
        transformer, measure_memory.transformer_targets(transformer), lambda side: _flux_pass(transformer, side)
    )
    found: dict[str, tuple[measure_memory.Denoiser, dict[str, Any]]] = {}
    for family, one in (("sd15", unet_15), ("sdxl", unet_xl), ("flux", flux)):
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(measure_memory, "line", lambda *_: [0, 0])
            figures = one.figures()
        for way, checkpointing in (("training", False), ("training_checkpointed", True)):
            figures[way] = [0, one.training_peak(SIDE, checkpointing) // 2]  # as in half precision
        found[family] = one, figures
    return found


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("family", "checkpointing"), [("sd15", False), ("sd15", True), ("sdxl", False), ("flux", False), ("flux", True)]
)
def test_the_estimate_holds_for_every_kind_of_adapter_on_every_family(
    tiny_networks: dict[str, tuple[measure_memory.Denoiser, dict[str, Any]]],
    monkeypatch: pytest.MonkeyPatch,
    family: str,
    kind: str,
    checkpointing: bool,
) -> None:
    """On networks a thousandth of the size, from their shapes and what a LoRA holds: at the least what is measured."""
    denoiser, figures = tiny_networks[family]
    nothing = {"parameters": 0, "encoding": 0, "decoding": 0}
    monkeypatch.setattr(memory, "_figures", lambda: {"tiny": {"network": figures, "text": [], "vae": nothing}})
    recipe = recipe_from_values(
        {
            "adapter": {"dim": 4, "alpha": 4, "parts": "unet", **KINDS[kind]},
            "training": {"batch_size": 1, "gradient_checkpointing": checkpointing, "mixed_precision": "none"},
            "optimizer": {"kind": "lion"},
        }
    )
    told = memory.estimate_at(recipe, (8 * SIDE) ** 2, "tiny", on_graphics_card=False)
    targets = kinds.chosen_targets(denoiser.targets, denoiser.of_convolutions, recipe.adapter, ("unet",))
    parameters = kinds.new_adapter(targets, recipe.adapter, 1, torch.device("cpu"))
    numbers = sum(flat.numel() for flat in parameters.flat.values())
    with gradient_checkpointing({"unet": denoiser.network}, on=checkpointing):
        peak = measure_memory.training_peak(denoiser.network, targets, lambda: denoiser.run(SIDE), recipe.adapter)
    assert 0.97 * peak < told.passes < 1.8 * peak
    least, most = (0.6, 8) if recipe.adapter.kind == "lokr" else (0.97, 1.15)  # a LoKr's depends on how sides divide
    assert least * numbers < told.adapter / 12 < most * numbers  # itself, its gradient, and lion's average of it


@pytest.mark.parametrize("kind", ["adamw", "adafactor", "lion", "dadaptation", "dadapt_adam", "prodigy"])
def test_optimizers_keep_as_much_of_each_number_as_the_estimate_says(tmp_path: Path, kind: str) -> None:
    base = load_base_model(write_tiny_base(tmp_path / "tiny"), choose_compute("none", "cpu"))
    targets = base.family.targets(base)
    parameters = plain_lora(targets, 64, 64.0, 1)
    optimizer = make_optimizer(recipe_from_values({"optimizer": {"kind": kind}}), parameters)
    optimizer.step()
    kept = sum(
        one.nbytes for state in optimizer.state.values() for one in state.values() if isinstance(one, torch.Tensor)
    )
    numbers = sum(flat.numel() for flat in parameters.flat.values())
    assert kept / numbers == pytest.approx(memory._KEPT_BYTES[kind], rel=0.05)


def _flux_pass(transformer: Any, side: int) -> torch.Tensor:
    tokens, words = side * side // 4, 8
    found: torch.Tensor = transformer(
        torch.zeros(1, tokens, 64), torch.zeros(1, words, transformer.config.joint_attention_dim),
        torch.zeros(1, transformer.config.pooled_projection_dim), torch.zeros(1), torch.zeros(tokens, 3),
        torch.zeros(words, 3), torch.zeros(1), return_dict=False,
    )[0]  # fmt: skip
    return found
