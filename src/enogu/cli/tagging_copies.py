"""Where captions go: beside copies of the pictures, laid out as the originals are, or beside the originals.

A picture is copied whole or not at all and never over another one. A caption that came with the original is copied
too (as UTF-8), so that the copy is a complete set; a caption that a person changed in the copy counts as existing.
"""

from __future__ import annotations

import filecmp
import shutil
from collections.abc import Sequence
from pathlib import Path

from enogu.errors import EnoguError, WrongUse
from enogu.imaging.decoding import open_picture
from enogu.imaging.folder import PictureFile, parse_kohya_name, read_caption
from enogu.tagging.caption_tags import (
    CaptionRules,
    CaptionWritten,
    ExistingCaptions,
    NewCaption,
    caption_from_tags,
    write_captions,
)
from enogu.tagging.entities import Tagger
from enogu.whole_file import write_whole, write_whole_bytes


class Copies:
    """The folder ``source`` and its copy ``out``; ``out`` None means that captions go beside the originals."""

    def __init__(self, source: Path, out: Path | None) -> None:
        whole = source.resolve()
        self._source = source
        self._inside = Path(whole.name) if parse_kohya_name(whole.name) else Path()
        self._out = out
        self.where = out or source
        if out is not None and (out / self._inside).resolve() == whole:
            raise WrongUse(f"--out {out} is the folder of the originals.", "Choose another, or say --in-place.")

    def check(self, pictures: Sequence[PictureFile]) -> None:
        """Raise WrongUse when a copy would have to go over another picture."""
        for picture in pictures:
            target = self._target(picture)
            if target != picture.path and target.exists() and not filecmp.cmp(picture.path, target, shallow=False):
                raise WrongUse(
                    f"{target} is there already and is another picture.", "Choose another --out, or remove it."
                )

    def tag(
        self, pictures: Sequence[PictureFile], tagger: Tagger, rules: CaptionRules, existing: ExistingCaptions
    ) -> tuple[CaptionWritten, ...]:
        """Tag these pictures, copy them if wanted, and write their captions."""
        tags = tagger.tag([open_picture(picture.path).image for picture in pictures])
        new = [
            NewCaption(self._copied(picture), caption_from_tags(found, rules), self._existing_caption(picture))
            for picture, found in zip(pictures, tags, strict=True)
        ]
        return write_captions(new, existing, trigger=rules.trigger)

    def _target(self, picture: PictureFile) -> Path:
        if self._out is None:
            return picture.path
        return self._out / self._inside / picture.path.relative_to(self._source)

    def _copied(self, picture: PictureFile) -> Path:
        target = self._target(picture)
        if target == picture.path:
            return target
        if not target.exists():
            write_whole(target, lambda aside: _copy(picture.path, aside))
        caption = target.with_suffix(".txt")
        if picture.has_caption and picture.caption and not caption.exists():
            write_whole_bytes(caption, f"{picture.caption}\n".encode())
        return target

    def _existing_caption(self, picture: PictureFile) -> str | None:
        """What the caption file of the target says; called after the copy was made."""
        caption = self._target(picture).with_suffix(".txt")
        if self._out is None:
            return picture.caption if picture.has_caption else None
        try:
            return read_caption(caption)[0] if caption.exists() else None
        except EnoguError:
            return None  # unreadable: write_captions leaves it alone unless told to overwrite


def _copy(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)
