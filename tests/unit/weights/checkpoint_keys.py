"""Key names and shapes of real single-file base models, made by rule: the parts that tell families apart, in full
width. Nothing is allocated; these are names and numbers.
"""

from __future__ import annotations

Shapes = dict[str, tuple[int, ...]]
UNET = "model.diffusion_model."


def sd15(width: int = 768, channels: int = 4) -> Shapes:
    """Stability's layout of SD1.5, and with ``width`` 1024 of SD2."""
    shapes: Shapes = {f"{UNET}input_blocks.0.0.weight": (320, channels, 3, 3)}
    for block, size in ((1, 320), (2, 320), (4, 640), (5, 640), (7, 1280), (8, 1280)):
        shapes |= _attention(f"input_blocks.{block}.1", size, width, 1)
    shapes |= _attention("middle_block.1", 1280, width, 1)
    for block, size in ((3, 1280), (4, 1280), (5, 1280), (6, 640), (7, 640), (8, 640), (9, 320), (10, 320), (11, 320)):
        shapes |= _attention(f"output_blocks.{block}.1", size, width, 1)
    text = "cond_stage_model.transformer.text_model." if width == 768 else "cond_stage_model.model.transformer."
    shapes[f"{text}embeddings.token_embedding.weight"] = (49408, width)
    return shapes | _vae()


def sdxl(width: int = 2048) -> Shapes:
    """Stability's layout of SDXL."""
    shapes: Shapes = {
        f"{UNET}input_blocks.0.0.weight": (320, 4, 3, 3),
        f"{UNET}label_emb.0.0.weight": (1280, 2816),
    }
    for block, size, depth in ((4, 640, 2), (5, 640, 2), (7, 1280, 10), (8, 1280, 10)):
        shapes |= _attention(f"input_blocks.{block}.1", size, width, depth)
    shapes |= _attention("middle_block.1", 1280, width, 10)
    shapes["conditioner.embedders.0.transformer.text_model.embeddings.token_embedding.weight"] = (49408, 768)
    shapes["conditioner.embedders.1.model.token_embedding.weight"] = (49408, 1280)
    return shapes | _vae()


def flux(*, prefix: str = "", guided: bool = True, whole: bool = False) -> Shapes:
    """Black Forest Labs' layout: 19 double and 38 single blocks; ``whole`` as ComfyUI shares it, with encoders."""
    shapes: Shapes = {f"{prefix}img_in.weight": (3072, 64), f"{prefix}txt_in.weight": (3072, 4096)}
    if guided:
        shapes[f"{prefix}guidance_in.in_layer.weight"] = (3072, 256)
    for block in range(19):
        for side in ("img", "txt"):
            shapes[f"{prefix}double_blocks.{block}.{side}_attn.qkv.weight"] = (9216, 3072)
            shapes[f"{prefix}double_blocks.{block}.{side}_mlp.0.weight"] = (12288, 3072)
    for block in range(38):
        shapes[f"{prefix}single_blocks.{block}.linear1.weight"] = (21504, 3072)
    if whole:
        shapes["text_encoders.clip_l.transformer.text_model.embeddings.token_embedding.weight"] = (49408, 768)
        shapes["text_encoders.t5xxl.transformer.shared.weight"] = (32128, 4096)
        shapes["vae.decoder.conv_in.weight"] = (512, 16, 3, 3)
    return shapes


def _attention(place: str, size: int, width: int, depth: int) -> Shapes:
    shapes: Shapes = {}
    for number in range(depth):
        block = f"{UNET}{place}.transformer_blocks.{number}"
        shapes[f"{block}.attn1.to_k.weight"] = (size, size)
        shapes[f"{block}.attn2.to_k.weight"] = (size, width)
    return shapes


def _vae() -> Shapes:
    return {"first_stage_model.decoder.conv_in.weight": (512, 4, 3, 3)}
