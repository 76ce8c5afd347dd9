"""From a folder of pictures to a picture drawn with one's own LoRA, in ten steps, over the REST API with httpx alone.

    enogu studio                                                     # in another terminal
    python examples/ten_steps.py http://127.0.0.1:8765 FOLDER OUT

FOLDER holds pictures (.png with .txt captions beside them, or without), OUT gets what comes of it. A studio with
accounts wants an API token in ENOGU_TOKEN. All routes: http://127.0.0.1:8765/openapi.json
"""

from __future__ import annotations

import json
import os
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

NAME = "beans_by_rest"
RECIPE = {
    "base_model": "starter",
    "output_name": NAME,
    "trigger": "mame",
    "pictures": {"resolution": 128, "bucket_step": 32, "min_bucket": 64, "max_bucket": 256},
    "adapter": {"dim": 16, "alpha": 16.0},
    "optimizer": {"kind": "adamw", "learning_rate": 1.2e-3},
    "training": {"epochs": 2, "batch_size": 2, "mixed_precision": "none", "clip_skip": 1},
    "previews": {"prompts": ["mame, smile"]},
}


def main() -> None:
    """The ten steps."""
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    url, folder, out = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    out.mkdir(parents=True, exist_ok=True)
    token = os.environ.get("ENOGU_TOKEN", "")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    with httpx.Client(base_url=url, headers=headers, timeout=60) as studio:
        # B1 Prepare pictures.
        pictures = sorted(path for path in folder.rglob("*") if path.suffix in (".png", ".txt"))

        # B2 Create a dataset.
        dataset = asked(studio.post("/api/datasets", json={"name": NAME}))["id"]
        asked(studio.patch(f"/api/datasets/{dataset}", json={"trigger": "mame"}))

        # B3 Choose the base model.
        base_models = asked(studio.get("/api/base-models"))["base_models"]
        print("Base models:", ", ".join(one["name"] for one in base_models))

        # B4 Add pictures, crop and tag.
        files = [("files", (path.name, path.read_bytes())) for path in pictures]
        added = asked(studio.post(f"/api/datasets/{dataset}/pictures", files=files))
        print(f"{len(added['added'])} pictures added, {len(added['refused'])} refused.")
        task = asked(studio.post(f"/api/datasets/{dataset}/crop-and-tag", json={"parts": "both"}))
        for _, progress in events(studio, f"/api/datasets/{dataset}/tasks/{task['id']}/events"):
            print(f"Tagged {progress['done']} of {progress['total']}.")

        # B5 Edit captions, and take it back.
        captions = f"/api/datasets/{dataset}/captions"
        tags = asked(studio.get(f"{captions}/union"))["tags"]
        print("Most frequent tags:", ", ".join(one["shown"] for one in tags[:5]))
        edit = {"command": {"kind": "add", "tags": ["mascot"]}}
        print(asked(studio.post(f"{captions}/edits", json=edit))["words"])
        asked(studio.post(f"{captions}/undo"))

        # B6, B7 Repeats, epochs and previews: what it would do and cost.
        asked(studio.put(f"/api/datasets/{dataset}/pictures/repeats", json={"repeats": 10}))
        wish = {"dataset_id": dataset, "recipe": RECIPE}
        plan = asked(studio.post("/api/runs/plan", json=wish))
        print(f"{plan['plan']['num_steps']} steps for {plan['quote']['stamina']} stamina.")

        # B8 Name it and start. With the same Idempotency-Key, asking twice starts it once.
        key = {"Idempotency-Key": str(uuid.uuid4())}
        run = asked(studio.post("/api/runs", json={**wish, "name": NAME}, headers=key))["id"]
        for kind, event in events(studio, f"/api/runs/{run}/events"):
            if kind in ("StateChanged", "Saved", "SampleFailed"):
                print(kind, event.get("state") or f"epoch {event['epoch']}")

        # B9 What it left: one file per epoch with its previews; the last is kept in the library.
        epochs = asked(studio.get(f"/api/runs/{run}/epochs"))
        last = epochs[-1]
        (out / last["filename"]).write_bytes(fetched(studio, last["file_url"]))
        for sample in last["samples"]:
            (out / f"preview_{sample['prompt_index']}.png").write_bytes(fetched(studio, sample["picture_url"]))
        lora = asked(studio.post("/api/loras", json={"run_id": run, "epoch": last["epoch"]}))

        # B10 Draw with it.
        wanted = {"prompt": "mame, smile", "loras": [{"lora": lora["id"], "weight": 0.8}], "seed": 1, "count": 2}
        request = asked(studio.post("/api/drawings", json=wanted))["id"]
        for kind, event in events(studio, f"/api/drawings/requests/{request}/events"):
            if kind == "drawn":
                (out / f"drawn_{event['seed']}.png").write_bytes(fetched(studio, event["picture_url"]))
                print(f"Drew seed {event['seed']}.")


def asked(answer: httpx.Response) -> Any:
    """The JSON of an answer; an error says what is wrong and the cure (RFC 9457)."""
    if answer.is_error:
        problem = answer.json()
        sys.exit(f"{problem['detail']} {problem['cure']}")
    return answer.json()


def fetched(studio: httpx.Client, path: str) -> bytes:
    """A file."""
    answer = studio.get(path)
    answer.raise_for_status()
    return answer.content


def events(studio: httpx.Client, path: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Server-sent events as (kind, data) until the one called "over"; goes on where a line was cut."""
    last, is_over = "", False
    while not is_over:
        headers = {"Last-Event-ID": last} if last else {}
        try:
            with studio.stream("GET", path, headers=headers) as answer:
                kind = ""
                for line in answer.iter_lines():
                    field, _, value = line.partition(": ")
                    if field == "id":
                        last = value
                    elif field == "event":
                        kind, is_over = value, value == "over"
                    elif field == "data" and not is_over:
                        yield kind, json.loads(value)
        except httpx.TransportError:
            continue


if __name__ == "__main__":
    main()
