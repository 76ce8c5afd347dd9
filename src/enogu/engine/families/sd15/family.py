"""The SD1.5 family put together from its four files."""

from __future__ import annotations

from enogu.engine.families import Family
from enogu.engine.families.sd15.encode import encode_captions
from enogu.engine.families.sd15.keys import conv_targets, targets
from enogu.engine.families.sd15.load import load
from enogu.engine.families.sd15.predict import predict
from enogu.engine.families.unet import decode_latents, encode_pictures

SD15 = Family(
    name="sd15",
    title="Stable Diffusion 1.5",
    latent_channels=4,
    pixels_per_latent=8,
    pixel_step=32,
    metadata={
        "ss_v2": "False",
        "ss_base_model_version": "sd_v1",
        "modelspec.architecture": "stable-diffusion-v1/lora",
        "modelspec.implementation": "diffusers",
    },
    load=load,
    encode_pictures=encode_pictures,
    decode_latents=decode_latents,
    encode_captions=encode_captions,
    predict=predict,
    targets=targets,
    conv_targets=conv_targets,
)
