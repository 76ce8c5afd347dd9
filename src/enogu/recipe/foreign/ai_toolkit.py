"""ai-toolkit's YAML as arguments of sd-scripts, where a setting means the same there.

Names are those of ai-toolkit's ``toolkit/config_modules.py`` and its example files. Its schedules are torch's: a
"cosine_with_restarts" restarts only after all steps, so it is a cosine; its alpha counts as Kohya's does.
"""

from __future__ import annotations

from typing import Any, cast

from enogu.recipe.foreign.remarks import Remark, shown

Values = dict[str, Any]
ASSUMED: Values = {
    "learning_rate": 1e-4, "train_batch_size": 1, "optimizer_type": "adamw", "lr_scheduler": "constant",
    "network_dim": 4, "enable_bucket": True, "keep_tokens": 0, "save_precision": "fp16", "max_grad_norm": 1.0,
    "mixed_precision": "fp16", "bucket_reso_steps": 64, "clip_skip": 1, "max_token_length": 75,
}  # fmt: skip
"""What ai-toolkit does where its file says nothing."""
_NAMES = {
    "network.linear": "network_dim",
    "network.rank": "network_dim",
    "network.linear_alpha": "network_alpha",
    "network.alpha": "network_alpha",
    "network.conv": "network_args.conv_dim",
    "network.conv_alpha": "network_args.conv_alpha",
    "network.dropout": "network_dropout",
    "network.lokr_factor": "network_args.factor",
    "save.dtype": "save_precision",
    "datasets.caption_dropout_rate": "caption_dropout_rate",
    "datasets.token_dropout_rate": "caption_tag_dropout_rate",
    "datasets.shuffle_tokens": "shuffle_caption",
    "datasets.keep_tokens": "keep_tokens",
    "datasets.num_repeats": "num_repeats",
    "datasets.random_crop": "random_crop",
    "datasets.flip_x": "flip_aug",
    "datasets.flip_y": "flip_aug_y",
    "datasets.folder_path": "image_dir",
    "datasets.caption_ext": "caption_extension",
    "datasets.cache_latents_to_disk": "cache_latents_to_disk",
    "datasets.cache_latents": "cache_latents",
    "train.batch_size": "train_batch_size",
    "train.steps": "max_train_steps",
    "train.gradient_accumulation_steps": "gradient_accumulation_steps",
    "train.gradient_accumulation": "gradient_accumulation_steps",
    "train.gradient_checkpointing": "gradient_checkpointing",
    "train.optimizer": "optimizer_type",
    "train.lr": "learning_rate",
    "train.unet_lr": "unet_lr",
    "train.text_encoder_lr": "text_encoder_lr",
    "train.lr_scheduler": "lr_scheduler",
    "train.dtype": "mixed_precision",
    "train.min_snr_gamma": "min_snr_gamma",
    "train.noise_offset": "noise_offset",
    "train.max_grad_norm": "max_grad_norm",
    "train.loss_type": "loss_type",
    "train.optimizer_params.weight_decay": "optimizer_args.weight_decay",
    "train.optimizer_params.betas": "optimizer_args.betas",
    "train.optimizer_params.eps": "optimizer_args.eps",
    "train.ema_config.use_ema": "use_ema",
    "train.ema_config.ema_decay": "ema_decay",
    "model.name_or_path": "pretrained_model_name_or_path",
    "model.is_v_pred": "v_parameterization",
    "model.is_xl": "sdxl",
    "model.is_flux": "flux",
    "model.arch": "model_type",
    "sample.sampler": "sample_sampler",
    "sample.neg": "sample_prompts --n",
    "sample.width": "sample_prompts --w",
    "sample.height": "sample_prompts --h",
    "sample.seed": "sample_prompts --d",
    "sample.sample_steps": "sample_prompts --s",
    "sample.guidance_scale": "sample_prompts --l",
    "sample.prompts": "sample_prompts",
    "training_folder": "output_dir",
    "device": "device",
    "resolution": "resolution",
    "trigger_word": "trigger_word",
}
_VALUES = {
    ("save_precision", "float16"): "fp16",
    ("save_precision", "bfloat16"): "bf16",
    ("save_precision", "float32"): "fp32",
    ("mixed_precision", "float16"): "fp16",
    ("mixed_precision", "bfloat16"): "bf16",
    ("mixed_precision", "float32"): "no",
    ("lr_scheduler", "cosine_with_restarts"): "cosine",
    ("sample_sampler", "ddpm"): "ddim",
}  # fmt: skip
_ALGORITHMS = {"lokr": "lokr", "loha": "loha", "locon": "locon"}


def is_job(values: Values) -> bool:
    """Whether this is a job of ai-toolkit."""
    return _process(values) is not None


def arguments_of(values: Values, remarks: list[Remark]) -> Values:
    """Names and values of sd-scripts."""
    process = _process(values) or {}
    found: Values = {}
    if isinstance(name := _table(values.get("config")).get("name"), str):
        found["output_name"] = name
    for name, value in _flat(process, remarks).items():
        argument = _NAMES.get(name, f"ai-toolkit {name}")
        found[argument] = _VALUES.get((argument, str(value)), value)
    train = _table(process.get("train"))
    if train.get("train_text_encoder") is not True:
        found["network_train_unet_only"] = True
    elif train.get("train_unet") is False:
        found["network_train_text_encoder_only"] = True
    kind = str(_table(process.get("network")).get("type", "lora"))
    found["network_module"] = "networks.lora"
    if kind in _ALGORITHMS:
        found |= {"network_module": "lycoris.kohya", "network_args.algo": _ALGORITHMS[kind]}
        found.setdefault("network_args.preset", "attn-mlp")
    elif kind == "dora":
        found |= {"network_module": "lycoris.kohya", "network_args.algo": "locon", "network_args.dora_wd": True}
        found.setdefault("network_args.preset", "attn-mlp")
    elif kind != "lora":
        found["network_module"] = kind
    for name in ("train_unet", "train_text_encoder"):
        found.pop(f"ai-toolkit train.{name}", None)
    for name in ("type", "network.type", "sample.sample_every", "save.save_every", "performance_log_every"):
        found.pop(f"ai-toolkit {name}", None)
    return found


def _process(values: Values) -> Values | None:
    processes = _table(values.get("config")).get("process")
    if not isinstance(processes, list) or not processes:
        return None
    first = _table(cast("list[Any]", processes)[0])
    return first if "network" in first or "train" in first else None


def _flat(process: Values, remarks: list[Remark]) -> Values:
    """Dotted names; of several datasets the first, of several resolutions the largest."""
    found: Values = {}
    for name, value in process.items():
        if name == "datasets":
            sets = [_table(one) for one in cast("list[Any]", value)] if isinstance(value, list) else []
            if len(sets) > 1:
                words = "Bring the pictures of all folders into one dataset; the settings of the first are taken."
                remarks.append(Remark("datasets", f"{len(sets)} folders", "converted", words=words))
            found |= _dotted("datasets", sets[0] if sets else {})
        elif isinstance(value, dict):
            found |= _dotted(name, cast("Values", value))
        else:
            found[name] = value
    resolutions = found.pop("datasets.resolution", None)
    if isinstance(resolutions, list) and resolutions:
        sizes = cast("list[Any]", resolutions)
        largest = max((one for one in sizes if isinstance(one, int)), default=None)
        if largest is not None:
            found["resolution"] = largest
            if len(sizes) > 1:
                words = f"The largest of {shown(sizes)} is taken; buckets keep the shape of each picture."
                remarks.append(
                    Remark("datasets.resolution", shown(sizes), "converted", "pictures.resolution", largest, words)
                )
    elif resolutions is not None:
        found["resolution"] = resolutions
    return found


def _dotted(name: str, values: Values) -> Values:
    found: Values = {}
    for key, value in values.items():
        if isinstance(value, dict):
            found |= _dotted(f"{name}.{key}", cast("Values", value))
        else:
            found[f"{name}.{key}"] = value
    return found


def _table(value: Any) -> Values:
    return dict(cast("Values", value)) if isinstance(value, dict) else {}
