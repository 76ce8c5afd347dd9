"""The Flux family put together from its four files."""

from __future__ import annotations

from enogu.engine.families import Family
from enogu.engine.families.flux.encode import encode_captions
from enogu.engine.families.flux.keys import targets
from enogu.engine.families.flux.load import load
from enogu.engine.families.flux.predict import predict
from enogu.engine.families.unet import decode_latents, encode_pictures

FLUX = Family(
    name="flux",
    title="Flux",
    latent_channels=16,
    pixels_per_latent=8,
    pixel_step=16,
    metadata={
        "ss_v2": "False",
        "ss_base_model_version": "flux1",
        "ss_network_module": "networks.lora_flux",
        "modelspec.architecture": "flux-1-dev/lora",
        "modelspec.implementation": "https://github.com/black-forest-labs/flux",
    },
    load=load,
    encode_pictures=encode_pictures,
    decode_latents=decode_latents,
    encode_captions=encode_captions,
    predict=predict,
    targets=targets,
)
