"""Where and in which number format a run computes (F4; facts/stack.md)."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest
import torch

from enogu.engine import memory
from enogu.engine.families import LoadedBase
from enogu.engine.loop import TrainPicture
from enogu.engine.memory import (
    choose_compute,
    device_of_member,
    forget_peak_memory,
    gradient_checkpointing,
    peak_memory_mib,
)
from enogu.errors import WrongUse
from tests.unit.engine.tiny_run import tiny_recipe, tiny_train


def test_fp16_on_a_processor_falls_back_to_fp32_and_says_so() -> None:
    plan = choose_compute("fp16", "cpu")
    assert plan.dtype == torch.float32
    assert not plan.needs_loss_scaling
    assert len(plan.notes) == 1
    assert "fp16" in plan.notes[0]
    assert "fp32 is used" in plan.notes[0]


@pytest.mark.parametrize("native", [True, False])
def test_bf16_on_a_processor_is_used_only_where_it_is_native(native: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "cpu_has_native_bf16", lambda: native)
    plan = choose_compute("bf16", "cpu")
    assert plan.dtype == (torch.bfloat16 if native else torch.float32)
    assert ("bf16" in " ".join(plan.notes)) is not native


def test_fp32_needs_no_note() -> None:
    plan = choose_compute("none", "cpu")
    assert (plan.device.type, plan.dtype, plan.notes) == ("cpu", torch.float32, ())


@pytest.mark.parametrize("there", [("cuda", "mps", "xpu"), ("mps", "xpu"), ("xpu",), ()])
def test_the_best_device_there_is_is_taken(there: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    """ROCm's torch calls its cards "cuda"."""
    _pretend(monkeypatch, *there)
    assert choose_compute("none").device.type == (there[0] if there else "cpu")


@pytest.mark.parametrize(
    ("capability", "hip", "has_bf16"), [((8, 0), None, True), ((7, 5), None, False), ((9, 0), "6.2", True)]
)
def test_a_card_without_bf16_computes_in_fp16_with_a_scaled_loss_and_says_so(
    capability: tuple[int, int], hip: str | None, has_bf16: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is asked of the card that is used. torch itself says yes for Turing, where it only imitates bf16."""
    asked: list[torch.device] = []

    def capability_of(card: torch.device) -> tuple[int, int]:
        asked.append(card)
        return capability

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_capability", capability_of)
    monkeypatch.setattr(torch.version, "hip", hip)
    plan = choose_compute("bf16", "cuda:1")
    assert plan.dtype == (torch.bfloat16 if has_bf16 else torch.float16)
    assert plan.needs_loss_scaling is not has_bf16
    assert plan.notes == (() if has_bf16 else ("This GPU has no bf16, so fp16 is used.",))
    assert hip or asked == [torch.device("cuda:1")]


@pytest.mark.parametrize("there", ["mps", "xpu"])
def test_several_devices_are_refused_where_they_cannot_work_together(
    there: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else all of them would be the same one."""
    _pretend(monkeypatch, there)
    with pytest.raises(WrongUse, match=f"this machine has {there}"):
        device_of_member(1)


def test_members_have_a_card_each_or_share_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    _pretend(monkeypatch)
    assert [device_of_member(number) for number in (0, 1)] == ["cpu", "cpu"]
    _pretend(monkeypatch, "cuda")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert [device_of_member(number) for number in (0, 1)] == ["cuda:0", "cuda:1"]
    with pytest.raises(WrongUse, match="There are 2 graphics cards"):
        device_of_member(2)


@pytest.mark.parametrize("kind", ["cuda", "xpu"])
def test_a_runs_peak_is_not_that_of_the_run_before_it(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker's process trains one run after the other."""
    peaks = {torch.device(kind, 1): 7 * 2**20}
    module = getattr(torch, kind)
    monkeypatch.setattr(module, "max_memory_allocated", lambda device: peaks[device])
    monkeypatch.setattr(module, "reset_peak_memory_stats", lambda device: peaks.update({device: 2**20}))
    assert peak_memory_mib(torch.device(kind, 1)) == 7
    forget_peak_memory(torch.device(kind, 1))
    assert peak_memory_mib(torch.device(kind, 1)) == 1


def _pretend(monkeypatch: pytest.MonkeyPatch, *there: str) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: "cuda" in there)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: "mps" in there)
    monkeypatch.setattr(torch.xpu, "is_available", lambda: "xpu" in there)


def test_the_processors_bf16_is_asked_without_an_error() -> None:
    assert memory.cpu_has_native_bf16() in (True, False)


def test_peak_memory_is_that_of_a_process_that_loaded_torch() -> None:
    assert 50 < peak_memory_mib(torch.device("cpu")) < 50_000


def test_the_module_imports_where_there_is_no_resource_module(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows has none; peak memory is then 0, "not known"."""
    monkeypatch.setitem(sys.modules, "resource", None)
    monkeypatch.setattr(sys, "platform", "win32")
    spec = importlib.util.spec_from_file_location("memory_on_windows", memory.__file__)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "memory_on_windows", module)
    spec.loader.exec_module(module)
    assert module.peak_memory_mib(torch.device("cpu")) == 0


def test_checkpointing_learns_the_same_to_the_bit_and_is_gone_after_the_run(
    tiny_base: LoadedBase, tiny_pictures: tuple[TrainPicture, ...], tmp_path: Path, fixed_date: None
) -> None:
    """F28: what is computed twice comes out the same twice."""
    settings = "training.epochs=1"
    plain = tiny_train(tiny_recipe(settings), tiny_pictures, tiny_base, tmp_path / "plain")
    on = tiny_recipe(settings, "training.gradient_checkpointing=true")
    saving = tiny_train(on, tiny_pictures, tiny_base, tmp_path / "saving")
    assert saving.losses == plain.losses
    for network in tiny_base.networks.values():
        assert not any(getattr(module, "gradient_checkpointing", False) for module in network.modules())
        assert not any(module.training for module in network.modules())


@pytest.mark.parametrize("part", ["unet", "text_encoder"])
def test_with_checkpointing_less_is_kept_for_the_gradient(tiny_base: LoadedBase, part: str) -> None:
    """Bytes that autograd keeps of one pass, counted by its own hooks."""

    def kept_bytes(*, on: bool) -> int:
        sizes: list[int] = []

        def pack(tensor: torch.Tensor) -> torch.Tensor:
            sizes.append(tensor.numel() * tensor.element_size())
            return tensor

        with gradient_checkpointing(tiny_base.networks, on=on), torch.autograd.graph.saved_tensors_hooks(pack, _same):
            if part == "unet":
                states = torch.zeros(1, 77, tiny_base.networks["unet"].config.cross_attention_dim, requires_grad=True)
                noisy = torch.zeros(1, 4, 16, 16)
                tiny_base.networks["unet"](noisy, torch.tensor([5]), states, return_dict=False)[0].sum()
            else:
                network = tiny_base.networks["text_encoder"]
                handle = network.get_input_embeddings().register_forward_hook(
                    lambda _module, _args, output: output.detach().requires_grad_()
                )
                network(torch.zeros(1, 77, dtype=torch.long))
                handle.remove()
        return sum(sizes)

    assert kept_bytes(on=True) < 0.5 * kept_bytes(on=False)


def _same(tensor: torch.Tensor) -> torch.Tensor:
    return tensor
