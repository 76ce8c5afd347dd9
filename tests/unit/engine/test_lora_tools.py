"""Tools on LoRA files against dense weights (issue 5, section 4)."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from enogu.engine import lora_tools
from enogu.engine.adapters.deltas import change_of, kind_of, layers_of
from enogu.engine.adapters.lora import check_fits
from enogu.engine.adapters.products import as_lora
from enogu.engine.families import LoadedBase
from enogu.engine.lora_file import load_lora
from enogu.engine.merging import LoraToMerge
from enogu.errors import AdapterRefused, WrongUse
from enogu.recipe.adapter import DoraAdapter, LohaAdapter, LokrAdapter
from enogu.weights.header import read_header, tensor_bytes_sha256
from tests.unit.engine.tiny_run import random_lora, write_kind


@pytest.fixture
def files(tiny_base: LoadedBase, tmp_path: Path) -> tuple[Path, Path]:
    """Two LoRAs of dims 3 and 2, the first with a convolution."""
    first, second = random_lora(tiny_base, 3, seed=1), random_lora(tiny_base, 2, seed=2)
    conv = "lora_unet_down_blocks_0_resnets_0_conv1"
    first |= {f"{conv}.lora_down.weight": torch.randn(2, 16, 3, 3), f"{conv}.lora_up.weight": torch.randn(16, 2, 1, 1)}
    save_file(first, tmp_path / "a.safetensors", {"ss_output_name": "a", "ss_network_dim": "3"})
    save_file(second, tmp_path / "b.safetensors", {"ss_output_name": "b"})
    return tmp_path / "a.safetensors", tmp_path / "b.safetensors"


def changes(base: LoadedBase, path: Path) -> dict[str, torch.Tensor]:
    places = {target.key: target.layer.weight for target in base.family.all_targets(base)}
    return {key: change_of(layer, places[key]) for key, layer in layers_of(load_lora(path).tensors).items()}


def test_a_merge_without_a_rank_is_the_exact_sum(
    tiny_base: LoadedBase, files: tuple[Path, Path], tmp_path: Path
) -> None:
    a, b = files
    before = a.read_bytes()
    lora_tools.merge(
        [LoraToMerge(a, 0.7, 0.7), LoraToMerge(b, -0.3, -0.3)], tmp_path / "m.safetensors", rank=None, precision="fp32"
    )
    merged, first, second = (changes(tiny_base, path) for path in (tmp_path / "m.safetensors", a, b))
    for key, change in merged.items():
        wanted = 0.7 * first[key] + (-0.3 * second[key] if key in second else 0)
        torch.testing.assert_close(change, wanted, rtol=1e-4, atol=1e-5)
    assert a.read_bytes() == before
    header = read_header(tmp_path / "m.safetensors")
    assert header.metadata["sshs_model_hash"] == tensor_bytes_sha256(tmp_path / "m.safetensors")
    assert (header.metadata["ss_network_dim"], header.metadata["ss_output_name"]) == ("Dynamic", "m")
    with pytest.raises(WrongUse, match="there already"):
        lora_tools.merge(
            [LoraToMerge(a, 1.0, 1.0), LoraToMerge(b, 1.0, 1.0)],
            tmp_path / "m.safetensors",
            rank=None,
            precision="fp32",
        )


def test_text_encoders_have_a_weight_of_their_own_and_none_adds_no_rank(
    tiny_base: LoadedBase, files: tuple[Path, Path], tmp_path: Path
) -> None:
    a, b = files
    out = tmp_path / "m.safetensors"
    lora_tools.merge([LoraToMerge(a, 0.7, 0.0), LoraToMerge(b, 0.5, -1.5)], out, rank=None, precision="fp32")
    merged, first, second = (changes(tiny_base, path) for path in (out, a, b))
    for key, change in merged.items():
        is_text = key.startswith("lora_te")
        wanted = (0.0 if is_text else 0.7) * first[key] + (-1.5 if is_text else 0.5) * second.get(key, 0)
        torch.testing.assert_close(change, wanted, rtol=1e-4, atol=1e-5)
    text = next(n for n in load_file(out) if n.startswith("lora_te") and n.endswith("lora_down.weight"))
    assert load_file(out)[text].shape[0] == 2
    assert read_header(out).metadata["modelspec.merged_from"] == "a.safetensors:0.7:0, b.safetensors:0.5:-1.5"
    with pytest.raises(WrongUse, match="nothing would change"):
        lora_tools.merge([LoraToMerge(a, 0, 0)], tmp_path / "n.safetensors", rank=None, precision="fp32")


def test_a_resize_is_the_best_approximation_of_its_rank_and_tells_what_is_kept(
    tiny_base: LoadedBase, files: tuple[Path, Path], tmp_path: Path
) -> None:
    """Eckart and Young: the singular values that are left out are the whole error."""
    out = tmp_path / "r.safetensors"
    _, told = lora_tools.resize(files[0], out, rank=2, method="fixed", parameter=None, precision="fp32")
    before, after = changes(tiny_base, files[0]), changes(tiny_base, out)
    for layer in told:
        u, s, v = torch.linalg.svd(before[layer.key].flatten(1), full_matrices=False)
        wanted = (u[:, :2] * s[:2]) @ v[:2]
        torch.testing.assert_close(after[layer.key].flatten(1), wanted, rtol=1e-3, atol=1e-4)
        assert layer.retained == pytest.approx(float((s[:2] ** 2).sum().sqrt() / s.norm()), abs=1e-4)
        assert layer.rank == 2
    assert read_header(out).metadata["ss_network_dim"] == "2"


def test_a_rank_is_found_by_ratio_sum_or_squares_as_sd_scripts_does() -> None:
    s = torch.tensor([8.0, 4.0, 2.0, 1.0, 1.0])
    assert lora_tools._rank_for(s, 99, "sv_ratio", 3.0) == 2
    assert lora_tools._rank_for(s, 99, "sv_cumulative", 0.8) == 3
    assert lora_tools._rank_for(s, 99, "sv_fro", 0.9) == 2
    assert lora_tools._rank_for(s, 1, "sv_fro", 0.99) == 1
    assert lora_tools._rank_for(torch.zeros(3), 3, "sv_fro", 0.9) == 1
    with pytest.raises(WrongUse):
        lora_tools._check_method("sv_fro", None)


def test_a_comparison_is_the_angle_and_the_norms_of_the_whole_changes(
    tiny_base: LoadedBase, files: tuple[Path, Path]
) -> None:
    a, b = files
    first, second = changes(tiny_base, a), changes(tiny_base, b)
    for layer in lora_tools.compare(a, b):
        assert layer.norm_a == pytest.approx(float(first[layer.key].norm()), rel=1e-4)
        if layer.key in second:
            cosine = torch.cosine_similarity(first[layer.key].flatten(), second[layer.key].flatten(), dim=0)
            assert layer.cosine == pytest.approx(float(cosine), abs=1e-4)
        else:
            assert (layer.cosine, layer.norm_b) == (0.0, 0.0)
    assert all(layer.cosine == pytest.approx(1.0) for layer in lora_tools.compare(a, a))


def test_a_file_in_diffusers_layout_comes_back_as_the_same_changes(
    tiny_base: LoadedBase, files: tuple[Path, Path], tmp_path: Path
) -> None:
    there, back = tmp_path / "d.safetensors", tmp_path / "k.safetensors"
    lora_tools.convert(files[1], there, layout="diffusers", precision="same")
    assert all(name.startswith(("unet.", "text_encoder.")) for name in load_file(there))
    lora_tools.convert(there, back, layout="kohya", precision="fp16")
    before, after = changes(tiny_base, files[1]), changes(tiny_base, back)
    assert before.keys() == after.keys()
    for key, change in after.items():
        torch.testing.assert_close(change, before[key], rtol=2e-2, atol=2e-2)
    assert {tensor.dtype for tensor in load_file(back).values()} == {torch.float16}


@pytest.mark.parametrize(
    "adapter",
    [
        LohaAdapter(dim=2, alpha=1, conv_dim=2, conv_alpha=1),
        LokrAdapter(dim=2, alpha=1, conv_dim=1, conv_alpha=1),
        LokrAdapter(dim=1, alpha=1, conv_dim=1, conv_alpha=1, factor=4, decompose_both=True),
        LokrAdapter(dim=1000, alpha=1, conv_dim=1000, conv_alpha=1, factor=4),
    ],
)
def test_loha_and_lokr_are_merged_resized_and_compared_through_their_products(
    tiny_base: LoadedBase, files: tuple[Path, Path], tmp_path: Path, adapter: LohaAdapter | LokrAdapter
) -> None:
    path = write_kind(tiny_base, adapter, tmp_path / "kind.safetensors")
    whole = changes(tiny_base, path)
    lora_tools.merge(
        [LoraToMerge(path, 0.5, 0.5), LoraToMerge(files[1], 1.0, 1.0)],
        tmp_path / "m.safetensors",
        rank=None,
        precision="fp32",
    )
    merged, other = changes(tiny_base, tmp_path / "m.safetensors"), changes(tiny_base, files[1])
    for key, change in merged.items():
        wanted = 0.5 * whole[key] + other.get(key, 0)
        torch.testing.assert_close(change, wanted, rtol=1e-3, atol=1e-4, msg=key)
    file, told = lora_tools.resize(path, tmp_path / "r.safetensors", rank=3, method="fixed", parameter=None,
                                   precision="fp32")  # fmt: skip
    for layer in told:
        s = torch.linalg.svdvals(whole[layer.key].flatten(1))
        assert layer.retained == pytest.approx(float((s[:3] ** 2).sum().sqrt() / s.norm()), abs=1e-3)
    assert {kind_of(layer) for layer in layers_of(file.tensors).values()} == {"lora"}
    check_fits(tiny_base.family.all_targets(tiny_base), file.tensors)
    for layer in lora_tools.compare(path, tmp_path / "m.safetensors"):
        assert layer.norm_a == pytest.approx(float(whole[layer.key].norm()), rel=1e-3)


def test_a_tucker_core_is_part_of_the_product(tiny_base: LoadedBase, tmp_path: Path) -> None:
    key = "lora_unet_down_blocks_0_resnets_0_conv1"
    place = next(t for t in tiny_base.family.conv_targets(tiny_base) if t.key == key)
    loha = {f"hada_w{i}_a": torch.randn(2, place.num_out) for i in (1, 2)}
    loha |= {f"hada_w{i}_b": torch.randn(2, place.num_in) for i in (1, 2)}
    loha |= {f"hada_t{i}": torch.randn(2, 2, 3, 3) for i in (1, 2)}
    locon = {
        "lora_down.weight": torch.randn(2, place.num_in, 1, 1),
        "lora_mid.weight": torch.randn(2, 2, 3, 3),
        "lora_up.weight": torch.randn(place.num_out, 2, 1, 1),
        "alpha": torch.tensor(1.0),
    }
    for layer in (loha, locon):
        product = as_lora(key, layer)
        assert product is not None
        torch.testing.assert_close(
            change_of(product, place.layer.weight), change_of(layer, place.layer.weight), rtol=1e-4, atol=1e-4
        )


def test_a_dora_is_refused_with_the_way_round(tiny_base: LoadedBase, files: tuple[Path, Path], tmp_path: Path) -> None:
    dora = write_kind(tiny_base, DoraAdapter(dim=2, alpha=1), tmp_path / "dora.safetensors")
    with pytest.raises(AdapterRefused, match="depends on the base model") as refused:
        lora_tools.compare(files[0], dora)
    assert "--into" in refused.value.cure
