"""What a worker does to bring a base model from the Hugging Face hub (C3), with the hub's own library.

Where the hub is, and who is asking, comes from the environment as every program of that world reads it: HF_ENDPOINT,
HF_TOKEN, HF_HUB_OFFLINE. Files lie in ENOGU_HOME/cache/hub until they are whole, so that a killed worker's successor
goes on where it was; then they move into the store of files and the row changes once, behind the fence.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from enogu.base_models import store
from enogu.base_models.entities import BaseModel, StoredPart
from enogu.base_models.rules import describing, hashes
from enogu.base_models.rules.hub import HubReference, choose_files, parse_reference
from enogu.base_models.rules.packed import MOST_PART_BYTES
from enogu.base_models.service.choosing import name_key, no_base_model
from enogu.base_models.service.registering import with_facts
from enogu.base_models.tasks.working import Broken, Outcome, Progress, Work, base_model_id_of, check_weights, fail
from enogu.errors import BaseModelRefused
from enogu.storage.database import Session, reading

if TYPE_CHECKING:
    from huggingface_hub import HfApi, ModelInfo

DEFAULT_ENDPOINT = "https://huggingface.co"
_BLOCK_BYTES = 4 * 2**20


def download_base_model(work: Work) -> Outcome:
    """Bring what this job's payload names. Raises NotFound when its row was deleted, BaseModelRefused with the reason,
    which ``tasks.refuse_import`` writes to the row; LostJob.
    """
    owner_id, base_model_id = work.job.owner_id, base_model_id_of(work.job)
    with reading(work.engine) as session:
        base = store.find_base_model(session, owner_id, base_model_id)
    if base is None:
        raise no_base_model(base_model_id)
    if base.state != "importing":
        return "done"
    reference = parse_reference(str(work.job.payload.get("hub", "")))
    folder = work.settings.cache_folder / "hub" / hashlib.sha256(str(reference).encode()).hexdigest()[:32]
    try:
        found = _brought(work, base, reference, folder)
    except Broken as broken:
        if broken.outcome == "cancelled":
            shutil.rmtree(folder, ignore_errors=True)
            work.keep(lambda session: fail(session, owner_id, base_model_id, "The download was cancelled."))
        return broken.outcome

    def write(session: Session) -> None:
        held = store.lock_base_model(session, owner_id, base_model_id)
        if held is None:
            raise no_base_model(base_model_id)
        ready = replace(
            found, name=held.name, notes=held.notes or found.notes, licence=held.licence or found.licence,
            picture_sha256=held.picture_sha256,
        )  # fmt: skip
        store.write_base_model(session, ready, name_key(ready.name))

    work.keep(write)
    shutil.rmtree(folder, ignore_errors=True)
    return "done"


def _brought(work: Work, base: BaseModel, reference: HubReference, folder: Path) -> BaseModel:
    with _hub(reference) as api:
        info = api.model_info(reference.repo, revision=reference.revision, files_metadata=True)
        siblings = {one.rfilename: one for one in info.siblings or ()}
        chosen = choose_files(reference, {path: one.size or 0 for path, one in siblings.items()})
        commit = info.sha or reference.revision
        progress = Progress(work, sum(siblings[path].size or 0 for path in chosen))
        for path in sorted(chosen):
            _fetch(api, reference.repo, commit, path, folder / commit / path, progress)
    whole = folder / commit
    is_file = not any("/" in inside for inside in chosen.values())
    put: list[StoredPart] = []
    for path, inside in sorted(chosen.items()):
        place = whole / path
        if not is_file and inside != path:
            place = place.replace(whole / inside)
        kept = work.files.put(_blocks(place, progress), MOST_PART_BYTES)
        lfs = siblings[path].lfs
        if lfs is not None and lfs.sha256 != kept.sha256:
            place.unlink()
            raise BaseModelRefused(f"{path} of {reference.repo} was damaged on the way.", "Try again.")
        if inside.endswith(".safetensors"):
            check_weights(work.files, inside, kept.sha256, kept.size_bytes)
        put.append(StoredPart(inside, kept.sha256, kept.size_bytes))
    facts = describing.describe_path(whole / min(chosen) if is_file else whole)
    found = put[0].sha256 if is_file else hashes.hash_of_parts((part.path, part.sha256) for part in put)
    described = with_facts(base, replace(facts, licence=facts.licence or _licence(info)))
    return replace(described, parts=tuple(put), hash=found, notes=base.notes or f"{_endpoint()}/{reference.repo}")


def _fetch(api: HfApi, repo: str, commit: str, path: str, place: Path, progress: Progress) -> None:
    """One file to ``place``. What arrived of it before is kept, since the library itself begins anew each time."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_url
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers
    from tqdm.std import tqdm

    class Told(tqdm):
        """The library's bar, shown to nobody: what it is told of goes into the job's progress."""

        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **{**options, "disable": True})

        def update(self, n: float | None = 1) -> bool | None:
            progress.add(int(n or 0))
            return None

    if place.exists():
        return progress.add(place.stat().st_size)
    place.parent.mkdir(parents=True, exist_ok=True)
    part = place.with_name(f"{place.name}.part")
    url = hf_hub_url(repo, path, revision=commit, endpoint=api.endpoint)
    metadata = get_hf_file_metadata(url, token=api.token, endpoint=api.endpoint)
    is_elsewhere = urlsplit(metadata.location).netloc != urlsplit(url).netloc
    headers = None if is_elsewhere else build_hf_headers(token=api.token)  # a token is for the hub alone
    with part.open("ab") as file:
        if metadata.size is not None and file.tell() > metadata.size:
            file.truncate(0)
        have = file.seek(0, os.SEEK_END)
        progress.add(have)
        http_get(
            metadata.location, file, resume_size=have, headers=headers, expected_size=metadata.size, tqdm_class=Told
        )
    part.replace(place)
    return None


@contextmanager
def _hub(reference: HubReference) -> Iterator[HfApi]:
    """The hub's client; its errors become ours, with what to do about them."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")  # nothing is asked but what is wanted
    import httpx2
    from huggingface_hub import HfApi
    from huggingface_hub.errors import (
        GatedRepoError,
        HfHubHTTPError,
        LocalEntryNotFoundError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    repo, address = reference.repo, f"{_endpoint()}/{reference.repo}"
    try:
        yield HfApi(endpoint=_endpoint(), token=None)
    except OfflineModeIsEnabled as error:
        raise BaseModelRefused(
            "This studio is set to work without the hub (HF_HUB_OFFLINE).", "Upload the file instead."
        ) from error
    except GatedRepoError as error:
        raise BaseModelRefused(
            f"{repo} is only given to people who accepted its conditions.",
            f"Accept them at {address}, and start the studio with HF_TOKEN set to your token.",
        ) from error
    except RepositoryNotFoundError as error:
        raise BaseModelRefused(
            f"There is no {repo} on the hub, or it is private.", "Check the name; for a private one set HF_TOKEN."
        ) from error
    except RevisionNotFoundError as error:
        raise BaseModelRefused(f"{repo} has no revision {reference.revision}.", "Check the name.") from error
    except HfHubHTTPError as error:
        raise BaseModelRefused(
            f"The hub refused {repo} ({error.response.status_code}).", "Try again later; what is here is kept."
        ) from error
    except (httpx2.HTTPError, ConnectionError, LocalEntryNotFoundError) as error:
        raise BaseModelRefused(
            f"The hub at {_endpoint()} cannot be reached.", "Check the network and try again; what is here is kept."
        ) from error
    except OSError as error:
        raise BaseModelRefused(
            f"{repo} cannot be kept: {error.strerror or error}.", "Make room and try again."
        ) from error


def _endpoint() -> str:
    return os.environ.get("HF_ENDPOINT", "").rstrip("/") or DEFAULT_ENDPOINT


def _licence(info: ModelInfo) -> str:
    card: Any = info.card_data
    name = (card.get("license_name") or card.get("license")) if card is not None else None
    return name[: store.LICENCE_LENGTH] if isinstance(name, str) else ""


def _blocks(path: Path, progress: Progress) -> Iterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(_BLOCK_BYTES):
            progress.check()
            yield block
