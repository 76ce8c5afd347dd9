"""Load SD1.5 from one ``.safetensors`` file, as communities share it: offline, and nothing in it is executed.

Such a file holds U-Net, VAE and text encoder under the names of the first Stable Diffusion (``model.diffusion_model.``,
``first_stage_model.``, ``cond_stage_model.``), and neither settings nor vocabulary. diffusers knows how those names
map to its own; its loader, though, leaves what is missing as chance made it, so here every network must be filled
completely. Widths are read from the tensors and the rest is SD1.5's. CLIP's vocabulary follows from the 48,894 merges
beside this module (from OpenAI's CLIP by way of ``open_clip_torch``, both MIT).
"""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from enogu.errors import BaseModelRefused
from enogu.weights.header import Header, read_header

UNET, VAE, TEXT = "model.diffusion_model.", "first_stage_model.", "cond_stage_model.transformer."
VOCABULARY_SIZE = 49_408
MERGES = Path(__file__).parent / "clip_merges.txt.gz"
_PARTS = {UNET: "U-Net", VAE: "VAE", TEXT: "text encoder"}
_CURE = "Choose a base model of the family SD1.5 that has everything in one file."


def read_parts(path: Path, dtype: torch.dtype) -> tuple[dict[str, Any], dict[str, Any], str]:
    """Networks on the CPU (the VAE in fp32), tokenizers, and what the U-Net predicts.

    Raises BaseModelRefused when the file is damaged, a pickle, of another family, or lacks a part.
    """
    header = read_header(path, BaseModelRefused)
    _check(path.name, header)
    networks = {
        "unet": _unet(path, header).to(dtype),
        "vae": _vae(path, header).to(torch.float32),
        "text_encoder": _text_encoder(path, header).to(dtype),
    }
    return networks, {"text_encoder": clip_tokenizer()}, _prediction_type(header)


def scheduler_config(prediction_type: str) -> dict[str, Any]:
    """As in the diffusers folder of SD1.5."""
    return {
        "_class_name": "DDIMScheduler",
        "beta_schedule": "scaled_linear",
        "beta_start": 0.00085,
        "beta_end": 0.012,
        "num_train_timesteps": 1000,
        "clip_sample": False,
        "set_alpha_to_one": False,
        "steps_offset": 1,
        "prediction_type": prediction_type,
    }


def file_hash(path: Path) -> str:
    """sha256 of the file, hex; read again only when its size or time has changed."""
    stat = path.stat()
    return _hash_of(path, stat.st_size, stat.st_mtime_ns)


def clip_tokenizer() -> Any:
    """CLIP's tokenizer with the vocabulary of 49,408 tokens; the ids are those of every SD1.5."""
    from transformers import CLIPTokenizer

    merges = [tuple(line.split()) for line in gzip.decompress(MERGES.read_bytes()).decode().splitlines()]
    signs = _byte_signs()
    tokens = [*signs, *(sign + "</w>" for sign in signs), *("".join(pair) for pair in merges)]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    return CLIPTokenizer(
        vocab={token: number for number, token in enumerate(tokens)},
        merges=merges,  # pyright: ignore[reportArgumentType] (a list of pairs is what transformers 5 takes)
        pad_token="<|endoftext|>",  # noqa: S106 (a word of the vocabulary)
        model_max_length=77,
    )


def _check(name: str, header: Header) -> None:
    """Another family or a part that is missing, in words."""
    shapes = header.shapes
    if any(key.startswith("conditioner.embedders.") for key in shapes):
        raise BaseModelRefused(f"{name} is SDXL, not SD1.5.", _CURE)
    if any(key.startswith("cond_stage_model.model.") for key in shapes):
        raise BaseModelRefused(f"{name} is Stable Diffusion 2, not SD1.5.", _CURE)
    missing = [part for start, part in _PARTS.items() if not any(key.startswith(start) for key in shapes)]
    if len(missing) == len(_PARTS):
        raise BaseModelRefused(f"{name} is no SD1.5 base model: it has none of its parts.", _CURE)
    if missing:
        raise BaseModelRefused(f"{name} is incomplete: it has no {' and no '.join(missing)}.", _CURE)
    into = shapes.get(f"{UNET}input_blocks.0.0.weight", ())
    if len(into) != 4 or into[1] != 4:
        raise BaseModelRefused(f"{name} was made for another task, such as inpainting.", _CURE)
    if "ztsnr" in shapes:
        raise BaseModelRefused(f"{name} was trained to zero terminal SNR, which is not done for SD1.5 here.", _CURE)


def _prediction_type(header: Header) -> str:
    said = header.metadata.get("modelspec.prediction_type", "").strip().lower()
    is_v = "v_pred" in header.tensors or said in ("v", "v_prediction", "v-prediction")
    return "v_prediction" if is_v else "epsilon"


def _unet(path: Path, header: Header) -> torch.nn.Module:
    from diffusers.loaders.single_file_utils import convert_ldm_unet_checkpoint
    from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel

    shapes = _inside(header, UNET)
    widths = [_size(path, shapes, f"input_blocks.{1 + 3 * level}.0.in_layers.2.weight", 0) for level in range(4)]
    settings: dict[str, Any] = {
        "sample_size": 64,
        "block_out_channels": widths,
        "layers_per_block": 2,
        "down_block_types": ["CrossAttnDownBlock2D"] * 3 + ["DownBlock2D"],
        "up_block_types": ["UpBlock2D"] + ["CrossAttnUpBlock2D"] * 3,
        "cross_attention_dim": _size(path, shapes, "input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight", 1),
        "attention_head_dim": 8,
    }
    with torch.device("meta"), _said_in_words(path, "U-Net"):
        network: torch.nn.Module = UNet2DConditionModel(**settings)
        settings = dict(network.config)  # pyright: ignore[reportArgumentType, reportCallIssue]
    tensors = convert_ldm_unet_checkpoint(_read(path, header, [UNET], keep_prefix=True), config=settings)
    return _filled(path, "U-Net", network, tensors)


def _vae(path: Path, header: Header) -> torch.nn.Module:
    from diffusers.loaders.single_file_utils import convert_ldm_vae_checkpoint
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL

    shapes = _inside(header, VAE)
    widths = [_size(path, shapes, f"encoder.down.{level}.block.0.conv1.weight", 0) for level in range(4)]
    with torch.device("meta"), _said_in_words(path, "VAE"):
        network: torch.nn.Module = AutoencoderKL(
            block_out_channels=widths,  # pyright: ignore[reportArgumentType]
            down_block_types=["DownEncoderBlock2D"] * 4,  # pyright: ignore[reportArgumentType]
            up_block_types=["UpDecoderBlock2D"] * 4,  # pyright: ignore[reportArgumentType]
            layers_per_block=2,
            sample_size=512,
            scaling_factor=0.18215,
        )
        settings = dict(network.config)  # pyright: ignore[reportArgumentType, reportCallIssue]
    tensors = convert_ldm_vae_checkpoint(_read(path, header, [VAE], keep_prefix=True), settings)
    return _filled(path, "VAE", network, tensors)


def _text_encoder(path: Path, header: Header) -> torch.nn.Module:
    from transformers import CLIPTextConfig, CLIPTextModel

    shapes = {name.removeprefix("text_model."): shape for name, shape in _inside(header, TEXT).items()}
    vocabulary = _size(path, shapes, "embeddings.token_embedding.weight", 0)
    if vocabulary != VOCABULARY_SIZE:
        raise BaseModelRefused(
            f"{path.name} knows {vocabulary:,} tokens; CLIP's vocabulary has {VOCABULARY_SIZE:,}.", _CURE
        )
    width = _size(path, shapes, "embeddings.token_embedding.weight", 1)
    layers = {name.split(".")[2] for name in shapes if name.startswith("encoder.layers.")}
    with _said_in_words(path, "text encoder"):
        network = CLIPTextModel(
            CLIPTextConfig(
                vocab_size=VOCABULARY_SIZE,
                hidden_size=width,
                intermediate_size=_size(path, shapes, "encoder.layers.0.mlp.fc1.weight", 0),
                num_hidden_layers=len(layers),
                num_attention_heads=max(1, width // 64),
                max_position_embeddings=_size(path, shapes, "embeddings.position_embedding.weight", 0),
                hidden_act="quick_gelu",
                bos_token_id=VOCABULARY_SIZE - 2,
                eos_token_id=VOCABULARY_SIZE - 1,
                pad_token_id=VOCABULARY_SIZE - 1,
            )
        )
    tensors = _read(path, header, [f"{TEXT}text_model.", TEXT], keep_prefix=False)
    tensors.pop("embeddings.position_ids", None)  # a row of numbers that every text encoder has by itself
    return _filled(path, "text encoder", network, tensors)


def _inside(header: Header, start: str) -> dict[str, tuple[int, ...]]:
    return {name[len(start) :]: shape for name, shape in header.shapes.items() if name.startswith(start)}


def _size(path: Path, shapes: Mapping[str, tuple[int, ...]], name: str, axis: int) -> int:
    """One side of a tensor that every SD1.5 has."""
    shape = shapes.get(name, ())
    if len(shape) < 2 or not shape[axis]:
        raise BaseModelRefused(f"{path.name} is no SD1.5 base model: it has no {name}, or of another shape.", _CURE)
    return shape[axis]


def _read(path: Path, header: Header, starts: Iterable[str], *, keep_prefix: bool) -> dict[str, torch.Tensor]:
    """The tensors whose names begin with one of ``starts``; the first that fits is cut off unless it is kept."""
    tensors: dict[str, torch.Tensor] = {}
    try:
        with safe_open(path, framework="pt") as file:
            for name in header.tensors:
                start = next((start for start in starts if name.startswith(start)), None)
                if start is not None:
                    tensors[name if keep_prefix else name[len(start) :]] = file.get_tensor(name)
    except (SafetensorError, OSError) as error:
        raise BaseModelRefused(f"{path.name} could not be read: {error}", "Copy or download it again.") from error
    return tensors


def _filled(path: Path, part: str, network: torch.nn.Module, tensors: dict[str, torch.Tensor]) -> torch.nn.Module:
    """The network with every number from the file. What is left of chance or on no device would be a silent fault."""
    own = _key_names(network, tensors)
    wrong = [name for name, value in network.state_dict().items() if name in own and own[name].shape != value.shape]
    missing = [name for name in network.state_dict() if name not in own]
    if wrong or missing:
        raise BaseModelRefused(
            f"The {part} of {path.name} is not SD1.5's: {(missing or wrong)[0]} "
            f"{'is missing' if missing else 'has another shape'}.",
            _CURE,
        )
    network.load_state_dict({name: own[name] for name in network.state_dict()}, strict=True, assign=True)
    return network


def _key_names(network: torch.nn.Module, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """transformers 5 dropped CLIP's ``text_model.`` from its names; before, they had it."""
    if any(name.startswith("text_model.") for name in network.state_dict()):
        return {f"text_model.{name}": tensor for name, tensor in tensors.items()}
    return tensors


@contextmanager
def _said_in_words(path: Path, part: str) -> Iterator[None]:
    """What diffusers and transformers say about sizes that do not fit becomes BaseModelRefused."""
    try:
        yield
    except (ValueError, RuntimeError, TypeError) as error:
        raise BaseModelRefused(
            f"The {part} of {path.name} is not SD1.5's: {str(error).splitlines()[0]}", _CURE
        ) from error


def _byte_signs() -> list[str]:
    """A printable sign for each of the 256 bytes, in CLIP's order."""
    own = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in own]
    return [*map(chr, own), *(chr(256 + number) for number in range(len(others)))]


@lru_cache(maxsize=16)
def _hash_of(path: Path, _size_bytes: int, _modified_ns: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
