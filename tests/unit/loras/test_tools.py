"""Tools on LoRAs of the library: what is refused before it is queued, and what a worker makes of the rest.

The worker's process is the real one, on LoRAs of one layer that fit the starter.
"""

from __future__ import annotations

import json
import random
import struct
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from enogu.accounts import service as accounts
from enogu.accounts.entities import Account
from enogu.base_models import service as base_models
from enogu.bootstrap import Studio, open_studio
from enogu.errors import BaseModelRefused, EnoguError, NotFound
from enogu.loras import service, tools
from enogu.loras.entities import Lora, ToolBase, ToolInput, ToolWish
from enogu.queue import service as queue
from enogu.queue.entities import Job
from enogu.settings import Settings
from enogu.storage.database import reading, transaction, utc_now
from enogu.uploads import store as uploads_store
from enogu.weights.header import parse_header
from enogu.worker import lora_tool_handler, tool_process
from enogu.worker.in_process import run_one_job
from tests.unit.loras.lora_files import lora_bytes

KEY = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k"


def lora_file(seed: int, dim: int = 4, *, dora: bool = False, lokr: bool = False, **metadata: str) -> bytes:
    """A layer of the starter (128 in, 96 out) with numbers by the seed."""
    chance = random.Random(seed)
    shapes = {"lora_down.weight": (dim, 128), "lora_up.weight": (96, dim), "alpha": ()}
    if dora:
        shapes["dora_scale"] = (96, 1)
    if lokr:
        shapes = {"lokr_w1": (8, 8), "lokr_w2": (12, 16), "alpha": ()}
    header: dict[str, Any] = {"__metadata__": {"ss_base_model_version": "sd_v1", **metadata}}
    body = b""
    for name, shape in shapes.items():
        count = shape[0] * shape[1] if shape else 1
        data = struct.pack(f"<{count}f", *([dim] if not shape else [chance.gauss(0, 0.02) for _ in range(count)]))
        header[f"{KEY}.{name}"] = {"dtype": "F32", "shape": shape, "data_offsets": [len(body), len(body) + len(data)]}
        body += data
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


@pytest.fixture
def studio(tmp_path: Path, database_url: str) -> Iterator[Studio]:
    opened = open_studio(Settings(tmp_path / "home", database_url))
    yield opened
    opened.close()


@pytest.fixture
def owner(studio: Studio) -> Account:
    with reading(studio.engine) as session:
        caller = accounts.find_loopback_owner(session)
    assert caller is not None
    return caller.account


def add(studio: Studio, owner: Account, name: str, data: bytes) -> Lora:
    put = studio.files.put([data], len(data))
    now = utc_now()
    with transaction(studio.engine) as session:
        upload = uploads_store.add_upload(
            session, owner_id=owner.id, name=f"{name}.safetensors", kind="lora", size_bytes=len(data), now=now,
            expires_at=now,
        )  # fmt: skip
        uploads_store.set_finished(session, owner.id, upload.id, put.sha256)
        return service.add_upload(session, studio.files, owner.id, upload.id, name, now=now)


def ask(studio: Studio, owner: Account, tool: Any, name: str = "", **more: Any) -> Job:
    more["inputs"] = tuple(ToolInput(one.id, "", "", *weights) for one, *weights in more.get("inputs", ()))
    more["bases"] = tuple(ToolBase(one, "") for one in more.get("bases", ()))
    with transaction(studio.engine) as session:
        return tools.ask(session, studio.settings, studio.metering, owner, ToolWish(tool, name, **more), utc_now())


def work(studio: Studio) -> dict[str, Any]:
    job = run_one_job(studio, lanes=("task",))
    assert job is not None
    assert job.state == "done", job.reason
    return dict(job.progress["result"])


def get(studio: Studio, owner: Account, found: dict[str, Any]) -> Lora:
    with reading(studio.engine) as session:
        return service.get_lora(session, owner.id, str(found["lora_id"]))


def numbers_of(studio: Studio, lora: Lora) -> dict[str, tuple[int, ...]]:
    data = b"".join(studio.files.get(lora.sha256))
    header = parse_header(lora.filename, len(data), lambda start, end: data[start:end])
    assert header.metadata["ss_output_name"] == lora.name
    return {name.removeprefix(f"{KEY}."): shape for name, shape in header.shapes.items()}


@pytest.fixture(params=["real", "fake"])
def either(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both processes keep the same contract."""
    command = {"real": tool_process.REAL, "fake": tool_process.FAKE}[request.param]
    run = tool_process.run_tool
    monkeypatch.setattr(lora_tool_handler, "run_tool", lambda *a, **more: run(*a, **{**more, "command": command}))
    return str(request.param)


def test_each_tool_makes_what_it_was_asked_for_and_says_of_what(studio: Studio, owner: Account, either: str) -> None:
    a = add(studio, owner, "まめ", lora_file(1, enogu_trigger="mame"))
    b = add(studio, owner, "sumi", lora_file(2, enogu_trigger="sumi"))

    ask(studio, owner, "merge", "ふたつ", inputs=((a, 0.7), (b, 0.3)), precision="fp32")
    merged = get(studio, owner, work(studio))
    assert (merged.name, merged.trigger, merged.dim, merged.family) == ("ふたつ", "mame, sumi", 8, "sd15")
    said = merged.facts["made_from"]
    assert [(one["name"], one["weight"]) for one in said["loras"]] == [("まめ", 0.7), ("sumi", 0.3)]
    assert numbers_of(studio, merged)["lora_down.weight"] == (8, 128)

    ask(studio, owner, "resize", inputs=((merged,),), rank=2, precision="fp16")
    found = work(studio)
    resized = get(studio, owner, found)
    assert (resized.name, resized.dim) == ("ふたつ-resized", 2)
    assert 0 < found["layers"][0]["retained"] < 1
    assert resized.facts["made_from"]["options"]["rank"] == 2

    ask(studio, owner, "compare", inputs=((a,), (merged,)))
    (layer,) = work(studio)["layers"]
    assert layer["key"] == KEY
    assert 0.5 < layer["cosine"] < 1

    ask(studio, owner, "convert", inputs=((a,),), layout="diffusers", precision="fp16")
    converted = get(studio, owner, work(studio))
    assert converted.facts["layout"] == "peft"

    ask(studio, owner, "merge_into", "starter と まめ", inputs=((a, 1.0, 1.0),), bases=("starter",))
    made = work(studio)
    with reading(studio.engine) as session:
        base = base_models.get_base_model(session, studio.settings, owner.id, made["base_model_id"])
    assert (base.name, base.family, base.can_train, base.origin) == ("starter と まめ", "sd15", True, "merged")
    assert base.notes == "starter + まめ:1"

    ask(studio, owner, "extract", "差", bases=(base.id, "starter"), rank=4, precision="fp32")
    extracted = get(studio, owner, work(studio))
    ask(studio, owner, "compare", inputs=((a,), (extracted,)))
    found = work(studio)["layers"]
    assert either == "fake" or [one["cosine"] > 0.999 for one in found] == [True]
    assert not any((studio.settings.home / "work").glob("lora-tool-*"))


def test_what_cannot_work_is_refused_before_it_is_queued(studio: Studio, owner: Account) -> None:
    a, b = (add(studio, owner, name, lora_file(seed)) for seed, name in enumerate("ab"))
    other = add(studio, owner, "xl", lora_bytes(width=2048))
    dora = add(studio, owner, "dora", lora_file(4, dora=True))
    lokr = add(studio, owner, "lokr", lora_file(5, lokr=True))
    refusals: list[tuple[str, dict[str, Any], str]] = [
        ("merge", {"inputs": ((a,),)}, "2 to 10 LoRAs, and 1"),
        ("merge", {"inputs": ((a,), (a,))}, "twice"),
        ("merge", {"inputs": ((a, 0.0, 0.0), (b, 0.0, 0.0))}, "nothing would change"),
        ("merge", {"inputs": ((a, float("nan")), (b,))}, "weight of 'a'"),
        ("merge", {"inputs": ((a,), (other,))}, "'xl' for SDXL"),
        ("merge", {"inputs": ((a,), (b,)), "name": "B"}, "already have a LoRA named"),
        ("resize", {"inputs": ((dora,),), "rank": 2}, "'dora' is a DoRA"),
        ("resize", {"inputs": ((a,),), "rank": 4}, "rank 4 already"),
        ("resize", {"inputs": ((a,),), "rank": 4, "method": "sv_fro", "parameter": 2.0}, "share to keep"),
        ("resize", {"inputs": ((a,),)}, "No rank"),
        ("convert", {"inputs": ((lokr,),), "layout": "diffusers"}, "is a LOKR"),
        ("compare", {"inputs": ((a,), (dora,))}, "depends on the base model"),
        ("extract", {"bases": ("starter", "starter"), "rank": 4}, "the same"),
        ("extract", {"bases": ("starter",), "rank": 4}, "needs 2 base models"),
    ]
    for tool, values, words in refusals:
        with pytest.raises(EnoguError) as refused:
            ask(studio, owner, tool, **values)
        assert words in str(refused.value), tool
        assert refused.value.cure
    with pytest.raises(BaseModelRefused, match="SDXL"):
        ask(studio, owner, "merge_into", inputs=((other,),), bases=("starter",))
    with transaction(studio.engine) as session:
        assert tools.list_jobs(session, owner.id) == ()
        with pytest.raises(NotFound):
            tools.ask(
                session, studio.settings, studio.metering, accounts_other(owner),
                ToolWish("convert", "", (ToolInput(a.id, "", ""),)), utc_now(),
            )  # fmt: skip


def accounts_other(owner: Account) -> Account:
    """As somebody else would ask."""
    from dataclasses import replace

    return replace(owner, id="z" * 26)


def use_command(monkeypatch: pytest.MonkeyPatch, program: str) -> None:
    """Another process in the tool's place."""
    run = tool_process.run_tool
    command = (sys.executable, "-c", program)
    monkeypatch.setattr(lora_tool_handler, "run_tool", lambda *a, **more: run(*a, **{**more, "command": command}))


@pytest.mark.parametrize("kind", ["real", "fake"])
def test_a_process_refuses_what_is_no_lora_in_words_and_knows_when_it_is_to_end(tmp_path: Path, kind: str) -> None:
    """By itself, without a worker."""
    command = {"real": tool_process.REAL, "fake": (*tool_process.FAKE, "--seconds", "60")}[kind]
    none = tmp_path / "none.safetensors"
    none.write_bytes(struct.pack("<Q", 2) + b"{}")
    values: dict[str, Any] = {
        "tool": "convert", "loras": [[str(none), 1.0, 1.0]], "bases": [], "base_paths": [], "layout": "kohya",
        "rank": None, "precision": "same", "out": str(tmp_path / "made.safetensors"),
    }  # fmt: skip
    with pytest.raises(EnoguError, match="is no LoRA"):
        tool_process.run_tool(
            values, has_to_end=lambda: False, on_progress=lambda _: None,
            command=tool_process.REAL if kind == "real" else tool_process.FAKE,
        )  # fmt: skip
    none.write_bytes(lora_file(1))
    began = time.monotonic()
    with pytest.raises(tool_process.ToolEnded):
        tool_process.run_tool(values, has_to_end=lambda: True, on_progress=lambda _: None, command=command)
    assert time.monotonic() - began < 20
    assert not (tmp_path / "made.safetensors").exists()


def test_a_tool_that_fails_says_why_and_leaves_nothing(studio: Studio, owner: Account) -> None:
    a = add(studio, owner, "a", lora_file(1))
    wide = add(studio, owner, "wide", lora_file(2).replace(b"attn2_to_k", b"attn9_to_k"))
    ask(studio, owner, "merge_into", inputs=((wide, 1.0, 1.0),), bases=("starter",))
    job = run_one_job(studio, lanes=("task",))
    assert job is not None
    assert job.state == "failed"
    assert "attn9" in job.reason
    with reading(studio.engine) as session:
        found = base_models.list_base_models(session, studio.settings, owner.id)
        assert [one.origin for one in found.base_models if one.owner_id is not None] == []
        assert service.list_loras(session, owner.id).total == 2
    assert a.id != wide.id
    assert not any((studio.settings.home / "work").glob("lora-tool-*"))


def test_a_cancelled_tool_ends_at_once_with_its_process(
    studio: Studio, owner: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_command(monkeypatch, "import time; time.sleep(60)")
    a = add(studio, owner, "a", lora_file(1))
    asked = ask(studio, owner, "convert", inputs=((a,),), precision="fp16")
    ended: list[Job | None] = []
    thread = threading.Thread(target=lambda: ended.append(run_one_job(studio, lanes=("task",), beat_seconds=0.05)))
    thread.start()
    until = time.monotonic() + 20
    while time.monotonic() < until:
        with transaction(studio.engine) as session:
            if tools.get_job(session, owner.id, asked.id).state == "running":
                tools.cancel(session, owner.id, asked.id, utc_now())
                break
        time.sleep(0.05)
    thread.join(20)
    assert [one.state for one in ended if one] == ["cancelled"]
    with reading(studio.engine) as session:
        assert service.list_loras(session, owner.id).total == 1


def test_a_process_that_the_system_ends_is_a_failure_in_words(
    studio: Studio, owner: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    kill = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    use_command(monkeypatch, kill)
    a = add(studio, owner, "a", lora_file(1))
    ask(studio, owner, "convert", inputs=((a,),), precision="fp16")
    job = run_one_job(studio, lanes=("task",))
    assert job is not None
    assert job.state == "failed"
    assert "ran out of memory" in job.reason


def test_a_worker_that_takes_over_makes_it_once(
    studio: Studio, owner: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first worker is gone between its files and its row."""
    a = add(studio, owner, "a", lora_file(1))
    asked = ask(studio, owner, "convert", inputs=((a,),), precision="fp16")

    class Gone(BaseException):
        pass

    def vanish(*_arguments: Any, **_more: Any) -> None:
        raise Gone

    with monkeypatch.context() as patched:
        patched.setattr(lora_tool_handler.tasks, "keep_made", vanish)
        with pytest.raises(Gone):
            run_one_job(studio, lanes=("task",))
    with transaction(studio.engine) as session:
        held = queue.find_job(session, asked.id)
        assert held is not None
        assert held.state == "running"
        queue.give_back(session, held.id, held.token, utc_now())
        assert service.list_loras(session, owner.id).total == 1
    work(studio)
    with reading(studio.engine) as session:
        assert service.list_loras(session, owner.id).total == 2
