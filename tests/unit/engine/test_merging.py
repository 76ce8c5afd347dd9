"""LoRAs merged into base models of each family, as a file and as a folder (issue 5, section 4; decision 0032)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from enogu.engine.adapters import kinds
from enogu.engine.adapters.deltas import change_of, layers_of
from enogu.engine.families import LoadedBase
from enogu.engine.families.placed_layers import layers_in_file, layers_in_folder
from enogu.engine.lora_file import load_lora
from enogu.engine.merging import LoraToMerge, merge_into_base
from enogu.errors import AdapterRefused, WrongUse
from enogu.recipe.adapter import DoraAdapter, LoconAdapter, LohaAdapter, LokrAdapter
from enogu.weights.header import read_header, tensor_bytes_sha256
from tests.ldm_file import small_networks, write_ldm_file
from tests.tiny_base import write_tiny_base
from tests.tiny_flux import small_flux_networks, write_flux_file, write_tiny_flux
from tests.tiny_sdxl import small_sdxl_networks, write_sdxl_file, write_tiny_sdxl
from tests.unit.engine.tiny_run import load_tiny_base, random_lora

FILES: dict[str, Callable[[Path], Path]] = {
    "sd15": lambda folder: write_ldm_file(folder / "base.safetensors", small_networks()),
    "sdxl": lambda folder: write_sdxl_file(folder / "base.safetensors", small_sdxl_networks(), "v_pred"),
    "flux": lambda folder: write_flux_file(folder / "base.safetensors", small_flux_networks()),
}
FOLDERS: dict[str, Callable[[Path], Path]] = {"sd15": write_tiny_base, "sdxl": write_tiny_sdxl, "flux": write_tiny_flux}
KINDS: dict[str, Any] = {
    "locon": LoconAdapter(dim=3, alpha=2, conv_dim=2, conv_alpha=1),
    "loha": LohaAdapter(dim=2, alpha=1, conv_dim=2, conv_alpha=1),
    "lokr": LokrAdapter(dim=1, alpha=1, conv_dim=1, conv_alpha=1),
    "dora": DoraAdapter(dim=3, alpha=2, conv_dim=2, conv_alpha=1),
}


def weights(base: LoadedBase) -> dict[str, torch.Tensor]:
    return {target.key: target.layer.weight.detach() for target in base.family.all_targets(base)}


def expected(base: LoadedBase, loras: list[LoraToMerge]) -> dict[str, torch.Tensor]:
    """Every layer of the base model with the whole changes added."""
    before = weights(base)
    after = {key: weight.clone() for key, weight in before.items()}
    for lora in loras:
        for key, layer in layers_of(load_lora(lora.path).tensors).items():
            factor = lora.text_weight if key.startswith("lora_te") else lora.weight
            after[key] += factor * change_of(layer, before[key])
    return after


def write_kind(base: LoadedBase, kind: str, path: Path) -> Path:
    """A file of a kind with nothing zero, on every layer."""
    targets = base.family.all_targets(base)
    parameters = kinds.new_adapter(targets, KINDS[kind], 3, torch.device("cpu"))
    generator = torch.Generator().manual_seed(4)
    for flat in parameters.flat.values():
        flat.data += 0.1 * torch.randn(flat.shape, generator=generator)
    save_file(kinds.to_file(targets, parameters, torch.float32), path)
    return path


@pytest.mark.parametrize("where", ["file", "folder"])
@pytest.mark.parametrize("family", FILES)
def test_a_merged_base_model_loads_with_every_layer_changed_as_the_loras_say(
    family: str, where: str, tmp_path: Path
) -> None:
    """Two LoRAs, with other weights for the text encoders; nothing else of the base model changes."""
    (tmp_path / "base").mkdir()
    path = (FILES if where == "file" else FOLDERS)[family](tmp_path / "base")
    base = load_tiny_base(path)
    loras = [LoraToMerge(tmp_path / "a.safetensors", 0.8, 0.3), LoraToMerge(tmp_path / "b.safetensors", -0.4, -0.4)]
    for seed, lora in enumerate(loras):
        save_file(random_lora(base, 2 + seed, seed), lora.path)
    suffix = ".safetensors" if where == "file" else ""
    made = merge_into_base(path, loras, tmp_path / "base" / f"merged{suffix}" if suffix else tmp_path / "merged")
    merged = load_tiny_base(made.path)
    wanted, found = expected(base, loras), weights(merged)
    assert made.num_layers == len(base.family.targets(base))
    assert wanted.keys() == found.keys()
    for key, weight in found.items():
        torch.testing.assert_close(weight, wanted[key], rtol=1e-5, atol=1e-6, msg=key)
    changed = {id(target.layer.weight) for target in merged.family.targets(merged)}
    for part, network in merged.networks.items():
        before = dict(base.networks[part].named_parameters())
        for name, parameter in network.named_parameters():
            assert id(parameter) in changed or torch.equal(parameter, before[name]), f"{part} {name}"
    assert merged.schedule.prediction_type == base.schedule.prediction_type
    assert not [one for one in tmp_path.rglob("*.part")]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("family", ["sdxl", "flux"])
def test_every_kind_is_merged_fused_layers_included(family: str, kind: str, tmp_path: Path) -> None:
    """SDXL's file has q, k and v of a text encoder in one tensor, Flux' folder has apart what is adapted as one."""
    (tmp_path / "base").mkdir()
    path = (FILES if family == "sdxl" else FOLDERS)[family](tmp_path / "base")
    base = load_tiny_base(path)
    lora = LoraToMerge(write_kind(base, kind, tmp_path / f"{kind}.safetensors"), 0.7, 0.5)
    out = tmp_path / ("merged.safetensors" if family == "sdxl" else "merged")
    merge_into_base(path, [lora], out)
    found, wanted = weights(load_tiny_base(out)), expected(base, [lora])
    for key, weight in found.items():
        torch.testing.assert_close(weight, wanted[key], rtol=1e-4, atol=1e-5, msg=key)


def test_a_merged_file_says_what_it_is_and_keeps_or_changes_its_number_format(tmp_path: Path) -> None:
    path = FILES["sdxl"](tmp_path)
    before = path.read_bytes()
    lora = tmp_path / "mame.safetensors"
    save_file(random_lora(load_tiny_base(path), 2, 1), lora)
    out = tmp_path / "豆 mix.safetensors"
    made = merge_into_base(path, [LoraToMerge(lora, 0.8, 0.0)], out, precision="bf16")
    header = read_header(out)
    assert header.metadata["modelspec.merged_from"] == "base.safetensors, mame.safetensors:0.8:0"
    assert header.metadata["modelspec.title"] == "豆 mix"
    assert header.metadata["modelspec.architecture"] == "stable-diffusion-xl-v1-base"
    assert header.metadata["modelspec.hash_sha256"] == f"0x{tensor_bytes_sha256(out)}" == f"0x{made.sha256[0]}"
    assert {dtype for dtype, _ in header.tensors.values()} == {"BF16"}
    assert header.shapes == read_header(path).shapes
    texts = [name for name in header.tensors if name.startswith("conditioner.")]
    old, new = load_file(path), load_file(out)
    assert all(torch.equal(old[name].bfloat16(), new[name]) for name in texts), "a weight of 0 leaves text encoders"
    assert path.read_bytes() == before
    with pytest.raises(WrongUse, match="there already"):
        merge_into_base(path, [LoraToMerge(lora)], out)


def test_what_does_not_fit_is_refused_and_nothing_is_left(tmp_path: Path) -> None:
    path = FILES["sdxl"](tmp_path)
    other = tmp_path / "of15.safetensors"
    place = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k"
    tensors = {f"{place}.lora_down.weight": torch.randn(2, 768), f"{place}.lora_up.weight": torch.randn(320, 2)}
    save_file(tensors, other)
    out = tmp_path / "merged.safetensors"
    with pytest.raises(AdapterRefused, match=r"is for SD1.5, and the base model 'base' is SDXL"):
        merge_into_base(path, [LoraToMerge(other)], out)
    fitting = random_lora(load_tiny_base(path), 2, 1)
    save_file({name: t.half() for name, t in load_file(path).items()}, tmp_path / "half.safetensors")
    save_file({name: t * 1e6 if "lora_up" in name else t for name, t in fitting.items()}, other)
    with pytest.raises(AdapterRefused, match="numbers that are none"):
        merge_into_base(tmp_path / "half.safetensors", [LoraToMerge(other)], out)
    with pytest.raises(WrongUse, match="nothing would change"):
        merge_into_base(path, [LoraToMerge(other, 0, 0)], out)
    assert sorted(one.name for one in tmp_path.iterdir()) == [
        "base.safetensors",
        "half.safetensors",
        "of15.safetensors",
    ]


@pytest.mark.parametrize("family", FILES)
def test_every_layer_an_adapter_can_be_on_has_its_place(family: str, tmp_path: Path) -> None:
    path = FILES[family](tmp_path)
    base = load_tiny_base(path)
    wanted = {target.key: tuple(target.layer.weight.shape) for target in base.family.all_targets(base)}
    placed = {layer.key: layer.shape for layer in layers_in_file(family, read_header(path).shapes)}
    assert {key: placed.get(key) for key in wanted} == wanted
    assert layers_in_folder(family, {"vae/decoder.conv_in.weight": (8, 4, 3, 3)}) == []
