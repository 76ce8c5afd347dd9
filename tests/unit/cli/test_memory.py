"""Whether a run fits this machine, said by ``enogu plan`` and ``enogu runs plan`` in the same words."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from enogu.cli import train
from enogu.cli.memory import GB, memory_here, say_memory
from enogu.cli.output import Call, Output
from enogu.cli.preparation import Preparation, prepare
from enogu.cli.recipes import RecipeWish
from enogu.settings import Settings
from enogu.worker.devices import DeviceFacts
from tests.unit.cli.conftest import Enogu


@pytest.fixture
def preparation(tmp_path: Path) -> Preparation:
    folder = tmp_path / "pictures"
    folder.mkdir()
    Image.new("RGB", (128, 128), "green").save(folder / "a.png")
    return prepare(Settings(home=tmp_path / "home"), folder, RecipeWish(None, "zdm", "hat", None, None, ()))


def said(preparation: Preparation, device: str, facts: DeviceFacts, capsys: pytest.CaptureFixture[str]) -> str:
    say_memory(Output(as_json=False), memory_here(preparation, device, facts))
    return capsys.readouterr().out


def test_a_run_that_fits_is_said_to(preparation: Preparation, capsys: pytest.CaptureFixture[str]) -> None:
    out = said(preparation, "cuda:0", DeviceFacts("RTX 3060", 12 * GB, has_adamw8bit=False), capsys)
    assert out == "It needs about 0.71 GB of graphics memory; RTX 3060 has 12.0 GB.\n"


def test_one_that_does_not_comes_with_the_settings_to_type(
    preparation: Preparation, capsys: pytest.CaptureFixture[str]
) -> None:
    here = DeviceFacts("", round(0.68 * GB), has_adamw8bit=False)
    out = said(preparation, "cuda:0", here, capsys)
    assert "the card has 0.68 GB" in out
    assert "  --set training.gradient_checkpointing=true" in out
    fit = memory_here(preparation, "cuda:0", here)["memory_fit"]
    assert fit["fits"]
    assert "To make it fit: --set " in out


def test_where_nothing_is_enough_it_is_said(preparation: Preparation, capsys: pytest.CaptureFixture[str]) -> None:
    out = said(preparation, "cpu", DeviceFacts("EPYC", GB // 10, has_adamw8bit=False), capsys)
    assert "main memory; the machine has 0.10 GB" in out
    assert "Nothing makes it fit" in out
    assert "it still needs 0." in out


def test_of_a_card_whose_memory_is_not_known_only_the_need_is_said(
    preparation: Preparation, capsys: pytest.CaptureFixture[str]
) -> None:
    out = said(preparation, "cuda:0", DeviceFacts("", None, has_adamw8bit=False), capsys)
    assert out == "It needs about 0.71 GB of graphics memory.\n"


def test_a_plan_for_this_machine_says_its_memory(preparation: Preparation, enogu: Enogu) -> None:
    shown = enogu("plan", "--pictures", preparation.folder.path, "--json").json
    assert shown["memory"]["total"] == sum(shown["memory"][k] for k in ("weights", "adapter", "passes", "overhead"))
    assert shown["memory"]["capacity"] > GB


def test_a_studios_plan_says_what_it_needs(enogu: Enogu) -> None:
    assert "It needs about 0." in enogu("runs", "plan", "mame").out


@pytest.mark.parametrize(("memory_bytes", "is_said"), [(GB // 10, True), (64 * GB, False)])
def test_a_training_here_is_warned_of_where_it_does_not_fit(
    preparation: Preparation,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    memory_bytes: int,
    is_said: bool,
) -> None:
    facts = DeviceFacts("EPYC", memory_bytes, has_adamw8bit=False)
    monkeypatch.setattr("enogu.cli.memory.describe_device", lambda _device: facts)
    call = Call(Settings(home=preparation.folder.path), Output(as_json=False))
    train.warn_of_memory(call, preparation)
    assert ("That does not fit." in capsys.readouterr().out) is is_said
