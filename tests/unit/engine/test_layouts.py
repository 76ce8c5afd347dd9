"""LoRA files of other programs are read as Kohya's, exactly, and ours are written as diffusers' (C5, H6)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import DDIMScheduler, FluxPipeline, StableDiffusionPipeline, StableDiffusionXLPipeline
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file

from enogu.engine.adapters import kinds
from enogu.engine.adapters.deltas import change_of, layers_of
from enogu.engine.adapters.lora import attached
from enogu.engine.families import LoadedBase, TextRules, picture_sizes
from enogu.engine.families.unet import ldm_path
from enogu.engine.layouts import to_diffusers, to_kohya
from enogu.engine.lora_file import LoraFile, load_lora
from enogu.engine.lora_tools import convert, resize
from enogu.engine.sample import DrawRequest, draw
from enogu.errors import AdapterRefused
from enogu.recipe.adapter import DoraAdapter, LoconAdapter, LohaAdapter, LokrAdapter
from tests.tiny_base import write_tiny_base
from tests.tiny_flux import write_tiny_flux
from tests.tiny_sdxl import write_tiny_sdxl
from tests.unit.engine.tiny_run import load_tiny_base, random_lora, write_kind

Tensors = dict[str, torch.Tensor]
FAMILIES = ("sd15", "sdxl", "flux")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    place = tmp_path_factory.mktemp("bases")
    return {
        "sd15": write_tiny_base(place / "sd15"),
        "sdxl": write_tiny_sdxl(place / "sdxl"),
        "flux": write_tiny_flux(place / "flux"),
    }


@pytest.fixture(scope="module")
def bases(folders: dict[str, Path]) -> dict[str, LoadedBase]:
    return {family: load_tiny_base(folder) for family, folder in folders.items()}


def changes(tensors: Tensors) -> Tensors:
    """What each layer is changed by, B A alpha / dim: the same whatever the dims and scales."""
    found: Tensors = {}
    for name, down in tensors.items():
        key = name.removesuffix(".lora_down.weight")
        if key != name:
            alpha = tensors.get(f"{key}.alpha")
            scale = 1.0 if alpha is None else float(alpha) / down.shape[0]
            found[key] = scale * tensors[f"{key}.lora_up.weight"].flatten(1) @ down.flatten(1)
    return found


def assert_same(ours: Tensors, theirs: Tensors) -> None:
    a, b = changes(ours), changes(theirs)
    assert a.keys() == b.keys()
    for key in a:
        torch.testing.assert_close(a[key], b[key], rtol=1e-4, atol=1e-5, msg=key)


@pytest.mark.parametrize("family", FAMILIES)
def test_diffusers_layout_comes_back_the_same(bases: dict[str, LoadedBase], family: str) -> None:
    kohya = random_lora(bases[family], 3, 1)
    there = to_diffusers(kohya)
    assert not any(name.startswith("lora_") for name in there)
    assert_same(to_kohya(there), kohya)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_name_of_the_diffusers_layout_is_a_layer_of_diffusers(
    bases: dict[str, LoadedBase], folders: dict[str, Path], family: str
) -> None:
    pipeline = _pipeline(family, folders[family])
    for name in to_diffusers(random_lora(bases[family], 1, 1)):
        part, _, path = name.removesuffix(".weight").rpartition(".")[0].partition(".")
        network = getattr(pipeline, part)
        if part.startswith("text_encoder") and not hasattr(network, "text_model"):
            path = path.removeprefix("text_model.")  # transformers 5 has no such wrapper there
        assert isinstance(network.get_submodule(path), (torch.nn.Linear, torch.nn.Conv2d)), name


@pytest.mark.parametrize("family", FAMILIES)
def test_diffusers_draws_with_the_exported_file_what_we_draw(
    bases: dict[str, LoadedBase], folders: dict[str, Path], family: str, tmp_path: Path
) -> None:
    """The network that denoises, in diffusers' hands; for Flux the only way to show it tiny, its reader of Kohya's
    names being made for one width.
    """
    kohya = random_lora(bases[family], 2, 3, "unet")
    kohya |= {name: 6 * tensor for name, tensor in kohya.items() if name.endswith("lora_up.weight")}
    save_file(to_diffusers(kohya), tmp_path / "lora.safetensors")
    pipeline = _pipeline(family, folders[family])
    pipeline.load_lora_weights(str(tmp_path / "lora.safetensors"))
    theirs = _drawn_by_diffusers(pipeline, family)
    request = _request(family)
    ours = draw(bases[family], request, [(LoraFile(tmp_path / "x", kohya, {}, ""), 1.0)])[0].image
    np.testing.assert_allclose(np.asarray(ours) / 255, theirs, atol=0.03)
    plain = draw(bases[family], request)[0].image
    assert np.abs(np.asarray(plain, dtype=float) - np.asarray(ours)).mean() > 1


KINDS: dict[str, LoconAdapter | DoraAdapter] = {
    "locon": LoconAdapter(dim=3, alpha=2, conv_dim=2, conv_alpha=1),
    "dora": DoraAdapter(dim=2, alpha=1, conv_dim=2, conv_alpha=1),
}


@pytest.mark.parametrize(
    ("kind", "family"), [("locon", "sd15"), ("locon", "sdxl"), ("dora", "sd15"), ("dora", "sdxl"), ("dora", "flux")]
)
def test_diffusers_draws_a_locon_and_a_dora_that_were_converted_as_we_draw_ours(
    bases: dict[str, LoadedBase], folders: dict[str, Path], kind: str, family: str, tmp_path: Path
) -> None:
    """Text encoders and convolutions too; of each network every layer is found. Its Flux takes no LoRA of T5."""
    base = bases[family]
    write_kind(base, KINDS[kind], tmp_path / "all.safetensors")
    known = {n: t for n, t in load_file(tmp_path / "all.safetensors").items() if not n.startswith("lora_te3_")}
    save_file(known, tmp_path / "kohya.safetensors")
    convert(tmp_path / "kohya.safetensors", tmp_path / "theirs.safetensors", layout="diffusers", precision="same")
    pipeline = _pipeline(family, folders[family])
    pipeline.load_lora_weights(str(tmp_path / "theirs.safetensors"))
    names = set(load_file(tmp_path / "theirs.safetensors"))
    loaded = [
        name
        for part in {name.split(".")[0] for name in names}
        for name, _ in getattr(pipeline, part).named_parameters()
        if "lora_" in name
    ]
    assert len(loaded) == len(names)
    assert any("magnitude" in name for name in loaded) == (kind == "dora")
    theirs = _drawn_by_diffusers(pipeline, family)
    ours = draw(base, _request(family), [(load_lora(tmp_path / "kohya.safetensors"), 1.0)])[0].image
    np.testing.assert_allclose(np.asarray(ours) / 255, theirs, atol=0.03)
    again = draw(base, _request(family), [(load_lora(tmp_path / "theirs.safetensors"), 1.0)])[0].image
    np.testing.assert_allclose(np.asarray(ours, dtype=float), np.asarray(again, dtype=float), atol=2)
    plain = draw(base, _request(family))[0].image
    assert np.abs(np.asarray(plain, dtype=float) - np.asarray(ours)).mean() > 1


def test_a_tucker_core_is_put_into_a_for_diffusers(bases: dict[str, LoadedBase], tmp_path: Path) -> None:
    key = "lora_unet_down_blocks_0_resnets_0_conv1"
    place = next(target for target in bases["sd15"].family.conv_targets(bases["sd15"]) if target.key == key)
    chance = torch.Generator().manual_seed(1)
    locon = {
        f"{key}.lora_down.weight": torch.randn(2, place.num_in, 1, 1, generator=chance),
        f"{key}.lora_mid.weight": torch.randn(2, 2, 3, 3, generator=chance),
        f"{key}.lora_up.weight": torch.randn(place.num_out, 2, 1, 1, generator=chance),
        f"{key}.alpha": torch.tensor(1.0),
    }
    save_file(locon, tmp_path / "tucker.safetensors")
    convert(tmp_path / "tucker.safetensors", tmp_path / "theirs.safetensors", layout="diffusers", precision="same")
    theirs = load_lora(tmp_path / "theirs.safetensors").tensors
    first, second = (change_of(layers_of(file)[key], place.layer.weight) for file in (locon, theirs))
    torch.testing.assert_close(first, second, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("adapter", [LohaAdapter(dim=2, alpha=1), LokrAdapter(dim=2, alpha=1)])
def test_what_diffusers_cannot_load_is_refused_and_goes_as_a_lora(
    bases: dict[str, LoadedBase], tmp_path: Path, adapter: LohaAdapter | LokrAdapter
) -> None:
    """The cure works: resized to a LoRA it converts."""
    kind, lora, there = (tmp_path / f"{name}.safetensors" for name in ("kind", "lora", "there"))
    targets = bases["sd15"].family.targets(bases["sd15"])
    save_file(kinds.to_file(targets, kinds.new_adapter(targets, adapter, 1, torch.device("cpu")), torch.float32), kind)
    with pytest.raises(AdapterRefused, match="no LoRA, LoCon or DoRA") as refused:
        convert(kind, there, layout="diffusers", precision="same")
    assert "enogu lora resize" in refused.value.cure
    assert not there.exists()
    resize(kind, lora, rank=8, method="fixed", parameter=None, precision="fp32")
    convert(lora, there, layout="diffusers", precision="same")
    assert_same(to_kohya(load_file(there)), load_file(lora))


def test_a_dora_with_lengths_of_columns_is_refused_by_name(tmp_path: Path) -> None:
    """LyCORIS can make them (`wd_on_output=False`); PEFT knows rows alone."""
    key = "lora_unet_down_blocks_0_attentions_0_proj_in"
    tensors = {f"{key}.lora_down.weight": torch.ones(2, 6), f"{key}.lora_up.weight": torch.ones(8, 2)}
    with pytest.raises(AdapterRefused, match="lengths of columns"):
        to_diffusers({**tensors, f"{key}.dora_scale": torch.ones(1, 6)}, "sd15")


def test_a_flux_dora_without_lengths_for_a_part_of_a_fused_layer_is_refused() -> None:
    start = "transformer.transformer_blocks.0.attn."
    theirs = {
        f"{start}to_q.lora_A.weight": torch.ones(2, 8),
        f"{start}to_q.lora_B.weight": torch.ones(8, 2),
        f"{start}to_q.lora_magnitude_vector": torch.ones(8),
    }
    with pytest.raises(AdapterRefused, match="img_attn_qkv"):
        to_kohya(theirs, "flux")


def _comfyui(kohya: Tensors, family: str) -> Tensors:
    """ComfyUI's: Stability's or Black Forest Labs' own paths behind ``diffusion_model.``, A and B, no text encoder."""
    found: Tensors = {}
    for name, tensor in to_diffusers({n: t for n, t in kohya.items() if n.startswith("lora_unet_")}).items():
        path, _, end = name.removeprefix("unet.").rpartition(".lora_")
        up_with_attention = frozenset({0, 1} if family == "sdxl" else {1, 2, 3})
        found[f"diffusion_model.{ldm_path(path, up_with_attention=up_with_attention)}.lora_{end}"] = tensor
    return found


def _comfyui_flux(kohya: Tensors) -> Tensors:
    """Black Forest Labs' paths; the scale, alpha / dim, is in B, since that layout has no place for it."""
    theirs: Tensors = {}
    for key, down in ((n.removesuffix(".lora_down.weight"), t) for n, t in kohya.items() if n.endswith("down.weight")):
        number, rest = key.removeprefix("lora_unet_").split("blocks_")[1].split("_", 1)
        path = {"modulation_lin": "modulation.lin", "linear1": "linear1", "linear2": "linear2"}.get(rest)
        side = "double" if path is None else "single"
        path = path or rest.replace("_attn_", "_attn.").replace("_mlp_", "_mlp.").replace("_mod_", "_mod.")
        scale = float(kohya[f"{key}.alpha"]) / down.shape[0]
        theirs[f"diffusion_model.{side}_blocks.{number}.{path}.lora_A.weight"] = down
        theirs[f"diffusion_model.{side}_blocks.{number}.{path}.lora_B.weight"] = kohya[f"{key}.lora_up.weight"] * scale
    return theirs


def _underscored(kohya: Tensors) -> Tensors:
    """SDXL's layers under diffusers' names as Kohya's keys: OneTrainer's, ai-toolkit's and other converters'."""
    theirs: Tensors = {}
    for name, tensor in to_diffusers(kohya).items():
        path, _, end = name.removesuffix(".weight").rpartition(".lora_")
        start = {"unet": "lora_unet", "text_encoder": "lora_te1", "text_encoder_2": "lora_te2"}[path.split(".")[0]]
        kind = {"A": "down", "B": "up"}[end]
        theirs[f"{start}_{path.split('.', 1)[1].replace('.', '_')}.lora_{kind}.weight"] = tensor
    return theirs


def _of_layout(kohya: Tensors, layout: str, family: str) -> Tensors:
    """The same LoRA as a program writes it: ai-toolkit has Kohya's names for SD1.5 and diffusers' for Flux."""
    if layout == "kohya" or (layout, family) == ("ai-toolkit", "sd15"):
        return kohya
    if layout == "comfyui":
        return _comfyui_flux(kohya) if family == "flux" else _comfyui(kohya, family)
    return _underscored(kohya) if (layout, family) == ("ai-toolkit", "sdxl") else to_diffusers(kohya)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("layout", ["kohya", "peft", "comfyui", "ai-toolkit"])
def test_a_file_of_each_layout_makes_each_family_predict_the_same_numbers(
    bases: dict[str, LoadedBase], layout: str, family: str, tmp_path: Path
) -> None:
    """Convolutions included; text encoders where the layout has them."""
    base = bases[family]
    write_kind(base, LoconAdapter(dim=3, alpha=2, conv_dim=2, conv_alpha=1), tmp_path / "all.safetensors")
    has_text = layout in ("kohya", "peft") or (layout, family) in (("ai-toolkit", "sd15"), ("ai-toolkit", "sdxl"))
    kohya = {
        name: tensor for name, tensor in load_file(tmp_path / "all.safetensors").items()
        if name.startswith("lora_unet_") or has_text
    }  # fmt: skip
    theirs = _of_layout(kohya, layout, family)
    assert layout == "kohya" or (layout, family) == ("ai-toolkit", "sd15") or theirs.keys() != kohya.keys()
    save_file(theirs, tmp_path / "theirs.safetensors")
    read = to_kohya(load_file(tmp_path / "theirs.safetensors"), family)  # so narrow a U-Net alone tells no family
    ours, found, without = (_predicted(base, tensors) for tensors in (kohya, read, {}))
    torch.testing.assert_close(found, ours, rtol=1e-3, atol=1e-4)
    assert float((ours - without).abs().mean()) > 1e-2
    assert_same(read, kohya)


def _predicted(base: LoadedBase, tensors: Tensors) -> torch.Tensor:
    chance = torch.Generator().manual_seed(2)
    noisy = torch.randn(1, base.family.latent_channels, 8, 8, generator=chance)
    with torch.no_grad(), attached(base.family.all_targets(base), [(tensors, 1.0)] if tensors else []):
        told = base.family.encode_captions(base, ["mame, hat"], TextRules())
        told = replace(told, sizes_B6=torch.tensor([picture_sizes(64, 64, 64, 64)]))
        return base.family.predict(base, noisy, torch.tensor([400]), told)


def test_comfyuis_layout_of_sdxl_is_read(bases: dict[str, LoadedBase]) -> None:
    kohya = random_lora(bases["sdxl"], 2, 1, "unet")
    assert_same(to_kohya(_comfyui(kohya, "sdxl"), "sdxl"), kohya)


def test_comfyuis_layout_of_flux_is_read(bases: dict[str, LoadedBase]) -> None:
    kohya = random_lora(bases["flux"], 2, 1, "unet")
    theirs: Tensors = {}
    for key, down in ((n.removesuffix(".lora_down.weight"), t) for n, t in kohya.items() if n.endswith("down.weight")):
        number, rest = key.removeprefix("lora_unet_").split("blocks_")[1].split("_", 1)
        path = {"modulation_lin": "modulation.lin", "linear1": "linear1", "linear2": "linear2"}.get(rest)
        side = "double" if path is None else "single"
        path = path or rest.replace("_attn_", "_attn.").replace("_mlp_", "_mlp.").replace("_mod_", "_mod.")
        theirs[f"diffusion_model.{side}_blocks.{number}.{path}.lora_A.weight"] = down
        theirs[f"diffusion_model.{side}_blocks.{number}.{path}.lora_B.weight"] = kohya[f"{key}.lora_up.weight"] * 0.5
    # random_lora has alpha = dim / 2, which that layout has no place for
    assert_same(to_kohya(theirs), kohya)


def test_sdxl_under_diffusers_names_with_underscores_is_read(bases: dict[str, LoadedBase]) -> None:
    """OneTrainer's and other converters': ``lora_unet_down_blocks_1_…`` in a file for SDXL."""
    kohya = random_lora(bases["sdxl"], 2, 1)
    theirs: Tensors = {}
    for name, tensor in to_diffusers(kohya).items():
        path, _, end = name.removesuffix(".weight").rpartition(".lora_")
        start = {"unet": "lora_unet", "text_encoder": "lora_te1", "text_encoder_2": "lora_te2"}[path.split(".")[0]]
        kind = {"A": "down", "B": "up"}[end]
        theirs[f"{start}_{path.split('.', 1)[1].replace('.', '_')}.lora_{kind}.weight"] = tensor
    assert_same(to_kohya(theirs), kohya)


def test_ai_toolkits_flux_has_an_a_of_its_own_for_each_of_q_k_and_v(bases: dict[str, LoadedBase]) -> None:
    """Trained apart, they become one LoRA of three times the dim that changes each as before."""
    chance = torch.Generator().manual_seed(1)
    start, width = "transformer.transformer_blocks.0.attn.", 32
    theirs: Tensors = {}
    for name in ("to_q", "to_k", "to_v"):
        theirs[f"{start}{name}.lora_A.weight"] = torch.randn(2, width, generator=chance)
        theirs[f"{start}{name}.lora_B.weight"] = torch.randn(width, 2, generator=chance)
    theirs["transformer.single_transformer_blocks.1.attn.to_v.lora_A.weight"] = torch.randn(2, width, generator=chance)
    theirs["transformer.single_transformer_blocks.1.attn.to_v.lora_B.weight"] = torch.randn(width, 2, generator=chance)
    ours = changes(to_kohya(theirs))
    names = [f"{start}to_{letter}.lora" for letter in "qkv"]
    products = [theirs[f"{name}_B.weight"] @ theirs[f"{name}_A.weight"] for name in names]
    torch.testing.assert_close(ours["lora_unet_double_blocks_0_img_attn_qkv"], torch.cat(products))
    single = ours["lora_unet_single_blocks_1_linear1"]
    places = {target.key: target for target in bases["flux"].family.targets(bases["flux"])}
    assert single.shape[0] == places["lora_unet_single_blocks_1_linear1"].num_out
    assert not single[: 2 * width].any() and not single[3 * width :].any() and single[2 * width : 3 * width].any()


def test_the_first_names_of_diffusers_are_read() -> None:
    block = "down_blocks.0.attentions.0.transformer_blocks.0.attn1"
    theirs = {
        f"unet.{block}.processor.to_out_lora.down.weight": torch.ones(2, 8),
        f"unet.{block}.processor.to_out_lora.up.weight": torch.ones(8, 2),
    }
    assert list(changes(to_kohya(theirs))) == [f"lora_unet_{block.replace('.', '_')}_to_out_0"]


def test_kohyas_own_files_are_left_as_they_are(bases: dict[str, LoadedBase]) -> None:
    for family in FAMILIES:
        kohya = random_lora(bases[family], 2, 1)
        same = to_kohya(kohya)
        assert same.keys() == kohya.keys()
        assert all(torch.equal(same[name], kohya[name]) for name in kohya)


def test_a_file_of_any_layout_opens_and_draws(bases: dict[str, LoadedBase], tmp_path: Path) -> None:
    kohya = random_lora(bases["sdxl"], 2, 1)
    save_file(to_diffusers(kohya), tmp_path / "peft.safetensors")
    file = load_lora(tmp_path / "peft.safetensors")
    request = DrawRequest("mame", width=64, height=64, steps=2)
    ours = draw(bases["sdxl"], request, [(file, 1.0)])[0].image
    theirs = draw(bases["sdxl"], request, [(LoraFile(tmp_path / "x", kohya, {}, ""), 1.0)])[0].image
    np.testing.assert_allclose(np.asarray(ours, dtype=float), np.asarray(theirs, dtype=float), atol=2)


@pytest.mark.parametrize(("lora", "base"), [("sdxl", "sd15"), ("flux", "sdxl"), ("sd15", "flux")])
def test_a_lora_of_another_family_is_refused_by_the_names_of_both(
    bases: dict[str, LoadedBase], lora: str, base: str, tmp_path: Path
) -> None:
    """C5."""
    file = LoraFile(tmp_path / "mame.safetensors", random_lora(bases[lora], 2, 1), {}, "")
    titles = {"sd15": "SD1.5", "sdxl": "SDXL", "flux": "Flux"}
    with pytest.raises(AdapterRefused, match=f"'mame' is for {titles[lora]}.*is {titles[base]}: the two do not fit"):
        sampler = "euler" if base == "flux" else "ddim"
        draw(bases[base], DrawRequest("a", width=64, height=64, steps=1, sampler=sampler), [(file, 1.0)])


def _drawn_by_diffusers(pipeline: Any, family: str) -> NDArray[np.float32]:
    channels = 16 if family == "flux" else 4
    noise = torch.randn(1, channels, 8, 8, generator=torch.Generator().manual_seed(5))
    more = {"latents": FluxPipeline._pack_latents(noise, 1, 16, 8, 8)} if family == "flux" else {"latents": noise}
    (image,) = pipeline(
        "mame", guidance_scale=3.0, num_inference_steps=3, width=64, height=64, output_type="np", **more
    ).images  # fmt: skip
    return image


def _request(family: str) -> DrawRequest:
    """What `_drawn_by_diffusers` draws."""
    sampler = "euler" if family == "flux" else "ddim"
    return DrawRequest("mame", width=64, height=64, steps=3, cfg=3.0, sampler=sampler, seed=5)


def _pipeline(family: str, folder: Path) -> Any:
    classes: dict[str, Any] = {"sd15": StableDiffusionPipeline, "sdxl": StableDiffusionXLPipeline, "flux": FluxPipeline}
    pipeline = classes[family].from_pretrained(folder, local_files_only=True)
    if family != "flux":
        pipeline.scheduler = DDIMScheduler.from_config(pipeline.scheduler.config)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def test_diffusers_reads_kohyas_file_of_a_real_flux_as_we_export_it() -> None:
    """Its own reader of Kohya's names, at Flux' width: every layer is changed alike, shown on a vector of chance."""
    from diffusers.loaders.lora_conversion_utils import _convert_kohya_flux_lora_to_diffusers

    shapes = {"img_attn_qkv": (3072, 9216), "txt_attn_proj": (3072, 3072), "img_mlp_2": (12288, 3072)}
    shapes = {f"lora_unet_double_blocks_{n}_{layer}": sides for n in (0, 18) for layer, sides in shapes.items()}
    shapes |= {f"lora_unet_single_blocks_{n}_linear1": (3072, 21504) for n in (0, 37)}
    shapes |= {
        "lora_unet_single_blocks_5_linear2": (15360, 3072),
        "lora_unet_single_blocks_5_modulation_lin": (3072, 9216),
    }
    chance = torch.Generator().manual_seed(1)
    kohya: Tensors = {}
    for key, (num_in, num_out) in shapes.items():
        kohya[f"{key}.lora_down.weight"] = torch.randn(2, num_in, generator=chance)
        kohya[f"{key}.lora_up.weight"] = torch.randn(num_out, 2, generator=chance)
        kohya[f"{key}.alpha"] = torch.tensor(1.0)
    theirs, ours = _convert_kohya_flux_lora_to_diffusers(dict(kohya)), to_diffusers(kohya)
    names = {name for name in theirs if name.endswith(".lora_A.weight")}
    assert names == {name for name in ours if name.endswith(".lora_A.weight")}
    for name in names:
        up = name.replace("lora_A", "lora_B")
        vector = torch.randn(theirs[name].shape[1], generator=chance)
        changed = [file[up] @ (file[name] @ vector) for file in (theirs, ours)]
        torch.testing.assert_close(changed[0], changed[1], rtol=1e-3, atol=1e-2)
