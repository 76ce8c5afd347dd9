"""The SDXL family put together from its four files."""

from __future__ import annotations

from enogu.engine.families import Family
from enogu.engine.families.sdxl.encode import encode_captions
from enogu.engine.families.sdxl.keys import conv_targets, targets
from enogu.engine.families.sdxl.load import load
from enogu.engine.families.sdxl.predict import predict
from enogu.engine.families.unet import decode_latents, encode_pictures

SDXL = Family(
    name="sdxl",
    title="SDXL",
    latent_channels=4,
    pixels_per_latent=8,
    pixel_step=32,
    metadata={
        "ss_v2": "False",
        "ss_base_model_version": "sdxl_base_v1-0",
        "modelspec.architecture": "stable-diffusion-xl-v1-base/lora",
        "modelspec.implementation": "https://github.com/Stability-AI/generative-models",
    },
    load=load,
    encode_pictures=encode_pictures,
    decode_latents=decode_latents,
    encode_captions=encode_captions,
    predict=predict,
    targets=targets,
    conv_targets=conv_targets,
)
