"""Captions made of tags: which tags, spelled how, in what order, and how they meet a caption that exists already.

The rules follow sd-scripts' tagger (finetune/tag_images_by_wd14_tagger.py) where it has them, and SmilingWolf's demo
for thresholds (a tag must be above, not at, the threshold) and for the faces whose underscore is an eye or a mouth.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from enogu.tagging.entities import Tag
from enogu.whole_file import write_whole_bytes

ExistingCaptions = Literal["keep", "append", "overwrite"]
"""What happens to a caption that exists: it stays as it is, gets the new tags behind it, or is replaced."""

KAOMOJI = frozenset(
    {
        "0_0", "(o)_(o)", "+_+", "+_-", "._.", "<o>_<o>", "<|>_<|>", "=_=", ">_<", "3_3",
        "6_9", ">_o", "@_@", "^_^", "o_o", "u_u", "x_x", "|_|", "||_||",
    }
)  # fmt: skip
"""Tags that are faces: their underscore stays (SmilingWolf's list)."""


@dataclass(frozen=True)
class CaptionRules:
    """How tags become a caption."""

    general_threshold: float = 0.35
    """General (and artist, copyright, meta) tags must be above this."""
    character_threshold: float = 0.85
    """Character tags must be above this."""
    trigger: str = ""
    """Word put first (product D8)."""
    with_underscores: bool = False
    """Keep ``green_hair`` instead of ``green hair``."""
    escape_parentheses: bool = False
    r"""Write ``\(`` and ``\)``, for prompts where bare ones mean weights."""
    with_rating: bool = False
    """Put the most probable rating last."""
    undesired_tags: frozenset[str] = frozenset()
    """Tags never written, in either spelling."""


@dataclass(frozen=True)
class NewCaption:
    """A caption to be written beside ``picture``."""

    picture: Path
    text: str
    existing_text: str | None = None
    """What its caption file says now, as ``read_folder`` read it; None when there is none."""


@dataclass(frozen=True)
class CaptionWritten:
    """What ``write_captions`` did for one picture."""

    path: Path
    text: str
    outcome: Literal["written", "kept", "appended", "overwritten"]


def caption_from_tags(tags: Iterable[Tag], rules: CaptionRules = CaptionRules()) -> str:
    """``trigger, tags by falling probability[, rating]``, without duplicates."""
    chosen = sorted(choose_tags(tags, rules), key=lambda tag: tag.category == "rating")
    return join_tags([rules.trigger, *(spell_tag(tag.name, rules) for tag in chosen)])


def choose_tags(tags: Iterable[Tag], rules: CaptionRules) -> list[Tag]:
    """Tags above their category's threshold and the one most probable rating if wanted, by falling probability."""
    by_probability = sorted(tags, key=lambda tag: -tag.probability)
    undesired = {_sameness(name) for name in rules.undesired_tags}
    wanted = [tag for tag in by_probability if _sameness(tag.name) not in undesired]
    ratings = [tag for tag in wanted if tag.category == "rating"][: 1 if rules.with_rating else 0]
    thresholds = {"character": rules.character_threshold, "rating": 1.0}
    return [
        tag
        for tag in wanted
        if tag in ratings or tag.probability > thresholds.get(tag.category, rules.general_threshold)
    ]


def spell_tag(name: str, rules: CaptionRules) -> str:
    r"""``green_hair`` → ``green hair``, faces unchanged; ``mame_(bean)`` → ``mame \(bean\)`` when escaping."""
    spelled = name if rules.with_underscores or name in KAOMOJI else name.replace("_", " ")
    return spelled.replace("(", r"\(").replace(")", r"\)") if rules.escape_parentheses else spelled


def merge_captions(existing: str, new: str, *, trigger: str = "") -> str:
    """The existing caption's tags, then those of ``new`` it does not have; ``trigger`` first, wherever it stood."""
    return join_tags([trigger, *split_tags(existing), *split_tags(new)])


def split_tags(caption: str) -> list[str]:
    """Tags of a comma-separated caption, in order, without blanks; line breaks count as commas."""
    return [tag.strip() for tag in caption.replace("\n", ",").split(",") if tag.strip()]


def join_tags(tags: Iterable[str]) -> str:
    """Comma-separated, empty ones left out, only the first of those that differ in spelling alone."""
    first: dict[str, str] = {}
    for tag in tags:
        if stripped := tag.strip():
            first.setdefault(_sameness(stripped), stripped)
    return ", ".join(first.values())


def write_captions(
    captions: Sequence[NewCaption], existing: ExistingCaptions = "keep", *, trigger: str = ""
) -> tuple[CaptionWritten, ...]:
    """Write each caption as UTF-8 ``.txt`` beside its picture, whole or not at all.

    A blank caption file counts as none. Under ``keep`` and ``append`` a caption file that is there but whose text was
    not given (``existing_text``) is never touched. Raises StorageFailed with the cure.
    """
    return tuple(_write_caption(caption, existing, trigger) for caption in captions)


def _write_caption(caption: NewCaption, existing: ExistingCaptions, trigger: str) -> CaptionWritten:
    path = caption.picture.with_suffix(".txt")
    old = (caption.existing_text or "").strip()
    unread = caption.existing_text is None and path.is_file() and bool(path.read_bytes().strip())
    if existing != "overwrite" and (unread or (old and existing == "keep")):
        return CaptionWritten(path, old, "kept")
    merging = bool(old) and existing == "append"
    text = (
        merge_captions(old, caption.text, trigger=trigger)
        if merging
        else join_tags([trigger, *split_tags(caption.text)])
    )
    write_whole_bytes(path, f"{text}\n".encode())
    outcome = "appended" if merging else "overwritten" if old or unread else "written"
    return CaptionWritten(path, text, outcome)


def _sameness(tag: str) -> str:
    """What two spellings of one tag share: case, underscores, escapes and repeated spaces do not count."""
    return " ".join(tag.replace("\\(", "(").replace("\\)", ")").replace("_", " ").casefold().split())
