"""Where and in which number format a run computes (F4; facts/stack.md)."""

from __future__ import annotations

import importlib.util
import sys

import pytest
import torch

from enogu.engine import memory
from enogu.engine.memory import choose_compute, peak_memory_mib


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


def test_the_processors_bf16_is_asked_without_an_error() -> None:
    assert memory.cpu_has_native_bf16() in (True, False)


def test_peak_memory_is_that_of_a_process_that_loaded_torch() -> None:
    assert 50 < peak_memory_mib(torch.device("cpu")) < 50_000


def test_the_module_imports_where_there_is_no_resource_module(monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows has none; peak memory is then 0, "not known"."""
    monkeypatch.setitem(sys.modules, "resource", None)
    spec = importlib.util.spec_from_file_location("memory_on_windows", memory.__file__)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "memory_on_windows", module)
    spec.loader.exec_module(module)
    assert module.peak_memory_mib(torch.device("cpu")) == 0
