"""One ``.safetensors`` file as communities share it: offline, nothing in it is executed, and nothing is left to chance.

Such a file holds the networks under the names of their makers' code, and neither settings nor vocabulary. Widths are
read from the tensors, the rest is the family's. diffusers' own loader leaves what is missing as chance made it, so here
every network must be filled completely.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from enogu.engine.families.clip import VOCABULARY_SIZE
from enogu.errors import BaseModelRefused
from enogu.weights.header import Header, read_header

Shapes = Mapping[str, tuple[int, ...]]


def file_hash(path: Path) -> str:
    """sha256 of the file, hex; read again only when its size or time has changed."""
    stat = path.stat()
    return _hash_of(path, stat.st_size, stat.st_mtime_ns)


@dataclass(frozen=True)
class SingleFile:
    """A file whose header was read, and the family it is read as, by the title that messages name."""

    path: Path
    header: Header
    title: str

    @staticmethod
    def open(path: Path, title: str) -> SingleFile:
        """Raises BaseModelRefused when it is damaged or a pickle."""
        return SingleFile(path, read_header(path, BaseModelRefused), title)

    @property
    def cure(self) -> str:
        """What to do when it is not what it should be."""
        return f"Choose a base model of the family {self.title} that has everything in one file."

    def inside(self, start: str) -> dict[str, tuple[int, ...]]:
        """Shapes by name of what begins with ``start``, without it."""
        return {name[len(start) :]: shape for name, shape in self.header.shapes.items() if name.startswith(start)}

    def size(self, shapes: Shapes, name: str, axis: int) -> int:
        """One side of a tensor that every base model of the family has."""
        shape = shapes.get(name, ())
        if len(shape) < 2 or not shape[axis]:
            raise self.refused(
                f"{self.path.name} is no {self.title} base model: {name} is missing or of another shape."
            )
        return shape[axis]

    def read(
        self, starts: Iterable[str], *, keep_prefix: bool, wanted: Callable[[str], bool] = lambda _: True
    ) -> dict[str, torch.Tensor]:
        """The tensors whose names begin with one of ``starts``; the first that fits is cut off unless it is kept."""
        tensors: dict[str, torch.Tensor] = {}
        try:
            with safe_open(self.path, framework="pt") as file:
                for name in self.header.tensors:
                    start = next((start for start in starts if name.startswith(start)), None)
                    if start is not None and wanted(name):
                        tensors[name if keep_prefix else name[len(start) :]] = file.get_tensor(name)
        except (SafetensorError, OSError) as error:
            raise BaseModelRefused(
                f"{self.path.name} could not be read: {error}", "Copy or download it again."
            ) from error
        return tensors

    def filled(
        self, part: str, network: torch.nn.Module, own: Mapping[str, torch.Tensor], dtype: torch.dtype
    ) -> torch.nn.Module:
        """The network in ``dtype`` with every number from the file; what is left to chance would be a silent fault."""
        state = network.state_dict()
        wrong = [name for name, value in state.items() if name in own and own[name].shape != value.shape]
        missing = [name for name in state if name not in own]
        if wrong or missing:
            raise self.refused(
                f"The {part} of {self.path.name} is not {self.title}'s: {(missing or wrong)[0]} "
                f"{'is missing' if missing else 'has another shape'}."
            )
        network.load_state_dict({name: own[name].to(dtype) for name in state}, strict=True, assign=True)
        return network

    def refuse_missing(self, parts: Mapping[str, str]) -> None:
        """``parts`` are titles by what their tensors begin with; raises BaseModelRefused naming what is not there."""
        shapes = self.header.shapes
        missing = [part for start, part in parts.items() if not any(key.startswith(start) for key in shapes)]
        if len(missing) == len(parts):
            raise self.refused(f"{self.path.name} is no {self.title} base model: it has none of its parts.")
        if missing:
            raise self.refused(f"{self.path.name} is incomplete: it has no {' and no '.join(missing)}.")

    def refused(self, message: str) -> BaseModelRefused:
        """The error with the cure of every such error."""
        return BaseModelRefused(message, self.cure)

    @contextmanager
    def said_in_words(self, part: str) -> Iterator[None]:
        """What diffusers and transformers say about sizes that do not fit becomes BaseModelRefused."""
        try:
            yield
        except (ValueError, RuntimeError, TypeError) as error:
            raise self.refused(
                f"The {part} of {self.path.name} is not {self.title}'s: {str(error).splitlines()[0]}"
            ) from error

    def scheduler_config(self) -> dict[str, Any]:
        """As in the diffusers folder of a Stable Diffusion.

        Files that predict v hold an empty tensor ``v_pred`` or say so, otherwise it is epsilon. Those trained to zero
        terminal SNR hold one called ``ztsnr``, and are drawn from the very last timestep.
        """
        said = self.header.metadata.get("modelspec.prediction_type", "").strip().lower()
        is_v = "v_pred" in self.header.tensors or said in ("v", "v_prediction", "v-prediction")
        zero: dict[str, Any] = {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing"}
        return {
            "_class_name": "DDIMScheduler",
            "beta_schedule": "scaled_linear",
            "beta_start": 0.00085,
            "beta_end": 0.012,
            "num_train_timesteps": 1000,
            "clip_sample": False,
            "set_alpha_to_one": False,
            "steps_offset": 1,
            "prediction_type": "v_prediction" if is_v else "epsilon",
            **(zero if "ztsnr" in self.header.tensors else {}),
        }


def ldm_vae(file: SingleFile, start: str, **settings: Any) -> torch.nn.Module:
    """A VAE under the names of the first Stable Diffusion, with ``settings`` for diffusers' ``AutoencoderKL``."""
    from diffusers.loaders.single_file_utils import convert_ldm_vae_checkpoint
    from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL

    shapes = file.inside(start)
    widths = [file.size(shapes, f"encoder.down.{level}.block.0.conv1.weight", 0) for level in range(4)]
    with torch.device("meta"), file.said_in_words("VAE"):
        network: torch.nn.Module = AutoencoderKL(
            block_out_channels=widths,  # pyright: ignore[reportArgumentType]
            down_block_types=["DownEncoderBlock2D"] * 4,  # pyright: ignore[reportArgumentType]
            up_block_types=["UpDecoderBlock2D"] * 4,  # pyright: ignore[reportArgumentType]
            layers_per_block=2,
            **settings,
        )
        config = dict(network.config)  # pyright: ignore[reportArgumentType, reportCallIssue]
    tensors = {f"first_stage_model.{name}": tensor for name, tensor in file.read([start], keep_prefix=False).items()}
    return file.filled("VAE", network, convert_ldm_vae_checkpoint(tensors, config), torch.float32)


def clip_l(file: SingleFile, start: str, dtype: torch.dtype, part: str = "text encoder") -> torch.nn.Module:
    """CLIP-L under transformers' names behind ``start``, with or without ``text_model.``"""
    from transformers import CLIPTextConfig, CLIPTextModel

    shapes = {name.removeprefix("text_model."): shape for name, shape in file.inside(start).items()}
    vocabulary = file.size(shapes, "embeddings.token_embedding.weight", 0)
    if vocabulary != VOCABULARY_SIZE:
        raise file.refused(f"{file.path.name} knows {vocabulary:,} tokens; CLIP's vocabulary has {VOCABULARY_SIZE:,}.")
    width = file.size(shapes, "embeddings.token_embedding.weight", 1)
    layers = {name.split(".")[2] for name in shapes if name.startswith("encoder.layers.")}
    with file.said_in_words(part):
        network = CLIPTextModel(
            CLIPTextConfig(
                vocab_size=VOCABULARY_SIZE,
                hidden_size=width,
                intermediate_size=file.size(shapes, "encoder.layers.0.mlp.fc1.weight", 0),
                num_hidden_layers=len(layers),
                num_attention_heads=max(1, width // 64),
                max_position_embeddings=file.size(shapes, "embeddings.position_embedding.weight", 0),
                hidden_act="quick_gelu",
                bos_token_id=VOCABULARY_SIZE - 2,
                eos_token_id=VOCABULARY_SIZE - 1,
                pad_token_id=VOCABULARY_SIZE - 1,
            )
        )
    tensors = file.read([f"{start}text_model.", start], keep_prefix=False)
    tensors.pop("embeddings.position_ids", None)  # a row of numbers that every text encoder has by itself
    return file.filled(part, network, text_model_names(network, tensors), dtype)


def text_model_names(network: torch.nn.Module, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """transformers 5 dropped CLIP's ``text_model.`` from its names; before, they had it."""
    if any(name.startswith("text_model.") for name in network.state_dict()):
        return {f"text_model.{name}": tensor for name, tensor in tensors.items()}
    return dict(tensors)


@lru_cache(maxsize=16)
def _hash_of(path: Path, _size_bytes: int, _modified_ns: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
