"""Names and shapes of the tensors in real LoRA files, made by rule from the architectures: nothing of a real file is
needed to know them, since each family's layers are fixed. Kohya's lists have the sizes that sd-scripts prints.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

Shape = tuple[int, ...]
ATTENTION = ("to_q", "to_k", "to_v", "to_out_0")
CLIP = ("self_attn_q_proj", "self_attn_k_proj", "self_attn_v_proj", "self_attn_out_proj", "mlp_fc1", "mlp_fc2")


def sd15_unet(text_width: int = 768) -> Iterator[tuple[str, int, int]]:
    """(path with underscores, width in, width out) of the 192 layers, in diffusers' names."""
    places = [(f"down_blocks_{block}_attentions_{one}", 320 * 2**block) for block in range(3) for one in range(2)]
    places += [
        (f"up_blocks_{block}_attentions_{one}", 320 * 2 ** (3 - block)) for block in (1, 2, 3) for one in range(3)
    ]
    places.append(("mid_block_attentions_0", 1280))
    for path, width in places:
        yield f"{path}_proj_in", width, width
        yield f"{path}_proj_out", width, width
        yield from _transformer_block(f"{path}_transformer_blocks_0", width, text_width)


def sdxl_unet() -> Iterator[tuple[str, int, int]]:
    """The 722 layers, in SGM's names."""
    places = [(f"input_blocks_{number}_1", 640, 2) for number in (4, 5)]
    places += [(f"input_blocks_{number}_1", 1280, 10) for number in (7, 8)]
    places += [("middle_block_1", 1280, 10)]
    places += [(f"output_blocks_{number}_1", 1280, 10) for number in (0, 1, 2)]
    places += [(f"output_blocks_{number}_1", 640, 2) for number in (3, 4, 5)]
    for path, width, depth in places:
        yield f"{path}_proj_in", width, width
        yield f"{path}_proj_out", width, width
        for block in range(depth):
            yield from _transformer_block(f"{path}_transformer_blocks_{block}", width, 2048)


def flux_transformer() -> Iterator[tuple[str, int, int]]:
    """The 304 layers, in the names of its makers."""
    for block in range(19):
        for side in ("img", "txt"):
            yield f"double_blocks_{block}_{side}_attn_qkv", 3072, 9216
            yield f"double_blocks_{block}_{side}_attn_proj", 3072, 3072
            yield f"double_blocks_{block}_{side}_mlp_0", 3072, 12288
            yield f"double_blocks_{block}_{side}_mlp_2", 12288, 3072
            yield f"double_blocks_{block}_{side}_mod_lin", 3072, 18432
    for block in range(38):
        yield f"single_blocks_{block}_linear1", 3072, 21504
        yield f"single_blocks_{block}_linear2", 15360, 3072
        yield f"single_blocks_{block}_modulation_lin", 3072, 9216


def clip(num_layers: int, width: int) -> Iterator[tuple[str, int, int]]:
    """Six layers each."""
    for layer in range(num_layers):
        for name in CLIP:
            into = 4 * width if name == "mlp_fc2" else width
            out = 4 * width if name == "mlp_fc1" else width
            yield f"text_model_encoder_layers_{layer}_{name}", into, out


def kohya(beginning: str, layers: Iterator[tuple[str, int, int]], dim: int = 16) -> dict[str, Shape]:
    """As sd-scripts names and shapes them."""
    shapes: dict[str, Shape] = {}
    for path, into, out in layers:
        shapes[f"{beginning}{path}.lora_down.weight"] = (dim, into)
        shapes[f"{beginning}{path}.lora_up.weight"] = (out, dim)
        shapes[f"{beginning}{path}.alpha"] = ()
    return shapes


def with_dots(
    beginning: str, layers: Iterator[tuple[str, int, int]], dotted: Callable[[str], str], dim: int = 16
) -> dict[str, Shape]:
    """As PEFT (diffusers) and ComfyUI write them: ``lora_A`` and ``lora_B``, no alpha."""
    shapes: dict[str, Shape] = {}
    for path, into, out in layers:
        shapes[f"{beginning}{dotted(path)}.lora_A.weight"] = (dim, into)
        shapes[f"{beginning}{dotted(path)}.lora_B.weight"] = (out, dim)
    return shapes


def sd15() -> dict[str, Shape]:
    """Kohya, U-Net and text encoder."""
    return kohya("lora_unet_", sd15_unet()) | kohya("lora_te_", clip(12, 768))


def sdxl() -> dict[str, Shape]:
    """Kohya, U-Net and both text encoders."""
    return kohya("lora_unet_", sdxl_unet()) | kohya("lora_te1_", clip(12, 768)) | kohya("lora_te2_", clip(32, 1280))


def flux() -> dict[str, Shape]:
    """Kohya, transformer and CLIP-L."""
    return kohya("lora_unet_", flux_transformer()) | kohya("lora_te1_", clip(12, 768))


def _transformer_block(path: str, width: int, text_width: int) -> Iterator[tuple[str, int, int]]:
    for attention in ("attn1", "attn2"):
        for name in ATTENTION:
            reads_text = attention == "attn2" and name in ("to_k", "to_v")
            yield f"{path}_{attention}_{name}", text_width if reads_text else width, width
    yield f"{path}_ff_net_0_proj", width, 8 * width
    yield f"{path}_ff_net_2", 4 * width, width
