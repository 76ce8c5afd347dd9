"""Small LoRA files for tests, made without torch, and the place in which the library is tested."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping

from enogu.runs.entities import Epoch, Run, Sample
from enogu.runs.store import keep_epoch, keep_sample
from enogu.storage.database import Session, new_id, transaction, utc_now
from enogu.storage.files import PutFile
from enogu.uploads import store as uploads_store
from tests.unit.runs.places import Place

SD15 = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k"


def lora_bytes(metadata: Mapping[str, str] | None = None, *, width: int = 768, dim: int = 4, alpha: float = 2) -> bytes:
    """One layer; text states of 768 are SD1.5's, 2048 SDXL's."""
    tensors: dict[str, tuple[tuple[int, ...], bytes]] = {
        f"{SD15}.alpha": ((), struct.pack("<f", alpha)),
        f"{SD15}.lora_down.weight": ((dim, width), bytes(4 * dim * width)),
        f"{SD15}.lora_up.weight": ((320, dim), bytes(4 * 320 * dim)),
    }
    header: dict[str, object] = {"__metadata__": dict(metadata or {})}
    body = b""
    for name, (shape, data) in tensors.items():
        assert len(data) == 4 * math.prod(shape)
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [len(body), len(body) + len(data)]}
        body += data
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


def put(place: Place, data: bytes) -> PutFile:
    return place.files.put([data], len(data))


def upload(place: Place, data: bytes, name: str = "mame.safetensors", kind: str = "lora") -> str:
    """A finished upload of the place's account; its id."""
    kept = put(place, data)
    with transaction(place.engine) as session:
        made = uploads_store.add_upload(
            session, owner_id=place.account.id, name=name, kind=kind,  # pyright: ignore[reportArgumentType]
            size_bytes=len(data), now=utc_now(), expires_at=utc_now(),
        )  # fmt: skip
        assert uploads_store.set_finished(session, place.account.id, made.id, kept.sha256)
    return made.id


def leave_epoch(place: Place, session: Session, run: Run, epoch: int, *, preview: bytes = b"") -> Epoch:
    """What a run leaves: a LoRA file, and a preview when bytes are given."""
    kept = put(place, lora_bytes({"ss_output_name": "zdm", "enogu_trigger": "zdm", "ss_epoch": str(epoch)}))
    step = epoch * 7
    made = Epoch(run.id, epoch, step, f"zdm-{epoch:06d}.safetensors", kept.sha256, kept.size_bytes, False, utc_now())
    keep_epoch(session, made)
    if preview:
        sample = Sample(new_id(), run.id, epoch, step, 0, "zdm, smile", 1, put(place, preview).sha256, False, utc_now())
        keep_sample(session, sample)
    return made
