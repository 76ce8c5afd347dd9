"""What a drawing draws with, found in the owner's library: LoRAs by id or name, base models, and whether they fit."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence

from enogu.base_models.entities import BaseModel
from enogu.drawings.entities import DrawingRefused, LoraUnknown, LoraUse, LoraWish, WrongFamily
from enogu.errors import NotFound
from enogu.loras import service as loras
from enogu.loras.entities import Lora
from enogu.storage.database import ID_LENGTH, Session
from enogu.weights.families import title, why_not_together

_SIDES = {"sd15": 512, "sd2": 768, "sdxl": 1024, "flux": 1024}
"""Of base models whose files do not say."""


def get_lora(session: Session, owner_id: str, reference: str) -> Lora:
    """By id or by name. Raises LoraUnknown with the names that are near."""
    if len(reference) == ID_LENGTH:
        try:
            return loras.get_lora(session, owner_id, reference)
        except NotFound:
            pass  # a name of 26 letters
    found = loras.find_by_name(session, owner_id, reference)
    if found is not None:
        return found
    names = [one.name for one in list_all(session, owner_id)]
    near = difflib.get_close_matches(reference, names, n=3, cutoff=0.5) or [
        name for name in names if reference.casefold() in name.casefold()
    ]
    if near:
        cure = f"Did you mean {' or '.join(repr(name) for name in near[:3])}?"
    else:
        cure = f"There are: {', '.join(names[:10])}." if names else "Save an epoch of a run to it, or upload a file."
    raise LoraUnknown(f"There is no LoRA '{reference}' in your library.", cure)


def list_all(session: Session, owner_id: str) -> Iterator[Lora]:
    """The whole library, newest first."""
    offset: int | None = 0
    while offset is not None:
        page = loras.list_loras(session, owner_id, offset=offset, limit=200)
        yield from page.loras
        offset = page.next_offset


def use_loras(
    session: Session, owner_id: str, wishes: Sequence[LoraWish], base: BaseModel
) -> tuple[tuple[LoraUse, ...], tuple[Lora, ...]]:
    """The LoRAs as they will be used on ``base``, and as the library has them.

    Raises LoraUnknown, WrongFamily naming both (C5), DrawingRefused for one that is asked for twice.
    """
    found = [get_lora(session, owner_id, wish.reference) for wish in wishes]
    for lora in found:
        check_family(lora, base)
        if sum(one.id == lora.id for one in found) > 1:
            raise DrawingRefused(
                f"The LoRA '{lora.name}' is asked for twice.",
                "Give its weight in the list or in the prompt, not in both.",
            )
    uses = (LoraUse(one.id, one.name, one.sha256, wish.weight) for one, wish in zip(found, wishes, strict=True))
    return tuple(uses), tuple(found)


def check_family(lora: Lora, base: BaseModel) -> None:
    """Raises WrongFamily naming both (C5)."""
    if reason := why_not_together(lora.name, lora.family, base.name, base.family):
        raise WrongFamily(reason, f"Choose a base model of {title(lora.family)}, or another LoRA.")


def own_side(base: BaseModel) -> int:
    """The side in pixels of a square picture that the base model draws best."""
    return base.native_side or _SIDES.get(base.family, 512)


def has_clip_skip(base: BaseModel) -> bool:
    """Whether its text encoder may stop before its last layer."""
    return base.family in ("sd15", "sd2")


def clip_skip_of(used: Sequence[Lora], base: BaseModel) -> int:
    """What the first LoRA that tells was trained with, since it is drawn best with the same; else 1 (F24)."""
    if not has_clip_skip(base):
        return 1
    for lora in used:
        said = lora.facts.get("clip_skip")
        if isinstance(said, int) and 1 <= said <= 12:
            return said
    return 1
