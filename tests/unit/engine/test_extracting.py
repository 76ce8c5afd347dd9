"""What a tuned base model has learnt, as a LoRA: layer by layer from files and folders (issue 5, section 4)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from enogu.engine import base_files, lora_tools
from enogu.engine.adapters.deltas import change_of, layers_of
from enogu.engine.base_files import open_base
from enogu.engine.families import LoadedBase
from enogu.engine.lora_file import load_lora
from enogu.engine.merging import LoraToMerge, merge_into_base
from enogu.errors import AdapterRefused, BaseModelRefused, WrongUse
from enogu.recipe.adapter import LoconAdapter
from tests.ldm_file import small_networks, write_ldm_file
from tests.tiny_base import write_tiny_base
from tests.tiny_flux import small_flux_networks, write_flux_file, write_tiny_flux
from tests.tiny_sdxl import small_sdxl_networks, write_sdxl_file, write_tiny_sdxl
from tests.unit.engine.tiny_run import load_tiny_base, random_lora, write_kind

BASES: dict[str, Callable[[Path], Path]] = {
    "sd15 file": lambda folder: write_ldm_file(folder / "base.safetensors", small_networks()),
    "sdxl file": lambda folder: write_sdxl_file(folder / "base.safetensors", small_sdxl_networks(), "v_pred"),
    "flux file": lambda folder: write_flux_file(folder / "base.safetensors", small_flux_networks()),
    "sd15 folder": write_tiny_base,
    "sdxl folder": write_tiny_sdxl,
    "flux folder": write_tiny_flux,
}


def tuned_of(base: Path, where: str, adapter: LoconAdapter | None = None) -> tuple[Path, dict[str, torch.Tensor]]:
    """The base model with a LoCon in it, and what that changes."""
    loaded = load_tiny_base(base)
    lora = base.parent / "learnt.safetensors"
    write_kind(loaded, adapter or LoconAdapter(dim=3, alpha=3, conv_dim=2, conv_alpha=2), lora)
    out = base.parent / ("tuned.safetensors" if where.endswith("file") else "tuned")
    merge_into_base(base, [LoraToMerge(lora)], out)
    return out, load_file(lora)


def extracted_with_both_in_memory(
    base: LoadedBase, tuned: LoadedBase, dim: int, conv_dim: int
) -> dict[str, torch.Tensor]:
    """As it was done before layers were read one by one."""
    others = {target.key: target.layer.weight for target in tuned.family.all_targets(tuned)}
    found: dict[str, torch.Tensor] = {}
    for target in [*base.family.targets(base), *(base.family.conv_targets(base) if conv_dim else ())]:
        weight = target.layer.weight.detach().float()
        change = others[target.key].detach().float() - weight
        if not bool(change.any()):
            continue
        rank = min(conv_dim if weight.ndim == 4 and weight.shape[2] > 1 else dim, *change.flatten(1).shape)
        u, s, v = torch.linalg.svd(change.flatten(1), full_matrices=False)
        root = s[:rank].sqrt()
        found[f"{target.key}.lora_down.weight"] = (root[:, None] * v[:rank]).view(rank, *weight.shape[1:])
        up = (u[:, :rank] * root).view(weight.shape[0], rank, *[1] * (weight.ndim - 2))
        found[f"{target.key}.lora_up.weight"] = up
        found[f"{target.key}.alpha"] = torch.tensor(float(rank))
    return found


@pytest.mark.parametrize("conv_dim", [0, 2])
@pytest.mark.parametrize("where", BASES)
def test_read_layer_by_layer_it_is_to_the_number_what_it_is_with_both_in_memory(
    where: str, conv_dim: int, tmp_path: Path
) -> None:
    (tmp_path / "models").mkdir()
    base = BASES[where](tmp_path / "models" / ("base" if where.endswith("folder") else ""))
    tuned, _ = tuned_of(base, where)
    made, told = lora_tools.extract(
        base, tuned, tmp_path / "e.safetensors", dim=3, conv_dim=conv_dim, precision="fp32", said="the one - the other"
    )
    wanted = extracted_with_both_in_memory(load_tiny_base(base), load_tiny_base(tuned), 3, conv_dim)
    assert made.tensors.keys() == wanted.keys()
    for name, tensor in made.tensors.items():
        assert torch.equal(tensor, wanted[name].contiguous()), name
    assert min(layer.retained for layer in told) > 0.999
    assert made.metadata["modelspec.merged_from"] == "the one - the other"


@pytest.mark.parametrize("where", BASES)
def test_a_base_model_where_it_lies_has_the_layers_that_its_networks_have(where: str, tmp_path: Path) -> None:
    path = BASES[where](tmp_path)
    loaded = load_tiny_base(path)
    with open_base(path) as base:
        adapted = {layer.key: layer for layer in base.layers if layer.is_adapted}
        convolutional = {layer.key: layer for layer in base.layers if layer.is_convolutional}
        targets = loaded.family.targets(loaded)
        assert adapted.keys() == {target.key for target in targets}
        assert convolutional.keys() == {target.key for target in loaded.family.conv_targets(loaded)}
        for target in loaded.family.all_targets(loaded):
            weight = base.weight({**adapted, **convolutional}[target.key])
            assert torch.equal(weight.float().reshape(target.shape), target.layer.weight.float()), target.key


def test_what_was_added_is_found_again_and_a_file_and_a_folder_are_a_pair(tmp_path: Path) -> None:
    """The tuned one as people have it, one file; what it was made from as a folder, as diffusers keeps it."""
    networks = small_sdxl_networks()
    folder = write_tiny_sdxl(tmp_path / "folder")
    for part in ("unet", "text_encoder", "text_encoder_2"):
        networks[part].save_pretrained(folder / part)
    file = write_sdxl_file(tmp_path / "base.safetensors", networks)
    tuned, learnt = tuned_of(file, "file")
    made, _ = lora_tools.extract(file, tuned, tmp_path / "e.safetensors", dim=3, conv_dim=2, precision="fp32")
    loaded = load_tiny_base(file)
    places = {target.key: target.layer.weight for target in loaded.family.all_targets(loaded)}
    found, wanted = layers_of(made.tensors), layers_of(learnt)
    assert found.keys() == wanted.keys()
    for key, layer in found.items():
        torch.testing.assert_close(
            change_of(layer, places[key]), change_of(wanted[key], places[key]), rtol=1e-3, atol=1e-4
        )
    mixed, _ = lora_tools.extract(folder, tuned, tmp_path / "m.safetensors", dim=3, conv_dim=2, precision="fp32")
    assert layers_of(mixed.tensors).keys() == found.keys()
    for key, layer in layers_of(mixed.tensors).items():
        torch.testing.assert_close(
            change_of(layer, places[key]), change_of(wanted[key], places[key]), rtol=1e-2, atol=1e-3
        )


def test_never_more_than_a_layer_of_each_is_read_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights that were read are gone before the next ones are."""
    import weakref

    alive: list[weakref.ref[torch.Tensor]] = []
    most = 0
    read = base_files.BaseFiles.tensor

    def watched(self: base_files.BaseFiles, full: str) -> torch.Tensor:
        nonlocal most
        tensor = read(self, full)
        alive.append(weakref.ref(tensor))
        most = max(most, sum(one() is not None for one in alive))
        return tensor

    path = BASES["sd15 file"](tmp_path)
    tuned, _ = tuned_of(path, "file")
    monkeypatch.setattr(base_files.BaseFiles, "tensor", watched)
    lora_tools.extract(path, tuned, tmp_path / "e.safetensors", dim=2, conv_dim=2, precision="fp16")
    assert len(alive) > 50
    assert most <= 4


def test_a_text_encoder_that_one_of_the_two_lacks_is_left_out(tmp_path: Path) -> None:
    """Files with a U-Net alone are handed round as well."""
    base = write_tiny_base(tmp_path / "base")
    tuned, _ = tuned_of(base, "folder")
    (tuned / "text_encoder" / "model.safetensors").unlink()
    (tuned / "text_encoder" / "config.json").unlink()
    (tuned / "text_encoder").rmdir()
    made, _ = lora_tools.extract(base, tuned, tmp_path / "e.safetensors", dim=2, conv_dim=0, precision="fp16")
    assert {name.split("_")[1] for name in made.tensors} == {"unet"}


def test_what_cannot_be_extracted_is_refused_before_the_work(tmp_path: Path) -> None:
    base, other = write_tiny_base(tmp_path / "base"), write_tiny_sdxl(tmp_path / "other")
    out = tmp_path / "e.safetensors"

    def refused(first: Path, second: Path, words: str, error: type[Exception] = WrongUse) -> None:
        with pytest.raises(error, match=words):
            lora_tools.extract(first, second, out, dim=2, conv_dim=0, precision="fp32")

    refused(base, base, "are the same")
    refused(base, other, "Stable Diffusion 1.5, the other SDXL")
    refused(base, tmp_path / "nowhere", "is no base model", BaseModelRefused)
    save_file(random_lora(load_tiny_base(base), 2, 1), out)
    refused(base, base, "is there already")
    assert load_lora(out).tensors
    out.unlink()
    wide = write_tiny_base(tmp_path / "wide")
    file = next((wide / "unet").glob("*.safetensors"))
    tensors = load_file(file)
    name = next(name for name in tensors if name.endswith("attn1.to_q.weight"))
    save_file({**tensors, name: torch.zeros(3, 3)}, file)
    refused(base, wide, "not the same layer in both", AdapterRefused)
