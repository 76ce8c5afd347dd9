"""The LoRA file: metadata, hashes and dtypes as sd-scripts writes them (facts/trainers.md 2c; F25, F26)."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from enogu.engine.adapters.kinds import to_file
from enogu.engine.export import PictureForMetadata, kohya_hashes, lora_metadata, save_lora, tag_frequency
from enogu.engine.families import LoadedBase
from enogu.engine.loop import SAVE_DTYPES
from enogu.errors import TrainingFailed
from enogu.recipe import TrainRecipe
from enogu.recipe.plan import PictureSize, plan_training
from tests.unit.engine.tiny_run import header_of, plain_lora, tiny_recipe


def _names(text: str) -> list[str]:
    return text.split()


ALWAYS = _names(
    """
ss_session_id ss_training_started_at ss_training_finished_at ss_output_name ss_learning_rate ss_text_encoder_lr
ss_unet_lr ss_num_train_images ss_num_validation_images ss_num_reg_images ss_num_batches_per_epoch ss_num_epochs
ss_gradient_checkpointing ss_gradient_accumulation_steps ss_max_train_steps ss_lr_warmup_steps ss_lr_scheduler
ss_network_module ss_network_dim ss_network_alpha ss_network_dropout ss_network_args ss_mixed_precision ss_full_fp16
ss_v2 ss_base_model_version ss_clip_skip ss_max_token_length ss_cache_latents ss_seed ss_lowram ss_noise_offset
ss_multires_noise_iterations ss_multires_noise_discount ss_adaptive_noise_scale ss_zero_terminal_snr
ss_training_comment ss_sd_scripts_commit_hash ss_optimizer ss_max_grad_norm ss_caption_dropout_rate
ss_caption_dropout_every_n_epochs ss_caption_tag_dropout_rate ss_face_crop_aug_range ss_prior_loss_weight
ss_min_snr_gamma ss_scale_weight_norms ss_ip_noise_gamma ss_debiased_estimation ss_noise_offset_random_strength
ss_ip_noise_gamma_random_strength ss_loss_type ss_huber_schedule ss_huber_scale ss_huber_c ss_fp8_base
ss_fp8_base_unet ss_validation_seed ss_validation_split ss_max_validation_steps ss_validate_every_n_epochs
ss_validate_every_n_steps ss_resize_interpolation ss_steps ss_epoch ss_sd_model_name
"""
)
WITH_FOLDER_OR_TOML = _names(
    """
ss_datasets ss_tag_frequency ss_dataset_dirs ss_batch_size_per_device ss_total_batch_size ss_resolution ss_color_aug
ss_flip_aug ss_random_crop ss_shuffle_caption ss_enable_bucket ss_bucket_no_upscale ss_min_bucket_reso
ss_max_bucket_reso ss_keep_tokens ss_reg_dataset_dirs ss_bucket_info
"""
)
MODELSPEC = _names(
    """
modelspec.sai_model_spec modelspec.architecture modelspec.implementation modelspec.title modelspec.resolution
modelspec.date modelspec.prediction_type modelspec.encoder_layer modelspec.trigger_phrase
"""
)

PICTURES = (
    PictureForMetadata("20_mame 1girl", "mame, 1girl, Smile", 20),
    PictureForMetadata("20_mame 1girl", " mame,smile ,, hat, hat", 20),
    PictureForMetadata("5_lines", "lines", 5),
)


@pytest.mark.parametrize("key", [*ALWAYS, *WITH_FOLDER_OR_TOML, *MODELSPEC])
def test_a_key_that_readers_look_for_is_there(tiny_base: LoadedBase, key: str) -> None:
    assert key in _metadata(tiny_base, tiny_recipe())


def test_every_value_is_a_string_as_python_spells_it(tiny_base: LoadedBase) -> None:
    metadata = _metadata(tiny_base, tiny_recipe("pictures.flip=true"))
    assert all(type(value) is str for value in metadata.values())
    assert metadata["ss_flip_aug"] == "True"
    assert metadata["ss_v2"] == "False"
    assert metadata["ss_network_dropout"] == "None"
    assert metadata["ss_noise_offset"] == "None"
    assert metadata["ss_resolution"] == "(64, 64)"
    assert metadata["modelspec.resolution"] == "64x64"


def test_the_values_are_those_of_the_run(tiny_base: LoadedBase) -> None:
    metadata = _metadata(
        tiny_base,
        tiny_recipe("noise.min_snr_gamma=5", "training.clip_skip=2", "schedule.kind=cosine", "noise.offset=0.1"),
    )
    expected = {
        "ss_output_name": "tiny",
        "ss_network_module": "networks.lora",
        "ss_network_dim": "4",
        "ss_network_alpha": "2.0",
        "ss_base_model_version": "sd_v1",
        "ss_learning_rate": "0.02",
        "ss_unet_lr": "None",
        "ss_num_train_images": "45",
        "ss_num_batches_per_epoch": "23",
        "ss_max_train_steps": "46",
        "ss_num_epochs": "2",
        "ss_epoch": "1",
        "ss_steps": "23",
        "ss_seed": "7",
        "ss_clip_skip": "2",
        "ss_min_snr_gamma": "5.0",
        "ss_noise_offset": "0.1",
        "ss_lr_scheduler": "cosine",
        "ss_mixed_precision": "no",
        "ss_training_started_at": "1700000000.0",
        "ss_optimizer": "torch.optim.adamw.AdamW(weight_decay=0.01,betas=(0.9, 0.999),eps=1e-08)",
        "modelspec.sai_model_spec": "1.0.1",
        "modelspec.architecture": "stable-diffusion-v1/lora",
        "modelspec.implementation": "diffusers",
        "modelspec.title": "tiny",
        "modelspec.date": "2023-11-14T22:13:20",
        "modelspec.prediction_type": "epsilon",
        "modelspec.encoder_layer": "2",
        "modelspec.trigger_phrase": "mame",
    }
    assert {key: metadata[key] for key in expected} == expected


def test_tags_are_counted_lower_cased_a_folder_without_repeats() -> None:
    """Split on ",", stripped, empty ones dropped, + 1 an occurrence (sd-scripts, set_tag_frequency)."""
    assert tag_frequency(PICTURES) == {
        "20_mame 1girl": {"mame": 2, "1girl": 1, "smile": 2, "hat": 2},
        "5_lines": {"lines": 1},
    }


def test_both_styles_of_data_set_keys_agree(tiny_base: LoadedBase) -> None:
    """A1111's editor reads the flat keys, others ``ss_datasets``."""
    metadata = _metadata(tiny_base, tiny_recipe("captions.shuffle=true"))
    (data_set,) = json.loads(metadata["ss_datasets"])
    assert data_set["tag_frequency"] == json.loads(metadata["ss_tag_frequency"]) == tag_frequency(PICTURES)
    assert data_set["bucket_info"] == json.loads(metadata["ss_bucket_info"])
    assert json.loads(metadata["ss_dataset_dirs"]) == {
        "20_mame 1girl": {"n_repeats": 20, "img_count": 2},
        "5_lines": {"n_repeats": 5, "img_count": 1},
    }
    assert [(s["image_dir"], s["img_count"], s["num_repeats"]) for s in data_set["subsets"]] == [
        ("20_mame 1girl", 2, 20),
        ("5_lines", 1, 5),
    ]
    assert all(subset["shuffle_caption"] for subset in data_set["subsets"])
    buckets = json.loads(metadata["ss_bucket_info"])["buckets"]
    assert sorted((tuple(b["resolution"]), b["count"]) for b in buckets.values()) == [((64, 64), 40), ((96, 32), 5)]


def test_without_buckets_the_bucket_info_is_none(tiny_base: LoadedBase) -> None:
    assert _metadata(tiny_base, tiny_recipe("pictures.buckets=false"))["ss_bucket_info"] == "None"


def test_a_run_without_a_trigger_has_no_trigger_phrase(tiny_base: LoadedBase) -> None:
    assert "modelspec.trigger_phrase" not in _metadata(tiny_base, tiny_recipe('trigger=""'))


def test_the_model_hash_is_the_sha256_of_what_follows_the_header_on_disk(tiny_base: LoadedBase, tmp_path: Path) -> None:
    path, returned = _saved(tiny_base, tmp_path, "fp16")
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    metadata = header_of(path)["__metadata__"]
    assert metadata["sshs_model_hash"] == hashlib.sha256(data[8 + length :]).hexdigest()
    assert returned == hashlib.sha256(data).hexdigest()


def test_the_legacy_hash_is_64_kib_at_one_mib_of_a_file_with_the_ss_keys_alone() -> None:
    """sha256(b[0x100000:0x110000])[:8], so it depends on the header's length and on no other key."""
    tensors = {"x.lora_down.weight": torch.randn(600, 600, generator=torch.Generator().manual_seed(1))}
    metadata = {"ss_output_name": "tiny", "modelspec.title": "left out", "ss_v2": "False"}
    body = tensors["x.lora_down.weight"].numpy().tobytes()
    entry = {"x.lora_down.weight": {"dtype": "F32", "shape": [600, 600], "data_offsets": [0, len(body)]}}
    header = json.dumps({"__metadata__": {"ss_output_name": "tiny", "ss_v2": "False"}, **entry}, separators=(",", ":"))
    padded = header.encode() + b" " * (-len(header) % 8)
    file = len(padded).to_bytes(8, "little") + padded + body
    hashes = kohya_hashes(tensors, metadata)
    assert hashes["sshs_legacy_hash"] == hashlib.sha256(file[0x100000:0x110000]).hexdigest()[:8]
    assert hashes["sshs_model_hash"] == hashlib.sha256(body).hexdigest()
    assert kohya_hashes(tensors, {**metadata, "modelspec.title": "another, longer title"}) == hashes


@pytest.mark.parametrize("precision", ["fp32", "fp16", "bf16"])
def test_the_file_has_the_asked_precision_in_every_tensor_and_alpha_a_layer(
    tiny_base: LoadedBase, tmp_path: Path, precision: str
) -> None:
    path, _ = _saved(tiny_base, tmp_path, precision)
    tensors = load_file(path)
    assert {tensor.dtype for tensor in tensors.values()} == {SAVE_DTYPES[precision]}
    alphas = {name: float(tensor) for name, tensor in tensors.items() if name.endswith(".alpha")}
    assert set(alphas.values()) == {2.0}
    assert len(alphas) == len(tensors) / 3 == len(tiny_base.family.targets(tiny_base))


def test_nan_and_numbers_too_large_for_the_precision_leave_no_file(tiny_base: LoadedBase, tmp_path: Path) -> None:
    for bad in (float("nan"), float("inf")):
        tensors = {"x.lora_down.weight": torch.tensor([[1.0, bad]])}
        with pytest.raises(TrainingFailed, match=r"x\.lora_down\.weight") as failed:
            save_lora(tmp_path / "bad.safetensors", tensors, {})
        assert "learning rate" in failed.value.cure
    assert list(tmp_path.glob("*.safetensors")) == []
    assert list(tmp_path.glob(".*")) == []


def test_a_disk_that_reads_back_something_else_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("enogu.engine.export.load_file", lambda _: {"x.lora_down.weight": torch.zeros(2)})
    with pytest.raises(TrainingFailed, match="reads back differently"):
        save_lora(tmp_path / "bad.safetensors", {"x.lora_down.weight": torch.ones(2)}, {})
    assert [path for path in tmp_path.iterdir() if path.is_file()] == []


def _metadata(base: LoadedBase, recipe: TrainRecipe) -> dict[str, str]:
    sizes = [PictureSize("a", 64, 64, 20), PictureSize("b", 80, 80, 20), PictureSize("c", 192, 64, 5)]
    return lora_metadata(
        recipe,
        plan_training(recipe, sizes),
        PICTURES,
        base,
        epoch=1,
        step=23,
        started_at=1700000000.0,
        finished_at=1700000060.0,
    )


def _saved(base: LoadedBase, folder: Path, precision: str) -> tuple[Path, str]:
    targets = base.family.targets(base)
    parameters = plain_lora(targets, 4, 2.0, 1)
    path = folder / "lora.safetensors"
    tensors = to_file(targets, parameters, SAVE_DTYPES[precision])
    return path, save_lora(path, tensors, _metadata(base, tiny_recipe()))


def test_it_says_whether_the_base_was_kept_in_eight_bits_and_pictures_cut_at_random(tiny_base: LoadedBase) -> None:
    in_eight_bits = replace(tiny_base, compute=replace(tiny_base.compute, fp8_base=True))
    plain, other = (
        _metadata(base, tiny_recipe(*more))
        for base, more in ((tiny_base, ()), (in_eight_bits, ("pictures.random_crop=true",)))
    )
    assert (plain["ss_fp8_base"], other["ss_fp8_base"]) == ("False", "True")
    assert (plain["ss_random_crop"], other["ss_random_crop"]) == ("False", "True")
    assert json.loads(other["ss_datasets"])[0]["subsets"][0]["random_crop"] is True
