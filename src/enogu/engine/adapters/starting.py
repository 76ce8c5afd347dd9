"""Train a LoRA further: what a file holds becomes what the run begins with (sd-scripts' ``network_weights``)."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from enogu.engine.adapters.deltas import scale_of
from enogu.engine.adapters.parameters import AdapterParameters
from enogu.errors import AdapterRefused


def begin_with(parameters: AdapterParameters, tensors: Mapping[str, torch.Tensor]) -> None:
    """Put the layers of a file into ``parameters``, so that the first step begins with exactly what the file does.

    A scale (alpha / dim) that is not the run's is made up for. A LoRA of a smaller dim fills a part of the run's: the
    rest begins as new. Layers that the file lacks begin as new. Raises AdapterRefused before anything is changed.
    """
    layers: dict[str, dict[str, torch.Tensor]] = {}
    for name, tensor in tensors.items():
        key, _, suffix = name.partition(".")
        if suffix != "alpha":
            layers.setdefault(key, {})[suffix] = tensor
    for key, given in layers.items():
        _check(parameters, key, given)
    with torch.no_grad():
        for key, given in layers.items():
            alpha = tensors.get(f"{key}.alpha")
            everything = given if alpha is None else {**given, "alpha": alpha}
            ratio = scale_of(everything) / parameters.sizes[key].scale
            _fill(parameters.named(key), given, ratio)


def _check(parameters: AdapterParameters, key: str, given: Mapping[str, torch.Tensor]) -> None:
    if key not in parameters.matrices:
        raise AdapterRefused(
            f"The LoRA to start from has {key}, which this run does not train.",
            "Set adapter.kind, adapter.parts and training.train_t5 as it was trained, "
            "or choose a LoRA of this family of base models.",
        )
    own = parameters.named(key)
    if set(given) != set(own):
        raise AdapterRefused(
            f"The LoRA to start from is of another kind: {key} has {', '.join(sorted(given))}.",
            f"Set adapter.kind as it was trained; this run's is {parameters.kind}.",
        )
    for name, matrix in own.items():
        if given[name].numel() == matrix.numel():
            continue
        side = {"lora_down.weight": 0, "lora_up.weight": 1}.get(name)
        has_dim = side is not None and given[name].ndim > 1
        dim = given[name].shape[side] if side is not None and has_dim else 0
        fits = has_dim and given[name].numel() * parameters.sizes[key].dim == matrix.numel() * dim
        if not fits or dim > parameters.sizes[key].dim:
            raise AdapterRefused(
                f"The LoRA to start from is larger than this run's: {key} has {name} of {list(given[name].shape)}.",
                f"Set adapter.dim to {dim} or more." if dim else "Set adapter.dim as it was trained.",
            )


def _fill(own: Mapping[str, torch.Tensor], given: Mapping[str, torch.Tensor], ratio: float) -> None:
    """``ratio``: the file's scale by the run's. It goes into one factor, and what is left of a larger dim stays 0."""
    scaled = "lora_up.weight" if "lora_up.weight" in own else next(iter(own))
    for name, matrix in own.items():
        value = given[name].to(matrix.device, torch.float32)
        value = value * ratio if name == scaled and ratio != 1 else value
        if value.numel() == matrix.numel():
            matrix.copy_(value.reshape(matrix.shape))
        elif name == "lora_down.weight":
            matrix[: len(value)] = value.reshape(len(value), *matrix.shape[1:])
        else:
            matrix[:, : value.shape[1]] = value.flatten(1)
