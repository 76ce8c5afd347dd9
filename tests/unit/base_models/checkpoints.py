"""Small single-file base models and zips of diffusers folders, made without torch; the place they are registered in."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path

from enogu.accounts.entities import Account, Caller
from enogu.base_models import service
from enogu.base_models.entities import BaseModel
from enogu.storage.database import transaction, utc_now
from enogu.uploads import store as uploads_store
from tests.unit.base_models.diffusers_folders import write_base_model
from tests.unit.datasets.studio import METERING, NOW, Place

UNET = "model.diffusion_model."


def checkpoint(
    metadata: Mapping[str, str] | None = None, *, width: int = 768, xl: bool = False, padding: int = 0
) -> bytes:
    """The few tensors by which a family is known; elements are of four bits, so that it stays small. ``padding`` bytes
    more make it as large as a test of sending needs.
    """
    shapes: dict[str, tuple[int, ...]] = {
        f"{UNET}input_blocks.0.0.weight": (2, 4, 1, 1),
        f"{UNET}input_blocks.4.1.transformer_blocks.0.attn2.to_k.weight": (2, 2048 if xl else width),
        "first_stage_model.decoder.conv_in.weight": (2, 4),
    }
    if xl:
        shapes |= {f"{UNET}label_emb.0.0.weight": (2, 4), "conditioner.embedders.0.x": (2,)}
        shapes |= {"conditioner.embedders.1.x": (2,)}
    else:
        shapes["cond_stage_model.transformer.x"] = (2,)
    if padding:
        shapes["padding"] = (padding,)
    return safetensors_of(shapes, metadata)


def safetensors_of(shapes: Mapping[str, tuple[int, ...]], metadata: Mapping[str, str] | None = None) -> bytes:
    """A file of zeros."""
    header: dict[str, object] = {"__metadata__": dict(metadata or {})}
    end = 0
    for name, shape in shapes.items():
        size = 1
        for side in shape:
            size *= side
        header[name] = {"dtype": "U8", "shape": list(shape), "data_offsets": [end, end + size]}
        end += size
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + bytes(end)


def folder_files(tmp_path: Path, *, weights: bytes | None = None) -> dict[str, bytes]:
    """Path to bytes of a diffusers folder of SD1.5."""
    folder = write_base_model(tmp_path / "made")
    data = safetensors_of({"x": (2,)}) if weights is None else weights
    files = {one.relative_to(folder).as_posix(): one.read_bytes() for one in folder.rglob("*") if one.is_file()}
    return {path: data if path.endswith(".safetensors") else content for path, content in files.items()}


def zip_of(files: Mapping[str, bytes], top: str = "") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, data in files.items():
            archive.writestr(top + path, data)
    return buffer.getvalue()


def upload(place: Place, data: bytes, name: str, kind: str = "base_model") -> str:
    """A finished upload of the place's account; its id."""
    kept = place.files.put([data], len(data) + 1)
    with transaction(place.engine) as session:
        made = uploads_store.add_upload(
            session, owner_id=place.owner_id, name=name, kind=kind,  # pyright: ignore[reportArgumentType]
            size_bytes=len(data), now=NOW, expires_at=utc_now(),
        )  # fmt: skip
        assert uploads_store.set_finished(session, place.owner_id, made.id, kept.sha256)
    return made.id


def bring(place: Place, data: bytes, name: str = "anime.safetensors", title: str = "") -> BaseModel:
    """Registered from an upload."""
    upload_id = upload(place, data, name)
    with transaction(place.engine) as session:
        return service.register_upload(session, place.files, METERING, place.account, upload_id, NOW, name=title)


def caller_of(account: Account, *, is_admin: bool) -> Caller:
    """Somebody at this machine."""
    whole = Account(account.id, account.name, is_admin, account.plan_name, account.has_password, account.created_at)
    return Caller(whole, "loopback")
