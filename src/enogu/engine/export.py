"""The LoRA file: Kohya's tensors with the metadata that A1111, Forge, ComfyUI add-ons and civitai read.

Keys and values are those of sd-scripts 0.10 (train_network.py, library/train_util.py, library/sai_model_spec.py):
values are strings, nested ones JSON, ``None`` and ``True`` spelled as Python does. Both styles of data-set keys are
written, since readers differ. Every file is written aside, loaded back, checked to be finite, and only then renamed.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file

from enogu.engine.families import LoadedBase
from enogu.engine.tensor_files import tensor_file_bytes
from enogu.errors import TrainingFailed
from enogu.recipe import Optimizer, TrainRecipe, recipe_fields
from enogu.recipe.adapter import kohya_network
from enogu.recipe.loss import HuberLoss, SmoothL1Loss
from enogu.recipe.plan import TrainPlan
from enogu.whole_file import write_whole


@dataclass(frozen=True)
class PictureForMetadata:
    """One picture as the metadata counts it."""

    folder: str
    caption: str
    repeats: int
    is_regularisation: bool = False


def lora_metadata(
    recipe: TrainRecipe,
    plan: TrainPlan,
    pictures: Sequence[PictureForMetadata],
    base: LoadedBase,
    *,
    epoch: int,
    step: int,
    started_at: float,
    finished_at: float,
    gradient_checkpointing: bool | None = None,
) -> dict[str, str]:
    """``ss_*`` and ``modelspec.*`` for the file of ``epoch``; times are Unix seconds.

    ``gradient_checkpointing``: whether it was on in the end, when that is not what the recipe says.
    """
    values = _ss_values(recipe, plan, base, epoch, step, started_at, finished_at)
    if gradient_checkpointing is not None:
        values["ss_gradient_checkpointing"] = gradient_checkpointing
    values |= _data_set_values(recipe, plan, pictures)
    values |= _modelspec_values(recipe, base, started_at)
    if base.schedule.prediction_type == "flow":
        values |= _flow_values(recipe, base)
    return {key: value if isinstance(value, str) else str(value) for key, value in values.items()}


def save_lora(path: Path, tensors: Mapping[str, torch.Tensor], metadata: Mapping[str, str]) -> str:
    """Write the file with its ``sshs_*`` hashes; its sha256. Raises TrainingFailed before a bad file is offered."""
    broken = [name for name, tensor in tensors.items() if not bool(torch.isfinite(tensor).all())]
    if broken:
        raise TrainingFailed(
            f"The LoRA holds numbers that are no numbers (NaN) in {len(broken)} tensors, such as {broken[0]}.",
            "Lower the learning rate, or set training.mixed_precision to bf16 or none.",
        )
    full = {**metadata, **kohya_hashes(tensors, metadata)}
    digest = ""

    def write(aside: Path) -> None:
        nonlocal digest
        aside.write_bytes(tensor_file_bytes(tensors, full))
        _check_loads_back(aside, tensors)
        with aside.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()

    write_whole(path, write)
    return digest


def kohya_hashes(tensors: Mapping[str, torch.Tensor], metadata: Mapping[str, str]) -> dict[str, str]:
    """``sshs_model_hash``: sha256 of the tensor bytes; ``sshs_legacy_hash``: 64 KiB at 0x100000, first 8 hex.

    As in sd-scripts both are taken from a file that holds the ``ss_*`` keys only, so the legacy one does not match the
    final file; the model hash does, because tensor bytes are the same.
    """
    ss_only = {key: value for key, value in metadata.items() if key.startswith("ss_")}
    data = tensor_file_bytes(tensors, ss_only)
    header = int.from_bytes(data[:8], "little")
    return {
        "sshs_model_hash": hashlib.sha256(data[8 + header :]).hexdigest(),
        "sshs_legacy_hash": hashlib.sha256(data[0x100000:0x110000]).hexdigest()[:8],
    }


def tag_frequency(pictures: Sequence[PictureForMetadata]) -> dict[str, dict[str, int]]:
    """Counts of lower-cased tags a folder, without repeats (sd-scripts, train_util.py set_tag_frequency)."""
    folders: dict[str, Counter[str]] = {}
    for picture in pictures:
        counter = folders.setdefault(picture.folder, Counter())
        counter.update(tag.strip().lower() for tag in picture.caption.split(",") if tag.strip())
    return {folder: dict(counter) for folder, counter in folders.items()}


def _ss_values(
    recipe: TrainRecipe,
    plan: TrainPlan,
    base: LoadedBase,
    epoch: int,
    step: int,
    started_at: float,
    finished_at: float,
) -> dict[str, Any]:
    optimizer, adapter, training, noise = recipe.optimizer, recipe.adapter, recipe.training, recipe.noise
    huber = recipe.loss if isinstance(recipe.loss, HuberLoss | SmoothL1Loss) else HuberLoss()
    network_module, network_args = kohya_network(adapter)
    session = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps([recipe.model_dump(mode="json"), base.hash, started_at]))
    return {
        **{key: value for key, value in base.family.metadata.items() if key.startswith("ss_")},
        "ss_session_id": session.int % 2**32,
        "ss_training_started_at": started_at,
        "ss_training_finished_at": finished_at,
        "ss_output_name": recipe.output_name,
        "ss_learning_rate": optimizer.learning_rate,
        "ss_unet_lr": optimizer.unet_learning_rate,
        "ss_text_encoder_lr": optimizer.text_encoder_learning_rate,
        "ss_num_train_images": _uses(plan),
        "ss_num_validation_images": len(plan.held_out),
        "ss_num_reg_images": len(plan.regularisation),
        "ss_num_batches_per_epoch": plan.batches_per_epoch,
        "ss_num_epochs": plan.num_epochs,
        "ss_gradient_checkpointing": training.gradient_checkpointing,
        "ss_gradient_accumulation_steps": training.gradient_accumulation,
        "ss_max_train_steps": plan.num_steps,
        "ss_lr_warmup_steps": plan.warmup_steps,
        "ss_lr_scheduler": recipe.schedule.kind,
        "ss_network_module": network_module
        if network_args
        else base.family.metadata.get("ss_network_module", network_module),
        "ss_network_dim": adapter.dim,
        "ss_network_alpha": adapter.alpha,
        "ss_network_dropout": getattr(adapter, "network_dropout", 0.0) or None,
        "ss_network_args": json.dumps(network_args | ({"train_t5xxl": "True"} if training.train_t5 else {})),
        "ss_mixed_precision": "no" if training.mixed_precision == "none" else training.mixed_precision,
        "ss_full_fp16": False,
        "ss_clip_skip": training.clip_skip,
        "ss_max_token_length": recipe.captions.max_token_length,
        "ss_cache_latents": not recipe.pictures.random_crop,
        "ss_seed": recipe.seed,
        "ss_lowram": False,
        "ss_noise_offset": noise.offset or None,
        "ss_multires_noise_iterations": noise.multires_iterations or None,
        "ss_multires_noise_discount": noise.multires_discount,
        "ss_adaptive_noise_scale": noise.adaptive_offset or None,
        "ss_zero_terminal_snr": noise.zero_terminal_snr,
        "ss_training_comment": None,
        "ss_sd_scripts_commit_hash": None,
        "ss_optimizer": _optimizer_words(optimizer),
        "ss_max_grad_norm": optimizer.max_grad_norm,
        "ss_caption_dropout_rate": recipe.captions.dropout_rate,
        "ss_caption_dropout_every_n_epochs": recipe.captions.dropout_every_n_epochs,
        "ss_caption_tag_dropout_rate": recipe.captions.tag_dropout_rate,
        "ss_face_crop_aug_range": None,
        "ss_prior_loss_weight": recipe.pictures.prior_loss_weight,
        "ss_min_snr_gamma": noise.min_snr_gamma,
        "ss_scale_weight_norms": training.scale_weight_norms,
        "ss_ip_noise_gamma": noise.input_perturbation or None,
        "ss_debiased_estimation": noise.debiased,
        "ss_noise_offset_random_strength": noise.random_offset,
        "ss_ip_noise_gamma_random_strength": noise.random_input_perturbation,
        "ss_loss_type": recipe.loss.kind,
        "ss_huber_schedule": huber.bound_schedule,
        "ss_huber_scale": huber.bound_scale,
        "ss_huber_c": huber.bound,
        "ss_fp8_base": base.compute.fp8_base,
        "ss_fp8_base_unet": False,
        "ss_validation_seed": recipe.seed if plan.held_out else None,
        "ss_validation_split": training.validation_split,
        "ss_max_validation_steps": None,
        "ss_validate_every_n_epochs": training.validate_every_n_epochs if plan.held_out else None,
        "ss_validate_every_n_steps": None,
        "ss_resize_interpolation": None,
        "ss_steps": step,
        "ss_epoch": epoch,
        "ss_sd_model_name": base.name,
        "enogu_base_model_hash": base.hash,
        "enogu_trigger": recipe.trigger,
    }


_OPTIMIZER_CLASSES = {
    "adamw": "torch.optim.adamw.AdamW",
    "adamw8bit": "bitsandbytes.optim.adamw.AdamW8bit",
    "adafactor": "transformers.optimization.Adafactor",
    "lion": "lion_pytorch.lion_pytorch.Lion",
    "dadaptation": "dadaptation.experimental.dadapt_adam_preprint.DAdaptAdamPreprint",
    "dadapt_adam": "dadaptation.dadapt_adam.DAdaptAdam",
    "prodigy": "prodigyopt.prodigy.Prodigy",
}


def _optimizer_words(optimizer: Optimizer) -> str:
    """The class and its arguments as sd-scripts writes them, by its names for the arguments."""
    arguments: dict[str, Any] = {}
    betas: list[str] = []
    for field in recipe_fields():
        argument = field.kohya.removeprefix("optimizer_args.")
        if argument == field.kohya or field.kind != optimizer.kind:
            continue
        value = getattr(optimizer, field.name)
        if argument.startswith("betas["):
            betas.append(str(value))
            arguments["betas"] = f"({', '.join(betas)})"
        elif value is not None:
            arguments[argument] = value
    return f"{_OPTIMIZER_CLASSES[optimizer.kind]}({','.join(f'{name}={value}' for name, value in arguments.items())})"


def _flow_values(recipe: TrainRecipe, base: LoadedBase) -> dict[str, Any]:
    """What sd-scripts writes for Flux besides (flux_train_network.py)."""
    flow = recipe.flow
    return {
        "ss_model_type": "dev" if base.guidance == "told" else "schnell",
        "ss_apply_t5_attn_mask": False,
        "ss_weighting_scheme": "none",
        "ss_logit_mean": 0.0,
        "ss_logit_std": 1.0,
        "ss_mode_scale": 1.29,
        "ss_guidance_scale": flow.guidance,
        "ss_timestep_sampling": flow.timesteps,
        "ss_sigmoid_scale": flow.sigmoid_scale,
        "ss_model_prediction_type": "raw",
        "ss_discrete_flow_shift": flow.shift,
    }


def _data_set_values(recipe: TrainRecipe, plan: TrainPlan, pictures: Sequence[PictureForMetadata]) -> dict[str, Any]:
    rules, captions = recipe.pictures, recipe.captions
    spared = [picture for picture in pictures if picture.is_regularisation]
    pictures = [picture for picture in pictures if not picture.is_regularisation]
    frequency = tag_frequency(pictures)
    folders = _folders(pictures)
    buckets = {
        str(index): {"resolution": [count.bucket.width, count.bucket.height], "count": count.num_uses}
        for index, count in enumerate(plan.bucket_counts)
    }
    bucket_info = {"buckets": buckets, "mean_img_ar_error": _mean_ratio_error(plan)} if rules.buckets else None
    common: dict[str, Any] = {
        "enable_bucket": rules.buckets,
        "min_bucket_reso": rules.min_bucket,
        "max_bucket_reso": rules.max_bucket,
        "tag_frequency": frequency,
        "bucket_info": bucket_info,
    }
    subset_rules = {
        "color_aug": False,
        "flip_aug": rules.flip,
        "random_crop": rules.random_crop,
        "shuffle_caption": captions.shuffle,
        "keep_tokens": captions.keep_tokens,
    }
    data_set = {
        "is_dreambooth": True,
        "batch_size_per_device": plan.batch_size,
        "num_train_images": _uses(plan),
        "num_reg_images": len(plan.regularisation),
        "resolution": [rules.resolution, rules.resolution],
        **common,
        "subsets": [
            {
                "img_count": folder["img_count"],
                "num_repeats": folder["n_repeats"],
                **subset_rules,
                "image_dir": name,
                "class_tokens": recipe.trigger or None,
                "is_reg": False,
            }
            for name, folder in folders.items()
        ],
    }
    return {
        "ss_batch_size_per_device": plan.batch_size,
        "ss_total_batch_size": plan.batch_size,
        "ss_resolution": f"({rules.resolution}, {rules.resolution})",
        "ss_bucket_no_upscale": rules.no_upscale,
        **{f"ss_{key}": value for key, value in subset_rules.items()},
        **{f"ss_{key}": json.dumps(value) if isinstance(value, dict) else value for key, value in common.items()},
        "ss_dataset_dirs": json.dumps(folders),
        "ss_reg_dataset_dirs": json.dumps(_folders(spared)),
        "ss_datasets": json.dumps([data_set]),
    }


def _uses(plan: TrainPlan) -> int:
    """Pictures to be learnt, with their repeats."""
    return sum(uses for index, uses in enumerate(plan.repeats) if index not in plan.regularisation)


def _folders(pictures: Sequence[PictureForMetadata]) -> dict[str, dict[str, int]]:
    counts = Counter(picture.folder for picture in pictures)
    repeats = {picture.folder: picture.repeats for picture in pictures}
    return {folder: {"n_repeats": repeats[folder], "img_count": count} for folder, count in counts.items()}


def _modelspec_values(recipe: TrainRecipe, base: LoadedBase, started_at: float) -> dict[str, Any]:
    values: dict[str, Any] = {key: value for key, value in base.family.metadata.items() if key.startswith("modelspec.")}
    resolution = recipe.pictures.resolution
    values |= {
        "modelspec.sai_model_spec": "1.0.1",
        "modelspec.title": recipe.output_name,
        "modelspec.resolution": f"{resolution}x{resolution}",
        "modelspec.date": datetime.fromtimestamp(int(started_at), UTC).replace(tzinfo=None).isoformat(),
        "modelspec.encoder_layer": recipe.training.clip_skip,
    }
    if base.schedule.prediction_type == "flow":  # of Flux neither is said
        del values["modelspec.encoder_layer"]
    else:
        values["modelspec.prediction_type"] = "v" if base.schedule.prediction_type == "v_prediction" else "epsilon"
    if recipe.trigger:
        values["modelspec.trigger_phrase"] = recipe.trigger
    return values


def _mean_ratio_error(plan: TrainPlan) -> float:
    """Mean difference between a picture's proportions and its bucket's, over all uses."""
    errors = [
        abs(place.resized_width / place.resized_height - place.bucket.width / place.bucket.height) * repeats
        for place, repeats in zip(plan.placements, plan.repeats, strict=True)
    ]
    return sum(errors) / max(1, sum(plan.repeats))


def _check_loads_back(path: Path, tensors: Mapping[str, torch.Tensor]) -> None:
    loaded = load_file(path)
    with safe_open(path, framework="pt") as file:
        readable = file.metadata() is not None
    if not readable or loaded.keys() != tensors.keys() or not all(torch.equal(loaded[k], tensors[k]) for k in tensors):
        raise TrainingFailed(
            f"{path.name} reads back differently from what was written.", "The disk may be failing: check it."
        )
