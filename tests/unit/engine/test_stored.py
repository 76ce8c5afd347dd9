"""Weights in eight bits and weights in main memory: what is computed, and what is there at once (F28; issue 5, 5).

The reference for eight bits is the same base model with its weights rounded beforehand; for main memory it is the base
model itself. Both must give the same losses, files and drawings to the bit.
"""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from safetensors import safe_open
from torch import nn

from enogu.engine import stored
from enogu.engine.families import LoadedBase, TextRules, load_base_model
from enogu.engine.families.small_convolutions import stock_ones
from enogu.engine.families.unet import swapped_blocks
from enogu.engine.loop import TrainPicture
from enogu.engine.lora_file import load_lora
from enogu.engine.memory import choose_compute
from enogu.engine.sample import DrawRequest, draw
from enogu.engine.stored import (
    Blocks,
    CudaMover,
    Mover,
    StoredConvolution,
    StoredLinear,
    StoredWeight,
    fetched_again,
    is_stored,
    rounded_to_fp8,
    store,
)
from enogu.errors import TrainingFailed
from tests.tiny_flux import tiny_transformer, write_tiny_flux
from tests.unit.engine.tiny_run import Run, load_tiny_base, tiny_recipe, tiny_train

CPU = torch.device("cpu")
KINDS = ("lora", "locon", "loha", "lokr", "dora")


class CountingMover(Mover):
    """As to a device: each weight that is brought is a copy, and is counted as long as it lives."""

    def __init__(self) -> None:
        super().__init__(CPU)
        self.brought: list[weakref.ref[torch.Tensor]] = []
        self.most = 0

    def begin(self, kept: torch.Tensor) -> Any:
        copied = kept.clone()
        self.brought.append(weakref.ref(copied))
        self.most = max(self.most, self.alive())
        return copied

    def alive(self) -> int:
        """How many of the weights that were brought are there now."""
        self.brought = [one for one in self.brought if one() is not None]
        return len(self.brought)


def rounded(base: LoadedBase) -> LoadedBase:
    """Every weight that is stored in eight bits, as it comes back from them."""
    stock_ones(base.networks["unet"])
    for layer in base.networks["unet"].modules():
        if isinstance(layer, nn.Linear | nn.Conv2d):
            eight_bits, scale = rounded_to_fp8(layer.weight.detach())
            layer.weight = nn.Parameter(eight_bits.float() * scale, requires_grad=False)
    return base


@given(st.integers(0, 2**31), st.sampled_from([1e-6, 0.02, 1.0, 300.0]))
def test_a_weight_is_kept_to_a_sixteenth_of_itself_or_a_thousandth_of_its_rows_largest(seed: int, size: float) -> None:
    """Three binary digits behind the first, and below 2^-6 of 448 evenly spaced."""
    weight = torch.randn(4, 33, generator=torch.Generator().manual_seed(seed)) * size
    eight_bits, scale = rounded_to_fp8(weight)
    assert eight_bits.dtype == torch.float8_e4m3fn
    error = (eight_bits.float() * scale - weight).abs()
    largest = weight.abs().amax(dim=1, keepdim=True)
    assert bool((error <= torch.maximum(weight.abs() / 16, largest / 448 * 2**-9)).all())


def test_a_row_of_zeros_stays_one() -> None:
    eight_bits, scale = rounded_to_fp8(torch.zeros(2, 3))
    assert bool((eight_bits.float() * scale == 0).all())


@pytest.mark.parametrize(
    "layer",
    [nn.Linear(5, 3), nn.Conv2d(4, 6, 3, stride=2, padding=1), nn.Conv2d(4, 6, 1, bias=False)],
    ids=["linear", "3x3 convolution", "1x1 convolution"],
)
def test_output_and_gradient_are_those_of_the_rounded_weight(layer: nn.Linear | nn.Conv2d) -> None:
    layer = layer.to(memory_format=torch.channels_last).requires_grad_(False)
    x = torch.randn(2, 4, 5, 5) if isinstance(layer, nn.Conv2d) else torch.randn(2, 5)
    eight_bits, scale = rounded_to_fp8(layer.weight.detach())
    weight, stride = eight_bits.float() * scale, layer.weight.stride()

    def passed() -> tuple[torch.Tensor, torch.Tensor]:
        leaf = x.clone().requires_grad_()
        with fetched_again():
            y = layer(leaf)
        (gradient,) = torch.autograd.grad(y.square().sum(), leaf)
        return y.detach(), gradient

    layer.weight = nn.Parameter(weight, requires_grad=False)
    wanted = passed()
    store(nn.Sequential(layer), CPU, fp8=True)
    assert isinstance(layer, StoredLinear | StoredConvolution)
    assert layer.weight.stride() == stride
    for one, other in zip(passed(), wanted, strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_in_eight_bits_is_that_of_a_rounded_base_model(
    kind: str, tiny_base_folder: Path, tiny_pictures: tuple[TrainPicture, ...], tmp_path: Path
) -> None:
    """Losses and files to the bit, whatever hangs on the layers; a preview may round differently, since the weights of
    a small plain base are changed for it.
    """
    recipe = tiny_recipe(f"adapter.kind={kind}", "training.epochs=1", "previews.prompts=mame")
    wanted = tiny_train(recipe, tiny_pictures, rounded(load_tiny_base(tiny_base_folder)), tmp_path / "rounded")
    stored = load_base_model(tiny_base_folder, choose_compute("none", "cpu", fp8_base=True))
    found = tiny_train(recipe, tiny_pictures, stored, tmp_path / "stored")
    assert found.losses == wanted.losses
    assert opened(found, fp8_base="True") == opened(wanted, fp8_base="False") != {}
    for ours, theirs in zip(found.out.glob("sample/*.png"), wanted.out.glob("sample/*.png"), strict=True):
        with Image.open(ours) as one, Image.open(theirs) as other:
            assert np.abs(np.asarray(one, dtype=int) - np.asarray(other, dtype=int)).max() <= 1


def test_it_is_drawn_with_as_with_a_rounded_base_model(
    tiny_base_folder: Path, tiny_pictures: tuple[TrainPicture, ...], tmp_path: Path
) -> None:
    stored = load_base_model(tiny_base_folder, choose_compute("none", "cpu", fp8_base=True))
    run = tiny_train(tiny_recipe("training.epochs=1"), tiny_pictures, stored, tmp_path)
    assert run.result is not None
    lora = load_lora(run.result.files[-1])
    request = DrawRequest("mame", width=64, height=64, steps=2, seed=3)
    (ours,) = draw(stored, request, [(lora, 0.8)])
    (plain,) = draw(stored, request)
    assert ours.image.tobytes() != plain.image.tobytes()
    (theirs,) = draw(rounded(load_tiny_base(tiny_base_folder)), request)
    assert plain.image.tobytes() == theirs.image.tobytes()


def test_norms_and_biases_keep_all_their_digits(tiny_base_folder: Path) -> None:
    stored = load_base_model(tiny_base_folder, choose_compute("none", "cpu", fp8_base=True)).networks["unet"]
    plain = dict(load_tiny_base(tiny_base_folder).networks["unet"].named_parameters())
    left = dict(stored.named_parameters())
    assert left.keys() == {name for name in plain if name.endswith(".bias") or ".norm" in name or "_norm" in name}
    assert all(torch.equal(parameter, plain[name]) for name, parameter in left.items())
    in_eight_bits = [layer.stored for layer in stored.modules() if is_stored(layer)]
    assert sum(one.kept.nbytes for one in in_eight_bits) * 4 == sum(
        parameter.nbytes for name, parameter in plain.items() if name not in left
    )


def aligned(base: LoadedBase) -> LoadedBase:
    """The base model with weights where torch allocates, as blocks that were moved have them.

    Weights of the file's own format lie in the mapped file at any multiple of four bytes, and on some processors the
    last bit of MKL's sums depends on that (AVX-512; not with MKL_CBWR=COMPATIBLE).
    """
    for network in base.networks.values():
        for parameter in network.parameters():
            parameter.data = parameter.data.clone()
    return base


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("checkpointing", [False, True])
def test_with_blocks_in_main_memory_a_run_is_the_same_and_two_blocks_at_most_are_there(
    kind: str, checkpointing: bool, tmp_path: Path, tiny_pictures: tuple[TrainPicture, ...]
) -> None:
    """sd-scripts' blocks_to_swap, with all blocks of a tiny Flux; no step keeps what it has used."""
    folder = write_tiny_flux(tmp_path / "flux")
    recipe = tiny_recipe(
        f"adapter.kind={kind}", "training.epochs=1", "previews.sampler=euler",
        f"training.gradient_checkpointing={str(checkpointing).lower()}",
    )  # fmt: skip
    wanted = tiny_train(recipe, tiny_pictures, aligned(load_tiny_base(folder)), tmp_path / "whole")
    base, mover = aligned(load_tiny_base(folder)), CountingMover()
    blocks = blocks_of(base.networks["unet"])
    store(base.networks["unet"], CPU, swapped=blocks, mover=mover)
    base.compute = choose_compute("none", "cpu", blocks_to_swap=4)
    found = tiny_train(recipe, tiny_pictures, base, tmp_path / "swapped")
    assert found.losses == wanted.losses
    assert files_of(found) == files_of(wanted)
    layers = max(sum(is_stored(layer) for layer in block.modules()) for block in blocks)
    assert 0 < mover.most <= 2 * layers + 2  # two blocks, and what two layers have in hand


def test_without_fetching_again_a_pass_would_keep_every_block(tiny_pictures: tuple[TrainPicture, ...]) -> None:
    """That the count above can fail."""
    network = nn.Sequential(*(nn.Sequential(nn.Linear(4, 4), nn.Tanh()) for _ in range(6))).requires_grad_(False)
    mover = CountingMover()
    store(network, CPU, swapped=list(network), mover=mover)
    network(torch.randn(2, 4, requires_grad=True)).sum().backward()
    assert mover.most >= 6
    mover.most = 0
    with fetched_again():
        network(torch.randn(2, 4, requires_grad=True)).sum().backward()
    assert mover.most <= 3


@pytest.mark.parametrize("how", [{"fp8": True}, {"fp8": False}], ids=["eight bits", "main memory"])
def test_a_base_model_that_is_let_go_leaves_no_weight_behind(how: dict[str, bool]) -> None:
    network = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4)).requires_grad_(False)
    store(network, CPU, swapped=[] if how["fp8"] else list(network), **how)
    with fetched_again():
        network(torch.randn(2, 4, requires_grad=True)).sum().backward()
    kept = [weakref.ref(layer.stored) for layer in network]
    assert all(one() is not None for one in kept)
    del network
    gc.collect()
    assert all(one() is None for one in kept)
    assert not stored._fetched


def test_the_block_that_comes_next_is_brought_while_one_computes() -> None:
    blocks, begun = Blocks(), []

    class Told(StoredWeight):
        def begin(self) -> None:
            begun.append(self._block)

    for number in range(4):
        blocks.blocks.append([Told(torch.ones(1, 1), CPU, fp8=False, mover=Mover(CPU), blocks=blocks, block=number)])
    said: list[tuple[int, Sequence[int]]] = []
    for number in (0, 0, 1, 2, 3, 3, 2, 1, 0, 0, 1):
        begun.clear()
        blocks.arrive(number)
        said.append((number, tuple(begun)))
    assert said == [
        (0, (1,)), (0, ()), (1, (2,)), (2, (3,)), (3, ()), (3, ()), (2, (1,)), (1, (0,)), (0, ()), (0, ()), (1, (2,)),
    ]  # fmt: skip


def test_t5_waits_in_main_memory_too_and_says_the_same(tmp_path: Path) -> None:
    folder = write_tiny_flux(tmp_path / "flux")
    plain, stored = load_tiny_base(folder), load_base_model(folder, choose_compute("none", "cpu", fp8_base=True))
    blocks = stored.networks["text_encoder_2"].encoder.block
    assert all(is_stored(layer) for layer in blocks.modules() if isinstance(layer, nn.Linear))
    assert not any(is_stored(layer) for layer in stored.networks["text_encoder"].modules())
    with torch.no_grad():
        one, other = (base.family.encode_captions(base, ["mame"], TextRules()) for base in (plain, stored))
    assert torch.equal(one.states_BTC, other.states_BTC)


def test_blocks_are_counted_as_sd_scripts_counts_them() -> None:
    """Half of them double blocks, the last ones, and two single ones for each of the others; two of each stay."""
    network = tiny_transformer(doubles=5, singles=8)
    chosen = swapped_blocks(network, 5)
    assert chosen == [*network.transformer_blocks[3:], *network.single_transformer_blocks[2:]]
    assert swapped_blocks(network, 0) == []
    with pytest.raises(TrainingFailed, match="5 double and 8 single blocks, so 3 and 8"):
        swapped_blocks(network, 7)


def test_apples_processors_are_told_that_there_are_no_eight_bits() -> None:
    assert choose_compute("none", "cpu", fp8_base=True).fp8_base
    refused = choose_compute("none", "mps", fp8_base=True)
    assert not refused.fp8_base
    assert "eight bits" in refused.notes[-1]


def opened(run: Run, fp8_base: str) -> dict[str, tuple[dict[str, str], dict[str, bytes]]]:
    """Metadata and tensors of the LoRA files; that of the stored weights is what was said, and left out."""
    found: dict[str, tuple[dict[str, str], dict[str, bytes]]] = {}
    for name in files_of(run):
        with safe_open(run.out / name, framework="pt") as file:
            metadata = file.metadata()
            assert metadata.pop("ss_fp8_base") == fp8_base
            found[name] = metadata, {key: file.get_tensor(key).numpy().tobytes() for key in file.keys()}  # noqa: SIM118
    return found


def files_of(run: Run) -> dict[str, bytes]:
    """The LoRA files."""
    return {name: data for name, data in run.file_bytes().items() if name.endswith(".safetensors")}


def blocks_of(transformer: Any) -> list[nn.Module]:
    return [*transformer.transformer_blocks, *transformer.single_transformer_blocks]


def test_a_copy_on_the_side_is_waited_for_and_its_memory_kept_until_it_was_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What CudaMover asks of CUDA, in its order: there is no card here, so a made-up one writes it down."""
    done: list[str] = []
    inside: list[str] = ["compute"]

    class FakeStream:
        def __init__(self, device: torch.device | None = None) -> None:
            self.name = "side" if device is not None else "compute"

        def wait_event(self, event: FakeEvent) -> None:
            done.append(f"{self.name} waits for the mark on {event.behind}")

    class FakeEvent:
        behind = ""

        def record(self, stream: FakeStream) -> None:
            self.behind = stream.name
            done.append(f"mark on {stream.name}")

    class FakeWeight:
        def to(self, device: torch.device | str, non_blocking: bool = False) -> FakeWeight:
            done.append(f"copy to {device} on {inside[-1]}{' at once' if non_blocking else ''}")
            return self

        def pin_memory(self) -> FakeWeight:
            done.append(f"pinned for {inside[-1]}")
            return self

        def record_stream(self, stream: FakeStream) -> None:
            done.append(f"kept until {stream.name} has used it")

    @contextmanager
    def entered(name: str) -> Iterator[None]:
        inside.append(name)
        yield
        inside.pop()

    monkeypatch.setattr(torch.cuda, "Stream", FakeStream)
    monkeypatch.setattr(torch.cuda, "Event", FakeEvent)
    monkeypatch.setattr(torch.cuda, "stream", lambda stream: entered(stream.name))
    monkeypatch.setattr(torch.cuda, "device", lambda device: entered(str(device)))
    monkeypatch.setattr(torch.cuda, "current_stream", lambda _device: FakeStream())
    mover = CudaMover(torch.device("cuda:1"))
    kept = mover.keep(cast(torch.Tensor, FakeWeight()))
    mover.end(mover.begin(kept))
    assert done == [
        "copy to cpu on cuda:1",
        "pinned for cuda:1",
        "copy to cuda:1 on side at once",
        "mark on side",
        "compute waits for the mark on side",
        "kept until compute has used it",
    ]
