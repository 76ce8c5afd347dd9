"""What sd-scripts 0.10 does (argparse of train_network.py), and what of it a recipe has no need to say."""

from __future__ import annotations

from typing import Any

ASSUMED: dict[str, Any] = {
    "network_dim": 4, "network_alpha": 1, "network_module": "networks.lora",
    "learning_rate": 2e-6, "optimizer_type": "AdamW", "max_grad_norm": 1.0,
    "lr_scheduler": "constant", "train_batch_size": 1, "gradient_accumulation_steps": 1,
    "mixed_precision": "no", "save_precision": "float", "clip_skip": 1, "max_token_length": 75,
    "keep_tokens": 0, "enable_bucket": False, "bucket_reso_steps": 64, "min_bucket_reso": 256,
    "max_bucket_reso": 1024,
}  # fmt: skip
"""What counts when an argument is left out."""

SAYS_NOTHING: dict[str, Any] = {
    "prior_loss_weight": 1.0, "loss_type": "l2", "huber_schedule": "snr", "huber_c": 0.1, "huber_scale": 1.0,
    "max_train_steps": 1600, "lr_scheduler_num_cycles": 1, "lr_scheduler_power": 1.0, "multires_noise_discount": 0.3,
    "min_timestep": 0, "max_timestep": 1000, "caption_separator": ",", "token_warmup_min": 1,
    "conditioning_dropout_rate": 0, "network_args.factor": -1, "network_args.train_norm": False,
    "sample_sampler": "ddim", "caption_dropout_every_n_epochs": 0, "v_pred_like_loss": 0, "ip_noise_gamma": 0,
    "sdxl_cache_text_encoder_outputs": False, "keep_tokens_separator": "", "scale_weight_norms": 0,
}  # fmt: skip
"""A value that is the same as leaving the argument out, where a recipe has no such field."""

VALUE_NAMES: dict[tuple[str, str], str] = {
    ("mixed_precision", "no"): "none",
    ("save_precision", "float"): "fp32",
    ("sample_sampler", "k_euler"): "euler",
    ("sample_sampler", "k_euler_a"): "euler_a",
    ("sample_sampler", "dpmsolver++"): "dpmpp_2m",
    ("optimizer_type", "dadaptadampreprint"): "dadaptation",
}
"""sd-scripts' word for one of our choices, where it is another. The first of several is the one that is written."""

_PLACES = "Pictures, base models and results have their places in Enogu."
_MACHINE = "Enogu sees to memory and caches by itself."
_FAMILY = "Enogu sees the family in the base model itself."
OWN: dict[str, str] = {
    **dict.fromkeys(
        ("train_data_dir", "reg_data_dir", "output_dir", "logging_dir", "image_dir", "metadata_file", "in_json",
         "caption_extension", "caption_extention", "class_tokens", "dataset_config", "config_file", "save_model_as",
         "save_state", "save_state_on_train_end", "save_last_n_epochs", "save_last_n_epochs_state", "log_with",
         "log_prefix", "log_tracker_name", "log_tracker_config", "wandb_api_key", "wandb_run_name", "log_config",
         "training_comment", "no_metadata", "metadata_author", "metadata_description", "metadata_license",
         "metadata_tags", "metadata_title", "save_every_n_steps", "save_last_n_steps", "save_last_n_steps_state",
         "sample_at_first", "sample_every_n_steps", "output_config", "dataset_repeats", "cache_info", "recursive",
         "folder_prefix", "ai-toolkit save.max_step_saves_to_keep", "ai-toolkit save.push_to_hub", "logging_level",
         "console_log_level", "console_log_file", "console_log_simple"), _PLACES),
    **dict.fromkeys(
        ("cache_latents", "cache_latents_to_disk", "vae_batch_size", "xformers", "sdpa", "mem_eff_attn", "lowram",
         "highvram", "max_data_loader_n_workers", "persistent_data_loader_workers", "num_cpu_threads_per_process",
         "num_processes", "num_machines", "multi_gpu", "gpu_ids", "main_process_port", "dynamo_backend",
         "dynamo_mode", "dynamo_use_dynamic", "dynamo_use_fullgraph", "extra_accelerate_launch_args", "no_half_vae",
         "cache_text_encoder_outputs", "cache_text_encoder_outputs_to_disk", "full_fp16", "full_bf16",
         "fp8_base_unet", "gradient_checkpointing", "torch_compile", "skip_cache_check", "device", "vae",
         "disable_mmap_load_safetensors", "ddp_timeout", "ddp_gradient_as_bucket_view", "ddp_static_graph",
         "attn_mode", "split_attn", "cpu_offload_checkpointing", "mem_eff_save", "split_mode",
         "sdxl_no_half_vae", "sdxl_cache_text_encoder_outputs", "cache_text_encoder_outputs", "num_workers",
         "ai-toolkit model.quantize", "ai-toolkit model.low_vram", "ai-toolkit model.quantize_te",
         "ai-toolkit train.cache_text_embeddings", "ai-toolkit datasets.cache_text_embeddings"), _MACHINE),
    **dict.fromkeys(
        ("sdxl", "v2", "v_parameterization", "model_list", "model_type", "flux", "flux1_checkbox", "sd3_checkbox",
         "clip_l", "t5xxl", "ae", "ai-toolkit train.noise_scheduler", "model_prediction_type"), _FAMILY),
}  # fmt: skip
"""Arguments that need no field, with the reason; a field of that name goes before."""
